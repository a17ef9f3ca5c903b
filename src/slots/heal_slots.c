#include "base/str.h"
#include "slots/heal_parts.h"

/* A replica whose master is not among us: an election may still choose it. */
static size_t heir(const struct heal *h)
{
    for (size_t i = 0; i < h->m.n; i++)
        if (heal_is_up(h, i) && h->m.me[i]->master_id[0] && merged_find(&h->m, h->m.me[i]->master_id) == MERGED_NONE)
            return i;
    return MERGED_NONE;
}

/* All pods are here, and nobody has these slots: they went with a pod that lost its volume. */
bool heal_lost_slots(struct heal *h)
{
    struct slot_set lost = { { 0 } };
    size_t copy = heir(h);
    char text[60];

    slot_set_add(&lost, (struct slot_range){ 0, SLOT_COUNT - 1 });
    slot_set_minus(&lost, &h->m.claimed);
    if (h->m.n_up < h->m.n || slot_set_count(&lost) == 0 || (copy != MERGED_NONE && h->v->holds[P_QUORUM]))
        return false;
    slot_set_render(&lost, text, sizeof(text));
    if (copy != MERGED_NONE)
        return heal_stop(h, HEAL_REFUSE, HEAL_LATER_MS,
                    "slots %s have no owner, and too few masters are left to elect %s, which has a copy", text,
                    heal_name(h, copy));
    return heal_stop(h, HEAL_REFUSE, HEAL_LATER_MS, "slots %s have no owner though every pod is here: their data is lost",
                text);
}
