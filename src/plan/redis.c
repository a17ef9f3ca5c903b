/*
 * The rules about Redis: form it once, keep it together, never on a guess.
 */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "rules.h"
#include "slots/heal.h"

static void reason_from(struct redis_outcome *r, const char *text)
{
    snprintf(r->reason, sizeof(r->reason), "%s", text);
}

static void copy_plan(const struct form_plan *from, struct form_plan *to)
{
    *to = (struct form_plan){ .shards = from->shards, .n_seats = from->n_seats };
    if (!from->n_seats)
        return;
    to->seats = xcalloc(from->n_seats, sizeof(*to->seats));
    for (size_t i = 0; i < from->n_seats; i++) {
        to->seats[i] = from->seats[i];
        to->seats[i].pod = xstrdup(from->seats[i].pod);
        if (from->seats[i].slots) {
            to->seats[i].slots = xcalloc(1, sizeof(struct slot_set));
            *to->seats[i].slots = *from->seats[i].slots;
        }
    }
}

/* What was given out at the beginning says nothing any more: slots move. */
static void forget_slots(struct form_plan *p)
{
    for (size_t i = 0; i < p->n_seats; i++)
        free(TAKE(p->seats[i].slots));
}

void walk_redis_step(struct walk *w, struct commands *cmds, const char *step, int again_ms)
{
    w->p->redis.mending = true;
    w->p->redis.step = step;
    if (cmds->n) {
        w->p->redis.commands = *cmds;
        *cmds = (struct commands){ 0 };
        walk_act(w, ACT_REDIS, step);
    }
    walk_look_again(w, again_ms);
}

int32_t walk_redis_nodes(const struct walk *w)
{
    const struct record *set = w->o->child[CHILD_REDIS_STATEFULSET];
    int32_t n = (int32_t)w->o->redis.expected.n_members;

    if (w->p->redis.plan.n_seats)
        return (int32_t)w->p->redis.plan.n_seats;
    return record_is_ours(set, w->o->uid) && set->spec_replicas > n ? set->spec_replicas : n;
}

bool walk_redis_has_room(const struct walk *w)
{
    const struct redis_outcome *r = &w->p->redis;

    return !r->mending || (r->resize.shards && !r->commands.n && !r->n_moves);
}

static void judge(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    struct redis_outcome *r = &w->p->redis;
    int64_t settle_ms;

    verdict_judge(&seen->expected, seen->views, seen->expected.n_members, &r->verdict);
    settle_ms = verdict_settle(&r->settle, &r->verdict, seen->expected.node_timeout_ms, w->o->now_ms);
    r->judged = true;
    r->state = r->verdict.state;
    walk_look_again(w, r->state == REDIS_HEALTHY ? PROBE_HEALTHY_MS : PROBE_OTHERWISE_MS);
    if (settle_ms > 0)
        walk_look_again(w, settle_ms);
    reason_from(r, verdict_why(&r->verdict));
}

static bool restores(const struct walk *w)
{
    return w->o->svc && w->o->svc->redis.present && w->o->svc->redis.restore.claim_name;
}

/* A pod that could not be filled says why when its container ends; why no node takes it (yet) is another matter. */
static enum verdict_of_rule look_at_filling(struct walk *w)
{
    for (size_t i = 0; !w->p->redis.bootstrapped && restores(w) && i < w->o->n_pods; i++) {
        const struct pod *p = &w->o->pods[i];

        if (p->of_redis && !p->deleting && !p->ready && p->message[0] && !p->unschedulable_ms)
            return walk_stall(w, RULE_HOLD, "RedisRestoreFailed", "%.60s: %.180s", p->name, p->message);
    }
    return RULE_PASS;
}

static int make_from(struct walk *w, struct form_plan *out, struct err *e)
{
    return (restores(w) ? form_plan_restore : form_plan_make)(&w->o->redis.expected, w->o->redis.views, out, e);
}

static enum verdict_of_rule refuse_plan(struct walk *w, const char *why)
{
    if (restores(w))
        return walk_stall(w, RULE_HOLD, "RedisRestoreRefused", "%s", why);
    return walk_stall(w, RULE_HOLD, "DataFoundAtBootstrap",
                      "%.110s: its volume is an earlier cluster's, and is left alone; to begin empty delete the claims "
                      REDIS_CLAIM_PREFIX "%.50s-redis-N and their pods", why, w->o->name);
}

/* The plan goes to status first; the next pass, which reads it from there, may send. */
static enum verdict_of_rule make_plan(struct walk *w)
{
    struct redis_outcome *r = &w->p->redis;
    struct err e;
    int rc = make_from(w, &r->plan, &e);

    if (rc == -ERR_INVALID)
        return refuse_plan(w, e.msg);
    if (rc < 0) {
        reason_from(r, e.msg);
        return look_at_filling(w);
    }
    w->p->status_first = true;
    walk_look_again(w, 0);
    reason_from(r, "the plan of the cluster is being recorded");
    return RULE_PASS;
}

static enum verdict_of_rule form(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    struct redis_outcome *r = &w->p->redis;
    enum verdict_of_rule how = RULE_PASS;
    struct form_step s;

    r->state = REDIS_FORMING;
    if (!r->plan.n_seats)
        return make_plan(w);
    form_step_init(&s);
    form_step(&seen->expected, seen->views, &r->plan, &s);
    reason_from(r, s.reason);
    if (s.action == FORM_REFUSE)
        how = walk_stall(w, RULE_HOLD, "RedisBootstrapRefused", "%s", s.reason);
    else if (s.action == FORM_DONE)
        r->bootstrapped = true;
    if (r->bootstrapped)
        forget_slots(&r->plan);
    if (s.action == FORM_RECORD)
        w->p->status_first = form_plan_record(&r->plan, &seen->expected, seen->views);
    if (r->bootstrapped) {
        r->state = r->verdict.state;
        w->p->status_first = true;
    }
    walk_redis_step(w, &s.commands, form_action_name(s.action), s.action == FORM_RECORD ? 0 : s.again_ms);
    form_step_done(&s);
    return how;
}

/* What a person gave up, in words that the schema has checked; NULL: nothing. */
static const struct slot_set *accepted_loss(const struct walk *w, struct slot_set *out)
{
    const char *text = w->o->svc ? w->o->svc->redis.accept_loss : NULL;
    struct err e;

    return text && slot_set_parse(text, out, &e) == 0 ? out : NULL;
}

static void take_moves(struct walk *w, const struct heal_step *s)
{
    struct redis_outcome *r = &w->p->redis;

    r->mending = true;
    r->step = heal_action_name(s->action);
    r->moves = xcalloc(s->n_moves, sizeof(*r->moves));
    r->n_moves = s->n_moves;
    for (size_t i = 0; i < s->n_moves; i++)
        r->moves[i] = (struct resize_move){ .slot = s->moves[i].slot, .source = s->moves[i].source,
                                            .target = s->moves[i].target, .back = s->moves[i].how == HEAL_BACK };
    walk_act(w, ACT_MOVE, "heal");
    walk_look_again(w, s->again_ms);
}

static enum verdict_of_rule heal(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    struct redis_outcome *r = &w->p->redis;
    struct heal_input in = { .x = &seen->expected, .views = seen->views, .v = &r->verdict, .now_ms = w->o->now_ms };
    enum verdict_of_rule how = RULE_PASS;
    struct slot_set accepted;
    struct heal_step s;

    if (form_plan_record(&r->plan, &seen->expected, seen->views))
        w->p->status_first = true;
    in.accept_loss = accepted_loss(w, &accepted);
    in.slots_are_moving = r->resize.shards > 0;
    heal_step_init(&s);
    heal_step(&in, &r->heal, &s);
    if (s.action != HEAL_NONE)
        reason_from(r, s.reason);
    if (s.action == HEAL_REFUSE)
        how = walk_stall(w, RULE_HOLD, "RedisNeedsYou", "%s", s.reason);
    else if (s.action == HEAL_WAIT && r->resize.shards)
        walk_look_again(w, s.again_ms); /* the resize looks for itself whether it can go on */
    else if (s.action == HEAL_MOVE)
        take_moves(w, &s);
    else if (s.action != HEAL_NONE)
        walk_redis_step(w, &s.commands, heal_action_name(s.action), s.again_ms);
    heal_step_done(&s);
    return how;
}

enum verdict_of_rule rule_redis_mend(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    struct redis_outcome *r = &w->p->redis;

    r->wanted = seen->expected.n_members > 0;
    if (!r->wanted)
        return RULE_PASS;
    r->bootstrapped = seen->latch.bootstrapped;
    copy_plan(&seen->latch.plan, &r->plan);
    r->roll = seen->latch.roll;
    r->resize = resize_plan_copy(&seen->latch.resize);
    r->state = r->bootstrapped ? REDIS_UNKNOWN : REDIS_FORMING;
    if (!seen->views) {
        walk_look_again(w, PROBE_HEALTHY_MS); /* a pod that gets its address brings a pass at once */
        reason_from(r, seen->blocked ? seen->blocked : "no Redis pod has an address yet");
        return look_at_filling(w);
    }
    judge(w);
    return r->bootstrapped ? heal(w) : form(w);
}

enum verdict_of_rule rule_redis_ready(struct walk *w)
{
    static const char *const reasons[] = {
        [REDIS_UNKNOWN] = "RedisUnknown",   [REDIS_DOWN] = "RedisDown",       [REDIS_PARTIAL] = "RedisPartial",
        [REDIS_DEGRADED] = "RedisDegraded", [REDIS_HEALTHY] = "RedisHealthy", [REDIS_FORMING] = "RedisForming",
        [REDIS_MIGRATING] = "RedisMigrating",
    };
    const struct redis_outcome *r = &w->p->redis;

    if (!r->wanted)
        return RULE_PASS;
    if (r->judged && !r->verdict.holds[P_DISK] && r->verdict.n_reachable > 0)
        return walk_say(w, RULE_HOLD, "RedisDiskFailing", "%s", r->verdict.evidence[P_DISK]);
    if (r->state == REDIS_HEALTHY)
        return RULE_PASS;
    return walk_say(w, RULE_HOLD, reasons[r->state], "%s", r->reason);
}
