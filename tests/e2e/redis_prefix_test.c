/*
 * T5: the operator is killed after a command to Redis, hearing no more than that command's way out;
 * the next one finds what is there and comes to the same end. For each operation: an undisturbed run
 * shows its commands, then it is killed once after each of them (with E2E_LONG=1; otherwise after some);
 * and a run in which no operator lives longer than its first command. Under the ledger. Needs simulated nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/operation.h"
#include "e2e/relay.h"
#include "e2e/witness.h"

enum { MOST = 64 };

static const struct row {
    const struct operation *o;
    int most, most_long; /* commands to be killed after: in every run, and with E2E_LONG=1 */
} rows[] = {
    { &operation_form, 3, MOST },
    { &operation_heal, 3, MOST },
    { &operation_roll, 0, 24 },
    { &operation_shards, 0, 24 },
    { &operation_replicas, 0, 24 },
};

/* Returns whether the n-th command was reached. */
static bool killed_after(struct e2e *t, struct relay *r, const struct operation *o, int turn, int n)
{
    struct operator *op = operator_on_relay(t, r);
    struct redis_pods then = { 0 };
    int64_t end_ms = e2e_deadline_ms(OPERATION_OVER_S);

    operator_ready(t, op);
    if (!o->is_forming)
        redis_pods_get(t, "fraud", &then);
    relay_stop_after(r, n);
    o->begin(t, turn);
    while (!relay_has_stopped(r)) {
        if (atomic_load(&r->n_changes) < n && !o->is_forming && !operation_still_to_do(t, o, turn, &then))
            break;
        if (o->is_forming && loop_now_ms() > end_ms - (OPERATION_OVER_S - 30) * 1000)
            break;
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "%s: neither over nor at command %d (at %d)", o->name, n, atomic_load(&r->n_changes));
        ledger_look(t);
        e2e_sleep_ms(t, 20);
    }
    bool reached = relay_has_stopped(r);
    operator_kill(op);
    relay_go_on(r);
    op = operator_on_relay(t, r);
    operation_wait_over(t, o, turn, &then, e2e_fmt(t, "killed after command %d (%s)", n, n <= RELAY_LOG ? r->log[n - 1] : "?"));
    operator_kill(op);
    operation_tidy(t, o);
    return reached;
}

/* Whether this change of kinds was seen before: one of each is enough. */
static bool is_new_pair(const struct relay *r, int at)
{
    for (int i = 1; i < at; i++)
        if (str_eq(r->log[i - 1], r->log[at - 1]) && str_eq(r->log[i], r->log[at]))
            return false;
    return true;
}

/* Of an undisturbed run's commands those to stop after: where one kind follows another; all, if they are few. */
static int choose(struct relay *r, int most, int *chosen)
{
    int n = atomic_load(&r->n_changes), k = 0;
    static int all[RELAY_LOG];

    n = n < RELAY_LOG ? n : RELAY_LOG;
    for (int i = 1; i <= n; i++)
        if (n <= most || i == 1 || i == n || (i < n && !str_eq(r->log[i - 1], r->log[i]) && is_new_pair(r, i)))
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
    const struct row *row = t->row;
    const struct operation *o = row->o;
    struct relay *r = relay_start(t);
    struct operator *op = operator_on_relay(t, r);
    struct redis_pods then = { 0 };
    int chosen[MOST], turn = 0;

    operator_ready(t, op);
    if (!o->is_forming) {
        e2e_apply(t, "%s", operation_service);
        e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
        ledger_start(t, "fraud");
        redis_pods_get(t, "fraud", &then);
    }
    relay_zero(r);
    o->begin(t, turn);
    e2e_sleep_ms(t, 500);
    operation_wait_over(t, o, turn++, &then, "undisturbed");
    int n = choose(r, getenv("E2E_LONG") ? row->most_long : row->most, chosen), reached = 0;
    e2e_note(t, "%d commands: %s", atomic_load(&r->n_changes), kinds_in_a_row(t, r));
    operator_kill(op);
    operation_tidy(t, o);
    E2E_CHECK(t, n > 0, NULL, "no command was seen");
    for (int i = 0; i < n; i++)
        reached += killed_after(t, r, o, turn++, chosen[i]);
    e2e_note(t, "killed after %d different commands", reached);
    E2E_CHECK(t, reached * 2 >= n, NULL, "only %d of %d commands were reached", reached, n);
    if (!o->is_forming)
        witness_check_ledger(t, 0, 0);
}

/* --- one command a life --- */

enum { LIVES_MAX = 400, STEPS_OF_A_MOVE = 600, LIVES_OVER_S = 900 };

static const struct release {
    const char *server, *image;
} redis_86 = { "redis-8.6", "redis:8.6" }, valkey_91 = { "valkey-9.1", "valkey/valkey:9.1" };

static const struct lives {
    const struct operation *o;
    int turns;           /* there, and back */
    int most, most_long; /* so many lives, then one that is left alone */
    const struct release *r;
} lives[] = {
    { &operation_form, 1, 8, LIVES_MAX, NULL },
    { &operation_heal, 1, 0, LIVES_MAX, NULL },
    { &operation_roll, 1, 0, LIVES_MAX, NULL },
    { &operation_shards, 2, 0, LIVES_MAX, NULL },
    { &operation_replicas, 2, 0, LIVES_MAX, NULL },
    { &operation_rotate, 1, 0, LIVES_MAX, NULL },
    { &operation_form, 1, 0, LIVES_MAX, &redis_86 },
    { &operation_heal, 1, 0, LIVES_MAX, &redis_86 },
    { &operation_roll, 1, 0, LIVES_MAX, &redis_86 },
    { &operation_shards, 2, 0, LIVES_MAX, &redis_86 },
    { &operation_replicas, 2, 0, LIVES_MAX, &redis_86 },
    { &operation_form, 1, 0, LIVES_MAX, &valkey_91 },
    { &operation_heal, 1, 0, LIVES_MAX, &valkey_91 },
    { &operation_roll, 1, 0, LIVES_MAX, &valkey_91 },
    { &operation_shards, 2, 0, LIVES_MAX, &valkey_91 },
    { &operation_replicas, 2, 0, LIVES_MAX, &valkey_91 },
};

static const char *service_of(struct e2e *t, const struct release *r)
{
    if (r)
        e2e_needs_server(t, r->server);
    t->redis_image = r ? r->image : NULL;
    return r ? operation_service_of(t, r->image) : operation_service;
}

static bool moves_slots(const char *name)
{
    return str_has_prefix(name, "CLUSTER SETSLOT") || str_has_prefix(name, "MIGRATE");
}

/* 25,000 commands move the slots of a shard: there a life is as long as its number says, differently each time. */
static int commands_of_life(const char *last, int life)
{
    return moves_slots(last) ? 1 + life * 389 % STEPS_OF_A_MOVE : 1;
}

/* False: it had nothing more to send. */
static bool live_for(struct e2e *t, struct relay *r, const struct lives *w, int turn, const struct redis_pods *then, int n,
                     int64_t end_ms)
{
    struct operator *op = operator_on_relay(t, r);
    bool over = false;

    relay_stop_after(r, n);
    while (!relay_has_stopped(r) && !over) {
        const char *why = operation_still_to_do(t, w->o, turn, then);
        over = !why;
        E2E_CHECK(t, loop_now_ms() < end_ms, e2e_get(t, "inferenceservices/fraud"), "%s: not over: %s", w->o->name, why);
        ledger_look(t);
        e2e_sleep_ms(t, 20);
    }
    operator_kill(op);
    relay_go_on(r);
    return !over;
}

static void lives_of(struct e2e *t, struct relay *r, const struct lives *w, int turn)
{
    int most = getenv("E2E_LONG") ? w->most_long : w->most, life = 0, n = 1, moving = 0;
    int64_t end_ms = e2e_deadline_ms(LIVES_OVER_S), from_ms = loop_now_ms();
    struct redis_pods then = { 0 };
    bool goes_on = true;

    if (!w->o->is_forming)
        redis_pods_get(t, "fraud", &then);
    w->o->begin(t, turn);
    while (goes_on && life < most) {
        goes_on = live_for(t, r, w, turn, &then, n, end_ms);
        moving += n > 1;
        n = commands_of_life(r->log[n - 1], ++life);
    }
    e2e_note(t, "%s: %s after %d lives, %d of them in the middle of a move, %.1f s", w->o->name, goes_on ? "left alone" : "over", life,
             moving, (double)(loop_now_ms() - from_ms) / 1000);
    operator_ready(t, operator_on_relay(t, r));
    operation_wait_over(t, w->o, turn, &then, "after many lives");
}

static void one_command_a_life(struct e2e *t)
{
    const struct lives *w = t->row;
    const char *service = service_of(t, w->r);
    struct relay *r = relay_start(t);

    if (!w->o->is_forming) {
        struct operator *op = operator_on_relay(t, r);
        operator_ready(t, op);
        e2e_apply(t, "%s", service);
        e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
        ledger_start(t, "fraud");
        operator_kill(op);
    }
    for (int turn = 0; turn < w->turns; turn++) {
        lives_of(t, r, w, turn);
        operator_end_all(t);
    }
    operation_tidy(t, w->o);
    if (!w->o->is_forming)
        witness_check_ledger(t, 0, 0);
}

#define NEEDS (NEEDS_SIM_NODES | NEEDS_REDIS_CLI)
#define KILLED(title, i, more) { { title, killed_after_each, NEEDS | (more) }, &rows[i] }
#define LIVES(title, i, more) { { title, one_command_a_life, NEEDS | (more) }, &lives[i] }

static const struct e2e_row tests[] = {
    KILLED("T5: killed after its commands while it forms", 0, 0),
    KILLED("T5: killed after its commands while it heals", 1, 0),
    KILLED("T5: killed after its commands while it rolls", 2, NEEDS_TIME),
    KILLED("T5: killed after its commands while shards come and go", 3, NEEDS_TIME),
    KILLED("T5: killed after its commands while replicas come and go", 4, NEEDS_TIME),
    LIVES("T5: one command a life while it forms", 0, 0),
    LIVES("T5: one command a life while it heals", 1, NEEDS_TIME),
    LIVES("T5: one command a life while it rolls", 2, NEEDS_TIME),
    LIVES("T5: one command a life while shards come and go", 3, NEEDS_TIME),
    LIVES("T5: one command a life while replicas come and go", 4, NEEDS_TIME),
    LIVES("one command a life while passwords rotate", 5, NEEDS_TIME),
    LIVES("T5: one command a life while it forms, Redis 8.6", 6, NEEDS_TIME),
    LIVES("T5: one command a life while it heals, Redis 8.6", 7, NEEDS_TIME),
    LIVES("T5: one command a life while it rolls, Redis 8.6", 8, NEEDS_TIME),
    LIVES("T5: one command a life while shards come and go, Redis 8.6", 9, NEEDS_TIME),
    LIVES("T5: one command a life while replicas come and go, Redis 8.6", 10, NEEDS_TIME),
    LIVES("T5: one command a life while it forms, Valkey 9.1", 11, NEEDS_TIME),
    LIVES("T5: one command a life while it heals, Valkey 9.1", 12, NEEDS_TIME),
    LIVES("T5: one command a life while it rolls, Valkey 9.1", 13, NEEDS_TIME),
    LIVES("T5: one command a life while shards come and go, Valkey 9.1", 14, NEEDS_TIME),
    LIVES("T5: one command a life while replicas come and go, Valkey 9.1", 15, NEEDS_TIME),
};

int main(void)
{
    return e2e_main_rows("redis-prefix", tests, COUNT(tests));
}
