#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "rules.h"

/* The first that says why it does not run, for the message: placeholders wait by trade, versions on trial have a message of their own. */
static const struct pod *troubled_pod(const struct observed *o)
{
    for (size_t i = 0; i < o->n_pods; i++)
        if (o->pods[i].serves && !o->pods[i].on_trial && !o->pods[i].ready && o->pods[i].waiting[0])
            return &o->pods[i];
    return NULL;
}

/* A claim that does not exist is the scheduler's word; which field of ours names it is not. */
static const char *field_of(const struct walk *w, const struct pod *p)
{
    const char *claim = json_get_str(w->o->svc->predictor.spec, "model.claimName");
    AUTO_FREE char *what = claim ? xasprintf("persistentvolumeclaim \"%s\" not found", claim) : NULL;

    return what && p->detail && strstr(p->detail, what) ? " (spec.predictor.model.claimName)" : "";
}

/* ": CrashLoopBackOff: model: HTTP 404 (...)" */
static void say_pod(const struct walk *w, const char *before, char *out, size_t size)
{
    const struct pod *p = troubled_pod(w->o);
    const char *word = !p ? NULL : p->message[0] ? p->message : p->detail;

    out[0] = '\0';
    if (p)
        snprintf(out, size, "%sa pod waits: %s%s%s%.140s", before, p->waiting, field_of(w, p), word ? ": " : "", word ? word : "");
}

static enum verdict_of_rule not_ready(struct walk *w, const struct record *d, int32_t want, bool failed)
{
    char pod[256];

    say_pod(w, failed ? ": " : "; ", pod, sizeof(pod));
    if (failed)
        return walk_say(w, RULE_HOLD, "RolloutFailed", "%d of %d replicas ready; the rollout passed its deadline%.190s", d->ready,
                        want, pod);
    return walk_say(w, RULE_HOLD, "PredictorNotReady", "%d of %d replicas ready%.210s", d->ready, want, pod);
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

    if (walk_waits_for_redis(w))
        return walk_say(w, RULE_HOLD, "WaitingForRedis", "serving pods %s once Redis is healthy for the first time%s%.150s",
                        d ? "change" : "start", w->p->redis.reason[0] ? ": " : "", w->p->redis.reason);
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
