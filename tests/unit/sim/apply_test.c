/* Server-side apply and the ownership of fields, as a real API server does them. */
#include "sim/apiserver/managed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/owned.h"

enum { STEPS = 4 };

struct step {
    const char *manager; /* "!m": without force; "=m": an update, not an apply */
    const char *object;  /* with ' for " */
};

struct row {
    const char *name;
    const char *plural;
    struct step steps[STEPS];
    const char *want;    /* the part of the object that every row looks at; "409": the last step conflicts */
    const char *owner;   /* whose fields ... */
    const char *owns;    /* ... are these; NULL: none */
};

#define CONTAINERS(items) "{'spec':{'template':{'spec':{'containers':[" items "]}}}}"

static const struct row rows[] = {
    { "a new object belongs to whoever applied it", "configmaps", { { "m1", "{'data':{'a':'1'}}" } },
      "{'data':{'a':'1'}}", "m1", "{'f:data':{'f:a':{}}}" },
    { "another's different value is a conflict", "configmaps",
      { { "m1", "{'data':{'a':'1'}}" }, { "!m2", "{'data':{'a':'2'}}" } }, "409", NULL, NULL },
    { "the same value is shared", "configmaps", { { "m1", "{'data':{'a':'1'}}" }, { "!m2", "{'data':{'a':'1'}}" } },
      "{'data':{'a':'1'}}", "m1", "{'f:data':{'f:a':{}}}" },
    { "force takes the field away from its owner", "configmaps",
      { { "m1", "{'data':{'a':'1','b':'2'}}" }, { "m2", "{'data':{'a':'9'}}" } },
      "{'data':{'a':'9','b':'2'}}", "m1", "{'f:data':{'f:b':{}}}" },
    { "a dropped field goes", "configmaps", { { "m1", "{'data':{'a':'1','b':'2'}}" }, { "m1", "{'data':{'a':'1'}}" } },
      "{'data':{'a':'1'}}", "m1", "{'f:data':{'f:a':{}}}" },
    { "a dropped field that another holds too stays", "configmaps",
      { { "m1", "{'data':{'a':'1'}}" }, { "m2", "{'data':{'a':'1'}}" }, { "m1", "{}" } },
      "{'data':{'a':'1'}}", "m1", NULL },
    { "an update takes what it changes", "configmaps",
      { { "m1", "{'data':{'a':'1','b':'2'}}" }, { "=m2", "{'data':{'a':'3','b':'2'}}" } },
      "{'data':{'a':'3','b':'2'}}", "m1", "{'f:data':{'f:b':{}}}" },
    { "what an update removed nobody owns", "configmaps",
      { { "m1", "{'data':{'a':'1','b':'2'}}" }, { "=m2", "{'data':{'b':'2'}}" } },
      "{'data':{'b':'2'}}", "m1", "{'f:data':{'f:b':{}}}" },
    { "containers merge by name, a foreign one survives", "deployments",
      { { "m1", CONTAINERS("{'name':'a','image':'i:1'}") }, { "m2", CONTAINERS("{'name':'side','image':'s'}") },
        { "m1", CONTAINERS("{'name':'a','image':'i:2'}") } },
      CONTAINERS("{'name':'a','image':'i:2'},{'name':'side','image':'s'}"), "m2",
      "{'f:spec':{'f:template':{'f:spec':{'f:containers':{'k:{\\\"name\\\":\\\"side\\\"}':"
      "{'.':{},'f:image':{},'f:name':{}}}}}}}" },
    { "a dropped container goes whole", "deployments",
      { { "m1", CONTAINERS("{'name':'a','image':'i'},{'name':'b','image':'i'}") },
        { "m1", CONTAINERS("{'name':'a','image':'i'}") } },
      CONTAINERS("{'name':'a','image':'i'}"), NULL, NULL },
    { "an item's missing key has its default", "deployments",
      { { "m1", CONTAINERS("{'name':'a','ports':[{'containerPort':80}]}") } },
      CONTAINERS("{'name':'a','ports':[{'containerPort':80}]}"), "m1",
      "{'f:spec':{'f:template':{'f:spec':{'f:containers':{'k:{\\\"name\\\":\\\"a\\\"}':{'.':{},'f:name':{},"
      "'f:ports':{'k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}':{'.':{},'f:containerPort':{}}}}}}}}}" },
    { "an atomic list is one field", "deployments",
      { { "m1", CONTAINERS("{'name':'a','args':['x','y']}") }, { "m1", CONTAINERS("{'name':'a','args':['z']}") } },
      CONTAINERS("{'name':'a','args':['z']}"), "m1",
      "{'f:spec':{'f:template':{'f:spec':{'f:containers':{'k:{\\\"name\\\":\\\"a\\\"}':{'.':{},'f:args':{},'f:name':{}}}}}}}" },
    { "a selector is one field", "deployments", { { "m1", "{'spec':{'selector':{'matchLabels':{'a':'b'}}}}" } },
      "{'spec':{'selector':{'matchLabels':{'a':'b'}}}}", "m1", "{'f:spec':{'f:selector':{}}}" },
    { "status is not applied through the main resource", "deployments",
      { { "m1", "{'spec':{'replicas':2},'status':{'replicas':9}}" } }, "{'spec':{'replicas':2}}", "m1",
      "{'f:spec':{'f:replicas':{}}}" },
    { "a dropped struct goes with what the server filled in below it", "horizontalpodautoscalers",
      { { "m1", "{'spec':{'behavior':{'scaleDown':{'selectPolicy':'Max'}}}}" },
        { "=server", "{'spec':{'behavior':{'scaleDown':{'selectPolicy':'Max'},'scaleUp':{'selectPolicy':'Min'}}}}" },
        { "m1", "{'spec':{'maxReplicas':2}}" } },
      "{'spec':{'behavior':{'scaleUp':{'selectPolicy':'Min'}},'maxReplicas':2}}", "m1", "{'f:spec':{'f:maxReplicas':{}}}" },
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

static void ignore_change(void *arg, struct collection *c, const struct logged *ev)
{
    (void)arg;
    (void)c;
    (void)ev;
}

static struct store *store;
static struct registry *registry;

static int setup(void **state)
{
    (void)state;
    store = store_new(ignore_change, NULL);
    registry = registry_new(store);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    registry_free(registry);
    store_free(store);
    return 0;
}

static struct resource *resource_of(const char *plural)
{
    for (size_t i = 0; registry_at(registry, i); i++)
        if (str_eq(registry_at(registry, i)->plural, plural))
            return registry_at(registry, i);
    fail_msg("no resource %s", plural);
    return NULL;
}

/* -1: refused, with the code in *code. */
static int run_step(const struct resource *res, const struct step *s, cJSON **obj, int *code)
{
    AUTO_JSON cJSON *next = parse(s->object);
    struct refusal r AUTO_REFUSAL = { 0 };
    struct apply a = { .res = res, .manager = s->manager + (*s->manager == '!'), .force = *s->manager != '!' };
    cJSON *out = NULL;
    int rc;

    if (*s->manager == '=') {
        managed_update(*obj, next, res, s->manager + 1, NULL);
        cJSON_Delete(*obj);
        *obj = TAKE(next);
        return 0;
    }
    rc = managed_apply(&a, *obj, next, &out, &r);
    *code = r.code;
    if (rc == 0) {
        cJSON_Delete(*obj);
        *obj = out;
    }
    return rc;
}

static void check_owner(const struct row *r, const cJSON *obj)
{
    const cJSON *got = owned_fields(obj, r->owner);
    AUTO_JSON cJSON *want = r->owns ? parse(r->owns) : NULL;
    AUTO_FREE char *text = got ? json_print(got) : xstrdup("nothing");

    if (want ? !json_equal(got, want) : got != NULL)
        fail_msg("%s owns %s", r->owner, text);
}

static void check_object(const struct row *r, cJSON *obj)
{
    AUTO_JSON cJSON *want = parse(r->want), *seen = json_dup(obj);
    AUTO_FREE char *text = NULL;

    json_del(seen, "metadata");
    if (!json_member(want, "status"))
        json_del(seen, "status");
    for (cJSON *m = json_member(seen, "spec") ? json_member(seen, "spec")->child : NULL, *next; m; m = next) {
        next = m->next; /* the empty structs of a typed object */
        if (!m->child && cJSON_IsObject(m))
            cJSON_Delete(cJSON_DetachItemViaPointer(json_member(seen, "spec"), m));
    }
    if (json_has(seen, "spec.template.metadata"))
        json_del(json_at(seen, "spec.template"), "metadata");
    if (json_has(seen, "spec.template") && !json_count(json_at(seen, "spec.template.spec.containers")))
        json_del(json_member(seen, "spec"), "template");
    text = json_print(seen);
    if (!json_equal(seen, want))
        fail_msg("got %s", text);
}

static void check(void **state)
{
    const struct row *r = *state;
    const struct resource *res = resource_of(r->plural);
    cJSON *obj = NULL;
    int code = 0, rc = 0;

    for (size_t i = 0; i < STEPS && r->steps[i].manager; i++)
        rc = run_step(res, &r->steps[i], &obj, &code);
    if (str_eq(r->want, "409")) {
        assert_int_equal(rc, -1);
        assert_int_equal(code, 409);
    } else {
        assert_int_equal(rc, 0);
        check_object(r, obj);
        if (r->owner)
            check_owner(r, obj);
    }
    cJSON_Delete(obj);
}

static void noop_keeps_everything(void **state)
{
    const struct resource *res = resource_of("configmaps");
    struct step s = { "m1", "{'data':{'a':'1'}}" };
    cJSON *obj = NULL, *before;
    int code;

    (void)state;
    assert_int_equal(run_step(res, &s, &obj, &code), 0);
    before = json_dup(obj);
    assert_int_equal(run_step(res, &s, &obj, &code), 0);
    assert_true(managed_same_object(before, obj));
    cJSON_Delete(before);
    cJSON_Delete(obj);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(noop_keeps_everything);
    return cmocka_run_group_tests_name("sim apply", tests, setup, teardown);
}
