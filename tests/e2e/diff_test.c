/*
 * everserve diff and why, as a person uses them beside a running operator. Needs no nodes.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "e2e/children.h"
#include "e2e/operator.h"
#include "e2e/wire.h"

static const char *said; /* by the last command */

static int ask(struct e2e *t, const char *command, const char *a, const char *b, const char *input)
{
    const char *argv[] = { getenv("E2E_BINARY") ? getenv("E2E_BINARY") : "build/everserve", command, "-n", t->ns, a, b, NULL };

    return e2e_run(t, argv, input, &said);
}

static void expect(struct e2e *t, int is, int want, const char *part)
{
    E2E_CHECK(t, is == want, NULL, "exit code %d, not %d:\n%s", is, want, said);
    E2E_CHECK(t, !part || strstr(said, part), NULL, "does not say \"%s\":\n%s", part, said);
}

static const char *with_image(struct e2e *t, const char *spec)
{
    return e2e_fmt(t, "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: fraud }\nspec: %s\n", spec);
}

static void before_and_after(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);
    const char *two = with_image(t, "{predictor: {minReplicas: 3, containers: [{image: b}]}}");

    operator_ready(t, op);
    expect(t, ask(t, "diff", "-f", "-", e2e_plain_service), 1, "+ Deployment fraud");
    E2E_CHECK(t, !e2e_get(t, "deployments/fraud") && !e2e_get(t, "inferenceservices/fraud"), NULL, "diff has written something");
    e2e_apply(t, "%s", e2e_plain_service);
    const char *text = children_settle(t, "fraud", 60);
    expect(t, ask(t, "diff", "fraud", NULL, NULL), 0, "nothing would change");
    expect(t, ask(t, "diff", "-f", "-", e2e_plain_service), 0, "nothing would change");
    expect(t, ask(t, "diff", "-f", "-", two), 1, "~ spec.replicas: 2 -> 3");
    expect(t, 0, 0, "containers[model].image: \"registry.example.com/fraud:v1\" -> \"b\"");
    children_wait_text(t, "fraud", text, 1, "diff");
}

static void drift_is_told(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", e2e_plain_service);
    children_settle(t, "fraud", 60);
    operator_signal(op, SIGSTOP);
    e2e_patch(t, "services/fraud", "{metadata: {labels: {app.kubernetes.io/part-of: me}}}");
    e2e_delete(t, "poddisruptionbudgets/fraud");
    expect(t, ask(t, "diff", "fraud", NULL, NULL), 1, "part-of: \"me\" -> \"everserve\"");
    expect(t, 0, 0, "+ PodDisruptionBudget fraud");
    expect(t, ask(t, "diff", "-o", "json", NULL), 1, "\"change\"");
    operator_signal(op, SIGCONT);
    e2e_wait_present(t, "poddisruptionbudgets/fraud", 60);
    children_settle(t, "fraud", 60);
    expect(t, ask(t, "diff", "fraud", NULL, NULL), 0, NULL);
}

static void why_tells_what_was_decided(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", e2e_plain_service);
    children_settle(t, "fraud", 60);
    expect(t, ask(t, "why", "fraud", NULL, NULL), 0, "wrote apply[Deployment: is missing]");
    expect(t, 0, 0, "PredictorReady");
    const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
    E2E_CHECK(t, json_count(json_at(isvc, "status.decisions")) <= 8, isvc, "more decisions than are kept");
}

static void secrets_are_not_shown(struct e2e *t)
{
    expect(t, ask(t, "diff", "-o", "json", NULL), 0, "[]");
    expect(t, ask(t, "diff", "-f", "-", e2e_redis_service), 1, "+ Secret fraud-redis");
    struct operator *op = operator_start(t, NULL);
    operator_ready(t, op);
    e2e_apply(t, "%s", e2e_redis_service);
    const cJSON *secret = e2e_wait_present(t, "secrets/fraud-redis", 60);
    const char *password = json_get_str(secret, "data.password");
    operator_signal(op, SIGSTOP);
    e2e_patch(t, "secrets/fraud-redis", "{data: {url: b29wcw==}}");
    expect(t, ask(t, "diff", "fraud", NULL, NULL), 1, "data.url: changed");
    E2E_CHECK(t, password && !strstr(said, password) && !strstr(said, "b29wcw"), NULL, "a value of the Secret is shown");
    operator_signal(op, SIGCONT);
}

static int ask_through(struct e2e *t, const struct wire *w, const char *command, const char *a, const char *b, const char *input)
{
    const char *argv[] = { getenv("E2E_BINARY") ? getenv("E2E_BINARY") : "build/everserve", command, "--kubeconfig", wire_kubeconfig(w),
                           "-n", t->ns, a, b, NULL };

    return e2e_run(t, argv, input, &said);
}

#define OTHER "{apiVersion: serving.everserve.dev/v1alpha1, kind: InferenceService, metadata: {name: other}," \
              " spec: {predictor: {containers: [{image: m}]}}}\n"

/* Who may not read all of it hears what is missing, and gets no half answer for a whole one. */
static void forbidden_things_are_named(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);
    struct wire *w = wire_start(t);

    operator_ready(t, op);
    e2e_apply(t, "%s", e2e_redis_service);
    e2e_wait_present(t, "secrets/fraud-redis", 60);
    wire_forbid(w, "/poddisruptionbudgets");
    expect(t, ask_through(t, w, "diff", "fraud", NULL, NULL), 2, "PodDisruptionBudget in");
    expect(t, 0, 0, "cannot be listed");
    expect(t, ask_through(t, w, "why", "fraud", NULL, NULL), 0, "cannot be seen from here");
    wire_forbid(w, "/inferenceservices");
    expect(t, ask_through(t, w, "diff", NULL, NULL, NULL), 2, "InferenceService in");
    expect(t, ask_through(t, w, "why", "fraud", NULL, NULL), 2, "told to say so");
    wire_forbid(w, "/secrets/");
    ask_through(t, w, "diff", "fraud", NULL, NULL);
    expect(t, 0, 0, "the Secret of Redis cannot be read");
    wire_forbid(w, "/nodes");
    expect(t, ask_through(t, w, "diff", "-f", "-", OTHER), 1, "+ Deployment other");
}

static int ask_beside_redis(struct e2e *t, const char *command)
{
    const char *b = getenv("B") ? getenv("B") : "build", *binary = getenv("E2E_BINARY") ? getenv("E2E_BINARY") : "build/everserve";
    const char *argv[] = { "env", e2e_fmt(t, "LD_PRELOAD=%s/tests/e2e/preload.so", b), "ASAN_OPTIONS=verify_asan_link_order=0",
                           "E2E_REDIS_PORT=1", binary, command, "-n", t->ns, "fraud", NULL };

    return e2e_run(t, argv, NULL, &said);
}

/* As from most desks. */
static void redis_is_out_of_reach(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", e2e_redis_service);
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", NULL, 60);
    e2e_wait_value(t, "poddisruptionbudgets/fraud-redis", "spec.maxUnavailable", "1", 60);
    expect(t, ask_beside_redis(t, "diff"), 0, "Redis was not reached from here");
    expect(t, 0, 0, "the operator last said Healthy");
    expect(t, 0, 0, "nothing would change");
    expect(t, ask_beside_redis(t, "why"), 0, "not reached from here");
}

static void bad_input_is_an_error(struct e2e *t)
{
    expect(t, ask(t, "diff", "nobody", NULL, NULL), 2, "there is no InferenceService");
    expect(t, ask(t, "why", "nobody", NULL, NULL), 2, "not found");
    expect(t, ask(t, "diff", "-f", "-", "kind: Pod\n"), 2, "holds no InferenceService");
    expect(t, ask(t, "diff", "-f", "-", with_image(t, "{predictor: {containers: []}}")), 2, "would be refused");
    expect(t, ask(t, "diff", "--frobnicate", NULL, NULL), 64, "--help");
    expect(t, ask(t, "diff", "--kubeconfig", "/nonexistent", NULL), 2, "nonexistent");
    expect(t, ask(t, "why", "a", "b", NULL), 64, "name one");
}

static const struct e2e_test tests[] = {
    { "diff: before, after, and with another file; nothing is written", before_and_after, 0 },
    { "diff: drift, field by field", drift_is_told, 0 },
    { "diff: values of Secrets are not shown", secrets_are_not_shown, 0 },
    { "diff and why: wrong names, files and options", bad_input_is_an_error, 0 },
    { "diff and why: what may not be read is named", forbidden_things_are_named, 0 },
    { "diff and why: Redis cannot be reached from here", redis_is_out_of_reach, NEEDS_NODES },
    { "why: decisions and what they wrote", why_tells_what_was_decided, 0 },
};

int main(void)
{
    return e2e_main("diff", tests, COUNT(tests));
}
