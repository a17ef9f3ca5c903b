/*
 * One wound per test, in the model; the step that answers it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static struct world world;
static struct node_view *views;
static struct verdict v;
static struct heal_step step;
static struct heal_memory memory;

static void look(void)
{
    views_free(views, (size_t)world.n_pods);
    views = w_look(&world);
    verdict_judge(&world.x, views, (size_t)world.n_pods, &v);
    heal_step(&(struct heal_input){ .x = &world.x, .views = views, .v = &v, .now_ms = world.now_ms }, &memory, &step);
}

static int setup(void **state)
{
    (void)state;
    heal_step_init(&step);
    memory = (struct heal_memory){ 0 };
    w_init(&world, 3, 1, 1);
    w_form(&world);
    look();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    views_free(views, (size_t)world.n_pods);
    views = NULL;
    heal_step_done(&step);
    return 0;
}

static void send_all(void)
{
    for (size_t i = 0; i < step.commands.n; i++)
        assert_string_equal(w_do(&world, &step.commands.items[i]), "");
}

static void pass_ms(int ms)
{
    for (; ms > 0; ms -= W_TICK_MS)
        w_tick(&world);
}

/* Looks and obeys until the action comes; what it says must contain the words. */
static void expect(enum heal_action want, const char *words)
{
    for (int i = 0; i < 300; i++) {
        look();
        if (step.action == want && strstr(step.reason, words))
            return;
        send_all();
        w_tick(&world);
    }
    fail_msg("instead of %s: %s %s", heal_action_name(want), heal_action_name(step.action), step.reason);
}

static void health_needs_nothing(void **state)
{
    (void)state;

    assert_int_equal(step.action, HEAL_NONE);
    assert_int_equal(step.commands.n, 0);
}

static void unknown_changes_nothing(void **state)
{
    (void)state;

    for (int i = 0; i < 4; i++)
        world.hidden[i] = true;
    w_start(&world, 5, true);
    look();
    assert_int_equal(v.state, REDIS_UNKNOWN);
    assert_int_equal(step.action, HEAL_WAIT);
    assert_int_equal(step.commands.n, 0);
}

static void one_that_moves_is_introduced(void **state)
{
    (void)state;

    w_start(&world, 5, true);
    look();
    assert_int_equal(step.action, HEAL_MEET);
    assert_int_equal(step.commands.n, 5); /* everyone else to redis-5; it knows them all */
    for (size_t i = 0; i < step.commands.n; i++)
        assert_string_equal(step.commands.items[i].ip, world.ips[5]);
    expect(HEAL_NONE, "");
}

static void when_all_move_failover_is_suspended_first(void **state)
{
    (void)state;

    for (int i = 0; i < 6; i++) {
        w_start(&world, i, true);
        world.node[world.id_of[i]].armed = true;
    }
    look();
    assert_int_equal(step.action, HEAL_SUSPEND);
    assert_int_equal(step.commands.n, 6);
    send_all();
    look();
    assert_int_equal(step.action, HEAL_MEET);
    assert_int_equal(step.commands.n, 30);
    expect(HEAL_ARM, "failover allowed");
    expect(HEAL_NONE, "");
}

static void a_stale_replica_is_told_again(void **state)
{
    (void)state;

    world.node[4].link_ip = 199;
    pass_ms(200);
    look();
    assert_int_equal(step.action, HEAL_REPLICATE);
    assert_int_equal(step.commands.n, 1);
    assert_int_equal(step.commands.items[0].member, 4);
    assert_string_equal(step.commands.items[0].id, views[1].id);
    expect(HEAL_NONE, "");
}

static void an_election_is_left_alone(void **state)
{
    (void)state;

    w_kill(&world, 0);
    pass_ms(500);
    look();
    assert_int_equal(step.action, HEAL_WAIT);
    assert_int_equal(step.commands.n, 0);
    pass_ms(6000);
    look();
    assert_true(v.serving);
    assert_int_equal(step.commands.n, 0);
}

static void a_new_pod_follows_who_lacks_a_replica(void **state)
{
    (void)state;

    w_wipe(&world, 4);
    w_start(&world, 4, true);
    look();
    assert_int_equal(step.action, HEAL_MEET);
    expect(HEAL_REPLICATE, "redis-4 is new and empty: it becomes a replica of redis-1");
    assert_int_equal(step.commands.n, 1);
    send_all();
    expect(HEAL_FORGET, "belongs to no pod any more");
    assert_in_range(step.commands.n, 5, 6); /* the new pod may never have heard of it */
    send_all();
    expect(HEAL_NONE, "");
}

/* A resize decides what becomes of it: it is introduced, and that is all. */
static void a_reserved_pod_is_introduced_and_given_nothing(void **state)
{
    bool met = false;
    (void)state;

    world.members[4].reserved = true;
    w_wipe(&world, 4);
    w_start(&world, 4, true);
    look();
    assert_int_not_equal(step.action, HEAL_MEET); /* not before it has a config epoch */
    world.node[world.id_of[4]].epoch = world.node[world.id_of[4]].current = 100;
    for (int i = 0; i < 300; i++) {
        look();
        met |= step.action == HEAL_MEET;
        assert_int_not_equal(step.action, HEAL_REPLICATE);
        send_all();
        w_tick(&world);
    }
    assert_true(met);
}

/* Nor is a replica taken from its shard, or given to one, when either is on its way out. */
static void what_leaves_is_not_balanced(void **state)
{
    (void)state;

    world.members[0].leaving = world.members[3].leaving = true;
    world.node[world.id_of[3]].master = world.id_of[1];
    world.node[world.id_of[3]].link_ip = world.node[world.id_of[1]].ip;
    pass_ms(1000);
    for (int i = 0; i < 50; i++) {
        look();
        assert_int_not_equal(step.action, HEAL_REPLICATE);
        send_all();
        w_tick(&world);
    }
    world.members[0].leaving = world.members[3].leaving = false;
    expect(HEAL_REPLICATE, "redis-0 lacks a replica");
}

/* The others hold the id that a pod lost for alive until a node timeout has passed. */
static void a_lost_id_is_no_foreign_node(void **state)
{
    (void)state;

    w_wipe(&world, 0);
    w_start(&world, 0, true);
    for (int i = 0; i < 300; i++) {
        look();
        /* a link to a dead address stays until half a node timeout has passed */
        for (int k = 0; k < world.n_pods; k++)
            for (size_t r = 0; r < views[k].n_rows; r++)
                views[k].rows[r].connected = true;
        heal_step(&(struct heal_input){ .x = &world.x, .views = views, .v = &v, .now_ms = world.now_ms }, &memory, &step);
        if (step.action == HEAL_REFUSE)
            fail_msg("%s", step.reason);
        send_all();
        w_tick(&world);
    }
    expect(HEAL_NONE, "");
}

static void a_pod_with_a_past_of_its_own_is_not_introduced(void **state)
{
    (void)state;

    w_wipe(&world, 4);
    w_start(&world, 4, true);
    world.node[world.id_of[4]].data = 7;
    look();
    assert_int_equal(step.action, HEAL_REFUSE);
    assert_int_equal(step.commands.n, 0);
    assert_non_null(strstr(step.reason, "redis-4 has data"));
}

/* Pods 0 and 1 hold the volumes of another cluster, which know each other and claim slots: whoever comes first
 * in the list, the two are not introduced to ours. */
static void pods_of_another_cluster_are_not_introduced(void **state)
{
    (void)state;

    for (int pod = 0; pod < 2; pod++) {
        w_wipe(&world, pod);
        w_start(&world, pod, true);
        world.node[world.id_of[pod]].owns = 1u << pod;
        world.node[world.id_of[pod]].epoch = 90 + (unsigned)pod;
        world.node[world.id_of[pod]].data = 7;
    }
    w_learn(&world, world.id_of[0], world.id_of[1]);
    w_learn(&world, world.id_of[1], world.id_of[0]);
    for (int i = 0; i < 200; i++) {
        look();
        for (size_t c = 0; c < step.commands.n; c++) {
            bool to_them = step.commands.items[c].member < 2, about_them = false;

            for (int pod = 0; pod < 2; pod++)
                about_them |= strcmp(step.commands.items[c].ip, world.ips[pod]) == 0;
            if (step.commands.items[c].kind == CMD_MEET && to_them != about_them)
                fail_msg("member %zu meets %s", step.commands.items[c].member, step.commands.items[c].ip);
        }
        send_all();
        w_tick(&world);
    }
    assert_int_equal(step.action, HEAL_REFUSE);
    assert_non_null(strstr(step.reason, "redis-0 has data or other nodes of its own, and is unknown to the cluster"));
}

static void an_orphan_with_the_last_copy_is_armed(void **state)
{
    (void)state;

    world.node[3].armed = false;
    w_kill(&world, 0);
    pass_ms(500);
    look();
    assert_int_equal(step.action, HEAL_ARM);
    assert_int_equal(step.commands.n, 1);
    assert_int_equal(step.commands.items[0].member, 3);
}

static void an_orphan_that_never_copied_is_not(void **state)
{
    (void)state;

    world.node[3].armed = false;
    world.node[3].linked_ms = -1000000;
    w_kill(&world, 0);
    pass_ms(500);
    look();
    assert_int_equal(step.action, HEAL_WAIT);
}

static void lost_slots_are_never_given_out(void **state)
{
    (void)state;

    w_wipe(&world, 0);
    w_wipe(&world, 3);
    w_start(&world, 0, true);
    w_start(&world, 3, true);
    expect(HEAL_REFUSE, "slots 0-5460 have no owner though every pod is here: their data is lost");
    assert_int_equal(step.commands.n, 0);
    assert_true(step.again_ms > 0);
}

static void all_pods_new_is_no_bootstrap(void **state)
{
    (void)state;

    for (int i = 0; i < 6; i++) {
        w_wipe(&world, i);
        w_start(&world, i, true);
    }
    look();
    assert_int_equal(step.action, HEAL_REFUSE);
    assert_non_null(strstr(step.reason, "no pod that answers remembers the cluster"));
}

static void add_import(size_t to, const char *source, const char *state)
{
    const struct view_pair pairs[] = { { "id", "1", 2, 1 }, { "operation", "import", 9, 6 }, { "slots", "0-99", 5, 4 },
                                       { "source", source, 6, strlen(source) }, { "state", state, 5, strlen(state) } };
    struct err e;

    assert_int_equal(view_add_job(&views[to], pairs, COUNT(pairs), &e), 0);
    heal_step(&(struct heal_input){ .x = &world.x, .views = views, .v = &v, .now_ms = world.now_ms }, &memory, &step);
}

/* Master 0 gives slots to master 1, and falls silent: too early for anybody to say so, and perhaps to us alone. */
static void what_a_silent_master_gives_is_let_go(void **state)
{
    char source[NODE_ID_LEN + 1];
    (void)state;

    memcpy(source, view_myself(&views[0])->id, sizeof(source));
    add_import(1, source, "streaming");
    assert_int_equal(step.commands.n, 0); /* it answers */
    world.hidden[0] = true;
    look();
    assert_int_equal(step.commands.n, 0);
    add_import(1, source, "completed");
    assert_int_equal(step.commands.n, 0);
    add_import(1, source, "streaming");
    assert_int_equal(step.action, HEAL_CANCEL);
    assert_int_equal(step.commands.n, 1);
    assert_int_equal(step.commands.items[0].kind, CMD_ASM_CANCEL);
    assert_int_equal(step.commands.items[0].member, 1);
    look(); /* it is not running any more */
    assert_int_equal(step.commands.n, 0);
}

#define WITH_SIX(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SIX(health_needs_nothing),
        WITH_SIX(unknown_changes_nothing),
        WITH_SIX(one_that_moves_is_introduced),
        WITH_SIX(when_all_move_failover_is_suspended_first),
        WITH_SIX(a_stale_replica_is_told_again),
        WITH_SIX(an_election_is_left_alone),
        WITH_SIX(a_new_pod_follows_who_lacks_a_replica),
        WITH_SIX(a_reserved_pod_is_introduced_and_given_nothing),
        WITH_SIX(what_leaves_is_not_balanced),
        WITH_SIX(a_lost_id_is_no_foreign_node),
        WITH_SIX(a_pod_with_a_past_of_its_own_is_not_introduced),
        WITH_SIX(pods_of_another_cluster_are_not_introduced),
        WITH_SIX(an_orphan_with_the_last_copy_is_armed),
        WITH_SIX(an_orphan_that_never_copied_is_not),
        WITH_SIX(lost_slots_are_never_given_out),
        WITH_SIX(all_pods_new_is_no_bootstrap),
        WITH_SIX(what_a_silent_master_gives_is_let_go),
    };

    return cmocka_run_group_tests_name("healing", tests, NULL, NULL);
}
