/* Who knows whom: which of the nodes that answer belong together, and which are of another cluster. */
#include "base/mem.h"
#include "base/str.h"
#include "slots/heal_parts.h"

static size_t root_of(struct heal_kin *kin, size_t i)
{
    while (kin[i].root != i)
        i = kin[i].root = kin[kin[i].root].root;
    return i;
}

static void look_at_rows(struct heal *h, size_t i)
{
    const struct node_view *v = &h->m.views[i];

    for (size_t r = 0; r < v->n_rows; r++) {
        size_t k = v->rows[r].flags & NODE_HANDSHAKE ? MERGED_NONE : merged_find(&h->m, v->rows[r].id);

        if (k == MERGED_NONE || k == i)
            continue;
        h->kin[k].known = true;
        h->kin[root_of(h->kin, k)].root = root_of(h->kin, i);
    }
}

/* Of two that have the same number the one with the ids that were recorded when the cluster was formed. */
static size_t weight_of(const struct heal *h, size_t root)
{
    size_t n = 0, recorded = 0;

    for (size_t i = 0; i < h->m.n; i++) {
        bool counts = heal_is_up(h, i) && h->kin[i].root == root;

        n += counts;
        recorded += counts && h->m.x->members[i].id && str_eq(h->m.x->members[i].id, h->m.me[i]->id);
    }
    return n * (h->m.n + 1) + recorded;
}

/* The largest family that owns slots; without any owner the largest one that knows more than itself. */
static size_t find_hub(const struct heal *h, bool owners)
{
    size_t best = MERGED_NONE, best_weight = 0;

    for (size_t i = 0; i < h->m.n; i++) {
        bool counts = owners ? merged_owns(&h->m, i) : heal_is_up(h, i) && h->m.views[i].n_rows > 1;
        size_t weight = counts ? weight_of(h, h->kin[i].root) : 0;

        if (weight <= best_weight)
            continue;
        best = i;
        best_weight = weight;
    }
    return best;
}

void heal_find_kin(struct heal *h)
{
    h->kin = xcalloc(h->m.n + 1, sizeof(*h->kin));
    for (size_t i = 0; i < h->m.n; i++)
        h->kin[i].root = i;
    for (size_t i = 0; i < h->m.n; i++)
        if (heal_is_up(h, i))
            look_at_rows(h, i);
    for (size_t i = 0; i < h->m.n; i++)
        h->kin[i].root = root_of(h->kin, i);
    h->hub = find_hub(h, true);
    if (h->hub == MERGED_NONE)
        h->hub = find_hub(h, false);
}

bool heal_is_kin(const struct heal *h, size_t i)
{
    return heal_is_up(h, i) && h->hub != MERGED_NONE && h->kin[i].root == h->kin[h->hub].root;
}
