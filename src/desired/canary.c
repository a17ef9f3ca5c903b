/*
 * A version on trial: pods as the spec wants them now, beside those that serve.
 */
#include "build.h"

/* Its size is all that it may take, also while one version on trial follows another; nobody counts on it. */
static void add_strategy(cJSON *spec)
{
    cJSON *strategy = json_obj(spec, "strategy"), *rolling;

    json_str(strategy, "type", "RollingUpdate");
    rolling = json_obj(strategy, "rollingUpdate");
    json_int(rolling, "maxSurge", 0);
    json_str(rolling, "maxUnavailable", "100%");
}

static cJSON *template_of(const struct isvc *s, const struct desired_input *in)
{
    cJSON *pod = build_serving_pod(s, in);
    cJSON *labels = json_at(pod, "metadata.labels"), *spec = json_member(pod, "spec"), *c;

    json_str(labels, LABEL_NAME, NAME_CANARY);
    json_str(labels, LABEL_REVISION, in->canary_revision);
    build_credentials(s, in, pod);
    if (json_has(s->predictor.spec, "topologySpreadConstraints"))
        return pod;
    cJSON_ArrayForEach(c, json_member(spec, "topologySpreadConstraints"))
        json_put(json_obj(c, "labelSelector"), "matchLabels", names_canary_selector(s));
    return pod;
}

cJSON *build_canary(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o, *spec;

    if (!in->canary_replicas)
        return NULL;
    o = build_child(CHILD_CANARY, s);
    spec = json_obj(o, "spec");
    json_int(spec, "replicas", in->canary_replicas);
    json_int(spec, "progressDeadlineSeconds", s->predictor.progress_deadline_s);
    if (s->predictor.min_ready_s)
        json_int(spec, "minReadySeconds", s->predictor.min_ready_s);
    json_put(json_obj(spec, "selector"), "matchLabels", names_canary_selector(s));
    add_strategy(spec);
    json_put(spec, "template", template_of(s, in));
    return o;
}

cJSON *build_canary_service(const struct isvc *s, const struct desired_input *in)
{
    if (!s->canary.route || !in->routed || !in->canary_replicas)
        return NULL;
    return build_service_of(CHILD_CANARY_SERVICE, s, NULL, names_canary_selector(s));
}
