/* Slot health before scale, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"
#include "plan/rules.h"

enum { NONE = -1 };
#define T0 1700000000000LL

static const struct row {
    const char *name;
    enum redis_state redis;
    bool allow_up;       /* spec.scaling.gate.scaleUp: Allow */
    int32_t live, min;   /* Deployment's replicas (NONE: no Deployment), what the spec wants */
    int64_t held_for_ms; /* how long a hold up stands already; NONE: it begins now */
    int32_t want;        /* replicas to write */
    bool held_up, held_down, opened;
} rows[] = {
    { "healthy lets up", REDIS_HEALTHY, false, 2, 5, NONE, 5, false, false, false },
    { "healthy lets down", REDIS_HEALTHY, false, 5, 2, NONE, 2, false, false, false },
    { "degraded lets up", REDIS_DEGRADED, false, 2, 5, NONE, 5, false, false, false },
    { "degraded holds down", REDIS_DEGRADED, false, 5, 2, NONE, 5, false, true, false },
    { "unknown lets up", REDIS_UNKNOWN, false, 2, 5, NONE, 5, false, false, false },
    { "unknown holds down", REDIS_UNKNOWN, false, 5, 2, NONE, 5, false, true, false },
    { "forming lets the first Deployment be made", REDIS_FORMING, false, NONE, 2, NONE, 2, false, false, false },
    { "down holds up", REDIS_DOWN, false, 2, 5, NONE, 2, true, false, false },
    { "down holds up for less than its time", REDIS_DOWN, false, 2, 5, 59999, 2, true, false, false },
    { "down opens after its time", REDIS_DOWN, false, 2, 5, 60000, 5, false, false, true },
    { "down opens when the clock jumped back", REDIS_DOWN, false, 2, 5, -5000, 5, false, false, true },
    { "scaleUp Allow never holds up", REDIS_DOWN, true, 2, 5, NONE, 5, false, false, false },
    { "down holds down, however long", REDIS_DOWN, false, 5, 2, 999999999, 5, false, true, false },
    { "no step, no hold", REDIS_DOWN, false, 2, 2, NONE, 2, false, false, false },
};

struct bench {
    struct isvc svc;
    struct observed o;
    struct plan plan;
    struct record dep, hpa;
    struct walk w;
    cJSON *status;
};

static void prepare(struct bench *b, const struct row *r)
{
    *b = (struct bench){ .svc = { .uid = "u", .predictor = { .min_replicas = r->min, .max_replicas = r->min } },
                         .o = { .uid = "u", .wall_ms = T0 } };
    b->svc.gate.hold_up = !r->allow_up;
    b->svc.gate.max_hold_s = 60;
    b->o.svc = &b->svc;
    b->plan.look_again_ms = -1;
    b->plan.redis.wanted = true;
    b->plan.redis.state = r->redis;
    b->dep = (struct record){ .spec_replicas = r->live, .owner_uid = "u" };
    if (r->live != NONE)
        b->o.child[CHILD_DEPLOYMENT] = &b->dep;
    if (r->held_for_ms != NONE) {
        b->status = json_new_obj();
        json_int(json_obj(b->status, "scaling"), "upSinceMs", T0 - r->held_for_ms);
        b->o.status = b->status;
    }
    b->w = (struct walk){ .o = &b->o, .p = &b->plan };
}

static void check_fixed(void **state)
{
    const struct row *r = *state;
    struct bench b;
    enum verdict_of_rule how;

    prepare(&b, r);
    how = rule_gate(&b.w);
    cJSON_Delete(b.status);
    assert_int_equal(how, RULE_PASS);
    assert_int_equal(b.w.in.replicas, r->want);
    assert_int_equal(b.plan.gate.held_up, r->held_up);
    assert_int_equal(b.plan.gate.held_down, r->held_down);
    assert_int_equal(b.plan.gate.opened, r->opened);
    if (r->held_up)
        assert_true(b.plan.gate.up_since_wall_ms == (r->held_for_ms == NONE ? T0 : T0 - r->held_for_ms));
    if (r->held_up || r->held_down)
        assert_non_null(strstr(b.plan.gate.reason, redis_state_name(r->redis)));
}

static void autoscaler_bounds_are_held(void **state)
{
    static const struct row base = { .redis = REDIS_DEGRADED, .live = 4, .min = 2, .held_for_ms = NONE };
    struct bench b;
    (void)state;

    prepare(&b, &base);
    b.svc.predictor.autoscaled = true;
    b.svc.predictor.max_replicas = 6;
    b.hpa = (struct record){ .min_replicas = 3, .max_replicas = 5, .owner_uid = "u" };
    b.o.child[CHILD_HPA] = &b.hpa;
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, -1);
    assert_int_equal(b.w.in.hpa_min, 3); /* lower minimum: a step down, held */
    assert_int_equal(b.w.in.hpa_max, 6); /* higher maximum: a step up, let through */
    assert_true(b.w.in.hold_down);
    assert_true(b.plan.gate.held_down);
    b.plan.redis.state = REDIS_HEALTHY;
    b.plan.gate = (struct gate_result){ 0 };
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.hpa_min, 2);
    assert_false(b.w.in.hold_down);
    assert_false(b.plan.gate.held_down);
}

static void a_hold_down_ends_when_health_has_lasted(void **state)
{
    static const struct row base = { .redis = REDIS_HEALTHY, .live = 5, .min = 2, .held_for_ms = NONE };
    struct bench b;
    (void)state;

    prepare(&b, &base);
    b.status = json_new_obj();
    json_bool(json_obj(b.status, "scaling"), "heldDown", true);
    b.o.status = b.status;
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, 5);
    assert_true(b.plan.gate.held_down);
    b.plan.redis.verdict.holds[P_SETTLED] = true;
    b.plan.gate = (struct gate_result){ 0 };
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, 2);
    assert_false(b.plan.gate.held_down);
    b.plan.redis.verdict.holds[P_SETTLED] = false;
    json_str(json_obj(b.status, "redis"), "state", "Forming");
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_false(b.plan.gate.held_down); /* just formed: nothing stumbled */
    cJSON_Delete(b.status);
}

static void no_time_to_hold_is_no_hold(void **state)
{
    static const struct row base = { .redis = REDIS_DOWN, .live = 2, .min = 5, .held_for_ms = NONE };
    struct bench b;
    (void)state;

    prepare(&b, &base);
    b.svc.gate.max_hold_s = 0;
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, 5);
    assert_false(b.plan.gate.held_up);
}

static void a_first_deployment_is_held_while_down(void **state)
{
    static const struct row base = { .redis = REDIS_DOWN, .live = NONE, .min = 2, .held_for_ms = NONE };
    struct bench b;
    (void)state;

    prepare(&b, &base);
    assert_int_equal(rule_gate(&b.w), RULE_HOLD);
    assert_string_equal(b.w.reason, "ScalingHeld");
}

static const struct seats_row {
    const char *name;
    size_t seats;   /* of the plan in the status; 0: there is none */
    size_t wanted;  /* by the spec */
    int32_t live;   /* of the StatefulSet; NONE: there is none */
    int32_t want;
} seats_rows[] = {
    { "the StatefulSet follows the seats", 6, 9, 9, 6 },
    { "without a plan it is made as the spec wants it", 0, 6, NONE, 6 },
    { "without a plan it may grow", 0, 9, 6, 9 },
    { "without a plan none goes: nobody has proved that they hold nothing", 0, 6, 9, 9 },
};

static void check_seats(void **state)
{
    static const struct row calm = { "", REDIS_FORMING, false, 2, 2, NONE, 2, false, false, false };
    const struct seats_row *r = *state;
    struct record set = { .spec_replicas = r->live, .owner_uid = "u" };
    struct bench b;

    prepare(&b, &calm);
    b.plan.redis.plan.n_seats = r->seats;
    b.o.redis.expected.n_members = r->wanted;
    b.o.child[CHILD_REDIS_STATEFULSET] = r->live != NONE ? &set : NULL;
    (void)rule_gate(&b.w);
    assert_int_equal(b.w.in.redis_nodes, r->want);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + COUNT(seats_rows) + 4] = {
        cmocka_unit_test(autoscaler_bounds_are_held),
        cmocka_unit_test(a_hold_down_ends_when_health_has_lasted),
        cmocka_unit_test(no_time_to_hold_is_no_hold),
        cmocka_unit_test(a_first_deployment_is_held_while_down),
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i + 4] = (struct CMUnitTest){ rows[i].name, check_fixed, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    for (size_t i = 0; i < COUNT(seats_rows); i++)
        tests[COUNT(rows) + 4 + i] = (struct CMUnitTest){ seats_rows[i].name, check_seats, NULL, NULL, (void *)(uintptr_t)&seats_rows[i] };
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
