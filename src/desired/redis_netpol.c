#include "api/names.h"
#include "build.h"

static void add_port(cJSON *rule, int port)
{
    cJSON *p = json_push_obj(json_arr(rule, "ports"));

    json_str(p, "protocol", "TCP");
    json_int(p, "port", port);
}

/* The service's own pods, of any component. */
static void allow_service(const struct isvc *s, const char *name, cJSON *from)
{
    cJSON *labels = json_obj(json_obj(json_push_obj(from), "podSelector"), "matchLabels");

    json_str(labels, LABEL_NAME, name);
    json_str(labels, LABEL_INSTANCE, s->name);
}

/* The operator, in whichever namespace it runs. */
static void allow_operator(cJSON *from)
{
    cJSON *peer = json_push_obj(from);

    json_obj(peer, "namespaceSelector");
    json_str(json_obj(json_obj(peer, "podSelector"), "matchLabels"), LABEL_NAME, "everserve");
}

cJSON *build_redis_netpol(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o = build_child(CHILD_REDIS_NETPOL, s);
    cJSON *spec = json_obj(o, "spec"), *ingress, *rule;
    (void)in;

    json_put(json_obj(spec, "podSelector"), "matchLabels", names_selector(s, COMPONENT_REDIS));
    json_push_str(json_arr(spec, "policyTypes"), "Ingress");
    ingress = json_arr(spec, "ingress");
    rule = json_push_obj(ingress);
    allow_service(s, NAME_VALUE, json_arr(rule, "from"));
    if (s->canary.present)
        allow_service(s, NAME_CANARY, json_arr(rule, "from"));
    allow_operator(json_arr(rule, "from"));
    add_port(rule, REDIS_PORT);
    /* the bus knows no password: a foreign node that reached it could merge two clusters */
    rule = json_push_obj(ingress);
    json_put(json_obj(json_push_obj(json_arr(rule, "from")), "podSelector"), "matchLabels",
             names_selector(s, COMPONENT_REDIS));
    add_port(rule, REDIS_BUS_PORT);
    return o;
}
