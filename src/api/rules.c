#include "rules.h"

#include <string.h>

#include "api/isvc.h"
#include "api/names.h"
#include "base/str.h"

static bool has(const cJSON *self, const char *key)
{
    return json_member(self, key) != NULL;
}

static const char *text(const cJSON *self, const char *key)
{
    return cJSON_GetStringValue(json_member(self, key));
}

static bool is_one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (str_eq(s, *list))
            return true;
    return false;
}

static bool max_not_below_min(const cJSON *self)
{
    return !has(self, "maxReplicas") || json_get_int(self, "maxReplicas", 0) >= json_get_int(self, "minReplicas", 0);
}

static bool metrics_or_shortcut(const cJSON *self)
{
    return !(json_has(self, "autoScaling.metrics") || json_has(self, "autoScaling.keda")) ||
           !(has(self, "scaleMetric") || has(self, "scaleTarget") || has(self, "scaleMetricType"));
}

static bool is_resource(const cJSON *self)
{
    static const char *const resources[] = { "cpu", "memory", NULL };

    return !has(self, "scaleMetric") || is_one_of(text(self, "scaleMetric"), resources);
}

static bool is_gpu(const cJSON *self)
{
    return str_eq(text(self, "scaleMetric"), "gpu");
}

static bool utilization_has_a_request(const cJSON *self)
{
    return !str_eq(text(self, "scaleMetricType"), "Utilization") || is_resource(self) || is_gpu(self);
}

static bool is_average(const cJSON *self)
{
    return str_eq(text(self, "scaleMetricType"), "AverageValue");
}

static bool average_has_a_target(const cJSON *self)
{
    return str_eq(text(self, "scaleMetricType"), "Value") || is_gpu(self) || has(self, "scaleTarget") || (is_resource(self) && !is_average(self));
}

static bool utilization_is_a_percentage(const cJSON *self)
{
    const cJSON *target = json_member(self, "scaleTarget");
    int64_t v;

    if (!target || !is_resource(self) || is_average(self))
        return true;
    if (cJSON_IsString(target))
        return schema_shape_fits("^[1-9][0-9]{0,3}$", target->valuestring);
    v = json_get_int(self, "scaleTarget", 0);
    return v >= 1 && v <= 9999;
}

/* What the autoscaler measures of cpu and memory, as a list of names. */
#define ALL_METRICS                                                                                                    \
    "((has(self.autoScaling) && has(self.autoScaling.metrics)) ? "                                                     \
    "self.autoScaling.metrics.filter(m, m.type == 'Resource' && has(m.resource)).map(m, m.resource.name) + "           \
    "self.autoScaling.metrics.filter(m, m.type == 'ContainerResource' && has(m.containerResource))"                    \
    ".map(m, m.containerResource.name) : (has(self.autoScaling) && has(self.autoScaling.keda)) ? "                     \
    "self.autoScaling.keda.triggers.filter(t, t.type in ['cpu', 'memory']).map(t, t.type) : "                          \
    "[has(self.scaleMetric) ? self.scaleMetric : 'cpu'].filter(n, n in ['cpu', 'memory']))"

const struct rule rules_predictor[] = {
    { "!has(self.maxReplicas) || self.maxReplicas >= self.minReplicas",
      "must be at least minReplicas (which is 2 when left out)", ".maxReplicas", max_not_below_min },
    { "!has(self.maxReplicas) || self.minReplicas > 0 || self.maxReplicas == 0 || (has(self.autoScaling) && "
      "((has(self.autoScaling.metrics) && self.autoScaling.metrics.exists(m, m.type in ['Object', 'External'])) || "
      "(has(self.autoScaling.keda) && self.autoScaling.keda.triggers.exists(t, !(t.type in ['cpu', 'memory'])))))",
      "must be at least 1 with an autoscaler that sees nothing but pods: give it an object or external metric, or a "
      "trigger of KEDA; to stop the service leave maxReplicas out, or set it to 0", ".minReplicas",
      rule_zero_can_be_left },
    { "!has(self.autoScaling) || !(has(self.autoScaling.metrics) || has(self.autoScaling.keda)) || "
      "!(has(self.scaleMetric) || has(self.scaleTarget) || has(self.scaleMetricType))",
      "give either metrics or keda, or scaleMetric with scaleTarget and scaleMetricType, not both", ".autoScaling",
      metrics_or_shortcut },
    { "!has(self.autoScaling) || !has(self.autoScaling.keda) || !has(self.autoScaling.keda.idleReplicaCount) || "
      "self.minReplicas > 0",
      "is for a minReplicas above it: leave it out", ".autoScaling.keda.idleReplicaCount", rule_idle_is_below },
    { "!has(self.gpuMetric) || (has(self.scaleMetric) && self.scaleMetric == 'gpu')", "is for scaleMetric gpu", ".gpuMetric",
      rule_gpu_metric_is_used },
    { "!has(self.scaleMetricType) || self.scaleMetricType != 'Value'",
      "Value is for object and external metrics: give them in autoScaling.metrics", ".scaleMetricType",
      rule_value_is_of_metrics },
    { "!has(self.verticalScaling) || self.verticalScaling.mode == 'Off' || !has(self.maxReplicas) || "
      "self.maxReplicas <= self.minReplicas || !(" ALL_METRICS ".exists(r, !has(self.verticalScaling.controlledResources) || "
      "r in self.verticalScaling.controlledResources))",
      "would change what the autoscaler measures (cpu or memory): leave one of them out, set controlledResources, or "
      "mode Off", ".verticalScaling", rule_vertical_stands_alone },
    { "!has(self.scaleMetricType) || self.scaleMetricType != 'Utilization' || !has(self.scaleMetric) || "
      "self.scaleMetric in ['cpu', 'memory', 'gpu']",
      "Utilization is for cpu, memory and gpu: use AverageValue for a pods metric", ".scaleMetricType",
      utilization_has_a_request },
    { "has(self.scaleTarget) || (has(self.scaleMetric) && self.scaleMetric == 'gpu') || "
      "((!has(self.scaleMetric) || self.scaleMetric in ['cpu', 'memory']) && "
      "(!has(self.scaleMetricType) || self.scaleMetricType != 'AverageValue')) || "
      "(has(self.scaleMetricType) && self.scaleMetricType == 'Value')",
      "is needed for AverageValue and for a pods metric", ".scaleTarget", average_has_a_target },
    { "!has(self.scaleTarget) || (has(self.scaleMetric) && !(self.scaleMetric in ['cpu', 'memory'])) || "
      "(has(self.scaleMetricType) && self.scaleMetricType == 'AverageValue') || "
      "string(self.scaleTarget).matches('^[1-9][0-9]{0,3}$')",
      "must be a percentage from 1 to 9999: set scaleMetricType AverageValue to scale on an amount", ".scaleTarget",
      utilization_is_a_percentage },
    { NULL, NULL, NULL, NULL },
};

static bool labels_are_free(const cJSON *self)
{
    return !has(self, LABEL_NAME) && !has(self, LABEL_INSTANCE) && !has(self, LABEL_COMPONENT) &&
           !has(self, LABEL_PART_OF) && !has(self, LABEL_MANAGED_BY);
}

const struct rule rules_labels[] = {
    { "!('" LABEL_NAME "' in self) && !('" LABEL_INSTANCE "' in self) && !('" LABEL_COMPONENT "' in self) && "
      "!('" LABEL_PART_OF "' in self) && !('" LABEL_MANAGED_BY "' in self)",
      "holds a label by which the operator finds its pods (app.kubernetes.io/name, instance, component, part-of, "
      "managed-by): use another name",
      NULL, labels_are_free },
    { NULL, NULL, NULL, NULL },
};

static bool recreate_stands_alone(const cJSON *self)
{
    return !str_eq(text(self, "type"), "Recreate") || !has(self, "rollingUpdate");
}

const struct rule rules_strategy[] = {
    { "self.type != 'Recreate' || !has(self.rollingUpdate)", "must be left out with type Recreate", ".rollingUpdate",
      recreate_stands_alone },
    { NULL, NULL, NULL, NULL },
};

static bool one_bound(const cJSON *self)
{
    return !(has(self, "minAvailable") && has(self, "maxUnavailable"));
}

const struct rule rules_budget[] = {
    { "!(has(self.minAvailable) && has(self.maxUnavailable))", "give minAvailable or maxUnavailable, not both", NULL,
      one_bound },
    { NULL, NULL, NULL, NULL },
};

static bool shards_form_a_quorum(const cJSON *self)
{
    return !cJSON_IsNumber(self) || self->valueint != 2;
}

const struct rule rules_shards[] = {
    { "self == 1 || self >= 3", "must be 1 (development) or at least 3: two masters have no majority", NULL,
      shards_form_a_quorum },
    { NULL, NULL, NULL, NULL },
};

/* A size is not compared with its predecessor here: one that the storage refused must be possible to set back. What is
 * below the claims as they are is refused by the plan. */
const struct rule rules_storage[] = {
    { "has(self.storageClassName) == has(oldSelf.storageClassName) && "
      "(!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
      "cannot be changed: volumes do not move; restore a backup into a new service", ".storageClassName", NULL },
    { "!has(self.ephemeral) || !has(oldSelf.ephemeral) || self.ephemeral == oldSelf.ephemeral",
      "cannot be changed: data does not move; restore a backup into a new service",
      ".ephemeral", NULL },
    { NULL, NULL, NULL, NULL },
};

static bool one_password(const cJSON *self)
{
    return !(has(self, "secretName") && has(self, "rotate"));
}

const struct rule rules_auth[] = {
    { "!(has(self.secretName) && has(self.rotate))", "is for generated passwords: change the Secret instead", ".rotate",
      one_password },
    { NULL, NULL, NULL, NULL },
};

static bool deadline_leaves_room(const cJSON *self)
{
    return json_get_int(self, "minReadySeconds", 0) < json_get_int(self, "progressDeadlineSeconds", 0);
}

const struct rule rules_rollout[] = {
    { "!has(self.minReadySeconds) || self.minReadySeconds < self.progressDeadlineSeconds",
      "must be below progressDeadlineSeconds", ".minReadySeconds", deadline_leaves_room },
    { NULL, NULL, NULL, NULL },
};

static bool one_place(const cJSON *self)
{
    return has(self, "claimName") != has(self, "storage");
}

const struct rule rules_backup[] = {
    { "has(self.claimName) != has(self.storage)", "give claimName or storage", NULL, one_place },
    { NULL, NULL, NULL, NULL },
};

/* Settings that the operator writes itself, or that would break what it relies on. */
#define OWNED(X)                                                                                                     \
    X("bind") X("port") X("tls-port") X("dir") X("daemonize") X("include") X("loadmodule") X("requirepass")           \
    X("masterauth") X("masteruser") X("primaryauth") X("primaryuser") X("user") X("aclfile") X("protected-mode")      \
    X("rename-command") X("replicaof") X("slaveof") X("appendonly") X("maxmemory") X("maxmemory-policy")              \
    X("dbfilename") X("appendfilename") X("appenddirname") X("unixsocket") X("logfile") X("pidfile") X("supervised")  \
    X("replica-announce-ip") X("replica-announce-port") X("slave-announce-ip") X("slave-announce-port")
#define AS_CEL(key) "'" key "', "
#define AS_C(key) key,

static bool config_is_ours(const char *key)
{
    static const char *const owned[] = { OWNED(AS_C) NULL };

    return is_one_of(key, owned) || str_has_prefix(key, "cluster-") || str_has_prefix(key, "tls-");
}

static bool config_keys_are_free(const cJSON *self)
{
    for (const cJSON *v = self->child; v; v = v->next)
        if (config_is_ours(v->string))
            return false;
    return true;
}

static bool config_keys_are_names(const cJSON *self)
{
    for (const cJSON *v = self->child; v; v = v->next)
        if (!schema_shape_fits("^[a-z][a-z0-9.-]{0,62}$", v->string))
            return false;
    return true;
}

const struct rule rules_redis_config[] = {
    { "self.all(k, k.matches('^[a-z][a-z0-9.-]{0,62}$'))", "a setting's name is lower case, as in redis.conf", NULL,
      config_keys_are_names },
    { "self.all(k, !k.startsWith('cluster-') && !k.startsWith('tls-') && !(k in [" OWNED(AS_CEL) "'cluster-enabled']))",
      "holds a setting that the operator owns (cluster-*, tls-*, port, dir, requirepass, appendonly, maxmemory ...): "
      "use the fields of spec.redis instead",
      NULL, config_keys_are_free },
    { NULL, NULL, NULL, NULL },
};

static bool one_size(const cJSON *self)
{
    return has(self, "replicas") != has(self, "percent");
}

const struct rule rules_canary[] = {
    { "has(self.replicas) != has(self.percent)", "give replicas or percent", NULL, one_size },
    { NULL, NULL, NULL, NULL },
};

/* A service that is stopped keeps its settings. */
static bool canary_fits(const cJSON *self)
{
    int64_t min = json_get_int(self, "predictor.minReplicas", 0);

    return min == 0 || json_get_int(self, "rollout.canary.replicas", 0) <= min;
}

const struct rule rules_spec[] = {
    { "!has(self.rollout.canary) || !has(self.rollout.canary.replicas) || self.predictor.minReplicas == 0 || "
      "self.rollout.canary.replicas <= self.predictor.minReplicas",
      "must not be more than predictor.minReplicas (which is 2 when left out): a canary is not larger than the service",
      ".rollout.canary.replicas", canary_fits },
    { NULL, NULL, NULL, NULL },
};

static bool name_is_a_label(const cJSON *self)
{
    const char *name = json_get_str(self, "metadata.name");

    return name && strlen(name) <= ISVC_NAME_MAX && schema_shape_fits("^[a-z]([-a-z0-9]*[a-z0-9])?$", name);
}

static bool name_leaves_room(const cJSON *self)
{
    const char *name = json_get_str(self, "metadata.name");

    return !json_has(self, "spec.redis") || (name && strlen(name) <= ISVC_NAME_MAX_REDIS);
}

static bool name_leaves_room_for_canary(const cJSON *self)
{
    const char *name = json_get_str(self, "metadata.name");

    return !json_has(self, "spec.rollout.canary.route") || (name && strlen(name) <= ISVC_NAME_MAX_ROUTE);
}

const struct rule schema_root_rules[] = {
    { "size(self.metadata.name) <= 63 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
      "metadata.name: must be a lower-case name that starts with a letter, at most 63 characters, without dots: "
      "it becomes the name of a Service",
      NULL, name_is_a_label },
    { "!has(self.spec.redis) || size(self.metadata.name) <= 46",
      "metadata.name: must have at most 46 characters with Redis: its pods carry the name in a label", NULL,
      name_leaves_room },
    { "!has(self.spec.rollout.canary) || !has(self.spec.rollout.canary.route) || size(self.metadata.name) <= 56",
      "metadata.name: must have at most 56 characters with a route: <name>-canary becomes the name of a Service", NULL,
      name_leaves_room_for_canary },
    { NULL, NULL, NULL, NULL },
};
