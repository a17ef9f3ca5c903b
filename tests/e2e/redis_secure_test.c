/*
 * TLS and passwords of a living cluster: certificates renewed, authorities changed, bad Secrets refused,
 * passwords rotated under the ledger; no pod restarts for a certificate, and no secret is said anywhere.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "e2e/operation.h"
#include "e2e/secure.h"
#include "e2e/witness.h"
#include "redis/cert.h"
#include "unit/redis/pki.h"

static const char isvc_what[] = "inferenceservices/fraud";

/* As a kubelet may take a while, so does the operator wait; here it is the local cluster's. */
static struct operator *start(struct e2e *t)
{
    struct operator *op = operator_start(t, &(struct operator_opts){ .option = "--secret-delay=4" });

    operator_ready(t, op);
    return op;
}

static const char *fingerprint(struct e2e *t, const char *dir, const char *crt)
{
    char out[REDIS_FINGERPRINT_SIZE];
    char *text = pki_text(dir, crt);

    cert_fingerprint(text, out);
    free(text);
    return e2e_fmt(t, "\"%s\"", out);
}

/* Every pod's server, as it runs: uid of the pod, restarts of the container. */
static const char *servers(struct e2e *t)
{
    const cJSON *pod, *pods = e2e_list(t, "pods?labelSelector=app.kubernetes.io%2Fcomponent%3Dredis");
    const char *all = "";

    cJSON_ArrayForEach(pod, pods)
        all = e2e_fmt(t, "%s %s:%d", all, json_get_str(pod, "metadata.uid"),
                      (int)json_get_int(pod, "status.containerStatuses.0.restartCount", -1));
    return all;
}

static bool answers(struct e2e *t, const char *dir, const char *ca)
{
    struct redis_pods pods;
    const char *words = "";

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++) {
        const char *argv[] = { "timeout", "5", "redis-cli", "--tls", "--cacert", e2e_fmt(t, "%s/%s", dir, ca), "-h", pods.ips[i],
                               "--no-auth-warning", "-a", redis_password(t, "fraud"), "ping", NULL };
        if (e2e_run(t, argv, NULL, &words) != 0 || !strstr(words, "PONG"))
            return false;
    }
    return pods.n > 0;
}

static void plain_is_refused(struct e2e *t)
{
    struct redis_pods pods;
    const char *words = "";

    redis_pods_get(t, "fraud", &pods);
    const char *argv[] = { "timeout", "5", "redis-cli", "-h", pods.ips[0], "ping", NULL };
    e2e_run(t, argv, NULL, &words);
    E2E_CHECK(t, !strstr(words, "PONG") && !strstr(words, "NOAUTH"), NULL, "answers without TLS: %s", words);
}

static bool stalled_with(const cJSON *isvc, const void *what)
{
    const char *said = json_get_str(e2e_condition(isvc, "Stalled"), "message");

    return said && strstr(said, what) && strstr(said, "spec.redis.tls.secretName") &&
           str_eq(json_get_str(e2e_condition(isvc, "Stalled"), "reason"), "RedisCertificateUnusable");
}

static void expect_refusal(struct e2e *t, const char *dir, const char *crt, const char *key, const char *ca, const char *what)
{
    secure_put(t, dir, crt, key, ca);
    e2e_wait(t, isvc_what, stalled_with, what, 60, what);
    e2e_sleep_ms(t, 3000);
    e2e_wait_condition(t, isvc_what, "RedisReady", "True", "Healthy", 5);
}

static void certificates_change(struct e2e *t)
{
    const char *dir = secure_certificates(t);

    start(t);
    secure_put(t, dir, "one.crt", "one.key", "ca.crt");
    e2e_apply(t, "%s", secure_service_of(t, ""));
    e2e_wait_condition(t, isvc_what, "RedisReady", "True", "Healthy", READY_S);
    e2e_wait_condition(t, isvc_what, "RedisCertificateValid", "True", "Valid", 30);
    e2e_wait_value(t, isvc_what, "status.redis.certificate.fingerprint", fingerprint(t, dir, "one.crt"), 30);
    E2E_CHECK(t, answers(t, dir, "ca.crt"), NULL, "no answer over TLS");
    plain_is_refused(t);
    e2e_wait_condition(t, isvc_what, "Ready", "True", NULL, READY_S);
    const char *before = servers(t);

    secure_put(t, dir, "two.crt", "two.key", "ca.crt");
    e2e_wait_value(t, isvc_what, "status.redis.certificate.fingerprint", fingerprint(t, dir, "two.crt"), 90);
    e2e_wait_condition(t, isvc_what, "RedisCertificateValid", "False", "Expiring", 30);

    expect_refusal(t, dir, "", "two.key", "ca.crt", "tls.crt: is missing or empty");
    expect_refusal(t, dir, "two.crt", "one.key", "ca.crt", "tls.key: is not the key of tls.crt");
    expect_refusal(t, dir, "old.crt", "old.key", "ca.crt", "tls.crt: expired");
    expect_refusal(t, dir, "two.crt", "two.key", "ca2.crt", "ca.crt: does not verify");
    e2e_delete(t, "secrets/cert");
    e2e_wait_condition(t, isvc_what, "Stalled", "True", "RedisCertificateUnusable", 60);
    e2e_wait_value(t, isvc_what, "status.redis.certificate.fingerprint", fingerprint(t, dir, "two.crt"), 1);

    secure_put(t, dir, "three.crt", "three.key", "ca2.crt");
    e2e_wait_value(t, isvc_what, "status.redis.certificate.fingerprint", fingerprint(t, dir, "three.crt"), 180);
    e2e_wait_condition(t, isvc_what, "RedisReady", "True", "Healthy", 60);
    E2E_CHECK(t, answers(t, dir, "ca2.crt"), NULL, "no answer with the new authority");
    E2E_CHECK(t, str_eq(servers(t), before), NULL, "a server was restarted: %s, then %s", before, servers(t));
}

static void tls_cannot_be_switched(struct e2e *t)
{
    witness_bring_up(t, e2e_redis_service);
    const char *dir = secure_certificates(t);

    secure_put(t, dir, "one.crt", "one.key", "ca.crt");
    e2e_patch(t, isvc_what, "{spec: {redis: {tls: {secretName: cert}}}}");
    e2e_wait_condition(t, isvc_what, "Stalled", "True", "RedisTlsRefused", 60);
    e2e_wait_condition(t, isvc_what, "RedisReady", "True", "Healthy", 10);
    e2e_patch(t, isvc_what, "{spec: {redis: {tls: null}}}");
    e2e_wait_condition(t, isvc_what, "Ready", "True", NULL, 60);
}

static bool accepts(struct e2e *t, const char *user, const char *password)
{
    struct redis_pods pods;
    const char *words = "";
    int n = 0;

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++) {
        const char *argv[] = { "timeout", "5", "redis-cli", "-h", pods.ips[i], "--no-auth-warning", "--user", user, "-a", password,
                               "ping", NULL };
        n += e2e_run(t, argv, NULL, &words) == 0 && str_has_prefix(words, "PONG");
    }
    E2E_CHECK(t, n == 0 || n == pods.n, NULL, "%d of %d take a password of %s", n, pods.n, user);
    return n > 0;
}

/* In what people and programs can read: logs, events, the resource, command lines. */
static void is_said_nowhere(struct e2e *t, struct operator *op, const char *secret)
{
    const char *words = "";
    const cJSON *item;

    E2E_CHECK(t, strlen(secret) >= 8, NULL, "no secret to look for");
    E2E_CHECK(t, !operator_log_has(op, secret), NULL, "a password is in the log");
    cJSON_ArrayForEach(item, e2e_list(t, "events")) {
        AUTO_FREE char *text = json_print(item);
        E2E_CHECK(t, !strstr(text, secret), item, "a password is in an event");
    }
    AUTO_FREE char *isvc = json_print(e2e_get(t, isvc_what)), *config = json_print(e2e_get(t, "configmaps/fraud-redis"));
    AUTO_FREE char *set = json_print(e2e_get(t, "statefulsets/fraud-redis")), *dep = json_print(e2e_get(t, "deployments/fraud"));
    E2E_CHECK(t, !strstr(isvc, secret) && !strstr(config, secret) && !strstr(set, secret) && !strstr(dep, secret), NULL,
              "a password is in an object");
    e2e_run(t, (const char *[]){ "sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '", NULL }, NULL, &words);
    E2E_CHECK(t, !strstr(words, secret), NULL, "a password is in a command line");
}

static const struct release {
    const char *server, *image;
} releases[] = {
    { "redis-8.0", "redis:8.0" }, { "redis-8.6", "redis:8.6" }, { "valkey-8.1", "valkey/valkey:8.1" }, { "valkey-9.1", "valkey/valkey:9.1" },
};

/* Row NULL: this machine's own server. */
static void password_rotates(struct e2e *t)
{
    const struct release *r = t->row;
    struct operator *op;

    if (r)
        e2e_needs_server(t, r->server);
    op = start(t);
    e2e_apply(t, "%s", r ? operation_service_of(t, r->image) : e2e_redis_service);
    e2e_wait_condition(t, isvc_what, "Ready", "True", NULL, READY_S);
    const char *old = redis_password(t, "fraud"), *old_admin = redis_secret(t, "fraud", "operator-password");
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 500);
    e2e_patch(t, isvc_what, "{spec: {redis: {auth: {rotate: first}}}}");
    for (int i = 0; i < 6; i++) { /* whenever the operator ends, the next one goes on */
        e2e_sleep_ms(t, 700);
        operator_kill(op);
        op = start(t);
        ledger_look(t);
    }
    e2e_wait_value(t, isvc_what, "status.redis.users.phase", "\"Done\"", READY_S);
    e2e_wait_value(t, isvc_what, "status.redis.users.rotation", "1", 5);
    ledger_look(t);
    e2e_sleep_ms(t, 3000);
    const char *now = redis_password(t, "fraud");
    E2E_CHECK(t, !str_eq(now, old), NULL, "the password is the same");
    E2E_CHECK(t, accepts(t, "default", now) && !accepts(t, "default", old), NULL, "the old password is taken still");
    E2E_CHECK(t, !accepts(t, "everserve", old_admin), NULL, "the operator's old password is taken still");
    e2e_wait_value(t, "deployments/fraud", "spec.template.metadata.annotations", "{\"everserve.dev/redis-credentials\":\"1\"}", 10);
    is_said_nowhere(t, op, now);
    is_said_nowhere(t, op, old);
    is_said_nowhere(t, op, redis_secret(t, "fraud", "operator-password"));
    is_said_nowhere(t, op, redis_secret(t, "fraud", "replica-password"));
    witness_check_ledger(t, 0, 0);
}

static void given_password_changes(struct e2e *t)
{
    start(t);
    e2e_apply(t, "%s", "apiVersion: v1\nkind: Secret\nmetadata: { name: mine }\ndata: { password: Zmlyc3QtZ2l2ZW4= }\n");
    e2e_apply(t, "%s", "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: fraud }\n"
                       "spec: { predictor: { containers: [{ image: registry.example.com/fraud:v1 }] }, "
                       "redis: { auth: { secretName: mine } } }\n");
    e2e_wait_condition(t, isvc_what, "Ready", "True", NULL, READY_S);
    E2E_CHECK(t, accepts(t, "default", "first-given"), NULL, "the given password is not taken");
    e2e_patch(t, "secrets/mine", "{data: {password: c2Vjb25kLWdpdmVu}}");
    e2e_wait_value(t, isvc_what, "status.redis.users.rotation", "1", 90);
    e2e_wait_value(t, isvc_what, "status.redis.users.phase", "\"Done\"", READY_S);
    E2E_CHECK(t, accepts(t, "default", "second-given") && !accepts(t, "default", "first-given"), NULL, "not rotated");
    e2e_patch(t, "secrets/mine", "{data: {password: ''}}");
    e2e_wait_condition(t, isvc_what, "Stalled", "True", "RedisSecretUnusable", 60);
    e2e_delete(t, "secrets/mine");
    e2e_sleep_ms(t, 12000);
    e2e_wait_condition(t, isvc_what, "RedisReady", "True", "Healthy", 5);
    E2E_CHECK(t, accepts(t, "default", "second-given"), NULL, "a deleted Secret changed the cluster");
}

/* Each server's users, in words of ACL LIST. */
static bool all_know(struct e2e *t, const char *const *words)
{
    struct redis_pods pods;

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++) {
        const char *argv[] = { "timeout", "5", "redis-cli", "-h", pods.ips[i], "--no-auth-warning", "--user", "everserve", "-a",
                               redis_secret(t, "fraud", "operator-password"), "acl", "list", NULL };
        const char *list = "", *const *w = words;

        e2e_run(t, argv, NULL, &list);
        for (; *w; w++)
            if (!strstr(list, *w))
                return false;
        if (strstr(list, "user default on nopass") || strstr(list, "~* &* +@all\n"))
            return false;
    }
    return pods.n > 0;
}

static void expect_users(struct e2e *t, int bound_s)
{
    static const char *const words[] = { "user everserve on ", "user replica on ", "user probe on ", "-@admin", NULL };

    for (int64_t end_ms = e2e_deadline_ms(bound_s); !all_know(t, words); e2e_sleep_ms(t, 300))
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "a server lacks users, or the applications' user may do everything");
}

/* As the release before made it: one password for everybody. */
static void make_old(struct e2e *t)
{
    const char *password = redis_password(t, "fraud");
    struct redis_pods pods;

    redis_pods_get(t, "fraud", &pods);
    for (int i = 0; i < pods.n; i++)
        redis_ask(t, "fraud", pods.ips[i],
                  e2e_fmt(t, "ACL SETUSER default reset on >%s ~* &* +@all;CONFIG SET masterauth %s;ACL DELUSER replica probe",
                          password, password));
    for (int i = 0; i < pods.n; i++) {
        const char *argv[] = { "redis-cli", "-h", pods.ips[i], "--no-auth-warning", "-a", password, "config", "set", "masteruser", "",
                               NULL };
        const char *gone[] = { "redis-cli", "-h", pods.ips[i], "--no-auth-warning", "-a", password, "acl", "deluser", "everserve",
                               NULL };
        const char *words = "";

        e2e_run(t, argv, NULL, &words);
        E2E_CHECK(t, str_has_prefix(words, "OK"), NULL, "masteruser: %s", words);
        e2e_run(t, gone, NULL, NULL);
    }
    e2e_patch(t, "secrets/fraud-redis", "{data: {operator-password: null, replica-password: null, since: null}}");
}

static void carried_over(struct e2e *t)
{
    struct operator *op = witness_bring_up(t, e2e_redis_service);

    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 500);
    const char *before = servers(t), *password = redis_password(t, "fraud");
    operator_kill(op);
    make_old(t);
    E2E_CHECK(t, !accepts(t, "everserve", "x"), NULL, "an unknown user is known");
    start(t);
    e2e_wait_present(t, "secrets/fraud-redis", 10);
    for (int64_t end_ms = e2e_deadline_ms(60); !redis_secret(t, "fraud", "operator-password")[0]; e2e_sleep_ms(t, 300))
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "the Secret stays as it was");
    expect_users(t, 60);
    e2e_wait_condition(t, isvc_what, "Ready", "True", NULL, 60);
    E2E_CHECK(t, str_eq(servers(t), before), NULL, "a server was restarted");
    E2E_CHECK(t, str_eq(redis_password(t, "fraud"), password), NULL, "the password changed");
    /* T15: whoever becomes a master later, or starts anew, has them too */
    e2e_delete(t, e2e_fmt(t, "pods/%s", redis_master_pod(t, "fraud")));
    e2e_sleep_ms(t, 3000);
    e2e_wait_condition(t, isvc_what, "RedisReady", "True", "Healthy", READY_S);
    expect_users(t, 60);
    ledger_look(t);
    witness_check_ledger(t, 0, 0);
}

#define NEEDS (NEEDS_NODES | NEEDS_REDIS_CLI)
#define PLAIN(name, fn, needs) { { name, fn, needs }, NULL }
#define ROTATES(name, i) { { "a password rotated, " name, password_rotates, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME }, &releases[i] }

static const struct e2e_row tests[] = {
    PLAIN("a cluster of the release before gets its users live; T15: every later server has them", carried_over, NEEDS),
    PLAIN("TLS: certificates renewed, refused, and an authority changed, without a restart", certificates_change, NEEDS),
    PLAIN("TLS is not switched on in a cluster that was formed without", tls_cannot_be_switched, NEEDS_NODES),
    PLAIN("a password rotated under the ledger, the operator killed meanwhile", password_rotates, NEEDS),
    PLAIN("a given password that changes, is emptied, and deleted", given_password_changes, NEEDS),
    ROTATES("Redis 8.0", 0),
    ROTATES("Redis 8.6", 1),
    ROTATES("Valkey 8.1", 2),
    ROTATES("Valkey 9.1", 3),
};

int main(void)
{
    return e2e_main_rows("redis-secure", tests, COUNT(tests));
}
