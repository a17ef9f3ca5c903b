/*
 * A machine of the cluster goes, with everybody's pods on it: runs alone. Needs simulated nodes.
 */
#include "e2e/witness.h"

/* A machine is switched off with all that runs on it, and comes back. */
static void node_lost(struct e2e *t)
{
    enum { UNPROMISED_MS = 3000, FAILOVER_MS = 20000 };
    struct witness v = { 0 };

    witness_bring_up(t, e2e_redis_service);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    const char *pod = redis_master_pod(t, "fraud");
    E2E_CHECK(t, pod, NULL, "no master found");
    const char *node = json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", pod)), "spec.nodeName");
    int64_t at_ms = loop_now_ms();
    e2e_patch(t, e2e_fmt(t, "nodes/%s", node), "{metadata: {annotations: {sim.everserve.dev/fault: lost}}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "False", NULL, 60);
    for (int64_t end_ms = loop_now_ms() + FAILOVER_MS; loop_now_ms() < end_ms; e2e_sleep_ms(t, 300)) {
        const cJSON *isvc = witness_look(t, &v);
        E2E_CHECK(t, !str_eq(json_get_str(isvc, "status.redis.state"), "Healthy"), isvc, "Healthy without a node");
    }
    e2e_note(t, "%lld writes acknowledged so far", (long long)ledger_acked(t));
    e2e_patch(t, e2e_fmt(t, "nodes/%s", node), "{metadata: {annotations: {sim.everserve.dev/fault: null}}}");
    witness_recovery(t, &v, READY_S);
    witness_check_ledger(t, at_ms - UNPROMISED_MS, at_ms + FAILOVER_MS);
}

static const struct e2e_test tests[] = {
    { "a node lost and found: verdicts right, nothing lost", node_lost, NEEDS_NODES | NEEDS_REDIS_CLI | NEEDS_SIM_NODES },
};

int main(void)
{
    return e2e_main("node", tests, COUNT(tests));
}
