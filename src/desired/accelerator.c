/*
 * Accelerators of the first container: by resource name, or by claim.
 */
#include <stdio.h>

#include "base/str.h"
#include "build.h"

#define CLAIM "everserve-accelerator"

/* What vendors' device plugins and node labellers call things. Nodes are tainted with the resource's name, by
 * custom; slices and shares of it keep the taint of the whole. */
static const struct vendor {
    const char *name, *resource, *product_label;
} vendors[] = {
    { "nvidia", "nvidia.com/gpu", "nvidia.com/gpu.product" },
    { "amd", "amd.com/gpu", "amd.com/gpu.product-name" },
    { "intel", "gpu.intel.com/i915", "gpu.intel.com/product" },
    { "habana", "habana.ai/gaudi", "habana.ai/device.type" },
};

static const struct vendor *vendor_of(const cJSON *a)
{
    const char *name = json_get_str(a, "vendor");

    for (size_t i = 0; i < COUNT(vendors); i++)
        if (str_eq(vendors[i].name, name))
            return &vendors[i];
    return &vendors[0];
}

/* 1g.10gb+me is nvidia.com/mig-1g.10gb.me: '+' cannot stand in the name of a resource. */
static void slice_resource(const char *profile, char *out, size_t size)
{
    snprintf(out, size, "nvidia.com/mig-%s", profile);
    for (; *out; out++)
        if (*out == '+')
            *out = '.';
}

/* nvidia.com/gpu, nvidia.com/gpu.shared or nvidia.com/mig-1g.10gb */
static void resource_of(const cJSON *a, const char *whole, char *out, size_t size)
{
    const char *profile = json_get_str(a, "profile");

    if (profile)
        slice_resource(profile, out, size);
    else
        snprintf(out, size, "%s%s", whole, str_eq(json_get_str(a, "sharing"), "Shared") ? ".shared" : "");
}

static void add_resource(const cJSON *a, const char *whole, cJSON *container)
{
    cJSON *limits = json_obj(json_obj(container, "resources"), "limits");
    char resource[256];

    resource_of(a, whole, resource, sizeof(resource));
    if (!json_member(limits, resource))
        json_fmt(limits, resource, "%d", (int)json_get_int(a, "count", 1));
}

static void add_claim(const struct isvc *s, const cJSON *claim, cJSON *pod, cJSON *container)
{
    AUTO_FREE char *own = xasprintf("%s" CHILD_DEVICE_SUFFIX, s->name);
    cJSON *c = json_push_obj(json_arr(pod, "resourceClaims"));
    const char *name = json_get_str(claim, "resourceClaimTemplateName");

    json_str(c, "name", CLAIM);
    json_str(c, "resourceClaimTemplateName", name ? name : own);
    json_str(json_push_obj(json_arr(json_obj(container, "resources"), "claims")), "name", CLAIM);
}

static void add_toleration(cJSON *pod, const char *key)
{
    cJSON *toleration = json_push_obj(json_arr(pod, "tolerations"));

    json_str(toleration, "key", key);
    json_str(toleration, "operator", "Exists");
    json_str(toleration, "effect", "NoSchedule");
}

void build_accelerator(const struct isvc *s, cJSON *pod, cJSON *container)
{
    const cJSON *a = json_member(s->predictor.spec, "accelerator"), *claim = json_member(a, "claim");
    const struct vendor *vendor = vendor_of(a);
    const char *name = json_get_str(a, "resourceName");

    if (!a)
        return;
    if (!name)
        name = vendor->resource;
    if (claim)
        add_claim(s, claim, pod, container);
    else
        add_resource(a, name, container);
    if (json_has(a, "product"))
        json_str(json_obj(pod, "nodeSelector"), vendor->product_label, json_get_str(a, "product"));
    add_toleration(pod, name);
}

/* Each pod gets a claim from it. */
cJSON *build_device_claim(const struct isvc *s, const struct desired_input *in)
{
    const cJSON *claim = json_at(s->predictor.spec, "accelerator.claim");
    const char *device_class = json_get_str(claim, "deviceClassName");
    cJSON *o, *request, *exactly;
    (void)in;

    if (!device_class)
        return NULL;
    o = build_child(CHILD_DEVICE_CLAIM, s);
    request = json_push_obj(json_arr(json_obj(json_obj(json_obj(o, "spec"), "spec"), "devices"), "requests"));
    json_str(request, "name", "accelerator");
    exactly = json_obj(request, "exactly");
    json_str(exactly, "deviceClassName", device_class);
    json_str(exactly, "allocationMode", "ExactCount");
    json_int(exactly, "count", json_get_int(claim, "count", 1));
    json_put_dup(exactly, "selectors", json_member(claim, "selectors"));
    return o;
}
