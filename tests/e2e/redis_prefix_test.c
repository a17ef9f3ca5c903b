/*
 * T5: the operator is killed after a command to Redis, hearing no more than that command's way out;
 * the next one finds what is there and comes to the same end. For each operation: after every single
 * command with E2E_LONG=1, otherwise after the first and the last of each kind in a row. Under the
 * ledger. Needs simulated nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/children.h"
#include "e2e/relay.h"
#include "e2e/witness.h"

enum { OVER_S = 120, SHORT_PREFIXES = 4, LONG_PREFIXES = 64 };

#define SERVICE(redis) \
    "apiVersion: serving.everserve.dev/v1alpha1\n" \
    "kind: InferenceService\n" \
    "metadata: { name: fraud }\n" \
    "spec: {predictor: {containers: [{image: registry.example.com/fraud:v1}]}, redis: " redis "}\n"

struct operation {
    const char *name;
    bool is_forming;                          /* each time from nothing */
    void (*begin)(struct e2e *t, int turn);   /* asks for it; turns alternate where it goes there and back */
    bool renews_pods;
    int masters[2];                           /* when over, by turn */
};

static void begin_form(struct e2e *t, int turn)
{
    (void)turn;
    e2e_apply(t, "%s", SERVICE("{storage: {ephemeral: true}}"));
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

static const struct operation form = { "form", true, begin_form, false, { 3, 3 } };
static const struct operation heal = { "heal", false, begin_heal, true, { 3, 3 } };
static const struct operation roll = { "roll", false, begin_roll, true, { 3, 3 } };

static bool is_old(const struct redis_pods *then, const char *uid)
{
    for (int i = 0; i < then->n; i++)
        if (str_eq(then->uids[i], uid))
            return true;
    return false;
}

/* Why it is not over; NULL: it is. */
static const char *still_to_do(struct e2e *t, const struct operation *o, int turn, const struct redis_pods *then)
{
    const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
    const cJSON *ready = e2e_condition(isvc, "RedisReady");
    struct redis_pods now;

    if (!str_eq(json_get_str(ready, "status"), "True") || !str_eq(json_get_str(isvc, "status.redis.state"), "Healthy") ||
        json_get_int(ready, "observedGeneration", -1) != json_get_int(isvc, "metadata.generation", 0))
        return e2e_fmt(t, "RedisReady says %s", json_get_str(ready, "message"));
    if (json_has(isvc, "status.redis.resize") || json_has(isvc, "status.redis.roll"))
        return "a plan in the status";
    redis_pods_get(t, "fraud", &now);
    for (int i = 0; o->renews_pods && i < now.n; i++)
        if (is_old(then, now.uids[i]))
            return e2e_fmt(t, "%s is the one of before", now.names[i]);
    return own_check(t, "fraud", o->masters[turn % 2], 1, 0);
}

static void wait_over(struct e2e *t, const struct operation *o, int turn, const struct redis_pods *then, const char *when)
{
    int64_t end_ms = e2e_deadline_ms(OVER_S);
    const char *why, *words = NULL;

    while ((why = still_to_do(t, o, turn, then))) {
        E2E_CHECK(t, loop_now_ms() < end_ms, e2e_get(t, "inferenceservices/fraud"), "%s, %s: not over within %d s: %s",
                  o->name, when, OVER_S, why);
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

static void tidy(struct e2e *t, const struct operation *o)
{
    if (!o->is_forming)
        return;
    short_ledger(t);
    service_delete(t, "fraud");
    for (struct redis_pods pods = { .n = 1 }; pods.n; e2e_sleep_ms(t, 50))
        redis_pods_get(t, "fraud", &pods);
}

/* Returns whether the n-th command was reached. */
static bool killed_after(struct e2e *t, struct relay *r, const struct operation *o, int turn, int n)
{
    struct operator *op = operator_on_relay(t, r);
    struct redis_pods then = { 0 };
    int64_t end_ms = e2e_deadline_ms(OVER_S);

    operator_ready(t, op);
    if (!o->is_forming)
        redis_pods_get(t, "fraud", &then);
    relay_stop_after(r, n);
    o->begin(t, turn);
    while (!relay_has_stopped(r)) {
        if (atomic_load(&r->n_changes) < n && !o->is_forming && !still_to_do(t, o, turn, &then))
            break;
        if (o->is_forming && loop_now_ms() > end_ms - (OVER_S - 30) * 1000)
            break;
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "%s: neither over nor at command %d (at %d)", o->name, n, atomic_load(&r->n_changes));
        ledger_look(t);
        e2e_sleep_ms(t, 20);
    }
    bool reached = relay_has_stopped(r);
    operator_kill(op);
    relay_go_on(r);
    op = operator_on_relay(t, r);
    wait_over(t, o, turn, &then, e2e_fmt(t, "killed after command %d (%s)", n, n <= RELAY_LOG ? r->log[n - 1] : "?"));
    operator_kill(op);
    tidy(t, o);
    return reached;
}

/* Of an undisturbed run's commands those to stop after: where one kind follows another, spread evenly. */
static int choose(struct relay *r, int *chosen)
{
    bool is_long = getenv("E2E_LONG");
    int all[RELAY_LOG], n = atomic_load(&r->n_changes), k = 0, most = is_long ? LONG_PREFIXES : SHORT_PREFIXES;

    n = n < RELAY_LOG ? n : RELAY_LOG;
    for (int i = 1; i <= n; i++)
        if ((is_long && n <= most) || i == 1 || i == n || !str_eq(r->log[i - 1], r->log[i - 2]) || !str_eq(r->log[i - 1], r->log[i]))
            all[k++] = i;
    if (k <= most)
        most = k;
    for (int i = 0; i < most; i++)
        chosen[i] = all[most > 1 ? (k - 1) * i / (most - 1) : 0];
    return most;
}

static const char *kinds_in_a_row(struct e2e *t, const struct relay *r)
{
    const char *text = "";
    int n = atomic_load(&r->n_changes), since = 0, shown = 0;

    for (int i = 1; i <= n && i < RELAY_LOG && shown < 24; i++) {
        if (i < n && str_eq(r->log[i], r->log[since]))
            continue;
        text = e2e_fmt(t, "%s%s%s x%d", text, *text ? ", " : "", r->log[since], i - since);
        since = i;
        shown++;
    }
    return text;
}

static void killed_after_each(struct e2e *t)
{
    const struct operation *o = t->row;
    struct relay *r = relay_start(t);
    struct operator *op = operator_on_relay(t, r);
    struct redis_pods then = { 0 };
    int chosen[LONG_PREFIXES + 1], turn = 0;

    operator_ready(t, op);
    if (!o->is_forming) {
        e2e_apply(t, "%s", SERVICE("{}"));
        e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
        ledger_start(t, "fraud");
        redis_pods_get(t, "fraud", &then);
    }
    relay_zero(r);
    o->begin(t, turn);
    e2e_sleep_ms(t, 500);
    wait_over(t, o, turn++, &then, "undisturbed");
    int n = choose(r, chosen), reached = 0;
    e2e_note(t, "%d commands: %s", atomic_load(&r->n_changes), kinds_in_a_row(t, r));
    operator_kill(op);
    tidy(t, o);
    E2E_CHECK(t, n > 0, NULL, "no command was seen");
    for (int i = 0; i < n; i++)
        reached += killed_after(t, r, o, turn++, chosen[i]);
    e2e_note(t, "killed after %d different commands", reached);
    E2E_CHECK(t, reached * 2 >= n, NULL, "only %d of %d commands were reached", reached, n);
    if (!o->is_forming)
        witness_check_ledger(t, 0, 0);
}

#define NEEDS (NEEDS_SIM_NODES | NEEDS_REDIS_CLI)
#define KILLED(title, o, more) { { title, killed_after_each, NEEDS | (more) }, &o }

static const struct e2e_row tests[] = {
    KILLED("T5: killed after its commands while it forms", form, 0),
    KILLED("T5: killed after its commands while it heals", heal, 0),
    KILLED("T5: killed after its commands while it rolls", roll, NEEDS_TIME),
};

int main(void)
{
    return e2e_main_rows("redis-prefix", tests, COUNT(tests));
}
