#include "build.h"

/* KEDA makes an autoscaler of its own from this, and is then the only writer of replicas. */
static void add_advanced(cJSON *spec, const struct isvc *s, const struct desired_input *in)
{
    const cJSON *behavior = json_at(s->predictor.spec, "autoScaling.behavior");
    const cJSON *modifiers = json_member(s->predictor.keda, "scalingModifiers");
    cJSON *advanced;

    if (!behavior && !modifiers && !in->hold_down)
        return;
    advanced = json_obj(spec, "advanced");
    if (behavior || in->hold_down)
        build_behavior(json_obj(advanced, "horizontalPodAutoscalerConfig"), s, in->hold_down);
    json_put_dup(advanced, "scalingModifiers", modifiers);
}

cJSON *build_scaledobject(const struct isvc *s, const struct desired_input *in)
{
    static const char *const passed[] = { "pollingInterval", "cooldownPeriod", "initialCooldownPeriod", "idleReplicaCount",
                                          "fallback" };
    const cJSON *keda = s->predictor.keda;
    cJSON *o, *spec;

    if (!keda)
        return NULL;
    o = build_child(CHILD_SCALEDOBJECT, s);
    spec = json_obj(o, "spec");
    build_scale_target(json_obj(spec, "scaleTargetRef"), s);
    json_int(spec, "minReplicaCount", in->hpa_min);
    json_int(spec, "maxReplicaCount", in->hpa_max);
    for (size_t i = 0; i < COUNT(passed); i++)
        json_put_dup(spec, passed[i], json_member(keda, passed[i]));
    if (in->hold_down)
        json_del(spec, "idleReplicaCount"); /* to idle is a step down, too */
    add_advanced(spec, s, in);
    json_put_dup(spec, "triggers", json_member(keda, "triggers"));
    return o;
}
