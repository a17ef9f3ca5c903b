/*
 * A new template is tried beside the one that serves, where spec.rollout.canary asks for it.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"

/* What one pass sees of a trial. */
struct trial {
    struct canary_seen in;
    struct diagnosis diagnosis;
    const struct pod *restarted; /* one that was; NULL: none */
};

static bool is_taken_away(const struct walk *w, const struct pod *p)
{
    const struct host *h = walk_host(w, p->node);

    return p->disrupted || (h && (h->cordoned || h->unwell || h->out_of_service));
}

static void look_at_pods(const struct walk *w, struct trial *t)
{
    int32_t there = 0;

    for (size_t i = 0; i < w->o->n_pods; i++) {
        const struct pod *p = &w->o->pods[i];

        if (!p->on_trial || !str_eq(p->revision, w->spec_revision))
            continue;
        t->in.excused |= is_taken_away(w, p);
        if (p->deleting)
            continue;
        there++;
        t->in.ready += p->ready;
        t->in.restarts += p->restarts;
        if (p->restarts)
            t->restarted = p;
    }
    /* a pod that is gone was taken away: one that fails stays, and says why */
    t->in.excused |= there < w->p->canary.state.replicas;
}

static bool is_current(const struct walk *w)
{
    const struct canary_state *s = &w->p->canary.state;

    return s->phase != CANARY_NONE && str_eq(s->revision, w->spec_revision);
}

static int32_t size_of(const struct walk *w)
{
    const struct isvc_canary *c = &w->o->svc->canary;

    return c->replicas ? c->replicas : (int32_t)(((int64_t)w->p->replicas_wanted * c->percent + 99) / 100);
}

/* A pod that crashed for want of its Redis goes on waiting for a while when that is back. */
static bool is_its_own(const struct walk *w, const struct trial *t)
{
    return !str_eq(t->diagnosis.reason, "CrashLoop") ||
           t->in.restarts - w->p->canary.state.restarts >= ROLLOUT_RESTARTS;
}

/* Who cannot reach Redis does not know whether the pods can: what they do then is not held against them. */
static bool redis_is_unknown(const struct walk *w)
{
    return w->p->redis.wanted && w->p->redis.state == REDIS_UNKNOWN;
}

/* No Gateway takes the route, and one says why. */
static bool is_refused(struct walk *w)
{
    const struct record *route = w->o->child[CHILD_ROUTE];

    return w->o->svc->canary.route && walk_has(w, CAP_GATEWAY) && route && route->route_refuser && !route->route_accepted;
}

static void look(struct walk *w, struct trial *t)
{
    const struct isvc *s = w->o->svc;
    const struct record *d = w->o->child[CHILD_DEPLOYMENT];

    *t = (struct trial){ .in = { .asked = s->canary.present && d && !d->deleting && w->p->replicas_wanted > 0,
                                 .wanted = w->spec_revision,
                                 .stable = w->p->rollout.last_good,
                                 .failed = w->p->rollout.failed,
                                 .size = size_of(w),
                                 .size_is_exact = s->canary.replicas > 0,
                                 .blocked = !walk_crashes_count(w),
                                 .excused = redis_is_unknown(w),
                                 .unasked = is_refused(w),
                                 .bake_ms = s->canary.bake_s * 1000LL,
                                 .deadline_ms = s->predictor.progress_deadline_s * 1000LL,
                                 .by_hand = s->canary.by_hand,
                                 .approved = s->canary.promote_revision,
                                 .wall_ms = w->o->wall_ms } };
    if (!is_current(w))
        return;
    look_at_pods(w, t);
    rollout_diagnose(w->o->pods, w->o->n_pods, w->spec_revision, !t->in.blocked && !redis_is_unknown(w),
                     &t->diagnosis);
    if (walk_grace_is_over(w, &t->diagnosis) && is_its_own(w, t))
        t->in.trouble = t->diagnosis.reason;
}

/* --- what it means for the children --- */

static const cJSON *ports_of(const cJSON *template)
{
    return json_at(template, "spec.containers.0.ports");
}

/* All ready once: or else few pods would get the share of many, or none of them answer. */
static bool takes_requests(const struct canary_state *s, const struct canary_seen *in)
{
    return s->phase == CANARY_BAKING || s->phase == CANARY_WAITING || (s->phase == CANARY_PROMOTING && in->ready > 0);
}

static void put_children(struct walk *w, const struct canary_seen *in)
{
    const struct canary_state *s = &w->p->canary.state;
    bool other_ports = w->in.template && !json_equal(ports_of(w->in.template), ports_of(w->spec_template));

    w->in.canary_replicas = s->phase ? s->replicas : 0;
    w->in.canary_revision = w->spec_revision;
    w->in.routed = w->o->svc->canary.route && walk_has(w, CAP_GATEWAY);
    /* a Service has one target port for all of its pods: those that listen elsewhere would refuse their requests */
    w->in.canary_apart = w->in.routed || other_ports;
    w->in.canary_weight = w->in.routed && takes_requests(s, in) ? w->o->svc->canary.weight : 0;
    if (w->in.budget_min) /* a drain: what is on trial must not stand in for those that serve */
        w->in.budget_min += in->ready;
    w->p->canary.apart = other_ports && !w->in.routed;
    w->p->canary.weight = w->in.canary_weight;
}

/* Requests go first, pods follow. */
static void keep_until_routed(struct walk *w)
{
    AUTO_JSON cJSON *route = NULL;

    if (w->in.canary_replicas || !w->in.routed || !w->o->child[CHILD_ROUTE])
        return;
    route = desired_child(CHILD_ROUTE, w->o->svc, &w->in);
    w->leave_canary = !walk_child_is_so(w, CHILD_ROUTE, route);
}

static bool has_pods(const struct walk *w)
{
    for (size_t i = 0; i < w->o->n_pods; i++)
        if (w->o->pods[i].on_trial)
            return true;
    return false;
}

bool walk_leaves_canary(const struct walk *w, enum child c)
{
    if (w->leave_trial && (c == CHILD_CANARY || c == CHILD_CANARY_SERVICE || c == CHILD_ROUTE))
        return true; /* what the spec makes of it is not known in this pass */
    if (c == CHILD_CANARY_SERVICE && ((!w->in.canary_replicas && has_pods(w)) || (!w->in.routed && w->o->child[CHILD_ROUTE])))
        return true; /* pods that end may be asked still; a route that goes may name it still */
    return w->leave_canary && (c == CHILD_CANARY || c == CHILD_CANARY_SERVICE);
}

/* --- what is said --- */

static void say_restart(const struct pod *p, char *out, size_t size)
{
    char code[32] = "";

    if (p && p->exit_code)
        snprintf(code, sizeof(code), ", exit code %d", p->exit_code);
    snprintf(out, size, "on trial a pod was restarted%s%s%s", code, p && p->message[0] ? ": " : "", p ? p->message : "");
}

static void fail(struct walk *w, const struct trial *t, const char *reason)
{
    char text[256];

    if (str_eq(reason, "CanaryRestarted"))
        say_restart(t->restarted, text, sizeof(text));
    else if (str_eq(reason, "CanaryUnstable"))
        snprintf(text, sizeof(text), "on trial it stopped being ready %d times", CANARY_LAPSES_MAX);
    else if (str_eq(reason, "CanaryDeadlineExceeded"))
        snprintf(text, sizeof(text), "on trial it was not ready within %d s; %s", w->o->svc->predictor.progress_deadline_s,
                 t->diagnosis.text);
    else
        snprintf(text, sizeof(text), "on trial %s", t->diagnosis.text);
    str_utf8_fix(text);
    walk_fail_template(w, reason, text);
}

static enum verdict_of_rule say(struct walk *w, const struct trial *t)
{
    const struct canary_state *s = &w->p->canary.state;
    const char *trouble = t->diagnosis.reason && !str_eq(t->diagnosis.reason, "NotReady") ? t->diagnosis.text : "";
    char since[32];

    str_rfc3339(s->since_ms, false, since);
    switch (s->phase) {
    case CANARY_STARTING:
        return walk_say(w, RULE_HOLD, "CanaryStarting", "revision %s is tried: %d of %d pods ready%s%.140s", s->revision,
                        t->in.ready, s->replicas, trouble[0] ? "; " : "", trouble);
    case CANARY_BAKING:
        if (t->in.unasked)
            return walk_say(w, RULE_HOLD, "CanaryBaking", "revision %s is on trial, but no Gateway takes the route to it (%.31s): its "
                            "time of %d s begins when one does", s->revision, w->o->child[CHILD_ROUTE]->mark, w->o->svc->canary.bake_s);
        return walk_say(w, RULE_HOLD, "CanaryBaking", "revision %s is on trial, ready since %s, for %d s%s", s->revision, since,
                        w->o->svc->canary.bake_s, w->p->canary.apart ? "; its port is another one: it gets no requests" : "");
    case CANARY_WAITING:
        return walk_say(w, RULE_HOLD, "CanaryWaiting", "revision %s has stood its trial: it replaces what serves when "
                        "spec.rollout.canary.promoteRevision names it, or promote is Auto", s->revision);
    case CANARY_PROMOTING:
        return walk_say(w, RULE_HOLD, "CanaryPromoting", "revision %s has stood its trial and replaces what serves", s->revision);
    default:
        return RULE_PASS;
    }
}

/* --- the rule --- */

/* What serves goes on as it is; where its template is lost nobody touches it. */
static void hold_stable(struct walk *w)
{
    w->in.template = walk_last_good(w, &w->leave_trial);
    if (!w->in.template)
        w->leave_deployment = true;
}

static void step(struct walk *w, struct trial *t, struct canary_verdict *v)
{
    struct canary_state *s = &w->p->canary.state;
    enum canary_phase before = s->phase;

    canary_step(s, &t->in, v);
    /* or else an operator that starts anew would take it for one that is still on trial, and roll back */
    w->p->status_first |= s->phase == CANARY_PROMOTING && before != CANARY_PROMOTING;
    if (v->again_ms >= 0)
        walk_look_again(w, v->again_ms);
    if (v->failed)
        fail(w, t, v->failed);
    w->p->canary.ready = t->in.ready;
}

enum verdict_of_rule rule_canary(struct walk *w)
{
    struct canary_verdict v;
    struct trial t;

    canary_parse(json_at(w->o->status, "predictor.canary"), &w->p->canary.state);
    w->leave_trial = !w->spec_template;
    if (!w->spec_template)
        return RULE_PASS;
    look(w, &t);
    step(w, &t, &v);
    if (v.holds_stable)
        hold_stable(w);
    put_children(w, &t.in);
    keep_until_routed(w);
    if (v.failed)
        return walk_stall(w, RULE_HOLD, "RolledBack", "%s", w->p->rollout.message);
    return say(w, &t);
}
