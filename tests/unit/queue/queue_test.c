#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "queue/queue.h"

static int setup(void **state)
{
    *state = queue_new();
    return 0;
}

static int teardown(void **state)
{
    queue_free(*state);
    return 0;
}

static void expect(struct queue *q, int64_t now_ms, const char *want)
{
    const char *key = queue_take(q, now_ms, NULL);

    if (!want)
        assert_null(key);
    else
        assert_string_equal(key, want);
}

static void done(struct queue *q, const char *key, enum err_kind kind, int64_t now_ms)
{
    queue_done(q, key, &(struct queue_result){ .kind = kind, .again_in_ms = -1 }, now_ms);
}

static void a_key_is_there_once(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_HIGH, 0);
    queue_add(q, "a", QUEUE_HIGH, 0);
    expect(q, 0, "a");
    expect(q, 0, NULL);
}

static void the_earliest_wish_counts(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_HIGH, 500);
    queue_add(q, "a", QUEUE_HIGH, 100);
    queue_add(q, "a", QUEUE_HIGH, 900);
    assert_int_equal(queue_next_due_ms(q), 100);
    expect(q, 99, NULL);
    expect(q, 100, "a");
    assert_int_equal(queue_next_due_ms(q), INT64_MAX);
}

static void a_change_overtakes_the_initial_list(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_LOW, 0);
    queue_add(q, "b", QUEUE_LOW, 0);
    queue_add(q, "c", QUEUE_LOW, 0);
    queue_add(q, "c", QUEUE_HIGH, 0);
    queue_add(q, "c", QUEUE_LOW, 0);
    expect(q, 0, "c");
    expect(q, 0, "a");
    expect(q, 0, "b");
}

static void a_higher_priority_keeps_the_earlier_time(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_LOW, 10);
    queue_add(q, "a", QUEUE_HIGH, 50);
    expect(q, 10, "a");
}

static void a_key_in_flight_waits_for_its_end(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_HIGH, 0);
    expect(q, 0, "a");
    queue_add(q, "a", QUEUE_HIGH, 0);
    expect(q, 0, NULL);
    done(q, "a", ERR_NONE, 5);
    expect(q, 5, "a");
    done(q, "a", ERR_NONE, 6);
    expect(q, 1000000, NULL);
}

static void a_later_wish_in_flight_is_kept_too(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_HIGH, 0);
    expect(q, 0, "a");
    queue_add(q, "a", QUEUE_LOW, 70);
    expect(q, 80, NULL);
    done(q, "a", ERR_INVALID, 5);
    assert_int_equal(queue_next_due_ms(q), 70);
    expect(q, 70, "a");
}

static void done_twice_changes_nothing(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_HIGH, 0);
    expect(q, 0, "a");
    done(q, "a", ERR_NONE, 0);
    done(q, "a", ERR_RETRY, 0);
    done(q, "never seen", ERR_RETRY, 0);
    assert_int_equal(queue_next_due_ms(q), INT64_MAX);
}

static void work_may_ask_to_come_again(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_HIGH, 0);
    expect(q, 0, "a");
    queue_done(q, "a", &(struct queue_result){ .again_in_ms = 250 }, 10);
    assert_int_equal(queue_next_due_ms(q), 260);
}

static void what_is_dropped_is_forgotten(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_HIGH, 0);
    queue_drop(q, "a");
    expect(q, 0, NULL);
    queue_add(q, "b", QUEUE_HIGH, 0);
    expect(q, 0, "b");
    queue_add(q, "b", QUEUE_HIGH, 0);
    queue_drop(q, "b");
    done(q, "b", ERR_RETRY, 0);
    assert_int_equal(queue_next_due_ms(q), INT64_MAX);
    assert_int_equal(queue_failures(q, "b"), 0);
    queue_drop(q, "never seen");
}

static void an_object_that_comes_back_in_flight_is_worked_on(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_HIGH, 0);
    expect(q, 0, "a");
    queue_drop(q, "a");
    queue_add(q, "a", QUEUE_HIGH, 0);
    done(q, "a", ERR_NONE, 1);
    expect(q, 1, "a");
}

static void retry_after_holds_even_against_changes(void **state)
{
    struct queue *q = *state;

    queue_add(q, "a", QUEUE_HIGH, 0);
    expect(q, 0, "a");
    queue_add(q, "a", QUEUE_HIGH, 0);
    queue_done(q, "a", &(struct queue_result){ .kind = ERR_RETRY, .retry_after_ms = 7000 }, 100);
    queue_add(q, "a", QUEUE_HIGH, 200);
    assert_int_equal(queue_next_due_ms(q), 7100);
}

static void success_forgets_failures(void **state)
{
    struct queue *q = *state;

    for (int i = 0; i < 4; i++) {
        queue_add(q, "a", QUEUE_HIGH, 0);
        expect(q, i * 1000, "a");
        done(q, "a", ERR_RETRY, i * 1000);
    }
    assert_int_equal(queue_failures(q, "a"), 4);
    assert_int_equal(queue_next_due_ms(q), 3040);
    expect(q, 3040, "a");
    done(q, "a", ERR_NONE, 3041);
    assert_int_equal(queue_failures(q, "a"), 0);
}

static void the_bucket_slows_a_fight_to_one_write_a_second(void **state)
{
    struct queue *q = *state;
    int64_t now = 0;
    int n = 0;

    for (; now <= 200000; now += 10) {
        queue_add(q, "a", QUEUE_HIGH, 0);
        if (!queue_take(q, now, NULL))
            continue;
        n++;
        queue_done(q, "a", &(struct queue_result){ .again_in_ms = 0, .n_writes = 1 }, now);
    }
    assert_in_range(n, 299, 301);
    assert_true(queue_is_tripped(q, "a", now));
    assert_false(queue_is_tripped(q, "a", now + 2000));
    assert_false(queue_is_tripped(q, "b", now));
}

static void conflicts_cannot_spin(void **state)
{
    struct queue *q = *state;
    int n = 0;

    queue_add(q, "a", QUEUE_HIGH, 0);
    for (; queue_take(q, 0, NULL); n++)
        done(q, "a", ERR_CONFLICT, 0);
    assert_int_equal(n, 100);
    assert_int_equal(queue_next_due_ms(q), 1000);
}

static void stats_count_what_happens(void **state)
{
    struct queue *q = *state;
    struct queue_stats s;
    int64_t waited_ms;

    queue_add(q, "a", QUEUE_HIGH, 10);
    queue_add(q, "b", QUEUE_LOW, 20);
    queue_add(q, "c", QUEUE_LOW, 5000);
    assert_non_null(queue_take(q, 50, &waited_ms));
    assert_int_equal(waited_ms, 40);
    queue_add(q, "a", QUEUE_HIGH, 60);
    queue_stats(q, 100, &s);
    assert_int_equal(s.depth, 1);
    assert_int_equal(s.waiting, 1);
    assert_int_equal(s.in_flight, 1);
    assert_int_equal(s.adds, 4);
    assert_int_equal(s.longest_ms, 50);
    assert_int_equal(s.unfinished_ms, 50);
    done(q, "a", ERR_RETRY, 100);
    queue_stats(q, 100, &s);
    assert_int_equal(s.retries, 1);
    assert_int_equal(s.depth, 2);
}

/* Against a plain model: every key that is due comes out, in order of priority and time. */
static void ten_thousand_keys_come_out_in_order(void **state)
{
    enum { N = 10000 };
    struct queue *q = *state;
    uint32_t r = 12345;
    int64_t last = -1;
    char key[16];
    const char *got;
    int n = 0;

    for (int i = 0; i < 3 * N; i++) {
        r = r * 1664525 + 1013904223;
        snprintf(key, sizeof(key), "k%u", r >> 8 & 0x3fff);
        queue_add(q, key, QUEUE_HIGH, r >> 20);
        if (i % 5 == 0)
            queue_drop(q, key);
    }
    while (queue_next_due_ms(q) != INT64_MAX) {
        int64_t due = queue_next_due_ms(q);

        assert_true(due >= last);
        last = due;
        got = queue_take(q, due, NULL);
        assert_non_null(got);
        n++;
        if (n % 2)
            done(q, got, ERR_NONE, due);
    }
    assert_in_range(n, N / 2, 0x4000);
}

static const struct row {
    const char *name;
    enum err_kind kind;
    unsigned failures_before;
    int64_t wait_ms; /* -1: until it is added */
} rows[] = {
    { "the first failure waits 5 ms",          ERR_RETRY,    0,  5 },
    { "the fifth waits 80 ms",                 ERR_RETRY,    4,  80 },
    { "no failure waits more than 5 minutes",  ERR_RETRY,    40, 300000 },
    { "what is absent is asked for again",     ERR_ABSENT,   0,  5 },
    { "a conflict is looked at again at once", ERR_CONFLICT, 3,  0 },
    { "a refusal waits half a minute",         ERR_DENIED,   0,  30000 },
    { "then longer",                           ERR_DENIED,   2,  120000 },
    { "our own mistake is not hurried",        ERR_BUG,      0,  30000 },
    { "a bad spec waits for its author",       ERR_INVALID,  3,  -1 },
    { "success waits for a change",            ERR_NONE,     3,  -1 },
};

static void check_wait(void **state)
{
    const struct row *r = *state;
    struct queue *q = queue_new();
    int64_t next;

    for (unsigned i = 0; i < r->failures_before; i++) {
        queue_add(q, "a", QUEUE_HIGH, 0);
        queue_take(q, 0, NULL);
        done(q, "a", ERR_RETRY, 0);
    }
    queue_add(q, "a", QUEUE_HIGH, 0);
    queue_take(q, 0, NULL);
    done(q, "a", r->kind, 1000);
    next = queue_next_due_ms(q);
    queue_free(q);
    assert_int_equal(next, r->wait_ms < 0 ? INT64_MAX : 1000 + r->wait_ms);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest plain[] = {
        T(a_key_is_there_once),
        T(the_earliest_wish_counts),
        T(a_change_overtakes_the_initial_list),
        T(a_higher_priority_keeps_the_earlier_time),
        T(a_key_in_flight_waits_for_its_end),
        T(a_later_wish_in_flight_is_kept_too),
        T(done_twice_changes_nothing),
        T(work_may_ask_to_come_again),
        T(what_is_dropped_is_forgotten),
        T(an_object_that_comes_back_in_flight_is_worked_on),
        T(retry_after_holds_even_against_changes),
        T(success_forgets_failures),
        T(the_bucket_slows_a_fight_to_one_write_a_second),
        T(conflicts_cannot_spin),
        T(stats_count_what_happens),
        T(ten_thousand_keys_come_out_in_order),
    };
    struct CMUnitTest tests[COUNT(plain) + COUNT(rows)];

    memcpy(tests, plain, sizeof(plain));
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[COUNT(plain) + i] = (struct CMUnitTest){ rows[i].name, check_wait, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
