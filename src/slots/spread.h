/*
 * slots/spread.h - how well masters and copies are spread over zones and nodes.
 *
 * Pure. A member whose zone is not known counts for no zone.
 */
#ifndef SRC_SLOTS_SPREAD_H
#define SRC_SLOTS_SPREAD_H

#include "slots/merged.h"

/* P11 itself is judge_spread; this is the half of it about masters. */
bool spread_masters(const struct merged *m, char *why);

/* No zone and no node may hold more of n masters than this. */
size_t spread_share(size_t n_masters);

/* The owner whose shard member i belongs to, itself included; MERGED_NONE: none that answers. */
size_t spread_shard_of(const struct merged *m, size_t i);

/* What it costs that this owner's copies are where they are, with one member left out and one taken in
 * (MERGED_NONE: nobody). Hundreds are worth a copy of the data; ones only break ties. */
int64_t spread_cost(const struct merged *m, size_t owner, size_t without, size_t with);
enum { SPREAD_WORTH_A_COPY = 100 };

#endif
