/* pods/eviction: deletion that asks the disruption budgets first. */
#include <string.h>

#include "base/str.h"
#include "sim/apiserver/crud.h"
#include "sim/apiserver/delete.h"
#include "sim/apiserver/select.h"
#include "sim/apiserver/subresource.h"

static bool is_ready(const cJSON *pod)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(pod, "status.conditions"))
        if (str_eq(json_get_str(c, "type"), "Ready"))
            return str_eq(json_get_str(c, "status"), "True");
    return false;
}

static struct object *budget_of(struct request *q, const cJSON *pod, int *n)
{
    struct collection *c = store_collection(q->s->store, "poddisruptionbudgets.policy");
    size_t first, count = collection_range(c, q->ns, &first);
    struct object *found = NULL;

    *n = 0;
    for (size_t i = first; i < first + count; i++)
        if (selector_object_matches(json_at(c->items[i]->tree, "spec.selector"), json_at(pod, "metadata.labels"))) {
            found = c->items[i];
            ++*n;
        }
    return found;
}

static bool is_free_to_go(const cJSON *pod, const cJSON *budget)
{
    const char *phase = json_get_str(pod, "status.phase");
    int64_t healthy = json_get_int(budget, "status.currentHealthy", 0);
    int64_t wanted = json_get_int(budget, "status.desiredHealthy", 0);

    if (str_eq(phase, "Pending") || str_eq(phase, "Succeeded") || str_eq(phase, "Failed"))
        return true;
    if (json_has(pod, "metadata.deletionTimestamp"))
        return true;
    if (is_ready(pod))
        return false;
    return str_eq(json_get_str(budget, "spec.unhealthyPodEvictionPolicy"), "AlwaysAllow") ||
           (healthy >= wanted && wanted > 0);
}

static int refuse_eviction(const cJSON *budget, struct refusal *r, bool processing)
{
    const char *name = json_get_str(budget, "metadata.name");

    refuse(r, 429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.");
    if (processing) {
        r->retry_after_s = 10;
        refusal_cause(r, "DisruptionBudget", "", "The disruption budget %s is still being processed by the server.", name);
    } else {
        refusal_cause(r, "DisruptionBudget", "", "The disruption budget %s needs %lld healthy pods and has %lld currently",
                      name, (long long)json_get_int(budget, "status.desiredHealthy", 0),
                      (long long)json_get_int(budget, "status.currentHealthy", 0));
    }
    return -1;
}

static int charge(struct request *q, struct object *budget, struct refusal *r)
{
    struct resource *res = registry_find(q->s->registry, "policy", "v1", "poddisruptionbudgets");
    int64_t allowed = json_get_int(budget->tree, "status.disruptionsAllowed", 0);
    cJSON *next, *status;
    char now[32];

    if (json_get_int(budget->tree, "status.observedGeneration", 0) < json_get_int(budget->tree, "metadata.generation", 0))
        return refuse_eviction(budget->tree, r, true);
    if (allowed <= 0)
        return refuse_eviction(budget->tree, r, false);
    if (request_is_dry(q))
        return 0;
    str_rfc3339(loop_wall_ms(), false, now);
    next = json_dup(budget->tree);
    status = json_obj(next, "status");
    json_int(status, "disruptionsAllowed", allowed - 1);
    json_str(json_obj(status, "disruptedPods"), q->name, now);
    commit_system(q->s, res, next);
    return 0;
}

static int evict(struct request *q, struct refusal *r)
{
    AUTO_JSON cJSON *body = NULL, *shown = NULL;
    struct object *pod = crud_find(q, r), *budget;
    struct deletion d = { .grace_s = -1, .dry = request_is_dry(q) };
    int n;

    if (!pod || request_body(q, &body, r) < 0)
        return -1;
    d.grace_s = json_get_int(body, "deleteOptions.gracePeriodSeconds", -1);
    d.propagation = json_get_str(body, "deleteOptions.propagationPolicy");
    d.uid = json_get_str(body, "deleteOptions.preconditions.uid");
    d.rv = json_get_str(body, "deleteOptions.preconditions.resourceVersion");
    budget = budget_of(q, pod->tree, &n);
    if (n > 1)
        return refuse(r, 500, "InternalError", "This pod has more than one PodDisruptionBudget, which the eviction "
                      "subresource does not support.");
    if (budget && !is_free_to_go(pod->tree, budget->tree) && charge(q, budget, r) < 0)
        return -1;
    return delete_object(q->s, q->res, pod, &d, &shown, r);
}

void eviction_serve(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };

    evict(q, &r);
    reply_done(q, &r);
}
