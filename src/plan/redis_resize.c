/*
 * More or fewer shards and replicas: begins when the cluster is healthy, goes on from the durable plan.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "redis_migrate.h"
#include "slots/heal.h"
#include "slots/resize.h"

enum { PROGRESS_MS = 1000, STUCK_MS = 5 * 60 * 1000 };

/* What the cluster is, or is on its way to. */
static bool is_as_wanted(const struct redis_outcome *r, const struct isvc_redis *want)
{
    if (r->resize.shards)
        return r->resize.shards == want->shards && r->resize.replicas == want->replicas_per_shard;
    return r->plan.shards == want->shards && r->plan.n_seats == (size_t)want->nodes;
}

static void take_seats(struct walk *w, size_t n, int shards)
{
    AUTO_FREE char *base = xasprintf("%s-redis", w->o->name);

    resize_seats(&w->p->redis.plan, base, n, shards);
    w->p->status_first = true;
    walk_look_again(w, 0);
}

static void replace_plan(struct walk *w, struct resize_plan *next)
{
    struct redis_outcome *r = &w->p->redis;

    resize_plan_done(&r->resize);
    r->resize = *next;
    *next = (struct resize_plan){ 0 };
    take_seats(w, r->resize.nodes, r->plan.shards);
}

/* While the servers hand slots over by themselves, the views of one moment may show one who owns no more, and one who does
 * not yet; everyone says that all is well. */
static bool is_between(const struct redis_outcome *r)
{
    return r->moving.left > 0 && r->verdict.holds[P_REACH] && r->verdict.holds[P_STATE] && r->verdict.holds[P_QUORUM];
}

/* reason NULL: what was said before stands. */
static void show_migrating(struct redis_outcome *r, const char *reason)
{
    if (r->verdict.serving || is_between(r))
        r->state = REDIS_MIGRATING;
    if (reason)
        snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

/* Is there room for what would move? Asked before anything begins. */
static int check_room(const struct walk *w, const struct resize_plan *next, struct err *e)
{
    struct resize_plan trial = resize_plan_copy(next);
    int rc = 0;

    if (w->p->redis.judged)
        rc = resize_plan_make(&w->o->redis.expected, w->o->redis.views, &trial, e);
    resize_plan_done(&trial);
    return rc == -ERR_INVALID ? rc : 0;
}

static enum verdict_of_rule save_first(struct walk *w)
{
    char word[40];

    snprintf(word, sizeof(word), "resize-%lld", (long long)w->o->generation);
    return walk_save_first(w, word);
}

static enum verdict_of_rule begin(struct walk *w)
{
    struct redis_outcome *r = &w->p->redis;
    const struct isvc_redis *want = &w->o->svc->redis;
    struct resize_plan next;
    struct err e = { 0 };

    if (!r->bootstrapped)
        return walk_stall(w, RULE_HOLD, "RedisResizeRefused",
                          "spec.redis.shards and .replicasPerShard cannot change while the cluster is formed: set them back to %d "
                          "shards and %zu nodes, and change them afterwards",
                          r->plan.shards, r->plan.n_seats);
    if (resize_begin(want->shards, want->replicas_per_shard, &r->plan, &r->resize, w->o->wall_ms, &next, &e) < 0)
        return walk_stall(w, RULE_HOLD, "RedisResizeRefused", "%s", e.msg);
    if (!r->resize.shards && (r->state != REDIS_HEALTHY || !r->verdict.holds[P_SETTLED] || r->mending ||
                              r->roll.pod[0]))
        return walk_say(w, RULE_HOLD, "RedisResizeWaiting",
                        "%d shards with %d replicas are wanted: begins when Redis has been healthy for a while (%.120s)",
                        want->shards, want->replicas_per_shard, r->reason[0] ? r->reason : "not for long enough yet");
    if (!r->resize.shards && (size_t)want->nodes < r->plan.n_seats && save_first(w) != RULE_PASS) {
        resize_plan_done(&next);
        return RULE_HOLD;
    }
    if (check_room(w, &next, &e) < 0) {
        resize_plan_done(&next);
        return walk_stall(w, RULE_HOLD, "RedisResizeRefused", "%s", e.msg);
    }
    replace_plan(w, &next);
    r->mending = true;
    show_migrating(r, "the new size is being recorded");
    return walk_say(w, RULE_HOLD, "RedisMigrating", "%s", r->reason);
}

static void show_progress(struct walk *w, const struct resize_step *s)
{
    struct redis_progress *p = &w->p->redis.progress;
    const struct redis_moving *moving = &w->p->redis.moving;
    int64_t rate = moving->slots_per_second;
    bool moves = s->action == RESIZE_MOVE || s->action == RESIZE_MIGRATE || s->jobs_run;

    if (p->what && w->o->now_ms - p->at_ms < PROGRESS_MS && (p->percent >= 0 || s->percent < 0))
        return;
    *p = (struct redis_progress){ .what = "resize", .percent = s->percent, .eta_s = -1, .at_ms = w->o->now_ms };
    if (moves && rate > 0) {
        p->keys_per_second = moving->keys_per_second;
        p->eta_s = (s->slots_left + rate - 1) / rate;
    }
}

static enum verdict_of_rule conflict(struct walk *w)
{
    const struct redis_moving *m = &w->p->redis.moving;
    char text[256];

    heal_conflict_say((uint16_t)(m->conflict_slot - 1), m->conflict_owner, m->conflict_other, text, sizeof(text));
    return walk_stall(w, RULE_HOLD, "RedisSlotConflict", "%s", text);
}

static void take_moves(struct walk *w, struct resize_step *s)
{
    struct redis_outcome *r = &w->p->redis;

    r->mending = true;
    r->step = resize_action_name(s->action);
    if (w->o->now_ms < w->p->redis.moving.not_before_ms) {
        walk_look_again(w, w->p->redis.moving.not_before_ms - w->o->now_ms);
        return;
    }
    r->moves = s->moves;
    r->n_moves = s->n_moves;
    s->moves = NULL;
    walk_act(w, s->action == RESIZE_MOVE ? ACT_MOVE : ACT_FUNCTIONS, "resize");
    walk_look_again(w, 0);
}

static void carry_on(struct walk *w, struct resize_step *s)
{
    struct redis_outcome *r = &w->p->redis;
    size_t nodes = resize_nodes_wanted(&r->resize);
    int shards = r->resize.shards;

    if (s->action == RESIZE_RECORD)
        replace_plan(w, &s->next);
    if (s->action == RESIZE_MOVE || s->action == RESIZE_FUNCTIONS) {
        take_moves(w, s);
        return;
    }
    if (s->action == RESIZE_MIGRATE)
        migrate_take(w, s);
    if (s->action == RESIZE_DONE) {
        r->moving = (struct redis_moving){ 0 };
        resize_plan_done(&r->resize);
        r->progress = (struct redis_progress){ 0 };
        take_seats(w, nodes, shards);
    }
    walk_redis_step(w, &s->commands, resize_action_name(s->action), s->again_ms);
}

/* The first pod of those that stay which gets nowhere; NULL: none. */
static const struct pod *stuck_pod(const struct walk *w)
{
    const struct form_plan *plan = &w->p->redis.plan;
    size_t wanted = resize_nodes_wanted(&w->p->redis.resize);

    for (size_t i = 0; i < plan->n_seats && i < wanted; i++) {
        const struct pod *p = walk_redis_pod(w->o, plan->seats[i].pod);

        if (p && !p->ready && !p->deleting && p->waiting[0] && !str_eq(p->waiting, "ContainerCreating") &&
            !str_eq(p->waiting, "PodInitializing"))
            return p;
    }
    return NULL;
}

/* A size may be more than the nodes can hold. An autoscaler of nodes may bring more, so it counts as stalled only later. */
static enum verdict_of_rule say_waiting(struct walk *w, const char *reason)
{
    const struct resize_plan *z = &w->p->redis.resize;
    const struct pod *p = stuck_pod(w);

    if (!p)
        return walk_say(w, RULE_HOLD, "RedisMigrating", "%s", reason);
    snprintf(w->p->redis.reason, sizeof(w->p->redis.reason),
             "pod %.60s: %s%s%.90s; wait, or set spec.redis back to shards %d, replicasPerShard %d", p->name, p->waiting,
             p->message[0] ? ": " : "", p->message, z->from_shards, z->from_replicas);
    return (w->o->wall_ms - p->created_ms > STUCK_MS ? walk_stall : walk_say)(w, RULE_HOLD, "RedisResizeWaiting", "%s",
                                                                             w->p->redis.reason);
}

/* Taking nodes away cannot be taken back: not while nobody can read what is wanted. */
static void stay_for_spec(const struct walk *w, struct resize_step *s)
{
    if (w->o->svc || s->action != RESIZE_RECORD || !s->next.forgetting || w->p->redis.resize.forgetting)
        return;
    resize_plan_done(&s->next);
    s->action = RESIZE_WAIT;
    s->again_ms = PROBE_HEALTHY_MS;
    snprintf(s->reason, sizeof(s->reason), "the nodes that leave stay until the spec can be read");
}

static enum verdict_of_rule step(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    struct redis_outcome *r = &w->p->redis;
    enum verdict_of_rule how;
    struct resize_step s;

    resize_step_init(&s);
    resize_step(&seen->expected, seen->views, &r->verdict, &r->resize, migrate_pace(w), &s);
    if (migrate_is_stuck(w, &s))
        resize_step_cancel(&seen->expected, seen->views, &s);
    stay_for_spec(w, &s);
    show_progress(w, &s);
    if (s.n_moves || s.jobs_run || s.action == RESIZE_MIGRATE) /* numbers once a second: each is a write of the status */
        snprintf(s.reason, sizeof(s.reason), "moving slots: %d %% are where they belong%s%.120s", r->progress.percent,
                 r->moving.error[0] ? "; what went wrong last: " : "", r->moving.error);
    show_migrating(r, s.reason);
    if (s.action == RESIZE_REFUSE)
        how = walk_stall(w, RULE_HOLD, "RedisResizeRefused", "%s", s.reason);
    else if (r->moving.conflict_slot)
        how = conflict(w);
    else if (s.action == RESIZE_WAIT)
        how = say_waiting(w, s.reason);
    else
        how = walk_say(w, RULE_HOLD, "RedisMigrating", "%s", s.reason);
    carry_on(w, &s);
    resize_step_done(&s);
    return how;
}

enum verdict_of_rule rule_redis_resize(struct walk *w)
{
    struct redis_outcome *r = &w->p->redis;
    const struct isvc_redis *want = &w->o->svc->redis;

    if (!r->plan.n_seats || !w->o->redis.latch.plan.n_seats)
        return RULE_PASS;
    if (!want->present)
        /* without Redis the Deployment's containers would be others: refused means that nothing rolls */
        return walk_stall(w, RULE_STOP, "RedisRemovalRefused",
                          "spec.redis was removed, but the Redis Cluster may hold data: put it back, or delete the "
                          "InferenceService");
    if (!is_as_wanted(r, want) && !r->resize.forgetting)
        return begin(w);
    if (!r->resize.shards)
        return RULE_PASS;
    if (!r->judged || r->mending) {
        show_migrating(r, NULL);
        return walk_say(w, RULE_HOLD, "RedisMigrating", "%s", r->reason);
    }
    return step(w);
}

/* A spec that cannot be read says nothing against what it asked for while it could: half moved slots and nodes without
 * a role are no state to wait in. What is wrong is said by the rule about the spec. */
enum verdict_of_rule rule_redis_resume(struct walk *w)
{
    struct redis_outcome *r = &w->p->redis;

    if (w->o->svc || !r->resize.shards || !r->bootstrapped)
        return RULE_PASS;
    if (!r->judged || r->mending)
        show_migrating(r, NULL);
    else
        (void)step(w);
    return RULE_PASS;
}
