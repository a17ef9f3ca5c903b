/*
 * Redis when things break that are not announced: quorum lost, a server that stands
 * still or is cut off, volumes gone, the operator away. Verdicts are compared with
 * redis-cli's, keys with what was acknowledged. Minutes; needs simulated nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/secure.h"
#include "e2e/witness.h"

enum { NODE_TIMEOUT_MS = 5000, UNPROMISED_MS = 3000, RECOVERY_S = 120 };

static void pod_fault(struct e2e *t, const char *pod, const char *fault)
{
    e2e_patch(t, e2e_fmt(t, "pods/%s", pod), e2e_fmt(t, "{metadata: {annotations: {sim.everserve.dev/fault: %s}}}", fault));
}

static void delete_volume_of(struct e2e *t, const char *pod)
{
    e2e_delete(t, e2e_fmt(t, "persistentvolumeclaims/data-%s", pod));
    e2e_delete(t, e2e_fmt(t, "pods/%s", pod));
}

static void begin(struct e2e *t, struct witness *v, const char *yaml)
{
    witness_bring_up(t, yaml);
    witness_start(t, v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1500);
}

/* Two of three: whoever is left may elect nobody. */
static void quorum_lost(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_nodes n;

    begin(t, &v, e2e_redis_service);
    redis_nodes_get(t, "fraud", &n);
    E2E_CHECK(t, n.n_masters == 3, NULL, "%d masters", n.n_masters);
    e2e_delete(t, e2e_fmt(t, "pods/%s", n.masters[0]));
    e2e_delete(t, e2e_fmt(t, "pods/%s", n.masters[1]));
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, 0, 0);
}

/* It wakes as the master that it was, with slots that are another's by now. */
static void master_stands_still(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_nodes n;

    begin(t, &v, e2e_redis_service);
    redis_nodes_get(t, "fraud", &n);
    int64_t from_ms = loop_now_ms();
    pod_fault(t, n.masters[0], "pause");
    witness_for(t, &v, 2 * NODE_TIMEOUT_MS + 2000);
    pod_fault(t, n.masters[0], "null");
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, from_ms - UNPROMISED_MS, from_ms + UNPROMISED_MS);
}

static void master_cut_off(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_nodes n;

    begin(t, &v, e2e_redis_service);
    redis_nodes_get(t, "fraud", &n);
    int64_t from_ms = loop_now_ms();
    pod_fault(t, n.masters[1], "cut");
    witness_for(t, &v, 3 * NODE_TIMEOUT_MS);
    pod_fault(t, n.masters[1], "null");
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, from_ms - UNPROMISED_MS, from_ms + UNPROMISED_MS);
}

static void replicas_volume_gone(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_nodes n;

    begin(t, &v, e2e_redis_service);
    redis_nodes_get(t, "fraud", &n);
    delete_volume_of(t, n.replicas[0]);
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, 0, 0);
}

static void masters_volume_gone(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_nodes n;

    begin(t, &v, e2e_redis_service);
    redis_nodes_get(t, "fraud", &n);
    int64_t from_ms = loop_now_ms();
    delete_volume_of(t, n.masters[0]);
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, from_ms - UNPROMISED_MS, from_ms + UNPROMISED_MS);
}

static void operator_away(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;
    struct operator *op = witness_bring_up(t, e2e_redis_service);

    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1500);
    operator_kill(op);
    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++)
        e2e_delete(t, e2e_fmt(t, "pods/%s", pods.names[i]));
    for (int64_t end_ms = loop_now_ms() + 4 * NODE_TIMEOUT_MS; loop_now_ms() < end_ms; e2e_sleep_ms(t, 200))
        ledger_look(t);
    bool well = referee_is_content(t, "fraud", NULL); /* masters hand over before they end, and replicas call their masters */
    e2e_note(t, "redis-cli is %s before the operator is back", well ? "content" : "not content");
    operator_ready(t, operator_start(t, NULL));
    v.saw_unhealthy = well;
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, 0, 0);
}

#define WITH_PERSISTENCE(kind) \
    "apiVersion: serving.everserve.dev/v1alpha1\n" \
    "kind: InferenceService\n" \
    "metadata: { name: fraud }\n" \
    "spec: {predictor: {containers: [{image: registry.example.com/fraud:v1}]}, redis: {persistence: " kind "}}\n"

static void one_killed(struct e2e *t, const char *yaml)
{
    struct witness v = { 0 };
    struct redis_nodes n;

    begin(t, &v, yaml);
    redis_nodes_get(t, "fraud", &n);
    int64_t from_ms = loop_now_ms();
    pod_fault(t, n.masters[2], "kill");
    witness_for(t, &v, 3000);
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, from_ms - UNPROMISED_MS, from_ms + UNPROMISED_MS);
}

static void killed_without_memory(struct e2e *t)
{
    one_killed(t, WITH_PERSISTENCE("None"));
}

static void killed_with_snapshots(struct e2e *t)
{
    one_killed(t, WITH_PERSISTENCE("Snapshot"));
}

/* Nobody is left to elect: each hands over to its replica before it starts. */
static void all_killed_without_memory(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_nodes n;

    begin(t, &v, WITH_PERSISTENCE("None"));
    redis_nodes_get(t, "fraud", &n);
    int64_t from_ms = loop_now_ms();
    for (int i = 0; i < n.n_masters; i++)
        pod_fault(t, n.masters[i], "kill");
    witness_for(t, &v, 3000);
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, from_ms - UNPROMISED_MS, from_ms + UNPROMISED_MS);
}

static const struct release {
    const char *server, *image; /* NULL: this machine's own */
} releases[] = {
    { NULL, NULL }, { "redis-8.6", "redis:8.6" }, { "valkey-9.1", "valkey/valkey:9.1" },
};

/* The fence asks its neighbours through redis-cli --tls; whom it cannot ask it cannot hand over to. */
static void killed_over_tls(struct e2e *t)
{
    const struct release *r = t->row;

    if (r->server)
        e2e_needs_server(t, r->server);
    secure_begin(t);
    one_killed(t, secure_service_of(t, e2e_fmt(t, "persistence: None, %s%s%s", r->image ? "image: '" : "", r->image ? r->image : "",
                                               r->image ? "', " : "")));
}

#define TLS(name, i) { { name, killed_over_tls, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME }, &releases[i] }
#define PLAIN(name, fn, needs) { { name, fn, NEEDS_REDIS_CLI | NEEDS_TIME | (needs) }, NULL }

static const struct e2e_row tests[] = {
    PLAIN("two masters' pods deleted at once", quorum_lost, NEEDS_NODES),
    PLAIN("T4: a master stands still for two node timeouts", master_stands_still, NEEDS_SIM_NODES),
    PLAIN("a master is cut off, and back", master_cut_off, NEEDS_SIM_NODES),
    PLAIN("a replica's volume is deleted", replicas_volume_gone, NEEDS_NODES),
    PLAIN("a master's volume is deleted", masters_volume_gone, NEEDS_NODES),
    PLAIN("all pods restart while the operator is away", operator_away, NEEDS_NODES),
    PLAIN("T1: a master without persistence is killed", killed_without_memory, NEEDS_SIM_NODES),
    PLAIN("T1: all masters without persistence are killed at once", all_killed_without_memory, NEEDS_SIM_NODES),
    PLAIN("T2: a master with snapshots is killed", killed_with_snapshots, NEEDS_SIM_NODES),
    TLS("TLS: a master without persistence is killed", 0),
    TLS("TLS: a master without persistence is killed, Redis 8.6", 1),
    TLS("TLS: a master without persistence is killed, Valkey 9.1", 2),
};

int main(void)
{
    return e2e_main_rows("redis-faults", tests, COUNT(tests));
}
