#include "slots/pace.h"

#define IDLE_TIMES 3
#define FAILS_AT_ONE_SIZE 2
#define IN_VAIN 4 /* steps; each halves something */
#define PACE_KEYS_BUSY 64
#define WAIT_MS 500
#define WAIT_MAX_MS 30000
#define JOB_INSTANT_MS 500
#define JOB_SHORT_MS 2000
#define JOB_LONG_MS 8000

enum move_engine pace_engine(const struct node_view *views, size_t n)
{
    bool redis = n > 0, valkey = n > 0;

    for (size_t i = 0; i < n; i++) {
        redis = redis && views[i].reach == REACH_OK && view_jobs_kind(&views[i]) == JOBS_REDIS;
        valkey = valkey && views[i].reach == REACH_OK && view_jobs_kind(&views[i]) == JOBS_VALKEY;
    }
    return redis ? ENGINE_REDIS_ASM : valkey ? ENGINE_VALKEY_ASM : ENGINE_LEGACY;
}

const char *move_engine_name(enum move_engine e)
{
    static const char *const names[] = { "migrate", "redis-asm", "valkey-asm" };

    return names[e];
}

struct pace pace_start(enum move_engine engine)
{
    struct pace p = { .keys = 32, .slots = PACE_SLOTS_MAX / 2, .pairs = 1, .engine = engine };

    if (engine != ENGINE_LEGACY) {
        p.slots = PACE_JOB_SLOTS_FIRST;
        p.pairs = PACE_PAIRS_MAX / 2;
    }
    return p;
}

void pace_idle(struct pace *p, int64_t seen_us)
{
    if (seen_us > 0)
        p->idle_us = seen_us < PACE_IDLE_MAX_US ? seen_us : PACE_IDLE_MAX_US;
}

int64_t pace_limit_us(const struct pace *p)
{
    int64_t limit = p->idle_us * IDLE_TIMES;

    return limit > PACE_LEAST_LIMIT_US ? limit : PACE_LEAST_LIMIT_US;
}

static int at_least(int n, int least)
{
    return n > least ? n : least;
}

static int at_most(int n, int most)
{
    return n < most ? n : most;
}

/* Each pair keeps two servers busy, and who calls a third one waits for a processor too: they come first. One MIGRATE
 * holds both of its ends: its size is next. Fewer open slots cost more than they spare: each window makes every
 * server write its nodes.conf. */
static void slow_down(struct pace *p)
{
    if (p->pairs > 1)
        p->pairs /= 2;
    else if (p->keys > PACE_KEYS_MIN)
        p->keys = at_least(p->keys / 2, PACE_KEYS_MIN);
    else if (p->slots > PACE_SLOTS_MIN)
        p->slots = at_least(p->slots / 2, PACE_SLOTS_MIN);
}

/* On a busy machine a source waits for its target to be given a processor, and whoever calls it waits too: there
 * large MIGRATEs and many of them cost more than they bring. */
static void speed_up(struct pace *p)
{
    bool busy = p->idle_us * IDLE_TIMES > PACE_LEAST_LIMIT_US;

    if (p->slots < PACE_SLOTS_MAX / 2)
        p->slots = at_most(p->slots * 2, PACE_SLOTS_MAX / 2);
    else if (p->keys < PACE_KEYS_BUSY)
        p->keys = at_most(p->keys + 16, PACE_KEYS_BUSY);
    else if (p->pairs < 4)
        p->pairs++;
    else if (!busy && p->keys < PACE_KEYS_MAX)
        p->keys = at_most(p->keys + 16, PACE_KEYS_MAX);
    else if (!busy)
        p->pairs = at_most(p->pairs + 1, PACE_PAIRS_MAX);
}

static bool is_slowest(const struct pace *p)
{
    return p->keys <= PACE_KEYS_MIN && p->slots <= PACE_SLOTS_MIN && p->pairs == 1;
}

/* The machine is busy with something else. */
static bool is_in_vain(const struct pace *p, int64_t seen_us)
{
    return is_slowest(p) || (p->n_slowed >= IN_VAIN && seen_us * 4 > p->slowed_us * 3);
}

static void yield_to(struct pace *p, int64_t seen_us)
{
    if (is_in_vain(p, seen_us)) {
        p->idle_us = seen_us / 2;
        p->n_slowed = 0;
        return;
    }
    if (p->n_slowed++ == 0)
        p->slowed_us = seen_us;
    slow_down(p);
}

void pace_latency(struct pace *p, int64_t seen_us)
{
    bool above = seen_us > pace_limit_us(p);

    if (above)
        yield_to(p, seen_us);
    else
        p->n_slowed = 0;
    if (!above && seen_us < pace_limit_us(p) / 2)
        speed_up(p);
    if (seen_us < p->idle_us)
        p->idle_us -= (p->idle_us - seen_us) / 3;
}

void pace_worked(struct pace *p)
{
    p->fails = 0;
    if (p->engine == ENGINE_LEGACY)
        p->slots = at_most(at_least(p->slots * 2, 1), PACE_SLOTS_MAX / 2);
}

void pace_took(struct pace *p, int64_t job_ms)
{
    p->fails = 0;
    if (job_ms < JOB_SHORT_MS)
        p->slots = at_most(p->slots * (job_ms < JOB_INSTANT_MS ? 4 : 2), PACE_JOB_SLOTS_MAX);
    else if (job_ms > JOB_LONG_MS)
        p->slots = at_least(p->slots / 2, 1);
}

enum pace_advice pace_failed(struct pace *p)
{
    if (++p->fails < FAILS_AT_ONE_SIZE)
        return PACE_AGAIN;
    p->fails = 0;
    if (p->slots > 1 || p->pairs > 1) {
        p->slots = at_least(p->slots / 8, 1);
        p->keys = at_least(p->keys / 8, PACE_KEYS_MIN);
        p->pairs = 1;
        p->fails = 1;
        return PACE_SMALLER;
    }
    if (p->engine == ENGINE_LEGACY)
        return PACE_QUARANTINE;
    p->engine = ENGINE_LEGACY;
    return PACE_ENGINE;
}

int pace_wait_ms(const struct pace *p)
{
    return p->fails == 0 ? 0 : p->fails > 6 ? WAIT_MAX_MS : at_most(WAIT_MS << p->fails, WAIT_MAX_MS);
}
