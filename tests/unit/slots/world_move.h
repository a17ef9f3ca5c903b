/*
 * Slots on the move, in the model: a piece at a time, by the steps of the real thing, any of which may be
 * the last. Pods that come and go.
 */
#ifndef TESTS_WORLD_MOVE_H
#define TESTS_WORLD_MOVE_H

#include "slots/resize.h"
#include "world.h"

static inline int w_piece_of(const struct world *w, unsigned slot)
{
    for (int s = 0; s < w->pieces; s++) {
        struct slot_range r = slot_share(s, w->pieces);

        if (slot >= r.first && slot <= r.last)
            return s;
    }
    return NOBODY;
}

static inline bool w_marks_agree(const struct world *w, int from, int to, unsigned bit, int s)
{
    const struct w_node *a = &w->node[from], *b = &w->node[to];

    return (!(a->migrating & bit) || a->peer[s] == to) && (!(b->importing & bit) || b->peer[s] == from);
}

/* By SETSLOT on the new owner: its epoch becomes the highest that it knows of. */
static inline void w_claim(struct world *w, int v, int piece)
{
    struct w_node *n = &w->node[v];

    for (int i = 0; i < w->n_ids; i++) {
        if (i != v && n->row[i].known && n->row[i].epoch > n->current)
            n->current = n->row[i].epoch;
        n->row[i].owns &= ~(1u << piece);
    }
    if (n->epoch < n->current || !n->epoch)
        n->epoch = ++n->current;
    n->owns |= 1u << piece;
    n->row[v].owns |= 1u << piece;
}

enum { W_MOVE_STEPS = 5 };

/* The first `steps` of: import mark, migrate mark, keys, new owner on the target, on the source. */
static inline void w_move(struct world *w, int from, int to, int piece, int steps)
{
    struct w_node *a = &w->node[from], *b = &w->node[to];
    unsigned bit = 1u << piece;

    if (!a->up || !b->up || !(a->owns & bit) || b->master != NOBODY || !w_marks_agree(w, from, to, bit, piece))
        return;
    if (steps > 0) {
        b->importing |= bit;
        b->peer[piece] = from;
    }
    if (steps > 1) {
        a->migrating |= bit;
        a->peer[piece] = to;
    }
    if (steps > 2 && a->data & bit) {
        b->data |= bit;
        b->at_ms[piece] = a->at_ms[piece];
        a->data &= ~bit;
    }
    if (steps > 3) {
        w_claim(w, to, piece);
        b->importing &= ~bit;
    }
    if (steps > 4) {
        a->owns &= ~bit;
        a->row[from].owns &= ~bit;
        a->row[to].owns |= bit;
        a->migrating &= ~bit;
    }
}

/* As many of the moves as `steps` allow, by pieces; returns the steps made. */
static inline int w_move_all(struct world *w, const struct expected *x, const struct resize_move *moves, size_t n, int steps)
{
    int made = 0;

    for (size_t i = 0; i < n && made < steps; i++) {
        int piece = w_piece_of(w, moves[i].slot), left = steps - made;

        (void)x;
        if (i > 0 && w_piece_of(w, moves[i - 1].slot) == piece)
            continue;
        w_move(w, w->id_of[moves[i].source], w->id_of[moves[i].target], piece, left < W_MOVE_STEPS ? left : W_MOVE_STEPS);
        made += left < W_MOVE_STEPS ? left : W_MOVE_STEPS;
    }
    return made;
}

/* Who is new comes fresh; whoever was there before comes back with its volume. */
static inline void w_scale(struct world *w, int n_pods)
{
    for (; w->n_pods > n_pods; w->n_pods--)
        w_kill(w, w->n_pods - 1);
    for (; w->n_pods < n_pods; w->n_pods++) {
        int i = w->n_pods;

        if (!w->pods[i][0]) {
            snprintf(w->pods[i], sizeof(w->pods[i]), "redis-%d", i);
            w->members[i] = (struct member){ .pod = w->pods[i], .port = 6379, .ready = true };
            w->id_of[i] = w_fresh_id(w, i);
        }
        w_start(w, i, true);
    }
    w->x.n_members = (size_t)n_pods;
}

/* A plan cuts anywhere; the model cuts between pieces: each goes where its first slot goes. */
static inline void w_round(const struct world *w, struct resize_plan *p)
{
    for (int s = 0; s < w->pieces && p->n_owners; s++) {
        struct slot_range r = slot_share(s, w->pieces);
        size_t to = 0;

        for (size_t i = 0; i < p->n_owners; i++)
            if (slot_set_has(&p->owners[i].slots, r.first))
                to = i;
        for (size_t i = 0; i < p->n_owners; i++)
            slot_set_del(&p->owners[i].slots, r);
        slot_set_add(&p->owners[to].slots, r);
    }
}

#endif
