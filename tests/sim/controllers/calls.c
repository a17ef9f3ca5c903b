#include "sim/controllers/calls.h"

#include <string.h>

#include "base/str.h"
#include "sim/controllers/items.h"

void calls_init(struct calls *c, const struct scene *v)
{
    *c = (struct calls){ .scene = v, .again_ms = -1 };
}

void calls_done(struct calls *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].path);
        free(c->items[i].key);
        cJSON_Delete(c->items[i].body);
    }
    free(c->items);
    calls_init(c, c->scene);
}

static struct call *add(struct calls *c, const char *method, int kind, char *path, cJSON *body)
{
    c->items = xgrow(c->items, &c->cap, c->n + 1, sizeof(*c->items));
    c->items[c->n] = (struct call){ .method = method, .kind = kind, .path = path, .body = body };
    return &c->items[c->n++];
}

static char *path_of(const struct calls *c, int kind, const cJSON *obj, const char *sub)
{
    AUTO_FREE char *path = kind_path(scene_kind(c->scene, kind), item_ns(obj), item_name(obj));

    return sub ? xasprintf("%s/%s", path, sub) : TAKE(path);
}

void calls_create(struct calls *c, int kind, const char *ns, cJSON *obj)
{
    const struct kind *k = scene_kind(c->scene, kind);

    json_str(obj, "apiVersion", k->api);
    json_str(obj, "kind", k->name);
    add(c, "POST", kind, kind_path(k, ns, NULL), obj);
}

void calls_patch(struct calls *c, int kind, const cJSON *obj, const char *sub, cJSON *patch)
{
    struct call *call;

    if (!patch || !patch->child) {
        cJSON_Delete(patch);
        return;
    }
    call = add(c, "PATCH", str_eq(sub, "scale") ? -1 : kind, path_of(c, kind, obj, sub), patch);
    call->key = item_key(obj);
}

void calls_patch_exact(struct calls *c, int kind, const cJSON *obj, const char *sub, cJSON *patch)
{
    if (patch && patch->child)
        json_str(json_obj(patch, "metadata"), "resourceVersion", json_get_str(obj, "metadata.resourceVersion"));
    calls_patch(c, kind, obj, sub, patch);
}

void calls_delete(struct calls *c, int kind, const cJSON *obj, const char *propagation, int grace_s)
{
    cJSON *opts = json_new_obj();
    struct call *call;

    json_str(opts, "apiVersion", "v1");
    json_str(opts, "kind", "DeleteOptions");
    json_str(opts, "propagationPolicy", propagation ? propagation : "Background");
    json_str(json_obj(opts, "preconditions"), "uid", item_uid(obj));
    if (grace_s >= 0)
        json_int(opts, "gracePeriodSeconds", grace_s);
    call = add(c, "DELETE", kind, path_of(c, kind, obj, NULL), opts);
    call->key = item_key(obj);
}

void calls_get(struct calls *c, int kind, const char *ns, const char *name, const char *note)
{
    add(c, "GET", kind, kind_path(scene_kind(c->scene, kind), ns, name), NULL)->key = xstrdup(note);
}

void calls_put(struct calls *c, int kind, const cJSON *obj, const char *sub, cJSON *body)
{
    add(c, "PUT", kind, path_of(c, kind, obj, sub), body)->key = item_key(obj);
}

void calls_bind(struct calls *c, const cJSON *pod, const char *node)
{
    cJSON *b = json_new_obj(), *meta, *target;
    struct call *call;

    json_str(b, "apiVersion", "v1");
    json_str(b, "kind", "Binding");
    meta = json_obj(b, "metadata");
    json_str(meta, "name", item_name(pod));
    json_str(meta, "namespace", item_ns(pod));
    json_str(meta, "uid", item_uid(pod));
    target = json_obj(b, "target");
    json_str(target, "apiVersion", "v1");
    json_str(target, "kind", "Node");
    json_str(target, "name", node);
    call = add(c, "POST", -1, path_of(c, KIND_POD, pod, "binding"), b);
    call->key = item_key(pod);
    call->node = json_get_str(b, "target.name");
}

void calls_again(struct calls *c, int64_t in_ms)
{
    if (in_ms < 0)
        in_ms = 0;
    if (c->again_ms < 0 || in_ms < c->again_ms)
        c->again_ms = in_ms;
}

cJSON *refs_without(const cJSON *o, const char *uid)
{
    cJSON *refs = json_new_arr();
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(o, "metadata.ownerReferences"))
        if (!str_eq(json_get_str(ref, "uid"), uid))
            json_push(refs, json_dup(ref));
    return refs;
}

static void patch_refs(struct calls *c, int kind, const cJSON *o, cJSON *refs)
{
    cJSON *patch = json_new_obj(), *meta = json_obj(patch, "metadata");

    json_str(meta, "uid", item_uid(o)); /* never another object of that name */
    json_put(meta, "ownerReferences", refs);
    calls_patch_exact(c, kind, o, NULL, patch);
}

void calls_adopt(struct calls *c, int child_kind, const cJSON *child, int owner_kind, const cJSON *owner)
{
    const struct kind *k = scene_kind(c->scene, owner_kind);
    cJSON *refs = refs_without(child, item_uid(owner));

    json_push(refs, item_new_owner_ref(k->api, k->name, owner));
    patch_refs(c, child_kind, child, refs);
}

void calls_release(struct calls *c, int child_kind, const cJSON *child, const char *owner_uid)
{
    patch_refs(c, child_kind, child, refs_without(child, owner_uid));
}

cJSON *patch_between(const cJSON *from, const cJSON *to)
{
    cJSON *patch = json_new_obj();
    const cJSON *m;

    cJSON_ArrayForEach(m, to)
        if (!json_equal(m, json_member(from, m->string)))
            json_put_dup(patch, m->string, m);
    cJSON_ArrayForEach(m, from)
        if (!json_member(to, m->string))
            json_put(patch, m->string, cJSON_CreateNull());
    return patch;
}

bool calls_status(struct calls *c, int kind, const cJSON *obj, cJSON *status, bool exact)
{
    cJSON *patch = patch_between(json_member(obj, "status"), status), *outer = json_new_obj();
    bool differs = patch->child != NULL;

    cJSON_Delete(status);
    if (!differs) {
        cJSON_Delete(patch);
        cJSON_Delete(outer);
        return false;
    }
    json_put(outer, "status", patch);
    if (exact)
        calls_patch_exact(c, kind, obj, "status", outer);
    else
        calls_patch(c, kind, obj, "status", outer);
    return true;
}

void calls_render(const struct calls *c, struct buf *out)
{
    for (size_t i = 0; i < c->n; i++) {
        AUTO_FREE char *body = c->items[i].body ? json_print(c->items[i].body) : NULL;

        buf_fmt(out, "%s %s%s%s\n", c->items[i].method, c->items[i].path, body ? " " : "", body ? body : "");
    }
}
