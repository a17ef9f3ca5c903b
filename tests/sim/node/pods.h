/*
 * node/pods.h - the pods of all our nodes: one watch over all namespaces.
 */
#ifndef SIM_NODE_PODS_H
#define SIM_NODE_PODS_H

#include "sim/node/nodes.h"
#include "sim/node/pod.h"

struct pods;

/* Fills and empties w->pods. */
struct pods *pods_new(struct world *w, struct nodes *nodes);
void pods_free(struct pods *s); /* kills what runs; NULL is fine */
bool pods_is_synced(const struct pods *s);

#endif
