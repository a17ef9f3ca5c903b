/*
 * Healing real clusters of what kills them: owners that sleep, majorities that are lost, slots left half moved. What
 * was written is read back. redis-cli --cluster check is the referee.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab_group.h"
#include "moves.h"

#define KEYS 30

static struct lab lab;
static struct moves m;
static struct heal_step step;
static int done[HEAL_ADDSLOTS + 1]; /* how often each action was decided */
static bool no_arming; /* such commands get lost */
static struct slot_set accepted; /* for loss; none at first */
static uint16_t first[3]; /* of each shard: a slot with KEYS keys */

static int teardown(void **state)
{
    (void)state;
    heal_step_done(&step);
    redis_move_cancel(m.running);
    lab_stop(&lab);
    return 0;
}

static size_t owner_of(uint16_t slot)
{
    for (size_t i = 0; i < lab.n; i++) {
        struct slot_set own = { { 0 } };

        if (lab.views[i].reach == REACH_OK && view_owns_slots(&lab.views[i]))
            own = view_row_slots(&lab.views[i], view_myself(&lab.views[i]));
        if (slot_set_has(&own, slot))
            return i;
    }
    return lab.n;
}

static void fill(uint16_t slot)
{
    size_t owner = owner_of(slot);

    assert_true(owner < lab.n);
    moves_fill(&lab, owner, slot, KEYS);
}

/* A busy machine may have the cluster down for a moment: then once more. */
static void expect_keys(uint16_t slot)
{
    size_t owner = lab.n;
    int got = 0;

    for (int i = 0; i < 50; i++, usleep(100000)) {
        owner = owner_of(slot);
        got = owner < lab.n ? moves_count(&lab, owner, slot, KEYS) : 0;
        if (got == KEYS)
            return;
        lab_look(&lab);
    }
    for (size_t i = 0; i < lab.n; i++)
        if (lab.views[i].reach == REACH_OK)
            print_message("%s: %lld keys, %s\n", lab.pods[i], (long long)lab.views[i].keys,
                          lab.views[i].is_replica ? "replica" : "master");
    fail_msg("slot %u: %d of %d keys at member %zu", slot, got, KEYS, owner);
}

static void start(int replicas, bool no_log)
{
    struct err e = { 0 };
    char password[32];

    /* a port that a killed server left may be another test's by now: nobody copies from a stranger */
    snprintf(password, sizeof(password), "heal-%d", (int)getpid());
    lab_open(&lab);
    lab.no_log = no_log;
    lab_start(&lab, 3, replicas, password);
    moves_init(&m, &lab);
    heal_step_init(&step);
    assert_true(lab_all_up(&lab));
    if (form_plan_make(&lab.x, lab.views, &lab.plan, &e) < 0)
        fail_msg("%s", e.msg);
    if (lab_form(&lab, false) != FORM_DONE)
        fail_msg("%s", lab.error);
    lab_look(&lab);
    for (int s = 0; s < 3; s++) {
        first[s] = slot_share(s, 3).first;
        fill(first[s]);
        if (replicas) /* what is written is on its replica too */
            assert_true(moves_say(&lab, owner_of(first[s]), "1", "WAIT 1 5000"));
    }
}

static void carry_moves(void)
{
    static const enum move_how hows[] = { [HEAL_ONWARD] = MOVE_SLOT, [HEAL_BACK] = MOVE_BACK };

    m.n = 0;
    for (size_t i = 0; i < step.n_moves; i++)
        moves_add(&m, hows[step.moves[i].how], step.moves[i].slot, step.moves[i].source, step.moves[i].target);
    moves_run(&m);
    for (size_t i = 0; i < m.n; i++)
        if (m.states[i] == MOVE_CONFLICT)
            heal_remember_conflict(&lab.heal, m.slots[i].slot, loop_now_ms());
}

static void drop_arming(void)
{
    for (size_t i = 0; no_arming && i < step.commands.n; i++)
        if (step.commands.items[i].kind == CMD_ARM)
            step.commands.n = i;
}

static void pass(void)
{
    struct heal_input in = { .x = &lab.x, .v = &lab.v, .accept_loss = &accepted };

    lab_look(&lab);
    in.views = lab.views;
    in.now_ms = loop_now_ms();
    heal_step(&in, &lab.heal, &step);
    done[step.action]++;
    drop_arming();
    if (step.n_moves)
        carry_moves();
    if (step.commands.n)
        lab_apply(&lab, &step.commands);
    usleep(50000);
}

static bool is_well(void)
{
    return step.action == HEAL_NONE && lab.v.state == REDIS_HEALTHY;
}

static bool is_served(void)
{
    return lab.v.serving;
}

static bool is_refused(void)
{
    return step.action == HEAL_REFUSE;
}

static void heal_until(bool (*so)(void), int seconds)
{
    int64_t until = lab_until(seconds);

    do
        pass();
    while (!so() && loop_now_ms() < until);
    if (!so())
        fail_msg("%s %s: %s %s %s", redis_state_name(lab.v.state), heal_action_name(step.action), step.reason, lab.error,
                 m.report.error);
}

static void heal_for(int ms)
{
    for (int64_t until = loop_now_ms() + ms; loop_now_ms() < until;)
        pass();
}

static void expect_whole(void)
{
    heal_until(is_well, 60);
    for (int s = 0; s < 3; s++)
        expect_keys(first[s]);
    assert_true(lab_referee(&lab));
}

static void expect_no_force(void)
{
    assert_int_equal(done[HEAL_FORCE] + done[HEAL_TAKEOVER] + done[HEAL_ADDSLOTS], 0);
}

/* N3: an owner that sleeps for longer than it takes to be failed over wakes into a cluster that has gone on. */
static void t04_an_owner_wakes_after_its_replica_was_elected(void **state)
{
    (void)state;

    start(1, false);
    kill(lab.pids[0], SIGSTOP);
    heal_until(is_served, 30);
    fill((uint16_t)(first[0] + 1)); /* by the new owner */
    kill(lab.pids[0], SIGCONT);
    expect_whole();
    expect_keys((uint16_t)(first[0] + 1));
    expect_no_force();
}

/* Nobody has a copy: its slots are nobody's to give away, however long it sleeps. */
static void t04_an_owner_without_a_replica_keeps_its_slots(void **state)
{
    (void)state;

    start(0, false);
    kill(lab.pids[0], SIGSTOP);
    heal_for(6 * LAB_NODE_TIMEOUT_MS);
    kill(lab.pids[0], SIGCONT);
    expect_whole();
    expect_no_force();
}

static void lose(size_t i)
{
    lab_kill(&lab, i);
    lab.members[i].fenced = true;
}

static void bring_back(size_t i)
{
    lab.members[i].fenced = false;
    lab_launch(&lab, i, lab.members[i].port);
}

static void lose_majority(void)
{
    start(1, true);
    lose(0);
    lose(1);
    heal_until(is_served, 60);
    assert_int_equal(done[HEAL_TAKEOVER], 1); /* then two of three elect by themselves */
    for (int s = 0; s < 3; s++) {
        expect_keys(first[s]);
        fill((uint16_t)(first[s] + 1));
    }
}

static void expect_all(void)
{
    expect_whole();
    for (int s = 0; s < 3; s++)
        expect_keys((uint16_t)(first[s] + 1));
}

static void t09_old_masters_return_first_to_last(void **state)
{
    (void)state;

    lose_majority();
    bring_back(0);
    heal_for(2 * LAB_NODE_TIMEOUT_MS);
    bring_back(1);
    expect_all();
}

static void t09_old_masters_return_last_to_first(void **state)
{
    (void)state;

    lose_majority();
    bring_back(1);
    heal_for(2 * LAB_NODE_TIMEOUT_MS);
    bring_back(0);
    expect_all();
}

static void t09_old_masters_return_at_once(void **state)
{
    (void)state;

    lose_majority();
    bring_back(0);
    bring_back(1);
    expect_all();
}

/* They have their files: nothing is forced while they may be running somewhere, and nothing is lost. */
static void t09_who_may_be_running_is_waited_for(void **state)
{
    (void)state;

    start(1, false);
    lab_kill(&lab, 0);
    lab_kill(&lab, 1);
    heal_until(is_refused, 30);
    assert_non_null(strstr(step.reason, "is silent but may be running"));
    heal_for(3000);
    bring_back(0);
    bring_back(1);
    expect_whole();
    expect_no_force();
}

/* It never hears that it may: after its time it is told to. */
static void a_replica_that_nobody_elects_is_forced(void **state)
{
    (void)state;

    start(1, true);
    assert_true(moves_say(&lab, 3, "OK", "CONFIG SET cluster-replica-no-failover yes"));
    no_arming = true;
    lose(0);
    heal_until(is_served, 60);
    assert_int_equal(done[HEAL_FORCE], 1);
    assert_int_equal(done[HEAL_TAKEOVER], 0);
    no_arming = false;
    bring_back(0);
    expect_whole();
}

static void mark(size_t i, uint16_t slot, const char *what, size_t peer)
{
    if (!moves_say(&lab, i, "OK", "CLUSTER SETSLOT %d %s %s", slot, what, lab.views[peer].id))
        fail_msg("SETSLOT %u %s", slot, what);
}

/* Some of the keys are over there already. */
static void take_along(size_t from, uint16_t slot, size_t to, int n)
{
    char tag[16], key[KEY_SIZE];

    mark(to, slot, "IMPORTING", from);
    mark(from, slot, "MIGRATING", to);
    moves_tag(slot, tag);
    for (int i = 0; i < n; i++) {
        moves_key(slot, tag, i, key);
        assert_true(moves_say(&lab, from, "OK", "MIGRATE 127.0.0.1 %d %s 0 5000 AUTH %s", lab.members[to].port, key,
                              lab.password));
    }
}

static void leave(size_t i, uint16_t slot)
{
    assert_true(moves_say(&lab, i, "OK", "CLUSTER SETSLOT %d STABLE", slot));
}

static void t12_slots_left_open_in_each_case(void **state)
{
    static const size_t ends_at[] = { 0, 1, 1, 0, 2, 2, 0 };
    (void)state;

    start(0, false);
    for (uint16_t s = 1; s <= 6; s++)
        fill(s);
    take_along(0, 1, 1, KEYS / 2); /* both ends: carried on */
    take_along(0, 2, 1, KEYS / 2); /* the target has no mark any more, but keys: carried on */
    leave(1, 2);
    take_along(0, 3, 1, KEYS / 2); /* the owner has no mark any more, the target keys: back */
    leave(0, 3);
    take_along(0, 4, 1, KEYS / 2); /* two importers: on to the one that the owner knows, back from the other */
    leave(0, 4);
    take_along(0, 4, 2, 0);
    mark(0, 5, "MIGRATING", 2); /* a mark, and nothing behind it */
    mark(2, 6, "IMPORTING", 0);
    expect_whole();
    for (uint16_t s = 1; s <= 6; s++)
        expect_keys(s);
    for (uint16_t s = 1; s <= 6; s++)
        assert_int_equal(owner_of(s), ends_at[s]);
}

static void t12_differing_duplicates_are_left_as_they_are(void **state)
{
    char tag[16], key[KEY_SIZE];
    redisContext *c;
    (void)state;

    start(0, false);
    fill(1);
    take_along(0, 1, 1, 0);
    moves_tag(1, tag);
    moves_key(1, tag, 0, key);
    c = moves_connect(&lab, 1);
    freeReplyObject(redisCommand(c, "ASKING"));
    assert_true(moves_is(redisCommand(c, "SET %s other GET", key), "", 0) || true);
    heal_until(is_refused, 30);
    assert_non_null(strstr(step.reason, "DEL the wrong copy"));
    freeReplyObject(redisCommand(c, "ASKING"));
    assert_true(moves_is(redisCommand(c, "GET %s", key), "other", 5));
    assert_true(moves_count(&lab, 0, 1, 1) == 1);
    freeReplyObject(redisCommand(c, "ASKING"));
    freeReplyObject(redisCommand(c, "DEL %s", key)); /* a person decides */
    redisFree(c);
    memset(&lab.heal, 0, sizeof(lab.heal));
    expect_whole();
    expect_keys(1);
    assert_int_equal(owner_of(1), 1);
}

/* Slots that their owner gave up, and all others still take for its own. */
static void slots_that_were_given_up_go_back(void **state)
{
    (void)state;

    start(0, false);
    assert_true(moves_say(&lab, 1, "OK", "CLUSTER DELSLOTSRANGE %d %d", first[1], first[1] + 9));
    expect_whole();
    assert_int_equal(owner_of(first[1]), 1);
    assert_int_equal(done[HEAL_ADDSLOTS], 1);
}

/* A shard is lost with both of its volumes: it stays down until a person gives its slots up. */
static void a_lost_shard_is_served_empty_with_consent(void **state)
{
    (void)state;

    start(1, false);
    for (size_t i = 0; i < 4; i += 3) {
        lab_kill(&lab, i);
        lab_wipe(&lab, i);
    }
    for (size_t i = 0; i < 4; i += 3)
        lab_launch(&lab, i, port_take());
    assert_true(lab_all_up(&lab));
    heal_until(is_refused, 60);
    assert_non_null(strstr(step.reason, "spec.redis.acceptDataLossForSlots: \"0-5460\""));
    assert_int_equal(done[HEAL_ADDSLOTS], 0);
    slot_set_add(&accepted, slot_share(0, 3));
    heal_until(is_well, 90);
    assert_int_equal(lab.v.n_masters, 3);
    fill(first[0]);
    for (int s = 0; s < 3; s++)
        expect_keys(first[s]);
    assert_true(lab_referee(&lab));
}

/* Replication asks for an address, not for an id: what a dead master's replica copies there is not the shard's.
 * What is left of the shard then is for a person to say; nobody is elected with it. */
static void a_newcomer_at_a_dead_masters_address_empties_its_replica(void **state)
{
    int64_t until;
    (void)state;

    start(1, true);
    until = lab_until(30);
    assert_true(moves_say(&lab, 3, "OK", "CONFIG SET cluster-replica-no-failover yes"));
    no_arming = true;
    lab_kill(&lab, 0);
    lab_wipe(&lab, 0);
    lab_launch(&lab, 0, lab.members[0].port);
    do
        lab_look(&lab);
    while ((lab.views[3].reach != REACH_OK || lab.views[3].keys) && loop_now_ms() < until && usleep(100000) == 0);
    assert_int_equal(lab.views[3].keys, 0);
    no_arming = false;
    heal_until(is_refused, 60);
    assert_true(view_myself(&lab.views[3])->flags & NODE_NOFAILOVER);
    expect_no_force();
}

#define REAL(test) cmocka_unit_test_teardown(test, teardown)

static const struct CMUnitTest tests[] = {
    REAL(t04_an_owner_wakes_after_its_replica_was_elected),
    REAL(t04_an_owner_without_a_replica_keeps_its_slots),
    REAL(t09_old_masters_return_first_to_last),
    REAL(t09_old_masters_return_last_to_first),
    REAL(t09_old_masters_return_at_once),
    REAL(t09_who_may_be_running_is_waited_for),
    REAL(a_replica_that_nobody_elects_is_forced),
    REAL(slots_that_were_given_up_go_back),
    REAL(a_lost_shard_is_served_empty_with_consent),
    REAL(a_newcomer_at_a_dead_masters_address_empties_its_replica),
    REAL(t12_slots_left_open_in_each_case),
    REAL(t12_differing_duplicates_are_left_as_they_are),
};

int main(void)
{
    return lab_run_tests(tests, COUNT(tests));
}
