#include "sim/apiserver/commit.h"

#include <string.h>

#include "base/str.h"
#include "json/quantity.h"
#include "sim/apiserver/alloc.h"
#include "sim/apiserver/crd.h"
#include "sim/apiserver/managed.h"
#include "sim/apiserver/meta.h"
#include "sim/apiserver/shape.h"
#include "sim/apiserver/view.h"

void write_done(struct write *w)
{
    cJSON_Delete(w->next);
    cJSON_Delete(w->warnings);
    w->next = w->warnings = NULL;
}

int refuse_absent(const struct resource *res, const char *name, struct refusal *r)
{
    AUTO_FREE char *full = resource_name(res);

    refuse(r, 404, "NotFound", "%s \"%s\" not found", full, name);
    refusal_about(r, res->group, res->plural, name);
    return -1;
}

int commit_check_version(const struct write *w, const cJSON *next, struct refusal *r)
{
    const char *rv = json_get_str(next, "metadata.resourceVersion"), *uid = json_get_str(next, "metadata.uid");
    const char *now = json_get_str(w->old->tree, "metadata.resourceVersion");
    const char *name = json_get_str(w->old->tree, "metadata.name");
    AUTO_FREE char *full = resource_name(w->res);

    if (!str_empty(uid) && !str_eq(uid, json_get_str(w->old->tree, "metadata.uid"))) {
        refusal_about(r, w->res->group, w->res->plural, name);
        return refuse(r, 409, "Conflict", "Operation cannot be fulfilled on %s \"%s\": StorageError: invalid object: "
                      "Precondition failed: UID in precondition: %s, UID in object meta: %s", full, name, uid,
                      json_get_str(w->old->tree, "metadata.uid"));
    }
    if (!str_empty(rv) && !str_eq(rv, now)) {
        refusal_about(r, w->res->group, w->res->plural, name);
        return refuse(r, 409, "Conflict", "Operation cannot be fulfilled on %s \"%s\": the object has been modified; "
                      "please apply your changes to the latest version and try again", full, name);
    }
    return 0;
}

static void warn(struct write *w, const char *path)
{
    AUTO_FREE char *text = xasprintf("unknown field \\\"%s\\\"", path);

    if (!w->warnings)
        w->warnings = json_new_arr();
    json_push_str(w->warnings, text);
}

static int refuse_unknown(const cJSON *unknown, struct refusal *r)
{
    struct buf b CLEANUP(buf_done) = { 0 };
    const cJSON *u;

    buf_init(&b, 16 << 10);
    cJSON_ArrayForEach(u, unknown)
        buf_fmt(&b, "%sunknown field \"%s\"", b.len ? ", " : "", u->valuestring);
    return refuse(r, 400, "BadRequest", "strict decoding error: %s", buf_text(&b));
}

static int decode(struct write *w, struct refusal *r)
{
    AUTO_JSON cJSON *unknown = json_new_arr();
    const cJSON *u;

    if (!w->res->schema)
        return 0;
    if (shape_decode(w->next, w->res->schema, unknown, r) < 0 ||
        (w->strict && json_count(unknown) && refuse_unknown(unknown, r) < 0)) {
        AUTO_FREE char *why = TAKE(r->message);

        return refuse(r, r->code, r->reason, "%s in version \"%s\" cannot be handled as a %s: %s", w->res->kind,
                      w->res->version, w->res->kind, why);
    }
    if (!w->silent)
        cJSON_ArrayForEach(u, unknown)
            warn(w, u->valuestring);
    shape_default(w->next, w->res->schema);
    return 0;
}

/* The main resource does not write status; a status write writes nothing else, but for a built-in kind's annotations. */
static void keep_other_half(struct write *w)
{
    const cJSON *old = w->old ? w->old->tree : NULL;
    bool node_create = !old && strcmp(w->res->plural, "nodes") == 0;

    if (!(w->res->flags & KIND_STATUS) || node_create)
        return;
    if (!str_eq(w->sub, "status")) {
        json_del(w->next, "status");
        json_put_dup(w->next, "status", json_member(old, "status"));
    } else if (old) {
        cJSON *whole = json_dup(old);

        json_del(whole, "status");
        json_put_dup(whole, "status", json_member(w->next, "status"));
        if (strcmp(w->res->plural, "pods") == 0) /* whose labels may be written with status */
            json_put_dup(json_obj(whole, "metadata"), "labels", json_at(w->next, "metadata.labels"));
        json_put_dup(json_obj(whole, "metadata"), "managedFields", json_at(w->next, "metadata.managedFields"));
        if (w->res->ops) { /* Deployments carry their revision there */
            json_del(json_obj(whole, "metadata"), "annotations");
            json_put_dup(json_obj(whole, "metadata"), "annotations", json_at(w->next, "metadata.annotations"));
        }
        cJSON_Delete(w->next);
        w->next = whole;
    }
}

static int check(struct write *w, struct refusal *r)
{
    const cJSON *old = w->old ? w->old->tree : NULL;

    meta_check(w, r);
    if (w->res->schema)
        shape_check(w->next, w->res->schema, r);
    if (w->res->ops && w->res->ops->check && !str_eq(w->sub, "status"))
        w->res->ops->check(w->next, old, r);
    return refusal_invalid(r, w->res->group, w->res->kind, json_get_str(w->next, "metadata.name"));
}

static bool is_finished(const cJSON *obj)
{
    return json_has(obj, "metadata.deletionTimestamp") && json_count(json_at(obj, "metadata.finalizers")) == 0 &&
           json_get_int(obj, "metadata.deletionGracePeriodSeconds", 0) == 0;
}

static void after_change(struct server *s, struct resource *res)
{
    if (strcmp(res->plural, "customresourcedefinitions") == 0)
        crd_changed(s);
}

struct object *commit_system(struct server *s, struct resource *res, cJSON *next)
{
    struct object *o;

    meta_order(next);
    o = store_put(s->store, res->items, next);
    after_change(s, res);
    return o;
}

void commit_remove(struct server *s, struct resource *res, const struct object *o)
{
    AUTO_FREE char *ns = NULL, *name = NULL;
    const char *n = json_get_str(o->tree, "metadata.namespace");

    ns = n ? xstrdup(n) : NULL;
    name = xstrdup(json_get_str(o->tree, "metadata.name"));
    store_remove(s->store, res->items, ns, name);
    after_change(s, res);
}

static void store_it(struct write *w)
{
    struct object *o;
    cJSON *stored = json_dup(w->next);

    view_to_stored(w->res, stored);
    if (w->old && is_finished(stored)) {
        struct object *last = commit_system(w->s, w->res, stored);

        w->deleted = true;
        commit_remove(w->s, w->res, last);
        return;
    }
    o = commit_system(w->s, w->res, stored);
    json_fmt(json_obj(w->next, "metadata"), "resourceVersion", "%llu", (unsigned long long)o->rv);
}

static int check_exists(struct write *w, struct refusal *r)
{
    const char *name = json_get_str(w->next, "metadata.name");
    AUTO_FREE char *full = resource_name(w->res);

    if (w->old || !collection_get(w->res->items, w->ns, name))
        return 0;
    refuse(r, 409, "AlreadyExists", "%s \"%s\" already exists", full, name);
    refusal_about(r, w->res->group, w->res->plural, name);
    return -1;
}

/* Admission plugin PersistentVolumeClaimResize, and validation: a bound claim grows when its class lets it. */
static int check_growth(const struct write *w, const cJSON *old, struct refusal *r)
{
    static const char path[] = "spec.resources.requests.storage";
    const char *had = json_get_str(old, path), *wants = json_get_str(w->next, path);
    const char *class = json_get_str(old, "spec.storageClassName");
    struct object *sc = NULL;
    int64_t a, b;

    if (!old || strcmp(w->res->kind, "PersistentVolumeClaim") != 0 || !had || !wants ||
        quantity_parse(had, &a, NULL) < 0 || quantity_parse(wants, &b, NULL) < 0 || a == b)
        return 0;
    if (class)
        sc = collection_get(store_collection(w->s->store, "storageclasses.storage.k8s.io"), NULL, class);
    if (b < a) {
        refusal_cause(r, "FieldValueForbidden", "spec.resources.requests.storage",
                      "Forbidden: field can not be less than status.capacity");
        return refusal_invalid(r, w->res->group, w->res->kind, w->name);
    }
    if (!sc || !json_get_bool(sc->tree, "allowVolumeExpansion", false)) {
        refuse(r, 403, "Forbidden", "persistentvolumeclaims \"%s\" is forbidden: only dynamically provisioned pvc can be "
               "resized and the storageclass that provisions the pvc must support resize", w->name);
        return -1;
    }
    return 0;
}

int commit(struct write *w, struct refusal *r)
{
    AUTO_JSON cJSON *old_view = w->old && w->res->to_served ? view_tree(w->res, w->old) : NULL;
    const cJSON *old = old_view ? old_view : w->old ? w->old->tree : NULL;

    if (meta_identify(w, r) < 0 || decode(w, r) < 0)
        return -1;
    if (w->old)
        meta_update(w);
    else
        meta_create(w);
    keep_other_half(w);
    if (w->res->ops && w->res->ops->fill)
        w->res->ops->fill(w->next);
    if (!w->is_apply)
        managed_update(old, w->next, w->res, w->manager, w->sub);
    if (w->res->ops && w->res->ops->settle)
        w->res->ops->settle(w->next, old);
    meta_count_generation(w);
    if (check(w, r) < 0 || check_exists(w, r) < 0 || alloc_take(w->s, w->res, w->next, old, r) < 0 ||
        check_growth(w, old, r) < 0)
        return -1;
    meta_order(w->next);
    w->unchanged = old && managed_same_object(old, w->next);
    if (w->unchanged) {
        cJSON_Delete(w->next);
        w->next = json_dup(old);
    } else if (!w->dry) {
        store_it(w);
    }
    return 0;
}
