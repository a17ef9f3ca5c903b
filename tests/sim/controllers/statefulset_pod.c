#include "sim/controllers/statefulset.h"

#include <string.h>

#include "base/str.h"
#include "sim/controllers/items.h"
#include "sim/controllers/podmake.h"

#define REVISION_LABEL "controller-revision-hash"

int64_t stateful_ordinal(const struct stateful *st, const cJSON *pod)
{
    const char *name = item_name(pod), *set = item_name(st->set);
    size_t n = strlen(set);
    int64_t ordinal;

    if (strncmp(name, set, n) != 0 || name[n] != '-' || !str_to_int(name + n + 1, 0, INT32_MAX, &ordinal))
        return -1;
    return ordinal;
}

bool stateful_is_old(const struct stateful *st, const cJSON *pod)
{
    return !str_eq(item_label(pod, REVISION_LABEL), st->update_rev);
}

static char *claim_name(const struct stateful *st, const cJSON *template, int64_t ordinal)
{
    return xasprintf("%s-%s-%lld", item_name(template), item_name(st->set), (long long)ordinal);
}

static const cJSON *claim_templates(const struct stateful *st)
{
    return json_at(st->set, "spec.volumeClaimTemplates");
}

static cJSON *policy_ref(const struct stateful *st)
{
    cJSON *ref = json_new_obj();

    json_str(ref, "apiVersion", "apps/v1");
    json_str(ref, "kind", "StatefulSet");
    json_str(ref, "name", item_name(st->set));
    json_str(ref, "uid", item_uid(st->set));
    return ref;
}

static bool policy_deletes(const struct stateful *st, const char *when)
{
    const cJSON *policy = json_at(st->set, "spec.persistentVolumeClaimRetentionPolicy");

    return str_eq(json_get_str(policy, when), "Delete");
}

static void create_claim(struct stateful *st, const cJSON *template, const char *name)
{
    cJSON *claim = json_new_obj(), *meta = json_obj(claim, "metadata");
    const cJSON *label;

    json_str(meta, "name", name);
    json_put_dup(meta, "labels", json_at(template, "metadata.labels"));
    json_put_dup(meta, "annotations", json_at(template, "metadata.annotations"));
    cJSON_ArrayForEach(label, json_at(st->set, "spec.selector.matchLabels"))
        json_put_dup(json_obj(meta, "labels"), label->string, label);
    if (policy_deletes(st, "whenDeleted"))
        json_push(json_arr(meta, "ownerReferences"), policy_ref(st));
    json_put_dup(claim, "spec", json_member(template, "spec"));
    calls_create(&st->s->out, KIND_CLAIM, item_ns(st->set), claim);
}

/* False while an old claim of that name is on its way out. */
static bool make_claims(struct stateful *st, int64_t ordinal)
{
    const cJSON *template;
    bool usable = true;

    cJSON_ArrayForEach(template, claim_templates(st))
    {
        AUTO_FREE char *name = claim_name(st, template, ordinal);
        const cJSON *claim = scene_get(st->s->scene, KIND_CLAIM, item_ns(st->set), name);

        if (!claim)
            create_claim(st, template, name);
        else if (item_is_deleting(claim))
            usable = false;
    }
    return usable;
}

/* The claims' volumes take the place of template volumes of the same name. */
static void put_volumes(const struct stateful *st, cJSON *pod, int64_t ordinal)
{
    cJSON *volumes = json_new_arr();
    const cJSON *template, *v;

    cJSON_ArrayForEach(template, claim_templates(st))
    {
        AUTO_FREE char *name = claim_name(st, template, ordinal);
        cJSON *volume = json_push_obj(volumes);

        json_str(volume, "name", item_name(template));
        json_str(json_obj(volume, "persistentVolumeClaim"), "claimName", name);
    }
    cJSON_ArrayForEach(v, json_at(pod, "spec.volumes"))
    {
        bool is_claim = false;

        cJSON_ArrayForEach(template, claim_templates(st))
            is_claim |= str_eq(item_name(template), json_get_str(v, "name"));
        if (!is_claim)
            json_push(volumes, json_dup(v));
    }
    if (volumes->child)
        json_put(json_obj(pod, "spec"), "volumes", TAKE(volumes));
    cJSON_Delete(volumes);
}

void stateful_create_pod(struct stateful *st, int64_t ordinal)
{
    bool old = !st->on_delete && ordinal < st->start + st->partition;
    const cJSON *template = old ? st->current_template : json_at(st->set, "spec.template");
    AUTO_JSON cJSON *pod = NULL;
    cJSON *labels;

    if (!make_claims(st, ordinal))
        return;
    pod = pod_from_template(template, st->set, "StatefulSet");
    labels = json_obj(json_obj(pod, "metadata"), "labels");
    json_fmt(json_obj(pod, "metadata"), "name", "%s-%lld", item_name(st->set), (long long)ordinal);
    json_str(labels, "statefulset.kubernetes.io/pod-name", item_name(pod));
    json_fmt(labels, "apps.kubernetes.io/pod-index", "%lld", (long long)ordinal);
    json_str(labels, REVISION_LABEL, old ? st->current_rev : st->update_rev);
    json_str(json_obj(pod, "spec"), "hostname", item_name(pod));
    json_str(json_obj(pod, "spec"), "subdomain", json_get_str(st->set, "spec.serviceName"));
    put_volumes(st, pod, ordinal);
    calls_create(&st->s->out, KIND_POD, item_ns(st->set), TAKE(pod));
}

/* whenScaled Delete: the claim follows its pod into the grave; whenDeleted Delete: it follows the set. */
static cJSON *wanted_refs(const struct stateful *st, const cJSON *claim, const cJSON *pod, bool condemned)
{
    bool with_pod = condemned && policy_deletes(st, "whenScaled");
    cJSON *refs = json_new_arr();
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(claim, "metadata.ownerReferences"))
        if (!str_eq(json_get_str(ref, "kind"), "Pod") && !str_eq(json_get_str(ref, "uid"), item_uid(st->set)))
            json_push(refs, json_dup(ref));
    if (with_pod) {
        cJSON *r = json_push_obj(refs);

        json_str(r, "apiVersion", "v1");
        json_str(r, "kind", "Pod");
        json_str(r, "name", item_name(pod));
        json_str(r, "uid", item_uid(pod));
    } else if (policy_deletes(st, "whenDeleted")) {
        json_push(refs, policy_ref(st));
    }
    return refs;
}

static bool refs_are_same(const cJSON *have, const cJSON *want)
{
    if (json_count(have) != json_count(want))
        return false;
    for (int i = 0; i < json_count(want); i++)
        if (!str_eq(json_get_str(cJSON_GetArrayItem(have, i), "uid"), json_get_str(cJSON_GetArrayItem(want, i), "uid")))
            return false;
    return true;
}

bool stateful_keep_claims(struct stateful *st, const cJSON *pod, bool condemned)
{
    const cJSON *template;
    bool changing = false;

    cJSON_ArrayForEach(template, claim_templates(st))
    {
        AUTO_FREE char *name = claim_name(st, template, stateful_ordinal(st, pod));
        const cJSON *claim = scene_get(st->s->scene, KIND_CLAIM, item_ns(st->set), name);
        cJSON *refs = claim ? wanted_refs(st, claim, pod, condemned) : NULL, *patch;

        if (!claim || refs_are_same(json_at(claim, "metadata.ownerReferences"), refs)) {
            cJSON_Delete(refs);
            continue;
        }
        patch = json_new_obj();
        json_put(json_obj(patch, "metadata"), "ownerReferences", refs);
        calls_patch_exact(&st->s->out, KIND_CLAIM, claim, NULL, patch);
        changing = true;
    }
    return changing;
}
