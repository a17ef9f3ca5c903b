/*
 * slots/roles_match.h - which member should be master of which shard: a cheapest assignment.
 *
 * Pure. A minimum-cost flow, so that it is the best one and not a local best: shards to members, members to
 * nodes, nodes to zones. Costs are convex: masters over a place's share cost, each the same.
 */
#ifndef SRC_SLOTS_ROLES_MATCH_H
#define SRC_SLOTS_ROLES_MATCH_H

#include <stddef.h>
#include <stdint.h>

struct match_choice {
    size_t shard, member;
    int64_t cost;
};

struct match_input {
    size_t n_shards, n_members, n_nodes, n_zones;
    const struct match_choice *choices;
    size_t n_choices;
    const size_t *node_of; /* of each member; SIZE_MAX: not known */
    const size_t *zone_of; /* of each member */
    size_t share;          /* so many masters at one place are free */
    int64_t node_cost, zone_cost; /* of each more */
};

/* out[shard]: the member; SIZE_MAX where a shard has no choice. */
void match_shards(const struct match_input *in, size_t *out);

#endif
