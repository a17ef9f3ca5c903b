/*
 * T8: the address of a dead pod is another cluster's now. Two clusters of real servers, which must stay two.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab.h"

static struct lab ours, theirs;

static int setup(void **state)
{
    (void)state;
    memset(&ours, 0, sizeof(ours));
    memset(&theirs, 0, sizeof(theirs));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (ours.loop)
        lab_stop(&ours);
    if (theirs.loop)
        lab_stop(&theirs);
    return 0;
}

static void form(struct lab *l, int shards, const char *password)
{
    struct err e = { 0 };

    lab_start(l, shards, 0, password);
    assert_true(lab_all_up(l));
    if (form_plan_make(&l->x, l->views, &l->plan, &e) < 0)
        fail_msg("%s", e.msg);
    if (lab_form(l, false) != FORM_DONE)
        fail_msg("%s", l->error);
}

/* Their node moves to the address that ours had. */
static void take_the_address(void)
{
    uint16_t port = ours.members[2].port;

    lab_kill(&ours, 2);
    lab_kill(&theirs, 0);
    lab_launch(&theirs, 0, port);
    assert_true(lab_all_up(&theirs));
}

static void expect_two_clusters(void)
{
    lab_look(&theirs);
    assert_int_equal(theirs.views[0].known_nodes, 1);
    for (size_t i = 0; i < 2; i++)
        assert_null(view_find(&ours.views[i], theirs.views[0].id));
}

static void the_address_of_a_dead_pod_belongs_to_others_now(void **state)
{
    (void)state;
    if (!lab_has_redis())
        skip();
    lab_open(&ours);
    lab_open(&theirs);
    form(&ours, 3, "ours");
    form(&theirs, 1, "theirs");
    take_the_address();
    /* we mend, with everything that mending would say, for longer than gossip and FORGET take */
    assert_false(lab_heal(&ours, 5, false));
    lab_look(&ours);
    assert_int_equal(ours.views[2].reach, REACH_DENIED);
    assert_false(ours.v.holds[P_MEMBERS]);
    expect_two_clusters();
}

/* The moment between a probe and the end of a handshake: MEET is on its way when the address changes hands. */
static void an_introduction_to_the_wrong_node_comes_to_nothing_with_tls(void **state)
{
    struct commands meet = { 0 };
    struct command *c;
    (void)state;

    if (!lab_has_redis())
        skip();
    lab_open(&ours);
    lab_open(&theirs);
    if (!lab_use_tls(&ours) || !lab_use_tls(&theirs))
        skip();
    form(&ours, 3, "ours");
    form(&theirs, 1, "theirs");
    take_the_address();
    for (size_t i = 0; i < 2; i++) {
        c = commands_add(&meet, CMD_MEET, i);
        snprintf(c->ip, sizeof(c->ip), "127.0.0.1");
        c->port = ours.members[2].port;
        c->bus_port = (uint16_t)(c->port + 10000);
    }
    lab_apply(&ours, &meet);
    commands_done(&meet);
    assert_int_equal(ours.worst, REPLY_OK);
    sleep(3); /* three node timeouts: a handshake lives for one */
    lab_look(&ours);
    expect_two_clusters();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_address_of_a_dead_pod_belongs_to_others_now, setup, teardown),
        cmocka_unit_test_setup_teardown(an_introduction_to_the_wrong_node_comes_to_nothing_with_tls, setup, teardown),
    };

    return cmocka_run_group_tests_name("T8: clusters stay apart", tests, NULL, NULL);
}
