/*
 * Serving pods on nodes that go, and rollouts on nodes that are full: capacity first. Cordons nodes, so it disturbs
 * everybody on the cluster. Needs nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/operator.h"
#include "kube/watch.h"

enum { READY_S = 60, DRAIN_S = 60, ROLL_S = 60, EVICT_MS = 100 };
#define NPU "example.com/npu"

/* The fewest ready replicas that the Deployment ever had since it was complete. */
struct least {
    int wanted, ready;
    bool complete;
};

static const char service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: fraud }\n"
    "spec:\n"
    "  predictor:\n"
    "    minReplicas: %d\n"
    "    terminationGracePeriodSeconds: 2\n"
    "%s"
    "    containers:\n"
    "      - image: registry.example.com/fraud:%s\n"
    "        lifecycle: { preStop: { sleep: { seconds: 1 } } }\n"
    "        readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }\n"
    "%s";

static void on_deployment(void *arg, enum kube_event event, const cJSON *obj)
{
    struct least *l = arg;
    int ready = (int)json_get_int(obj, "status.readyReplicas", 0);

    if (event == KUBE_DELETED)
        return;
    if (!l->complete && ready >= l->wanted) {
        l->complete = true;
        l->ready = ready;
    }
    if (l->complete && ready < l->ready)
        l->ready = ready;
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static struct kube_watch *watch_ready(struct e2e *t, struct least *l)
{
    struct kube_watch_opts o = { e2e_path(t, "deployments"), NULL, "metadata.name=fraud" };
    struct kube_watch_handler handler = { on_deployment, on_nothing, on_nothing, NULL };

    return kube_watch_new(t->kube, &o, &handler, l);
}

static void check_least(struct e2e *t, struct kube_watch *watch, const struct least *l, int least)
{
    e2e_sleep_ms(t, 200);
    kube_watch_free(watch);
    e2e_note(t, "never fewer than %d ready of %d", l->ready, l->wanted);
    E2E_CHECK(t, l->complete && l->ready >= least, e2e_get(t, "deployments/fraud"), "only %d were ready for a moment", l->ready);
}

static const cJSON *serving_pods(struct e2e *t)
{
    return e2e_list(t, "pods?labelSelector=app.kubernetes.io%2Fcomponent%3Dpredictor");
}

static int pods_on(struct e2e *t, const char *node)
{
    const cJSON *p;
    int n = 0;

    cJSON_ArrayForEach(p, serving_pods(t))
        n += str_eq(json_get_str(p, "spec.nodeName"), node) && !json_has(p, "metadata.deletionTimestamp");
    return n;
}

static void evict_all(struct e2e *t, const char *node)
{
    const cJSON *p;

    cJSON_ArrayForEach(p, serving_pods(t)) {
        AUTO_JSON cJSON *eviction = json_new_obj();
        const char *name = json_get_str(p, "metadata.name");

        if (!str_eq(json_get_str(p, "spec.nodeName"), node) || json_has(p, "metadata.deletionTimestamp"))
            continue;
        json_str(eviction, "apiVersion", "policy/v1");
        json_str(eviction, "kind", "Eviction");
        json_str(json_obj(eviction, "metadata"), "name", name);
        json_str(json_obj(eviction, "metadata"), "namespace", t->ns);
        e2e_send(t, "POST", e2e_fmt(t, "pods/%s/eviction", name), NULL, eviction, NULL);
    }
}

/* As kubectl drain does it: again and again until the node is empty. */
static void evict_until_empty(struct e2e *t, const char *node)
{
    int64_t end_ms = e2e_deadline_ms(DRAIN_S);

    while (pods_on(t, node) > 0) {
        E2E_CHECK(t, loop_now_ms() < end_ms, e2e_get(t, "poddisruptionbudgets/fraud"), "%s is not empty yet", node);
        evict_all(t, node);
        e2e_sleep_ms(t, EVICT_MS);
    }
}

static void set_cordon(struct e2e *t, const char *node, bool on)
{
    e2e_patch(t, e2e_fmt(t, "nodes/%s", node), on ? "{spec: {unschedulable: true}}" : "{spec: {unschedulable: null}}");
}

static const char *node_of_first(struct e2e *t)
{
    const cJSON *p;

    cJSON_ArrayForEach(p, serving_pods(t))
        if (json_has(p, "spec.nodeName") && !json_has(p, "metadata.deletionTimestamp"))
            return json_get_str(p, "spec.nodeName");
    e2e_fail(t, NULL, "no pod has a node");
}

static void bring_up(struct e2e *t, int replicas, const char *predictor, const char *resources)
{
    e2e_apply(t, service, replicas, predictor, "v1", resources);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
}

static void drain(struct e2e *t, int replicas, const char *budget, bool at_once)
{
    struct least l = { .wanted = replicas };
    const char *node;

    operator_ready(t, operator_start(t, NULL));
    bring_up(t, replicas, budget, "");
    struct kube_watch *watch = watch_ready(t, &l);
    node = node_of_first(t);
    set_cordon(t, node, true);
    if (!at_once) {
        e2e_wait_value(t, "deployments/fraud", "spec.replicas", e2e_fmt(t, "%d", replicas + pods_on(t, node)), 30);
        e2e_wait_value(t, "poddisruptionbudgets/fraud", "spec.minAvailable", e2e_fmt(t, "%d", replicas), 30);
    }
    evict_until_empty(t, node);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", e2e_fmt(t, "%d", replicas), 30);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
    set_cordon(t, node, false);
    e2e_wait_value(t, "inferenceservices/fraud", "status.scaling.drain", "null", 30);
    check_least(t, watch, &l, replicas);
}

static void drained(struct e2e *t)
{
    drain(t, 3, "", false);
    e2e_wait_value(t, "poddisruptionbudgets/fraud", "spec.maxUnavailable", "1", 30);
}

static void drained_single(struct e2e *t)
{
    drain(t, 1, "", false);
    e2e_wait_absent(t, "poddisruptionbudgets/fraud", 30);
}

static void drained_at_once(struct e2e *t)
{
    drain(t, 2, "    podDisruptionBudget: { minAvailable: 2 }\n", true);
}

/* The autoscaler stays the only writer of replicas: its minimum is raised for the time. (It has no metrics here: blind, it
 * keeps what runs afterwards.) */
static void drained_autoscaled(struct e2e *t)
{
    struct least l = { .wanted = 2 };
    const char *node;

    operator_ready(t, operator_start(t, NULL));
    bring_up(t, 2, "    maxReplicas: 4\n    podDisruptionBudget: { minAvailable: 2 }\n", "");
    e2e_wait_value(t, "horizontalpodautoscalers/fraud", "spec.minReplicas", "2", 30);
    struct kube_watch *watch = watch_ready(t, &l);
    node = node_of_first(t);
    set_cordon(t, node, true);
    e2e_wait_value(t, "horizontalpodautoscalers/fraud", "spec.minReplicas", e2e_fmt(t, "%d", 2 + pods_on(t, node)), 30);
    evict_until_empty(t, node);
    set_cordon(t, node, false);
    e2e_wait_value(t, "inferenceservices/fraud", "status.scaling.drain", "null", 30);
    check_least(t, watch, &l, 2);
}

/* A cordon that is taken back, and an operator that was away: the number comes from where pods are. */
static void uncordoned(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);
    const char *node;

    operator_ready(t, op);
    bring_up(t, 2, "", "");
    node = node_of_first(t);
    operator_kill(op);
    set_cordon(t, node, true);
    op = operator_start(t, NULL);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "3", 30);
    operator_kill(op);
    set_cordon(t, node, false);
    operator_start(t, NULL);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "2", 30);
}

/* As a device plugin's kubelet would: one each, on so many nodes. */
static void offer_npus(struct e2e *t, int nodes)
{
    const cJSON *n, *all = e2e_list(t, "/api/v1/nodes");
    int i = 0;

    cJSON_ArrayForEach(n, all)
        e2e_patch(t, e2e_fmt(t, "nodes/%s/status", json_get_str(n, "metadata.name")),
                  i++ < nodes ? "{status: {capacity: {" NPU ": '1'}, allocatable: {" NPU ": '1'}}}"
                              : "{status: {capacity: {" NPU ": '0'}, allocatable: {" NPU ": '0'}}}");
}

static void start_impatient(struct e2e *t)
{
    operator_ready(t, operator_start(t, &(struct operator_opts){ .option = "--node-patience=2" }));
}

#define ONE_NPU "        resources: { requests: { cpu: 10m, " NPU ": 1 }, limits: { " NPU ": 1 } }\n"

static void full_nodes(struct e2e *t)
{
    struct least l = { .wanted = 2 };

    offer_npus(t, 2);
    operator_ready(t, operator_start(t, NULL)); /* nothing is waited for: it can be added up */
    bring_up(t, 2, "", ONE_NPU);
    struct kube_watch *watch = watch_ready(t, &l);
    e2e_apply(t, service, 2, "", "v2", ONE_NPU);
    e2e_wait_value(t, "deployments/fraud", "spec.strategy.rollingUpdate.maxSurge", "0", 30);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "False", "RolloutReplacing", 30);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, ROLL_S);
    e2e_wait_value(t, "deployments/fraud", "status.updatedReplicas", "2", 30);
    e2e_wait_value(t, "deployments/fraud", "spec.strategy.rollingUpdate.maxUnavailable", "0", 30);
    e2e_wait_value(t, "inferenceservices/fraud", "status.predictor.replacing", "null", 30);
    check_least(t, watch, &l, 1);
    offer_npus(t, 0);
}

/* Nothing is there for a pod more, however long it waits: a drain must not hang for ever. */
static void drain_without_room(struct e2e *t)
{
    const char *node;

    offer_npus(t, 2);
    start_impatient(t);
    bring_up(t, 2, "", ONE_NPU);
    node = node_of_first(t);
    set_cordon(t, node, true);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "3", 30);
    e2e_wait_value(t, "inferenceservices/fraud", "status.scaling.drain.gaveUp", "true", 60);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "2", 30);
    evict_until_empty(t, node);
    set_cordon(t, node, false);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
    e2e_wait_value(t, "inferenceservices/fraud", "status.scaling.drain", "null", 30);
    offer_npus(t, 0);
}

static int simulate(struct e2e *t, const char *option, const char *value, const char **out)
{
    const char *binary = getenv("E2E_BINARY") ? getenv("E2E_BINARY") : "build/everserve";

    return e2e_run(t, (const char *const[]){ binary, "simulate", "-o", "json", e2e_fmt(t, "%s/fraud", t->ns), option, value, NULL },
                   NULL, out);
}

static void expect(struct e2e *t, const char *option, const char *value, int exit_code, const char *verdict)
{
    const char *out = "";
    int rc = simulate(t, option, value, &out);

    E2E_CHECK(t, rc == exit_code && (!verdict[0] || strstr(out, e2e_fmt(t, "\"verdict\":\"%s\"", verdict))), NULL,
              "simulate %s %s ended with %d and said %s, not %d and %s", option, value, rc, out, exit_code, verdict);
}

static void simulated(struct e2e *t)
{
    const char *node, *zone;

    operator_ready(t, operator_start(t, NULL));
    bring_up(t, 2, "", "");
    e2e_wait_condition(t, "inferenceservices/fraud", "Survivable", "True", NULL, 30);
    e2e_wait_value(t, "inferenceservices/fraud", "status.survives.node", "\"1/2\"", 30);
    node = node_of_first(t);
    zone = cJSON_GetStringValue(json_member(json_at(e2e_get(t, e2e_fmt(t, "nodes/%s", node)), "metadata.labels"),
                                            "topology.kubernetes.io/zone"));
    expect(t, "--lose-node", node, 0, "Survives");
    expect(t, "--lose-zone", zone ? zone : "", 0, "Survives");
    expect(t, "--drain", node, 0, "Survives");
    e2e_patch(t, "inferenceservices/fraud", "{spec: {predictor: {minReplicas: 1}}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "Survivable", "False", "OneReplica", 30);
    e2e_wait_value(t, "deployments/fraud", "status.readyReplicas", "1", 30);
    expect(t, "--lose-node", node_of_first(t), 1, "Outage");
    expect(t, "--lose-node", "no-such-node", 2, "");
}

static const struct e2e_test tests[] = {
    { "a cordoned node is drained: never fewer than wanted", drained, NEEDS_NODES },
    { "the only replica's node is drained", drained_single, NEEDS_NODES },
    { "with minAvailable of all a drain without a pause is safe too", drained_at_once, NEEDS_NODES },
    { "with an autoscaler its minimum is raised for a drain", drained_autoscaled, NEEDS_NODES },
    { "a cordon is taken back, by an operator that starts anew", uncordoned, NEEDS_NODES },
    { "accelerators are all taken: a rollout replaces one at a time", full_nodes, NEEDS_NODES },
    { "accelerators are all taken: a drain gives up on more and ends", drain_without_room, NEEDS_NODES },
    { "what losses and drains would do is told", simulated, NEEDS_NODES },
};

int main(void)
{
    return e2e_main("drain", tests, COUNT(tests));
}
