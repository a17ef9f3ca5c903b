/*
 * A cluster formed of nodes that came with a backup's slots: what is accepted, and that the map is kept as it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/form.h"

enum { PODS = 4, SHARDS = 2 };

static const struct row {
    const char *name;
    const char *slots[PODS]; /* what each came with; "" is none */
    int64_t keys[PODS];
    uint64_t epoch; /* of the first */
    int neighbours; /* that the first knows */
    bool silent;    /* the last */
    int want;
} rows[] = {
    { "each slot once, unevenly", { "0-99 200-299", "100-199 300-16383", "", "" }, { 7, 9, 0, 0 }, 0, 0, false, 0 },
    { "an empty shard is a shard", { "0-99", "100-16383", "", "" }, { 0 }, 0, 0, false, 0 },
    { "whichever pods they are", { "", "0-99", "", "100-16383" }, { 0, 1, 0, 1 }, 0, 0, false, 0 },
    { "a slot is missing", { "0-99", "101-16383", "", "" }, { 0 }, 0, 0, false, -ERR_INVALID },
    { "a slot twice", { "0-100", "100-16383", "", "" }, { 0 }, 0, 0, false, -ERR_INVALID },
    { "of one shard nothing came", { "0-99", "", "", "" }, { 0 }, 0, 0, false, -ERR_INVALID },
    { "three shards where two are wanted", { "0-99", "100-199", "200-16383", "" }, { 0 }, 0, 0, false, -ERR_INVALID },
    { "keys without slots", { "0-99", "100-16383", "", "" }, { 0, 0, 5, 0 }, 0, 0, false, -ERR_INVALID },
    { "it was in a cluster before", { "0-99", "100-16383", "", "" }, { 0 }, 3, 0, false, -ERR_INVALID },
    { "it knows another", { "0-99", "100-16383", "", "" }, { 0 }, 0, 1, false, -ERR_INVALID },
    { "one does not answer yet", { "0-99", "100-16383", "", "" }, { 0 }, 0, 0, true, -ERR_RETRY },
};

static char pods[PODS][32];
static struct member members[PODS];
static struct node_view *views;
static struct form_plan plan, again;
static struct form_step step;

static void view_make(const struct row *r, int i)
{
    struct node_view *v = &views[i];
    char text[256];
    struct err e;

    view_init(v);
    snprintf(text, sizeof(text), "%040d 10.0.0.%d:6379@16379 myself,master - 0 0 %d connected %s\n", i + 1, i + 1,
             i ? 0 : (int)r->epoch, r->slots[i]);
    assert_int_equal(view_parse_nodes(text, strlen(text), v, &e), 0);
    memcpy(v->id, v->rows[0].id, sizeof(v->id));
    v->reach = r->silent && i == PODS - 1 ? REACH_NONE : REACH_OK;
    v->known_nodes = 1 + (i ? 0 : r->neighbours);
    v->keys = r->keys[i];
    v->my_epoch = v->current_epoch = i ? 0 : r->epoch;
    for (size_t k = 0; k < v->n_ranges; k++)
        v->slots_assigned += v->ranges[k].last - v->ranges[k].first + 1;
}

static struct expected world(const struct row *r)
{
    views = xcalloc(PODS, sizeof(*views));
    for (int i = 0; i < PODS; i++) {
        snprintf(pods[i], sizeof(pods[i]), "x-redis-%d", i);
        members[i] = (struct member){ .pod = pods[i], .ip = "10.0.0.1", .port = 6379, .ready = true };
        view_make(r, i);
    }
    return (struct expected){ .members = members, .n_members = PODS, .shards = SHARDS, .replicas_per_shard = 1 };
}

/* What each came with is its own in the plan, in the plan after its way through the status, and in the first step. */
static void check_plan(const struct row *r, const struct expected *x)
{
    AUTO_JSON cJSON *json = form_plan_json(&plan);
    struct err e;

    assert_int_equal(form_plan_parse(json, &again, &e), 0);
    for (size_t i = 0; i < PODS; i++) {
        struct slot_set want;

        assert_int_equal(slot_set_parse(r->slots[i], &want, &e), 0);
        assert_int_equal(again.seats[i].replica, !r->slots[i][0]);
        assert_int_equal(again.seats[i].slots != NULL, r->slots[i][0] != '\0');
        assert_true(!again.seats[i].slots || slot_set_equal(again.seats[i].slots, &want));
    }
    form_step(x, views, &again, &step);
    assert_int_equal(step.action, FORM_EPOCHS);
}

static void check(void **state)
{
    const struct row *r = *state;
    struct expected x = world(r);
    struct err e = { 0 };
    int rc = form_plan_restore(&x, views, &plan, &e);

    if (rc != r->want)
        fail_msg("%d, not %d: %s", rc, r->want, e.msg);
    if (rc == 0)
        check_plan(r, &x);
    else
        assert_int_equal(plan.n_seats, 0);
}

static void nobody_gets_what_another_came_with(void **state)
{
    struct expected x = world(&rows[0]);
    struct err e;
    (void)state;

    assert_int_equal(form_plan_restore(&x, views, &plan, &e), 0);
    slot_set_add(plan.seats[0].slots, (struct slot_range){ 150, 150 });
    slot_set_del(plan.seats[1].slots, (struct slot_range){ 150, 150 });
    form_step(&x, views, &plan, &step);
    assert_int_equal(step.action, FORM_REFUSE);
    assert_int_equal(step.commands.n, 0);
}

static int setup(void **state)
{
    (void)state;
    form_step_init(&step);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    views_free(views, PODS);
    views = NULL;
    form_plan_done(&plan);
    form_plan_done(&again);
    form_step_done(&step);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, setup, teardown, (void *)(uintptr_t)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(nobody_gets_what_another_came_with, setup, teardown);
    return cmocka_run_group_tests_name("forming what was restored", tests, NULL, NULL);
}
