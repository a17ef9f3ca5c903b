#include "sim/apiserver/meta.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "sim/apiserver/valid.h"

void uid_new(char out[37])
{
    char h[33];

    str_random_hex(h, 32);
    h[12] = '4';
    h[16] = "89ab"[h[16] & 3];
    snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8, h + 12, h + 16, h + 20);
}

static void random_suffix(char out[6])
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    char h[11];

    str_random_hex(h, 10);
    for (int i = 0; i < 5; i++)
        out[i] = alphabet[(h[2 * i] * 16 + h[2 * i + 1]) % (sizeof(alphabet) - 1)];
    out[5] = '\0';
}

static int check_type(struct write *w, struct refusal *r)
{
    AUTO_FREE char *want = resource_api_version(w->res);
    const char *got = json_get_str(w->next, "apiVersion"), *kind = json_get_str(w->next, "kind");

    if ((!w->res->ops && str_empty(kind)) || (str_empty(kind) != str_empty(got) && str_empty(kind)))
        return refuse(r, 400, "BadRequest", "Object 'Kind' is missing in '%s'", got ? got : "");
    if (!str_empty(got) && !str_eq(got, want))
        return refuse(r, 400, "BadRequest", "the API version in the data (%s) does not match the expected API version (%s)",
                      got, want);
    if (!str_empty(kind) && !str_eq(kind, w->res->kind) && !w->res->ops) {
        refusal_cause(r, "FieldValueInvalid", "kind", "Invalid value: \"%s\": must be %s", kind, w->res->kind);
        return refusal_invalid(r, w->res->group, kind, json_get_str(w->next, "metadata.name"));
    }
    if (!str_empty(kind) && !str_eq(kind, w->res->kind))
        return refuse(r, 400, "BadRequest", "%s in version \"%s\" cannot be handled as a %s: no kind match", kind,
                      w->res->version, w->res->kind);
    json_str(w->next, "apiVersion", want);
    json_str(w->next, "kind", w->res->kind);
    return 0;
}

static int check_place(struct write *w, struct refusal *r)
{
    cJSON *meta = json_member(w->next, "metadata");
    const char *ns, *name;

    if (meta && !cJSON_IsObject(meta) && !cJSON_IsNull(meta))
        return refuse(r, 400, "BadRequest", "json: cannot unmarshal metadata into Go struct field ObjectMeta");
    meta = json_obj(w->next, "metadata");
    ns = json_get_str(meta, "namespace");
    name = json_get_str(meta, "name");
    if (!resource_is_namespaced(w->res))
        json_del(meta, "namespace");
    else if (!str_empty(ns) && !str_eq(ns, w->ns))
        return refuse(r, 400, "BadRequest",
                      "the namespace of the provided object does not match the namespace sent on the request");
    else
        json_str(meta, "namespace", w->ns);
    if (w->name && !str_empty(name) && !str_eq(name, w->name))
        return refuse(r, 400, "BadRequest", "the name of the object (%s) does not match the name on the URL (%s)", name,
                      w->name);
    if (w->name)
        json_str(meta, "name", w->name);
    return 0;
}

int meta_identify(struct write *w, struct refusal *r)
{
    if (!cJSON_IsObject(w->next))
        return refuse(r, 400, "BadRequest", "the object provided is unrecognized (must be of type %s)", w->res->kind);
    if (check_type(w, r) < 0)
        return -1;
    return check_place(w, r);
}

static void generate_name(cJSON *meta)
{
    const char *prefix = json_get_str(meta, "generateName");
    char suffix[6];

    if (str_empty(prefix) || !str_empty(json_get_str(meta, "name")))
        return;
    random_suffix(suffix);
    json_fmt(meta, "name", "%.58s%s", prefix, suffix);
}

void meta_create(struct write *w)
{
    static const char *const not_yours[] = { "resourceVersion", "selfLink", "generation", "deletionTimestamp",
                                             "deletionGracePeriodSeconds" };
    cJSON *meta = json_obj(w->next, "metadata");
    char uid[37], now[32];

    for (size_t i = 0; i < COUNT(not_yours); i++)
        json_del(meta, not_yours[i]);
    uid_new(uid);
    str_rfc3339(loop_wall_ms(), false, now);
    json_str(meta, "uid", uid);
    json_str(meta, "creationTimestamp", now);
    generate_name(meta);
    if (w->res->flags & KIND_GENERATION)
        json_int(meta, "generation", 1);
}

void meta_update(struct write *w)
{
    static const char *const kept[] = { "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
                                        "generation", "resourceVersion", "selfLink", "generateName", "name", "namespace" };
    cJSON *meta = json_obj(w->next, "metadata");
    const cJSON *old = json_member(w->old->tree, "metadata");

    for (size_t i = 0; i < COUNT(kept); i++) {
        const cJSON *v = json_member(old, kept[i]);

        if (v)
            json_put_dup(meta, kept[i], v);
        else
            json_del(meta, kept[i]);
    }
}

/* Everything that is not metadata, status or identity. */
static bool same_desire(const cJSON *a, const cJSON *b, bool has_status)
{
    const cJSON *m;
    int n = 0;

    cJSON_ArrayForEach(m, a) {
        if (!strcmp(m->string, "metadata") || (has_status && !strcmp(m->string, "status")))
            continue;
        n++;
        if (!json_equal(m, json_member(b, m->string)))
            return false;
    }
    cJSON_ArrayForEach(m, b)
        n -= strcmp(m->string, "metadata") != 0 && !(has_status && !strcmp(m->string, "status"));
    return n == 0;
}

void meta_count_generation(struct write *w)
{
    cJSON *meta = json_member(w->next, "metadata");
    bool same;

    if (!(w->res->flags & KIND_GENERATION) || !w->old || str_eq(w->sub, "status"))
        return;
    same = same_desire(w->old->tree, w->next, w->res->flags & KIND_STATUS);
    if (w->res->flags & KIND_COUNTS_NOTES)
        same = same && json_equal(json_at(w->old->tree, "metadata.annotations"), json_member(meta, "annotations"));
    if (!same)
        json_int(meta, "generation", json_get_int(w->old->tree, "metadata.generation", 0) + 1);
}

void meta_order(cJSON *obj)
{
    static const char *const first[] = { "metadata", "apiVersion", "kind" };

    for (size_t i = 0; i < COUNT(first); i++) {
        cJSON *m = cJSON_DetachItemFromObjectCaseSensitive(obj, first[i]);

        if (!m)
            continue;
        /* to the front: cJSON has no such call for objects */
        m->next = obj->child;
        m->prev = obj->child ? obj->child->prev : m;
        if (obj->child)
            obj->child->prev = m;
        obj->child = m;
    }
}

/* ---- checks ---- */

static void check_name(const struct write *w, const cJSON *meta, struct refusal *r)
{
    const char *name = json_get_str(meta, "name");
    const char *why;

    if (str_empty(name)) {
        refusal_cause(r, "FieldValueRequired", "metadata.name", "Required value: name or generateName is required");
        return;
    }
    if (w->res->flags & KIND_PATH_NAMES)
        why = strpbrk(name, "/%") || !strcmp(name, ".") || !strcmp(name, "..") ? "may not contain '/' or '%'" : NULL;
    else if (w->res->flags & KIND_LABEL_NAMES)
        why = valid_dns_label(name);
    else
        why = valid_dns_subdomain(name);
    if (why)
        refusal_cause(r, "FieldValueInvalid", "metadata.name", "Invalid value: \"%s\": %s", name, why);
}

static void check_labels(const cJSON *meta, struct refusal *r)
{
    const cJSON *m;
    size_t bytes = 0;

    cJSON_ArrayForEach(m, json_member(meta, "labels")) {
        const char *why = valid_label_key(m->string);

        if (why)
            refusal_cause(r, "FieldValueInvalid", "metadata.labels", "Invalid value: \"%s\": %s", m->string, why);
        why = valid_label_value(cJSON_GetStringValue(m));
        if (why)
            refusal_cause(r, "FieldValueInvalid", "metadata.labels", "Invalid value: \"%s\": %s",
                          cJSON_GetStringValue(m), why);
    }
    cJSON_ArrayForEach(m, json_member(meta, "annotations")) {
        const char *why = valid_label_key(m->string);

        if (why)
            refusal_cause(r, "FieldValueInvalid", "metadata.annotations", "Invalid value: \"%s\": %s", m->string, why);
        bytes += strlen(m->string) + strlen(cJSON_GetStringValue(m) ? cJSON_GetStringValue(m) : "");
    }
    if (bytes > 256 << 10)
        refusal_cause(r, "FieldValueTooLong", "metadata.annotations", "Too long: may not be more than 262144 bytes");
}

static void check_owners(const cJSON *meta, struct refusal *r)
{
    static const char *const needed[] = { "apiVersion", "kind", "name", "uid" };
    const cJSON *o;
    int controllers = 0;

    cJSON_ArrayForEach(o, json_member(meta, "ownerReferences")) {
        for (size_t k = 0; k < COUNT(needed); k++) {
            AUTO_FREE char *field = xasprintf("metadata.ownerReferences.%s", needed[k]);

            if (str_empty(json_get_str(o, needed[k])))
                refusal_cause(r, "FieldValueInvalid", field, "Invalid value: \"\": must not be empty");
        }
        controllers += json_get_bool(o, "controller", false);
    }
    if (controllers > 1)
        refusal_cause(r, "FieldValueInvalid", "metadata.ownerReferences",
                      "Invalid value: Only one reference can have Controller set to true. Found \"true\" in %d references",
                      controllers);
}

static bool list_has(const cJSON *arr, const char *text)
{
    const cJSON *x;

    cJSON_ArrayForEach(x, arr)
        if (str_eq(cJSON_GetStringValue(x), text))
            return true;
    return false;
}

static void check_finalizers(const struct write *w, const cJSON *meta, struct refusal *r)
{
    const cJSON *f;

    cJSON_ArrayForEach(f, json_member(meta, "finalizers")) {
        const char *name = cJSON_GetStringValue(f);

        if (valid_label_key(name))
            refusal_cause(r, "FieldValueInvalid", "metadata.finalizers", "Invalid value: \"%s\": %s", name,
                          valid_label_key(name));
        if (w->old && json_has(w->old->tree, "metadata.deletionTimestamp") &&
            !list_has(json_at(w->old->tree, "metadata.finalizers"), name))
            refusal_cause(r, "FieldValueForbidden", "metadata.finalizers",
                          "Forbidden: no new finalizers can be added if the object is being deleted, "
                          "found new finalizers []string{\"%s\"}", name);
    }
}

void meta_check(const struct write *w, struct refusal *r)
{
    const cJSON *meta = json_member(w->next, "metadata");

    check_name(w, meta, r);
    check_labels(meta, r);
    check_owners(meta, r);
    check_finalizers(w, meta, r);
}
