/* The arithmetic of rolling updates: one step, from counts to counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sim/controllers/rollout.h"

struct row {
    const char *name;
    void (*step)(const struct rollout_limits *l, struct rollout_set *sets, size_t n);
    struct rollout_limits limits; /* replicas, surge, unavailable */
    struct rollout_set sets[3];   /* replicas, available, want; the new one first */
};

static const struct row rows[] = {
    { "the first rollout creates everything", rollout_step, { 3, 1, 0 }, { { 0, 0, 3 } } },
    { "surge one: the new set gets one pod", rollout_step, { 3, 1, 0 }, { { 0, 0, 1 }, { 3, 3, 3 } } },
    { "no old pod goes before the new one is available", rollout_step, { 3, 1, 0 }, { { 1, 0, 1 }, { 3, 3, 3 } } },
    { "an available new pod frees an old one", rollout_step, { 3, 1, 0 }, { { 1, 1, 1 }, { 3, 3, 2 } } },
    { "stale counts of the old set free no second one", rollout_step, { 3, 1, 0 }, { { 1, 1, 2 }, { 2, 3, 2 } } },
    { "the last old pod goes", rollout_step, { 3, 1, 0 }, { { 3, 3, 3 }, { 1, 1, 0 } } },
    { "unavailable one, no surge: an old one goes first", rollout_step, { 3, 0, 1 }, { { 0, 0, 0 }, { 3, 3, 2 } } },
    { "unavailable one, no surge: then a new one comes", rollout_step, { 3, 0, 1 }, { { 0, 0, 1 }, { 2, 2, 2 } } },
    { "unhealthy old pods go at once", rollout_step, { 3, 1, 1 }, { { 2, 1, 2 }, { 2, 1, 1 } } },
    { "back to the old template: the bad set goes", rollout_step, { 2, 1, 0 }, { { 2, 2, 2 }, { 1, 0, 0 } } },
    { "the oldest set goes first", rollout_step, { 2, 2, 0 }, { { 2, 2, 2 }, { 1, 1, 0 }, { 1, 1, 0 } } },
    { "more new pods than wanted", rollout_step, { 2, 1, 0 }, { { 5, 5, 2 } } },
    { "scaled up when settled", rollout_spread, { 5, 1, 0 }, { { 3, 3, 5 } } },
    { "scaled to zero in a rollout", rollout_spread, { 0, 1, 0 }, { { 1, 1, 0 }, { 3, 3, 0 } } },
    { "scaled up in a rollout: by size", rollout_spread, { 12, 0, 0 }, { { 2, 2, 4 }, { 4, 4, 8 } } },
    { "scaled up in a rollout: what is left goes to the biggest", rollout_spread, { 5, 0, 0 }, { { 1, 1, 2 }, { 2, 2, 3 } } },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct rollout_set sets[3];
    size_t n = 1;

    for (size_t i = 0; i < 3; i++) {
        sets[i] = r->sets[i];
        sets[i].want = -1;
        if (r->sets[i].replicas)
            n = i + 1;
    }
    r->step(&r->limits, sets, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(sets[i].want, r->sets[i].want);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("rollout", tests, NULL, NULL);
}
