/*
 * A service with a Redis Cluster: from apply to ready, and through what happens
 * to pods: deleted, killed, all restarted. Verdicts are compared with redis-cli's,
 * keys with what was acknowledged. Needs nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/children.h"
#include "e2e/witness.h"

static void comes_up(struct e2e *t)
{
    witness_bring_up(t, e2e_redis_service);
    const char *words = NULL;

    E2E_CHECK(t, referee_is_content(t, "fraud", &words), NULL, "the referee is not content:\n%s", words);
    const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
    E2E_CHECK(t, json_get_int(isvc, "status.redis.slotsOk", 0) == 16384, isvc, "slotsOk");
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 500);
    witness_check_ledger(t, 0, 0);
    service_delete(t, "fraud");
}

/* Ready, then the operator restarts: it must find everything as it should be. */
static void restart_is_quiet(struct e2e *t)
{
    struct operator *op = witness_bring_up(t, e2e_redis_service);
    const char *want = children_settle(t, "fraud", 60);
    const char *rv = json_get_str(e2e_get(t, "inferenceservices/fraud"), "metadata.resourceVersion");

    operator_kill(op);
    op = operator_start(t, NULL);
    operator_ready(t, op);
    e2e_sleep_ms(t, 5000);
    const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
    E2E_CHECK(t, str_eq(json_get_str(isvc, "metadata.resourceVersion"), rv), isvc, "a restart wrote the resource");
    E2E_CHECK(t, str_eq(children_text(t, "fraud"), want), NULL, "a restart changed the children");
    e2e_apply(t, "%s", "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: fraud }\n"
                       "spec: {predictor: {containers: [{image: registry.example.com/fraud:v1}]}, redis: {shards: 4}}\n");
    isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "RedisResizeRefused", 60);
    e2e_wait_value(t, "statefulsets/fraud-redis", "spec.replicas", "6", 1);
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", "Healthy", 60);
}

static void master_deleted(struct e2e *t)
{
    struct witness v = { 0 };

    witness_bring_up(t, e2e_redis_service);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    const char *pod = redis_master_pod(t, "fraud");
    E2E_CHECK(t, pod, NULL, "no master found");
    e2e_delete(t, e2e_fmt(t, "pods/%s", pod));
    witness_recovery(t, &v, READY_S);
    witness_check_ledger(t, 0, 0);
}

static void all_restarted(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods before, after;

    witness_bring_up(t, e2e_redis_service);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    redis_pods_get(t, "fraud", &before);
    for (int i = 0; i < before.n; i++)
        e2e_delete(t, e2e_fmt(t, "pods/%s", before.names[i]));
    witness_recovery(t, &v, READY_S);
    redis_pods_get(t, "fraud", &after);
    int moved = 0;
    for (int i = 0; i < after.n; i++)
        moved += !str_eq(before.ips[i], after.ips[i]);
    e2e_note(t, "%d of %d pods have a new address", moved, after.n);
    witness_check_ledger(t, 0, 0);
}

/* Killed without warning: with appendfsync everysec and asynchronous replicas, Redis itself does not promise
 * what it acknowledged within the last moments. */
static void master_killed(struct e2e *t)
{
    enum { UNPROMISED_MS = 3000 };
    struct witness v = { 0 };

    witness_bring_up(t, e2e_redis_service);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    const char *pod = redis_master_pod(t, "fraud");
    int64_t at_ms = loop_now_ms();
    e2e_patch(t, e2e_fmt(t, "pods/%s", pod), "{metadata: {annotations: {sim.everserve.dev/fault: kill}}}");
    witness_recovery(t, &v, READY_S);
    witness_check_ledger(t, at_ms - UNPROMISED_MS, at_ms + UNPROMISED_MS);
}

static void operator_killed_while_forming(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", e2e_redis_service);
    for (int i = 0; i < 12; i++) {
        e2e_sleep_ms(t, 400 + 170 * i % 500);
        operator_kill(op);
        op = operator_start(t, NULL);
    }
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", "Healthy", READY_S);
    const char *words = NULL;
    E2E_CHECK(t, referee_is_content(t, "fraud", &words), NULL, "the referee is not content:\n%s", words);
}

static const struct e2e_test tests[] = {
    { "from apply to a ready Redis Cluster, and away again", comes_up, NEEDS_NODES | NEEDS_REDIS_CLI },
    { "ready and restarted: nothing is written; another size is refused", restart_is_quiet, NEEDS_NODES },
    { "a master's pod deleted: verdicts right, nothing lost", master_deleted, NEEDS_NODES | NEEDS_REDIS_CLI },
    { "all pods restarted with new addresses: verdicts right, nothing lost", all_restarted, NEEDS_NODES | NEEDS_REDIS_CLI },
    { "a master killed without warning", master_killed, NEEDS_NODES | NEEDS_REDIS_CLI | NEEDS_SIM_NODES },
    { "the operator killed again and again while the cluster forms", operator_killed_while_forming,
      NEEDS_NODES | NEEDS_REDIS_CLI },
};

int main(void)
{
    return e2e_main("redis", tests, COUNT(tests));
}
