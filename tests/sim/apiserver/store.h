/*
 * sim/apiserver/store.h - objects in memory: versions, collections, and the log of
 * changes that watches read.
 *
 * Pure (no I/O, no clock). One counter numbers every write. A collection is an
 * array sorted by key ("namespace/name", or "name"). An object is immutable
 * once stored, counted by reference and serialised once. Superseded versions
 * keep only what selectors look at, and their text.
 */
#ifndef SIM_APISERVER_STORE_H
#define SIM_APISERVER_STORE_H

#include "json/json.h"

enum change { CHANGE_ADDED, CHANGE_MODIFIED, CHANGE_DELETED };

struct object {
    unsigned refs;
    uint64_t rv;
    char *key;
    cJSON *tree; /* lent; a skeleton once superseded */
    char *text;  /* see object_text */
    size_t text_len;
    size_t skip; /* length of {"kind":...,"apiVersion":..., at the start of text */
};

struct logged {
    enum change change;
    uint64_t rv;
    struct object *obj;
    struct object *prev; /* NULL for ADDED */
};

struct collection {
    char *name; /* "deployments.apps" */
    struct object **items;
    size_t n, cap;
    struct logged *log; /* ring of LOG_EVENTS */
    size_t log_first, log_n, log_cap;
    size_t log_bytes;
    uint64_t compacted_rv; /* watches from before this are 410 */
};

struct store;

/* Called after every change, before the previous version is thinned. */
typedef void change_fn(void *arg, struct collection *c, const struct logged *ev);

enum { STORE_FIRST_RV = 1000 };

struct store *store_new(change_fn *on_change, void *arg);
void store_free(struct store *s);
uint64_t store_rv(const struct store *s);
struct collection *store_collection(struct store *s, const char *name); /* made when absent */
void store_drop_collection(struct store *s, const char *name);
/* Forgets every log: older watches get 410. */
void store_compact(struct store *s);

/* Reading; all lent. ns NULL or "": cluster scope, or every namespace in ranges. */
struct object *collection_get(const struct collection *c, const char *ns, const char *name);
size_t collection_from(const struct collection *c, const char *key); /* index of the first key >= key */
size_t collection_range(const struct collection *c, const char *ns, size_t *first); /* how many */
const struct logged *collection_log(const struct collection *c, size_t i); /* oldest first */

/* Takes tree, whose first members are kind and apiVersion; stamps metadata.resourceVersion. Lent result. After this the trees of
 * earlier versions are gone: do not look at them any more. */
struct object *store_put(struct store *s, struct collection *c, cJSON *tree);
void store_remove(struct store *s, struct collection *c, const char *ns, const char *name);

struct object *object_ref(struct object *o);
void object_unref(struct object *o); /* NULL is fine */
const char *object_text(struct object *o); /* the JSON; text_len is set */

#endif
