#include "sim/apiserver/schema.h"

#include <string.h>

#include "base/str.h"

struct schema *schema_new(enum schema_kind kind)
{
    struct schema *s = xcalloc(1, sizeof(*s));

    s->kind = kind;
    return s;
}

static void free_child(struct schema *s)
{
    if (s && !s->name)
        schema_free(s);
}

void schema_clear(struct schema *s)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        free(s->fields[i].name);
        free_child(s->fields[i].type);
    }
    for (size_t i = 0; i < s->n_keys; i++)
        free(s->keys[i]);
    free_child(s->item);
    free(s->fields);
    free(s->keys);
    free(s->merge_key);
    cJSON_Delete(s->fallback);
    cJSON_Delete(s->choices);
}

void schema_free(struct schema *s)
{
    if (!s)
        return;
    schema_clear(s);
    free(s->name);
    free(s);
}

const struct schema_field *schema_field(const struct schema *s, const char *name)
{
    for (size_t i = 0; i < s->n_fields; i++)
        if (strcmp(s->fields[i].name, name) == 0)
            return &s->fields[i];
    return NULL;
}

struct schema_field *schema_add_field(struct schema *s, const char *name, size_t name_len, struct schema *type)
{
    s->fields = xgrow(s->fields, &s->cap_fields, s->n_fields + 1, sizeof(*s->fields));
    s->fields[s->n_fields] = (struct schema_field){ .name = xstrndup(name, name_len), .type = type };
    return &s->fields[s->n_fields++];
}

const struct schema *schema_of_member(const struct schema *s, const char *name)
{
    const struct schema_field *f;

    if (!s)
        return NULL;
    f = schema_field(s, name);
    if (f)
        return f->type;
    return s->kind == SCHEMA_MAP || s->kind == SCHEMA_OBJECT ? s->item : NULL;
}

/* ---- custom types ---- */

static enum schema_kind custom_kind(const cJSON *o)
{
    const char *type = json_get_str(o, "type");

    if (cJSON_IsTrue(json_member(o, "x-kubernetes-int-or-string")))
        return SCHEMA_INT_OR_STRING;
    if (str_eq(type, "object"))
        return json_member(o, "properties") || !json_member(o, "additionalProperties") ? SCHEMA_OBJECT : SCHEMA_MAP;
    if (str_eq(type, "array"))
        return SCHEMA_LIST;
    if (str_eq(type, "string"))
        return SCHEMA_STRING;
    if (str_eq(type, "integer"))
        return SCHEMA_INT;
    if (str_eq(type, "number"))
        return SCHEMA_NUMBER;
    return str_eq(type, "boolean") ? SCHEMA_BOOL : SCHEMA_ANY;
}

static void add_keys(struct schema *s, const cJSON *keys)
{
    const cJSON *k;

    cJSON_ArrayForEach(k, keys) {
        s->keys = xrealloc(s->keys, (s->n_keys + 1) * sizeof(*s->keys));
        s->keys[s->n_keys++] = xstrdup(cJSON_IsString(k) ? k->valuestring : "");
    }
}

static struct schema *custom_node(const cJSON *o, struct schema *meta, int depth);

static void custom_list(struct schema *s, const cJSON *o, int depth)
{
    const char *type = json_get_str(o, "x-kubernetes-list-type");

    if (str_eq(type, "set"))
        s->list = SCHEMA_LIST_SET;
    if (str_eq(type, "map"))
        s->list = SCHEMA_LIST_MAP;
    add_keys(s, json_member(o, "x-kubernetes-list-map-keys"));
    if (cJSON_IsObject(json_member(o, "items")))
        s->item = custom_node(json_member(o, "items"), NULL, depth + 1);
}

static bool is_required(const cJSON *o, const char *name)
{
    const cJSON *r;

    cJSON_ArrayForEach(r, json_member(o, "required"))
        if (cJSON_IsString(r) && strcmp(r->valuestring, name) == 0)
            return true;
    return false;
}

static void custom_fields(struct schema *s, const cJSON *o, struct schema *meta, int depth)
{
    const cJSON *p;

    cJSON_ArrayForEach(p, json_member(o, "properties")) {
        bool is_meta = meta && strcmp(p->string, "metadata") == 0;
        struct schema *type = is_meta ? meta : custom_node(p, NULL, depth + 1);

        schema_add_field(s, p->string, strlen(p->string), type)->required = is_required(o, p->string);
    }
}

static struct schema *custom_node(const cJSON *o, struct schema *meta, int depth)
{
    struct schema *s = schema_new(depth > 60 ? SCHEMA_ANY : custom_kind(o));
    const cJSON *more = json_member(o, "additionalProperties");

    s->is_custom = true;
    s->rules = o;
    s->nullable = cJSON_IsTrue(json_member(o, "nullable"));
    s->keep_unknown = cJSON_IsTrue(json_member(o, "x-kubernetes-preserve-unknown-fields"));
    s->atomic = str_eq(json_get_str(o, "x-kubernetes-map-type"), "atomic");
    s->fallback = json_dup(json_member(o, "default"));
    s->is_int64 = true;
    if (s->kind == SCHEMA_LIST)
        custom_list(s, o, depth);
    if (s->kind == SCHEMA_OBJECT || s->kind == SCHEMA_MAP)
        custom_fields(s, o, meta, depth);
    if (cJSON_IsObject(more) && s->kind != SCHEMA_LIST)
        s->item = custom_node(more, NULL, depth + 1);
    return s;
}

static void ensure_field(struct schema *s, const char *name, struct schema *type)
{
    if (!schema_field(s, name))
        schema_add_field(s, name, strlen(name), type);
    else if (!type->name)
        schema_free(type);
}

struct schema *schema_custom(const cJSON *openapi, struct schema *meta)
{
    struct schema *s = custom_node(openapi, meta, 0);

    ensure_field(s, "apiVersion", schema_new(SCHEMA_STRING));
    ensure_field(s, "kind", schema_new(SCHEMA_STRING));
    ensure_field(s, "metadata", meta);
    return s;
}
