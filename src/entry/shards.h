/*
 * entry/shards.h - who holds which slots, and whom to copy them from. Pure.
 */
#ifndef ENTRY_SHARDS_H
#define ENTRY_SHARDS_H

#include "slots/view.h"

struct shard_source {
    char id[NODE_ID_LEN + 1]; /* of the master */
    struct slot_set slots;
    size_t from; /* the view to copy from: a replica in sync when there is one, else the master */
};

/* From every node's own row: each slot has one owner that answers, nothing is on its way. Shards come in the
 * order of their first slots. *out is the caller's. ERR_RETRY: not so now, and why. */
int shards_find(const struct node_view *views, size_t n, struct shard_source **out, size_t *n_shards, struct err *e) MUST_USE;
bool shards_equal(const struct shard_source *a, size_t n_a, const struct shard_source *b, size_t n_b);

#endif
