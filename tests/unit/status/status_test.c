#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "status/status.h"

#define T0 1700000000000LL

struct world {
    struct observed o;
    struct plan plan;
    struct record dep;
    cJSON *first, *second;
};

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->o = (struct observed){ .ns = "ns", .name = "a", .uid = "u", .generation = 3, .wall_ms = T0 };
    w->dep = (struct record){ .replicas = 2, .ready = 1, .updated = 2 };
    w->o.child[CHILD_DEPLOYMENT] = &w->dep;
    w->plan = (struct plan){ .rule = "predictor", .reason = "PredictorNotReady", .message = "1 of 2", .replicas_wanted = 2 };
    w->plan.redis.wanted = true;
    w->plan.redis.judged = true;
    w->plan.redis.state = REDIS_DEGRADED;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    cJSON_Delete(w->first);
    cJSON_Delete(w->second);
    free(w);
    return 0;
}

static const char *condition(const cJSON *status, const char *type, const char *field)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_member(status, "conditions"))
        if (str_eq(json_get_str(c, "type"), type))
            return json_get_str(c, field);
    return NULL;
}

static void build_first(struct world *w)
{
    w->first = status_build(&w->o, &w->plan);
    w->o.status = w->first;
    w->o.wall_ms = T0 + 5000;
}

static void times_move_only_when_a_status_flips(void **state)
{
    struct world *w = *state;

    build_first(w);
    assert_string_equal(condition(w->first, "Ready", "lastTransitionTime"), "2023-11-14T22:13:20Z");
    w->plan.rule = NULL;
    w->plan.reason = "Ready";
    w->second = status_build(&w->o, &w->plan);
    assert_string_equal(condition(w->second, "Ready", "status"), "True");
    assert_string_equal(condition(w->second, "Ready", "lastTransitionTime"), "2023-11-14T22:13:25Z");
    assert_string_equal(condition(w->second, "RedisReady", "lastTransitionTime"), "2023-11-14T22:13:20Z");
}

static void the_same_plan_gives_the_same_status(void **state)
{
    struct world *w = *state;

    build_first(w);
    w->second = status_build(&w->o, &w->plan);
    assert_true(json_equal(w->first, w->second));
}

static void kstatus_tells_moving_from_stuck(void **state)
{
    struct world *w = *state;

    build_first(w);
    assert_true(json_condition_is(w->first, "Reconciling", "True"));
    assert_true(json_condition_is(w->first, "Stalled", "False"));
    assert_int_equal(json_get_int(w->first, "observedGeneration", 0), 3);
    w->plan.stalled = true;
    w->second = status_build(&w->o, &w->plan);
    assert_true(json_condition_is(w->second, "Reconciling", "False"));
    assert_true(json_condition_is(w->second, "Stalled", "True"));
}

static void a_walk_that_stopped_early_keeps_what_was_said(void **state)
{
    struct world *w = *state;

    build_first(w);
    w->plan.rule = "spec";
    w->plan.stopped = true;
    w->plan.redis.wanted = false;
    w->o.child[CHILD_DEPLOYMENT] = NULL;
    w->second = status_build(&w->o, &w->plan);
    assert_int_equal(json_get_int(w->second, "readyReplicas", 0), 1);
    assert_string_equal(json_get_str(w->second, "redis.state"), "Degraded");
    assert_non_null(condition(w->second, "RedisReady", "status"));
}

/* A spec that is refused is found out after Redis was mended, and before the rules that say these. */
static void a_refused_spec_keeps_what_later_rules_said_of_redis(void **state)
{
    struct world *w = *state;
    cJSON *redis;

    build_first(w);
    redis = json_obj(w->first, "redis");
    json_str(redis, "copies", "0 0");
    json_str(json_obj(redis, "certificate"), "fingerprint", "f");
    json_int(json_obj(redis, "users"), "rotation", 2);
    w->plan.rule = "spec";
    w->plan.stopped = true;
    w->second = status_build(&w->o, &w->plan);
    assert_true(json_equal(json_member(w->second, "redis"), redis));
}

static void half_a_character_does_not_leave_the_house(void **state)
{
    struct world *w = *state;

    memcpy(w->plan.message, "cut in \xc3", 9);
    w->plan.rule = "spec";
    w->plan.stopped = true;
    build_first(w);
    assert_string_equal(condition(w->first, "Ready", "message"), "cut in ?");
}

static void a_torn_latch_is_kept_and_makes_redis_unknown(void **state)
{
    struct world *w = *state;

    build_first(w);
    json_str(json_obj(w->first, "redis"), "plan", "torn");
    err_set(&w->o.latch_err, ERR_INVALID, "status.redis.plan: is torn");
    w->plan.rule = "spec";
    w->plan.stopped = true;
    w->plan.redis.wanted = false;
    w->second = status_build(&w->o, &w->plan);
    assert_string_equal(json_get_str(w->second, "redis.plan"), "torn");
    assert_string_equal(json_get_str(w->second, "redis.state"), "Unknown");
    assert_string_equal(condition(w->second, "RedisReady", "status"), "Unknown");
}

static void a_hold_says_which_why_and_since(void **state)
{
    struct world *w = *state;

    w->plan.gate.held_down = true;
    w->plan.gate.down_since_wall_ms = T0 - 60000;
    snprintf(w->plan.gate.reason, sizeof(w->plan.gate.reason), "the autoscaler may not go down");
    build_first(w);
    assert_string_equal(condition(w->first, "ScalingHeld", "reason"), "ScaleDownHeld");
    assert_string_equal(condition(w->first, "ScalingHeld", "message"), "the autoscaler may not go down");
    assert_string_equal(json_get_str(w->first, "scaling.since"), "2023-11-14T22:12:20Z");
}

static void events_are_transitions(void **state)
{
    struct world *w = *state;
    struct status_event ev[STATUS_EVENTS_MAX];

    build_first(w);
    w->second = status_build(&w->o, &w->plan);
    assert_int_equal(status_events(&w->o, w->second, &w->plan, ev), 0);
    cJSON_Delete(w->second);
    w->plan.redis.state = REDIS_HEALTHY;
    w->plan.rule = NULL;
    w->plan.reason = "Ready";
    w->second = status_build(&w->o, &w->plan);
    assert_int_equal(status_events(&w->o, w->second, &w->plan, ev), 2);
    assert_string_equal(ev[0].reason, "Ready");
    assert_string_equal(ev[1].reason, "RedisHealthy");
    assert_non_null(strstr(ev[1].note, "from Degraded to Healthy"));
}

int main(void)
{
#define ROW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(times_move_only_when_a_status_flips), ROW(the_same_plan_gives_the_same_status),
        ROW(kstatus_tells_moving_from_stuck),     ROW(a_walk_that_stopped_early_keeps_what_was_said),
        ROW(a_refused_spec_keeps_what_later_rules_said_of_redis),
        ROW(a_hold_says_which_why_and_since),     ROW(events_are_transitions),
        ROW(a_torn_latch_is_kept_and_makes_redis_unknown),
        ROW(half_a_character_does_not_leave_the_house),
    };

    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
