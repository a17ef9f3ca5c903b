#include "base/str.h"
#include "slots/heal_parts.h"
#include "slots/spread.h"
#include "slots/tell.h"

/* Whom this replica should follow: its master, or, when that was demoted, the master's master. */
static size_t rightful_master(const struct heal *h, size_t replica)
{
    size_t master = merged_find(&h->m, h->m.me[replica]->master_id);

    if (master != MERGED_NONE && h->m.me[master]->flags & NODE_REPLICA)
        master = merged_find(&h->m, h->m.me[master]->master_id);
    return master != replica ? master : MERGED_NONE;
}

bool heal_stale_replication(struct heal *h)
{
    for (size_t i = 0; i < h->m.n; i++) {
        bool is_replica = heal_is_up(h, i) && h->m.me[i]->flags & NODE_REPLICA;
        size_t master = is_replica ? rightful_master(h, i) : MERGED_NONE;

        if (master == MERGED_NONE || merged_follows(&h->m, i, master) || !tell_knows(&h->m, i, master))
            continue;
        tell_id(&h->out->commands, CMD_REPLICATE, i, h->m.me[master]->id);
        heal_stop(h, HEAL_REPLICATE, HEAL_WAIT_MS, "%s follows %.60s:%u, its master is %s", heal_name(h, i),
             h->m.views[i].master_host, h->m.views[i].master_port, heal_name(h, master));
    }
    return h->out->commands.n > 0;
}

/* Followers, counting those promised in this step and the silent ones that may come back. */
static size_t followers(const struct heal *h, size_t owner)
{
    const struct node_view *v = &h->m.views[owner];
    size_t n = merged_followers(&h->m, owner);

    for (size_t r = 0; r < v->n_rows; r++)
        n += str_eq(v->rows[r].master_id, v->id) && merged_find(&h->m, v->rows[r].id) == MERGED_NONE &&
             merged_silent_at(&h->m, &v->rows[r]) != MERGED_NONE;
    for (size_t c = 0; c < h->out->commands.n; c++)
        n += str_eq(h->out->commands.items[c].id, v->id);
    return n;
}

static bool is_beside(const struct heal *h, size_t a, size_t b)
{
    const struct member *x = &h->m.x->members[a], *y = &h->m.x->members[b];

    return (!str_empty(x->node) && str_eq(x->node, y->node)) || (!str_empty(x->zone) && str_eq(x->zone, y->zone));
}

/* The owner that lacks replicas most; of equals one that runs elsewhere. */
static size_t neediest(const struct heal *h, size_t newcomer)
{
    size_t best = MERGED_NONE, best_has = 0;

    for (size_t i = 0; i < h->m.n; i++) {
        size_t has = merged_owns(&h->m, i) && !heal_is_reserved(h, i) ? followers(h, i) : SIZE_MAX;

        if (has >= (size_t)h->m.x->replicas_per_shard || !tell_knows(&h->m, newcomer, i))
            continue;
        if (best == MERGED_NONE || has < best_has ||
            (has == best_has && is_beside(h, newcomer, best) && !is_beside(h, newcomer, i))) {
            best = i;
            best_has = has;
        }
    }
    return best;
}

/* A shard without any copy is left: who is empty may have to own its slots, when a person says so. */
static bool is_needed_as_master(const struct heal *h)
{
    size_t lost = 0;

    for (size_t i = 0; i < h->n_losses; i++)
        lost += h->losses[i].heir == MERGED_NONE && h->losses[i].pod == MERGED_NONE;
    return lost > 0 && h->m.n_up == h->m.n && heal_empty_masters(h) <= lost;
}

bool heal_replacement(struct heal *h)
{
    if (is_needed_as_master(h))
        return false;
    for (size_t i = 0; i < h->m.n; i++) {
        size_t owner;

        if (!heal_is_up(h, i) || heal_is_reserved(h, i) || !(h->m.me[i]->flags & NODE_MASTER) ||
            merged_owns(&h->m, i) || h->m.views[i].n_rows < 2)
            continue;
        if (h->m.views[i].keys != 0) {
            if (!heal_started_lately(h, i)) /* a master that was replaced meanwhile becomes a replica by itself */
                heal_trouble(h, i, "owns no slots but holds keys");
            continue;
        }
        owner = neediest(h, i);
        if (owner == MERGED_NONE)
            continue;
        tell_id(&h->out->commands, CMD_REPLICATE, i, h->m.me[owner]->id);
        heal_stop(h, HEAL_REPLICATE, HEAL_WAIT_MS, "%s is new and empty: it becomes a replica of %s", heal_name(h, i),
             heal_name(h, owner));
    }
    return h->out->commands.n > 0;
}

static size_t master_of(const struct heal *h, size_t i)
{
    bool follows = heal_is_up(h, i) && !heal_is_reserved(h, i) && h->m.me[i]->flags & NODE_REPLICA;

    return follows ? merged_find(&h->m, h->m.me[i]->master_id) : MERGED_NONE;
}

/* What both shards would look like, in steps that are worth a copy of the data. */
static int64_t cost_of_move(const struct heal *h, size_t i, size_t from, size_t to)
{
    return (spread_cost(&h->m, from, i, MERGED_NONE) + spread_cost(&h->m, to, MERGED_NONE, i)) / SPREAD_WORTH_A_COPY;
}

/* Of the replicas of an owner that has more than its share: the one after whose move both shards are spread
 * best; of equals one that is not armed. */
static size_t surplus_replica(const struct heal *h)
{
    size_t found = MERGED_NONE;
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < h->m.n; i++) {
        size_t master = master_of(h, i), to;
        int64_t cost;

        if (master == MERGED_NONE || merged_followers(&h->m, master) <= (size_t)h->m.x->replicas_per_shard)
            continue;
        to = neediest(h, i);
        if (to == MERGED_NONE)
            continue;
        cost = cost_of_move(h, i, master, to) * 2 + !(h->m.me[i]->flags & NODE_NOFAILOVER);
        if (cost < least) {
            found = i;
            least = cost;
        }
    }
    return found;
}

/* Whoever moves leaves copies behind. */
static bool others_are_in_sync(const struct heal *h, size_t i)
{
    size_t master = master_of(h, i), synced = 0;

    if (master == MERGED_NONE || !merged_owns(&h->m, master))
        return true;
    for (size_t k = 0; k < h->m.n; k++)
        synced += k != i && master_of(h, k) == master && merged_in_sync(&h->m, k, master, NULL);
    return synced >= (size_t)h->m.x->replicas_per_shard;
}

/* A replica of a master that is gone for good and whose slots others serve. */
static size_t orphan_replica(const struct heal *h)
{
    for (size_t i = 0; i < h->m.n; i++) {
        const struct view_row *master = NULL;

        if (!heal_is_up(h, i) || heal_is_reserved(h, i) || !h->m.me[i]->master_id[0] ||
            merged_find(&h->m, h->m.me[i]->master_id) != MERGED_NONE)
            continue;
        master = view_find(&h->m.views[i], h->m.me[i]->master_id);
        if (!master || master->n_ranges == 0)
            return i;
    }
    return MERGED_NONE;
}

/* A newcomer went to one shard while the pod that returned later belonged there too, or a replica
 * missed its master's end. What moves must not be elected before it has copied its new master:
 * until then it is not armed. */
bool heal_balance(struct heal *h)
{
    size_t i, owner;

    if (h->m.n_up < h->m.n || !h->v->serving || !h->v->holds[P_CLOSED])
        return false;
    i = orphan_replica(h);
    if (i == MERGED_NONE && h->v->holds[P_CONSENSUS])
        i = surplus_replica(h);
    owner = i != MERGED_NONE ? neediest(h, i) : MERGED_NONE;
    if (owner == MERGED_NONE || !others_are_in_sync(h, i))
        return false;
    if (!(h->m.me[i]->flags & NODE_NOFAILOVER)) {
        commands_add(&h->out->commands, CMD_SUSPEND, i);
        return heal_stop(h, HEAL_SUSPEND, 0, "%s has to move: no failover until it is in sync there", heal_name(h, i));
    }
    tell_id(&h->out->commands, CMD_REPLICATE, i, h->m.me[owner]->id);
    return heal_stop(h, HEAL_REPLICATE, HEAL_WAIT_MS, "%s is not needed where it is, %s lacks a replica", heal_name(h, i),
                heal_name(h, owner));
}

/* Its master is gone, and it was in sync once: the copy that an election should choose. Whether it
 * is recent enough, Redis judges itself (cluster-replica-validity-factor). */
static bool is_orphan_with_data(const struct heal *h, size_t i)
{
    const struct node_view *v = &h->m.views[i];

    return h->v->holds[P_QUORUM] && !heal_is_overdue(h, h->m.me[i]->master_id) && heal_was_linked(h, i) && !v->sync_in_progress && !v->loading;
}

static bool may_arm(const struct heal *h, size_t i)
{
    bool calm = h->v->serving && h->v->holds[P_SLOTS];
    size_t master;

    if (!heal_is_up(h, i) || h->m.x->members[i].rolling || !(h->m.me[i]->flags & NODE_NOFAILOVER))
        return false;
    if (merged_owns(&h->m, i))
        return calm;
    master = merged_find(&h->m, h->m.me[i]->master_id);
    if (master == MERGED_NONE)
        return is_orphan_with_data(h, i);
    return calm && merged_owns(&h->m, master) && merged_in_sync(&h->m, i, master, NULL);
}

/* Whoever holds another master's data must not be elected, however that came about. */
static bool disarm(struct heal *h)
{
    for (size_t i = 0; i < h->m.n; i++)
        if (heal_is_up(h, i) && h->m.me[i]->flags & NODE_REPLICA && !(h->m.me[i]->flags & NODE_NOFAILOVER) &&
            heal_has_other_history(h, i, h->m.me[i]->master_id))
            commands_add(&h->out->commands, CMD_SUSPEND, i);
    return h->out->commands.n > 0 && heal_stop(h, HEAL_SUSPEND, 0, "%zu replicas hold another master's data: no failover to them",
                                               h->out->commands.n);
}

bool heal_arm(struct heal *h)
{
    if (disarm(h))
        return true;
    for (size_t i = 0; i < h->m.n; i++)
        if (may_arm(h, i))
            commands_add(&h->out->commands, CMD_ARM, i);
    return h->out->commands.n > 0 && heal_stop(h, HEAL_ARM, 0, "in sync: failover allowed on %zu nodes",
                                          h->out->commands.n);
}
