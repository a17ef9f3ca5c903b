/*
 * CronJobs: Jobs when they are due, and no more of the old ones than are to be kept.
 * Source: kubernetes pkg/controller/cronjob (cronjob_controllerv2.go, utils.go): a Job is called NAME-MINUTE, the minute
 * since 1970 that it was due; of several that were missed the latest is made; Forbid skips one while another runs.
 *
 * Nobody waits for minutes in a test: the annotation sim.everserve.dev/due ("1", "2", ...) makes one due each time that
 * the number grows; the minutes in their names go on one by one from some that lie in the past.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sim/controllers/cron.h"
#include "sim/controllers/items.h"
#include "sim/controllers/sync.h"

#define DUE "sim.everserve.dev/due"

enum { MINUTE_MS = 60000, PAST_MINUTES = 1000, MISSED_MAX = 100000 };

static bool has_ended(const cJSON *job, const char *how)
{
    const cJSON *c = cond_find(job, how);

    return c && str_eq(json_get_str(c, "status"), "True");
}

/* The latest that is due after since_ms; -1: none. *next: when to look again. */
static int64_t due_by_schedule(const cJSON *cj, int64_t since_ms, int64_t now_ms, int64_t *next)
{
    int64_t late_s = json_get_int(cj, "spec.startingDeadlineSeconds", -1), due = -1;
    struct cron c;

    *next = -1;
    if (!cron_parse(json_get_str(cj, "spec.schedule"), &c))
        return -1;
    if (late_s >= 0 && since_ms < now_ms - late_s * 1000)
        since_ms = now_ms - late_s * 1000;
    *next = cron_next(&c, since_ms);
    for (int i = 0; *next >= 0 && *next <= now_ms && i < MISSED_MAX; i++) {
        due = *next;
        *next = cron_next(&c, due);
    }
    return due;
}

static int64_t find_due(const struct sync *s, const cJSON *cj, int64_t *next)
{
    int64_t last_ms = time_from_text(json_get_str(cj, "status.lastScheduleTime")), created_ms = item_created_ms(cj), due;
    const char *number = item_annotation(cj, DUE);

    if (!number)
        return due_by_schedule(cj, last_ms ? last_ms : created_ms, s->now_ms, next);
    *next = -1;
    due = (created_ms / MINUTE_MS - PAST_MINUTES + strtol(number, NULL, 10)) * MINUTE_MS;
    return due > last_ms ? due : -1;
}

static void create_job(struct sync *s, const cJSON *cj, int64_t due_ms)
{
    cJSON *job = json_new_obj(), *meta = json_obj(job, "metadata");
    char text[32];

    json_fmt(meta, "name", "%s-%lld", item_name(cj), (long long)(due_ms / MINUTE_MS));
    json_put_dup(meta, "labels", json_at(cj, "spec.jobTemplate.metadata.labels"));
    json_put_dup(meta, "annotations", json_at(cj, "spec.jobTemplate.metadata.annotations"));
    time_to_text(due_ms, text);
    json_str(json_obj(meta, "annotations"), "batch.kubernetes.io/cronjob-scheduled-timestamp", text);
    json_push(json_arr(meta, "ownerReferences"), item_new_owner_ref("batch/v1", "CronJob", cj));
    json_put_dup(job, "spec", json_at(cj, "spec.jobTemplate.spec"));
    calls_create(&s->out, KIND_JOB, item_ns(cj), job);
}

static int oldest_first(const void *a, const void *b)
{
    return strcmp(item_name(*(const cJSON *const *)a), item_name(*(const cJSON *const *)b));
}

/* The list is in the order in which they were due. */
static void prune(struct sync *s, const struct list *jobs, const char *how, int64_t keep)
{
    int64_t n = 0;

    for (size_t i = 0; i < jobs->n; i++)
        n += has_ended(jobs->items[i], how);
    for (size_t i = 0; i < jobs->n && n > keep; i++)
        if (has_ended(jobs->items[i], how)) {
            calls_delete(&s->out, KIND_JOB, jobs->items[i], NULL, -1);
            n--;
        }
}

static void look_at_jobs(const struct list *jobs, cJSON *status, int *n_active)
{
    const char *last = json_get_str(status, "lastSuccessfulTime");

    json_del(status, "active");
    for (size_t i = 0; i < jobs->n; i++) {
        const cJSON *job = jobs->items[i];
        const char *done = json_get_str(job, "status.completionTime");
        cJSON *ref;

        if (done && has_ended(job, "Complete") && (!last || strcmp(done, last) > 0))
            last = done;
        if (has_ended(job, "Complete") || has_ended(job, "Failed"))
            continue;
        ref = json_push_obj(json_arr(status, "active"));
        json_str(ref, "apiVersion", "batch/v1");
        json_str(ref, "kind", "Job");
        json_str(ref, "name", item_name(job));
        json_str(ref, "namespace", item_ns(job));
        json_str(ref, "uid", item_uid(job));
        (*n_active)++;
    }
    if (last)
        json_put(status, "lastSuccessfulTime", cJSON_CreateString(last));
}

static void start_due(struct sync *s, const cJSON *cj, const struct list *jobs, cJSON *status, int n_active)
{
    const char *policy = json_get_str(cj, "spec.concurrencyPolicy");
    int64_t next, due = find_due(s, cj, &next);
    char text[32];

    if (next > s->now_ms)
        calls_again(&s->out, next - s->now_ms);
    if (due < 0 || (n_active && str_eq(policy, "Forbid")))
        return;
    for (size_t i = 0; i < jobs->n && str_eq(policy, "Replace"); i++)
        if (!has_ended(jobs->items[i], "Complete") && !has_ended(jobs->items[i], "Failed"))
            calls_delete(&s->out, KIND_JOB, jobs->items[i], NULL, -1);
    create_job(s, cj, due);
    time_to_text(due, text);
    json_str(status, "lastScheduleTime", text);
}

static void cronjob_sync(struct sync *s)
{
    const cJSON *cj = scene_get_key(s->scene, KIND_CRONJOB, s->key);
    AUTO_LIST struct list jobs = { 0 };
    cJSON *status;
    int n_active = 0;

    if (!cj || item_is_deleting(cj))
        return;
    scene_list_owned(s->scene, KIND_JOB, item_uid(cj), &jobs);
    if (jobs.n)
        qsort(jobs.items, jobs.n, sizeof(jobs.items[0]), oldest_first);
    status = json_member(cj, "status") ? json_dup(json_member(cj, "status")) : json_new_obj();
    look_at_jobs(&jobs, status, &n_active);
    prune(s, &jobs, "Complete", json_get_int(cj, "spec.successfulJobsHistoryLimit", 3));
    prune(s, &jobs, "Failed", json_get_int(cj, "spec.failedJobsHistoryLimit", 1));
    if (!json_get_bool(cj, "spec.suspend", false))
        start_due(s, cj, &jobs, status, n_active);
    calls_status(&s->out, KIND_CRONJOB, cj, status, false);
}

static void cronjob_on_change(void *state, const struct change *c, struct workq *q)
{
    (void)state;
    if (c->kind == KIND_CRONJOB)
        change_add_self(c, q);
    else
        change_add_owner(c, "CronJob", q);
}

const struct controller controller_cronjob = {
    .name = "cronjob",
    .help = "CronJobs: Jobs when they are due",
    .kinds = { KIND_CRONJOB, KIND_JOB, KINDS_END },
    .on_change = cronjob_on_change,
    .sync = cronjob_sync,
};
