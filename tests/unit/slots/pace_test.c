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
    { "below half of the limit: more slots", { .keys = 16, .slots = 8, .pairs = 1, .idle_us = 100 }, 300, 16, 16, 1 },
    { "slots enough: more keys", { .keys = 32, .slots = 32, .pairs = 1, .idle_us = 100 }, 300, 48, 32, 1 },
    { "keys enough: another pair", { .keys = 64, .slots = 32, .pairs = 1, .idle_us = 100 }, 300, 64, 32, 2 },
    { "pairs enough: yet more keys", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 100 }, 300, 80, 32, 4 },
    { "not where the machine is busy", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 4000 }, 3000, 64, 32, 4 },
    { "never more keys than the maximum", { .keys = 250, .slots = 32, .pairs = 4, .idle_us = 100 }, 300, 256, 32, 4 },
    { "never more pairs than the maximum", { .keys = 256, .slots = 32, .pairs = 8, .idle_us = 100 }, 300, 256, 32, 8 },
    { "between half and the limit: as it is", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 100 }, 2000, 64, 32, 4 },
    { "above the limit: half the pairs", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 100 }, 2501, 64, 32, 2 },
    { "three times idle, where that is more", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 4000 }, 11000, 64, 32, 4 },
    { "and above that", { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 4000 }, 12001, 64, 32, 2 },
    { "one pair: half the keys", { .keys = 64, .slots = 32, .pairs = 1, .idle_us = 100 }, 9000, 32, 32, 1 },
    { "least keys: half the slots", { .keys = 16, .slots = 32, .pairs = 1, .idle_us = 100 }, 9000, 16, 16, 1 },
    { "fewer slots than that spare nothing", { .keys = 16, .slots = 16, .pairs = 1, .idle_us = 100 }, 9000, 16, 16, 1 },
    { "one slot, after failures, stays", { .keys = 16, .slots = 1, .pairs = 1, .idle_us = 100 }, 9000, 16, 1, 1 },
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
    { "atomic: smaller until one slot, then migrate, then quarantine", ENGINE_REDIS_ASM, "as" "s" "s" "e" "a" "q" },
    { "the same with Valkey", ENGINE_VALKEY_ASM, "as" "s" "s" "e" "a" "q" },
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
    struct pace p = pace_start(ENGINE_LEGACY);
    (void)state;

    p.slots = PACE_SLOTS_MAX;
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
    assert_int_equal(p.slots, PACE_SLOTS_MAX / 2);
}

static const struct job_row {
    const char *name;
    int64_t took_ms;
    int slots, want;
} job_rows[] = {
    { "a job that took no time: four times as many", 400, 64, 256 },
    { "one of a second: twice as many", 1000, 64, 128 },
    { "one of some seconds: as many", 5000, 64, 64 },
    { "one that took long: half", 9000, 64, 32 },
    { "never more than the maximum", 100, 512, 1024 },
    { "never less than one slot", 60000, 1, 1 },
};

static void check_job(void **state)
{
    const struct job_row *r = *state;
    struct pace p = { .engine = ENGINE_REDIS_ASM, .slots = r->slots, .fails = 1 };

    pace_took(&p, r->took_ms);
    assert_int_equal(p.slots, r->want);
    assert_int_equal(p.fails, 0);
}

static void a_busy_machine_does_not_stop_it(void **state)
{
    struct pace p = { .keys = PACE_KEYS_MIN, .slots = 1, .pairs = 1, .idle_us = 300 };
    (void)state;

    pace_latency(&p, 30000);
    assert_int_equal(p.idle_us, 15000);
    assert_int_equal(pace_limit_us(&p), 45000);
    pace_latency(&p, 20000);
    assert_int_equal(p.slots, 2);
    for (int i = 0; i < 60; i++)
        pace_latency(&p, 400);
    assert_true(p.idle_us < 500);
    assert_int_equal(pace_limit_us(&p), PACE_LEAST_LIMIT_US);
}

/* What four steps down do not mend is not its doing. */
static void slowing_in_vain_ends(void **state)
{
    struct pace vain = { .keys = 64, .slots = 32, .pairs = 4, .idle_us = 300 }, helps = vain;
    (void)state;

    for (int i = 0; i < 5; i++)
        pace_latency(&vain, 20000);
    assert_int_equal(vain.pairs, 1);
    assert_int_equal(vain.keys, 16);
    assert_int_equal(vain.idle_us, 10000);
    pace_latency(&vain, 20000);
    assert_int_equal(vain.keys, 16);
    for (int i = 0; i < 5; i++)
        pace_latency(&helps, 20000 - i * 2000);
    assert_int_equal(helps.pairs, 1);
    assert_int_equal(helps.keys, 16);
    assert_true(helps.idle_us <= 300);
}

static void one_bad_moment_allows_for_little(void **state)
{
    struct pace p = pace_start(ENGINE_LEGACY);
    (void)state;

    pace_idle(&p, 900);
    assert_int_equal(p.idle_us, 900);
    pace_idle(&p, 0);
    assert_int_equal(p.idle_us, 900);
    pace_idle(&p, 190000);
    assert_int_equal(p.idle_us, PACE_IDLE_MAX_US);
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
    struct CMUnitTest tests[5 + COUNT(version_rows) + COUNT(latency_rows) + COUNT(fail_rows) + COUNT(job_rows)] = {
        cmocka_unit_test(success_forgives_and_grows),
        cmocka_unit_test(waits_are_bounded),
        cmocka_unit_test(one_bad_moment_allows_for_little),
        cmocka_unit_test(a_busy_machine_does_not_stop_it),
        cmocka_unit_test(slowing_in_vain_ends),
    };
    size_t n = 5;

    ROWS(version_rows, check_version);
    ROWS(latency_rows, check_latency);
    ROWS(fail_rows, check_fails);
    ROWS(job_rows, check_job);
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
