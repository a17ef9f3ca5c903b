/* JSON patch, merge patch, strategic merge patch. */
#include "sim/apiserver/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/str.h"

struct row {
    const char *name;
    enum patch_kind kind;
    const char *live, *patch; /* with ' for " */
    const char *want;         /* NULL: refused */
};

static const struct row rows[] = {
    { "add makes a member", PATCH_JSON, "{'a':1}", "[{'op':'add','path':'/b','value':2}]", "{'a':1,'b':2}" },
    { "add puts into the middle of a list", PATCH_JSON, "{'a':[1,3]}", "[{'op':'add','path':'/a/1','value':2}]",
      "{'a':[1,2,3]}" },
    { "add appends with -", PATCH_JSON, "{'a':[1]}", "[{'op':'add','path':'/a/-','value':2}]", "{'a':[1,2]}" },
    { "a path may hold slashes and tildes", PATCH_JSON, "{'a/b':{'c~d':1}}",
      "[{'op':'replace','path':'/a~1b/c~0d','value':2}]", "{'a/b':{'c~d':2}}" },
    { "remove", PATCH_JSON, "{'a':1,'b':2}", "[{'op':'remove','path':'/b'}]", "{'a':1}" },
    { "remove of what is not there", PATCH_JSON, "{'a':1}", "[{'op':'remove','path':'/b'}]", NULL },
    { "replace of what is not there", PATCH_JSON, "{'a':1}", "[{'op':'replace','path':'/b','value':1}]", NULL },
    { "a test that holds", PATCH_JSON, "{'a':1}", "[{'op':'test','path':'/a','value':1}]", "{'a':1}" },
    { "a test that fails", PATCH_JSON, "{'a':1}", "[{'op':'test','path':'/a','value':2}]", NULL },
    { "move and copy", PATCH_JSON, "{'a':1}",
      "[{'op':'copy','from':'/a','path':'/b'},{'op':'move','from':'/a','path':'/c'}]", "{'b':1,'c':1}" },
    { "an unknown operation", PATCH_JSON, "{}", "[{'op':'swap','path':'/a'}]", NULL },
    { "a patch that is no list", PATCH_JSON, "{}", "{}", NULL },
    { "merge: null removes", PATCH_MERGE, "{'a':{'b':1,'c':2}}", "{'a':{'b':null}}", "{'a':{'c':2}}" },
    { "merge: lists are replaced", PATCH_MERGE, "{'a':[1,2]}", "{'a':[3]}", "{'a':[3]}" },
    { "merge: an object replaces a scalar", PATCH_MERGE, "{'a':1}", "{'a':{'b':{'c':null}}}", "{'a':{'b':{}}}" },
    { "strategic: containers by name, new ones first", PATCH_STRATEGIC,
      "{'containers':[{'name':'a','image':'1'}]}", "{'containers':[{'name':'b','image':'2'}]}",
      "{'containers':[{'name':'b','image':'2'},{'name':'a','image':'1'}]}" },
    { "strategic: one container changes", PATCH_STRATEGIC,
      "{'containers':[{'name':'a','image':'1'},{'name':'b','image':'1'}]}", "{'containers':[{'name':'b','image':'2'}]}",
      "{'containers':[{'name':'a','image':'1'},{'name':'b','image':'2'}]}" },
    { "strategic: an item deleted", PATCH_STRATEGIC, "{'containers':[{'name':'a'},{'name':'b'}]}",
      "{'containers':[{'$patch':'delete','name':'a'}]}", "{'containers':[{'name':'b'}]}" },
    { "strategic: order as asked", PATCH_STRATEGIC, "{'containers':[{'name':'a'},{'name':'b'}]}",
      "{'$setElementOrder/containers':[{'name':'b'},{'name':'a'}]}", "{'containers':[{'name':'b'},{'name':'a'}]}" },
    { "strategic: a list without a key is replaced", PATCH_STRATEGIC, "{'tolerations':[{'key':'a'}]}",
      "{'tolerations':[{'key':'b'}]}", "{'tolerations':[{'key':'b'}]}" },
    { "strategic: only the named members stay", PATCH_STRATEGIC, "{'securityContext':{'runAsUser':1,'runAsGroup':2}}",
      "{'securityContext':{'$retainKeys':['runAsUser'],'runAsUser':3}}", "{'securityContext':{'runAsUser':3}}" },
    { "strategic: replaced whole", PATCH_STRATEGIC, "{'securityContext':{'runAsUser':1}}",
      "{'securityContext':{'$patch':'replace','runAsGroup':3}}", "{'securityContext':{'runAsGroup':3}}" },
    { "strategic: an item without its key", PATCH_STRATEGIC, "{'containers':[]}", "{'containers':[{'image':'x'}]}", NULL },
};

static cJSON *parse(const char *quoted)
{
    AUTO_FREE char *text = xstrdup(quoted);
    cJSON *v = NULL;

    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    assert_int_equal(json_parse(text, strlen(text), &v, &(struct err){ 0 }), 0);
    return v;
}

static struct map *types;

static int setup(void **state)
{
    (void)state;
    types = schema_builtin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    schema_builtin_free(types);
    return 0;
}

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_JSON cJSON *live = parse(r->live), *patch = parse(r->patch), *want = r->want ? parse(r->want) : NULL;
    struct refusal why AUTO_REFUSAL = { 0 };
    cJSON *out = NULL;
    int rc = patch_apply(r->kind, live, patch, map_get(types, "io.k8s.api.core.v1.PodSpec"), &out, &why);
    AUTO_FREE char *text = out ? json_print(out) : NULL;
    bool same = want ? json_equal(out, want) : out == NULL;

    cJSON_Delete(out);
    assert_int_equal(rc, r->want ? 0 : -1);
    if (!same)
        fail_msg("got %s", text);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("sim patch", tests, setup, teardown);
}
