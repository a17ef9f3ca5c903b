/*
 * The operator may end at any moment, hear of everything late or not at all, and
 * be refused: the same end state each time. Needs no nodes: pods find no place.
 */
#include <string.h>

#include "e2e/children.h"
#include "e2e/operator.h"
#include "e2e/wire.h"

enum { MANY_WRITES = 80 };

static const char service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: fraud }\n"
    "spec:\n"
    "  predictor:\n"
    "    minReplicas: 2\n"
    "    maxReplicas: 9\n"
    "    nodeSelector: { nowhere: \"true\" }\n"
    "    containers:\n"
    "      - image: registry.example.com/fraud:v1\n"
    "  redis: { nodeSelector: { nowhere: \"true\" } }\n";

static struct operator *operator_on_wire(struct e2e *t, struct wire *w)
{
    struct operator_opts o = { .kubeconfig = wire_kubeconfig(w) };
    struct operator *op = operator_start(t, &o);

    return op;
}

/* Returns whether the n-th write was reached. */
static bool killed_after(struct e2e *t, struct wire *w, int n)
{
    struct operator *op = operator_on_wire(t, w);
    int64_t end_ms = e2e_deadline_ms(60), quiet_ms = loop_now_ms();
    int seen = 0;

    wire_stop_after(w, n);
    e2e_apply(t, "%s", service);
    while (!wire_has_stopped(w) && loop_now_ms() - quiet_ms < 3000) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "the operator writes on and on: %d", wire_all_writes(w));
        if (wire_all_writes(w) != seen)
            quiet_ms = loop_now_ms();
        seen = wire_all_writes(w);
        e2e_sleep_ms(t, 10);
    }
    bool stopped = wire_has_stopped(w);
    operator_kill(op);
    wire_go_on(w);
    return stopped;
}

static void killed_after_each_write(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct operator *op = operator_on_wire(t, w);
    int n = 0;

    e2e_apply(t, "%s", service);
    const char *want = children_settle(t, "fraud", 90);
    operator_kill(op);
    service_delete(t, "fraud");
    while (++n <= MANY_WRITES && killed_after(t, w, n)) {
        op = operator_on_wire(t, w);
        children_wait_text(t, "fraud", want, 60, e2e_fmt(t, "a kill after write %d", n));
        operator_kill(op);
        service_delete(t, "fraud");
    }
    E2E_CHECK(t, n > N_USUAL_CHILDREN, NULL, "only %d writes were seen", n - 1);
    E2E_CHECK(t, n <= MANY_WRITES, NULL, "more than %d writes for one resource", MANY_WRITES);
    e2e_note(t, "an undisturbed run makes %d writes", n - 1);
}

static void restart_writes_nothing(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct operator *op = operator_on_wire(t, w);

    e2e_apply(t, "%s", service);
    children_settle(t, "fraud", 90);
    operator_stop(t, op);
    for (int round = 0; round < 3; round++) {
        wire_zero(w);
        op = operator_on_wire(t, w);
        operator_ready(t, op);
        e2e_sleep_ms(t, 3000);
        E2E_CHECK(t, wire_all_writes(w) == 0 && atomic_load(&w->counts.events) == 0, NULL,
                  "%d writes of objects, %d of status, %d events after a restart", atomic_load(&w->counts.writes),
                  atomic_load(&w->counts.status_writes), atomic_load(&w->counts.events));
        round == 1 ? operator_kill(op) : operator_stop(t, op);
    }
}

static const struct fault {
    const char *name;
    enum wire_fault fault;
    int every;
} faults[] = {
    { "one request in three is 429", WIRE_429, 3 },
    { "one request in three is 500", WIRE_500, 3 },
    { "one request in three is 503", WIRE_503, 3 },
    { "one request in three is 409", WIRE_CONFLICT, 3 },
    { "one request in three is reset before", WIRE_RESET_BEFORE, 3 },
    { "one request in three is reset after the server did it", WIRE_RESET_AFTER, 3 },
};

static void refused_and_reset(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct operator *op = operator_on_wire(t, w);

    e2e_apply(t, "%s", service);
    const char *want = children_settle(t, "fraud", 90);
    service_delete(t, "fraud");
    for (size_t i = 0; i < COUNT(faults); i++) {
        wire_fault_every(w, faults[i].fault, faults[i].every);
        e2e_apply(t, "%s", service);
        children_wait_text(t, "fraud", want, 90, faults[i].name);
        wire_fault_every(w, WIRE_OK, 0);
        service_delete(t, "fraud");
    }
    E2E_CHECK(t, operator_is_running(op), NULL, "the operator ended");
}

static void watches_fail(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct operator *op = operator_on_wire(t, w);

    e2e_apply(t, "%s", service);
    const char *want = children_settle(t, "fraud", 90);
    const char *deployment = child_text(t, CHILD_DEPLOYMENT, "fraud");
    wire_cut_watches(w);
    e2e_patch(t, "deployments/fraud", "{spec: {template: {spec: {terminationGracePeriodSeconds: 3600}}}}");
    child_wait_text(t, CHILD_DEPLOYMENT, "fraud", deployment, 60);
    /* everything happens while no watch is open, and then none may resume */
    atomic_store(&w->watch_gone, 12);
    wire_cut_watches(w);
    e2e_delete(t, "services/fraud");
    e2e_delete(t, "configmaps/fraud-redis");
    e2e_wait_present(t, "services/fraud", 60);
    e2e_wait_present(t, "configmaps/fraud-redis", 60);
    children_wait_text(t, "fraud", want, 60, "lost watches");
    E2E_CHECK(t, operator_is_running(op), NULL, "the operator ended");
}

static void news_come_late(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct operator *op = operator_on_wire(t, w);

    e2e_apply(t, "%s", service);
    const char *want = children_settle(t, "fraud", 90);
    service_delete(t, "fraud");
    operator_ready(t, op);
    atomic_store(&w->watch_delay_ms, 800);
    for (int round = 0; round < 2; round++) {
        e2e_apply(t, "%s", service);
        children_wait_text(t, "fraud", want, 90, "late news");
        service_delete(t, "fraud");
    }
    E2E_CHECK(t, operator_is_running(op), NULL, "the operator ended");
}

static const struct e2e_test tests[] = {
    { "killed after each of its writes in turn: the same end state", killed_after_each_write, 0 },
    { "converged and restarted: no writes, no events", restart_writes_nothing, 0 },
    { "refused, and connections reset: the same end state", refused_and_reset, 0 },
    { "watches cut and expired: nothing is missed", watches_fail, 0 },
    { "events arrive late: the same end state", news_come_late, 0 },
};

int main(void)
{
    return e2e_main("crash", tests, COUNT(tests));
}
