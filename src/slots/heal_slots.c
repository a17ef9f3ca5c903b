/* Slots that were left half moved: carried on when both ends are ready for it, else taken back to the owner. */
#include <stdio.h>

#include "base/str.h"
#include "slots/heal_parts.h"

static const struct open_slot *mark_of(const struct heal *h, size_t i, uint16_t slot)
{
    const struct view_row *me = h->m.me[i];

    for (size_t o = 0; me && me->flags & NODE_MASTER && o < me->n_open; o++)
        if (h->m.views[i].open[me->first_open + o].slot == slot)
            return &h->m.views[i].open[me->first_open + o];
    return NULL;
}

static size_t owner_of(const struct heal *h, uint16_t slot)
{
    for (size_t i = 0; i < h->m.n; i++) {
        struct slot_set own = merged_slots(&h->m, i);

        if (slot_set_has(&own, slot))
            return i;
    }
    return MERGED_NONE;
}

/* Who has its data now: itself, or whoever took its place. */
static size_t master_for(const struct heal *h, const char *id)
{
    size_t at = merged_find(&h->m, id);

    if (at != MERGED_NONE && h->m.me[at]->flags & NODE_REPLICA)
        at = merged_find(&h->m, h->m.me[at]->master_id);
    return at;
}

/* Its pod, or a replica of it, may come back with keys that moved there. */
static bool may_return(const struct heal *h, const char *id)
{
    struct view_row row = { .flags = 0 };

    snprintf(row.id, sizeof(row.id), "%s", id);
    if (!heal_is_stranger(h, &row))
        return true;
    for (size_t i = 0; i < h->m.n; i++)
        if (heal_is_up(h, i) && str_eq(h->m.me[i]->master_id, id))
            return true;
    return h->m.n_up < h->m.n;
}

/* What keeps a slot open for now; said when nothing else is to be done. */
struct stuck {
    enum heal_action action; /* NONE: nothing is stuck */
    char text[200];
};

static void add_move(struct heal *h, uint16_t slot, enum heal_how how, size_t source, size_t target)
{
    if (h->out->n_moves < HEAL_MOVES_MAX)
        h->out->moves[h->out->n_moves++] = (struct heal_move){ slot, how, source, target };
}

static void add_stable(struct heal *h, uint16_t slot, size_t who)
{
    commands_add(&h->out->commands, CMD_SLOT_STABLE, who)->range = (struct slot_range){ slot, slot };
}

/* The owner is alone with its mark: keys that went over are fetched back before it is closed. */
static void close_migrating(struct heal *h, uint16_t slot, size_t owner, const char *peer_id, struct stuck *stuck)
{
    size_t peer = master_for(h, peer_id);

    if (peer == owner || (peer == MERGED_NONE && !may_return(h, peer_id)) || heal_recall(h, slot) == HEAL_MOVED_DONE) {
        add_stable(h, slot, owner);
    } else if (peer != MERGED_NONE && h->m.me[peer]->flags & NODE_MASTER) {
        add_move(h, slot, HEAL_BACK, peer, owner);
    } else if (stuck->action == HEAL_NONE) {
        stuck->action = HEAL_WAIT;
        snprintf(stuck->text, sizeof(stuck->text), "slot %u of %s was moving to %.8s, which does not answer", slot,
                 heal_name(h, owner), peer_id);
    }
}

static void say_conflict(struct heal *h, uint16_t slot, size_t owner, struct stuck *stuck)
{
    stuck->action = HEAL_REFUSE;
    snprintf(stuck->text, sizeof(stuck->text), "slot %u is half moved, and a key of it has another value outside its owner %s: "
             "nothing is overwritten; delete the copy that is wrong, by hand", slot, heal_name(h, owner));
}

static void mend_slot(struct heal *h, uint16_t slot, struct stuck *stuck)
{
    size_t owner = owner_of(h, slot), peer;
    const struct open_slot *own = owner != MERGED_NONE ? mark_of(h, owner, slot) : NULL;

    if (owner == MERGED_NONE)
        return; /* uncovered: its owner comes first */
    if (heal_recall(h, slot) == HEAL_MOVED_CONFLICT) {
        say_conflict(h, slot, owner, stuck);
        return;
    }
    peer = own && !own->importing ? merged_find(&h->m, own->peer) : MERGED_NONE;
    for (size_t i = 0; i < h->m.n; i++) {
        const struct open_slot *mark = i != owner && i != peer ? mark_of(h, i, slot) : NULL;

        if (mark) { /* several importers, or one that the owner knows nothing of */
            add_move(h, slot, HEAL_BACK, i, owner);
            return;
        }
    }
    if (!own)
        return;
    if (own->importing)
        add_stable(h, slot, owner);
    else if (peer != MERGED_NONE && mark_of(h, peer, slot) && mark_of(h, peer, slot)->importing)
        add_move(h, slot, HEAL_ONWARD, owner, peer);
    else
        close_migrating(h, slot, owner, own->peer, stuck);
}

static struct slot_set open_slots(const struct heal *h)
{
    struct slot_set open = { { 0 } };

    for (size_t i = 0; i < h->m.n; i++)
        for (size_t o = 0; heal_is_up(h, i) && o < h->m.me[i]->n_open; o++) {
            uint16_t slot = h->m.views[i].open[h->m.me[i]->first_open + o].slot;

            slot_set_add(&open, (struct slot_range){ slot, slot });
        }
    return open;
}

bool heal_open_slots(struct heal *h)
{
    struct slot_set open = open_slots(h);
    struct stuck stuck = { HEAL_NONE, "" };
    struct slot_range r;
    char text[60];

    if (h->in->slots_are_moving || !h->v->serving || !h->v->holds[P_CONSENSUS])
        return false;
    for (unsigned from = 0; slot_set_next(&open, from, &r); from = r.last + 1u)
        for (unsigned slot = r.first; slot <= r.last; slot++)
            mend_slot(h, (uint16_t)slot, &stuck);
    slot_set_render(&open, text, sizeof(text));
    if (h->out->n_moves) {
        commands_done(&h->out->commands);
        return heal_stop(h, HEAL_MOVE, 0, "slots %s were left half moved", text);
    }
    if (h->out->commands.n)
        return heal_stop(h, HEAL_STABLE, HEAL_WAIT_MS, "slots %s were left open, and lead nowhere", text);
    return stuck.action != HEAL_NONE && heal_stop(h, stuck.action, HEAL_LATER_MS, "%s", stuck.text);
}
