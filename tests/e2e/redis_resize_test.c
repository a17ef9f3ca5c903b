/*
 * A Redis Cluster that grows and shrinks under the ledger: shards, replicas, and an operator that dies all the
 * time. Nothing acknowledged may be missing, clients see MOVED, ASK and TRYAGAIN and nothing else, redis-cli
 * is content. Needs nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/witness.h"

enum { RESIZE_S = 300 };

static void ask_for(struct e2e *t, int shards, int replicas)
{
    e2e_patch(t, "inferenceservices/fraud",
              e2e_fmt(t, "{spec: {redis: {shards: %d, replicasPerShard: %d}}}", shards, replicas));
}

static bool is_size(const cJSON *isvc, int shards, int replicas)
{
    return !json_has(isvc, "status.redis.resize") && json_get_int(isvc, "status.redis.plan.shards", 0) == shards &&
           json_get_int(isvc, "status.redis.shards", 0) == shards &&
           json_count(json_at(isvc, "status.redis.plan.seats")) == shards * (1 + replicas) &&
           str_eq(json_get_str(isvc, "status.redis.state"), "Healthy");
}

static void await_size(struct e2e *t, int shards, int replicas)
{
    int64_t end_ms = e2e_deadline_ms(RESIZE_S), from_ms = loop_now_ms();

    for (;;) {
        const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");

        if (is_size(isvc, shards, replicas))
            break;
        E2E_CHECK(t, loop_now_ms() < end_ms, isvc, "no %d shards with %d replicas", shards, replicas);
        e2e_forget(t, isvc);
        ledger_look(t);
        e2e_sleep_ms(t, 200);
    }
    e2e_note(t, "%d shards with %d replicas after %.1f s", shards, replicas, (double)(loop_now_ms() - from_ms) / 1000);
}

/* Pods beyond the size are gone, the referee and our own check agree. */
static void check_size(struct e2e *t, int shards, int replicas)
{
    const char *words = NULL, *why;

    e2e_wait_value(t, "statefulsets/fraud-redis", "spec.replicas", e2e_fmt(t, "%d", shards * (1 + replicas)), 30);
    e2e_wait_absent(t, e2e_fmt(t, "pods/fraud-redis-%d", shards * (1 + replicas)), 60);
    why = own_check(t, "fraud", shards, replicas, 20);
    E2E_CHECK(t, !why, NULL, "%s", why);
    E2E_CHECK(t, referee_is_content(t, "fraud", &words), NULL, "the referee is not content:\n%s", words);
}

static void resize(struct e2e *t, int shards, int replicas)
{
    ledger_phase(t, e2e_fmt(t, "to %dx%d", shards, replicas));
    ask_for(t, shards, replicas);
    await_size(t, shards, replicas);
    check_size(t, shards, replicas);
}

static void begin_with(struct e2e *t, const char *yaml, struct witness *v, const struct ledger_opts *o)
{
    witness_bring_up(t, yaml);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
    witness_start(t, v);
    ledger_start_with(t, "fraud", o);
    e2e_sleep_ms(t, 1000);
}

static void begin(struct e2e *t, struct witness *v, const struct ledger_opts *o)
{
    begin_with(t, e2e_redis_service, v, o);
}

/* Clients that follow redirections see no error, and every slot was served all the time. */
static void end(struct e2e *t, const struct witness *v)
{
    ledger_note_phases(t);
    e2e_note(t, "states:%s", v->states);
    E2E_CHECK(t, !strstr(v->states, "Partial") && !strstr(v->states, "Down"), NULL, "the states were:%s", v->states);
    witness_check_ledger(t, 0, 0);
}

static void check_phase(struct e2e *t, const char *name)
{
    struct ledger_phase p = ledger_phase_get(t, name);

    E2E_CHECK(t, p.errors == 0, NULL, "%s: clients saw %s", name, p.error_text);
}

static const char *cli(struct e2e *t, const char *ip, const char *a, const char *b, const char *c)
{
    const char *argv[] = { "timeout", "5", "redis-cli", "--no-auth-warning", "-a", redis_password(t, "fraud"), "-h", ip, a, b, c, NULL };
    const char *words = "";

    e2e_run(t, argv, NULL, &words);
    return words;
}

/* As a client library does: to each master. Its replicas get it from there. */
static void load_functions(struct e2e *t)
{
    struct redis_pods pods;

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++)
        cli(t, pods.ips[i], "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('seven', function() return 7 end)");
}

static void check_functions(struct e2e *t)
{
    struct redis_pods pods;

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++) {
        const char *words = cli(t, pods.ips[i], "FUNCTION", "LIST", NULL);
        E2E_CHECK(t, strstr(words, "seven"), NULL, "%s has no function: %s", pods.names[i], words);
    }
}

static void shards_up_and_down(struct e2e *t)
{
    struct ledger_opts o = { .n_keys = 20000, .mixed = true, .fill = true };
    struct witness v = { 0 };

    begin(t, &v, &o);
    load_functions(t);
    resize(t, 6, 1);
    check_functions(t);
    check_phase(t, "to 6x1");
    resize(t, 3, 1);
    end(t, &v);
}

static void replicas_up_and_down(struct e2e *t)
{
    struct ledger_opts o = { .fill = true };
    struct witness v = { 0 };

    begin(t, &v, &o);
    resize(t, 3, 2);
    resize(t, 3, 1);
    end(t, &v);
}

static bool has_owners(const cJSON *isvc, const void *arg)
{
    (void)arg;
    return json_has(isvc, "status.redis.resize.owners");
}

/* Pods come again with the volumes that they had: empty masters, and replicas with old copies. */
static void to_and_fro(struct e2e *t)
{
    struct ledger_opts o = { .fill = true };
    struct witness v = { 0 };

    begin(t, &v, &o);
    resize(t, 3, 2);
    resize(t, 3, 1);
    resize(t, 5, 1);
    resize(t, 3, 1);
    resize(t, 4, 1);
    end(t, &v);
}

/* Another size is wanted while the first one is on its way. */
static void minds_are_changed(struct e2e *t)
{
    struct ledger_opts o = { .n_keys = 20000, .mixed = true, .fill = true };
    struct witness v = { 0 };

    begin(t, &v, &o);
    ask_for(t, 6, 1);
    e2e_wait(t, "inferenceservices/fraud", has_owners, NULL, RESIZE_S, "no owners were planned");
    e2e_sleep_ms(t, 1500);
    resize(t, 4, 1);
    resize(t, 3, 1);
    end(t, &v);
}

static void operator_dies(struct e2e *t)
{
    struct ledger_opts o = { .n_keys = 20000, .mixed = true, .fill = true };
    struct witness v = { 0 };
    struct operator *op = witness_bring_up(t, e2e_redis_service);

    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
    witness_start(t, &v);
    ledger_start_with(t, "fraud", &o);
    for (int size = 0; size < 2; size++) {
        ask_for(t, size ? 3 : 4, 1);
        for (int i = 0; i < 10; i++) {
            e2e_sleep_ms(t, 500 + 270 * i % 900);
            operator_kill(op);
            op = operator_start(t, NULL);
        }
        await_size(t, size ? 3 : 4, 1);
        check_size(t, size ? 3 : 4, 1);
    }
    end(t, &v);
}

#define ON_IMAGE(image) \
    "apiVersion: serving.everserve.dev/v1alpha1\n" \
    "kind: InferenceService\n" \
    "metadata: { name: fraud }\n" \
    "spec: {predictor: {containers: [{image: registry.example.com/fraud:v1}]}, redis: {image: '" image "'}}\n"

static const struct release {
    const char *server, *yaml, *engine;
} releases[] = {
    { "redis-8.0", ON_IMAGE("redis:8.0"), NULL },
    { "redis-8.6", ON_IMAGE("redis:8.6"), "redis-asm" },
    { "valkey-8.1", ON_IMAGE("valkey/valkey:8.1"), NULL },
    { "valkey-9.1", ON_IMAGE("valkey/valkey:9.1"), "valkey-asm" },
};

/* Each by the best engine that it has. */
static void on_release(struct e2e *t)
{
    const struct release *r = t->row;
    struct ledger_opts o = { .n_keys = 20000, .mixed = true, .fill = true };
    struct witness v = { 0 };

    e2e_needs_server(t, r->server);
    begin_with(t, r->yaml, &v, &o);
    resize(t, 4, 1);
    if (r->engine)
        E2E_CHECK(t, operator_log_has(t->operators[0], "redis[migrate"), NULL, "slots did not move by %s", r->engine);
    resize(t, 3, 1);
    end(t, &v);
}

#define ROW(name, fn, row) { { name, fn, NEEDS_NODES | NEEDS_REDIS_CLI }, row }

static const struct e2e_row tests[] = {
    ROW("3 to 6 to 3 shards under the ledger", shards_up_and_down, NULL),
    ROW("replicas 1 to 2 to 1 under the ledger", replicas_up_and_down, NULL),
    ROW("to and fro: pods come again with old volumes", to_and_fro, NULL),
    ROW("another size is wanted while the first is on its way", minds_are_changed, NULL),
    ROW("the operator killed again and again while it resizes", operator_dies, NULL),
    ROW("3 to 4 to 3 shards on Redis 8.0", on_release, &releases[0]),
    ROW("3 to 4 to 3 shards on Redis 8.6", on_release, &releases[1]),
    ROW("3 to 4 to 3 shards on Valkey 8.1", on_release, &releases[2]),
    ROW("3 to 4 to 3 shards on Valkey 9.1", on_release, &releases[3]),
};

int main(void)
{
    return e2e_main_rows("redis-resize", tests, COUNT(tests));
}
