/* Validation of pods and pod templates; see valid.h. */
#include "sim/apiserver/valid.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "json/quantity.h"

struct place {
    const char *at;
    const char *list;
    int i;
    struct refusal *r;
};

static char *field_of(const struct place *p, const char *tail)
{
    return xasprintf("%s.%s[%d]%s%s", p->at, p->list, p->i, *tail ? "." : "", tail);
}

static void required(const struct place *p, const char *tail)
{
    AUTO_FREE char *field = field_of(p, tail);

    refusal_cause(p->r, "FieldValueRequired", field, "Required value");
}

static void invalid(const struct place *p, const char *tail, const char *value, const char *why)
{
    AUTO_FREE char *field = field_of(p, tail);

    refusal_cause(p->r, "FieldValueInvalid", field, "Invalid value: \"%s\": %s", value, why);
}

static void check_resources(const struct place *p, const cJSON *c)
{
    const cJSON *req;

    cJSON_ArrayForEach(req, json_at(c, "resources.requests")) {
        const cJSON *lim = json_member(json_at(c, "resources.limits"), req->string);
        int64_t a = 0, b = 0;
        struct err e;
        AUTO_FREE char *tail = NULL;

        if (!cJSON_IsString(lim) || !cJSON_IsString(req) || quantity_parse(req->valuestring, &a, &e) < 0 ||
            quantity_parse(lim->valuestring, &b, &e) < 0 || a <= b)
            continue;
        tail = xstrdup("resources.requests");
        invalid(p, tail, req->valuestring, "must be less than or equal to limit");
    }
}

static bool has_volume(const cJSON *volumes, const char *name)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, volumes)
        if (str_eq(json_get_str(v, "name"), name))
            return true;
    return false;
}

static void check_mounts(const struct place *p, const cJSON *c, const cJSON *volumes)
{
    const cJSON *m;
    int i = 0;

    cJSON_ArrayForEach(m, json_member(c, "volumeMounts")) {
        const char *name = json_get_str(m, "name");
        AUTO_FREE char *tail = xasprintf("volumeMounts[%d].name", i++);
        AUTO_FREE char *field = field_of(p, tail);

        if (volumes && !has_volume(volumes, name))
            refusal_cause(p->r, "FieldValueNotFound", field, "Not found: \"%s\"", name ? name : "");
    }
}

static void check_probe(const struct place *p, const cJSON *probe, const char *what)
{
    static const char *const kinds[] = { "exec", "httpGet", "tcpSocket", "grpc" };
    int n = 0;

    if (!probe)
        return;
    for (size_t i = 0; i < COUNT(kinds); i++)
        n += json_has(probe, kinds[i]);
    if (n == 0)
        required(p, what);
    if (n > 1)
        invalid(p, what, "", "may not specify more than 1 handler type");
}

static void check_container(const struct place *p, const cJSON *c, struct map *names, const cJSON *volumes)
{
    const char *name = json_get_str(c, "name");

    if (str_empty(name))
        required(p, "name");
    else if (valid_dns_label(name))
        invalid(p, "name", name, valid_dns_label(name));
    else if (map_put(names, name, names))
        invalid(p, "name", name, "Duplicate value");
    if (str_empty(json_get_str(c, "image")))
        required(p, "image");
    check_resources(p, c);
    check_mounts(p, c, volumes);
    check_probe(p, json_member(c, "livenessProbe"), "livenessProbe");
    check_probe(p, json_member(c, "readinessProbe"), "readinessProbe");
    check_probe(p, json_member(c, "startupProbe"), "startupProbe");
}

static void check_containers(const cJSON *spec, const char *at, const char *list, struct map *names, struct refusal *r)
{
    struct place p = { at, list, 0, r };
    const cJSON *c;

    cJSON_ArrayForEach(c, json_member(spec, list)) {
        /* a StatefulSet's claims become volumes of its pods: only a pod's own list is complete */
        check_container(&p, c, names, strcmp(at, "spec") == 0 ? json_member(spec, "volumes") : NULL);
        p.i++;
    }
}

void valid_pod_spec(const cJSON *spec, const char *at, struct refusal *r)
{
    struct map *names = map_new();
    AUTO_FREE char *field = xasprintf("%s.containers", at);
    AUTO_FREE char *grace = xasprintf("%s.terminationGracePeriodSeconds", at);

    if (json_count(json_member(spec, "containers")) == 0)
        refusal_cause(r, "FieldValueRequired", field, "Required value");
    check_containers(spec, at, "containers", names, r);
    check_containers(spec, at, "initContainers", names, r);
    if (json_get_int(spec, "terminationGracePeriodSeconds", 0) < 0)
        refusal_cause(r, "FieldValueInvalid", grace, "Invalid value: must be greater than or equal to 0");
    map_free(names, NULL);
}

/* Images, tolerations and deadlines may change; everything else of a pod is for life. */
static cJSON *fixed_part(const cJSON *spec)
{
    static const char *const may_change[] = { "activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds",
                                              "schedulingGates", "nodeName", "ephemeralContainers" };
    cJSON *s = json_dup(spec), *c;

    for (size_t i = 0; i < COUNT(may_change); i++)
        json_del(s, may_change[i]);
    cJSON_ArrayForEach(c, json_member(s, "containers"))
        json_del(c, "image");
    cJSON_ArrayForEach(c, json_member(s, "initContainers"))
        json_del(c, "image");
    return s;
}

void valid_pod(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    AUTO_JSON cJSON *a = NULL, *b = NULL;

    valid_pod_spec(json_member(obj, "spec"), "spec", r);
    if (!old)
        return;
    a = fixed_part(json_member(obj, "spec"));
    b = fixed_part(json_member(old, "spec"));
    if (!json_equal(a, b))
        refusal_cause(r, "FieldValueForbidden", "spec",
                      "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
                      "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
                      "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                      "previously negative)");
}
