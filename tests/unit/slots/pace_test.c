/*
 * How fast slots may move, and what follows a failure: values in, values out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "slots/pace.h"

static const struct version_row {
    const char *name;
    const char *versions[3]; /* "v" before one of Valkey, "!" before one that is silent */
    enum move_engine want;
} version_rows[] = {
    { "all Redis 8.4: atomic", { "8.4.0", "8.4.1", "9.0.0" }, ENGINE_REDIS_ASM },
    { "one Redis 8.2: slot by slot", { "8.4.0", "8.2.9", "8.4.0" }, ENGINE_LEGACY },
    { "Redis 7.0", { "7.0.15", "7.0.15", "7.0.15" }, ENGINE_LEGACY },
    { "all Valkey 9: atomic", { "v9.0.0", "v9.1.2", "v10.0.0" }, ENGINE_VALKEY_ASM },
    { "one Valkey 8.1", { "v9.0.0", "v8.1.4", "v9.0.0" }, ENGINE_LEGACY },
    { "Redis and Valkey mixed", { "8.4.0", "v9.0.0", "8.4.0" }, ENGINE_LEGACY },
    { "Redis 10.0 is above 8.4", { "10.0.0", "10.0.0", "10.0.0" }, ENGINE_REDIS_ASM },
    { "a version that is none", { "8.4.0", "eight", "8.4.0" }, ENGINE_LEGACY },
    { "one that does not answer", { "8.4.0", "!8.4.0", "8.4.0" }, ENGINE_LEGACY },
};

static void check_version(void **state)
{
    const struct version_row *r = *state;
    struct node_view views[3];

    for (size_t i = 0; i < 3; i++) {
        const char *v = r->versions[i];

        view_init(&views[i]);
        views[i].reach = v[0] == '!' ? REACH_NONE : REACH_OK;
        views[i].is_valkey = v[0] == 'v';
        memcpy(views[i].version, v + (v[0] == 'v' || v[0] == '!'), strlen(v) + 1 - (v[0] == 'v' || v[0] == '!'));
    }
    assert_string_equal(move_engine_name(pace_engine(views, 3)), move_engine_name(r->want));
    assert_int_equal(pace_engine(views, 0), ENGINE_LEGACY);
}

static const struct latency_row {
    const char *name;
    struct pace from;
    int64_t seen_us;
    int keys, slots, pairs;
} latency_rows[] = {
    { "below half of the limit: another pair", { .keys = 64, .slots = 32, .pairs = 2, .idle_us = 100 }, 300, 64, 32, 3 },
    { "pairs enough: more slots", { .keys = 64, .slots = 8, .pairs = 4, .idle_us = 100 }, 300, 64, 16, 4 },
    { "slots enough: more keys", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 100 }, 300, 80, 32, 4 },
    { "never more keys than the maximum", { .keys = 250, .slots = 32, .pairs = 4, .idle_us = 100 }, 300, 256, 32, 4 },
    { "never more pairs than the maximum", { .keys = 256, .slots = 32, .pairs = 8, .idle_us = 100 }, 300, 256, 32, 8 },
    { "between half and the limit: as it is", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 100 }, 4000, 64, 32, 4 },
    { "above the limit: half the keys", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 100 }, 5001, 32, 32, 4 },
    { "three times idle, where that is more", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 4000 }, 11000, 64, 32, 4 },
    { "and above that", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 4000 }, 12001, 32, 32, 4 },
    { "least keys: half the pairs", { .keys = 8, .slots = 32, .pairs = 4, .idle_us = 100 }, 9000, 8, 32, 2 },
    { "one pair: half the slots", { .keys = 8, .slots = 32, .pairs = 1, .idle_us = 100 }, 9000, 8, 16, 1 },
    { "there is no less than one slot", { .keys = 8, .slots = 1, .pairs = 1, .idle_us = 100 }, 9000, 8, 1, 1 },
};

static void check_latency(void **state)
{
    const struct latency_row *r = *state;
    struct pace p = r->from;

    pace_latency(&p, r->seen_us);
    assert_int_equal(p.keys, r->keys);
    assert_int_equal(p.slots, r->slots);
    assert_int_equal(p.pairs, r->pairs);
}

/* What is advised, failure after failure, until a slot is set aside. */
static const struct fail_row {
    const char *name;
    enum move_engine engine;
    const char *want;
} fail_rows[] = {
    { "migrate: again, smaller, slot by slot, quarantine", ENGINE_LEGACY, "as" "s" "q" },
    { "atomic: smaller until one slot, then migrate, then quarantine", ENGINE_REDIS_ASM, "as" "s" "e" "a" "q" },
    { "the same with Valkey", ENGINE_VALKEY_ASM, "as" "s" "e" "a" "q" },
};

static void check_fails(void **state)
{
    static const char letters[] = { [PACE_AGAIN] = 'a', [PACE_SMALLER] = 's', [PACE_ENGINE] = 'e', [PACE_QUARANTINE] = 'q' };
    const struct fail_row *r = *state;
    struct pace p = pace_start(r->engine);
    char got[32] = "";

    for (size_t i = 0; i + 1 < sizeof(got) && (i == 0 || got[i - 1] != 'q'); i++) {
        got[i] = letters[pace_failed(&p)];
        assert_true(p.slots >= 1 && p.pairs >= 1 && p.keys >= PACE_KEYS_MIN);
    }
    assert_string_equal(got, r->want);
    assert_int_equal(p.slots, 1);
    assert_int_equal(p.engine, ENGINE_LEGACY);
}

static void success_forgives_and_grows(void **state)
{
    struct pace p = pace_start(ENGINE_VALKEY_ASM);
    (void)state;

    pace_failed(&p);
    assert_true(pace_wait_ms(&p) > 0);
    pace_failed(&p);
    assert_int_equal(p.slots, PACE_SLOTS_MAX / 8);
    pace_worked(&p);
    assert_int_equal(p.fails, 0);
    assert_int_equal(pace_wait_ms(&p), 0);
    assert_int_equal(p.slots, PACE_SLOTS_MAX / 4);
    for (int i = 0; i < 10; i++)
        pace_worked(&p);
    assert_int_equal(p.slots, PACE_SLOTS_MAX);
}

static void a_busy_machine_does_not_stop_it(void **state)
{
    struct pace p = { .keys = PACE_KEYS_MIN, .slots = 1, .pairs = 1, .idle_us = 300 };
    (void)state;

    pace_latency(&p, 30000);
    assert_int_equal(p.idle_us, 15000);
    assert_int_equal(pace_limit_us(&p), 45000);
    pace_latency(&p, 20000);
    assert_int_equal(p.pairs, 2);
    for (int i = 0; i < 60; i++)
        pace_latency(&p, 400);
    assert_true(p.idle_us < 500);
    assert_int_equal(pace_limit_us(&p), PACE_LEAST_LIMIT_US);
}

/* What a quarter of the pace does not mend is not its doing. */
static void slowing_in_vain_ends(void **state)
{
    struct pace vain = { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 300 }, helps = vain;
    (void)state;

    for (int i = 0; i < 3; i++)
        pace_latency(&vain, 20000);
    assert_int_equal(vain.keys, 16);
    assert_int_equal(vain.idle_us, 10000);
    pace_latency(&vain, 20000);
    assert_int_equal(vain.keys, 16);
    pace_latency(&helps, 20000);
    pace_latency(&helps, 15000);
    pace_latency(&helps, 9000);
    assert_int_equal(helps.keys, 8);
    assert_true(helps.idle_us <= 300);
}

static void waits_are_bounded(void **state)
{
    struct pace p = pace_start(ENGINE_LEGACY);
    (void)state;

    for (p.fails = 0; p.fails < 100; p.fails++)
        assert_true(pace_wait_ms(&p) >= 0 && pace_wait_ms(&p) <= 30000);
}

#define ROWS(rows, check)                                                                                   \
    for (size_t i = 0; i < COUNT(rows); i++)                                                                \
    tests[n++] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] }

int main(void)
{
    struct CMUnitTest tests[4 + COUNT(version_rows) + COUNT(latency_rows) + COUNT(fail_rows)] = {
        cmocka_unit_test(success_forgives_and_grows),
        cmocka_unit_test(waits_are_bounded),
        cmocka_unit_test(a_busy_machine_does_not_stop_it),
        cmocka_unit_test(slowing_in_vain_ends),
    };
    size_t n = 4;

    ROWS(version_rows, check_version);
    ROWS(latency_rows, check_latency);
    ROWS(fail_rows, check_fails);
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
