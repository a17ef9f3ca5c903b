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
    /* the budget opens when health has lasted: the last write of all */
    e2e_wait_value(t, "poddisruptionbudgets/fraud-redis", "spec.maxUnavailable", "1", 60);
    const char *want = children_settle(t, "fraud", 60);
    const char *rv = json_get_str(e2e_get(t, "inferenceservices/fraud"), "metadata.resourceVersion");

    operator_kill(op);
    op = operator_start(t, NULL);
    operator_ready(t, op);
    e2e_sleep_ms(t, 5000);
    const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
    E2E_CHECK(t, str_eq(json_get_str(isvc, "metadata.resourceVersion"), rv), isvc, "a restart wrote the resource");
    E2E_CHECK(t, str_eq(children_text(t, "fraud"), want), NULL, "a restart changed the children");
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

/* The servers run with a password: what is written over it, or taken away, comes back as it was. */
static void secret_comes_back(struct e2e *t)
{
    witness_bring_up(t, e2e_redis_service);
    const char *was = redis_password(t, "fraud");
    E2E_CHECK(t, strlen(was) >= 16, NULL, "a password of %zu characters", strlen(was));
    e2e_patch(t, "secrets/fraud-redis", "{data: {password: c3RvbGVu}}");
    for (int64_t end_ms = e2e_deadline_ms(60); !str_eq(redis_password(t, "fraud"), was); e2e_sleep_ms(t, 200))
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "an edited password stays");
    e2e_delete(t, "secrets/fraud-redis");
    e2e_wait_present(t, "secrets/fraud-redis", 60);
    E2E_CHECK(t, str_eq(redis_password(t, "fraud"), was), NULL, "a deleted password comes back as another");
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", "Healthy", 60);
}

/* A template that the server refuses is a person's mistake: Redis is looked after all the same. */
static void refused_deployment_is_no_obstacle(struct e2e *t)
{
    struct witness v = { 0 };

    witness_bring_up(t, e2e_redis_service);
    e2e_patch(t, "inferenceservices/fraud",
              "{spec: {predictor: {containers: [{name: model, image: a, imagePullPolicy: Sometimes}]}}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "Rejected", 60);
    witness_start(t, &v);
    struct redis_pods pods;
    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++)
        e2e_delete(t, e2e_fmt(t, "pods/%s", pods.names[i]));
    witness_recovery(t, &v, READY_S);
}

/* Volumes outlive the resource unless told otherwise. What they hold is never thrown away for a new cluster. */
static void made_again_over_old_volumes(struct e2e *t)
{
    struct operator *op = witness_bring_up(t, e2e_redis_service);

    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    ledger_stop(t);
    service_delete(t, "fraud");
    e2e_apply(t, "%s", e2e_redis_service);
    const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", NULL, READY_S);
    e2e_note(t, "the condition says %s: %s", json_get_str(e2e_condition(isvc, "Stalled"), "reason"),
             json_get_str(e2e_condition(isvc, "Stalled"), "message"));
    E2E_CHECK(t, str_eq(json_get_str(e2e_condition(isvc, "Stalled"), "reason"), "DataFoundAtBootstrap"), isvc, "another reason");
    E2E_CHECK(t, strstr(json_get_str(e2e_condition(isvc, "Stalled"), "message"), "delete the claims data-fraud-redis-N"), isvc,
              "it is not said what to do");
    e2e_sleep_ms(t, 3000);
    E2E_CHECK(t, operator_is_running(op), NULL, "the operator ended");
    E2E_CHECK(t, redis_master_pod(t, "fraud"), NULL, "the old cluster's slots are gone");
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
    { "ready and restarted: nothing is written", restart_is_quiet, NEEDS_NODES },
    { "a master's pod deleted: verdicts right, nothing lost", master_deleted, NEEDS_NODES | NEEDS_REDIS_CLI },
    { "T7: all pods restarted with new addresses: verdicts right, nothing lost", all_restarted, NEEDS_NODES | NEEDS_REDIS_CLI },
    { "a master killed without warning", master_killed, NEEDS_NODES | NEEDS_REDIS_CLI | NEEDS_SIM_NODES },
    { "the Secret edited and deleted while Redis runs", secret_comes_back, NEEDS_NODES },
    { "a refused Deployment does not keep Redis from being mended", refused_deployment_is_no_obstacle,
      NEEDS_NODES | NEEDS_REDIS_CLI },
    { "made again over the volumes of a predecessor: said, and nothing is thrown away", made_again_over_old_volumes,
      NEEDS_NODES },
    { "the operator killed again and again while the cluster forms", operator_killed_while_forming,
      NEEDS_NODES | NEEDS_REDIS_CLI },
};

int main(void)
{
    return e2e_main("redis", tests, COUNT(tests));
}
