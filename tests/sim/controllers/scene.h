/*
 * sim/controllers/scene.h - what the controllers know of the cluster: every
 * object of every watched kind, whole, and indexes to find them.
 *
 * Pure (no clock, no socket). Owns the objects; managedFields are dropped on
 * the way in. Lists lend: they are good until the next put or drop.
 */
#ifndef SIM_CONTROLLERS_SCENE_H
#define SIM_CONTROLLERS_SCENE_H

#include "json/json.h"
#include "sim/controllers/kinds.h"

struct scene;

struct list {
    const cJSON **items;
    size_t n;
    size_t cap;
};

#define AUTO_LIST CLEANUP(list_done)

void list_add(struct list *l, const cJSON *o);
void list_done(struct list *l);

/* From a watch, the object is the truth unless something newer is known; from
 * the reply to a write of ours, it may also be older than a deletion already seen. */
enum scene_source { SCENE_WATCH, SCENE_REPLY };

struct scene *scene_new(void);
void scene_free(struct scene *v);
struct kinds *scene_kinds(struct scene *v); /* lent */
const struct kinds *scene_kinds_of(const struct scene *v);
const struct kind *scene_kind(const struct scene *v, int kind);

/* Takes obj. False: nothing new, and obj is freed. Otherwise *old is what was there
 * before (NULL: nothing), now the caller's. */
bool scene_put(struct scene *v, int kind, cJSON *obj, enum scene_source source, cJSON **old);
/* Takes the object out and gives it away; NULL when absent, or newer than rv. */
cJSON *scene_drop(struct scene *v, int kind, const char *key, const char *rv);

/* A relist: begin, put what is there, then end gives away one vanished object at a time. */
void scene_relist(struct scene *v, int kind);
cJSON *scene_take_vanished(struct scene *v, int kind);

/* Changes made locally, ahead of the watch. */
/* Only that one: the next of the same name may be known already. */
void scene_mark_deleting(struct scene *v, int kind, const char *key, const char *uid, const char *now);
void scene_bind_pod(struct scene *v, const char *key, const char *node);

const cJSON *scene_get(const struct scene *v, int kind, const char *ns, const char *name);
const cJSON *scene_get_key(const struct scene *v, int kind, const char *key);
const cJSON *scene_get_uid(const struct scene *v, const char *uid, int *kind); /* kind may be NULL */

void scene_list(const struct scene *v, int kind, struct list *out);
void scene_list_ns(const struct scene *v, int kind, const char *ns, struct list *out);
/* Objects with an owner reference to uid. kind -1: of any kind. */
void scene_list_owned(const struct scene *v, int kind, const char *uid, struct list *out);
void scene_list_orphans(const struct scene *v, int kind, const char *ns, struct list *out); /* no controller */
void scene_list_on_node(const struct scene *v, const char *node, struct list *out); /* pods */
int scene_kind_of(const struct scene *v, const cJSON *o); /* of an object lent by this scene */

/* A resourceVersion as a number that can be compared; 0: none. */
uint64_t rv_number(const char *rv);

#endif
