/*
 * A version on trial, on a cluster with pods that run: promoted, aborted, promoted by hand, taken back; and what
 * serves never has fewer ready replicas than before.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/children.h"
#include "e2e/operator.h"
#include "e2e/traffic.h"
#include "kube/watch.h"

enum { STEP_S = 90 };

#define BODY                                                                                            \
    "apiVersion: serving.everserve.dev/v1alpha1\n"                                                      \
    "kind: InferenceService\n"                                                                          \
    "metadata: { name: fraud }\n"                                                                       \
    "spec:\n"                                                                                           \
    "  predictor:\n"                                                                                    \
    "    minReplicas: 2\n"                                                                              \
    "    terminationGracePeriodSeconds: 10\n"                                                           \
    "    containers:\n"                                                                                 \
    "      - image: registry.example.com/fraud:%s\n"                                                    \
    "        lifecycle: { preStop: { sleep: { seconds: 3 } } }\n"                                       \
    "        startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 100 }\n"    \
    "        readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 3 }\n"
#define TRIAL BODY "  rollout: { progressDeadlineSeconds: 120, canary: { replicas: 1, bakeSeconds: %d%s } }\n"

/* What the stable Deployment ever showed. */
struct history {
    int least_ready;
    int64_t generation; /* the last */
};

static void on_deployment(void *arg, enum kube_event event, const cJSON *obj)
{
    struct history *h = arg;
    int ready = event == KUBE_DELETED ? 0 : (int)json_get_int(obj, "status.readyReplicas", 0);

    if (ready < h->least_ready)
        h->least_ready = ready;
    h->generation = json_get_int(obj, "metadata.generation", 0);
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static struct kube_watch *watch_stable(struct e2e *t, struct history *h)
{
    struct kube_watch_opts o = { e2e_path(t, "deployments"), NULL, "metadata.name=fraud" };
    struct kube_watch_handler handler = { on_deployment, on_nothing, on_nothing, NULL };

    *h = (struct history){ .least_ready = 1000 };
    return e2e_watch(t, &o, &handler, h);
}

static void phase_is(struct e2e *t, const char *phase)
{
    e2e_wait_value(t, "inferenceservices/fraud", "status.predictor.canary.phase", e2e_fmt(t, "\"%s\"", phase), STEP_S);
}

static void image_is(struct e2e *t, const char *deployment, const char *tag)
{
    e2e_wait_value(t, deployment, "spec.template.spec.containers.0.image",
                   e2e_fmt(t, "\"registry.example.com/fraud:%s\"", tag), STEP_S);
}

static void is_at_rest(struct e2e *t, const char *tag)
{
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, STEP_S);
    image_is(t, "deployments/fraud", tag);
    e2e_wait_absent(t, "deployments/fraud-canary", STEP_S);
    e2e_wait_value(t, "deployments/fraud", "status.readyReplicas", "2", STEP_S);
}

static bool has_last_good(const cJSON *obj, const void *arg)
{
    (void)arg;
    return !str_empty(json_get_str(obj, "status.predictor.lastGoodRevision"));
}

/* v1 serves, and is known to be good. */
static struct operator *bring_up(struct e2e *t, const char *more)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, TRIAL, "v1", 3, more);
    is_at_rest(t, "v1");
    e2e_wait(t, "inferenceservices/fraud", has_last_good, NULL, STEP_S, "no revision became good");
    return op;
}

static struct operator *anew(struct e2e *t, struct operator *op)
{
    operator_kill(op);
    op = operator_start(t, NULL);
    operator_ready(t, op);
    return op;
}

static void expect_untouched(struct e2e *t, const struct history *h, int64_t generation)
{
    E2E_CHECK(t, h->least_ready >= 2, NULL, "%d replicas were ready", h->least_ready);
    E2E_CHECK(t, h->generation == generation, NULL, "the stable Deployment was written: generation %lld, then %lld",
              (long long)generation, (long long)h->generation);
}

static int64_t generation_of(struct e2e *t)
{
    return json_get_int(e2e_get(t, "deployments/fraud"), "metadata.generation", 0);
}

/* Pods that end are gone as well: their last moments count. */
static void wait_pods(struct e2e *t, int n)
{
    int64_t end_ms = e2e_deadline_ms(STEP_S);

    while (json_count(e2e_list(t, "pods")) != n) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "not %d pods within %d s", n, STEP_S);
        e2e_sleep_ms(t, 200);
    }
}

/* The operator dies at each step, and goes on where it was. */
static void promoted(struct e2e *t)
{
    struct operator *op = bring_up(t, "");
    struct history h;

    struct kube_watch *watch = watch_stable(t, &h);
    struct traffic *c = traffic_start(t, "fraud");
    int64_t generation = generation_of(t);
    e2e_apply(t, TRIAL, "v2", 5, "");
    e2e_wait_present(t, "deployments/fraud-canary", STEP_S);
    op = anew(t, op);
    phase_is(t, "Baking");
    const cJSON *svc = e2e_get(t, "inferenceservices/fraud");
    const char *since = json_get_str(svc, "status.predictor.canary.since");
    op = anew(t, op);
    image_is(t, "deployments/fraud-canary", "v2");
    expect_untouched(t, &h, generation);
    svc = e2e_get(t, "inferenceservices/fraud");
    if (str_eq(json_get_str(svc, "status.predictor.canary.phase"), "Baking"))
        E2E_CHECK(t, str_eq(json_get_str(svc, "status.predictor.canary.since"), since), svc, "its time began anew");
    image_is(t, "deployments/fraud", "v2");
    anew(t, op);
    is_at_rest(t, "v2");
    E2E_CHECK(t, h.least_ready >= 2, NULL, "%d replicas were ready", h.least_ready);
    e2e_wait_value(t, "inferenceservices/fraud", "status.predictor.canary", "null", STEP_S);
    wait_pods(t, 2);
    traffic_end(t, c);
    e2e_unwatch(t, watch);
}

static void aborted(struct e2e *t)
{
    struct history h;

    bring_up(t, "");
    struct kube_watch *watch = watch_stable(t, &h);
    int64_t generation = generation_of(t);
    e2e_apply(t, TRIAL, "crash", 5, "");
    e2e_wait_present(t, "deployments/fraud-canary", STEP_S);
    e2e_wait_condition(t, "inferenceservices/fraud", "RolledBack", "True", NULL, STEP_S);
    e2e_wait_absent(t, "deployments/fraud-canary", STEP_S);
    const cJSON *c = e2e_condition(e2e_get(t, "inferenceservices/fraud"), "RolledBack");
    E2E_CHECK(t, strstr(json_get_str(c, "message"), "exit code 1"), c, "the message does not name the cause");
    e2e_sleep_ms(t, 1500);
    E2E_CHECK(t, !e2e_get(t, "deployments/fraud-canary"), NULL, "what failed is tried again");
    expect_untouched(t, &h, generation);
    e2e_apply(t, TRIAL, "v3", 1, "");
    is_at_rest(t, "v3");
    E2E_CHECK(t, h.least_ready >= 2, NULL, "%d replicas were ready", h.least_ready);
    e2e_unwatch(t, watch);
}

static void by_hand(struct e2e *t)
{
    struct history h;

    bring_up(t, ", promote: Manual");
    struct kube_watch *watch = watch_stable(t, &h);
    int64_t generation = generation_of(t);
    e2e_apply(t, TRIAL, "v2", 1, ", promote: Manual");
    phase_is(t, "Waiting");
    e2e_sleep_ms(t, 1500);
    expect_untouched(t, &h, generation);
    const char *revision = json_get_str(e2e_get(t, "inferenceservices/fraud"), "status.predictor.canary.revision");
    e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{spec: {rollout: {canary: {promoteRevision: \"%s\"}}}}", revision));
    is_at_rest(t, "v2");
    E2E_CHECK(t, h.least_ready >= 2, NULL, "%d replicas were ready", h.least_ready);
    e2e_unwatch(t, watch);
}

static void newest_wins(struct e2e *t)
{
    struct history h;

    bring_up(t, "");
    struct kube_watch *watch = watch_stable(t, &h);
    struct traffic *c = traffic_start(t, "fraud");
    int64_t generation = generation_of(t);
    e2e_apply(t, TRIAL, "v2", 600, "");
    phase_is(t, "Baking");
    const char *first = json_get_str(e2e_get(t, "inferenceservices/fraud"), "status.predictor.canary.revision");
    e2e_apply(t, TRIAL, "v3", 600, "");
    image_is(t, "deployments/fraud-canary", "v3");
    phase_is(t, "Baking");
    E2E_CHECK(t, !str_eq(json_get_str(e2e_get(t, "inferenceservices/fraud"), "status.predictor.canary.revision"), first), NULL,
              "the revision on trial is still the first");
    e2e_apply(t, TRIAL, "v1", 600, "");
    is_at_rest(t, "v1");
    wait_pods(t, 2);
    traffic_end(t, c);
    expect_untouched(t, &h, generation);
    e2e_unwatch(t, watch);
}

static bool is_served(const cJSON *crd, const void *arg)
{
    (void)arg;
    return str_eq(json_get_str(e2e_condition(crd, "Established"), "status"), "True");
}

/* A cluster that has the Gateway API keeps its own. */
static void install_gateway(struct e2e *t)
{
    static const char what[] = "customresourcedefinitions/httproutes.gateway.networking.k8s.io";
    char text[8192];
    FILE *f = fopen("tests/e2e/gateway.yaml", "re");

    E2E_CHECK(t, f, NULL, "cannot open tests/e2e/gateway.yaml: tests run from the top of the repository");
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    e2e_apply(t, "%s", text);
    e2e_wait(t, what, is_served, NULL, 30, "HTTPRoutes are not served");
}

static bool has_gateway(struct e2e *t)
{
    return e2e_send(t, "GET", "/apis/gateway.networking.k8s.io/v1", NULL, NULL, NULL) == 200;
}

static void route_is(struct e2e *t, int stable, const char *canary)
{
    e2e_wait_value(t, "httproutes/fraud", "spec.rules.0.backendRefs.0.weight", e2e_fmt(t, "%d", stable), STEP_S);
    e2e_wait_value(t, "httproutes/fraud", "spec.rules.0.backendRefs.1.weight", canary, STEP_S);
}

/* What a controller of Gateways would write. */
static void gateway_says(struct e2e *t, const char *accepted, const char *reason)
{
    e2e_patch(t, "httproutes/fraud/status",
              e2e_fmt(t, "{status: {parents: [{parentRef: {name: web}, controllerName: example.com/tests, conditions: [{type: Accepted,"
                         " status: '%s', reason: %s, message: '', lastTransitionTime: '2026-01-01T00:00:00Z'}]}]}}", accepted, reason));
}

#define ROUTE ", route: { weight: 20, parentRefs: [{ name: web }], hostnames: [fraud.example.com] }"

static void weighted(struct e2e *t)
{
    struct operator *op = bring_up(t, ROUTE);

    if (!has_gateway(t)) {
        e2e_wait_condition(t, "inferenceservices/fraud", "CanaryRouted", "False", "NotInstalled", STEP_S);
        install_gateway(t);
        anew(t, op);
    }
    e2e_wait_condition(t, "inferenceservices/fraud", "CanaryRouted", "Unknown", "GatewaySilent", STEP_S);
    gateway_says(t, "False", "NotAllowedByListeners");
    e2e_wait_condition(t, "inferenceservices/fraud", "CanaryRouted", "False", "RouteRefused", STEP_S);
    route_is(t, 100, "null");
    e2e_apply(t, TRIAL, "v2", 3, ROUTE);
    e2e_wait_present(t, "services/fraud-canary", STEP_S);
    route_is(t, 80, "20");
    phase_is(t, "Baking");
    int64_t generation = json_get_int(e2e_get(t, "httproutes/fraud"), "metadata.generation", 0);
    e2e_sleep_ms(t, 1000);
    E2E_CHECK(t, json_get_int(e2e_get(t, "httproutes/fraud"), "metadata.generation", 0) == generation, NULL,
              "the route is written again and again");
    phase_is(t, "Baking"); /* without a request its time does not go by */
    gateway_says(t, "True", "Accepted");
    e2e_wait_condition(t, "inferenceservices/fraud", "CanaryRouted", "True", "Routed", STEP_S);
    is_at_rest(t, "v2");
    e2e_wait_absent(t, "services/fraud-canary", STEP_S);
    route_is(t, 100, "null");
}

static const struct e2e_test tests[] = {
    { "a canary is promoted, also by operators that live briefly, and no request fails", promoted, NEEDS_SIM_NODES },
    { "a canary that crashes is aborted, says why, and is not tried again", aborted, NEEDS_SIM_NODES },
    { "a canary is promoted by hand", by_hand, NEEDS_SIM_NODES },
    { "the newest template is on trial; set back, nothing has happened, and no request fails", newest_wins, NEEDS_SIM_NODES },
    { "a route gives the canary its weight, and takes it away before it goes", weighted, NEEDS_SIM_NODES },
};

int main(void)
{
    return e2e_main("canary", tests, COUNT(tests));
}
