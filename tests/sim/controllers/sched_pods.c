#include "sim/controllers/sched.h"

#include <string.h>

#include "base/str.h"
#include "sim/controllers/items.h"

#define AFFINITY "spec.affinity.podAffinity."
#define ANTI "spec.affinity.podAntiAffinity."
#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"

static bool namespace_matches(const struct sched *s, const cJSON *term, const cJSON *of, const cJSON *other)
{
    const cJSON *names = json_member(term, "namespaces"), *selector = json_member(term, "namespaceSelector"), *n;

    if (!json_count(names) && !selector)
        return str_eq(item_ns(of), item_ns(other));
    cJSON_ArrayForEach(n, names)
        if (str_eq(cJSON_GetStringValue(n), item_ns(other)))
            return true;
    return selector && (!selector->child ||
                        selector_matches(selector, item_labels(scene_get(s->scene, KIND_NAMESPACE, NULL, item_ns(other)))));
}

static bool label_keys_match(const cJSON *keys, const cJSON *of, const cJSON *other)
{
    const cJSON *k;

    cJSON_ArrayForEach(k, keys)
        if (item_label(of, cJSON_GetStringValue(k)) &&
            !str_eq(item_label(of, cJSON_GetStringValue(k)), item_label(other, cJSON_GetStringValue(k))))
            return false;
    return true;
}

/* The term of pod `of` speaks of pod `other`. */
static bool term_covers(const struct sched *s, const cJSON *term, const cJSON *of, const cJSON *other)
{
    return namespace_matches(s, term, of, other) &&
           selector_matches(json_member(term, "labelSelector"), item_labels(other)) &&
           label_keys_match(json_member(term, "matchLabelKeys"), of, other);
}

static bool same_domain(const cJSON *a, const cJSON *b, const char *key)
{
    const char *value = key ? item_label(a, key) : NULL;

    return value && str_eq(value, item_label(b, key));
}

/* Pods placed in n's domain of which the term speaks. */
static int64_t count_in_domain(const struct sched *s, const struct sched_node *n, const cJSON *term)
{
    const char *key = json_get_str(term, "topologyKey");
    int64_t count = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (!same_domain(n->node, s->nodes[i].node, key))
            continue;
        for (size_t p = 0; p < s->nodes[i].pods.n; p++)
            count += !item_is_deleting(s->nodes[i].pods.items[p]) &&
                     term_covers(s, term, s->pod, s->nodes[i].pods.items[p]);
    }
    return count;
}

static int64_t count_anywhere(const struct sched *s, const cJSON *term)
{
    int64_t count = 0;

    for (size_t i = 0; i < s->n; i++)
        for (size_t p = 0; p < s->nodes[i].pods.n; p++)
            count += term_covers(s, term, s->pod, s->nodes[i].pods.items[p]);
    return count;
}

static bool affinity_allows(const struct sched *s, const struct sched_node *n)
{
    const cJSON *term;

    cJSON_ArrayForEach(term, json_at(s->pod, AFFINITY REQUIRED))
    {
        /* the first pod of a group that wants its own company may begin anywhere */
        bool first = term_covers(s, term, s->pod, s->pod) && count_anywhere(s, term) == 0;

        if (!node_label(n->node, json_get_str(term, "topologyKey")) || (!first && count_in_domain(s, n, term) == 0))
            return false;
    }
    return true;
}

static bool anti_affinity_allows(const struct sched *s, const struct sched_node *n)
{
    const cJSON *term;

    cJSON_ArrayForEach(term, json_at(s->pod, ANTI REQUIRED))
        if (count_in_domain(s, n, term) > 0)
            return false;
    return true;
}

static bool pod_objects(const struct sched *s, const struct sched_node *n, const cJSON *other, const cJSON *its_node)
{
    const cJSON *term;

    cJSON_ArrayForEach(term, json_at(other, ANTI REQUIRED))
        if (same_domain(n->node, its_node, json_get_str(term, "topologyKey")) && term_covers(s, term, other, s->pod))
            return true;
    return false;
}

static bool others_allow(const struct sched *s, const struct sched_node *n)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t p = 0; p < s->nodes[i].pods.n; p++)
            if (pod_objects(s, n, s->nodes[i].pods.items[p], s->nodes[i].node))
                return false;
    return true;
}

void sched_filter_affinity(struct sched *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sched_node *n = &s->nodes[i];

        if (!n->fits)
            continue;
        if (!affinity_allows(s, n))
            sched_refuse(s, n, "node(s) didn't match pod affinity rules");
        else if (!anti_affinity_allows(s, n))
            sched_refuse(s, n, "node(s) didn't match pod anti-affinity rules");
        else if (!others_allow(s, n))
            sched_refuse(s, n, "node(s) didn't satisfy existing pods anti-affinity rules");
    }
}

/* Nodes that take part in a constraint: by default those that the pod's selector allows. */
static bool takes_part(const struct sched_node *n, const cJSON *c)
{
    return node_label(n->node, json_get_str(c, "topologyKey")) &&
           (n->selected || str_eq(json_get_str(c, "nodeAffinityPolicy"), "Ignore"));
}

static int64_t count_spread(const struct sched *s, const struct sched_node *n, const cJSON *c)
{
    const char *key = json_get_str(c, "topologyKey");
    int64_t count = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (!takes_part(&s->nodes[i], c) || !same_domain(n->node, s->nodes[i].node, key))
            continue;
        for (size_t p = 0; p < s->nodes[i].pods.n; p++) {
            const cJSON *pod = s->nodes[i].pods.items[p];

            count += !item_is_deleting(pod) && str_eq(item_ns(pod), item_ns(s->pod)) &&
                     selector_matches(json_member(c, "labelSelector"), item_labels(pod)) &&
                     label_keys_match(json_member(c, "matchLabelKeys"), s->pod, pod);
        }
    }
    return count;
}

static bool is_first_of_domain(const struct sched *s, size_t i, const cJSON *c)
{
    for (size_t k = 0; k < i; k++)
        if (takes_part(&s->nodes[k], c) && same_domain(s->nodes[i].node, s->nodes[k].node, json_get_str(c, "topologyKey")))
            return false;
    return true;
}

/* In the emptiest domain; 0 when there are fewer domains than minDomains. */
static int64_t least_spread(const struct sched *s, const cJSON *c)
{
    int64_t least = INT64_MAX, n_domains = 0;

    for (size_t i = 0; i < s->n; i++) {
        int64_t count;

        if (!takes_part(&s->nodes[i], c) || !is_first_of_domain(s, i, c))
            continue;
        count = count_spread(s, &s->nodes[i], c);
        least = count < least ? count : least;
        n_domains++;
    }
    return n_domains == 0 || n_domains < json_get_int(c, "minDomains", 1) ? 0 : least;
}

static void filter_constraint(struct sched *s, const cJSON *c)
{
    int64_t least = least_spread(s, c), max_skew = json_get_int(c, "maxSkew", 1);
    bool self = selector_matches(json_member(c, "labelSelector"), item_labels(s->pod));

    for (size_t i = 0; i < s->n; i++) {
        struct sched_node *n = &s->nodes[i];

        if (!n->fits)
            continue;
        if (!node_label(n->node, json_get_str(c, "topologyKey")))
            sched_refuse(s, n, "node(s) didn't match pod topology spread constraints (missing required label)");
        else if (count_spread(s, n, c) + self - least > max_skew)
            sched_refuse(s, n, "node(s) didn't match pod topology spread constraints");
    }
}

void sched_filter_spread(struct sched *s)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(s->pod, "spec.topologySpreadConstraints"))
        if (!str_eq(json_get_str(c, "whenUnsatisfiable"), "ScheduleAnyway"))
            filter_constraint(s, c);
}

static void cost_preferred(struct sched *s, struct sched_node *n, const char *path, int64_t sign)
{
    const cJSON *t;

    cJSON_ArrayForEach(t, json_at(s->pod, path))
        n->cost += sign * 100 * json_get_int(t, "weight", 1) * count_in_domain(s, n, json_member(t, "podAffinityTerm"));
}

/* Siblings are kept apart even when nobody asked for it. */
static int64_t count_siblings(const struct sched *s, const struct sched_node *n)
{
    const char *owner = json_get_str(item_controller(s->pod), "uid");
    int64_t count = 0;

    for (size_t p = 0; owner && p < n->pods.n; p++)
        count += str_eq(json_get_str(item_controller(n->pods.items[p]), "uid"), owner);
    return count;
}

void sched_cost_pods(struct sched *s)
{
    const cJSON *c;

    for (size_t i = 0; i < s->n; i++) {
        struct sched_node *n = &s->nodes[i];

        if (!n->fits)
            continue;
        cost_preferred(s, n, AFFINITY PREFERRED, -1);
        cost_preferred(s, n, ANTI PREFERRED, 1);
        cJSON_ArrayForEach(c, json_at(s->pod, "spec.topologySpreadConstraints"))
            if (str_eq(json_get_str(c, "whenUnsatisfiable"), "ScheduleAnyway"))
                n->cost += 1000 * count_spread(s, n, c);
        n->cost += 100 * count_siblings(s, n);
    }
}
