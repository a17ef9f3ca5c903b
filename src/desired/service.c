#include <stdio.h>

#include "base/str.h"
#include "build.h"

static void add_port(cJSON *ports, const char *name, int port, int target, const char *protocol)
{
    cJSON *p = json_push_obj(ports);

    json_str(p, "name", name);
    json_int(p, "port", port);
    json_str(p, "protocol", protocol ? protocol : "TCP");
    json_int(p, "targetPort", target);
}

/* The first port answers on 80, further ones on their own numbers. */
static void add_ports(const struct isvc *s, const cJSON *template, cJSON *ports)
{
    const cJSON *list = template ? json_at(template, "spec.containers.0.ports") : json_at(s->predictor.spec, "containers.0.ports");
    const cJSON *p;
    int i = 0;

    add_port(ports, "http", SERVICE_PORT, (int)json_get_int(cJSON_GetArrayItem(list, 0), "containerPort", s->predictor.port), NULL);
    cJSON_ArrayForEach(p, list) {
        int port = (int)json_get_int(p, "containerPort", 0);
        const char *name = json_get_str(p, "name");
        char number[24];

        snprintf(number, sizeof(number), "port-%d", port);
        if (i++ > 0 && port != SERVICE_PORT)
            add_port(ports, name && !str_eq(name, "http") ? name : number, port, port, json_get_str(p, "protocol"));
    }
}

cJSON *build_service_of(enum child c, const struct isvc *s, const cJSON *template, cJSON *selector)
{
    cJSON *o = build_child(c, s);
    cJSON *spec = json_obj(o, "spec");

    json_str(spec, "type", "ClusterIP");
    json_put(spec, "selector", selector);
    add_ports(s, template, json_arr(spec, "ports"));
    return o;
}

cJSON *build_service(const struct isvc *s, const struct desired_input *in)
{
    bool shared = s->canary.present && !in->canary_apart;

    return build_service_of(CHILD_SERVICE, s, in->template, shared ? names_serving_selector(s) : names_selector(s, COMPONENT_PREDICTOR));
}
