/*
 * Deployments: ReplicaSets by template hash, rolling update and Recreate, scaling,
 * revisions, history. Source: kubernetes pkg/controller/deployment.
 */
#include "sim/controllers/deployment.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sim/controllers/items.h"
#include "sim/controllers/rollout.h"

#define REVISION "deployment.kubernetes.io/revision"
#define DESIRED "deployment.kubernetes.io/desired-replicas"
#define MAXIMUM "deployment.kubernetes.io/max-replicas"
#define HASH_LABEL "pod-template-hash"

static int64_t revision_of(const cJSON *o)
{
    const char *text = item_annotation(o, REVISION);

    return text ? strtoll(text, NULL, 10) : 0;
}

static int by_age(const void *a, const void *b)
{
    const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;
    int64_t tx = item_created_ms(x), ty = item_created_ms(y);

    return tx != ty ? (tx > ty) - (tx < ty) : strcmp(item_name(x), item_name(y));
}

static void limits_read(struct deploy *dp)
{
    const cJSON *ru = json_at(dp->d, "spec.strategy.rollingUpdate");
    int64_t n = json_get_int(dp->d, "spec.replicas", 1);
    struct rollout_limits *l = &dp->limits;

    dp->recreate = str_eq(json_get_str(dp->d, "spec.strategy.type"), "Recreate");
    l->replicas = n;
    if (dp->recreate)
        return;
    l->max_surge = int_or_percent(json_member(ru, "maxSurge"), n, true, (n + 3) / 4);
    l->max_unavailable = int_or_percent(json_member(ru, "maxUnavailable"), n, false, n / 4);
    if (l->max_surge == 0 && l->max_unavailable == 0)
        l->max_unavailable = 1;
    if (l->max_unavailable > n)
        l->max_unavailable = n;
}

/* sets[0] is the new one, or zeroes while it does not exist; the old ones follow, oldest first. */
static void sets_read(struct deploy *dp)
{
    dp->sets = xcalloc(dp->rs.n + 1, sizeof(*dp->sets));
    dp->items = xcalloc(dp->rs.n + 1, sizeof(*dp->items));
    dp->items[0] = NULL;
    dp->n = 1;
    for (size_t i = 0; i < dp->rs.n; i++) {
        bool is_new = !dp->items[0] && str_eq(item_label(dp->rs.items[i], HASH_LABEL), dp->hash);
        size_t at = is_new ? 0 : dp->n++;

        dp->items[at] = dp->rs.items[i];
        dp->sets[at].replicas = json_get_int(dp->rs.items[i], "spec.replicas", 1);
        dp->sets[at].available = json_get_int(dp->rs.items[i], "status.availableReplicas", 0);
    }
}

static void deploy_read(struct deploy *dp, struct sync *s, const cJSON *d)
{
    struct list orphans = { 0 };

    dp->s = s;
    dp->d = d;
    limits_read(dp);
    hash_name(json_at(d, "spec.template"), NULL, dp->hash);
    scene_list_owned(s->scene, KIND_REPLICASET, item_uid(d), &dp->rs);
    if (dp->rs.n > 1)
        qsort(dp->rs.items, dp->rs.n, sizeof(*dp->rs.items), by_age);
    sets_read(dp);
    if (!item_is_deleting(d))
        scene_list_orphans(s->scene, KIND_REPLICASET, item_ns(d), &orphans);
    for (size_t i = 0; i < orphans.n; i++)
        if (!item_is_deleting(orphans.items[i]) &&
            selector_matches(json_at(d, "spec.selector"), item_labels(orphans.items[i])))
            calls_adopt(&s->out, KIND_REPLICASET, orphans.items[i], KIND_DEPLOYMENT, d);
    list_done(&orphans);
}

static void deploy_done(struct deploy *dp)
{
    free(dp->sets);
    free(dp->items);
    list_done(&dp->rs);
}

static int64_t next_revision(const struct deploy *dp)
{
    int64_t most = 0;

    for (size_t i = 1; i < dp->n; i++)
        if (revision_of(dp->items[i]) > most)
            most = revision_of(dp->items[i]);
    return most + 1;
}

static void annotate(const struct deploy *dp, cJSON *annotations)
{
    json_fmt(annotations, DESIRED, "%lld", (long long)dp->limits.replicas);
    json_fmt(annotations, MAXIMUM, "%lld", (long long)(dp->limits.replicas + dp->limits.max_surge));
}

static void create_new(struct deploy *dp)
{
    cJSON *rs = json_new_obj(), *meta = json_obj(rs, "metadata"), *spec = json_obj(rs, "spec");
    cJSON *template = json_dup(json_at(dp->d, "spec.template"));

    json_str(json_obj(json_obj(template, "metadata"), "labels"), HASH_LABEL, dp->hash);
    json_fmt(meta, "name", "%s-%s", item_name(dp->d), dp->hash);
    json_put_dup(meta, "labels", json_at(template, "metadata.labels"));
    json_put_dup(meta, "annotations", json_at(dp->d, "metadata.annotations"));
    json_del(json_obj(meta, "annotations"), "kubectl.kubernetes.io/last-applied-configuration");
    json_fmt(json_obj(meta, "annotations"), REVISION, "%lld", (long long)next_revision(dp));
    annotate(dp, json_obj(meta, "annotations"));
    json_push(json_arr(meta, "ownerReferences"), item_new_owner_ref("apps/v1", "Deployment", dp->d));
    json_int(spec, "replicas", dp->sets[0].want);
    json_put_dup(spec, "minReadySeconds", json_at(dp->d, "spec.minReadySeconds"));
    json_put_dup(spec, "selector", json_at(dp->d, "spec.selector"));
    json_str(json_obj(json_obj(spec, "selector"), "matchLabels"), HASH_LABEL, dp->hash);
    json_put(spec, "template", template);
    calls_create(&dp->s->out, KIND_REPLICASET, item_ns(dp->d), rs);
    dp->created = true;
}

/* Scale, revision, minReadySeconds: what of an existing ReplicaSet follows the Deployment. */
static void patch_set(struct deploy *dp, size_t i)
{
    const cJSON *rs = dp->items[i];
    cJSON *patch = json_new_obj(), *notes = json_new_obj();
    cJSON *changed = NULL;

    if (dp->sets[i].want != dp->sets[i].replicas)
        json_int(json_obj(patch, "spec"), "replicas", dp->sets[i].want);
    if (i == 0 && json_get_int(rs, "spec.minReadySeconds", 0) != json_get_int(dp->d, "spec.minReadySeconds", 0))
        json_int(json_obj(patch, "spec"), "minReadySeconds", json_get_int(dp->d, "spec.minReadySeconds", 0));
    if (i == 0 && revision_of(rs) < next_revision(dp))
        json_fmt(notes, REVISION, "%lld", (long long)next_revision(dp));
    if (dp->sets[i].want > 0)
        annotate(dp, notes);
    changed = patch_between(NULL, notes);
    for (cJSON *a = notes->child; a; a = a->next)
        if (str_eq(item_annotation(rs, a->string), a->valuestring))
            json_del(changed, a->string);
    if (changed->child)
        json_put(json_obj(patch, "metadata"), "annotations", TAKE(changed));
    cJSON_Delete(changed);
    cJSON_Delete(notes);
    calls_patch(&dp->s->out, KIND_REPLICASET, rs, NULL, patch);
}

static void write_sets(struct deploy *dp, bool may_create)
{
    if (!dp->items[0] && may_create)
        create_new(dp);
    for (size_t i = dp->items[0] ? 0 : 1; i < dp->n; i++)
        patch_set(dp, i);
}

static bool old_pods_run(const struct deploy *dp)
{
    AUTO_LIST struct list pods = { 0 };

    for (size_t i = 1; i < dp->n; i++)
        scene_list_owned(dp->s->scene, KIND_POD, item_uid(dp->items[i]), &pods);
    for (size_t i = 0; i < pods.n; i++)
        if (!pod_is_finished(pods.items[i]))
            return true;
    return false;
}

/* Everything old first goes, then everything new comes. */
static void recreate(struct deploy *dp)
{
    bool wait = old_pods_run(dp);

    for (size_t i = 1; i < dp->n; i++) {
        wait |= dp->sets[i].replicas > 0;
        dp->sets[i].want = 0;
    }
    dp->sets[0].want = wait ? dp->sets[0].replicas : dp->limits.replicas;
    write_sets(dp, !wait);
}

static bool is_scaled(const struct deploy *dp)
{
    for (size_t i = 0; i < dp->n; i++) {
        const char *desired = dp->items[i] ? item_annotation(dp->items[i], DESIRED) : NULL;

        if (desired && dp->sets[i].replicas > 0 && strtoll(desired, NULL, 10) != dp->limits.replicas)
            return true;
    }
    return false;
}

static void trim_history(struct deploy *dp)
{
    int64_t keep = json_get_int(dp->d, "spec.revisionHistoryLimit", 10), excess = (int64_t)dp->n - 1 - keep;
    AUTO_LIST struct list old = { 0 };

    for (size_t i = 1; i < dp->n; i++)
        list_add(&old, dp->items[i]);
    for (int64_t done = 0; done < excess; done++) {
        size_t oldest = 0;

        for (size_t i = 1; i < old.n; i++)
            if (revision_of(old.items[i]) < revision_of(old.items[oldest]))
                oldest = i;
        if (json_get_int(old.items[oldest], "spec.replicas", 1) == 0 &&
            json_get_int(old.items[oldest], "status.replicas", 0) == 0 && item_is_observed(old.items[oldest]) &&
            !item_is_deleting(old.items[oldest]))
            calls_delete(&dp->s->out, KIND_REPLICASET, old.items[oldest], NULL, -1);
        old.items[oldest] = old.items[--old.n];
    }
}

static void deploy_step(struct deploy *dp)
{
    bool paused = json_get_bool(dp->d, "spec.paused", false);

    if (item_is_deleting(dp->d))
        return;
    if (paused || is_scaled(dp)) {
        rollout_spread(&dp->limits, dp->sets, dp->n);
        if (!dp->items[0]) /* nothing may be created here, so nothing may be counted on it */
            dp->sets[0].want = 0;
        write_sets(dp, false);
    } else if (dp->recreate) {
        recreate(dp);
    } else {
        rollout_step(&dp->limits, dp->sets, dp->n);
        write_sets(dp, true);
    }
}

static void deployment_sync(struct sync *s)
{
    const cJSON *d = scene_get_key(s->scene, KIND_DEPLOYMENT, s->key);
    struct deploy dp = { 0 };

    if (!d)
        return;
    deploy_read(&dp, s, d);
    deploy_step(&dp);
    deploy_write_status(&dp);
    if (dp.complete && !item_is_deleting(d))
        trim_history(&dp);
    deploy_done(&dp);
}

static void deployment_on_change(void *state, const struct change *c, struct workq *q)
{
    const cJSON *rs;
    struct change up = *c;
    (void)state;

    if (c->kind == KIND_DEPLOYMENT) {
        change_add_self(c, q);
    } else if (c->kind == KIND_REPLICASET) {
        change_add_owner(c, "Deployment", q);
        change_add_adopters(c, KIND_DEPLOYMENT, q);
    } else if (!c->now) { /* Recreate waits for the last old pod */
        rs = scene_get_uid(c->scene, json_get_str(item_controller(c->old), "uid") ?: "", NULL);
        up.old = NULL;
        up.now = rs;
        if (rs)
            change_add_owner(&up, "Deployment", q);
    }
}

const struct controller controller_deployment = {
    .name = "deployment",
    .help = "Deployments: ReplicaSets, rolling updates",
    .kinds = { KIND_DEPLOYMENT, KIND_REPLICASET, KIND_POD, KINDS_END },
    .on_change = deployment_on_change,
    .sync = deployment_sync,
};
