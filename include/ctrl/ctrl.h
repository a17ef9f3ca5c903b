/*
 * ctrl/ctrl.h - the shell around the core: watches in, passes over keys, writes out.
 *
 * Not pure. One controller per process, a guest of the loop. A pass takes one key from the
 * queue, observes (Secret, Redis nodes), lets plan_step decide, carries the plan out, and
 * ends. Passes of different keys run side by side; a key never runs twice at once.
 * Nothing is decided before every watch has its first list; nothing is written without the lease.
 */
#ifndef CTRL_CTRL_H
#define CTRL_CTRL_H

#include <stdbool.h>

#include "base/buf.h"
#include "kube/client.h"
#include "loop/loop.h"

struct ctrl;
struct ctrl_look;

struct ctrl_config {
    const char *const *namespaces; /* lent for good; n 0: all */
    size_t n_namespaces;
    const char *identity;          /* who we are: lease holder and event reporter; lent for good */
    const char *lease_namespace;   /* NULL: no leader election, always leader */
    const char *lease_name;
    int32_t max_passes;            /* at once */
    const char *image;             /* our own, for Redis pods; lent for good; NULL: as it was built */
    int64_t patience_ms;           /* how long a pod may find no node; 0: the default */
    int64_t file_delay_ms;         /* how long a changed Secret may take to reach running pods; 0: the default */
    const struct ctrl_look *look;  /* ctrl/look.h: only looks, on demand; lent for good; NULL: it works */
};

/* kube is lent. */
struct ctrl *ctrl_new(struct loop *l, struct kube *kube, const struct ctrl_config *cfg);
void ctrl_start(struct ctrl *c);
/* No new pass begins; those under way may go on for 10 s, then they are given up. on_stopped is called
 * when the lease is given back as well, which takes 5 s at most. */
void ctrl_stop(struct ctrl *c, void (*on_stopped)(void *arg), void *arg);
void ctrl_free(struct ctrl *c);

/* Every watch has its first list (a follower is ready too: it could take over). why: what is
 * missing, appended when not. */
bool ctrl_is_ready(const struct ctrl *c, struct buf *why);
/* Prometheus text. */
void ctrl_render_metrics(struct ctrl *c, struct buf *out);

#endif
