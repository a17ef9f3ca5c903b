#include "slots/handover.h"

#include <string.h>

static bool owns(const struct node_view *v, uint16_t slot)
{
    const struct view_row *me = view_myself(v);
    struct slot_set s = view_row_slots(v, me);

    return me->flags & NODE_MASTER && slot_set_has(&s, slot);
}

/* Lent; NULL when the slot is closed there. */
static const struct open_slot *mark_of(const struct node_view *v, uint16_t slot)
{
    const struct view_row *me = view_myself(v);

    for (size_t i = 0; i < me->n_open; i++)
        if (v->open[me->first_open + i].slot == slot)
            return &v->open[me->first_open + i];
    return NULL;
}

static bool is_mark(const struct open_slot *o, bool importing, const char *peer)
{
    return o && o->importing == importing && strcmp(o->peer, peer) == 0;
}

static enum handover_step refuse(struct err *why, enum err_kind kind, const char *what, uint16_t slot)
{
    err_set(why, kind, "slot %u: %s", slot, what);
    return HAND_REFUSED;
}

static bool is_right(const struct node_view *v, const char *id, struct err *why)
{
    const struct view_row *me = v->reach == REACH_OK ? view_myself(v) : NULL;

    if (!me)
        return err_set(why, v->reach == REACH_DENIED ? ERR_DENIED : ERR_RETRY, "%s does not answer: %.120s", v->address,
                       v->error), false;
    if (strcmp(v->id, id) != 0)
        return err_set(why, ERR_INVALID, "%s is %.8s, not %.8s", v->address, v->id, id), false;
    if (!(me->flags & NODE_MASTER))
        return err_set(why, ERR_INVALID, "%s is no master", v->address), false;
    return true;
}

/* What the target takes it must take with a higher epoch than the source's: otherwise the source's claim
 * wins until it is told, and the target deletes the keys. The target makes its epoch from what it has
 * heard; and of two with the same epoch one raises its own, at any time. */
static bool epochs_settled(const struct node_view *views, size_t n, size_t source, size_t target)
{
    for (size_t i = 0; i < n; i++)
        if (i != source && views[i].reach == REACH_OK && !views[i].is_replica && views[i].my_epoch == views[source].my_epoch)
            return false;
    return views[target].current_epoch >= views[source].my_epoch;
}

/* The slot is the target's already: the rest is to say so. Gossip takes a slot from the source, but not its mark. */
static enum handover_step judge_taken(uint16_t slot, const struct node_view *s, const struct node_view *t,
                                      struct err *why)
{
    if (!owns(s, slot))
        return mark_of(t, slot) ? HAND_TARGET : mark_of(s, slot) ? HAND_SOURCE : HAND_OTHERS;
    if (t->my_epoch > s->my_epoch)
        return HAND_SOURCE;
    return refuse(why, ERR_INVALID, "source and target both own it, and the target's epoch is not higher", slot);
}

static enum handover_step judge_forward(uint16_t slot, const struct node_view *views, size_t n, size_t source,
                                        size_t target, struct err *why)
{
    const struct node_view *s = &views[source], *t = &views[target];
    const struct open_slot *from = mark_of(s, slot), *to = mark_of(t, slot);
    bool has = owns(s, slot);

    if (!view_find(t, s->id) || !view_find(s, t->id))
        return refuse(why, ERR_RETRY, "source and target do not know each other yet", slot);
    if (owns(t, slot))
        return judge_taken(slot, s, t, why);
    if (has && !epochs_settled(views, n, source, target))
        return refuse(why, ERR_RETRY, "the epochs of source and target have not settled", slot);
    if (!has)
        return refuse(why, ERR_INVALID, "neither source nor target owns it", slot);
    if ((from && !is_mark(from, false, t->id)) || (to && !is_mark(to, true, s->id)))
        return refuse(why, ERR_INVALID, "it is open towards another node", slot);
    return HAND_IMPORT;
}

/* To the owner; or, while the owner migrates it (and would send keys elsewhere), to who is importing it. */
static enum handover_step judge_back(uint16_t slot, const struct node_view *s, const struct node_view *t, struct err *why)
{
    const struct open_slot *from = mark_of(s, slot), *to = mark_of(t, slot);

    if (!view_find(t, s->id) || !view_find(s, t->id))
        return refuse(why, ERR_RETRY, "source and target do not know each other yet", slot);
    if (owns(s, slot) || (!owns(t, slot) && !(to && to->importing)))
        return refuse(why, ERR_INVALID, "the target does not own it alone", slot);
    if (to && owns(t, slot))
        return refuse(why, ERR_INVALID, "it is open on its owner", slot);
    if (from && !from->importing)
        return refuse(why, ERR_INVALID, "its holder says it migrates", slot);
    return HAND_IMPORT;
}

/* Somebody who imports it may hold its newest keys. */
static enum handover_step judge_unmark(uint16_t slot, const struct node_view *views, size_t n, size_t source,
                                       struct err *why)
{
    const struct open_slot *from = mark_of(&views[source], slot);

    for (size_t i = 0; i < n && from && !from->importing; i++)
        if (i != source && views[i].reach == REACH_OK && view_myself(&views[i]) && mark_of(&views[i], slot))
            return refuse(why, ERR_INVALID, "another node imports it", slot);
    return owns(&views[source], slot) ? HAND_STABLE : HAND_COUNT; /* an importer must hold no key of it */
}

enum handover_step handover_judge(enum handover_how how, uint16_t slot, const struct node_view *views, size_t n,
                                  const char *const *ids, size_t source, size_t target, struct err *why)
{
    if (slot >= SLOT_COUNT || source >= n || target >= n || (source == target && how != HAND_UNMARK))
        return refuse(why, ERR_BUG, "no such slot, source or target", slot);
    if (!is_right(&views[source], ids[source], why) || !is_right(&views[target], ids[target], why))
        return HAND_REFUSED;
    switch (how) {
    case HAND_FORWARD: return judge_forward(slot, views, n, source, target, why);
    case HAND_BACK: return judge_back(slot, &views[source], &views[target], why);
    case HAND_UNMARK: return judge_unmark(slot, views, n, source, why);
    }
    return refuse(why, ERR_BUG, "no such way", slot);
}
