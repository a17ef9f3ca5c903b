/*
 * cache/shape.h - what a node offers and whom it takes in: as much as a sum needs to prove that a pod cannot go there.
 *
 * Pure. One block of memory, 300 bytes for a usual node and 4 KB at most. Texts are kept as demand_id:
 * whatever is in doubt (more labels than are kept, a taint that will pass) counts as if the pod might go there.
 *
 * Sources: well-known taints of Kubernetes; labels of Karpenter and cluster-autoscaler.
 */
#ifndef CACHE_SHAPE_H
#define CACHE_SHAPE_H

#include "cache/demand.h"

struct shape; /* layout in shape.c */

struct shape *shape_from(const cJSON *node); /* free() afterwards */

bool shape_is_silent(const struct shape *s); /* says nothing of what it offers */
/* Thousandths, were the node empty. */
int64_t shape_offers(const struct shape *s, uint32_t resource);
bool shape_has_label(const struct shape *s, const char *key, const char *value);
bool shape_is_selected(const struct shape *s, const cJSON *selector); /* has all of these labels */
bool shape_is_tolerated(const struct shape *s, const cJSON *tolerations);
bool shape_is_autoscaled(const struct shape *s); /* something that makes nodes made this one, and says so */
size_t shape_bytes(const struct shape *s);

#endif
