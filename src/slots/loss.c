#include "slots/loss.h"

#include <string.h>

#include "base/str.h"
#include "slots/spread.h"

static int ordinal_of(const struct member *m)
{
    const char *dash = m->pod ? strrchr(m->pod, '-') : NULL;
    int64_t n;

    return dash && str_to_int(dash + 1, 0, COPIES_MAX - 1, &n) ? (int)n : -1;
}

static void clear(struct copies *c)
{
    c->n = 0;
    memset(c->owner, -1, sizeof(c->owner));
}

static void set(struct copies *c, int ordinal, int owner)
{
    c->owner[ordinal] = (int16_t)owner;
    if ((size_t)ordinal >= c->n)
        c->n = (size_t)ordinal + 1;
}

void copies_of(const struct expected *x, const struct node_view *views, size_t n, struct copies *out)
{
    struct merged m;

    clear(out);
    merged_init(&m, x, views, n);
    for (size_t i = 0; i < n; i++) {
        size_t owner = spread_shard_of(&m, i);
        int ordinal = ordinal_of(&x->members[i]);

        if (owner != MERGED_NONE && ordinal >= 0 && (owner != i || merged_owns(&m, i)))
            set(out, ordinal, ordinal_of(&x->members[owner]));
    }
    merged_done(&m);
}

void copies_print(const struct copies *c, struct buf *out)
{
    bool first = true;

    for (size_t i = 0; i < c->n; i++) {
        if (c->owner[i] != (int16_t)i)
            continue;
        buf_fmt(out, "%s%zu", first ? "" : " ", i);
        first = false;
        for (size_t k = 0; k < c->n; k++)
            if (k != i && c->owner[k] == (int16_t)i)
                buf_fmt(out, ",%zu", k);
    }
}

/* One shard: numbers with commas between them. */
static bool parse_shard(const char *word, struct copies *out)
{
    int64_t master = -1, n;
    char one[8];

    for (size_t len; *word; word += len + (word[len] == ',')) {
        len = strcspn(word, ",");
        if (len == 0 || len >= sizeof(one))
            return false;
        memcpy(one, word, len);
        one[len] = '\0';
        if (!str_to_int(one, 0, COPIES_MAX - 1, &n) || out->owner[n] >= 0)
            return false;
        master = master < 0 ? n : master;
        set(out, (int)n, (int)master);
    }
    return master >= 0;
}

bool copies_parse(const char *text, struct copies *out)
{
    AUTO_FREE char *words = xstrdup(text);
    char *rest = words;

    clear(out);
    for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " "))
        if (!parse_shard(word, out)) {
            clear(out);
            return false;
        }
    return out->n > 0;
}

static bool keeps_a_copy(const struct copies *c, const bool *gone, size_t owner)
{
    for (size_t i = 0; i < c->n; i++)
        if (!gone[i] && c->owner[i] == (int16_t)owner)
            return true;
    return false;
}

void copies_lose(const struct copies *c, const bool *gone, struct redis_loss *out)
{
    *out = (struct redis_loss){ .first_lost = -1 };
    for (size_t i = 0; i < c->n; i++) {
        if (c->owner[i] != (int16_t)i)
            continue;
        out->shards++;
        out->masters_gone += gone[i];
        if (!keeps_a_copy(c, gone, i)) {
            out->lost++;
            out->first_lost = out->first_lost < 0 ? (int)i : out->first_lost;
        } else {
            out->failovers += gone[i];
        }
    }
    out->quorum = 2 * (out->shards - out->masters_gone) > out->shards;
}
