/*
 * The resource in the hands of kubectl. Needs kubectl, and no nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/children.h"
#include "e2e/operator.h"

enum { ARGS = 24 };

/* kubectl in the test's namespace; the words are split at spaces. */
static const char *kubectl(struct e2e *t, const char *words, const char *input)
{
    const char *argv[ARGS] = { "kubectl", "-n", t->ns };
    AUTO_FREE char *copy = xstrdup(words);
    const char *out = NULL;
    char *rest = NULL;
    int n = 3;

    for (char *w = strtok_r(copy, " ", &rest); w && n < ARGS - 1; w = strtok_r(NULL, " ", &rest))
        argv[n++] = w;
    int code = e2e_run(t, argv, input, &out);
    E2E_CHECK(t, code == 0, NULL, "kubectl %s: exit code %d\n# %s", words, code, out);
    return out;
}

static void expect_words(struct e2e *t, const char *text, const char *const words[])
{
    for (; *words; words++)
        E2E_CHECK(t, strstr(text, *words), NULL, "no \"%s\" in:\n%s", *words, text);
}

static void apply_and_get(struct e2e *t)
{
    static const char *const columns[] = { "NAME",  "READY", "REASON", "DESIRED", "AVAILABLE", "REDIS",
                                           "SLOTS", "HELD",  "AGE",    "fraud",   NULL };
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    kubectl(t, "apply -f -", e2e_plain_service);
    kubectl(t, "apply -f -", e2e_plain_service);
    kubectl(t, "apply --server-side --force-conflicts -f -", e2e_plain_service);
    kubectl(t, "wait --for=create deployment/fraud --timeout=60s", NULL);
    e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "False", NULL, 60);
    expect_words(t, kubectl(t, "get evs", NULL), columns);
    expect_words(t, kubectl(t, "get everserve,inference -o wide", NULL), (const char *const[]){ "fraud", "URL", NULL });
    expect_words(t, kubectl(t, "get deployments,services,poddisruptionbudgets -l app.kubernetes.io/instance=fraud", NULL),
                 (const char *const[]){ "deployment.apps/fraud", "service/fraud", "poddisruptionbudget", NULL });
    expect_words(t, kubectl(t, "describe evs fraud", NULL), (const char *const[]){ "Conditions", "Reconciling", NULL });
}

static void scale_and_wait(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    kubectl(t, "apply -f -", e2e_plain_service);
    kubectl(t, "wait --for=create deployment/fraud --timeout=60s", NULL);
    kubectl(t, "scale evs/fraud --replicas=4", NULL);
    kubectl(t, "wait --for=jsonpath={.spec.replicas}=4 deployment/fraud --timeout=60s", NULL);
    kubectl(t, "wait --for=condition=Stalled=false evs/fraud --timeout=60s", NULL);
    if (t->has_nodes)
        kubectl(t, "wait --for=condition=Ready evs/fraud --timeout=120s", NULL);
    kubectl(t, "delete evs fraud --timeout=60s", NULL);
    children_wait_gone(t, "fraud", 60);
}

static const struct e2e_test tests[] = {
    { "kubectl applies, and shows columns, categories and conditions", apply_and_get, NEEDS_KUBECTL },
    { "kubectl scales, waits and deletes", scale_and_wait, NEEDS_KUBECTL },
};

int main(void)
{
    return e2e_main("kubectl", tests, COUNT(tests));
}
