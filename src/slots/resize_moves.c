/*
 * Slots that are not where they belong, and slots that were left half moved.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/resize_parts.h"
#include "slots/tell.h"

enum { NOWHERE = UINT16_MAX, MIGRATE_MS = 100 };

/* By slot: the member that owns it, and the one that should. */
struct map_of_slots {
    uint16_t now[SLOT_COUNT], then[SLOT_COUNT];
};

static void put(uint16_t *map, const struct slot_set *s, size_t member)
{
    struct slot_range r = { 0, 0 };

    for (unsigned from = 0; slot_set_next(s, from, &r); from = r.last + 1u)
        for (unsigned i = r.first; i <= r.last; i++)
            map[i] = (uint16_t)member;
}

static struct map_of_slots *map_slots(const struct resize *z)
{
    struct map_of_slots *map = xcalloc(1, sizeof(*map));

    memset(map, 0xff, sizeof(*map));
    for (size_t i = 0; i < z->m.n; i++) {
        struct slot_set own = merged_slots(&z->m, i);
        const struct resize_owner *o = resize_owner_of(z, i);

        put(map->now, &own, i);
        if (o)
            put(map->then, &o->slots, i);
    }
    return map;
}

static bool has_to_move(const struct map_of_slots *map, unsigned slot)
{
    return map->now[slot] != NOWHERE && map->then[slot] != NOWHERE && map->now[slot] != map->then[slot];
}

void resize_progress(struct resize *z)
{
    AUTO_FREE struct map_of_slots *map = NULL;
    int left = 0, total = z->plan->to_move;

    if (!z->plan->n_owners)
        return;
    map = map_slots(z);
    for (unsigned s = 0; s < SLOT_COUNT; s++)
        left += map->now[s] != map->then[s];
    z->out->slots_left = left;
    z->out->percent = total <= 0 || left == 0 ? 100 : left >= total ? 0 : (total - left) * 100 / total;
}

static void add_move(struct resize *z, uint16_t slot, size_t source, size_t target)
{
    if (!z->out->moves)
        z->out->moves = xcalloc(RESIZE_MOVES_MAX, sizeof(*z->out->moves));
    if (z->out->n_moves < RESIZE_MOVES_MAX)
        z->out->moves[z->out->n_moves++] = (struct resize_move){ slot, source, target, false };
}

/* --- half moved --- */

static size_t owner_now(const struct resize *z, unsigned slot)
{
    for (size_t i = 0; i < z->m.n; i++) {
        struct slot_set own = merged_slots(&z->m, i);

        if (slot_set_has(&own, slot))
            return i;
    }
    return MERGED_NONE;
}

/* Who stands for this id now: it may have failed over. */
static size_t master_now(const struct resize *z, const char *id)
{
    size_t at = merged_find(&z->m, id);

    if (at != MERGED_NONE && z->m.me[at]->flags & NODE_REPLICA)
        at = merged_find(&z->m, z->m.me[at]->master_id);
    return at != MERGED_NONE && z->m.me[at]->flags & NODE_MASTER ? at : MERGED_NONE;
}

static void mend_mark(struct resize *z, size_t i, const struct open_slot *o)
{
    size_t owner = owner_now(z, o->slot), peer = master_now(z, o->peer);
    size_t source = o->importing ? owner : i, target = o->importing ? i : peer;
    bool leads_on = source != MERGED_NONE && target != MERGED_NONE && source != target && source == owner &&
                    z->m.me[target]->flags & NODE_MASTER && (o->importing || str_eq(o->peer, z->m.me[target]->id));

    /* an importer whose source has failed over, or lost its mark, is told anew */
    if (leads_on && (!o->importing || str_eq(o->peer, z->m.me[source]->id)))
        add_move(z, o->slot, source, target);
    else
        commands_add(&z->out->commands, CMD_SLOT_STABLE, i)->range = (struct slot_range){ o->slot, o->slot };
}

static bool is_listed(const struct resize *z, const struct resize_move *move, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (z->out->moves[i].slot == move->slot)
            return true;
    return false;
}

/* Both ends show the mark: once is enough. */
static void drop_doubles(struct resize *z)
{
    size_t n = 0;

    for (size_t i = 0; i < z->out->n_moves; i++)
        if (!is_listed(z, &z->out->moves[i], n))
            z->out->moves[n++] = z->out->moves[i];
    z->out->n_moves = n;
}

static bool may_move(struct resize *z)
{
    static const enum predicate needed[] = { P_STATE, P_OWNERSHIP, P_QUORUM, P_REPLICAS };

    for (size_t i = 0; i < COUNT(needed); i++)
        if (!z->v->holds[needed[i]])
            return resize_stop(z, RESIZE_WAIT, RESIZE_WAIT_MS, "no slot moves now: %.150s", z->v->evidence[needed[i]]), false;
    return true;
}

static size_t richest(const struct resize *z)
{
    size_t best = MERGED_NONE;

    for (size_t i = 0; i < z->m.n; i++)
        if (merged_owns(&z->m, i) && (best == MERGED_NONE || z->m.views[i].libraries > z->m.views[best].libraries))
            best = i;
    return best;
}

bool resize_functions(struct resize *z)
{
    size_t from = richest(z);

    for (size_t i = 0; i < z->m.n && from != MERGED_NONE; i++)
        if (resize_owner_of(z, i) && !merged_owns(&z->m, i) && z->m.views[i].libraries < z->m.views[from].libraries)
            add_move(z, 0, from, i);
    return z->out->n_moves > 0 && resize_stop(z, RESIZE_FUNCTIONS, 0, "%zu new masters get the functions of %s",
                                              z->out->n_moves, resize_name(z, from));
}

/* --- by the plan --- */

struct pair {
    uint16_t from, to;
    unsigned next; /* the slot from which to look on */
};

static size_t find_pairs(const struct map_of_slots *map, struct pair *pairs, size_t max)
{
    size_t n = 0;

    for (unsigned s = 0; s < SLOT_COUNT; s++) {
        size_t i = 0;

        if (!has_to_move(map, s))
            continue;
        while (i < n && (pairs[i].from != map->now[s] || pairs[i].to != map->then[s]))
            i++;
        if (i == n && n < max)
            pairs[n++] = (struct pair){ map->now[s], map->then[s], s };
    }
    return n;
}

/* The next slot of this pair; false: none is left. */
static bool take_next(struct resize *z, const struct map_of_slots *map, struct pair *p)
{
    for (unsigned s = p->next; s < SLOT_COUNT; s++)
        if (map->now[s] == p->from && map->then[s] == p->to) {
            add_move(z, (uint16_t)s, p->from, p->to);
            p->next = s + 1;
            return true;
        }
    p->next = SLOT_COUNT;
    return false;
}

/* --- by the servers themselves --- */

static bool is_busy(const struct pair *pairs, size_t n, const struct pair *p)
{
    for (size_t i = 0; i < n; i++)
        if (pairs[i].from == p->from || pairs[i].from == p->to || pairs[i].to == p->from || pairs[i].to == p->to)
            return true;
    return false;
}

/* Up to n slots of this pair from p->next on that follow each other. */
static bool next_run(const struct map_of_slots *map, struct pair *p, int n, struct slot_range *out)
{
    unsigned s = p->next, last;

    while (s < SLOT_COUNT && (map->now[s] != p->from || map->then[s] != p->to))
        s++;
    if (s >= SLOT_COUNT || n <= 0)
        return false;
    for (last = s; last + 1 < SLOT_COUNT && (int)(last + 1 - s) < n && map->now[last + 1] == p->from &&
                   map->then[last + 1] == p->to;)
        last++;
    *out = (struct slot_range){ (uint16_t)s, (uint16_t)last };
    p->next = last + 1;
    return true;
}

static void add_number(struct command *c, unsigned n)
{
    char text[12];

    snprintf(text, sizeof(text), "%u", n);
    command_add_text(c, text);
}

static void import(struct resize *z, const struct map_of_slots *map, struct pair *p)
{
    struct command *c = commands_add(&z->out->commands, CMD_ASM_IMPORT, p->to);
    struct slot_range r = { 0, 0 };

    for (int left = z->pace->slots; c->n_texts + 2 <= COMMAND_TEXTS_MAX && next_run(map, p, left, &r);) {
        add_number(c, r.first);
        add_number(c, r.last);
        left -= r.last - r.first + 1;
    }
}

static void export(struct resize *z, const struct map_of_slots *map, struct pair *p)
{
    struct slot_range r = { 0, 0 };

    if (!next_run(map, p, z->pace->slots, &r))
        return;
    tell_id(&z->out->commands, CMD_SLOTS_MIGRATE, p->from, z->m.me[p->to]->id);
    z->out->commands.items[z->out->commands.n - 1].range = r;
}

/* A node has one migration at a time: pairs that share none run side by side. */
static bool migrate(struct resize *z, const struct map_of_slots *map, struct pair *pairs, size_t n)
{
    struct pair taken[PACE_PAIRS_MAX];
    size_t n_taken = 0;

    for (size_t i = 0; i < n && n_taken < (size_t)z->pace->pairs && n_taken < PACE_PAIRS_MAX; i++) {
        if (is_busy(taken, n_taken, &pairs[i]))
            continue;
        taken[n_taken++] = pairs[i];
        if (z->pace->engine == ENGINE_REDIS_ASM)
            import(z, map, &pairs[i]);
        else
            export(z, map, &pairs[i]);
    }
    return resize_stop(z, RESIZE_MIGRATE, MIGRATE_MS, "moving slots by %s: %d left, %d %%",
                       move_engine_name(z->pace->engine), z->out->slots_left, z->out->percent);
}

void resize_step_cancel(const struct expected *x, const struct node_view *views, struct resize_step *s)
{
    resize_step_done(s);
    for (size_t i = 0; i < x->n_members; i++) {
        const struct view_row *me = views[i].reach == REACH_OK ? view_myself(&views[i]) : NULL;

        if (me && me->flags & NODE_MASTER && views[i].migration_tasks)
            commands_add(&s->commands, views[i].is_valkey ? CMD_SLOTS_CANCEL : CMD_ASM_CANCEL, i);
    }
    s->action = RESIZE_CANCEL;
    s->again_ms = RESIZE_LATER_MS;
    snprintf(s->reason, sizeof(s->reason), "migrations that get nowhere are taken back");
}

enum { PAIRS_MAX = 64 };

/* Pairs in turn, so that several work side by side. */
static void take_in_turn(struct resize *z, const struct map_of_slots *map, struct pair *pairs, size_t n)
{
    for (bool some = n > 0; some && z->out->n_moves < RESIZE_MOVES_MAX;) {
        some = false;
        for (size_t i = 0; i < n; i++)
            some |= take_next(z, map, &pairs[i]);
    }
}

/* What is half moved goes first, but does not keep the others: one slot may wait for a person. */
static void add_others(struct resize *z)
{
    AUTO_FREE struct map_of_slots *map = map_slots(z);
    struct pair pairs[PAIRS_MAX];

    for (size_t i = 0; i < z->out->n_moves; i++)
        map->then[z->out->moves[i].slot] = map->now[z->out->moves[i].slot];
    take_in_turn(z, map, pairs, find_pairs(map, pairs, PAIRS_MAX));
}

bool resize_moves(struct resize *z)
{
    AUTO_FREE struct map_of_slots *map = map_slots(z);
    struct pair pairs[PAIRS_MAX];
    size_t n = find_pairs(map, pairs, PAIRS_MAX);

    if (!n)
        return false;
    if (!may_move(z))
        return true;
    if (z->pace && z->pace->engine != ENGINE_LEGACY)
        return migrate(z, map, pairs, n);
    take_in_turn(z, map, pairs, n);
    return resize_stop(z, RESIZE_MOVE, 0, "moving slots: %d left, %d %%", z->out->slots_left, z->out->percent);
}

/* The source failed over, and Redis hears nothing about a slot that it imports: so the slot has no owner for the
 * importer, which says cluster_state:fail until the mark goes. Whoever answers for the source owns the slot by
 * its own row, and the slot moves anew afterwards. */
bool resize_stale_marks(struct resize *z)
{
    for (size_t i = 0; i < z->m.n; i++)
        for (size_t o = 0; z->m.me[i] && o < z->m.me[i]->n_open; o++) {
            const struct open_slot *mark = &z->m.views[i].open[z->m.me[i]->first_open + o];
            size_t was = merged_find(&z->m, mark->peer), owner = owner_now(z, mark->slot);

            if (mark->importing && was != MERGED_NONE && z->m.me[was]->flags & NODE_REPLICA && owner != MERGED_NONE && owner != i)
                commands_add(&z->out->commands, CMD_SLOT_STABLE, i)->range = (struct slot_range){ mark->slot, mark->slot };
        }
    return z->out->commands.n > 0 && resize_stop(z, RESIZE_STABLE, 0, "%zu slots came from a master that failed over", z->out->commands.n);
}

bool resize_open_slots(struct resize *z)
{
    bool jobs = false;

    for (size_t i = 0; i < z->m.n; i++) {
        if (!z->m.me[i])
            continue;
        jobs |= z->m.views[i].migration_tasks > 0;
        for (size_t o = 0; o < z->m.me[i]->n_open; o++)
            mend_mark(z, i, &z->m.views[i].open[z->m.me[i]->first_open + o]);
    }
    drop_doubles(z);
    if (z->out->commands.n) {
        z->out->n_moves = 0;
        return resize_stop(z, RESIZE_STABLE, 0, "%zu marks of moving slots lead nowhere", z->out->commands.n);
    }
    z->out->jobs_run = jobs;
    if (!z->out->n_moves)
        return jobs && resize_stop(z, RESIZE_WAIT, MIGRATE_MS, "slots are moving: %d left, %d %%", z->out->slots_left,
                                   z->out->percent);
    if (!may_move(z)) {
        z->out->n_moves = 0;
        return true;
    }
    add_others(z);
    return resize_stop(z, RESIZE_MOVE, 0, "slots that are half moved go on");
}
