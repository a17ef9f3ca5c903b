/*
 * sim/controllers/sched.h - one attempt to place one pod, shared by the scheduler's files.
 *
 * Pure. Source for rules and messages: kubernetes pkg/scheduler/framework/plugins.
 */
#ifndef SIM_CONTROLLERS_SCHED_H
#define SIM_CONTROLLERS_SCHED_H

#include "sim/controllers/sync.h"

struct sched_node {
    const cJSON *node;
    struct list pods; /* on it, but for finished ones */
    bool selected;    /* the pod's node selector and affinity allow it */
    bool fits;
    int64_t cost; /* the lowest wins */
};

struct sched {
    const struct scene *scene;
    const cJSON *pod;
    struct sched_node *nodes;
    size_t n;
    cJSON *reasons; /* why not: reason -> number of nodes */
};

const char *node_name(const cJSON *node);
const char *node_label(const cJSON *node, const char *key);

/* Counts the reason, and takes the node out. */
void sched_refuse(struct sched *s, struct sched_node *n, const char *reason);

/* sched_node.c: what a node alone decides. */
bool sched_is_selected(const cJSON *pod, const cJSON *node);
void sched_filter_node(struct sched *s, struct sched_node *n);
void sched_cost_node(const struct sched *s, struct sched_node *n);
/* An untolerated taint with that effect, or NULL. */
const cJSON *sched_untolerated(const cJSON *pod, const cJSON *node, const char *effect);
bool sched_tolerates(const cJSON *toleration, const cJSON *taint);

/* sched_pods.c: what the pods already placed decide, once sched_filter_node has been through all nodes. */
void sched_filter_affinity(struct sched *s);
void sched_filter_spread(struct sched *s);
void sched_cost_pods(struct sched *s);

#endif
