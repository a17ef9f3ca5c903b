#include "base/str.h"
#include "slots/heal_parts.h"
#include "slots/tell.h"

/* Everyone who knows it holds it for dead, it owns nothing, nobody follows it. Known to few owners of slots, it
 * will never be more than suspected: only most of them can agree that it has failed. */
static bool is_dead_weight(const struct heal *h, const char *id)
{
    bool failed = false;
    size_t owners = 0;

    for (size_t i = 0; i < h->m.n; i++) {
        const struct node_view *v = &h->m.views[i];
        const struct view_row *row = view_find(v, id);

        for (size_t r = 0; r < v->n_rows; r++)
            if (str_eq(v->rows[r].master_id, id))
                return false;
        if (!row)
            continue;
        if (row->n_ranges || !(row->flags & (NODE_FAIL | NODE_PFAIL | NODE_NOADDR)) ||
            heal_silent_ms(v, row) <= 2 * heal_node_timeout_ms(h))
            return false;
        failed |= (row->flags & (NODE_FAIL | NODE_NOADDR)) != 0;
        owners += merged_owns(&h->m, i);
    }
    return failed || owners * 2 <= h->m.n_owners;
}

/* Everyone forgets it in one step: who still knew it would spread it again after a minute. */
bool heal_forget(struct heal *h)
{
    if (h->m.n_up < h->m.n || !h->v->holds[P_QUORUM])
        return false;
    for (size_t i = 0; i < h->m.n && h->out->commands.n == 0; i++)
        for (size_t r = 0; r < h->m.views[i].n_rows && h->out->commands.n == 0; r++) {
            const struct view_row *row = &h->m.views[i].rows[r];

            if (!heal_is_stranger(h, row) || !is_dead_weight(h, row->id))
                continue;
            for (size_t k = 0; k < h->m.n; k++)
                if (view_find(&h->m.views[k], row->id))
                    tell_id(&h->out->commands, CMD_FORGET, k, row->id);
            heal_stop(h, HEAL_FORGET, HEAL_WAIT_MS, "%.8s belongs to no pod any more", row->id);
        }
    return h->out->commands.n > 0;
}

/* Someone who started lately may have lost an id that the others still hold for alive. */
static bool is_id_just_lost(const struct heal *h)
{
    for (size_t i = 0; i < h->m.n; i++)
        if (!heal_is_up(h, i) || heal_started_lately(h, i))
            return true;
    return false;
}

bool heal_strangers(struct heal *h)
{
    for (size_t i = 0; i < h->m.n && !is_id_just_lost(h); i++)
        for (size_t r = 0; heal_is_up(h, i) && r < h->m.views[i].n_rows; r++) {
            const struct view_row *row = &h->m.views[i].rows[r];

            if (heal_is_stranger(h, row) && row->connected && merged_silent_at(&h->m, row) == MERGED_NONE &&
                !(row->flags & (NODE_FAIL | NODE_PFAIL | NODE_NOADDR)))
                return heal_stop(h, HEAL_REFUSE, HEAL_LATER_MS, "%s knows %.8s at %s:%u, which is none of our pods", heal_name(h, i),
                            row->id, row->ip, row->port);
        }
    return false;
}
