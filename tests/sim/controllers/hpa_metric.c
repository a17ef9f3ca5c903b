#include "sim/controllers/hpa.h"

#include <string.h>

#include "base/str.h"
#include "json/quantity.h"
#include "sim/controllers/items.h"

#define METRICS_MAP "sim-metrics"
#define ANNOTATION "sim.everserve.dev/"
#define TOTAL "total:"

enum { TOLERANCE_MILLI = 100 };

/* Where each type of metric keeps its parts. */
static const struct source {
    const char *type;
    const char *member; /* of the metric */
    const char *name;   /* path of its name in there */
    bool averaged;      /* over pods; otherwise one number for all */
} sources[] = {
    { "Resource", "resource", "name", true },
    { "ContainerResource", "containerResource", "name", true },
    { "Pods", "pods", "metric.name", true },
    { "Object", "object", "metric.name", false },
    { "External", "external", "metric.name", false },
};

static const struct source *source_of(const cJSON *metric)
{
    for (size_t i = 0; i < COUNT(sources); i++)
        if (str_eq(json_get_str(metric, "type"), sources[i].type))
            return &sources[i];
    return NULL;
}

static const char *value_text(const struct sync *s, const cJSON *hpa, const char *name)
{
    const cJSON *map = scene_get(s->scene, KIND_CONFIGMAP, item_ns(hpa), METRICS_MAP);
    AUTO_FREE char *key = xasprintf("%s.%s", item_name(hpa), name);
    AUTO_FREE char *note = xasprintf("%s%s", ANNOTATION, name);
    const char *text = cJSON_GetStringValue(json_member(json_member(map, "data"), key));

    return text ? text : item_annotation(hpa, note);
}

/* False: nobody set it, or it is no quantity. */
static bool read_value(const char *text, const struct hpa_target *t, int64_t *milli)
{
    if (!text)
        return false;
    if (!str_has_prefix(text, TOTAL))
        return quantity_parse(text, milli, NULL) == 0;
    if (t->pods.ready == 0 || quantity_parse(text + strlen(TOTAL), milli, NULL) < 0)
        return false;
    *milli /= t->pods.ready;
    return true;
}

/* Which of the three ways the target is given; its amount. */
static const char *target_of(const cJSON *spec, int64_t *milli)
{
    static const char *const ways[] = { "averageUtilization", "averageValue", "value" };

    for (size_t i = 0; i < COUNT(ways); i++) {
        const cJSON *v = json_member(json_member(spec, "target"), ways[i]);

        if (json_is_int(v))
            *milli = (int64_t)v->valuedouble * 1000;
        else if (!cJSON_IsString(v) || quantity_parse(v->valuestring, milli, NULL) < 0)
            continue;
        return ways[i];
    }
    return NULL;
}

static void push_current(struct hpa_wish *out, const struct source *src, const cJSON *spec, const char *way, int64_t milli)
{
    cJSON *m = json_push_obj(out->current), *part, *current;

    json_str(m, "type", src->type);
    part = json_obj(m, src->member);
    json_put_dup(part, "name", json_member(spec, "name"));
    json_put_dup(part, "container", json_member(spec, "container"));
    json_put_dup(part, "metric", json_member(spec, "metric"));
    json_put_dup(part, "describedObject", json_member(spec, "describedObject"));
    current = json_obj(part, "current");
    if (!strcmp(way, "averageUtilization")) {
        json_int(current, "averageUtilization", milli / 1000);
        json_fmt(current, "averageValue", "%lldm", (long long)milli);
    } else if (milli % 1000 == 0) {
        json_fmt(current, way, "%lld", (long long)(milli / 1000));
    } else {
        json_fmt(current, way, "%lldm", (long long)milli);
    }
}

static int64_t wish_of(const struct source *src, const char *way, const struct hpa_target *t, int64_t milli, int64_t target)
{
    bool total = !src->averaged && !strcmp(way, "averageValue");

    return total ? autoscale_by_total(&t->pods, milli, target, TOLERANCE_MILLI)
                 : autoscale_by_ratio(&t->pods, milli, target, TOLERANCE_MILLI);
}

static void copy_name(char *to, size_t size, const char *name)
{
    if (!str_copy(to, size, name))
        to[0] = '?';
}

static void read_metric(const struct sync *s, const cJSON *hpa, const struct hpa_target *t, const cJSON *metric,
                        struct hpa_wish *out)
{
    const struct source *src = source_of(metric);
    const cJSON *spec = src ? json_member(metric, src->member) : NULL;
    const char *name = src ? json_get_str(spec, src->name) : NULL, *way;
    int64_t milli, target = 0, wish;

    out->n_metrics++;
    way = target_of(spec, &target);
    if (!name || !way || !read_value(value_text(s, hpa, name), t, &milli)) {
        out->n_missing++;
        copy_name(out->missing, sizeof(out->missing), name ? name : "?");
        return;
    }
    push_current(out, src, spec, way, milli);
    wish = wish_of(src, way, t, milli, target);
    if (out->metric[0] && wish <= out->replicas)
        return;
    out->replicas = wish;
    copy_name(out->metric, sizeof(out->metric), name);
}

void hpa_read_metrics(const struct sync *s, const cJSON *hpa, const struct hpa_target *t, struct hpa_wish *out)
{
    const cJSON *metric;

    *out = (struct hpa_wish){ .replicas = t->pods.wanted, .current = json_new_arr() };
    cJSON_ArrayForEach(metric, json_at(hpa, "spec.metrics"))
        read_metric(s, hpa, t, metric, out);
    /* what is not known might ask for more: nothing shrinks on half of the facts */
    if (out->n_missing && out->replicas < t->pods.wanted)
        out->replicas = t->pods.wanted;
}
