#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

#include "rules.h"

static enum verdict_of_rule rule_deleted(struct walk *w)
{
    if (!w->o->deleting)
        return RULE_PASS;
    return walk_say(w, RULE_STOP, "Deleting", "the resource is being deleted; its children go with it");
}

static enum verdict_of_rule rule_spec(struct walk *w)
{
    if (w->o->svc)
        return RULE_PASS;
    if (w->o->latch_err.kind != ERR_NONE)
        return walk_stall(w, RULE_STOP, "StatusUnreadable", "%.200s: repair it; nothing is decided without it", w->o->latch_err.msg);
    return walk_stall(w, RULE_STOP, "InvalidSpec", "%s", w->o->spec_err.msg);
}

/* Mending Redis, and what is half done there, comes before the spec is judged: a bad spec must not block it. The gate comes
 * before the children, because it decides what they may say about numbers. */
static const struct rule {
    const char *name;
    enum verdict_of_rule (*check)(struct walk *w);
} rules[] = {
    { "deleted", rule_deleted },           { "paused", rule_paused },       { "redis-mend", rule_redis_mend },
    { "redis-drain", rule_redis_drain },
    { "redis-resume", rule_redis_resume },
    { "spec", rule_spec },                 { "redis-resize", rule_redis_resize }, { "redis-secret", rule_redis_secret },
    { "redis-users", rule_redis_users },   { "redis-tls", rule_redis_tls },
    { "redis-removed", rule_redis_removed }, { "redis-entry", rule_redis_entry },
    { "redis-backup", rule_redis_backup },
    { "redis-settings", rule_redis_settings },
    { "redis-image", rule_redis_image },   { "redis-roll", rule_redis_roll },
    { "redis-roles", rule_redis_roles },     { "redis-volumes", rule_redis_volumes },
    { "model", rule_model },
    { "headroom", rule_headroom },
    { "gate", rule_gate },                 { "template", rule_template }, { "feasible", rule_feasible },   { "rollout", rule_rollout },
    { "canary", rule_canary },
    { "children", rule_children },         { "placeable", rule_placeable }, { "predictor", rule_predictor }, { "rollout-keep", rule_keep },
    { "scaling", rule_scaling },           { "survives", rule_survives },   { "redis-ready", rule_redis_ready },
};

static enum verdict_of_rule say(struct walk *w, enum verdict_of_rule how, const char *reason, const char *fmt,
                                va_list ap) __attribute__((format(printf, 4, 0)));

static enum verdict_of_rule say(struct walk *w, enum verdict_of_rule how, const char *reason, const char *fmt,
                                va_list ap)
{
    w->reason = reason;
    vsnprintf(w->message, sizeof(w->message), fmt, ap);
    return how;
}

enum verdict_of_rule walk_say(struct walk *w, enum verdict_of_rule how, const char *reason, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    how = say(w, how, reason, fmt, ap);
    va_end(ap);
    w->stalled = false;
    return how;
}

enum verdict_of_rule walk_stall(struct walk *w, enum verdict_of_rule how, const char *reason, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    how = say(w, how, reason, fmt, ap);
    va_end(ap);
    w->stalled = true;
    return how;
}

struct action *walk_act(struct walk *w, enum action_kind kind, const char *why)
{
    struct action *a;

    if (w->p->n_actions >= PLAN_ACTIONS_MAX)
        abort(); /* one per child, one for Redis and a pod, some for claims: the table above cannot make more */
    a = &w->p->actions[w->p->n_actions++];
    *a = (struct action){ .kind = kind, .why = why };
    return a;
}

void walk_look_again(struct walk *w, int64_t in_ms)
{
    if (w->p->look_again_ms < 0 || in_ms < w->p->look_again_ms)
        w->p->look_again_ms = in_ms;
}

bool walk_has(struct walk *w, enum capability what)
{
    if (capabilities_have(&w->o->caps, what))
        return true;
    w->p->missing |= 1u << what;
    return false;
}

static void remember(struct walk *w, const struct rule *r)
{
    if (w->p->rule)
        return;
    w->p->rule = r->name;
    w->p->reason = w->reason;
    w->p->stalled = w->stalled;
    memcpy(w->p->message, w->message, sizeof(w->p->message));
}

void plan_step(const struct observed *o, struct plan *out)
{
    struct walk w = { .o = o, .p = out };

    *out = (struct plan){ .look_again_ms = -1, .reason = "Ready", .replicas_wanted = -1 };
    out->redis.settle = o->redis.settle;
    out->redis.moving = o->redis.moving;
    if (o->redis.latch.resize.shards)
        out->redis.progress = o->redis.progress;
    out->redis.entrypoint = o->redis.latch.entrypoint;
    out->fetcher = o->redis.latch.fetcher;
    out->redis.backup = o->redis.latch.backup;
    out->redis.given = o->redis.latch.given;
    out->redis.heal = o->redis.heal;
    out->redis.roles = o->redis.roles;
    out->redis.settings = o->redis.settings;
    for (size_t i = 0; i < COUNT(rules); i++) {
        enum verdict_of_rule r = rules[i].check(&w);

        if (r != RULE_PASS)
            remember(&w, &rules[i]);
        out->stopped = r == RULE_STOP;
        if (out->stopped)
            break;
    }
    out->in = w.in;
    cJSON_Delete(w.spec_template);
    if (!out->rule)
        snprintf(out->message, sizeof(out->message), "everything is as it should be");
}

void plan_done(struct plan *p)
{
    for (size_t i = 0; i < p->n_actions; i++)
        cJSON_Delete(p->actions[i].body);
    commands_done(&p->redis.commands);
    keys_done(&p->redis.keys);
    form_plan_done(&p->redis.plan);
    resize_plan_done(&p->redis.resize);
    free(p->redis.moves);
    *p = (struct plan){ .look_again_ms = -1 };
}

void plan_render_action(const struct plan *p, const struct action *a, struct buf *b)
{
    static const char *const verbs[] = { "apply", "delete",    "redis",       "delete-pod",  "move",
                                         "functions", "patch-claim", "delete-claim", "find-revision", "read-revision",
                                         "keep-revision", "prune-revisions", "orphan" };

    buf_fmt(b, "%s", verbs[a->kind]);
    if (a->kind == ACT_REDIS)
        buf_fmt(b, "[%s x%zu]", p->redis.step ? p->redis.step : "?", p->redis.commands.n);
    else if (a->kind == ACT_MOVE || a->kind == ACT_FUNCTIONS)
        buf_fmt(b, "[%s]", a->why);
    else if (a->kind == ACT_POD_DELETE || a->kind == ACT_CLAIM_PATCH || a->kind == ACT_CLAIM_DELETE ||
             (a->kind >= ACT_REVISION_FIND && a->kind <= ACT_REVISION_PRUNE))
        buf_fmt(b, "[%s: %s]", a->pod, a->why);
    else
        buf_fmt(b, "[%s: %s%s]", child_types[a->child].label, a->why, a->hand_over_replicas ? ", hand over replicas" : "");
}

char *plan_render(const struct plan *p)
{
    struct buf b;

    buf_init(&b, 4096);
    buf_fmt(&b, "%s", p->reason);
    if (p->rule)
        buf_fmt(&b, " (%s: %s)", p->rule, p->message);
    if (p->status_first)
        buf_str(&b, " status-first");
    for (size_t i = 0; i < p->n_actions; i++) {
        buf_str(&b, " ");
        plan_render_action(p, &p->actions[i], &b);
    }
    if (p->look_again_ms >= 0)
        buf_fmt(&b, " again in %lld ms", (long long)p->look_again_ms);
    return buf_take(&b);
}
