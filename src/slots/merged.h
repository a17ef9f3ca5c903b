/*
 * slots/merged.h - the views of all members laid side by side.
 *
 * Pure. Lends expected and views; merged_done frees the indexes only. "Up" means that the
 * member answered everything. Ownership counts own rows only: what others say about a
 * node's slots is checked, never believed.
 */
#ifndef SLOTS_MERGED_H
#define SLOTS_MERGED_H

#include "slots/verdict.h"

#define MERGED_NONE SIZE_MAX

struct merged_id {
    const char *id;
    size_t member;
};

struct merged {
    const struct expected *x;
    const struct node_view *views;
    size_t n;
    const struct view_row **me; /* NULL: not up */
    struct merged_id *ids;      /* of those up, sorted */
    size_t n_up, n_owners;
    size_t n_parting; /* of n; counted as silent */
    struct slot_set claimed, twice; /* by own rows of masters */
    struct slot_set served;         /* claimed once, by a master that says ok */
};

void merged_init(struct merged *m, const struct expected *x, const struct node_view *views, size_t n);
void merged_done(struct merged *m);

const char *merged_name(const struct merged *m, size_t i); /* the pod, or its address */
size_t merged_find(const struct merged *m, const char *id); /* among those up; MERGED_NONE */
bool merged_owns(const struct merged *m, size_t i);
struct slot_set merged_slots(const struct merged *m, size_t i); /* of its own row, if master */

/* Does this row show the address that member i has now? */
bool merged_at(const struct merged *m, const struct view_row *r, size_t i);
/* The silent member at this row's address; MERGED_NONE. */
size_t merged_silent_at(const struct merged *m, const struct view_row *r);

/* Is this master_host:master_port where member i is now? */
bool merged_follows(const struct merged *m, size_t replica, size_t master);
/* Replica in sync with its owner, known as such by most owners; why (may be NULL) says why not. */
bool merged_in_sync(const struct merged *m, size_t replica, size_t owner, struct err *why);
/* Replicas up whose own row names this master. */
size_t merged_followers(const struct merged *m, size_t master);

#endif
