/* Defaults of pods and pod templates; see fill.h. */
#include "sim/apiserver/fill.h"

#include <string.h>

#include "base/str.h"

void fill_str(cJSON *obj, const char *key, const char *value)
{
    if (str_empty(json_get_str(obj, key)))
        json_str(obj, key, value);
}

void fill_int(cJSON *obj, const char *key, int64_t value)
{
    if (!json_member(obj, key))
        json_int(obj, key, value);
}

void fill_bool(cJSON *obj, const char *key, bool value)
{
    if (!json_member(obj, key))
        json_bool(obj, key, value);
}

static void fill_handler(cJSON *h)
{
    cJSON *http = json_member(h, "httpGet"), *grpc = json_member(h, "grpc");

    if (http) {
        fill_str(http, "path", "/");
        fill_str(http, "scheme", "HTTP");
    }
    if (grpc && !json_member(grpc, "service"))
        json_str(grpc, "service", "");
}

static void fill_probe(cJSON *probe)
{
    if (!probe)
        return;
    fill_int(probe, "timeoutSeconds", 1);
    fill_int(probe, "periodSeconds", 10);
    fill_int(probe, "successThreshold", 1);
    fill_int(probe, "failureThreshold", 3);
    fill_handler(probe);
}

static void fill_env(cJSON *env)
{
    cJSON *e;

    cJSON_ArrayForEach(e, env) {
        cJSON *ref = json_at(e, "valueFrom.fieldRef"), *res = json_at(e, "valueFrom.resourceFieldRef");

        if (ref)
            fill_str(ref, "apiVersion", "v1");
        if (res)
            fill_str(res, "divisor", "0");
    }
}

static bool is_latest(const char *image)
{
    const char *slash = image ? strrchr(image, '/') : NULL;
    const char *tag = image ? strchr(slash ? slash : image, ':') : NULL;

    if (image && strchr(image, '@'))
        return false;
    return !tag || strcmp(tag, ":latest") == 0;
}

/* A pod asks for what it is limited to; a template says only what was written. */
static void fill_requests(cJSON *resources)
{
    const cJSON *limit;

    cJSON_ArrayForEach(limit, json_member(resources, "limits"))
        if (!json_member(json_obj(resources, "requests"), limit->string))
            json_put_dup(json_obj(resources, "requests"), limit->string, limit);
}

static void fill_container(cJSON *c, bool is_pod)
{
    cJSON *p;

    fill_str(c, "terminationMessagePath", "/dev/termination-log");
    fill_str(c, "terminationMessagePolicy", "File");
    fill_str(c, "imagePullPolicy", is_latest(json_get_str(c, "image")) ? "Always" : "IfNotPresent");
    if (is_pod)
        fill_requests(json_obj(c, "resources"));
    json_obj(c, "resources");
    cJSON_ArrayForEach(p, json_member(c, "ports"))
        fill_str(p, "protocol", "TCP");
    fill_env(json_member(c, "env"));
    fill_probe(json_member(c, "livenessProbe"));
    fill_probe(json_member(c, "readinessProbe"));
    fill_probe(json_member(c, "startupProbe"));
    fill_handler(json_at(c, "lifecycle.postStart"));
    fill_handler(json_at(c, "lifecycle.preStop"));
}

static void fill_fields(cJSON *items)
{
    cJSON *i;

    cJSON_ArrayForEach(i, items)
        if (json_member(i, "fieldRef"))
            fill_str(json_member(i, "fieldRef"), "apiVersion", "v1");
}

static void fill_projected(cJSON *projected)
{
    cJSON *s;

    fill_int(projected, "defaultMode", 420);
    cJSON_ArrayForEach(s, json_member(projected, "sources")) {
        cJSON *token = json_member(s, "serviceAccountToken");

        if (token)
            fill_int(token, "expirationSeconds", 3600);
        fill_fields(json_at(s, "downwardAPI.items"));
    }
}

static void fill_pod_volume(cJSON *v)
{
    static const char *const with_mode[] = { "secret", "configMap", "downwardAPI" };

    if (json_count(v) == 1 && json_member(v, "name"))
        json_obj(v, "emptyDir");
    for (size_t i = 0; i < COUNT(with_mode); i++)
        if (json_member(v, with_mode[i]))
            fill_int(json_member(v, with_mode[i]), "defaultMode", 420);
    if (json_member(v, "projected"))
        fill_projected(json_member(v, "projected"));
    fill_fields(json_at(v, "downwardAPI.items"));
    if (json_member(v, "hostPath") && !json_has(v, "hostPath.type"))
        json_str(json_member(v, "hostPath"), "type", "");
    if (json_has(v, "ephemeral.volumeClaimTemplate.spec"))
        fill_str(json_at(v, "ephemeral.volumeClaimTemplate.spec"), "volumeMode", "Filesystem");
}

static void fill_host_ports(cJSON *spec)
{
    cJSON *c, *p;

    if (!json_get_bool(spec, "hostNetwork", false))
        return;
    cJSON_ArrayForEach(c, json_member(spec, "containers"))
        cJSON_ArrayForEach(p, json_member(c, "ports"))
            fill_int(p, "hostPort", json_get_int(p, "containerPort", 0));
}

void fill_pod_spec(cJSON *spec, bool is_pod)
{
    static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };
    cJSON *x;

    if (!cJSON_IsObject(spec))
        return;
    fill_str(spec, "restartPolicy", "Always");
    fill_str(spec, "dnsPolicy", "ClusterFirst");
    fill_str(spec, "schedulerName", "default-scheduler");
    fill_int(spec, "terminationGracePeriodSeconds", 30);
    json_obj(spec, "securityContext");
    json_put_dup(spec, "serviceAccount", json_member(spec, "serviceAccountName"));
    for (size_t i = 0; i < COUNT(lists); i++)
        cJSON_ArrayForEach(x, json_member(spec, lists[i]))
            fill_container(x, is_pod);
    cJSON_ArrayForEach(x, json_member(spec, "volumes"))
        fill_pod_volume(x);
    fill_host_ports(spec);
}

static bool tolerates(const cJSON *list, const char *key)
{
    const cJSON *t;

    cJSON_ArrayForEach(t, list)
        if (str_eq(json_get_str(t, "key"), key) ||
            (str_empty(json_get_str(t, "key")) && str_eq(json_get_str(t, "operator"), "Exists")))
            return true;
    return false;
}

/* What the admission chain of a real server adds. */
static void fill_tolerations(cJSON *spec)
{
    static const char *const keys[] = { "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable" };

    for (size_t i = 0; i < COUNT(keys); i++) {
        cJSON *t;

        if (tolerates(json_member(spec, "tolerations"), keys[i]))
            continue;
        t = json_push_obj(json_arr(spec, "tolerations"));
        json_str(t, "key", keys[i]);
        json_str(t, "operator", "Exists");
        json_str(t, "effect", "NoExecute");
        json_int(t, "tolerationSeconds", 300);
    }
}

static const char *qos_of(const cJSON *spec)
{
    const cJSON *c;
    bool any = false, all = true;

    cJSON_ArrayForEach(c, json_member(spec, "containers")) {
        const cJSON *lim = json_at(c, "resources.limits"), *req = json_at(c, "resources.requests");

        any = any || json_count(lim) || json_count(req);
        all = all && json_member(lim, "cpu") && json_member(lim, "memory") && json_equal(lim, req);
    }
    return !any ? "BestEffort" : all ? "Guaranteed" : "Burstable";
}

/* Times that are not set are written as null, an empty state as {}. */
static void fill_pod_status(cJSON *status)
{
    static const char *const times[] = { "lastProbeTime", "lastTransitionTime" };
    cJSON *x;

    cJSON_ArrayForEach(x, json_member(status, "conditions"))
        for (size_t i = 0; i < COUNT(times); i++)
            if (!json_member(x, times[i]))
                json_put(x, times[i], cJSON_CreateNull());
    cJSON_ArrayForEach(x, json_member(status, "containerStatuses"))
        json_obj(x, "lastState");
}

void fill_pod(cJSON *obj)
{
    cJSON *spec = json_member(obj, "spec"), *status;

    if (!cJSON_IsObject(spec))
        return;
    fill_pod_spec(spec, true);
    fill_bool(spec, "enableServiceLinks", true);
    status = json_obj(obj, "status");
    fill_str(status, "phase", "Pending");
    fill_str(status, "qosClass", qos_of(spec));
    fill_pod_status(status);
}

void settle_pod(cJSON *obj, const cJSON *old)
{
    cJSON *spec = json_obj(obj, "spec");

    (void)old;
    fill_str(spec, "serviceAccountName", "default");
    json_put_dup(spec, "serviceAccount", json_member(spec, "serviceAccountName"));
    fill_int(spec, "priority", 0);
    fill_str(spec, "preemptionPolicy", "PreemptLowerPriority");
    fill_tolerations(spec);
}
