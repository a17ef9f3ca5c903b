/*
 * desired/desired.h - the children an InferenceService should have.
 *
 * Pure: same service and input, byte-identical object out, for ever: a template
 * that changed without the spec would restart every model. Only fields we own are
 * emitted, quantities in canonical form. Nothing here asks what exists now.
 */
#ifndef DESIRED_DESIRED_H
#define DESIRED_DESIRED_H

#include "api/child.h"
#include "api/isvc.h"
#include "desired/keys.h"
#include "json/json.h"

/* What the plan decides beyond the spec. */
struct desired_input {
    int32_t replicas;           /* of the Deployment; -1: do not write, an autoscaler is the writer */
    int32_t hpa_min, hpa_max;   /* bounds to write: the gate may hold the old ones */
    bool replace_one;           /* for this rollout: a pod goes before its successor comes, there is no room for both */
    int32_t budget_min;         /* while nodes are drained: minAvailable, unless the spec gives a budget; 0: as ever */
    bool hold_down;             /* the autoscaler's behavior.scaleDown.selectPolicy: Disabled */
    int32_t canary_replicas;    /* 0: no version is on trial */
    const char *canary_revision; /* what its pods are labelled with; lent */
    bool canary_apart;          /* its pods are not behind the Service */
    bool routed;                /* an HTTPRoute divides the requests ... */
    int32_t canary_weight;      /* ... so many of a hundred to the canary */
    bool redis_may_disrupt;     /* Redis PodDisruptionBudget maxUnavailable 1, else 0 */
    int32_t redis_nodes;        /* replicas of the StatefulSet */
    int32_t redis_restarts;       /* of all servers, because a live setting was taken out of the spec; 0: none yet */
    const char *redis_entrypoint; /* the image that brings the start fence */
    const char *model_fetcher;    /* the image that downloads models */
    const char *headroom_image;   /* the image that placeholders run */
    bool redis_formed;            /* there is something to be saved, and nothing is to be restored any more */
    const char *redis_backup;     /* name of the backup that is to be taken now; NULL: none */
    const cJSON *template;        /* of the serving pods, lent (desired/revision.h); NULL: as the spec says */
    const struct redis_keys *redis_keys; /* lent; NULL: not known, no Secret is built */
};

/* As the spec alone says: for render and tests. Passwords and certificate are placeholders. */
struct desired_input desired_input_default(const struct isvc *s);

/* NULL: should not exist. The caller owns the result. */
cJSON *desired_child(enum child c, const struct isvc *s, const struct desired_input *in);

#endif
