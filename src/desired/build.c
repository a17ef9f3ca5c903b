#include "build.h"

#include <stdio.h>

#include "base/str.h"
#include "json/quantity.h"

cJSON *build_child(enum child c, const struct isvc *s)
{
    const struct child_type *t = &child_types[c];
    cJSON *o = json_new_obj(), *meta;

    json_str(o, "apiVersion", t->api_version);
    json_str(o, "kind", t->kind);
    meta = json_obj(o, "metadata");
    json_fmt(meta, "name", "%s%s", s->name, t->suffix);
    json_str(meta, "namespace", s->ns);
    json_put(meta, "labels", names_labels(s, child_component(c)));
    json_put(meta, "ownerReferences", names_owner_references(s));
    return o;
}

bool build_uses_tls(const struct isvc *s, const struct desired_input *in)
{
    return in->redis_keys ? in->redis_keys->tls.crt != NULL : s->redis.tls_secret != NULL;
}

void build_selector(cJSON *spec, const struct isvc *s, const char *component)
{
    json_put(json_obj(spec, "selector"), "matchLabels", names_selector(s, component));
}

void build_spread(cJSON *pod_spec, const struct isvc *s, const char *component, bool by_revision)
{
    static const char *const keys[] = { "kubernetes.io/hostname", "topology.kubernetes.io/zone" };
    cJSON *list = json_arr(pod_spec, "topologySpreadConstraints");

    for (size_t i = 0; i < COUNT(keys); i++) {
        cJSON *c = json_push_obj(list);

        json_int(c, "maxSkew", 1);
        json_str(c, "topologyKey", keys[i]);
        /* a preference: a cluster of one node or zone must still serve */
        json_str(c, "whenUnsatisfiable", "ScheduleAnyway");
        json_put(json_obj(c, "labelSelector"), "matchLabels", names_selector(s, component));
        if (by_revision)
            json_push_str(json_arr(c, "matchLabelKeys"), "pod-template-hash");
    }
}

/* NULL when the name is there already: what the user set stays. */
static cJSON *env_add(cJSON *env, const char *name)
{
    const cJSON *v;
    cJSON *item;

    cJSON_ArrayForEach(v, env)
        if (str_eq(json_get_str(v, "name"), name))
            return NULL;
    item = json_push_obj(env);
    json_str(item, "name", name);
    return item;
}

void build_env(cJSON *env, const char *name, const char *value)
{
    cJSON *item = env_add(env, name);

    if (item)
        json_str(item, "value", value);
}

void build_env_secret(cJSON *env, const char *name, const char *secret, const char *key)
{
    cJSON *item = env_add(env, name), *ref;

    if (!item)
        return;
    ref = json_obj(json_obj(item, "valueFrom"), "secretKeyRef");
    json_str(ref, "name", secret);
    json_str(ref, "key", key);
}

void build_env_field(cJSON *env, const char *name, const char *field)
{
    cJSON *item = env_add(env, name), *ref;

    if (!item)
        return;
    ref = json_obj(json_obj(item, "valueFrom"), "fieldRef");
    json_str(ref, "apiVersion", "v1");
    json_str(ref, "fieldPath", field);
}

void build_redis_name(const struct isvc *s, char out[ISVC_NAME_MAX + 8])
{
    snprintf(out, ISVC_NAME_MAX + 8, "%s-redis", s->name);
}

void build_canonical_member(cJSON *obj, const char *key)
{
    const cJSON *v = json_member(obj, key);
    AUTO_FREE char *text = json_scalar_text(v);
    char canonical[32];

    if (text && quantity_canonical(text, canonical, NULL) == 0)
        json_str(obj, key, canonical);
}

static void canonical_members(cJSON *obj)
{
    /* a member may be replaced while we walk: count, do not follow links */
    for (int i = 0; i < json_count(obj); i++)
        build_canonical_member(obj, cJSON_GetArrayItem(obj, i)->string);
}

static void canonical_resources(cJSON *resources)
{
    canonical_members(json_member(resources, "requests"));
    canonical_members(json_member(resources, "limits"));
}

static void canonical_env(cJSON *env)
{
    cJSON *v;

    cJSON_ArrayForEach(v, env) {
        cJSON *field = json_at(v, "valueFrom.fieldRef"), *resource = json_at(v, "valueFrom.resourceFieldRef");

        if (cJSON_IsObject(field) && !json_has(field, "apiVersion"))
            json_str(field, "apiVersion", "v1");
        if (cJSON_IsObject(resource) && !json_has(resource, "divisor"))
            json_str(resource, "divisor", "0");
        build_canonical_member(resource, "divisor");
    }
}

static void canonical_containers(cJSON *list)
{
    cJSON *c;

    cJSON_ArrayForEach(c, list) {
        canonical_resources(json_member(c, "resources"));
        canonical_env(json_member(c, "env"));
    }
}

void build_canonical_pod(cJSON *pod_spec)
{
    cJSON *v;

    canonical_containers(json_member(pod_spec, "containers"));
    canonical_containers(json_member(pod_spec, "initContainers"));
    canonical_resources(json_member(pod_spec, "resources"));
    canonical_members(json_member(pod_spec, "overhead"));
    cJSON_ArrayForEach(v, json_member(pod_spec, "volumes"))
        build_canonical_member(json_member(v, "emptyDir"), "sizeLimit");
}
