#include "slots/roll.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/merged.h"
#include "slots/tell.h"

enum {
    WAIT_MS = 250,
    LATER_MS = 2000,       /* for what a person has to mend */
    HANDOVER_MS = 50,      /* a graceful failover takes 30 to 50 ms */
    HANDOVER_MAX_MS = 11000, /* 5 s, and the master may stay paused for twice as long */
    TRIES_MAX = 3,         /* then a person is told; it is tried on */
    LAG_MAX_S = 1,
    CRASHES = 2,           /* a pod that was restarted so often, and is not ready */
};

struct roll {
    const struct roll_input *in;
    struct merged m; /* nobody is up when nobody was asked */
    struct roll_step *out;
    size_t n;
    size_t who; /* the member of the plan; MERGED_NONE */
};

#define stop STEP_STOP

static const char *name(const struct roll *r, size_t i)
{
    return r->in->x->members[i].pod;
}

static bool is_up(const struct roll *r, size_t i)
{
    return i < r->m.n && r->m.me[i] != NULL;
}

static bool is_outdated(const struct roll *r, size_t i)
{
    return r->in->pods[i].exists && r->in->x->members[i].outdated;
}

/* The kubelet gave up on it for now, whatever the reason; a pod that is being started waits, too. */
static bool is_broken(const struct roll *r, size_t i)
{
    const struct roll_pod *p = &r->in->pods[i];

    return p->exists && !p->ready && !str_empty(p->waiting) && !str_eq(p->waiting, "ContainerCreating") &&
           !str_eq(p->waiting, "PodInitializing");
}

/* Also between two crashes. */
static bool does_not_start(const struct roll *r, size_t i)
{
    const struct roll_pod *p = &r->in->pods[i];

    return is_broken(r, i) || (p->exists && !p->ready && p->restarts >= CRASHES);
}

static bool record(struct roll *r, const char *why)
{
    return stop(r->out, ROLL_RECORD, 0, "%s", why);
}

static bool turn_of(struct roll *r, size_t i, const char *what)
{
    r->out->plan = (struct roll_plan){ 0 };
    snprintf(r->out->plan.uid, sizeof(r->out->plan.uid), "%s", r->in->pods[i].uid);
    if (!str_copy(r->out->plan.pod, sizeof(r->out->plan.pod), name(r, i))) {
        r->out->plan = (struct roll_plan){ 0 };
        return stop(r->out, ROLL_REFUSE, LATER_MS, "the name of %.100s is too long to be restarted", name(r, i));
    }
    return stop(r->out, ROLL_RECORD, 0, "%s is next: %s", name(r, i), what);
}

static bool over(struct roll *r, const char *what)
{
    size_t i = r->who;

    r->out->plan = (struct roll_plan){ 0 };
    return stop(r->out, ROLL_RECORD, 0, "%s %s", name(r, i), what);
}

static bool delete(struct roll *r, size_t i, const char *why)
{
    r->out->member = i;
    return stop(r->out, ROLL_DELETE, WAIT_MS, "%s is restarted: %s", name(r, i), why);
}

/* --- a pod that is outdated and does not run --- */

/* Its end loses nothing: no process is there. But without a volume of its own what it wrote goes with it. */
static bool may_replace_broken(const struct roll *r, size_t i)
{
    const struct roll_pod *p = &r->in->pods[i];

    if (!is_outdated(r, i) || p->ready || p->deleting || is_up(r, i))
        return false;
    if (!is_broken(r, i) && p->running)
        return false;
    return !r->in->formed || r->in->keeps_data || (r->in->views && r->in->v->serving);
}

static bool rule_broken_first(struct roll *r)
{
    const struct roll_plan *plan = r->in->plan;

    for (size_t i = 0; i < r->n; i++) {
        if (!may_replace_broken(r, i) || (r->who != MERGED_NONE && r->who != i))
            continue;
        if (!r->in->formed || (r->who == i && str_eq(plan->uid, r->in->pods[i].uid)))
            return delete(r, i, "it does not run, and is made anew");
        return turn_of(r, i, "it does not run, and can be made anew");
    }
    return false;
}

/* --- the one whose turn it is --- */

/* Everybody else is here: one at a time. */
static bool others_are_here(struct roll *r, size_t i)
{
    for (size_t k = 0; k < r->n; k++) {
        const struct roll_pod *p = &r->in->pods[k];

        if (k != i && (!is_up(r, k) || !p->ready || p->deleting))
            return stop(r->out, ROLL_WAIT, WAIT_MS, "%s waits: %s is not there", name(r, i), name(r, k)), false;
    }
    return true;
}

static bool may_go_on(struct roll *r, size_t i)
{
    const struct verdict *v = r->in->v;

    if (v->state == REDIS_UNKNOWN || !v->serving || !v->holds[P_QUORUM] || !v->holds[P_CLOSED])
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s waits: %.120s", name(r, i), verdict_why(v)), false;
    return others_are_here(r, i);
}

static int64_t lag_of(const struct roll *r, size_t owner, size_t replica)
{
    const struct node_view *v = &r->m.views[owner];
    const struct member *p = &r->in->x->members[replica];

    for (size_t i = 0; i < v->n_links; i++)
        if (v->links[i].port == p->port && str_eq(v->links[i].ip, p->ip))
            return v->links[i].lag_s;
    return INT64_MAX;
}

static bool is_replica_of(const struct roll *r, size_t i, size_t owner)
{
    return is_up(r, i) && r->m.me[i]->flags & NODE_REPLICA && str_eq(r->m.me[i]->master_id, r->m.me[owner]->id);
}

/* New already, in sync, known to most masters (merged_in_sync), and the closest of those. */
static size_t heir(const struct roll *r, size_t owner, struct err *why)
{
    size_t best = MERGED_NONE;

    for (size_t i = 0; i < r->n; i++) {
        if (!is_replica_of(r, i, owner) || is_outdated(r, i) || r->in->x->members[i].draining ||
            r->in->x->members[i].leaving || !merged_in_sync(&r->m, i, owner, why))
            continue;
        if (lag_of(r, owner, i) > LAG_MAX_S) {
            (void)err_set(why, ERR_RETRY, "%s lags", name(r, i));
            continue;
        }
        if (best == MERGED_NONE || r->m.views[i].offset > r->m.views[best].offset)
            best = i;
    }
    return best;
}

/* Told once, and left alone until it cannot be under way any more: a second one would start it anew. */
static bool hand_over(struct roll *r, size_t i)
{
    struct roll_plan *plan = &r->out->plan;
    int64_t since_ms = r->in->wall_ms - plan->failover_wall_ms;
    struct err why = { 0 };
    size_t to;

    if (plan->to[0] && since_ms >= 0 && since_ms < HANDOVER_MAX_MS)
        return stop(r->out, ROLL_WAIT, HANDOVER_MS, "%s takes over from %s", plan->to, name(r, i));
    to = heir(r, i, &why);
    if (to == MERGED_NONE)
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s waits: no replica can take over%s%.120s", name(r, i),
                    why.msg[0] ? ": " : "", why.msg);
    if (plan->tries >= TRIES_MAX)
        stop(r->out, ROLL_REFUSE, LATER_MS, "%s did not take over from %s in %d tries; it is tried again", plan->to,
             name(r, i), plan->tries);
    else
        stop(r->out, ROLL_FAILOVER, HANDOVER_MS, "%s takes over from %s", name(r, to), name(r, i));
    snprintf(plan->to, sizeof(plan->to), "%s", name(r, to));
    plan->failover_wall_ms = r->in->wall_ms;
    plan->tries++;
    commands_add(&r->out->commands, CMD_FAILOVER, to);
    return true;
}

static bool end_owner(struct roll *r, size_t i)
{
    bool alone = r->in->x->replicas_per_shard == 0;

    if (!alone)
        return hand_over(r, i);
    if (!r->in->keeps_data)
        return stop(r->out, ROLL_REFUSE, LATER_MS, "%s has no replica, and would lose its keys: "
                    "set spec.redis.replicasPerShard, or persistence AppendOnly on volumes", name(r, i));
    return delete(r, i, "it finds its data again");
}

static bool same_major(const char *a, const char *b)
{
    return strtol(a, NULL, 10) == strtol(b, NULL, 10);
}

/* A master that handed over is the second copy only once it follows; an older one may be unable to. */
static bool is_needed(const struct roll *r, size_t i, size_t master, struct err *why)
{
    const struct node_view *me = &r->m.views[i], *heir = &r->m.views[master];

    if (!r->in->plan->to[0] || me->is_valkey != heir->is_valkey || !same_major(me->version, heir->version))
        return false;
    return !merged_in_sync(&r->m, i, master, why);
}

static bool end_replica(struct roll *r, size_t i)
{
    size_t master = merged_find(&r->m, r->m.me[i]->master_id);
    struct err why = { 0 };

    if (master == MERGED_NONE || !merged_owns(&r->m, master))
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s waits: its master is not there", name(r, i));
    if (is_needed(r, i, master, &why))
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s has handed over and waits: %.120s", name(r, i), why.msg);
    if (r->m.me[i]->flags & NODE_NOFAILOVER)
        return delete(r, i, "it is not of the newest revision");
    commands_add(&r->out->commands, CMD_SUSPEND, i);
    return stop(r->out, ROLL_SUSPEND, 0, "%s is about to end: it may not be elected", name(r, i));
}

static bool end_old_pod(struct roll *r, size_t i)
{
    if (r->in->pods[i].deleting)
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s ends", name(r, i));
    if (!is_outdated(r, i))
        return over(r, "need not be restarted any more");
    if (r->in->busy)
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s waits: the cluster is being mended", name(r, i));
    if (!r->in->views || !may_go_on(r, i))
        return r->in->views || stop(r->out, ROLL_WAIT, WAIT_MS, "%s waits: nobody could be asked", name(r, i));
    if (!is_up(r, i))
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s waits: it does not answer", name(r, i));
    if (merged_owns(&r->m, i))
        return end_owner(r, i);
    if (r->m.me[i]->flags & NODE_REPLICA)
        return end_replica(r, i);
    if (r->in->plan->to[0] || r->m.views[i].keys != 0)
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s waits: it has no slots, and is no replica yet", name(r, i));
    return delete(r, i, "it holds nothing");
}

/* Back, with a copy of its master's data, and electable: the verdict says the rest. */
static bool is_back(const struct roll *r, size_t i, struct err *why)
{
    size_t master;

    if (!is_up(r, i))
        return (void)err_set(why, ERR_RETRY, "it does not answer yet"), false;
    if (merged_owns(&r->m, i))
        return r->m.views[i].state_ok || ((void)err_set(why, ERR_RETRY, "it is not in the cluster yet"), false);
    master = merged_find(&r->m, r->m.me[i]->master_id);
    if (master == MERGED_NONE)
        return (void)err_set(why, ERR_RETRY, "it has no master yet"), false;
    if (!merged_in_sync(&r->m, i, master, why))
        return false;
    return !(r->m.me[i]->flags & NODE_NOFAILOVER) || ((void)err_set(why, ERR_RETRY, "it may not be elected yet"), false);
}

static bool await_successor(struct roll *r, size_t i)
{
    const struct roll_pod *p = &r->in->pods[i];
    struct err why = { 0 };

    if (!p->exists)
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s comes back", name(r, i));
    if (does_not_start(r, i) && !is_up(r, i))
        return stop(r->out, ROLL_REFUSE, LATER_MS, "%s does not start as spec.redis wants it (%s): nobody else is "
                    "restarted; put right what was changed", name(r, i), str_empty(p->waiting) ? "it crashes" : p->waiting);
    if (!p->ready || p->deleting)
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s starts", name(r, i));
    if (!is_back(r, i, &why))
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%s is back, but %.140s", name(r, i), why.msg);
    return over(r, "is back");
}

static bool rule_under_way(struct roll *r)
{
    const struct roll_plan *plan = r->in->plan;

    if (!plan->pod[0])
        return false;
    if (r->who == MERGED_NONE) {
        r->out->plan = (struct roll_plan){ 0 };
        return record(r, "who was being restarted is no member any more");
    }
    if (r->in->pods[r->who].exists && str_eq(plan->uid, r->in->pods[r->who].uid))
        return end_old_pod(r, r->who);
    return await_successor(r, r->who);
}

/* --- the next one --- */

static bool rule_nothing(struct roll *r)
{
    return r->out->n_outdated == 0 && stop(r->out, ROLL_NONE, 0, "every pod is of the newest revision");
}

static bool rule_not_now(struct roll *r)
{
    const struct verdict *v = r->in->v;

    if (!r->in->formed)
        return stop(r->out, ROLL_WAIT, WAIT_MS, "the cluster is formed first");
    if (!r->in->views)
        return stop(r->out, ROLL_WAIT, LATER_MS, "%zu pods are outdated, but nobody could be asked", r->out->n_outdated);
    if (v->state != REDIS_HEALTHY)
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%zu pods are outdated, but Redis is %s: %.100s", r->out->n_outdated,
                    redis_state_name(v->state), verdict_why(v));
    if (r->in->busy)
        return stop(r->out, ROLL_WAIT, WAIT_MS, "%zu pods are outdated; something else is under way", r->out->n_outdated);
    for (size_t i = 0; i < r->n; i++)
        if (!r->in->pods[i].ready || r->in->pods[i].deleting)
            return stop(r->out, ROLL_WAIT, WAIT_MS, "%zu pods are outdated, but %s is not ready", r->out->n_outdated,
                        name(r, i));
    return !v->holds[P_SETTLED] && stop(r->out, ROLL_WAIT, WAIT_MS, "%zu pods are outdated; the cluster settles",
                                        r->out->n_outdated);
}

/* Who of this shard comes next: replicas first. */
static size_t next_of(const struct roll *r, size_t owner)
{
    for (size_t i = 0; i < r->n; i++)
        if (is_outdated(r, i) && is_replica_of(r, i, owner))
            return i;
    return is_outdated(r, owner) ? owner : MERGED_NONE;
}

static unsigned first_slot(const struct roll *r, size_t owner)
{
    const struct view_row *row = r->m.me[owner];

    return r->m.views[owner].ranges[row->first_range].first;
}

/* Of the shard with the lowest slots that has someone outdated: a shard is finished before the next begins. */
static size_t next(const struct roll *r)
{
    size_t best = MERGED_NONE, best_owner = MERGED_NONE;

    for (size_t i = 0; i < r->n; i++) {
        size_t who = merged_owns(&r->m, i) ? next_of(r, i) : MERGED_NONE;

        if (who != MERGED_NONE && (best == MERGED_NONE || first_slot(r, i) < first_slot(r, best_owner))) {
            best = who;
            best_owner = i;
        }
    }
    for (size_t i = 0; i < r->n && best == MERGED_NONE; i++)
        if (is_outdated(r, i))
            best = i; /* of no shard: a node that holds nothing */
    return best;
}

static bool rule_next(struct roll *r)
{
    size_t i = next(r);

    if (r->in->x->replicas_per_shard == 0 && !r->in->keeps_data && merged_owns(&r->m, i))
        return end_owner(r, i);
    return turn_of(r, i, "it is not of the newest revision");
}

void roll_step_init(struct roll_step *s)
{
    *s = (struct roll_step){ .action = ROLL_NONE };
}

void roll_step_done(struct roll_step *s)
{
    commands_done(&s->commands);
}

static size_t member_named(const struct expected *x, const char *pod)
{
    for (size_t i = 0; pod[0] && i < x->n_members; i++)
        if (str_eq(x->members[i].pod, pod))
            return i;
    return MERGED_NONE;
}

void roll_step(const struct roll_input *in, struct roll_step *out)
{
    static bool (*const rules[])(struct roll *r) = { rule_broken_first, rule_under_way, rule_nothing, rule_not_now,
                                                     rule_next };
    struct roll r = { .in = in, .out = out, .n = in->x->n_members, .who = member_named(in->x, in->plan->pod) };

    out->plan = *in->plan;
    merged_init(&r.m, in->x, in->views, in->views ? r.n : 0);
    for (size_t i = 0; i < r.n; i++)
        out->n_outdated += is_outdated(&r, i);
    for (size_t i = 0; i < COUNT(rules) && !rules[i](&r); i++)
        ;
    merged_done(&r.m);
}

const char *roll_action_name(enum roll_action a)
{
    static const char *const names[] = { "none", "wait", "refuse", "record", "suspend", "failover", "delete" };

    return names[a];
}
