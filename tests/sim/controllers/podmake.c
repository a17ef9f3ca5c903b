#include "sim/controllers/podmake.h"

#include "base/str.h"
#include "sim/controllers/items.h"

cJSON *pod_from_template(const cJSON *template, const cJSON *owner, const char *owner_kind)
{
    cJSON *pod = json_new_obj(), *meta = json_obj(pod, "metadata");

    json_put_dup(meta, "labels", json_at(template, "metadata.labels"));
    json_put_dup(meta, "annotations", json_at(template, "metadata.annotations"));
    json_put_dup(meta, "finalizers", json_at(template, "metadata.finalizers"));
    json_push(json_arr(meta, "ownerReferences"), item_new_owner_ref(str_eq(owner_kind, "Job") ? "batch/v1" : "apps/v1", owner_kind, owner));
    json_put_dup(pod, "spec", json_member(template, "spec"));
    json_obj(pod, "spec");
    return pod;
}
