/*
 * Redis restarted node by node, under the ledger: other resources, other releases, an image that cannot be
 * pulled and back, an operator that dies all the time. Needs nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/witness.h"

enum { ROLL_S = 240 };

#define SERVICE(redis)                                                                                               \
    "apiVersion: serving.everserve.dev/v1alpha1\n"                                                                    \
    "kind: InferenceService\n"                                                                                       \
    "metadata: { name: fraud }\n"                                                                                    \
    "spec: {predictor: {containers: [{image: registry.example.com/fraud:v1}]}, redis: " redis "}\n"

/* How many of these pods are still the ones of then. */
static int same_pods(struct e2e *t, const struct redis_pods *then)
{
    struct redis_pods now;
    int n = 0;

    redis_pods_get(t, "fraud", &now);
    for (int i = 0; i < then->n; i++)
        for (int k = 0; k < now.n; k++)
            n += str_eq(then->uids[i], now.uids[k]);
    return n;
}

static void begin(struct e2e *t, struct witness *v, struct redis_pods *pods, const char *yaml)
{
    witness_bring_up(t, yaml);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
    witness_start(t, v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    redis_pods_get(t, "fraud", pods);
}

/* Until none of these pods is left, and nobody is being restarted; the ledger's writer learns of new addresses. */
static void await_roll(struct e2e *t, struct witness *v, const struct redis_pods *then)
{
    int64_t end_ms = e2e_deadline_ms(ROLL_S), from_ms = loop_now_ms();

    for (;;) {
        const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
        bool over = !json_has(isvc, "status.redis.roll") && same_pods(t, then) == 0;

        if (over && str_eq(json_get_str(isvc, "status.redis.state"), "Healthy"))
            break;
        E2E_CHECK(t, loop_now_ms() < end_ms, isvc, "%d pods still to go", same_pods(t, then));
        e2e_forget(t, isvc);
        ledger_look(t);
        e2e_sleep_ms(t, 200);
    }
    e2e_note(t, "rolled in %.1f s; states:%s", (double)(loop_now_ms() - from_ms) / 1000, v->states);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
}

/* Every slot was served all the time: whoever stopped had handed over. */
static void check_served(struct e2e *t, const struct witness *v)
{
    E2E_CHECK(t, !strstr(v->states, "Partial") && !strstr(v->states, "Down"), NULL, "the states were:%s", v->states);
}

static void other_resources(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    begin(t, &v, &pods, e2e_redis_service);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {resources: {requests: {cpu: 11m}}}}}");
    await_roll(t, &v, &pods);
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
    const char *words = NULL;
    E2E_CHECK(t, referee_is_content(t, "fraud", &words), NULL, "the referee is not content:\n%s", words);
}

/* Each pod comes back empty, as another node: it is introduced, copies, and its old id is forgotten. */
static void without_volumes(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    begin(t, &v, &pods, SERVICE("{persistence: None, storage: {ephemeral: true}}"));
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {resources: {requests: {cpu: 11m}}}}}");
    await_roll(t, &v, &pods);
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
}

static void without_replicas(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    begin(t, &v, &pods, SERVICE("{shards: 1, replicasPerShard: 0}"));
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {resources: {requests: {cpu: 11m}}}}}");
    await_roll(t, &v, &pods);
    witness_check_ledger(t, 0, 0);
}

static void not_over_lost_keys(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    begin(t, &v, &pods, SERVICE("{shards: 1, replicasPerShard: 0, persistence: None}"));
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {resources: {requests: {cpu: 11m}}}}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "RedisRollStopped", 60);
    e2e_sleep_ms(t, 3000);
    E2E_CHECK(t, same_pods(t, &pods) == 1, NULL, "the pod was restarted");
    witness_check_ledger(t, 0, 0);
}

static void broken_image_and_back(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    begin(t, &v, &pods, e2e_redis_service);
    const char *image = json_get_str(e2e_get(t, "inferenceservices/fraud"), "spec.redis.image");
    E2E_CHECK(t, image, NULL, "no image");
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {image: 'registry.example.com/missing-redis:7.9'}}}");
    const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "RedisRollStopped", ROLL_S);
    const char *pod = json_get_str(isvc, "status.redis.roll.pod");
    const char *message = json_get_str(e2e_condition(isvc, "Stalled"), "message");
    e2e_note(t, "%s", message);
    E2E_CHECK(t, pod && strstr(message, pod), isvc, "the message does not name the pod");
    e2e_sleep_ms(t, 4000);
    E2E_CHECK(t, same_pods(t, &pods) == pods.n - 1, NULL, "%d pods of %d are left", same_pods(t, &pods), pods.n);
    e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{spec: {redis: {image: '%s'}}}", image));
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, ROLL_S);
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", "Healthy", ROLL_S);
    E2E_CHECK(t, same_pods(t, &pods) == pods.n - 1, NULL, "%d pods of %d are left", same_pods(t, &pods), pods.n);
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
}

/* A value that only a start reads, and refuses. */
static void crashes_and_back(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    begin(t, &v, &pods, e2e_redis_service);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {config: {io-threads: '9999'}}}}");
    const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "RedisRollStopped", ROLL_S);
    e2e_note(t, "%s", json_get_str(e2e_condition(isvc, "Stalled"), "message"));
    e2e_sleep_ms(t, 4000);
    E2E_CHECK(t, same_pods(t, &pods) == pods.n - 1, NULL, "%d pods of %d are left", same_pods(t, &pods), pods.n);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {config: {io-threads: '1'}}}}");
    await_roll(t, &v, &pods);
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
}

/* Before anything was formed there is nothing to lose: the first image may be wrong, too. */
static void broken_from_the_start(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", SERVICE("{image: 'registry.example.com/missing-redis:7.9'}"));
    e2e_wait_present(t, "pods/fraud-redis-5", 60);
    e2e_sleep_ms(t, 2000);
    e2e_apply(t, "%s", SERVICE("{image: 'redis:7.4'}"));
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", "Healthy", READY_S);
}

static void operator_dies(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    begin(t, &v, &pods, e2e_redis_service);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {resources: {requests: {cpu: 11m}}}}}");
    for (int i = 0; same_pods(t, &pods) > 0 && i < 16; i++) {
        e2e_sleep_ms(t, 900 + 370 * i % 1700);
        operator_kill(t->operators[0]);
        t->operators[0] = NULL;
        operator_start(t, NULL);
        ledger_look(t);
    }
    await_roll(t, &v, &pods);
    witness_check_ledger(t, 0, 0);
}

/* How each server is set, by asking it. */
static int n_set(struct e2e *t, const char *key, const char *value)
{
    struct redis_pods pods;
    int n = 0;

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++) {
        const char *out = NULL;
        const char *argv[] = { "redis-cli", "-h", pods.ips[i], "--user", "everserve", "-a",
                               redis_secret(t, "fraud", "operator-password"), "--no-auth-warning", "config", "get", key, NULL };

        n += e2e_run(t, argv, NULL, &out) == 0 && strstr(out, e2e_fmt(t, "%s\n%s\n", key, value));
    }
    return n;
}

static void await_set(struct e2e *t, const char *key, const char *value, int want)
{
    for (int64_t end_ms = e2e_deadline_ms(60); n_set(t, key, value) != want; e2e_sleep_ms(t, 200))
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "%d of %d servers have %s %s", n_set(t, key, value), want, key, value);
}

static const char *conf_of(struct e2e *t)
{
    return cJSON_GetStringValue(json_member(json_at(e2e_get(t, "configmaps/fraud-redis"), "data"), "redis.conf"));
}

static void settings_live(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    begin(t, &v, &pods, e2e_redis_service);
    e2e_patch(t, "inferenceservices/fraud",
              "{spec: {redis: {config: {timeout: '321', repl-backlog-size: 32mb, notify-keyspace-events: KEA}}}}");
    await_set(t, "timeout", "321", 6);
    await_set(t, "repl-backlog-size", "33554432", 6);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, 60);
    E2E_CHECK(t, strstr(conf_of(t), "\ntimeout 321\n"), NULL, "the file does not say so:\n%s", conf_of(t));
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {config: {timeout: never}}}}");
    const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "RedisSettingRefused", 60);
    const char *message = json_get_str(e2e_condition(isvc, "Stalled"), "message");
    e2e_note(t, "%s", message);
    E2E_CHECK(t, strstr(message, "spec.redis.config.timeout"), isvc, "the field is not named");
    E2E_CHECK(t, strstr(conf_of(t), "\ntimeout 321\n"), NULL, "a refused value is in the file:\n%s", conf_of(t));
    E2E_CHECK(t, n_set(t, "timeout", "321") == 6, NULL, "a refused value reached someone");
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {config: {timeout: '0', maxclients: '9000'}}}}");
    await_set(t, "timeout", "0", 6);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, 60);
    E2E_CHECK(t, same_pods(t, &pods) == pods.n, NULL, "a live setting restarted someone");
    /* one that only a start reads */
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {config: {tcp-backlog: '100'}}}}");
    await_roll(t, &v, &pods);
    await_set(t, "tcp-backlog", "100", 6);
    await_set(t, "maxclients", "9000", 6);
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
}

/* A class whose volumes may grow; one that is there already will do. */
/* Servers have no way back to a default: they are restarted without it, once. */
static void setting_taken_out(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    begin(t, &v, &pods, e2e_redis_service);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {config: {timeout: '321'}}}}");
    await_set(t, "timeout", "321", 6);
    e2e_wait_value(t, "inferenceservices/fraud", "status.redis.settings.live", "[\"timeout\"]", 60);
    E2E_CHECK(t, same_pods(t, &pods) == pods.n, NULL, "a live setting restarted someone");
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {config: {timeout: null}}}}");
    await_roll(t, &v, &pods);
    await_set(t, "timeout", "0", 6);
    e2e_wait_value(t, "inferenceservices/fraud", "status.redis.settings", "{\"live\":[],\"restarts\":1}", 60);
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
}

static void make_class(struct e2e *t)
{
    cJSON *body = json_new_obj();
    int status;

    json_str(json_obj(body, "metadata"), "name", "e2e-grows");
    json_str(body, "provisioner", "everserve.dev/sim");
    json_bool(body, "allowVolumeExpansion", true);
    status = e2e_send(t, "POST", "/apis/storage.k8s.io/v1/storageclasses", NULL, body, NULL);
    cJSON_Delete(body);
    E2E_CHECK(t, status == 201 || status == 409, NULL, "no StorageClass: HTTP %d", status);
}

static bool has_capacity(const cJSON *claim, const void *size)
{
    return str_eq(json_get_str(claim, "status.capacity.storage"), size);
}

/* Where nobody makes volumes larger. */
static bool asks_for(const cJSON *claim, const void *size)
{
    return str_eq(json_get_str(claim, "spec.resources.requests.storage"), size);
}

/* The claims grow, the StatefulSet is another, and every pod is the same. */
static void volumes_grow(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    make_class(t);
    begin(t, &v, &pods, SERVICE("{storage: {size: 1Gi, storageClassName: e2e-grows}}"));
    const char *set = json_get_str(e2e_get(t, "statefulsets/fraud-redis"), "metadata.uid");
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {storage: {size: 2Gi}}}}");
    for (int i = 0; i < pods.n; i++)
        e2e_wait(t, e2e_fmt(t, "persistentvolumeclaims/data-%s", pods.names[i]), t->has_sim ? has_capacity : asks_for, "2Gi",
                 60, "a volume of 2Gi");
    for (int64_t end_ms = e2e_deadline_ms(60);; e2e_sleep_ms(t, 200)) {
        const cJSON *now = e2e_get(t, "statefulsets/fraud-redis");
        const cJSON *claim = cJSON_GetArrayItem(json_at(now, "spec.volumeClaimTemplates"), 0);
        if (now && str_eq(json_get_str(claim, "spec.resources.requests.storage"), "2Gi")) {
            E2E_CHECK(t, !str_eq(json_get_str(now, "metadata.uid"), set), now, "the StatefulSet is the old one");
            break;
        }
        E2E_CHECK(t, loop_now_ms() < end_ms, now, "the template is not renewed");
    }
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, 60);
    e2e_wait_value(t, "statefulsets/fraud-redis", "status.readyReplicas", "6", 60);
    e2e_sleep_ms(t, 3000);
    E2E_CHECK(t, same_pods(t, &pods) == pods.n, NULL, "%d pods of %d are left", same_pods(t, &pods), pods.n);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {storage: {size: 1500Mi}}}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "RedisVolumesShrink", 60);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {storage: {size: 2Gi}}}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, 60);
    witness_check_ledger(t, 0, 0);
}

static void volumes_that_cannot_grow(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods pods;

    begin(t, &v, &pods, e2e_redis_service);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {storage: {size: 2Gi}}}}");
    const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "RedisVolumesRefused", 60);
    const char *message = json_get_str(e2e_condition(isvc, "Stalled"), "message");
    e2e_note(t, "%s", message);
    E2E_CHECK(t, strstr(message, "spec.redis.storage.size") && strstr(message, "must support resize"), isvc, "other words");
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {storage: {size: 1Gi}}}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, 60);
    E2E_CHECK(t, same_pods(t, &pods) == pods.n, NULL, "%d pods of %d are left", same_pods(t, &pods), pods.n);
    witness_check_ledger(t, 0, 0);
}

static const struct upgrade {
    const char *from, *to; /* in build/servers */
    const char *from_yaml, *to_image;
} upgrades[] = {
    { "redis-7.0", "redis-8.0", SERVICE("{image: 'redis:7.0'}"), "redis:8.0" },
    { "valkey-8.1", "valkey-9.1", SERVICE("{image: 'valkey/valkey:8.1'}"), "valkey/valkey:9.1" },
    { "redis-7.0", "valkey-8.1", SERVICE("{image: 'redis:7.0'}"), "valkey/valkey:8.1" },
};

static void upgrade(struct e2e *t)
{
    const struct upgrade *u = t->row;
    struct witness v = { 0 };
    struct redis_pods pods;

    e2e_needs_server(t, u->from);
    e2e_needs_server(t, u->to);
    begin(t, &v, &pods, u->from_yaml);
    e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{spec: {redis: {image: '%s'}}}", u->to_image));
    await_roll(t, &v, &pods);
    const char *want = strchr(u->to, '-') + 1, *version = redis_version(t, "fraud");
    E2E_CHECK(t, version && !strncmp(version, want, strlen(want)), NULL, "the pods run %s", version ? version : "nothing");
    check_served(t, &v);
    witness_check_ledger(t, 0, 0);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {redis: {image: 'redis:7.0'}}}");
    const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "RedisImageRefused", 60);
    e2e_note(t, "%s", json_get_str(e2e_condition(isvc, "Stalled"), "message"));
    const cJSON *set = e2e_get(t, "statefulsets/fraud-redis");
    const cJSON *c = cJSON_GetArrayItem(json_at(set, "spec.template.spec.containers"), 0);
    E2E_CHECK(t, str_eq(json_get_str(c, "image"), u->to_image), set, "the template has the refused image");
}

#define UPGRADE(name, i) { { name, upgrade, NEEDS_SIM_NODES | NEEDS_REDIS_CLI }, &upgrades[i] }
#define PLAIN(name, fn, needs) { { name, fn, needs }, NULL }

static const struct e2e_row tests[] = {
    PLAIN("other resources: one pod after the other, every slot served", other_resources, NEEDS_NODES | NEEDS_REDIS_CLI),
    PLAIN("an image that cannot be pulled, and back", broken_image_and_back, NEEDS_SIM_NODES | NEEDS_REDIS_CLI),
    PLAIN("a setting that no server starts with, and another", crashes_and_back, NEEDS_SIM_NODES | NEEDS_REDIS_CLI),
    PLAIN("an image that cannot be pulled from the start", broken_from_the_start, NEEDS_SIM_NODES | NEEDS_REDIS_CLI),
    PLAIN("settings: live where servers take them, refused with their words, else by restart", settings_live,
          NEEDS_NODES | NEEDS_REDIS_CLI),
    PLAIN("a live setting that is taken out: its default again, by restart", setting_taken_out, NEEDS_NODES | NEEDS_REDIS_CLI | NEEDS_TIME),
    PLAIN("volumes grow, and no pod is touched", volumes_grow, NEEDS_SIM_NODES | NEEDS_REDIS_CLI),
    PLAIN("volumes that cannot grow: the server's words", volumes_that_cannot_grow, NEEDS_SIM_NODES | NEEDS_REDIS_CLI),
    PLAIN("volumes that go with their pods: each copy is made anew", without_volumes, NEEDS_NODES | NEEDS_REDIS_CLI),
    PLAIN("one node alone is restarted when its data come back", without_replicas, NEEDS_NODES | NEEDS_REDIS_CLI),
    PLAIN("one node alone is not restarted when its data would go", not_over_lost_keys, NEEDS_NODES | NEEDS_REDIS_CLI),
    PLAIN("the operator dies again and again while it rolls", operator_dies, NEEDS_NODES | NEEDS_REDIS_CLI),
    UPGRADE("Redis 7.0 to 8.0", 0),
    UPGRADE("Valkey 8.1 to 9.1", 1),
    UPGRADE("Redis 7.0 to Valkey 8.1", 2),
};

int main(void)
{
    return e2e_main_rows("redis-roll", tests, COUNT(tests));
}
