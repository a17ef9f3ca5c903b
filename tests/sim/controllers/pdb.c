/*
 * PodDisruptionBudgets: how many pods may be evicted now. The eviction itself is
 * the API server's. Source: kubernetes pkg/controller/disruption.
 */
#include <string.h>

#include "base/str.h"
#include "sim/controllers/conds.h"
#include "sim/controllers/items.h"
#include "sim/controllers/sync.h"

enum { DISRUPTED_MS = 120000 }; /* an eviction that did not become a deletion is forgotten */

static const struct scalable {
    const char *kind;
    int number;
} scalables[] = {
    { "ReplicaSet", KIND_REPLICASET },
    { "StatefulSet", KIND_STATEFULSET },
    { "Deployment", KIND_DEPLOYMENT },
};

/* The topmost controller that has replicas: of a ReplicaSet its Deployment. NULL: none. */
static const cJSON *scalable_of(const struct sync *s, const cJSON *o)
{
    const cJSON *ref = item_controller(o), *owner;

    for (size_t i = 0; ref && i < COUNT(scalables); i++) {
        if (!str_eq(json_get_str(ref, "kind"), scalables[i].kind) || !json_get_str(ref, "name"))
            continue;
        owner = scene_get(s->scene, scalables[i].number, item_ns(o), json_get_str(ref, "name"));
        if (owner && i == 0 && item_controller(owner))
            return scalable_of(s, owner);
        return owner;
    }
    return NULL;
}

/* The sum of the replicas that the pods' controllers want; -1: a pod has no such controller. */
static int64_t expected_by_owners(const struct sync *s, const struct list *pods)
{
    AUTO_JSON cJSON *seen = json_new_obj();
    int64_t sum = 0;

    for (size_t i = 0; i < pods->n; i++) {
        const cJSON *owner = scalable_of(s, pods->items[i]);

        if (!owner)
            return -1;
        if (json_member(seen, item_uid(owner)))
            continue;
        json_bool(seen, item_uid(owner), true);
        sum += json_get_int(owner, "spec.replicas", 1);
    }
    return sum;
}

struct budget {
    int64_t expected;
    int64_t desired;
    int64_t healthy;
    bool unknown; /* pods without a controller under a budget that needs one */
};

static void read_bounds(const struct sync *s, const cJSON *pdb, const struct list *pods, struct budget *b)
{
    const cJSON *least = json_at(pdb, "spec.minAvailable"), *most = json_at(pdb, "spec.maxUnavailable");

    b->expected = (int64_t)pods->n;
    if (most || cJSON_IsString(least))
        b->expected = expected_by_owners(s, pods);
    b->unknown = b->expected < 0;
    if (b->unknown)
        b->expected = 0;
    if (most)
        b->desired = b->expected - int_or_percent(most, b->expected, true, 0);
    else
        b->desired = int_or_percent(least, b->expected, true, 1);
    if (b->desired < 0)
        b->desired = 0;
}

/* Evictions that the API server has granted and no deletion has confirmed yet. */
static cJSON *still_disrupted(struct sync *s, const cJSON *pdb)
{
    cJSON *left = json_new_obj();
    const cJSON *d;

    cJSON_ArrayForEach(d, json_at(pdb, "status.disruptedPods"))
    {
        const cJSON *pod = scene_get(s->scene, KIND_POD, item_ns(pdb), d->string);
        int64_t left_ms = time_from_text(cJSON_GetStringValue(d)) + DISRUPTED_MS - s->now_ms;

        if (!pod || item_is_deleting(pod) || left_ms <= 0)
            continue;
        json_put_dup(left, d->string, d);
        calls_again(&s->out, left_ms);
    }
    return left;
}

static void write_status(struct sync *s, const cJSON *pdb, const struct budget *b, cJSON *disrupted)
{
    cJSON *status = json_member(pdb, "status") ? json_dup(json_member(pdb, "status")) : json_new_obj();
    int64_t allowed = b->expected > 0 && b->healthy > b->desired ? b->healthy - b->desired : 0;

    if (b->unknown)
        cond_set(status, "DisruptionAllowed", "False", "SyncFailed", "found no controller ref for a pod", s->now_ms);
    else
        cond_set(status, "DisruptionAllowed", allowed ? "True" : "False", allowed ? "SufficientPods" : "InsufficientPods",
                 "", s->now_ms);
    json_put_dup(cond_in(status, "DisruptionAllowed"), "observedGeneration", json_at(pdb, "metadata.generation"));
    json_int(status, "expectedPods", b->expected);
    json_int(status, "desiredHealthy", b->desired);
    json_int(status, "currentHealthy", b->healthy);
    json_int(status, "disruptionsAllowed", allowed);
    json_put_dup(status, "observedGeneration", json_at(pdb, "metadata.generation"));
    if (disrupted->child)
        json_put(status, "disruptedPods", disrupted);
    else
        json_del(status, "disruptedPods");
    if (!disrupted->child)
        cJSON_Delete(disrupted);
    calls_status(&s->out, KIND_PDB, pdb, status, true); /* the server writes it too, with every eviction */
}

static void pdb_sync(struct sync *s)
{
    const cJSON *pdb = scene_get_key(s->scene, KIND_PDB, s->key);
    AUTO_LIST struct list all = { 0 }, pods = { 0 };
    struct budget b = { 0 };
    cJSON *disrupted;

    if (!pdb || item_is_deleting(pdb))
        return;
    disrupted = still_disrupted(s, pdb);
    scene_list_ns(s->scene, KIND_POD, item_ns(pdb), &all);
    for (size_t i = 0; i < all.n; i++) {
        const cJSON *pod = all.items[i];

        if (!selector_matches(json_at(pdb, "spec.selector"), item_labels(pod)) || pod_is_finished(pod))
            continue;
        list_add(&pods, pod);
        b.healthy += pod_is_ready(pod) && !item_is_deleting(pod) && !json_member(disrupted, item_name(pod));
    }
    read_bounds(s, pdb, &pods, &b);
    write_status(s, pdb, &b, disrupted);
}

/* A controller's replicas changed: its pods know the budgets. */
static void add_of_pods_below(const struct change *c, const cJSON *owner, struct workq *q)
{
    AUTO_LIST struct list below = { 0 };

    scene_list_owned(c->scene, -1, item_uid(owner), &below);
    for (size_t i = 0; i < below.n; i++) {
        int kind = scene_kind_of(c->scene, below.items[i]);
        struct change pod = { c->scene, KIND_POD, NULL, below.items[i] };

        if (kind == KIND_REPLICASET) {
            add_of_pods_below(c, below.items[i], q);
        } else if (kind == KIND_POD) {
            change_add_selecting(&pod, KIND_PDB, "spec.selector", q);
            return; /* its siblings have the same labels */
        }
    }
}

static void pdb_on_change(void *state, const struct change *c, struct workq *q)
{
    (void)state;
    if (c->kind == KIND_PDB)
        change_add_self(c, q);
    else if (c->kind == KIND_POD)
        change_add_selecting(c, KIND_PDB, "spec.selector", q);
    else if (!c->old || !c->now || json_get_int(c->old, "spec.replicas", 1) != json_get_int(c->now, "spec.replicas", 1))
        add_of_pods_below(c, change_item(c), q);
}

const struct controller controller_pdb = {
    .name = "disruption",
    .help = "PodDisruptionBudgets",
    .kinds = { KIND_PDB, KIND_POD, KIND_REPLICASET, KIND_STATEFULSET, KIND_DEPLOYMENT, KINDS_END },
    .on_change = pdb_on_change,
    .sync = pdb_sync,
};
