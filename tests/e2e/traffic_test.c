/*
 * A client that sends requests without pause through the Service sees no error, whatever is done to what serves.
 */
#include <string.h>

#include "api/child.h"
#include "e2e/operator.h"
#include "e2e/traffic.h"
#include "json/owned.h"

enum { READY_S = 90, ABSENT_S = 15, ABSENT_LONG_S = 600, TARGET_PERCENT = 70 };

static void apply(struct e2e *t, int min, const char *tag, const char *more)
{
    e2e_apply(t, "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: fraud }\n"
                 "spec: { predictor: { minReplicas: %d, containers: [{ image: \"registry.example.com/fraud:%s\" }]%s } }\n",
              min, tag, more);
}

static void wait_served(struct e2e *t, int n, const char *tag)
{
    e2e_wait_value(t, "deployments/fraud", "spec.template.spec.containers.0.image",
                   e2e_fmt(t, "\"registry.example.com/fraud:%s\"", tag), READY_S);
    e2e_wait_value(t, "deployments/fraud", "status.updatedReplicas", e2e_fmt(t, "%d", n), READY_S);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
}

/* Pods that end are gone as well: their last moments count. */
static void wait_pods(struct e2e *t, int n)
{
    int64_t end_ms = e2e_deadline_ms(READY_S);

    for (;;) {
        const cJSON *list = e2e_get(t, "pods");
        int there = json_count(json_member(list, "items"));

        e2e_forget(t, list);
        if (there == n)
            return;
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "not %d pods within %d s", n, READY_S);
        e2e_sleep_ms(t, 200);
    }
}

static struct operator *bring_up(struct e2e *t, int n)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    apply(t, n, "v1", "");
    wait_served(t, n, "v1");
    return op;
}

static void rollout(struct e2e *t)
{
    bring_up(t, 2);
    struct traffic *c = traffic_start(t, "fraud");
    apply(t, 2, "v2", "");
    wait_served(t, 2, "v2");
    wait_pods(t, 2);
    traffic_end(t, c);
}

static void bad_image(struct e2e *t)
{
    bring_up(t, 2);
    struct traffic *c = traffic_start(t, "fraud");
    apply(t, 2, "crash", "");
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "False", NULL, READY_S);
    e2e_sleep_ms(t, 4000);
    apply(t, 2, "v2", "");
    wait_served(t, 2, "v2");
    wait_pods(t, 2);
    traffic_end(t, c);
}

static void scale_down(struct e2e *t)
{
    bring_up(t, 4);
    struct traffic *c = traffic_start(t, "fraud");
    apply(t, 2, "v1", "");
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "2", READY_S);
    wait_pods(t, 2);
    traffic_end(t, c);
}

/* As kubectl drain does: asks again while the budget says no. */
static void evict(struct e2e *t, const char *pod)
{
    AUTO_JSON cJSON *body = json_new_obj();
    int64_t end_ms = e2e_deadline_ms(READY_S);
    int status;

    json_str(body, "apiVersion", "policy/v1");
    json_str(body, "kind", "Eviction");
    json_str(json_obj(body, "metadata"), "name", pod);
    json_str(json_obj(body, "metadata"), "namespace", t->ns);
    while ((status = e2e_send(t, "POST", e2e_fmt(t, "pods/%s/eviction", pod), NULL, body, NULL)) == 429) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "the budget never lets %s go", pod);
        e2e_sleep_ms(t, 300);
    }
    E2E_CHECK(t, status == 200 || status == 201 || status == 404, NULL, "eviction of %s: HTTP %d", pod, status);
}

static void node_drain(struct e2e *t)
{
    const cJSON *pod;

    bring_up(t, 2);
    struct traffic *c = traffic_start(t, "fraud");
    const char *node = json_get_str(e2e_list(t, "pods")->child, "spec.nodeName");
    e2e_patch(t, e2e_fmt(t, "nodes/%s", node), "{spec: {unschedulable: true}}");
    cJSON_ArrayForEach(pod, e2e_list(t, "pods"))
        if (str_eq(json_get_str(pod, "spec.nodeName"), node))
            evict(t, json_get_str(pod, "metadata.name"));
    e2e_wait_value(t, "deployments/fraud", "status.readyReplicas", "2", READY_S);
    e2e_patch(t, e2e_fmt(t, "nodes/%s", node), "{spec: {unschedulable: null}}");
    wait_pods(t, 2);
    traffic_end(t, c);
}

/* The second one stands for a newer release: what it makes of the same spec restarts nothing (release_test). */
static void operator_replaced(struct e2e *t)
{
    struct operator *op = bring_up(t, 2);
    struct traffic *c = traffic_start(t, "fraud");

    apply(t, 2, "v2", "");
    operator_kill(op);
    op = operator_start(t, NULL);
    operator_ready(t, op);
    wait_served(t, 2, "v2");
    operator_stop(t, op);
    op = operator_start(t, NULL);
    operator_ready(t, op);
    wait_pods(t, 2);
    const char *before = json_get_str(e2e_list(t, "pods")->child, "metadata.uid");
    e2e_sleep_ms(t, 2000);
    E2E_CHECK(t, str_eq(before, json_get_str(e2e_list(t, "pods")->child, "metadata.uid")), NULL, "another operator restarted a pod");
    traffic_end(t, c);
}

/* --- the cluster's autoscaler goes by what the test measures --- */

/* As much as keeps n replicas at their target. */
static void set_load(struct e2e *t, int n)
{
    e2e_apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: sim-metrics}, data: {fraud.cpu: \"total:%d\"}}",
              n * TARGET_PERCENT);
}

static void wait_scaled(struct e2e *t, int n)
{
    const char *text = e2e_fmt(t, "%d", n);

    e2e_forget(t, e2e_wait_value(t, "deployments/fraud", "spec.replicas", text, READY_S));
    e2e_forget(t, e2e_wait_value(t, "deployments/fraud", "status.readyReplicas", text, READY_S));
    wait_pods(t, n);
}

/* What becomes of the Deployment from some moment on. */
struct number {
    int64_t replicas, generation;
    int n_other;
};

static void on_deployment(void *arg, enum kube_event event, const cJSON *obj)
{
    struct number *n = arg;
    int64_t replicas = json_get_int(obj, "spec.replicas", -1), generation = json_get_int(obj, "metadata.generation", -1);

    if (!n->generation)
        *n = (struct number){ replicas, generation, 0 };
    n->n_other += event == KUBE_DELETED || replicas != n->replicas || generation != n->generation;
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static void return_unnoticed(struct e2e *t, int n)
{
    static const struct kube_watch_handler handler = { on_deployment, on_nothing, on_nothing, NULL };
    struct kube_watch_opts o = { e2e_path(t, "deployments"), NULL, NULL };
    struct number seen = { 0 };
    struct kube_watch *watch = e2e_watch(t, &o, &handler, &seen);
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
    e2e_wait_value(t, "inferenceservices/fraud", "status.predictor.ready", e2e_fmt(t, "%d", n), READY_S);
    e2e_sleep_ms(t, 2000);
    e2e_unwatch(t, watch);
    E2E_CHECK(t, seen.replicas == n && !seen.n_other, e2e_get(t, "deployments/fraud"),
              "the operator came back to %d replicas and changed the Deployment", (int)seen.replicas);
}

static const char autoscaled[] = ", maxReplicas: 6, autoScaling: { behavior: { scaleDown: { stabilizationWindowSeconds: 0 }, "
                                 "scaleUp: { policies: [{ type: Pods, value: 6, periodSeconds: 1 }] } } }";

static void operator_absent(struct e2e *t)
{
    struct operator *op = bring_up(t, 2);
    int turns = 0;

    set_load(t, 2);
    apply(t, 2, "v1", autoscaled);
    e2e_wait_condition(t, "inferenceservices/fraud", "ScalingBlind", "False", "MetricsRead", READY_S);
    operator_kill(op);
    struct traffic *c = traffic_start(t, "fraud");
    for (int64_t end_ms = loop_now_ms() + (getenv("E2E_LONG") ? ABSENT_LONG_S : ABSENT_S) * 1000LL; loop_now_ms() < end_ms; turns++) {
        set_load(t, 5);
        wait_scaled(t, 5);
        set_load(t, 2);
        wait_scaled(t, 2);
    }
    set_load(t, 4);
    wait_scaled(t, 4);
    return_unnoticed(t, 4);
    set_load(t, 3);
    e2e_wait_value(t, "deployments/fraud", "status.readyReplicas", "3", READY_S);
    E2E_CHECK(t, !owned_has(owned_fields(e2e_get(t, "deployments/fraud"), API_MANAGER), "spec.replicas"), NULL,
              "the operator wrote the number that the autoscaler chooses");
    traffic_end(t, c);
    e2e_note(t, "the autoscaler went up and down %d times while no operator was there", turns);
}

/* Else none of the others says anything. */
static void cut_is_seen(struct e2e *t)
{
    bring_up(t, 2);
    struct traffic *c = traffic_start(t, "fraud");
    const char *pod = json_get_str(e2e_list(t, "pods")->child, "metadata.name");
    int64_t end_ms = e2e_deadline_ms(30);

    e2e_delete(t, e2e_fmt(t, "pods/%s?gracePeriodSeconds=0", pod));
    while (!traffic_failures(c)) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "a pod was cut off, and the client saw nothing");
        e2e_sleep_ms(t, 100);
    }
    traffic_drop(c);
}

static const struct e2e_test tests[] = {
    { "the client sees it when a pod is cut off", cut_is_seen, NEEDS_NODES },
    { "no request fails in a rollout", rollout, NEEDS_NODES },
    { "no request fails while an image crashes, and in the rollout of the next", bad_image, NEEDS_NODES },
    { "no request fails when replicas go", scale_down, NEEDS_NODES },
    { "no request fails in a drain of a node", node_drain, NEEDS_NODES },
    { "no request fails while the operator is killed, replaced and restarted", operator_replaced, NEEDS_NODES },
    { "no request fails while the operator is away and the autoscaler goes up and down", operator_absent, NEEDS_NODES | NEEDS_SIM },
};

int main(void)
{
    return e2e_main("traffic", tests, COUNT(tests));
}
