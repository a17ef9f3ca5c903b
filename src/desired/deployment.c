#include "base/str.h"
#include "build.h"

/* Surge only: a new pod is ready before an old one goes. Where there is no room for both the plan may say otherwise. */
static void add_strategy(const struct isvc *s, const struct desired_input *in, cJSON *spec)
{
    cJSON *strategy, *rolling;

    json_put_dup(spec, "strategy", json_member(s->predictor.spec, "deploymentStrategy"));
    strategy = json_obj(spec, "strategy");
    if (str_eq(json_get_str(strategy, "type"), "Recreate"))
        return;
    json_str(strategy, "type", "RollingUpdate");
    rolling = json_obj(strategy, "rollingUpdate");
    if (in->replace_one) {
        json_int(rolling, "maxSurge", 0);
        json_int(rolling, "maxUnavailable", 1);
    }
    if (!json_has(rolling, "maxSurge"))
        json_str(rolling, "maxSurge", "25%");
    if (!json_has(rolling, "maxUnavailable"))
        json_int(rolling, "maxUnavailable", 0);
}

void build_credentials(const struct isvc *s, const struct desired_input *in, cJSON *template)
{
    if (s->redis.present && in->redis_keys && in->redis_keys->rotation)
        json_fmt(json_obj(json_obj(template, "metadata"), "annotations"), ANNOTATION_CREDENTIALS, "%d",
                 (int)in->redis_keys->rotation);
}

cJSON *build_deployment(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o = build_child(CHILD_DEPLOYMENT, s);
    cJSON *spec = json_obj(o, "spec");

    if (in->replicas >= 0)
        json_int(spec, "replicas", in->replicas);
    json_int(spec, "progressDeadlineSeconds", s->predictor.progress_deadline_s);
    if (s->predictor.min_ready_s)
        json_int(spec, "minReadySeconds", s->predictor.min_ready_s);
    build_selector(spec, s, COMPONENT_PREDICTOR);
    add_strategy(s, in, spec);
    json_put(spec, "template", in->template ? json_dup(in->template) : build_serving_pod(s, in));
    build_credentials(s, in, json_member(spec, "template"));
    return o;
}
