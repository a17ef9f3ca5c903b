/*
 * T6: what a node answers is replaced by each error that Redis and Valkey know, by silence and by a
 * reset, with the command carried out or not. The operator comes to the same end when the trouble
 * is over, or stops with a condition; no acknowledged write is lost. With E2E_LONG=1 each error
 * meets each kind of command; otherwise they take turns. Under the ledger. Needs simulated nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/operation.h"
#include "e2e/relay.h"
#include "e2e/witness.h"

static const char *const errors[] = {
    "ERR Invalid node address specified: ::16379",
    "ERR Slot 0 is already busy",
    "ERR Slot 0 is already unassigned",
    "ERR Slot 0 specified multiple times",
    "ERR Please use SETSLOT only with masters.",
    "ERR I'm not the owner of hash slot 0",
    "ERR I'm already the owner of hash slot 0",
    "ERR I don't know about node 0000000000000000000000000000000000000000",
    "ERR Target node is not a master",
    "ERR Can't assign hashslot 0 to a different node while I still hold keys for this hash slot.",
    "NOREPLICAS Not enough good replicas to write.",
    "ERR Unknown node 0000000000000000000000000000000000000000",
    "ERR I tried hard but I can't forget myself...",
    "ERR Can't forget my master!",
    "ERR Can't replicate myself",
    "ERR I can only replicate a master, not a replica.",
    "ERR To set a master the node must be empty and without assigned slots.",
    "ERR You should send CLUSTER FAILOVER to a replica",
    "ERR I'm a replica but my master is unknown to me",
    "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE",
    "ERR CLUSTER RESET can't be called with master nodes containing keys",
    "ERR The user can assign a config epoch only when the node does not know any other node.",
    "ERR Node config epoch is already non-zero",
    "IOERR error or timeout reading to target instance",
    "IOERR error or timeout writing to target instance",
    "ERR Target instance replied with error: BUSYKEY Target key name already exists.",
    "MOVED 0 10.0.0.1:6379",
    "ASK 0 10.0.0.1:6379",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CROSSSLOT Keys in request don't hash to the same slot",
    "CLUSTERDOWN The cluster is down",
    "CLUSTERDOWN The cluster is down and only accepts read commands",
    "CLUSTERDOWN Hash slot not served",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "READONLY You can't write against a read only replica.",
    "NOPERM this user has no permissions to run the 'cluster|nodes' command",
    "NOAUTH Authentication required.",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "ERR slot migration not allowed on replica.",
    "ERR all slot states must be STABLE to start a slot migration task.",
    "ERR overlapping import exists for slot range 0-1",
    "ERR slot has no owner: 0",
    "ERR slots belong to different source nodes",
    "ERR this node is already the owner of the slot range",
    "ERR another ASM task is already in progress",
    "ERR Slots are not served by this node.",
    "ERR I am already migrating slot 0.",
    "ERR Requested slots span multiple shards",
    "ERR Slot ranges in migrations overlap",
    "ERR Slots are being manually imported",
    "ERR unknown command",
    "what nobody ever said",
};

enum { N_ERRORS = COUNT(errors), LEFT_SHORT = 60, PER_KIND_SHORT = 12, CALM_MS = 15000, ROUNDS = 16 };

static const struct relay_trouble others[] = {
    { TROUBLE_SILENCE, "" }, { TROUBLE_RESET_BEFORE, "" }, { TROUBLE_RESET_AFTER, "" },
};

/* Every error, told although the command was carried out or instead of it, then silence and resets. */
static int list_troubles(struct relay_trouble *out, bool both, bool carried_out)
{
    int n = 0;

    for (size_t i = 0; i < N_ERRORS; i++) {
        out[n].what = (both ? i % 2 == 0 : carried_out) ? TROUBLE_ANSWER : TROUBLE_REFUSAL;
        snprintf(out[n++].text, sizeof(out->text), "%s", errors[i]);
    }
    for (size_t i = 0; i < COUNT(others); i++)
        out[n++] = others[i];
    return n;
}

static const struct row {
    const struct operation *o;
    const char *on; /* kind of command; "": whatever changes something; "*": all */
    int per_kind;   /* 0: each error in its turn, over several rounds */
    int per_round;  /* 0: as many as meet a command */
    const char *image, *server; /* NULL: the usual one */
} rows[] = {
    { &operation_form, "", PER_KIND_SHORT, 0, NULL, NULL },
    { &operation_heal, "", PER_KIND_SHORT, 0, NULL, NULL },
    { &operation_heal, "*", PER_KIND_SHORT, 0, NULL, NULL },
    { &operation_form, "CLUSTER SET-CONFIG-EPOCH", 0, 0, NULL, NULL },
    { &operation_form, "CLUSTER ADDSLOTSRANGE", 0, 0, NULL, NULL },
    { &operation_form, "CLUSTER MEET", 0, 0, NULL, NULL },
    { &operation_form, "CLUSTER REPLICATE", 0, 0, NULL, NULL },
    { &operation_form, "CONFIG SET", 0, 0, NULL, NULL },
    { &operation_heal, "CLUSTER FAILOVER", 0, 0, NULL, NULL },
    { &operation_heal, "CLUSTER MEET", 0, 0, NULL, NULL },
    { &operation_heal, "CONFIG SET", 0, 0, NULL, NULL },
    { &operation_heal, "CLUSTER NODES", 0, 0, NULL, NULL },
    { &operation_heal, "INFO", 0, 0, NULL, NULL },
    { &operation_roll, "CLUSTER FAILOVER", 0, 6, NULL, NULL },
    { &operation_roll, "CONFIG SET", 0, 0, NULL, NULL },
    { &operation_shards, "CLUSTER SETSLOT", 0, 0, NULL, NULL },
    { &operation_shards, "MIGRATE", 0, 0, NULL, NULL },
    { &operation_shards, "CLUSTER GETKEYSINSLOT", 0, 0, NULL, NULL },
    { &operation_shards, "CLUSTER FORGET", 0, 0, NULL, NULL },
    { &operation_shards, "*", PER_KIND_SHORT, 0, NULL, NULL },
    { &operation_shards, "CLUSTER MIGRATION", 0, 0, "redis:8.6", "redis-8.6" },
    { &operation_shards, "CLUSTER MIGRATESLOTS", 0, 4, "valkey/valkey:9.1", "valkey-9.1" },
    { &operation_shards, "CLUSTER GETSLOTMIGRATIONS", 0, 0, "valkey/valkey:9.1", "valkey-9.1" },
    { &operation_rotate, "ACL SETUSER", 0, 0, NULL, NULL },
    { &operation_rotate, "CONFIG SET", 0, 0, NULL, NULL },
    { &operation_replicas, "CLUSTER FORGET", 0, 0, NULL, NULL },
};

/* A person is asked for, and nothing else happens. */
static bool has_stopped(const cJSON *isvc)
{
    return str_eq(json_get_str(e2e_condition(isvc, "Stalled"), "status"), "True");
}

/* Over, or stopped with a condition once nothing disturbs any more; which of both. */
static bool converges(struct e2e *t, struct relay *r, const struct row *w, int turn, const struct redis_pods *then)
{
    int64_t end_ms = e2e_deadline_ms(OPERATION_OVER_S), calm_ms = 0;
    const char *why;

    while ((why = operation_still_to_do(t, w->o, turn, then))) {
        const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
        bool calm = has_stopped(isvc) && atomic_load(&r->trouble_left) == 0;
        calm_ms = !calm ? 0 : calm_ms ? calm_ms : loop_now_ms();
        if (calm && loop_now_ms() - calm_ms > CALM_MS) {
            e2e_note(t, "stopped: %s", json_get_str(e2e_condition(isvc, "Stalled"), "message"));
            return false;
        }
        E2E_CHECK(t, loop_now_ms() < end_ms, isvc, "%s: neither over nor stopped, with %d troubles left: %s", w->o->name,
                  atomic_load(&r->trouble_left), why);
        e2e_forget(t, isvc);
        ledger_look(t);
        e2e_sleep_ms(t, 200);
    }
    return true;
}

/* Returns how many commands met trouble. */
static int disturb(struct e2e *t, struct relay *r, const struct row *w, const struct relay_trouble *troubles, int n, int first,
                   int left, int turn)
{
    struct redis_pods then = { 0 };

    if (!w->o->is_forming)
        redis_pods_get(t, "fraud", &then);
    int64_t from_ms = loop_now_ms();
    relay_trouble(r, w->on, troubles, n, first, left, w->per_kind);
    w->o->begin(t, turn);
    bool over = converges(t, r, w, turn, &then);
    int met = left - atomic_load(&r->trouble_left);
    e2e_note(t, "%s: %s after %.1f s, %d troubles", w->o->name, over ? "over" : "stopped", (double)(loop_now_ms() - from_ms) / 1000, met);
    relay_trouble(r, "", troubles, 0, 0, 0, 0);
    if (over)
        operation_wait_over(t, w->o, turn, &then, "after trouble");
    E2E_CHECK(t, over || w->o->is_forming, NULL, "what stopped needs a person: see above");
    operation_tidy(t, w->o);
    return met;
}

/* Each error once: as many rounds of the operation as that takes, within reason. */
static int all_in_turn(struct e2e *t, struct relay *r, const struct row *w, bool carried_out, int turn)
{
    static struct relay_trouble troubles[RELAY_TROUBLES];
    int n = list_troubles(troubles, false, carried_out), first = 0, in_vain = 0;

    for (int round = 0; round < ROUNDS && first < n && in_vain < 2; round++) { /* one way of two may lack the command */
        int left = w->per_round && n - first > w->per_round ? w->per_round : n - first;
        int met = disturb(t, r, w, troubles, n, first, left, turn++);
        first += met;
        in_vain = met ? 0 : in_vain + 1;
    }
    e2e_note(t, "%d of %d errors, %s", first, n, carried_out ? "though the command was carried out" : "instead of the command");
    E2E_CHECK(t, first > 0, NULL, "no command met trouble");
    return turn;
}

static void answers_replaced(struct e2e *t)
{
    const struct row *w = t->row;
    static struct relay_trouble troubles[RELAY_TROUBLES];

    if (w->server)
        e2e_needs_server(t, w->server);
    struct relay *r = relay_start(t);
    struct operator *op = operator_on_relay(t, r);

    operator_ready(t, op);
    if (!w->o->is_forming) {
        e2e_apply(t, "%s", w->image ? operation_service_of(t, w->image) : operation_service);
        e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
        ledger_start(t, "fraud");
    }
    if (w->per_kind) {
        int n = list_troubles(troubles, true, false);
        int met = disturb(t, r, w, troubles, n, (int)(loop_now_ms() % n), LEFT_SHORT, 0);
        E2E_CHECK(t, met > 0, NULL, "no command met trouble");
    } else {
        all_in_turn(t, r, w, false, all_in_turn(t, r, w, true, 0));
    }
    E2E_CHECK(t, operator_is_running(op), NULL, "the operator ended");
    if (!w->o->is_forming)
        witness_check_ledger(t, 0, 0);
}

#define NEEDS (NEEDS_SIM_NODES | NEEDS_REDIS_CLI)
#define REPLACED(title, i, more) { { title, answers_replaced, NEEDS | (more) }, &rows[i] }

static const struct e2e_row tests[] = {
    REPLACED("T6: answers to all changes replaced while it forms", 0, 0),
    REPLACED("T6: answers to all changes replaced while it heals", 1, 0),
    REPLACED("T6: answers to all commands replaced while it heals", 2, 0),
    REPLACED("T6: each error to CLUSTER SET-CONFIG-EPOCH", 3, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER ADDSLOTSRANGE", 4, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER MEET while it forms", 5, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER REPLICATE", 6, NEEDS_TIME),
    REPLACED("T6: each error to CONFIG SET while it forms", 7, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER FAILOVER while pods go", 8, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER MEET while it heals", 9, NEEDS_TIME),
    REPLACED("T6: each error to CONFIG SET while it heals", 10, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER NODES", 11, NEEDS_TIME),
    REPLACED("T6: each error to INFO", 12, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER FAILOVER while it rolls", 13, NEEDS_TIME),
    REPLACED("T6: each error to CONFIG SET while it rolls", 14, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER SETSLOT", 15, NEEDS_TIME),
    REPLACED("T6: each error to MIGRATE", 16, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER GETKEYSINSLOT", 17, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER FORGET", 18, NEEDS_TIME),
    REPLACED("T6: answers to all commands replaced while shards come", 19, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER MIGRATION of Redis 8.6", 20, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER MIGRATESLOTS of Valkey 9.1", 21, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER GETSLOTMIGRATIONS of Valkey 9.1", 22, NEEDS_TIME),
    REPLACED("T6: each error to ACL SETUSER while passwords change", 23, NEEDS_TIME),
    REPLACED("T6: each error to CONFIG SET while passwords change", 24, NEEDS_TIME),
    REPLACED("T6: each error to CLUSTER FORGET while replicas go", 25, NEEDS_TIME),
};

int main(void)
{
    return e2e_main_rows("redis-trouble", tests, COUNT(tests));
}
