/*
 * A client that sends requests without pause through the Service sees no error, whatever is done to what serves.
 */
#include <string.h>

#include "e2e/operator.h"
#include "e2e/traffic.h"

enum { READY_S = 90 };

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

    while (json_count(e2e_list(t, "pods")) != n) {
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

static void scale_to(struct e2e *t, int n)
{
    e2e_patch(t, "deployments/fraud/scale", e2e_fmt(t, "{spec: {replicas: %d}}", n));
    e2e_wait_value(t, "deployments/fraud", "status.readyReplicas", e2e_fmt(t, "%d", n), READY_S);
    wait_pods(t, n);
}

static void operator_absent(struct e2e *t)
{
    struct operator *op = bring_up(t, 2);

    apply(t, 2, "v1", ", maxReplicas: 6");
    e2e_wait_present(t, "horizontalpodautoscalers/fraud", READY_S);
    operator_kill(op);
    /* from here on the test is the autoscaler: the cluster's own has no metric to go by, and keeps still */
    struct traffic *c = traffic_start(t, "fraud");
    scale_to(t, 4);
    scale_to(t, 2);
    op = operator_start(t, NULL);
    operator_ready(t, op);
    e2e_sleep_ms(t, 1000);
    traffic_end(t, c);
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
    { "no request fails while the operator is away and replicas come and go", operator_absent, NEEDS_NODES },
};

int main(void)
{
    return e2e_main("traffic", tests, COUNT(tests));
}
