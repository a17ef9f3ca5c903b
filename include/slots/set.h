/*
 * slots/set.h - a set of hash slots: a bit for each of the 16384, and its text
 * form "0-5460 5462".
 *
 * Pure; a plain value, copied by assignment. Ranges include both ends.
 */
#ifndef SLOTS_SET_H
#define SLOTS_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SLOT_COUNT 16384

struct slot_range {
    uint16_t first, last;
};

struct slot_set {
    uint64_t bits[SLOT_COUNT / 64];
};

bool slot_set_has(const struct slot_set *s, unsigned slot); /* false beyond the last slot */
void slot_set_add(struct slot_set *s, struct slot_range r);
void slot_set_del(struct slot_set *s, struct slot_range r);
int slot_set_count(const struct slot_set *s);
bool slot_set_equal(const struct slot_set *a, const struct slot_set *b);

void slot_set_union(struct slot_set *into, const struct slot_set *other);
void slot_set_minus(struct slot_set *from, const struct slot_set *other);

/* The first range at or after `from`; false when there is none. */
bool slot_set_next(const struct slot_set *s, unsigned from, struct slot_range *out);

/* "0-5460 5462", cut with "..." to fit; "none" when empty. Returns out. */
const char *slot_set_render(const struct slot_set *s, char *out, size_t size);

/* "7" or "7-9", nothing else around it. */
int slot_range_parse(const char *text, size_t len, struct slot_range *out, struct err *e) MUST_USE;

/* Ranges separated by single spaces; "" is the empty set. A slot named twice is refused. */
int slot_set_parse(const char *text, struct slot_set *out, struct err *e) MUST_USE;

/* The share of shard i of n: contiguous, sizes differ by at most one, all together every slot. */
struct slot_range slot_share(int shard, int n_shards);

#endif
