/*
 * A backup under a running ledger, the service destroyed with its volumes, and another that starts with it: every key that
 * was acknowledged before the backup began is there. Needs nodes.
 */
#include <string.h>

#include "e2e/secure.h"
#include "e2e/witness.h"

enum { BACKUP_S = 90, KEYS = 300 };

static const char service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: {name: %s}\n"
    "spec:\n"
    "  predictor: {minReplicas: 1, containers: [{name: m, image: llm:1}]}\n"
    "  redis:\n"
    "    shards: %d\n"
    "    storage: {size: 1Gi}\n"
    "    image: %s\n"
    "    %s\n";

static const struct release {
    const char *server, *image;
} releases[] = {
    { "redis-7.0", "redis:7.0" }, { "redis-8.0", "redis:8.0" }, { "redis-8.6", "redis:8.6" },
    { "valkey-8.1", "valkey:8.1" }, { "valkey-9.1", "valkey:9.1" },
};

/* Told to every pod: whoever owns a key answers, all others say MOVED. */
static const char *cli(struct e2e *t, const char *name, const char *input)
{
    const char *password = redis_password(t, name), *out = "", *all = "";
    struct redis_pods pods;

    redis_pods_get(t, name, &pods);
    for (int i = 0; i < pods.n; i++) {
        const char *argv[10] = { "env", e2e_fmt(t, "REDISCLI_AUTH=%s", password), "redis-cli", "-h", pods.ips[i] };
        if (t->redis_ca)
            memcpy(&argv[5], (const char *const[]){ "--tls", "--cacert", t->redis_ca }, 3 * sizeof(*argv));
        e2e_run(t, argv, input, &out);
        all = e2e_fmt(t, "%s%s", all, out);
    }
    return all;
}

static int count(const char *text, const char *word)
{
    int n = 0;

    for (const char *p = text; (p = strstr(p, word)); p++)
        n++;
    return n;
}

static void fill(struct e2e *t, const char *name)
{
    AUTO_BUF struct buf in;

    buf_init(&in, 1 << 20);
    for (int i = 0; i < KEYS; i++)
        buf_fmt(&in, "SET before-%d value-%d\n", i, i);
    E2E_CHECK(t, count(cli(t, name, buf_text(&in)), "OK") == KEYS, NULL, "not every key was written");
}

static void check_keys(struct e2e *t, const char *name)
{
    AUTO_BUF struct buf in;
    const char *out;

    buf_init(&in, 1 << 20);
    for (int i = 0; i < KEYS; i++)
        buf_fmt(&in, "GET before-%d\n", i);
    out = cli(t, name, buf_text(&in));
    E2E_CHECK(t, count(out, "value-") == KEYS, NULL, "%d of %d keys came back", count(out, "value-"), KEYS);
}

static const char *back_up(struct e2e *t, const char *word)
{
    e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{spec: {redis: {backup: {now: %s}}}}", word));
    const cJSON *s = e2e_wait_value(t, "inferenceservices/fraud", "status.redis.backup.token", e2e_fmt(t, "\"%s\"", word), BACKUP_S);
    const char *error = json_get_str(s, "status.redis.backup.error");

    E2E_CHECK(t, str_empty(error), s, "the backup failed");
    return json_get_str(s, "status.redis.backup.lastPath");
}

static void there_and_back_as(struct e2e *t, const char *image, const char *tls)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, service, "fraud", 3, image, e2e_fmt(t, "%sbackup: {storage: {size: 1Gi}}", tls));
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", NULL, READY_S);
    fill(t, "fraud");
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    const char *path = back_up(t, "one");
    ledger_stop(t);
    e2e_note(t, "taken: %s", path);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {deletion: Delete}}}");
    e2e_delete(t, "inferenceservices/fraud");
    e2e_wait_absent(t, "statefulsets/fraud-redis", READY_S);
    E2E_CHECK(t, e2e_get(t, "persistentvolumeclaims/fraud-redis-backup"), NULL, "the backups went with the service");

    e2e_apply(t, service, "again", 3, image, e2e_fmt(t, "%srestore: {claimName: fraud-redis-backup, path: %s}", tls, path));
    e2e_wait_condition(t, "inferenceservices/again", "RedisReady", "True", NULL, READY_S);
    check_keys(t, "again");
    if (*tls)
        return;
    e2e_apply(t, service, "other", 4, image, e2e_fmt(t, "restore: {claimName: fraud-redis-backup, path: %s}", path));
    e2e_wait_condition(t, "inferenceservices/other", "Ready", "False", "RedisRestoreFailed", READY_S);
}

static void there_and_back(struct e2e *t)
{
    there_and_back_as(t, "redis:7.4", "");
}

static void there_and_back_over_tls(struct e2e *t)
{
    const struct release *r = t->row;

    e2e_needs_server(t, r->server);
    secure_begin(t);
    there_and_back_as(t, r->image, "tls: {secretName: cert}\n    ");
}

/* Nodes that go take nothing along that is not saved. */
static void saved_before_nodes_go(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, service, "fraud", 3, "redis:7.4", "backup: {storage: {size: 1Gi}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", NULL, READY_S);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {replicasPerShard: 0}}}");
    e2e_wait_value(t, "statefulsets/fraud-redis", "spec.replicas", "3", READY_S);
    const cJSON *s = e2e_get(t, "inferenceservices/fraud");
    E2E_CHECK(t, !str_empty(json_get_str(s, "status.redis.backup.lastPath")), s, "nodes went and nothing was saved");
}

static bool has_path_other_than(const cJSON *isvc, const void *arg)
{
    const char *path = json_get_str(isvc, "status.redis.backup.lastPath");

    return !str_empty(path) && !str_eq(path, arg);
}

static bool is_there(const cJSON *isvc, const void *arg)
{
    (void)arg;
    return isvc != NULL;
}

/* By a schedule: the local cluster's CronJobs can be told that one is due, for nobody waits for minutes here. */
static void by_schedule(struct e2e *t)
{
    const struct release *r = t->row;
    const char *paths[4] = { "" }, *said;
    struct operator *op;

    e2e_needs_server(t, r->server);
    op = operator_start(t, NULL);
    operator_ready(t, op);
    e2e_apply(t, service, "fraud", 3, r->image, "backup: {schedule: '0 3 * * *', keep: 2, storage: {size: 1Gi}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", NULL, READY_S);
    fill(t, "fraud");
    e2e_wait(t, "cronjobs/fraud-redis-backup", is_there, NULL, 30, "the CronJob");
    for (int i = 1; i <= 3; i++) {
        e2e_patch(t, "cronjobs/fraud-redis-backup", e2e_fmt(t, "{metadata: {annotations: {sim.everserve.dev/due: '%d'}}}", i));
        const cJSON *s = e2e_wait(t, "inferenceservices/fraud", has_path_other_than, paths[i - 1], BACKUP_S, "a scheduled backup");

        paths[i] = e2e_fmt(t, "%s", json_get_str(s, "status.redis.backup.lastPath"));
    }
    e2e_apply(t, service, "gone", 3, r->image, e2e_fmt(t, "restore: {claimName: fraud-redis-backup, path: %s}", paths[1]));
    e2e_wait_condition(t, "inferenceservices/gone", "Ready", "False", "RedisRestoreFailed", READY_S);
    said = json_get_str(e2e_condition(e2e_get(t, "inferenceservices/gone"), "Ready"), "message");
    E2E_CHECK(t, said && strstr(said, "no complete backup"), NULL, "the first of three is there still, although two are kept: %s", said);
    e2e_apply(t, service, "again", 3, r->image, e2e_fmt(t, "restore: {claimName: fraud-redis-backup, path: %s}", paths[3]));
    e2e_wait_condition(t, "inferenceservices/again", "RedisReady", "True", NULL, READY_S);
    check_keys(t, "again");
}

#define PLAIN(name, fn) { { name, fn, NEEDS_NODES | NEEDS_REDIS_CLI }, NULL }
#define SCHEDULED(name, i, time) \
    { { "by schedule, old ones pruned, and restored: " name, by_schedule, NEEDS_SIM | NEEDS_SIM_NODES | NEEDS_REDIS_CLI | (time) }, &releases[i] }

#define TLS(name, i) \
    { { "TLS: a backup under load, and another service restored from it: " name, there_and_back_over_tls, \
        NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME }, &releases[i] }

static const struct e2e_row tests[] = {
    PLAIN("a backup is complete before nodes go", saved_before_nodes_go),
    PLAIN("a backup under load, the service destroyed, and another restored from it", there_and_back),
    SCHEDULED("Redis 8.6", 2, 0),
    SCHEDULED("Valkey 9.1", 4, 0),
    SCHEDULED("Redis 7.0", 0, NEEDS_TIME),
    SCHEDULED("Redis 8.0", 1, NEEDS_TIME),
    SCHEDULED("Valkey 8.1", 3, NEEDS_TIME),
    TLS("Redis 7.0", 0),
    TLS("Redis 8.0", 1),
    TLS("Redis 8.6", 2),
    TLS("Valkey 8.1", 3),
    TLS("Valkey 9.1", 4),
};

int main(void)
{
    return e2e_main_rows("backup", tests, COUNT(tests));
}
