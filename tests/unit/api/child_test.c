#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/child.h"
#include "api/names.h"

static const struct row {
    const char *name;
    const char *kind, *object, *component;
    enum child want;
    const char *service;
} rows[] = {
    { "a Deployment", "Deployment", "fraud", "predictor", CHILD_DEPLOYMENT, "fraud" },
    { "a Deployment of a service that ends in -redis", "Deployment", "x-redis", NULL, CHILD_DEPLOYMENT, "x-redis" },
    { "the canary", "Deployment", "fraud-canary", "canary", CHILD_CANARY, "fraud" },
    { "a Deployment of a service called x-canary", "Deployment", "x-canary", "predictor", CHILD_DEPLOYMENT, "x-canary" },
    { "a canary without the suffix", "Deployment", "fraud", "canary", N_CHILDREN, NULL },
    { "the canary's Service", "Service", "fraud-canary", "canary", CHILD_CANARY_SERVICE, "fraud" },
    { "the Service of a service called x-canary", "Service", "x-canary", "predictor", CHILD_SERVICE, "x-canary" },
    { "the route", "HTTPRoute", "fraud", "predictor", CHILD_ROUTE, "fraud" },
    { "the StatefulSet", "StatefulSet", "fraud-redis", NULL, CHILD_REDIS_STATEFULSET, "fraud" },
    { "a StatefulSet of somebody else", "StatefulSet", "fraud", NULL, N_CHILDREN, NULL },
    { "a StatefulSet with nothing before the suffix", "StatefulSet", "-redis", NULL, N_CHILDREN, NULL },
    { "the Service", "Service", "fraud", "predictor", CHILD_SERVICE, "fraud" },
    { "the Redis Service, by its component", "Service", "fraud-redis", "redis", CHILD_REDIS_SERVICE, "fraud" },
    { "the Service of a service called x-redis", "Service", "x-redis", "predictor", CHILD_SERVICE, "x-redis" },
    { "a Service without component", "Service", "x-redis", NULL, CHILD_SERVICE, "x-redis" },
    { "a Redis component without the suffix", "Service", "fraud", "redis", N_CHILDREN, NULL },
    { "the Redis budget", "PodDisruptionBudget", "fraud-redis", "redis", CHILD_REDIS_PDB, "fraud" },
    { "the budget", "PodDisruptionBudget", "fraud", "predictor", CHILD_PDB, "fraud" },
    { "the NetworkPolicy", "NetworkPolicy", "fraud-redis", NULL, CHILD_REDIS_NETPOL, "fraud" },
    { "a kind that is none of ours", "Pod", "fraud-redis-0", "redis", N_CHILDREN, NULL },
};

static void check(void **state)
{
    const struct row *r = *state;
    char service[254] = "", name[300];

    assert_int_equal(child_of(r->kind, r->object, r->component, service), r->want);
    if (!r->service)
        return;
    assert_string_equal(service, r->service);
    assert_true(child_name(r->want, service, name, sizeof(name)));
    assert_string_equal(name, r->object);
}

static void names_do_not_overflow(void **state)
{
    char out[8], service[254], longest[300];
    (void)state;

    assert_false(child_name(CHILD_REDIS_SERVICE, "ab", out, sizeof(out)));
    assert_true(child_name(CHILD_REDIS_SERVICE, "a", out, sizeof(out)));
    memset(longest, 'a', sizeof(longest));
    longest[299] = '\0';
    assert_int_equal(child_of("Deployment", longest, NULL, service), N_CHILDREN);
}

static void owner_needs_a_uid(void **state)
{
    struct isvc s = { .name = "fraud", .uid = "" };
    (void)state;

    assert_null(names_owner_references(&s));
    s.uid = "u-1";
    AUTO_JSON cJSON *refs = names_owner_references(&s);
    assert_true(json_get_bool(refs, "0.controller", false));
    assert_string_equal(json_get_str(refs, "0.uid"), "u-1");
}

int main(void)
{
    static const struct CMUnitTest more[] = { cmocka_unit_test(names_do_not_overflow), cmocka_unit_test(owner_needs_a_uid) };
    struct CMUnitTest tests[COUNT(rows) + COUNT(more)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    memcpy(tests + COUNT(rows), more, sizeof(more));
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
