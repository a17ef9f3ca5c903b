/* Custom types: pruning, defaults, bounds; built-in types: decoding. */
#include "sim/apiserver/shape.h"

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
    const char *schema; /* properties of spec; or the name of a built-in type */
    const char *spec;
    const char *want;   /* NULL: refused */
    const char *cause;  /* what the first cause, or the message, contains */
};

static const struct row rows[] = {
    { "an unknown field is pruned", "{'a':{'type':'string'}}", "{'a':'x','b':1}", "{'a':'x'}", NULL },
    { "an unknown field is kept where asked", "{'a':{'type':'object','x-kubernetes-preserve-unknown-fields':true}}",
      "{'a':{'b':{'c':1}}}", "{'a':{'b':{'c':1}}}", NULL },
    { "a default fills in", "{'a':{'type':'integer','default':2}}", "{}", "{'a':2}", NULL },
    { "defaults nest", "{'a':{'type':'object','default':{},'properties':{'b':{'type':'boolean','default':true}}}}", "{}",
      "{'a':{'b':true}}", NULL },
    { "defaults reach list items", "{'a':{'type':'array','items':{'type':'object','properties':{'b':{'type':'string',"
      "'default':'x'}}}}}", "{'a':[{}]}", "{'a':[{'b':'x'}]}", NULL },
    { "null counts as absent", "{'a':{'type':'integer','default':2}}", "{'a':null}", "{'a':2}", NULL },
    { "null stays where it may", "{'a':{'type':'integer','nullable':true}}", "{'a':null}", "{'a':null}", NULL },
    { "wrong type", "{'a':{'type':'integer'}}", "{'a':'x'}", NULL, "must be of type integer: \"string\"" },
    { "a fraction is no integer", "{'a':{'type':'integer'}}", "{'a':1.5}", NULL, "must be of type integer" },
    { "int or string takes both", "{'a':{'x-kubernetes-int-or-string':true},'b':{'x-kubernetes-int-or-string':true}}",
      "{'a':1,'b':'2%'}", "{'a':1,'b':'2%'}", NULL },
    { "below the minimum", "{'a':{'type':'integer','minimum':1}}", "{'a':0}", NULL, "greater than or equal to 1" },
    { "an exclusive maximum", "{'a':{'type':'integer','maximum':3,'exclusiveMaximum':true}}", "{'a':3}", NULL,
      "less than 3" },
    { "not in the enum", "{'a':{'type':'string','enum':['x','y']}}", "{'a':'z'}", NULL, "supported values: \"x\", \"y\"" },
    { "pattern", "{'a':{'type':'string','pattern':'^[a-z]+\\\\d$'}}", "{'a':'ab'}", NULL, "should match" },
    { "pattern holds", "{'a':{'type':'string','pattern':'^(?:[a-z]|\\\\.)+\\\\d$'}}", "{'a':'a.b7'}", "{'a':'a.b7'}", NULL },
    { "length counts characters", "{'a':{'type':'string','maxLength':2}}", "{'a':'\xc3\xa9\xc3\xa9'}",
      "{'a':'\xc3\xa9\xc3\xa9'}", NULL },
    { "too long", "{'a':{'type':'string','maxLength':2}}", "{'a':'abc'}", NULL, "Too long" },
    { "too many", "{'a':{'type':'array','maxItems':1,'items':{'type':'string'}}}", "{'a':['x','y']}", NULL, "Too many" },
    { "a key twice", "{'a':{'type':'array','x-kubernetes-list-type':'map','x-kubernetes-list-map-keys':['k'],'items':"
      "{'type':'object','properties':{'k':{'type':'string'}}}}}", "{'a':[{'k':'x'},{'k':'x'}]}", NULL, "Duplicate value" },
    { "a value twice in a set", "{'a':{'type':'array','x-kubernetes-list-type':'set','items':{'type':'string'}}}",
      "{'a':['x','x']}", NULL, "Duplicate value" },
    { "required inside", "{'a':{'type':'object','required':['b'],'properties':{'b':{'type':'string'}}}}", "{'a':{}}", NULL,
      "Required value" },
    { "built-in: quantities become canonical", "io.k8s.api.core.v1.ResourceRequirements",
      "{'limits':{'cpu':'1000m','memory':'1024Mi'}}", "{'limits':{'cpu':'1','memory':'1Gi'}}", NULL },
    { "built-in: a bad quantity", "io.k8s.api.core.v1.ResourceRequirements", "{'limits':{'cpu':'x'}}", NULL, "quantities" },
    { "built-in: empty lists and nulls go", "io.k8s.api.core.v1.Container", "{'name':'c','args':[],'env':null}",
      "{'name':'c'}", NULL },
    { "built-in: wrong type", "io.k8s.api.core.v1.Container", "{'name':5}", NULL, "cannot unmarshal" },
    { "built-in: bytes are base64", "io.k8s.api.core.v1.Secret", "{'data':{'a':'%%'}}", NULL, "base64" },
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

static struct schema *custom_schema(const char *properties, cJSON **rules)
{
    struct schema *meta = map_get(types, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");

    *rules = json_new_obj();
    json_str(*rules, "type", "object");
    json_str(json_obj(json_obj(*rules, "properties"), "spec"), "type", "object");
    json_put(json_at(*rules, "properties.spec"), "properties", parse(properties));
    return schema_custom(*rules, meta);
}

static void check_result(const struct row *r, int rc, const cJSON *got, const struct refusal *why)
{
    AUTO_JSON cJSON *want = r->want ? parse(r->want) : NULL;
    AUTO_FREE char *text = json_print(got);
    const char *said = why->causes ? json_get_str(why->causes->child, "message") : why->message;
    bool refused = rc < 0 || why->causes;

    if (refused != !r->want)
        fail_msg("%s: %s", refused ? "refused" : "accepted", said ? said : text);
    if (r->want && !json_equal(got, want))
        fail_msg("got %s", text);
    if (!r->want && !(said && strstr(said, r->cause)))
        fail_msg("said %s", said ? said : "nothing");
}

static void check(void **state)
{
    const struct row *r = *state;
    bool custom = *r->schema == '{';
    AUTO_JSON cJSON *rules = NULL, *obj = custom ? json_new_obj() : parse(r->spec);
    struct schema *own = custom ? custom_schema(r->schema, &rules) : NULL;
    const struct schema *s = custom ? own : map_get(types, r->schema);
    struct refusal why AUTO_REFUSAL = { 0 };
    int rc;

    assert_non_null(s);
    if (custom)
        json_put(obj, "spec", parse(r->spec));
    rc = shape_decode(obj, s, NULL, &why);
    if (rc == 0 && custom)
        shape_default(obj, s);
    if (rc == 0 && custom)
        shape_check(obj, s, &why);
    check_result(r, rc, custom ? json_member(obj, "spec") : obj, &why);
    schema_free(own);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("sim shape", tests, setup, teardown);
}
