/*
 * Rules about who scales what, and about metrics.
 */
#include "rules.h"

#include "base/str.h"
#include "json/quantity.h"

static bool is_amount(const char *name)
{
    return str_eq(name, "cpu") || str_eq(name, "memory");
}

static bool is_autoscaled(const cJSON *self)
{
    return json_get_int(self, "maxReplicas", 0) > json_get_int(self, "minReplicas", 0);
}

/* What measures something else than the pods themselves. */
static bool sees_without_pods(const cJSON *self)
{
    const cJSON *m, *t;

    cJSON_ArrayForEach(m, json_at(self, "autoScaling.metrics"))
        if (str_eq(json_get_str(m, "type"), "Object") || str_eq(json_get_str(m, "type"), "External"))
            return true;
    cJSON_ArrayForEach(t, json_at(self, "autoScaling.keda.triggers"))
        if (!is_amount(json_get_str(t, "type")))
            return true;
    return false;
}

bool rule_zero_can_be_left(const cJSON *self)
{
    return json_get_int(self, "minReplicas", 0) > 0 || json_get_int(self, "maxReplicas", 0) == 0 || sees_without_pods(self);
}

bool rule_idle_is_below(const cJSON *self)
{
    return !json_has(self, "autoScaling.keda.idleReplicaCount") || json_get_int(self, "minReplicas", 0) > 0;
}

bool rule_gpu_metric_is_used(const cJSON *self)
{
    return !json_has(self, "gpuMetric") || str_eq(json_get_str(self, "scaleMetric"), "gpu");
}

bool rule_value_is_of_metrics(const cJSON *self)
{
    return !str_eq(json_get_str(self, "scaleMetricType"), "Value");
}

static bool is_controlled(const cJSON *vertical, const char *resource)
{
    const cJSON *list = json_member(vertical, "controlledResources"), *r;

    if (!list)
        return is_amount(resource);
    cJSON_ArrayForEach(r, list)
        if (str_eq(cJSON_GetStringValue(r), resource))
            return true;
    return false;
}

static bool both_scale_a_metric(const cJSON *self, const cJSON *vertical)
{
    const cJSON *m, *t;

    cJSON_ArrayForEach(m, json_at(self, "autoScaling.metrics"))
        if ((str_eq(json_get_str(m, "type"), "Resource") && is_controlled(vertical, json_get_str(m, "resource.name"))) ||
            (str_eq(json_get_str(m, "type"), "ContainerResource") &&
             is_controlled(vertical, json_get_str(m, "containerResource.name"))))
            return true;
    cJSON_ArrayForEach(t, json_at(self, "autoScaling.keda.triggers"))
        if (is_controlled(vertical, json_get_str(t, "type")))
            return true;
    return false;
}

bool rule_vertical_stands_alone(const cJSON *self)
{
    const cJSON *vertical = json_member(self, "verticalScaling");
    const char *metric = json_get_str(self, "scaleMetric");

    if (!vertical || str_eq(json_get_str(vertical, "mode"), "Off") || !is_autoscaled(self))
        return true;
    if (json_has(self, "autoScaling.metrics") || json_has(self, "autoScaling.keda"))
        return !both_scale_a_metric(self, vertical);
    return !is_controlled(vertical, metric ? metric : "cpu");
}

static bool metrics_or_keda(const cJSON *self)
{
    return !(json_has(self, "metrics") && json_has(self, "keda"));
}

const struct rule rules_autoscaling[] = {
    { "!(has(self.metrics) && has(self.keda))", "give metrics or keda, not both", ".keda", metrics_or_keda },
    { NULL, NULL, NULL, NULL },
};

static bool metrics_say_what(const cJSON *self)
{
    static const char *const pairs[][2] = { { "Resource", "resource" }, { "ContainerResource", "containerResource" },
                                            { "Pods", "pods" }, { "Object", "object" }, { "External", "external" } };
    const cJSON *m;

    cJSON_ArrayForEach(m, self)
        for (size_t i = 0; i < COUNT(pairs); i++)
            if (str_eq(json_get_str(m, "type"), pairs[i][0]) && !json_has(m, pairs[i][1]))
                return false;
    return true;
}

const struct rule rules_metrics[] = {
    { "self.all(m, (m.type == 'Resource' && has(m.resource)) || (m.type == 'ContainerResource' && has(m.containerResource)) || "
      "(m.type == 'Pods' && has(m.pods)) || (m.type == 'Object' && has(m.object)) || (m.type == 'External' && has(m.external)))",
      "every metric needs the member that its type names: resource, containerResource, pods, object or external", NULL,
      metrics_say_what },
    { NULL, NULL, NULL, NULL },
};

static int64_t milli_of(const cJSON *obj, const char *path, int64_t fallback)
{
    const cJSON *v = json_at(obj, path);
    AUTO_FREE char *amount = json_scalar_text(v);
    int64_t milli;

    return amount && quantity_parse(amount, &milli, NULL) == 0 ? milli : fallback;
}

static bool bounds_do_not_cross(const cJSON *self)
{
    return milli_of(self, "minAllowed.cpu", 0) <= milli_of(self, "maxAllowed.cpu", INT64_MAX) &&
           milli_of(self, "minAllowed.memory", 0) <= milli_of(self, "maxAllowed.memory", INT64_MAX);
}

#define IN_ORDER(r)                                                                                                    \
    "(!has(self.minAllowed." r ") || !has(self.maxAllowed." r ") || "                                                 \
    "!quantity(string(self.minAllowed." r ")).isGreaterThan(quantity(string(self.maxAllowed." r "))))"

const struct rule rules_vertical[] = {
    { "!has(self.minAllowed) || !has(self.maxAllowed) || (" IN_ORDER("cpu") " && " IN_ORDER("memory") ")",
      "must be at least minAllowed", ".maxAllowed", bounds_do_not_cross },
    { NULL, NULL, NULL, NULL },
};
