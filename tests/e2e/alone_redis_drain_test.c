/*
 * Nodes that go and pods that end, announced: masters hand over first, under the ledger. A zone that goes
 * without a word, with the majority in it. Disturbs everybody on the cluster. Needs nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/operation.h"
#include "e2e/secure.h"
#include "e2e/witness.h"

enum { ROLES_S = 90, RECOVERY_S = 180, UNPROMISED_MS = 3000 };

static const char *node_of(struct e2e *t, const char *pod)
{
    const char *node = json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", pod)), "spec.nodeName");

    return node ? node : "";
}

static const char *ip_of(struct e2e *t, const char *pod)
{
    const char *ip = json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", pod)), "status.podIP");

    return ip ? ip : "";
}

static int masters_on(struct e2e *t, const char *node)
{
    struct redis_nodes n;
    int here = 0;

    redis_nodes_get(t, "fraud", &n);
    for (int i = 0; i < n.n_masters; i++)
        here += str_eq(node_of(t, n.masters[i]), node);
    return here;
}

static void set_cordon(struct e2e *t, const char *node, bool on)
{
    e2e_patch(t, e2e_fmt(t, "nodes/%s", node), on ? "{spec: {unschedulable: true}}" : "{spec: {unschedulable: null}}");
}

static const struct release {
    const char *server, *image; /* NULL: this machine's own */
    bool tls;
} releases[] = {
    { "redis-8.0", "redis:8.0", false },          { "redis-8.6", "redis:8.6", false },
    { "valkey-8.1", "valkey/valkey:8.1", false }, { "valkey-9.1", "valkey/valkey:9.1", false },
    { NULL, NULL, true },                         { "redis-8.6", "redis:8.6", true },
    { "valkey-9.1", "valkey/valkey:9.1", true },
};

static const char *service_of(struct e2e *t, const struct release *r)
{
    if (!r || !r->tls)
        return r ? operation_service_of(t, r->image) : e2e_redis_service;
    secure_begin(t);
    return secure_service_of(t, r->image ? e2e_fmt(t, "image: '%s', ", r->image) : "");
}

/* Row NULL: this machine's own server. A cluster in order, watched, written to; the node of some master. */
static const char *begin(struct e2e *t, struct witness *v)
{
    const struct release *r = t->row;
    struct redis_nodes n;

    if (r && r->server)
        e2e_needs_server(t, r->server);
    witness_bring_up(t, service_of(t, r));
    witness_start(t, v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 3000);
    redis_nodes_get(t, "fraud", &n);
    E2E_CHECK(t, n.n_masters == 3, NULL, "%d masters", n.n_masters);
    return node_of(t, n.masters[0]);
}

/* Every slot was served all the time: whoever stopped had handed over. (A look in the very moment of a hand-over
 * sees two owners: the status may say Partial then, for as long as it takes to look again.) */
static void check_served(struct e2e *t, const struct witness *v)
{
    E2E_CHECK(t, !strstr(v->states, "Down"), NULL, "the states were: %s", v->states);
}

static void await_no_master_on(struct e2e *t, struct witness *v, const char *node)
{
    int64_t end_ms = e2e_deadline_ms(ROLES_S);

    while (masters_on(t, node) > 0) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "%d masters are still on %s", masters_on(t, node), node);
        witness_look(t, v);
        e2e_sleep_ms(t, 50);
    }
}

static void cordoned(struct e2e *t)
{
    struct witness v = { 0 };
    const char *node = begin(t, &v);
    int64_t from_ms = loop_now_ms();

    ledger_phase(t, "cordoned");
    set_cordon(t, node, true);
    await_no_master_on(t, &v, node);
    e2e_note(t, "no master on %s %.1f s after it was cordoned", node, (double)(loop_now_ms() - from_ms) / 1000);
    v.saw_unhealthy = true; /* a graceful failover may be over between two looks */
    witness_recovery(t, &v, RECOVERY_S);
    set_cordon(t, node, false);
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
}

static const char *drain_script =
    "kubectl drain \"$1\" --ignore-daemonsets --delete-emptydir-data --force --timeout=170s >\"$2\" 2>&1; echo \"exit $?\" >>\"$2\"";

/* As a person does it: cordon, then evictions, which the budget lets through one by one. */
static void drained(struct e2e *t)
{
    struct witness v = { 0 };
    const char *node = begin(t, &v), *out = NULL;
    const char *log = e2e_fmt(t, "%s/drain-%s.log", getenv("E2E_LOGS") ? getenv("E2E_LOGS") : "/tmp", t->ns);
    const char *background[] = { "sh", "-c", e2e_fmt(t, "(%s) </dev/null >/dev/null 2>&1 &", drain_script), "sh", node, log, NULL };
    int64_t from_ms = loop_now_ms(), end_ms = e2e_deadline_ms(RECOVERY_S);

    ledger_phase(t, "drained");
    E2E_CHECK(t, e2e_run(t, background, NULL, NULL) == 0, NULL, "kubectl drain did not start");
    do {
        witness_look(t, &v);
        e2e_sleep_ms(t, 100);
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "kubectl drain does not end:\n%s", out);
        e2e_run(t, (const char *const[]){ "cat", log, NULL }, NULL, &out);
    } while (!strstr(out, "exit "));
    set_cordon(t, node, false);
    e2e_run(t, (const char *const[]){ "rm", "-f", log, NULL }, NULL, NULL);
    E2E_CHECK(t, strstr(out, "exit 0"), NULL, "kubectl drain failed:\n%s", out);
    e2e_note(t, "drained in %.1f s", (double)(loop_now_ms() - from_ms) / 1000);
    witness_recovery(t, &v, RECOVERY_S);
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
}

static void one_pod_ends(struct e2e *t, bool with_operator)
{
    struct witness v = { 0 };
    struct redis_nodes n;

    begin(t, &v);
    redis_nodes_get(t, "fraud", &n);
    if (!with_operator) {
        operator_kill(t->operators[0]);
        t->operators[0] = NULL;
    }
    ledger_phase(t, "pod ends");
    e2e_delete(t, e2e_fmt(t, "pods/%s", n.masters[0]));
    witness_for(t, &v, with_operator ? 5000 : 25000);
    if (!with_operator) {
        operator_start(t, NULL);
        v.saw_unhealthy = true; /* the pod may be back, and a replica in sync, before anybody looks */
    }
    witness_recovery(t, &v, RECOVERY_S);
    struct ledger_phase p = ledger_phase_get(t, "pod ends");
    e2e_note(t, "longest gap of writes %lld ms", (long long)p.longest_gap_ms);
    check_served(t, &v); /* before an election, all others say that the cluster is down */
    witness_check_ledger(t, 0, 0);
}

static void pod_deleted(struct e2e *t)
{
    one_pod_ends(t, true);
}

static void pod_deleted_alone(struct e2e *t)
{
    one_pod_ends(t, false);
}

/* A master's pod ends, and a node is cordoned, in the middle of an operation: that one waits or goes on, and comes to its end. */
static void ends_in_the_middle(struct e2e *t, const struct operation *o)
{
    struct witness v = { 0 };
    struct redis_pods then;
    struct redis_nodes n;
    const char *node = begin(t, &v);

    redis_pods_get(t, "fraud", &then);
    ledger_phase(t, "in the middle");
    o->begin(t, 0);
    witness_for(t, &v, 4000);
    redis_nodes_get(t, "fraud", &n);
    e2e_delete(t, e2e_fmt(t, "pods/%s", n.masters[0]));
    witness_for(t, &v, 2000);
    set_cordon(t, node, true);
    witness_for(t, &v, 4000);
    set_cordon(t, node, false);
    operation_wait_over(t, o, 0, &then, "with a drain in its middle");
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
}

static void ends_while_it_grows(struct e2e *t)
{
    ends_in_the_middle(t, &operation_shards);
}

static void ends_while_it_rolls(struct e2e *t)
{
    ends_in_the_middle(t, &operation_roll);
}

/* By hand, while no operator can repair it: a second master on the node of the first. */
static const char *put_two_on_a_node(struct e2e *t)
{
    int64_t end_ms = e2e_deadline_ms(60);
    struct redis_pods pods;

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; loop_now_ms() < end_ms; i = (i + 1) % pods.n) {
        const char *node = node_of(t, pods.names[i]);

        if (masters_on(t, node) == 2)
            return node;
        if (masters_on(t, node) == 1) {
            redis_ask(t, "fraud", pods.ips[i], "cluster failover");
            e2e_sleep_ms(t, 1000);
        }
    }
    e2e_fail(t, NULL, "no two masters on one node");
}

static void repaired(struct e2e *t)
{
    struct witness v = { 0 };
    const char *node;

    begin(t, &v);
    operator_kill(t->operators[0]);
    t->operators[0] = NULL;
    node = put_two_on_a_node(t);
    operator_start(t, NULL);
    int64_t from_ms = loop_now_ms(), end_ms = e2e_deadline_ms(ROLES_S);
    while (masters_on(t, node) > 1) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "two masters stay on %s", node);
        e2e_sleep_ms(t, 100);
    }
    e2e_note(t, "one of two masters left %s after %.1f s", node, (double)(loop_now_ms() - from_ms) / 1000);
    v.saw_unhealthy = true;
    witness_recovery(t, &v, RECOVERY_S);
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
}

/* T16. Nobody is left to elect. As long as the machine may run, nothing is taken over; a person says that it is off. */
static void zone_lost(struct e2e *t)
{
    struct witness v = { 0 };
    const char *node;

    begin(t, &v);
    operator_kill(t->operators[0]);
    t->operators[0] = NULL;
    node = put_two_on_a_node(t);
    int64_t from_ms = loop_now_ms();
    e2e_patch(t, e2e_fmt(t, "nodes/%s", node), "{metadata: {annotations: {sim.everserve.dev/fault: lost}}}");
    operator_start(t, NULL);
    witness_for(t, &v, 20000);
    E2E_CHECK(t, !str_eq(v.last, "Healthy") && !str_eq(v.last, "Degraded"), NULL, "two of three masters are lost, and it is %s", v.last);
    e2e_note(t, "%s", json_get_str(e2e_condition(e2e_get(t, "inferenceservices/fraud"), "RedisReady"), "message"));
    int64_t said_ms = loop_now_ms(), end_ms = e2e_deadline_ms(RECOVERY_S);
    e2e_patch(t, e2e_fmt(t, "nodes/%s", node),
              "{spec: {taints: [{key: node.kubernetes.io/out-of-service, value: nodeshutdown, effect: NoExecute}]}}");
    while (!str_eq(v.last, "Healthy") && !str_eq(v.last, "Degraded")) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "not served again; states were: %s", v.states);
        witness_look(t, &v);
        e2e_sleep_ms(t, 200);
    }
    e2e_note(t, "served again %.1f s after the taint", (double)(loop_now_ms() - said_ms) / 1000);
    e2e_patch(t, e2e_fmt(t, "nodes/%s", node), "{spec: {taints: null}, metadata: {annotations: {sim.everserve.dev/fault: null}}}");
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, from_ms - UNPROMISED_MS, from_ms + UNPROMISED_MS);
}

/* T10. A master hears everybody on the bus and is heard by nobody whom it calls; clients notice nothing. It must not
 * be replaced, nor replace anybody, and no write may be lost. */
static void one_way_bus(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_nodes before, after;

    begin(t, &v);
    redis_nodes_get(t, "fraud", &before);
    ledger_phase(t, "one way");
    e2e_patch(t, e2e_fmt(t, "pods/%s", before.masters[0]), "{metadata: {annotations: {sim.everserve.dev/fault: mute-bus}}}");
    witness_for(t, &v, 20000);
    const char *rows = redis_ask(t, "fraud", ip_of(t, before.masters[0]), "cluster nodes");
    E2E_CHECK(t, rows && strstr(rows, "disconnected"), NULL, "its links to the others stand:\n%s", rows ? rows : "no answer");
    e2e_note(t, "states with a one-way bus: %s; %s", v.states,
             json_get_str(e2e_condition(e2e_get(t, "inferenceservices/fraud"), "RedisReady"), "message"));
    E2E_CHECK(t, !strstr(v.states, "Down"), NULL, "the states were: %s", v.states);
    e2e_patch(t, e2e_fmt(t, "pods/%s", before.masters[0]), "{metadata: {annotations: {sim.everserve.dev/fault: null}}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", "Healthy", RECOVERY_S);
    redis_nodes_get(t, "fraud", &after);
    e2e_note(t, "%s was master and is %s", before.masters[0], str_eq(before.masters[0], after.masters[0]) ? "still" : "not any more, perhaps");
    witness_check_ledger(t, 0, 0);
}

#define NEEDS (NEEDS_NODES | NEEDS_REDIS_CLI)
#define ROW(name, fn, needs) { { name, fn, needs }, NULL }
#define RELEASE(name, fn, i) { { name, fn, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME }, &releases[i] }

static const struct e2e_row tests[] = {
    ROW("a cordoned node's masters hand over", cordoned, NEEDS | NEEDS_TIME),
    ROW("a node is drained by kubectl", drained, NEEDS | NEEDS_KUBECTL),
    ROW("a master's pod is deleted: it hands over first", pod_deleted, NEEDS),
    ROW("the same while no operator runs", pod_deleted_alone, NEEDS | NEEDS_TIME),
    ROW("two masters on a node: one leaves in a quiet second", repaired, NEEDS | NEEDS_TIME),
    ROW("T10: one master's bus works one way only", one_way_bus, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME),
    ROW("T16: a zone with two of three masters is lost", zone_lost, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME),
    ROW("a master's pod ends while shards are added", ends_while_it_grows, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME),
    ROW("a master's pod ends while all are restarted", ends_while_it_rolls, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME),
    RELEASE("a master's pod is deleted, Redis 8.0", pod_deleted, 0),
    RELEASE("a master's pod is deleted, Redis 8.6", pod_deleted, 1),
    RELEASE("a master's pod is deleted, Valkey 8.1", pod_deleted, 2),
    RELEASE("a master's pod is deleted, Valkey 9.1", pod_deleted, 3),
    RELEASE("a cordoned node's masters hand over, Valkey 9.1", cordoned, 3),
    { { "TLS: a master's pod is deleted, it hands over first", pod_deleted, NEEDS }, &releases[4] },
    RELEASE("TLS: the same while no operator runs", pod_deleted_alone, 4),
    RELEASE("TLS: a cordoned node's masters hand over", cordoned, 4),
    { { "TLS: a node is drained by kubectl", drained, NEEDS | NEEDS_KUBECTL | NEEDS_TIME }, &releases[4] },
    RELEASE("TLS: a master's pod ends while shards are added", ends_while_it_grows, 4),
    RELEASE("TLS: a master's pod ends while shards are added, Redis 8.6", ends_while_it_grows, 5),
    RELEASE("TLS: a master's pod ends while shards are added, Valkey 9.1", ends_while_it_grows, 6),
    RELEASE("TLS: a master's pod ends while all are restarted, Valkey 9.1", ends_while_it_rolls, 6),
    RELEASE("TLS: a master's pod is deleted, Redis 8.6", pod_deleted, 5),
    RELEASE("TLS: the same while no operator runs, Redis 8.6", pod_deleted_alone, 5),
    RELEASE("TLS: a master's pod is deleted, Valkey 9.1", pod_deleted, 6),
    RELEASE("TLS: the same while no operator runs, Valkey 9.1", pod_deleted_alone, 6),
};

int main(void)
{
    return e2e_main_rows("redis-drain", tests, COUNT(tests));
}
