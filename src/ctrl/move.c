/*
 * One batch of slots that a resize moves, or healing. What came of it is kept for the pace of the next; where the
 * slots are, the next snapshot tells.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "redis/move.h"
#include "shell.h"

enum {
    BATCH_MS = 1000,  /* the status shows progress once a second */
    GRACE_MS = 15000, /* a large key takes its time */
    FUNCTIONS_MS = 10000,
    LATER_MS = 5000,
};

static const char *pod_of(const struct pass *p, size_t i)
{
    return i < p->o.redis.expected.n_members ? p->members[i].pod : "?";
}

static void add(struct metric *m, int64_t n)
{
    metric_set(m, metric_value(m) + (double)n);
}

static void count(struct ctrl_metrics *m, const struct move_report *r)
{
    add(m->slots_moved, (int64_t)r->n_done);
    add(m->keys_moved, r->keys);
    add(m->bytes_moved, r->bytes);
}

/* The first one, and between whom. */
static void find_conflict(const struct pass *p, const struct move_report *r, struct redis_moving *m)
{
    m->conflict_slot = 0;
    for (size_t i = 0; i < r->n_slots && !m->conflict_slot; i++) {
        const struct resize_move *move = &p->plan.redis.moves[i];

        if (r->states[i] != MOVE_CONFLICT)
            continue;
        m->conflict_slot = move->slot + 1;
        snprintf(m->conflict_owner, sizeof(m->conflict_owner), "%.63s", pod_of(p, move->back ? move->target : move->source));
        snprintf(m->conflict_other, sizeof(m->conflict_other), "%.63s", pod_of(p, move->back ? move->source : move->target));
    }
}

static void remember_conflicts(struct pass *p, const struct move_report *r)
{
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->states[i] == MOVE_CONFLICT)
            heal_remember_conflict(&track_redis(p->track)->heal, p->plan.redis.moves[i].slot, loop_now_ms());
}

static void remember(struct pass *p, const struct move_report *r)
{
    struct redis_moving *m = &track_redis(p->track)->moving;

    if (!p->plan.redis.resize.shards)
        remember_conflicts(p, r);
    m->pace = r->pace;
    find_conflict(p, r, m);
    m->not_before_ms = 0;
    if (r->elapsed_ms > 0) {
        m->keys_per_second = r->keys * 1000 / r->elapsed_ms;
        m->slots_per_second = (int64_t)r->n_done * 1000 / r->elapsed_ms;
    }
    snprintf(m->error, sizeof(m->error), "%s", r->error);
    if (m->conflict_slot && !r->n_done)
        m->not_before_ms = loop_now_ms() + LATER_MS; /* nothing else is left to be done */
    if (!r->error[0] || m->conflict_slot) {
        pace_worked(&m->pace);
        return;
    }
    (void)pace_failed(&m->pace);
    m->not_before_ms = loop_now_ms() + pace_wait_ms(&m->pace);
    log_warn("a batch of slots ended early", F("service", p->key), F("pod", pod_of(p, r->member)), F("slot", r->slot),
             F("error", r->error), F("meaning", reply_class_name(r->what)));
}

static void on_moved(void *arg, const struct move_report *r)
{
    struct pass *p = arg;

    p->move = NULL;
    count(&p->c->m, r);
    remember(p, r);
    if (r->n_done)
        p->wrote |= UINT64_C(1) << p->next_action;
    log_debug("slots moved", F("service", p->key), F("slots", r->n_done), F("keys", r->keys), F("ms", r->elapsed_ms));
    act_next(p);
}

/* Every master hears of the new owners. at[i] is where member i stands in the list; n when it is none. */
static size_t list_masters(const struct pass *p, struct move_member *list, size_t *at)
{
    size_t n = 0;

    for (size_t i = 0; i < p->o.redis.expected.n_members; i++) {
        const struct view_row *me = p->views[i].reach == REACH_OK ? view_myself(&p->views[i]) : NULL;

        at[i] = p->o.redis.expected.n_members;
        if (!me || !(me->flags & NODE_MASTER) || p->members[i].parting)
            continue;
        at[i] = n;
        list[n] = (struct move_member){ .at = p->targets[i] };
        memcpy(list[n++].id, me->id, sizeof(me->id));
    }
    return n;
}

/* False: a slot would go to or come from what is no master any more. */
static bool list_slots(const struct pass *p, const size_t *at, size_t n_masters, struct move_slot *slots)
{
    const struct redis_outcome *r = &p->plan.redis;

    for (size_t i = 0; i < r->n_moves; i++) {
        const struct resize_move *m = &r->moves[i];

        slots[i] = (struct move_slot){ .slot = m->slot, .how = m->back ? MOVE_BACK : MOVE_SLOT, .source = at[m->source],
                                       .target = at[m->target] };
        if (slots[i].source >= n_masters || slots[i].target >= n_masters)
            return false;
    }
    return true;
}

void move_slots(struct pass *p)
{
    const struct redis_outcome *r = &p->plan.redis;
    size_t n = p->o.redis.expected.n_members, n_masters;
    AUTO_FREE struct move_member *masters = xcalloc(n, sizeof(*masters));
    AUTO_FREE struct move_slot *slots = xcalloc(r->n_moves, sizeof(*slots));
    AUTO_FREE size_t *at = xcalloc(n, sizeof(*at));
    struct access a;
    struct move_limits limits = { .pace = track_redis(p->track)->moving.pace, .deadline_ms = BATCH_MS, .grace_ms = GRACE_MS,
                                  .node_timeout_ms = p->o.redis.expected.node_timeout_ms };
    struct err e;

    if (!pass_leads(p))
        return;
    if (!limits.pace.keys)
        limits.pace = pace_start(ENGINE_LEGACY);
    n_masters = list_masters(p, masters, at);
    if (!list_slots(p, at, n_masters, slots)) {
        err_set(&e, ERR_RETRY, "a slot was to move to or from what is no master");
        pass_end(p, &e, -1);
        return;
    }
    metric_inc(p->c->m.redis_commands);
    access_init(p, &a);
    p->move = redis_move_start(p->c->loop, masters, n_masters, slots, r->n_moves, &a.auth, &limits, on_moved, p);
}

static void on_functions(void *arg, const char *error)
{
    struct pass *p = arg;
    struct redis_moving *m = &track_redis(p->track)->moving;

    p->functions = NULL;
    snprintf(m->error, sizeof(m->error), "%s", error);
    if (error[0]) {
        m->not_before_ms = loop_now_ms() + LATER_MS;
        log_warn("functions were not copied to the new masters", F("service", p->key), F("error", error));
    }
    act_next(p);
}

void move_functions(struct pass *p)
{
    const struct redis_outcome *r = &p->plan.redis;
    AUTO_FREE struct redis_target *to = xcalloc(r->n_moves, sizeof(*to));
    struct redis_target from = p->targets[r->moves[0].source];
    struct access a;

    if (!pass_leads(p))
        return;
    for (size_t i = 0; i < r->n_moves; i++)
        to[i] = p->targets[r->moves[i].target];
    metric_inc(p->c->m.redis_commands);
    access_init(p, &a);
    p->functions = redis_functions_start(p->c->loop, &from, to, r->n_moves, &a.auth, FUNCTIONS_MS, on_functions, p);
}
