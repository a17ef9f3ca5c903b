/*
 * sim/controllers/rollout.h - how many pods each ReplicaSet of a Deployment should
 * have next: the arithmetic of rolling updates and of scaling in their midst.
 *
 * Pure numbers. Source: kubernetes pkg/controller/deployment/{rolling,sync}.go.
 */
#ifndef SIM_CONTROLLERS_ROLLOUT_H
#define SIM_CONTROLLERS_ROLLOUT_H

#include <stddef.h>
#include <stdint.h>

struct rollout_limits {
    int64_t replicas;
    int64_t max_surge;       /* pods above replicas */
    int64_t max_unavailable; /* pods that may be missing below it */
};

struct rollout_set {
    int64_t replicas; /* spec.replicas now */
    int64_t available;
    int64_t want; /* out */
};

/* One step towards every pod being of sets[0], the new one; the others come oldest first. */
void rollout_step(const struct rollout_limits *l, struct rollout_set *sets, size_t n);

/* replicas was changed: spread the difference over the sets by their size, as a
 * rollout under way must not be decided by it. */
void rollout_spread(const struct rollout_limits *l, struct rollout_set *sets, size_t n);

#endif
