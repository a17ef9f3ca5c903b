/*
 * cache/host.h - what we remember of a Kubernetes node: where it is, and whether it is about to go.
 *
 * Pure. Called host, because a node here is a Redis node. Sources: the well-known labels and taints of
 * Kubernetes; the taints of cluster-autoscaler and Karpenter.
 */
#ifndef CACHE_HOST_H
#define CACHE_HOST_H

#include "cache/record.h"

enum { HOST_NAME_SIZE = 64, ZONE_SIZE = 64 };

struct host {
    char name[HOST_NAME_SIZE]; /* host_name_copy of it */
    char zone[ZONE_SIZE];      /* topology.kubernetes.io/zone; "": not known */
    char rv[RV_SIZE];
    bool cordoned;       /* unschedulable, or about to be removed by an autoscaler */
    bool out_of_service; /* somebody vouches that it is off: node.kubernetes.io/out-of-service */
    bool unwell;         /* not ready, or unreachable */
    bool is_stale;       /* not seen yet in the running list */
};

/* obj must have metadata.name: false otherwise. */
bool host_from(const cJSON *obj, struct host *out) MUST_USE;
bool host_differs(const struct host *a, const struct host *b); /* rv does not count */

/* A node's name may have 253 characters: a longer one than fits ends in its hash. NULL becomes "". */
void host_name_copy(char out[HOST_NAME_SIZE], const char *name);

#endif
