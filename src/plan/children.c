/*
 * Every child as it should be: compared by hash, sent only when something differs.
 */
#include <stdio.h>
#include <string.h>

#include "json/owned.h"
#include "rules.h"

/* What was compared in full once stays compared, until either side changes. */
static bool is_so(const struct record *r, uint64_t want)
{
    return r->owned_hash == want || (r->matched_hash == want && r->matched_owned == r->owned_hash);
}

bool walk_child_is_so(const struct walk *w, enum child c, const cJSON *body)
{
    return w->o->child[c] && is_so(w->o->child[c], owned_hash(body));
}

static void apply(struct walk *w, enum child c, cJSON **body, const char *why)
{
    struct action *a = walk_act(w, ACT_APPLY, why);
    const struct record *r = w->o->child[c];

    a->child = c;
    a->body = TAKE(*body);
    a->replicas_seen = r ? r->spec_replicas : -1;
    a->create_only = c == CHILD_REDIS_SECRET && !r;
    a->hand_over_replicas = c == CHILD_DEPLOYMENT && r && r->owns_replicas && w->in.replicas < 0;
}

static enum verdict_of_rule unwanted(struct walk *w, enum child c, const struct record *r)
{
    if (record_is_ours(r, w->o->uid) && !r->deleting) {
        struct action *a = walk_act(w, ACT_DELETE, "not wanted any more");

        a->child = c;
    }
    return RULE_PASS;
}

static enum verdict_of_rule say_conflict(struct walk *w, enum child c, const char *whose)
{
    char name[512];

    if (!child_name(c, w->o->name, name, sizeof(name)))
        name[0] = '\0';
    walk_look_again(w, FOREIGN_AGAIN_MS);
    return walk_stall(w, RULE_HOLD, "ChildConflict", "%s %.80s exists and %.90s: delete or rename it, it is left alone",
                      child_types[c].kind, name, whose);
}

static enum verdict_of_rule wanted(struct walk *w, enum child c, const struct record *r, cJSON **body)
{
    if (!r) {
        if (w->o->foreign[c])
            return say_conflict(w, c, w->o->foreign[c]);
        apply(w, c, body, "is missing");
        return RULE_PASS;
    }
    if (!record_is_ours(r, w->o->uid)) {
        if (!r->is_ours)
            return say_conflict(w, c, "is controlled by something else");
        return walk_say(w, RULE_HOLD, "WaitingForPredecessor", "%s of a deleted predecessor is still there",
                        child_types[c].label);
    }
    if (r->deleting)
        return walk_say(w, RULE_HOLD, "ChildDeleting", "%s is being deleted; it comes back", child_types[c].label);
    if (!is_so(r, owned_hash(*body)))
        apply(w, c, body, "differs");
    return RULE_PASS;
}

/* Replicas are handed over first, and the other kind of autoscaler goes first: two writers would fight. What scales now
 * goes on where its successor cannot be made. */
static bool must_not_scale_yet(const struct walk *w, enum child c, const struct record *dep)
{
    const struct isvc_predictor *p = &w->o->svc->predictor;
    enum child wanted = p->keda ? CHILD_SCALEDOBJECT : CHILD_HPA, other = p->keda ? CHILD_HPA : CHILD_SCALEDOBJECT;

    if (!p->autoscaled)
        return false;
    if (c != wanted)
        return !capabilities_have(&w->o->caps, child_types[wanted].needs);
    return !dep || dep->owns_replicas || record_is_ours(w->o->child[other], w->o->uid);
}

bool walk_waits_for_redis(const struct walk *w)
{
    const struct isvc_redis *r = &w->o->svc->redis;

    return r->present && r->is_awaited && !w->o->redis.latch.bootstrapped && !w->p->redis.bootstrapped;
}

/* Children that must not be touched in this pass. */
static bool is_left_alone(struct walk *w, enum child c)
{
    const struct record *dep = w->o->child[CHILD_DEPLOYMENT];

    if (walk_leaves_canary(w, c))
        return true;
    if (c == CHILD_DEPLOYMENT && !dep && w->in.replicas == 0 && w->p->gate.held_up)
        return true;
    if (c == CHILD_DEPLOYMENT && (w->leave_deployment || walk_waits_for_redis(w) || walk_lacks_claims(w)))
        return true;
    if (c == CHILD_DEPLOYMENT && dep && w->p->redis.wanted && !w->in.redis_keys)
        return true; /* TLS and the number of the password are in its template: guessing would roll it */
    if (c == CHILD_MODEL_CLAIM && !json_has(w->o->svc->predictor.spec, "model.storage"))
        return true; /* pods of the version before may read from it; it goes with the resource */
    if (c == CHILD_BACKUP_CLAIM && (!w->o->svc->redis.backup.storage || w->o->svc->redis.backup.claim_name))
        return true; /* the backups on it outlive the wish for more, Redis, and the service: it may be a predecessor's */
    if ((c == CHILD_HPA || c == CHILD_SCALEDOBJECT) && must_not_scale_yet(w, c, dep))
        return true;
    if (!child_types[c].of_redis || !w->p->redis.wanted)
        return false;
    if (w->leave_redis_set && w->o->child[c] && c == CHILD_REDIS_STATEFULSET)
        return true;
    if (w->leave_redis_pods && w->o->child[c] && (c == CHILD_REDIS_CONFIGMAP || c == CHILD_REDIS_STATEFULSET))
        return true;
    if (c == CHILD_BACKUP_JOB && w->o->child[c] && w->in.redis_backup)
        return true; /* a Job cannot change */
    if (!w->o->svc->redis.present)
        return true; /* removed from the spec while it may hold data: nothing is deleted */
    /* without a password no pod may start: it would be open to everybody */
    return !w->in.redis_keys;
}

static enum verdict_of_rule check_child(struct walk *w, enum child c)
{
    const struct record *r = w->o->child[c];
    AUTO_JSON cJSON *body = NULL;

    if (!capabilities_have(&w->o->caps, child_types[c].needs) || is_left_alone(w, c))
        return RULE_PASS;
    body = desired_child(c, w->o->svc, &w->in);
    return body ? wanted(w, c, r, &body) : unwanted(w, c, r);
}

enum verdict_of_rule rule_children(struct walk *w)
{
    enum verdict_of_rule worst = RULE_PASS;
    struct walk first = { 0 };

    for (int c = 0; c < N_CHILDREN; c++) {
        enum verdict_of_rule r = check_child(w, (enum child)c);

        if (r != RULE_PASS && worst == RULE_PASS) {
            worst = r;
            first = *w;
        }
    }
    if (worst != RULE_PASS) {
        w->reason = first.reason;
        w->stalled = first.stalled;
        memcpy(w->message, first.message, sizeof(w->message));
    }
    return worst;
}
