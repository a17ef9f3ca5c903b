/*
 * sim/controllers/deployment.h - one pass over one Deployment, shared by its two files.
 */
#ifndef SIM_CONTROLLERS_DEPLOYMENT_H
#define SIM_CONTROLLERS_DEPLOYMENT_H

#include "sim/controllers/rollout.h"
#include "sim/controllers/sync.h"

struct deploy {
    struct sync *s;
    const cJSON *d;
    struct list rs; /* all that it owns, oldest first */
    struct rollout_limits limits;
    bool recreate;
    char hash[11]; /* of the template: names the new ReplicaSet */
    const cJSON **items; /* [0]: the new one, or NULL; then the old ones */
    struct rollout_set *sets; /* same order */
    size_t n;
    bool created;  /* this pass creates the new one */
    bool complete; /* every pod is new and available */
};

/* Counts, conditions Available and Progressing; asks to be called again at the deadline. */
void deploy_write_status(struct deploy *dp);

#endif
