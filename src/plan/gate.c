/*
 * Slot health before scale: what the children may say about numbers.
 *
 * Up waits while no slot is served, for maxHoldSeconds at most: serving is not held hostage.
 * Down waits for full health, for as long as it takes.
 */
#include <stdio.h>
#include <string.h>

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

    /* a clock that jumped back must not make a bounded hold endless */
    return since_ms && (w->o->wall_ms < since_ms || w->o->wall_ms - since_ms >= g->max_hold_s * 1000LL);
}

static struct gate gate_of(const struct walk *w)
{
    const struct redis_outcome *r = &w->p->redis;
    struct gate g = { true, true, status_ms(w->o, "scaling.upSinceMs"), status_ms(w->o, "scaling.downSinceMs") };

    if (!r->wanted)
        return g;
    g.down_is_open = r->state == REDIS_HEALTHY;
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
                 redis_state_name(w->p->redis.state), w->p->redis.reason);
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

/* Capacity that an autoscaler had chosen stays when it is switched off, until minReplicas changes. */
static struct frozen freeze(struct walk *w, const struct record *dep, const struct record *hpa)
{
    struct frozen f = { (int32_t)json_get_int(w->o->status, "scaling.frozen.replicas", 0),
                        (int32_t)json_get_int(w->o->status, "scaling.frozen.minReplicas", 0) };
    const struct isvc_predictor *p = &w->o->svc->predictor;

    if (p->autoscaled || (f.replicas && f.min_replicas != p->min_replicas))
        f = (struct frozen){ 0 };
    if (p->autoscaled || !record_is_ours(hpa, w->o->uid) || hpa->deleting || !dep || dep->spec_replicas <= 0)
        return f;
    if (dep->spec_replicas > p->min_replicas &&
        (f.replicas != dep->spec_replicas || f.min_replicas != p->min_replicas)) {
        f = (struct frozen){ dep->spec_replicas, p->min_replicas };
        w->p->status_first = true;
    }
    return f;
}

static void plan_fixed(struct walk *w, struct gate *g, const struct record *dep)
{
    const struct frozen *f = &w->p->frozen;
    int32_t target = f->replicas ? f->replicas : w->o->svc->predictor.min_replicas;
    int32_t live = dep && dep->spec_replicas >= 0 ? dep->spec_replicas : 0;

    w->p->replicas_wanted = target;
    w->in.replicas = pass(w, g, "the Deployment", live, target);
}

static void plan_autoscaled(struct walk *w, struct gate *g, const struct record *dep, const struct record *hpa)
{
    const struct isvc_predictor *p = &w->o->svc->predictor;

    /* created with a number; from then on the autoscaler is the only writer */
    w->in.replicas = dep ? -1 : pass(w, g, "the Deployment", 0, p->min_replicas);
    w->in.hpa_min = p->min_replicas;
    w->in.hpa_max = p->max_replicas;
    if (hpa && hpa->min_replicas >= 0) {
        w->in.hpa_min = pass(w, g, "the autoscaler's minimum", hpa->min_replicas, p->min_replicas);
        w->in.hpa_max = pass(w, g, "the autoscaler's maximum", hpa->max_replicas, p->max_replicas);
    }
    /* bounds held one by one may cross */
    if (w->in.hpa_max < w->in.hpa_min)
        w->in.hpa_max = w->in.hpa_min;
    w->in.hold_down = !g->down_is_open;
    if (w->in.hold_down)
        hold_down(w, g, "the autoscaler");
    w->p->replicas_wanted = dep && dep->spec_replicas > 0 ? dep->spec_replicas : p->min_replicas;
}

enum verdict_of_rule rule_gate(struct walk *w)
{
    const struct record *dep = w->o->child[CHILD_DEPLOYMENT], *hpa = w->o->child[CHILD_HPA];
    struct gate g = gate_of(w);

    w->p->frozen = freeze(w, dep, hpa);
    w->in.redis_nodes = (int32_t)w->o->redis.expected.n_members;
    w->in.redis_may_disrupt = w->p->redis.state == REDIS_HEALTHY;
    if (w->o->svc->predictor.autoscaled)
        plan_autoscaled(w, &g, dep, hpa);
    else
        plan_fixed(w, &g, dep);
    if (w->in.replicas == 0 && !dep) {
        /* nothing is there yet and a step up is held: no Deployment at all is the honest form of 0 */
        return walk_say(w, RULE_HOLD, "ScalingHeld", "%s", w->p->gate.reason);
    }
    return RULE_PASS;
}
