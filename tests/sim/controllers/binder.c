/*
 * Claims get volumes: one PersistentVolume each, a folder that every node can see.
 * Where the server protects claims and volumes in use by finalizers, these are
 * taken off when nothing uses them. Keys are the claims' keys.
 */
#include <string.h>

#include "base/str.h"
#include "json/quantity.h"
#include "sim/controllers/items.h"
#include "sim/controllers/sync.h"

#define VOLUMES "/var/lib/everserve-sim/volumes"

static char *volume_name(const cJSON *claim)
{
    const char *asked = json_get_str(claim, "spec.volumeName");

    return str_empty(asked) ? xasprintf("pvc-%s", item_uid(claim)) : xstrdup(asked);
}

static void create_volume(struct sync *s, const cJSON *claim, const char *name)
{
    cJSON *pv = json_new_obj(), *spec = json_obj(pv, "spec"), *ref;

    json_str(json_obj(pv, "metadata"), "name", name);
    json_str(json_obj(json_obj(pv, "metadata"), "annotations"), "pv.kubernetes.io/provisioned-by", "everserve-sim");
    json_put_dup(json_obj(spec, "capacity"), "storage", json_at(claim, "spec.resources.requests.storage"));
    json_put_dup(spec, "accessModes", json_at(claim, "spec.accessModes"));
    json_put_dup(spec, "storageClassName", json_at(claim, "spec.storageClassName"));
    json_put_dup(spec, "volumeMode", json_at(claim, "spec.volumeMode"));
    json_str(spec, "persistentVolumeReclaimPolicy", "Delete");
    json_fmt(json_obj(spec, "hostPath"), "path", "%s/%s", VOLUMES, name);
    json_str(json_obj(spec, "hostPath"), "type", "DirectoryOrCreate");
    ref = json_obj(spec, "claimRef");
    json_str(ref, "apiVersion", "v1");
    json_str(ref, "kind", "PersistentVolumeClaim");
    json_str(ref, "namespace", item_ns(claim));
    json_str(ref, "name", item_name(claim));
    json_str(ref, "uid", item_uid(claim));
    calls_create(&s->out, KIND_VOLUME, NULL, pv);
}

static void bind_claim(struct sync *s, const cJSON *claim, const cJSON *pv)
{
    cJSON *patch, *status;

    if (str_empty(json_get_str(claim, "spec.volumeName"))) {
        patch = json_new_obj();
        json_str(json_obj(patch, "spec"), "volumeName", item_name(pv));
        json_str(json_obj(json_obj(patch, "metadata"), "annotations"), "pv.kubernetes.io/bind-completed", "yes");
        calls_patch(&s->out, KIND_CLAIM, claim, NULL, patch);
    }
    status = json_member(claim, "status") ? json_dup(json_member(claim, "status")) : json_new_obj();
    json_str(status, "phase", "Bound");
    json_put_dup(status, "accessModes", json_at(pv, "spec.accessModes"));
    json_put_dup(status, "capacity", json_at(pv, "spec.capacity"));
    calls_status(&s->out, KIND_CLAIM, claim, status, false);
}

/* The server let the claim ask for more: the volume grows, and then its file system, all at once. */
static void grow_volume(struct sync *s, const cJSON *claim, const cJSON *pv)
{
    const char *want = json_get_str(claim, "spec.resources.requests.storage");
    const char *have = json_get_str(pv, "spec.capacity.storage");
    int64_t w, h;
    cJSON *patch;

    if (!want || !have || quantity_parse(want, &w, NULL) < 0 || quantity_parse(have, &h, NULL) < 0 || w <= h)
        return;
    patch = json_new_obj();
    json_str(json_obj(json_obj(patch, "spec"), "capacity"), "storage", want);
    calls_patch(&s->out, KIND_VOLUME, pv, NULL, patch);
}

static void set_phase(struct sync *s, const cJSON *pv, const char *phase)
{
    cJSON *status = json_member(pv, "status") ? json_dup(json_member(pv, "status")) : json_new_obj();

    json_str(status, "phase", phase);
    calls_status(&s->out, KIND_VOLUME, pv, status, false);
}

static bool is_used(const struct sync *s, const cJSON *claim)
{
    AUTO_LIST struct list pods = { 0 };
    const cJSON *v;

    scene_list_ns(s->scene, KIND_POD, item_ns(claim), &pods);
    for (size_t i = 0; i < pods.n; i++)
        cJSON_ArrayForEach(v, json_at(pods.items[i], "spec.volumes"))
            if (!pod_is_finished(pods.items[i]) &&
                str_eq(json_get_str(v, "persistentVolumeClaim.claimName"), item_name(claim)))
                return true;
    return false;
}

static void unprotect(struct sync *s, int kind, const cJSON *o, const char *finalizer)
{
    cJSON *patch, *left;
    const cJSON *f;

    if (!item_has_finalizer(o, finalizer))
        return;
    patch = json_new_obj();
    left = json_arr(json_obj(patch, "metadata"), "finalizers");
    cJSON_ArrayForEach(f, json_at(o, "metadata.finalizers"))
        if (!str_eq(cJSON_GetStringValue(f), finalizer))
            json_push(left, json_dup(f));
    calls_patch_exact(&s->out, kind, o, NULL, patch);
}

/* What was bound to a claim of this name that is no more. */
static void release_volumes(struct sync *s, const cJSON *claim)
{
    AUTO_LIST struct list all = { 0 };

    scene_list(s->scene, KIND_VOLUME, &all);
    for (size_t i = 0; i < all.n; i++) {
        const cJSON *pv = all.items[i], *ref = json_at(pv, "spec.claimRef");
        AUTO_FREE char *key = xasprintf("%s/%s", json_get_str(ref, "namespace"), json_get_str(ref, "name"));

        if (!ref || !str_eq(key, s->key) || !json_get_str(ref, "uid") || str_eq(json_get_str(ref, "uid"), item_uid(claim)))
            continue;
        if (str_eq(json_get_str(pv, "spec.persistentVolumeReclaimPolicy"), "Delete")) {
            if (!item_is_deleting(pv))
                calls_delete(&s->out, KIND_VOLUME, pv, NULL, -1);
            else
                unprotect(s, KIND_VOLUME, pv, "kubernetes.io/pv-protection");
        } else {
            set_phase(s, pv, "Released");
        }
    }
}

static void binder_sync(struct sync *s)
{
    const cJSON *claim = scene_get_key(s->scene, KIND_CLAIM, s->key), *pv;
    AUTO_FREE char *name = NULL;

    release_volumes(s, claim);
    if (claim && item_is_deleting(claim) && !is_used(s, claim))
        unprotect(s, KIND_CLAIM, claim, "kubernetes.io/pvc-protection");
    if (!claim || item_is_deleting(claim))
        return;
    name = volume_name(claim);
    pv = scene_get(s->scene, KIND_VOLUME, NULL, name);
    if (!pv && str_empty(json_get_str(claim, "spec.volumeName")))
        create_volume(s, claim, name);
    if (!pv || item_is_deleting(pv))
        return;
    grow_volume(s, claim, pv);
    bind_claim(s, claim, pv);
    set_phase(s, pv, "Bound");
}

static void add_claims_of(const cJSON *pod, struct workq *q)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, json_at(pod, "spec.volumes"))
    {
        const char *name = json_get_str(v, "persistentVolumeClaim.claimName");
        AUTO_FREE char *key = name ? xasprintf("%s/%s", item_ns(pod), name) : NULL;

        if (key)
            workq_add(q, key);
    }
}

static void binder_on_change(void *state, const struct change *c, struct workq *q)
{
    const cJSON *ref = json_at(change_item(c), "spec.claimRef");
    AUTO_FREE char *key = NULL;
    (void)state;

    if (c->kind == KIND_CLAIM) {
        change_add_self(c, q);
    } else if (c->kind == KIND_POD) {
        if (!c->now || pod_is_finished(c->now))
            add_claims_of(change_item(c), q);
    } else if (json_get_str(ref, "namespace") && json_get_str(ref, "name")) {
        key = xasprintf("%s/%s", json_get_str(ref, "namespace"), json_get_str(ref, "name"));
        workq_add(q, key);
    }
}

const struct controller controller_binder = {
    .name = "binder",
    .help = "PersistentVolumeClaims to volumes",
    .kinds = { KIND_CLAIM, KIND_VOLUME, KIND_POD, KINDS_END },
    .on_change = binder_on_change,
    .sync = binder_sync,
};
