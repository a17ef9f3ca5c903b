/*
 * Which node owns which slots in the end.
 *
 * What weighs: half of it a slot's share of 16384, half its share of all bytes (those of its owner, spread evenly over
 * its slots). Owners above the fair share give, owners below receive, within a tolerance of one in a hundred:
 * so few slots move, in few ranges. By that no owner gets more than twice its share of slots, or of bytes.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/merged.h"
#include "slots/resize.h"

#define BYTES_THAT_COUNT (64LL << 20) /* in all: less is noise of the servers' own */
#define TOLERANCE 0.01
#define FULL_PERCENT 85
#define MIB (1LL << 20)

struct holder {
    size_t member;
    bool keeps;       /* owns slots in the end */
    bool stays_copied; /* a copy of its slots is on a pod that stays */
    bool has_taken;    /* who takes does not give again: so it ends */
    struct slot_set now, then;
    double each;  /* what one of its present slots weighs */
    double weight; /* of `then`, so far */
    double bytes_each, bytes_in;
};

struct deal {
    const struct merged *m;
    const struct resize_plan *p;
    struct holder *h;
    size_t n;
    double fair; /* weight per owner */
};

static int64_t data_bytes(const struct node_view *v)
{
    return v->dataset_bytes > 0 ? v->dataset_bytes : 0;
}

static bool is_copied_on_staying(const struct merged *m, size_t owner)
{
    if (!m->x->members[owner].leaving)
        return true;
    for (size_t i = 0; i < m->n; i++)
        if (m->me[i] && !m->x->members[i].leaving && str_eq(m->me[i]->master_id, m->me[owner]->id))
            return true;
    return false;
}

static void weigh(struct deal *d)
{
    int64_t total = 0;

    for (size_t i = 0; i < d->n; i++)
        total += data_bytes(&d->m->views[d->h[i].member]);
    for (size_t i = 0; i < d->n; i++) {
        struct holder *h = &d->h[i];
        const struct node_view *v = &d->m->views[h->member];
        double count = slot_set_count(&h->now);

        if (count == 0)
            continue;
        h->each = 1.0 / SLOT_COUNT;
        if (total >= BYTES_THAT_COUNT)
            h->each = (h->each + (double)data_bytes(v) / (double)total / count) / 2;
        h->weight = h->each * count;
        h->bytes_each = (double)v->used_memory / count;
    }
}

static void add_owners(struct deal *d)
{
    for (size_t i = 0; i < d->m->n; i++) {
        struct holder *h = &d->h[d->n];

        if (!merged_owns(d->m, i))
            continue;
        h->member = i;
        h->now = h->then = merged_slots(d->m, i);
        h->keeps = true;
        h->stays_copied = is_copied_on_staying(d->m, i);
        d->n++;
    }
}

/* Less is better to drop: without a copy that stays its bytes have to move anyway. */
static bool drops_before(const struct holder *a, const struct holder *b)
{
    if (a->stays_copied != b->stays_copied)
        return !a->stays_copied;
    return a->weight < b->weight * (1 - TOLERANCE) || (a->weight <= b->weight && a->member > b->member);
}

static void drop_some(struct deal *d)
{
    for (size_t over = d->n - (size_t)d->p->shards; over > 0; over--) {
        struct holder *worst = NULL;

        for (size_t i = 0; i < d->n; i++)
            if (d->h[i].keeps && (!worst || drops_before(&d->h[i], worst)))
                worst = &d->h[i];
        if (worst)
            worst->keeps = false;
    }
}

static bool is_taken(const struct deal *d, size_t member)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->h[i].member == member)
            return true;
    return false;
}

/* A master with nothing on it, which does not import anything for another plan. */
static bool may_own(const struct deal *d, size_t i)
{
    const struct merged *m = d->m;

    return m->me[i] && m->me[i]->flags & NODE_MASTER && m->me[i]->n_ranges == 0 && m->me[i]->n_open == 0 &&
           m->views[i].keys == 0 && !is_taken(d, i);
}

/* Masters apart; one that has replicas already was chosen before; one that leaves has to hand over in the end. */
static int cost_of(const struct deal *d, size_t i)
{
    const struct member *x = &d->m->x->members[i];
    int cost = (x->leaving ? 10000 : 0) - (merged_followers(d->m, i) ? 1000 : 0);

    for (size_t k = 0; k < d->n; k++) {
        const struct member *y = &d->m->x->members[d->h[k].member];

        if (!d->h[k].keeps)
            continue;
        cost += !str_empty(x->node) && str_eq(x->node, y->node) ? 16 : 0;
        cost += !str_empty(x->zone) && str_eq(x->zone, y->zone) ? 1 : 0;
    }
    return cost;
}

static int add_new(struct deal *d, size_t keepers, struct err *e)
{
    for (; keepers < (size_t)d->p->shards; keepers++) {
        size_t best = MERGED_NONE;

        for (size_t i = 0; i < d->m->n; i++)
            if (may_own(d, i) && (best == MERGED_NONE || cost_of(d, i) < cost_of(d, best)))
                best = i;
        if (best == MERGED_NONE)
            return err_set(e, ERR_RETRY, "%d masters are wanted, and only %zu nodes can be: an empty one is missing",
                           d->p->shards, keepers);
        d->h[d->n++] = (struct holder){ .member = best, .keeps = true };
    }
    return 0;
}

/* The n topmost slots (or lowest, when low) leave `from`. */
static struct slot_set cut(struct slot_set *from, int n, bool low)
{
    struct slot_set out = { { 0 } };

    for (int i = 0; i < SLOT_COUNT && n > 0; i++) {
        uint16_t s = (uint16_t)(low ? i : SLOT_COUNT - 1 - i);

        if (!slot_set_has(from, s))
            continue;
        slot_set_add(&out, (struct slot_range){ s, s });
        n--;
    }
    slot_set_minus(from, &out);
    return out;
}

/* Do the lowest (or topmost) slots of a touch slots of b from above (or from below)? */
static bool touches(const struct slot_set *a, const struct slot_set *b, bool low)
{
    int s = low ? 0 : SLOT_COUNT - 1;

    while (s >= 0 && s < SLOT_COUNT && !slot_set_has(a, (unsigned)s))
        s += low ? 1 : -1;
    s += low ? -1 : 1;
    return s >= 0 && s < SLOT_COUNT && slot_set_has(b, (unsigned)s);
}

static double surplus(const struct deal *d, const struct holder *h)
{
    return h->keeps ? h->weight - d->fair : h->weight;
}

static struct holder *next_giver(struct deal *d)
{
    struct holder *best = NULL;

    for (size_t i = 0; i < d->n; i++) {
        struct holder *h = &d->h[i];
        bool gives = h->keeps ? surplus(d, h) > TOLERANCE * d->fair + h->each : slot_set_count(&h->then) > 0;

        if (gives && !h->has_taken && (!best || surplus(d, h) > surplus(d, best)))
            best = h;
    }
    return best;
}

/* Better: what fits as a whole, then what touches, then who lacks most. */
static double fitness(const struct deal *d, const struct holder *giver, const struct holder *r)
{
    double lacks = d->fair - r->weight, gives = surplus(d, giver);
    double score = lacks / d->fair;

    if (lacks > gives - 2 * TOLERANCE * d->fair && lacks < gives + 2 * TOLERANCE * d->fair)
        score += 4;
    if (lacks > TOLERANCE * d->fair && touches(&giver->then, &r->then, true))
        score += 3; /* what was cut from its upper end grows together again */
    else if (lacks > TOLERANCE * d->fair && touches(&giver->then, &r->then, false))
        score += 2;
    return score;
}

static struct holder *best_taker(struct deal *d, const struct holder *giver)
{
    struct holder *best = NULL;

    for (size_t i = 0; i < d->n; i++) {
        struct holder *h = &d->h[i];

        if (!h->keeps || h == giver || (giver->keeps && h->weight >= d->fair - giver->each))
            continue;
        if (!best || fitness(d, giver, h) > fitness(d, giver, best))
            best = h;
    }
    return best;
}

static int how_many(const struct deal *d, const struct holder *giver, const struct holder *taker)
{
    int has = slot_set_count(&giver->then), n;
    double lacks = d->fair - taker->weight, gives = surplus(d, giver);

    n = (int)((lacks < gives ? lacks : gives) / giver->each + 0.5);
    if (!giver->keeps && (gives - n * giver->each) < TOLERANCE * d->fair)
        n = has; /* no crumbs */
    if (giver->keeps && n >= has)
        n = has - 1;
    return n < 1 ? 1 : n > has ? has : n;
}

static void give(const struct deal *d, struct holder *giver, struct holder *taker)
{
    bool low = touches(&giver->then, &taker->then, true);
    int n = how_many(d, giver, taker);
    struct slot_set part = cut(&giver->then, n, low);

    slot_set_union(&taker->then, &part);
    giver->weight -= n * giver->each;
    taker->weight += n * giver->each;
    taker->bytes_in += n * giver->bytes_each;
    taker->has_taken = true;
}

static void share_out(struct deal *d)
{
    struct holder *giver, *taker;

    d->fair = 1.0 / d->p->shards;
    while ((giver = next_giver(d)) != NULL && (taker = best_taker(d, giver)) != NULL)
        give(d, giver, taker);
}

static int check_room(const struct deal *d, struct err *e)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct holder *h = &d->h[i];
        const struct node_view *v = &d->m->views[h->member];
        int64_t then = v->used_memory + (int64_t)h->bytes_in;

        if (h->bytes_in > 0 && v->max_memory > 0 && then >= v->max_memory / 100 * FULL_PERCENT)
            return err_set(e, ERR_INVALID,
                           "spec.redis.shards: with %d shards %s would hold %lld MiB of at most %lld: choose more shards, or "
                           "raise spec.redis.resources.limits.memory first",
                           d->p->shards, merged_name(d->m, h->member), (long long)(then / MIB),
                           (long long)(v->max_memory / MIB));
    }
    return 0;
}

static void take_over(const struct deal *d, struct resize_plan *p)
{
    int moves = 0;

    free(p->owners);
    p->owners = xcalloc((size_t)p->shards, sizeof(*p->owners));
    p->n_owners = 0;
    for (size_t i = 0; i < d->n; i++) {
        struct slot_set gone = d->h[i].now;

        slot_set_minus(&gone, &d->h[i].then);
        moves += slot_set_count(&gone);
        if (!d->h[i].keeps)
            continue;
        memcpy(p->owners[p->n_owners].id, d->m->me[d->h[i].member]->id, NODE_ID_LEN + 1);
        p->owners[p->n_owners++].slots = d->h[i].then;
    }
    if (moves > p->to_move || !p->to_move)
        p->to_move = moves;
}

static int deal_out(struct deal *d, struct resize_plan *p, struct err *e)
{
    size_t owners;
    int rc;

    add_owners(d);
    owners = d->n;
    weigh(d);
    if (owners > (size_t)p->shards)
        drop_some(d);
    rc = add_new(d, owners > (size_t)p->shards ? (size_t)p->shards : owners, e);
    if (rc < 0)
        return rc;
    if (owners != (size_t)p->shards || p->to_move)
        share_out(d); /* only the number of replicas changes: slots stay where they are */
    return check_room(d, e);
}

int resize_plan_make(const struct expected *x, const struct node_view *views, struct resize_plan *p, struct err *e)
{
    struct merged m;
    struct deal d = { .m = &m, .p = p };
    int rc;

    merged_init(&m, x, views, x->n_members);
    d.h = xcalloc(m.n + 1, sizeof(*d.h));
    if (slot_set_count(&m.claimed) != SLOT_COUNT || slot_set_count(&m.twice))
        rc = err_set(e, ERR_RETRY, "slots without an owner, or with two");
    else
        rc = deal_out(&d, p, e);
    if (rc == 0)
        take_over(&d, p);
    free(d.h);
    merged_done(&m);
    return rc;
}
