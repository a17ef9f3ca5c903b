/* Label and field selectors. */
#include "sim/apiserver/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

enum answer { NO, YES, REFUSED };

static const struct row {
    const char *name;
    const char *labels, *fields;
    enum answer want; /* for a pod with labels a=1, b=2 on node n1, Running */
} rows[] = {
    { "nothing asked", "", "", YES },
    { "equal", "a=1", "", YES },
    { "equal twice", "a==1,b=2", "", YES },
    { "not equal", "a!=1", "", NO },
    { "not equal to what is absent", "z!=1", "", YES },
    { "in", "a in (0, 1)", "", YES },
    { "in, but not", "a in (0)", "", NO },
    { "not in", "a notin (0),b notin (3)", "", YES },
    { "not in, of what is absent", "z notin (0)", "", YES },
    { "exists", "a,b", "", YES },
    { "does not exist", "!z", "", YES },
    { "does exist", "!a", "", NO },
    { "an empty value", "a=", "", NO },
    { "two words", "a b", "", REFUSED },
    { "an open set", "a in (1", "", REFUSED },
    { "name", NULL, "metadata.name=p", YES },
    { "node and phase", NULL, "spec.nodeName=n1,status.phase=Running", YES },
    { "not on that node", NULL, "spec.nodeName!=n1", NO },
    { "labels and fields", "a=1", "metadata.name=q", NO },
    { "a field that cannot be asked for", NULL, "spec.containers=x", REFUSED },
    { "a field without a value", NULL, "metadata.name", REFUSED },
};

static void check(void **state)
{
    static const char text[] = "{\"metadata\":{\"name\":\"p\",\"labels\":{\"a\":\"1\",\"b\":\"2\"}},"
                               "\"spec\":{\"nodeName\":\"n1\"},\"status\":{\"phase\":\"Running\"}}";
    const struct row *r = *state;
    struct resource pods = { .fields = (char *)"spec.nodeName,status.phase" };
    struct refusal why AUTO_REFUSAL = { 0 };
    struct selector *s = NULL;
    enum answer got;
    AUTO_JSON cJSON *pod = NULL;

    assert_int_equal(json_parse(text, strlen(text), &pod, &(struct err){ 0 }), 0);
    if (selector_parse(r->labels, r->fields, &pods, &s, &why) < 0)
        got = REFUSED;
    else
        got = selector_fits(s, pod) ? YES : NO;
    selector_free(s);
    assert_int_equal(got, r->want);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("sim select", tests, NULL, NULL);
}
