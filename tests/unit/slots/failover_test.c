/*
 * Masters that die in the model: who takes their place, when, and when nobody may.
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
static struct slot_set accepted;
static bool has_consent;

static void look(void)
{
    struct heal_input in = { .x = &world.x, .v = &v, .now_ms = world.now_ms, .accept_loss = has_consent ? &accepted : NULL };

    views_free(views, (size_t)world.n_pods);
    in.views = views = w_look(&world);
    verdict_judge(&world.x, views, (size_t)world.n_pods, &v);
    heal_step(&in, &memory, &step);
}

static void start(int shards, int replicas)
{
    memory = (struct heal_memory){ 0 };
    has_consent = false;
    views_free(views, (size_t)world.n_pods);
    views = NULL;
    w_init(&world, shards, replicas, 1);
    w_form(&world);
    look();
}

static int setup(void **state)
{
    (void)state;
    heal_step_init(&step);
    start(3, 1);
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

static void accept(const char *slots)
{
    struct err e;

    assert_int_equal(slot_set_parse(slots, &accepted, &e), 0);
    has_consent = true;
}

static void send_all(void)
{
    for (size_t i = 0; i < step.commands.n; i++)
        assert_int_not_equal(command_classify(step.commands.items[i].kind, w_do(&world, &step.commands.items[i])), REPLY_STOP);
}

/* Looks, obeys and returns true until the action comes, or the time has passed. */
static bool until(enum heal_action want, int ms)
{
    for (int64_t end = world.now_ms + ms; world.now_ms < end; w_tick(&world)) {
        look();
        if (step.action == want)
            return true;
        send_all();
    }
    return false;
}

static void expect(enum heal_action want, int ms, const char *words)
{
    if (!until(want, ms))
        fail_msg("instead of %s: %s %s", heal_action_name(want), heal_action_name(step.action), step.reason);
    if (!strstr(step.reason, words))
        fail_msg("%s: %s", heal_action_name(want), step.reason);
}

/* For so long nothing of the kind is done. */
static void never(enum heal_action what, int ms)
{
    if (until(what, ms))
        fail_msg("%s: %s", heal_action_name(what), step.reason);
}

static void expect_well(void)
{
    for (int i = 0; i < 1200; i++) {
        look();
        if (step.action == HEAL_NONE && v.state == REDIS_HEALTHY)
            return;
        send_all();
        w_tick(&world);
    }
    fail_msg("ends with %s %s", heal_action_name(step.action), step.reason);
}

static void expect_data(void)
{
    unsigned kept = 0;

    for (int i = 0; i < world.n_ids; i++)
        kept |= world.node[i].up && world.node[i].owns ? world.node[i].data & world.node[i].owns : 0;
    assert_int_equal(kept, (1u << world.shards) - 1);
}

/* What a person can do who must not be obeyed by guess. */
static void unfence(int pod)
{
    world.members[pod].fenced = false;
}

/* node timeout 2 s: 3 s to notice, 1 s to begin, 8 s to try again */
static void an_election_has_its_time_then_the_replica_is_told(void **state)
{
    int64_t died_ms = world.now_ms;
    (void)state;

    world.no_elections = true;
    w_kill(&world, 0);
    expect(HEAL_FORCE, 60000, "nobody was elected for redis-0: redis-3 takes its place");
    assert_in_range(world.now_ms - died_ms, 12000, 16000);
    assert_int_equal(step.commands.n, 1);
    assert_int_equal(step.commands.items[0].kind, CMD_FAILOVER_FORCE);
    assert_int_equal(step.commands.items[0].member, 3);
    send_all();
    w_tick(&world);
    look();
    assert_true(world.node[world.id_of[3]].owns != 0);
    w_start(&world, 0, false);
    expect_well();
    expect_data();
}

static void of_two_the_one_with_more_is_told(void **state)
{
    (void)state;

    start(3, 2);
    world.no_elections = true;
    w_kill(&world, 0);
    for (int pod = 3; pod < 9; pod++)
        world.node[world.id_of[pod]].offset_lead = pod == 6 ? 50 : 0;
    expect(HEAL_FORCE, 60000, "redis-0");
    assert_int_equal(world.node[world.id_of[step.commands.items[0].member]].master, world.id_of[0]);
    for (int pod = 3; pod < 9; pod++)
        if (world.node[world.id_of[pod]].master == world.id_of[0] && pod != (int)step.commands.items[0].member)
            assert_true(views[pod].offset <= views[step.commands.items[0].member].offset);
}

/* OK is no guarantee: told again after the manual failover and a retry have passed, and said in the end. */
static void who_is_not_elected_is_told_again_and_then_said(void **state)
{
    int64_t first_ms;
    (void)state;

    world.no_elections = true;
    w_kill(&world, 0);
    expect(HEAL_FORCE, 60000, "redis-3");
    first_ms = world.now_ms; /* and lost on the way */
    w_tick(&world);
    look();
    assert_int_equal(step.action, HEAL_WAIT);
    for (int told = 1; told < 3; told++) {
        step.commands.n = 0;
        for (look(); step.action != HEAL_FORCE; look())
            w_tick(&world);
        assert_true(world.now_ms - first_ms >= 13000 * told);
    }
    w_tick(&world);
    look();
    assert_int_equal(step.action, HEAL_REFUSE);
    assert_non_null(strstr(step.reason, "is not elected: look at its log"));
}

/* Its link broke ten minutes before its master died: ten minutes of writes are not in it. */
static void a_copy_that_lagged_is_not_forced_without_consent(void **state)
{
    (void)state;

    world.no_elections = true;
    w_kill(&world, 0);
    world.node[3].linked_ms -= 600000;
    expect(HEAL_REFUSE, 60000, "redis-3 is the best copy of redis-0, but may lack what was written later");
    assert_non_null(strstr(step.reason, "spec.redis.acceptDataLossForSlots: \"0-5460\""));
    accept("0-5459");
    never(HEAL_FORCE, 20000);
    accept("0-5460");
    expect(HEAL_SAVE, 20000, "what is left of the shard of redis-0 is written to disk first");
    assert_int_equal(step.commands.n, 1);
    assert_int_equal(step.commands.items[0].kind, CMD_SAVE);
    assert_int_equal(step.commands.items[0].member, 3);
    expect(HEAL_FORCE, 20000, "redis-3 takes its place");
}

/* It is waited for, but a disk that gets nowhere keeps no slots down. */
static void a_save_has_its_time_and_no_more(void **state)
{
    (void)state;

    world.no_elections = true;
    w_kill(&world, 0);
    world.node[3].linked_ms -= 600000;
    accept("0-5460");
    expect(HEAL_SAVE, 60000, "written to disk first");
    world.saving = 3;
    never(HEAL_FORCE, 25000);
    assert_non_null(strstr(step.reason, "is being written to disk"));
    expect(HEAL_FORCE, 10000, "redis-3 takes its place");
}

/* It was told to follow another shard, and that shard's master died before it had copied it. */
static void a_copy_of_another_shard_is_never_chosen(void **state)
{
    (void)state;

    world.node[4].master = world.id_of[0];
    world.node[4].armed = false;
    world.node[4].link_up = false;
    w_kill(&world, 3);
    w_kill(&world, 0);
    accept("0-16383");
    for (int i = 0; i < 600; i++) {
        look();
        for (size_t c = 0; c < step.commands.n; c++)
            if (step.commands.items[c].member == 4)
                fail_msg("%s: %s", heal_action_name(step.action), step.reason);
        send_all();
        w_tick(&world);
    }
    assert_int_equal(world.node[4].owns, 0);
}

/* A new pod got the address of the dead master, and its replica copied it: that is no copy of the shard. */
static void a_copy_of_a_newcomer_is_never_chosen(void **state)
{
    (void)state;

    w_wipe(&world, 0);
    w_start(&world, 0, false);
    world.no_elections = true;
    world.node[3].replid = world.node[world.id_of[0]].replid;
    world.node[3].data = 0;
    never(HEAL_FORCE, 60000);
    assert_int_equal(step.action, HEAL_REFUSE);
    assert_false(world.node[3].armed);
    assert_int_equal(world.node[3].owns, 0);
}

static void kill_two(void)
{
    w_kill(&world, 0);
    w_kill(&world, 1);
}

static void without_a_majority_a_fenced_master_is_replaced(void **state)
{
    (void)state;

    kill_two();
    expect(HEAL_TAKEOVER, 60000, "redis-0 is gone and nobody can vote: redis-3 takes over");
    assert_int_equal(step.commands.n, 1);
    assert_int_equal(step.commands.items[0].kind, CMD_FAILOVER_TAKEOVER);
    send_all();
    w_tick(&world);
    never(HEAL_TAKEOVER, 20000); /* two of three are a majority again: they elect */
    assert_true(world.node[world.id_of[4]].owns != 0);
    w_start(&world, 1, true);
    w_start(&world, 0, true);
    expect_well();
    expect_data();
}

/* N9: its keys may be at the other end of the move, or not: nobody can ask the one who is gone. */
static void a_slot_half_moved_forbids_it_without_consent(void **state)
{
    struct w_node *other = &world.node[world.id_of[2]];
    (void)state;

    for (int i = 0; i < 2; i++) {
        unsigned owned = world.node[world.id_of[i]].owns;
        other->importing |= owned & -owned;
        other->peer[__builtin_ctz(owned)] = world.id_of[i];
    }
    kill_two();
    expect(HEAL_REFUSE, 60000, "a slot was half moved");
    assert_non_null(strstr(step.reason, "spec.redis.acceptDataLossForSlots: \"0-5460\""));
    accept("0-5460");
    expect(HEAL_TAKEOVER, 60000, "redis-3 takes over");
}

static void one_that_may_be_running_forbids_it(void **state)
{
    (void)state;

    kill_two();
    unfence(1);
    never(HEAL_TAKEOVER, 120000);
    assert_int_equal(step.action, HEAL_REFUSE);
    assert_non_null(strstr(step.reason, "redis-1 is silent but may be running: bring it back; if its node is off for certain"));
    world.members[1].fenced = true;
    expect(HEAL_TAKEOVER, 60000, "takes over");
}

/* Even a replica: it may be the better copy, or have been elected where we do not see it. */
static void a_silent_replica_forbids_it_too(void **state)
{
    (void)state;

    kill_two();
    w_kill(&world, 5);
    unfence(5);
    never(HEAL_TAKEOVER, 120000);
}

static void a_file_of_its_own_gives_it_a_minute(void **state)
{
    int64_t died_ms = world.now_ms;
    (void)state;

    world.aof = true;
    kill_two();
    expect(HEAL_TAKEOVER, 120000, "takes over");
    assert_in_range(world.now_ms - died_ms, 60000, 64000);
}

/* A pod that came back empty has lost its volume: there is nothing to wait for. */
static void a_lost_volume_gives_it_none(void **state)
{
    int64_t died_ms = world.now_ms;
    (void)state;

    world.aof = true;
    for (int pod = 0; pod < 2; pod++) {
        w_wipe(&world, pod);
        w_start(&world, pod, true);
    }
    expect(HEAL_TAKEOVER, 120000, "the lost master");
    assert_in_range(world.now_ms - died_ms, 4000, 15000);
    send_all();
    expect_well();
    expect_data();
}

static void most_of_the_pods_silent_changes_nothing(void **state)
{
    (void)state;

    accept("0-16383");
    for (int pod = 0; pod < 4; pod++)
        w_kill(&world, pod);
    for (int i = 0; i < 1200; i++) {
        look();
        assert_int_equal(v.state, REDIS_UNKNOWN);
        assert_int_equal(step.commands.n + step.n_moves, 0);
        w_tick(&world);
    }
}

static void the_only_shard_is_taken_over_as_well(void **state)
{
    (void)state;

    start(1, 1);
    w_kill(&world, 0);
    expect(HEAL_TAKEOVER, 60000, "redis-1 takes over");
    send_all();
    w_start(&world, 0, false);
    expect_well();
    expect_data();
}

/* All masters at once: as many takeovers as make a majority, and never two with one epoch. */
static void takeovers_come_one_by_one(void **state)
{
    int n = 0;
    (void)state;

    start(4, 1);
    for (int pod = 0; pod < 4; pod++)
        w_kill(&world, pod);
    for (int64_t end = world.now_ms + 120000; world.now_ms < end; w_tick(&world)) {
        look();
        assert_true(step.action != HEAL_TAKEOVER || (step.commands.n == 1 && v.holds[P_EPOCHS]));
        n += step.action == HEAL_TAKEOVER;
        send_all();
    }
    assert_int_equal(n, 3);
    for (int i = 0; i < world.n_ids; i++)
        for (int k = i + 1; k < world.n_ids; k++)
            assert_false(world.node[i].up && world.node[k].up && world.node[i].owns && world.node[k].owns &&
                         world.node[i].epoch == world.node[k].epoch);
    for (int pod = 3; pod >= 0; pod--)
        w_start(&world, pod, pod % 2);
    expect_well();
    expect_data();
}

/* Nothing of a shard is left. It is served empty when that was accepted, and not before. */
static void what_is_lost_is_given_out_only_with_consent(void **state)
{
    (void)state;

    for (int pod = 0; pod < 4; pod += 3) {
        w_wipe(&world, pod);
        w_start(&world, pod, true);
    }
    never(HEAL_ADDSLOTS, 60000);
    assert_int_equal(step.action, HEAL_REFUSE);
    assert_non_null(strstr(step.reason, "spec.redis.acceptDataLossForSlots: \"0-5460\""));
    accept("5461-16383");
    never(HEAL_ADDSLOTS, 20000);
    accept("0-5460");
    expect(HEAL_ADDSLOTS, 60000, "as was accepted");
    expect_well();
    assert_int_equal(v.n_masters, 3);
}

/* A pod that may return has the data: no consent makes us give its slots away. */
static void consent_does_not_hurry_a_pod_that_may_return(void **state)
{
    (void)state;

    accept("0-16383");
    w_kill(&world, 0);
    w_kill(&world, 3);
    never(HEAL_ADDSLOTS, 120000);
    w_start(&world, 3, true);
    w_start(&world, 0, true);
    expect_well();
    expect_data();
}

#define WITH_SIX(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SIX(an_election_has_its_time_then_the_replica_is_told),
        WITH_SIX(of_two_the_one_with_more_is_told),
        WITH_SIX(who_is_not_elected_is_told_again_and_then_said),
        WITH_SIX(a_copy_that_lagged_is_not_forced_without_consent),
        WITH_SIX(a_save_has_its_time_and_no_more),
        WITH_SIX(a_copy_of_another_shard_is_never_chosen),
        WITH_SIX(a_copy_of_a_newcomer_is_never_chosen),
        WITH_SIX(without_a_majority_a_fenced_master_is_replaced),
        WITH_SIX(a_slot_half_moved_forbids_it_without_consent),
        WITH_SIX(one_that_may_be_running_forbids_it),
        WITH_SIX(a_silent_replica_forbids_it_too),
        WITH_SIX(a_file_of_its_own_gives_it_a_minute),
        WITH_SIX(a_lost_volume_gives_it_none),
        WITH_SIX(most_of_the_pods_silent_changes_nothing),
        WITH_SIX(the_only_shard_is_taken_over_as_well),
        WITH_SIX(takeovers_come_one_by_one),
        WITH_SIX(what_is_lost_is_given_out_only_with_consent),
        WITH_SIX(consent_does_not_hurry_a_pod_that_may_return),
    };

    return cmocka_run_group_tests_name("failing over", tests, NULL, NULL);
}
