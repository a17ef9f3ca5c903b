/*
 * node/objects.h - the ConfigMaps, Secrets and claims that pods refer to, as
 * they are now.
 *
 * Not pure: three watches over all namespaces.
 */
#ifndef SIM_NODE_OBJECTS_H
#define SIM_NODE_OBJECTS_H

#include "kube/client.h"

struct objects;

/* on_change: after any of them in the namespace came, changed or went; ns NULL: a list is complete. */
struct objects *objects_new(struct kube *k, void (*on_change)(void *arg, const char *ns), void *arg);
void objects_free(struct objects *o);

/* kind: "configmaps", "secrets", "persistentvolumeclaims". Lent until the loop runs again; NULL: none. */
const cJSON *objects_get(const struct objects *o, const char *kind, const char *ns, const char *name);

/* False until every kind has been listed: before that, absent means nothing. */
bool objects_is_synced(const struct objects *o);

/* Calls fn for each claim. */
void objects_each_claim(const struct objects *o, void (*fn)(void *arg, const cJSON *claim), void *arg);

#endif
