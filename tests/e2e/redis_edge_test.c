/*
 * Edges: a master dies in the middle of its replica's first copy (T3), a majority is away and returns in
 * either order (T9), masters fail over while slots move (T14), functions and users on masters that are new (T15), the operator's clock jumps (T17), releases
 * are mixed in one cluster (T18). Under the ledger. Needs simulated nodes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "e2e/operation.h"
#include "e2e/witness.h"

enum { NODE_TIMEOUT_MS = 5000, RECOVERY_S = 150, HOUR_MS = 3600 * 1000, UNPROMISED_MS = 3000 };

#define SERVICE(redis) \
    "apiVersion: serving.everserve.dev/v1alpha1\n" \
    "kind: InferenceService\n" \
    "metadata: { name: fraud }\n" \
    "spec: {predictor: {containers: [{image: registry.example.com/fraud:v1}]}, redis: " redis "}\n"

static void pod_fault(struct e2e *t, const char *pod, const char *fault)
{
    e2e_patch(t, e2e_fmt(t, "pods/%s", pod), e2e_fmt(t, "{metadata: {annotations: {sim.everserve.dev/fault: %s}}}", fault));
}

static const char *ip_of(struct e2e *t, const char *pod)
{
    const char *ip = json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", pod)), "status.podIP");

    return ip ? e2e_fmt(t, "%s", ip) : NULL;
}

/* The pod with the master that this replica's own row names. */
static const char *master_of(struct e2e *t, const char *replica)
{
    const char *info = redis_ask(t, "fraud", ip_of(t, replica), "INFO replication");
    const char *host = info ? strstr(info, "master_host:") : NULL;
    struct redis_pods pods;

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; host && i < pods.n; i++) {
        size_t len = strcspn(host + 12, "\r\n");
        if (strlen(pods.ips[i]) == len && !strncmp(pods.ips[i], host + 12, len))
            return e2e_fmt(t, "%s", pods.names[i]);
    }
    e2e_fail(t, NULL, "%s follows nobody: %s", replica, info ? info : "no answer");
}

/* --- T3 --- */

static void wait_copying(struct e2e *t, const char *replica)
{
    int64_t end_ms = e2e_deadline_ms(60);

    for (;;) {
        const char *ip = ip_of(t, replica);
        const char *info = ip ? redis_ask(t, "fraud", ip, "INFO replication") : NULL;
        if (info && strstr(info, "role:slave") && strstr(info, "master_sync_in_progress:1"))
            return;
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "%s never copies its master", replica);
        e2e_sleep_ms(t, 50);
    }
}

/* A replica that lost its volume copies slowly; its master meets this in the middle. */
static void first_copy_cut_short(struct e2e *t, const char *fault, int64_t lasts_ms)
{
    struct witness v = { 0 };
    struct redis_nodes n;
    struct ledger_opts o = { .n_keys = 9000, .fill = true };

    witness_bring_up(t, operation_service);
    witness_start(t, &v);
    ledger_start_with(t, "fraud", &o);
    redis_nodes_get(t, "fraud", &n);
    const char *replica = e2e_fmt(t, "%s", n.replicas[0]), *master = master_of(t, replica);
    const char *said = redis_ask(t, "fraud", ip_of(t, master), "CONFIG SET rdb-key-save-delay 4000");
    E2E_CHECK(t, str_eq(said, "OK"), NULL, "the master says %s", said ? said : "nothing");
    e2e_delete(t, e2e_fmt(t, "persistentvolumeclaims/data-%s", replica));
    e2e_delete(t, e2e_fmt(t, "pods/%s", replica));
    wait_copying(t, replica);
    int64_t from_ms = loop_now_ms();
    pod_fault(t, master, fault);
    witness_for(t, &v, lasts_ms);
    const char *info = redis_ask(t, "fraud", ip_of(t, replica), "INFO replication");
    E2E_CHECK(t, !info || strstr(info, "role:slave"), NULL, "the empty replica was made a master:\n%s", info);
    pod_fault(t, master, "null");
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, from_ms - UNPROMISED_MS, from_ms + UNPROMISED_MS);
}

static void killed_in_first_copy(struct e2e *t)
{
    first_copy_cut_short(t, "kill", 3000);
}

/* Nobody comes to take its place, however long it takes: there is nobody who could. */
static void away_in_first_copy(struct e2e *t)
{
    first_copy_cut_short(t, "pause", 6 * NODE_TIMEOUT_MS);
}

/* --- T9 --- */

/* Not dead, only away: nobody may take their place while nobody can vote. When the first is back its vote counts, and
 * the other's replica is elected, without what it was not told in the last moments. */
static void majority_returns(struct e2e *t, int first)
{
    struct witness v = { 0 };
    struct redis_nodes n;

    witness_bring_up(t, operation_service);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 500);
    redis_nodes_get(t, "fraud", &n);
    int64_t from_ms = loop_now_ms();
    pod_fault(t, n.masters[0], "pause");
    pod_fault(t, n.masters[1], "pause");
    witness_for(t, &v, 3 * NODE_TIMEOUT_MS);
    pod_fault(t, n.masters[first], "null");
    witness_for(t, &v, NODE_TIMEOUT_MS);
    pod_fault(t, n.masters[!first], "null");
    witness_recovery(t, &v, RECOVERY_S);
    witness_check_ledger(t, from_ms - UNPROMISED_MS, from_ms + UNPROMISED_MS);
}

static void first_returns_first(struct e2e *t)
{
    majority_returns(t, 0);
}

static void second_returns_first(struct e2e *t)
{
    majority_returns(t, 1);
}

/* --- T14 --- */

static const struct move_cut {
    const char *server;
    const char *yaml;
    bool at_target;
} move_cuts[] = {
    { "redis-7.0", SERVICE("{image: 'redis:7.0'}"), false },
    { "redis-7.0", SERVICE("{image: 'redis:7.0'}"), true },
    { "redis-8.6", SERVICE("{image: 'redis:8.6'}"), false },
    { "redis-8.6", SERVICE("{image: 'redis:8.6'}"), true },
    { "valkey-9.1", SERVICE("{image: 'valkey/valkey:9.1'}"), false },
    { "valkey-9.1", SERVICE("{image: 'valkey/valkey:9.1'}"), true },
};

/* The new shard's master, or one that gives slots to it. */
static const char *end_of_move(struct e2e *t, bool is_target)
{
    struct redis_nodes n;

    redis_nodes_get(t, "fraud", &n);
    for (int i = 0; i < n.n_masters; i++)
        if ((atoi(strrchr(n.masters[i], '-') + 1) >= 6) == is_target)
            return e2e_fmt(t, "%s", n.masters[i]);
    return NULL;
}

static const char *value_of(struct e2e *t, const char *ip, const char *key)
{
    const char *said = redis_ask(t, "fraud", ip, e2e_fmt(t, "ASKING;GET %s", key));

    return said && said[0] != '(' ? said : "";
}

/* What the condition tells a person to run; "slot 7: a key is on its owner A and, different ..., on B. On both ...". */
static int delete_copies(struct e2e *t, const char *message)
{
    char owner[64] = "", other[64] = "", *rest = NULL;
    unsigned slot = 0;
    int n = 0;

    E2E_CHECK(t, sscanf(message, "slot %u: a key is on its owner %63s and, different or too large to compare, on %63[^. ]", &slot, owner, other) == 3,
              NULL, "it does not say where: %s", message);
    const char *there = ip_of(t, other), *here = ip_of(t, owner);
    AUTO_FREE char *keys = xstrdup(redis_ask(t, "fraud", there, e2e_fmt(t, "CLUSTER GETKEYSINSLOT %u 1000", slot)));

    for (char *key = strtok_r(keys, " ", &rest); key; key = strtok_r(NULL, " ", &rest)) {
        const char *right = value_of(t, here, key), *copy = value_of(t, there, key);
        if (!*right || str_eq(right, copy))
            continue;
        redis_ask(t, "fraud", there, e2e_fmt(t, "ASKING;DEL %s", key));
        n++;
    }
    return n;
}

/* A source that wakes as a replica has carried out what it was sent before: such a stale copy is told to a person,
 * who finds the acknowledged value at the slot's owner, and does as the condition says. Until the resize is at its end. */
static void decide_conflicts(struct e2e *t)
{
    int64_t end_ms = e2e_deadline_ms(OPERATION_OVER_S);
    int n = 0;

    for (; loop_now_ms() < end_ms; e2e_sleep_ms(t, 200)) {
        const cJSON *isvc = e2e_get(t, "inferenceservices/fraud"), *ready = e2e_condition(isvc, "Ready");
        if (!json_has(isvc, "status.redis.resize"))
            break;
        if (!str_eq(json_get_str(ready, "reason"), "RedisSlotConflict"))
            continue;
        if (!n)
            e2e_note(t, "%s", json_get_str(ready, "message"));
        n += delete_copies(t, json_get_str(ready, "message"));
    }
    e2e_note(t, "%d keys had two values", n);
}

/* Away for as long as it takes to elect its replica, while slots leave it or come to it. */
static void failover_in_a_move(struct e2e *t)
{
    const struct move_cut *m = t->row;
    struct ledger_opts o = { .n_keys = 20000, .mixed = true, .fill = true };
    struct redis_pods then;
    const char *pod = NULL;

    e2e_needs_server(t, m->server);
    witness_bring_up(t, m->yaml);
    ledger_start_with(t, "fraud", &o);
    redis_pods_get(t, "fraud", &then);
    operation_shards.begin(t, 0);
    for (int64_t end_ms = e2e_deadline_ms(90); !(pod = end_of_move(t, true)); e2e_sleep_ms(t, 50))
        E2E_CHECK(t, loop_now_ms() < end_ms, e2e_get(t, "inferenceservices/fraud"), "no slot moves");
    pod = m->at_target ? pod : end_of_move(t, false);
    int64_t from_ms = loop_now_ms();
    pod_fault(t, pod, "pause");
    e2e_sleep_ms(t, 3 * NODE_TIMEOUT_MS);
    const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
    e2e_note(t, "%s is away, %lld %% moved: %s", pod, (long long)json_get_int(isvc, "status.redis.progress.percent", -1),
             json_get_str(e2e_condition(isvc, "RedisReady"), "message"));
    pod_fault(t, pod, "null");
    decide_conflicts(t);
    operation_wait_over(t, &operation_shards, 0, &then, "after a failover in the move");
    witness_check_ledger(t, from_ms - UNPROMISED_MS, from_ms + UNPROMISED_MS);
}

/* --- T15 --- */

static const char library[] = "FUNCTION LOAD #!lua\001name=riddle\n"
                              "redis.register_function('answer',function()\001return\00142\001end)";

static bool all_answer(struct e2e *t, int n_masters, const char **why)
{
    struct redis_nodes n;

    redis_nodes_get(t, "fraud", &n);
    if (n.n_masters != n_masters)
        return *why = "another number of masters", false;
    for (int i = 0; i < n.n_masters; i++) {
        const char *said = redis_ask(t, "fraud", ip_of(t, n.masters[i]), "FCALL answer 0");
        if (!str_eq(said, "42"))
            return *why = e2e_fmt(t, "%s says %s", n.masters[i], said ? said : "nothing"), false;
    }
    return true;
}

static const struct release {
    const char *server, *image;
} movers[] = { { "redis-8.6", "redis:8.6" }, { "valkey-9.1", "valkey/valkey:9.1" } }; /* who move slots by themselves */

/* Row NULL: this machine's own server. */
static void functions_everywhere(struct e2e *t)
{
    const struct release *r = t->row;
    struct redis_nodes n;
    struct redis_pods then;
    const char *why = NULL;

    if (r)
        e2e_needs_server(t, r->server);
    witness_bring_up(t, r ? operation_service_of(t, r->image) : operation_service);
    ledger_start(t, "fraud");
    redis_nodes_get(t, "fraud", &n);
    for (int i = 0; i < n.n_masters; i++)
        redis_ask(t, "fraud", ip_of(t, n.masters[i]), library);
    E2E_CHECK(t, all_answer(t, 3, &why), NULL, "before: %s", why);
    redis_pods_get(t, "fraud", &then);
    operation_shards.begin(t, 0);
    operation_wait_over(t, &operation_shards, 0, &then, "with functions");
    E2E_CHECK(t, all_answer(t, 4, &why), NULL, "after 3 became 4 shards: %s", why);
    witness_check_ledger(t, 0, 0);
}

/* --- T17 --- */

struct clock {
    const char *path;
    volatile int64_t *ahead_ms;
};

static struct clock clock_new(struct e2e *t)
{
    struct clock c = { .path = e2e_fmt(t, "%s/%s.clock", getenv("E2E_LOGS") ? getenv("E2E_LOGS") : "/tmp", t->ns) };
    int fd = open(c.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    E2E_CHECK(t, fd >= 0 && ftruncate(fd, sizeof(int64_t)) == 0, NULL, "cannot make %s", c.path);
    void *m = mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    E2E_CHECK(t, m != MAP_FAILED, NULL, "cannot map %s", c.path);
    c.ahead_ms = m;
    return c;
}

static struct operator *operator_by_clock(struct e2e *t, const struct clock *c)
{
    const char *b = getenv("B") ? getenv("B") : "build";
    const char *env[] = { e2e_fmt(t, "LD_PRELOAD=%s/tests/e2e/preload.so", b), "ASAN_OPTIONS=verify_asan_link_order=0",
                          e2e_fmt(t, "E2E_CLOCK=%s", c->path), NULL };
    struct operator_opts o = { .env = env };

    return operator_start(t, &o);
}

/* Jumps while it heals, back and forth, and once more with nothing to do. */
static void clock_jumps(struct e2e *t)
{
    static const int64_t jumps_ms[] = { 2 * HOUR_MS, -3 * HOUR_MS, 0 };
    struct clock c = clock_new(t);
    *c.ahead_ms = HOUR_MS;
    struct operator *op = operator_by_clock(t, &c);

    operator_ready(t, op);
    e2e_apply(t, "%s", operation_service);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
    E2E_CHECK(t, operator_log_has(op, "level=info"), NULL, "the operator says nothing");
    ledger_start(t, "fraud");
    for (size_t i = 0; i < COUNT(jumps_ms); i++) {
        struct redis_pods then;
        redis_pods_get(t, "fraud", &then);
        operation_heal.begin(t, 0);
        e2e_sleep_ms(t, 700);
        *c.ahead_ms = jumps_ms[i];
        operation_wait_over(t, &operation_heal, 0, &then, "after a jump of the clock");
    }
    *c.ahead_ms = 4 * HOUR_MS;
    e2e_sleep_ms(t, 2000);
    const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
    E2E_CHECK(t, str_eq(json_get_str(isvc, "status.redis.state"), "Healthy"), isvc, "unwell after a jump in quiet times");
    E2E_CHECK(t, operator_is_running(op), NULL, "the operator ended");
    witness_check_ledger(t, 0, 0);
    munmap((void *)(uintptr_t)c.ahead_ms, sizeof(int64_t));
    unlink(c.path);
}

/* --- T18 --- */

static const struct mix {
    const char *old, *new; /* in build/servers */
    const char *yaml, *image;
} mixes[] = {
    { "redis-7.0", "redis-8.0", SERVICE("{image: 'redis:7.0'}"), "redis:8.0" },
    { "redis-8.0", "redis-8.6", SERVICE("{image: 'redis:8.0'}"), "redis:8.6" },
    { "redis-7.0", "valkey-8.1", SERVICE("{image: 'redis:7.0'}"), "valkey/valkey:8.1" },
    { "valkey-8.1", "valkey-9.1", SERVICE("{image: 'valkey/valkey:8.1'}"), "valkey/valkey:9.1" },
};

/* With nobody there to arm them, replicas in sync still answer to a graceful failover. */
static void restart_by_hand(struct e2e *t, const char *pod)
{
    const char *was = e2e_fmt(t, "%s", json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", pod)), "metadata.uid"));
    int64_t end_ms = e2e_deadline_ms(90);

    e2e_delete(t, e2e_fmt(t, "pods/%s", pod));
    for (;;) {
        const cJSON *now = e2e_get(t, e2e_fmt(t, "pods/%s", pod));
        const char *uid = json_get_str(now, "metadata.uid");
        if (uid && !str_eq(uid, was) && str_eq(json_get_str(e2e_condition(now, "Ready"), "status"), "True"))
            break;
        E2E_CHECK(t, loop_now_ms() < end_ms, now, "%s does not come back", pod);
        ledger_look(t);
        e2e_sleep_ms(t, 100);
    }
    ledger_look(t);
}

static const char *versions(struct e2e *t)
{
    struct redis_pods pods;
    const char *text = "";

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++) {
        const char *info = redis_ask(t, "fraud", pods.ips[i], "INFO server"), *at = info ? strstr(info, "valkey_version:") : NULL;
        at = at ? at : info ? strstr(info, "redis_version:") : NULL;
        text = e2e_fmt(t, "%s%s%.*s", text, *text ? " " : "", at ? (int)strcspn(at, "\r\n") : 1, at ? at : "?");
    }
    return text;
}

/* The roll has begun, and nobody goes on with it: some nodes are renewed by hand, masters among them. */
static void mixed(struct e2e *t)
{
    const struct mix *m = t->row;
    struct redis_nodes n;
    struct redis_pods then;

    e2e_needs_server(t, m->old);
    e2e_needs_server(t, m->new);
    struct operator *op = witness_bring_up(t, m->yaml);
    ledger_start(t, "fraud");
    redis_pods_get(t, "fraud", &then);
    redis_nodes_get(t, "fraud", &n);
    const char *replicas[] = { e2e_fmt(t, "%s", n.replicas[0]), e2e_fmt(t, "%s", n.replicas[1]) };
    const char *master = master_of(t, replicas[0]);
    e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{spec: {redis: {image: '%s'}}}", m->image));
    for (int64_t end_ms = e2e_deadline_ms(60); !json_has(e2e_get(t, "inferenceservices/fraud"), "status.redis.roll"); e2e_sleep_ms(t, 20))
        E2E_CHECK(t, loop_now_ms() < end_ms, e2e_get(t, "inferenceservices/fraud"), "no roll begins");
    operator_kill(op);
    restart_by_hand(t, replicas[0]);
    restart_by_hand(t, replicas[1]);
    ledger_wait_progress(t, 60);
    restart_by_hand(t, master);
    ledger_wait_progress(t, 60);
    e2e_note(t, "mixed: %s", versions(t));
    operator_ready(t, operator_start(t, NULL));
    operation_wait_over(t, &operation_roll, 0, &then, "after a time of mixed releases");
    e2e_note(t, "in the end: %s", versions(t));
    witness_check_ledger(t, 0, 0);
}

#define NEEDS (NEEDS_SIM_NODES | NEEDS_REDIS_CLI)
#define PLAIN(name, fn) { { name, fn, NEEDS }, NULL }
#define CUT(name, i) { { name, failover_in_a_move, NEEDS | NEEDS_TIME }, &move_cuts[i] }
#define MIX(name, i) { { name, mixed, NEEDS | NEEDS_TIME }, &mixes[i] }

static const struct e2e_row tests[] = {
    PLAIN("T3: a master is killed in the middle of its replica's first copy", killed_in_first_copy),
    { { "T3: a master stands still in the middle of its replica's first copy", away_in_first_copy, NEEDS | NEEDS_TIME }, NULL },
    PLAIN("T15: functions on a master that is new", functions_everywhere),
    { { "T15: functions on a master that is new, Redis 8.6", functions_everywhere, NEEDS | NEEDS_TIME }, &movers[0] },
    { { "T15: functions on a master that is new, Valkey 9.1", functions_everywhere, NEEDS | NEEDS_TIME }, &movers[1] },
    PLAIN("T17: the operator's clock jumps back and forth", clock_jumps),
    { { "T9: two of three masters are away, the first returns first", first_returns_first, NEEDS | NEEDS_TIME }, NULL },
    { { "T9: two of three masters are away, the second returns first", second_returns_first, NEEDS | NEEDS_TIME }, NULL },
    CUT("T14: a source fails over while it gives slots, Redis 7.0", 0),
    CUT("T14: a target fails over while it takes slots, Redis 7.0", 1),
    CUT("T14: a source fails over while it gives slots, Redis 8.6", 2),
    CUT("T14: a target fails over while it takes slots, Redis 8.6", 3),
    CUT("T14: a source fails over while it gives slots, Valkey 9.1", 4),
    CUT("T14: a target fails over while it takes slots, Valkey 9.1", 5),
    MIX("T18: Redis 7.0 and 8.0 in one cluster", 0),
    MIX("T18: Redis 8.0 and 8.6 in one cluster", 1),
    MIX("T18: Redis 7.0 and Valkey 8.1 in one cluster", 2),
    MIX("T18: Valkey 8.1 and 9.1 in one cluster", 3),
};

int main(void)
{
    return e2e_main_rows("redis-edge", tests, COUNT(tests));
}
