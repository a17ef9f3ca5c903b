/*
 * sim/controllers/view.h - what the controllers know of the cluster: every
 * object of every watched kind, whole, and indexes to find them.
 *
 * Pure (no clock, no socket). Owns the objects; managedFields are dropped on
 * the way in. Lists lend: they are good until the next put or drop.
 */
#ifndef SIM_CONTROLLERS_VIEW_H
#define SIM_CONTROLLERS_VIEW_H

#include "json/json.h"
#include "sim/controllers/kinds.h"

struct view;

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
enum view_source { VIEW_WATCH, VIEW_REPLY };

struct view *view_new(void);
void view_free(struct view *v);
struct kinds *view_kinds(struct view *v); /* lent */
const struct kind *view_kind(const struct view *v, int kind);

/* Takes obj. False: nothing new, and obj is freed. Otherwise *old is what was there
 * before (NULL: nothing), now the caller's. */
bool view_put(struct view *v, int kind, cJSON *obj, enum view_source source, cJSON **old);
/* Takes the object out and gives it away; NULL when absent, or newer than rv. */
cJSON *view_drop(struct view *v, int kind, const char *key, const char *rv);

/* A relist: begin, put what is there, then end gives away one vanished object at a time. */
void view_relist(struct view *v, int kind);
cJSON *view_take_vanished(struct view *v, int kind);

/* Changes made locally, ahead of the watch. */
void view_mark_deleting(struct view *v, int kind, const char *key, const char *now);
void view_bind_pod(struct view *v, const char *key, const char *node);

const cJSON *view_get(const struct view *v, int kind, const char *ns, const char *name);
const cJSON *view_get_key(const struct view *v, int kind, const char *key);
const cJSON *view_get_uid(const struct view *v, const char *uid, int *kind); /* kind may be NULL */

void view_list(const struct view *v, int kind, struct list *out);
void view_list_ns(const struct view *v, int kind, const char *ns, struct list *out);
/* Objects with an owner reference to uid. kind -1: of any kind. */
void view_list_owned(const struct view *v, int kind, const char *uid, struct list *out);
void view_list_orphans(const struct view *v, int kind, const char *ns, struct list *out); /* no controller */
void view_list_on_node(const struct view *v, const char *node, struct list *out); /* pods */
int view_kind_of(const struct view *v, const cJSON *o); /* of an object lent by this view */

/* A resourceVersion as a number that can be compared; 0: none. */
uint64_t rv_number(const char *rv);

#endif
