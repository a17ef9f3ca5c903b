#include "cache/shape.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { LABELS_MAX = 512, STOCKS_MAX = 64, TAINTS_MAX = 32 };

struct stock {
    int64_t milli;
    uint32_t resource;
};

struct taint {
    uint32_t key, whole; /* whole: key=value */
    bool executes;       /* effect NoExecute, else NoSchedule */
};

struct shape {
    struct stock *stocks; /* these three are behind the shape, in the same block */
    struct taint *taints;
    uint32_t *labels;
    uint16_t n_stocks, n_taints, n_labels;
    bool has_more_labels;
    bool autoscaled;
};

static uint32_t whole_id(const char *key, const char *value)
{
    uint64_t h = str_hash(STR_HASH_INIT, key, strlen(key));

    h = str_hash(h, "=", 1);
    return (uint32_t)str_hash(h, value, strlen(value));
}

/* Room for members of a list that somebody else made. */
static uint16_t bounded(const cJSON *list, size_t max)
{
    size_t n = json_count(list);

    return (uint16_t)(n < max ? n : max);
}

static struct shape *shape_alloc(size_t n_stocks, size_t n_taints, size_t n_labels)
{
    struct shape *s =
        xcalloc(1, sizeof(*s) + n_stocks * sizeof(struct stock) + n_taints * sizeof(struct taint) + n_labels * sizeof(uint32_t));

    s->stocks = (struct stock *)(s + 1);
    s->taints = (struct taint *)(s->stocks + n_stocks);
    s->labels = (uint32_t *)(s->taints + n_taints);
    return s;
}

static void read_stocks(const cJSON *list, size_t max, struct shape *s)
{
    const cJSON *v;
    int64_t milli;

    cJSON_ArrayForEach(v, list)
        if (s->n_stocks < max && v->string && demand_milli(v, &milli) && milli > 0)
            s->stocks[s->n_stocks++] = (struct stock){ milli, demand_id(v->string) };
}

static void read_labels(const cJSON *labels, size_t max, struct shape *s)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, labels)
    {
        s->autoscaled |= v->string && (str_has_prefix(v->string, "karpenter.sh/") ||
                                       str_has_prefix(v->string, "cluster-autoscaler.kubernetes.io/"));
        if (s->n_labels == max)
            s->has_more_labels = true;
        else if (v->string && cJSON_IsString(v))
            s->labels[s->n_labels++] = whole_id(v->string, v->valuestring);
    }
}

/* Put there by what watches the node, and taken away again. */
static bool will_pass(const char *key)
{
    static const char *const passing[] = { "node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "karpenter.sh/",
                                           "ToBeDeletedByClusterAutoscaler", "ignore-taint.cluster-autoscaler.kubernetes.io/",
                                           "startup-taint.cluster-autoscaler.kubernetes.io/" };

    for (size_t i = 0; i < COUNT(passing); i++)
        if (str_has_prefix(key, passing[i]))
            return true;
    return false;
}

static void read_taints(const cJSON *taints, size_t max, struct shape *s)
{
    const cJSON *t;

    cJSON_ArrayForEach(t, taints)
    {
        const char *key = json_get_str(t, "key"), *value = json_get_str(t, "value"), *effect = json_get_str(t, "effect");
        bool executes = str_eq(effect, "NoExecute");

        if (s->n_taints == max || str_empty(key) || will_pass(key) || !(executes || str_eq(effect, "NoSchedule")))
            continue;
        s->taints[s->n_taints++] = (struct taint){ demand_id(key), whole_id(key, value ? value : ""), executes };
    }
}

struct shape *shape_from(const cJSON *node)
{
    const cJSON *stocks = json_at(node, "status.allocatable"), *labels = json_at(node, "metadata.labels");
    const cJSON *taints = json_at(node, "spec.taints");
    uint16_t n_stocks, n_taints = bounded(taints, TAINTS_MAX), n_labels = bounded(labels, LABELS_MAX);
    struct shape *s;

    if (!stocks)
        stocks = json_at(node, "status.capacity");
    n_stocks = bounded(stocks, STOCKS_MAX);
    s = shape_alloc(n_stocks, n_taints, n_labels);
    read_stocks(stocks, n_stocks, s);
    read_taints(taints, n_taints, s);
    read_labels(labels, n_labels, s);
    return s;
}

bool shape_is_silent(const struct shape *s)
{
    return !s->n_stocks;
}

int64_t shape_offers(const struct shape *s, uint32_t resource)
{
    for (size_t i = 0; i < s->n_stocks; i++)
        if (s->stocks[i].resource == resource)
            return s->stocks[i].milli;
    return 0;
}

bool shape_has_label(const struct shape *s, const char *key, const char *value)
{
    uint32_t id = whole_id(key, value);

    for (size_t i = 0; i < s->n_labels; i++)
        if (s->labels[i] == id)
            return true;
    return s->has_more_labels;
}

bool shape_is_selected(const struct shape *s, const cJSON *selector)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, selector)
        if (v->string && cJSON_IsString(v) && !shape_has_label(s, v->string, v->valuestring))
            return false;
    return true;
}

static bool tolerates(const cJSON *toleration, const struct taint *t)
{
    const char *key = json_get_str(toleration, "key"), *operator = json_get_str(toleration, "operator");
    const char *value = json_get_str(toleration, "value"), *effect = json_get_str(toleration, "effect");
    bool compares = str_empty(operator) || str_eq(operator, "Equal"); /* any other asks for no more than the key, as far as is known here */

    if (!str_empty(effect) && !str_eq(effect, t->executes ? "NoExecute" : "NoSchedule"))
        return false;
    if (str_empty(key))
        return !compares;
    return compares ? whole_id(key, value ? value : "") == t->whole : demand_id(key) == t->key;
}

bool shape_is_tolerated(const struct shape *s, const cJSON *tolerations)
{
    for (size_t i = 0; i < s->n_taints; i++) {
        const cJSON *v;
        bool one_does = false;

        cJSON_ArrayForEach(v, tolerations)
            one_does |= tolerates(v, &s->taints[i]);
        if (!one_does)
            return false;
    }
    return true;
}

bool shape_is_autoscaled(const struct shape *s)
{
    return s->autoscaled;
}

size_t shape_bytes(const struct shape *s)
{
    return sizeof(*s) + s->n_stocks * sizeof(*s->stocks) + s->n_taints * sizeof(*s->taints) + s->n_labels * sizeof(*s->labels);
}
