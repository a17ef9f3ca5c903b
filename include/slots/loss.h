/*
 * slots/loss.h - what would be left of a Redis Cluster without some of its pods.
 *
 * Pure values. Pods are counted by their ordinal: pod "fraud-redis-4" is 4.
 */
#ifndef SLOTS_LOSS_H
#define SLOTS_LOSS_H

#include "base/buf.h"
#include "slots/verdict.h"

enum { COPIES_MAX = 1024 };

/* Who holds which shard. */
struct copies {
    size_t n;                   /* ordinals below this */
    int16_t owner[COPIES_MAX];  /* whose slots pod i holds: its own number for a master, -1: none that is known */
};

/* As the members themselves say now. */
void copies_of(const struct expected *x, const struct node_view *views, size_t n, struct copies *out);

/* As one word per shard, the master first: "0,3 1,4 2,5". */
void copies_print(const struct copies *c, struct buf *out);
bool copies_parse(const char *text, struct copies *out) MUST_USE; /* false: out is empty */

struct redis_loss {
    int shards, masters_gone;
    int failovers;  /* shards that lose their master and keep a copy */
    int lost;       /* shards of which no copy is left */
    int first_lost; /* ordinal of the master of one of them; -1: none */
    bool quorum;    /* most masters are left: they elect by themselves */
};

/* gone: one per ordinal. */
void copies_lose(const struct copies *c, const bool *gone, struct redis_loss *out);

#endif
