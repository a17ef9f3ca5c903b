/*
 * Jobs: one pod after another until one succeeds or enough have failed. Only what one completion needs.
 * Source: kubernetes pkg/controller/job.
 */
#include "base/str.h"
#include "sim/controllers/items.h"
#include "sim/controllers/podmake.h"
#include "sim/controllers/sync.h"

struct counts {
    int64_t active, succeeded, failed;
};

static struct counts count(const struct sync *s, const cJSON *job)
{
    AUTO_LIST struct list pods = { 0 };
    struct counts c = { 0 };

    scene_list_owned(s->scene, KIND_POD, item_uid(job), &pods);
    for (size_t i = 0; i < pods.n; i++) {
        const char *phase = json_get_str(pods.items[i], "status.phase");

        c.succeeded += str_eq(phase, "Succeeded");
        c.failed += str_eq(phase, "Failed");
        c.active += !str_eq(phase, "Succeeded") && !str_eq(phase, "Failed");
    }
    return c;
}

static void create_pod(struct sync *s, const cJSON *job)
{
    cJSON *pod = pod_from_template(json_at(job, "spec.template"), job, "Job"), *meta = json_obj(pod, "metadata");

    json_fmt(meta, "generateName", "%s-", item_name(job));
    json_str(json_obj(meta, "labels"), "batch.kubernetes.io/job-name", item_name(job));
    json_str(json_obj(meta, "labels"), "job-name", item_name(job));
    calls_create(&s->out, KIND_POD, item_ns(job), pod);
}

static void end(struct sync *s, cJSON *status, const char *how)
{
    cJSON *c = json_push_obj(json_arr(status, "conditions"));
    char now[32];

    str_rfc3339(s->now_ms, false, now);
    json_str(c, "type", how);
    json_str(c, "status", "True");
    json_str(c, "lastTransitionTime", now);
    if (str_eq(how, "Complete"))
        json_str(status, "completionTime", now);
}

static void job_sync(struct sync *s)
{
    const cJSON *job = scene_get_key(s->scene, KIND_JOB, s->key);
    cJSON *status;
    struct counts c;

    if (!job || item_is_deleting(job) || json_count(json_at(job, "status.conditions")))
        return;
    c = count(s, job);
    if (!c.active && !c.succeeded && c.failed <= json_get_int(job, "spec.backoffLimit", 6))
        create_pod(s, job);
    status = json_member(job, "status") ? json_dup(json_member(job, "status")) : json_new_obj();
    json_int(status, "active", c.active);
    json_int(status, "succeeded", c.succeeded);
    json_int(status, "failed", c.failed);
    if (c.succeeded || (!c.active && c.failed > json_get_int(job, "spec.backoffLimit", 6)))
        end(s, status, c.succeeded ? "Complete" : "Failed");
    calls_status(&s->out, KIND_JOB, job, status, false);
}

static void job_on_change(void *state, const struct change *c, struct workq *q)
{
    (void)state;
    if (c->kind == KIND_JOB)
        change_add_self(c, q);
    else
        change_add_owner(c, "Job", q);
}

const struct controller controller_job = {
    .name = "job",
    .help = "Jobs: pods that come to an end",
    .kinds = { KIND_JOB, KIND_POD, KINDS_END },
    .on_change = job_on_change,
    .sync = job_sync,
};
