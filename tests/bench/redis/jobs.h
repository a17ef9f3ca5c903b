/*
 * Slots that the servers move themselves (Redis 8.4, Valkey 9), driven as the operator drives them: a look, a step
 * of slots/resize.h, its commands, the pace judged by how long that took.
 */
#ifndef BENCH_JOBS_H
#define BENCH_JOBS_H

#include "slots/resize.h"
#include "unit/redis/moves.h"

#define JOBS_SECONDS 600

struct jobs {
    struct lab *lab;
    struct resize_plan plan;
    struct pace pace;
    int left;        /* slots, when the servers were last told; 0: not yet */
    int64_t told_ms; /* ... and when */
    int n_told;      /* how often */
};

static inline void jobs_judge(struct jobs *j, const struct resize_step *s)
{
    int64_t now_ms = loop_now_ms();

    if (j->left && s->slots_left >= j->left)
        (void)pace_failed(&j->pace);
    else if (j->left)
        pace_took(&j->pace, now_ms - j->told_ms);
    j->left = s->slots_left;
    j->told_ms = now_ms;
    j->n_told++;
}

/* True: another look is needed. */
static inline bool jobs_step(struct jobs *j)
{
    struct lab *l = j->lab;
    struct resize_step s;
    bool goes_on;

    lab_look(l);
    resize_step_init(&s);
    resize_step(&l->x, l->views, &l->v, &j->plan, &j->pace, &s);
    goes_on = s.slots_left > 0 || s.jobs_run;
    snprintf(l->error, sizeof(l->error), "%s: %.180s", resize_action_name(s.action), s.reason);
    if (s.action == RESIZE_MIGRATE)
        jobs_judge(j, &s);
    if (goes_on && s.commands.n)
        lab_apply(l, &s.commands);
    if (goes_on)
        usleep((useconds_t)s.again_ms * 1000);
    resize_step_done(&s);
    return goes_on;
}

/* Member i is to own slots[i]; those of the first n_owners own any. False: not done in time; lab->error says why. */
static inline bool jobs_run(struct jobs *j, struct lab *l, const struct slot_set *slots, size_t n_owners)
{
    bool goes_on = true;

    *j = (struct jobs){ .lab = l, .pace = pace_start(pace_engine(l->views, l->n)) };
    j->plan = (struct resize_plan){ .shards = (int)n_owners, .from_shards = (int)l->n, .nodes = l->n, .to_move = SLOT_COUNT / 2,
                                    .n_owners = n_owners };
    j->plan.owners = xcalloc(n_owners, sizeof(*j->plan.owners));
    for (size_t i = 0; i < n_owners; i++) {
        memcpy(j->plan.owners[i].id, l->views[i].id, sizeof(j->plan.owners[i].id));
        j->plan.owners[i].slots = slots[i];
    }
    for (int64_t until = lab_until(JOBS_SECONDS); goes_on && loop_now_ms() < until;)
        goes_on = jobs_step(j);
    resize_plan_done(&j->plan);
    return !goes_on;
}

#endif
