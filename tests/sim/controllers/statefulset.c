/*
 * StatefulSets: pods with names, ordinals and claims; ordered or parallel; rolling
 * updates by partition or on delete. Source: kubernetes pkg/controller/statefulset.
 */
#include "sim/controllers/statefulset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sim/controllers/items.h"

static void read_spec(struct stateful *st)
{
    const cJSON *ru = json_at(st->set, "spec.updateStrategy.rollingUpdate");

    st->start = json_get_int(st->set, "spec.ordinals.start", 0);
    st->replicas = json_get_int(st->set, "spec.replicas", 1);
    st->partition = json_get_int(ru, "partition", 0);
    st->min_ready_s = json_get_int(st->set, "spec.minReadySeconds", 0);
    st->ordered = !str_eq(json_get_str(st->set, "spec.podManagementPolicy"), "Parallel");
    st->on_delete = str_eq(json_get_str(st->set, "spec.updateStrategy.type"), "OnDelete");
}

static void claim_pods(struct stateful *st)
{
    const cJSON *selector = json_at(st->set, "spec.selector");
    AUTO_LIST struct list owned = { 0 };
    AUTO_LIST struct list orphans = { 0 };

    scene_list_owned(st->s->scene, KIND_POD, item_uid(st->set), &owned);
    for (size_t i = 0; i < owned.n; i++) {
        if (stateful_ordinal(st, owned.items[i]) >= 0 && selector_matches(selector, item_labels(owned.items[i])))
            list_add(&st->pods, owned.items[i]);
        else if (!item_is_deleting(st->set))
            calls_release(&st->s->out, KIND_POD, owned.items[i], item_uid(st->set));
    }
    if (item_is_deleting(st->set))
        return;
    scene_list_orphans(st->s->scene, KIND_POD, item_ns(st->set), &orphans);
    for (size_t i = 0; i < orphans.n; i++) {
        if (item_is_deleting(orphans.items[i]) || stateful_ordinal(st, orphans.items[i]) < 0 ||
            !selector_matches(selector, item_labels(orphans.items[i])))
            continue;
        calls_adopt(&st->s->out, KIND_POD, orphans.items[i], KIND_STATEFULSET, st->set);
        list_add(&st->pods, orphans.items[i]);
    }
}

static bool is_running_ready(const cJSON *pod)
{
    return str_eq(json_get_str(pod, "status.phase"), "Running") && pod_is_ready(pod);
}

/* Ready for minReadySeconds; otherwise the set looks again when it will be. */
static bool is_available(struct stateful *st, const cJSON *pod)
{
    int64_t since = time_from_text(json_get_str(cond_find(pod, "Ready"), "lastTransitionTime"));

    if (!is_running_ready(pod))
        return false;
    if (pod_is_available(pod, st->min_ready_s, st->s->now_ms))
        return true;
    calls_again(&st->s->out, since + st->min_ready_s * 1000 - st->s->now_ms);
    return false;
}

static const cJSON *pod_at(const struct stateful *st, int64_t ordinal)
{
    for (size_t i = 0; i < st->pods.n; i++)
        if (stateful_ordinal(st, st->pods.items[i]) == ordinal)
            return st->pods.items[i];
    return NULL;
}

static bool is_condemned(const struct stateful *st, const cJSON *pod)
{
    int64_t ordinal = stateful_ordinal(st, pod);

    return ordinal < st->start || ordinal >= st->start + st->replicas;
}

/* True: this pod is as it should be, the next may follow. */
static bool keep_pod(struct stateful *st, int64_t ordinal)
{
    const cJSON *pod = pod_at(st, ordinal);

    if (!pod) {
        stateful_create_pod(st, ordinal);
        return false;
    }
    if (pod_is_finished(pod) && !item_is_deleting(pod)) {
        calls_delete(&st->s->out, KIND_POD, pod, NULL, -1);
        return false;
    }
    stateful_keep_claims(st, pod, false);
    return !item_is_deleting(pod) && is_available(st, pod);
}

static bool keep_pods(struct stateful *st)
{
    for (int64_t i = 0; i < st->replicas; i++)
        if (!keep_pod(st, st->start + i) && st->ordered)
            return false;
    return true;
}

static const cJSON *lowest_unhealthy(const struct stateful *st)
{
    const cJSON *lowest = NULL;

    for (size_t i = 0; i < st->pods.n; i++) {
        const cJSON *pod = st->pods.items[i];

        if (!item_is_deleting(pod) && is_running_ready(pod))
            continue;
        if (!lowest || stateful_ordinal(st, pod) < stateful_ordinal(st, lowest))
            lowest = pod;
    }
    return lowest;
}

/* True: it is gone or going, and in no one's way. */
static bool remove_pod(struct stateful *st, const cJSON *pod)
{
    if (item_is_deleting(pod))
        return !st->ordered;
    if (stateful_keep_claims(st, pod, true))
        return false; /* first the claim must know its fate */
    if (st->ordered && !is_running_ready(pod) && pod != lowest_unhealthy(st))
        return false;
    calls_delete(&st->s->out, KIND_POD, pod, NULL, -1);
    return !st->ordered;
}

static int by_ordinal_down(const void *a, const void *b, void *arg)
{
    const struct stateful *st = arg;
    int64_t x = stateful_ordinal(st, *(const cJSON *const *)a), y = stateful_ordinal(st, *(const cJSON *const *)b);

    return (x < y) - (x > y);
}

static bool remove_condemned(struct stateful *st)
{
    AUTO_LIST struct list condemned = { 0 };

    for (size_t i = 0; i < st->pods.n; i++)
        if (is_condemned(st, st->pods.items[i]))
            list_add(&condemned, st->pods.items[i]);
    if (condemned.n)
        qsort_r(condemned.items, condemned.n, sizeof(*condemned.items), by_ordinal_down, st);
    for (size_t i = 0; i < condemned.n; i++)
        if (!remove_pod(st, condemned.items[i]) && st->ordered)
            return false;
    return true;
}

/* From the highest ordinal down, as many at a time as may be missing. */
static void update_pods(struct stateful *st)
{
    const cJSON *most = json_at(st->set, "spec.updateStrategy.rollingUpdate.maxUnavailable");
    int64_t left = int_or_percent(most, st->replicas, true, 1);

    if (left < 1)
        left = 1;
    for (int64_t i = st->replicas - 1; i >= st->partition && left > 0; i--) {
        const cJSON *pod = pod_at(st, st->start + i);

        if (pod && stateful_is_old(st, pod) && !item_is_deleting(pod)) {
            calls_delete(&st->s->out, KIND_POD, pod, NULL, -1);
            left--;
        } else if (!pod || item_is_deleting(pod) || !is_available(st, pod)) {
            left--;
        }
    }
}

static void put_count(cJSON *status, const char *name, int64_t n)
{
    if (n > 0)
        json_int(status, name, n);
    else
        json_del(status, name);
}

struct counts {
    int64_t ready, available, current, updated;
};

static void count_pod(struct stateful *st, const cJSON *pod, struct counts *n)
{
    const char *rev = item_label(pod, "controller-revision-hash");

    n->ready += is_running_ready(pod);
    n->available += is_available(st, pod);
    n->current += !item_is_deleting(pod) && str_eq(rev, st->current_rev);
    n->updated += !item_is_deleting(pod) && str_eq(rev, st->update_rev);
}

static void write_status(struct stateful *st)
{
    cJSON *status = json_member(st->set, "status") ? json_dup(json_member(st->set, "status")) : json_new_obj();
    struct counts n = { 0 };

    for (size_t i = 0; i < st->pods.n; i++)
        count_pod(st, st->pods.items[i], &n);
    if (!st->on_delete && n.updated == (int64_t)st->pods.n && n.ready == (int64_t)st->pods.n) { /* update complete */
        snprintf(st->current_rev, sizeof(st->current_rev), "%s", st->update_rev);
        n.current = n.updated;
    }
    json_int(status, "replicas", (int64_t)st->pods.n);
    json_int(status, "availableReplicas", n.available);
    put_count(status, "readyReplicas", n.ready);
    put_count(status, "currentReplicas", n.current);
    put_count(status, "updatedReplicas", n.updated);
    json_str(status, "currentRevision", st->current_rev);
    json_str(status, "updateRevision", st->update_rev);
    json_int(status, "collisionCount", json_get_int(status, "collisionCount", 0));
    json_put_dup(status, "observedGeneration", json_at(st->set, "metadata.generation"));
    calls_status(&st->s->out, KIND_STATEFULSET, st->set, status, false);
}

static void statefulset_sync(struct sync *s)
{
    struct stateful st = { .s = s, .set = scene_get_key(s->scene, KIND_STATEFULSET, s->key) };

    if (!st.set)
        return;
    read_spec(&st);
    claim_pods(&st);
    stateful_read_revisions(&st);
    if (!item_is_deleting(st.set) && keep_pods(&st) && remove_condemned(&st) && !st.on_delete)
        update_pods(&st);
    write_status(&st);
    if (!item_is_deleting(st.set))
        stateful_trim_revisions(&st);
    list_done(&st.pods);
    list_done(&st.revisions);
}

static void add_user_of_claim(const struct change *c, struct workq *q)
{
    AUTO_LIST struct list sets = { 0 };

    scene_list_ns(c->scene, KIND_STATEFULSET, item_ns(change_item(c)), &sets);
    for (size_t i = 0; i < sets.n; i++) {
        AUTO_FREE char *key = item_key(sets.items[i]);

        if (strstr(item_name(change_item(c)), item_name(sets.items[i])))
            workq_add(q, key);
    }
}

static void statefulset_on_change(void *state, const struct change *c, struct workq *q)
{
    (void)state;
    if (c->kind == KIND_STATEFULSET) {
        change_add_self(c, q);
    } else if (c->kind == KIND_CLAIM) {
        if (!c->now) /* a pod may be waiting for the old claim to go */
            add_user_of_claim(c, q);
    } else {
        change_add_owner(c, "StatefulSet", q);
        change_add_adopters(c, KIND_STATEFULSET, q);
    }
}

const struct controller controller_statefulset = {
    .name = "statefulset",
    .help = "StatefulSets: named pods, claims, revisions",
    .kinds = { KIND_STATEFULSET, KIND_POD, KIND_REVISION, KIND_CLAIM, KINDS_END },
    .on_change = statefulset_on_change,
    .sync = statefulset_sync,
};
