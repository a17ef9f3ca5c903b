#include "slots/heal_parts.h"
#include "slots/tell.h"

#define MESH_MAX_NODES 32

bool heal_unknown(struct heal *h)
{
    return h->v->state == REDIS_UNKNOWN && heal_stop(h, HEAL_WAIT, HEAL_WAIT_MS, "unknown, nothing is changed: %.120s",
                                                verdict_why(h->v));
}

bool heal_cluster_exists(struct heal *h)
{
    return h->hub == MERGED_NONE &&
           heal_stop(h, HEAL_REFUSE, HEAL_LATER_MS, "no pod that answers remembers the cluster: its data is lost or elsewhere");
}

/* Someone has it at an address where it is no more. */
static bool has_moved(const struct heal *h, size_t i)
{
    for (size_t k = 0; k < h->m.n; k++) {
        const struct view_row *r = k != i && heal_is_up(h, k) ? view_find(&h->m.views[k], h->m.me[i]->id) : NULL;

        if (r && !merged_at(&h->m, r, i))
            return true;
    }
    return false;
}

/* When most owners moved, replicas would take their silence for death before the news arrives. */
bool heal_suspend(struct heal *h)
{
    size_t known = 0, moved = 0;

    for (size_t i = 0; i < h->m.n; i++) {
        known += h->kin[i].known;
        moved += heal_is_up(h, i) && has_moved(h, i);
    }
    if (moved * 2 <= known)
        return false;
    for (size_t i = 0; i < h->m.n; i++)
        if (heal_is_up(h, i) && !heal_is_fresh(h, i) && !(h->m.me[i]->flags & NODE_NOFAILOVER))
            commands_add(&h->out->commands, CMD_SUSPEND, i);
    return h->out->commands.n > 0 && heal_stop(h, HEAL_SUSPEND, 0, "%zu of %zu nodes moved: no failover until they have met",
                                          moved, known);
}

/* A replica's keys are no matter: it copies its master's before it counts. */
static bool is_empty(const struct heal *h, size_t i)
{
    return (h->m.views[i].keys == 0 || h->m.me[i]->flags & NODE_REPLICA) && h->m.me[i]->n_ranges == 0 && h->m.me[i]->n_open == 0;
}

/* A new node of a resize gets its config epoch first. One that served before comes back with its old volume, and
 * may know our nodes; with slots or keys of its own it would be another cluster. */
static bool may_meet_new(struct heal *h, size_t i)
{
    if (heal_is_fresh(h, i))
        return false;
    if (is_empty(h, i) && (h->m.views[i].n_rows == 1 || heal_is_kin(h, i)))
        return true;
    heal_trouble(h, i, "is to join, but has keys or slots of its own: empty its volume");
    return false;
}

/* May it be introduced? A fresh node may; one that has a past must belong to ours already. */
static bool may_meet(struct heal *h, size_t i)
{
    if (!heal_is_up(h, i))
        return false;
    if (h->m.x->members[i].reserved && i != h->hub && !h->kin[i].known)
        return may_meet_new(h, i);
    if (heal_is_kin(h, i) || heal_is_fresh(h, i))
        return true;
    heal_trouble(h, i, "has data or other nodes of its own, and is unknown to the cluster");
    return false;
}

/* Pairs that lack an address; all of them while that is few messages, else those with the hub. */
bool heal_meet(struct heal *h)
{
    bool mesh = h->m.n <= MESH_MAX_NODES;

    for (size_t a = 0; a < h->m.n; a++)
        for (size_t b = 0; b < h->m.n && may_meet(h, a); b++)
            if (a != b && (mesh || a == h->hub || b == h->hub) && may_meet(h, b))
                tell_meet(&h->out->commands, &h->m, a, b);
    return h->out->commands.n > 0 && heal_stop(h, HEAL_MEET, HEAL_WAIT_MS, "introducing nodes: %zu pairs lack an address",
                                          h->out->commands.n);
}
