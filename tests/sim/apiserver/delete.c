#include "sim/apiserver/delete.h"

#include <string.h>

#include "base/str.h"
#include "sim/apiserver/meta.h"
#include "sim/apiserver/select.h"
#include "sim/apiserver/view.h"

enum { NAMESPACE_TICK_MS = 100 };

static bool is_kind(const struct resource *res, const char *plural)
{
    return res->ops && !*res->group && strcmp(res->plural, plural) == 0;
}

/* ---- finalizers of propagation ---- */

static void drop_finalizer(cJSON *meta, const char *name)
{
    cJSON *list = json_member(meta, "finalizers"), *f;

    for (f = list ? list->child : NULL; f;) {
        cJSON *next = f->next;

        if (str_eq(cJSON_GetStringValue(f), name))
            cJSON_Delete(cJSON_DetachItemViaPointer(list, f));
        f = next;
    }
    if (list && !list->child)
        json_del(meta, "finalizers");
}

static void set_propagation(cJSON *next, const char *policy)
{
    cJSON *meta = json_obj(next, "metadata");

    if (!policy)
        return;
    drop_finalizer(meta, "orphan");
    drop_finalizer(meta, "foregroundDeletion");
    if (strcmp(policy, "Orphan") == 0)
        json_push_str(json_arr(meta, "finalizers"), "orphan");
    if (strcmp(policy, "Foreground") == 0)
        json_push_str(json_arr(meta, "finalizers"), "foregroundDeletion");
}

/* ---- marks ---- */

static void mark(cJSON *next, const struct resource *res, int64_t grace_s)
{
    cJSON *meta = json_obj(next, "metadata");
    char when[32];

    str_rfc3339(loop_wall_ms() + grace_s * 1000, false, when);
    if (!json_member(meta, "deletionTimestamp") || grace_s < json_get_int(meta, "deletionGracePeriodSeconds", 0)) {
        if (!json_member(meta, "deletionTimestamp") && (res->flags & KIND_GENERATION))
            json_int(meta, "generation", json_get_int(meta, "generation", 0) + 1);
        if (!json_member(meta, "deletionTimestamp") || is_kind(res, "pods"))
            json_str(meta, "deletionTimestamp", when);
        json_int(meta, "deletionGracePeriodSeconds", grace_s);
    }
    if (is_kind(res, "namespaces"))
        json_str(json_obj(next, "status"), "phase", "Terminating");
}

/* A pod that no node runs, or that has ended, needs no grace. */
static int64_t grace_of(const struct resource *res, const cJSON *obj, int64_t asked_s)
{
    const char *phase = json_get_str(obj, "status.phase");

    if (!is_kind(res, "pods"))
        return 0;
    if (str_empty(json_get_str(obj, "spec.nodeName")) || str_eq(phase, "Succeeded") || str_eq(phase, "Failed"))
        return 0;
    return asked_s >= 0 ? asked_s : json_get_int(obj, "spec.terminationGracePeriodSeconds", 30);
}

static bool must_wait(const struct resource *res, const cJSON *next, int64_t grace_s)
{
    return grace_s > 0 || json_count(json_at(next, "metadata.finalizers")) > 0 ||
           (is_kind(res, "namespaces") && json_count(json_at(next, "spec.finalizers")) > 0);
}

static int check_preconditions(const struct resource *res, const cJSON *obj, const struct deletion *d, struct refusal *r)
{
    const char *name = json_get_str(obj, "metadata.name"), *uid = json_get_str(obj, "metadata.uid");
    const char *rv = json_get_str(obj, "metadata.resourceVersion");
    AUTO_FREE char *full = resource_name(res);

    refusal_about(r, res->group, res->plural, name);
    if (d->uid && !str_eq(d->uid, uid))
        return refuse(r, 409, "Conflict", "Operation cannot be fulfilled on %s \"%s\": the UID in the precondition (%s) "
                      "does not match the UID in record (%s). The object might have been deleted and then recreated",
                      full, name, d->uid, uid);
    if (d->rv && !str_eq(d->rv, rv))
        return refuse(r, 409, "Conflict", "Operation cannot be fulfilled on %s \"%s\": the ResourceVersion in the "
                      "precondition (%s) does not match the ResourceVersion in record (%s). The object might have been "
                      "modified", full, name, d->rv, rv);
    return 0;
}

static cJSON *gone_status(const struct resource *res, const cJSON *obj)
{
    cJSON *s = json_new_obj(), *d;

    json_str(s, "kind", "Status");
    json_str(s, "apiVersion", "v1");
    json_obj(s, "metadata");
    json_str(s, "status", "Success");
    d = json_obj(s, "details");
    json_str(d, "name", json_get_str(obj, "metadata.name"));
    if (*res->group)
        json_str(d, "group", res->group);
    json_str(d, "kind", res->plural);
    json_str(d, "uid", json_get_str(obj, "metadata.uid"));
    return s;
}

/* Most kinds answer with a Status, these with what was there. */
static bool shows_object(const struct resource *res)
{
    static const char *const plurals[] = { "pods", "services", "persistentvolumes", "persistentvolumeclaims",
                                           "serviceaccounts" };

    for (size_t i = 0; i < COUNT(plurals); i++)
        if (is_kind(res, plurals[i]))
            return true;
    return false;
}

int delete_object(struct server *s, struct resource *res, struct object *o, const struct deletion *d, cJSON **shown,
                  struct refusal *r)
{
    AUTO_JSON cJSON *next = NULL;
    int64_t grace_s;

    if (check_preconditions(res, o->tree, d, r) < 0)
        return -1;
    next = json_dup(o->tree);
    set_propagation(next, d->propagation);
    grace_s = grace_of(res, next, d->grace_s);
    if (!must_wait(res, next, grace_s)) {
        if (shows_object(res)) {
            mark(next, res, 0);
            *shown = TAKE(next);
        } else {
            *shown = gone_status(res, o->tree);
        }
        if (!d->dry)
            commit_remove(s, res, o);
        return 0;
    }
    mark(next, res, grace_s);
    *shown = json_dup(next);
    view_to_served(res, *shown);
    if (d->dry || json_equal(next, o->tree))
        return 0;
    o = commit_system(s, res, TAKE(next));
    json_put_dup(json_obj(*shown, "metadata"), "resourceVersion", json_at(o->tree, "metadata.resourceVersion"));
    if (is_kind(res, "namespaces"))
        loop_timer_set(s->tick, 0);
    return 0;
}

/* ---- requests ---- */

static int read_options(struct request *q, cJSON **body, struct deletion *d, struct refusal *r)
{
    const char *grace = request_query(q, "gracePeriodSeconds");

    *d = (struct deletion){ .grace_s = -1, .dry = request_is_dry(q) };
    if (q->body_len && request_body(q, body, r) < 0)
        return -1;
    d->propagation = json_get_str(*body, "propagationPolicy");
    if (!d->propagation)
        d->propagation = request_query(q, "propagationPolicy");
    if (json_get_bool(*body, "orphanDependents", false))
        d->propagation = "Orphan";
    if (d->propagation && strcmp(d->propagation, "Orphan") && strcmp(d->propagation, "Background") &&
        strcmp(d->propagation, "Foreground"))
        return refuse(r, 422, "Invalid", "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: "
                      "\"%s\"", d->propagation);
    d->grace_s = json_get_int(*body, "gracePeriodSeconds", -1);
    if (d->grace_s < 0 && grace && !str_to_int(grace, 0, INT32_MAX, &d->grace_s))
        return refuse(r, 400, "BadRequest", "invalid gracePeriodSeconds \"%s\"", grace);
    d->uid = json_get_str(*body, "preconditions.uid");
    d->rv = json_get_str(*body, "preconditions.resourceVersion");
    d->dry = d->dry || json_count(json_member(*body, "dryRun"));
    return 0;
}

void delete_one(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    struct object *o = collection_get(q->res->items, q->ns, q->name);
    struct deletion d;
    AUTO_JSON cJSON *body = NULL;
    cJSON *shown = NULL;

    if ((!o && refuse_absent(q->res, q->name, &r) < 0) || read_options(q, &body, &d, &r) < 0 ||
        delete_object(q->s, q->res, o, &d, &shown, &r) < 0) {
        reply_refusal(q, &r);
        return;
    }
    reply_json(q, 200, shown);
}

void delete_many(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    struct selector *sel = NULL;
    struct deletion d;
    AUTO_JSON cJSON *body = NULL;
    cJSON *list = NULL;
    AUTO_FREE char *api_version = resource_api_version(q->res);

    if (read_options(q, &body, &d, &r) < 0 ||
        selector_parse(request_query(q, "labelSelector"), request_query(q, "fieldSelector"), q->res, &sel, &r) < 0) {
        reply_refusal(q, &r);
        return;
    }
    list = json_new_obj();
    json_str(list, "kind", q->res->list_kind);
    json_str(list, "apiVersion", api_version);
    json_fmt(json_obj(list, "metadata"), "resourceVersion", "%llu", (unsigned long long)store_rv(q->s->store));
    json_arr(list, "items");
    for (size_t first, n = collection_range(q->res->items, q->ns, &first), i = n; i-- > 0;) {
        struct object *o = q->res->items->items[first + i];
        cJSON *shown = NULL;

        if (!selector_fits(sel, o->tree))
            continue;
        json_push(json_arr(list, "items"), view_tree(q->res, o));
        if (delete_object(q->s, q->res, o, &d, &shown, &r) < 0)
            continue;
        cJSON_Delete(shown);
    }
    selector_free(sel);
    reply_json(q, 200, list);
}

/* ---- namespaces ---- */

static size_t empty_collection(struct server *s, struct resource *res, const char *ns)
{
    size_t first, n = collection_range(res->items, ns, &first);
    struct refusal r AUTO_REFUSAL = { 0 };

    for (size_t i = n; i-- > 0;) {
        struct object *o = res->items->items[first + i];
        struct deletion d = { .grace_s = -1, .propagation = "Background" };
        cJSON *shown = NULL;

        if (json_has(o->tree, "metadata.deletionTimestamp"))
            continue;
        if (delete_object(s, res, o, &d, &shown, &r) == 0)
            cJSON_Delete(shown);
    }
    return collection_range(res->items, ns, &first);
}

/* True when nothing is left in it. */
static bool empty_namespace(struct server *s, const char *ns)
{
    size_t left = 0;

    for (size_t i = 0; registry_at(s->registry, i); i++)
        if (resource_is_namespaced(registry_at(s->registry, i)))
            left += empty_collection(s, registry_at(s->registry, i), ns);
    return left == 0;
}

void delete_tick(void *server)
{
    struct server *s = server;
    struct resource *all = registry_find(s->registry, "", "v1", "namespaces");
    bool again = false;

    for (size_t i = all->items->n; i-- > 0;) {
        struct object *o = all->items->items[i];
        AUTO_FREE char *name = xstrdup(o->key);
        cJSON *next;

        if (!json_has(o->tree, "metadata.deletionTimestamp"))
            continue;
        again = true;
        if (!empty_namespace(s, name))
            continue;
        o = collection_get(all->items, NULL, name);
        next = json_dup(o->tree);
        json_del(json_obj(next, "spec"), "finalizers");
        o = commit_system(s, all, next);
        if (!json_count(json_at(o->tree, "metadata.finalizers")))
            commit_remove(s, all, o);
    }
    if (again)
        loop_timer_set(s->tick, NAMESPACE_TICK_MS);
}
