#include <stdio.h>

#include "base/str.h"
#include "build.h"

enum { CPU_PERCENT = 70, GPU_PERCENT = 70, MEMORY_PERCENT = 80 };

#define GPU_METRIC "DCGM_FI_DEV_GPU_UTIL" /* what NVIDIA's exporter calls it */

static void put_target(cJSON *target, const struct isvc *s, bool average, int fallback)
{
    const cJSON *want = json_member(s->predictor.spec, "scaleTarget");

    json_str(target, "type", average ? "AverageValue" : "Utilization");
    if (!average) {
        json_int(target, "averageUtilization",
                 cJSON_IsString(want) ? strtol(want->valuestring, NULL, 10) : json_get_int(s->predictor.spec, "scaleTarget", fallback));
        return;
    }
    json_fmt(target, "averageValue", "%d", fallback);
    json_put_dup(target, "averageValue", want);
    build_canonical_member(target, "averageValue");
}

static void add_resource_metric(cJSON *metric, const struct isvc *s, const char *name)
{
    bool average = str_eq(json_get_str(s->predictor.spec, "scaleMetricType"), "AverageValue");
    cJSON *resource = json_obj(metric, "resource");

    json_str(metric, "type", "Resource");
    json_str(resource, "name", name);
    put_target(json_obj(resource, "target"), s, average, str_eq(name, "memory") ? MEMORY_PERCENT : CPU_PERCENT);
}

static void add_pods_metric(cJSON *metric, const struct isvc *s, const char *name)
{
    const char *gpu = json_get_str(s->predictor.spec, "gpuMetric");
    cJSON *pods = json_obj(metric, "pods");

    json_str(metric, "type", "Pods");
    json_str(json_obj(pods, "metric"), "name", str_eq(name, "gpu") ? gpu ? gpu : GPU_METRIC : name);
    put_target(json_obj(pods, "target"), s, true, GPU_PERCENT);
}

static void add_shortcut(cJSON *metrics, const struct isvc *s)
{
    const char *name = json_get_str(s->predictor.spec, "scaleMetric");
    cJSON *metric = json_push_obj(metrics);

    if (!name || str_eq(name, "cpu") || str_eq(name, "memory"))
        add_resource_metric(metric, s, name ? name : "cpu");
    else
        add_pods_metric(metric, s, name);
}

/* The list is atomic: its quantities must read as the server writes them. */
static void canonical_metrics(cJSON *metrics)
{
    cJSON *m, *source;

    cJSON_ArrayForEach(m, metrics)
        cJSON_ArrayForEach(source, m) {
            build_canonical_member(json_member(source, "target"), "value");
            build_canonical_member(json_member(source, "target"), "averageValue");
        }
}

static void add_metrics(cJSON *spec, const struct isvc *s)
{
    json_put_dup(spec, "metrics", json_at(s->predictor.spec, "autoScaling.metrics"));
    if (!json_has(spec, "metrics"))
        add_shortcut(json_arr(spec, "metrics"), s);
    canonical_metrics(json_member(spec, "metrics"));
}

/* The autoscaler stays the only writer of replicas; its own switch keeps it from scaling down. */
void build_behavior(cJSON *spec, const struct isvc *s, bool hold_down)
{
    json_put_dup(spec, "behavior", json_at(s->predictor.spec, "autoScaling.behavior"));
    build_canonical_member(json_at(spec, "behavior.scaleUp"), "tolerance");
    build_canonical_member(json_at(spec, "behavior.scaleDown"), "tolerance");
    if (hold_down)
        json_str(json_obj(json_obj(spec, "behavior"), "scaleDown"), "selectPolicy", "Disabled");
}

void build_scale_target(cJSON *target, const struct isvc *s)
{
    json_str(target, "apiVersion", child_types[CHILD_DEPLOYMENT].api_version);
    json_str(target, "kind", child_types[CHILD_DEPLOYMENT].kind);
    json_str(target, "name", s->name);
}

cJSON *build_hpa(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o, *spec;

    if (!s->predictor.autoscaled || s->predictor.keda)
        return NULL;
    o = build_child(CHILD_HPA, s);
    spec = json_obj(o, "spec");
    build_scale_target(json_obj(spec, "scaleTargetRef"), s);
    json_int(spec, "minReplicas", in->hpa_min);
    json_int(spec, "maxReplicas", in->hpa_max);
    add_metrics(spec, s);
    build_behavior(spec, s, in->hold_down);
    return o;
}
