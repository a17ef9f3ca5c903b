#include "cache/record.h"

#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "cache/demand.h"
#include "cache/host.h"
#include "json/owned.h"
#include "json/quantity.h"
#include "route.h"

static void copy_cut(char *dst, size_t size, const char *src)
{
    size_t n = src ? strlen(src) : 0;

    n = n < size ? n : size - 1;
    if (n)
        memcpy(dst, src, n);
    dst[n] = '\0';
}

/* The hash alone: what stands before it is the set's own name. */
static void copy_revision(char *dst, const char *name)
{
    const char *dash = name ? strrchr(name, '-') : NULL;

    copy_cut(dst, REVISION_SIZE, dash ? dash + 1 : name);
}

static int32_t get_i32(const cJSON *obj, const char *path, int32_t fallback)
{
    int64_t v = json_get_int(obj, path, fallback);

    return v >= INT32_MIN && v <= INT32_MAX ? (int32_t)v : fallback;
}

static const cJSON *controller(const cJSON *obj)
{
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(obj, "metadata.ownerReferences"))
        if (json_get_bool(ref, "controller", false))
            return ref;
    return NULL;
}

/* Our fields may still be in it, but it belongs to somebody else now. */
static bool was_taken(const cJSON *obj)
{
    const cJSON *ref = controller(obj);

    return ref && !str_eq(json_get_str(ref, "kind"), API_KIND);
}

static const cJSON *condition_of(const cJSON *obj, const char *type)
{
    return json_condition(json_member(obj, "status"), type);
}

static bool condition_is(const cJSON *obj, const char *type, const char *value)
{
    return json_condition_is(json_member(obj, "status"), type, value);
}

static const char *foreign_manager(const cJSON *obj)
{
    const char *found = NULL;
    const cJSON *m;

    cJSON_ArrayForEach(m, json_at(obj, "metadata.managedFields"))
    {
        const char *name = json_get_str(m, "manager");

        if (name && !str_has_prefix(name, API_MANAGER) && str_empty(json_get_str(m, "subresource")) &&
            json_at(json_member(m, "fieldsV1"), "f:spec"))
            found = name;
    }
    return found;
}

static void read_owned(const cJSON *obj, struct record *out)
{
    const cJSON *fields = owned_fields(obj, API_MANAGER);
    AUTO_JSON cJSON *ours = fields ? owned_project(obj, fields) : NULL;

    out->is_ours = fields && !was_taken(obj);
    out->owned_hash = ours ? owned_hash(ours) : 0;
    out->owns_replicas = fields && owned_has(fields, "spec.replicas");
    fields = owned_fields(obj, API_MANAGER_INIT);
    out->init_owns_replicas = fields && owned_has(fields, "spec.replicas");
}

static void read_counts(const cJSON *obj, struct record *out)
{
    out->observed_generation = json_get_int(obj, "status.observedGeneration", 0);
    out->spec_replicas = get_i32(obj, "spec.replicas", -1);
    out->replicas = get_i32(obj, "status.replicas", 0);
    out->ready = get_i32(obj, "status.readyReplicas", 0);
    out->updated = get_i32(obj, "status.updatedReplicas", 0);
    out->available = get_i32(obj, "status.availableReplicas", 0);
    out->unavailable = get_i32(obj, "status.unavailableReplicas", 0);
    out->max_unavailable = get_i32(obj, "spec.maxUnavailable", -1);
    out->min_replicas = get_i32(obj, "spec.minReplicas", -1);
    out->max_replicas = get_i32(obj, "spec.maxReplicas", -1);
    out->desired_replicas = get_i32(obj, "status.desiredReplicas", -1);
}

static int32_t credentials_of(const cJSON *obj)
{
    const cJSON *v = json_member(json_at(obj, "spec.template.metadata.annotations"), ANNOTATION_CREDENTIALS);
    int64_t n = 0;

    return str_to_int(cJSON_GetStringValue(v) ? cJSON_GetStringValue(v) : "", 0, INT32_MAX, &n) ? (int32_t)n : 0;
}

enum { MINUTE_MS = 60000 };

static void read_backup(enum child child, const cJSON *obj, struct record *out)
{
    const cJSON *mark = json_member(json_at(obj, "metadata.annotations"), API_GROUP "/backup");

    if (child == CHILD_BACKUP_CRON) {
        out->done_ms = str_rfc3339_ms(json_get_str(obj, "status.lastSuccessfulTime"));
        out->due_min = (int32_t)(str_rfc3339_ms(json_get_str(obj, "status.lastScheduleTime")) / MINUTE_MS);
    }
    if (child != CHILD_BACKUP_JOB)
        return;
    out->job_complete = condition_is(obj, "Complete", "True");
    out->job_failed = condition_is(obj, "Failed", "True");
    out->done_ms = str_rfc3339_ms(json_get_str(obj, "status.completionTime"));
    copy_cut(out->mark, sizeof(out->mark), cJSON_GetStringValue(mark));
}

/* The condition is about a ReplicaSet, which is not always the newest: one that is used again starts with
 * the condition of the one before. Its message has the name: ReplicaSet "web-5d8c7b9f4" has timed out progressing. */
static void read_progress(const cJSON *obj, struct record *out)
{
    const char *name = json_get_str(obj, "metadata.name"), *text = json_get_str(condition_of(obj, "Progressing"), "message");
    const char *from = text ? strchr(text, '"') : NULL, *to = from ? strchr(from + 1, '"') : NULL;
    AUTO_FREE char *set = to ? xasprintf("%.*s", (int)(to - from - 1), from + 1) : NULL;
    AUTO_FREE char *prefix = xasprintf("%s-", name ? name : "");

    out->deadline_exceeded = condition_is(obj, "Progressing", "False");
    if (set && str_has_prefix(set, prefix))
        copy_revision(out->update_revision, set);
}

static void read_deployment(const cJSON *obj, struct record *out)
{
    const cJSON *number = json_member(json_at(obj, "metadata.annotations"), "deployment.kubernetes.io/revision");
    int64_t n = 0;

    if (str_to_int(cJSON_GetStringValue(number) ? cJSON_GetStringValue(number) : "", 0, INT32_MAX, &n))
        out->revision_no = (int32_t)n;
    read_progress(obj, out);
    out->credentials = credentials_of(obj);
}

static void read_autoscaler(const cJSON *obj, struct record *out)
{
    const char *why = json_get_str(condition_of(obj, "ScalingActive"), "reason");

    out->hpa_sees = condition_is(obj, "ScalingActive", "True");
    out->hpa_limited_by_failure = condition_is(obj, "ScalingActive", "False") && !str_eq(why, "ScalingDisabled");
    if (out->hpa_limited_by_failure)
        copy_cut(out->mark, sizeof(out->mark), why);
    out->scale_down_disabled = str_eq(json_get_str(obj, "spec.behavior.scaleDown.selectPolicy"), "Disabled");
}

bool record_from(enum child child, const cJSON *obj, struct record *out)
{
    const char *uid = json_get_str(obj, "metadata.uid");

    *out = (struct record){ .generation = json_get_int(obj, "metadata.generation", 0) };
    if (str_empty(uid) || !str_copy(out->uid, sizeof(out->uid), uid))
        return false;
    copy_cut(out->owner_uid, sizeof(out->owner_uid), json_get_str(controller(obj), "uid"));
    copy_cut(out->rv, sizeof(out->rv), json_get_str(obj, "metadata.resourceVersion"));
    copy_cut(out->other_manager, sizeof(out->other_manager), foreign_manager(obj));
    out->deleting = json_has(obj, "metadata.deletionTimestamp");
    read_owned(obj, out);
    read_counts(obj, out);
    if (child == CHILD_REDIS_STATEFULSET && out->observed_generation == out->generation)
        copy_revision(out->update_revision, json_get_str(obj, "status.updateRevision"));
    if (child == CHILD_REDIS_STATEFULSET)
        out->claim_bytes = quantity_bytes(json_get_str(cJSON_GetArrayItem(json_at(obj, "spec.volumeClaimTemplates"), 0),
                                                       "spec.resources.requests.storage"));
    read_backup(child, obj, out);
    if (child == CHILD_DEPLOYMENT)
        read_deployment(obj, out);
    if (child == CHILD_SCALEDOBJECT) {
        out->min_replicas = get_i32(obj, "spec.minReplicaCount", -1);
        out->max_replicas = get_i32(obj, "spec.maxReplicaCount", -1);
    }
    if (child == CHILD_HEADROOM && condition_is(obj, "ReplicaFailure", "True"))
        copy_cut(out->mark, sizeof(out->mark), json_get_str(condition_of(obj, "ReplicaFailure"), "reason"));
    if (child == CHILD_HPA)
        read_autoscaler(obj, out);
    if (child == CHILD_ROUTE)
        route_read(obj, out);
    return true;
}

/* A last word may have many lines, and goes into a sentence. */
static void one_line(char *text)
{
    size_t n = strlen(text);

    while (n && (unsigned char)text[n - 1] <= ' ')
        text[--n] = '\0';
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

/* The first that failed, now or before it was started again; and the first last word that any of them left. */
static void read_failure(const cJSON *statuses, struct pod *out)
{
    static const char *const places[] = { "state.terminated", "lastState.terminated" };
    const cJSON *c;

    cJSON_ArrayForEach(c, statuses)
        for (size_t i = 0; i < COUNT(places) && !out->message[0]; i++) {
            const cJSON *end = json_at(c, places[i]);
            int32_t code = get_i32(end, "exitCode", 0);

            if (!code)
                continue;
            if (!out->exit_code)
                copy_cut(out->ended, sizeof(out->ended), json_get_str(end, "reason"));
            out->exit_code = out->exit_code ? out->exit_code : code;
            copy_cut(out->message, sizeof(out->message), json_get_str(end, "message"));
        }
}

static void say_detail(struct pod *out, const char *text)
{
    enum { DETAIL_MAX = 160 };

    free(out->detail);
    out->detail = str_empty(text) ? NULL : xasprintf("%.*s", DETAIL_MAX, text);
}

/* Not in trouble: its turn will come. */
static bool is_turn_to_come(const char *waiting)
{
    return !waiting[0] || str_eq(waiting, "PodInitializing") || str_eq(waiting, "ContainerCreating");
}

static void read_waiting(const cJSON *statuses, struct pod *out)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, statuses)
    {
        const char *why = json_get_str(c, "state.waiting.reason");

        out->restarts += get_i32(c, "restartCount", 0) & 0xffff;
        if (!why || !is_turn_to_come(out->waiting))
            continue;
        copy_cut(out->waiting, sizeof(out->waiting), why);
        say_detail(out, json_get_str(c, "state.waiting.message"));
    }
}

static void read_containers(const cJSON *pod, struct pod *out)
{
    const cJSON *list = json_at(pod, "status.containerStatuses"), *c;
    const cJSON *init = json_at(pod, "status.initContainerStatuses");

    out->stopped = true;
    cJSON_ArrayForEach(c, list)
        out->stopped &= !json_has(c, "state.running");
    if (!out->of_redis)
        read_waiting(init, out);
    read_waiting(list, out);
    read_failure(init, out); /* of Redis pods only the fence's word counts: the others' say nothing that Redis does not */
    if (!out->of_redis)
        read_failure(list, out);
}

/* Why no node takes it, without what preemption would make of it: "0/4 nodes are available: 4 Insufficient cpu." */
static void copy_scheduler_word(char *dst, size_t size, const char *message)
{
    static const char *const tails[] = { " no new claims to deallocate", " preemption: " };

    copy_cut(dst, size, message);
    for (size_t i = 0; i < COUNT(tails); i++) {
        char *tail = strstr(dst, tails[i]);

        if (tail)
            *tail = '\0';
    }
}

/* The scheduler's own word. A pod that waits for its gates was not looked at. */
static void read_scheduling(const cJSON *pod, struct pod *out)
{
    const cJSON *c = condition_of(pod, "PodScheduled");
    char word[512];

    if (!str_eq(json_get_str(c, "status"), "False"))
        return;
    copy_scheduler_word(word, sizeof(word), json_get_str(c, "message"));
    if (!out->waiting[0]) {
        copy_cut(out->waiting, sizeof(out->waiting), "Unschedulable");
        say_detail(out, word);
    }
    if (!str_eq(json_get_str(c, "reason"), "Unschedulable"))
        return;
    out->unschedulable_ms = str_rfc3339_ms(json_get_str(c, "lastTransitionTime"));
    if (!out->message[0])
        copy_cut(out->message, sizeof(out->message), word);
}

static void read_trial(const cJSON *labels, struct pod *out)
{
    out->on_trial = str_eq(cJSON_GetStringValue(json_member(labels, LABEL_NAME)), NAME_CANARY);
    if (out->on_trial)
        copy_cut(out->revision, sizeof(out->revision), cJSON_GetStringValue(json_member(labels, LABEL_REVISION)));
}

/* Devices do not change in a pod's life. */
static void read_devices(const cJSON *obj, struct pod *out)
{
    const char *phase = json_get_str(obj, "status.phase");
    struct demand d;

    if (str_eq(phase, "Succeeded") || str_eq(phase, "Failed"))
        return;
    demand_from(json_member(obj, "spec"), &d);
    for (size_t i = 0; i < d.n && !out->device; i++)
        if (demand_is_device(d.amounts[i].resource) && d.amounts[i].milli <= INT32_MAX * 1000LL) {
            out->device = d.amounts[i].id;
            out->n_devices = (int32_t)(d.amounts[i].milli / 1000);
        }
}

uint32_t image_hash_of(const char *image)
{
    return (uint32_t)str_hash(0, image, strlen(image)) | 1;
}

static uint32_t server_image(const cJSON *pod)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(pod, "spec.containers"))
        if (str_eq(json_get_str(c, "name"), "redis") && json_get_str(c, "image"))
            return image_hash_of(json_get_str(c, "image"));
    return 0;
}

bool pod_from(const cJSON *obj, struct pod *out)
{
    const char *name = json_get_str(obj, "metadata.name"), *uid = json_get_str(obj, "metadata.uid");
    const cJSON *labels = json_at(obj, "metadata.labels");

    *out = (struct pod){ 0 };
    if (str_empty(name) || str_empty(uid) || !str_copy(out->uid, sizeof(out->uid), uid))
        return false;
    out->name = xstrdup(name);
    copy_cut(out->rv, sizeof(out->rv), json_get_str(obj, "metadata.resourceVersion"));
    copy_cut(out->ip, sizeof(out->ip), json_get_str(obj, "status.podIP"));
    host_name_copy(out->node, json_get_str(obj, "spec.nodeName"));
    out->of_redis = str_eq(cJSON_GetStringValue(json_member(labels, "app.kubernetes.io/component")), "redis");
    out->serves = str_eq(cJSON_GetStringValue(json_member(labels, "app.kubernetes.io/component")), "predictor");
    out->image_hash = out->of_redis ? server_image(obj) : 0;
    out->created_ms = str_rfc3339_ms(json_get_str(obj, "metadata.creationTimestamp"));
    copy_revision(out->revision, cJSON_GetStringValue(json_member(labels, "controller-revision-hash")));
    if (!out->revision[0])
        copy_revision(out->revision, cJSON_GetStringValue(json_member(labels, "pod-template-hash")));
    read_trial(labels, out);
    out->priority = get_i32(obj, "spec.priority", 0);
    if (out->serves)
        read_devices(obj, out);
    out->ready = condition_is(obj, "Ready", "True");
    out->running = str_eq(json_get_str(obj, "status.phase"), "Running");
    out->deleting = json_has(obj, "metadata.deletionTimestamp");
    out->disrupted = condition_is(obj, "DisruptionTarget", "True");
    read_containers(obj, out);
    read_scheduling(obj, out);
    one_line(out->message);
    str_utf8_fix(out->message);
    if (out->detail)
        str_utf8_fix(out->detail);
    return true;
}

void pod_done(struct pod *p)
{
    free(p->name);
    free(p->detail);
    *p = (struct pod){ 0 };
}

void pod_copy(const struct pod *from, struct pod *to)
{
    *to = *from;
    to->name = xstrdup(from->name);
    to->detail = from->detail ? xstrdup(from->detail) : NULL;
}

bool record_is_ours(const struct record *r, const char *uid)
{
    return r && (str_eq(r->owner_uid, uid) || (!r->owner_uid[0] && r->is_ours));
}

bool record_differs(const struct record *a, const struct record *b)
{
    return a->job_complete != b->job_complete || a->job_failed != b->job_failed || a->done_ms != b->done_ms ||
           a->due_min != b->due_min || strcmp(a->mark, b->mark) != 0 || strcmp(a->uid, b->uid) != 0 || strcmp(a->owner_uid, b->owner_uid) != 0 ||
           a->generation != b->generation || a->observed_generation != b->observed_generation ||
           a->owned_hash != b->owned_hash || a->spec_replicas != b->spec_replicas || a->replicas != b->replicas ||
           a->ready != b->ready || a->updated != b->updated || a->available != b->available ||
           a->unavailable != b->unavailable || a->min_replicas != b->min_replicas || a->max_replicas != b->max_replicas ||
           a->max_unavailable != b->max_unavailable ||
           a->desired_replicas != b->desired_replicas || a->is_ours != b->is_ours || a->deleting != b->deleting ||
           a->owns_replicas != b->owns_replicas || a->init_owns_replicas != b->init_owns_replicas ||
           a->deadline_exceeded != b->deadline_exceeded || a->scale_down_disabled != b->scale_down_disabled ||
           a->hpa_limited_by_failure != b->hpa_limited_by_failure || a->hpa_sees != b->hpa_sees ||
           a->credentials != b->credentials || a->revision_no != b->revision_no || strcmp(a->update_revision, b->update_revision) != 0 ||
           a->claim_bytes != b->claim_bytes || a->route_parents != b->route_parents ||
           a->route_accepted != b->route_accepted || a->route_refuser != b->route_refuser;
}

bool pod_differs(const struct pod *a, const struct pod *b)
{
    return strcmp(a->uid, b->uid) != 0 || strcmp(a->ip, b->ip) != 0 || strcmp(a->node, b->node) != 0 ||
           a->restarts != b->restarts || a->image_hash != b->image_hash || a->of_redis != b->of_redis || a->ready != b->ready ||
           a->running != b->running || a->deleting != b->deleting || a->serves != b->serves || a->on_trial != b->on_trial ||
           a->unschedulable_ms != b->unschedulable_ms ||
           a->disrupted != b->disrupted || a->stopped != b->stopped || strcmp(a->waiting, b->waiting) != 0 ||
           strcmp(a->message, b->message) != 0 || a->exit_code != b->exit_code || strcmp(a->ended, b->ended) != 0 ||
           !str_eq(a->detail ? a->detail : "", b->detail ? b->detail : "") || strcmp(a->revision, b->revision) != 0;
}

static bool all_digits(const char *s)
{
    return *s && s[strspn(s, "0123456789")] == '\0';
}

bool rv_is_older(const char *rv, const char *than)
{
    size_t n = strlen(rv), m = strlen(than);

    if (!all_digits(rv) || !all_digits(than))
        return false;
    return n != m ? n < m : strcmp(rv, than) < 0;
}

static int64_t resize_waits_ms(const cJSON *obj)
{
    const cJSON *c = condition_of(obj, "FileSystemResizePending");

    return str_eq(json_get_str(c, "status"), "True") ? str_rfc3339_ms(json_get_str(c, "lastTransitionTime")) : 0;
}

bool claim_from(const cJSON *obj, struct claim *out)
{
    const char *name = json_get_str(obj, "metadata.name"), *uid = json_get_str(obj, "metadata.uid");
    const char *removed = cJSON_GetStringValue(json_member(json_at(obj, "metadata.annotations"), CLAIM_REMOVED));

    *out = (struct claim){ .requested = quantity_bytes(json_get_str(obj, "spec.resources.requests.storage")),
                           .capacity = quantity_bytes(json_get_str(obj, "status.capacity.storage")),
                           .created_ms = str_rfc3339_ms(json_get_str(obj, "metadata.creationTimestamp")),
                           .removed_ms = removed ? str_rfc3339_ms(removed) : 0,
                           .waits_ms = resize_waits_ms(obj),
                           .deleting = json_has(obj, "metadata.deletionTimestamp") };
    if (str_empty(name) || str_empty(uid) || !str_copy(out->uid, sizeof(out->uid), uid))
        return false;
    out->name = xstrdup(name);
    copy_cut(out->rv, sizeof(out->rv), json_get_str(obj, "metadata.resourceVersion"));
    return true;
}

void claim_done(struct claim *c)
{
    free(c->name);
    *c = (struct claim){ 0 };
}

bool claim_differs(const struct claim *a, const struct claim *b)
{
    return strcmp(a->uid, b->uid) != 0 || a->requested != b->requested || a->capacity != b->capacity ||
           a->removed_ms != b->removed_ms || a->waits_ms != b->waits_ms || a->deleting != b->deleting;
}
