/*
 * Which template serves: the spec's, or the last good one when the spec's has failed.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"

static void read_text(const cJSON *obj, const char *path, char *out, size_t size)
{
    const char *text = json_get_str(obj, path);

    if (!text || !str_copy(out, size, text))
        out[0] = '\0';
}

/* What the status says: it outlives the operator. Why a template failed stands in the condition. */
static void recall(struct walk *w)
{
    const cJSON *status = w->o->status, *c = json_condition(status, "RolledBack");
    struct rollout_outcome *r = &w->p->rollout;

    read_text(status, "predictor.revision", r->revision, sizeof(r->revision));
    read_text(status, "predictor.lastGoodRevision", r->last_good, sizeof(r->last_good));
    read_text(status, "predictor.failedRevision", r->failed, sizeof(r->failed));
    if (r->failed[0] && str_eq(json_get_str(c, "status"), "True")) {
        read_text(c, "reason", r->reason, sizeof(r->reason));
        read_text(c, "message", r->message, sizeof(r->message));
    }
    if (r->failed[0] && !r->reason[0])
        snprintf(r->reason, sizeof(r->reason), "RolloutFailed");
    if (r->failed[0] && !r->message[0])
        snprintf(r->message, sizeof(r->message), "revision %s failed; revision %s serves", r->failed, r->last_good);
}

static void clear_failure(struct rollout_outcome *r)
{
    r->failed[0] = r->reason[0] = r->message[0] = '\0';
}

/* Another template, or nobody wants it back. */
static void forgive(struct walk *w)
{
    struct rollout_outcome *r = &w->p->rollout;

    bool may_fail = w->o->svc->predictor.auto_rollback || w->o->svc->canary.present; /* a trial is always taken back */

    if (!may_fail || !str_eq(r->failed, w->spec_revision) || str_eq(r->last_good, w->spec_revision))
        clear_failure(r);
}

static bool has_action(const struct walk *w, enum action_kind kind)
{
    for (size_t i = 0; i < w->p->n_actions; i++)
        if (w->p->actions[i].kind == kind)
            return true;
    return false;
}

static void look_up(struct walk *w, enum action_kind kind, const char *hash, const char *why)
{
    struct action *a;

    if (has_action(w, kind))
        return;
    a = walk_act(w, kind, why);
    if (!str_copy(a->pod, sizeof(a->pod), hash))
        a->pod[0] = '\0';
}

static enum kept_state kept_state(const struct walk *w)
{
    return str_eq(w->o->rollout.kept, w->p->rollout.last_good) ? w->o->rollout.state : KEPT_UNKNOWN;
}

const cJSON *walk_last_good(struct walk *w, bool *waits)
{
    enum kept_state state = kept_state(w);

    *waits = false;
    if (!w->p->rollout.last_good[0] || str_eq(w->p->rollout.last_good, w->spec_revision))
        return NULL;
    if (state == KEPT_HELD)
        return w->o->rollout.template;
    *waits = state == KEPT_UNKNOWN || state == KEPT_THERE;
    if (*waits) {
        look_up(w, ACT_REVISION_READ, w->p->rollout.last_good, "the last good template");
        w->leave_deployment = true;
    }
    return NULL;
}

void walk_fail_template(struct walk *w, const char *reason, const char *text)
{
    struct rollout_outcome *r = &w->p->rollout;

    memcpy(r->failed, w->spec_revision, sizeof(r->failed));
    snprintf(r->reason, sizeof(r->reason), "%s", reason);
    snprintf(r->message, sizeof(r->message), "revision %s failed: %.170s; revision %s serves", r->failed, text, r->last_good);
    w->p->status_first = true;
}

bool walk_holds_the_spec(struct walk *w)
{
    AUTO_JSON cJSON *body = desired_child(CHILD_DEPLOYMENT, w->o->svc, &w->in);

    return walk_child_is_so(w, CHILD_DEPLOYMENT, body);
}

/* Does the Deployment hold what the spec says, taken up by its controller, and is it not done with it? */
static bool is_rolling_out(struct walk *w, const struct record *d)
{
    int32_t want = w->p->replicas_wanted;

    if (!d || d->deleting || d->observed_generation < d->generation)
        return false;
    if (d->updated >= want && d->ready >= want && d->unavailable <= 0 && !d->deadline_exceeded)
        return false;
    return walk_holds_the_spec(w);
}

static bool newest_is_known(const struct walk *w, const struct record *d)
{
    const struct rollout_seen *s = &w->o->rollout;

    return !d->revision_no || (s->newest_of == d->revision_no && str_eq(s->newest_uid, d->uid));
}

/* The pods of the template have its ReplicaSet's hash. Who may not read ReplicaSets has the Deployment's word for it,
 * which is at times about the one before. NULL: all pods. */
static const char *newest(const struct walk *w, const struct record *d)
{
    if (d->revision_no && w->o->rollout.newest[0])
        return w->o->rollout.newest;
    return d->update_revision[0] ? d->update_revision : NULL;
}

static bool is_in_trouble(const struct walk *w, const struct record *d)
{
    const struct pod *p = w->o->pods;

    for (size_t i = 0; i < w->o->n_pods; i++)
        if (p[i].serves && !p[i].ready && (p[i].exit_code || p[i].waiting[0]))
            return true;
    return d->deadline_exceeded;
}

bool walk_crashes_count(const struct walk *w)
{
    const struct redis_outcome *r = &w->p->redis;

    return !r->wanted || (r->state != REDIS_FORMING && r->state != REDIS_DOWN);
}

bool walk_grace_is_over(struct walk *w, const struct diagnosis *d)
{
    struct rollout_memory *m = &w->p->rollout.memory;
    int64_t patience_ms = w->o->svc->predictor.progress_deadline_s * 100LL;

    if (d->grace != GRACE_SHORT)
        return d->grace == GRACE_OVER;
    *m = w->o->rollout.memory;
    if (!m->since_ms || !str_eq(m->revision, w->spec_revision)) {
        memcpy(m->revision, w->spec_revision, sizeof(m->revision));
        m->since_ms = w->o->now_ms;
    }
    if (w->o->now_ms - m->since_ms < patience_ms)
        walk_look_again(w, patience_ms - (w->o->now_ms - m->since_ms));
    return w->o->now_ms - m->since_ms >= patience_ms;
}

static bool passed_deadline(const struct record *d, const char *hash)
{
    return d->deadline_exceeded && (!d->update_revision[0] || str_eq(d->update_revision, hash));
}

/* Room is made for it first (feasible.c): only when that is over has it failed. */
static bool still_finds_room(const struct walk *w)
{
    return str_eq(w->diagnosis.reason, "Unschedulable") && (w->feasible == FEASIBLE_WAITS || w->feasible == FEASIBLE_REPLACING);
}

static void say_deadline(struct walk *w)
{
    struct diagnosis *g = &w->diagnosis;
    char cause[sizeof(g->text)];

    memcpy(cause, g->text, sizeof(cause));
    snprintf(g->text, sizeof(g->text), "no progress for %d s%s%.150s", w->o->svc->predictor.progress_deadline_s,
             cause[0] ? "; " : "", cause);
    if (!g->reason || str_eq(g->reason, "NotReady"))
        g->reason = "DeadlineExceeded";
}

static void diagnose(struct walk *w, const struct record *d)
{
    const char *hash = newest(w, d);
    bool late;

    if (!newest_is_known(w, d)) {
        look_up(w, ACT_REVISION_FIND, "", "whose pods are in trouble");
        walk_look_again(w, 1000);
        return;
    }
    rollout_diagnose(w->o->pods, w->o->n_pods, hash, walk_crashes_count(w), &w->diagnosis);
    late = passed_deadline(d, hash) && !still_finds_room(w);
    w->diagnosis.failed = walk_grace_is_over(w, &w->diagnosis) || late;
    if (late && w->diagnosis.grace != GRACE_OVER)
        say_deadline(w);
}

static void judge(struct walk *w)
{
    const struct record *d = w->o->child[CHILD_DEPLOYMENT];
    const cJSON *way_back;
    bool waits;

    if (str_eq(w->p->rollout.last_good, w->spec_revision) || !is_rolling_out(w, d) || !is_in_trouble(w, d))
        return;
    diagnose(w, d);
    if (!w->diagnosis.failed || !w->o->svc->predictor.auto_rollback)
        return;
    way_back = walk_last_good(w, &waits);
    w->diagnosis.failed = !waits; /* else said when it is known what to do */
    if (way_back)
        walk_fail_template(w, w->diagnosis.reason, w->diagnosis.text);
}

/* The Deployment goes back, or stays where it went back to. */
static enum verdict_of_rule serve_last_good(struct walk *w)
{
    const struct rollout_outcome *r = &w->p->rollout;
    bool waits;

    w->in.template = walk_last_good(w, &waits);
    w->in.replace_one = false; /* its pods are there: nobody has to go for it */
    w->p->replacing = (struct replacing){ .generation = 0 };
    if (w->in.template || waits)
        return walk_stall(w, RULE_HOLD, "RolledBack", "%s", r->message);
    w->leave_deployment = w->o->child[CHILD_DEPLOYMENT] != NULL; /* else what the spec says is better than nothing */
    return walk_stall(w, RULE_HOLD, "RolledBack", "%.170s; its ControllerRevision is gone: the Deployment is left as it is",
                      r->message);
}

/* Before the template changes it is made sure that there is a way back. */
static void look_for_a_way_back(struct walk *w)
{
    const struct rollout_outcome *r = &w->p->rollout;
    bool waits;

    if (w->o->child[CHILD_DEPLOYMENT] && w->o->svc->predictor.auto_rollback && !str_eq(r->revision, w->spec_revision) &&
        !walk_holds_the_spec(w))
        walk_last_good(w, &waits);
}

/* Which version the spec wants, and what is known of it. */
enum verdict_of_rule rule_template(struct walk *w)
{
    struct rollout_outcome *r = &w->p->rollout;

    recall(w);
    r->known = true;
    if (w->p->redis.wanted && !w->in.redis_keys && w->o->child[CHILD_DEPLOYMENT])
        return RULE_PASS; /* the Deployment is left alone: what the spec makes of it cannot be known */
    w->spec_template = template_build(w->o->svc, &w->in);
    template_hash(w->spec_template, w->spec_revision);
    r->needs_kept = r->last_good[0] && !str_eq(r->last_good, w->spec_revision);
    forgive(w);
    return RULE_PASS;
}

enum verdict_of_rule rule_rollout(struct walk *w)
{
    struct rollout_outcome *r = &w->p->rollout;

    if (!w->spec_template)
        return RULE_PASS;
    if (!r->failed[0])
        judge(w);
    if (r->failed[0])
        return serve_last_good(w);
    look_for_a_way_back(w);
    return RULE_PASS;
}
