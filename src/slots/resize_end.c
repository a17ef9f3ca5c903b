/*
 * The end of a scale-in: proof that nothing is lost with the nodes that leave, then everyone forgets them.
 */
#include <string.h>

#include "base/str.h"
#include "slots/resize_parts.h"
#include "slots/tell.h"

/* The id that this member has, or had when it was last seen; NULL: never. */
static const char *id_of(const struct resize *z, size_t i)
{
    const struct node_view *v = &z->m.views[i];

    return v->id[0] ? v->id : z->m.x->members[i].id;
}

static const char *owns_in_some_view(const struct resize *z, const char *id)
{
    for (size_t i = 0; i < z->m.n; i++) {
        const struct view_row *r = z->m.me[i] ? view_find(&z->m.views[i], id) : NULL;

        if (r && r->n_ranges)
            return resize_name(z, i);
    }
    return NULL;
}

static const char *is_followed(const struct resize *z, const char *id)
{
    for (size_t i = 0; i < z->m.n; i++)
        if (z->m.me[i] && !resize_is_leaving(z, i) && str_eq(z->m.me[i]->master_id, id))
            return resize_name(z, i);
    return NULL;
}

/* A replica of an owner that stays may hold keys: its owner has them too. Whoever is silent is known by all as failed
 * or as a replica, and owns nothing: its volume is kept in any case. */
static const char *why_needed(const struct resize *z, size_t i)
{
    const struct view_row *me = z->m.me[i];
    const char *id = id_of(z, i);
    size_t master;

    if (!id)
        return NULL; /* never was part */
    if (owns_in_some_view(z, id))
        return "is seen as an owner of slots";
    if (is_followed(z, id))
        return "is followed by a node that stays";
    if (!me)
        return NULL;
    if (me->n_open)
        return "has a slot half moved";
    master = me->master_id[0] ? merged_find(&z->m, me->master_id) : MERGED_NONE;
    if (z->m.views[i].keys != 0 && (master == MERGED_NONE || !resize_owner_of(z, master)))
        return "still holds keys";
    return NULL;
}

static bool has_leaving(const struct resize *z)
{
    for (size_t i = 0; i < z->m.n; i++)
        if (resize_is_leaving(z, i))
            return true;
    return false;
}

bool resize_prove(struct resize *z)
{
    if (!has_leaving(z))
        return false;
    for (size_t i = 0; i < z->m.n; i++) {
        const char *why = resize_is_leaving(z, i) ? why_needed(z, i) : NULL;

        if (why)
            return resize_stop(z, RESIZE_WAIT, RESIZE_WAIT_MS, "%s cannot leave yet: it %s", resize_name(z, i), why);
    }
    if (!z->v->holds[P_CONSENSUS] || !z->v->holds[P_CLOSED])
        return resize_stop(z, RESIZE_WAIT, RESIZE_WAIT_MS, "waiting: %.150s", verdict_why(z->v));
    z->out->next = resize_plan_copy(z->plan);
    z->out->next.forgetting = true;
    return resize_stop(z, RESIZE_RECORD, 0, "proven: the nodes that leave own no slot in any view and hold nothing alone");
}

static bool is_replica(const struct resize *z, size_t i)
{
    return z->m.views[i].is_replica;
}

/* A replica that nobody knows as one any more must not try to be elected. */
static bool disarm(struct resize *z)
{
    for (size_t i = 0; i < z->m.n; i++) {
        const struct view_row *me = z->m.views[i].reach == REACH_OK ? view_myself(&z->m.views[i]) : NULL;

        if (resize_is_leaving(z, i) && me && me->flags & NODE_REPLICA && !(me->flags & NODE_NOFAILOVER))
            commands_add(&z->out->commands, CMD_SUSPEND, i);
    }
    return z->out->commands.n > 0 && resize_stop(z, RESIZE_SUSPEND, 0, "%zu replicas that leave stand for no election",
                                                 z->out->commands.n);
}

static void forget(struct resize *z, bool replicas)
{
    for (size_t i = 0; i < z->m.n; i++) {
        const char *id = resize_is_leaving(z, i) && is_replica(z, i) == replicas ? id_of(z, i) : NULL;

        for (size_t k = 0; id && k < z->m.n; k++)
            if (z->m.me[k] && view_find(&z->m.views[k], id))
                tell_id(&z->out->commands, CMD_FORGET, k, id);
    }
}

/* Everyone forgets them within one step: who still knew one would tell it to the others again. The proof is
 * asked for once more: a failover since may have made one of them an owner. */
bool resize_forget(struct resize *z)
{
    if (!z->plan->forgetting)
        return false;
    for (size_t i = 0; i < z->m.n; i++) {
        const char *id = resize_is_leaving(z, i) ? id_of(z, i) : NULL;

        if (id && (owns_in_some_view(z, id) || is_followed(z, id) || view_owns_slots(&z->m.views[i]))) {
            z->out->next = resize_plan_copy(z->plan);
            z->out->next.forgetting = false;
            return resize_stop(z, RESIZE_RECORD, 0, "%s has got a role again", resize_name(z, i));
        }
    }
    if (disarm(z))
        return true;
    forget(z, true);
    forget(z, false);
    if (z->out->commands.n)
        return resize_stop(z, RESIZE_FORGET, RESIZE_WAIT_MS, "everyone forgets the nodes that leave: %zu times",
                           z->out->commands.n);
    return resize_stop(z, RESIZE_DONE, 0, "%d shards with %d replicas each", z->plan->shards, z->plan->replicas);
}
