/* What an autoscaler may do, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"
#include "plan/rules.h"

#define T0 1700000000000LL
enum { MINUTE_MS = 60000, BLIND = 1, SEES = 2, SILENT = 3, ABSENT = 4 };

struct bench {
    struct isvc svc;
    struct observed o;
    struct plan plan;
    struct record dep, hpa, headroom;
    struct walk w;
    cJSON *status, *spec;
};

static void prepare(struct bench *b)
{
    *b = (struct bench){ .svc = { .uid = "u", .predictor = { .min_replicas = 2, .max_replicas = 9, .autoscaled = true } },
                         .o = { .uid = "u", .name = "x", .wall_ms = T0 },
                         .dep = { .spec_replicas = 7, .owner_uid = "u" },
                         .hpa = { .min_replicas = 2, .max_replicas = 9, .desired_replicas = 7, .owner_uid = "u" } };
    b->spec = json_new_obj();
    b->svc.predictor.spec = b->spec;
    b->o.svc = &b->svc;
    b->o.child[CHILD_DEPLOYMENT] = &b->dep;
    b->o.child[CHILD_HPA] = &b->hpa;
    b->plan.look_again_ms = -1;
    b->status = json_new_obj();
    b->o.status = b->status;
    b->w = (struct walk){ .o = &b->o, .p = &b->plan };
}

static void done(struct bench *b)
{
    cJSON_Delete(b->status);
    cJSON_Delete(b->spec);
}

static const struct floor_row {
    const char *name;
    int says;           /* of the autoscaler */
    int32_t live;
    int64_t before;     /* status.scaling.floor.replicas; 0: none */
    int64_t seeing_min; /* minutes since it sees; 0: does not */
    int32_t want, hpa_min;
    bool first;         /* status before the writes */
} floors[] = {
    { "it sees: no floor", SEES, 7, 0, 0, 0, 2, false },
    { "blind: what runs", BLIND, 7, 0, 0, 7, 7, true },
    { "blind at the minimum: nothing to hold", BLIND, 2, 0, 0, 0, 2, false },
    { "blind and scaled down by hand: what ran", BLIND, 3, 7, 0, 7, 7, false },
    { "blind and scaled up by hand: that", BLIND, 8, 7, 0, 8, 8, true },
    { "beyond the maximum: the maximum", BLIND, 12, 0, 0, 9, 9, true },
    { "it sees for one minute: stays", SEES, 7, 7, 1, 7, 7, false },
    { "it sees for five: over", SEES, 7, 7, 5, 0, 2, false },
    { "a clock that jumped back begins anew", SEES, 7, 7, -9, 7, 7, false },
    { "it says nothing yet: stays, however long", SILENT, 7, 7, 60, 7, 7, false },
    { "there is none: stays", ABSENT, 7, 7, 60, 7, 7, false },
    { "a floor that somebody edited to nonsense", SEES, 7, -4, 1, 0, 2, false },
    { "a floor beyond all numbers", SEES, 7, INT64_C(1) << 40, 1, 0, 2, false },
};

static void check_floor(void **state)
{
    const struct floor_row *r = *state;
    struct bench b;

    prepare(&b);
    b.dep.spec_replicas = r->live;
    b.hpa.hpa_limited_by_failure = r->says == BLIND;
    b.hpa.hpa_sees = r->says == SEES;
    if (r->says == ABSENT)
        b.o.child[CHILD_HPA] = NULL;
    if (r->before)
        json_int(json_obj(json_obj(b.status, "scaling"), "floor"), "replicas", r->before);
    if (r->seeing_min)
        json_int(json_obj(json_obj(b.status, "scaling"), "floor"), "seeingSinceMs", T0 - r->seeing_min * MINUTE_MS);
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.plan.floor.replicas, r->want);
    assert_int_equal(b.w.in.hpa_min, r->hpa_min);
    assert_int_equal(b.w.in.replicas, -1);
    assert_int_equal(b.plan.status_first, r->first);
    done(&b);
}

static void a_longer_window_is_waited_for(void **state)
{
    struct bench b;
    (void)state;

    prepare(&b);
    b.hpa.hpa_sees = true;
    json_int(json_obj(json_obj(json_obj(b.spec, "autoScaling"), "behavior"), "scaleDown"), "stabilizationWindowSeconds", 1800);
    json_int(json_obj(json_obj(b.status, "scaling"), "floor"), "replicas", 7);
    json_int(json_obj(json_obj(b.status, "scaling"), "floor"), "seeingSinceMs", T0 - 29 * MINUTE_MS);
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.plan.floor.replicas, 7);
    assert_int_equal(b.plan.look_again_ms, MINUTE_MS);
    done(&b);
}

static const struct zero_row {
    const char *name;
    bool keda, can;       /* wants KEDA; the cluster has what it wants */
    int32_t live;         /* -1: no Deployment */
    bool held;            /* slot health holds steps down */
    int32_t replicas, min; /* to write */
} zeros[] = {
    { "no zero on this server: from 1", false, false, 3, false, -1, 1 },
    { "a first Deployment begins with 1", false, true, -1, false, 1, 0 },
    { "at 0 nobody writes the number", false, true, 0, false, -1, 0 },
    { "at 0 on a server that has forgotten how: 1 again", false, false, 0, false, 1, 1 },
    { "KEDA may go to 0", true, true, 3, false, -1, 0 },
    { "KEDA at 0 stays there", true, true, 0, true, -1, 0 },
    { "KEDA may not while steps down are held", true, true, 3, true, -1, 1 },
    { "without KEDA what runs goes on", true, false, 3, false, -1, 1 },
    { "without KEDA at least one runs", true, false, 0, false, 1, 1 },
};

static void check_zero(void **state)
{
    const struct zero_row *r = *state;
    struct bench b;

    prepare(&b);
    b.svc.predictor.min_replicas = 0;
    b.svc.predictor.keda = r->keda ? b.spec : NULL;
    b.o.child[CHILD_HPA] = NULL;
    b.dep.spec_replicas = r->live;
    if (r->live < 0)
        b.o.child[CHILD_DEPLOYMENT] = NULL;
    capabilities_set(&b.o.caps, r->keda ? CAP_KEDA : CAP_SCALE_TO_ZERO, r->can);
    b.plan.redis.wanted = r->held;
    b.plan.redis.state = REDIS_DEGRADED;
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, r->replicas);
    assert_int_equal(b.w.in.hpa_min, r->min);
    assert_int_equal(b.plan.missing != 0, !r->can);
    done(&b);
}

static void a_deleted_deployment_comes_back_with_what_was_chosen(void **state)
{
    struct bench b;
    (void)state;

    prepare(&b);
    b.o.child[CHILD_DEPLOYMENT] = NULL;
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, 7);
    b.hpa.desired_replicas = 12;
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, 9);
    b.hpa.desired_replicas = -1;
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, 2);
    done(&b);
}

static void without_keda_the_minimum_is_kept_by_us(void **state)
{
    struct bench b;
    (void)state;

    prepare(&b);
    b.svc.predictor.keda = b.spec;
    b.o.child[CHILD_HPA] = NULL;
    b.dep.spec_replicas = 1;
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, 2);
    b.o.child[CHILD_HPA] = &b.hpa; /* one of before goes on, and keeps it itself */
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, -1);
    done(&b);
}

static void what_is_lacking_is_said_by_field(void **state)
{
    struct bench b;
    (void)state;

    prepare(&b);
    b.svc.predictor.vertical = b.spec;
    assert_int_equal(rule_scaling(&b.w), RULE_HOLD);
    assert_true(b.w.stalled);
    assert_non_null(strstr(b.w.message, "spec.predictor.verticalScaling: the VerticalPodAutoscaler"));
    b.o.caps.vpa = true;
    assert_int_equal(rule_scaling(&b.w), RULE_PASS);
    json_str(b.spec, "priorityClassName", "low");
    b.svc.predictor.headroom = b.spec;
    b.o.child[CHILD_HEADROOM] = &b.headroom;
    assert_int_equal(rule_scaling(&b.w), RULE_PASS);
    snprintf(b.headroom.mark, sizeof(b.headroom.mark), "FailedCreate");
    assert_int_equal(rule_scaling(&b.w), RULE_HOLD);
    assert_non_null(strstr(b.w.message, "spec.predictor.headroom: its pods are not made (FailedCreate): is there a PriorityClass low?"));
    done(&b);
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(a_longer_window_is_waited_for),
        cmocka_unit_test(a_deleted_deployment_comes_back_with_what_was_chosen),
        cmocka_unit_test(without_keda_the_minimum_is_kept_by_us),
        cmocka_unit_test(what_is_lacking_is_said_by_field),
    };
    struct CMUnitTest tests[COUNT(floors) + COUNT(zeros) + COUNT(others)];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(floors); i++)
        tests[n++] = (struct CMUnitTest){ floors[i].name, check_floor, NULL, NULL, (void *)(uintptr_t)&floors[i] };
    for (size_t i = 0; i < COUNT(zeros); i++)
        tests[n++] = (struct CMUnitTest){ zeros[i].name, check_zero, NULL, NULL, (void *)(uintptr_t)&zeros[i] };
    for (size_t i = 0; i < COUNT(others); i++)
        tests[n++] = others[i];
    return cmocka_run_group_tests_name("scaling", tests, NULL, NULL);
}
