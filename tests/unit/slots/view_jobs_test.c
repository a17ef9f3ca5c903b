/*
 * Migrations that servers carry out themselves, as Redis 8.6 and Valkey 9.1 list them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "slots/view.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define J "0123456789012345678901234567890123456789"

static struct node_view view;

static int setup(void **state)
{
    (void)state;
    view_init(&view);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    view_done(&view);
    return 0;
}

/* words: key, value, key, value, ..., NULL */
static int add(const char *const *words, struct err *e)
{
    struct view_pair pairs[16];
    size_t n = 0;

    for (; words[2 * n]; n++)
        pairs[n] = (struct view_pair){ words[2 * n], words[2 * n + 1], strlen(words[2 * n]), strlen(words[2 * n + 1]) };
    return view_add_job(&view, pairs, n, e);
}

static const struct row {
    const char *name;
    const char *words[18];
    int rc; /* 0, or -kind */
    enum job_state state;
    bool importing;
    int slots, tasks;
} rows[] = {
    { "Redis 8.6, done", { "id", J, "slots", "0-100 200-210", "source", A, "dest", B, "operation", "import", "state", "completed",
      "last_error", "", "retries", "0" }, 0, JOB_DONE, true, 112, 0 },
    { "Redis 8.6, on its way out", { "id", J, "slots", "7", "source", A, "dest", B, "operation", "migrate", "state",
      "send-bulk-and-stream", "last_error", "" }, 0, JOB_RUNNING, false, 1, 1 },
    { "Redis 8.6, failed", { "id", J, "slots", "7", "source", A, "dest", B, "operation", "import", "state", "failed",
      "last_error", "replica\ntimeout" }, 0, JOB_FAILED, true, 1, 0 },
    { "Valkey 9.1, done", { "name", J, "operation", "EXPORT", "slot_ranges", "0-100 200-210", "target_node", B, "source_node", A,
      "state", "success", "message", "" }, 0, JOB_DONE, false, 112, 0 },
    { "Valkey 9.1, taken back", { "name", J, "operation", "IMPORT", "slot_ranges", "5", "target_node", B, "source_node", A,
      "state", "cancelled" }, 0, JOB_CANCELED, true, 1, 0 },
    { "a state that nobody knows yet is no end", { "name", J, "state", "polishing" }, 0, JOB_RUNNING, false, 0, 1 },
    { "no state", { "name", J, "slot_ranges", "5" }, -ERR_INVALID, JOB_RUNNING, false, 0, 0 },
    { "no name", { "state", "failed" }, -ERR_INVALID, JOB_RUNNING, false, 0, 0 },
    { "a slot beyond the last", { "name", J, "state", "success", "slot_ranges", "16380-16384" }, -ERR_INVALID, JOB_DONE, false, 0, 0 },
    { "an id that is too long", { "name", J "0", "state", "success" }, -ERR_INVALID, JOB_DONE, false, 0, 0 },
    { "an operation that nobody knows", { "name", J, "state", "success", "operation", "COPY" }, -ERR_INVALID, JOB_DONE, false, 0, 0 },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct err e = { 0 };

    assert_int_equal(add(r->words, &e), r->rc);
    assert_int_equal(view.migration_tasks, r->tasks);
    assert_int_equal(view.n_jobs, r->rc == 0);
    if (r->rc)
        return;
    assert_int_equal(view.jobs[0].state, r->state);
    assert_int_equal(view.jobs[0].importing, r->importing);
    assert_int_equal(slot_set_count(&view.jobs[0].slots), r->slots);
    assert_null(strchr(view.jobs[0].message, '\n'));
}

static void running_jobs_are_kept_and_counted(void **state)
{
    struct err e = { 0 };
    (void)state;

    for (int i = 0; i < 100; i++) {
        char id[16];

        snprintf(id, sizeof(id), "job-%d", i);
        assert_int_equal(add((const char *[]){ "id", id, "state", i % 10 ? "completed" : "connecting", NULL }, &e), 0);
    }
    assert_int_equal(view.n_jobs, VIEW_JOBS_MAX);
    assert_int_equal(view.jobs_running, 10);
    assert_int_equal(view.migration_tasks, 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(view.jobs[i].state, JOB_RUNNING);
    assert_string_equal(view.jobs[9].id, "job-90");
    assert_string_equal(view.jobs[10].id, "job-1");
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1] = {
        cmocka_unit_test_setup_teardown(running_jobs_are_kept_and_counted, setup, teardown),
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i + 1] = (struct CMUnitTest){ rows[i].name, check, setup, teardown, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("jobs of a view", tests, NULL, NULL);
}
