/*
 * Forming, judging and mending real clusters. redis-cli --cluster check is the referee.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab_group.h"

static struct lab lab;

static int teardown(void **state)
{
    (void)state;
    lab_stop(&lab);
    return 0;
}

static void plan_and_form(bool crash)
{
    struct err e = { 0 };

    assert_true(lab_all_up(&lab));
    if (form_plan_make(&lab.x, lab.views, &lab.plan, &e) < 0)
        fail_msg("%s", e.msg);
    if (lab_form(&lab, crash) != FORM_DONE)
        fail_msg("%s", lab.error);
}

static void start_formed(int shards, int replicas)
{
    lab_open(&lab);
    lab_start(&lab, shards, replicas, "");
    plan_and_form(false);
}

static void forms_three_by_two(void **state)
{
    int64_t start;
    (void)state;

    lab_open(&lab);
    lab_start(&lab, 3, 1, "");
    start = loop_now_ms();
    plan_and_form(false);
    print_message("formed in %lld ms from start of the servers\n", (long long)(loop_now_ms() - start));
    assert_int_equal(lab.v.state, REDIS_HEALTHY);
    assert_int_equal(lab.v.slots_ok, SLOT_COUNT);
    assert_true(lab_referee(&lab));
    for (int64_t until = lab_until(10); !lab.v.holds[P_SETTLED] && loop_now_ms() < until; usleep(100000))
        lab_look(&lab);
    assert_true(lab.v.holds[P_SETTLED]);
}

static void forms_when_every_step_is_cut_short(void **state)
{
    (void)state;

    lab_open(&lab);
    lab_start(&lab, 3, 1, "secret");
    plan_and_form(true);
    assert_true(lab_wait(&lab, REDIS_HEALTHY, 5));
    assert_true(lab_referee(&lab));
}

static void forms_over_tls(void **state)
{
    (void)state;

    lab_open(&lab);
    if (!lab_use_tls(&lab)) {
        lab.loop = loop_new();
        skip();
    }
    lab_start(&lab, 3, 0, "secret");
    plan_and_form(false);
    assert_int_equal(lab.v.state, REDIS_HEALTHY);
    lab.tls = false; /* a server that speaks TLS only does not understand us without */
    lab_look(&lab);
    assert_int_equal(lab.v.state, REDIS_UNKNOWN);
}

static void forms_one_shard(void **state)
{
    (void)state;

    start_formed(1, 1);
    assert_int_equal(lab.v.state, REDIS_HEALTHY);
    assert_int_equal(lab.v.n_masters, 1);
    assert_true(lab_referee(&lab));
}

static void data_is_never_formed_over(void **state)
{
    struct err e = { 0 };
    (void)state;

    lab_open(&lab);
    lab_start(&lab, 3, 0, "");
    assert_true(lab_all_up(&lab));
    assert_true(lab_cli(&lab, 1, "CLUSTER ADDSLOTSRANGE 0 16383", "OK"));
    for (int i = 0; i < 100 && !lab_cli(&lab, 1, "SET precious 1", "OK"); i++)
        usleep(50000);
    assert_true(lab_cli(&lab, 1, "CLUSTER FLUSHSLOTS", "ERR DB must be empty to perform CLUSTER FLUSHSLOTS.") ||
                lab_cli(&lab, 1, "GET precious", "1"));
    lab_look(&lab);
    assert_int_equal(form_plan_make(&lab.x, lab.views, &lab.plan, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "redis-1 holds 1 keys"));
}

static void a_wrong_password_is_told_apart_from_silence(void **state)
{
    (void)state;

    lab_open(&lab);
    lab_start(&lab, 3, 0, "secret");
    assert_true(lab_all_up(&lab));
    snprintf(lab.password, sizeof(lab.password), "wrong");
    lab_look(&lab);
    assert_int_equal(lab.views[0].reach, REACH_DENIED);
    assert_int_equal(lab.v.state, REDIS_UNKNOWN);
    lab.password[0] = '\0';
    lab_look(&lab);
    assert_int_equal(lab.views[0].reach, REACH_DENIED);
    assert_non_null(strstr(lab.views[0].error, "NOAUTH"));
}

static void a_dead_replica_degrades(void **state)
{
    (void)state;

    start_formed(3, 1);
    lab_kill(&lab, 5);
    lab_look(&lab);
    assert_int_equal(lab.v.state, REDIS_DEGRADED);
    assert_false(lab.v.holds[P_REACH]);
    assert_true(lab.views[5].refused);
    assert_non_null(strstr(lab.v.evidence[P_REACH], "redis-5"));
    lab_launch(&lab, 5, lab.members[5].port);
    if (!lab_heal(&lab, 20, false))
        fail_msg("%s", lab.error);
    assert_true(lab_referee(&lab));
}

static void a_dead_master_is_partial_then_failed_over(void **state)
{
    (void)state;

    start_formed(3, 1);
    assert_true(lab_cli(&lab, 1, "SET k v", "OK"));
    lab_kill(&lab, 0);
    lab_look(&lab);
    assert_int_equal(lab.v.state, REDIS_PARTIAL);
    assert_int_equal(lab.v.slots_ok, 10923);
    assert_true(lab_wait(&lab, REDIS_DEGRADED, 20));
    assert_int_equal(lab.v.slots_ok, SLOT_COUNT);
    lab_launch(&lab, 0, lab.members[0].port);
    if (!lab_heal(&lab, 20, false))
        fail_msg("%s", lab.error);
    assert_true(lab_referee(&lab));
    assert_true(lab_cli(&lab, 1, "GET k", "v"));
}

static void a_frozen_master_meets_its_deadline(void **state)
{
    int64_t start;
    (void)state;

    start_formed(3, 1);
    kill(lab.pids[0], SIGSTOP);
    start = loop_now_ms();
    lab_look(&lab);
    assert_true(loop_now_ms() - start < 1900);
    assert_false(lab.views[0].refused);
    assert_non_null(strstr(lab.views[0].error, "timeout"));
    assert_int_equal(lab.v.state, REDIS_UNKNOWN); /* the others still see it well */
    assert_true(lab_wait(&lab, REDIS_DEGRADED, 20));
    kill(lab.pids[0], SIGCONT);
    if (!lab_heal(&lab, 20, false))
        fail_msg("%s", lab.error);
    assert_true(lab_referee(&lab));
}

static void t07_all_move_and_nobody_fails_over(void **state)
{
    (void)state;

    start_formed(3, 1);
    assert_true(lab_cli(&lab, 1, "SET k v", "OK"));
    for (size_t i = 0; i < lab.n; i++)
        lab_kill(&lab, i);
    for (size_t i = 0; i < lab.n; i++)
        lab_launch(&lab, i, port_take());
    assert_true(lab_all_up(&lab));
    if (!lab_heal(&lab, 40, true))
        fail_msg("%s", lab.error);
    for (size_t i = 0; i < lab.n; i++)
        assert_int_equal(view_owns_slots(&lab.views[i]), !lab.plan.seats[i].replica);
    assert_true(lab_referee(&lab));
    assert_true(lab_cli(&lab, 1, "GET k", "v"));
}

/* Between two masters other than the first: whoever asks only node 0 sees nothing of it. */
static void a_half_migrated_slot_is_seen(void **state)
{
    char cmd[128];
    (void)state;

    start_formed(3, 0);
    snprintf(cmd, sizeof(cmd), "CLUSTER SETSLOT 6000 MIGRATING %s", lab.views[2].id);
    assert_true(lab_cli(&lab, 1, cmd, "OK"));
    lab_look(&lab);
    assert_int_equal(lab.v.state, REDIS_DEGRADED);
    assert_false(lab.v.holds[P_CLOSED]);
    assert_true(lab.v.holds[P_STATE] && lab.v.holds[P_SLOTS] && lab.v.holds[P_CONSENSUS]);
    assert_string_equal(lab.v.evidence[P_CLOSED], "redis-1 is migrating slot 6000 to redis-2");
    assert_true(lab_cli(&lab, 1, "CLUSTER SETSLOT 6000 STABLE", "OK"));
    lab_look(&lab);
    assert_int_equal(lab.v.state, REDIS_HEALTHY);
}

static void a_slot_that_one_gave_up_is_seen(void **state)
{
    (void)state;

    start_formed(3, 0);
    assert_true(lab_cli(&lab, 1, "CLUSTER DELSLOTS 6000", "OK"));
    lab_look(&lab);
    assert_int_equal(lab.v.state, REDIS_PARTIAL);
    assert_false(lab.v.holds[P_OWNERSHIP] || lab.v.holds[P_SLOTS] || lab.v.holds[P_CONSENSUS]);
    assert_non_null(strstr(lab.v.evidence[P_OWNERSHIP], "slots 6000: no owner answers"));
    assert_false(lab_referee(&lab));
}

static void a_new_pod_takes_the_place_of_a_lost_master(void **state)
{
    char lost[NODE_ID_LEN + 1];
    (void)state;

    start_formed(3, 1);
    assert_true(lab_cli(&lab, 1, "SET k v", "OK"));
    memcpy(lost, lab.views[0].id, sizeof(lost));
    lab_kill(&lab, 0);
    lab_wipe(&lab, 0);
    lab_launch(&lab, 0, port_take());
    if (!lab_heal(&lab, 40, true))
        fail_msg("%s", lab.error);
    assert_string_not_equal(lab.views[0].id, lost);
    assert_true(lab.views[0].is_replica);
    assert_null(view_find(&lab.views[1], lost));
    assert_true(form_plan_record(&lab.plan, &lab.x, lab.views));
    assert_false(form_plan_record(&lab.plan, &lab.x, lab.views));
    assert_true(lab_referee(&lab));
    assert_true(lab_cli(&lab, 1, "GET k", "v"));
}

#define REAL(test) cmocka_unit_test_teardown(test, teardown)

static const struct CMUnitTest tests[] = {
    REAL(forms_three_by_two),
    REAL(forms_when_every_step_is_cut_short),
    REAL(forms_over_tls),
    REAL(forms_one_shard),
    REAL(data_is_never_formed_over),
    REAL(a_wrong_password_is_told_apart_from_silence),
    REAL(a_dead_replica_degrades),
    REAL(a_dead_master_is_partial_then_failed_over),
    REAL(a_frozen_master_meets_its_deadline),
    REAL(t07_all_move_and_nobody_fails_over),
    REAL(a_half_migrated_slot_is_seen),
    REAL(a_slot_that_one_gave_up_is_seen),
    REAL(a_new_pod_takes_the_place_of_a_lost_master),
};

int main(void)
{
    return lab_run_tests(tests, COUNT(tests));
}
