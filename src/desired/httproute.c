/*
 * Which requests reach a version on trial: an HTTPRoute of the Gateway API with a weight for each Service. What the
 * server would fill in is said, because its lists are compared whole.
 *
 * Source: gateway-api v1, HTTPRouteSpec and its defaults.
 */
#include "build.h"

#define GATEWAY_GROUP "gateway.networking.k8s.io"

static void add_parents(const struct isvc *s, cJSON *spec)
{
    static const char *const kept[] = { "name", "namespace", "sectionName", "port" };
    cJSON *list = json_arr(spec, "parentRefs");
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_member(s->canary.route, "parentRefs")) {
        cJSON *out = json_push_obj(list);

        json_str(out, "group", GATEWAY_GROUP);
        json_str(out, "kind", "Gateway");
        for (size_t i = 0; i < COUNT(kept); i++)
            json_put_dup(out, kept[i], json_member(ref, kept[i]));
    }
}

static void add_backend(const struct isvc *s, enum child service, int weight, cJSON *list)
{
    cJSON *out = json_push_obj(list);

    json_str(out, "group", "");
    json_str(out, "kind", "Service");
    json_fmt(out, "name", "%s%s", s->name, child_types[service].suffix);
    json_int(out, "port", SERVICE_PORT);
    json_int(out, "weight", weight);
}

static void match_all(cJSON *rule)
{
    cJSON *path = json_obj(json_push_obj(json_arr(rule, "matches")), "path");

    json_str(path, "type", "PathPrefix");
    json_str(path, "value", "/");
}

cJSON *build_route(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o, *spec, *rule, *backends;

    if (!s->canary.route || !in->routed)
        return NULL;
    o = build_child(CHILD_ROUTE, s);
    spec = json_obj(o, "spec");
    add_parents(s, spec);
    json_put_dup(spec, "hostnames", json_member(s->canary.route, "hostnames"));
    rule = json_push_obj(json_arr(spec, "rules"));
    match_all(rule);
    backends = json_arr(rule, "backendRefs");
    add_backend(s, CHILD_SERVICE, 100 - in->canary_weight, backends);
    /* a backend without pods would answer its share of the requests with an error */
    if (in->canary_weight)
        add_backend(s, CHILD_CANARY_SERVICE, in->canary_weight, backends);
    return o;
}
