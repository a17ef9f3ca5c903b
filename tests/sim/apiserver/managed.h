/*
 * sim/apiserver/managed.h - who owns which field: metadata.managedFields, and
 * server-side apply on top of it.
 *
 * Pure but for the clock (the time of an entry). Source of the semantics:
 * structured-merge-diff merge/update.go and apimachinery managedfields.
 */
#ifndef SIM_APISERVER_MANAGED_H
#define SIM_APISERVER_MANAGED_H

#include "sim/apiserver/refusal.h"
#include "sim/apiserver/registry.h"

/* A create (old NULL) or update by manager: what changed is its own now, and nobody else's. */
void managed_update(const cJSON *old, cJSON *next, const struct resource *res, const char *manager, const char *sub);

struct apply {
    const struct resource *res;
    const char *manager;
    const char *sub; /* NULL: the main resource */
    bool force;
};

/* The live object (NULL: there is none) with the configuration applied, managedFields included.
 * 409 with a cause for each conflict. Caller owns *out. */
int managed_apply(const struct apply *a, const cJSON *live, const cJSON *config, cJSON **out, struct refusal *r);

/* Nothing but times of ownership differs. */
bool managed_same_object(const cJSON *old, const cJSON *next);

#endif
