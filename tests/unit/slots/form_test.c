/*
 * Who gets which seat, what stops a bootstrap, and the plan's way through JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static struct world world;
static struct node_view *views;
static struct form_plan plan;
static struct form_step step;

static int setup(void **state)
{
    (void)state;
    w_init(&world, 3, 1, 1);
    views = w_look(&world);
    form_step_init(&step);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    views_free(views, (size_t)world.n_pods);
    form_plan_done(&plan);
    form_step_done(&step);
    return 0;
}

static void look(void)
{
    views_free(views, (size_t)world.n_pods);
    views = w_look(&world);
}

/* Where the pods run, one letter each: node, then zone. */
static const struct spread {
    const char *name;
    int shards, replicas;
    const char *nodes, *zones;
    int beside; /* replicas on their master's node, at best */
} spreads[] = {
    { "three nodes for three by two", 3, 1, "abcabc", "xyzxyz", 0 },
    { "the pods came in pairs", 3, 1, "aabbcc", "xxyyzz", 0 },
    { "two nodes", 3, 1, "ababab", "xxxxxx", 0 },
    { "the last replica would sit beside its master", 3, 1, "abcbac", "xxxxxx", 0 },
    { "one node cannot be helped", 3, 1, "aaaaaa", "xxxxxx", 3 },
    { "three copies on three nodes", 3, 2, "abcabcabc", "xyzxyzxyz", 0 },
    { "nothing is known", 3, 1, "", "", 0 },
};

static int count_beside(const struct spread *s)
{
    int n = 0;

    for (size_t i = 0; i < plan.n_seats; i++)
        for (size_t k = 0; k < plan.n_seats && s->nodes[0]; k++)
            n += plan.seats[i].replica && !plan.seats[k].replica && plan.seats[i].shard == plan.seats[k].shard &&
                 s->nodes[i] == s->nodes[k];
    return n;
}

static void check_spread(void **state)
{
    const struct spread *s = *state;
    char names[W_PODS][2][2] = { 0 };
    struct err e = { 0 };

    w_init(&world, s->shards, s->replicas, 1);
    for (int i = 0; i < world.n_pods && s->nodes[0]; i++) {
        names[i][0][0] = s->nodes[i];
        names[i][1][0] = s->zones[i];
        world.members[i].node = names[i][0];
        world.members[i].zone = names[i][1];
    }
    views = w_look(&world);
    assert_int_equal(form_plan_make(&world.x, views, &plan, &e), 0);
    assert_int_equal(count_beside(s), s->beside);
    for (int shard = 0; shard < s->shards; shard++) {
        int masters = 0, replicas = 0;

        for (size_t i = 0; i < plan.n_seats; i++) {
            masters += plan.seats[i].shard == shard && !plan.seats[i].replica;
            replicas += plan.seats[i].shard == shard && plan.seats[i].replica;
        }
        assert_int_equal(masters, 1);
        assert_int_equal(replicas, s->replicas);
    }
}

static void holds_keys(void)
{
    views[4].keys = 1;
}

static void knows_another(void)
{
    views[4].known_nodes = 2;
}

static void has_an_epoch(void)
{
    views[4].my_epoch = 3;
}

static void owns_a_slot(void)
{
    views[4].slots_assigned = 1;
}

static void follows(void)
{
    views[4].is_replica = true;
    snprintf(views[4].master_host, sizeof(views[4].master_host), "10.0.0.9");
}

static void is_silent(void)
{
    views[4].reach = REACH_NONE;
}

static void is_silent_beside_data(void)
{
    is_silent();
    views[5].keys = 7;
}

static void keys_unknown(void)
{
    views[4].keys = -1;
}

static void wears_anothers_id(void)
{
    memcpy(views[4].id, views[3].id, sizeof(views[4].id));
}

static const struct guard {
    const char *name;
    void (*change)(void);
    int rc;
    const char *says;
} guards[] = {
    { "a pod with keys stops it", holds_keys, -ERR_INVALID, "redis-4 holds 1 keys" },
    { "a pod that knows another stops it", knows_another, -ERR_INVALID, "redis-4 knows 1 other nodes" },
    { "a pod with an epoch stops it", has_an_epoch, -ERR_INVALID, "redis-4 has config epoch 3" },
    { "a pod with a slot stops it", owns_a_slot, -ERR_INVALID, "redis-4 owns 1 slots" },
    { "a replica stops it", follows, -ERR_INVALID, "redis-4 is a replica of 10.0.0.9" },
    { "a silent pod is waited for", is_silent, -ERR_RETRY, "redis-4 does not answer" },
    { "data is reported before silence", is_silent_beside_data, -ERR_INVALID, "redis-5 holds 7 keys" },
    { "keys that cannot be counted stop it", keys_unknown, -ERR_INVALID, "redis-4 holds -1 keys" },
    { "two pods with one id stop it", wears_anothers_id, -ERR_INVALID, "another pod's id" },
};

static void check_guard(void **state)
{
    const struct guard *g = *state;
    struct err e = { 0 };

    g->change();
    assert_int_equal(form_plan_make(&world.x, views, &plan, &e), g->rc);
    if (!strstr(e.msg, g->says))
        fail_msg("'%s' does not say '%s'", e.msg, g->says);
    assert_null(plan.seats);
}

static void a_plan_survives_json(void **state)
{
    struct form_plan again = { 0 };
    struct err e = { 0 };
    cJSON *json, *second;
    (void)state;

    assert_int_equal(form_plan_make(&world.x, views, &plan, &e), 0);
    json = form_plan_json(&plan);
    assert_int_equal(form_plan_parse(json, &again, &e), 0);
    second = form_plan_json(&again);
    assert_true(json_equal(json, second));
    assert_string_equal(json_get_str(json, "seats.0.role"), "master");
    assert_string_equal(json_get_str(json, "seats.0.pod"), "redis-0");
    cJSON_Delete(json);
    cJSON_Delete(second);
    form_plan_done(&again);
}

static const struct bad_plan {
    const char *name, *json, *says;
} bad_plans[] = {
    { "more shards than seats", "{\"shards\":2,\"seats\":[]}", "0 seats for 2 shards" },
    { "a seat without a pod", "{\"shards\":1,\"seats\":[{\"shard\":0}]}", "seat 0: pod" },
    { "a shard beyond the last", "{\"shards\":1,\"seats\":[{\"pod\":\"a\",\"shard\":1}]}", "shard of a" },
    { "a role that is none", "{\"shards\":1,\"seats\":[{\"pod\":\"a\",\"shard\":0,\"role\":\"king\"}]}", "role of a" },
    { "an id that is none", "{\"shards\":1,\"seats\":[{\"pod\":\"a\",\"shard\":0,\"role\":\"master\",\"id\":\"x\"}]}",
      "id of a" },
};

static void check_bad_plan(void **state)
{
    const struct bad_plan *b = *state;
    struct err e = { 0 };
    cJSON *json = NULL;

    assert_int_equal(json_parse(b->json, strlen(b->json), &json, &e), 0);
    assert_int_equal(form_plan_parse(json, &plan, &e), -ERR_INVALID);
    cJSON_Delete(json);
    if (!strstr(e.msg, b->says))
        fail_msg("'%s' does not say '%s'", e.msg, b->says);
    assert_null(plan.seats);
}

static void no_plan_is_an_empty_plan(void **state)
{
    struct err e = { 0 };
    (void)state;

    assert_int_equal(form_plan_parse(NULL, &plan, &e), 0);
    assert_int_equal(plan.n_seats, 0);
}

static void plan_and_step(void)
{
    struct err e = { 0 };

    if (!plan.seats)
        assert_int_equal(form_plan_make(&world.x, views, &plan, &e), 0);
    form_step(&world.x, views, &plan, &step);
}

static void epochs_come_first_and_only_once(void **state)
{
    (void)state;

    plan_and_step();
    assert_int_equal(step.action, FORM_EPOCHS);
    assert_int_equal(step.commands.n, 6);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(w_do(&world, &step.commands.items[i]), "");
    look();
    plan_and_step();
    assert_int_equal(step.action, FORM_EPOCHS);
    assert_int_equal(step.commands.n, 2);
    assert_int_equal(step.commands.items[0].member, 4);
}

static void data_that_appears_while_forming_stops_it(void **state)
{
    (void)state;

    plan_and_step();
    views[4].keys = 9;
    plan_and_step();
    assert_int_equal(step.action, FORM_REFUSE);
    assert_int_equal(step.commands.n, 0);
    assert_string_equal(step.reason, "redis-4 holds 9 keys and owns no slots");
}

static void another_identity_with_a_past_stops_it(void **state)
{
    (void)state;

    plan_and_step();
    w_wipe(&world, 4);
    w_start(&world, 4, false);
    look();
    plan_and_step();
    assert_int_equal(step.action, FORM_RECORD);
    views[4].my_epoch = 3;
    plan_and_step();
    assert_int_equal(step.action, FORM_REFUSE);
    assert_string_equal(step.reason, "redis-4 has another identity than planned, and has config epoch 3");
}

static void a_plan_for_other_pods_stops_it(void **state)
{
    (void)state;

    plan_and_step();
    world.x.n_members = 5;
    plan_and_step();
    assert_int_equal(step.action, FORM_REFUSE);
    world.x.n_members = 6;
    world.members[2].pod = "stranger";
    plan_and_step();
    assert_string_equal(step.reason, "the formation was planned without stranger");
}

#define WITH_SIX(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest others[] = {
    WITH_SIX(a_plan_survives_json),
    WITH_SIX(no_plan_is_an_empty_plan),
    WITH_SIX(epochs_come_first_and_only_once),
    WITH_SIX(data_that_appears_while_forming_stops_it),
    WITH_SIX(another_identity_with_a_past_stops_it),
    WITH_SIX(a_plan_for_other_pods_stops_it),
};

int main(void)
{
    struct CMUnitTest tests[COUNT(spreads) + COUNT(guards) + COUNT(bad_plans) + COUNT(others)];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(spreads); i++)
        tests[n++] = (struct CMUnitTest){ spreads[i].name, check_spread, NULL, teardown, (void *)(uintptr_t)&spreads[i] };
    for (size_t i = 0; i < COUNT(guards); i++)
        tests[n++] = (struct CMUnitTest){ guards[i].name, check_guard, setup, teardown, (void *)(uintptr_t)&guards[i] };
    for (size_t i = 0; i < COUNT(bad_plans); i++)
        tests[n++] = (struct CMUnitTest){ bad_plans[i].name, check_bad_plan, setup, teardown,
                                          (void *)(uintptr_t)&bad_plans[i] };
    for (size_t i = 0; i < COUNT(others); i++)
        tests[n++] = others[i];
    return cmocka_run_group_tests_name("forming", tests, NULL, NULL);
}
