/*
 * A machine is lost with the Redis pods on it, and comes back. Disturbs everybody
 * on the cluster. Needs simulated nodes.
 */
#include "e2e/witness.h"

enum { LOST_MS = 20000, UNPROMISED_MS = 3000, RECOVERY_S = 120 };

static void node_fault(struct e2e *t, const char *node, const char *fault)
{
    e2e_patch(t, e2e_fmt(t, "nodes/%s", node), e2e_fmt(t, "{metadata: {annotations: {sim.everserve.dev/fault: %s}}}", fault));
}

static void lost_and_back(struct e2e *t)
{
    struct witness v = { 0 };

    witness_bring_up(t, e2e_redis_service);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1500);
    const char *pod = redis_master_pod(t, "fraud");
    const char *node = json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", pod)), "spec.nodeName");
    int64_t from_ms = loop_now_ms();
    node_fault(t, node, "lost");
    witness_for(t, &v, LOST_MS);
    E2E_CHECK(t, str_eq(v.last, "Degraded"), NULL, "a lost node leaves Redis %s; states were: %s", v.last, v.states);
    node_fault(t, node, "null");
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, from_ms - UNPROMISED_MS, from_ms + UNPROMISED_MS);
}

static const struct e2e_test tests[] = {
    { "a node is lost with a master on it, and back", lost_and_back, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME },
};

int main(void)
{
    return e2e_main("redis-node", tests, COUNT(tests));
}
