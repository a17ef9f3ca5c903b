/*
 * node/nodes.h - the Node objects: registration, heartbeats, faults.
 *
 * Not pure. A node is what the API shows as one machine: labels, capacity, a
 * Lease renewed every few seconds, a Ready condition. The annotation
 * sim.everserve.dev/fault breaks it: lost, cut or frozen; removing it mends it.
 */
#ifndef SIM_NODE_NODES_H
#define SIM_NODE_NODES_H

#include "sim/node/world.h"

struct nodes_opts {
    const char *name; /* nodes are called NAME-1, NAME-2 ... */
    int n_nodes, n_zones;
    const char *cpu, *memory, *gpus; /* quantities; gpus NULL or "0": none */
    int64_t heartbeat_ms;
};

struct nodes;

/* Makes the nodes' network and registers them. opts' texts are lent. */
int nodes_new(struct world *w, const struct nodes_opts *opts, struct nodes **out, struct err *e) MUST_USE;
void nodes_free(struct nodes *s); /* NULL is fine; Node objects stay, as when machines are switched off */

struct node *nodes_find(struct nodes *s, const char *name); /* NULL: not one of ours */
bool nodes_are_registered(const struct nodes *s);

#endif
