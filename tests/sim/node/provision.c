#include "sim/node/provision.h"

#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "kube/path.h"

struct provision {
    struct kube *kube;
    struct map *made; /* uid of a claim to the owner: any value but NULL */
    struct map *seen; /* uids of the pass under way */
};

struct provision *provision_new(struct kube *k)
{
    struct provision *p = xcalloc(1, sizeof(*p));

    p->kube = k;
    p->made = map_new();
    return p;
}

void provision_free(struct provision *p)
{
    if (!p)
        return;
    map_free(p->made, NULL);
    free(p);
}

static void on_reply(void *arg, const struct kube_reply *r)
{
    (void)arg;
    if (r->err.kind != ERR_NONE && r->err.kind != ERR_CONFLICT && r->err.kind != ERR_ABSENT)
        log_warn("volume for a claim", F("error", r->err.msg));
}

static cJSON *volume_for(const cJSON *claim, const char *uid)
{
    cJSON *v = json_new_obj(), *spec = json_obj(v, "spec"), *ref = json_obj(spec, "claimRef");
    const cJSON *modes = json_at(claim, "spec.accessModes");

    json_str(v, "apiVersion", "v1");
    json_str(v, "kind", "PersistentVolume");
    json_fmt(json_obj(v, "metadata"), "name", "sim-%s", uid);
    json_str(ref, "apiVersion", "v1");
    json_str(ref, "kind", "PersistentVolumeClaim");
    json_str(ref, "namespace", json_get_str(claim, "metadata.namespace"));
    json_str(ref, "name", json_get_str(claim, "metadata.name"));
    json_str(ref, "uid", uid);
    json_put_dup(spec, "accessModes", modes);
    json_put_dup(spec, "capacity", json_at(claim, "spec.resources.requests"));
    json_put_dup(spec, "volumeMode", json_at(claim, "spec.volumeMode"));
    json_str(spec, "storageClassName", json_get_str(claim, "spec.storageClassName"));
    json_str(spec, "persistentVolumeReclaimPolicy", "Retain");
    json_fmt(json_obj(spec, "hostPath"), "path", "/var/lib/everserve-sim/%s", uid);
    return v;
}

static void on_claim(void *arg, const cJSON *claim)
{
    struct provision *p = arg;
    const char *uid = json_get_str(claim, "metadata.uid");

    if (!uid)
        return;
    map_put(p->seen, uid, p);
    if (map_get(p->made, uid) || json_has(claim, "spec.volumeName"))
        return;
    AUTO_JSON cJSON *v = volume_for(claim, uid);
    map_put(p->made, uid, p);
    kube_send(p->kube, &(struct kube_request){ .method = "POST", .path = "/api/v1/persistentvolumes", .body = v }, on_reply, p);
}

void provision_step(struct provision *p, const struct objects *o)
{
    if (!p || !objects_is_synced(o))
        return;
    p->seen = map_new();
    objects_each_claim(o, on_claim, p);
    for (struct map_iter i = map_first(p->made); i.key; map_next(&i)) {
        if (map_get(p->seen, i.key))
            continue;
        AUTO_FREE char *path = xasprintf("/api/v1/persistentvolumes/sim-%s", i.key);
        kube_send(p->kube, &(struct kube_request){ .method = "DELETE", .path = path }, on_reply, p);
        map_take(p->made, i.key);
    }
    map_free(TAKE(p->seen), NULL);
}
