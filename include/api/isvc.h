/*
 * api/isvc.h - an InferenceService as a C value: validated, defaulted, decoded.
 *
 * Pure. isvc_decode keeps a defaulted copy of the object; the struct owns that
 * copy and every pointer in it lends from there until isvc_done. The rules and
 * bounds are one table (api/schema.h) from which the CRD is printed as well, so
 * that the server and this code accept the same resources.
 */
#ifndef API_ISVC_H
#define API_ISVC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "json/json.h"

enum {
    ISVC_NAME_MAX = 63,
    /* with Redis: the label controller-revision-hash of its pods is "<name>-redis-<10 characters>" */
    ISVC_NAME_MAX_REDIS = 46,
    ISVC_NAME_MAX_ROUTE = 56, /* with weights: <name>-canary is a Service */
};

enum redis_persistence { REDIS_APPEND_ONLY, REDIS_SNAPSHOT, REDIS_NO_PERSISTENCE };

struct isvc_predictor {
    int32_t min_replicas;
    int32_t max_replicas;
    bool autoscaled;              /* max above min: a HorizontalPodAutoscaler, or KEDA, writes the replicas */
    const cJSON *keda;            /* autoScaling.keda of a service that is autoscaled; NULL: a HorizontalPodAutoscaler does */
    const cJSON *vertical;        /* verticalScaling; NULL: none */
    const cJSON *headroom;        /* NULL: none */
    bool of_shortcut;             /* what is measured is named by scaleMetric, not by autoScaling */
    int32_t port;                 /* where the first container serves; 8080 unless it names one */
    int32_t progress_deadline_s;
    int32_t min_ready_s;          /* 0: ready is enough */
    bool auto_rollback;
    const char *model_uri;        /* what is downloaded; NULL: nothing */
    const cJSON *spec;            /* spec.predictor, defaulted; containers[0] is there */
};

/* spec.rollout.canary */
struct isvc_canary {
    bool present;                 /* all other fields count only then */
    int32_t replicas;             /* 0: percent counts */
    int32_t percent;
    int32_t bake_s;
    bool by_hand;                 /* promote Manual: waits for promote_revision */
    const char *promote_revision; /* NULL: none */
    const cJSON *route;           /* parentRefs, hostnames, weight; NULL: no HTTPRoute is asked for */
    int32_t weight;               /* of a hundred requests, with a route */
};

struct isvc_gate {
    bool hold_up;                 /* slot health may hold steps up, for at most max_hold_s */
    bool hold_down;               /* always true: steps down wait for a healthy verdict */
    int32_t max_hold_s;
};

struct isvc_redis {
    bool present;                 /* all other fields count only then */
    int32_t shards;
    int32_t replicas_per_shard;
    int32_t nodes;                /* shards * (1 + replicas_per_shard) */
    const char *image;
    bool is_valkey;               /* by the image's name: the server is valkey-server */
    enum redis_persistence persistence;
    bool ephemeral;               /* emptyDir instead of claims */
    bool is_awaited;              /* serving pods start when it is healthy for the first time */
    bool delete_volumes;          /* claims go when the resource goes */
    int32_t keep_removed_h;       /* how long the volumes of removed nodes stay */
    const char *secret_name;      /* whose key "password" is the password; NULL: generated */
    const char *rotate;           /* a change asks for a new generated password; NULL: none */
    const char *tls_secret;       /* NULL: no TLS */
    const char *accept_loss;      /* slot ranges that may be given up; NULL: none */
    struct isvc_backup {
        bool present;
        const char *schedule;     /* NULL: on demand only */
        const char *claim_name;   /* NULL: a claim of ours */
        const char *now;          /* a change asks for one; NULL: none */
        int32_t keep;
        const cJSON *storage;     /* of our claim; NULL with claim_name */
    } backup;
    struct isvc_restore {
        const char *claim_name;   /* NULL: nothing to restore */
        const char *path;
    } restore;
    int64_t max_memory_bytes;     /* 75 % of resources.limits.memory; 0: no limit given */
    const cJSON *spec;            /* spec.redis, defaulted */
};

struct isvc {
    cJSON *root;                  /* owned */
    const char *ns;
    const char *name;
    const char *uid;              /* "" when the object never was on a server (render) */
    int64_t generation;           /* 0 likewise */
    bool deleting;
    struct isvc_predictor predictor;
    struct isvc_canary canary;
    struct isvc_gate gate;
    struct isvc_redis redis;
};

/* Validates, fills defaults, decodes. ERR_INVALID: the message names the field's path and says
 * what to do; out is then untouched. obj is only read. */
int isvc_decode(const cJSON *obj, struct isvc *out, struct err *e) MUST_USE;
void isvc_done(struct isvc *s); /* zeroed is fine */

#endif
