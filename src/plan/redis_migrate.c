/*
 * Slots that the servers move themselves, once they are told to: Redis 8.4, Valkey 9. How much at once, what came of
 * it, and when to give it up.
 */
#include "redis_migrate.h"

#include <stdio.h>

enum { STUCK_MS = 60000 };

/* Which engine, by the versions of all; once one has failed for good, pace knows better. NULL: not all have said
 * their version. */
const struct pace *migrate_pace(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    struct pace *p = &w->p->redis.moving.pace;

    for (size_t i = 0; i < seen->expected.n_members; i++)
        if (seen->views[i].reach != REACH_OK)
            return NULL;
    if (!p->keys)
        *p = pace_start(pace_engine(seen->views, seen->expected.n_members));
    else if (p->engine != ENGINE_LEGACY && p->engine != pace_engine(seen->views, seen->expected.n_members))
        *p = pace_start(ENGINE_LEGACY);
    return p;
}

static int64_t keys_per_slot(const struct redis_seen *seen)
{
    int64_t keys = 0;

    for (size_t i = 0; i < seen->expected.n_members; i++)
        if (!seen->views[i].is_replica && seen->views[i].keys > 0)
            keys += seen->views[i].keys;
    return keys / SLOT_COUNT;
}

/* What some server says of the newest migration that failed; "" when none says anything. */
static const char *last_words(const struct redis_seen *seen)
{
    for (size_t i = 0; i < seen->expected.n_members; i++)
        for (size_t k = 0; k < seen->views[i].n_jobs; k++)
            if (seen->views[i].jobs[k].state == JOB_FAILED && seen->views[i].jobs[k].message[0])
                return seen->views[i].jobs[k].message;
    return "";
}

/* What the servers were told to move has moved, or not: then less is asked for, or another engine. */
static void judge_migration(struct walk *w, const struct resize_step *s)
{
    struct redis_moving *m = &w->p->redis.moving;
    int64_t took_ms = w->o->now_ms - m->told_ms;

    if (m->left && s->slots_left >= m->left) {
        (void)pace_failed(&m->pace);
        m->not_before_ms = w->o->now_ms + pace_wait_ms(&m->pace);
        snprintf(m->error, sizeof(m->error), "%s", last_words(&w->o->redis));
    } else if (m->left && took_ms > 0) {
        pace_took(&m->pace, took_ms);
        m->error[0] = '\0';
        m->slots_per_second = (m->left - s->slots_left) * 1000LL / took_ms;
        m->keys_per_second = m->slots_per_second * keys_per_slot(&w->o->redis);
    }
    m->left = 0;
}

bool migrate_is_stuck(struct walk *w, const struct resize_step *s)
{
    struct redis_moving *m = &w->p->redis.moving;
    bool stuck = s->jobs_run && s->action == RESIZE_WAIT && m->left && s->slots_left >= m->left &&
                 w->o->now_ms - m->told_ms > STUCK_MS;

    if (stuck)
        m->told_ms = w->o->now_ms;
    return stuck;
}

/* Nothing has been told before what was told last has been judged, and its wait is over. */
void migrate_take(struct walk *w, struct resize_step *s)
{
    struct redis_moving *m = &w->p->redis.moving;

    judge_migration(w, s);
    if (w->o->now_ms < m->not_before_ms) {
        commands_done(&s->commands);
        s->again_ms = (int)(m->not_before_ms - w->o->now_ms);
        return;
    }
    m->left = s->slots_left;
    m->told_ms = w->o->now_ms;
}
