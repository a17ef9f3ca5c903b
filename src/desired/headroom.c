/*
 * Placeholders: pods of the shape of those that serve, which do nothing and give way to them. A cluster
 * autoscaler keeps nodes for them, so that there is room at once when more is needed.
 */
#include "base/str.h"
#include "build.h"

#define SAFE_TO_EVICT "cluster-autoscaler.kubernetes.io/safe-to-evict"

/* All may go at once, and none is made beside the old ones: nobody counts on them. */
static void add_strategy(cJSON *spec)
{
    cJSON *strategy = json_obj(spec, "strategy"), *rolling;

    json_str(strategy, "type", "RollingUpdate");
    rolling = json_obj(strategy, "rollingUpdate");
    json_int(rolling, "maxSurge", 0);
    json_str(rolling, "maxUnavailable", "100%");
}

/* A claim that exists once is held by whoever serves; of those that are made per pod, a placeholder has its own. */
static bool has_claims_of_its_own(const cJSON *serving)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_member(serving, "resourceClaims"))
        if (!json_has(c, "resourceClaimTemplateName"))
            return false;
    return json_has(serving, "resourceClaims");
}

static void add_container(cJSON *containers, const cJSON *like, const char *image, bool claims)
{
    cJSON *c = json_push_obj(containers), *command;

    json_put_dup(c, "name", json_member(like, "name"));
    json_str(c, "image", image);
    command = json_arr(c, "command");
    json_push_str(command, BUILD_ENTRY_PROGRAM);
    json_push_str(command, "pause");
    json_put_dup(c, "resources", json_member(like, "resources"));
    if (!claims)
        json_del(json_member(c, "resources"), "claims");
    build_container_security(c);
}

static void add_containers(cJSON *spec, const cJSON *serving, const char *image, bool claims)
{
    cJSON *containers = json_arr(spec, "containers");
    const cJSON *c;

    cJSON_ArrayForEach(c, json_member(serving, "containers"))
        add_container(containers, c, image, claims);
    cJSON_ArrayForEach(c, json_member(serving, "initContainers"))
        if (str_eq(json_get_str(c, "restartPolicy"), "Always")) /* runs beside the others, and asks like them */
            add_container(containers, c, image, claims);
}

static cJSON *pod_of(const struct isvc *s, const struct desired_input *in)
{
    static const char *const same[] = { "nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "runtimeClassName",
                                        "overhead", "schedulerName", "resources", "imagePullSecrets", "resourceClaims" };
    AUTO_JSON cJSON *serving = build_serving_pod(s, in);
    const cJSON *from = json_member(serving, "spec");
    bool claims = has_claims_of_its_own(from);
    cJSON *pod = json_new_obj(), *spec;

    /* without our managed-by: nobody watches them */
    json_put(json_obj(pod, "metadata"), "labels", names_selector(s, COMPONENT_HEADROOM));
    json_str(json_obj(json_obj(pod, "metadata"), "annotations"), SAFE_TO_EVICT, "true");
    spec = json_obj(pod, "spec");
    add_containers(spec, from, in->headroom_image, claims);
    for (size_t i = 0; i < COUNT(same); i++)
        json_put_dup(spec, same[i], json_member(from, same[i]));
    if (!claims)
        json_del(spec, "resourceClaims");
    if (!json_has(s->predictor.spec, "topologySpreadConstraints")) {
        json_del(spec, "topologySpreadConstraints");
        build_spread(spec, s, COMPONENT_HEADROOM, false);
    }
    json_str(spec, "priorityClassName", json_get_str(s->predictor.headroom, "priorityClassName"));
    json_int(spec, "terminationGracePeriodSeconds", 0);
    json_str(spec, "serviceAccountName", "default");
    json_bool(spec, "automountServiceAccountToken", false);
    build_redis_security(spec);
    return pod;
}

cJSON *build_headroom(const struct isvc *s, const struct desired_input *in)
{
    int64_t n = json_get_int(s->predictor.headroom, "replicas", 0);
    cJSON *o, *spec;

    if (!n)
        return NULL;
    o = build_child(CHILD_HEADROOM, s);
    spec = json_obj(o, "spec");
    json_int(spec, "replicas", n);
    build_selector(spec, s, COMPONENT_HEADROOM);
    add_strategy(spec);
    json_put(spec, "template", pod_of(s, in));
    return o;
}
