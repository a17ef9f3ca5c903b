/*
 * What the operator may not do, cannot reach or should not do twice: it says so,
 * waits, and goes on when it can. Needs no nodes.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "e2e/children.h"
#include "e2e/operator.h"
#include "e2e/wire.h"

static const char service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: fraud }\n"
    "spec:\n"
    "  predictor:\n"
    "    minReplicas: %d\n"
    "    containers:\n"
    "      - image: registry.example.com/fraud:v1\n";

static void never_ready(struct e2e *t, struct operator *op, int64_t for_ms)
{
    int64_t end_ms = loop_now_ms() + for_ms;

    while (loop_now_ms() < end_ms) {
        E2E_CHECK(t, operator_is_running(op), NULL, "the operator ended instead of trying again");
        E2E_CHECK(t, operator_http(t, op, "/readyz", NULL) != 200, NULL, "/readyz is 200 without a cluster");
        e2e_sleep_ms(t, 100);
    }
    E2E_CHECK(t, operator_http(t, op, "/healthz", NULL) == 200, NULL, "/healthz is not 200: it would be restarted for nothing");
}

static void unreachable(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct operator_opts o = { .kubeconfig = wire_kubeconfig(w) };

    /* nobody listens there */
    const char *dead = e2e_fmt(t, "%s.dead", w->kubeconfig);
    int fd = open(dead, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    dprintf(fd, "{apiVersion: v1, kind: Config, current-context: d, users: [{name: d, user: {}}], "
                "clusters: [{name: d, cluster: {server: 'http://127.0.0.1:1'}}], "
                "contexts: [{name: d, context: {cluster: d, user: d}}]}");
    close(fd);
    o.kubeconfig = dead;
    struct operator *op = operator_start(t, &o);
    never_ready(t, op, 3000);
    operator_log_wait(t, op, "127.0.0.1", 5);
    int64_t size = operator_log_size(op);
    E2E_CHECK(t, size < 20000, NULL, "%lld bytes of log in 3 s of no cluster", (long long)size);
    operator_stop(t, op);
    unlink(dead);
}

/* The server answers each request with an error for a while, then all is well. */
static void refused_then_well(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct operator_opts o = { .kubeconfig = wire_kubeconfig(w) };

    wire_fault_every(w, WIRE_503, 1);
    atomic_store(&w->watch_gone, 1 << 20);
    struct operator *op = operator_start(t, &o);
    e2e_apply(t, service, 2);
    never_ready(t, op, 3000);
    int asked = atomic_load(&w->counts.watches) + atomic_load(&w->counts.lists) + atomic_load(&w->counts.gets);
    E2E_CHECK(t, asked < 400, NULL, "%d requests in 3 s at a server that refuses", asked);
    atomic_store(&w->watch_gone, 0);
    wire_fault_every(w, WIRE_OK, 0);
    operator_ready(t, op);
    e2e_wait_present(t, "deployments/fraud", 60);
}

static const char *kubeconfig_with_token(struct e2e *t, const char *token)
{
    const char *path = e2e_fmt(t, "%s/%s-token", getenv("E2E_LOGS") ? getenv("E2E_LOGS") : "/tmp", t->ns);
    const char *from = getenv("KUBECONFIG");
    const char *text = NULL;
    const char *view[] = { "kubectl", "--kubeconfig", from, "config", "view", "--raw", "--flatten", "-o", "json", NULL };

    E2E_CHECK(t, e2e_run(t, view, NULL, &text) == 0, NULL, "kubectl config view: %s", text);
    cJSON *config = cJSON_Parse(text), *user;
    E2E_CHECK(t, config, NULL, "kubectl config view gives no JSON");
    json_push(t->kept, config);
    cJSON_ArrayForEach(user, json_member(config, "users")) {
        json_del(user, "user");
        json_str(json_obj(user, "user"), "token", token);
    }
    AUTO_FREE char *out = json_print(config);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    E2E_CHECK(t, fd >= 0 && write(fd, out, strlen(out)) > 0, NULL, "cannot write %s", path);
    close(fd);
    return path;
}

static void wrong_token(struct e2e *t)
{
    const char *path = kubeconfig_with_token(t, "no-such-token");
    struct operator_opts o = { .kubeconfig = path };
    struct operator *op = operator_start(t, &o);

    never_ready(t, op, 3000);
    operator_log_wait(t, op, "denied", 5);
    operator_stop(t, op);
    unlink(path);
}

/* A service account that may only look: the condition cannot be written, the log must say it. */
static void missing_rights(struct e2e *t)
{
    const cJSON *got = NULL;

    e2e_apply(t, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: limited}}");
    e2e_apply(t,
              "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: limited}\n"
              "rules:\n"
              "- {apiGroups: ['*'], resources: ['*'], verbs: [get, list, watch]}\n"
              "- {apiGroups: [serving.everserve.dev], resources: [inferenceservices/status], verbs: [get, update, patch]}\n"
              "---\n"
              "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: limited}\n"
              "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: limited}\n"
              "subjects: [{kind: ServiceAccount, name: limited, namespace: %s}]\n", t->ns);
    AUTO_JSON cJSON *body = cJSON_Parse("{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{}}");
    int status = e2e_send(t, "POST", "serviceaccounts/limited/token", NULL, body, &got);
    if (status != 201) {
        e2e_note(t, "skipped: this API server makes no tokens (HTTP %d)", status);
        skip();
    }
    const char *path = kubeconfig_with_token(t, json_get_str(got, "status.token"));
    struct operator_opts o = { .kubeconfig = path };
    struct operator *op = operator_start(t, &o);

    e2e_apply(t, service, 2);
    operator_log_wait(t, op, "forbidden", 60);
    const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "False", NULL, 60);
    e2e_note(t, "the condition says %s: %s", json_get_str(e2e_condition(isvc, "Ready"), "reason"),
             json_get_str(e2e_condition(isvc, "Ready"), "message"));
    E2E_CHECK(t, strstr(json_get_str(e2e_condition(isvc, "Ready"), "message"), "forbidden"), isvc,
              "the condition does not say what is forbidden");
    if (!getenv("E2E_LONG"))
        return;
    /* rights come: it goes on by itself */
    e2e_patch(t, "roles/limited", "{rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]}");
    e2e_wait_present(t, "deployments/fraud", 120);
    operator_stop(t, op);
    unlink(path);
}

/* Two at once: one leads, the other waits; the leader dies, the other takes over. */
static void leader_dies(struct e2e *t)
{
    struct operator_opts o = { .elects = true };
    struct operator *first = operator_start(t, &o);

    operator_ready(t, first);
    e2e_apply(t, service, 2);
    e2e_wait_present(t, "deployments/fraud", 60);
    struct operator *second = operator_start(t, &o);
    operator_ready(t, second);
    e2e_sleep_ms(t, 2000);
    E2E_CHECK(t, operator_metric(t, first, "leader_election_master_status", NULL) == 1, NULL, "the first does not lead");
    E2E_CHECK(t, operator_metric(t, second, "leader_election_master_status", NULL) == 0, NULL, "two leaders");
    int64_t start_ms = loop_now_ms();
    operator_kill(first);
    e2e_delete(t, "services/fraud");
    e2e_wait_present(t, "services/fraud", 90);
    e2e_note(t, "the other took over %.1f s after the leader's death", (double)(loop_now_ms() - start_ms) / 1000);
    E2E_CHECK(t, operator_metric(t, second, "leader_election_master_status", NULL) == 1, NULL, "nobody leads");
}

/* Asked to end, the leader gives the lease away: no wait for it to run out. */
static void leader_leaves(struct e2e *t)
{
    struct operator_opts o = { .elects = true };
    struct operator *first = operator_start(t, &o);

    operator_ready(t, first);
    e2e_apply(t, service, 2);
    e2e_wait_present(t, "deployments/fraud", 60);
    struct operator *second = operator_start(t, &o);
    operator_ready(t, second);
    int64_t start_ms = loop_now_ms();
    operator_stop(t, first);
    e2e_delete(t, "services/fraud");
    e2e_wait_present(t, "services/fraud", 60);
    e2e_note(t, "the other took over after %.1f s", (double)(loop_now_ms() - start_ms) / 1000);
}

/* What was sent before the freeze may be done after it, by any server: nothing must be under way. */
static int wait_for_quiet(struct e2e *t, const struct wire *w)
{
    int seen = -1;

    for (int64_t since_ms = loop_now_ms(); loop_now_ms() - since_ms < 2000; e2e_sleep_ms(t, 50)) {
        if (wire_all_writes(w) != seen)
            since_ms = loop_now_ms();
        seen = wire_all_writes(w);
    }
    return seen;
}

/* API server silent: the leader steps down in time, writes nothing late, and all is well afterwards. */
static void frozen_for(struct e2e *t, int64_t freeze_ms)
{
    struct wire *w = wire_start(t);
    struct operator_opts through = { .kubeconfig = wire_kubeconfig(w), .elects = true }, direct = { .elects = true };
    struct operator *first = operator_start(t, &through);

    operator_ready(t, first);
    e2e_apply(t, service, 2);
    e2e_wait_present(t, "services/fraud", 60);
    struct operator *second = operator_start(t, &direct);
    operator_ready(t, second);
    int writes = wait_for_quiet(t, w);
    int64_t start_ms = loop_now_ms();
    atomic_store(&w->frozen, 1);
    e2e_delete(t, "services/fraud");
    e2e_wait_present(t, "services/fraud", 60); /* the second's work */
    e2e_note(t, "the other took over after %.1f s", (double)(loop_now_ms() - start_ms) / 1000);
    E2E_CHECK(t, operator_metric(t, first, "leader_election_master_status", NULL) == 0, NULL, "a frozen leader stays leader");
    while (loop_now_ms() - start_ms < freeze_ms)
        e2e_sleep_ms(t, 200);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {predictor: {minReplicas: 3}}}");
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "3", 30);
    atomic_store(&w->frozen, 0);
    e2e_sleep_ms(t, 5000);
    E2E_CHECK(t, wire_all_writes(w) == writes, NULL, "%d writes came late, out of the frozen past",
              wire_all_writes(w) - writes);
    /* back in service: the second goes, the first takes over with all its watches alive */
    operator_stop(t, second);
    e2e_delete(t, "services/fraud");
    e2e_wait_present(t, "services/fraud", 90);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "3", 5);
    E2E_CHECK(t, operator_is_running(first), NULL, "the first ended");
}

static void frozen_short(struct e2e *t)
{
    frozen_for(t, 20000);
}

static void frozen_long(struct e2e *t)
{
    frozen_for(t, 75000);
}

/* Frozen with the only operator: every watch is reborn without anybody's help. */
static void watches_reborn(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct operator_opts through = { .kubeconfig = wire_kubeconfig(w) };
    struct operator *op = operator_start(t, &through);

    operator_ready(t, op);
    e2e_apply(t, service, 2);
    e2e_wait_present(t, "services/fraud", 60);
    int watches = atomic_load(&w->counts.watches);
    int64_t start_ms = loop_now_ms();
    atomic_store(&w->frozen, 1);
    operator_log_wait(t, op, "watch in trouble", 60);
    e2e_note(t, "said %.1f s after the server fell silent", (double)(loop_now_ms() - start_ms) / 1000);
    while (loop_now_ms() - start_ms < 60000)
        e2e_sleep_ms(t, 200);
    e2e_delete(t, "services/fraud");
    atomic_store(&w->frozen, 0);
    start_ms = loop_now_ms();
    e2e_wait_present(t, "services/fraud", 120);
    operator_ready(t, op);
    e2e_note(t, "whole again after %.1f s, with %d new watches", (double)(loop_now_ms() - start_ms) / 1000,
             atomic_load(&w->counts.watches) - watches);
}

static const struct e2e_test tests[] = {
    { "no API server: said, not ready, tried again at a modest pace", unreachable, 0 },
    { "refused for a while: recovers by itself", refused_then_well, 0 },
    { "a wrong token: said, not ready", wrong_token, NEEDS_KUBECTL },
    { "missing rights: said in log and condition, goes on when they come", missing_rights, NEEDS_KUBECTL },
    { "the leader is killed, the other takes over", leader_dies, 0 },
    { "the leader leaves, the other takes over", leader_leaves, 0 },
    { "the leader's API server freezes: it steps down, nothing is written late", frozen_short, 0 },
    { "the same for more than a minute", frozen_long, NEEDS_TIME },
    { "frozen for a minute: every watch is reborn", watches_reborn, NEEDS_TIME },
};

int main(void)
{
    return e2e_main("access", tests, COUNT(tests));
}
