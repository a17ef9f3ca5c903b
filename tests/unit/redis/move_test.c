/*
 * Slots move between real servers: whole, cut short after every single command, with servers killed in
 * the middle, with keys on both sides. Every key is read back. redis-cli --cluster check is the referee.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../servers.h"
#include "moves.h"

#define KEYS 20

static struct lab lab;
static struct moves m;
static uint16_t lab_first; /* of the first member, at the start */

/* The first slots of a member's share. */
static uint16_t first_of(size_t member)
{
    struct slot_set s = view_row_slots(&lab.views[member], view_myself(&lab.views[member]));
    struct slot_range r = { 0, 0 };

    assert_true(slot_set_next(&s, 0, &r));
    return r.first;
}

static void start(const char *password, bool tls)
{
    struct err e = { 0 };

    lab_open(&lab);
    if (tls && !lab_use_tls(&lab)) {
        lab.loop = loop_new();
        skip();
    }
    lab_start(&lab, 3, 0, password);
    assert_true(lab_all_up(&lab));
    if (form_plan_make(&lab.x, lab.views, &lab.plan, &e) < 0)
        fail_msg("%s", e.msg);
    if (lab_form(&lab, false) != FORM_DONE)
        fail_msg("%s", lab.error);
    moves_init(&m, &lab);
    lab_first = first_of(0);
}

static int setup(void **state)
{
    (void)state;
    start("", false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_move_cancel(m.running);
    lab_stop(&lab);
    return 0;
}

static bool owns(size_t member, uint16_t slot)
{
    struct slot_set s = view_row_slots(&lab.views[member], view_myself(&lab.views[member]));

    return slot_set_has(&s, slot);
}

static void expect_whole(void)
{
    if (m.report.what != REPLY_OK || m.report.n_done != m.n)
        fail_msg("%zu of %zu done: %s: slot %d, member %zu: %s", m.report.n_done, m.n, reply_class_name(m.report.what),
                 m.report.slot, m.report.member, m.report.error);
    assert_int_equal(m.n_done, 1);
}

static void expect_closed(void)
{
    lab_look(&lab);
    for (size_t i = 0; i < lab.n; i++)
        assert_int_equal(lab.views[i].n_open, 0);
}

/* A slot that moves on at once: its new owner's epoch is not known everywhere yet, and it is refused. */
static void run_when_settled(struct moves *b)
{
    for (int i = 0; i < 100; i++) {
        moves_run(b);
        if (b->report.what != REPLY_AGAIN || !strstr(b->report.error, "settled"))
            return;
        usleep(20000);
    }
}

static void slots_and_keys_move(void **state)
{
    uint16_t first = first_of(0), other = first_of(2);
    (void)state;

    for (uint16_t i = 0; i < 60; i++) {
        if (i % 2)
            moves_fill(&lab, 0, first + i, i == 1 ? 700 : KEYS);
        moves_add(&m, MOVE_SLOT, first + i, 0, i % 3 ? 1 : 2);
    }
    for (uint16_t i = 0; i < 10; i++) {
        moves_fill(&lab, 2, other + i, KEYS);
        moves_add(&m, MOVE_SLOT, other + i, 2, 1);
    }
    moves_run(&m);
    assert_int_equal(m.report.n_done, 60); /* member 2 is a target first; a source in the next batch */
    assert_int_equal(moves_in_state(&m, MOVE_UNTOUCHED), 10);
    assert_int_equal(m.report.keys, 700 + 29 * KEYS);
    assert_true(m.report.bytes > m.report.keys * 20);
    assert_true(m.report.ping_mean_us > 0 && m.report.ping_worst_us >= m.report.ping_mean_us);
    run_when_settled(&m);
    m.n_done = 1;
    expect_whole();
    assert_int_equal(m.report.keys, 10 * KEYS);
    for (uint16_t i = 1; i < 60; i += 2)
        assert_int_equal(moves_count(&lab, i % 3 ? 1 : 2, first + i, i == 1 ? 700 : KEYS), i == 1 ? 700 : KEYS);
    for (uint16_t i = 0; i < 10; i++)
        assert_int_equal(moves_count(&lab, 1, other + i, KEYS), KEYS);
    expect_closed();
    assert_true(lab_wait(&lab, REDIS_HEALTHY, 5));
    assert_true(lab_referee(&lab));
}

static void a_batch_of_what_has_moved_is_done(void **state)
{
    uint16_t slot = first_of(0);
    (void)state;

    moves_fill(&lab, 0, slot, KEYS);
    moves_add(&m, MOVE_SLOT, slot, 0, 1);
    moves_run(&m);
    expect_whole();
    m.n_done = 0;
    moves_run(&m);
    expect_whole();
    assert_int_equal(m.report.keys, 0);
    assert_int_equal(moves_count(&lab, 1, slot, KEYS), KEYS);
}

static void moves_with_a_password_and_tls(bool tls)
{
    uint16_t slot;

    start("secret", tls);
    slot = first_of(0);
    if (!tls)
        moves_fill(&lab, 0, slot, KEYS);
    moves_add(&m, MOVE_SLOT, slot, 0, 1);
    moves_add(&m, MOVE_SLOT, slot + 1, 0, 2);
    moves_run(&m);
    expect_whole();
    if (!tls)
        assert_int_equal(moves_count(&lab, 1, slot, KEYS), KEYS);
    expect_closed();
}

static void moves_with_a_password(void **state)
{
    (void)state;
    moves_with_a_password_and_tls(false);
}

/* A node that knows the operator's user, and two that do not yet. */
static void each_node_is_told_by_a_user_that_it_has(void **state)
{
    static const struct redis_login others[] = { { NULL, "secret" } };
    struct move_member members[3];
    struct redis_auth auth;
    uint16_t slot;
    (void)state;

    start("secret", false);
    slot = first_of(0);
    assert_true(moves_say(&lab, 1, "OK", "ACL SETUSER operator on >word ~* &* +@all"));
    moves_fill(&lab, 0, slot, KEYS);
    moves_add(&m, MOVE_SLOT, slot, 0, 1);
    for (size_t i = 0; i < 3; i++) {
        members[i].at = (struct redis_target){ .ip = "127.0.0.1", .port = lab.members[i].port };
        memcpy(members[i].id, lab.views[i].id, sizeof(members[i].id));
    }
    auth = (struct redis_auth){ .user = "operator", .password = "word", .others = others, .n_others = 1 };
    m.running = redis_move_start(lab.loop, members, 3, m.slots, m.n, &auth, &m.limits, moves_done, &m);
    loop_run(lab.loop);
    expect_whole();
    assert_int_equal(moves_count(&lab, 1, slot, KEYS), KEYS);
}

static void moves_over_tls(void **state)
{
    (void)state;
    moves_with_a_password_and_tls(true);
}

/* Cut short after the n-th command, gone on from there, for each n; there and back again. */
static void every_command_may_be_the_last(void **state)
{
    uint16_t first = first_of(0);
    size_t from = 0, to = 1;
    bool whole = false;
    int n = 0;
    (void)state;

    moves_fill(&lab, 0, first, KEYS);
    moves_fill(&lab, 0, first + 2, 3);
    m.limits.pace.keys = 8;
    m.limits.pace.slots = 2;
    while (!whole) {
        struct moves cut = m;

        for (uint16_t i = 0; i < 3; i++) {
            moves_add(&cut, MOVE_SLOT, first + i, from, to);
        }
        cut.limits.crash_after = ++n;
        run_when_settled(&cut);
        whole = cut.report.n_done == cut.n;
        cut.limits.crash_after = 0;
        run_when_settled(&cut);
        if (cut.report.n_done != cut.n)
            fail_msg("after %d commands: %s: slot %d: %s", n, reply_class_name(cut.report.what), cut.report.slot,
                     cut.report.error);
        assert_int_equal(moves_count(&lab, to, first, KEYS), KEYS);
        assert_int_equal(moves_count(&lab, to, first + 2, 3), 3);
        expect_closed();
        for (uint16_t i = 0; i < 3; i++)
            assert_true(owns(to, first + i));
        from = to;
        to = to == 0 ? 1 : 0;
        usleep(60000); /* a slot that goes back before its last move is heard of everywhere can be lost: docs/redis.md */
    }
    print_message("%d places to be cut\n", n);
    assert_true(n > 40);
    assert_true(lab_wait(&lab, REDIS_HEALTHY, 5));
    assert_true(lab_referee(&lab));
}

#define IMPORTING(slot, at, from) \
    assert_true(moves_say(&lab, at, "OK", "CLUSTER SETSLOT %d IMPORTING %s", (int)(slot), lab.views[from].id))
#define MIGRATING(slot, at, to) \
    assert_true(moves_say(&lab, at, "OK", "CLUSTER SETSLOT %d MIGRATING %s", (int)(slot), lab.views[to].id))

/* A key on a node that imports its slot. */
static void put_asking(size_t at, uint16_t slot, int i, const char *value, size_t size)
{
    redisContext *c = moves_connect(&lab, at);
    char tag[16], key[KEY_SIZE];
    redisReply *r;

    moves_tag(slot, tag);
    moves_key(slot, tag, i, key);
    freeReplyObject(redisCommand(c, "ASKING"));
    r = redisCommand(c, "SET %s %b", key, value, size);
    assert_int_equal(r->type, REDIS_REPLY_STATUS);
    freeReplyObject(r);
    redisFree(c);
}

static void an_equal_key_on_both_sides_is_one(void **state)
{
    uint16_t slot = first_of(0);
    char tag[16], key[KEY_SIZE], value[128];
    (void)state;

    moves_fill(&lab, 0, slot, KEYS);
    IMPORTING(slot, 1, 0);
    moves_tag(slot, tag);
    for (int i = 3; i < 6; i++) {
        moves_key(slot, tag, i, key);
        moves_value(key, moves_size(i), value);
        put_asking(1, slot, i, value, moves_size(i));
    }
    moves_add(&m, MOVE_SLOT, slot, 0, 1);
    moves_run(&m);
    expect_whole();
    assert_int_equal(moves_count(&lab, 1, slot, KEYS), KEYS);
    expect_closed();
}

static void a_different_key_on_both_sides_is_left_alone(void **state)
{
    uint16_t slot = first_of(0);
    (void)state;

    moves_fill(&lab, 0, slot, KEYS);
    moves_fill(&lab, 0, slot + 1, KEYS);
    IMPORTING(slot, 1, 0);
    put_asking(1, slot, 3, "another", 7);
    m.limits.pace.keys = 4;
    moves_add(&m, MOVE_SLOT, slot, 0, 1);
    moves_add(&m, MOVE_SLOT, slot + 1, 0, 1);
    moves_run(&m);
    assert_int_equal(m.states[0], MOVE_CONFLICT);
    assert_int_equal(m.states[1], MOVE_DONE);
    assert_int_equal(m.report.what, REPLY_STOP);
    assert_int_equal(m.report.slot, slot);
    assert_non_null(strstr(m.report.error, "different values"));
    assert_int_equal(moves_count(&lab, 1, slot + 1, KEYS), KEYS);
    MIGRATING(slot, 0, 1);
    char tag[16], key[KEY_SIZE], value[128];
    redisContext *c = moves_connect(&lab, 1);
    moves_tag(slot, tag);
    moves_key(slot, tag, 3, key);
    moves_value(key, moves_size(3), value);
    freeReplyObject(redisCommand(c, "ASKING"));
    assert_true(moves_is(redisCommand(c, "GET %s", key), "another", 7));
    redisFree(c);
    c = moves_connect(&lab, 0);
    assert_true(moves_is(redisCommand(c, "GET %s", key), value, moves_size(3)));
    redisFree(c);
}

static void keys_come_back_to_their_owner(void **state)
{
    uint16_t slot = first_of(0);
    (void)state;

    IMPORTING(slot, 1, 0);
    for (int i = 0; i < KEYS; i++) {
        char tag[16], key[KEY_SIZE], value[128];

        moves_tag(slot, tag);
        moves_key(slot, tag, i, key);
        moves_value(key, moves_size(i), value);
        put_asking(1, slot, i, value, moves_size(i));
    }
    moves_add(&m, MOVE_BACK, slot, 1, 0);
    moves_run(&m);
    expect_whole();
    assert_int_equal(moves_count(&lab, 0, slot, KEYS), KEYS);
    expect_closed();
    assert_true(lab_referee(&lab));
}

static void marks_that_lead_nowhere_go(void **state)
{
    uint16_t slot = first_of(0);
    (void)state;

    moves_fill(&lab, 0, slot, KEYS);
    MIGRATING(slot, 0, 1);
    IMPORTING(slot + 1, 2, 0);
    IMPORTING(slot + 2, 2, 0);
    put_asking(2, slot + 2, 1, "stray", 5);
    moves_add(&m, MOVE_STABLE, slot, 0, 0);
    moves_add(&m, MOVE_STABLE, slot + 1, 2, 0);
    moves_add(&m, MOVE_STABLE, slot + 2, 2, 0);
    moves_run(&m);
    assert_int_equal(m.states[0], MOVE_DONE);
    assert_int_equal(m.states[1], MOVE_DONE);
    assert_int_equal(m.states[2], MOVE_REFUSED); /* it would forget a key */
    assert_int_equal(moves_count(&lab, 0, slot, KEYS), KEYS);
}

static void what_is_not_as_expected_is_refused(void **state)
{
    uint16_t slot = first_of(0);
    (void)state;

    MIGRATING(slot, 0, 2);
    moves_add(&m, MOVE_SLOT, slot, 0, 1);        /* open towards another */
    moves_add(&m, MOVE_SLOT, slot + 1, 1, 2);    /* the source owns it not */
    moves_add(&m, MOVE_SLOT, slot + 2, 0, 0);    /* to itself */
    moves_add(&m, MOVE_BACK, slot + 3, 0, 1);    /* the source is the owner */
    moves_add(&m, MOVE_SLOT, slot + 4, 0, 1);    /* this one is fine */
    moves_run(&m);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(m.states[i], MOVE_REFUSED);
    assert_int_equal(m.states[4], MOVE_DONE);
    assert_int_equal(m.report.what, REPLY_STOP);
    assert_int_equal(m.report.slot, slot);
    assert_non_null(strstr(m.report.error, "open towards another node"));
}

static void another_node_at_the_address_is_refused(void **state)
{
    (void)state;
    moves_add(&m, MOVE_SLOT, first_of(0), 0, 1);
    lab.views[1].id[0] = lab.views[1].id[0] == 'a' ? 'b' : 'a';
    moves_run(&m);
    assert_int_equal(m.states[0], MOVE_REFUSED);
    assert_int_equal(m.report.what, REPLY_STOP);
}

static void a_big_key_moves(void **state)
{
    size_t size = 64u << 20;
    uint16_t slot = first_of(0);
    char tag[16], key[KEY_SIZE], *value = xcalloc(1, size);
    redisContext *c = moves_connect(&lab, 0);
    (void)state;

    moves_fill(&lab, 0, slot, 200);
    moves_fill(&lab, 0, slot + 1, 200);
    moves_tag(slot, tag);
    moves_key(slot, tag, 1000, key);
    moves_value(key, size, value);
    freeReplyObject(redisCommand(c, "SET %s %b", key, value, size));
    redisFree(c);
    moves_add(&m, MOVE_SLOT, slot, 0, 1);
    moves_add(&m, MOVE_SLOT, slot + 1, 0, 1);
    m.limits.deadline_ms = 60000;
    assert_true(lab_wait(&lab, REDIS_HEALTHY, 10)); /* the SET was as long a silence */
    moves_run(&m);
    expect_whole();
    for (size_t i = 0; i < lab.n; i++)
        assert_true(moves_node_timeout(&lab, i) == LAB_NODE_TIMEOUT_MS);
    assert_true(m.report.bytes > (int64_t)size);
    assert_true(lab_wait(&lab, REDIS_HEALTHY, 10));
    c = moves_connect(&lab, 1);
    assert_true(moves_is(redisCommand(c, "GET %s", key), value, size));
    redisFree(c);
    free(value);
    assert_int_equal(moves_count(&lab, 1, slot, 200), 200);
    assert_int_equal(moves_count(&lab, 1, slot + 1, 200), 200);
}

static void end_of_time(void *arg)
{
    (void)arg;
    loop_stop(lab.loop);
}

static void run_for_ms(int ms)
{
    struct loop_timer *t = loop_timer_new(lab.loop, end_of_time, NULL);

    loop_timer_set(t, ms);
    loop_run(lab.loop);
    loop_timer_free(t);
}

static void fill_many(void)
{
    for (uint16_t i = 0; i < 30; i++)
        moves_fill(&lab, 0, first_of(0) + i, 200);
}

static void add_many(void)
{
    m.n = 0;
    for (uint16_t i = 0; i < 30; i++)
        moves_add(&m, MOVE_SLOT, lab_first + i, 0, 1);
}

/* Who has what of a slot: for a person, when a key is missing. */
static void explain(uint16_t slot)
{
    for (size_t i = 0; i < lab.n; i++) {
        redisContext *c = moves_connect(&lab, i);
        redisReply *r = redisCommand(c, "CLUSTER COUNTKEYSINSLOT %d", (int)slot);

        print_message("slot %u, member %zu: %lld keys, epoch %llu, %s\n", slot, i, r->integer,
                      (unsigned long long)lab.views[i].my_epoch, owns(i, slot) ? "owner" : "not the owner");
        freeReplyObject(r);
        redisFree(c);
    }
}

static void expect_many_at(size_t owner, uint16_t first)
{
    for (uint16_t i = 0; i < 30; i++) {
        if (moves_count(&lab, owner, first + i, 200) != 200)
            explain(first + i);
        assert_int_equal(moves_count(&lab, owner, first + i, 200), 200);
    }
}

static void cancelled_and_gone_on(void **state)
{
    uint16_t first = first_of(0);
    (void)state;

    fill_many();
    for (int ms = 2; ms < 200; ms += ms) {
        add_many();
        moves_start(&m);
        run_for_ms(ms);
        redis_move_cancel(TAKE(m.running));
    }
    m.n_done = 0;
    moves_run(&m);
    expect_whole();
    expect_many_at(1, first);
    expect_closed();
}

/* kill -9 in the middle, and again; the server comes back with its append-only file. */
static void killed(size_t victim)
{
    uint16_t first = first_of(0);

    for (size_t i = 0; i < lab.n; i++) /* what a killed server has acknowledged must be on its disk */
        assert_true(moves_say(&lab, i, "OK", "CONFIG SET appendfsync always"));
    fill_many();
    m.limits.pace.keys = 8;
    m.limits.pace.slots = 4;
    for (int ms = 10; ms < 60; ms += 15) {
        add_many();
        moves_start(&m);
        run_for_ms(ms);
        lab_kill(&lab, victim);
        if (m.running) {
            loop_run(lab.loop);
            assert_true(m.report.what == REPLY_AGAIN || m.report.n_done == m.n);
        }
        lab_launch(&lab, victim, lab.members[victim].port);
        if (!lab_wait(&lab, REDIS_HEALTHY, 5) && lab.v.n_reachable < 3)
            fail_msg("%s", lab.views[victim].error);
        assert_true(moves_say(&lab, victim, "OK", "CONFIG SET appendfsync always"));
    }
    for (int tries = 0; tries < 20; tries++) {
        add_many();
        moves_run(&m);
        if (m.report.n_done == m.n)
            break;
        usleep(200000);
        lab_look(&lab);
    }
    m.n_done = 1;
    expect_whole();
    expect_many_at(1, first);
    expect_closed();
    assert_true(lab_wait(&lab, REDIS_HEALTHY, 10));
    assert_true(lab_referee(&lab));
}

static void the_source_is_killed(void **state)
{
    (void)state;
    killed(0);
}

static void the_target_is_killed(void **state)
{
    (void)state;
    killed(1);
}

/* It stands still for longer than its replica would wait, wakes, and carries out what was sent before: not one
 * slot may be given away after that. */
static void the_source_stands_still(void **state)
{
    uint16_t first = first_of(0);
    (void)state;

    fill_many();
    m.limits.pace.keys = 8;
    m.limits.pace.slots = 4;
    add_many();
    moves_start(&m);
    run_for_ms(10);
    kill(lab.pids[0], SIGSTOP);
    run_for_ms(LAB_NODE_TIMEOUT_MS);
    kill(lab.pids[0], SIGCONT);
    if (m.running)
        loop_run(lab.loop);
    assert_int_equal(m.report.what, REPLY_AGAIN);
    assert_non_null(strstr(m.report.error, "another may have been elected"));
    assert_true(moves_in_state(&m, MOVE_OPEN) > 0);
    assert_true(m.report.n_done < m.n);
    for (int tries = 0; tries < 20 && m.report.n_done < m.n; tries++) {
        usleep(200000);
        add_many();
        moves_run(&m);
    }
    m.n_done = 1;
    expect_whole();
    expect_many_at(1, first);
    expect_closed();
}

static void the_deadline_ends_between_slots(void **state)
{
    uint16_t first = first_of(0);
    (void)state;

    fill_many();
    add_many();
    m.limits.pace.slots = 1;
    m.limits.pace.pairs = 1;
    m.limits.deadline_ms = 30;
    moves_run(&m);
    assert_int_equal(m.report.what, REPLY_OK);
    assert_int_equal(moves_in_state(&m, MOVE_OPEN), 0);
    assert_int_equal(moves_in_state(&m, MOVE_DONE) + moves_in_state(&m, MOVE_UNTOUCHED), m.n);
    expect_closed();
    for (uint16_t i = 0; i < 30; i++)
        assert_int_equal(moves_count(&lab, m.states[i] == MOVE_DONE ? 1 : 0, first + i, 200), 200);
}

/* Redis 8.4 and Valkey 9 move slots by themselves; what they say of it is part of a look. */
static void servers_tell_of_their_own_migrations(void **state)
{
    struct commands c = { 0 };
    struct command *add;
    uint16_t slot = first_of(0);
    char text[8];
    (void)state;

    if (view_jobs_kind(&lab.views[0]) == JOBS_NONE)
        skip();
    moves_fill(&lab, 0, slot, KEYS);
    snprintf(text, sizeof(text), "%u", slot);
    add = commands_add(&c, lab.views[0].is_valkey ? CMD_SLOTS_MIGRATE : CMD_ASM_IMPORT, lab.views[0].is_valkey ? 0 : 1);
    add->range = (struct slot_range){ slot, slot };
    memcpy(add->id, lab.views[1].id, sizeof(add->id));
    if (!lab.views[0].is_valkey) {
        command_add_text(add, text);
        command_add_text(add, text);
    }
    lab_apply(&lab, &c);
    commands_done(&c);
    assert_int_equal(lab.worst, REPLY_OK);
    for (int i = 0; i < 100 && !(lab.views[0].n_jobs && lab.views[0].jobs[0].state != JOB_RUNNING); i++) {
        usleep(50000);
        lab_look(&lab);
    }
    assert_int_equal(lab.views[0].n_jobs, 1);
    assert_int_equal(lab.views[0].jobs[0].state, JOB_DONE);
    assert_false(lab.views[0].jobs[0].importing);
    assert_true(slot_set_has(&lab.views[0].jobs[0].slots, slot));
    assert_string_equal(lab.views[0].jobs[0].target, lab.views[1].id);
    assert_int_equal(moves_count(&lab, 1, slot, KEYS), KEYS);
}

#define WITH_LAB(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* What depends on the release, with each of them that this machine has. */
static int other_releases(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LAB(every_command_may_be_the_last),
        WITH_LAB(a_different_key_on_both_sides_is_left_alone),
        WITH_LAB(keys_come_back_to_their_owner),
        WITH_LAB(servers_tell_of_their_own_migrations),
    };
    char folder[PATH_MAX], path[PATH_MAX + 32], group[64];
    int rc = 0;

    for (size_t i = 1; i < COUNT(servers_known); i++) { /* the first is the one on PATH */
        if (!servers_find(servers_known[i], folder)) {
            print_message("%s is not here: skipped\n", servers_known[i]);
            continue;
        }
        snprintf(path, sizeof(path), "%s/%.*s-server", folder, (int)strcspn(servers_known[i], "-"), servers_known[i]);
        snprintf(group, sizeof(group), "moving slots, %s", servers_known[i]);
        setenv("LAB_SERVER", path, 1);
        rc += cmocka_run_group_tests_name(group, tests, NULL, NULL);
    }
    return rc;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_LAB(slots_and_keys_move),
        WITH_LAB(a_batch_of_what_has_moved_is_done),
        cmocka_unit_test_setup_teardown(moves_with_a_password, NULL, teardown),
        cmocka_unit_test_setup_teardown(each_node_is_told_by_a_user_that_it_has, NULL, teardown),
        cmocka_unit_test_setup_teardown(moves_over_tls, NULL, teardown),
        WITH_LAB(every_command_may_be_the_last),
        WITH_LAB(an_equal_key_on_both_sides_is_one),
        WITH_LAB(a_different_key_on_both_sides_is_left_alone),
        WITH_LAB(keys_come_back_to_their_owner),
        WITH_LAB(marks_that_lead_nowhere_go),
        WITH_LAB(what_is_not_as_expected_is_refused),
        WITH_LAB(another_node_at_the_address_is_refused),
        WITH_LAB(a_big_key_moves),
        WITH_LAB(cancelled_and_gone_on),
        WITH_LAB(the_source_is_killed),
        WITH_LAB(the_target_is_killed),
        WITH_LAB(the_source_stands_still),
        WITH_LAB(the_deadline_ends_between_slots),
    };

    if (!lab_has_redis()) {
        print_message("no redis-server, no redis-cli: skipped\n");
        return 0;
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("moving slots", tests, NULL, NULL) + other_releases();
}
