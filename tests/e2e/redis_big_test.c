/*
 * The long run: 1 GB in values of mixed sizes and one key of 64 MB, 3 to 6 to 3 shards, replicas 1 to 2 to 1,
 * under load. Nothing acknowledged is lost, clients see MOVED, ASK and TRYAGAIN and nothing else; how much
 * slower they are meanwhile is measured, beside what they see in quiet times before and after. Minutes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e/ledger.h"
#include "e2e/witness.h"

enum { N_KEYS = 440000, BIG_BYTES = 64 << 20, RESIZE_S = 900, QUIET_MS = 15000 };

#define SERVICE(image) \
    "apiVersion: serving.everserve.dev/v1alpha1\n" \
    "kind: InferenceService\n" \
    "metadata: { name: fraud }\n" \
    "spec: {predictor: {containers: [{image: registry.example.com/fraud:v1}]}, redis: {image: '" image "',\n" \
    "  resources: {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 2Gi}}}}\n"

static const struct release {
    const char *server;
    const char *yaml;
} releases[] = {
    { "redis-7.0", SERVICE("redis:7.0") },
    { "redis-8.6", SERVICE("redis:8.6") },
    { "valkey-9.1", SERVICE("valkey/valkey:9.1") },
};

static bool is_size(const cJSON *isvc, int shards, int replicas)
{
    return !json_has(isvc, "status.redis.resize") && json_get_int(isvc, "status.redis.plan.shards", 0) == shards &&
           json_count(json_at(isvc, "status.redis.plan.seats")) == shards * (1 + replicas) &&
           str_eq(json_get_str(isvc, "status.redis.state"), "Healthy");
}

static void resize(struct e2e *t, const char *phase, int shards, int replicas)
{
    int64_t end_ms = e2e_deadline_ms(RESIZE_S), from_ms = loop_now_ms();
    const char *words = NULL, *why;

    ledger_phase(t, phase);
    e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{spec: {redis: {shards: %d, replicasPerShard: %d}}}", shards, replicas));
    for (;;) {
        const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
        if (is_size(isvc, shards, replicas))
            break;
        E2E_CHECK(t, loop_now_ms() < end_ms, isvc, "no %d shards with %d replicas", shards, replicas);
        e2e_forget(t, isvc);
        ledger_look(t);
        e2e_sleep_ms(t, 300);
    }
    e2e_note(t, "%d shards with %d replicas after %.1f s", shards, replicas, (double)(loop_now_ms() - from_ms) / 1000);
    e2e_wait_absent(t, e2e_fmt(t, "pods/fraud-redis-%d", shards * (1 + replicas)), 120);
    why = own_check(t, "fraud", shards, replicas, 60);
    E2E_CHECK(t, !why, NULL, "%s", why);
    E2E_CHECK(t, referee_is_content(t, "fraud", &words), NULL, "the referee is not content:\n%s", words);
}

static void quiet(struct e2e *t, const char *name)
{
    ledger_phase(t, name);
    e2e_sleep_ms(t, QUIET_MS);
}

static void check_phase(struct e2e *t, const char *name, int64_t idle_us)
{
    struct ledger_phase p = ledger_phase_get(t, name);

    e2e_note(t, "%s: p99 is %.1f x that of quiet times", name, (double)p.p99_us / (double)(idle_us ? idle_us : 1));
    E2E_CHECK(t, p.errors == 0, NULL, "%s: clients saw %s", name, p.error_text);
}

static void grows_and_shrinks(struct e2e *t)
{
    static const struct size {
        const char *phase;
        int shards, replicas;
    } sizes[] = { { "3 to 6 shards", 6, 1 }, { "6 to 3 shards", 3, 1 }, { "replicas 1 to 2", 3, 2 }, { "replicas 2 to 1", 3, 1 } };
    const struct release *r = t->row;
    struct ledger_opts o = { .n_keys = N_KEYS, .mixed = true, .fill = true, .big_bytes = BIG_BYTES };
    int64_t from_ms = loop_now_ms();

    e2e_needs_server(t, r->server);
    witness_bring_up(t, r->yaml);
    ledger_start_with(t, "fraud", &o);
    e2e_note(t, "%d keys after %.1f s", N_KEYS, (double)(loop_now_ms() - from_ms) / 1000);
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", "Healthy", READY_S);
    quiet(t, "quiet");
    for (size_t i = 0; i < COUNT(sizes); i++)
        resize(t, sizes[i].phase, sizes[i].shards, sizes[i].replicas);
    quiet(t, "quiet again");
    ledger_note_phases(t);
    int64_t before_us = ledger_phase_get(t, "quiet").p99_us, after_us = ledger_phase_get(t, "quiet again").p99_us;
    for (size_t i = 0; i < COUNT(sizes); i++)
        check_phase(t, sizes[i].phase, before_us > after_us ? before_us : after_us);
    witness_check_ledger(t, 0, 0);
}

/* --- T13 --- */

enum { HUGE_BYTES = 500 << 20 };

/* A key in a slot of the fourth shard, so that it has to leave with it; its name, lent. */
static const char *write_huge(struct e2e *t)
{
    struct redis_nodes n;

    redis_nodes_get(t, "fraud", &n);
    for (int i = 0; i < n.n_masters; i++) {
        if (atoi(strrchr(n.masters[i], '-') + 1) < 6)
            continue;
        const char *ip = e2e_fmt(t, "%s", json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", n.masters[i])), "status.podIP"));
        for (int k = 0; k < 100; k++) {
            const char *said = redis_ask(t, "fraud", ip, e2e_fmt(t, "SET huge:%d x", k));
            if (!str_eq(said, "OK"))
                continue; /* MOVED */
            /* a second, and more, on a busy machine: the answer may come too late for us */
            redis_ask(t, "fraud", ip, e2e_fmt(t, "SETRANGE huge:%d %d end", k, HUGE_BYTES - 3));
            return e2e_fmt(t, "huge:%d", k);
        }
    }
    e2e_fail(t, NULL, "no key belongs to the fourth shard");
}

/* Who holds it, and how much of it. */
static bool has_huge(struct e2e *t, const char *key)
{
    struct redis_nodes n;

    redis_nodes_get(t, "fraud", &n);
    for (int i = 0; i < n.n_masters; i++) {
        const char *ip = json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", n.masters[i])), "status.podIP");
        const char *len = ip ? redis_ask(t, "fraud", ip, e2e_fmt(t, "STRLEN %s", key)) : NULL;
        if (len && atoi(len) == HUGE_BYTES) {
            const char *end = redis_ask(t, "fraud", ip, e2e_fmt(t, "GETRANGE %s %d -1", key, HUGE_BYTES - 3));
            return str_eq(end, "end");
        }
    }
    return false;
}

static void huge_key_moves(struct e2e *t)
{
    const struct release *r = t->row;

    e2e_needs_server(t, r->server);
    witness_bring_up(t, r->yaml);
    ledger_start(t, "fraud");
    resize(t, "a fourth shard", 4, 1);
    const char *key = write_huge(t);
    for (int64_t end_ms = e2e_deadline_ms(60); !has_huge(t, key); e2e_sleep_ms(t, 500))
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "%s was not written", key);
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", "Healthy", READY_S);
    resize(t, "three again", 3, 1);
    E2E_CHECK(t, has_huge(t, key), NULL, "%s is not whole", key);
    witness_check_ledger(t, 0, 0);
}

#define HUGE(name, i) { { name, huge_key_moves, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME }, &releases[i] }
#define BIG(name, i) { { name, grows_and_shrinks, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME }, &releases[i] }

static const struct e2e_row tests[] = {
    BIG("1 GB on Redis 7.0: 3 to 6 to 3 shards, replicas 1 to 2 to 1", 0),
    BIG("1 GB on Redis 8.6: 3 to 6 to 3 shards, replicas 1 to 2 to 1", 1),
    BIG("1 GB on Valkey 9.1: 3 to 6 to 3 shards, replicas 1 to 2 to 1", 2),
    HUGE("T13: a key of 500 MB in a slot that moves, Redis 7.0", 0),
    HUGE("T13: a key of 500 MB in a slot that moves, Redis 8.6", 1),
    HUGE("T13: a key of 500 MB in a slot that moves, Valkey 9.1", 2),
};

int main(void)
{
    return e2e_main_rows("redis-big", tests, COUNT(tests));
}
