/* The arithmetic of autoscaling: metric to wish, wish to what behavior allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sim/controllers/autoscale.h"

struct ratio_row {
    const char *name;
    struct autoscale_pods pods; /* wanted, ready, unready */
    int64_t current, target, want;
};

static const struct ratio_row ratios[] = {
    { "twice the load, twice the pods", { 3, 3, 0 }, 160, 80, 6 },
    { "rounded up", { 3, 3, 0 }, 100, 80, 4 },
    { "within a tenth nothing moves", { 3, 3, 0 }, 88, 80, 3 },
    { "just beyond a tenth it does", { 10, 10, 0 }, 89, 80, 12 },
    { "half the load, half the pods", { 4, 4, 0 }, 40, 80, 2 },
    { "no load at all", { 4, 4, 0 }, 0, 80, 0 },
    { "nobody ready: no change", { 3, 0, 3 }, 500, 80, 3 },
    { "pods on their way damp the rise", { 4, 2, 2 }, 160, 80, 4 },
    { "a rise beyond what is on its way", { 4, 2, 2 }, 320, 80, 8 },
    { "a fall counts ready pods only", { 4, 3, 1 }, 40, 80, 2 },
};

static void check_ratio(void **state)
{
    const struct ratio_row *r = *state;

    assert_int_equal(autoscale_by_ratio(&r->pods, r->current * 1000, r->target * 1000, 100), r->want);
}

static void totals_are_divided(void **state)
{
    struct autoscale_pods p = { 3, 3, 0 };
    (void)state;

    assert_int_equal(autoscale_by_total(&p, 500000, 100000, 100), 5);
    assert_int_equal(autoscale_by_total(&p, 310000, 100000, 100), 3);
}

#define PODS(n, s) { false, n, (s) * 1000 }
#define PERCENT(n, s) { true, n, (s) * 1000 }

/* Wishes in time; after each that is granted the target follows at once. */
struct wish {
    int64_t at_s, wish, want;
};

struct behave_row {
    const char *name;
    struct autoscale_behavior b;
    int64_t start;
    struct wish wishes[6];
    const char *limit; /* of the last */
};

static const struct behave_row behaves[] = {
    { "no rules but bounds", { { SELECT_MAX, 0, { PODS(100, 15) }, 1 }, { SELECT_MAX, 0, { PERCENT(100, 15) }, 1 }, 2, 10 },
      3, { { 0, 7, 7 }, { 1, 20, 10 } }, "TooManyReplicas" },
    { "never below the minimum", { { SELECT_MAX, 0, { PODS(100, 15) }, 1 }, { SELECT_MAX, 0, { PERCENT(100, 15) }, 1 }, 2, 10 },
      7, { { 0, 0, 2 } }, "TooFewReplicas" },
    { "up is disabled", { { SELECT_DISABLED, 0, { PODS(4, 15) }, 1 }, { SELECT_MAX, 0, { PERCENT(100, 15) }, 1 }, 1, 10 },
      3, { { 0, 7, 3 } }, "ScaleUpLimit" },
    { "down is disabled", { { SELECT_MAX, 0, { PODS(4, 15) }, 1 }, { SELECT_DISABLED, 0, { PERCENT(100, 15) }, 1 }, 1, 10 },
      7, { { 0, 2, 7 } }, "ScaleDownLimit" },
    { "two pods per minute", { { SELECT_MAX, 0, { PODS(2, 60) }, 1 }, { SELECT_MAX, 0, { PERCENT(100, 15) }, 1 }, 1, 20 },
      3, { { 0, 9, 5 }, { 10, 9, 5 }, { 61, 9, 7 } }, "ScaleUpLimit" },
    { "the larger of two policies", { { SELECT_MAX, 0, { PODS(4, 15), PERCENT(100, 15) }, 2 }, { SELECT_MAX, 0, { PERCENT(100, 15) }, 1 }, 1, 50 },
      10, { { 0, 40, 20 } }, "ScaleUpLimit" },
    { "the smaller of two policies", { { SELECT_MIN, 0, { PODS(4, 15), PERCENT(100, 15) }, 2 }, { SELECT_MAX, 0, { PERCENT(100, 15) }, 1 }, 1, 50 },
      10, { { 0, 40, 14 } }, "ScaleUpLimit" },
    { "a window holds the fall back", { { SELECT_MAX, 0, { PODS(9, 15) }, 1 }, { SELECT_MAX, 60000, { PERCENT(100, 15) }, 1 }, 1, 20 },
      5, { { 0, 5, 5 }, { 10, 2, 5 }, { 59, 2, 5 }, { 61, 2, 2 } }, NULL },
    { "the highest wish of the window counts", { { SELECT_MAX, 0, { PODS(9, 15) }, 1 }, { SELECT_MAX, 60000, { PERCENT(100, 15) }, 1 }, 1, 20 },
      5, { { 0, 5, 5 }, { 30, 4, 5 }, { 61, 2, 4 }, { 91, 2, 2 } }, NULL },
    { "what it had before the controller came counts", { { SELECT_MAX, 0, { PODS(9, 15) }, 1 }, { SELECT_MAX, 60000, { PERCENT(100, 15) }, 1 }, 1, 20 },
      7, { { 0, 1, 7 }, { 61, 1, 1 } }, NULL },
    { "a window for the rise, too", { { SELECT_MAX, 30000, { PODS(9, 15) }, 1 }, { SELECT_MAX, 0, { PERCENT(100, 15) }, 1 }, 1, 20 },
      3, { { 0, 8, 3 }, { 29, 8, 3 }, { 31, 8, 8 } }, NULL },
};

static void check_behave(void **state)
{
    const struct behave_row *r = *state;
    struct autoscale_memory m = { 0 };
    struct autoscale_verdict v = { 0 };
    int64_t now = r->start;

    for (size_t i = 0; i < COUNT(r->wishes) && (i == 0 || r->wishes[i].at_s); i++) {
        int64_t at = 1000000000 + r->wishes[i].at_s * 1000;

        v = autoscale_behave(&r->b, &m, now, r->wishes[i].wish, at);
        assert_int_equal(v.replicas, r->wishes[i].want);
        if (v.replicas != now)
            autoscale_note_step(&m, now, v.replicas, at);
        now = v.replicas;
    }
    if (r->limit)
        assert_string_equal(v.limit, r->limit);
    else
        assert_null(v.limit);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(ratios) + COUNT(behaves) + 1];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(ratios); i++)
        tests[n++] = (struct CMUnitTest){ ratios[i].name, check_ratio, NULL, NULL, (void *)&ratios[i] };
    for (size_t i = 0; i < COUNT(behaves); i++)
        tests[n++] = (struct CMUnitTest){ behaves[i].name, check_behave, NULL, NULL, (void *)&behaves[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(totals_are_divided);
    return cmocka_run_group_tests_name("autoscale", tests, NULL, NULL);
}
