/* Whether a Redis pod may be evicted, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/rules.h"

enum { ABSENT = -2 };

static const struct row {
    const char *name;
    enum redis_state state;
    int live;     /* maxUnavailable as it is */
    int replicas; /* per shard */
    int alone;    /* shards without a copy in sync */
    bool serving, settled, kept;
    bool want;
} rows[] = {
    { "healthy for a while: yes", REDIS_HEALTHY, 0, 1, 0, true, true, false, true },
    { "healthy since now: not yet", REDIS_HEALTHY, 0, 1, 0, true, false, false, false },
    { "healthy since now, allowed before: still", REDIS_HEALTHY, 1, 1, 0, true, false, false, true },
    { "a budget that somebody made wider counts as no", REDIS_HEALTHY, 3, 1, 0, true, false, false, false },
    { "the first one is made when health has lasted", REDIS_HEALTHY, ABSENT, 1, 0, true, false, false, false },
    { "a shard without a copy: no, at once", REDIS_DEGRADED, 1, 1, 1, true, false, false, false },
    { "one of two replicas is behind: it stays as it is", REDIS_DEGRADED, 1, 2, 0, true, false, false, true },
    { "one of two replicas is behind: no new yes", REDIS_DEGRADED, 0, 2, 0, true, false, false, false },
    { "without replicas, degraded but serving: stays", REDIS_DEGRADED, 1, 0, 3, true, false, false, true },
    { "not all served: no", REDIS_PARTIAL, 1, 1, 0, false, false, false, false },
    { "down: no", REDIS_DOWN, 1, 1, 3, false, false, false, false },
    { "unknown, nobody answers: no", REDIS_UNKNOWN, 1, 1, 0, false, false, false, false },
    { "forming: no", REDIS_FORMING, 1, 1, 0, true, true, false, false },
    { "slots move: no", REDIS_MIGRATING, 1, 1, 0, true, true, false, false },
    { "a roll needs all that are there: no", REDIS_HEALTHY, 1, 1, 0, true, true, true, false },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct record live = { .max_unavailable = r->live };
    struct observed o = { .redis.expected.replicas_per_shard = r->replicas };
    struct plan p = { .redis = { .wanted = true, .state = r->state, .keep_pods = r->kept } };
    struct walk w = { .o = &o, .p = &p };

    if (r->live != ABSENT)
        o.child[CHILD_REDIS_PDB] = &live;
    p.redis.verdict.serving = r->serving;
    p.redis.verdict.n_alone = r->alone;
    p.redis.verdict.holds[P_SETTLED] = r->settled;
    assert_int_equal(budget_allows(&w), r->want);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
