#include "sim/controllers/deployment.h"

#include "base/str.h"
#include "sim/controllers/conds.h"
#include "sim/controllers/items.h"

#define REVISION "deployment.kubernetes.io/revision"

static void put_count(cJSON *status, const char *name, int64_t n)
{
    if (n > 0)
        json_int(status, name, n);
    else
        json_del(status, name);
}

static int64_t sum_status(const struct deploy *dp, const char *path)
{
    int64_t sum = 0;

    for (size_t i = 0; i < dp->n; i++)
        if (dp->items[i])
            sum += json_get_int(dp->items[i], path, 0);
    return sum;
}

static void put_counts(const struct deploy *dp, cJSON *status)
{
    int64_t available = sum_status(dp, "status.availableReplicas"), wanted = 0;

    for (size_t i = 0; i < dp->n; i++)
        wanted += dp->sets[i].replicas;
    put_count(status, "replicas", sum_status(dp, "status.replicas"));
    put_count(status, "updatedReplicas", json_get_int(dp->items[0], "status.replicas", 0));
    put_count(status, "readyReplicas", sum_status(dp, "status.readyReplicas"));
    put_count(status, "availableReplicas", available);
    put_count(status, "unavailableReplicas", wanted - available);
    json_put_dup(status, "observedGeneration", json_at(dp->d, "metadata.generation"));
}

/* With lastUpdateTime, from which the progress deadline counts. */
static void set_cond(const struct deploy *dp, cJSON *status, const char *type, const char *state, const char *reason,
                     const char *message, bool touch)
{
    cJSON *c = cond_in(status, type);
    char now[32];

    if (c && !touch && str_eq(json_get_str(c, "status"), state) && str_eq(json_get_str(c, "reason"), reason))
        return;
    time_to_text(dp->s->now_ms, now);
    cond_set(status, type, state, reason, message, dp->s->now_ms);
    json_str(cond_in(status, type), "lastUpdateTime", now);
}

static void set_available(const struct deploy *dp, cJSON *status)
{
    bool enough = json_get_int(status, "availableReplicas", 0) >= dp->limits.replicas - dp->limits.max_unavailable;

    set_cond(dp, status, "Available", enough ? "True" : "False",
             enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
             enough ? "Deployment has minimum availability." : "Deployment does not have minimum availability.", false);
}

static bool is_complete(const struct deploy *dp, const cJSON *status)
{
    int64_t n = dp->limits.replicas;

    return dp->items[0] && json_get_int(status, "updatedReplicas", 0) == n &&
           json_get_int(status, "replicas", 0) == n && json_get_int(status, "availableReplicas", 0) == n;
}

static int64_t moved(const cJSON *old, const cJSON *status, const char *name)
{
    return json_get_int(status, name, 0) - json_get_int(old, name, 0);
}

/* More new pods, fewer old ones, more ready or available ones than last time. */
static bool is_progressing(const struct deploy *dp, const cJSON *status)
{
    const cJSON *old = json_member(dp->d, "status");

    return moved(old, status, "updatedReplicas") > 0 ||
           moved(old, status, "replicas") - moved(old, status, "updatedReplicas") < 0 ||
           moved(old, status, "readyReplicas") > 0 || moved(old, status, "availableReplicas") > 0;
}

static int64_t ms_to_deadline(const struct deploy *dp, const cJSON *cond)
{
    int64_t limit_s = json_get_int(dp->d, "spec.progressDeadlineSeconds", 600);

    return time_from_text(json_get_str(cond, "lastUpdateTime")) + limit_s * 1000 - dp->s->now_ms;
}

static void set_progress(struct deploy *dp, cJSON *status, const char *state, const char *reason, const char *what,
                         bool touch)
{
    AUTO_FREE char *message = dp->items[0] ? xasprintf("ReplicaSet \"%s\" %s.", item_name(dp->items[0]), what)
                                           : xasprintf("Deployment \"%s\" %s.", item_name(dp->d), what);

    set_cond(dp, status, "Progressing", state, reason, message, touch);
}

static void set_progressing(struct deploy *dp, cJSON *status)
{
    const cJSON *cond = cond_in(status, "Progressing");
    const char *reason = json_get_str(cond, "reason");
    bool was_complete = str_eq(reason, "NewReplicaSetAvailable") &&
                        json_get_int(status, "replicas", 0) == json_get_int(status, "updatedReplicas", 0);

    if (dp->created) {
        AUTO_FREE char *message = xasprintf("Created new replica set \"%s-%s\"", item_name(dp->d), dp->hash);

        set_cond(dp, status, "Progressing", "True", "NewReplicaSetCreated", message, true);
    } else if (was_complete) {
        return;
    } else if (dp->complete) {
        set_progress(dp, status, "True", "NewReplicaSetAvailable", "has successfully progressed", false);
    } else if (!cond && dp->items[0]) {
        set_progress(dp, status, "True", "FoundNewReplicaSet", "was found", true);
    } else if (is_progressing(dp, status)) {
        set_progress(dp, status, "True", "ReplicaSetUpdated", "is progressing", true);
    } else if (cond && !str_eq(reason, "NewReplicaSetAvailable") && !str_eq(reason, "ProgressDeadlineExceeded")) {
        if (ms_to_deadline(dp, cond) <= 0)
            set_progress(dp, status, "False", "ProgressDeadlineExceeded", "has timed out progressing", false);
        else
            calls_again(&dp->s->out, ms_to_deadline(dp, cond));
    }
}

static void set_paused(const struct deploy *dp, cJSON *status)
{
    bool paused = json_get_bool(dp->d, "spec.paused", false);
    const char *reason = json_get_str(cond_in(status, "Progressing"), "reason");

    if (str_eq(reason, "ProgressDeadlineExceeded"))
        return;
    if (paused)
        set_cond(dp, status, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", false);
    else if (str_eq(reason, "DeploymentPaused"))
        set_cond(dp, status, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", false);
}

void deploy_write_status(struct deploy *dp)
{
    cJSON *status = json_member(dp->d, "status") ? json_dup(json_member(dp->d, "status")) : json_new_obj();
    const char *revision = dp->items[0] ? item_annotation(dp->items[0], REVISION) : NULL;
    cJSON *patch = json_new_obj(), *changed;

    put_counts(dp, status);
    set_available(dp, status);
    set_paused(dp, status);
    dp->complete = is_complete(dp, status);
    if (!json_get_bool(dp->d, "spec.paused", false))
        set_progressing(dp, status);
    changed = patch_between(json_member(dp->d, "status"), status);
    if (changed->child)
        json_put(patch, "status", TAKE(changed));
    cJSON_Delete(changed);
    cJSON_Delete(status);
    /* by way of the status, where annotations do not make a new generation */
    if (revision && !str_eq(revision, item_annotation(dp->d, REVISION)))
        json_str(json_obj(json_obj(patch, "metadata"), "annotations"), REVISION, revision);
    calls_patch(&dp->s->out, KIND_DEPLOYMENT, dp->d, "status", patch);
}
