/*
 * The rules about restarting Redis: which image may follow, and whose turn it is.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"

enum { HAND_OVER_MS = 1000 };

/* What a server is made of is what the image holds, whatever its tag says: tags are the owner's to choose. */
static bool is_of_image(const struct observed *o, const char *pod, const char *image)
{
    const struct pod *p = walk_redis_pod(o, pod);

    return p && p->image_hash == image_hash_of(image);
}

/* Every other one that runs has to be able to become that: after half an upgrade they differ. */
static int check_image(const struct walk *w, struct err *e)
{
    const struct redis_seen *seen = &w->o->redis;
    const struct isvc_redis *want = &w->o->svc->redis;

    for (size_t i = 0; seen->views && i < seen->expected.n_members; i++) {
        const struct node_view *v = &seen->views[i];

        if (v->reach == REACH_OK && !is_of_image(w->o, seen->expected.members[i].pod, want->image) &&
            roll_image_check(want->image, want->is_valkey, v->version, v->is_valkey, e) < 0)
            return -ERR_INVALID;
    }
    return 0;
}

/* Refused before the template has it: whatever pod ends by chance would come back with it. */
enum verdict_of_rule rule_redis_image(struct walk *w)
{
    struct err e = { 0 };

    if (!w->p->redis.bootstrapped || !w->o->svc->redis.present || check_image(w, &e) == 0)
        return RULE_PASS;
    w->leave_redis_pods = true;
    return walk_stall(w, RULE_HOLD, "RedisImageRefused", "spec.redis.image %.60s: %.140s", w->o->svc->redis.image, e.msg);
}

const struct pod *walk_redis_pod(const struct observed *o, const char *name)
{
    for (size_t i = 0; i < o->n_pods; i++)
        if (o->pods[i].of_redis && str_eq(o->pods[i].name, name))
            return &o->pods[i];
    return NULL;
}

static struct roll_pod *pods_of_members(const struct walk *w)
{
    const struct expected *x = &w->o->redis.expected;
    struct roll_pod *pods = xcalloc(x->n_members, sizeof(*pods));

    for (size_t i = 0; i < x->n_members; i++) {
        const struct pod *p = walk_redis_pod(w->o, x->members[i].pod);

        pods[i] = p ? (struct roll_pod){ true, p->running, p->ready, p->deleting, p->uid, p->waiting,
                                       p->restarts }
                    : (struct roll_pod){ .uid = "", .waiting = "" };
    }
    return pods;
}

/* What the next pod is made of is what spec wants: else it would be restarted twice. */
static bool is_applied(const struct walk *w)
{
    static const enum child made_of[] = { CHILD_REDIS_CONFIGMAP, CHILD_REDIS_STATEFULSET };
    struct desired_input in = w->in;

    in.redis_nodes = walk_redis_nodes(w);
    for (size_t i = 0; i < COUNT(made_of); i++) {
        AUTO_JSON cJSON *body = desired_child(made_of[i], w->o->svc, &in);

        if (!w->leave_redis_pods && !walk_child_is_so(w, made_of[i], body))
            return false;
    }
    return true;
}

static bool keeps_data(const struct isvc_redis *r)
{
    return !r->ephemeral && r->persistence == REDIS_APPEND_ONLY;
}

static void delete_pod(struct walk *w, size_t member, const struct roll_pod *pods)
{
    struct action *a = walk_act(w, ACT_POD_DELETE, "restart");

    snprintf(a->pod, sizeof(a->pod), "%s", w->o->redis.expected.members[member].pod);
    snprintf(a->pod_uid, sizeof(a->pod_uid), "%s", pods[member].uid);
}

static bool differs(const struct roll_plan *a, const struct roll_plan *b)
{
    return strcmp(a->pod, b->pod) != 0 || strcmp(a->uid, b->uid) != 0 || strcmp(a->to, b->to) != 0 ||
           a->failover_wall_ms != b->failover_wall_ms || a->tries != b->tries;
}

static enum verdict_of_rule take(struct walk *w, struct roll_step *s, const struct roll_pod *pods)
{
    struct redis_outcome *r = &w->p->redis;

    if (s->action == ROLL_NONE)
        return RULE_PASS;
    w->p->status_first |= differs(&s->plan, &r->roll);
    r->roll = s->plan;
    if (s->action == ROLL_DELETE)
        delete_pod(w, s->member, pods);
    if (!r->mending)
        walk_redis_step(w, &s->commands, roll_action_name(s->action), s->again_ms);
    else
        walk_look_again(w, s->again_ms);
    if (s->action == ROLL_REFUSE)
        return walk_stall(w, RULE_HOLD, "RedisRollStopped", "%s", s->reason);
    return walk_say(w, RULE_HOLD, "RedisRolling", "%s (%zu of %zu pods to go)", s->reason, s->n_outdated,
                    w->o->redis.expected.n_members);
}

/* The views of one moment in which we had a master hand over: who owned no more, and who does not yet. */
static void excuse_hand_over(struct walk *w)
{
    struct redis_outcome *r = &w->p->redis;
    int64_t since_ms = w->o->wall_ms - r->roll.failover_wall_ms;

    if (r->roll.to[0] && since_ms >= 0 && since_ms < HAND_OVER_MS &&
        (r->state == REDIS_PARTIAL || r->state == REDIS_DOWN))
        r->state = REDIS_DEGRADED;
}

enum verdict_of_rule rule_redis_roll(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    struct redis_outcome *r = &w->p->redis;
    struct roll_input in = { .x = &seen->expected, .views = r->judged ? seen->views : NULL, .v = &r->verdict,
                             .plan = &r->roll, .formed = r->bootstrapped, .busy = r->mending,
                             .wall_ms = w->o->wall_ms };
    AUTO_FREE struct roll_pod *pods = NULL;
    enum verdict_of_rule how = RULE_PASS;
    struct roll_step s;

    if (!r->wanted || !w->o->svc->redis.present)
        return RULE_PASS;
    excuse_hand_over(w);
    in.keeps_data = keeps_data(&w->o->svc->redis);
    in.pods = pods = pods_of_members(w);
    roll_step_init(&s);
    roll_step(&in, &s);
    r->n_outdated = s.n_outdated;
    if (s.n_outdated == 0 || is_applied(w))
        how = take(w, &s, pods);
    roll_step_done(&s);
    return how;
}
