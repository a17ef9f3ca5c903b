/* OpenAPI v3, as far as clients need it: which kinds there are, their fields, and that
 * writes take fieldValidation. */
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "sim/apiserver/discovery.h"

static cJSON *schema_doc(const struct schema *s, cJSON *defs, bool top);

static void add_list_marks(cJSON *d, const struct schema *s)
{
    static const char *const names[] = { "atomic", "set", "map" };

    json_str(d, "x-kubernetes-list-type", names[s->list]);
    for (size_t i = 0; i < s->n_keys; i++)
        json_push_str(json_arr(d, "x-kubernetes-list-map-keys"), s->keys[i]);
    if (s->merge_key) {
        json_str(d, "x-kubernetes-patch-strategy", "merge");
        if (*s->merge_key)
            json_str(d, "x-kubernetes-patch-merge-key", s->merge_key);
    }
}

static void add_type(cJSON *d, const struct schema *s)
{
    switch (s->kind) {
    case SCHEMA_ANY: json_bool(d, "x-kubernetes-preserve-unknown-fields", true); break;
    case SCHEMA_OBJECT:
    case SCHEMA_MAP: json_str(d, "type", "object"); break;
    case SCHEMA_LIST: json_str(d, "type", "array"); break;
    case SCHEMA_INT:
        json_str(d, "type", "integer");
        json_str(d, "format", s->is_int64 ? "int64" : "int32");
        break;
    case SCHEMA_NUMBER: json_str(d, "type", "number"); break;
    case SCHEMA_BOOL: json_str(d, "type", "boolean"); break;
    case SCHEMA_INT_OR_STRING: json_str(d, "format", "int-or-string"); break;
    default: json_str(d, "type", "string");
    }
}

static void add_fields(cJSON *d, const struct schema *s, cJSON *defs)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct schema_field *f = &s->fields[i];

        json_put(json_obj(d, "properties"), f->name, schema_doc(f->type, defs, false));
        if (f->required)
            json_push_str(json_arr(d, "required"), f->name);
    }
}

static cJSON *schema_doc(const struct schema *s, cJSON *defs, bool top)
{
    cJSON *d;

    if (s->name && !top) {
        d = json_new_obj();
        json_fmt(d, "$ref", "#/components/schemas/%s", s->name);
        if (!json_member(defs, s->name)) {
            json_obj(defs, s->name); /* before its fields: types may name themselves */
            json_put(defs, s->name, schema_doc(s, defs, true));
        }
        return d;
    }
    if (s->is_custom && !top && s->rules)
        return json_dup(s->rules);
    d = s->is_custom && s->rules ? json_dup(s->rules) : json_new_obj();
    if (!s->is_custom)
        add_type(d, s);
    if (s->kind == SCHEMA_LIST && s->item) {
        json_put(d, "items", schema_doc(s->item, defs, false));
        add_list_marks(d, s);
    }
    if (s->kind == SCHEMA_MAP && s->item)
        json_put(d, "additionalProperties", schema_doc(s->item, defs, false));
    if (s->choices)
        json_put_dup(d, "enum", s->choices);
    if (s->kind == SCHEMA_OBJECT)
        add_fields(d, s, defs);
    return d;
}

static cJSON *gvk_of(const struct resource *res)
{
    cJSON *g = json_new_obj();

    json_str(g, "group", res->group);
    json_str(g, "version", res->version);
    json_str(g, "kind", res->kind);
    return g;
}

static void add_parameter(cJSON *op, const char *name)
{
    cJSON *p = json_push_obj(json_arr(op, "parameters"));

    json_str(p, "name", name);
    json_str(p, "in", "query");
    json_str(json_obj(p, "schema"), "type", "string");
}

static void add_operation(cJSON *path, const char *method, const char *action, const struct resource *res)
{
    static const char *const parameters[] = { "dryRun", "fieldManager", "fieldValidation", "force" };
    cJSON *op = json_obj(path, method);

    json_str(op, "x-kubernetes-action", action);
    json_put(op, "x-kubernetes-group-version-kind", gvk_of(res));
    for (size_t i = 0; i < COUNT(parameters); i++)
        add_parameter(op, parameters[i]);
}

static void add_paths(cJSON *paths, const struct resource *res)
{
    AUTO_FREE char *base = xasprintf("%s%s/%s/%s%s", *res->group ? "/apis/" : "/api", res->group, res->version,
                                     resource_is_namespaced(res) ? "namespaces/{namespace}/" : "", res->plural);
    AUTO_FREE char *one = xasprintf("%s/{name}", base);

    add_operation(json_obj(paths, base), "post", "post", res);
    add_operation(json_obj(paths, one), "get", "get", res);
    add_operation(json_obj(paths, one), "patch", "patch", res);
    add_operation(json_obj(paths, one), "put", "put", res);
}

static void add_kind(cJSON *doc, const struct resource *res)
{
    cJSON *defs = json_obj(json_obj(doc, "components"), "schemas"), *d;
    AUTO_FREE char *name = NULL;

    add_paths(json_obj(doc, "paths"), res);
    if (!res->schema)
        return;
    name = res->schema->name ? xstrdup(res->schema->name) : xasprintf("%s.%s.%s", res->group, res->version, res->kind);
    json_put(defs, name, schema_doc(res->schema, defs, true));
    d = json_member(defs, name);
    json_push(json_arr(d, "x-kubernetes-group-version-kind"), gvk_of(res));
}

static cJSON *version_doc(const struct server *s, const char *group, const char *version)
{
    cJSON *doc = json_new_obj();
    bool any = false;

    json_str(doc, "openapi", "3.0.0");
    json_str(json_obj(doc, "info"), "title", "Kubernetes");
    json_str(json_obj(doc, "info"), "version", "v1.35.0+sim");
    for (size_t i = 0; registry_at(s->registry, i); i++) {
        const struct resource *res = registry_at(s->registry, i);

        if (strcmp(res->group, group) || strcmp(res->version, version))
            continue;
        add_kind(doc, res);
        any = true;
    }
    if (any)
        return doc;
    cJSON_Delete(doc);
    return NULL;
}

static cJSON *index_doc(const struct server *s)
{
    cJSON *doc = json_new_obj(), *paths = json_obj(doc, "paths");

    for (size_t i = 0; registry_at(s->registry, i); i++) {
        const struct resource *res = registry_at(s->registry, i);
        AUTO_FREE char *key = xasprintf("%s%s%s/%s", *res->group ? "apis" : "api", *res->group ? "/" : "", res->group,
                                        res->version);

        if (!json_member(paths, key))
            json_fmt(json_obj(paths, key), "serverRelativeURL", "/openapi/v3/%s", key);
    }
    return doc;
}

bool openapi_serve(struct request *q)
{
    static const char prefix[] = "/openapi/v3";
    AUTO_FREE char *rest = NULL;
    char *group, *version;
    cJSON *doc;

    if (!str_has_prefix(q->path, prefix))
        return false;
    rest = xstrdup(q->path + strlen(prefix));
    if (!*rest) {
        reply_json(q, 200, index_doc(q->s));
        return true;
    }
    version = strrchr(rest, '/');
    if (!version)
        return false;
    *version++ = '\0';
    group = str_has_prefix(rest, "/apis/") ? rest + strlen("/apis/") : rest + strlen(rest);
    doc = version_doc(q->s, group, version);
    if (doc)
        reply_json(q, 200, doc);
    return doc;
}
