/*
 * Settings: which are live, when two texts are one value, and that telling comes to an end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/settings.h"

static const struct value_row {
    const char *name, *key, *wanted, *shown;
    bool same;
} values[] = {
    { "the same text", "maxmemory-policy", "allkeys-lru", "allkeys-lru", true },
    { "another text", "maxmemory-policy", "allkeys-lru", "noeviction", false },
    { "letter case", "appendfsync", "Always", "always", true },
    { "megabytes", "repl-backlog-size", "16mb", "16777216", true },
    { "metric megabytes", "repl-backlog-size", "16m", "16000000", true },
    { "metric is not binary", "repl-backlog-size", "16m", "16777216", false },
    { "bytes with b", "repl-backlog-size", "100b", "100", true },
    { "a percentage is no number", "maxmemory-clients", "5%", "5", false },
    { "leading zeros", "timeout", "010", "10", true },
    { "an empty value", "save", "", "", true },
    { "an empty value is not missing", "save", "", "3600 1", false },
    { "spaces", "save", "3600  1 300 100", "3600 1 300 100", true },
    { "a save point more", "save", "3600 1", "3600 1 300 100", false },
    { "one class of buffer limits", "client-output-buffer-limit", "replica 256mb 64mb 60",
      "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", true },
    { "another limit", "client-output-buffer-limit", "replica 512mb 64mb 60",
      "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", false },
    { "half a limit", "client-output-buffer-limit", "replica 256mb", "slave 268435456 67108864 60", false },
    { "a class that is not shown", "client-output-buffer-limit", "pubsub 1 1 1", "normal 0 0 0", false },
    { "events in another order", "notify-keyspace-events", "KEA", "AKE", true },
    { "all events by name", "notify-keyspace-events", "Kg$lshzxetd", "AK", true },
    { "other events", "notify-keyspace-events", "KE", "AKE", false },
    { "events that differ in case", "notify-keyspace-events", "Kex", "KEx", false },
    { "a number too large for us", "timeout", "99999999999999999999gb", "1", false },
};

static void check_value(void **state)
{
    const struct value_row *r = *state;

    assert_int_equal(setting_is_so(r->key, r->wanted, r->shown), r->same);
}

static const char conf[] = "# a comment\n"
                           "port 6379\n"
                           "appendonly yes\n"
                           "save \"\"\n"
                           "cluster-node-timeout 5000\n"
                           "io-threads 4\n"
                           "timeout 10\n"
                           "timeout 20\n"
                           "  hz   50  \n"
                           "include /etc/x\n";

static void what_is_live(void **state)
{
    struct settings s;
    (void)state;

    settings_live(conf, &s);
    assert_int_equal(s.n, 4);
    assert_string_equal(settings_find(&s, "appendonly"), "yes");
    assert_string_equal(settings_find(&s, "save"), "");
    assert_string_equal(settings_find(&s, "timeout"), "20");
    assert_string_equal(settings_find(&s, "hz"), "50");
    assert_null(settings_find(&s, "port"));
    settings_done(&s);
}

static void only_what_a_start_reads_restarts(void **state)
{
    (void)state;

    assert_int_equal(settings_restart_hash("hz 10\nio-threads 4\n"), settings_restart_hash("hz 50\nio-threads 4\n"));
    assert_int_not_equal(settings_restart_hash("hz 10\nio-threads 4\n"), settings_restart_hash("hz 10\nio-threads 8\n"));
    assert_int_equal(settings_restart_hash("# one\nio-threads 4\n"), settings_restart_hash("# two\nio-threads 4\n"));
}

static void what_is_too_much_is_left_out(void **state)
{
    char name[8], big[SETTING_VALUE_MAX + 2];
    struct settings s = { 0 };
    (void)state;

    memset(big, 'x', sizeof(big));
    assert_false(settings_put(&s, "a", 1, big, sizeof(big)));
    assert_false(settings_put(&s, big, SETTING_NAME_SIZE, "1", 1));
    for (int i = 0; i < SETTINGS_MAX; i++) {
        int n = snprintf(name, sizeof(name), "k%d", i);

        assert_true(settings_put(&s, name, (size_t)n, "1", 1));
    }
    assert_false(settings_put(&s, "one-more", 8, "1", 1));
    assert_true(settings_put(&s, "k1", 2, "2", 1));
    assert_string_equal(settings_find(&s, "k1"), "2");
    settings_done(&s);
}

/* --- telling --- */

enum { N = 3 };

struct lab {
    struct member members[N];
    struct expected x;
    struct settings wanted, shown[N];
    struct settings_memory memory;
    struct settings_step step;
    int64_t now_ms;
    int n_sent;
    const char *refuse;             /* what the servers say to any CONFIG SET; NULL: they take it */
    const char *form;               /* how they show what they took; NULL: as it was given */
};

static void put(struct settings *s, const char *name, const char *value)
{
    assert_true(settings_put(s, name, strlen(name), value, strlen(value)));
}

static int setup(void **state)
{
    struct lab *l = xcalloc(1, sizeof(*l));

    l->x = (struct expected){ .members = l->members, .n_members = N };
    l->now_ms = 1000;
    put(&l->wanted, "hz", "50");
    for (int i = 0; i < N; i++)
        put(&l->shown[i], "hz", "10");
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    struct lab *l = *state;

    settings_step_done(&l->step);
    settings_done(&l->wanted);
    for (int i = 0; i < N; i++)
        settings_done(&l->shown[i]);
    free(l);
    return 0;
}

static void carry_out(struct lab *l)
{
    for (size_t i = 0; i < l->step.commands.n; i++) {
        const struct command *c = &l->step.commands.items[i];

        l->n_sent++;
        settings_remember(&l->memory, c, l->refuse ? REPLY_STOP : REPLY_OK, l->refuse ? l->refuse : "", l->now_ms);
        if (!l->refuse)
            put(&l->shown[c->member], c->texts[0], l->form ? l->form : c->texts[1]);
    }
}

static void look(struct lab *l)
{
    struct settings_input in = { &l->x, &l->wanted, l->shown, l->now_ms };

    l->now_ms += 1000;
    settings_step_done(&l->step);
    settings_step(&in, &l->memory, &l->step);
    carry_out(l);
}

static void one_first_then_all_then_rest(void **state)
{
    struct lab *l = *state;

    look(l);
    assert_int_equal(l->n_sent, 1);
    assert_true(l->step.untested);
    look(l);
    assert_int_equal(l->n_sent, N);
    assert_false(l->step.untested);
    look(l);
    look(l);
    assert_int_equal(l->n_sent, N);
}

static void a_form_of_their_own_is_no_endless_telling(void **state)
{
    struct lab *l = *state;

    l->form = "fifty";
    for (int i = 0; i < 6; i++)
        look(l);
    assert_int_equal(l->n_sent, N);
    assert_false(l->step.untested);
    assert_string_equal(l->step.key, "");
}

static void a_refusal_is_said_and_told_to_nobody_else(void **state)
{
    struct lab *l = *state;

    l->refuse = "ERR CONFIG SET failed - argument must be between 1 and 500";
    look(l);
    look(l);
    assert_int_equal(l->n_sent, 1);
    assert_string_equal(l->step.key, "hz");
    assert_string_equal(l->step.why, "CONFIG SET failed - argument must be between 1 and 500");
    l->now_ms += SETTINGS_RETRY_MS;
    look(l);
    assert_int_equal(l->n_sent, 2);
    assert_string_equal(l->step.key, "hz"); /* said all the time */
    put(&l->wanted, "hz", "10");
    look(l);
    assert_string_equal(l->step.key, "");
    assert_int_equal(l->n_sent, 2);
}

static void what_nobody_knows_is_said(void **state)
{
    struct lab *l = *state;

    put(&l->wanted, "no-such-thing", "1");
    look(l);
    assert_string_equal(l->step.key, "no-such-thing");
}

static void who_does_not_answer_is_not_judged(void **state)
{
    struct lab *l = *state;

    for (int i = 0; i < N; i++)
        settings_done(&l->shown[i]);
    look(l);
    assert_int_equal(l->n_sent, 0);
    assert_false(l->step.untested);
    assert_string_equal(l->step.key, "");
}

static void a_node_that_started_with_an_older_file_is_told(void **state)
{
    struct lab *l = *state;

    for (int i = 1; i < N; i++)
        put(&l->shown[i], "hz", "50");
    look(l);
    assert_int_equal(l->n_sent, 1);
    assert_false(l->step.untested);
}

static void asked_when_it_changed_and_now_and_then(void **state)
{
    struct lab *l = *state;

    assert_true(settings_are_due(&l->memory, &l->wanted, l->now_ms));
    for (int i = 0; i < 3; i++)
        look(l);
    assert_false(settings_are_due(&l->memory, &l->wanted, l->now_ms));
    assert_true(settings_are_due(&l->memory, &l->wanted, l->now_ms + SETTINGS_ASK_MS));
    put(&l->wanted, "timeout", "1");
    assert_true(settings_are_due(&l->memory, &l->wanted, l->now_ms));
}

/* The user's are hz and timeout; repl-backlog-size is ours as well. */
static bool given(struct lab *l, const char *const *user, struct settings_given *g)
{
    struct settings_input in = { &l->x, &l->wanted, l->shown, l->now_ms };
    struct settings names = { 0 };
    struct settings_given next;
    bool raised;

    for (; *user; user++)
        put(&names, *user, settings_find(&l->wanted, *user));
    raised = settings_given_step(&in, &l->memory, &names, g, &next);
    *g = next;
    settings_done(&names);
    return raised;
}

static void taken_out_is_restarted_for_once(void **state)
{
    static const char *const both[] = { "hz", "repl-backlog-size", NULL }, *const none[] = { NULL };
    struct settings_given g = { .n = 0 }, read;
    struct lab *l = *state;

    put(&l->wanted, "repl-backlog-size", "16mb");
    for (int i = 0; i < N; i++)
        put(&l->shown[i], "repl-backlog-size", "16777216");
    assert_false(given(l, both, &g));
    assert_int_equal(g.n, 1); /* hz is held by nobody yet */
    for (int i = 0; i < 3; i++)
        look(l);
    assert_false(given(l, both, &g));
    assert_int_equal(g.n, 2);
    AUTO_JSON cJSON *json = settings_given_json(&g);
    settings_given_parse(json, &read);
    assert_memory_equal(&read, &g, sizeof(g));
    settings_done(&l->wanted);
    put(&l->wanted, "repl-backlog-size", "16mb");
    assert_true(given(l, none, &g));
    assert_int_equal(g.restarts, 1);
    assert_int_equal(g.n, 0);
    assert_false(given(l, none, &g));
    assert_int_equal(g.restarts, 1);
}

static void what_is_ours_too_is_told_live(void **state)
{
    static const char *const one[] = { "repl-backlog-size", NULL }, *const none[] = { NULL };
    struct settings_given g = { .n = 0 };
    struct lab *l = *state;

    put(&l->wanted, "repl-backlog-size", "16mb");
    put(&l->shown[0], "repl-backlog-size", "16mb");
    assert_false(given(l, one, &g));
    assert_int_equal(g.n, 1);
    assert_false(given(l, none, &g));
    assert_int_equal(g.restarts, 0);
}

static void a_refused_one_restarts_nobody(void **state)
{
    static const char *const hz[] = { "hz", NULL }, *const none[] = { NULL };
    struct settings_given g = { .n = 0 };
    struct lab *l = *state;

    l->refuse = "ERR no";
    look(l);
    assert_false(given(l, hz, &g));
    settings_done(&l->wanted);
    assert_false(given(l, none, &g));
    assert_int_equal(g.restarts, 0);
}

static void what_cannot_be_read_is_left_out(void **state)
{
    AUTO_JSON cJSON *json = cJSON_Parse("{\"live\":[1,\"hz\",\"hz\",null,\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"],"
                                        "\"restarts\":-3}");
    struct settings_given g;
    (void)state;

    settings_given_parse(json, &g);
    assert_int_equal(g.n, 1);
    assert_int_equal(g.restarts, 0);
    settings_given_parse(NULL, &g);
    assert_int_equal(g.n, 0);
    assert_null(settings_given_json(&g));
}

int main(void)
{
#define ROW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest rest[] = {
        cmocka_unit_test(what_is_live),
        cmocka_unit_test(only_what_a_start_reads_restarts),
        cmocka_unit_test(what_is_too_much_is_left_out),
        ROW(one_first_then_all_then_rest),
        ROW(a_form_of_their_own_is_no_endless_telling),
        ROW(a_refusal_is_said_and_told_to_nobody_else),
        ROW(what_nobody_knows_is_said),
        ROW(who_does_not_answer_is_not_judged),
        ROW(a_node_that_started_with_an_older_file_is_told),
        ROW(asked_when_it_changed_and_now_and_then),
        ROW(taken_out_is_restarted_for_once),
        ROW(what_is_ours_too_is_told_live),
        ROW(a_refused_one_restarts_nobody),
        cmocka_unit_test(what_cannot_be_read_is_left_out),
    };
    struct CMUnitTest tests[COUNT(values)];

    for (size_t i = 0; i < COUNT(values); i++)
        tests[i] = (struct CMUnitTest){ values[i].name, check_value, NULL, NULL, (void *)(uintptr_t)&values[i] };
    return cmocka_run_group_tests_name("values", tests, NULL, NULL) + cmocka_run_group_tests_name("settings", rest, NULL, NULL);
}
