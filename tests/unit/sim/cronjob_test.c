/* Schedules, and the Jobs that a CronJob makes and takes away. */
#include "sim/controllers/cron.h"
#include "world.h"

#define MINUTE_MS 60000LL

static const struct row {
    const char *name, *schedule, *after, *next; /* next NULL: not a schedule */
} rows[] = {
    { "each minute", "* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z" },
    { "in the middle of a minute", "* * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z" },
    { "every five minutes", "*/5 * * * *", "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z" },
    { "from ten on, every twenty", "10/20 * * * *", "2026-01-01T00:31:00Z", "2026-01-01T00:50:00Z" },
    { "each night", "30 3 * * *", "2026-01-01T03:30:00Z", "2026-01-02T03:30:00Z" },
    { "a list of hours", "0 6,18 * * *", "2026-01-01T07:00:00Z", "2026-01-01T18:00:00Z" },
    { "working days", "0 9 * * 1-5", "2026-01-02T09:00:00Z", "2026-01-05T09:00:00Z" },
    { "Sunday is seven too", "0 0 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z" },
    { "either day is enough", "0 0 15 * 1", "2026-01-06T00:00:00Z", "2026-01-12T00:00:00Z" },
    { "a day that most months lack", "0 0 31 2 *", "2026-01-01T00:00:00Z", "" },
    { "a leap day", "0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z" },
    { "a word", "@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z" },
    { "four fields", "* * * *", "", NULL },
    { "a minute too many", "60 * * * *", "", NULL },
    { "no step", "*/0 * * * *", "", NULL },
    { "backwards", "5-1 * * * *", "", NULL },
    { "a word that is none", "@sometimes", "", NULL },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct cron c;
    char text[32] = "";
    int64_t at;

    assert_int_equal(cron_parse(r->schedule, &c), r->next != NULL);
    if (!r->next)
        return;
    at = cron_next(&c, time_from_text(r->after));
    if (at >= 0)
        time_to_text(at, text);
    assert_string_equal(text, r->next);
}

static void put(struct world *w, const char *more, const char *annotations)
{
    AUTO_FREE char *text = xasprintf("{'metadata':{'name':'c','uid':'c','annotations':{%s}},'spec':{'schedule':'*/5 * * * *',"
                                     "'concurrencyPolicy':'%s',%s'jobTemplate':{'spec':{'backoffLimit':1}}}}", annotations,
                                     annotations[0] ? "Allow" : "Forbid", more);

    world_put(w, KIND_CRONJOB, text);
}

static int jobs(struct world *w)
{
    AUTO_LIST struct list l = { 0 };

    scene_list_owned(w->scene, KIND_JOB, "c", &l);
    return (int)l.n;
}

static void finish(struct world *w, int64_t due_ms, const char *how)
{
    AUTO_FREE char *key = xasprintf("a/c-%lld", (long long)(due_ms / MINUTE_MS));
    char now[32];

    time_to_text(w->now_ms, now);
    AUTO_FREE char *text = xasprintf("{'status':{'completionTime':'%s','conditions':[{'type':'%s','status':'True'}]}}", now, how);
    world_patch(w, KIND_JOB, key, text);
}

static void one_at_a_time_and_old_ones_go(void **state)
{
    struct world w;
    int64_t start;
    (void)state;

    world_init(&w);
    start = w.now_ms;
    put(&w, "'successfulJobsHistoryLimit':2,", "");
    assert_true(world_settle(&w, &controller_cronjob, "a/c"));
    assert_int_equal(jobs(&w), 0); /* not due yet */
    for (int i = 1; i <= 4; i++) {
        w.now_ms = start + i * 5 * MINUTE_MS + 1000;
        assert_true(world_settle(&w, &controller_cronjob, "a/c"));
        w.now_ms += 5 * MINUTE_MS * (i == 4); /* the next is due while this one runs */
        assert_true(world_settle(&w, &controller_cronjob, "a/c"));
        assert_int_equal(jobs(&w), i < 3 ? i : 3);
        finish(&w, start + i * 5 * MINUTE_MS, "Complete");
    }
    assert_string_equal(json_get_str(world_get(&w, KIND_CRONJOB, "a/c"), "status.lastScheduleTime"), "2026-01-01T00:20:00Z");
    assert_true(world_settle(&w, &controller_cronjob, "a/c"));
    assert_string_equal(json_get_str(world_get(&w, KIND_CRONJOB, "a/c"), "status.lastScheduleTime"), "2026-01-01T00:25:00Z");
    assert_non_null(json_get_str(world_get(&w, KIND_CRONJOB, "a/c"), "status.lastSuccessfulTime"));
    world_done(&w);
}

static void too_late_is_not_made_up_for(void **state)
{
    struct world w;
    (void)state;

    world_init(&w);
    put(&w, "'startingDeadlineSeconds':60,", "");
    w.now_ms += 7 * MINUTE_MS;
    assert_true(world_settle(&w, &controller_cronjob, "a/c"));
    assert_int_equal(jobs(&w), 0);
    w.now_ms += 3 * MINUTE_MS;
    assert_true(world_settle(&w, &controller_cronjob, "a/c"));
    assert_int_equal(jobs(&w), 1);
    world_done(&w);
}

static void a_number_for_tests(void **state)
{
    struct world w;
    (void)state;

    world_init(&w);
    put(&w, "", "'sim.everserve.dev/due':'1'");
    for (int i = 1; i < 3; i++) {
        AUTO_FREE char *text = xasprintf("{'metadata':{'annotations':{'sim.everserve.dev/due':'%d'}}}", i);

        world_patch(&w, KIND_CRONJOB, "a/c", text);
        assert_true(world_settle(&w, &controller_cronjob, "a/c"));
        assert_true(world_settle(&w, &controller_cronjob, "a/c"));
        assert_int_equal(jobs(&w), i);
    }
    world_done(&w);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 3];
    size_t n = 0;

    for (; n < COUNT(rows); n++)
        tests[n] = (struct CMUnitTest){ rows[n].name, check, NULL, NULL, (void *)(uintptr_t)&rows[n] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(one_at_a_time_and_old_ones_go);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(too_late_is_not_made_up_for);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_number_for_tests);
    return _cmocka_run_group_tests("CronJobs", tests, n, NULL, NULL);
}
