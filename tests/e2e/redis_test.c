/*
 * A service with a Redis Cluster: from apply to ready, and through what happens
 * to pods: deleted, killed, all restarted. Verdicts are compared with redis-cli's,
 * keys with what was acknowledged. Needs nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/children.h"
#include "e2e/ledger.h"
#include "e2e/operator.h"
#include "kube/watch.h"

enum { OPTIMIST_S = 15, PESSIMIST_S = 20, READY_S = 180 };

/* Our verdict beside the referee's, over time. Small differences in time are nobody's fault; an opinion
 * that stays wrong is. */
struct witness {
    struct kube_watch *watch; /* every state that the status ever shows */
    char states[512];         /* "Healthy Degraded Healthy" */
    char last[32];
    int64_t optimist_ms;    /* since when we have said Healthy against the referee; 0: no */
    int64_t pessimist_ms;   /* the other way round */
    int samples, agreed;
    bool saw_unhealthy, saw_held;
};

static void on_service(void *arg, enum kube_event event, const cJSON *obj)
{
    struct witness *v = arg;
    const char *state = json_get_str(obj, "status.redis.state");
    size_t len = strlen(v->states);

    if (event == KUBE_DELETED || !state)
        return;
    v->saw_unhealthy = v->saw_unhealthy || !str_eq(state, "Healthy");
    v->saw_held = v->saw_held || str_eq(json_get_str(e2e_condition(obj, "ScalingHeld"), "status"), "True");
    if (str_eq(v->last, state))
        return;
    snprintf(v->last, sizeof(v->last), "%s", state);
    snprintf(v->states + len, sizeof(v->states) - len, "%s%s", len ? " " : "", state);
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static void witness_start(struct e2e *t, struct witness *v)
{
    struct kube_watch_opts o = { e2e_path(t, "inferenceservices"), NULL, "metadata.name=fraud" };
    struct kube_watch_handler handler = { on_service, on_nothing, on_nothing, NULL };

    v->watch = kube_watch_new(t->kube, &o, &handler, v);
    while (!kube_watch_is_synced(v->watch))
        e2e_sleep_ms(t, 20);
}

static void hold_against(struct e2e *t, int64_t *since_ms, bool wrong, int bound_s, const cJSON *isvc, const char *referee)
{
    if (!wrong) {
        *since_ms = 0;
        return;
    }
    if (!*since_ms)
        *since_ms = loop_now_ms();
    E2E_CHECK(t, loop_now_ms() - *since_ms < bound_s * 1000LL, isvc, "for %d s our verdict has been %s while the referee says:\n%s",
              bound_s, json_get_str(isvc, "status.redis.state"), referee);
}

static const cJSON *witness_look(struct e2e *t, struct witness *v)
{
    const char *words = NULL;
    bool before = referee_is_content(t, "fraud", NULL);
    const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
    bool after = referee_is_content(t, "fraud", &words);
    const char *state = json_get_str(isvc, "status.redis.state");
    bool healthy = str_eq(state, "Healthy");
    bool serving = healthy || str_eq(state, "Degraded"); /* redis-cli does not miss replicas */

    v->samples++;
    v->agreed += before != after || (before ? serving : !healthy);
    hold_against(t, &v->optimist_ms, healthy && !before && !after, OPTIMIST_S, isvc, words);
    hold_against(t, &v->pessimist_ms, !serving && before && after, PESSIMIST_S, isvc, words);
    ledger_look(t);
    return isvc;
}

static struct operator *bring_up(struct e2e *t, const char *yaml)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    int64_t start_ms = loop_now_ms();
    e2e_apply(t, "%s", yaml);
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", "Healthy", READY_S);
    e2e_note(t, "RedisReady %.1f s after apply", (double)(loop_now_ms() - start_ms) / 1000);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
    return op;
}

/* Until both say well again, and it was seen that something had happened. */
static void watch_recovery(struct e2e *t, struct witness *v, int bound_s)
{
    int64_t end_ms = e2e_deadline_ms(bound_s), start_ms = loop_now_ms();
    const cJSON *isvc;

    do {
        isvc = witness_look(t, v);
        E2E_CHECK(t, loop_now_ms() < end_ms, isvc, "not healthy again within %d s (or never seen unwell); states were: %s",
                  bound_s, v->states);
        e2e_sleep_ms(t, 100);
    } while (!v->saw_unhealthy || !str_eq(v->last, "Healthy") || !referee_is_content(t, "fraud", NULL));
    e2e_note(t, "%s; whole again after %.1f s; %d of %d samples agree with redis-cli", v->states,
             (double)(loop_now_ms() - start_ms) / 1000, v->agreed, v->samples);
    e2e_wait_condition(t, "inferenceservices/fraud", "ScalingHeld", "False", NULL, 30);
    kube_watch_free(v->watch);
}

static void check_ledger(struct e2e *t, int64_t may_lose_from_ms, int64_t may_lose_to_ms)
{
    ledger_wait_progress(t, 60);
    ledger_stop(t);
    struct ledger_result r = ledger_check(t);
    e2e_note(t, "%lld writes acknowledged, %lld lost, %lld wrong; longest pause %.1f s", (long long)r.acked, (long long)r.lost,
             (long long)r.wrong, (double)r.longest_gap_ms / 1000);
    E2E_CHECK(t, r.acked > 100, NULL, "only %lld writes were acknowledged", (long long)r.acked);
    E2E_CHECK(t, r.wrong == 0, NULL, "%lld keys hold something else", (long long)r.wrong);
    E2E_CHECK(t, r.lost == 0 || (may_lose_to_ms && r.first_lost_ms >= may_lose_from_ms && r.last_lost_ms <= may_lose_to_ms),
              NULL, "%lld acknowledged keys are lost", (long long)r.lost);
}

static void comes_up(struct e2e *t)
{
    bring_up(t, e2e_redis_service);
    const char *words = NULL;

    E2E_CHECK(t, referee_is_content(t, "fraud", &words), NULL, "the referee is not content:\n%s", words);
    const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
    E2E_CHECK(t, json_get_int(isvc, "status.redis.slotsOk", 0) == 16384, isvc, "slotsOk");
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 500);
    check_ledger(t, 0, 0);
    service_delete(t, "fraud");
}

/* Ready, then the operator restarts: it must find everything as it should be. */
static void restart_is_quiet(struct e2e *t)
{
    struct operator *op = bring_up(t, e2e_redis_service);
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

    bring_up(t, e2e_redis_service);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    const char *pod = redis_master_pod(t, "fraud");
    E2E_CHECK(t, pod, NULL, "no master found");
    e2e_delete(t, e2e_fmt(t, "pods/%s", pod));
    watch_recovery(t, &v, READY_S);
    check_ledger(t, 0, 0);
}

static void all_restarted(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods before, after;

    bring_up(t, e2e_redis_service);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    redis_pods_get(t, "fraud", &before);
    for (int i = 0; i < before.n; i++)
        e2e_delete(t, e2e_fmt(t, "pods/%s", before.names[i]));
    watch_recovery(t, &v, READY_S);
    redis_pods_get(t, "fraud", &after);
    int moved = 0;
    for (int i = 0; i < after.n; i++)
        moved += !str_eq(before.ips[i], after.ips[i]);
    e2e_note(t, "%d of %d pods have a new address", moved, after.n);
    check_ledger(t, 0, 0);
}

/* Killed without warning: with appendfsync everysec and asynchronous replicas, Redis itself does not promise
 * what it acknowledged within the last moments. */
static void master_killed(struct e2e *t)
{
    enum { UNPROMISED_MS = 3000 };
    struct witness v = { 0 };

    bring_up(t, e2e_redis_service);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    const char *pod = redis_master_pod(t, "fraud");
    int64_t at_ms = loop_now_ms();
    e2e_patch(t, e2e_fmt(t, "pods/%s", pod), "{metadata: {annotations: {sim.everserve.dev/fault: kill}}}");
    watch_recovery(t, &v, READY_S);
    check_ledger(t, at_ms - UNPROMISED_MS, at_ms + UNPROMISED_MS);
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
