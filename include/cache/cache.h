/*
 * cache/cache.h - everything we know of the cluster, by InferenceService.
 *
 * Pure: events in, knowledge out; no clock, no I/O. The cache owns its entries; what it
 * lends stays valid until the next call that changes the cache. An entry exists while
 * anything of it is known: the InferenceService, a child, or a pod.
 *
 * A list is bracketed by cache_list_start and cache_listed: what was there before and was not
 * seen in between is gone (a delete that no watch told us of).
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include "cache/host.h"
#include "cache/record.h"

struct cache;

struct entry {
    char *key; /* "namespace/name" */
    char *packed; /* pack_text of the InferenceService as compact JSON (metadata we read, spec, status); NULL: there is none */
    char uid[UID_SIZE];
    char rv[RV_SIZE];
    int64_t generation;
    bool is_stale;
    struct record *child[N_CHILDREN]; /* NULL: not known to exist */
    struct pod *pods;
    size_t n_pods;
    struct claim *claims; /* of Redis pods, those that are no more included */
    size_t n_claims;
};


/* Called with the key of each entry that changed in a way a decision could depend on. */
typedef void cache_changed_fn(void *arg, const char *key);

struct cache *cache_new(cache_changed_fn *on_changed, void *arg);
void cache_free(struct cache *c);

/* NULL when nothing is known. */
struct entry *cache_get(struct cache *c, const char *key);
size_t cache_count(const struct cache *c);
/* for (e = cache_next(c, NULL); e; e = cache_next(c, e)); the cache must not change meanwhile. */
struct entry *cache_next(struct cache *c, const struct entry *after);

/* An object is there, or gone. Older than what is known (by rv), its end included: nothing happens. */
void cache_put_service(struct cache *c, const cJSON *obj);
void cache_drop_service(struct cache *c, const cJSON *obj);
void cache_put_child(struct cache *c, const char *kind, const cJSON *obj);
void cache_drop_child(struct cache *c, const char *kind, const cJSON *obj);
void cache_put_pod(struct cache *c, const cJSON *obj);
void cache_drop_pod(struct cache *c, const cJSON *obj);
void cache_put_claim(struct cache *c, const cJSON *obj);
void cache_drop_claim(struct cache *c, const cJSON *obj);

/* Nodes of Kubernetes. A change wakes the services that have a pod there. */
void cache_put_node(struct cache *c, const cJSON *obj);
void cache_drop_node(struct cache *c, const cJSON *obj);
const struct host *cache_host(const struct cache *c, const char *name); /* lent; NULL: not known */
bool cache_hosts_are_known(const struct cache *c); /* the first list is complete: who is missing does not exist */
/* How many nodes there are, and in how many zones that are known. */
void cache_count_places(struct cache *c, size_t *n_hosts, size_t *n_zones);
void cache_forget_hosts(struct cache *c); /* nodes may not be read (any more) */

/* A GET found no such child. */
void cache_child_absent(struct cache *c, const char *key, enum child child);

/* kind: API kind ("Deployment", "Pod", "Node", API_KIND); ns NULL: all namespaces. */
void cache_list_start(struct cache *c, const char *kind, const char *ns);
void cache_listed(struct cache *c, const char *kind, const char *ns);

#endif
