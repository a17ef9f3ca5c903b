#include <stdio.h>
#include <string.h>

#include "rules.h"

/* The first pod that says why it does not run, for the message. */
static const struct pod *troubled_pod(const struct observed *o)
{
    for (size_t i = 0; i < o->n_pods; i++)
        if (!o->pods[i].of_redis && !o->pods[i].ready && o->pods[i].waiting[0])
            return &o->pods[i];
    return NULL;
}

static enum verdict_of_rule not_ready(struct walk *w, const struct record *d, int32_t want, bool failed)
{
    const struct pod *p = troubled_pod(w->o);

    if (failed)
        return walk_say(w, RULE_HOLD, "RolloutFailed", "%d of %d replicas ready; the rollout passed its deadline%s%s", d->ready,
                        want, p ? ": a pod waits: " : "", p ? p->waiting : "");
    return walk_say(w, RULE_HOLD, "PredictorNotReady", "%d of %d replicas ready%s%s", d->ready, want,
                    p ? "; a pod waits: " : "", p ? p->waiting : "");
}

static enum verdict_of_rule rollout_failed(struct walk *w)
{
    const char *then = !w->o->svc->predictor.auto_rollback ? "spec.rollout.autoRollback is Disabled"
                       : w->p->rollout.last_good[0]        ? "the last good template is gone"
                                                           : "there is no earlier template to go back to";

    return walk_stall(w, RULE_HOLD, "RolloutFailed", "revision %s failed: %.170s; %s", w->spec_revision, w->diagnosis.text, then);
}

enum verdict_of_rule rule_predictor(struct walk *w)
{
    const struct record *d = w->o->child[CHILD_DEPLOYMENT];
    int32_t want = w->p->replicas_wanted;

    if (!d)
        return walk_say(w, RULE_HOLD, "PredictorNotReady", "the Deployment is not there yet");
    if (w->diagnosis.failed && !w->p->rollout.failed[0])
        return rollout_failed(w);
    bool taken_up = d->observed_generation >= d->generation;
    bool failed = taken_up && d->deadline_exceeded; /* or else it was the version before that failed */
    if (d->ready < want || failed)
        return not_ready(w, d, want, failed);
    if (!taken_up)
        return walk_say(w, RULE_HOLD, "PredictorNotReady", "the Deployment's newest version was not taken up yet");
    if (d->updated < want || d->unavailable > w->surge)
        return walk_say(w, RULE_HOLD, "PredictorUpdating", "%d of %d replicas updated", d->updated, want);
    return RULE_PASS;
}
