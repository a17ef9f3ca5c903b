/* Slots that were left half moved: carried on when both ends are ready for it, else taken back to the owner. */
#include <stdio.h>
#include <string.h>

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
    char text[256];
};

/* MIGRATE stops its server until the other one has answered: two that migrate to each other wait until both give
 * up. So nobody gives and takes in the same step. */
static bool is_one_way(const struct heal *h, size_t source, size_t target)
{
    for (size_t i = 0; i < h->out->n_moves; i++)
        if (h->out->moves[i].source == target || h->out->moves[i].target == source)
            return false;
    return true;
}

static void add_move(struct heal *h, uint16_t slot, enum heal_how how, size_t source, size_t target)
{
    if (h->out->n_moves < HEAL_MOVES_MAX && is_one_way(h, source, target))
        h->out->moves[h->out->n_moves++] = (struct heal_move){ slot, how, source, target };
}

static void add_stable(struct heal *h, uint16_t slot, size_t who)
{
    commands_add(&h->out->commands, CMD_SLOT_STABLE, who)->range = (struct slot_range){ slot, slot };
}

static void add_mark(struct heal *h, enum command_kind kind, uint16_t slot, size_t who, size_t peer)
{
    struct command *c = commands_add(&h->out->commands, kind, who);

    c->range = (struct slot_range){ slot, slot };
    memcpy(c->id, h->m.me[peer]->id, sizeof(c->id));
}

/* Each has its mark, and they fit. */
static bool is_pair(const struct heal *h, uint16_t slot, size_t owner, size_t peer)
{
    const struct open_slot *own = mark_of(h, owner, slot), *other = mark_of(h, peer, slot);

    return own && !own->importing && other && other->importing && str_eq(own->peer, h->m.me[peer]->id);
}

/* The owner was moving it to this one, which may hold some of the keys: the move is taken up again. To fetch them back
 * is no way, an owner that is migrating sends RESTORE elsewhere (ASK); and closed at once it would say that they are not there. */
static void take_up(struct heal *h, uint16_t slot, size_t owner, size_t peer)
{
    if (is_pair(h, slot, owner, peer)) {
        add_move(h, slot, HEAL_ONWARD, owner, peer);
        return;
    }
    add_mark(h, CMD_SLOT_IMPORTING, slot, peer, owner);
    add_mark(h, CMD_SLOT_MIGRATING, slot, owner, peer);
}

static void mend_owner(struct heal *h, uint16_t slot, size_t owner, const struct open_slot *own, struct stuck *stuck)
{
    size_t peer = master_for(h, own->peer);

    if (own->importing || peer == owner || (peer == MERGED_NONE && !may_return(h, own->peer))) {
        add_stable(h, slot, owner);
    } else if (peer != MERGED_NONE && h->m.me[peer]->flags & NODE_MASTER) {
        take_up(h, slot, owner, peer);
    } else if (stuck->action == HEAL_NONE) {
        stuck->action = HEAL_WAIT;
        snprintf(stuck->text, sizeof(stuck->text), "slot %u of %s was moving to %.8s, which does not answer", slot,
                 heal_name(h, owner), own->peer);
    }
}

void heal_conflict_say(uint16_t slot, const char *owner, const char *other, char *out, size_t size)
{
    snprintf(out, size, "slot %u: a key is on its owner %.40s and, different or too large to compare, on %.40s. On both: "
             "CLUSTER GETKEYSINSLOT %u 1000, GET each (there after ASKING), DEL the wrong copy",
             slot, owner, other, slot);
}

/* Somebody else who has a mark. */
static size_t find_other(const struct heal *h, uint16_t slot, size_t owner, size_t peer)
{
    for (size_t i = 0; i < h->m.n; i++)
        if (i != owner && i != peer && mark_of(h, i, slot))
            return i;
    return MERGED_NONE;
}

static void say_conflict(struct heal *h, uint16_t slot, size_t owner, struct stuck *stuck)
{
    size_t other = find_other(h, slot, owner, MERGED_NONE);

    stuck->action = HEAL_REFUSE;
    heal_conflict_say(slot, heal_name(h, owner), other == MERGED_NONE ? "another master" : heal_name(h, other), stuck->text,
                      sizeof(stuck->text));
}

/* A master that has a mark and is neither the owner nor whom the owner moves the slot to: what it holds goes to
 * `taker`. Valkey takes its mark away when the slot changes hands, so that comes first. */
static void mend_other(struct heal *h, uint16_t slot, size_t other, size_t owner, size_t taker)
{
    const struct open_slot *mark = mark_of(h, other, slot);

    if (mark->importing) {
        add_move(h, slot, HEAL_BACK, other, taker);
    } else if (taker == owner && str_eq(mark->peer, h->m.me[owner]->id)) {
        add_move(h, slot, HEAL_ONWARD, other, owner); /* all but the last word of it was said */
    } else {
        add_stable(h, slot, other);
        add_mark(h, CMD_SLOT_IMPORTING, slot, other, owner);
    }
}

static void mend_slot(struct heal *h, uint16_t slot, struct stuck *stuck)
{
    size_t owner = owner_of(h, slot), peer = MERGED_NONE, other;
    const struct open_slot *own = owner != MERGED_NONE ? mark_of(h, owner, slot) : NULL;

    if (owner == MERGED_NONE)
        return; /* uncovered: its owner comes first */
    if (heal_is_conflict(h, slot)) {
        say_conflict(h, slot, owner, stuck);
        return;
    }
    if (own && !own->importing)
        peer = merged_find(&h->m, own->peer);
    if (peer != MERGED_NONE && !is_pair(h, slot, owner, peer))
        peer = MERGED_NONE;
    other = find_other(h, slot, owner, peer);
    if (other != MERGED_NONE && (!own || peer != MERGED_NONE))
        mend_other(h, slot, other, owner, own ? peer : owner);
    else if (own)
        mend_owner(h, slot, owner, own, stuck);
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

    if (h->in->slots_are_moving || heal_is_moving(h) || !h->v->serving || !h->v->holds[P_CONSENSUS])
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
        return heal_stop(h, h->out->commands.items[0].kind == CMD_SLOT_STABLE ? HEAL_STABLE : HEAL_MARK, HEAL_WAIT_MS,
                         "slots %s were left open", text);
    return stuck.action != HEAL_NONE && heal_stop(h, stuck.action, HEAL_LATER_MS, "%s", stuck.text);
}
