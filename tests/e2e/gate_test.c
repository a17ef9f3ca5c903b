/*
 * Slot health before scale: what the gate holds, and when it lets go. Redis is made
 * unwell by an open slot, of which cluster_state says nothing, or by a missing one.
 * Needs nodes.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "e2e/children.h"
#include "e2e/ledger.h"
#include "e2e/operator.h"

enum { READY_S = 180 };

static const char service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: fraud }\n"
    "spec:\n"
    "  predictor:\n"
    "    minReplicas: %d\n"
    "    maxReplicas: %d\n"
    "    containers:\n"
    "      - image: registry.example.com/fraud:v1\n"
    "  scaling: { gate: { maxHoldSeconds: %d } }\n"
    "  redis: {}\n";

static const char isvc_what[] = "inferenceservices/fraud";

/* A connection to the first master that owns slots; closed by the caller. id: of itself. */
static redisContext *master_of_slot(struct e2e *t, unsigned slot)
{
    const char *admin = redis_admin(t, "fraud");
    struct redis_pods pods;

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++) {
        struct timeval patience = { 2, 0 };
        redisContext *c = redisConnectWithTimeout(pods.ips[i], 6379, patience);
        redisReply *r = c && !c->err ? redisCommand(c, admin) : NULL;
        if (r)
            freeReplyObject(r);
        r = c && !c->err ? redisCommand(c, "CLUSTER NODES") : NULL;
        const char *row = r && r->str ? strstr(r->str, "myself,master") : NULL;
        unsigned first = 1, last = 0;
        const char *ranges = row ? strstr(row, " connected ") : NULL;
        bool owner = ranges && sscanf(ranges, " connected %u-%u", &first, &last) == 2 && slot >= first && slot <= last;
        if (r)
            freeReplyObject(r);
        if (owner)
            return c;
        redisFree(c);
    }
    e2e_fail(t, NULL, "nobody owns slot %u", slot);
}

static void tell(struct e2e *t, redisContext *c, const char *command)
{
    redisReply *r = redisCommand(c, command);
    bool ok = r && r->type != REDIS_REPLY_ERROR;
    const char *said = e2e_fmt(t, "%s", r && r->str ? r->str : "nothing");

    if (r)
        freeReplyObject(r);
    E2E_CHECK(t, ok, NULL, "%s: %s", command, said);
}

/* Neither applications nor the operator may do what these tests do. */
static void become_tester(struct e2e *t, redisContext *c)
{
    tell(t, c, redis_admin(t, "fraud"));
    tell(t, c, "ACL SETUSER tester on >tester ~* &* +@all");
    tell(t, c, "AUTH tester tester");
}

static void tell_all(struct e2e *t, const char *command)
{
    struct redis_pods pods;

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++) {
        struct timeval patience = { 2, 0 };
        redisContext *c = redisConnectWithTimeout(pods.ips[i], 6379, patience);
        become_tester(t, c);
        tell(t, c, command);
        redisFree(c);
    }
}

static const char *id_of(struct e2e *t, redisContext *c)
{
    redisReply *r = redisCommand(c, "CLUSTER MYID");
    const char *id = e2e_fmt(t, "%s", r && r->str ? r->str : "");

    if (r)
        freeReplyObject(r);
    return id;
}

/* The only key of slot 7 here. */
#define KEY "gate-18249"

/* Slot 7 half way from its owner to another master, with a key that differs on both sides: every node still says
 * cluster_state:ok, and the operator mends nothing, for it would have to overwrite one of the two. */
static void open_slot(struct e2e *t)
{
    redisContext *from = master_of_slot(t, 7), *to = master_of_slot(t, 16383);
    const char *from_id = id_of(t, from), *to_id = id_of(t, to);

    become_tester(t, from);
    become_tester(t, to);
    tell(t, from, "SET " KEY " one");
    tell(t, to, e2e_fmt(t, "CLUSTER SETSLOT 7 IMPORTING %s", from_id));
    tell(t, to, "ASKING");
    tell(t, to, "SET " KEY " two");
    tell(t, from, e2e_fmt(t, "CLUSTER SETSLOT 7 MIGRATING %s", to_id));
    redisFree(from);
    redisFree(to);
}

/* A person decides which of the two is right; the rest is the operator's. */
static void close_slot(struct e2e *t)
{
    redisContext *to = master_of_slot(t, 16383);

    become_tester(t, to);
    tell(t, to, "ASKING");
    tell(t, to, "DEL " KEY);
    redisFree(to);
}

static void bring_up(struct e2e *t, int min, int max, int hold_s)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, service, min, max, hold_s);
    e2e_wait_condition(t, isvc_what, "RedisReady", "True", "Healthy", READY_S);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", e2e_fmt(t, "%d", min), 30);
}

static void step_down_waits(struct e2e *t)
{
    const char *words = NULL;

    bring_up(t, 3, 3, 60);
    open_slot(t);
    e2e_wait_condition(t, isvc_what, "RedisReady", "False", "Degraded", 60);
    E2E_CHECK(t, !referee_is_content(t, "fraud", &words), NULL, "redis-cli sees nothing:\n%s", words);
    e2e_apply(t, service, 1, 1, 60);
    const cJSON *isvc = e2e_wait_condition(t, isvc_what, "ScalingHeld", "True", NULL, 60);
    e2e_note(t, "held: %s", json_get_str(e2e_condition(isvc, "ScalingHeld"), "message"));
    e2e_sleep_ms(t, 3000);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "3", 1);
    /* up is not held: somebody else's trouble does not stop serving */
    e2e_apply(t, service, 4, 4, 60);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "4", 30);
    e2e_apply(t, service, 1, 1, 60);
    close_slot(t);
    e2e_wait_condition(t, isvc_what, "RedisReady", "True", "Healthy", 60);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "1", 60);
    e2e_wait_condition(t, isvc_what, "ScalingHeld", "False", NULL, 60);
}

static void autoscaler_is_held(struct e2e *t)
{
    static const char policy[] = "spec.behavior.scaleDown.selectPolicy";

    bring_up(t, 2, 6, 60);
    e2e_wait_present(t, "horizontalpodautoscalers/fraud", 60);
    e2e_wait_value(t, "horizontalpodautoscalers/fraud", policy, "null", 60);
    open_slot(t);
    e2e_wait_value(t, "horizontalpodautoscalers/fraud", policy, "\"Disabled\"", 60);
    e2e_wait_condition(t, isvc_what, "ScalingHeld", "True", NULL, 60);
    e2e_wait_value(t, "poddisruptionbudgets/fraud-redis", "spec.maxUnavailable", "0", 60);
    close_slot(t);
    e2e_wait_condition(t, isvc_what, "ScalingHeld", "False", NULL, 60);
    const cJSON *hpa = e2e_get(t, "horizontalpodautoscalers/fraud");
    E2E_CHECK(t, !str_eq(json_get_str(hpa, policy), "Disabled"), hpa, "still held");
    e2e_wait_value(t, "poddisruptionbudgets/fraud-redis", "spec.maxUnavailable", "1", 60);
}

/* A slot that nobody owns: with full coverage required, no slot is served at all. */
static void step_up_waits_for_a_while(struct e2e *t)
{
    bring_up(t, 2, 2, 8);
    redisContext *owner = master_of_slot(t, 7);
    /* each forgets it for itself: the news of a lost slot do not spread */
    tell_all(t, "CONFIG SET cluster-require-full-coverage yes");
    tell_all(t, "CLUSTER DELSLOTS 7");
    const cJSON *isvc = e2e_wait_condition(t, isvc_what, "RedisReady", "False", NULL, 60);
    e2e_note(t, "state %s", json_get_str(isvc, "status.redis.state"));
    e2e_wait_value(t, isvc_what, "status.redis.state", "\"Down\"", 60);
    e2e_apply(t, service, 5, 5, 8);
    e2e_wait_condition(t, isvc_what, "ScalingHeld", "True", "ScaleUpHeld", 30);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "5", 60);
    tell(t, owner, "CLUSTER ADDSLOTS 7");
    redisFree(owner);
    e2e_wait_condition(t, isvc_what, "RedisReady", "True", "Healthy", 120);
    e2e_wait_condition(t, isvc_what, "ScalingHeld", "False", NULL, 60);
}

static const struct e2e_test tests[] = {
    { "an open slot holds a step down, not a step up, and lets go", step_down_waits, NEEDS_NODES | NEEDS_REDIS_CLI },
    { "an open slot holds the autoscaler and the Redis budget, and lets go", autoscaler_is_held, NEEDS_NODES },
    { "a step up waits for a Redis that is down, but not for ever", step_up_waits_for_a_while, NEEDS_NODES },
};

int main(void)
{
    return e2e_main("gate", tests, COUNT(tests));
}
