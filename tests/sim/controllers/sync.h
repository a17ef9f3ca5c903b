/*
 * sim/controllers/sync.h - the shape of every controller: a pure function from
 * what is known and a key to the calls to make.
 *
 * `sync` reads the scene and the time it is given, nothing else; memory that a
 * controller must keep between passes (an autoscaler's recommendations) hangs
 * off `state` and belongs to the controller's own file.
 */
#ifndef SIM_CONTROLLERS_SYNC_H
#define SIM_CONTROLLERS_SYNC_H

#include "sim/controllers/calls.h"
#include "sim/controllers/scene.h"
#include "sim/controllers/workq.h"

struct sync_options {
    int64_t node_grace_ms;   /* a node silent for this long is lost */
    int64_t pod_eviction_s;  /* what the default toleration of lost nodes lasts */
    int64_t hpa_period_ms;
};

struct sync {
    const struct scene *scene;
    const char *key;
    int64_t now_ms; /* wall time */
    const struct sync_options *opts;
    void *state; /* what new_state made */
    struct calls out;
};

/* One object changed: old NULL: it is new; now NULL: it is gone. */
struct change {
    const struct scene *scene;
    int kind;
    const cJSON *old;
    const cJSON *now;
};

enum { KINDS_END = -1, KINDS_ALL = -2 };

struct controller {
    const char *name;
    const char *help;
    int kinds[10]; /* to watch, KINDS_END ends; KINDS_ALL: every kind there is */
    int max_busy;  /* keys worked on at once; 0: 16 */
    void *(*new_state)(void);
    void (*free_state)(void *state);
    void (*on_change)(void *state, const struct change *c, struct workq *q); /* adds keys */
    void (*sync)(struct sync *s);
    void (*on_reply)(void *state, const struct call *call, int status, const cJSON *body); /* may be NULL */
};

/* The current object of a change: the new one, else the old one. */
static inline const cJSON *change_item(const struct change *c)
{
    return c->now ? c->now : c->old;
}

/* For on_change: adds the key of the changed object itself. */
void change_add_self(const struct change *c, struct workq *q);
/* Adds its controller's key when that is of this kind name, before and after. */
void change_add_owner(const struct change *c, const char *kind_name, struct workq *q);
/* Adds the keys of the objects of `kind` in the same namespace whose selector (at path) matches
 * the labels the object has, or had. */
void change_add_selecting(const struct change *c, int kind, const char *path, struct workq *q);
/* As above, but only for objects without a controller: who might adopt it. */
void change_add_adopters(const struct change *c, int kind, struct workq *q);

extern const struct controller controller_deployment, controller_replicaset, controller_statefulset, controller_hpa,
    controller_pdb, controller_gc, controller_namespace, controller_endpointslice, controller_endpoints,
    controller_binder, controller_scheduler, controller_nodelife, controller_podgc, controller_job,
    controller_cronjob;

#endif
