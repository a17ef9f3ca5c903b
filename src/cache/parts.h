/*
 * cache/parts.h - what the files of the cache share: its layout, and how an entry comes and changes.
 *
 * Pure, as the door (cache/cache.h) says.
 */
#ifndef SRC_CACHE_PARTS_H
#define SRC_CACHE_PARTS_H

#include "base/map.h"
#include "cache/cache.h"
#include "cache/shape.h"

/* What was deleted lately. The reply to a write of ours may arrive after the event that tells of
 * the object's end: it must not bring the object back, no further event would take it away. */
struct grave {
    uint64_t uid; /* its hash */
    char rv[RV_SIZE];
};

/* A node, what it offers, and what of that is taken: scratch of room.c. */
struct known_host {
    struct host host;
    struct shape *shape; /* owned */
    int64_t taken;
};

enum { N_GRAVES = 512 };

struct cache {
    struct map *entries;
    struct map *hosts; /* of known_host, by host_name_copy */
    bool hosts_are_known;
    size_t n_zones; /* of the hosts; SIZE_MAX: to be counted again */
    struct grave graves[N_GRAVES]; /* by uid; a newer one takes the place */
    cache_changed_fn *on_changed;
    void *arg;
};

/* The entry of the service that the object's label names; NULL: none is named, or there is none and make is false. */
struct entry *cache_pod_entry(struct cache *c, const cJSON *obj, bool make);
/* Tells, then forgets an entry of which nothing is left: e may be gone. */
void cache_changed(struct cache *c, struct entry *e);

/* Of a sweep after a list. */
void cache_drop_pod_of(struct cache *c, struct entry *e, struct pod *p);
void cache_drop_claim_of(struct cache *c, struct entry *e, struct claim *claim);
void cache_free_host(void *known_host);
void cache_list_hosts_start(struct cache *c);
void cache_hosts_listed(struct cache *c);

#endif
