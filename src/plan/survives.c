/*
 * Would this service outlive its worst node, and its worst zone? Told, not acted on.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"

static enum verdict_of_rule doubt(struct walk *w, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The first is the one that is told. */
static enum verdict_of_rule doubt(struct walk *w, const char *reason, const char *fmt, ...)
{
    struct survives *s = &w->p->survives;
    va_list ap;

    if (s->reason)
        return RULE_PASS;
    s->reason = reason;
    va_start(ap, fmt);
    vsnprintf(s->message, sizeof(s->message), fmt, ap);
    va_end(ap);
    return RULE_PASS;
}

static bool has_own_budget(const struct isvc *s)
{
    return json_has(s->predictor.spec, "podDisruptionBudget");
}

static void judge_serving(struct walk *w, const struct loss *l, const char *where, const char *all, const char *some,
                          const char *remedy)
{
    int32_t wanted = w->p->survives.wanted, least = budget_minimum(w->o->svc, wanted);

    if (!l->what[0])
        return;
    if (l->ready_left == 0)
        doubt(w, all, "all %d ready replicas are %s %.60s: %s", l->ready_gone, where, l->what, remedy);
    else if (has_own_budget(w->o->svc) && l->ready_left < least)
        doubt(w, some, "without what is %s %.60s %d of %d replicas remain, and podDisruptionBudget asks for %d: %s", where,
              l->what, l->ready_left, wanted, least, remedy);
}

static void judge_redis(struct walk *w, const struct loss *l, const char *where, const char *reason, const char *remedy)
{
    if (!l->what[0] || !l->redis.lost)
        return;
    if (w->o->svc->redis.present && w->o->svc->redis.replicas_per_shard == 0)
        remedy = "set spec.redis.replicasPerShard to 1 or more";
    doubt(w, reason, "every copy of the slots of %.50s-redis-%d is %s %.60s: %s", w->o->name, l->redis.first_lost, where, l->what,
          remedy);
}

static const char *node_remedy(const struct walk *w)
{
    return w->o->n_places == 1 ? "the cluster has one node, add another" : "add nodes, or relax affinity and nodeSelector";
}

static void judge(struct walk *w)
{
    struct survives *s = &w->p->survives;
    const char *zones = "add nodes in other zones, or relax affinity and nodeSelector";

    s->starting = s->node.serving.ready_gone + s->node.serving.ready_left < s->wanted;
    if (s->starting) /* where the rest will be is not known yet */
        return;
    if (s->node.serving.what[0] && s->wanted == 1)
        doubt(w, "OneReplica", "there is one replica, on node %.60s: set spec.predictor.minReplicas to 2 or more",
              s->node.serving.what);
    judge_serving(w, &s->node.serving, "on node", "AllOnOneNode", "NodeLossBreaksBudget", node_remedy(w));
    judge_redis(w, &s->node.redis, "on node", "RedisShardOnOneNode", node_remedy(w));
    if (w->o->n_zones < 2) /* there is nowhere else */
        return;
    judge_serving(w, &s->zone.serving, "in zone", "AllInOneZone", "ZoneLossBreaksBudget", zones);
    judge_redis(w, &s->zone.redis, "in zone", "RedisShardInOneZone", zones);
}

/* In the middle of a failover two claim the same slots: then it is as it was. */
static void who_holds_what(const struct walk *w, struct copies *out)
{
    const struct redis_outcome *r = &w->p->redis;
    const char *before = json_get_str(w->o->status, "redis.copies");

    if (!r->wanted || !r->bootstrapped)
        return;
    if (r->judged && r->verdict.holds[P_OWNERSHIP])
        copies_of(&w->o->redis.expected, w->o->redis.views, w->o->redis.expected.n_members, out);
    else if (!before || !copies_parse(before, out))
        out->n = 0;
}

enum verdict_of_rule rule_survives(struct walk *w)
{
    struct survives *s = &w->p->survives;
    struct placed p = { .pods = w->o->pods, .n_pods = w->o->n_pods, .hosts = w->o->hosts, .n_hosts = w->o->n_hosts };

    who_holds_what(w, &s->copies);
    if (s->copies.n)
        p.copies = &s->copies;
    if (!w->o->hosts || w->p->replicas_wanted < 0)
        return RULE_PASS;
    s->wanted = w->p->replicas_wanted;
    s->known = true;
    loss_worst_node(&p, &s->node);
    loss_worst_zone(&p, &s->zone);
    judge(w);
    return RULE_PASS;
}
