/*
 * Backups: a claim that takes them, a CronJob for the schedule, a Job for the one that is wanted now.
 */
#include <stdio.h>

#include "api/names.h"
#include "build.h"

#define COMPONENT_BACKUP "redis-backup" /* not "redis": Service and budget are not about these pods */

enum { GRACE_S = 30, RETRIES = 2, LATE_S = 3600, SECOND_TRY_S = 6 * 3600 };

static void claim_name(const struct isvc *s, char out[300])
{
    if (s->redis.backup.claim_name)
        snprintf(out, 300, "%s", s->redis.backup.claim_name);
    else
        snprintf(out, 300, "%s%s", s->name, CHILD_BACKUP_SUFFIX);
}

/* Nobody's child: backups are for the time after the service. */
cJSON *build_backup_claim(const struct isvc *s, const struct desired_input *in)
{
    const cJSON *storage = s->redis.backup.storage;
    cJSON *o, *spec, *requests;
    (void)in;

    if (!s->redis.backup.present || s->redis.backup.claim_name || !storage)
        return NULL;
    o = build_child(CHILD_BACKUP_CLAIM, s);
    json_del(json_member(o, "metadata"), "ownerReferences");
    spec = json_obj(o, "spec");
    json_push_str(json_arr(spec, "accessModes"), "ReadWriteOnce");
    requests = json_obj(json_obj(spec, "resources"), "requests");
    json_put_dup(requests, "storage", json_member(storage, "size"));
    build_canonical_member(requests, "storage");
    json_str(spec, "storageClassName", json_get_str(storage, "storageClassName"));
    return o;
}

static void push_fmt(cJSON *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void push_fmt(cJSON *list, const char *fmt, ...)
{
    AUTO_FREE char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = xvasprintf(fmt, ap);
    va_end(ap);
    json_push_str(list, text);
}

static void add_command(const struct isvc *s, bool tls, cJSON *c)
{
    cJSON *command = json_arr(c, "command");

    json_push_str(command, REDIS_ENTRY_DIR "/entry");
    json_push_str(command, "backup");
    build_redis_reach(s, tls, command);
    json_push_str(command, "--seed");
    push_fmt(command, "%s-redis.%s.svc:%d", s->name, s->ns, REDIS_PORT);
    json_push_str(command, "--dir");
    push_fmt(command, BACKUP_DIR "/%s", s->name);
    json_push_str(command, "--name");
    json_push_str(command, "$(BACKUP_NAME)");
    json_push_str(command, "--keep");
    push_fmt(command, "%d", (int)s->redis.backup.keep);
}

static void add_container(const struct isvc *s, cJSON *pod, const char *name, bool tls)
{
    cJSON *c = json_push_obj(json_arr(pod, "containers")), *env;
    char secret[ISVC_NAME_MAX + 8];

    build_redis_name(s, secret);
    json_str(c, "name", "backup");
    json_str(c, "image", s->redis.image);
    add_command(s, tls, c);
    env = json_arr(c, "env");
    if (name)
        build_env(env, "BACKUP_NAME", name);
    else /* the CronJob's: the Job's name, which ends with the minute that it was due */
        build_env_field(env, "BACKUP_NAME", "metadata.labels['batch.kubernetes.io/job-name']");
    build_env_secret(env, "REDISCLI_AUTH", secret, redis_key_name(USER_REPLICA, KEY_NOW));
    build_container_security(c);
    build_mount(c, "backup", BACKUP_DIR, false);
    build_mount(c, "entry", REDIS_ENTRY_DIR, true);
    if (tls)
        build_mount(c, "tls", REDIS_TLS_DIR, true);
}

static void add_pod(const struct isvc *s, const struct desired_input *in, cJSON *job_spec, const char *name)
{
    cJSON *template = json_obj(job_spec, "template"), *pod = json_obj(template, "spec"), *v;
    bool tls = build_uses_tls(s, in);
    char claim[300], secret[ISVC_NAME_MAX + 8];

    /* not the label by which the operator finds its own pods */
    json_put(json_obj(template, "metadata"), "labels", names_selector(s, COMPONENT_BACKUP));
    json_str(pod, "restartPolicy", "Never");
    json_int(pod, "terminationGracePeriodSeconds", GRACE_S);
    build_redis_security(pod);
    add_container(s, pod, name, tls);
    claim_name(s, claim);
    v = json_push_obj(json_arr(pod, "volumes"));
    json_str(v, "name", "backup");
    json_str(json_obj(v, "persistentVolumeClaim"), "claimName", claim);
    build_redis_name(s, secret);
    if (tls)
        build_redis_tls_volume(json_arr(pod, "volumes"), secret);
    build_redis_entry(s, in, pod);
    json_del(json_arr(pod, "initContainers")->child, "resources"); /* the server's: a copy needs less */
    build_canonical_pod(pod);
}

cJSON *build_backup_cron(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o, *spec, *job;

    if (!s->redis.backup.present || !s->redis.backup.schedule || !in->redis_formed)
        return NULL;
    o = build_child(CHILD_BACKUP_CRON, s);
    spec = json_obj(o, "spec");
    json_str(spec, "schedule", s->redis.backup.schedule);
    json_str(spec, "timeZone", "Etc/UTC");
    json_str(spec, "concurrencyPolicy", "Forbid");
    json_int(spec, "startingDeadlineSeconds", LATE_S);
    job = json_obj(json_obj(spec, "jobTemplate"), "spec");
    json_int(job, "backoffLimit", RETRIES);
    json_int(job, "activeDeadlineSeconds", SECOND_TRY_S);
    add_pod(s, in, job, NULL);
    return o;
}

cJSON *build_backup_job(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o, *spec;

    if (!s->redis.backup.present || !in->redis_backup)
        return NULL;
    o = build_child(CHILD_BACKUP_JOB, s);
    json_str(json_obj(json_member(o, "metadata"), "annotations"), BACKUP_ANNOTATION, in->redis_backup);
    spec = json_obj(o, "spec");
    json_int(spec, "backoffLimit", RETRIES);
    json_int(spec, "activeDeadlineSeconds", SECOND_TRY_S);
    add_pod(s, in, spec, in->redis_backup);
    return o;
}

/* Which pods are to be filled, and whether any still is, stands in the ConfigMap: a template that changed when the
 * cluster was formed, or with its size, would restart everybody. */
void build_redis_restore(const struct isvc *s, const struct desired_input *in, cJSON *pod)
{
    cJSON *c, *command, *v;

    if (!s->redis.restore.claim_name)
        return;
    c = json_push_obj(json_arr(pod, "initContainers"));
    json_str(c, "name", "restore");
    json_str(c, "image", in->redis_entrypoint);
    command = json_arr(c, "command");
    json_push_str(command, BUILD_ENTRY_PROGRAM);
    json_push_str(command, "restore");
    json_push_str(command, "--from");
    push_fmt(command, BACKUP_DIR "/%s", s->redis.restore.path);
    json_push_str(command, "--data");
    json_push_str(command, REDIS_DATA_DIR);
    json_push_str(command, "--pod");
    json_push_str(command, "$(POD_NAME)");
    json_push_str(command, "--persistence");
    json_push_str(command, build_persistence(&s->redis));
    json_push_str(command, "--when");
    json_push_str(command, REDIS_CONF_DIR "/restore");
    build_env_field(json_arr(c, "env"), "POD_NAME", "metadata.name");
    json_put_dup(c, "resources", json_member(s->redis.spec, "resources"));
    build_container_security(c);
    build_mount(c, "data", REDIS_DATA_DIR, false);
    build_mount(c, "config", REDIS_CONF_DIR, true);
    build_mount(c, "backup", BACKUP_DIR, true);
    v = json_push_obj(json_arr(pod, "volumes"));
    json_str(v, "name", "backup");
    json_str(json_obj(v, "persistentVolumeClaim"), "claimName", s->redis.restore.claim_name);
    json_bool(json_obj(v, "persistentVolumeClaim"), "readOnly", true);
}
