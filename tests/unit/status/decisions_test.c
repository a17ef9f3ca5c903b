#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "status/decisions.h"
#include "status/status.h"

#define T0 1700000000000LL

static cJSON *decide(const char *rule, const char *reason, const char *message, uint64_t wrote, int64_t wall_ms)
{
    struct observed o = { .wall_ms = wall_ms };
    struct plan p = { .rule = rule, .reason = reason, .n_actions = 2 };

    snprintf(p.message, sizeof(p.message), "%s", message);
    p.actions[0] = (struct action){ .kind = ACT_APPLY, .child = CHILD_DEPLOYMENT, .why = "differs" };
    p.actions[1] = (struct action){ .kind = ACT_DELETE, .child = CHILD_PDB, .why = "not wanted any more" };
    return status_decision(&o, &p, wrote);
}

static void add(cJSON *list, cJSON *item)
{
    status_decisions_add(list, item);
    cJSON_Delete(item);
}

static void what_is_told(void **state)
{
    cJSON *d = decide("predictor", "PredictorNotReady", "1 of 2 replicas ready", 3, T0);
    (void)state;

    assert_string_equal(json_get_str(d, "rule"), "predictor");
    assert_string_equal(json_get_str(d, "message"), "1 of 2 replicas ready");
    assert_string_equal(json_get_str(d, "writes"), "apply[Deployment: differs], delete[PodDisruptionBudget: not wanted any more]");
    assert_string_equal(json_get_str(d, "time"), "2023-11-14T22:13:20Z");
    cJSON_Delete(d);
}

static void only_what_was_carried_out_is_a_write(void **state)
{
    cJSON *d = decide(NULL, "Ready", "all is well", 2, T0), *none = decide(NULL, "Ready", "", 0, T0);
    (void)state;

    assert_string_equal(json_get_str(d, "writes"), "delete[PodDisruptionBudget: not wanted any more]");
    assert_false(json_has(d, "rule"));
    assert_false(json_has(none, "writes"));
    assert_false(json_has(none, "message"));
    cJSON_Delete(d);
    cJSON_Delete(none);
}

static void the_same_again_is_counted(void **state)
{
    cJSON *list = json_new_arr();
    (void)state;

    for (int i = 0; i < 100; i++)
        add(list, decide("a", "A", i == 99 ? "newest" : "older", 1, T0 + i * 1000));
    assert_int_equal(json_count(list), 1);
    assert_int_equal(json_get_int(cJSON_GetArrayItem(list, 0), "count", 0), 100);
    assert_string_equal(json_get_str(cJSON_GetArrayItem(list, 0), "message"), "newest");
    add(list, decide("a", "A", "", 2, T0)); /* another write is another decision */
    add(list, decide("b", "A", "", 2, T0));
    assert_int_equal(json_count(list), 3);
    cJSON_Delete(list);
}

static void the_oldest_go(void **state)
{
    cJSON *list = json_new_arr();
    char rule[24];
    (void)state;

    for (int i = 0; i < 20; i++) {
        snprintf(rule, sizeof(rule), "rule-%d", i);
        add(list, decide(rule, "R", "", 0, T0));
    }
    assert_int_equal(json_count(list), STATUS_DECISIONS_MAX);
    assert_string_equal(json_get_str(cJSON_GetArrayItem(list, 0), "rule"), "rule-12");
    cJSON_Delete(list);
}

static void a_long_text_stays_small(void **state)
{
    char text[256];
    cJSON *d;
    (void)state;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text + 158, "\xc3\xa9\xc3\xa9", 4); /* cut in the middle of a character */
    d = decide("a", "A", text, 0, T0);
    assert_true(strlen(json_get_str(d, "message")) <= 160);
    cJSON_Delete(d);
}

/* A status that says nothing new is the one that the server holds, its decisions included: nothing is written. */
static void decisions_alone_are_no_news(void **state)
{
    struct observed o = { .ns = "ns", .name = "a", .uid = "u", .wall_ms = T0 };
    struct plan p = { .reason = "Ready", .replicas_wanted = 0 };
    cJSON *first = status_build(&o, &p), *second;
    (void)state;

    add(json_arr(first, "decisions"), decide("a", "A", "", 1, T0));
    o.status = first;
    second = status_build(&o, &p);
    assert_true(json_equal(first, second));
    cJSON_Delete(first);
    cJSON_Delete(second);
}

static void the_end_is_known(void **state)
{
    const struct plan ready = { .reason = "Ready" }, waits = { .rule = "a", .reason = "A" };
    cJSON *list = json_new_arr();
    (void)state;

    assert_false(status_decisions_end_with(NULL, &ready));
    assert_false(status_decisions_end_with(list, &ready));
    add(list, decide("a", "A", "", 0, T0));
    assert_true(status_decisions_end_with(list, &waits));
    assert_false(status_decisions_end_with(list, &ready));
    cJSON_Delete(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told),           cmocka_unit_test(only_what_was_carried_out_is_a_write),
        cmocka_unit_test(the_same_again_is_counted), cmocka_unit_test(the_oldest_go),
        cmocka_unit_test(a_long_text_stays_small), cmocka_unit_test(decisions_alone_are_no_news),
        cmocka_unit_test(the_end_is_known),
    };

    return cmocka_run_group_tests_name("decisions", tests, NULL, NULL);
}
