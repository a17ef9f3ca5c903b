/*
 * node/pod.h - one pod bound to one of our nodes, from its first event to its end.
 *
 * Not pure. pod_step is level-triggered: it looks at what is and does the next
 * thing; anything that changes calls pod_touch. Status is written only when it
 * differs from what was written last.
 */
#ifndef SIM_NODE_POD_H
#define SIM_NODE_POD_H

#include "sim/node/container.h"
#include "sim/node/world.h"

enum { COND_SANDBOX, COND_INITIALIZED, COND_CONTAINERS_READY, COND_READY, N_CONDITIONS };

struct pod_condition {
    bool is_true;
    int64_t since_ms; /* wall; 0: never set */
};

struct pod {
    struct node *node;
    char *uid, *ns, *name, *dir;
    cJSON *obj;  /* as seen last */
    cJSON *spec; /* as seen first: containers point into it */
    struct net_pod net;
    char ip[16]; /* kept after the network is gone; "" before */
    struct container *containers; /* init containers first */
    size_t n_containers, n_init;
    int64_t start_ms; /* wall */
    struct pod_condition conditions[N_CONDITIONS];
    struct loop_timer *step;
    bool volumes_changed;
    int64_t stop_by_ms;  /* monotonic; 0: not being deleted */
    bool is_history;     /* had ended before we came: only its deletion is ours */
    bool is_gone;        /* the API has no such pod any more */
    bool is_deleting;    /* the final delete is under way */
    char fault[32];      /* the annotation acted on last */
    char trouble[256];   /* why containers cannot be made yet; "": nothing */
    struct kube_call *status_call, *delete_call;
    cJSON *sent; /* the status written last */
};

struct pod *pod_new(struct node *n, const cJSON *obj);
void pod_free(struct pod *p); /* kills what runs and removes its folder */

void pod_update(struct pod *p, const cJSON *obj);
void pod_gone(struct pod *p); /* DELETED was seen */
void pod_touch(struct pod *p); /* look soon */
void pod_neighbour_changed(struct pod *p); /* a ConfigMap, Secret or claim of its namespace */

/* Its node's fault began or ended. */
void pod_node_changed(struct pod *p, enum node_fault was);

/* Where volumes and environment of its containers come from; lent. */
struct volume_site;
void pod_volume_site(const struct pod *p, struct volume_site *site);

const char *pod_restart_policy(const struct pod *p);
int64_t pod_grace_ms(const struct pod *p); /* of a container that is to be restarted */

#endif
