/*
 * A template that came up whole is kept, so that there is something to go back to.
 */
#include <string.h>

#include "base/str.h"
#include "rules.h"

/* What the Deployment should hold, now that every rule has had its say. */
static void name_revision(struct walk *w)
{
    struct rollout_outcome *r = &w->p->rollout;

    if (!w->spec_template || w->leave_deployment)
        return; /* as the status has it */
    if (w->in.template)
        template_hash(w->in.template, r->revision);
    else
        memcpy(r->revision, w->spec_revision, sizeof(r->revision));
}

static bool is_written_now(const struct walk *w)
{
    for (size_t i = 0; i < w->p->n_actions; i++)
        if (w->p->actions[i].kind == ACT_APPLY && w->p->actions[i].child == CHILD_DEPLOYMENT)
            return true;
    return false;
}

/* Every replica wanted is of this template, ready and available; nothing else runs. */
static bool is_good(const struct walk *w)
{
    const struct record *d = w->o->child[CHILD_DEPLOYMENT];
    int32_t want = w->p->replicas_wanted;

    return d && want > 0 && !d->deleting && !w->leave_deployment && !is_written_now(w) &&
           record_is_ours(d, w->o->uid) && d->observed_generation >= d->generation && d->updated >= want &&
           d->ready >= want && d->available >= want && d->unavailable <= 0 && d->replicas == d->updated;
}

static void prune(struct walk *w)
{
    const char *durable = json_get_str(w->o->status, "predictor.lastGoodRevision");
    struct rollout_outcome *r = &w->p->rollout;

    if (w->o->rollout.has_older && str_eq(durable, r->last_good) && str_eq(w->o->rollout.kept, r->last_good))
        memcpy(walk_act(w, ACT_REVISION_PRUNE, "older ones")->pod, r->last_good, sizeof(r->last_good));
}

static void keep(struct walk *w)
{
    struct rollout_outcome *r = &w->p->rollout;
    bool was_tried = str_eq(w->o->rollout.kept, w->spec_revision);
    struct action *a;

    if (was_tried && (w->o->rollout.state == KEPT_THERE || w->o->rollout.state == KEPT_HELD)) {
        memcpy(r->last_good, w->spec_revision, sizeof(r->last_good));
        return;
    }
    if (was_tried && w->o->rollout.state == KEPT_REFUSED)
        return;
    a = walk_act(w, ACT_REVISION_KEEP, "is good");
    memcpy(a->pod, w->spec_revision, sizeof(w->spec_revision));
    a->body = revision_build(w->o->svc, w->spec_template);
}

enum verdict_of_rule rule_keep(struct walk *w)
{
    struct rollout_outcome *r = &w->p->rollout;

    name_revision(w);
    if (!w->spec_template || w->in.template || !is_good(w))
        return RULE_PASS;
    if (!str_eq(r->last_good, w->spec_revision))
        keep(w);
    else
        prune(w);
    return RULE_PASS;
}
