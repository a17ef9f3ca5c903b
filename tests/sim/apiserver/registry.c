#include "sim/apiserver/registry.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "sim/apiserver/events.h"

struct registry {
    struct store *store;
    struct map *types;
    struct resource **all;
    size_t n, cap;
};

static void resource_free(struct resource *r)
{
    free(r->group);
    free(r->version);
    free(r->plural);
    free(r->singular);
    free(r->kind);
    free(r->list_kind);
    free(r->short_names);
    free(r->categories);
    free(r->fields);
    if (!r->ops) {
        schema_free(r->schema);
        cJSON_Delete(r->crd_copy);
    }
    free(r);
}

char *resource_api_version(const struct resource *res)
{
    return str_empty(res->group) ? xstrdup(res->version) : xasprintf("%s/%s", res->group, res->version);
}

char *resource_name(const struct resource *res)
{
    return str_empty(res->group) ? xstrdup(res->plural) : xasprintf("%s.%s", res->plural, res->group);
}

bool resource_is_namespaced(const struct resource *res)
{
    return res->flags & KIND_NAMESPACED;
}

static void add(struct registry *g, struct resource *r)
{
    g->all = xgrow(g->all, &g->cap, g->n + 1, sizeof(struct resource *));
    g->all[g->n++] = r;
}

static struct resource *from_kind(struct registry *g, const struct kind *k)
{
    struct resource *r = xcalloc(1, sizeof(*r));
    AUTO_FREE char *name = NULL;
    bool is_event = strcmp(k->group, "events.k8s.io") == 0;

    r->group = xstrdup(k->group);
    r->version = xstrdup(k->version);
    r->plural = xstrdup(k->plural);
    r->singular = xstrdup(k->singular);
    r->kind = xstrdup(k->kind);
    r->list_kind = xasprintf("%sList", k->kind);
    r->short_names = xstrdup(k->short_names);
    r->categories = xstrdup(k->categories);
    r->fields = xstrdup(k->fields ? k->fields : "");
    r->flags = k->flags;
    r->ops = k;
    r->schema = k->type ? map_get(g->types, k->type) : NULL;
    if (k->type && !r->schema)
        abort();
    name = is_event ? xstrdup("events") : resource_name(r);
    r->items = store_collection(g->store, name);
    r->to_served = is_event ? events_to_new : NULL;
    r->to_stored = is_event ? events_to_core : NULL;
    return r;
}

struct registry *registry_new(struct store *s)
{
    struct registry *g = xcalloc(1, sizeof(*g));

    g->store = s;
    g->types = schema_builtin();
    for (size_t i = 0; i < n_kinds; i++)
        add(g, from_kind(g, &kinds[i]));
    return g;
}

void registry_free(struct registry *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n; i++)
        resource_free(g->all[i]);
    free(g->all);
    schema_builtin_free(g->types);
    free(g);
}

struct map *registry_types(const struct registry *g)
{
    return g->types;
}

const struct schema *registry_type(const struct registry *g, const char *full_name)
{
    return map_get(g->types, full_name);
}

struct resource *registry_at(const struct registry *g, size_t i)
{
    return i < g->n ? g->all[i] : NULL;
}

struct resource *registry_find(const struct registry *g, const char *group, const char *version, const char *plural)
{
    for (size_t i = 0; i < g->n; i++)
        if (!strcmp(g->all[i]->plural, plural) && !strcmp(g->all[i]->group, group) &&
            !strcmp(g->all[i]->version, version))
            return g->all[i];
    return NULL;
}

struct resource *registry_find_kind(const struct registry *g, const char *api_version, const char *kind)
{
    for (size_t i = 0; i < g->n; i++) {
        AUTO_FREE char *v = resource_api_version(g->all[i]);

        if (str_eq(v, api_version) && str_eq(g->all[i]->kind, kind))
            return g->all[i];
    }
    return NULL;
}

void registry_drop_custom(struct registry *g, const char *group, const char *plural)
{
    size_t kept = 0;

    for (size_t i = 0; i < g->n; i++) {
        struct resource *r = g->all[i];

        if (!r->ops && !strcmp(r->group, group) && !strcmp(r->plural, plural))
            resource_free(r);
        else
            g->all[kept++] = r;
    }
    g->n = kept;
}

static char *join(const cJSON *names)
{
    struct buf b CLEANUP(buf_done) = { 0 };
    const cJSON *n;

    buf_init(&b, 16 << 10);
    cJSON_ArrayForEach(n, names)
        buf_fmt(&b, "%s%s", b.len ? "," : "", cJSON_IsString(n) ? n->valuestring : "");
    return buf_take(&b);
}

static char *text_or(const cJSON *o, const char *path, const char *fallback)
{
    const char *s = json_get_str(o, path);

    return xstrdup(s ? s : fallback);
}

static struct resource *from_version(struct registry *g, const cJSON *crd, size_t index)
{
    struct resource *r = xcalloc(1, sizeof(*r));
    const cJSON *schema;
    AUTO_FREE char *name = NULL;

    r->crd_copy = json_dup(json_member(crd, "spec"));
    r->crd_version = cJSON_GetArrayItem(json_member(r->crd_copy, "versions"), (int)index);
    r->group = text_or(r->crd_copy, "group", "");
    r->version = text_or(r->crd_version, "name", "");
    r->plural = text_or(r->crd_copy, "names.plural", "");
    r->singular = text_or(r->crd_copy, "names.singular", "");
    r->kind = text_or(r->crd_copy, "names.kind", "");
    r->list_kind = text_or(r->crd_copy, "names.listKind", "");
    r->short_names = join(json_at(r->crd_copy, "names.shortNames"));
    r->categories = join(json_at(r->crd_copy, "names.categories"));
    r->fields = xstrdup("");
    r->flags = KIND_GENERATION;
    if (str_eq(json_get_str(r->crd_copy, "scope"), "Namespaced"))
        r->flags |= KIND_NAMESPACED;
    if (json_has(r->crd_version, "subresources.status"))
        r->flags |= KIND_STATUS;
    if (json_has(r->crd_version, "subresources.scale"))
        r->flags |= KIND_SCALE;
    schema = json_at(r->crd_version, "schema.openAPIV3Schema");
    r->schema = schema_custom(schema, map_get(g->types, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
    if (cJSON_IsTrue(json_member(r->crd_copy, "preserveUnknownFields")))
        r->schema->keep_unknown = true;
    name = resource_name(r);
    r->items = store_collection(g->store, name);
    return r;
}

void registry_add_custom(struct registry *g, const cJSON *crd)
{
    const char *group = json_get_str(crd, "spec.group"), *plural = json_get_str(crd, "spec.names.plural");
    const cJSON *v;
    size_t i = 0;

    registry_drop_custom(g, group, plural);
    cJSON_ArrayForEach(v, json_at(crd, "spec.versions")) {
        if (json_get_bool(v, "served", false))
            add(g, from_version(g, crd, i));
        i++;
    }
}
