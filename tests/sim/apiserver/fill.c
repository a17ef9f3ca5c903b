#include "sim/apiserver/fill.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/str.h"

/* ---- workloads ---- */

static cJSON *spec_of(cJSON *obj)
{
    return json_obj(obj, "spec");
}

static void fill_template(cJSON *spec)
{
    cJSON *t = json_member(spec, "template");

    if (!t)
        return;
    json_obj(t, "metadata");
    fill_pod_spec(json_member(t, "spec"), false);
}

void fill_deployment(cJSON *obj)
{
    cJSON *spec = spec_of(obj), *strategy = json_obj(spec, "strategy");

    fill_int(spec, "replicas", 1);
    fill_int(spec, "revisionHistoryLimit", 10);
    fill_int(spec, "progressDeadlineSeconds", 600);
    fill_str(strategy, "type", "RollingUpdate");
    if (str_eq(json_get_str(strategy, "type"), "RollingUpdate")) {
        cJSON *r = json_obj(strategy, "rollingUpdate");

        if (!json_member(r, "maxUnavailable"))
            json_str(r, "maxUnavailable", "25%");
        if (!json_member(r, "maxSurge"))
            json_str(r, "maxSurge", "25%");
    }
    fill_template(spec);
    json_obj(obj, "status");
}

void fill_replica_set(cJSON *obj)
{
    cJSON *spec = spec_of(obj);

    fill_int(spec, "replicas", 1);
    fill_template(spec);
    fill_int(json_obj(obj, "status"), "replicas", 0);
}

static void fill_claim_template(cJSON *t)
{
    json_str(t, "kind", "PersistentVolumeClaim");
    json_str(t, "apiVersion", "v1");
    fill_str(spec_of(t), "volumeMode", "Filesystem");
    fill_str(json_obj(t, "status"), "phase", "Pending");
}

void fill_stateful_set(cJSON *obj)
{
    cJSON *spec = spec_of(obj), *update = json_obj(spec, "updateStrategy"), *keep, *t;

    fill_str(spec, "podManagementPolicy", "OrderedReady");
    fill_str(update, "type", "RollingUpdate");
    if (str_eq(json_get_str(update, "type"), "RollingUpdate"))
        fill_int(json_obj(update, "rollingUpdate"), "partition", 0);
    fill_int(spec, "replicas", 1);
    fill_int(spec, "revisionHistoryLimit", 10);
    keep = json_obj(spec, "persistentVolumeClaimRetentionPolicy");
    fill_str(keep, "whenDeleted", "Retain");
    fill_str(keep, "whenScaled", "Retain");
    fill_template(spec);
    cJSON_ArrayForEach(t, json_member(spec, "volumeClaimTemplates"))
        fill_claim_template(t);
    fill_int(json_obj(obj, "status"), "replicas", 0);
    fill_int(json_obj(obj, "status"), "availableReplicas", 0);
}

static void fill_job_spec(cJSON *spec)
{
    fill_int(spec, "backoffLimit", 6);
    fill_int(spec, "completions", 1);
    fill_int(spec, "parallelism", 1);
    fill_str(spec, "completionMode", "NonIndexed");
    fill_template(spec);
}

void fill_job(cJSON *obj)
{
    fill_job_spec(spec_of(obj));
}

void fill_cron_job(cJSON *obj)
{
    cJSON *spec = spec_of(obj);

    fill_str(spec, "concurrencyPolicy", "Allow");
    fill_int(spec, "successfulJobsHistoryLimit", 3);
    fill_int(spec, "failedJobsHistoryLimit", 1);
    fill_job_spec(json_obj(json_obj(spec, "jobTemplate"), "spec"));
}

void fill_daemon_set(cJSON *obj)
{
    cJSON *spec = spec_of(obj), *update = json_obj(spec, "updateStrategy");
    static const char *const counts[] = { "currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled",
                                          "numberReady" };

    fill_str(update, "type", "RollingUpdate");
    if (str_eq(json_get_str(update, "type"), "RollingUpdate")) {
        fill_int(json_obj(update, "rollingUpdate"), "maxUnavailable", 1);
        fill_int(json_obj(update, "rollingUpdate"), "maxSurge", 0);
    }
    fill_int(spec, "revisionHistoryLimit", 10);
    fill_template(spec);
    for (size_t i = 0; i < COUNT(counts); i++)
        fill_int(json_obj(obj, "status"), counts[i], 0);
}

/* ---- autoscaler ---- */

static void add_policy(cJSON *policies, const char *type, int64_t value, int64_t period)
{
    cJSON *p = json_push_obj(policies);

    json_str(p, "type", type);
    json_int(p, "value", value);
    json_int(p, "periodSeconds", period);
}

static void fill_behavior(cJSON *behavior)
{
    cJSON *up = json_obj(behavior, "scaleUp"), *down = json_obj(behavior, "scaleDown");

    fill_int(up, "stabilizationWindowSeconds", 0);
    fill_str(up, "selectPolicy", "Max");
    if (!json_member(up, "policies")) {
        add_policy(json_arr(up, "policies"), "Pods", 4, 15);
        add_policy(json_arr(up, "policies"), "Percent", 100, 15);
    }
    fill_str(down, "selectPolicy", "Max");
    if (!json_member(down, "policies"))
        add_policy(json_arr(down, "policies"), "Percent", 100, 15);
}

void fill_autoscaler(cJSON *obj)
{
    cJSON *spec = spec_of(obj), *m, *status;

    fill_int(spec, "minReplicas", 1);
    if (!json_member(spec, "metrics")) {
        cJSON *target;

        m = json_push_obj(json_arr(spec, "metrics"));
        json_str(m, "type", "Resource");
        json_str(json_obj(m, "resource"), "name", "cpu");
        target = json_obj(json_obj(m, "resource"), "target");
        json_str(target, "type", "Utilization");
        json_int(target, "averageUtilization", 80);
    }
    if (json_member(spec, "behavior"))
        fill_behavior(json_member(spec, "behavior"));
    status = json_obj(obj, "status");
    fill_int(status, "desiredReplicas", 0);
    if (!json_member(status, "currentMetrics"))
        json_put(status, "currentMetrics", cJSON_CreateNull());
}

void fill_budget(cJSON *obj)
{
    static const char *const counts[] = { "disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods" };

    for (size_t i = 0; i < COUNT(counts); i++)
        fill_int(json_obj(obj, "status"), counts[i], 0);
}

/* ---- network ---- */

static void fill_service_port(cJSON *p)
{
    const cJSON *target = json_member(p, "targetPort");

    fill_str(p, "protocol", "TCP");
    if (!target || (cJSON_IsNumber(target) && target->valuedouble == 0))
        json_put_dup(p, "targetPort", json_member(p, "port"));
}

static void forget_node_ports(cJSON *spec)
{
    cJSON *p;

    json_del(spec, "externalTrafficPolicy");
    json_del(spec, "allocateLoadBalancerNodePorts");
    cJSON_ArrayForEach(p, json_member(spec, "ports"))
        json_del(p, "nodePort");
}

void settle_service(cJSON *obj, const cJSON *old)
{
    cJSON *spec = spec_of(obj);

    if (str_eq(json_get_str(spec, "type"), "ExternalName"))
        return;
    if (old && str_eq(json_get_str(spec, "type"), "ClusterIP") && !str_eq(json_get_str(old, "spec.type"), "ClusterIP"))
        forget_node_ports(spec);
    if (!json_member(spec, "ipFamilies"))
        json_push_str(json_arr(spec, "ipFamilies"), "IPv4");
    fill_str(spec, "ipFamilyPolicy", "SingleStack");
}

void fill_service(cJSON *obj)
{
    cJSON *spec = spec_of(obj), *p;
    const char *type;

    fill_str(spec, "type", "ClusterIP");
    fill_str(spec, "sessionAffinity", "None");
    type = json_get_str(spec, "type");
    cJSON_ArrayForEach(p, json_member(spec, "ports"))
        fill_service_port(p);
    if (!str_eq(type, "ExternalName"))
        fill_str(spec, "internalTrafficPolicy", "Cluster");
    if (str_eq(json_get_str(spec, "sessionAffinity"), "ClientIP"))
        fill_int(json_obj(json_obj(spec, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds", 10800);
    if (str_eq(type, "NodePort") || str_eq(type, "LoadBalancer"))
        fill_str(spec, "externalTrafficPolicy", "Cluster");
    if (str_eq(type, "LoadBalancer"))
        fill_bool(spec, "allocateLoadBalancerNodePorts", true);
    json_obj(json_obj(obj, "status"), "loadBalancer");
}

static void fill_policy_ports(cJSON *rules)
{
    cJSON *rule, *p;

    cJSON_ArrayForEach(rule, rules)
        cJSON_ArrayForEach(p, json_member(rule, "ports"))
            fill_str(p, "protocol", "TCP");
}

void fill_network_policy(cJSON *obj)
{
    cJSON *spec = spec_of(obj);

    json_obj(spec, "podSelector");
    if (!json_member(spec, "policyTypes")) {
        json_push_str(json_arr(spec, "policyTypes"), "Ingress");
        if (json_member(spec, "egress"))
            json_push_str(json_arr(spec, "policyTypes"), "Egress");
    }
    fill_policy_ports(json_member(spec, "ingress"));
    fill_policy_ports(json_member(spec, "egress"));
}

void fill_slice(cJSON *obj)
{
    cJSON *p;

    cJSON_ArrayForEach(p, json_member(obj, "ports")) {
        fill_str(p, "protocol", "TCP");
        if (!json_member(p, "name"))
            json_str(p, "name", "");
    }
}

/* ---- storage and the rest ---- */

void fill_claim(cJSON *obj)
{
    fill_str(spec_of(obj), "volumeMode", "Filesystem");
    fill_str(json_obj(obj, "status"), "phase", "Pending");
}

void settle_claim(cJSON *obj, const cJSON *old)
{
    if (!old)
        json_push_str(json_arr(json_obj(obj, "metadata"), "finalizers"), "kubernetes.io/pvc-protection");
}

void fill_volume(cJSON *obj)
{
    cJSON *spec = spec_of(obj);

    fill_str(spec, "volumeMode", "Filesystem");
    fill_str(spec, "persistentVolumeReclaimPolicy", "Retain");
    if (json_member(spec, "hostPath") && !json_has(spec, "hostPath.type"))
        json_str(json_member(spec, "hostPath"), "type", "");
    fill_str(json_obj(obj, "status"), "phase", "Pending");
}

void settle_volume(cJSON *obj, const cJSON *old)
{
    if (!old)
        json_push_str(json_arr(json_obj(obj, "metadata"), "finalizers"), "kubernetes.io/pv-protection");
}

void fill_storage_class(cJSON *obj)
{
    fill_str(obj, "reclaimPolicy", "Delete");
    fill_str(obj, "volumeBindingMode", "Immediate");
}

static void put_base64(cJSON *data, const char *key, const char *text)
{
    size_t n = strlen(text);
    AUTO_FREE char *out = xcalloc(1, n * 4 / 3 + 8);

    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)n);
    json_str(data, key, out);
}

void fill_secret(cJSON *obj)
{
    const cJSON *s;

    fill_str(obj, "type", "Opaque");
    cJSON_ArrayForEach(s, json_member(obj, "stringData"))
        put_base64(json_obj(obj, "data"), s->string, cJSON_GetStringValue(s) ? cJSON_GetStringValue(s) : "");
    json_del(obj, "stringData");
}

void fill_namespace(cJSON *obj)
{
    cJSON *labels = json_obj(json_obj(obj, "metadata"), "labels");

    json_put_dup(labels, "kubernetes.io/metadata.name", json_at(obj, "metadata.name"));
    fill_str(json_obj(obj, "status"), "phase", "Active");
}

void settle_namespace(cJSON *obj, const cJSON *old)
{
    if (!old && !json_has(obj, "spec.finalizers"))
        json_push_str(json_arr(spec_of(obj), "finalizers"), "kubernetes");
}

static void fill_null(cJSON *obj, const char *key)
{
    if (!json_member(obj, key))
        json_put(obj, key, cJSON_CreateNull());
}

void settle_event(cJSON *obj, const cJSON *old)
{
    static const char *const texts[] = { "reportingComponent", "reportingInstance" };
    static const char *const core[] = { "source", "firstTimestamp", "lastTimestamp" };
    static const char *const new[] = { "deprecatedSource", "deprecatedFirstTimestamp", "deprecatedLastTimestamp" };
    bool is_core = str_eq(json_get_str(obj, "apiVersion"), "v1");
    const char *const *names = is_core ? core : new;

    (void)old;
    json_obj(obj, names[0]);
    fill_null(obj, names[1]);
    fill_null(obj, names[2]);
    for (size_t i = 0; is_core && i < COUNT(texts); i++)
        if (!json_member(obj, texts[i]))
            json_str(obj, texts[i], "");
    fill_null(obj, "eventTime");
}

void fill_priority_class(cJSON *obj)
{
    fill_str(obj, "preemptionPolicy", "PreemptLowerPriority");
}

void fill_ingress(cJSON *obj)
{
    json_obj(json_obj(obj, "status"), "loadBalancer");
}

void fill_node(cJSON *obj)
{
    cJSON *status = json_obj(obj, "status");

    if (!json_member(status, "allocatable"))
        json_put_dup(status, "allocatable", json_member(status, "capacity"));
}

void fill_binding(cJSON *obj)
{
    cJSON *s, *ref = json_member(obj, "roleRef");

    if (ref)
        fill_str(ref, "apiGroup", "rbac.authorization.k8s.io");
    cJSON_ArrayForEach(s, json_member(obj, "subjects"))
        if (!str_eq(json_get_str(s, "kind"), "ServiceAccount"))
            fill_str(s, "apiGroup", "rbac.authorization.k8s.io");
}

void fill_crd(cJSON *obj)
{
    cJSON *spec = spec_of(obj), *names = json_obj(spec, "names");
    const char *kind = json_get_str(names, "kind");
    AUTO_FREE char *list = xasprintf("%sList", kind ? kind : "");
    AUTO_FREE char *single = xstrdup(kind ? kind : "");

    for (char *p = single; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    fill_str(names, "listKind", list);
    fill_str(names, "singular", single);
    fill_str(json_obj(spec, "conversion"), "strategy", "None");
}
