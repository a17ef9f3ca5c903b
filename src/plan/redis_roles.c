/*
 * Masters leave pods that end and nodes that go, and are spread over zones in quiet seconds.
 */
#include <stdio.h>

#include "rules.h"
#include "slots/roles.h"

enum { HAND_OVER_MS = 1000 };

static bool is_taken(const struct walk *w)
{
    for (size_t i = 0; i < w->p->n_actions; i++)
        if (w->p->actions[i].kind == ACT_REDIS || w->p->actions[i].kind == ACT_POD_DELETE ||
            w->p->actions[i].kind == ACT_MOVE || w->p->actions[i].kind == ACT_FUNCTIONS)
            return true;
    return false;
}

static void step(struct walk *w, bool quiet, bool busy)
{
    const struct redis_seen *seen = &w->o->redis;
    struct redis_outcome *r = &w->p->redis;
    struct roles_input in = { .x = &seen->expected, .views = seen->views, .v = &r->verdict, .quiet = quiet, .busy = busy,
                              .now_ms = w->o->now_ms };
    struct roles_step s;

    if (!r->judged || !r->bootstrapped || is_taken(w))
        return;
    roles_step_init(&s);
    roles_step(&in, &r->roles, &s);
    if (s.action != ROLES_NONE) {
        r->keep_pods = true; /* the one that hands over copies its successor next */
        snprintf(r->reason, sizeof(r->reason), "%s", s.reason);
        walk_redis_step(w, &s.commands, roles_action_name(s.action), s.again_ms);
    }
    roles_step_done(&s);
}

/* A look in the middle of a hand-over sees two owners, or none that says ok: for a moment that is what we asked for. */
static void forgive_the_moment(struct walk *w)
{
    struct redis_outcome *r = &w->p->redis;
    const struct roles_memory *asked = &w->o->redis.roles;

    if (r->state != REDIS_PARTIAL || !asked->last_ms || w->o->now_ms - asked->last_ms >= HAND_OVER_MS)
        return;
    r->state = REDIS_DEGRADED;
    r->keep_pods = true;
    snprintf(r->reason, sizeof(r->reason), "a role is being handed over");
    walk_look_again(w, HAND_OVER_MS / 4);
}

enum verdict_of_rule rule_redis_drain(struct walk *w)
{
    step(w, false, true);
    forgive_the_moment(w);
    return RULE_PASS;
}

enum verdict_of_rule rule_redis_roles(struct walk *w)
{
    const struct redis_outcome *r = &w->p->redis;
    bool healthy = r->verdict.state == REDIS_HEALTHY;

    /* healing waits for nothing when all is well: then it is a resize or a roll that does */
    step(w, healthy && r->verdict.holds[P_SETTLED] && !r->mending && r->state == REDIS_HEALTHY,
         (r->mending && healthy) || r->state == REDIS_MIGRATING);
    return RULE_PASS;
}
