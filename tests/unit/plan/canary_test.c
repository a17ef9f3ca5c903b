/* A trial, step by step. The usual one: revision "new" beside "old", two pods, 100 s of bake, 600 s to become ready. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "plan/canary.h"

/* a row names what is unusual about it */
#pragma GCC diagnostic ignored "-Woverride-init"

enum { T0 = 1000000, S = 1000 };

#define USUAL .asked = true, .wanted = "new", .stable = "old", .failed = "", .size = 2, .size_is_exact = true, \
              .bake_ms = 100 * S, .deadline_ms = 600 * S, .wall_ms = T0
#define IN(...) { USUAL, __VA_ARGS__ }
#define AT(phase_, seconds) { .phase = phase_, .revision = "new", .since_ms = T0 - (seconds) * S, .replicas = 2 }
#define NOTHING { .phase = CANARY_NONE }

static const struct row {
    const char *name;
    struct canary_state from;
    struct canary_seen in;
    enum canary_phase want;
    const char *failed;
    bool lets_stable_go;
    int64_t again_s; /* 0: not looked at */
} rows[] = {
    { "a new template is tried first", NOTHING, IN(.ready = 0), CANARY_STARTING, NULL, false, 600 },
    { "without the wish for trials it goes straight to the stable one", NOTHING, IN(.asked = false), CANARY_NONE, NULL, true, 0 },
    { "before anything ever worked there is nothing to protect", NOTHING, IN(.stable = ""), CANARY_NONE, NULL, true, 0 },
    { "nothing new, nothing to try", NOTHING, IN(.wanted = "old"), CANARY_NONE, NULL, true, 0 },
    { "what failed is not tried again", NOTHING, IN(.failed = "new"), CANARY_NONE, NULL, true, 0 },
    { "a template whose revision is not known is not tried", NOTHING, IN(.wanted = ""), CANARY_NONE, NULL, true, 0 },
    { "what failed earlier does not keep another one from being tried", NOTHING, IN(.failed = "older"), CANARY_STARTING, NULL, false, 0 },
    { "a share of nothing is no trial", NOTHING, IN(.size = 0), CANARY_NONE, NULL, true, 0 },
    { "its time begins when all pods are ready", AT(CANARY_STARTING, 30), IN(.ready = 2), CANARY_BAKING, NULL, false, 100 },
    { "one of two is not all", AT(CANARY_STARTING, 30), IN(.ready = 1), CANARY_STARTING, NULL, false, 570 },
    { "a restart on the way to readiness is no failure", AT(CANARY_STARTING, 30), IN(.ready = 2, .restarts = 1), CANARY_BAKING, NULL, false, 100 },
    { "never ready: the deadline ends it", AT(CANARY_STARTING, 600), IN(.ready = 1), CANARY_NONE, "CanaryDeadlineExceeded", false, 0 },
    { "ready at the last moment counts", AT(CANARY_STARTING, 600), IN(.ready = 2), CANARY_BAKING, NULL, false, 0 },
    { "an image that is not there ends it", AT(CANARY_STARTING, 1), IN(.trouble = "ImagePullBackOff"), CANARY_NONE, "ImagePullBackOff", false, 0 },
    { "a crash loop ends it during its time", AT(CANARY_BAKING, 50), IN(.ready = 1, .trouble = "CrashLoopBackOff"),
      CANARY_NONE, "CrashLoopBackOff", false, 0 },
    { "it bakes", AT(CANARY_BAKING, 60), IN(.ready = 2), CANARY_BAKING, NULL, false, 40 },
    { "baked, and nobody needs to be asked", AT(CANARY_BAKING, 100), IN(.ready = 2), CANARY_PROMOTING, NULL, true, 0 },
    { "a restart during its time ends it", AT(CANARY_BAKING, 99), IN(.ready = 2, .restarts = 1), CANARY_NONE, "CanaryRestarted", false, 0 },
    { "a restart with its node is no failure", AT(CANARY_BAKING, 60), IN(.ready = 2, .restarts = 1, .excused = true), CANARY_BAKING, NULL, false, 40 },
    { "a restart at the end of its time counts", AT(CANARY_BAKING, 100), IN(.ready = 2, .restarts = 1), CANARY_NONE, "CanaryRestarted", false, 0 },
    { "not ready any more: its time begins anew", AT(CANARY_BAKING, 99), IN(.ready = 1), CANARY_STARTING, NULL, false, 0 },
    { "not ready at the end of its time: no promotion", AT(CANARY_BAKING, 100), IN(.ready = 1), CANARY_STARTING, NULL, false, 0 },
    { "baked, but by hand: it waits", AT(CANARY_BAKING, 100), IN(.ready = 2, .by_hand = true), CANARY_WAITING, NULL, false, 0 },
    { "the word for another revision is not for this one", AT(CANARY_WAITING, 9), IN(.ready = 2, .by_hand = true, .approved = "old"),
      CANARY_WAITING, NULL, false, 0 },
    { "the word is given", AT(CANARY_WAITING, 9), IN(.ready = 2, .by_hand = true, .approved = "new"), CANARY_PROMOTING, NULL, true, 0 },
    { "the word given early waits for the time", AT(CANARY_BAKING, 60), IN(.ready = 2, .by_hand = true, .approved = "new"),
      CANARY_BAKING, NULL, false, 40 },
    { "the word given early counts at the end", AT(CANARY_BAKING, 100), IN(.ready = 2, .by_hand = true, .approved = "new"),
      CANARY_PROMOTING, NULL, true, 0 },
    { "set to Auto while it waits", AT(CANARY_WAITING, 9), IN(.ready = 2), CANARY_PROMOTING, NULL, true, 0 },
    { "a restart while it waits ends it", AT(CANARY_WAITING, 9), IN(.ready = 2, .by_hand = true, .restarts = 1),
      CANARY_NONE, "CanaryRestarted", false, 0 },
    { "a node drained while it waits: it bakes again", AT(CANARY_WAITING, 9), IN(.ready = 1, .by_hand = true, .excused = true),
      CANARY_STARTING, NULL, false, 0 },
    { "what is promoted stays so when a pod is lost", AT(CANARY_PROMOTING, 9), IN(.ready = 1), CANARY_PROMOTING, NULL, true, 0 },
    { "a crash loop during the promotion ends it", AT(CANARY_PROMOTING, 9), IN(.ready = 1, .trouble = "CrashLoopBackOff"),
      CANARY_NONE, "CrashLoopBackOff", false, 0 },
    { "the stable one has it: over", AT(CANARY_PROMOTING, 9), IN(.ready = 2, .stable = "new"), CANARY_NONE, NULL, true, 0 },
    { "the rollout that followed failed: over", AT(CANARY_PROMOTING, 9), IN(.ready = 2, .failed = "new"), CANARY_NONE, NULL, true, 0 },
    { "set back while it bakes: over, and nothing rolls", AT(CANARY_BAKING, 9), IN(.wanted = "old", .ready = 2), CANARY_NONE, NULL, true, 0 },
    { "set back while it is promoted: over", AT(CANARY_PROMOTING, 9), IN(.wanted = "old", .ready = 2), CANARY_NONE, NULL, true, 0 },
    { "a newer template starts over", AT(CANARY_BAKING, 99), IN(.wanted = "newer", .ready = 0), CANARY_STARTING, NULL, false, 600 },
    { "a newer template during the promotion is tried, too", AT(CANARY_PROMOTING, 99), IN(.wanted = "newer", .ready = 0),
      CANARY_STARTING, NULL, false, 600 },
    { "trials are switched off: the template goes on without", AT(CANARY_BAKING, 9), IN(.asked = false, .ready = 2), CANARY_NONE, NULL, true, 0 },
    { "a clock that jumped back begins the phase anew", AT(CANARY_BAKING, -5000), IN(.ready = 2), CANARY_BAKING, NULL, false, 100 },
    { "more pods are asked for: all must be ready again", AT(CANARY_BAKING, 99), IN(.ready = 2, .size = 3), CANARY_STARTING, NULL, false, 600 },
    { "fewer pods are asked for: its time goes on", AT(CANARY_BAKING, 60), IN(.ready = 2, .size = 1), CANARY_BAKING, NULL, false, 40 },
    { "a share is taken once: an autoscaler does not disturb it", AT(CANARY_BAKING, 60), IN(.ready = 2, .size = 9, .size_is_exact = false),
      CANARY_BAKING, NULL, false, 40 },
    { "without its Redis nothing is held against it", AT(CANARY_STARTING, 900), IN(.ready = 1, .blocked = true, .trouble = "CrashLoop"),
      CANARY_STARTING, NULL, false, 0 },
    { "nor does its time go on", AT(CANARY_BAKING, 900), IN(.ready = 2, .blocked = true, .restarts = 4), CANARY_BAKING, NULL, false, 0 },
    { "nobody asks it: its time begins again", AT(CANARY_BAKING, 900), IN(.ready = 2, .unasked = true), CANARY_BAKING, NULL, false, 10 },
    { "a crash counts all the same", AT(CANARY_BAKING, 9), IN(.ready = 2, .unasked = true, .restarts = 9), CANARY_NONE, "CanaryRestarted",
      false, 0 },
    { "what is promoted goes on without Redis", AT(CANARY_PROMOTING, 9), IN(.ready = 0, .blocked = true), CANARY_PROMOTING, NULL, true, 0 },
    { "no time to bake: ready is enough", AT(CANARY_STARTING, 5), IN(.ready = 2, .bake_ms = 0), CANARY_PROMOTING, NULL, true, 0 },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct canary_state s = r->from;
    struct canary_verdict v;

    canary_step(&s, &r->in, &v);
    assert_string_equal(canary_phase_name(s.phase), canary_phase_name(r->want));
    assert_true(str_eq(v.failed, r->failed));
    assert_int_equal(v.holds_stable, !r->lets_stable_go);
    if (r->again_s)
        assert_int_equal(v.again_ms, r->again_s * S);
    if (s.phase)
        assert_string_equal(s.revision, r->in.wanted);
}

/* A pod that flaps is found out, although nothing restarts; one that is taken away again and again is not blamed. */
static const char *flap(bool excused, int times)
{
    struct canary_state s = AT(CANARY_STARTING, 0);
    struct canary_seen in = IN(.excused = excused);
    struct canary_verdict v = { 0 };

    for (int i = 0; i < times && !v.failed; i++) {
        in.ready = 2;
        canary_step(&s, &in, &v);
        assert_int_equal(s.phase, CANARY_BAKING);
        in.ready = 1;
        canary_step(&s, &in, &v);
    }
    return v.failed;
}

static void a_flapping_pod_is_found_out(void **state)
{
    (void)state;
    assert_null(flap(false, CANARY_LAPSES_MAX - 1));
    assert_string_equal(flap(false, CANARY_LAPSES_MAX), "CanaryUnstable");
    assert_null(flap(true, 10));
}

/* Restarts before the bake are the baseline; a replaced pod brings fewer, and the next restart counts again. */
static void restarts_are_counted_from_the_bake_on(void **state)
{
    struct canary_state s = AT(CANARY_STARTING, 0);
    struct canary_seen in = IN(.ready = 2, .restarts = 5);
    struct canary_verdict v;
    (void)state;

    canary_step(&s, &in, &v);
    canary_step(&s, &in, &v);
    assert_int_equal(s.phase, CANARY_BAKING);
    in.restarts = 1;
    canary_step(&s, &in, &v);
    assert_null(v.failed);
    in.restarts = 2;
    canary_step(&s, &in, &v);
    assert_string_equal(v.failed, "CanaryRestarted");
}

/* Each change is a write of the status; passes are two a second. */
static void standing_still_writes_little(void **state)
{
    struct canary_seen in = IN(.ready = 2, .blocked = true), in2 = IN(.ready = 2, .unasked = true);
    struct canary_state s = AT(CANARY_BAKING, 90), s2 = s, was;
    struct canary_verdict v;
    int writes = 0;
    (void)state;

    for (int i = 0; i < 200; i++) {
        in.wall_ms += 500;
        in2.wall_ms += 500;
        was = s;
        canary_step(&s, &in, &v);
        writes += !canary_same(&s, &was);
        was = s2;
        canary_step(&s2, &in2, &v);
        writes += !canary_same(&s2, &was);
    }
    assert_in_range(writes, 2, 22);
    in.blocked = false;
    canary_step(&s, &in, &v);
    assert_int_equal(s.phase, CANARY_BAKING);
    assert_in_range(v.again_ms, 90 * S, 100 * S);
}

static void what_is_written_is_read_again(void **state)
{
    struct canary_state s = AT(CANARY_WAITING, 7), back;
    (void)state;

    s.restarts = 3;
    s.lapses = 1;
    AUTO_JSON cJSON *json = canary_json(&s);
    canary_parse(json, &back);
    assert_true(canary_same(&s, &back));
    assert_string_equal(json_get_str(json, "since"), "1970-01-01T00:16:33Z");
    s.phase = CANARY_NONE;
    assert_null(canary_json(&s));
}

static void what_somebody_edited_is_no_canary(void **state)
{
    static const char *const bad[] = {
        "{}", "[]", "{\"phase\":\"Baking\"}", "{\"phase\":\"Baking\",\"revision\":\"new\"}",
        "{\"phase\":\"Boiling\",\"revision\":\"new\",\"replicas\":1}",
        "{\"phase\":\"Baking\",\"revision\":\"new\",\"replicas\":-1}",
        "{\"phase\":\"Baking\",\"revision\":\"new\",\"replicas\":1,\"sinceMs\":-9}",
        "{\"phase\":\"Baking\",\"replicas\":1,\"revision\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
    };
    struct canary_state s;
    struct err e;
    (void)state;

    for (size_t i = 0; i < COUNT(bad); i++) {
        AUTO_JSON cJSON *json = NULL;

        assert_int_equal(json_parse(bad[i], strlen(bad[i]), &json, &e), 0);
        canary_parse(json, &s);
        assert_int_equal(s.phase, CANARY_NONE);
    }
    canary_parse(NULL, &s);
    assert_int_equal(s.phase, CANARY_NONE);
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(a_flapping_pod_is_found_out),
        cmocka_unit_test(restarts_are_counted_from_the_bake_on),
        cmocka_unit_test(standing_still_writes_little),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(what_somebody_edited_is_no_canary),
    };
    struct CMUnitTest tests[COUNT(rows) + COUNT(more)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    memcpy(tests + COUNT(rows), more, sizeof(more));
    return cmocka_run_group_tests_name("canary", tests, NULL, NULL);
}
