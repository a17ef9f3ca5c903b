#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "status/status.h"

struct list {
    struct status_event *out;
    size_t n;
};

static void add(struct list *l, bool warning, const char *reason, const char *action, const char *note)
{
    struct status_event *e;

    if (l->n >= STATUS_EVENTS_MAX)
        return;
    e = &l->out[l->n++];
    *e = (struct status_event){ .warning = warning, .reason = reason, .action = action };
    snprintf(e->note, sizeof(e->note), "%s", note);
    str_utf8_fix(e->note);
}

static bool flips(const struct observed *o, const cJSON *next, const char *type, const char *to)
{
    return json_condition_is(next, type, to) && !json_condition_is(o->status, type, to);
}

static const char *reason_of(const cJSON *status, const char *type)
{
    return json_get_str(json_condition(status, type), "reason");
}

static void add_stalled(struct list *l, const struct observed *o, const cJSON *next, const struct plan *p)
{
    /* a second problem under the same condition is news as well */
    if (p->stalled && !str_eq(p->reason, "RolledBack") && !str_eq(reason_of(o->status, "Stalled"), reason_of(next, "Stalled")))
        add(l, true, p->reason, "Reconcile", p->message);
}

static bool is_only_resizing(const char *was, enum redis_state is)
{
    const char *healthy = redis_state_name(REDIS_HEALTHY), *migrating = redis_state_name(REDIS_MIGRATING);

    return (is == REDIS_MIGRATING && str_eq(was, healthy)) || (is == REDIS_HEALTHY && str_eq(was, migrating));
}

/* Its beginning, another size wanted meanwhile, and its end. */
static void add_resize(struct list *l, const struct observed *o, const struct plan *p)
{
    const cJSON *was = json_at(o->status, "redis.resize");
    const struct resize_plan *is = &p->redis.resize;
    char note[160];

    if (!p->redis.wanted || (!was && !is->shards))
        return;
    if (!is->shards) {
        snprintf(note, sizeof(note), "Redis has %d shards with %lld replicas each now", p->redis.plan.shards,
                 (long long)json_get_int(was, "replicas", 0));
        add(l, false, "RedisResized", "Resize", note);
    } else if (json_get_int(was, "shards", 0) != is->shards || json_get_int(was, "replicas", 0) != is->replicas) {
        snprintf(note, sizeof(note), "Redis goes from %d shards with %d replicas each to %d with %d", is->from_shards,
                 is->from_replicas, is->shards, is->replicas);
        add(l, false, "RedisResizing", "Resize", note);
    }
}

static void add_backup(struct list *l, const struct observed *o, const struct plan *p)
{
    const struct backup_state *was = &o->redis.latch.backup, *is = &p->redis.backup;
    char note[400];

    if (is->last_ms != was->last_ms) {
        snprintf(note, sizeof(note), "a backup of every shard is complete: %s", is->last_path);
        add(l, false, "RedisBackupComplete", "Backup", note);
    }
    if (is->error[0] && !str_eq(is->error, was->error))
        add(l, true, "RedisBackupFailed", "Backup", is->error);
}

static void add_redis(struct list *l, const struct observed *o, const struct plan *p)
{
    const char *was = json_get_str(o->status, "redis.state");
    const char *is = redis_state_name(p->redis.state);
    char note[512];

    if (!p->redis.wanted || !was || str_eq(was, is) || is_only_resizing(was, p->redis.state))
        return;
    snprintf(note, sizeof(note), "Redis went from %s to %s%s%s", was, is, p->redis.state == REDIS_HEALTHY ? "" : ": ",
             p->redis.state == REDIS_HEALTHY ? "" : p->redis.reason);
    add(l, p->redis.state != REDIS_HEALTHY && p->redis.state != REDIS_FORMING,
        p->redis.state == REDIS_HEALTHY ? "RedisHealthy" : "RedisUnhealthy", "CheckSlots", note);
}

static void add_roll(struct list *l, const struct observed *o, const struct plan *p)
{
    const struct roll_plan *was = &o->redis.latch.roll, *is = &p->redis.roll;
    char note[512];

    if (!is->pod[0] || (str_eq(was->pod, is->pod) && str_eq(was->uid, is->uid)))
        return;
    snprintf(note, sizeof(note), "%s is restarted next: %zu pods are not what spec.redis wants", is->pod, p->redis.n_outdated);
    add(l, false, "RedisRestart", "Restart", note);
}

static void add_drain(struct list *l, const struct observed *o, const struct plan *p)
{
    const cJSON *was = json_at(o->status, "scaling.drain");
    const struct drain *d = &p->drain;
    char note[512];

    if (d->since_ms && !was) {
        snprintf(note, sizeof(note), "nodes with serving pods are about to go (%s): %d more start first", d->nodes, d->extra);
        add(l, false, "DrainSurge", "Scale", note);
    } else if (!d->since_ms && was && !p->stopped) {
        add(l, false, "DrainOver", "Scale", "no serving pod is on a node that is about to go any more");
    }
    if (d->gave_up && !json_get_bool(was, "gaveUp", false)) {
        snprintf(note, sizeof(note), "%s: nothing waits for more replicas any more, pods of %s may go as the budget allows",
                 d->reason, d->nodes);
        add(l, true, "DrainSurgeGivenUp", "Scale", note);
    }
}

static void add_replacing(struct list *l, const struct observed *o, const struct plan *p)
{
    char note[512];

    if (!p->replacing.generation || json_get_int(o->status, "predictor.replacing.generation", 0) == p->replacing.generation)
        return;
    snprintf(note, sizeof(note), "no node has room for a new pod beside the old ones (%s): they are replaced one at a time",
             p->replacing.why);
    add(l, true, "RolloutReplacing", "Rollout", note);
}

static void add_placeable(struct list *l, const struct observed *o, const cJSON *next, const struct plan *p)
{
    if (flips(o, next, "Placeable", "False"))
        add(l, true, "FitsNoNode", "Rollout", p->fits_nowhere);
}

static void add_canary(struct list *l, const struct observed *o, const struct plan *p)
{
    const struct canary_state *is = &p->canary.state;
    struct canary_state was;
    char note[200];

    canary_parse(json_at(o->status, "predictor.canary"), &was);
    if (is->phase && !str_eq(is->revision, was.revision)) {
        snprintf(note, sizeof(note), "revision %s is tried with %d pods beside what serves", is->revision, is->replicas);
        add(l, false, "CanaryStarted", "Rollout", note);
    } else if (is->phase == CANARY_WAITING && was.phase != CANARY_WAITING) {
        snprintf(note, sizeof(note), "revision %s has stood its trial and waits for a person", is->revision);
        add(l, false, "CanaryWaiting", "Rollout", note);
    } else if (is->phase == CANARY_PROMOTING && was.phase != CANARY_PROMOTING) {
        snprintf(note, sizeof(note), "revision %s has stood its trial and replaces what serves", is->revision);
        add(l, false, "CanaryPromoted", "Rollout", note);
    }
}

size_t status_events(const struct observed *o, const cJSON *next, const struct plan *p,
                     struct status_event out[STATUS_EVENTS_MAX])
{
    struct list l = { out, 0 };

    if (flips(o, next, "Ready", "True"))
        add(&l, false, "Ready", "Reconcile", "everything is as it should be");
    add_stalled(&l, o, next, p);
    if (p->rollout.failed[0] && !str_eq(json_get_str(o->status, "predictor.failedRevision"), p->rollout.failed))
        add(&l, true, "RolledBack", "Rollback", p->rollout.message);
    add_backup(&l, o, p);
    add_redis(&l, o, p);
    add_resize(&l, o, p);
    add_roll(&l, o, p);
    if (!p->stopped)
        add_canary(&l, o, p);
    add_drain(&l, o, p);
    add_replacing(&l, o, p);
    if (flips(o, next, "CanaryRouted", "False") && str_eq(reason_of(next, "CanaryRouted"), "RouteRefused"))
        add(&l, true, "RouteRefused", "Rollout", "a Gateway does not take the HTTPRoute: condition CanaryRouted says which, and why");
    add_placeable(&l, o, next, p);
    if (flips(o, next, "RedisCertificateValid", "False"))
        add(&l, true, "RedisCertificateExpiring", "CheckCertificate", p->redis.certificate.message);
    if (flips(o, next, "Survivable", "False"))
        add(&l, true, "NotSurvivable", "CheckPlacement", p->survives.message);
    if (flips(o, next, "ScalingHeld", "True"))
        add(&l, true, "ScalingHeld", "Scale", p->gate.reason);
    if (flips(o, next, "ScalingHeld", "False") && json_condition_is(o->status, "ScalingHeld", "True"))
        add(&l, false, "ScalingReleased", "Scale", "slot health holds nothing any more");
    if (flips(o, next, "ScalingBlind", "True") && p->floor.replicas)
        add(&l, true, "ScalingBlind", "Scale", "the autoscaler cannot read its metrics: what runs stays at least");
    if (p->gate.opened)
        add(&l, true, "ScalingHoldExpired", "Scale",
            "Redis is Down for longer than spec.scaling.gate.maxHoldSeconds: scaling up goes ahead");
    return l.n;
}
