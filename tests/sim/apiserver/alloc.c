#include "sim/apiserver/alloc.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum { FIRST_NODE_PORT = 30000, NODE_PORTS = 2768 };

static bool is_service(const struct resource *res)
{
    return res->ops && strcmp(res->plural, "services") == 0;
}

/* 10.96.0.0/16, never the same twice until it wraps. */
static void next_address(struct server *s, char out[20])
{
    uint32_t n = 10 + s->next_ip++ % 65000;

    snprintf(out, 20, "10.96.%u.%u", n >> 8, n & 255);
}

static void set_addresses(cJSON *spec, const char *ip)
{
    json_str(spec, "clusterIP", ip);
    json_del(spec, "clusterIPs");
    json_push_str(json_arr(spec, "clusterIPs"), ip);
}

static void take_ports(struct server *s, cJSON *spec)
{
    cJSON *p;

    cJSON_ArrayForEach(p, json_member(spec, "ports"))
        if (json_get_int(p, "nodePort", 0) == 0)
            json_int(p, "nodePort", FIRST_NODE_PORT + s->next_port++ % NODE_PORTS);
}

/* Admission turns the class's name into its number. */
static void take_priority(struct server *s, cJSON *obj)
{
    cJSON *spec = json_member(obj, "spec");
    const char *name = json_get_str(spec, "priorityClassName");
    const struct object *class = NULL;

    if (name)
        class = collection_get(store_collection(s->store, "priorityclasses.scheduling.k8s.io"), NULL, name);
    if (class)
        json_int(spec, "priority", json_get_int(class->tree, "value", 0));
}

int alloc_take(struct server *s, const struct resource *res, cJSON *obj, const cJSON *old, struct refusal *r)
{
    cJSON *spec = json_member(obj, "spec");
    const char *type = json_get_str(spec, "type"), *ip = json_get_str(spec, "clusterIP");
    const char *was = json_get_str(old, "spec.clusterIP");
    char fresh[20];

    (void)r;
    if (res->ops && !old && strcmp(res->plural, "pods") == 0)
        take_priority(s, obj);
    if (!is_service(res) || str_eq(type, "ExternalName"))
        return 0;
    if (str_empty(ip) && !str_empty(was)) {
        set_addresses(spec, was);
    } else if (str_empty(ip)) {
        next_address(s, fresh);
        set_addresses(spec, fresh);
    } else if (!json_has(spec, "clusterIPs")) {
        AUTO_FREE char *copy = xstrdup(ip);

        set_addresses(spec, copy);
    }
    if (str_eq(type, "NodePort") || str_eq(type, "LoadBalancer"))
        take_ports(s, spec);
    return 0;
}
