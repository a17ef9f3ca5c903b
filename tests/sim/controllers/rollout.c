#include "sim/controllers/rollout.h"

#include <stdlib.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))

static int64_t sum_replicas(const struct rollout_set *sets, size_t n)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += sets[i].replicas;
    return sum;
}

static int64_t sum_available(const struct rollout_set *sets, size_t n)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += sets[i].available;
    return sum;
}

/* Pods that serve nobody can go without lowering what is available. */
static void drop_unhealthy(struct rollout_set *old, size_t n, int64_t at_most)
{
    for (size_t i = 0; i < n && at_most > 0; i++) {
        int64_t cut = MIN(at_most, old[i].replicas - old[i].available);

        if (cut <= 0)
            continue;
        old[i].want -= cut;
        at_most -= cut;
    }
}

static void drop_available(struct rollout_set *old, size_t n, int64_t at_most)
{
    for (size_t i = 0; i < n && at_most > 0; i++) {
        int64_t cut = MIN(at_most, old[i].want);

        old[i].want -= cut;
        at_most -= cut;
    }
}

static int grow_new(const struct rollout_limits *l, struct rollout_set *sets, size_t n)
{
    int64_t room = l->replicas + l->max_surge - sum_replicas(sets, n);
    int64_t add = MIN(room, l->replicas - sets[0].replicas);

    if (sets[0].replicas > l->replicas)
        sets[0].want = l->replicas;
    else if (add > 0)
        sets[0].want += add;
    return sets[0].want != sets[0].replicas;
}

void rollout_step(const struct rollout_limits *l, struct rollout_set *sets, size_t n)
{
    int64_t min_available = l->replicas - l->max_unavailable;
    int64_t can_go;

    for (size_t i = 0; i < n; i++)
        sets[i].want = sets[i].replicas;
    if (grow_new(l, sets, n))
        return;
    can_go = sum_replicas(sets, n) - min_available - (sets[0].replicas - sets[0].available);
    if (can_go <= 0)
        return;
    drop_unhealthy(sets + 1, n - 1, can_go);
    drop_available(sets + 1, n - 1, sum_available(sets, n) - min_available);
}

static void spread_part(struct rollout_set *s, int64_t total, int64_t add, int64_t *left)
{
    int64_t part = (s->replicas * add + (add > 0 ? total : -total) / 2) / total;

    if (llabs(part) > llabs(*left))
        part = *left;
    if (s->replicas + part < 0)
        part = -s->replicas;
    s->want = s->replicas + part;
    *left -= part;
}

void rollout_spread(const struct rollout_limits *l, struct rollout_set *sets, size_t n)
{
    int64_t total = sum_replicas(sets, n);
    int64_t allowed = l->replicas > 0 ? l->replicas + l->max_surge : 0;
    int64_t left;
    size_t biggest = 0, n_active = 0;

    for (size_t i = 0; i < n; i++) {
        sets[i].want = sets[i].replicas;
        n_active += sets[i].replicas > 0;
        if (sets[i].replicas > sets[biggest].replicas)
            biggest = i;
    }
    if (n_active <= 1) {
        sets[biggest].want = l->replicas;
        return;
    }
    if (sets[0].replicas == l->replicas && sets[0].available == l->replicas) { /* the new one carries it all */
        for (size_t i = 1; i < n; i++)
            sets[i].want = 0;
        return;
    }
    left = allowed - total;
    for (size_t i = 0; i < n && left != 0; i++)
        if (sets[i].replicas > 0)
            spread_part(&sets[i], total, allowed - total, &left);
    if (sets[biggest].want + left >= 0)
        sets[biggest].want += left;
}
