#include "build.h"

/* Sizes of the first container are what the spec speaks of; those of others stay as they are. */
static void add_policies(const struct isvc *s, cJSON *policies)
{
    static const char *const bounds[] = { "minAllowed", "maxAllowed" };
    const cJSON *want = s->predictor.vertical;
    cJSON *first = json_push_obj(policies), *rest = json_push_obj(policies);

    json_str(first, "containerName", json_get_str(s->predictor.spec, "containers.0.name"));
    for (size_t i = 0; i < COUNT(bounds); i++) {
        json_put_dup(first, bounds[i], json_member(want, bounds[i]));
        build_canonical_member(json_member(first, bounds[i]), "cpu");
        build_canonical_member(json_member(first, bounds[i]), "memory");
    }
    json_put_dup(first, "controlledResources", json_member(want, "controlledResources"));
    json_put_dup(first, "controlledValues", json_member(want, "controlledValues"));
    json_str(rest, "containerName", "*");
    json_str(rest, "mode", "Off");
}

cJSON *build_vpa(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o, *spec;
    (void)in;

    if (!s->predictor.vertical)
        return NULL;
    o = build_child(CHILD_VPA, s);
    spec = json_obj(o, "spec");
    build_scale_target(json_obj(spec, "targetRef"), s);
    json_str(json_obj(spec, "updatePolicy"), "updateMode", json_get_str(s->predictor.vertical, "mode"));
    add_policies(s, json_arr(json_obj(spec, "resourcePolicy"), "containerPolicies"));
    return o;
}
