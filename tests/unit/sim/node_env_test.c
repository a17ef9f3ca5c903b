#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "sim/node/env.h"

static const char pod_text[] =
    "{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"uid\":\"u1\",\"labels\":{\"app\":\"x\",\"a.b/c\":\"y\"}},"
    "\"spec\":{\"nodeName\":\"n1\"}}";
static const char secret_text[] = "{\"data\":{\"pw\":\"czNjcmV0\",\"bad\":\"???\"}}";
static const char map_text[] = "{\"data\":{\"k\":\"v\"}}";

struct world {
    cJSON *pod, *secret, *map;
};

static const cJSON *lookup(void *arg, const char *kind, const char *ns, const char *name)
{
    struct world *w = arg;

    if (!str_eq(ns, "ns") || !str_eq(name, "there"))
        return NULL;
    return str_eq(kind, "secrets") ? w->secret : w->map;
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->pod = cJSON_Parse(pod_text);
    w->secret = cJSON_Parse(secret_text);
    w->map = cJSON_Parse(map_text);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    cJSON_Delete(w->pod);
    cJSON_Delete(w->secret);
    cJSON_Delete(w->map);
    free(w);
    return 0;
}

static const struct row {
    const char *name;
    const char *container;
    const char *want; /* NAME=value, joined by spaces; starts with '!': part of the error */
} rows[] = {
    { "a value uses what stands before it", "{'env':[{'name':'A','value':'1'},{'name':'B','value':'$(A)$(C)'},{'name':'C','value':'3'}]}",
      "A=1 B=1$(C) C=3" },
    { "two dollars are one", "{'env':[{'name':'A','value':'$$(A) $'}]}", "A=$(A) $" },
    { "an open bracket stays", "{'env':[{'name':'A','value':'$(A'}]}", "A=$(A" },
    { "no value is empty", "{'env':[{'name':'A'}]}", "A=" },
    { "a later one of the name wins", "{'env':[{'name':'A','value':'1'},{'name':'A','value':'2'}]}", "A=2" },
    { "the pod's address", "{'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'status.podIP'}}}]}", "A=10.0.0.9" },
    { "a field of the pod", "{'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'spec.nodeName'}}}]}", "A=n1" },
    { "a label with dots", "{'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels[\\'a.b/c\\']'}}}]}", "A=y" },
    { "a limit in its unit, rounded up",
      "{'resources':{'limits':{'memory':'65Mi'}},'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':'limits.memory','divisor':'1Gi'}}}]}",
      "A=1" },
    { "a Secret is decoded", "{'env':[{'name':'A','valueFrom':{'secretKeyRef':{'name':'there','key':'pw'}}}]}", "A=s3cret" },
    { "a ConfigMap is not", "{'env':[{'name':'A','valueFrom':{'configMapKeyRef':{'name':'there','key':'k'}}}]}", "A=v" },
    { "all of a ConfigMap, with a prefix", "{'envFrom':[{'prefix':'X_','configMapRef':{'name':'there'}}]}", "X_k=v" },
    { "a missing Secret is named", "{'env':[{'name':'A','valueFrom':{'secretKeyRef':{'name':'gone','key':'pw'}}}]}", "!secret \"gone\" not found" },
    { "a missing key is named", "{'env':[{'name':'A','valueFrom':{'secretKeyRef':{'name':'there','key':'no'}}}]}", "!couldn't find key no" },
    { "what is optional may be missing", "{'env':[{'name':'A','valueFrom':{'secretKeyRef':{'name':'gone','key':'x','optional':true}}}]}", "" },
    { "what is not base64 is no value", "{'env':[{'name':'A','valueFrom':{'secretKeyRef':{'name':'there','key':'bad'}}}]}", "!couldn't find key bad" },
};

/* Rows are easier to read with single quotes; an escaped one stays. */
static cJSON *parse(const char *text)
{
    AUTO_FREE char *json = xstrdup(text);
    char *to = json;

    for (const char *c = text; *c; c++) {
        if (c[0] == '\\' && c[1] == '\'')
            *to++ = *++c;
        else
            *to++ = *c == '\'' ? '"' : *c;
    }
    *to = 0;
    return cJSON_Parse(json);
}

static char *joined(const struct map *vars)
{
    struct buf out;

    buf_init(&out, 4096);
    for (struct map_iter i = map_first(vars); i.key; map_next(&i))
        buf_fmt(&out, "%s%s=%s", out.len ? " " : "", i.key, (char *)i.value);
    return buf_take(&out);
}

static void check(void **state)
{
    const struct row *r = *state;
    struct map *vars = NULL;
    struct err e = { 0 };
    void *world;
    char *text = NULL;

    setup(&world);
    struct env_source s = { ((struct world *)world)->pod, "10.0.0.9", "10.0.0.2", lookup, world };
    cJSON *c = parse(r->container);
    int rc = env_build(&s, c, &vars, &e);
    if (rc == 0)
        text = joined(vars);
    map_free(vars, free);
    cJSON_Delete(c);
    teardown(&world);
    AUTO_FREE char *got = text;
    if (r->want[0] == '!')
        assert_non_null(strstr(e.msg, r->want + 1));
    else
        assert_string_equal(got ? got : e.msg, r->want);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("node: environment", tests, NULL, NULL);
}
