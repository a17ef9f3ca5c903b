/*
 * Nodes that fall silent: condition Unknown, taints, pods not ready, and their
 * eviction when they no longer tolerate it. Source: kubernetes
 * pkg/controller/nodelifecycle and tainteviction.
 *
 * Silence is measured from when we saw the last heartbeat, not from the time it carries.
 */
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "sim/controllers/conds.h"
#include "sim/controllers/items.h"
#include "sim/controllers/sched.h"

#define UNREACHABLE "node.kubernetes.io/unreachable"
#define NOT_READY "node.kubernetes.io/not-ready"

enum { DEFAULT_TOLERATION_S = 300 }; /* what API servers add to every pod */

struct beat {
    char *mark; /* of the last heartbeat */
    int64_t seen_ms;
};

static void beat_free(void *p)
{
    struct beat *b = p;

    free(b->mark);
    free(b);
}

static void *nodelife_new_state(void)
{
    return map_new();
}

static void nodelife_free_state(void *state)
{
    map_free(state, beat_free);
}

static int64_t silent_ms(struct sync *s, const cJSON *node)
{
    const cJSON *lease = scene_get(s->scene, KIND_LEASE, "kube-node-lease", item_name(node));
    const char *renewed = json_get_str(lease, "spec.renewTime");
    const char *beaten = json_get_str(cond_find(node, "Ready"), "lastHeartbeatTime");
    AUTO_FREE char *mark = xasprintf("%s/%s", renewed ? renewed : "", beaten ? beaten : "");
    struct beat *b = map_get(s->state, item_name(node));

    if (!b) {
        b = xcalloc(1, sizeof(*b));
        map_put(s->state, item_name(node), b);
    }
    if (!str_eq(b->mark, mark)) {
        free(b->mark);
        b->mark = TAKE(mark);
        b->seen_ms = s->now_ms;
    }
    return s->now_ms - b->seen_ms;
}

static void push_taint(cJSON *taints, const char *key, const char *effect, int64_t now_ms)
{
    cJSON *t = json_push_obj(taints);
    char now[32];

    time_to_text(now_ms, now);
    json_str(t, "key", key);
    json_str(t, "effect", effect);
    json_str(t, "timeAdded", now);
}

static bool has_taint(const cJSON *taints, const char *key, const char *effect)
{
    const cJSON *t;

    cJSON_ArrayForEach(t, taints)
        if (str_eq(json_get_str(t, "key"), key) && str_eq(json_get_str(t, "effect"), effect))
            return true;
    return false;
}

/* wanted: which of the two taints the node should carry; NULL: neither. */
static void write_taints(struct sync *s, const cJSON *node, const char *wanted)
{
    static const char *const effects[] = { "NoSchedule", "NoExecute" };
    const cJSON *have = json_at(node, "spec.taints"), *t;
    cJSON *taints = json_new_arr(), *patch;

    cJSON_ArrayForEach(t, have)
    {
        const char *key = json_get_str(t, "key");
        bool is_ours = str_eq(key, UNREACHABLE) || str_eq(key, NOT_READY);

        if (!is_ours || str_eq(key, wanted))
            json_push(taints, json_dup(t));
    }
    for (size_t i = 0; wanted && i < COUNT(effects); i++)
        if (!has_taint(taints, wanted, effects[i]))
            push_taint(taints, wanted, effects[i], s->now_ms);
    if (json_equal(have, taints) || json_count(have) + json_count(taints) == 0) {
        cJSON_Delete(taints);
        return;
    }
    patch = json_new_obj();
    json_put(json_obj(patch, "spec"), "taints", taints);
    calls_patch_exact(&s->out, KIND_NODE, node, NULL, patch);
}

static void say_unknown(struct sync *s, const cJSON *node)
{
    static const char *const types[] = { "Ready", "MemoryPressure", "DiskPressure", "PIDPressure" };
    cJSON *status = json_member(node, "status") ? json_dup(json_member(node, "status")) : json_new_obj();

    for (size_t i = 0; i < COUNT(types); i++)
        if (i == 0 || cond_in(status, types[i]))
            cond_set(status, types[i], "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", s->now_ms);
    calls_status(&s->out, KIND_NODE, node, status, true);
}

static void say_pod_unready(struct sync *s, const cJSON *pod)
{
    cJSON *status;

    if (!pod_is_ready(pod))
        return;
    status = json_dup(json_member(pod, "status"));
    cond_set(status, "Ready", "False", "NodeNotReady", NULL, s->now_ms);
    calls_status(&s->out, KIND_POD, pod, status, true);
}

/* How long the pod stands the taint: -1 for ever, 0 not at all. */
static int64_t stands_ms(const struct sync *s, const cJSON *pod, const cJSON *taint)
{
    bool is_default = str_eq(json_get_str(taint, "key"), UNREACHABLE) || str_eq(json_get_str(taint, "key"), NOT_READY);
    int64_t stands_s = -1;
    bool tolerated = false;
    const cJSON *t;

    cJSON_ArrayForEach(t, json_at(pod, "spec.tolerations"))
    {
        int64_t limit_s = json_get_int(t, "tolerationSeconds", -1);

        if (!sched_tolerates(t, taint))
            continue;
        tolerated = true;
        if (limit_s >= 0 && (stands_s < 0 || limit_s < stands_s))
            stands_s = limit_s;
    }
    if (is_default && (!tolerated || stands_s == DEFAULT_TOLERATION_S))
        return s->opts->pod_eviction_s * 1000;
    if (!tolerated)
        return 0;
    return stands_s < 0 ? -1 : stands_s * 1000;
}

static void evict(struct sync *s, const cJSON *node, const cJSON *pod)
{
    const cJSON *taint;

    cJSON_ArrayForEach(taint, json_at(node, "spec.taints"))
    {
        int64_t stands = stands_ms(s, pod, taint), left;

        if (!str_eq(json_get_str(taint, "effect"), "NoExecute") || stands < 0)
            continue;
        left = time_from_text(json_get_str(taint, "timeAdded")) + stands - s->now_ms;
        if (left > 0) {
            calls_again(&s->out, left);
            continue;
        }
        calls_delete(&s->out, KIND_POD, pod, NULL, -1);
        return;
    }
}

static void look_after_pods(struct sync *s, const cJSON *node, bool ready)
{
    AUTO_LIST struct list pods = { 0 };

    scene_list_on_node(s->scene, item_name(node), &pods);
    for (size_t i = 0; i < pods.n; i++) {
        if (!ready)
            say_pod_unready(s, pods.items[i]);
        if (!item_is_deleting(pods.items[i]))
            evict(s, node, pods.items[i]);
    }
}

static void nodelife_sync(struct sync *s)
{
    const cJSON *node = scene_get_key(s->scene, KIND_NODE, s->key);
    const char *ready = json_get_str(cond_find(node, "Ready"), "status");
    int64_t silent;

    if (!node) {
        struct beat *b = map_take(s->state, s->key);

        if (b)
            beat_free(b);
        return;
    }
    silent = silent_ms(s, node);
    if (silent < s->opts->node_grace_ms)
        calls_again(&s->out, s->opts->node_grace_ms - silent);
    else if (!str_eq(ready, "Unknown"))
        say_unknown(s, node);
    write_taints(s, node, str_eq(ready, "True") ? NULL : str_eq(ready, "Unknown") ? UNREACHABLE : NOT_READY);
    look_after_pods(s, node, !ready || str_eq(ready, "True"));
}

static void nodelife_on_change(void *state, const struct change *c, struct workq *q)
{
    const char *node = json_get_str(change_item(c), "spec.nodeName");
    (void)state;

    if (c->kind == KIND_NODE)
        change_add_self(c, q);
    else if (c->kind == KIND_LEASE && str_eq(item_ns(change_item(c)), "kube-node-lease"))
        workq_add(q, item_name(change_item(c)));
    else if (c->kind == KIND_POD && node)
        workq_add(q, node);
}

const struct controller controller_nodelife = {
    .name = "nodelife",
    .help = "silent nodes: condition, taints, eviction",
    .kinds = { KIND_NODE, KIND_LEASE, KIND_POD, KINDS_END },
    .new_state = nodelife_new_state,
    .free_state = nodelife_free_state,
    .on_change = nodelife_on_change,
    .sync = nodelife_sync,
};
