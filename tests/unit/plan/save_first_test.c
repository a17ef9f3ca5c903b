/*
 * Before nodes go a backup is taken: what counts as that backup.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/yaml.h"
#include "plan/rules.h"

#define WORD "resize-2"
#define DONE_MS 1700000060000LL

static const char yaml[] = "apiVersion: serving.everserve.dev/v1alpha1\n"
                           "kind: InferenceService\n"
                           "metadata: {name: fraud, namespace: ns, uid: u-1, generation: 2}\n"
                           "spec:\n"
                           "  predictor: {containers: [{image: 'r/fraud:v1'}]}\n"
                           "  redis: {backup: {schedule: '0 3 * * *', storage: {size: 1Gi}}}\n";

static const struct row {
    const char *name;
    const char *word; /* of the Job that is there; NULL: none */
    bool complete, failed;
    int64_t scheduled_ms; /* when a scheduled one was done, after DONE_MS; -1: none was */
    enum verdict_of_rule want;
} rows[] = {
    { "none was taken", NULL, false, false, -1, RULE_HOLD },
    { "it is under way", WORD, false, false, -1, RULE_HOLD },
    { "it failed", WORD, false, true, -1, RULE_HOLD },
    { "it is complete", WORD, true, false, -1, RULE_PASS },
    { "another one is complete", "resize-1", true, false, -1, RULE_HOLD },
    { "a scheduled one is no word for it", NULL, false, false, 0, RULE_HOLD },
    { "a scheduled one was done in the same second", WORD, true, false, 0, RULE_PASS },
    { "a scheduled one was done after it, and nobody had looked between", WORD, true, false, 60000, RULE_PASS },
};

static void mark(struct record *job, const char *word)
{
    snprintf(job->mark, sizeof(job->mark), "now-20231114-221420-%08x", (unsigned)str_hash(STR_HASH_INIT, word, strlen(word)));
}

/* Two passes, as the plan makes them: the resize asks, then the rule about backups looks. */
static enum verdict_of_rule play(const struct isvc *svc, const struct row *r)
{
    struct record job = { .uid = "j", .owner_uid = "u-1", .is_ours = true, .job_complete = r->complete,
                          .job_failed = r->failed, .done_ms = r->complete ? DONE_MS : -1 };
    struct record cron = { .uid = "c", .owner_uid = "u-1", .is_ours = true, .due_min = (int32_t)(DONE_MS / 60000),
                           .done_ms = DONE_MS + r->scheduled_ms };
    struct observed o = { .ns = "ns", .name = "fraud", .uid = "u-1", .svc = svc, .generation = 2, .wall_ms = DONE_MS + 90000 };
    struct backup_state known = { .last_ms = 0 };
    enum verdict_of_rule how = RULE_PASS;

    if (r->word)
        mark(&job, r->word);
    o.child[CHILD_BACKUP_JOB] = r->word ? &job : NULL;
    o.child[CHILD_BACKUP_CRON] = r->scheduled_ms >= 0 ? &cron : NULL;
    for (int pass = 0; pass < 2; pass++) {
        struct plan plan = { .look_again_ms = -1 };
        struct walk w = { .o = &o, .p = &plan };

        plan.redis.wanted = plan.redis.bootstrapped = true;
        plan.redis.state = REDIS_HEALTHY;
        plan.redis.backup = known;
        how = walk_save_first(&w, WORD);
        (void)rule_redis_backup(&w);
        known = plan.redis.backup;
        plan_done(&plan);
    }
    return how;
}

static void check(void **state)
{
    const struct row *r = *state;
    enum verdict_of_rule how;
    cJSON *docs = NULL;
    struct isvc svc;
    struct err e;

    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0 || isvc_decode(cJSON_GetArrayItem(docs, 0), &svc, &e) < 0)
        fail_msg("%s", e.msg);
    how = play(&svc, r);
    isvc_done(&svc);
    cJSON_Delete(docs);
    assert_int_equal(how, r->want);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("a backup before nodes go", tests, NULL, NULL);
}
