#include "sim/apiserver/crud.h"

#include <string.h>

#include "base/str.h"
#include "sim/apiserver/managed.h"
#include "sim/apiserver/merge.h"
#include "sim/apiserver/patch.h"
#include "sim/apiserver/proto.h"
#include "sim/apiserver/shape.h"
#include "sim/apiserver/view.h"

static const char *manager_of(const struct request *q)
{
    static char name[129];
    const char *given = request_query(q, "fieldManager");
    size_t n = strcspn(q->user_agent, "/");

    if (!str_empty(given))
        return given;
    if (n == 0 || n >= sizeof(name))
        return "unknown";
    memcpy(name, q->user_agent, n);
    name[n] = '\0';
    return name;
}

struct write crud_write_of(struct request *q)
{
    const char *check = request_query(q, "fieldValidation");

    return (struct write){
        .s = q->s, .res = q->res, .ns = q->ns, .name = q->name, .sub = q->sub, .manager = manager_of(q),
        .dry = request_is_dry(q), .strict = str_eq(check, "Strict"), .silent = str_eq(check, "Ignore"),
    };
}

struct object *crud_find(struct request *q, struct refusal *r)
{
    struct object *o = collection_get(q->res->items, q->ns, q->name);

    if (!o)
        refuse_absent(q->res, q->name, r);
    return o;
}

void crud_get(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    struct object *o = crud_find(q, &r);
    AUTO_JSON cJSON *tree = NULL;

    if (!o) {
        reply_refusal(q, &r);
        return;
    }
    if (q->form == FORM_PLAIN && view_is_stored(q->res, o)) {
        object_text(o);
        reply_text(q, 200, "application/json", o->text, o->text_len);
        return;
    }
    tree = view_tree(q->res, o);
    reply_object(q, 200, tree);
}

int crud_check_namespace(struct request *q, struct refusal *r)
{
    struct object *ns;

    if (!resource_is_namespaced(q->res))
        return 0;
    if (!q->ns)
        return refuse(r, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
    ns = collection_get(store_collection(q->s->store, "namespaces"), NULL, q->ns);
    if (!ns) {
        refuse(r, 404, "NotFound", "namespaces \"%s\" not found", q->ns);
        refusal_about(r, "", "namespaces", q->ns);
        return -1;
    }
    if (json_has(ns->tree, "metadata.deletionTimestamp") && strcmp(q->res->plural, "events") != 0) {
        refuse(r, 403, "Forbidden", "%s is forbidden: unable to create new content in namespace %s because it is being "
               "terminated", q->res->plural, q->ns);
        refusal_cause(r, "NamespaceTerminating", "metadata.namespace", "namespace %s is being terminated", q->ns);
        return -1;
    }
    return 0;
}

static int check_media(struct request *q, struct refusal *r)
{
    const char *type = request_media_type(q);

    if (*type && strcmp(type, "application/json") && strcmp(type, "application/yaml") &&
        strcmp(type, PROTO_MEDIA_TYPE))
        return refuse(r, 415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media "
                      "types include: application/json, application/yaml");
    return 0;
}

void crud_finish(struct request *q, struct write *w, int code)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    int rc = w->next ? commit(w, &r) : -1;

    q->warnings = TAKE(w->warnings);
    q->unchanged = w->unchanged;
    if (rc < 0) {
        write_done(w);
        reply_refusal(q, &r);
        return;
    }
    reply_object(q, code, w->next);
    write_done(w);
}

void crud_create(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    struct write w = crud_write_of(q);

    if (check_media(q, &r) < 0 || crud_check_namespace(q, &r) < 0 || request_body(q, &w.next, &r) < 0) {
        reply_refusal(q, &r);
        return;
    }
    if (!str_empty(json_get_str(w.next, "metadata.resourceVersion"))) {
        refuse(&r, 400, "BadRequest", "resourceVersion should not be set on objects to be created");
        write_done(&w);
        reply_refusal(q, &r);
        return;
    }
    crud_finish(q, &w, 201);
}

static int check_update(const struct write *w, struct refusal *r)
{
    if (!w->res->ops && str_empty(json_get_str(w->next, "metadata.resourceVersion"))) {
        refusal_cause(r, "FieldValueInvalid", "metadata.resourceVersion",
                      "Invalid value: 0: must be specified for an update");
        return refusal_invalid(r, w->res->group, w->res->kind, w->name);
    }
    if (str_empty(json_get_str(w->next, "metadata.name")))
        return refuse(r, 400, "BadRequest", "the name of the object (%s based on URL) was undeterminable: name must be "
                      "provided", w->name);
    return commit_check_version(w, w->next, r);
}

void crud_update(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    struct write w = crud_write_of(q);

    if (check_media(q, &r) < 0 || request_body(q, &w.next, &r) < 0 || !(w.old = crud_find(q, &r)) ||
        check_update(&w, &r) < 0) {
        write_done(&w);
        reply_refusal(q, &r);
        return;
    }
    crud_finish(q, &w, 200);
}

/* ---- patches ---- */

static int check_apply(struct request *q, const cJSON *config, struct refusal *r)
{
    if (str_empty(request_query(q, "fieldManager"))) {
        refusal_cause(r, "FieldValueRequired", "fieldManager", "Required value: is required for apply patch");
        return refusal_invalid(r, "meta.k8s.io", "PatchOptions", "");
    }
    if (!cJSON_IsObject(config))
        return refuse(r, 400, "BadRequest", "the applied configuration is not an object");
    if (str_empty(json_get_str(config, "kind")) || str_empty(json_get_str(config, "apiVersion")))
        return refuse(r, 400, "BadRequest", "Object 'Kind' is missing in the applied configuration");
    if (json_count(json_at(config, "metadata.managedFields")))
        return refuse(r, 400, "BadRequest", "metadata.managedFields must be nil");
    return merge_check_keys(config, q->res->schema, r);
}

/* Fields the type does not declare are an error in an applied configuration. */
static int check_declared(const struct request *q, const cJSON *config, struct refusal *r)
{
    AUTO_JSON cJSON *copy = json_dup(config), *unknown = json_new_arr();
    struct refusal ignored AUTO_REFUSAL = { 0 };

    if (!q->res->schema)
        return 0;
    if (shape_decode(copy, q->res->schema, unknown, &ignored) < 0 || ignored.causes)
        return refuse(r, 500, "", "failed to create typed patch object (%s/%s; %s, Kind=%s): %s", q->ns ? q->ns : "", q->name,
                      json_get_str(config, "apiVersion"), q->res->kind,
                      ignored.causes ? json_get_str(ignored.causes->child, "message") : ignored.message);
    if (!json_count(unknown))
        return 0;
    return refuse(r, 500, "", "failed to create typed patch object (%s/%s; %s, Kind=%s): .%s: field not declared in schema",
                  q->ns ? q->ns : "", q->name, json_get_str(config, "apiVersion"), q->res->kind,
                  unknown->child->valuestring);
}

static cJSON *applied(struct request *q, struct write *w, const cJSON *live, struct refusal *r)
{
    const char *force = request_query(q, "force");
    struct apply a = { q->res, w->manager, w->sub, str_eq(force, "true") || str_eq(force, "1") };
    AUTO_JSON cJSON *config = NULL;
    cJSON *out = NULL;

    if (request_body(q, &config, r) < 0 || check_apply(q, config, r) < 0 || check_declared(q, config, r) < 0)
        return NULL;
    if (w->old && commit_check_version(w, config, r) < 0)
        return NULL;
    if (!w->old && !str_empty(json_get_str(config, "metadata.resourceVersion"))) {
        refuse(r, 409, "Conflict", "uid mismatch: the provided object specified a version, and no existing object was found");
        return NULL;
    }
    w->is_apply = true;
    return managed_apply(&a, live, config, &out, r) < 0 ? NULL : out;
}

cJSON *crud_patched(struct request *q, struct write *w, const cJSON *live, struct refusal *r)
{
    const char *type = request_media_type(q);
    enum patch_kind kind = patch_kind_of(type);
    AUTO_JSON cJSON *patch = NULL;
    cJSON *out = NULL;

    if (kind == PATCH_APPLY)
        return applied(q, w, live, r);
    if (kind == PATCH_NONE || (kind == PATCH_STRATEGIC && !q->res->ops)) {
        refuse(r, 415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types "
               "include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
        return NULL;
    }
    if (request_body(q, &patch, r) < 0)
        return NULL;
    return patch_apply(kind, live, patch, q->res->schema, &out, r) < 0 ? NULL : out;
}

/* An apply creates what is not there. */
static bool may_create(struct request *q)
{
    return !q->sub && patch_kind_of(request_media_type(q)) == PATCH_APPLY;
}

static int prepare_patch(struct request *q, struct write *w, struct refusal *r)
{
    AUTO_JSON cJSON *view = NULL;

    w->old = collection_get(q->res->items, q->ns, q->name);
    if (!w->old && !may_create(q))
        return refuse_absent(q->res, q->name, r);
    if (!w->old && crud_check_namespace(q, r) < 0)
        return -1;
    if (w->old && !view_is_stored(q->res, w->old))
        view = view_tree(q->res, w->old);
    w->next = crud_patched(q, w, view ? view : w->old ? w->old->tree : NULL, r);
    if (!w->next)
        return -1;
    return w->old && !w->is_apply ? commit_check_version(w, w->next, r) : 0;
}

void crud_patch(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    struct write w = crud_write_of(q);

    if (prepare_patch(q, &w, &r) < 0) {
        write_done(&w);
        reply_refusal(q, &r);
        return;
    }
    crud_finish(q, &w, w.old ? 200 : 201);
}
