/*
 * api/child.h - the children of an InferenceService: kinds, API paths, names.
 *
 * Pure. One row per child; everything that lists children walks this table.
 */
#ifndef API_CHILD_H
#define API_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#include "api/capabilities.h"

enum child {
    CHILD_DEPLOYMENT,
    CHILD_SERVICE,
    CHILD_HPA,
    CHILD_PDB,
    CHILD_CANARY, /* the Deployment of a version on trial */
    CHILD_CANARY_SERVICE, /* its own, where a route divides the requests */
    CHILD_ROUTE,
    CHILD_MODEL_CLAIM,
    CHILD_DEVICE_CLAIM, /* a template of claims for accelerators */
    CHILD_SCALEDOBJECT, /* KEDA's, instead of CHILD_HPA */
    CHILD_VPA,
    CHILD_HEADROOM, /* the Deployment of placeholders */
    CHILD_REDIS_SECRET,
    CHILD_REDIS_CONFIGMAP,
    CHILD_REDIS_SERVICE,
    CHILD_REDIS_STATEFULSET,
    CHILD_REDIS_PDB,
    CHILD_REDIS_NETPOL,
    CHILD_BACKUP_CLAIM,
    CHILD_BACKUP_CRON,
    CHILD_BACKUP_JOB, /* on demand; those of the schedule are the CronJob's */
    N_CHILDREN,
};

struct child_type {
    const char *label;       /* short, for logs and messages: "Deployment", "Redis StatefulSet" */
    const char *kind;        /* "StatefulSet" */
    const char *api_version; /* "apps/v1" */
    const char *api_path;    /* "/apis/apps/v1", "/api/v1" */
    const char *plural;      /* "statefulsets" */
    const char *suffix;      /* of the name: "" or "-redis" */
    bool of_redis;
    const char *component;   /* of its labels; NULL: by of_redis */
    enum capability needs;   /* its kind may be absent: neither watched nor applied then */
};

extern const struct child_type child_types[N_CHILDREN];

#define CHILD_DEVICE_SUFFIX "-accelerator"
#define CHILD_BACKUP_SUFFIX "-redis-backup"
#define CHILD_CANARY_SUFFIX "-canary"
#define CHILD_HEADROOM_SUFFIX "-headroom"

#define API_GROUP "serving.everserve.dev"
#define API_VERSION "serving.everserve.dev/v1alpha1"
#define API_KIND "InferenceService"
#define API_PLURAL "inferenceservices"
#define API_MANAGER "everserve"           /* field manager of everything we apply */
#define API_MANAGER_INIT "everserve-init" /* holds spec.replicas for the autoscaler */
#define API_MANAGED_BY "app.kubernetes.io/managed-by=everserve"
#define API_CLAIMS "app.kubernetes.io/name=inferenceservice" /* also those that a StatefulSet's controller made */

/* The label app.kubernetes.io/component of the child itself: "predictor", "redis", "canary". */
const char *child_component(enum child c);

/* <name><suffix> into out; false when it does not fit. */
bool child_name(enum child c, const char *service, char *out, size_t size);

/* The child whose kind is this and whose name is <service><suffix> for some service;
 * service: at least 254 bytes, set on success. N_CHILDREN: none. A StatefulSet "x-redis" is
 * CHILD_REDIS_STATEFULSET of x; a Service "x-redis" is taken for CHILD_REDIS_SERVICE only when
 * component is "redis" (label app.kubernetes.io/component), a Deployment "x-canary" for CHILD_CANARY only when it
 * is "canary". */
enum child child_of(const char *kind, const char *name, const char *component, char *service);

#endif
