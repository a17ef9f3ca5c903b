#include "slots/resize.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/judge.h"
#include "slots/resize_parts.h"

const char *resize_name(const struct resize *z, size_t i)
{
    return merged_name(&z->m, i);
}

bool resize_is_leaving(const struct resize *z, size_t i)
{
    return z->m.x->members[i].leaving;
}

const struct resize_owner *resize_owner_of(const struct resize *z, size_t member)
{
    for (size_t i = 0; z->m.me[member] && i < z->plan->n_owners; i++)
        if (str_eq(z->plan->owners[i].id, z->m.me[member]->id))
            return &z->plan->owners[i];
    return NULL;
}

static bool rule_none(struct resize *z)
{
    return z->plan->shards == 0 && resize_stop(z, RESIZE_NONE, 0, "no resize runs");
}

static bool rule_answers(struct resize *z)
{
    if (z->v->state == REDIS_UNKNOWN)
        return resize_stop(z, RESIZE_WAIT, RESIZE_WAIT_MS, "unknown, nothing is changed: %.120s", verdict_why(z->v));
    for (size_t i = 0; i < z->m.n; i++)
        if (!z->m.me[i] && !resize_is_leaving(z, i))
            return resize_stop(z, RESIZE_WAIT, RESIZE_WAIT_MS, "waiting for %s: %.100s", resize_name(z, i),
                               z->m.views[i].error[0] ? z->m.views[i].error : "no answer");
    if (z->v->serving)
        return false;
    return resize_stale_marks(z) || resize_stop(z, RESIZE_WAIT, RESIZE_WAIT_MS, "waiting: %.150s", verdict_why(z->v));
}

/* Above every epoch there is, so that no old claim of a dead node can override what it will own. Only a node
 * that knows nobody takes one; it is introduced afterwards. */
static bool rule_epochs(struct resize *z)
{
    uint64_t epoch = z->v->max_epoch;

    for (size_t i = 0; i < z->m.n; i++)
        if (z->m.x->members[i].reserved && z->m.me[i] && view_is_fresh(&z->m.views[i], NULL))
            commands_add(&z->out->commands, CMD_SET_EPOCH, i)->epoch = ++epoch;
    return z->out->commands.n > 0 && resize_stop(z, RESIZE_EPOCHS, 0, "setting the config epoch of %zu new nodes",
                                                 z->out->commands.n);
}

static bool wait_for_pods(struct resize *z, size_t n, size_t of)
{
    return resize_stop(z, RESIZE_WAIT, RESIZE_WAIT_MS, "waiting for %zu of %zu pods", n, of);
}

/* Who is to leave need not come first. */
static bool rule_pods(struct resize *z)
{
    size_t staying = 0, wanted = resize_nodes_wanted(z->plan);

    for (size_t i = 0; i < z->m.n; i++)
        staying += !resize_is_leaving(z, i);
    return staying < wanted && wait_for_pods(z, wanted - staying, z->plan->nodes);
}

static bool record(struct resize *z, struct resize_plan *next, const char *what)
{
    z->out->next = *next;
    return resize_stop(z, RESIZE_RECORD, 0, "%s", what);
}

/* Those without slots hold copies: who left as a replica comes again as one, and cannot become an empty master. The next
 * pod may never have been there before. */
static bool more_nodes(struct resize *z, const struct err *e)
{
    struct resize_plan next = resize_plan_copy(z->plan);
    size_t from = (size_t)z->plan->from_shards * (1 + (size_t)z->plan->from_replicas), wanted = resize_nodes_wanted(z->plan);

    if (z->m.n < z->plan->nodes) { /* asked for already */
        resize_plan_done(&next);
        return wait_for_pods(z, z->plan->nodes - z->m.n, z->plan->nodes);
    }
    if (next.nodes >= 2 * (wanted > from ? wanted : from) || next.nodes >= RESIZE_NODES_MAX) {
        resize_plan_done(&next);
        return resize_stop(z, RESIZE_REFUSE, RESIZE_LATER_MS,
                           "%.100s: pods came again with copies on their old volumes; delete the claims of pods that were removed", e->msg);
    }
    next.nodes++;
    return record(z, &next, "one more node is needed for a while");
}

static bool decide_owners(struct resize *z)
{
    struct resize_plan next = resize_plan_copy(z->plan);
    struct err e = { 0 };
    int rc = resize_plan_make(z->m.x, z->m.views, &next, &e);

    if (rc == 0)
        return record(z, &next, "the plan of the slots is being recorded");
    resize_plan_done(&next);
    if (rc == -ERR_INVALID)
        return resize_stop(z, RESIZE_REFUSE, RESIZE_LATER_MS, "%.190s", e.msg);
    return more_nodes(z, &e);
}

/* Where this planned owner is now: itself, or the master that it follows after a failover. */
static size_t heir_of(const struct resize *z, const char *id)
{
    size_t at = merged_find(&z->m, id);

    if (at != MERGED_NONE && z->m.me[at]->flags & NODE_REPLICA)
        at = merged_find(&z->m, z->m.me[at]->master_id);
    return at != MERGED_NONE && z->m.me[at]->flags & NODE_MASTER ? at : MERGED_NONE;
}

/* Nodes that come again after they had left may know others that have not: that is no reason to wait, for it may
 * take a new role to be rid of them. */
static bool is_calm(struct resize *z)
{
    static const enum predicate needed[] = { P_REACH, P_STATE, P_SLOTS, P_OWNERSHIP, P_EPOCHS, P_CLOSED, P_QUORUM, P_REPLICAS };

    for (size_t i = 0; i < COUNT(needed); i++)
        if (!z->v->holds[needed[i]]) {
            resize_stop(z, RESIZE_WAIT, RESIZE_WAIT_MS, "waiting: %.150s", z->v->evidence[needed[i]]);
            return false;
        }
    return true;
}

/* A failover changes who stands for a planned owner; anything else that does not fit is planned anew. */
static bool rule_owners(struct resize *z)
{
    struct resize_plan next = resize_plan_copy(z->plan);
    bool changed = false, fits = next.n_owners > 0;

    for (size_t i = 0; i < next.n_owners && fits; i++) {
        size_t at = heir_of(z, next.owners[i].id);
        bool same = at != MERGED_NONE && str_eq(next.owners[i].id, z->m.me[at]->id);

        fits = at != MERGED_NONE && (same || !resize_owner_of(z, at));
        if (!fits || same)
            continue;
        memcpy(next.owners[i].id, z->m.me[at]->id, sizeof(next.owners[i].id));
        changed = true;
    }
    if (fits && changed)
        return record(z, &next, "an owner has failed over");
    resize_plan_done(&next);
    if (fits)
        return false;
    return !is_calm(z) || decide_owners(z);
}

static bool rule_done(struct resize *z)
{
    return resize_stop(z, RESIZE_DONE, 0, "%d shards with %d replicas each", z->plan->shards, z->plan->replicas);
}

void resize_step(const struct expected *x, const struct node_view *views, const struct verdict *v,
                 const struct resize_plan *plan, const struct pace *pace, struct resize_step *out)
{
    static bool (*const rules[])(struct resize *) = {
        rule_none,    rule_answers,       resize_forget, rule_epochs,  resize_open_slots, rule_pods,        rule_owners,
        resize_place, resize_arm,         resize_new_masters, resize_functions, resize_moves, resize_hand_over, resize_complete, resize_prove,
        rule_done,
    };
    struct resize z = { .v = v, .plan = plan, .pace = pace, .out = out };

    resize_step_done(out);
    merged_init(&z.m, x, views, x->n_members);
    resize_progress(&z);
    for (size_t i = 0; i < COUNT(rules); i++)
        if (rules[i](&z))
            break;
    merged_done(&z.m);
}

void resize_step_init(struct resize_step *s)
{
    *s = (struct resize_step){ .percent = -1 };
}

void resize_step_done(struct resize_step *s)
{
    commands_done(&s->commands);
    free(s->moves);
    resize_plan_done(&s->next);
    resize_step_init(s);
}

const char *resize_action_name(enum resize_action a)
{
    static const char *const names[] = { "none", "wait",   "refuse", "record",   "epochs", "suspend", "replicate",
                                         "arm",  "stable", "functions", "move", "migrate", "cancel", "failover", "forget", "done" };

    return names[a];
}
