/*
 * cache/room.h - can this pod be placed at all, and are there devices left for it? Only what a sum proves.
 *
 * Pure. What is not known here (affinity, volumes, pods of others, quotas) can only make less room than is said:
 * "no" is a proof at this moment, "yes" is none. A cluster that gets a node is another matter.
 */
#ifndef CACHE_ROOM_H
#define CACHE_ROOM_H

#include "cache/demand.h"
#include "cache/host.h"

struct cache;

struct fit {
    bool fits;     /* some node has all of it, were it empty; or no node is known */
    size_t n_nodes; /* that the pod may run on, by their labels and taints */
    size_t n_selected; /* ... by their labels */
    const struct demand_amount *lacking; /* none of these has so much of it; NULL: none has all of it together. Lent from the demand */
    int64_t most_milli;         /* the most that one of them has of it ... */
    char node[HOST_NAME_SIZE];  /* ... which one; "": none has any */
};

void cache_fit(const struct cache *c, const struct demand *d, struct fit *out);

struct taken {
    const struct demand_amount *what; /* lent from the demand */
    size_t n_nodes;                   /* that have any */
};

/* Every node that this pod may run on has too few devices left beside the serving pods known here that it cannot
 * preempt: those of its priority and above. False where a node may be made for it. Reads every pod. */
bool cache_devices_are_taken(const struct cache *c, const struct demand *d, int32_t priority, struct taken *out);

#endif
