/*
 * Any change of a resource ends where a fresh one with the same spec would, child by child: hundreds of generated specs
 * (SEEDS=n: n times as many), applied one after another by server-side apply to an API server in a process beside, while
 * the real controller works on it; after each step the children are those of a resource that was just made with the last spec.
 *
 * Walkers with an even number change one field at a time, the others all at once. There are no other controllers: nothing
 * becomes ready, so what a rollout does with time is not part of this, nor are Redis, canaries and claims of ours, whose
 * history counts by design.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/child.h"
#include "api/isvc.h"
#include "base/log.h"
#include "base/str.h"
#include "ctrl/ctrl.h"
#include "json/owned.h"
#include "json/yaml.h"
#include "kube/config.h"
#include "kube/path.h"
#include "sim/apiserver/apiserver.h"

enum { WALKERS = 24, STEPS = 9, OPTIONS_MAX = 6, STEP_MS = 30000, START_MS = 20000, NAME_SIZE = 6 };

/* Of each field: what it may be. NULL ends; "": left out. */
static const struct field_row {
    const char *path;
    const char *options[OPTIONS_MAX];
} rows[] = {
    { "predictor.minReplicas", { "", "1", "2", "3", "5" } },
    { "predictor.maxReplicas", { "", "", "3", "6", "9" } },
    { "predictor.scaleMetric", { "", "cpu", "memory", "queue_depth" } },
    { "predictor.scaleTarget", { "", "50", "75" } },
    { "predictor.autoScaling", { "", "", "{behavior: {scaleDown: {stabilizationWindowSeconds: 60}}}",
                                 "{metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 500m}}}]}" } },
    { "predictor.deploymentStrategy", { "", "{type: Recreate}", "{rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}",
                                        "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%}}" } },
    { "predictor.podDisruptionBudget", { "", "{minAvailable: 1}", "{maxUnavailable: 2}", "{maxUnavailable: 50%}",
                                         "{minAvailable: 1, unhealthyPodEvictionPolicy: IfHealthyBudget}" } },
    { "predictor.labels", { "", "{team: x}", "{team: x, tier: gold}", "{tier: iron}" } },
    { "predictor.annotations", { "", "{note: a}", "{other: b, note: c}" } },
    { "predictor.accelerator", { "", "", "{count: 1}", "{count: 2, product: A100}", "{profile: 1g.5gb}" } },
    { "predictor.model", { "", "", "{claimName: m}", "{claimName: m, mountPath: /x, readOnly: false}", "{claimName: n}" } },
    { "predictor.containers", { "[{image: a}]", "[{image: b, args: [x, y]}]",
                                "[{image: a, ports: [{containerPort: 9000}], env: [{name: A, value: b}]}]",
                                "[{image: a, resources: {requests: {cpu: 1000m, memory: 1024Mi}, limits: {memory: 2Gi}}}]",
                                "[{image: a, env: [{name: B, value: c}, {name: A, value: d}], readinessProbe: {httpGet: {path: /r, port: 8080}}}, "
                                "{name: side, image: c, env: [{name: P, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]}]" } },
    { "predictor.initContainers", { "", "", "[{name: warm, image: w}]", "[{name: warm, image: v, command: [a]}, {name: two, image: w}]" } },
    { "predictor.volumes", { "", "", "[{name: v, emptyDir: {sizeLimit: 1024Mi}}]", "[{name: v, configMap: {name: c}}, {name: u, emptyDir: {}}]" } },
    { "predictor.nodeSelector", { "", "{disk: fast}", "{disk: slow, arch: x}" } },
    { "predictor.tolerations", { "", "[{operator: Exists}]", "[{key: k, operator: Equal, value: v, effect: NoSchedule}]" } },
    { "predictor.affinity", { "", "", "{podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}", "{nodeAffinity: {}}" } },
    { "predictor.topologySpreadConstraints", { "", "", "[{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]" } },
    { "predictor.serviceAccountName", { "", "robot", "human" } },
    { "predictor.terminationGracePeriodSeconds", { "", "30", "90" } },
    { "predictor.imagePullSecrets", { "", "[{name: a}]", "[{name: b}, {name: a}]" } },
    { "predictor.priorityClassName", { "", "high" } },
    { "predictor.securityContext", { "", "{runAsNonRoot: true}", "{fsGroup: 7, runAsUser: 8}" } },
    { "predictor.hostAliases", { "", "", "[{ip: 10.0.0.1, hostnames: [x, y]}]" } },
    { "predictor.dnsPolicy", { "", "Default" } },
    { "rollout", { "", "{progressDeadlineSeconds: 300}", "{minReadySeconds: 5}", "{autoRollback: Disabled, progressDeadlineSeconds: 90}" } },
    { "scaling", { "", "{gate: {scaleUp: Allow}}", "{gate: {maxHoldSeconds: 5}}" } },
};

struct walker {
    int choice[COUNT(rows)];
    bool was_autoscaled; /* how many replicas an autoscaler left behind is history */
};

struct lab {
    pid_t server;
    char dir[64];
    struct loop *loop;
    struct kube *kube;
    struct ctrl *ctrl;
    struct walker walkers[WALKERS];
    unsigned seed;
    cJSON *lists[N_CHILDREN]; /* as last read */
};

static struct lab lab;

/* --- talking, while the controller works in the same loop --- */

struct answer {
    cJSON *body;
    int status;
    bool came;
};

static void on_answer(void *arg, const struct kube_reply *reply)
{
    struct answer *a = arg;

    a->body = json_dup(reply->body);
    a->status = reply->status;
    a->came = true;
    loop_stop(lab.loop);
}

static cJSON *call(const char *method, const char *path, const char *type, const cJSON *body, int *status)
{
    struct answer a = { 0 };

    kube_send(lab.kube, &(struct kube_request){ .method = method, .path = path, .content_type = type, .body = body }, on_answer, &a);
    while (!a.came)
        loop_run(lab.loop);
    *status = a.status;
    return a.body;
}

static cJSON *get(const char *path, int *status)
{
    return call("GET", path, NULL, NULL, status);
}

static void apply(const char *path, const cJSON *body, const char *what)
{
    AUTO_FREE char *query = kube_path_apply(path, "kubectl", true);
    int status;
    AUTO_JSON cJSON *said = call("PATCH", query, KUBE_APPLY_TYPE, body, &status);

    if (status != 200 && status != 201)
        fail_msg("%s: HTTP %d: %s", what, status, json_get_str(said, "message"));
}

static void on_slept(void *arg)
{
    loop_stop(arg);
}

static void turn(int64_t ms)
{
    struct loop_timer *t = loop_timer_new(lab.loop, on_slept, lab.loop);

    loop_timer_set(t, ms);
    loop_run(lab.loop);
    loop_timer_free(t);
}

/* --- generated specs --- */

static int n_options(const struct field_row *r)
{
    int n = 0;

    while (n < OPTIONS_MAX && r->options[n])
        n++;
    return n;
}

static cJSON *value_of(const char *text)
{
    cJSON *docs = NULL, *v;
    struct err e = { 0 };

    if (yaml_parse(text, strlen(text), &docs, &e) < 0)
        fail_msg("%s: %s", text, e.msg);
    v = json_dup(docs->child);
    cJSON_Delete(docs);
    return v;
}

static cJSON *resource(const struct walker *w, const char *name)
{
    cJSON *doc = json_new_obj(), *spec = json_obj(doc, "spec");

    json_str(doc, "apiVersion", API_VERSION);
    json_str(doc, "kind", API_KIND);
    json_str(json_obj(doc, "metadata"), "name", name);
    json_str(json_obj(doc, "metadata"), "namespace", "default");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *text = rows[i].options[w->choice[i]], *dot = strchr(rows[i].path, '.');

        if (text[0])
            json_put(dot ? json_obj(spec, "predictor") : spec, dot ? dot + 1 : rows[i].path, value_of(text));
    }
    return doc;
}

static bool is_accepted(struct walker *w)
{
    AUTO_JSON cJSON *doc = resource(w, "x");
    struct isvc s;
    struct err e;

    if (isvc_decode(doc, &s, &e) < 0)
        return false;
    w->was_autoscaled |= s.predictor.autoscaled;
    isvc_done(&s);
    return true;
}

static int random_below(int n)
{
    return (int)(rand_r(&lab.seed) / 7 % (unsigned)n);
}

static void change(struct walker *w, bool one_field)
{
    struct walker next;

    do {
        next = *w;
        if (one_field) {
            int i = random_below(COUNT(rows));

            next.choice[i] = (next.choice[i] + 1 + random_below(n_options(&rows[i]) - 1)) % n_options(&rows[i]);
        }
        for (size_t i = 0; !one_field && i < COUNT(rows); i++)
            next.choice[i] = random_below(n_options(&rows[i]));
    } while (!is_accepted(&next));
    *w = next;
}

/* --- children as text --- */

static void drop(cJSON *obj, const char *const *keys)
{
    for (; *keys; keys++)
        json_del(obj, *keys);
}

/* Both names are as long as "######". */
static char *child_text(const cJSON *obj, const char *name, bool with_replicas)
{
    static const char *const made[] = { "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", NULL };
    static const char *const given[] = { "clusterIP", "clusterIPs", NULL };
    AUTO_JSON cJSON *copy = json_dup(obj);
    char *text;

    json_del(copy, "status");
    drop(json_member(copy, "metadata"), made);
    json_del(json_at(copy, "metadata.ownerReferences.0"), "uid");
    drop(json_member(copy, "spec"), given);
    if (!with_replicas || !owned_has(owned_fields(obj, API_MANAGER), "spec.replicas"))
        json_del(json_member(copy, "spec"), "replicas");
    text = json_print(copy);
    for (char *at = text; (at = strstr(at, name));)
        memcpy(at, "######", NAME_SIZE);
    return text;
}

static void read_lists(void)
{
    for (int c = 0; c < N_CHILDREN; c++) {
        AUTO_FREE char *path = kube_path(child_types[c].api_path, "default", child_types[c].plural, NULL, NULL);
        int status;

        cJSON_Delete(lab.lists[c]);
        lab.lists[c] = get(path, &status);
    }
}

static const cJSON *child_in_lists(enum child c, const char *service)
{
    char name[512];
    const cJSON *item;

    assert_true(child_name(c, service, name, sizeof(name)));
    cJSON_ArrayForEach(item, json_member(lab.lists[c], "items"))
        if (str_eq(json_get_str(item, "metadata.name"), name))
            return item;
    return NULL;
}

/* Members may stand in another order: compared as values. */
static bool is_same_text(const char *a, const char *b)
{
    AUTO_JSON cJSON *x = NULL, *y = NULL;

    return str_eq(a, b) || (json_parse(a, strlen(a), &x, NULL) == 0 && json_parse(b, strlen(b), &y, NULL) == 0 &&
                            owned_hash(x) == owned_hash(y));
}

/* NULL: they are alike. */
static char *difference(const struct walker *w, const char *walked, const char *fresh)
{
    for (int c = 0; c < N_CHILDREN; c++) {
        const cJSON *a = child_in_lists((enum child)c, walked), *b = child_in_lists((enum child)c, fresh);
        AUTO_FREE char *x = a ? child_text(a, walked, !w->was_autoscaled) : xstrdup("null");
        AUTO_FREE char *y = b ? child_text(b, fresh, !w->was_autoscaled) : xstrdup("null");

        if (!is_same_text(x, y))
            return xasprintf("%s:\n  changed: %s\n  fresh:   %s", child_types[c].label, x, y);
    }
    return child_in_lists(CHILD_DEPLOYMENT, fresh) ? NULL : xstrdup("nothing was made yet");
}

static bool is_seen(const char *name)
{
    AUTO_FREE char *path = kube_path("/apis/" API_VERSION, "default", API_PLURAL, name, NULL);
    int status;
    AUTO_JSON cJSON *obj = get(path, &status);

    return json_get_int(obj, "status.observedGeneration", -1) == json_get_int(obj, "metadata.generation", 0);
}

/* --- the test --- */

static void remove_service(const char *name)
{
    AUTO_FREE char *path = kube_path("/apis/" API_VERSION, "default", API_PLURAL, name, NULL);
    int status;

    cJSON_Delete(call("DELETE", path, NULL, NULL, &status));
    for (int c = 0; c < N_CHILDREN; c++) {
        const cJSON *child = child_in_lists((enum child)c, name);
        AUTO_FREE char *at = child ? kube_path(child_types[c].api_path, "default", child_types[c].plural,
                                               json_get_str(child, "metadata.name"), NULL) : NULL;

        if (at)
            cJSON_Delete(call("DELETE", at, NULL, NULL, &status));
    }
}

static void apply_named(const struct walker *w, const char *name)
{
    AUTO_FREE char *path = kube_path("/apis/" API_VERSION, "default", API_PLURAL, name, NULL);
    AUTO_JSON cJSON *doc = resource(w, name);

    apply(path, doc, name);
}

static void wait_alike(const struct walker *w, const char *walked, const char *fresh, int step)
{
    int64_t end_ms = loop_now_ms() + STEP_MS;

    for (;;) {
        AUTO_FREE char *differs = difference(w, walked, fresh);
        AUTO_JSON cJSON *doc = NULL;

        if (!differs && is_seen(walked) && is_seen(fresh))
            return;
        if (loop_now_ms() > end_ms) {
            AUTO_FREE char *text = json_print(doc = resource(w, walked));

            fprintf(stderr, "step %d, changed into %s: %s\n", step, text, differs ? differs : "its status is not up to date");
            fail();
        }
        turn(20);
        read_lists();
    }
}

static void any_change_ends_as_a_fresh_start(void **state)
{
    int64_t seeds = 1;
    char walked[WALKERS][NAME_SIZE + 1], fresh[WALKERS][NAME_SIZE + 1];
    (void)state;

    if (getenv("SEEDS") && !str_to_int(getenv("SEEDS"), 1, 1000, &seeds))
        seeds = 1;
    for (int step = 0; step < STEPS * seeds; step++) {
        for (int i = 0; i < WALKERS; i++) {
            change(&lab.walkers[i], i % 2 == 0 && step);
            snprintf(walked[i], sizeof(walked[i]), "wal%03u", (unsigned)i % 1000U);
            snprintf(fresh[i], sizeof(fresh[i]), "f%05u", (unsigned)(step * WALKERS + i) % 100000U);
            apply_named(&lab.walkers[i], walked[i]);
            apply_named(&lab.walkers[i], fresh[i]);
        }
        read_lists();
        for (int i = 0; i < WALKERS; i++)
            wait_alike(&lab.walkers[i], walked[i], fresh[i], step);
        for (int i = 0; i < WALKERS; i++)
            remove_service(fresh[i]);
    }
    printf("# %lld changes\n", (long long)(STEPS * seeds * WALKERS));
}

/* --- the cluster --- */

static void start_server(void)
{
    AUTO_FREE char *config = xasprintf("%s/kubeconfig", lab.dir);
    char name[] = "apiserver", option[] = "--kubeconfig", *argv[] = { name, option, config, NULL };

    lab.server = fork();
    if (lab.server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(apiserver_main(3, argv));
    }
    for (int64_t end_ms = loop_now_ms() + START_MS; access(config, R_OK) < 0 && loop_now_ms() < end_ms;)
        usleep(10000);
}

static void install_crd(void)
{
    char text[128 * 1024];
    FILE *f = fopen("crds/inferenceservices.yaml", "r");
    cJSON *docs = NULL;
    struct err e;

    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    assert_int_equal(yaml_parse(text, strlen(text), &docs, &e), 0);
    AUTO_FREE char *path = kube_path("/apis/apiextensions.k8s.io/v1", NULL, "customresourcedefinitions",
                                     json_get_str(docs->child, "metadata.name"), NULL);
    apply(path, docs->child, "the CRD");
    cJSON_Delete(docs);
}

static int setup(void **state)
{
    static const char *const namespaces[] = { "default" };
    static const struct ctrl_config cfg = { .namespaces = namespaces, .n_namespaces = 1, .identity = "test", .max_passes = 16 };
    AUTO_FREE char *config = NULL;
    struct kube_config *kc = NULL;
    struct err e;
    (void)state;

    log_setup(LOG_ERROR, LOG_LOGFMT);
    lab.seed = 20261122;
    snprintf(lab.dir, sizeof(lab.dir), "/tmp/everserve-change-XXXXXX");
    assert_non_null(mkdtemp(lab.dir));
    start_server();
    config = xasprintf("%s/kubeconfig", lab.dir);
    lab.loop = loop_new();
    usleep(50000);
    assert_int_equal(kube_config_load(config, NULL, &kc, &e), 0);
    lab.kube = kube_new(lab.loop, kc, &e);
    assert_non_null(lab.kube);
    install_crd();
    lab.ctrl = ctrl_new(lab.loop, lab.kube, &cfg);
    ctrl_start(lab.ctrl);
    return 0;
}

static int teardown(void **state)
{
    AUTO_FREE char *config = xasprintf("%s/kubeconfig", lab.dir);
    (void)state;

    ctrl_free(lab.ctrl);
    kube_free(lab.kube);
    loop_free(lab.loop);
    for (int c = 0; c < N_CHILDREN; c++)
        cJSON_Delete(lab.lists[c]);
    if (lab.server > 0) {
        kill(lab.server, SIGTERM);
        waitpid(lab.server, NULL, 0);
    }
    unlink(config);
    rmdir(lab.dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_change_ends_as_a_fresh_start, setup, teardown),
    };

    return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
