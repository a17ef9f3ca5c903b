#include "slots/set.h"

#include <stdio.h>
#include <string.h>

#include "slots/slice.h"

bool slot_set_has(const struct slot_set *s, unsigned slot)
{
    return slot < SLOT_COUNT && (s->bits[slot / 64] >> (slot % 64) & 1);
}

void slot_set_add(struct slot_set *s, struct slot_range r)
{
    for (unsigned i = r.first; i <= r.last && i < SLOT_COUNT; i++)
        s->bits[i / 64] |= 1ULL << (i % 64);
}

void slot_set_del(struct slot_set *s, struct slot_range r)
{
    for (unsigned i = r.first; i <= r.last && i < SLOT_COUNT; i++)
        s->bits[i / 64] &= ~(1ULL << (i % 64));
}

int slot_set_count(const struct slot_set *s)
{
    int n = 0;

    for (size_t i = 0; i < SLOT_COUNT / 64; i++)
        n += __builtin_popcountll(s->bits[i]);
    return n;
}

bool slot_set_equal(const struct slot_set *a, const struct slot_set *b)
{
    return memcmp(a->bits, b->bits, sizeof(a->bits)) == 0;
}

void slot_set_union(struct slot_set *into, const struct slot_set *other)
{
    for (size_t i = 0; i < SLOT_COUNT / 64; i++)
        into->bits[i] |= other->bits[i];
}

void slot_set_minus(struct slot_set *from, const struct slot_set *other)
{
    for (size_t i = 0; i < SLOT_COUNT / 64; i++)
        from->bits[i] &= ~other->bits[i];
}

bool slot_set_next(const struct slot_set *s, unsigned from, struct slot_range *out)
{
    unsigned first = from, last;

    while (first < SLOT_COUNT && !slot_set_has(s, first))
        first++;
    if (first >= SLOT_COUNT)
        return false;
    for (last = first; slot_set_has(s, last + 1); last++)
        ;
    *out = (struct slot_range){ (uint16_t)first, (uint16_t)last };
    return true;
}

static int range_text(char *out, size_t size, const char *before, struct slot_range r)
{
    if (r.first == r.last)
        return snprintf(out, size, "%s%u", before, r.first);
    return snprintf(out, size, "%s%u-%u", before, r.first, r.last);
}

const char *slot_set_render(const struct slot_set *s, char *out, size_t size)
{
    struct slot_range r = { 0, 0 };
    size_t len = 0;

    snprintf(out, size, "none");
    for (unsigned from = 0; slot_set_next(s, from, &r); from = r.last + 1u) {
        char one[16];
        size_t n = (size_t)range_text(one, sizeof(one), len ? " " : "", r);

        if (len + n + sizeof("...") > size) {
            snprintf(out + len, size - len, "...");
            break;
        }
        memcpy(out + len, one, n + 1);
        len += n;
    }
    return out;
}

int slot_range_parse(const char *text, size_t len, struct slot_range *out, struct err *e)
{
    struct slice rest = { text, len }, first = slice_cut(&rest, '-');
    int64_t a, b;

    if (!slice_int(first, 0, SLOT_COUNT - 1, &a))
        return err_set(e, ERR_INVALID, "'%.*s' is not a slot range", slice_shown(first), first.p);
    b = a;
    if (first.n != len && (!slice_int(rest, 0, SLOT_COUNT - 1, &b) || b < a))
        return err_set(e, ERR_INVALID, "'%.*s' is not a slot range", len > 40 ? 40 : (int)len, text);
    *out = (struct slot_range){ (uint16_t)a, (uint16_t)b };
    return 0;
}

int slot_set_parse(const char *text, struct slot_set *out, struct err *e)
{
    struct slice rest = { text, strlen(text) };
    struct slot_set s = { { 0 } };
    int total = 0;

    while (rest.n) {
        struct slice word = slice_cut(&rest, ' ');
        struct slot_range r;

        if (slot_range_parse(word.p, word.n, &r, e) < 0)
            return err_wrap(e, "slots");
        slot_set_add(&s, r);
        total += r.last - r.first + 1;
        if (total != slot_set_count(&s))
            return err_set(e, ERR_INVALID, "slots: %u-%u is named twice", r.first, r.last);
    }
    *out = s;
    return 0;
}

struct slot_range slot_share(int shard, int n_shards)
{
    return (struct slot_range){ (uint16_t)(shard * SLOT_COUNT / n_shards),
                                (uint16_t)((shard + 1) * SLOT_COUNT / n_shards - 1) };
}
