#include "build.h"

static void add_port(cJSON *ports, const char *name, int port)
{
    cJSON *p = json_push_obj(ports);

    json_str(p, "name", name);
    json_int(p, "port", port);
    json_str(p, "protocol", "TCP");
    json_int(p, "targetPort", port);
}

cJSON *build_redis_service(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o = build_child(CHILD_REDIS_SERVICE, s);
    cJSON *spec = json_obj(o, "spec"), *ports;
    (void)in;

    json_str(spec, "type", "ClusterIP");
    json_str(spec, "clusterIP", "None");
    /* nodes must find each other before any of them can be ready */
    json_bool(spec, "publishNotReadyAddresses", true);
    json_put(spec, "selector", names_selector(s, COMPONENT_REDIS));
    ports = json_arr(spec, "ports");
    add_port(ports, "redis", REDIS_PORT);
    add_port(ports, "bus", REDIS_BUS_PORT);
    return o;
}
