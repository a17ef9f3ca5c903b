#include "slots/spread.h"

#include <stdio.h>

#include "base/str.h"
#include "slots/judge.h"

#define EVIDENCE sizeof(((struct verdict *)0)->evidence[0])
#define ONE_PLACE_COST 1000 /* all copies are lost with it */
#define SAME_ZONE_COST 1

static const char *node_of(const struct merged *m, size_t i)
{
    return m->x->members[i].node;
}

static const char *zone_of(const struct merged *m, size_t i)
{
    return m->x->members[i].zone;
}

typedef const char *place_fn(const struct merged *m, size_t i);

static bool is_same(const char *a, const char *b)
{
    return !str_empty(a) && str_eq(a, b);
}

size_t spread_share(size_t n_masters)
{
    return n_masters ? (n_masters - 1) / 2 : 0;
}

size_t spread_shard_of(const struct merged *m, size_t i)
{
    size_t owner;

    if (!m->me[i] || merged_owns(m, i))
        return m->me[i] ? i : MERGED_NONE;
    owner = m->me[i]->master_id[0] ? merged_find(m, m->me[i]->master_id) : MERGED_NONE;
    return owner != MERGED_NONE && merged_owns(m, owner) ? owner : MERGED_NONE;
}

static bool belongs(const struct merged *m, size_t i, size_t owner, size_t without, size_t with)
{
    return i == with || (i != without && spread_shard_of(m, i) == owner);
}

int64_t spread_cost(const struct merged *m, size_t owner, size_t without, size_t with)
{
    bool one_node = true, one_zone = true;
    int64_t cost = 0;
    size_t copies = 0;

    for (size_t i = 0; i < m->n; i++) {
        if (!belongs(m, i, owner, without, with))
            continue;
        copies++;
        one_node &= is_same(node_of(m, i), node_of(m, owner));
        one_zone &= is_same(zone_of(m, i), zone_of(m, owner));
        for (size_t k = i + 1; k < m->n; k++)
            if (belongs(m, k, owner, without, with))
                cost += is_same(node_of(m, i), node_of(m, k)) * SPREAD_WORTH_A_COPY +
                        is_same(zone_of(m, i), zone_of(m, k)) * SAME_ZONE_COST;
    }
    return copies < 2 ? 0 : cost + (one_node + one_zone) * ONE_PLACE_COST;
}

/* How many different places there are at all: of one, or of none that is known, nothing can be asked. */
static size_t n_places(const struct merged *m, place_fn *place)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++) {
        size_t first = 0;

        while (first < i && !is_same(place(m, first), place(m, i)))
            first++;
        n += first == i && !str_empty(place(m, i));
    }
    return n;
}

/* How many masters are at the place of this one. */
static size_t masters_at(const struct merged *m, size_t at, place_fn *place)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++)
        n += merged_owns(m, i) && is_same(place(m, i), place(m, at));
    return n;
}

static bool are_spread_over(const struct merged *m, place_fn *place, const char *what, char *why)
{
    size_t places = n_places(m, place);

    for (size_t i = 0; i < m->n; i++) {
        size_t here = places > 1 && merged_owns(m, i) ? masters_at(m, i, place) : 0;

        if (here <= spread_share(m->n_owners))
            continue;
        snprintf(why, EVIDENCE, "%s %.50s holds %zu of %zu masters: with it goes the majority that elects%s", what,
                 place(m, i), here, m->n_owners, places < 3 ? "; there are only two" : "");
        return false;
    }
    return true;
}

static bool copies_are_spread(const struct merged *m, size_t owner, place_fn *place, const char *what, char *why)
{
    size_t elsewhere = 0, copies = 0;

    for (size_t i = 0; i < m->n; i++) {
        copies += i != owner && spread_shard_of(m, i) == owner;
        elsewhere += i != owner && spread_shard_of(m, i) == owner && !is_same(place(m, i), place(m, owner));
    }
    if (!copies || elsewhere || n_places(m, place) < 2)
        return true;
    snprintf(why, EVIDENCE, "%.50s and all its replicas are %s %.60s", merged_name(m, owner), what, place(m, owner));
    return false;
}

bool spread_masters(const struct merged *m, char *why)
{
    /* of fewer than three, each one's loss takes the majority, wherever it is */
    return m->n_owners < 3 || (are_spread_over(m, zone_of, "zone", why) && are_spread_over(m, node_of, "node", why));
}

bool judge_spread(const struct merged *m, char *why)
{
    if (m->n_owners == 0) {
        snprintf(why, EVIDENCE, "no owner answers");
        return false;
    }
    for (size_t i = 0; i < m->n; i++)
        if (merged_owns(m, i) && (!copies_are_spread(m, i, node_of, "on node", why) || !copies_are_spread(m, i, zone_of, "in zone", why)))
            return false;
    return spread_masters(m, why);
}
