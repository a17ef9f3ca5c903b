/* Which image may follow what runs: an older one is refused, but not for the tag of what runs already. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "plan/rules.h"

static const struct row {
    const char *name;
    const char *wanted;
    const char *runs[2]; /* the pods' images; NULL: not known */
    const char *versions[2];
    const char *word;    /* of the refusal; NULL: it passes */
} rows[] = {
    { "a newer one follows", "redis:8.0", { "redis:7.0", "redis:7.0" }, { "7.0.15", "7.0.15" }, NULL },
    { "an older one does not", "redis:6.2", { "redis:7.0", "redis:7.0" }, { "7.0.15", "7.0.15" }, "Redis 7.0.15 runs" },
    { "a tag that counts otherwise than the server", "our/redis:3.1", { "our/redis:3.1", "our/redis:3.1" }, { "8.0.2", "8.0.2" }, NULL },
    { "half an upgrade does not go back", "redis:7.0", { "redis:7.0", "redis:8.0" }, { "7.0.15", "8.0.2" }, "Redis 8.0.2 runs" },
    { "what a pod is made of is not known: the tag counts", "redis:7.4", { NULL, NULL }, { "8.0.2", "8.0.2" }, "Redis 8.0.2 runs" },
};

static void check(void **state)
{
    enum { N = 2 };
    const struct row *r = *state;
    struct node_view views[N];
    struct pod pods[N] = { 0 };
    struct member members[N] = { 0 };
    char *names[N];
    struct isvc svc = { .redis = { .present = true, .image = r->wanted } };
    struct observed o = { .svc = &svc, .pods = pods, .n_pods = N,
                          .redis = { .views = views, .expected = { .members = members, .n_members = N } } };
    struct plan p = { .redis = { .bootstrapped = true } };
    struct walk w = { .o = &o, .p = &p };

    for (size_t i = 0; i < N; i++) {
        names[i] = xasprintf("a-redis-%zu", i);
        pods[i] = (struct pod){ .name = names[i], .of_redis = true, .image_hash = r->runs[i] ? image_hash_of(r->runs[i]) : 0 };
        members[i].pod = names[i];
        view_init(&views[i]);
        views[i].reach = REACH_OK;
        snprintf(views[i].version, sizeof(views[i].version), "%s", r->versions[i]);
    }
    assert_int_equal(rule_redis_image(&w), r->word ? RULE_HOLD : RULE_PASS);
    assert_int_equal(w.leave_redis_pods, r->word != NULL);
    if (r->word && !strstr(w.message, r->word))
        fail_msg("\"%s\" is not in: %s", r->word, w.message);
    for (size_t i = 0; i < N; i++)
        free(names[i]);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("the next image of Redis", tests, NULL, NULL);
}
