/*
 * Which certificate of the nodes is remembered: one that has expired is only taken from who is known to show it, so an old one
 * is not forgotten while a node may still have it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "plan/rules.h"

static const struct row {
    const char *name;
    const char *before;   /* what the status says */
    const char *shown[3]; /* by each node; "": it does not answer */
    const char *want;
} rows[] = {
    { "all show the Secret's", "new", { "new", "new", "new" }, "new" },
    { "all show the one of before", "old", { "old", "old", "old" }, "old" },
    { "the first has taken the new one", "old", { "new", "old", "old" }, "old" },
    { "the last has not taken it", "old", { "new", "new", "old" }, "old" },
    { "the old one was not known yet", "new", { "new", "old", "new" }, "old" },
    { "who has not taken it does not answer", "old", { "new", "", "new" }, "old" },
    { "nobody answers", "old", { "", "", "" }, "old" },
    { "nobody answers, and nothing is known", NULL, { "", "", "" }, "" },
    { "one does not answer, and nothing else is known", NULL, { "new", "", "new" }, "new" },
    { "all have taken it", "old", { "new", "new", "new" }, "new" },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct node_view views[3] = { { .n_rows = 0 } };
    char crt[] = "pem";
    struct redis_keys keys = { .tls = { .crt = crt, .fingerprint = "new" } };
    cJSON *status = json_new_obj();
    struct observed o = { .ns = "ns", .name = "fraud", .status = status };
    struct plan plan = { .look_again_ms = -1 };
    struct walk w = { .o = &o, .p = &plan };

    if (r->before)
        json_str(json_obj(json_obj(status, "redis"), "certificate"), "fingerprint", r->before);
    for (size_t i = 0; i < 3; i++) {
        snprintf(views[i].certificate, sizeof(views[i].certificate), "%s", r->shown[i]);
        views[i].reach = r->shown[i][0] ? REACH_OK : REACH_NONE;
    }
    o.redis.views = views;
    o.redis.expected.n_members = 3;
    o.redis.keys = &keys;
    plan.redis.wanted = true;
    assert_int_equal(rule_redis_tls(&w), RULE_PASS);
    assert_string_equal(plan.redis.certificate.fingerprint, r->want);
    plan_done(&plan);
    cJSON_Delete(status);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("the certificate that is remembered", tests, NULL, NULL);
}
