/*
 * Slot health before scale: what the children may say about numbers.
 *
 * Up waits while no slot is served, for maxHoldSeconds at most: serving is not held hostage.
 * Down waits for full health, for as long as it takes.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"

struct gate {
    bool up_is_open, down_is_open;
    int64_t up_since_ms, down_since_ms; /* wall clock, of holds that already stood; 0: none */
};

static int64_t status_ms(const struct observed *o, const char *path)
{
    return json_get_int(o->status, path, 0);
}

static bool hold_is_over(const struct walk *w, int64_t since_ms)
{
    const struct isvc_gate *g = &w->o->svc->gate;

    if (!g->max_hold_s)
        return true;
    /* a clock that jumped back must not make a bounded hold endless */
    return since_ms && (w->o->wall_ms < since_ms || w->o->wall_ms - since_ms >= g->max_hold_s * 1000LL);
}

/* A cluster that has just been formed was held for another reason. */
static bool was_held_down(const struct observed *o)
{
    return json_get_bool(o->status, "scaling.heldDown", false) &&
           !str_eq(json_get_str(o->status, "redis.state"), redis_state_name(REDIS_FORMING));
}

static struct gate gate_of(const struct walk *w)
{
    const struct redis_outcome *r = &w->p->redis;
    struct gate g = { true, true, status_ms(w->o, "scaling.upSinceMs"), status_ms(w->o, "scaling.downSinceMs") };

    if (!r->wanted)
        return g;
    /* what is held stays so until health has lasted: a node that stumbles each few seconds must not make the
     * autoscaler be written each time */
    g.down_is_open = r->state == REDIS_HEALTHY && (r->verdict.holds[P_SETTLED] || !was_held_down(w->o));
    g.up_is_open = r->state != REDIS_DOWN || !w->o->svc->gate.hold_up;
    return g;
}

static void hold_up(struct walk *w, struct gate *g, const char *what, int64_t from, int64_t to)
{
    struct gate_result *r = &w->p->gate;

    r->held_up = true;
    r->up_since_wall_ms = g->up_since_ms ? g->up_since_ms : w->o->wall_ms;
    snprintf(r->reason, sizeof(r->reason), "%s waits to go up from %lld to %lld: Redis is %s (%.120s)", what,
             (long long)from, (long long)to, redis_state_name(w->p->redis.state), w->p->redis.reason);
    walk_look_again(w, 1000);
}

static void hold_down(struct walk *w, struct gate *g, const char *what)
{
    struct gate_result *r = &w->p->gate;

    r->held_down = true;
    r->down_since_wall_ms = g->down_since_ms ? g->down_since_ms : w->o->wall_ms;
    if (!r->held_up)
        snprintf(r->reason, sizeof(r->reason), "%s may not go down: Redis is %s (%.120s)", what,
                 redis_state_name(w->p->redis.state),
                 w->p->redis.state == REDIS_HEALTHY ? "not for long enough yet" : w->p->redis.reason);
}

/* The number to write: the target when the gate lets it pass, what is there otherwise. */
static int32_t pass(struct walk *w, struct gate *g, const char *what, int32_t live, int32_t target)
{
    if (target > live && !g->up_is_open) {
        if (hold_is_over(w, g->up_since_ms)) {
            w->p->gate.opened = true;
            return target;
        }
        hold_up(w, g, what, live, target);
        return live;
    }
    if (target < live && !g->down_is_open) {
        hold_down(w, g, what);
        return live;
    }
    return target;
}

static int32_t status_count(const struct observed *o, const char *path)
{
    int64_t n = status_ms(o, path);

    return n > 0 && n <= INT32_MAX ? (int32_t)n : 0; /* anybody may have edited it */
}

static struct frozen frozen_before(const struct observed *o)
{
    struct frozen f = { status_count(o, "scaling.frozen.replicas"), status_count(o, "scaling.frozen.minReplicas"),
                        json_get_bool(o->status, "scaling.frozen.settling", false) };

    return f.replicas && f.min_replicas ? f : (struct frozen){ 0 };
}

static bool same_frozen(const struct frozen *a, const struct frozen *b)
{
    return a->replicas == b->replicas && a->min_replicas == b->min_replicas && a->settling == b->settling;
}

/* Capacity that an autoscaler had chosen stays when it is switched off, until minReplicas changes.
 * Its last word may come after its end was decided: until the number is ours, what is there counts. */
static struct frozen freeze(struct walk *w, const struct record *dep, const struct record *hpa)
{
    const struct frozen before = frozen_before(w->o);
    const struct isvc_predictor *p = &w->o->svc->predictor;
    bool hpa_acts = record_is_ours(hpa, w->o->uid);
    int32_t live = dep && dep->spec_replicas > p->min_replicas ? dep->spec_replicas : p->min_replicas;
    struct frozen f = before;

    if (p->autoscaled)
        return (struct frozen){ 0 };
    if (f.min_replicas != p->min_replicas)
        f = (struct frozen){ 0 };
    if (hpa_acts && dep)
        f = (struct frozen){ live, p->min_replicas, true };
    else if (f.settling && dep && !dep->owns_replicas)
        f.replicas = live;
    else if (!dep || dep->owns_replicas)
        f.settling = false;
    if (!f.settling && f.replicas <= f.min_replicas)
        f = (struct frozen){ 0 };
    /* forgotten before it is acted on, too: another change of the spec must not bring an old number back */
    w->p->status_first |= (f.settling || !f.replicas) && !same_frozen(&f, &before);
    return f;
}

static void plan_fixed(struct walk *w, struct gate *g, const struct record *dep, const struct record *hpa)
{
    const struct frozen *f = &w->p->frozen;
    int32_t target = f->replicas ? f->replicas : w->o->svc->predictor.min_replicas;
    int32_t live = dep && dep->spec_replicas >= 0 ? dep->spec_replicas : 0;

    w->p->replicas_wanted = target;
    if (dep && record_is_ours(hpa, w->o->uid)) /* it goes first: two writers would fight */
        w->in.replicas = dep->owns_replicas ? live : -1;
    else
        w->in.replicas = pass(w, g, "the Deployment", live, target + drain_surge(w, target));
}

/* Created with a number; from then on the autoscaler is the only writer. But one that somebody
 * scaled to 0 is switched off, unless it may go there itself, and would stay there: then the number is ours to
 * write once more. Where nothing can scale, the minimum is kept by us. */
static int32_t autoscaled_replicas(struct walk *w, struct gate *g, const struct record *dep, int32_t least)
{
    bool alone = scaling_is_unmade(w) && !record_is_ours(w->o->child[CHILD_HPA], w->o->uid);
    int32_t enough = alone ? least : least > 0, live = dep && dep->spec_replicas > 0 ? dep->spec_replicas : 0, n;

    if (dep && live >= enough)
        return -1;
    n = pass(w, g, "the Deployment", live, scaling_first(w, least));
    return dep && n <= live ? -1 : n;
}

static int32_t max_of(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* From 1 to 0 goes KEDA itself, whatever its autoscaler may do. */
static int32_t least_held(const struct walk *w, const struct record *dep, int32_t min)
{
    return w->in.hold_down && !min && dep && dep->spec_replicas > 0 ? 1 : min;
}

static void plan_autoscaled(struct walk *w, struct gate *g, const struct record *dep, const struct record *scaler)
{
    const struct isvc_predictor *p = &w->o->svc->predictor;
    int32_t wanted = drain_autoscaled(w, dep), with_surge = w->surge ? w->p->drain.wanted + w->surge : 0;
    int32_t least = scaling_least(w), floor = scaling_floor(w, wanted);
    int32_t min = max_of(max_of(least, floor), with_surge);
    int32_t max = max_of(min, p->max_replicas);

    w->in.replicas = autoscaled_replicas(w, g, dep, least);
    w->in.hpa_min = min;
    w->in.hpa_max = max;
    if (scaler && scaler->min_replicas >= 0) {
        w->in.hpa_min = pass(w, g, "the autoscaler's minimum", scaler->min_replicas, min);
        w->in.hpa_max = pass(w, g, "the autoscaler's maximum", scaler->max_replicas, max);
    }
    w->in.hold_down = !g->down_is_open;
    if (w->in.hold_down)
        hold_down(w, g, "the autoscaler");
    /* the floor is what runs: it makes no pod */
    w->in.hpa_min = max_of(least_held(w, dep, w->in.hpa_min), floor);
    /* bounds held one by one may cross */
    w->in.hpa_max = max_of(w->in.hpa_max, w->in.hpa_min);
    w->p->replicas_wanted = wanted || (dep && !least) ? wanted : max_of(least, 1);
}

enum verdict_of_rule rule_gate(struct walk *w)
{
    const struct record *dep = w->o->child[CHILD_DEPLOYMENT], *scaler = scaling_record(w);
    struct gate g = gate_of(w);

    w->p->frozen = freeze(w, dep, scaler);
    w->in.redis_nodes = walk_redis_nodes(w);
    w->in.redis_may_disrupt = budget_allows(w);
    if (w->o->svc->predictor.autoscaled)
        plan_autoscaled(w, &g, dep, scaler);
    else
        plan_fixed(w, &g, dep, scaler);
    if (w->in.replicas == 0 && !dep && w->p->gate.held_up) {
        /* nothing is there yet and a step up is held: no Deployment at all is the honest form of 0 */
        return walk_say(w, RULE_HOLD, "ScalingHeld", "%s", w->p->gate.reason);
    }
    return RULE_PASS;
}
