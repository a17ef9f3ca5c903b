/*
 * The scheduler: every pod without a node gets the cheapest one that may have it.
 * One pod at a time, so that each sees the ones before it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sim/controllers/conds.h"
#include "sim/controllers/items.h"
#include "sim/controllers/sched.h"

void sched_refuse(struct sched *s, struct sched_node *n, const char *reason)
{
    n->fits = false;
    json_int(s->reasons, reason, 1 + (json_member(s->reasons, reason) ? (int64_t)json_member(s->reasons, reason)->valuedouble : 0));
}

static bool is_pending(const cJSON *pod)
{
    const char *scheduler = json_get_str(pod, "spec.schedulerName");

    return !json_has(pod, "spec.nodeName") && pod_is_active(pod) && !json_count(json_at(pod, "spec.schedulingGates")) &&
           (!scheduler || str_eq(scheduler, "default-scheduler"));
}

static void sched_read(struct sched *s)
{
    AUTO_LIST struct list nodes = { 0 };

    scene_list(s->scene, KIND_NODE, &nodes);
    s->nodes = xcalloc(nodes.n + 1, sizeof(*s->nodes));
    s->n = nodes.n;
    s->reasons = json_new_obj();
    for (size_t i = 0; i < nodes.n; i++) {
        AUTO_LIST struct list pods = { 0 };

        s->nodes[i].node = nodes.items[i];
        scene_list_on_node(s->scene, item_name(nodes.items[i]), &pods);
        for (size_t p = 0; p < pods.n; p++)
            if (!pod_is_finished(pods.items[p]))
                list_add(&s->nodes[i].pods, pods.items[p]);
    }
}

static void sched_done(struct sched *s)
{
    for (size_t i = 0; i < s->n; i++)
        list_done(&s->nodes[i].pods);
    free(s->nodes);
    cJSON_Delete(s->reasons);
}

/* NULL: none of them. */
static const cJSON *sched_choose(struct sched *s)
{
    const struct sched_node *best = NULL;

    for (size_t i = 0; i < s->n; i++)
        sched_filter_node(s, &s->nodes[i]);
    sched_filter_affinity(s);
    sched_filter_spread(s);
    sched_cost_pods(s);
    for (size_t i = 0; i < s->n; i++) {
        struct sched_node *n = &s->nodes[i];

        if (!n->fits)
            continue;
        sched_cost_node(s, n);
        if (!best || n->cost < best->cost || (n->cost == best->cost && strcmp(item_name(n->node), item_name(best->node)) < 0))
            best = n;
    }
    return best ? best->node : NULL;
}

/* "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable." Caller frees. */
static char *explain(const struct sched *s)
{
    struct buf b;
    const cJSON *r;

    if (s->n == 0)
        return xstrdup("no nodes available to schedule pods");
    buf_init(&b, 4096);
    buf_fmt(&b, "0/%zu nodes are available:", s->n);
    cJSON_ArrayForEach(r, s->reasons)
        buf_fmt(&b, "%s %d %s", r == s->reasons->child ? "" : ",", (int)r->valuedouble, r->string);
    buf_str(&b, ".");
    return buf_take(&b);
}

static void say_unschedulable(struct sync *s, const cJSON *pod, const char *why)
{
    cJSON *status = json_member(pod, "status") ? json_dup(json_member(pod, "status")) : json_new_obj();

    cond_set(status, "PodScheduled", "False", "Unschedulable", why, s->now_ms);
    calls_status(&s->out, KIND_POD, pod, status, true);
}

/* Every claim must have its volume. NULL: they do. Caller frees. */
static char *missing_claim(const struct sync *s, const cJSON *pod)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, json_at(pod, "spec.volumes"))
    {
        const char *name = json_get_str(v, "persistentVolumeClaim.claimName");
        const cJSON *claim = name ? scene_get(s->scene, KIND_CLAIM, item_ns(pod), name) : NULL;

        if (name && (!claim || item_is_deleting(claim)))
            return xasprintf("persistentvolumeclaim \"%s\" %s", name, claim ? "is being deleted" : "not found");
        if (name && !str_eq(json_get_str(claim, "status.phase"), "Bound"))
            return xasprintf("pod has unbound immediate PersistentVolumeClaims");
    }
    return NULL;
}

static void place(struct sync *s, const cJSON *pod)
{
    struct sched sc = { .scene = s->scene, .pod = pod };
    const cJSON *node;

    sched_read(&sc);
    node = sched_choose(&sc);
    if (node) {
        calls_bind(&s->out, pod, item_name(node));
    } else {
        AUTO_FREE char *why = explain(&sc);

        say_unschedulable(s, pod, why);
    }
    sched_done(&sc);
}

static void scheduler_sync(struct sync *s)
{
    const cJSON *pod = scene_get_key(s->scene, KIND_POD, s->key);
    AUTO_FREE char *missing = NULL;

    if (!pod || !is_pending(pod))
        return;
    missing = missing_claim(s, pod);
    if (missing)
        say_unschedulable(s, pod, missing);
    else
        place(s, pod);
}

static void add_pending(const struct change *c, struct workq *q)
{
    AUTO_LIST struct list pods = { 0 };

    scene_list(c->scene, KIND_POD, &pods);
    for (size_t i = 0; i < pods.n; i++) {
        AUTO_FREE char *key = is_pending(pods.items[i]) ? item_key(pods.items[i]) : NULL;

        if (key)
            workq_add(q, key);
    }
}

static bool same_at(const struct change *c, const char *path)
{
    const cJSON *a = json_at(c->old, path), *b = json_at(c->now, path);

    return (!a && !b) || json_equal(a, b);
}

/* Heartbeats change nothing that placement looks at. */
static bool node_matters(const struct change *c)
{
    return !c->old || !c->now || !same_at(c, "spec") || !same_at(c, "metadata.labels") ||
           !same_at(c, "status.allocatable") ||
           !str_eq(json_get_str(cond_find(c->old, "Ready"), "status"), json_get_str(cond_find(c->now, "Ready"), "status"));
}

/* Only pods on nodes take up room, attract or repel. */
static bool pod_matters(const struct change *c)
{
    if (!json_has(change_item(c), "spec.nodeName"))
        return false;
    return !c->now || pod_is_active(c->old ? c->old : c->now) != pod_is_active(c->now) ||
           !same_at(c, "spec.nodeName") || !same_at(c, "metadata.labels");
}

static bool claim_matters(const struct change *c)
{
    return !same_at(c, "status.phase");
}

static void scheduler_on_change(void *state, const struct change *c, struct workq *q)
{
    (void)state;
    if (c->kind == KIND_POD && c->now && is_pending(c->now)) {
        change_add_self(c, q);
        return;
    }
    if ((c->kind == KIND_POD && pod_matters(c)) || (c->kind == KIND_NODE && node_matters(c)) ||
        (c->kind == KIND_CLAIM && claim_matters(c)))
        add_pending(c, q);
}

const struct controller controller_scheduler = {
    .name = "scheduler",
    .help = "pods to nodes",
    .kinds = { KIND_POD, KIND_NODE, KIND_CLAIM, KIND_NAMESPACE, KINDS_END },
    .max_busy = 1,
    .on_change = scheduler_on_change,
    .sync = scheduler_sync,
};
