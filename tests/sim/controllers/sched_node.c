#include "sim/controllers/sched.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "json/quantity.h"
#include "sim/controllers/items.h"

static const char *text_of(const cJSON *o, const char *key)
{
    const char *s = cJSON_GetStringValue(json_member(o, key));

    return s ? s : "";
}

const char *node_name(const cJSON *node)
{
    return item_name(node);
}

const char *node_label(const cJSON *node, const char *key)
{
    return item_label(node, key);
}

static bool is_listed(const cJSON *values, const char *value)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, values)
        if (str_eq(cJSON_GetStringValue(v), value))
            return true;
    return false;
}

/* A node selector requirement on a label's or field's value (NULL: absent). */
static bool requirement_holds(const cJSON *r, const char *value)
{
    const char *op = text_of(r, "operator");
    const char *bound = json_get_str(r, "values.0");

    if (!strcmp(op, "In"))
        return value && is_listed(json_member(r, "values"), value);
    if (!strcmp(op, "NotIn"))
        return !value || !is_listed(json_member(r, "values"), value);
    if (!strcmp(op, "Exists"))
        return value != NULL;
    if (!strcmp(op, "DoesNotExist"))
        return value == NULL;
    if (!value || !bound)
        return false;
    return !strcmp(op, "Gt") ? strtoll(value, NULL, 10) > strtoll(bound, NULL, 10)
                             : strtoll(value, NULL, 10) < strtoll(bound, NULL, 10);
}

static bool term_matches(const cJSON *term, const cJSON *node)
{
    const cJSON *r;

    if (!json_count(json_member(term, "matchExpressions")) && !json_count(json_member(term, "matchFields")))
        return false;
    cJSON_ArrayForEach(r, json_member(term, "matchExpressions"))
        if (!requirement_holds(r, item_label(node, text_of(r, "key"))))
            return false;
    cJSON_ArrayForEach(r, json_member(term, "matchFields"))
        if (!requirement_holds(r, !strcmp(text_of(r, "key"), "metadata.name") ? item_name(node) : NULL))
            return false;
    return true;
}

bool sched_is_selected(const cJSON *pod, const cJSON *node)
{
    const cJSON *required =
        json_at(pod, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
    const cJSON *x;

    cJSON_ArrayForEach(x, json_at(pod, "spec.nodeSelector"))
        if (!str_eq(item_label(node, x->string), cJSON_GetStringValue(x)))
            return false;
    cJSON_ArrayForEach(x, required)
        if (term_matches(x, node))
            return true;
    return required == NULL;
}

bool sched_tolerates(const cJSON *toleration, const cJSON *taint)
{
    const char *key = text_of(toleration, "key"), *effect = text_of(toleration, "effect");
    bool exists = !strcmp(text_of(toleration, "operator"), "Exists");

    if (*effect && strcmp(effect, text_of(taint, "effect")) != 0)
        return false;
    if (*key && strcmp(key, text_of(taint, "key")) != 0)
        return false;
    return exists || (*key && !strcmp(text_of(toleration, "value"), text_of(taint, "value")));
}

static bool is_tolerated(const cJSON *pod, const cJSON *taint)
{
    const cJSON *t;

    cJSON_ArrayForEach(t, json_at(pod, "spec.tolerations"))
        if (sched_tolerates(t, taint))
            return true;
    return false;
}

const cJSON *sched_untolerated(const cJSON *pod, const cJSON *node, const char *effect)
{
    const cJSON *taint;

    cJSON_ArrayForEach(taint, json_at(node, "spec.taints"))
        if (str_eq(text_of(taint, "effect"), effect) && !is_tolerated(pod, taint))
            return taint;
    return NULL;
}

static int64_t milli(const char *text)
{
    int64_t n = 0;

    return text && quantity_parse(text, &n, NULL) == 0 ? n : 0;
}

static int64_t container_needs(const cJSON *c, const char *resource)
{
    const cJSON *request = json_member(json_at(c, "resources.requests"), resource);

    if (!request)
        request = json_member(json_at(c, "resources.limits"), resource);
    return milli(cJSON_GetStringValue(request));
}

/* Containers run together, init containers one after the other before them. */
static int64_t pod_needs(const cJSON *pod, const char *resource)
{
    int64_t sum = milli(cJSON_GetStringValue(json_member(json_at(pod, "spec.overhead"), resource))), most = 0;
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(pod, "spec.containers"))
        sum += container_needs(c, resource);
    cJSON_ArrayForEach(c, json_at(pod, "spec.initContainers"))
    {
        int64_t n = container_needs(c, resource);

        if (str_eq(text_of(c, "restartPolicy"), "Always"))
            sum += n;
        else
            most = n > most ? n : most;
    }
    return sum > most ? sum : most;
}

static int64_t used_on(const struct sched_node *n, const char *resource)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n->pods.n; i++)
        sum += pod_needs(n->pods.items[i], resource);
    return sum;
}

static int64_t allocatable(const struct sched_node *n, const char *resource)
{
    const cJSON *all = json_at(n->node, "status.allocatable");

    if (!all)
        all = json_at(n->node, "status.capacity");
    return milli(cJSON_GetStringValue(json_member(all, resource)));
}

static void filter_resource(struct sched *s, struct sched_node *n, const char *resource)
{
    int64_t need = pod_needs(s->pod, resource);
    AUTO_FREE char *reason = NULL;

    if (need == 0 || need <= allocatable(n, resource) - used_on(n, resource))
        return;
    reason = xasprintf("Insufficient %s", resource);
    sched_refuse(s, n, reason);
}

static void collect_resources(const cJSON *containers, cJSON *into)
{
    const cJSON *c, *r;

    cJSON_ArrayForEach(c, containers)
    {
        cJSON_ArrayForEach(r, json_at(c, "resources.requests"))
            json_bool(into, r->string, true);
        cJSON_ArrayForEach(r, json_at(c, "resources.limits"))
            json_bool(into, r->string, true);
    }
}

static void filter_resources(struct sched *s, struct sched_node *n)
{
    AUTO_JSON cJSON *names = json_new_obj();
    const cJSON *r;
    int64_t max_pods = allocatable(n, "pods") / 1000;

    collect_resources(json_at(s->pod, "spec.containers"), names);
    collect_resources(json_at(s->pod, "spec.initContainers"), names);
    if (max_pods > 0 && (int64_t)n->pods.n >= max_pods)
        sched_refuse(s, n, "Too many pods");
    cJSON_ArrayForEach(r, names)
        filter_resource(s, n, r->string);
}

static bool is_ready(const cJSON *node)
{
    const cJSON *c = cond_find(node, "Ready");

    return !c || str_eq(json_get_str(c, "status"), "True");
}

static void refuse_taint(struct sched *s, struct sched_node *n, const cJSON *taint)
{
    AUTO_FREE char *reason =
        xasprintf("node(s) had untolerated taint {%s: %s}", text_of(taint, "key"), text_of(taint, "value"));

    sched_refuse(s, n, reason);
}

void sched_filter_node(struct sched *s, struct sched_node *n)
{
    const cJSON *taint = sched_untolerated(s->pod, n->node, "NoSchedule");

    if (!taint)
        taint = sched_untolerated(s->pod, n->node, "NoExecute");
    n->fits = true;
    n->selected = sched_is_selected(s->pod, n->node);
    if (item_is_deleting(n->node) || json_get_bool(n->node, "spec.unschedulable", false))
        sched_refuse(s, n, "node(s) were unschedulable");
    else if (taint)
        refuse_taint(s, n, taint);
    else if (!is_ready(n->node))
        sched_refuse(s, n, "node(s) were not ready");
    else if (!n->selected)
        sched_refuse(s, n, "node(s) didn't match Pod's node affinity/selector");
    else
        filter_resources(s, n);
}

static int64_t used_percent(const struct sched *s, const struct sched_node *n, const char *resource)
{
    int64_t all = allocatable(n, resource);

    return all > 0 ? (used_on(n, resource) + pod_needs(s->pod, resource)) * 100 / all : 0;
}

/* Emptier nodes first; preferred affinity weighs more, soft taints more still. */
void sched_cost_node(const struct sched *s, struct sched_node *n)
{
    const cJSON *term;

    n->cost += (int64_t)n->pods.n * 10 + used_percent(s, n, "cpu") + used_percent(s, n, "memory");
    if (sched_untolerated(s->pod, n->node, "PreferNoSchedule"))
        n->cost += 10000;
    cJSON_ArrayForEach(term, json_at(s->pod, "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution"))
        if (term_matches(json_member(term, "preference"), n->node))
            n->cost -= 100 * json_get_int(term, "weight", 1);
}
