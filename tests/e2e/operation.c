#include "e2e/operation.h"

#include <stdio.h>
#include <string.h>

#include "e2e/children.h"
#include "e2e/witness.h"

#define SERVICE(redis) \
    "apiVersion: serving.everserve.dev/v1alpha1\n" \
    "kind: InferenceService\n" \
    "metadata: { name: fraud }\n" \
    "spec: {predictor: {containers: [{image: registry.example.com/fraud:v1}]}, redis: " redis "}\n"

const char operation_service[] = SERVICE("{}");

static void begin_form(struct e2e *t, int turn)
{
    (void)turn;
    e2e_apply(t, SERVICE("{storage: {ephemeral: true}%s%s%s}"), t->redis_image ? ", image: '" : "", t->redis_image ? t->redis_image : "",
              t->redis_image ? "'" : "");
}

static void begin_heal(struct e2e *t, int turn)
{
    struct redis_pods pods;

    (void)turn;
    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++)
        e2e_delete(t, e2e_fmt(t, "pods/%s", pods.names[i]));
}

static void begin_roll(struct e2e *t, int turn)
{
    e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{spec: {redis: {resources: {requests: {cpu: %dm}}}}}", 20 + turn));
}

static void begin_shards(struct e2e *t, int turn)
{
    e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{spec: {redis: {shards: %d}}}", turn % 2 ? 3 : 4));
}

static void begin_replicas(struct e2e *t, int turn)
{
    e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{spec: {redis: {replicasPerShard: %d}}}", turn % 2 ? 1 : 2));
}

static void begin_rotate(struct e2e *t, int turn)
{
    e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{spec: {redis: {auth: {rotate: turn-%d}}}}", turn));
}

const char *operation_service_of(struct e2e *t, const char *image)
{
    return e2e_fmt(t, SERVICE("{image: '%s'}"), image);
}

const struct operation operation_shards = { "shards", false, begin_shards, false, { 4, 3 }, { 1, 1 }, false };
const struct operation operation_replicas = { "replicas", false, begin_replicas, false, { 3, 3 }, { 2, 1 }, false };
const struct operation operation_rotate = { "rotate", false, begin_rotate, false, { 3, 3 }, { 1, 1 }, true };
const struct operation operation_form = { "form", true, begin_form, false, { 3, 3 }, { 1, 1 }, false };
const struct operation operation_heal = { "heal", false, begin_heal, true, { 3, 3 }, { 1, 1 }, false };
const struct operation operation_roll = { "roll", false, begin_roll, true, { 3, 3 }, { 1, 1 }, false };

static bool is_old(const struct redis_pods *then, const char *uid)
{
    for (int i = 0; i < then->n; i++)
        if (str_eq(then->uids[i], uid))
            return true;
    return false;
}

/* Why it is not over; NULL: it is. */
const char *operation_still_to_do(struct e2e *t, const struct operation *o, int turn, const struct redis_pods *then)
{
    const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
    const cJSON *ready = e2e_condition(isvc, "RedisReady");
    struct redis_pods now;

    if (!str_eq(json_get_str(ready, "status"), "True") || !str_eq(json_get_str(isvc, "status.redis.state"), "Healthy") ||
        json_get_int(ready, "observedGeneration", -1) != json_get_int(isvc, "metadata.generation", 0))
        return e2e_fmt(t, "RedisReady says %s", json_get_str(ready, "message"));
    if (json_has(isvc, "status.redis.resize") || json_has(isvc, "status.redis.roll"))
        return "a plan in the status";
    if (o->rotates && (json_get_int(isvc, "status.redis.users.rotation", 0) != turn + 1 ||
                       !str_eq(json_get_str(isvc, "status.redis.users.phase"), "Done")))
        return "passwords are on their way";
    redis_pods_get(t, "fraud", &now);
    for (int i = 0; o->renews_pods && i < now.n; i++)
        if (is_old(then, now.uids[i]))
            return e2e_fmt(t, "%s is the one of before", now.names[i]);
    return own_check(t, "fraud", o->masters[turn % 2], o->replicas[turn % 2], 0);
}

void operation_wait_over(struct e2e *t, const struct operation *o, int turn, const struct redis_pods *then, const char *when)
{
    int64_t end_ms = e2e_deadline_ms(OPERATION_OVER_S);
    const char *why, *words = NULL;

    while ((why = operation_still_to_do(t, o, turn, then))) {
        E2E_CHECK(t, loop_now_ms() < end_ms, e2e_get(t, "inferenceservices/fraud"), "%s, %s: not over within %d s: %s",
                  o->name, when, OPERATION_OVER_S, why);
        ledger_look(t);
        e2e_sleep_ms(t, 100);
    }
    for (int i = 0; !referee_is_content(t, "fraud", &words); i++) {
        E2E_CHECK(t, i < 50, NULL, "%s, %s: the referee is not content:\n%s", o->name, when, words);
        e2e_sleep_ms(t, 200);
    }
}

static void short_ledger(struct e2e *t)
{
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 200);
    witness_check_ledger(t, 0, 0);
    ledger_end(t);
}

void operation_tidy(struct e2e *t, const struct operation *o)
{
    if (!o->is_forming)
        return;
    short_ledger(t);
    service_delete(t, "fraud");
    for (struct redis_pods pods = { .n = 1 }; pods.n; e2e_sleep_ms(t, 50))
        redis_pods_get(t, "fraud", &pods);
}
