/*
 * sim/apiserver/delete.h - deletion: grace, finalizers, propagation, namespaces.
 */
#ifndef SIM_APISERVER_DELETE_H
#define SIM_APISERVER_DELETE_H

#include "sim/apiserver/commit.h"

void delete_one(struct request *q);  /* takes the request */
void delete_many(struct request *q); /* takes the request */

struct deletion {
    int64_t grace_s;         /* -1: the object's own */
    const char *propagation; /* "Orphan", "Background", "Foreground" or NULL */
    const char *uid, *rv;    /* preconditions; NULL: none */
    bool dry;
};
/* One object. *shown (caller owns) is what to answer with. */
int delete_object(struct server *s, struct resource *res, struct object *o, const struct deletion *d, cJSON **shown,
                  struct refusal *r);
/* Carries on with namespaces that are going away. */
void delete_tick(void *server);

#endif
