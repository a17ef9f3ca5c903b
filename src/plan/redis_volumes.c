/*
 * The rule about the volumes of Redis: they grow with spec.redis.storage.size, and those of pods that left the
 * cluster stay for spec.redis.storage.keepRemovedHours.
 */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "json/quantity.h"
#include "rules.h"

enum { LOOK_AGAIN_MAX_MS = 3600000 };

struct volumes {
    struct walk *w;
    const char *size; /* as in the spec */
    int64_t want;     /* bytes */
    size_t n_actions;
    bool growing, shrinks;
    char shrunk[254];
};

/* The pod that this claim is for; NULL: no claim of a pod of ours. */
static const char *pod_of(const struct volumes *v, const struct claim *c)
{
    const char *pod = str_has_prefix(c->name, REDIS_CLAIM_PREFIX) ? c->name + strlen(REDIS_CLAIM_PREFIX) : NULL;
    size_t n = strlen(v->w->o->name);
    int64_t ordinal;

    if (!pod || strncmp(pod, v->w->o->name, n) != 0 || !str_has_prefix(pod + n, "-redis-") ||
        !str_to_int(pod + n + strlen("-redis-"), 0, INT32_MAX, &ordinal))
        return NULL;
    return pod;
}

static bool is_seated(const struct volumes *v, const char *pod)
{
    const struct expected *x = &v->w->o->redis.expected;
    const struct form_plan *plan = &v->w->p->redis.plan;

    for (size_t i = 0; i < x->n_members; i++)
        if (str_eq(x->members[i].pod, pod))
            return true;
    for (size_t i = 0; i < plan->n_seats; i++)
        if (str_eq(plan->seats[i].pod, pod))
            return true;
    return false;
}

static bool is_there(const struct volumes *v, const char *pod)
{
    for (size_t i = 0; i < v->w->o->n_pods; i++)
        if (str_eq(v->w->o->pods[i].name, pod))
            return true;
    return false;
}

static struct action *act(struct volumes *v, enum action_kind kind, const struct claim *c, const char *why)
{
    struct action *a;

    if (v->n_actions == PLAN_CLAIMS_MAX) {
        walk_look_again(v->w, 0);
        return NULL;
    }
    v->n_actions++;
    a = walk_act(v->w, kind, why);
    snprintf(a->pod, sizeof(a->pod), "%s", c->name);
    snprintf(a->pod_uid, sizeof(a->pod_uid), "%s", c->uid);
    if (kind == ACT_CLAIM_PATCH) {
        a->body = json_new_obj();
        json_str(json_obj(a->body, "metadata"), "uid", c->uid);
    }
    return a;
}

static void grow(struct volumes *v, const struct claim *c)
{
    struct action *a = v->w->o->volume_may_try ? act(v, ACT_CLAIM_PATCH, c, "grows") : NULL;

    v->growing = true;
    if (a)
        json_str(json_obj(json_obj(json_obj(a->body, "spec"), "resources"), "requests"), "storage", v->size);
}

/* ms 0: it is back. */
static void mark_removed(struct volumes *v, const struct claim *c, int64_t ms)
{
    struct action *a = act(v, ACT_CLAIM_PATCH, c, ms ? "its pod left" : "its pod is back");
    cJSON *notes = a ? json_obj(json_obj(a->body, "metadata"), "annotations") : NULL;
    char text[40];

    if (!a)
        return;
    str_rfc3339(ms, false, text);
    json_put(notes, CLAIM_REMOVED, ms ? cJSON_CreateString(text) : cJSON_CreateNull());
}

/* A claim that is older than the resource is a predecessor's: nobody said that it may go. */
static void look_at_removed(struct volumes *v, const struct claim *c)
{
    const struct observed *o = v->w->o;
    const struct redis_outcome *r = &v->w->p->redis;
    int64_t left_ms = c->removed_ms + o->svc->redis.keep_removed_h * 3600000LL - o->wall_ms;

    if (c->created_ms < o->created_ms || o->created_ms < 0)
        return;
    if (c->removed_ms <= 0) {
        mark_removed(v, c, o->wall_ms);
        return;
    }
    if (left_ms > 0) {
        walk_look_again(v->w, left_ms < LOOK_AGAIN_MAX_MS ? left_ms : LOOK_AGAIN_MAX_MS);
        return;
    }
    if (r->judged && r->verdict.state == REDIS_HEALTHY && r->verdict.holds[P_SETTLED] && !r->mending)
        act(v, ACT_CLAIM_DELETE, c, "its pod left long ago");
}

static void look_at(struct volumes *v, const struct claim *c)
{
    const char *pod = pod_of(v, c);

    if (!pod || c->deleting)
        return;
    if (!is_seated(v, pod)) {
        if (v->w->p->redis.bootstrapped && !is_there(v, pod))
            look_at_removed(v, c);
        return;
    }
    if (c->removed_ms)
        mark_removed(v, c, 0);
    if (c->requested > v->want) {
        v->shrinks = true;
        snprintf(v->shrunk, sizeof(v->shrunk), "%s", c->name);
    } else if (c->requested && c->requested < v->want) {
        grow(v, c);
    }
}

/* Without a plan nobody has proved that pods beyond the spec's number hold nothing (walk_redis_nodes), and a new set would
 * not know of them. */
static bool would_lose_pods(const struct walk *w, const struct record *set)
{
    return !w->p->redis.plan.n_seats && set->spec_replicas > (int32_t)w->o->redis.expected.n_members;
}

/* The template of claims cannot change: the StatefulSet ends without its pods, and is made anew around them. */
static void renew_set(struct volumes *v)
{
    const struct record *set = v->w->o->child[CHILD_REDIS_STATEFULSET];
    struct action *a;

    if (!set || !set->claim_bytes || set->claim_bytes == v->want || would_lose_pods(v->w, set))
        return;
    v->w->leave_redis_set = true;
    if (v->growing || v->shrinks || set->deleting || !record_is_ours(set, v->w->o->uid) || v->w->p->redis.roll.pod[0])
        return;
    a = walk_act(v->w, ACT_ORPHAN, "its volumes grew");
    a->child = CHILD_REDIS_STATEFULSET;
}

static enum verdict_of_rule say(const struct volumes *v)
{
    struct walk *w = v->w;

    if (v->shrinks)
        return walk_stall(w, RULE_HOLD, "RedisVolumesShrink",
                          "spec.redis.storage.size: %s is smaller than claim %.80s: volumes cannot shrink, set it back",
                          v->size, v->shrunk);
    if (!v->growing)
        return RULE_PASS;
    walk_look_again(w, FOREIGN_AGAIN_MS);
    if (w->o->volume_problem)
        return walk_stall(w, RULE_HOLD, "RedisVolumesRefused", "spec.redis.storage.size: %.200s", w->o->volume_problem);
    return walk_say(w, RULE_HOLD, "RedisVolumesGrowing", "volumes grow to %s", v->size);
}

/* Also before the cluster is formed: the server refuses another template of claims, and with it all else that the
 * StatefulSet should become. */
enum verdict_of_rule rule_redis_volumes(struct walk *w)
{
    const struct isvc_redis *redis = &w->o->svc->redis;
    AUTO_FREE char *size = json_scalar_text(json_at(redis->spec, "storage.size"));
    struct volumes v = { .w = w, .size = size };

    v.want = quantity_bytes(v.size);
    if (!w->p->redis.wanted || !redis->present || redis->ephemeral || !v.want)
        return RULE_PASS;
    for (size_t i = 0; i < w->o->n_claims; i++)
        look_at(&v, &w->o->claims[i]);
    renew_set(&v);
    return say(&v);
}
