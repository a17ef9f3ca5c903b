#include "sim/apiserver/valid.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "sim/apiserver/select.h"

/* ---- names ---- */

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool label_ok(const char *s, size_t n)
{
    if (n == 0 || n > 63 || !is_lower_alnum(s[0]) || !is_lower_alnum(s[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_lower_alnum(s[i]) && s[i] != '-')
            return false;
    return true;
}

const char *valid_dns_label(const char *s)
{
    return label_ok(s, strlen(s)) ? NULL
                                  : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
                                    "'-', and must start and end with an alphanumeric character (at most 63)";
}

const char *valid_dns_subdomain(const char *s)
{
    static const char why[] = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "
                              "or '.', and must start and end with an alphanumeric character";

    if (!*s || strlen(s) > 253)
        return "must be no more than 253 characters";
    for (const char *p = s; *p; p++) {
        bool edge = p == s || !p[1] || p[-1] == '.' || p[1] == '.';

        if (!is_lower_alnum(*p) && (edge || *p != '-') && (*p != '.' || p == s || !p[1] || p[1] == '.'))
            return why;
    }
    return NULL;
}

static bool qualified_ok(const char *s, size_t n)
{
    if (n == 0 || n > 63 || !isalnum((unsigned char)s[0]) || !isalnum((unsigned char)s[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("-_.", s[i]))
            return false;
    return true;
}

const char *valid_label_key(const char *s)
{
    static const char why[] = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and "
                              "end with an alphanumeric character (at most 63), with an optional DNS prefix and '/'";
    const char *slash = s ? strchr(s, '/') : NULL;

    if (!s)
        return why;
    if (slash) {
        AUTO_FREE char *prefix = xstrndup(s, (size_t)(slash - s));

        if (valid_dns_subdomain(prefix))
            return why;
        s = slash + 1;
    }
    return qualified_ok(s, strlen(s)) ? NULL : why;
}

const char *valid_label_value(const char *s)
{
    return s && (!*s || qualified_ok(s, strlen(s)))
               ? NULL
               : "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
                 "must start and end with an alphanumeric character (at most 63)";
}

/* ---- shared ---- */

void valid_not_negative(const cJSON *obj, const char *path, struct refusal *r)
{
    int64_t v = json_get_int(obj, path, 0);

    if (v < 0)
        refusal_cause(r, "FieldValueInvalid", path, "Invalid value: %lld: must be greater than or equal to 0",
                      (long long)v);
}

void valid_immutable(const cJSON *obj, const cJSON *old, const char *path, struct refusal *r)
{
    const cJSON *a = json_at(obj, path), *b = json_at(old, path);
    AUTO_FREE char *shown = NULL;

    if (!old || json_equal(a, b))
        return;
    shown = a ? json_print(a) : xstrdup("null");
    refusal_cause(r, "FieldValueInvalid", path, "Invalid value: %.200s: field is immutable", shown);
}

static void check_selector(const cJSON *obj, struct refusal *r)
{
    const cJSON *sel = json_at(obj, "spec.selector");

    if (!sel || json_count(sel) == 0) {
        refusal_cause(r, sel ? "FieldValueInvalid" : "FieldValueRequired", "spec.selector",
                      sel ? "Invalid value: {}: empty selector is invalid for a workload" : "Required value");
        return;
    }
    if (!selector_object_matches(sel, json_at(obj, "spec.template.metadata.labels"))) {
        AUTO_FREE char *labels = json_print(json_at(obj, "spec.template.metadata.labels")
                                                ? json_at(obj, "spec.template.metadata.labels")
                                                : sel);

        refusal_cause(r, "FieldValueInvalid", "spec.template.metadata.labels",
                      "Invalid value: %s: `selector` does not match template `labels`", labels);
    }
}

static void check_workload(const cJSON *obj, struct refusal *r)
{
    valid_not_negative(obj, "spec.replicas", r);
    valid_not_negative(obj, "spec.minReadySeconds", r);
    valid_not_negative(obj, "spec.revisionHistoryLimit", r);
    check_selector(obj, r);
    valid_pod_spec(json_at(obj, "spec.template.spec"), "spec.template.spec", r);
    if (!str_eq(json_get_str(obj, "spec.template.spec.restartPolicy"), "Always"))
        refusal_cause(r, "FieldValueNotSupported", "spec.template.spec.restartPolicy",
                      "Unsupported value: supported values: \"Always\"");
}

/* ---- workloads ---- */

static bool is_zero(const cJSON *v)
{
    return (cJSON_IsNumber(v) && v->valuedouble == 0) ||
           (cJSON_IsString(v) && (!strcmp(v->valuestring, "0%") || !strcmp(v->valuestring, "0")));
}

void valid_deployment(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    const cJSON *roll = json_at(obj, "spec.strategy.rollingUpdate");

    check_workload(obj, r);
    valid_immutable(obj, old, "spec.selector", r);
    if (roll && !str_eq(json_get_str(obj, "spec.strategy.type"), "RollingUpdate"))
        refusal_cause(r, "FieldValueForbidden", "spec.strategy.rollingUpdate",
                      "Forbidden: may not be specified when strategy `type` is 'Recreate'");
    if (roll && is_zero(json_member(roll, "maxSurge")) && is_zero(json_member(roll, "maxUnavailable")))
        refusal_cause(r, "FieldValueInvalid", "spec.strategy.rollingUpdate.maxUnavailable",
                      "Invalid value: 0: may not be 0 when `maxSurge` is 0");
    if (json_get_int(obj, "spec.progressDeadlineSeconds", 600) <= json_get_int(obj, "spec.minReadySeconds", 0))
        refusal_cause(r, "FieldValueInvalid", "spec.progressDeadlineSeconds",
                      "Invalid value: must be greater than minReadySeconds");
}

void valid_replica_set(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    check_workload(obj, r);
    valid_immutable(obj, old, "spec.selector", r);
}

void valid_daemon_set(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    check_workload(obj, r);
    valid_immutable(obj, old, "spec.selector", r);
}

void valid_stateful_set(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    static const char *const may_change[] = { "replicas", "ordinals", "template", "updateStrategy",
                                              "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy",
                                              "minReadySeconds" };
    AUTO_JSON cJSON *a = json_dup(json_member(obj, "spec")), *b = json_dup(json_member(old, "spec"));

    check_workload(obj, r);
    valid_not_negative(obj, "spec.ordinals.start", r);
    valid_not_negative(obj, "spec.updateStrategy.rollingUpdate.partition", r);
    if (!old)
        return;
    for (size_t i = 0; i < COUNT(may_change); i++) {
        json_del(a, may_change[i]);
        json_del(b, may_change[i]);
    }
    if (!json_equal(a, b))
        refusal_cause(r, "FieldValueForbidden", "spec",
                      "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
                      "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
                      "'minReadySeconds' are forbidden");
}

void valid_revision(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    valid_immutable(obj, old, "data", r);
}

/* ---- autoscaler, budget ---- */

static void check_behavior(const cJSON *rules, const char *at, struct refusal *r)
{
    AUTO_FREE char *window = xasprintf("%s.stabilizationWindowSeconds", at);
    int64_t w = json_get_int(rules, "stabilizationWindowSeconds", 0);

    if (w < 0 || w > 3600)
        refusal_cause(r, "FieldValueInvalid", window,
                      "Invalid value: %lld: must be greater than or equal to zero and less than or equal to 3600",
                      (long long)w);
    if (rules && json_count(json_member(rules, "policies")) == 0)
        refusal_cause(r, "FieldValueRequired", at, "Required value: must specify at least one Policy");
}

static const char *source_member(const char *type)
{
    static const struct { const char *type, *member; } rows[] = {
        { "Resource", "resource" }, { "ContainerResource", "containerResource" }, { "Pods", "pods" },
        { "Object", "object" }, { "External", "external" },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_eq(rows[i].type, type))
            return rows[i].member;
    return NULL;
}

/* A target says its type, and has the value of that type. */
static void check_target(const cJSON *target, const char *at, bool resource, struct refusal *r)
{
    const char *type = json_get_str(target, "type");
    AUTO_FREE char *type_at = xasprintf("%s.target.type", at), *value_at = xasprintf("%s.target.averageUtilization", at);
    bool has = json_has(target, "averageUtilization") || json_has(target, "averageValue") || json_has(target, "value");

    if (str_empty(type))
        refusal_cause(r, "FieldValueRequired", type_at, "Required value: must specify a metric target type");
    else if (!str_eq(type, "Utilization") && !str_eq(type, "Value") && !str_eq(type, "AverageValue"))
        refusal_cause(r, "FieldValueInvalid", type_at,
                      "Invalid value: \"%s\": must be either Utilization, Value, or AverageValue", type);
    if (!has)
        refusal_cause(r, "FieldValueRequired", value_at, resource ? "Required value: must set either a target raw value or "
                      "a target utilization" : "Required value: must set a target value");
    if (resource && json_has(target, "averageUtilization") && json_has(target, "averageValue"))
        refusal_cause(r, "FieldValueForbidden", value_at,
                      "Forbidden: may not set both a target raw value and a target utilization");
}

static void check_metrics(const cJSON *metrics, struct refusal *r)
{
    const cJSON *m;
    int i = 0;

    cJSON_ArrayForEach(m, metrics) {
        const char *type = json_get_str(m, "type"), *member = source_member(type);
        AUTO_FREE char *at = xasprintf("spec.metrics[%d]%s%s", i++, member ? "." : "", member ? member : "");
        bool resource = str_eq(type, "Resource") || str_eq(type, "ContainerResource");

        if (!member)
            refusal_cause(r, "FieldValueRequired", at, "Required value: must specify a metric source type");
        else if (!json_has(m, member))
            refusal_cause(r, "FieldValueRequired", at, "Required value: must populate information for the given metric source");
        else
            check_target(json_member(json_member(m, member), "target"), at, resource, r);
    }
}

static void check_api_version(const cJSON *obj, struct refusal *r)
{
    const char *kind = json_get_str(obj, "spec.scaleTargetRef.kind");

    if (str_empty(json_get_str(obj, "spec.scaleTargetRef.apiVersion")) && !str_eq(kind, "ReplicationController"))
        refusal_cause(r, "FieldValueInvalid", "spec.scaleTargetRef.apiVersion",
                      "Invalid value: \"\": apiVersion must specify API group");
}

void valid_autoscaler(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    int64_t min = json_get_int(obj, "spec.minReplicas", 1), max = json_get_int(obj, "spec.maxReplicas", 0);

    (void)old;
    if (min < 1)
        refusal_cause(r, "FieldValueInvalid", "spec.minReplicas",
                      "Invalid value: %lld: must be greater than or equal to 1", (long long)min);
    if (max < 1)
        refusal_cause(r, "FieldValueRequired", "spec.maxReplicas", "Required value: must be set and greater than 0");
    if (max < min)
        refusal_cause(r, "FieldValueInvalid", "spec.maxReplicas",
                      "Invalid value: %lld: must be greater than or equal to `minReplicas`", (long long)max);
    check_api_version(obj, r);
    if (str_empty(json_get_str(obj, "spec.scaleTargetRef.kind")))
        refusal_cause(r, "FieldValueRequired", "spec.scaleTargetRef.kind", "Required value");
    if (str_empty(json_get_str(obj, "spec.scaleTargetRef.name")))
        refusal_cause(r, "FieldValueRequired", "spec.scaleTargetRef.name", "Required value");
    check_metrics(json_at(obj, "spec.metrics"), r);
    check_behavior(json_at(obj, "spec.behavior.scaleUp"), "spec.behavior.scaleUp", r);
    check_behavior(json_at(obj, "spec.behavior.scaleDown"), "spec.behavior.scaleDown", r);
}

void valid_budget(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    (void)old;
    if (json_has(obj, "spec.minAvailable") && json_has(obj, "spec.maxUnavailable"))
        refusal_cause(r, "FieldValueInvalid", "spec",
                      "Invalid value: minAvailable and maxUnavailable cannot be both set");
    valid_not_negative(obj, "spec.minAvailable", r);
    valid_not_negative(obj, "spec.maxUnavailable", r);
}

/* ---- the rest ---- */

static void check_port(int64_t port, const char *at, struct refusal *r)
{
    if (port < 1 || port > 65535)
        refusal_cause(r, "FieldValueInvalid", at, "Invalid value: %lld: must be between 1 and 65535, inclusive",
                      (long long)port);
}

void valid_service(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    const cJSON *ports = json_at(obj, "spec.ports"), *p;
    const char *ip = json_get_str(obj, "spec.clusterIP"), *was = json_get_str(old, "spec.clusterIP");
    int i = 0;

    if (!json_count(ports) && !str_eq(ip, "None") && !str_eq(json_get_str(obj, "spec.type"), "ExternalName"))
        refusal_cause(r, "FieldValueRequired", "spec.ports", "Required value");
    if (!str_empty(was) && !str_empty(ip) && !str_eq(ip, was) && !str_eq(json_get_str(old, "spec.type"), "ExternalName"))
        refusal_cause(r, "FieldValueInvalid", "spec.clusterIPs[0]", "Invalid value: [\"%s\"]: may not change once set", ip);
    cJSON_ArrayForEach(p, ports) {
        AUTO_FREE char *at = xasprintf("spec.ports[%d].port", i);
        AUTO_FREE char *name_at = xasprintf("spec.ports[%d].name", i++);

        check_port(json_get_int(p, "port", 0), at, r);
        if (json_count(ports) > 1 && str_empty(json_get_str(p, "name")))
            refusal_cause(r, "FieldValueRequired", name_at, "Required value");
    }
}

static void check_data(const cJSON *data, const char *at, struct refusal *r)
{
    const cJSON *d;
    size_t bytes = 0;

    cJSON_ArrayForEach(d, data) {
        AUTO_FREE char *where = xasprintf("%s[%s]", at, d->string);

        if (!*d->string || strspn(d->string, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
                               strlen(d->string))
            refusal_cause(r, "FieldValueInvalid", where, "Invalid value: \"%s\": a valid config key must consist of "
                          "alphanumeric characters, '-', '_' or '.'", d->string);
        bytes += cJSON_IsString(d) ? strlen(d->valuestring) : 0;
    }
    if (bytes > 1 << 20)
        refusal_cause(r, "FieldValueTooLong", "", "Too long: may not be more than 1048576 bytes");
}

static void check_frozen(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    if (!json_get_bool(old, "immutable", false))
        return;
    valid_immutable(obj, old, "data", r);
    if (!json_get_bool(obj, "immutable", false))
        refusal_cause(r, "FieldValueForbidden", "immutable", "Forbidden: field is immutable when `immutable` is set");
}

void valid_config_map(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    check_data(json_member(obj, "data"), "data", r);
    check_frozen(obj, old, r);
}

void valid_secret(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    check_data(json_member(obj, "data"), "data", r);
    valid_immutable(obj, old, "type", r);
    check_frozen(obj, old, r);
}

void valid_claim(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    if (!json_count(json_at(obj, "spec.accessModes")))
        refusal_cause(r, "FieldValueRequired", "spec.accessModes", "Required value: at least 1 access mode is required");
    if (!json_has(obj, "spec.resources.requests.storage"))
        refusal_cause(r, "FieldValueRequired", "spec.resources[storage]", "Required value");
    valid_immutable(obj, old, "spec.accessModes", r);
    if (old && json_has(old, "spec.storageClassName"))
        valid_immutable(obj, old, "spec.storageClassName", r);
}

void valid_lease(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    (void)old;
    if (json_has(obj, "spec.leaseDurationSeconds") && json_get_int(obj, "spec.leaseDurationSeconds", 1) <= 0)
        refusal_cause(r, "FieldValueInvalid", "spec.leaseDurationSeconds", "Invalid value: must be greater than 0");
}

void valid_binding(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    valid_immutable(obj, old, "roleRef", r);
}

void valid_event(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    static const char *const needed[] = { "eventTime", "reportingController", "reportingInstance", "action", "reason" };
    const char *type = json_get_str(obj, "type"), *note = json_get_str(obj, "note");
    const char *ns = json_get_str(obj, "metadata.namespace"), *about = json_get_str(obj, "regarding.namespace");

    if (old)
        return;
    if (str_empty(about) ? !str_eq(ns, "default") && !str_eq(ns, "kube-system") : !str_eq(ns, about))
        refusal_cause(r, "FieldValueInvalid", "involvedObject.namespace",
                      "Invalid value: \"%s\": does not match event.namespace", about ? about : "");
    for (size_t i = 0; i < COUNT(needed); i++)
        if (str_empty(json_get_str(obj, needed[i])))
            refusal_cause(r, "FieldValueRequired", needed[i], "Required value");
    if (!str_eq(type, "Normal") && !str_eq(type, "Warning"))
        refusal_cause(r, "FieldValueInvalid", "type", "Invalid value: \"\": has invalid value: %s", type ? type : "");
    if (note && strlen(note) > 1024)
        refusal_cause(r, "FieldValueInvalid", "message", "Invalid value: \"\": can have at most 1024 characters");
}

void valid_crd(const cJSON *obj, const cJSON *old, struct refusal *r)
{
    const char *group = json_get_str(obj, "spec.group"), *plural = json_get_str(obj, "spec.names.plural");
    AUTO_FREE char *want = xasprintf("%s.%s", plural ? plural : "", group ? group : "");
    const cJSON *v;
    int storage = 0, i = 0;

    if (!str_eq(json_get_str(obj, "metadata.name"), want))
        refusal_cause(r, "FieldValueInvalid", "metadata.name", "Invalid value: must be spec.names.plural+\".\"+spec.group");
    cJSON_ArrayForEach(v, json_at(obj, "spec.versions")) {
        AUTO_FREE char *at = xasprintf("spec.versions[%d].schema.openAPIV3Schema", i++);

        storage += json_get_bool(v, "storage", false);
        if (!json_has(v, "schema.openAPIV3Schema"))
            refusal_cause(r, "FieldValueRequired", at, "Required value: schemas are required");
    }
    if (storage != 1)
        refusal_cause(r, "FieldValueInvalid", "spec.versions",
                      "Invalid value: must have exactly one version marked as storage version");
    valid_immutable(obj, old, "spec.group", r);
    valid_immutable(obj, old, "spec.scope", r);
}
