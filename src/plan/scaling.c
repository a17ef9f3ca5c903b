/*
 * What autoscalers may do: how low they may go, what stays while they are blind, and what the cluster lacks.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/version.h"
#include "json/owned.h"
#include "rules.h"

/* So long an autoscaler must have read its metrics before it may go below what ran while it could not: its own
 * window of stabilization is full of good readings then. */
enum { SEEING_MS = 300000 };

const struct record *scaling_record(const struct walk *w)
{
    const struct record *hpa = w->o->child[CHILD_HPA], *keda = w->o->child[CHILD_SCALEDOBJECT];

    if (w->o->svc->predictor.keda)
        return record_is_ours(keda, w->o->uid) ? keda : hpa;
    return record_is_ours(hpa, w->o->uid) || !keda ? hpa : keda;
}

/* After a start it is asked anew. Until the answer an autoscaler that may go to 0 already keeps its minimum. */
static bool may_go_to_zero(struct walk *w)
{
    const struct record *hpa = w->o->child[CHILD_HPA];

    return walk_has(w, CAP_SCALE_TO_ZERO) || (!w->o->caps.knows_zero && record_is_ours(hpa, w->o->uid) && hpa->min_replicas == 0);
}

int32_t scaling_least(struct walk *w)
{
    const struct isvc_predictor *p = &w->o->svc->predictor;

    if (p->min_replicas > 0 || !p->autoscaled)
        return p->min_replicas;
    if (p->keda)
        return walk_has(w, CAP_KEDA) ? 0 : 1;
    return may_go_to_zero(w) ? 0 : 1;
}

static struct scaling_floor floor_before(const struct observed *o)
{
    int64_t n = json_get_int(o->status, "scaling.floor.replicas", 0), since = json_get_int(o->status, "scaling.floor.seeingSinceMs", 0);

    if (n <= 0 || n > INT32_MAX)
        return (struct scaling_floor){ 0 };
    return (struct scaling_floor){ .replicas = (int32_t)n, .seeing_since_ms = since > 0 ? since : 0 };
}

static int64_t seeing_ms(const struct walk *w)
{
    int64_t own = json_get_int(w->o->svc->predictor.spec, "autoScaling.behavior.scaleDown.stabilizationWindowSeconds", 0) * 1000;

    return own > SEEING_MS && own <= 3600000 ? own : SEEING_MS;
}

static bool is_seeing_long_enough(struct walk *w, struct scaling_floor *f)
{
    int64_t rest;

    if (!f->seeing_since_ms || w->o->wall_ms < f->seeing_since_ms) /* a clock that jumped back begins anew */
        f->seeing_since_ms = w->o->wall_ms;
    rest = f->seeing_since_ms + seeing_ms(w) - w->o->wall_ms;
    if (rest > 0)
        walk_look_again(w, rest);
    return rest <= 0;
}

int32_t scaling_floor(struct walk *w, int32_t running)
{
    const struct isvc_predictor *p = &w->o->svc->predictor;
    const struct record *hpa = w->o->child[CHILD_HPA];
    const struct scaling_floor before = floor_before(w->o);
    struct scaling_floor *f = &w->p->floor;

    *f = before;
    if (p->keda || !record_is_ours(hpa, w->o->uid))
        return f->replicas; /* KEDA has its fallback; an autoscaler that is being made sees nothing yet */
    f->blind = hpa->hpa_limited_by_failure;
    if (f->blind && running > f->replicas)
        f->replicas = running;
    if (f->blind || !hpa->hpa_sees)
        f->seeing_since_ms = 0;
    else if (f->replicas && is_seeing_long_enough(w, f))
        f->replicas = 0;
    if (f->replicas > p->max_replicas)
        f->replicas = p->max_replicas;
    if (f->replicas <= p->min_replicas)
        *f = (struct scaling_floor){ .blind = f->blind };
    w->p->status_first |= f->replicas > before.replicas;
    return f->replicas;
}

/* Whoever deletes a Deployment that is autoscaled gets back what ran, not the minimum. */
int32_t scaling_first(const struct walk *w, int32_t least)
{
    const struct record *hpa = w->o->child[CHILD_HPA];
    int32_t n = least > 1 ? least : 1, max = w->o->svc->predictor.max_replicas;

    if (record_is_ours(hpa, w->o->uid) && !w->o->child[CHILD_DEPLOYMENT] && hpa->desired_replicas > n)
        n = hpa->desired_replicas;
    if (w->p->floor.replicas > n)
        n = w->p->floor.replicas;
    return n < max ? n : max;
}

bool scaling_is_unmade(struct walk *w)
{
    return w->o->svc->predictor.keda && !walk_has(w, CAP_KEDA);
}

/* --- headroom --- */

static void hash_template(const struct walk *w, char out[17])
{
    struct desired_input in = w->in;
    AUTO_JSON cJSON *deployment = NULL;

    in.headroom_image = "";
    deployment = desired_child(CHILD_HEADROOM, w->o->svc, &in);
    snprintf(out, 17, "%016llx", (unsigned long long)owned_hash_any_order(json_at(deployment, "spec.template")));
}

/* The operator's own image of the day that they were made: its upgrade restarts no placeholder. */
enum verdict_of_rule rule_headroom(struct walk *w)
{
    const char *own = w->o->image ? w->o->image : EVERSERVE_IMAGE, *had = json_get_str(w->o->status, "scaling.headroom.entrypoint");
    struct entrypoint *e = &w->p->headroom;

    w->in.headroom_image = own;
    if (!w->o->svc->predictor.headroom)
        return RULE_PASS;
    hash_template(w, e->template);
    if (!str_eq(json_get_str(w->o->status, "scaling.headroom.template"), e->template) || !had)
        had = own;
    if (!str_copy(e->image, sizeof(e->image), had))
        return walk_stall(w, RULE_HOLD, "ImageNameTooLong", "EVERSERVE_IMAGE has more than %zu characters", sizeof(e->image) - 1);
    w->in.headroom_image = e->image;
    return RULE_PASS;
}

/* --- what is wanted and cannot be --- */

static enum verdict_of_rule lacks(struct walk *w, const char *reason, const char *field, enum capability what, const char *then)
{
    return walk_stall(w, RULE_HOLD, reason, "spec.predictor.%s: %s is not installed: install it, or leave the field out; %s", field,
                      capability_name(what), then);
}

static bool was_said(const struct walk *w, const char *reason)
{
    const cJSON *c = json_condition(w->o->status, "Ready");

    return str_eq(json_get_str(c, "reason"), reason) && json_get_int(c, "observedGeneration", 0) == w->o->generation;
}

static enum verdict_of_rule check_zero(struct walk *w)
{
    if (!w->o->caps.knows_zero && !was_said(w, "ScaleToZeroUnsupported"))
        return walk_say(w, RULE_HOLD, "ScaleToZeroUnknown",
                        "spec.predictor.minReplicas: whether the server lets an autoscaler go to 0 is being asked; until then 1 stays");
    return walk_stall(w, RULE_HOLD, "ScaleToZeroUnsupported",
                      "spec.predictor.minReplicas: the server lets no autoscaler go to 0 (its feature HPAScaleToZero is off), 1 stays: "
                      "set it to 1, or use autoScaling.keda");
}

enum verdict_of_rule rule_scaling(struct walk *w)
{
    const struct isvc_predictor *p = &w->o->svc->predictor;
    const struct record *headroom = w->o->child[CHILD_HEADROOM];

    if (scaling_is_unmade(w))
        return lacks(w, "KedaMissing", "autoScaling.keda", CAP_KEDA, "what runs stays as it is");
    if (p->autoscaled && !p->keda && !p->min_replicas && !may_go_to_zero(w))
        return check_zero(w);
    if (p->vertical && !walk_has(w, CAP_VPA))
        return lacks(w, "VerticalPodAutoscalerMissing", "verticalScaling", CAP_VPA, "sizes stay as they are");
    if (p->headroom && headroom && headroom->mark[0])
        return walk_say(w, RULE_HOLD, "HeadroomRefused",
                        "spec.predictor.headroom: its pods are not made (%s): is there a PriorityClass %.63s?", headroom->mark,
                        json_get_str(p->headroom, "priorityClassName"));
    return RULE_PASS;
}
