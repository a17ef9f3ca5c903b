/*
 * ctrl/look.h - a controller that only looks: what would be done now, by the very passes that do it.
 *
 * Not pure. With ctrl_config.look a controller watches, and makes a pass over a key when it is asked to; the pass
 * ends with its decision. Nothing is ever written to Kubernetes, and Redis is only read: every write goes through one
 * function, which refuses. For `everserve diff` and `why`.
 */
#ifndef CTRL_LOOK_H
#define CTRL_LOOK_H

#include "ctrl/ctrl.h"
#include "plan/plan.h"

struct ctrl_look {
    /* Once per ctrl_look_at. Both are lent; NULL: there is no such resource. */
    void (*on_decided)(void *arg, const struct observed *o, const struct plan *p);
    void *arg;
};

/* The rest only once ctrl_is_ready. */
void ctrl_look_each(struct ctrl *c, void (*row)(void *arg, const char *key), void *arg); /* "namespace/name" of each resource */
void ctrl_look_at(struct ctrl *c, const char *key);
/* From now on as if the resource had this spec, labels and annotations; what else is there of it stays. */
void ctrl_look_as(struct ctrl *c, const cJSON *service);

/* A kind that may not be read, or that the server does not know: it will not become ready. why says which. */
bool ctrl_look_is_hopeless(const struct ctrl *c, struct err *why);

#endif
