/*
 * HorizontalPodAutoscalers, on metrics that a test sets (hpa.h says how).
 * Source: kubernetes pkg/controller/podautoscaler/horizontal.go.
 */
#include "sim/controllers/hpa.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "sim/controllers/conds.h"
#include "sim/controllers/items.h"

static void *hpa_new_state(void) /* uid of the autoscaler -> struct autoscale_memory */
{
    return map_new();
}

static void hpa_free_state(void *state)
{
    map_free(state, free);
}

static struct autoscale_memory *memory_of(struct sync *s, const cJSON *hpa)
{
    struct autoscale_memory *m = map_get(s->state, item_uid(hpa));

    if (!m) {
        m = xcalloc(1, sizeof(*m));
        map_put(s->state, item_uid(hpa), m);
    }
    return m;
}

static void read_target(const struct sync *s, const cJSON *hpa, struct hpa_target *t)
{
    static const int kinds[] = { KIND_DEPLOYMENT, KIND_STATEFULSET, KIND_REPLICASET };
    const char *kind = json_get_str(hpa, "spec.scaleTargetRef.kind"), *name = json_get_str(hpa, "spec.scaleTargetRef.name");
    AUTO_LIST struct list sets = { 0 }, pods = { 0 };

    *t = (struct hpa_target){ 0 };
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (name && str_eq(kind, scene_kind(s->scene, kinds[i])->name)) {
            t->kind = kinds[i];
            t->o = scene_get(s->scene, t->kind, item_ns(hpa), name);
        }
    if (!t->o)
        return;
    t->pods.wanted = json_get_int(t->o, "spec.replicas", 1);
    scene_list_owned(s->scene, KIND_POD, item_uid(t->o), &pods);
    scene_list_owned(s->scene, KIND_REPLICASET, item_uid(t->o), &sets);
    for (size_t i = 0; i < sets.n; i++)
        scene_list_owned(s->scene, KIND_POD, item_uid(sets.items[i]), &pods);
    for (size_t i = 0; i < pods.n; i++) {
        if (!pod_is_active(pods.items[i]))
            continue;
        t->pods.ready += pod_is_ready(pods.items[i]);
        t->pods.unready += !pod_is_ready(pods.items[i]);
    }
}

struct pass {
    struct sync *s;
    const cJSON *hpa;
    struct hpa_target target;
    struct autoscale_behavior b;
    cJSON *status;
    int64_t desired;
};

static void say(struct pass *p, const char *type, bool yes, const char *reason, const char *message)
{
    cond_set(p->status, type, yes ? "True" : "False", reason, message, p->s->now_ms);
}

static const char *limit_message(const char *reason)
{
    static const struct {
        const char *reason, *message;
    } texts[] = {
        { "TooManyReplicas", "the desired replica count is more than the maximum replica count" },
        { "TooFewReplicas", "the desired replica count is less than the minimum replica count" },
        { "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate" },
        { "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate" },
    };

    for (size_t i = 0; i < COUNT(texts); i++)
        if (str_eq(texts[i].reason, reason))
            return texts[i].message;
    return "the desired count is within the acceptable range";
}

static void follow_metrics(struct pass *p, const struct hpa_wish *wish)
{
    struct autoscale_verdict v =
        autoscale_behave(&p->b, memory_of(p->s, p->hpa), p->target.pods.wanted, wish->replicas, p->s->now_ms);
    AUTO_FREE char *found = xasprintf("the HPA was able to successfully calculate a replica count from %s", wish->metric);

    p->desired = v.replicas;
    say(p, "ScalingActive", true, "ValidMetricFound", found);
    say(p, "ScalingLimited", v.limit != NULL, v.limit ? v.limit : "DesiredWithinRange", limit_message(v.limit));
    if (v.stabilized && wish->replicas < p->desired)
        say(p, "AbleToScale", true, "ScaleDownStabilized",
            "recent recommendations were higher than current one, applying the highest recent recommendation");
    else if (v.stabilized)
        say(p, "AbleToScale", true, "ScaleUpStabilized",
            "recent recommendations were lower than current one, applying the lowest recent recommendation");
    else
        say(p, "AbleToScale", true, "ReadyForNewScale", "recommended size matches current size");
}

static void say_no_metric(struct pass *p, const struct hpa_wish *wish)
{
    AUTO_FREE char *why = xasprintf("the HPA was unable to compute the replica count: no value for metric %s", wish->missing);

    say(p, "AbleToScale", true, "SucceededGetScale", "the HPA controller was able to get the target's current scale");
    say(p, "ScalingActive", false, "FailedGetResourceMetric", why);
}

static void decide(struct pass *p)
{
    int64_t now = p->target.pods.wanted;
    struct hpa_wish wish;

    hpa_read_metrics(p->s, p->hpa, &p->target, &wish);
    p->desired = now;
    if (now == 0 && p->b.min != 0) {
        say(p, "ScalingActive", false, "ScalingDisabled", "scaling is disabled since the replica count of the target is zero");
    } else if (now > p->b.max) {
        p->desired = p->b.max;
    } else if (now < p->b.min) {
        p->desired = p->b.min;
    } else if (wish.n_missing == wish.n_metrics || (wish.n_missing && !wish.metric[0])) {
        say_no_metric(p, &wish);
    } else {
        follow_metrics(p, &wish);
    }
    if (wish.current->child)
        json_put(p->status, "currentMetrics", wish.current);
    else
        json_del(p->status, "currentMetrics");
    if (!wish.current->child)
        cJSON_Delete(wish.current);
}

static void scale(struct pass *p)
{
    cJSON *patch = json_new_obj();
    char now[32];
    AUTO_FREE char *done =
        xasprintf("the HPA controller was able to update the target scale to %lld", (long long)p->desired);

    json_int(json_obj(patch, "spec"), "replicas", p->desired);
    calls_patch(&p->s->out, p->target.kind, p->target.o, "scale", patch);
    autoscale_note_step(memory_of(p->s, p->hpa), p->target.pods.wanted, p->desired, p->s->now_ms);
    time_to_text(p->s->now_ms, now);
    json_str(p->status, "lastScaleTime", now);
    say(p, "AbleToScale", true, "SucceededRescale", done);
}

static void hpa_sync(struct sync *s)
{
    struct pass p = { .s = s, .hpa = scene_get_key(s->scene, KIND_HPA, s->key) };

    if (!p.hpa || item_is_deleting(p.hpa))
        return;
    p.status = json_member(p.hpa, "status") ? json_dup(json_member(p.hpa, "status")) : json_new_obj();
    calls_again(&s->out, s->opts->hpa_period_ms);
    hpa_read_behavior(p.hpa, &p.b);
    read_target(s, p.hpa, &p.target);
    if (p.target.o) {
        decide(&p);
        if (p.desired != p.target.pods.wanted)
            scale(&p);
        json_int(p.status, "currentReplicas", json_get_int(p.target.o, "status.replicas", 0));
    } else {
        say(&p, "AbleToScale", false, "FailedGetScale", "the HPA controller was unable to get the target's current scale");
    }
    json_int(p.status, "desiredReplicas", p.desired);
    json_put_dup(p.status, "observedGeneration", json_at(p.hpa, "metadata.generation"));
    calls_status(&s->out, KIND_HPA, p.hpa, p.status, false);
}

static void hpa_on_change(void *state, const struct change *c, struct workq *q)
{
    AUTO_LIST struct list all = { 0 };

    if (c->kind == KIND_HPA) {
        if (!c->now)
            free(map_take(state, item_uid(c->old)));
        change_add_self(c, q);
        return;
    }
    if (c->kind != KIND_CONFIGMAP || !str_eq(item_name(change_item(c)), "sim-metrics"))
        return; /* the next look will see it */
    scene_list_ns(c->scene, KIND_HPA, item_ns(change_item(c)), &all);
    for (size_t i = 0; i < all.n; i++) {
        AUTO_FREE char *key = item_key(all.items[i]);

        workq_add(q, key);
    }
}

const struct controller controller_hpa = {
    .name = "hpa",
    .help = "HorizontalPodAutoscalers, on metrics in ConfigMap sim-metrics",
    .kinds = { KIND_HPA, KIND_DEPLOYMENT, KIND_STATEFULSET, KIND_REPLICASET, KIND_POD, KIND_CONFIGMAP, KINDS_END },
    .new_state = hpa_new_state,
    .free_state = hpa_free_state,
    .on_change = hpa_on_change,
    .sync = hpa_sync,
};
