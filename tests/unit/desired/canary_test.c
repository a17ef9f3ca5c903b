/* What a version on trial adds, and that it changes nothing of what serves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/names.h"
#include "base/str.h"
#include "desired/desired.h"
#include "json/yaml.h"

#define GOLDEN "tests/golden/canary-on-trial.json"
#define HEAD "{ apiVersion: serving.everserve.dev/v1alpha1, kind: InferenceService, metadata: { name: x, namespace: d }, "
#define TRIED HEAD "spec: { predictor: { containers: [{ image: m }] }, rollout: { canary: { replicas: 1 } }, redis: {} } }"
#define ROUTED HEAD "spec: { predictor: { containers: [{ image: m }] }, rollout: { canary: { replicas: 1, route: { weight: 20, \
parentRefs: [{ name: web, namespace: gateways }], hostnames: [x.example.com] } } } } }"
#define PLAIN HEAD "spec: { predictor: { containers: [{ image: m }] }, redis: {} } }"

static void decode(const char *yaml, struct isvc *s)
{
    AUTO_JSON cJSON *docs = NULL;
    struct err e = { 0 };

    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0 || isvc_decode(docs->child, s, &e) < 0)
        fail_msg("%s", e.msg);
}

static cJSON *child(const char *yaml, enum child c, int32_t canary, bool routed)
{
    struct desired_input in;
    struct isvc s;
    cJSON *o;

    decode(yaml, &s);
    in = desired_input_default(&s);
    in.canary_replicas = canary;
    in.canary_revision = "0a1b2c3d";
    in.canary_apart = in.routed = routed;
    in.canary_weight = routed ? s.canary.weight : 0;
    o = desired_child(c, &s, &in);
    isvc_done(&s);
    return o;
}

/* As Kubernetes does: every label of the selector. */
static bool selects(const cJSON *selector, const cJSON *labels)
{
    for (const cJSON *want = selector->child; want; want = want->next)
        if (!str_eq(cJSON_GetStringValue(json_member(labels, want->string)), want->valuestring))
            return false;
    return selector->child != NULL;
}

enum who { STABLE, CANARY, REDIS, N_WHO };

static cJSON *labels_of(enum who who)
{
    static const enum child makers[N_WHO] = { CHILD_DEPLOYMENT, CHILD_CANARY, CHILD_REDIS_STATEFULSET };
    AUTO_JSON cJSON *maker = child(TRIED, makers[who], 1, false);

    return json_dup(json_at(maker, "spec.template.metadata.labels"));
}

static const struct row {
    const char *name;
    enum child child;
    const char *path;
    bool routed;
    bool selects[N_WHO];
} rows[] = {
    { "the stable Deployment has its own pods alone", CHILD_DEPLOYMENT, "spec.selector.matchLabels", false, { true, false, false } },
    { "the canary has its own pods alone", CHILD_CANARY, "spec.selector.matchLabels", false, { false, true, false } },
    { "the Service has both", CHILD_SERVICE, "spec.selector", false, { true, true, false } },
    { "behind a route the Service has the stable ones", CHILD_SERVICE, "spec.selector", true, { true, false, false } },
    { "the budget counts both", CHILD_PDB, "spec.selector.matchLabels", false, { true, true, false } },
    { "the stable pods spread among themselves", CHILD_DEPLOYMENT,
      "spec.template.spec.topologySpreadConstraints.0.labelSelector.matchLabels", false, { true, false, false } },
    { "the canary's, too", CHILD_CANARY, "spec.template.spec.topologySpreadConstraints.1.labelSelector.matchLabels", false,
      { false, true, false } },
    { "Redis takes connections of the canary", CHILD_REDIS_NETPOL, "spec.ingress.0.from.1.podSelector.matchLabels", false,
      { false, true, false } },
};

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_JSON cJSON *o = child(TRIED, r->child, 1, r->routed);
    const cJSON *selector = json_at(o, r->path);

    assert_non_null(selector);
    for (int who = 0; who < N_WHO; who++) {
        AUTO_JSON cJSON *labels = labels_of((enum who)who);

        assert_int_equal(selects(selector, labels), r->selects[who]);
    }
}

static void no_trial_no_deployment(void **state)
{
    (void)state;
    assert_null(child(TRIED, CHILD_CANARY, 0, false));
}

/* The wish for trials alone restarts nothing: the stable template is the same as without. */
static void the_wish_changes_no_template(void **state)
{
    AUTO_JSON cJSON *with = child(TRIED, CHILD_DEPLOYMENT, 1, false), *without = child(PLAIN, CHILD_DEPLOYMENT, 0, false);
    (void)state;

    assert_true(json_equal(with, without));
}

static void a_route_divides(void **state)
{
    AUTO_JSON cJSON *o = child(ROUTED, CHILD_ROUTE, 1, true);
    AUTO_FREE char *spec = json_print(json_member(o, "spec"));
    (void)state;

    assert_string_equal(spec, "{\"parentRefs\":[{\"group\":\"gateway.networking.k8s.io\",\"kind\":\"Gateway\",\"name\":\"web\","
                              "\"namespace\":\"gateways\"}],\"hostnames\":[\"x.example.com\"],\"rules\":[{\"matches\":[{\"path\":"
                              "{\"type\":\"PathPrefix\",\"value\":\"/\"}}],\"backendRefs\":["
                              "{\"group\":\"\",\"kind\":\"Service\",\"name\":\"x\",\"port\":80,\"weight\":80},"
                              "{\"group\":\"\",\"kind\":\"Service\",\"name\":\"x-canary\",\"port\":80,\"weight\":20}]}]}");
}

/* Without a trial all requests go to what serves, and no Service without pods is named. */
static void a_route_stays_between_trials(void **state)
{
    AUTO_JSON cJSON *routed = NULL, *service = child(ROUTED, CHILD_CANARY_SERVICE, 1, true);
    struct desired_input in;
    struct isvc s;
    (void)state;

    decode(ROUTED, &s);
    in = desired_input_default(&s);
    routed = desired_child(CHILD_ROUTE, &s, &in);
    assert_int_equal(json_count(json_at(routed, "spec.rules.0.backendRefs")), 1);
    assert_int_equal(json_get_int(routed, "spec.rules.0.backendRefs.0.weight", 0), 100);
    assert_null(desired_child(CHILD_CANARY_SERVICE, &s, &in));
    assert_string_equal(json_get_str(service, "metadata.name"), "x-canary");
    isvc_done(&s);
}

static void no_gateway_no_route(void **state)
{
    (void)state;
    assert_null(child(ROUTED, CHILD_ROUTE, 1, false));
    assert_null(child(ROUTED, CHILD_CANARY_SERVICE, 1, false));
    assert_null(child(TRIED, CHILD_ROUTE, 1, true));
}

/* A user's own constraints are the user's. */
static void own_constraints_stay(void **state)
{
    AUTO_JSON cJSON *o = child(HEAD "spec: { predictor: { containers: [{ image: m }], topologySpreadConstraints: "
                                    "[{ maxSkew: 2, topologyKey: rack, whenUnsatisfiable: DoNotSchedule }] }, "
                                    "rollout: { canary: { percent: 10 } } } }", CHILD_CANARY, 1, false);
    (void)state;

    assert_int_equal(json_count(json_at(o, "spec.template.spec.topologySpreadConstraints")), 1);
    assert_int_equal(json_get_int(o, "spec.template.spec.topologySpreadConstraints.0.maxSkew", 0), 2);
    assert_false(json_has(o, "spec.template.spec.topologySpreadConstraints.0.labelSelector"));
}

static char *read_file(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    text[fread(text, 1, size - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

static void byte_for_byte(void **state)
{
    static char yaml[4096], want[100000];
    AUTO_JSON cJSON *docs = NULL;
    AUTO_FREE char *named = NULL, *got = NULL;
    struct buf all;
    struct err e = { 0 };
    (void)state;

    read_file("tests/golden/canary.yaml", yaml, sizeof(yaml));
    assert_int_equal(yaml_parse(yaml, strlen(yaml), &docs, &e), 0);
    json_str(json_member(docs->child, "metadata"), "namespace", "default");
    named = json_print(docs->child);
    buf_init(&all, sizeof(want));
    for (int c = 0; c < N_CHILDREN; c++) {
        AUTO_JSON cJSON *o = child(named, (enum child)c, 1, false);
        AUTO_FREE char *text = o && !child_types[c].of_redis ? json_print_pretty(o) : NULL;

        if (text)
            buf_fmt(&all, "%s\n", text);
    }
    got = buf_take(&all);
    if (getenv("UPDATE_GOLDEN"))
        write_file(GOLDEN, got);
    assert_string_equal(got, read_file(GOLDEN, want, sizeof(want)));
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(no_trial_no_deployment),
        cmocka_unit_test(the_wish_changes_no_template),
        cmocka_unit_test(own_constraints_stay),
        cmocka_unit_test(a_route_divides),
        cmocka_unit_test(a_route_stays_between_trials),
        cmocka_unit_test(no_gateway_no_route),
        cmocka_unit_test(byte_for_byte),
    };
    struct CMUnitTest tests[COUNT(rows) + COUNT(more)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    memcpy(tests + COUNT(rows), more, sizeof(more));
    return cmocka_run_group_tests_name("canary", tests, NULL, NULL);
}
