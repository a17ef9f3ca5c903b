/*
 * plan/loss.h - what would remain of a service without a node, or without a zone.
 *
 * Pure. Lends everything that it is given.
 */
#ifndef PLAN_LOSS_H
#define PLAN_LOSS_H

#include "cache/host.h"
#include "cache/record.h"
#include "slots/loss.h"

struct placed {
    const struct pod *pods;
    size_t n_pods;
    const struct host *hosts; /* that the pods run on, at least */
    size_t n_hosts;
    const struct copies *copies; /* NULL: no Redis, or nothing is known of it */
};

struct loss {
    char what[ZONE_SIZE];    /* the node or the zone; "": there is none */
    int32_t serving_gone;    /* pods of the predictor on it, ready or not */
    int32_t ready_gone, ready_left;
    int32_t redis_gone;      /* pods of Redis on it */
    struct redis_loss redis; /* shards 0: no Redis, or nothing is known of it */
};

void loss_of_node(const struct placed *p, const char *node, struct loss *out);
void loss_of_zone(const struct placed *p, const char *zone, struct loss *out);

/* The ones that hurt most, apart for serving and for Redis: the same node need not be the worst for both. */
struct worst {
    struct loss serving, redis;
};

void loss_worst_node(const struct placed *p, struct worst *out);
void loss_worst_zone(const struct placed *p, struct worst *out);

/* The zone of this pod's node; "": not known. Lent. */
const char *loss_zone_of(const struct placed *p, const struct pod *pod);

#endif
