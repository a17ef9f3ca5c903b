/* P12 and P13: what does no harm yet. They inform; the state does not depend on them. */
#include <stdarg.h>
#include <stdio.h>

#include "slots/judge.h"

#define ROOM_PERCENT 85 /* of maxmemory: a copy of the data set, or slots that arrive, need the rest */

static bool no(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool no(char *why, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(((struct verdict *)0)->evidence[0]), fmt, ap);
    va_end(ap);
    return false;
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
