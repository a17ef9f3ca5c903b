#include "json/owned.h"

#include <string.h>

#include "base/str.h"
#include "owned_path.h"

const cJSON *owned_fields(const cJSON *live, const char *manager)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, json_at(live, "metadata.managedFields"))
        if (str_eq(json_get_str(entry, "manager"), manager) && str_eq(json_get_str(entry, "operation"), "Apply") &&
            str_empty(json_get_str(entry, "subresource")))
            return json_member(entry, "fieldsV1");
    return NULL;
}

static cJSON *project(const cJSON *live, const cJSON *fields);

static cJSON *project_object(const cJSON *live, const cJSON *fields)
{
    cJSON *out = json_new_obj();

    for (const cJSON *f = fields->child; f; f = f->next) {
        const cJSON *v = str_has_prefix(f->string, "f:") ? json_member(live, f->string + 2) : NULL;

        if (v)
            json_put(out, f->string + 2, project(v, f));
    }
    return out;
}

static cJSON *project_array(const cJSON *live, const cJSON *fields)
{
    cJSON *out = json_new_arr();
    struct elements owned;
    int i = 0;

    elements_init(&owned, fields);
    for (const cJSON *item = live->child; item; item = item->next, i++) {
        const struct element *el = elements_find(&owned, item, i);

        if (el)
            json_push(out, project(item, el->fields));
    }
    elements_done(&owned);
    return out;
}

static cJSON *project(const cJSON *live, const cJSON *fields)
{
    if (!path_is_leaf(fields) && cJSON_IsObject(live))
        return project_object(live, fields);
    if (!path_is_leaf(fields) && cJSON_IsArray(live))
        return project_array(live, fields);
    return json_dup(live);
}

cJSON *owned_project(const cJSON *live, const cJSON *fields)
{
    cJSON *out, *meta;

    if (!cJSON_IsObject(live) || path_is_leaf(fields))
        return json_new_obj();
    out = project_object(live, fields);
    meta = json_member(out, "metadata");
    json_del(out, "apiVersion");
    json_del(out, "kind");
    json_del(meta, "name");
    json_del(meta, "namespace");
    return out;
}

static uint64_t mix(uint64_t h)
{
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
    return h ^ (h >> 31);
}

static uint64_t hash_value(const cJSON *v, bool ordered);

static uint64_t hash_array(const cJSON *v, bool ordered)
{
    bool any_order = !ordered || !path_is_ordered(v->string);
    uint64_t chain = 2, sum = 2;

    for (const cJSON *item = v->child; item; item = item->next) {
        uint64_t h = hash_value(item, ordered);

        any_order = any_order && cJSON_IsObject(item);
        chain = mix(chain * 31 + h);
        sum += mix(h);
    }
    return any_order ? mix(sum) : chain;
}

/* A sum, so that the order of members does not matter. */
static uint64_t hash_object(const cJSON *v, const char *const *skip, bool ordered)
{
    uint64_t sum = 1;

    for (const cJSON *m = v->child; m; m = m->next) {
        bool skipped = cJSON_IsNull(m);

        for (const char *const *s = skip; s && *s && !skipped; s++)
            skipped = str_eq(m->string, *s);
        if (!skipped)
            sum += mix(str_hash(hash_value(m, ordered), m->string, strlen(m->string)));
    }
    return mix(sum);
}

static uint64_t hash_value(const cJSON *v, bool ordered)
{
    double num;

    if (cJSON_IsObject(v))
        return hash_object(v, NULL, ordered);
    if (cJSON_IsArray(v))
        return hash_array(v, ordered);
    if (cJSON_IsString(v))
        return str_hash(str_hash(STR_HASH_INIT, "s", 1), v->valuestring, strlen(v->valuestring));
    if (cJSON_IsNumber(v)) {
        num = v->valuedouble + 0.0; /* no negative zero */
        return str_hash(str_hash(STR_HASH_INIT, "n", 1), &num, sizeof(num));
    }
    return cJSON_IsTrue(v) ? 3 : cJSON_IsFalse(v) ? 4 : 5;
}

static uint64_t hash_root(const cJSON *obj, bool ordered)
{
    static const char *const root_skip[] = { "apiVersion", "kind", "metadata", NULL };
    static const char *const meta_skip[] = { "name", "namespace", NULL };
    const cJSON *meta = json_member(obj, "metadata");

    if (!cJSON_IsObject(obj))
        return 0;
    return mix(hash_object(obj, root_skip, ordered) + 31 * (meta ? hash_object(meta, meta_skip, ordered) : mix(1)));
}

uint64_t owned_hash(const cJSON *obj)
{
    return hash_root(obj, true);
}

uint64_t owned_hash_any_order(const cJSON *obj)
{
    return hash_root(obj, false);
}

bool owned_has(const cJSON *fields, const char *path)
{
    char name[256];

    while (*path) {
        size_t n = strcspn(path, ".");

        if (!fields || n >= sizeof(name))
            return false;
        memcpy(name, path, n);
        name[n] = '\0';
        fields = path_member(fields, name);
        if (fields && path_is_leaf(fields))
            return true;
        path += n + (path[n] == '.');
    }
    return fields != NULL;
}
