/*
 * sim/apiserver/registry.h - which resources are served, and what is special about each.
 *
 * Not pure only in that it makes collections. Built-in kinds are a table in kinds.c;
 * custom ones come and go with their definitions.
 */
#ifndef SIM_APISERVER_REGISTRY_H
#define SIM_APISERVER_REGISTRY_H

#include "sim/apiserver/refusal.h"
#include "sim/apiserver/schema.h"
#include "sim/apiserver/store.h"

enum {
    KIND_NAMESPACED = 1,
    KIND_STATUS = 2,
    KIND_SCALE = 4,
    KIND_GENERATION = 8,      /* counts changes of spec */
    KIND_COUNTS_NOTES = 16,   /* ... and of annotations */
    KIND_PATH_NAMES = 32,     /* names only need to fit a path segment (rbac) */
    KIND_LABEL_NAMES = 64,    /* names are DNS labels */
};

struct kind {
    const char *group, *version, *plural, *singular, *kind;
    const char *short_names, *categories; /* comma separated; "" : none */
    const char *type;     /* full schema name; NULL: anything goes */
    unsigned flags;
    const char *fields;   /* selectable fields besides metadata.name and .namespace, comma separated */
    void (*fill)(cJSON *obj);                                             /* defaults; may be NULL */
    void (*settle)(cJSON *obj, const cJSON *old); /* what the server adds and nobody owns; may be NULL */
    void (*check)(const cJSON *obj, const cJSON *old, struct refusal *r); /* causes; old NULL on create */
};

struct resource {
    char *group, *version, *plural, *singular, *kind, *list_kind;
    char *short_names, *categories, *fields;
    unsigned flags;
    const struct kind *ops;  /* NULL for custom resources */
    struct schema *schema;
    struct collection *items;
    /* custom resources */
    const cJSON *crd_version; /* in crd_copy */
    cJSON *crd_copy;          /* the definition's spec */
    /* converts between stored and served form when they differ; NULL otherwise */
    void (*to_served)(cJSON *obj);
    void (*to_stored)(cJSON *obj);
};

extern const struct kind kinds[];
extern const size_t n_kinds;

struct registry;

struct registry *registry_new(struct store *s);
void registry_free(struct registry *g);
struct resource *registry_find(const struct registry *g, const char *group, const char *version, const char *plural);
struct resource *registry_find_kind(const struct registry *g, const char *api_version, const char *kind);
struct resource *registry_at(const struct registry *g, size_t i); /* NULL past the end */
const struct schema *registry_type(const struct registry *g, const char *full_name);
struct map *registry_types(const struct registry *g);

/* Serves what a definition describes, instead of what it described before. */
void registry_add_custom(struct registry *g, const cJSON *crd);
void registry_drop_custom(struct registry *g, const char *group, const char *plural);

/* "v1" or "apps/v1"; caller frees. */
char *resource_api_version(const struct resource *res);
bool resource_is_namespaced(const struct resource *res);
/* "deployments.apps" or "pods": as messages name it. Caller frees. */
char *resource_name(const struct resource *res);

#endif
