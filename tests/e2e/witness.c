#include "e2e/witness.h"

#include <stdio.h>
#include <string.h>

enum { OPTIMIST_S = 15, PESSIMIST_S = 20, SAME_S = 60 };

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

void witness_start(struct e2e *t, struct witness *v)
{
    struct kube_watch_opts o = { e2e_path(t, "inferenceservices"), NULL, "metadata.name=fraud" };
    struct kube_watch_handler handler = { on_service, on_nothing, on_nothing, NULL };

    v->watch = e2e_watch(t, &o, &handler, v);
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

const cJSON *witness_look(struct e2e *t, struct witness *v)
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

struct operator *witness_bring_up(struct e2e *t, const char *yaml)
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

void witness_recovery(struct e2e *t, struct witness *v, int bound_s)
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
    const char *why = own_check(t, "fraud", 0, 0, SAME_S);
    E2E_CHECK(t, !why, isvc, "Healthy by the operator and by redis-cli, but %s", why);
    e2e_wait_condition(t, "inferenceservices/fraud", "ScalingHeld", "False", NULL, 30);
    e2e_unwatch(t, v->watch);
}

void witness_check_ledger(struct e2e *t, int64_t may_lose_from_ms, int64_t may_lose_to_ms)
{
    ledger_wait_progress(t, 60);
    ledger_stop(t);
    ledger_note_phases(t);
    struct ledger_result r = ledger_check(t);
    e2e_note(t, "%lld writes acknowledged, %lld lost, %lld wrong; longest pause %.1f s", (long long)r.acked, (long long)r.lost,
             (long long)r.wrong, (double)r.longest_gap_ms / 1000);
    E2E_CHECK(t, r.acked > 100, NULL, "only %lld writes were acknowledged", (long long)r.acked);
    E2E_CHECK(t, r.wrong == 0, NULL, "%lld keys hold something else", (long long)r.wrong);
    E2E_CHECK(t, r.lost == 0 || (may_lose_to_ms && r.first_lost_ms >= may_lose_from_ms && r.last_lost_ms <= may_lose_to_ms),
              NULL, "%lld acknowledged writes are lost, the first acknowledged %lld ms after what may be lost begins, the last %lld",
              (long long)r.lost, (long long)(r.first_lost_ms - may_lose_from_ms), (long long)(r.last_lost_ms - may_lose_from_ms));
}

void witness_for(struct e2e *t, struct witness *v, int64_t ms)
{
    int64_t end_ms = loop_now_ms() + ms;

    do {
        witness_look(t, v);
        e2e_sleep_ms(t, 200);
    } while (loop_now_ms() < end_ms);
}
