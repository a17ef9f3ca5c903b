/*
 * node/world.h - what the parts of one node simulator share.
 */
#ifndef SIM_NODE_WORLD_H
#define SIM_NODE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "kube/client.h"
#include "sim/node/net.h"
#include "sim/node/objects.h"
#include "sim/node/reap.h"

/* On a Node: lost, cut, frozen. On a Pod: kill (each new value once), pause, cut, mute-bus. */
#define FAULT_ANNOTATION "sim.everserve.dev/fault"

enum node_fault {
    FAULT_NONE,
    FAULT_LOST,   /* power off: processes and links gone, nothing is said */
    FAULT_CUT,    /* the node's cable is out: processes run on, nothing is said */
    FAULT_FROZEN, /* everything stands still, and goes on later as if nothing had been */
};

struct world {
    struct loop *loop;
    struct kube *kube;
    struct reap *reap;
    struct objects *objects;
    struct net net;
    struct map *pods; /* uid to struct pod */
    char *state_dir;  /* absolute, no links */
    char *claims_dir;
    char *root_dir;
    char *self;  /* our own program */
    char *entry, *operator; /* what the operator's image has for Redis pods and serving pods: beside it */
    int64_t backoff_base_ms;
    int64_t backoff_cap_ms;
};

struct node {
    struct world *w;
    int index;
    char *name;
    char ip[16];
    enum node_fault fault;
};

static inline bool node_can_talk(const struct node *n)
{
    return n->fault == FAULT_NONE;
}

static inline bool node_is_alive(const struct node *n)
{
    return n->fault == FAULT_NONE || n->fault == FAULT_CUT;
}

#endif
