#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/lease_step.h"

static struct lease_state state_of(const char *identity)
{
    return (struct lease_state){ .identity = identity, .duration_ms = 15000, .renew_deadline_ms = 10000 };
}

static struct lease_record record(const char *holder, uint64_t mark)
{
    return (struct lease_record){ .holder = holder, .duration_ms = 15000, .mark = mark };
}

static void an_absent_lease_is_made(void **state)
{
    struct lease_state s = state_of("me");

    (void)state;
    assert_int_equal(lease_step(&s, NULL, 0), LEASE_CREATE);
    assert_false(lease_state_holds(&s, 0));
}

static void nobodys_lease_is_taken_at_once(void **state)
{
    struct lease_state s = state_of("me");
    struct lease_record r = record("", 1);

    (void)state;
    assert_int_equal(lease_step(&s, &r, 0), LEASE_TAKE);
}

static void anothers_is_taken_after_15_s_of_silence_of_ours(void **state)
{
    struct lease_state s = state_of("me");
    struct lease_record r = record("other", 1);

    (void)state;
    assert_int_equal(lease_step(&s, &r, 100000), LEASE_WAIT);
    assert_int_equal(lease_step(&s, &r, 114999), LEASE_WAIT);
    assert_int_equal(lease_step(&s, &r, 115000), LEASE_TAKE);
    r.mark = 2;
    assert_int_equal(lease_step(&s, &r, 115000), LEASE_WAIT);
    assert_int_equal(lease_step(&s, &r, 129999), LEASE_WAIT);
}

static void a_holder_that_asks_for_more_time_gets_it(void **state)
{
    struct lease_state s = state_of("me");
    struct lease_record r = record("other", 1);

    (void)state;
    r.duration_ms = 60000;
    assert_int_equal(lease_step(&s, &r, 0), LEASE_WAIT);
    assert_int_equal(lease_step(&s, &r, 59999), LEASE_WAIT);
    assert_int_equal(lease_step(&s, &r, 60000), LEASE_TAKE);
}

static void our_own_record_is_renewed(void **state)
{
    struct lease_state s = state_of("me");
    struct lease_record r = record("me", 1);

    (void)state;
    assert_int_equal(lease_step(&s, &r, 0), LEASE_RENEW);
    assert_false(lease_state_holds(&s, 0)); /* the record may be older than this process */
    lease_wrote(&s, 5);
    assert_true(lease_state_holds(&s, 5));
}

static void no_write_leaves_once_the_deadline_has_passed(void **state)
{
    struct lease_state s = state_of("me");

    (void)state;
    lease_wrote(&s, 1000);
    assert_true(lease_state_holds(&s, 10999));
    assert_false(lease_state_holds(&s, 11000));
    lease_wrote(&s, 12000);
    assert_true(lease_state_holds(&s, 12000));
}

static void another_holder_ends_ours_before_the_deadline(void **state)
{
    struct lease_state s = state_of("me");
    struct lease_record r = record("other", 1);

    (void)state;
    lease_wrote(&s, 0);
    assert_int_equal(lease_step(&s, &r, 1), LEASE_WAIT);
    assert_false(lease_state_holds(&s, 1));
}

static void a_deleted_record_ends_ours_too(void **state)
{
    struct lease_state s = state_of("me");

    (void)state;
    lease_wrote(&s, 0);
    assert_int_equal(lease_step(&s, NULL, 1), LEASE_CREATE);
    assert_false(lease_state_holds(&s, 1));
}

static const char LIVE[] = "{\"metadata\":{\"name\":\"l\",\"resourceVersion\":\"7\",\"labels\":{\"a\":\"b\"}},\"spec\":"
                           "{\"holderIdentity\":\"other\",\"leaseDurationSeconds\":20,\"leaseTransitions\":3,"
                           "\"acquireTime\":\"t0\",\"renewTime\":\"t1\",\"strategy\":\"x\"}}";

static const struct row {
    const char *name;
    enum lease_act act;
    const char *want;
} rows[] = {
    { "a new lease has no transitions", LEASE_CREATE,
      "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"namespace\":\"ns\",\"name\":\"l\"},"
      "\"spec\":{\"holderIdentity\":\"me\",\"leaseDurationSeconds\":15,\"leaseTransitions\":0,\"acquireTime\":\"now\","
      "\"renewTime\":\"now\"}}" },
    { "taking counts a transition and keeps what is not ours", LEASE_TAKE,
      "{\"metadata\":{\"name\":\"l\",\"resourceVersion\":\"7\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"holderIdentity\":\"me\","
      "\"leaseDurationSeconds\":15,\"leaseTransitions\":4,\"acquireTime\":\"now\",\"renewTime\":\"now\",\"strategy\":\"x\"}}" },
    { "renewing keeps the time of acquisition", LEASE_RENEW,
      "{\"metadata\":{\"name\":\"l\",\"resourceVersion\":\"7\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"holderIdentity\":\"me\","
      "\"leaseDurationSeconds\":15,\"leaseTransitions\":3,\"acquireTime\":\"t0\",\"renewTime\":\"now\",\"strategy\":\"x\"}}" },
};

struct trees {
    cJSON *live, *want, *got;
};

static int teardown(void **state)
{
    struct trees *t = *state;

    cJSON_Delete(t->live);
    cJSON_Delete(t->want);
    cJSON_Delete(t->got);
    free(t);
    return 0;
}

static void check_object(void **state)
{
    const struct row *r = *state;
    struct lease_state s = state_of("me");
    struct trees *t = xcalloc(1, sizeof(*t));
    struct err e;

    *state = t;
    assert_int_equal(json_parse(LIVE, strlen(LIVE), &t->live, &e), 0);
    assert_int_equal(json_parse(r->want, strlen(r->want), &t->want, &e), 0);
    t->got = lease_object(r->act == LEASE_CREATE ? NULL : t->live, r->act, "ns", "l", &s, "now");
    assert_true(json_equal(t->got, t->want));
}

static uint64_t mark_of(const char *text)
{
    AUTO_JSON cJSON *obj = NULL;
    struct lease_record r;
    struct err e;

    assert_int_equal(json_parse(text, strlen(text), &obj, &e), 0);
    lease_record_read(obj, &r);
    assert_non_null(r.holder);
    assert_in_range(r.duration_ms, 0, 120000);
    return r.mark;
}

static void only_the_holders_writes_change_the_mark(void **state)
{
    static const char base[] = "{\"spec\":{\"holderIdentity\":\"a\",\"renewTime\":\"1\"}}";

    (void)state;
    assert_true(mark_of(base) == mark_of("{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"spec\":{\"holderIdentity\":\"a\",\"renewTime\":\"1\"}}"));
    assert_true(mark_of(base) != mark_of("{\"spec\":{\"holderIdentity\":\"a\",\"renewTime\":\"2\"}}"));
    assert_true(mark_of(base) != mark_of("{\"spec\":{\"holderIdentity\":\"b\",\"renewTime\":\"1\"}}"));
}

static void hostile_records_are_bounded(void **state)
{
    (void)state;
    mark_of("{}");
    mark_of("[]");
    mark_of("{\"spec\":{\"holderIdentity\":7,\"leaseDurationSeconds\":1e300,\"leaseTransitions\":-1e300}}");
    mark_of("{\"spec\":{\"leaseDurationSeconds\":-5}}");
}

int main(void)
{
    struct CMUnitTest tests[10 + COUNT(rows)] = {
        cmocka_unit_test(an_absent_lease_is_made),
        cmocka_unit_test(nobodys_lease_is_taken_at_once),
        cmocka_unit_test(anothers_is_taken_after_15_s_of_silence_of_ours),
        cmocka_unit_test(a_holder_that_asks_for_more_time_gets_it),
        cmocka_unit_test(our_own_record_is_renewed),
        cmocka_unit_test(no_write_leaves_once_the_deadline_has_passed),
        cmocka_unit_test(another_holder_ends_ours_before_the_deadline),
        cmocka_unit_test(a_deleted_record_ends_ours_too),
        cmocka_unit_test(only_the_holders_writes_change_the_mark),
        cmocka_unit_test(hostile_records_are_bounded),
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[10 + i] = (struct CMUnitTest){ rows[i].name, check_object, NULL, teardown, (void *)&rows[i] };
    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
