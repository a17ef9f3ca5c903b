/*
 * ReplicaSets: as many pods as wanted, from one template; adoption, release,
 * and which pods go first. Source: kubernetes pkg/controller/replicaset.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sim/controllers/items.h"
#include "sim/controllers/podmake.h"
#include "sim/controllers/sync.h"

enum { BATCH_MAX = 100 }; /* creates or deletes in one pass */

static int phase_rank(const cJSON *pod)
{
    const char *phase = json_get_str(pod, "status.phase");

    return str_eq(phase, "Running") ? 2 : str_eq(phase, "Unknown") ? 1 : 0;
}

static int64_t deletion_cost(const cJSON *pod)
{
    const char *text = item_annotation(pod, "controller.kubernetes.io/pod-deletion-cost");

    return text ? strtoll(text, NULL, 10) : 0;
}

static int64_t ready_since_ms(const cJSON *pod)
{
    return time_from_text(json_get_str(cond_find(pod, "Ready"), "lastTransitionTime"));
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Least useful first: not placed, not running, not ready, cheap, ready for the shortest time, restarted often, young. */
static int by_usefulness(const void *pa, const void *pb)
{
    const cJSON *a = *(const cJSON *const *)pa, *b = *(const cJSON *const *)pb;
    int c = compare(json_has(a, "spec.nodeName"), json_has(b, "spec.nodeName"));

    if (!c)
        c = compare(phase_rank(a), phase_rank(b));
    if (!c)
        c = compare(pod_is_ready(a), pod_is_ready(b));
    if (!c)
        c = compare(deletion_cost(a), deletion_cost(b));
    if (!c && pod_is_ready(a))
        c = -compare(ready_since_ms(a), ready_since_ms(b));
    if (!c)
        c = -compare(pod_restarts(a), pod_restarts(b));
    if (!c)
        c = -compare(item_created_ms(a), item_created_ms(b));
    return c ? c : strcmp(item_name(a), item_name(b));
}

static void claim_pods(struct sync *s, const cJSON *rs, struct list *active)
{
    const cJSON *selector = json_at(rs, "spec.selector");
    AUTO_LIST struct list owned = { 0 };
    AUTO_LIST struct list orphans = { 0 };

    scene_list_owned(s->scene, KIND_POD, item_uid(rs), &owned);
    for (size_t i = 0; i < owned.n; i++) {
        if (!pod_is_active(owned.items[i]))
            continue;
        if (selector_matches(selector, item_labels(owned.items[i])))
            list_add(active, owned.items[i]);
        else if (!item_is_deleting(rs))
            calls_release(&s->out, KIND_POD, owned.items[i], item_uid(rs));
    }
    if (item_is_deleting(rs))
        return;
    scene_list_orphans(s->scene, KIND_POD, item_ns(rs), &orphans);
    for (size_t i = 0; i < orphans.n; i++) {
        if (!pod_is_active(orphans.items[i]) || !selector_matches(selector, item_labels(orphans.items[i])))
            continue;
        calls_adopt(&s->out, KIND_POD, orphans.items[i], KIND_REPLICASET, rs);
        list_add(active, orphans.items[i]);
    }
}

static void create_pods(struct sync *s, const cJSON *rs, int64_t n)
{
    for (int64_t i = 0; i < n && i < BATCH_MAX; i++) {
        cJSON *pod = pod_from_template(json_at(rs, "spec.template"), rs, "ReplicaSet");

        json_fmt(json_obj(pod, "metadata"), "generateName", "%s-", item_name(rs));
        calls_create(&s->out, KIND_POD, item_ns(rs), pod);
    }
}

static void delete_pods(struct sync *s, struct list *active, int64_t n)
{
    qsort(active->items, active->n, sizeof(*active->items), by_usefulness);
    for (int64_t i = 0; i < n && i < BATCH_MAX; i++)
        calls_delete(&s->out, KIND_POD, active->items[i], NULL, -1);
}

static void put_count(cJSON *status, const char *name, int64_t n)
{
    if (n > 0)
        json_int(status, name, n);
    else
        json_del(status, name);
}

static void write_status(struct sync *s, const cJSON *rs, const struct list *active)
{
    cJSON *status = json_member(rs, "status") ? json_dup(json_member(rs, "status")) : json_new_obj();
    int64_t min_ready_s = json_get_int(rs, "spec.minReadySeconds", 0), n_ready = 0, n_available = 0;

    for (size_t i = 0; i < active->n; i++) {
        n_ready += pod_is_ready(active->items[i]);
        n_available += pod_is_available(active->items[i], min_ready_s, s->now_ms);
        if (pod_is_ready(active->items[i]) && !pod_is_available(active->items[i], min_ready_s, s->now_ms))
            calls_again(&s->out, ready_since_ms(active->items[i]) + min_ready_s * 1000 - s->now_ms);
    }
    json_int(status, "replicas", (int64_t)active->n);
    put_count(status, "fullyLabeledReplicas", (int64_t)active->n);
    put_count(status, "readyReplicas", n_ready);
    put_count(status, "availableReplicas", n_available);
    json_put_dup(status, "observedGeneration", json_at(rs, "metadata.generation"));
    calls_status(&s->out, KIND_REPLICASET, rs, status, false);
}

static void replicaset_sync(struct sync *s)
{
    const cJSON *rs = scene_get_key(s->scene, KIND_REPLICASET, s->key);
    AUTO_LIST struct list active = { 0 };
    int64_t diff;

    if (!rs)
        return;
    claim_pods(s, rs, &active);
    diff = json_get_int(rs, "spec.replicas", 1) - (int64_t)active.n;
    if (diff > 0 && !item_is_deleting(rs))
        create_pods(s, rs, diff);
    if (diff < 0 && !item_is_deleting(rs))
        delete_pods(s, &active, -diff);
    write_status(s, rs, &active);
}

static void replicaset_on_change(void *state, const struct change *c, struct workq *q)
{
    (void)state;
    if (c->kind == KIND_REPLICASET) {
        change_add_self(c, q);
        return;
    }
    change_add_owner(c, "ReplicaSet", q);
    change_add_adopters(c, KIND_REPLICASET, q);
}

const struct controller controller_replicaset = {
    .name = "replicaset",
    .help = "ReplicaSets: pods",
    .kinds = { KIND_REPLICASET, KIND_POD, KINDS_END },
    .on_change = replicaset_on_change,
    .sync = replicaset_sync,
};
