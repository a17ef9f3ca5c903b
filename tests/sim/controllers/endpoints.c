/*
 * Services: EndpointSlices, one per set of port numbers, and the older Endpoints.
 * Source: kubernetes pkg/controller/endpointslice and endpoint.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sim/controllers/items.h"
#include "sim/controllers/sync.h"

#define SERVICE_LABEL "kubernetes.io/service-name"
#define MANAGED_LABEL "endpointslice.kubernetes.io/managed-by"
#define MANAGER "everserve-sim"

/* A named target port is looked up in the pod; 0: it has none of that name. */
static int64_t target_port(const cJSON *port, const cJSON *pod)
{
    const cJSON *target = json_member(port, "targetPort"), *c, *p;
    const char *name = cJSON_GetStringValue(target);

    if (!target)
        return json_get_int(port, "port", 0);
    if (!name)
        return (int64_t)target->valuedouble;
    cJSON_ArrayForEach(c, json_at(pod, "spec.containers"))
        cJSON_ArrayForEach(p, json_member(c, "ports"))
            if (str_eq(json_get_str(p, "name"), name))
                return json_get_int(p, "containerPort", 0);
    return 0;
}

/* The caller owns the result. */
static cJSON *ports_of(const cJSON *svc, const cJSON *pod)
{
    cJSON *ports = json_new_arr();
    const cJSON *port;

    cJSON_ArrayForEach(port, json_at(svc, "spec.ports"))
    {
        int64_t number = target_port(port, pod);
        cJSON *p;

        if (number == 0)
            continue;
        p = json_push_obj(ports);
        json_str(p, "name", json_get_str(port, "name") ? json_get_str(port, "name") : "");
        json_int(p, "port", number);
        json_str(p, "protocol", json_get_str(port, "protocol") ? json_get_str(port, "protocol") : "TCP");
        json_put_dup(p, "appProtocol", json_member(port, "appProtocol"));
    }
    return ports;
}

static cJSON *pod_reference(const cJSON *pod)
{
    cJSON *ref = json_new_obj();

    json_str(ref, "kind", "Pod");
    json_str(ref, "namespace", item_ns(pod));
    json_str(ref, "name", item_name(pod));
    json_str(ref, "uid", item_uid(pod));
    return ref;
}

static cJSON *endpoint_of(const struct sync *s, const cJSON *svc, const cJSON *pod)
{
    cJSON *e = json_new_obj(), *cond = json_obj(e, "conditions");
    bool serving = pod_is_ready(pod), terminating = item_is_deleting(pod);
    bool publish = json_get_bool(svc, "spec.publishNotReadyAddresses", false);
    const char *node = json_get_str(pod, "spec.nodeName"), *subdomain = json_get_str(pod, "spec.subdomain");

    json_push_str(json_arr(e, "addresses"), json_get_str(pod, "status.podIP"));
    json_bool(cond, "ready", publish || (serving && !terminating));
    json_bool(cond, "serving", serving);
    json_bool(cond, "terminating", terminating);
    if (str_eq(subdomain, item_name(svc)))
        json_str(e, "hostname", json_get_str(pod, "spec.hostname"));
    json_str(e, "nodeName", node);
    json_put(e, "targetRef", pod_reference(pod));
    if (node)
        json_str(e, "zone", item_label(scene_get(s->scene, KIND_NODE, NULL, node), "topology.kubernetes.io/zone"));
    return e;
}

static bool is_selected(const cJSON *svc, const cJSON *pod)
{
    const cJSON *x;

    cJSON_ArrayForEach(x, json_at(svc, "spec.selector"))
        if (!str_eq(cJSON_GetStringValue(x), item_label(pod, x->string)))
            return false;
    return json_get_str(pod, "status.podIP") && !pod_is_finished(pod);
}

static bool has_selector(const cJSON *svc)
{
    return svc && json_count(json_at(svc, "spec.selector")) && !str_eq(json_get_str(svc, "spec.type"), "ExternalName");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(item_name(*(const cJSON *const *)a), item_name(*(const cJSON *const *)b));
}

/* In order, so that the same pods always make the same slice. */
static void list_selected(const struct sync *s, const cJSON *svc, struct list *out)
{
    AUTO_LIST struct list all = { 0 };

    scene_list_ns(s->scene, KIND_POD, item_ns(svc), &all);
    for (size_t i = 0; i < all.n; i++)
        if (is_selected(svc, all.items[i]))
            list_add(out, all.items[i]);
    if (out->n > 1)
        qsort(out->items, out->n, sizeof(*out->items), by_name);
}

/* [{"ports": [...], "endpoints": [...]}], one per set of ports; at least one. Caller frees. */
static cJSON *groups_of(const struct sync *s, const cJSON *svc)
{
    cJSON *groups = json_new_arr(), *g;
    AUTO_LIST struct list pods = { 0 };

    list_selected(s, svc, &pods);
    for (size_t i = 0; i < pods.n; i++) {
        cJSON *ports = ports_of(svc, pods.items[i]), *mine = NULL;

        cJSON_ArrayForEach(g, groups)
            if (json_equal(json_member(g, "ports"), ports))
                mine = g;
        if (!mine) {
            mine = json_push_obj(groups);
            json_put_dup(mine, "ports", ports);
        }
        cJSON_Delete(ports);
        json_push(json_arr(mine, "endpoints"), endpoint_of(s, svc, pods.items[i]));
    }
    if (!groups->child) {
        g = json_push_obj(groups);
        json_put(g, "ports", ports_of(svc, NULL));
        json_arr(g, "endpoints");
    }
    return groups;
}

static cJSON *reference_to(const cJSON *svc)
{
    return item_new_owner_ref("v1", "Service", svc);
}

static void create_slice(struct sync *s, const cJSON *svc, const cJSON *group)
{
    cJSON *slice = json_new_obj(), *meta = json_obj(slice, "metadata");
    const cJSON *label;

    json_fmt(meta, "generateName", "%s-", item_name(svc));
    cJSON_ArrayForEach(label, item_labels(svc))
        json_put_dup(json_obj(meta, "labels"), label->string, label);
    json_str(json_obj(meta, "labels"), SERVICE_LABEL, item_name(svc));
    json_str(json_obj(meta, "labels"), MANAGED_LABEL, MANAGER);
    if (str_eq(json_get_str(svc, "spec.clusterIP"), "None"))
        json_str(json_obj(meta, "labels"), "service.kubernetes.io/headless", "");
    json_push(json_arr(meta, "ownerReferences"), reference_to(svc));
    json_str(slice, "addressType", "IPv4");
    json_put_dup(slice, "ports", json_member(group, "ports"));
    json_put_dup(slice, "endpoints", json_member(group, "endpoints"));
    calls_create(&s->out, KIND_SLICE, item_ns(svc), slice);
}

static bool same_or_empty(const cJSON *a, const cJSON *b)
{
    return (json_count(a) == 0 && json_count(b) == 0) || json_equal(a, b);
}

static void patch_slice(struct sync *s, const cJSON *slice, const cJSON *group)
{
    static const char *const members[] = { "ports", "endpoints" };
    cJSON *patch = json_new_obj();

    for (size_t i = 0; i < COUNT(members); i++)
        if (!same_or_empty(json_member(slice, members[i]), json_member(group, members[i])))
            json_put_dup(patch, members[i], json_member(group, members[i]));
    calls_patch(&s->out, KIND_SLICE, slice, NULL, patch);
}

/* Takes the best slice for the group out of the list: same ports, else any. NULL: none is left. */
static const cJSON *take_slice(struct list *slices, const cJSON *group)
{
    size_t at = 0;
    const cJSON *slice;

    if (slices->n == 0)
        return NULL;
    for (size_t i = 0; i < slices->n; i++)
        if (same_or_empty(json_member(slices->items[i], "ports"), json_member(group, "ports")))
            at = i;
    slice = slices->items[at];
    slices->items[at] = slices->items[--slices->n];
    return slice;
}

static void endpointslice_sync(struct sync *s)
{
    const cJSON *svc = scene_get_key(s->scene, KIND_SERVICE, s->key), *group;
    AUTO_LIST struct list owned = { 0 }, slices = { 0 };
    AUTO_JSON cJSON *groups = NULL;

    if (!has_selector(svc) || item_is_deleting(svc))
        return;
    scene_list_owned(s->scene, KIND_SLICE, item_uid(svc), &owned);
    for (size_t i = 0; i < owned.n; i++)
        if (str_eq(item_label(owned.items[i], MANAGED_LABEL), MANAGER) && !item_is_deleting(owned.items[i]))
            list_add(&slices, owned.items[i]);
    groups = groups_of(s, svc);
    cJSON_ArrayForEach(group, groups)
    {
        const cJSON *slice = take_slice(&slices, group);

        if (slice)
            patch_slice(s, slice, group);
        else
            create_slice(s, svc, group);
    }
    for (size_t i = 0; i < slices.n; i++)
        calls_delete(&s->out, KIND_SLICE, slices.items[i], NULL, -1);
}

static void endpointslice_on_change(void *state, const struct change *c, struct workq *q)
{
    (void)state;
    if (c->kind == KIND_NODE) /* only for the zones of pods, which do not move */
        return;
    if (c->kind == KIND_SERVICE)
        change_add_self(c, q);
    else if (c->kind == KIND_SLICE || c->kind == KIND_ENDPOINTS)
        change_add_owner(c, "Service", q);
    else
        change_add_selecting(c, KIND_SERVICE, "spec.selector", q);
}

static cJSON *address_of(const cJSON *endpoint)
{
    cJSON *a = json_new_obj();

    json_str(a, "ip", json_get_str(endpoint, "addresses.0"));
    json_put_dup(a, "hostname", json_member(endpoint, "hostname"));
    json_put_dup(a, "nodeName", json_member(endpoint, "nodeName"));
    json_put_dup(a, "targetRef", json_member(endpoint, "targetRef"));
    return a;
}

/* Unnamed ports carry no name here. */
static void push_ports(cJSON *subset, const cJSON *ports)
{
    const cJSON *p;

    cJSON_ArrayForEach(p, ports)
    {
        cJSON *copy = json_dup(p);

        if (str_empty(json_get_str(copy, "name")))
            json_del(copy, "name");
        json_push(json_arr(subset, "ports"), copy);
    }
}

static cJSON *subsets_of(const cJSON *groups)
{
    cJSON *subsets = json_new_arr();
    const cJSON *g, *e;

    cJSON_ArrayForEach(g, groups)
    {
        cJSON *subset;

        if (!json_count(json_member(g, "endpoints")))
            continue;
        subset = json_new_obj();
        cJSON_ArrayForEach(e, json_member(g, "endpoints"))
        {
            if (json_get_bool(e, "conditions.ready", false))
                json_push(json_arr(subset, "addresses"), address_of(e));
            else if (!json_get_bool(e, "conditions.terminating", false))
                json_push(json_arr(subset, "notReadyAddresses"), address_of(e));
        }
        if (!subset->child) {
            cJSON_Delete(subset);
            continue;
        }
        push_ports(subset, json_member(g, "ports"));
        json_push(subsets, subset);
    }
    return subsets;
}

static void endpoints_sync(struct sync *s)
{
    const cJSON *svc = scene_get_key(s->scene, KIND_SERVICE, s->key);
    const cJSON *old = scene_get_key(s->scene, KIND_ENDPOINTS, s->key);
    AUTO_JSON cJSON *groups = NULL, *subsets = NULL;
    cJSON *o;

    if (!has_selector(svc) || item_is_deleting(svc))
        return;
    groups = groups_of(s, svc);
    subsets = subsets_of(groups);
    if (same_or_empty(json_member(old, "subsets"), subsets) && old)
        return;
    o = json_new_obj();
    json_put(o, "subsets", TAKE(subsets));
    if (old) {
        calls_patch(&s->out, KIND_ENDPOINTS, old, NULL, o);
        return;
    }
    json_str(json_obj(o, "metadata"), "name", item_name(svc));
    json_put_dup(json_obj(o, "metadata"), "labels", item_labels(svc));
    json_str(json_obj(json_obj(o, "metadata"), "labels"), "endpointslice.kubernetes.io/skip-mirror", "true");
    json_push(json_arr(json_obj(o, "metadata"), "ownerReferences"), reference_to(svc));
    calls_create(&s->out, KIND_ENDPOINTS, item_ns(svc), o);
}

const struct controller controller_endpointslice = {
    .name = "endpointslice",
    .help = "EndpointSlices of Services",
    .kinds = { KIND_SERVICE, KIND_POD, KIND_SLICE, KIND_NODE, KINDS_END },
    .on_change = endpointslice_on_change,
    .sync = endpointslice_sync,
};

const struct controller controller_endpoints = {
    .name = "endpoints",
    .help = "Endpoints of Services",
    .kinds = { KIND_SERVICE, KIND_POD, KIND_ENDPOINTS, KIND_NODE, KINDS_END },
    .on_change = endpointslice_on_change,
    .sync = endpoints_sync,
};
