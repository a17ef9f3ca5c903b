/*
 * The harness itself, so that a scenario that fails is to be believed.
 */
#include <string.h>

#include "e2e/budget.h"
#include "e2e/harness.h"
#include "e2e/wire.h"
#include "json/yaml.h"
#include "kube/config.h"

static void objects(struct e2e *t)
{
    e2e_apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: b}}");
    e2e_patch(t, "configmaps/x", "{data: {a: c}}");
    e2e_wait_value(t, "configmaps/x", "data.a", "\"c\"", 5);
    e2e_delete(t, "configmaps/x");
    e2e_wait_absent(t, "configmaps/x", 5);
}

/* From here on the test itself speaks through the wire. */
static struct wire *speak_through_wire(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct kube_config *config = NULL;
    struct err e = { 0 };

    E2E_CHECK(t, kube_config_load(wire_kubeconfig(w), NULL, &config, &e) == 0, NULL, "%s", e.msg);
    budget_free(t->budget); /* its watches are of the old client */
    t->budget = NULL;
    kube_free(t->kube);
    t->kube = kube_new(t->loop, config, &e);
    E2E_CHECK(t, t->kube, NULL, "%s", e.msg);
    return w;
}

static int patch(struct e2e *t, const char *value)
{
    AUTO_JSON cJSON *body = json_new_obj();

    json_str(json_obj(body, "data"), "a", value);
    return e2e_send(t, "PATCH", "configmaps/x", "application/merge-patch+json", body, NULL);
}

static void wire_counts_requests(struct e2e *t)
{
    struct wire *w = speak_through_wire(t);

    e2e_apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: b}}");
    e2e_get(t, "configmaps/x");
    e2e_list(t, "configmaps");
    e2e_list(t, "nodes");
    assert_int_equal(atomic_load(&w->counts.writes), 1);
    assert_int_equal(atomic_load(&w->counts.gets), 1);
    assert_int_equal(atomic_load(&w->counts.lists), 2);
    assert_int_equal(wire_all_writes(w), 1);
}

static void wire_misbehaves(struct e2e *t)
{
    static const struct {
        enum wire_fault fault;
        int want_status;
        const char *want_value; /* what the server holds afterwards */
    } rows[] = {
        { WIRE_429, 429, "\"start\"" },       { WIRE_500, 500, "\"start\"" },      { WIRE_503, 503, "\"start\"" },
        { WIRE_CONFLICT, 409, "\"start\"" },  { WIRE_RESET_BEFORE, 0, "\"start\"" }, { WIRE_RESET_AFTER, 0, "\"moved\"" },
    };
    struct wire *w = speak_through_wire(t);

    e2e_apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: start}}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(patch(t, "start"), 200);
        wire_fault_every(w, rows[i].fault, 1);
        assert_int_equal(patch(t, "moved"), rows[i].want_status);
        wire_fault_every(w, WIRE_OK, 0);
        e2e_wait_value(t, "configmaps/x", "data.a", rows[i].want_value, 5);
    }
}

static void wire_stops(struct e2e *t)
{
    struct wire *w = speak_through_wire(t);

    wire_stop_after(w, 1);
    assert_false(wire_has_stopped(w));
    e2e_get(t, "nodes");
    assert_false(wire_has_stopped(w));
    /* the answer to the last write never comes */
    AUTO_JSON cJSON *body = json_new_obj();
    json_str(body, "apiVersion", "v1");
    json_str(body, "kind", "ConfigMap");
    json_str(json_obj(body, "metadata"), "name", "y");
    struct kube_request r = { KUBE_LANE_MAIN, "POST", e2e_path(t, "configmaps"), NULL, body, 30000 };
    struct kube_call *call = kube_send(t->kube, &r, NULL, NULL);
    for (int i = 0; i < 100 && !wire_has_stopped(w); i++)
        e2e_sleep_ms(t, 20);
    assert_true(wire_has_stopped(w));
    kube_cancel(call);
    wire_go_on(w);
    e2e_wait_present(t, "configmaps/y", 5);
}

/* A child as the operator would write it: what is in its spec's braces. */
static void write_as_operator(struct e2e *t, const char *plural, const char *api_and_kind, const char *spec)
{
    const char *uid = json_get_str(e2e_get(t, "inferenceservices/fraud"), "metadata.uid");
    struct err e = { 0 };
    cJSON *docs = NULL;
    const char *yaml = e2e_fmt(t,
                               "{%s, metadata: {name: fraud, namespace: %s, ownerReferences: [{apiVersion: "
                               "serving.everserve.dev/v1alpha1, kind: InferenceService, name: fraud, uid: %s, controller: true}]}, spec: {%s}}",
                               api_and_kind, t->ns, uid, spec);

    E2E_CHECK(t, yaml_parse(yaml, strlen(yaml), &docs, &e) == 0, NULL, "%s", e.msg);
    json_push(t->kept, docs);
    int status = e2e_send(t, "PATCH", e2e_fmt(t, "%s/fraud?fieldManager=everserve&force=true", plural), "application/apply-patch+yaml",
                          docs->child, NULL);
    E2E_CHECK(t, status == 200 || status == 201, docs, "HTTP %d", status);
    e2e_sleep_ms(t, 300);
}

static void write_deployment(struct e2e *t, int replicas, const char *image, const char *max_unavailable)
{
    write_as_operator(t, "deployments", "apiVersion: apps/v1, kind: Deployment",
                      e2e_fmt(t,
                              "replicas: %d, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: %s}}, selector: "
                              "{matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: model, image: %s}]}}",
                              replicas, max_unavailable, image));
}

static void write_budget(struct e2e *t, const char *spec)
{
    write_as_operator(t, "poddisruptionbudgets", "apiVersion: policy/v1, kind: PodDisruptionBudget",
                      e2e_fmt(t, "%s, selector: {matchLabels: {a: b}}", spec));
}

static void write_autoscaler(struct e2e *t, int min, int max)
{
    write_as_operator(t, "horizontalpodautoscalers", "apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler",
                      e2e_fmt(t, "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: fraud}, minReplicas: %d, maxReplicas: %d", min, max));
}

/* what: goes afterwards, so that the next watch does not find it as it was left; NULL: nothing does. */
static void expect_budget_of(struct e2e *t, const char *what, const char *part)
{
    int n = 0;
    const char *problem = budget_problem(t->budget, &n);

    E2E_CHECK(t, !part == !problem && (!part || strstr(problem, part)), NULL, "the budget's watcher says: %s", problem ? problem : "nothing");
    if (what)
        e2e_delete(t, what);
    budget_free(t->budget);
    t->budget = budget_start(t);
    e2e_sleep_ms(t, 300);
}

static void expect_budget(struct e2e *t, const char *part)
{
    expect_budget_of(t, NULL, part);
}

static void the_budget_is_watched(struct e2e *t)
{
    e2e_apply(t, "%s", e2e_plain_service);
    write_deployment(t, 5, "a", "0");
    expect_budget(t, NULL);
    write_deployment(t, 2, "b", "0");
    expect_budget(t, NULL);
    write_deployment(t, 2, "c", "1"); /* what the usual budget spares */
    expect_budget(t, NULL);
    write_deployment(t, 2, "d", "2");
    expect_budget(t, "may take away 2 of 2");
    write_deployment(t, 2, "d", "0");
    expect_budget(t, NULL);
    write_deployment(t, 2, "d", "2"); /* the strategy alone, in the middle of a rollout */
    expect_budget(t, "may take away 2 of 2");
    write_deployment(t, 1, "d", "0");
    expect_budget(t, "lowered from 2 to 1");
    e2e_delete(t, "deployments/fraud");
}

static void evictions_are_watched(struct e2e *t)
{
    static const char budget[] = "poddisruptionbudgets/fraud";

    e2e_apply(t, "%s", e2e_plain_service);
    write_budget(t, "maxUnavailable: 1");
    expect_budget_of(t, budget, NULL);
    write_budget(t, "minAvailable: 2"); /* ours, in a drain */
    expect_budget_of(t, budget, NULL);
    write_budget(t, "maxUnavailable: 2");
    expect_budget_of(t, budget, "allows 2 disruptions of 100");
    e2e_apply(t, "%s    podDisruptionBudget: { minAvailable: 2 }\n", e2e_plain_service);
    write_budget(t, "minAvailable: 2");
    expect_budget_of(t, budget, NULL);
    write_budget(t, "minAvailable: 1");
    expect_budget_of(t, budget, "the user allows 98");
}

static void bounds_are_watched(struct e2e *t)
{
    static const char scaler[] = "horizontalpodautoscalers/fraud";

    e2e_apply(t, "%s    maxReplicas: 6\n", e2e_plain_service);
    write_autoscaler(t, 2, 6);
    expect_budget_of(t, scaler, NULL);
    write_autoscaler(t, 4, 9); /* a floor; room for a drain */
    expect_budget_of(t, scaler, NULL);
    write_autoscaler(t, 1, 9);
    expect_budget_of(t, scaler, "its minimum is 1");
    write_autoscaler(t, 2, 5);
    expect_budget_of(t, scaler, "its maximum is 5");
}

static const struct e2e_test tests[] = {
    { "objects come, change and go", objects, 0 },
    { "the wire counts reads and writes", wire_counts_requests, 0 },
    { "the wire refuses, resets, and lets through", wire_misbehaves, 0 },
    { "the wire stops after a write that the server has done", wire_stops, 0 },
    { "what goes beyond the budget of a user is seen", the_budget_is_watched, 0 },
    { "a disruption budget that allows more than the user is seen", evictions_are_watched, 0 },
    { "an autoscaler's bounds below the user's are seen", bounds_are_watched, 0 },
};

int main(void)
{
    return e2e_main("harness", tests, COUNT(tests));
}
