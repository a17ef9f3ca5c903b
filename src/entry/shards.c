#include "shards.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { LAG_BYTES_MAX = 16 << 20 };

static int check_view(const struct node_view *v, struct err *e)
{
    const struct view_row *me = view_myself(v);

    if (v->reach != REACH_OK || !me)
        return err_set(e, ERR_RETRY, "%s does not answer: %.120s", v->address, v->error);
    if (me->n_open)
        return err_set(e, ERR_RETRY, "%s: slot %u is on its way", v->address, v->open[me->first_open].slot);
    return 0;
}

static bool is_in_sync(const struct node_view *v, const char *master, int64_t offset)
{
    const struct view_row *me = view_myself(v);

    return (me->flags & NODE_REPLICA) && str_eq(me->master_id, master) && v->master_link_up && !v->sync_in_progress &&
           v->offset + LAG_BYTES_MAX >= offset;
}

/* The replica that has read most; a copy costs its server a fork. */
static size_t source_of(const struct node_view *views, size_t n, size_t master)
{
    size_t best = master;

    for (size_t i = 0; i < n; i++)
        if (is_in_sync(&views[i], views[master].id, views[master].offset) &&
            (best == master || views[i].offset > views[best].offset))
            best = i;
    return best;
}

static int by_slot(const void *a, const void *b)
{
    struct slot_range x = { 0, 0 }, y = { 0, 0 };

    slot_set_next(&((const struct shard_source *)a)->slots, 0, &x);
    slot_set_next(&((const struct shard_source *)b)->slots, 0, &y);
    return x.first < y.first ? -1 : x.first > y.first;
}

int shards_find(const struct node_view *views, size_t n, struct shard_source **out, size_t *n_shards, struct err *e)
{
    AUTO_FREE struct shard_source *list = xcalloc(n + 1, sizeof(*list));
    struct slot_set all = { { 0 } };
    size_t found = 0;
    int slots = 0;

    for (size_t i = 0; i < n; i++)
        if (check_view(&views[i], e) < 0)
            return -(int)e->kind;
    for (size_t i = 0; i < n; i++) {
        struct shard_source *s = &list[found];

        if (!view_owns_slots(&views[i]))
            continue;
        memcpy(s->id, views[i].id, sizeof(s->id));
        s->slots = view_row_slots(&views[i], view_myself(&views[i]));
        s->from = source_of(views, n, i);
        slots += slot_set_count(&s->slots);
        slot_set_union(&all, &s->slots);
        found++;
    }
    if (slots != SLOT_COUNT || slot_set_count(&all) != SLOT_COUNT)
        return err_set(e, ERR_RETRY, "%d slots have an owner, some maybe two", slots);
    qsort(list, found, sizeof(*list), by_slot);
    *out = TAKE(list);
    *n_shards = found;
    return 0;
}

bool shards_equal(const struct shard_source *a, size_t n_a, const struct shard_source *b, size_t n_b)
{
    for (size_t i = 0; i < n_a && n_a == n_b; i++)
        if (!str_eq(a[i].id, b[i].id) || !slot_set_equal(&a[i].slots, &b[i].slots))
            return false;
    return n_a == n_b;
}
