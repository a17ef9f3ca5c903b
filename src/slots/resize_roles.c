/*
 * Who follows whom while a cluster changes its size. "Staying" is a pod that is there in the end.
 */
#include <string.h>

#include "base/str.h"
#include "slots/resize_parts.h"
#include "slots/tell.h"

/* The planned owner that this member stands for or follows; MERGED_NONE: none. */
static size_t shard_of(const struct resize *z, size_t i)
{
    size_t at = i;

    if (!z->m.me[i])
        return MERGED_NONE;
    if (z->m.me[i]->flags & NODE_REPLICA)
        at = merged_find(&z->m, z->m.me[i]->master_id);
    return at != MERGED_NONE && resize_owner_of(z, at) ? at : MERGED_NONE;
}

static bool is_promised(const struct resize *z, size_t i)
{
    for (size_t c = 0; c < z->out->commands.n; c++)
        if (z->out->commands.items[c].member == i)
            return true;
    return false;
}

/* Of the shard of this owner: itself included, and those promised in this step; not those promised elsewhere. */
static int staying_copies(const struct resize *z, size_t owner)
{
    int n = 0;

    for (size_t i = 0; i < z->m.n; i++)
        n += !resize_is_leaving(z, i) && shard_of(z, i) == owner && !is_promised(z, i);
    for (size_t c = 0; c < z->out->commands.n; c++)
        n += str_eq(z->out->commands.items[c].id, z->m.me[owner]->id);
    return n;
}

static int lacks(const struct resize *z, size_t owner)
{
    return 1 + z->plan->replicas - staying_copies(z, owner);
}

/* What it holds is another's, or nothing: an emptied or new master, a replica of one, a surplus replica. */
static bool is_free(const struct resize *z, size_t i)
{
    const struct view_row *me = z->m.me[i];
    size_t shard = shard_of(z, i), master;

    if (!me || resize_is_leaving(z, i) || merged_owns(&z->m, i) || resize_owner_of(z, i) || me->n_open)
        return false;
    if (shard != MERGED_NONE)
        return lacks(z, shard) < 0;
    if (me->flags & NODE_MASTER)
        return z->m.views[i].keys == 0 && z->m.views[i].n_rows > 1;
    master = merged_find(&z->m, me->master_id);
    return master == MERGED_NONE || !merged_owns(&z->m, master);
}

static int neighbours(const struct resize *z, size_t i, size_t owner)
{
    const struct member *x = &z->m.x->members[i];
    int cost = 0;

    for (size_t k = 0; k < z->m.n; k++) {
        const struct member *y = &z->m.x->members[k];

        if (k == i || resize_is_leaving(z, k) || shard_of(z, k) != owner)
            continue;
        cost += !str_empty(x->node) && str_eq(x->node, y->node) ? 16 : 0;
        cost += !str_empty(x->zone) && str_eq(x->zone, y->zone) ? 1 : 0;
    }
    /* what is free already and empty comes before a copy that serves elsewhere */
    return cost * 2 + (z->m.me[i]->flags & NODE_REPLICA ? 1 : 0);
}

static size_t best_for(const struct resize *z, size_t owner)
{
    size_t best = MERGED_NONE;

    for (size_t i = 0; i < z->m.n; i++)
        if (is_free(z, i) && !is_promised(z, i) && tell_knows(&z->m, i, owner) &&
            (best == MERGED_NONE || neighbours(z, i, owner) < neighbours(z, best, owner)))
            best = i;
    return best;
}

static bool is_armed(const struct resize *z, size_t i)
{
    return !(z->m.me[i]->flags & NODE_NOFAILOVER);
}

/* A replica with another shard's data must not be elected: it is disarmed before it changes its master (the second
 * command is not sent when the first one fails), and armed when it has copied the new one. */
static void send_to(struct resize *z, size_t i, size_t owner)
{
    if (z->m.me[i]->flags & NODE_REPLICA && is_armed(z, i))
        commands_add(&z->out->commands, CMD_SUSPEND, i);
    tell_id(&z->out->commands, CMD_REPLICATE, i, z->m.me[owner]->id);
}

static size_t neediest(const struct resize *z, size_t *from)
{
    size_t best = MERGED_NONE;
    int most = 0;

    *from = MERGED_NONE;
    for (size_t i = 0; i < z->m.n; i++) {
        int n = resize_owner_of(z, i) ? lacks(z, i) : 0;
        size_t node = n > most ? best_for(z, i) : MERGED_NONE;

        if (node == MERGED_NONE)
            continue;
        most = n;
        best = i;
        *from = node;
    }
    return best;
}

bool resize_place(struct resize *z)
{
    size_t node, owner, n = 0;

    for (; (owner = neediest(z, &node)) != MERGED_NONE; n++)
        send_to(z, node, owner);
    return n > 0 && resize_stop(z, RESIZE_REPLICATE, RESIZE_WAIT_MS, "%zu nodes become replicas where one lacks", n);
}

/* New masters too: they would otherwise not stand for election after they were demoted. */
bool resize_arm(struct resize *z)
{
    for (size_t i = 0; i < z->m.n; i++) {
        size_t shard = shard_of(z, i);

        if (shard == MERGED_NONE || is_armed(z, i))
            continue;
        if (shard == i || merged_in_sync(&z->m, i, shard, NULL))
            commands_add(&z->out->commands, CMD_ARM, i);
    }
    return z->out->commands.n > 0 && resize_stop(z, RESIZE_ARM, 0, "in sync: failover allowed on %zu nodes",
                                                 z->out->commands.n);
}

/* Copies of this owner on pods that stay: in sync and armed; itself included when it stays. */
static int ready_copies(const struct resize *z, size_t owner, struct err *why)
{
    int n = !resize_is_leaving(z, owner);

    for (size_t i = 0; i < z->m.n; i++)
        n += i != owner && !resize_is_leaving(z, i) && shard_of(z, i) == owner && is_armed(z, i) &&
             merged_in_sync(&z->m, i, owner, why);
    return n;
}

static bool wait_for_copies(struct resize *z, size_t owner)
{
    struct err why = { 0 };
    int n = ready_copies(z, owner, &why);

    return n < 1 + z->plan->replicas &&
           resize_stop(z, RESIZE_WAIT, RESIZE_WAIT_MS, "the shard of %s has %d of %d copies that stay%s%.120s",
                       resize_name(z, owner), n, 1 + z->plan->replicas, why.msg[0] ? ": " : "", why.msg);
}

/* A shard gets no data before its replicas follow. */
bool resize_new_masters(struct resize *z)
{
    for (size_t i = 0; i < z->m.n; i++)
        if (resize_owner_of(z, i) && !merged_owns(&z->m, i) && wait_for_copies(z, i))
            return true;
    return false;
}

bool resize_complete(struct resize *z)
{
    for (size_t i = 0; i < z->m.n; i++)
        if (resize_owner_of(z, i) && wait_for_copies(z, i))
            return true;
    return false;
}

static size_t heir(const struct resize *z, size_t owner)
{
    size_t best = MERGED_NONE;

    for (size_t i = 0; i < z->m.n; i++)
        if (i != owner && !resize_is_leaving(z, i) && shard_of(z, i) == owner && is_armed(z, i) &&
            merged_in_sync(&z->m, i, owner, NULL) &&
            (best == MERGED_NONE || z->m.views[i].offset > z->m.views[best].offset))
            best = i;
    return best;
}

/* One at a time; nothing else may be going on. */
bool resize_hand_over(struct resize *z)
{
    for (size_t i = 0; i < z->m.n; i++) {
        size_t to;

        if (!resize_owner_of(z, i) || !resize_is_leaving(z, i))
            continue;
        to = heir(z, i);
        if (to == MERGED_NONE || z->v->state != REDIS_HEALTHY)
            return resize_stop(z, RESIZE_WAIT, RESIZE_WAIT_MS, "%.60s leaves and is a master: waiting for %.110s", resize_name(z, i),
                               to == MERGED_NONE ? "a replica in sync that stays" : verdict_why(z->v));
        commands_add(&z->out->commands, CMD_FAILOVER, to);
        return resize_stop(z, RESIZE_FAILOVER, 1000, "%s leaves: %s takes over", resize_name(z, i), resize_name(z, to));
    }
    return false;
}
