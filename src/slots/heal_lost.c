/* Slots without an owner though every pod is here. */
#include "base/str.h"
#include "slots/heal_parts.h"
#include "slots/tell.h"

static struct slot_set lost_slots(const struct heal *h)
{
    struct slot_set lost = { { 0 } };

    slot_set_add(&lost, (struct slot_range){ 0, SLOT_COUNT - 1 });
    slot_set_minus(&lost, &h->m.claimed);
    return lost;
}

static void keep_common(struct slot_set *set, const struct slot_set *other)
{
    struct slot_set outside = *set;

    slot_set_minus(&outside, other);
    slot_set_minus(set, &outside);
}

/* Slots that everybody takes for this master's, itself excepted, which takes them for nobody's. */
static struct slot_set given_up_by(const struct heal *h, size_t owner, struct slot_set lost)
{
    const struct node_view *own = &h->m.views[owner];
    struct slot_set none = { { 0 } };
    size_t witnesses = 0;

    if (!heal_is_up(h, owner) || !(h->m.me[owner]->flags & NODE_MASTER) || heal_is_reserved(h, owner))
        return none;
    for (size_t r = 0; r < own->n_rows; r++) {
        struct slot_set others = view_row_slots(own, &own->rows[r]);

        slot_set_minus(&lost, &others);
    }
    for (size_t k = 0; k < h->m.n; k++) {
        const struct view_row *row = k != owner && heal_is_up(h, k) ? view_find(&h->m.views[k], own->id) : NULL;
        struct slot_set seen = row ? view_row_slots(&h->m.views[k], row) : none;

        witnesses += row != NULL;
        if (k != owner && heal_is_up(h, k))
            keep_common(&lost, &seen);
    }
    return witnesses ? lost : none;
}

static void add_slots(struct heal *h, size_t to, const struct slot_set *slots, int most)
{
    struct slot_range r;

    for (unsigned from = 0; most > 0 && slot_set_next(slots, from, &r); from = r.last + 1u) {
        struct command *c;

        if (r.last - r.first + 1 > most)
            r.last = (uint16_t)(r.first + most - 1);
        most -= r.last - r.first + 1;
        c = commands_add(&h->out->commands, CMD_ADD_SLOTS, to);
        c->range = r;
    }
}

static bool give_back(struct heal *h, const struct slot_set *lost)
{
    for (size_t i = 0; i < h->m.n; i++) {
        struct slot_set own = given_up_by(h, i, *lost);
        char text[60];

        if (slot_set_count(&own) == 0)
            continue;
        add_slots(h, i, &own, SLOT_COUNT);
        return heal_stop(h, HEAL_ADDSLOTS, HEAL_WAIT_MS, "%s gave up slots %s, which all others take for its own",
                         heal_name(h, i), slot_set_render(&own, text, sizeof(text)));
    }
    return false;
}

/* A master that is no more is forgotten with its slots, once a person gave up what they held. */
static bool forget_owner(struct heal *h, const struct heal_loss *loss)
{
    for (size_t i = 0; i < h->m.n; i++)
        if (str_eq(h->m.me[i]->master_id, loss->id))
            return false;
    for (size_t i = 0; i < h->m.n; i++)
        if (view_find(&h->m.views[i], loss->id))
            tell_id(&h->out->commands, CMD_FORGET, i, loss->id);
    return heal_stop(h, HEAL_FORGET, HEAL_WAIT_MS, "%.8s is gone with its data, as was accepted", loss->id);
}

/* Who follows it has nothing either, and is of use elsewhere. */
static bool lead_away(struct heal *h, const struct heal_loss *loss)
{
    size_t owner = 0;

    while (owner < h->m.n && (!merged_owns(&h->m, owner) || heal_is_reserved(h, owner)))
        owner++;
    for (size_t i = 0; i < h->m.n && owner < h->m.n; i++)
        if (str_eq(h->m.me[i]->master_id, loss->id) && tell_knows(&h->m, i, owner))
            tell_id(&h->out->commands, CMD_REPLICATE, i, h->m.me[owner]->id);
    return h->out->commands.n > 0 && heal_stop(h, HEAL_REPLICATE, HEAL_WAIT_MS, "%.8s has no data to follow", loss->id);
}

static bool is_empty_master(const struct heal *h, size_t i)
{
    return heal_is_up(h, i) && !heal_is_reserved(h, i) && h->m.me[i]->flags & NODE_MASTER && !merged_owns(&h->m, i) &&
           h->m.views[i].keys == 0;
}

size_t heal_empty_masters(const struct heal *h)
{
    size_t n = 0;

    for (size_t i = 0; i < h->m.n; i++)
        n += is_empty_master(h, i);
    return n;
}

/* An empty master while shards are missing, else the owner with the fewest slots. */
static size_t taker(const struct heal *h, bool empty)
{
    size_t best = MERGED_NONE;
    int best_has = SLOT_COUNT + 1;

    for (size_t i = 0; i < h->m.n; i++) {
        struct slot_set s = merged_slots(&h->m, i);
        int has = slot_set_count(&s);

        if (empty ? !is_empty_master(h, i) : !merged_owns(&h->m, i) || heal_is_reserved(h, i))
            continue;
        if (has < best_has) {
            best = i;
            best_has = has;
        }
    }
    return best;
}

static bool start_empty(struct heal *h, const struct slot_set *accepted)
{
    int wanted = h->m.x->shards - (int)h->m.n_owners, count = slot_set_count(accepted);
    bool empty = wanted > 0 && heal_empty_masters(h) > 0;
    size_t to = taker(h, empty);

    if (to == MERGED_NONE)
        return false;
    add_slots(h, to, accepted, empty ? (count + wanted - 1) / wanted : count);
    return heal_stop(h, HEAL_ADDSLOTS, HEAL_WAIT_MS, "%s serves slots again whose data is lost, as was accepted",
                     heal_name(h, to));
}

static bool go_on_without(struct heal *h, const struct slot_set *lost)
{
    struct slot_set accepted = *lost;

    if (!h->in->accept_loss)
        return false;
    keep_common(&accepted, h->in->accept_loss);
    for (size_t i = 0; i < h->n_losses; i++) {
        struct heal_loss *loss = &h->losses[i];
        struct slot_set these = loss->slots;

        keep_common(&these, h->in->accept_loss);
        if (slot_set_count(&these) == 0)
            continue;
        if (!loss->noticed || loss->silent_ms < 2 * heal_node_timeout_ms(h))
            return heal_stop(h, HEAL_WAIT, HEAL_WAIT_MS, "%.8s may still be heard of", loss->id);
        return forget_owner(h, loss) || lead_away(h, loss);
    }
    return slot_set_count(&accepted) > 0 && start_empty(h, &accepted);
}

bool heal_lost_slots(struct heal *h)
{
    struct slot_set lost = lost_slots(h);
    char text[48];

    if (h->m.n_up < h->m.n || slot_set_count(&lost) == 0)
        return false;
    if (give_back(h, &lost) || go_on_without(h, &lost))
        return true;
    slot_set_render(&lost, text, sizeof(text));
    return heal_stop(h, HEAL_REFUSE, HEAL_LATER_MS, "slots %s have no owner though every pod is here: their data is lost. "
                     "To go on without it: spec.redis.acceptDataLossForSlots: \"%s\"", text, text);
}
