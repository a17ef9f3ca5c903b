#include "build.h"

cJSON *build_pdb(const struct isvc *s, const struct desired_input *in)
{
    const cJSON *user = json_member(s->predictor.spec, "podDisruptionBudget");
    cJSON *o, *spec;

    /* with one replica a budget would only block node drains, or do nothing; but while its successor starts */
    if (s->predictor.max_replicas < 2 && !in->budget_min)
        return NULL;
    o = build_child(CHILD_PDB, s);
    spec = json_obj(o, "spec");
    if (s->canary.present)
        json_put(json_obj(spec, "selector"), "matchLabels", names_serving_selector(s));
    else
        build_selector(spec, s, COMPONENT_PREDICTOR);
    json_put_dup(spec, "minAvailable", json_member(user, "minAvailable"));
    json_put_dup(spec, "maxUnavailable", json_member(user, "maxUnavailable"));
    if (!json_has(spec, "minAvailable") && !json_has(spec, "maxUnavailable"))
        json_int(spec, in->budget_min ? "minAvailable" : "maxUnavailable", in->budget_min ? in->budget_min : 1);
    json_str(spec, "unhealthyPodEvictionPolicy", "AlwaysAllow");
    json_put_dup(spec, "unhealthyPodEvictionPolicy", json_member(user, "unhealthyPodEvictionPolicy"));
    return o;
}

cJSON *build_redis_pdb(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o = build_child(CHILD_REDIS_PDB, s);
    cJSON *spec = json_obj(o, "spec");

    build_selector(spec, s, COMPONENT_REDIS);
    json_int(spec, "maxUnavailable", in->redis_may_disrupt ? 1 : 0);
    /* a node that is not ready may hold the only copy of its slots: never evicted freely */
    json_str(spec, "unhealthyPodEvictionPolicy", "IfHealthyBudget");
    return o;
}
