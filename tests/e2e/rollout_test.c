/*
 * A version that does not come up goes back by itself, whatever is wrong with it, and nobody who was ready is lost.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/harness.h"
#include "e2e/operator.h"
#include "kube/watch.h"

static const char service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: %s }\n"
    "spec:\n"
    "  rollout: { progressDeadlineSeconds: 10 }\n"
    "  predictor:\n"
    "    minReplicas: 2\n"
    "    %s\n"
    "    containers:\n"
    "      - readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }\n"
    "        image: %s\n";

#define MODEL(tag) "registry.example.com/fraud:" tag
#define CRASH "busybox:1\n        command: [sh, -c, \"echo no model at /mnt/models >/dev/termination-log; exit 3\"]"

static const struct trial {
    const char *name, *image, *more; /* what is wrong with the version */
    const char *reason, *cause;    /* and how it is told */
} trials[] = {
    { "crashes", CRASH, "", "CrashLoop", "exit code 3 (Error): no model at /mnt/models" },
    { "is-missing", MODEL("missing"), "", "ImagePull", "fraud:missing" },
    { "never-ready", MODEL("unready"), "", "DeadlineExceeded", "no progress for 10 s; a pod is not ready" },
    { "wants-a-gpu", MODEL("v2"), "accelerator: { count: 64 }", "Unschedulable", "Insufficient nvidia.com/gpu" },
};

/* The fewest ready replicas that a Deployment ever had since it was whole, as the API server tells it. */
struct low {
    int ready[COUNT(trials)];
};

static void on_deployment(void *arg, enum kube_event event, const cJSON *obj)
{
    struct low *low = arg;
    int ready = event == KUBE_DELETED ? 0 : (int)json_get_int(obj, "status.readyReplicas", 0);

    for (size_t i = 0; i < COUNT(trials); i++)
        if (str_eq(trials[i].name, json_get_str(obj, "metadata.name")) && ready < low->ready[i])
            low->ready[i] = ready;
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static struct kube_watch *watch_low(struct e2e *t, struct low *low)
{
    struct kube_watch_opts o = { e2e_path(t, "deployments"), NULL, NULL };
    struct kube_watch_handler handler = { on_deployment, on_nothing, on_nothing, NULL };

    for (size_t i = 0; i < COUNT(trials); i++)
        low->ready[i] = 2;
    return e2e_watch(t, &o, &handler, low);
}

static const char *of(struct e2e *t, const char *name)
{
    return e2e_fmt(t, "inferenceservices/%s", name);
}

static const cJSON *ready(struct e2e *t, const char *name)
{
    return e2e_wait_condition(t, of(t, name), "Ready", "True", NULL, 60);
}

static void image_is(struct e2e *t, const char *name, const char *image)
{
    e2e_wait_value(t, e2e_fmt(t, "deployments/%s", name), "spec.template.spec.containers.0.image",
                   e2e_fmt(t, "\"%s\"", image), 30);
}

/* The last good one is kept, and none besides. */
static void one_is_kept(struct e2e *t, const char *name)
{
    const char *what = e2e_fmt(t, "/apis/apps/v1/namespaces/%s/controllerrevisions?labelSelector=app.kubernetes.io%%2Finstance%%3D%s",
                               t->ns, name);
    const cJSON *s = e2e_get(t, of(t, name));
    const char *good = json_get_str(s, "status.predictor.lastGoodRevision");
    int64_t end_ms = e2e_deadline_ms(30);
    int n;

    while ((n = json_count(e2e_list(t, what))) != 1 && loop_now_ms() < end_ms)
        e2e_sleep_ms(t, 100);
    E2E_CHECK(t, n == 1, s, "%d templates are kept", n);
    E2E_CHECK(t, good && e2e_get(t, e2e_fmt(t, "/apis/apps/v1/namespaces/%s/controllerrevisions/%s-%s", t->ns, name, good)), s,
              "it is not the last good one");
}

static void goes_back(struct e2e *t, const struct trial *trial)
{
    const cJSON *s = e2e_wait_condition(t, of(t, trial->name), "RolledBack", "True", trial->reason, 60);
    const char *message = json_get_str(e2e_condition(s, "RolledBack"), "message");

    e2e_note(t, "%s: %s", trial->name, message);
    E2E_CHECK(t, strstr(message, trial->cause), s, "the message does not say \"%s\"", trial->cause);
    e2e_wait_condition(t, of(t, trial->name), "Stalled", "True", "RolledBack", 30);
    image_is(t, trial->name, MODEL("v1"));
    e2e_wait_condition(t, of(t, trial->name), "PredictorReady", "True", NULL, 30);
    s = e2e_wait_value(t, of(t, trial->name), "status.predictor.updated", "2", 30);
    E2E_CHECK(t, str_eq(json_get_str(s, "status.predictor.revision"), json_get_str(s, "status.predictor.lastGoodRevision")), s,
              "it is not the last good one that serves");
    E2E_CHECK(t, json_has(s, "status.predictor.failedRevision"), s, "the failed one is not named");
    one_is_kept(t, trial->name);
}

static int64_t generation(struct e2e *t, const char *name)
{
    return json_get_int(e2e_get(t, e2e_fmt(t, "deployments/%s", name)), "metadata.generation", 0);
}

static void stays_back(struct e2e *t, struct operator *op)
{
    int64_t was[COUNT(trials)];

    for (size_t i = 0; i < COUNT(trials); i++)
        was[i] = generation(t, trials[i].name);
    operator_kill(op);
    op = operator_start(t, NULL);
    operator_ready(t, op);
    e2e_sleep_ms(t, 2000);
    for (size_t i = 0; i < COUNT(trials); i++)
        E2E_CHECK(t, generation(t, trials[i].name) == was[i], NULL, "%s was written after a restart", trials[i].name);
}

static void what_fails_goes_back(struct e2e *t)
{
    struct low low;
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    for (size_t i = 0; i < COUNT(trials); i++)
        e2e_apply(t, service, trials[i].name, "", MODEL("v1"));
    for (size_t i = 0; i < COUNT(trials); i++)
        E2E_CHECK(t, json_has(ready(t, trials[i].name), "status.predictor.lastGoodRevision"), NULL, "nothing is kept");
    struct kube_watch *watch = watch_low(t, &low);
    for (size_t i = 0; i < COUNT(trials); i++)
        e2e_apply(t, service, trials[i].name, trials[i].more, trials[i].image);
    for (size_t i = 0; i < COUNT(trials); i++)
        goes_back(t, &trials[i]);
    stays_back(t, op);
    for (size_t i = 0; i < COUNT(trials); i++)
        e2e_apply(t, service, trials[i].name, "", MODEL("v3"));
    for (size_t i = 0; i < COUNT(trials); i++) {
        image_is(t, trials[i].name, MODEL("v3"));
        ready(t, trials[i].name);
        e2e_wait_condition(t, of(t, trials[i].name), "RolledBack", "False", NULL, 30);
        e2e_wait_value(t, of(t, trials[i].name), "status.predictor.failedRevision", "null", 30);
    }
    for (size_t i = 0; i < COUNT(trials); i++)
        E2E_CHECK(t, low.ready[i] >= 2, NULL, "%s: only %d replicas were ready at times", trials[i].name, low.ready[i]);
    e2e_unwatch(t, watch);
}

/* What `kubectl rollout undo` sends. */
static void undo(struct e2e *t, const char *name, const cJSON *template)
{
    AUTO_JSON cJSON *patch = json_new_arr();
    cJSON *op = json_push_obj(patch);

    json_str(op, "op", "replace");
    json_str(op, "path", "/spec/template");
    json_put_dup(op, "value", template);
    E2E_CHECK(t, e2e_send(t, "PATCH", e2e_fmt(t, "deployments/%s", name), "application/json-patch+json", patch, NULL) == 200,
              NULL, "the patch was not taken");
}

static void a_hand_does_not_roll_back(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);
    const cJSON *first;

    operator_ready(t, op);
    e2e_apply(t, service, "fraud", "", MODEL("v1"));
    ready(t, "fraud");
    first = e2e_get(t, "deployments/fraud");
    e2e_apply(t, service, "fraud", "", MODEL("v2"));
    image_is(t, "fraud", MODEL("v2"));
    ready(t, "fraud");
    undo(t, "fraud", json_at(first, "spec.template"));
    image_is(t, "fraud", MODEL("v2"));
    ready(t, "fraud");
    one_is_kept(t, "fraud");
}

static void the_first_has_nothing_to_go_back_to(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);
    const cJSON *s;

    operator_ready(t, op);
    e2e_apply(t, service, "fraud", "", CRASH);
    s = e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "RolloutFailed", 60);
    E2E_CHECK(t, strstr(json_get_str(e2e_condition(s, "Stalled"), "message"), "exit code 3"), s, "the cause is not named");
    E2E_CHECK(t, !json_has(s, "status.predictor.failedRevision"), s, "it was given up");
    image_is(t, "fraud", "busybox:1");
    e2e_apply(t, service, "fraud", "", MODEL("v1"));
    ready(t, "fraud");
}

static void what_no_node_can_hold_is_said(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);
    const cJSON *s;

    operator_ready(t, op);
    e2e_apply(t, service, "fraud", "", MODEL("v1"));
    ready(t, "fraud");
    e2e_apply(t, service, "fraud", "", MODEL("v2") "\n        resources: { requests: { memory: 900Ti } }");
    s = e2e_wait_condition(t, "inferenceservices/fraud", "Placeable", "False", "FitsNoNode", 30);
    E2E_CHECK(t, strstr(json_get_str(e2e_condition(s, "Placeable"), "message"), "memory 900Ti"), s, "it is not said what is asked for");
    image_is(t, "fraud", MODEL("v2")); /* a node may come */
    e2e_apply(t, service, "fraud", "", MODEL("v1"));
    s = ready(t, "fraud");
    E2E_CHECK(t, !e2e_condition(s, "Placeable"), s, "it is said of a version that serves");
}

static const char *kept_of(struct e2e *t, const char *name)
{
    const char *good = json_get_str(e2e_get(t, of(t, name)), "status.predictor.lastGoodRevision");

    E2E_CHECK(t, good, NULL, "nothing is kept");
    return e2e_fmt(t, "controllerrevisions/%s-%s", name, good);
}

/* What serves proves what was kept: before the next version replaces it, and while it is what was gone back to. */
static void a_deleted_template_is_made_again(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);
    const char *kept;

    operator_ready(t, op);
    e2e_apply(t, service, "fraud", "", MODEL("v1"));
    ready(t, "fraud");
    kept = kept_of(t, "fraud");
    e2e_delete(t, kept);
    e2e_apply(t, service, "fraud", "", MODEL("missing"));
    e2e_wait_condition(t, "inferenceservices/fraud", "RolledBack", "True", "ImagePull", 60);
    image_is(t, "fraud", MODEL("v1"));
    e2e_wait_present(t, kept, 10);
    operator_kill(op);
    e2e_delete(t, kept);
    operator_ready(t, operator_start(t, NULL));
    e2e_wait_present(t, kept, 30);
    e2e_wait_condition(t, "inferenceservices/fraud", "RolledBack", "True", "ImagePull", 30);
    image_is(t, "fraud", MODEL("v1"));
}

/* What the server adds to a template, and what we do on our own account, does not hide that it is the same. */
static void also_beside_redis(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", e2e_redis_service);
    ready(t, "fraud");
    const char *kept = kept_of(t, "fraud");
    e2e_delete(t, kept);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {predictor: {annotations: {note: new}}}}");
    operator_log_wait(t, op, "template kept again", 30);
    e2e_wait_absent(t, kept, 60); /* the new one is good */
    ready(t, "fraud");
}

static void switched_off_it_stays(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, service, "fraud", "", MODEL("v1"));
    ready(t, "fraud");
    e2e_patch(t, "inferenceservices/fraud", "{spec: {rollout: {autoRollback: Disabled}}}");
    e2e_apply(t, service, "fraud", "", MODEL("missing"));
    e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "RolloutFailed", 60);
    image_is(t, "fraud", MODEL("missing"));
    e2e_patch(t, "inferenceservices/fraud", "{spec: {rollout: {autoRollback: Enabled}}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "RolledBack", "True", "ImagePull", 60);
    image_is(t, "fraud", MODEL("v1"));
    /* the good one again, by name: nothing is rolled back any more, and nothing is rolled */
    e2e_apply(t, service, "fraud", "", MODEL("v1"));
    ready(t, "fraud");
    e2e_wait_condition(t, "inferenceservices/fraud", "RolledBack", "False", NULL, 30);
}

int main(void)
{
    static const struct e2e_test tests[] = {
        { "a version that does not come up goes back by itself", what_fails_goes_back, NEEDS_SIM_NODES },
        { "rollout undo is drift", a_hand_does_not_roll_back, NEEDS_SIM_NODES },
        { "the first version has nothing to go back to", the_first_has_nothing_to_go_back_to, NEEDS_SIM_NODES },
        { "a version that no node can hold is said at once", what_no_node_can_hold_is_said, NEEDS_SIM_NODES },
        { "a kept template that somebody deleted is made again from what serves", a_deleted_template_is_made_again, NEEDS_SIM_NODES },
        { "a kept template is made again also beside Redis", also_beside_redis, NEEDS_SIM_NODES },
        { "without autoRollback a version stays", switched_off_it_stays, NEEDS_SIM_NODES },
    };

    return e2e_main("rollout", tests, COUNT(tests));
}
