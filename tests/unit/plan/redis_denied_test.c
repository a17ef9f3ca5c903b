/* A server that does not let us in, or denies our user a right: which one, which right or password, and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plan/rules.h"
#include "base/mem.h"
#include "base/str.h"

static const struct row {
    const char *name;
    enum view_reach reach;
    const char *error;
    bool formed;
    const char *words[3]; /* of the message; NULL: nothing is said */
} rows[] = {
    { "a right that is missing is named", REACH_DENIED, "NOPERM this user has no permissions to run the 'cluster|nodes' command", true,
      { "10.0.0.2:6379", "'cluster|nodes'", "restart that pod" } },
    { "a password that it does not know", REACH_DENIED, "WRONGPASS invalid username-password pair or user is disabled.", true,
      { "10.0.0.2:6379", "WRONGPASS", "Secret a-redis" } },
    { "no password at all", REACH_DENIED, "NOAUTH Authentication required.", true, { "10.0.0.2:6379", "Secret a-redis", "restore it" } },
    { "pods of a predecessor are on their way out", REACH_DENIED, "WRONGPASS", false, { NULL } },
    { "silence is no denial", REACH_NONE, "timeout: no answer within 1000 ms", true, { NULL } },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct node_view views[2];
    struct observed o = { .name = "a", .ns = "n", .redis = { .views = views, .expected = { .n_members = 2 } } };
    struct plan p = { .redis = { .bootstrapped = r->formed } };
    struct walk w = { .o = &o, .p = &p };
    enum verdict_of_rule how;

    for (size_t i = 0; i < COUNT(views); i++) {
        view_init(&views[i]);
        views[i].reach = REACH_OK;
        snprintf(views[i].address, sizeof(views[i].address), "10.0.0.%zu:6379", i + 1);
    }
    views[1].reach = r->reach;
    snprintf(views[1].error, sizeof(views[1].error), "%s", r->error);
    how = rule_redis_users(&w);
    assert_int_equal(how, r->words[0] ? RULE_HOLD : RULE_PASS);
    assert_int_equal(w.stalled, r->words[0] != NULL);
    if (r->words[0])
        assert_string_equal(w.reason, "RedisAccessDenied");
    for (size_t i = 0; r->words[0] && i < COUNT(r->words); i++)
        if (!strstr(w.message, r->words[i]))
            fail_msg("\"%s\" is not in: %s", r->words[i], w.message);
    assert_int_equal(p.n_actions, 0);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("servers that deny us", tests, NULL, NULL);
}
