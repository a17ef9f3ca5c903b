#include "status/status.h"

#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"

struct condition {
    const char *type;
    bool value;
    bool unknown;
    const char *reason;
    const char *message;
};

/* Messages are cut at the ends of buffers; half a character would be changed by the server, or refused. */
static void put_text(cJSON *obj, const char *key, const char *text)
{
    AUTO_FREE char *copy = xstrdup(text);

    str_utf8_fix(copy);
    json_str(obj, key, copy);
}

static void put_condition(const struct observed *o, cJSON *status, const struct condition *c)
{
    const char *value = c->unknown ? "Unknown" : c->value ? "True" : "False";
    const cJSON *old = json_condition(o->status, c->type);
    const char *since = str_eq(json_get_str(old, "status"), value) ? json_get_str(old, "lastTransitionTime") : NULL;
    cJSON *out = json_push_obj(json_arr(status, "conditions"));
    char now[32];

    str_rfc3339(o->wall_ms, false, now);
    json_str(out, "type", c->type);
    json_str(out, "status", value);
    json_int(out, "observedGeneration", o->generation);
    json_str(out, "lastTransitionTime", since ? since : now);
    json_str(out, "reason", c->reason);
    put_text(out, "message", c->message);
}

static void put_ready(const struct observed *o, const struct plan *p, cJSON *status)
{
    bool ready = !p->rule, rolled_back = p->rollout.failed[0], stalled = p->stalled || rolled_back;
    const char *why = p->stalled ? p->reason : "RolledBack", *what = p->stalled ? p->message : p->rollout.message;

    put_condition(o, status, &(struct condition){ "Ready", ready, false, p->reason, p->message });
    put_condition(o, status,
                  &(struct condition){ "Reconciling", !ready && !stalled, false, p->reason,
                                       !ready && !stalled ? p->message : "nothing is under way" });
    put_condition(o, status,
                  &(struct condition){ "Stalled", stalled, false, stalled ? why : "NotStalled",
                                       stalled ? what : "nothing waits for a person" });
}

/* There only while it says something. */
static void put_placeable(const struct observed *o, const struct plan *p, cJSON *status)
{
    if (p->fits_nowhere[0])
        put_condition(o, status, &(struct condition){ "Placeable", false, false, "FitsNoNode", p->fits_nowhere });
}

static void put_revision(cJSON *predictor, const char *key, const char *hash)
{
    if (hash[0])
        json_str(predictor, key, hash);
}

static void put_rollout(const struct observed *o, const struct plan *p, cJSON *status)
{
    const struct rollout_outcome *r = &p->rollout;
    bool rolled_back = r->failed[0];
    cJSON *out = json_obj(status, "predictor");

    put_condition(o, status,
                  &(struct condition){ "RolledBack", rolled_back, false, rolled_back ? r->reason : "NotRolledBack",
                                       rolled_back ? r->message : "no template has failed" });
    put_revision(out, "revision", r->revision);
    put_revision(out, "lastGoodRevision", r->last_good);
    put_revision(out, "failedRevision", r->failed);
}

static void say_refused(const struct observed *o, const struct record *route, char *out, size_t size)
{
    const cJSON *ref = cJSON_GetArrayItem(json_member(o->svc->canary.route, "parentRefs"), route->route_refuser - 1);
    const char *ns = json_get_str(ref, "namespace"), *name = json_get_str(ref, "name");

    snprintf(out, size, "Gateway %.63s/%.63s does not take HTTPRoute %.63s as it is: %.31s%s", ns ? ns : o->ns, name ? name : "?",
             o->name, route->mark, route->route_accepted ? "; others do" : "");
}

/* Nobody but the Gateways knows whether the weights count. */
static void put_route(const struct observed *o, const struct plan *p, cJSON *status)
{
    const struct record *route = o->child[CHILD_ROUTE];
    struct condition c = { .type = "CanaryRouted", .reason = "NotInstalled" };
    char text[300];

    if (!o->svc || !o->svc->canary.route)
        return;
    c.message = text;
    if (!o->caps.gateway) {
        snprintf(text, sizeof(text), "%s is not installed: each pod gets its share of the requests", capability_name(CAP_GATEWAY));
    } else if (route && route->route_refuser) {
        c.reason = "RouteRefused";
        say_refused(o, route, text, sizeof(text));
    } else if (!route || route->route_accepted < route->route_parents || !route->route_parents) {
        c.unknown = true;
        c.reason = "GatewaySilent";
        snprintf(text, sizeof(text), "not every Gateway that spec.rollout.canary.route names has said that it takes the HTTPRoute");
    } else {
        c.value = true;
        c.reason = "Routed";
        if (p->canary.weight)
            snprintf(text, sizeof(text), "%d of a hundred requests are for the canary", p->canary.weight);
        else
            snprintf(text, sizeof(text), "every request is for what serves");
    }
    put_condition(o, status, &c);
}

static void put_canary(const struct observed *o, const struct plan *p, cJSON *status)
{
    cJSON *out = canary_json(&p->canary.state);

    if (out)
        json_int(out, "ready", p->canary.ready);
    json_put(json_obj(status, "predictor"), "canary", out);
    put_route(o, p, status);
}

static void put_predictor(const struct observed *o, const struct plan *p, cJSON *status)
{
    const struct record *d = o->child[CHILD_DEPLOYMENT];
    bool ok = d && p->replicas_wanted >= 0 && d->ready >= p->replicas_wanted && d->observed_generation >= d->generation;
    char text[96];
    cJSON *out;

    snprintf(text, sizeof(text), "%d of %d replicas ready", d ? d->ready : 0,
             p->replicas_wanted >= 0 ? p->replicas_wanted : 0);
    put_condition(o, status, &(struct condition){ "PredictorReady", ok, false, ok ? "ReplicasReady" : "ReplicasNotReady", text });
    json_int(status, "replicas", d ? d->replicas : 0);
    json_int(status, "readyReplicas", d ? d->ready : 0);
    put_rollout(o, p, status);
    put_placeable(o, p, status);
    out = json_obj(status, "predictor");
    json_int(out, "desired", p->replicas_wanted >= 0 ? p->replicas_wanted : 0);
    json_int(out, "ready", d ? d->ready : 0);
    json_int(out, "updated", d ? d->updated : 0);
    if (p->replacing.generation) {
        json_int(json_obj(out, "replacing"), "generation", p->replacing.generation);
        json_int(json_obj(out, "replacing"), "sinceMs", p->replacing.since_ms);
    }
}

/* Kept as it is for whoever repairs it; but what was true of Redis is not known to be so any more. */
static void put_redis_unreadable(const struct observed *o, cJSON *status)
{
    cJSON *out = json_dup(json_member(o->status, "redis"));

    put_condition(o, status, &(struct condition){ "RedisReady", false, true, redis_state_name(REDIS_UNKNOWN), o->latch_err.msg });
    if (cJSON_IsObject(out))
        json_str(out, "state", redis_state_name(REDIS_UNKNOWN));
    json_put(status, "redis", out);
}

static void put_progress(cJSON *redis, const struct redis_progress *p)
{
    cJSON *out;

    if (!p->what)
        return;
    out = json_obj(redis, "progress");
    json_str(out, "what", p->what);
    if (p->percent >= 0)
        json_int(out, "percent", p->percent);
    json_int(out, "keysPerSecond", p->keys_per_second);
    if (p->eta_s >= 0)
        json_int(out, "etaSeconds", p->eta_s);
}

static const char *all_is_well(const struct redis_outcome *r)
{
    const char *advice = r->judged ? verdict_advice(&r->verdict) : "";

    return advice[0] ? advice : "every slot is covered and every view agrees";
}

static void put_users(const struct plan *p, cJSON *out)
{
    const struct redis_report_users *u = &p->redis.users;
    cJSON *users;

    if (!u->phase && !u->rotation)
        return;
    users = json_obj(out, "users");
    json_int(users, "rotation", u->rotation);
    json_str(users, "phase", u->phase ? u->phase : "Done");
}

static void put_certificate(const struct observed *o, const struct plan *p, cJSON *status)
{
    const struct redis_report_cert *c = &p->redis.certificate;
    cJSON *out;
    char when[32];

    if (c->fingerprint[0])
        json_str(json_obj(json_obj(status, "redis"), "certificate"), "fingerprint", c->fingerprint);
    if (!c->not_after_s)
        return;
    put_condition(o, status,
                  &(struct condition){ "RedisCertificateValid", !c->expires_soon, false, c->expires_soon ? "Expiring" : "Valid",
                                       c->expires_soon ? c->message : "the certificate is valid for two weeks at least" });
    out = json_obj(json_obj(status, "redis"), "certificate");
    str_rfc3339(c->not_after_s * 1000, false, when);
    json_str(out, "notAfter", when);
}

static void put_backup(const struct backup_state *b, cJSON *redis)
{
    char text[32];

    if (b->last_ms) {
        str_rfc3339(b->last_ms, false, text);
        json_str(json_obj(redis, "backup"), "last", text);
        put_text(json_obj(redis, "backup"), "lastPath", b->last_path);
    }
    if (b->error[0])
        put_text(json_obj(redis, "backup"), "error", b->error);
    if (b->token[0])
        put_text(json_obj(redis, "backup"), "token", b->token);
}

static void put_redis(const struct observed *o, const struct plan *p, cJSON *status)
{
    const struct redis_outcome *r = &p->redis;
    cJSON *out;

    if (o->latch_err.kind != ERR_NONE)
        put_redis_unreadable(o, status);
    if (!r->wanted)
        return;
    put_condition(o, status,
                  &(struct condition){ "RedisReady", r->state == REDIS_HEALTHY, r->state == REDIS_UNKNOWN,
                                       redis_state_name(r->state),
                                       r->state == REDIS_HEALTHY ? all_is_well(r) : r->reason });
    out = json_obj(status, "redis");
    json_str(out, "state", redis_state_name(r->state));
    json_int(out, "slotsOk", r->judged ? r->verdict.slots_ok : 0);
    json_int(out, "shards", r->judged ? r->verdict.n_masters : 0);
    json_int(out, "nodes", r->judged ? r->verdict.n_reachable : 0);
    if (r->judged && r->verdict.version[0])
        json_str(out, "version", r->verdict.version);
    json_bool(out, "migrating", r->state == REDIS_MIGRATING);
    json_bool(out, "bootstrapped", r->bootstrapped);
    if (r->entrypoint.image[0]) {
        json_str(out, "entrypoint", r->entrypoint.image);
        json_str(out, "template", r->entrypoint.template);
    }
    put_backup(&r->backup, out);
    json_put(out, "settings", settings_given_json(&r->given));
    if (r->plan.n_seats)
        json_put(out, "plan", form_plan_json(&r->plan));
    put_users(p, out);
    put_certificate(o, p, status);
    if (r->roll.pod[0])
        json_put(out, "roll", roll_plan_json(&r->roll));
    json_put(out, "resize", resize_plan_json(&r->resize));
    put_progress(out, &r->progress);
}

static void put_drain(const struct drain *d, cJSON *scaling)
{
    cJSON *out;

    if (!d->since_ms)
        return;
    out = json_obj(scaling, "drain");
    json_int(out, "wanted", d->wanted);
    json_int(out, "extra", d->extra);
    json_int(out, "sinceMs", d->since_ms);
    if (d->gave_up)
        json_bool(out, "gaveUp", true);
}

static void put_floor(const struct observed *o, const struct plan *p, cJSON *status, cJSON *out)
{
    const struct record *hpa = o->child[CHILD_HPA];
    const struct scaling_floor *f = &p->floor;
    char text[256] = "the autoscaler reads its metrics";

    if (f->replicas) {
        json_int(json_obj(out, "floor"), "replicas", f->replicas);
        if (f->seeing_since_ms)
            json_int(json_obj(out, "floor"), "seeingSinceMs", f->seeing_since_ms);
    }
    if (!o->svc || !o->svc->predictor.autoscaled || o->svc->predictor.keda || !hpa)
        return;
    if (f->blind)
        snprintf(text, sizeof(text), "spec.predictor.%s: the autoscaler cannot read it (%s): %d replicas stay at least",
                 o->svc->predictor.of_shortcut ? "scaleMetric" : "autoScaling.metrics", hpa->mark, (int)p->in.hpa_min);
    else if (f->replicas)
        snprintf(text, sizeof(text), "the autoscaler reads its metrics again: %d replicas stay for some minutes more", (int)f->replicas);
    put_condition(o, status,
                  &(struct condition){ "ScalingBlind", f->blind, false,
                                       f->blind ? "MetricsUnreadable" : f->replicas ? "FloorHeld" : "MetricsRead", text });
}

static void put_scaling(const struct observed *o, const struct plan *p, cJSON *status)
{
    const struct gate_result *g = &p->gate;
    bool held = g->held_up || g->held_down;
    cJSON *out = json_obj(status, "scaling");
    int64_t since = g->held_up ? g->up_since_wall_ms : g->down_since_wall_ms;
    char text[32];

    put_condition(o, status,
                  &(struct condition){ "ScalingHeld", held, false,
                                       !held ? "NotHeld" : g->held_up ? "ScaleUpHeld" : "ScaleDownHeld",
                                       held ? g->reason : "slot health holds nothing" });
    json_bool(out, "heldUp", g->held_up);
    json_bool(out, "heldDown", g->held_down);
    if (held) {
        str_rfc3339(since, false, text);
        put_text(out, "reason", g->reason);
        json_str(out, "since", text);
    }
    if (g->held_up)
        json_int(out, "upSinceMs", g->up_since_wall_ms);
    if (g->held_down)
        json_int(out, "downSinceMs", g->down_since_wall_ms);
    put_drain(&p->drain, out);
    put_floor(o, p, status, out);
    if (p->headroom.image[0]) {
        json_str(json_obj(out, "headroom"), "entrypoint", p->headroom.image);
        json_str(json_obj(out, "headroom"), "template", p->headroom.template);
    }
    if (p->frozen.replicas) {
        json_int(json_obj(out, "frozen"), "replicas", p->frozen.replicas);
        json_int(json_obj(out, "frozen"), "minReplicas", p->frozen.min_replicas);
        if (p->frozen.settling)
            json_bool(json_obj(out, "frozen"), "settling", true);
    }
}

/* "3 of 3 shards keep a copy, a majority remains" */
static void put_redis_left(cJSON *survives, const char *key, const struct loss *l)
{
    if (l->what[0] && l->redis.shards)
        json_fmt(survives, key, "%d/%d shards, %s", l->redis.shards - l->redis.lost, l->redis.shards,
                 l->redis.quorum ? "majority" : "no majority");
}

static void put_survivable(const struct observed *o, const struct survives *s, cJSON *status)
{
    char text[160];

    if (!s->known || s->starting || !s->node.serving.what[0]) {
        put_condition(o, status,
                      &(struct condition){ "Survivable", false, true, s->known ? "NotAllReady" : "NodesUnknown",
                                           s->known ? "told when as many replicas are ready as are wanted" : "nodes cannot be read" });
        return;
    }
    snprintf(text, sizeof(text), "%d of %d replicas remain without the worst node, %d without the worst zone",
             s->node.serving.ready_left, s->wanted, s->zone.serving.ready_left);
    if (!s->zone.serving.what[0])
        snprintf(text, sizeof(text), "%d of %d replicas remain without the worst node", s->node.serving.ready_left, s->wanted);
    put_condition(o, status,
                  &(struct condition){ "Survivable", !s->reason, false, s->reason ? s->reason : "Survives",
                                       s->reason ? s->message : text });
}

static void put_survives(const struct observed *o, const struct plan *p, cJSON *status)
{
    const struct survives *s = &p->survives;
    cJSON *out = json_obj(status, "survives");
    AUTO_BUF struct buf copies = { 0 };

    put_survivable(o, s, status);
    if (s->node.serving.what[0])
        json_fmt(out, "node", "%d/%d", s->node.serving.ready_left, s->wanted);
    if (s->zone.serving.what[0])
        json_fmt(out, "zone", "%d/%d", s->zone.serving.ready_left, s->wanted);
    put_redis_left(out, "redisNode", &s->node.redis);
    put_redis_left(out, "redisZone", &s->zone.redis);
    if (!s->copies.n)
        return;
    buf_init(&copies, 16 << 10);
    copies_print(&s->copies, &copies);
    json_str(json_obj(status, "redis"), "copies", buf_text(&copies));
}

static void put_address(const struct observed *o, cJSON *status)
{
    AUTO_FREE char *selector = NULL;

    if (!o->svc)
        return;
    selector = names_selector_text(o->svc, COMPONENT_PREDICTOR);
    json_str(status, "selector", selector);
    json_fmt(status, "url", "http://%s.%s.svc", o->name, o->ns);
    json_fmt(json_obj(status, "address"), "url", "http://%s.%s.svc", o->name, o->ns);
}

/* What a walk that stopped early did not look at stays as it was said before. */
static void keep_old(const struct observed *o, cJSON *status)
{
    static const char *const later[] = { "certificate", "copies", "users" }; /* rules behind `spec` */
    cJSON *redis = json_member(status, "redis");
    const cJSON *item;

    for (size_t i = 0; redis && i < COUNT(later); i++)
        if (!json_member(redis, later[i]) && (item = json_member(json_member(o->status, "redis"), later[i])) != NULL)
            json_put_dup(redis, later[i], item);
    cJSON_ArrayForEach(item, o->status)
        if (!json_member(status, item->string))
            json_put_dup(status, item->string, item);
    cJSON_ArrayForEach(item, json_member(o->status, "conditions"))
        if (json_get_str(item, "type") && !json_condition(status, json_get_str(item, "type")))
            json_push(json_arr(status, "conditions"), json_dup(item));
}

static void put_model(const struct plan *p, cJSON *status)
{
    cJSON *out;

    if (!p->fetcher.image[0])
        return;
    out = json_obj(status, "model");
    json_str(out, "entrypoint", p->fetcher.image);
    json_str(out, "template", p->fetcher.template);
}

cJSON *status_build(const struct observed *o, const struct plan *p)
{
    cJSON *status = json_new_obj();

    json_int(status, "observedGeneration", o->generation);
    put_ready(o, p, status);
    put_redis(o, p, status);
    if (p->stopped) {
        keep_old(o, status);
        return status;
    }
    put_predictor(o, p, status);
    put_canary(o, p, status);
    put_model(p, status);
    put_scaling(o, p, status);
    put_survives(o, p, status);
    put_address(o, status);
    json_put_dup(status, "decisions", json_member(o->status, "decisions")); /* whoever writes it adds to them */
    return status;
}
