/*
 * The autoscaler is the only writer of replicas while it exists: they are never
 * thrown to 1 or to minReplicas behind its back. Needs no nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/children.h"
#include "e2e/operator.h"
#include "kube/watch.h"

/* Everything that spec.replicas ever was, as the API server tells it. */
struct history {
    int values[64];
    int n;
    bool came;
};

static const char service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: fraud }\n"
    "spec:\n"
    "  predictor:\n"
    "    minReplicas: 2\n"
    "    maxReplicas: %d\n"
    "    containers:\n"
    "      - image: registry.example.com/fraud:%s\n";

static void on_deployment(void *arg, enum kube_event event, const cJSON *obj)
{
    struct history *h = arg;
    int now = (int)json_get_int(obj, "spec.replicas", -1);

    if (event == KUBE_DELETED)
        now = 0;
    if ((!h->n || h->values[h->n - 1] != now) && h->n < (int)COUNT(h->values))
        h->values[h->n++] = now;
    h->came = true;
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static struct kube_watch *watch_deployment(struct e2e *t, struct history *h)
{
    struct kube_watch_opts o = { e2e_path(t, "deployments"), NULL, "metadata.name=fraud" };
    struct kube_watch_handler handler = { on_deployment, on_nothing, on_nothing, NULL };

    return e2e_watch(t, &o, &handler, h);
}

static void expect_only(struct e2e *t, const struct history *h, int least, const char *when)
{
    char text[512] = "";

    for (int i = 0; i < h->n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " %d", h->values[i]);
    e2e_note(t, "replicas over time:%s", text);
    for (int i = 0; i < h->n; i++)
        E2E_CHECK(t, h->values[i] >= least, NULL, "%s: replicas were%s", when, text);
}

/* What the autoscaler does: the scale subresource, as another manager. */
static void scale_to(struct e2e *t, int replicas)
{
    e2e_patch(t, "deployments/fraud/scale", e2e_fmt(t, "{spec: {replicas: %d}}", replicas));
}

static void settle_at_seven(struct e2e *t)
{
    /* the autoscaler of the local cluster sees that the target is met: blind, it would be held at what runs */
    if (t->has_sim)
        e2e_apply(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: sim-metrics }\ndata: { fraud.cpu: '70' }\n");
    e2e_apply(t, service, 9, "v1");
    children_settle(t, "fraud", 60);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "2", 30);
    e2e_wait_present(t, "horizontalpodautoscalers/fraud", 30);
    scale_to(t, 7);
}

static void stays_at_seven(struct e2e *t)
{
    struct history h = { 0 };
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    settle_at_seven(t);
    struct kube_watch *watch = watch_deployment(t, &h);
    operator_stop(t, op);
    op = operator_start(t, NULL);
    operator_ready(t, op);
    e2e_sleep_ms(t, 1500);
    expect_only(t, &h, 7, "operator restarted");

    e2e_apply(t, service, 9, "v2");
    e2e_wait_value(t, "deployments/fraud", "spec.template.spec.containers.0.image", "\"registry.example.com/fraud:v2\"", 30);
    e2e_sleep_ms(t, 1000);
    expect_only(t, &h, 7, "template changed");

    e2e_apply(t, service, 2, "v2");
    e2e_wait_absent(t, "horizontalpodautoscalers/fraud", 30);
    e2e_sleep_ms(t, 1500);
    expect_only(t, &h, 7, "autoscaling switched off");
    operator_kill(op);
    op = operator_start(t, NULL);
    operator_ready(t, op);
    e2e_sleep_ms(t, 1500);
    expect_only(t, &h, 7, "restarted while autoscaling is off");

    e2e_apply(t, service, 9, "v2");
    e2e_wait_present(t, "horizontalpodautoscalers/fraud", 30);
    e2e_sleep_ms(t, 1500);
    expect_only(t, &h, 7, "autoscaling switched on again");
    scale_to(t, 6);
    e2e_sleep_ms(t, 1500);
    expect_only(t, &h, 6, "the autoscaler decides again");
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "6", 5);
    e2e_unwatch(t, watch);
}

/* Switching on hands the field over: at no moment do two managers write it. */
static void handed_over(struct e2e *t)
{
    struct history h = { 0 };
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, service, 2, "v1");
    children_settle(t, "fraud", 60);
    struct kube_watch *watch = watch_deployment(t, &h);
    for (int round = 0; round < 3; round++) {
        e2e_apply(t, service, 9, "v1");
        e2e_wait_present(t, "horizontalpodautoscalers/fraud", 30);
        e2e_apply(t, service, 2, "v1");
        e2e_wait_absent(t, "horizontalpodautoscalers/fraud", 30);
    }
    expect_only(t, &h, 2, "switched on and off");
    e2e_unwatch(t, watch);
}

/* Killed in the middle of the switch, at every point of time that luck provides. */
static void switched_while_killed(struct e2e *t)
{
    struct history h = { 0 };
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    settle_at_seven(t);
    struct kube_watch *watch = watch_deployment(t, &h);
    for (int round = 0; round < 8; round++) {
        e2e_apply(t, service, round % 2 ? 9 : 2, "v1");
        e2e_sleep_ms(t, 8 * round);
        operator_kill(op);
        op = operator_start(t, NULL);
    }
    e2e_wait_present(t, "horizontalpodautoscalers/fraud", 30);
    e2e_sleep_ms(t, 1000);
    expect_only(t, &h, 7, "killed while switching");
    e2e_unwatch(t, watch);
}

/* Without an autoscaler, minReplicas is the number: kubectl scale on the resource moves it. */
static void scale_subresource(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, service, 2, "v1");
    children_settle(t, "fraud", 60);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {predictor: {maxReplicas: null}}}");
    e2e_patch(t, "inferenceservices/fraud/scale", "{spec: {replicas: 4}}");
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "4", 30);
    e2e_patch(t, "inferenceservices/fraud/scale", "{spec: {replicas: 3}}");
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "3", 30);
    const cJSON *scale = e2e_get(t, "inferenceservices/fraud/scale");
    E2E_CHECK(t, json_get_str(scale, "status.selector"), scale, "no selector in the scale subresource");
}

static const struct e2e_test tests[] = {
    { "autoscaler at 7, then restart, new template, off and on: never 1, never minReplicas", stays_at_seven, 0 },
    { "autoscaling on and off and on: replicas are handed over", handed_over, 0 },
    { "killed while autoscaling is switched: replicas stay", switched_while_killed, 0 },
    { "kubectl scale moves minReplicas", scale_subresource, 0 },
};

int main(void)
{
    return e2e_main("scaling", tests, COUNT(tests));
}
