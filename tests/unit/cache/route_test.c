/* What Gateways say of an HTTPRoute, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "cache/record.h"

/* Texts are JSON with ' for ". */
#define SAYS(ref, accepted, resolved)                                                                     \
    "{'parentRef':{" ref "},'conditions':[{'type':'Accepted','status':'" accepted "','reason':'NotAllowedByListeners'}," \
    "{'type':'ResolvedRefs','status':'" resolved "','reason':'BackendNotFound'}]}"
#define ONE "'name':'web'"
#define TWO "{'name':'web'},{'name':'edge','namespace':'gateways','sectionName':'https','port':443}"
#define EDGE "'group':'gateway.networking.k8s.io','kind':'Gateway','namespace':'gateways','name':'edge','sectionName':'https','port':443"

static const struct row {
    const char *name, *refs, *parents;
    int n_parents, n_accepted, refuser;
    const char *why;
} rows[] = {
    { "nobody has answered", "{" ONE "}", "", 1, 0, 0, "" },
    { "accepted", "{" ONE "}", SAYS(ONE, "True", "True"), 1, 1, 0, "" },
    { "the namespace is the route's when none is given", "{" ONE "}", SAYS(ONE ",'namespace':'ns'", "True", "True"), 1, 1, 0, "" },
    { "another Gateway's word is not about this one", "{" ONE "}", SAYS("'name':'other'", "False", "True"), 1, 0, 0, "" },
    { "a Gateway of that name elsewhere is another one", "{" ONE "}", SAYS(ONE ",'namespace':'x'", "False", "True"), 1, 0, 0, "" },
    { "not accepted", "{" ONE "}", SAYS(ONE, "False", "True"), 1, 0, 1, "NotAllowedByListeners" },
    { "accepted, but a backend is missing", "{" ONE "}", SAYS(ONE, "True", "False"), 1, 0, 1, "BackendNotFound" },
    { "not known yet", "{" ONE "}", SAYS(ONE, "Unknown", "Unknown"), 1, 0, 0, "" },
    { "one of two refuses", TWO, SAYS(ONE, "True", "True") "," SAYS(EDGE, "False", "True"), 2, 1, 2, "NotAllowedByListeners" },
    { "another listener of it", TWO, SAYS("'namespace':'gateways','name':'edge','sectionName':'http','port':80", "False", "True"), 2, 0, 0,
      "" },
    { "both refuse: the first is told", TWO, SAYS(EDGE, "False", "True") "," SAYS(ONE, "True", "False"), 2, 0, 1, "BackendNotFound" },
    { "a status that is none", "{" ONE "}", "1,{'conditions':{}},{'parentRef':[]}", 1, 0, 0, "" },
};

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_FREE char *text = xasprintf("{'metadata':{'name':'fraud','namespace':'ns','uid':'u'},'spec':{'parentRefs':[%s]},"
                                     "'status':{'parents':[%s]}}", r->refs, r->parents);
    struct record rec;
    bool drawn;

    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    cJSON *obj = cJSON_Parse(text);
    drawn = record_from(CHILD_ROUTE, obj, &rec);
    cJSON_Delete(obj);
    assert_true(drawn);
    assert_int_equal(rec.route_parents, r->n_parents);
    assert_int_equal(rec.route_accepted, r->n_accepted);
    assert_int_equal(rec.route_refuser, r->refuser);
    assert_string_equal(rec.mark, r->why);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
