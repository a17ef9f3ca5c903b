/* P11 to P13: what does no harm yet. They inform; the state does not depend on them. */
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"
#include "slots/judge.h"

#define ROOM_PERCENT 85 /* of maxmemory: a copy of the data set, or slots that arrive, need the rest */

typedef const char *place_of(const struct member *m);

static bool no(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool no(char *why, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(((struct verdict *)0)->evidence[0]), fmt, ap);
    va_end(ap);
    return false;
}

static const char *zone_of(const struct member *m)
{
    return m->zone;
}

static const char *node_of(const struct member *m)
{
    return m->node;
}

static bool are_beside(const struct merged *m, size_t a, size_t b, place_of *place)
{
    const char *x = place(&m->x->members[a]), *y = place(&m->x->members[b]);

    return !str_empty(x) && !str_empty(y) && str_eq(x, y);
}

/* How many different places the members are in. */
static size_t n_places(const struct merged *m, place_of *place)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++) {
        size_t first = 0;

        while (!are_beside(m, first, i, place) && first < i)
            first++;
        n += first == i && !str_empty(place(&m->x->members[i]));
    }
    return n;
}

/* With three places no one needs half of the masters: without that place the others still elect. */
static bool masters_are_spread(const struct merged *m, place_of *place, const char *what, char *why)
{
    if (n_places(m, place) < 3)
        return true;
    for (size_t i = 0; i < m->n; i++) {
        size_t here = 0;

        for (size_t k = 0; k < m->n; k++)
            here += merged_owns(m, k) && are_beside(m, i, k, place);
        if (here * 2 >= m->n_owners && m->n_owners > 2)
            return no(why, "%s %s has %zu of %zu masters: without it nobody is elected", what, place(&m->x->members[i]), here,
                      m->n_owners);
    }
    return true;
}

/* Some copy of each shard is elsewhere. */
static bool copies_are_spread(const struct merged *m, place_of *place, const char *what, char *why)
{
    if (n_places(m, place) < 2)
        return true;
    for (size_t i = 0; i < m->n; i++) {
        size_t copies = 0, beside = 0;

        for (size_t k = 0; k < m->n && merged_owns(m, i); k++) {
            bool follows = m->me[k] && str_eq(m->me[k]->master_id, m->me[i]->id);

            copies += follows;
            beside += follows && are_beside(m, i, k, place);
        }
        if (copies && copies == beside)
            return no(why, "%s and all its replicas are in %s %s", merged_name(m, i), what, place(&m->x->members[i]));
    }
    return true;
}

bool judge_spread(const struct merged *m, char *why)
{
    if (m->n_owners == 0)
        return no(why, "no owner answers");
    return copies_are_spread(m, node_of, "node", why) && copies_are_spread(m, zone_of, "zone", why) &&
           masters_are_spread(m, zone_of, "zone", why) && masters_are_spread(m, node_of, "node", why);
}

bool judge_disk(const struct merged *m, char *why)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->me[i] && (m->views[i].aof_write_failed || m->views[i].rdb_save_failed))
            return no(why, "%s could not write its %s: look at its volume and its memory; it refuses writes until it can",
                      merged_name(m, i), m->views[i].aof_write_failed ? "append-only file" : "last snapshot");
    return m->n_up > 0 || no(why, "nobody answers");
}

bool judge_room(const struct merged *m, char *why)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct node_view *v = &m->views[i];

        if (m->me[i] && v->max_memory > 0 && v->used_memory / ROOM_PERCENT >= v->max_memory / 100)
            return no(why, "%s uses more than %d %% of its %lld MiB: raise its memory, or add shards", merged_name(m, i),
                      ROOM_PERCENT, (long long)(v->max_memory >> 20));
    }
    return m->n_up > 0 || no(why, "nobody answers");
}
