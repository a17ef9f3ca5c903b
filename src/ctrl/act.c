/*
 * Carries out a plan, one action after another: the status first when it is a promise to ourselves,
 * last when it is a report.
 */
#include "base/log.h"
#include "shell.h"

enum { APPLY_DEADLINE_MS = 2000 };

bool act_is_passing(const struct err *e)
{
    return e->kind == ERR_CONFLICT || e->kind == ERR_RETRY;
}

int64_t refused_for_ms(const struct err *e)
{
    return act_is_passing(e) ? PASSING_AGAIN_MS : REFUSED_AGAIN_MS;
}

_Static_assert(PLAN_ACTIONS_MAX <= 64, "a bit for each");

void act_wrote(struct pass *p)
{
    p->acted = true;
    p->wrote |= UINT64_C(1) << p->next_action;
}

static void end_ok(struct pass *p)
{
    pass_end(p, NULL, p->acted ? 0 : p->plan.look_again_ms);
}

/* The key goes on as planned: Redis has to be looked at whatever becomes of the Deployment. */
static void end_failed(struct pass *p)
{
    int64_t again_ms = p->plan.look_again_ms, most_ms = refused_for_ms(&p->failed);

    pass_end(p, NULL, again_ms >= 0 && again_ms < most_ms ? again_ms : most_ms);
}

static void on_redis(void *arg, const struct redis_result *results, size_t n, enum reply_class worst)
{
    struct pass *p = arg;

    for (size_t i = 0; i < n; i++)
        settings_remember(track_settings(p->track), &p->plan.redis.commands.items[i], results[i].what, results[i].error,
                          loop_now_ms());
    for (size_t i = 0; i < n; i++)
        if (results[i].what > REPLY_ALREADY)
            log_warn("Redis refused a step", F("service", p->key), F("step", p->plan.redis.step),
                     F("pod", p->members[p->plan.redis.commands.items[i].member].pod),
                     F("error", (const char *)results[i].error), F("meaning", reply_class_name(results[i].what)));
    p->apply = NULL;
    p->wrote |= UINT64_C(1) << p->next_action;
    if (worst <= REPLY_ALREADY && p->plan.redis.reloading)
        p->track->reloaded = p->plan.redis.reloading; /* the one thing that no snapshot shows */
    act_next(p);
}

static void step_redis(struct pass *p)
{
    const struct commands *cmds = &p->plan.redis.commands;
    size_t n = p->o.redis.expected.n_members;
    struct access a;

    if (!pass_leads(p))
        return;
    access_init(p, &a);
    for (size_t i = 0; i < cmds->n; i++)
        metric_inc(p->c->m.redis_commands);
    p->apply = redis_apply_start(p->c->loop, p->targets, n, cmds->items, cmds->n, &a.auth, APPLY_DEADLINE_MS, on_redis, p);
}

static void next(struct pass *p)
{
    static void (*const run[])(struct pass *p) = {
        [ACT_APPLY] = child_apply,
        [ACT_DELETE] = child_delete,
        [ACT_REDIS] = step_redis,
        [ACT_POD_DELETE] = pod_delete,
        [ACT_MOVE] = move_slots,
        [ACT_FUNCTIONS] = move_functions,
        [ACT_CLAIM_PATCH] = claim_patch,
        [ACT_CLAIM_DELETE] = claim_delete,
        [ACT_ORPHAN] = child_delete,
        [ACT_REVISION_FIND] = revision_find,
        [ACT_REVISION_READ] = revision_read,
        [ACT_REVISION_KEEP] = revision_keep,
        [ACT_REVISION_PRUNE] = revision_prune,
    };

    if (p->next_action < p->plan.n_actions) {
        run[p->plan.actions[p->next_action].kind](p);
        return;
    }
    report_remember(p);
    if (p->failed.kind != ERR_NONE) {
        report_failure(p, end_failed);
        return;
    }
    if (p->acted && !p->plan.gate.opened && !queue_is_tripped(p->c->queue, p->key, loop_now_ms())) {
        end_ok(p); /* what was done shows at the next pass, which reports it: one status, not two */
        return;
    }
    if (p->acted && !p->plan.gate.opened)
        report_fight(p, end_ok);
    else
        report(p, end_ok);
}

void act_next(struct pass *p)
{
    if (p->c->cfg.look) {
        pass_decide(p);
        return;
    }
    p->next_action++;
    next(p);
}

void act_run(struct pass *p)
{
    if (p->plan.status_first)
        report(p, next);
    else
        next(p);
}
