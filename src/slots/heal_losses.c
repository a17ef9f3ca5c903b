/* Masters with slots that do not answer, and the copies that could take their place. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/heal_parts.h"

#define LINK_SLACK_MS 2000

static bool is_listed(const struct heal *h, const char *id)
{
    for (size_t i = 0; i < h->n_losses; i++)
        if (str_eq(h->losses[i].id, id))
            return true;
    return false;
}

static size_t pod_of(const struct heal *h, const struct view_row *row)
{
    for (size_t i = 0; i < h->m.n; i++)
        if (!heal_is_up(h, i) && h->m.x->members[i].id && str_eq(h->m.x->members[i].id, row->id))
            return i;
    return merged_silent_at(&h->m, row);
}

/* As those see it who know it: the least silence, and whether all of them hold it for failing. */
static void ask_around(const struct heal *h, struct heal_loss *loss)
{
    loss->silent_ms = INT64_MAX;
    loss->noticed = true;
    for (size_t i = 0; i < h->m.n; i++) {
        const struct view_row *row = heal_is_up(h, i) ? view_find(&h->m.views[i], loss->id) : NULL;
        int64_t silent_ms = row ? heal_silent_ms(&h->m.views[i], row) : INT64_MAX;

        if (!row)
            continue;
        loss->noticed &= (row->flags & (NODE_PFAIL | NODE_FAIL | NODE_NOADDR)) != 0;
        loss->silent_ms = silent_ms < loss->silent_ms ? silent_ms : loss->silent_ms;
    }
}

static bool is_same_history(const char *a, const char *b)
{
    return a[0] && strspn(a, "0") < NODE_ID_LEN && strcmp(a, b) == 0;
}

/* It came from another shard and never copied this one; or somebody empty got its master's address, and it copied
 * that: replication asks for an address, not for an id. */
bool heal_has_other_history(const struct heal *h, size_t i, const char *master_id)
{
    const char *own = h->m.views[i].replid;

    for (size_t k = 0; k < h->m.n; k++)
        if (heal_is_up(h, k) && h->m.me[k]->flags & NODE_MASTER && !str_eq(h->m.me[k]->id, master_id) &&
            (is_same_history(own, h->m.views[k].replid) || is_same_history(own, h->m.views[k].replid2)))
            return true;
    return false;
}

bool heal_was_linked(const struct heal *h, size_t i)
{
    const struct node_view *v = &h->m.views[i];

    return v->is_replica && (v->master_link_up || v->link_down_s >= 0) &&
           !heal_has_other_history(h, i, h->m.me[i]->master_id);
}

/* A copy: it has, or had, its master's data, and is not in the middle of getting it. It can only take over what
 * it knows as its master's. */
static bool has_copy(const struct heal *h, size_t i, const char *master_id)
{
    const struct node_view *v = &h->m.views[i];
    const struct view_row *master = heal_is_up(h, i) ? view_find(v, master_id) : NULL;

    if (!master || master->n_ranges == 0)
        return false;

    return h->m.me[i]->flags & NODE_REPLICA && str_eq(h->m.me[i]->master_id, master_id) &&
           v->is_replica && !v->sync_in_progress && !v->loading && !heal_has_other_history(h, i, master_id) &&
           (heal_was_linked(h, i) || v->keys > 0);
}

/* Did it follow its master to the end? Then it lacks no more than what was on the way. A server that was
 * restarted since cannot tell: its link was never up. */
static bool was_there(struct heal *h, size_t i, const struct heal_loss *loss)
{
    const struct node_view *v = &h->m.views[i];
    const struct view_row *row = view_find(v, loss->id);
    int64_t seen_ms = row ? heal_silent_ms(v, row) : 0, missing_ms = heal_missing_ms(h, loss->id);
    int64_t gone_ms = seen_ms > missing_ms ? seen_ms : missing_ms;

    return v->master_link_up ||
           (v->link_down_s >= 0 && v->link_down_s * 1000 <= gone_ms + heal_node_timeout_ms(h) + LINK_SLACK_MS);
}

static bool is_better(const struct heal *h, size_t a, bool a_exact, size_t b, bool b_exact)
{
    const struct node_view *x = &h->m.views[a], *y = &h->m.views[b];

    if (a_exact != b_exact)
        return a_exact;
    if (x->offset != y->offset)
        return x->offset > y->offset;
    if (x->keys != y->keys)
        return x->keys > y->keys;
    return !heal_is_reserved(h, a) && heal_is_reserved(h, b);
}

static void find_heir(struct heal *h, struct heal_loss *loss)
{
    loss->heir = MERGED_NONE;
    for (size_t i = 0; i < h->m.n; i++) {
        bool exact;

        if (!has_copy(h, i, loss->id))
            continue;
        loss->n_heirs++;
        exact = was_there(h, i, loss);
        if (loss->heir != MERGED_NONE && !is_better(h, i, exact, loss->heir, loss->exact))
            continue;
        loss->heir = i;
        loss->exact = exact;
    }
}

/* As whoever knows it latest has it. */
static struct slot_set latest_slots(const struct heal *h, const char *id, uint64_t *epoch)
{
    struct slot_set slots = { { 0 } };

    for (size_t i = 0; i < h->m.n; i++) {
        const struct view_row *row = heal_is_up(h, i) ? view_find(&h->m.views[i], id) : NULL;

        if (!row || (*epoch && row->epoch <= *epoch))
            continue;
        *epoch = row->epoch;
        slots = view_row_slots(&h->m.views[i], row);
    }
    return slots;
}

static void add_loss(struct heal *h, const struct view_row *row)
{
    struct heal_loss loss = { .id = row->id };

    loss.slots = latest_slots(h, row->id, &loss.epoch);
    slot_set_minus(&loss.slots, &h->m.claimed);
    if (slot_set_count(&loss.slots) == 0)
        return; /* others have them: old news */
    loss.pod = pod_of(h, row);
    loss.missing_ms = heal_missing_ms(h, loss.id);
    ask_around(h, &loss);
    find_heir(h, &loss);
    h->losses = xgrow(h->losses, &h->cap_losses, h->n_losses + 1, sizeof(*h->losses));
    h->losses[h->n_losses++] = loss;
}

/* Of two who are gone the later one owned a slot. */
static void drop_outdated(struct heal *h)
{
    size_t kept = 0;

    for (size_t i = 0; i < h->n_losses; i++)
        for (size_t k = 0; k < h->n_losses; k++)
            if (h->losses[k].epoch > h->losses[i].epoch)
                slot_set_minus(&h->losses[i].slots, &h->losses[k].slots);
    for (size_t i = 0; i < h->n_losses; i++)
        if (slot_set_count(&h->losses[i].slots) > 0)
            h->losses[kept++] = h->losses[i];
    h->n_losses = kept;
}

void heal_find_losses(struct heal *h)
{
    for (size_t i = 0; i < h->m.n; i++) {
        const struct node_view *v = &h->m.views[i];

        for (size_t r = 0; heal_is_up(h, i) && r < v->n_rows; r++)
            if (v->rows[r].flags & NODE_MASTER && v->rows[r].n_ranges && !(v->rows[r].flags & NODE_HANDSHAKE) &&
                merged_find(&h->m, v->rows[r].id) == MERGED_NONE && !is_listed(h, v->rows[r].id))
                add_loss(h, &v->rows[r]);
    }
    drop_outdated(h);
}

bool heal_is_accepted(const struct heal *h, const struct slot_set *slots)
{
    struct slot_set left = *slots;

    if (!h->in->accept_loss)
        return false;
    slot_set_minus(&left, h->in->accept_loss);
    return slot_set_count(&left) == 0;
}
