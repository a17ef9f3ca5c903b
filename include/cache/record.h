/*
 * cache/record.h - what we remember of a child and of a pod: a few numbers
 * instead of the object.
 *
 * Pure. An object arrives as a tree (lent), its record is drawn out, the tree is
 * freed by whoever parsed it. A record stays under 400 bytes; the test says so.
 */
#ifndef CACHE_RECORD_H
#define CACHE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "api/child.h"
#include "json/json.h"

enum { UID_SIZE = 40, RV_SIZE = 24, REVISION_SIZE = 16 };

struct record {
    char uid[UID_SIZE];
    char owner_uid[UID_SIZE]; /* of the controlling owner; "" when nobody controls it */
    char rv[RV_SIZE];
    int64_t generation;
    int64_t observed_generation;
    uint64_t owned_hash;    /* of the fields our manager owns, as they are (json/owned.h) */
    uint64_t matched_hash;  /* a desired hash that was compared in full and found to be held ... */
    uint64_t matched_owned; /* ... while owned_hash was this; 0: none yet */
    int32_t spec_replicas;  /* -1: has none */
    int32_t replicas, ready, updated, available, unavailable; /* status */
    int32_t min_replicas, max_replicas;                       /* autoscaler, -1: has none */
    int32_t max_unavailable;                                  /* disruption budget, -1: has none, or a share */
    int32_t desired_replicas;                                 /* autoscaler's own wish, -1: none */
    /* StatefulSet: what follows the last '-' of status.updateRevision; "" until it is of this generation.
     * Deployment: the same of the ReplicaSet that its condition Progressing speaks of; "": of none */
    char update_revision[REVISION_SIZE];
    int64_t claim_bytes;    /* StatefulSet: of its first claim template; 0: has none */
    int32_t revision_no; /* Deployment: counts its templates; 0: not said */
    int32_t credentials; /* Deployment: ANNOTATION_CREDENTIALS of its template; 0: none */
    bool is_ours;              /* our manager applied it, and no other kind of controller has taken it since */
    bool deleting;
    bool owns_replicas;        /* we own spec.replicas */
    bool init_owns_replicas;   /* API_MANAGER_INIT owns spec.replicas */
    bool deadline_exceeded;    /* Deployment: Progressing is False */
    bool scale_down_disabled;  /* autoscaler: behavior.scaleDown.selectPolicy Disabled */
    bool hpa_limited_by_failure; /* autoscaler: ScalingActive is False, and not for having been scaled to 0 */
    bool hpa_sees;             /* autoscaler: ScalingActive is True */
    bool is_stale;             /* not seen yet in the running list */
    bool job_complete, job_failed; /* a backup's Job */
    int32_t due_min;           /* CronJob: when the last backup was due, in minutes since 1970 */
    int64_t done_ms;           /* CronJob, Job: when a backup was complete; 0: never */
    uint8_t route_parents;     /* HTTPRoute: Gateways that it names ... */
    uint8_t route_accepted;    /* ... that take it as it is ... */
    uint8_t route_refuser;     /* ... and which one, from 1, is the first that does not: mark says why; 0: none */
    char mark[32];             /* Job: annotation serving.everserve.dev/backup, its name; autoscaler: why it is blind;
                                * Headroom: why its pods are not made; "" */
    char other_manager[32];    /* the last manager that is not ours and wrote spec: for messages */
};

struct pod {
    char *name;
    char *detail; /* what goes with waiting, owned; NULL: nothing */
    char uid[UID_SIZE];
    char rv[RV_SIZE];
    char ip[46];
    char node[64]; /* as host_name_copy makes it (cache/host.h) */
    int32_t restarts;
    int32_t exit_code; /* of the container that failed; 0: none did */
    uint32_t image_hash; /* of a Redis pod: image_hash_of its server's image; 0: has none */
    int32_t priority;
    uint32_t device;   /* demand_id of the first kind of devices that it asks for; 0: none ... */
    int32_t n_devices; /* ... and how many it holds: 0 once it has ended */
    bool of_redis : 1;
    bool serves : 1; /* of the predictor: a model, no placeholder */
    bool on_trial : 1; /* ... of its canary; revision is its LABEL_REVISION then */
    bool ready : 1;
    bool running : 1; /* phase Running */
    bool deleting : 1;
    bool disrupted : 1; /* condition DisruptionTarget: evicted, preempted, or its node is going */
    bool stopped : 1;   /* the kubelet says that none of its containers runs */
    bool is_stale : 1;
    int64_t created_ms; /* since 1970 */
    int64_t unschedulable_ms; /* since 1970: since when no node takes it; 0: it has one, or nobody has looked yet */
    /* what follows the last '-' of controller-revision-hash, or pod-template-hash; "": has none */
    char revision[REVISION_SIZE];
    char message[100]; /* the last word of a container that failed (its termination message), or why no node takes it; "" */
    char ended[12];    /* why that container ended, cut: Error, OOMKilled ...; "" */
    char waiting[32]; /* reason a container waits: CrashLoopBackOff, ImagePullBackOff, Unschedulable ...; "" */
};

/* A PersistentVolumeClaim of a Redis pod. */
struct claim {
    char *name;
    char uid[UID_SIZE];
    char rv[RV_SIZE];
    int64_t requested, capacity; /* bytes; 0: not said */
    int64_t created_ms;          /* since 1970, as the next two */
    int64_t removed_ms;          /* CLAIM_REMOVED says so; 0: it does not, -1: it says no time */
    int64_t waits_ms;            /* for its pod to restart before it has its new size, since then; 0: does not */
    bool deleting;
    bool is_stale;
};

#define CLAIM_REMOVED API_GROUP "/removed-at" /* annotation: when its pod left the cluster */

/* Draws out; obj must have metadata.name and metadata.uid: false otherwise. */
bool record_from(enum child child, const cJSON *obj, struct record *out) MUST_USE;
bool pod_from(const cJSON *obj, struct pod *out) MUST_USE; /* pod_done afterwards */
uint32_t image_hash_of(const char *image); /* never 0 */
void pod_done(struct pod *p);
void pod_copy(const struct pod *from, struct pod *to); /* the same */
bool claim_from(const cJSON *obj, struct claim *out) MUST_USE; /* claim_done afterwards */
void claim_done(struct claim *c);

/* Controlled by the InferenceService with this uid; or by nobody any more (its owner reference was
 * edited away) while our manager's fields are still in it. NULL is nobody's. */
bool record_is_ours(const struct record *r, const char *uid);

/* Is there anything in b that a decision could depend on and a does not hold? rv does not count. */
bool record_differs(const struct record *a, const struct record *b);
bool pod_differs(const struct pod *a, const struct pod *b);
bool claim_differs(const struct claim *a, const struct claim *b);

/* Newer by the rule of Kubernetes 1.35: digits only, longer is greater, else lexical. Anything
 * else counts as newer, so that a server with opaque versions loses nothing but some work. */
bool rv_is_older(const char *rv, const char *than);

#endif
