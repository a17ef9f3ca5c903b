/*
 * A lab for changes: an API server in a process beside, the real controller in this one's loop, and a client that reads
 * all children. No other controllers, but where `is_alive` what their work comes to: Deployments have all they want, ready,
 * and a version on trial has pods. Claims of the class "grows" may grow.
 */
#ifndef UNIT_SIM_CHANGE_LAB_H
#define UNIT_SIM_CHANGE_LAB_H

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
#include "api/names.h"
#include "base/log.h"
#include "base/str.h"
#include "ctrl/ctrl.h"
#include "json/yaml.h"
#include "kube/config.h"
#include "kube/path.h"
#include "sim/apiserver/apiserver.h"

#define UNUSED __attribute__((unused))

enum { LAB_START_MS = 20000 };

struct lab {
    pid_t server;
    char dir[64];
    struct loop *loop;
    struct kube *kube;
    struct ctrl *ctrl;
    bool is_alive;
    int n_tried; /* pods of versions on trial that were made */
    cJSON *lists[N_CHILDREN]; /* as last read; of each kind once: first_of */
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

static cJSON *lab_call(const char *method, const char *path, const char *type, const cJSON *body, int *status)
{
    struct answer a = { 0 };

    kube_send(lab.kube, &(struct kube_request){ .method = method, .path = path, .content_type = type, .body = body }, on_answer, &a);
    while (!a.came)
        loop_run(lab.loop);
    *status = a.status;
    return a.body;
}

static cJSON *lab_get(const char *path, int *status)
{
    return lab_call("GET", path, NULL, NULL, status);
}

static void lab_must(const char *method, const char *path, const char *type, const cJSON *body)
{
    int status;
    AUTO_JSON cJSON *said = lab_call(method, path, type, body, &status);

    if (status != 200 && status != 201)
        fail_msg("%s %s: HTTP %d: %s", method, path, status, json_get_str(said, "message"));
}

static UNUSED void lab_apply(const char *path, const cJSON *body)
{
    AUTO_FREE char *query = kube_path_apply(path, "kubectl", true);

    lab_must("PATCH", query, KUBE_APPLY_TYPE, body);
}

static UNUSED void lab_delete(const char *path)
{
    int status;

    cJSON_Delete(lab_call("DELETE", path, NULL, NULL, &status));
}

static void on_slept(void *arg)
{
    loop_stop(arg);
}

static UNUSED void lab_turn(int64_t ms)
{
    struct loop_timer *t = loop_timer_new(lab.loop, on_slept, lab.loop);

    loop_timer_set(t, ms);
    loop_run(lab.loop);
    loop_timer_free(t);
}

/* The first document of a YAML text. */
static UNUSED cJSON *lab_yaml(const char *text)
{
    cJSON *docs = NULL, *v;
    struct err e = { 0 };

    if (yaml_parse(text, strlen(text), &docs, &e) < 0)
        fail_msg("%s: %s", text, e.msg);
    v = json_dup(docs->child);
    cJSON_Delete(docs);
    return v;
}

/* --- children --- */

/* The first child of the same kind. */
static enum child first_of(enum child c)
{
    int i = 0;

    while (!str_eq(child_types[i].plural, child_types[c].plural))
        i++;
    return (enum child)i;
}

static void lab_read_lists(void)
{
    for (int c = 0; c < N_CHILDREN; c++) {
        AUTO_FREE char *path = kube_path(child_types[c].api_path, "default", child_types[c].plural, NULL, NULL);
        int status;

        if (first_of((enum child)c) != (enum child)c)
            continue;
        cJSON_Delete(lab.lists[c]);
        lab.lists[c] = lab_get(path, &status);
    }
}

static UNUSED const cJSON *lab_child(enum child c, const char *service)
{
    char name[512];
    const cJSON *item;

    assert_true(child_name(c, service, name, sizeof(name)));
    cJSON_ArrayForEach(item, json_member(lab.lists[first_of(c)], "items"))
        if (str_eq(json_get_str(item, "metadata.name"), name))
            return item;
    return NULL;
}

static UNUSED void lab_remove(const char *service)
{
    AUTO_FREE char *path = kube_path("/apis/" API_VERSION, "default", API_PLURAL, service, NULL);

    lab_delete(path);
    for (int c = 0; c < N_CHILDREN; c++) {
        const cJSON *child = lab_child((enum child)c, service);
        AUTO_FREE char *at = child ? kube_path(child_types[c].api_path, "default", child_types[c].plural,
                                               json_get_str(child, "metadata.name"), NULL) : NULL;

        if (at)
            lab_delete(at);
    }
}

/* --- what others would do --- */

static cJSON *all_ready(const cJSON *deployment)
{
    static const char *const counts[] = { "replicas", "updatedReplicas", "readyReplicas", "availableReplicas" };
    cJSON *patch = json_new_obj(), *status = json_obj(patch, "status");

    json_int(status, "observedGeneration", json_get_int(deployment, "metadata.generation", 0));
    for (size_t i = 0; i < COUNT(counts); i++)
        json_int(status, counts[i], json_get_int(deployment, "spec.replicas", 1));
    return patch;
}

static void complete(const cJSON *deployment)
{
    AUTO_FREE char *path = kube_path("/apis/apps/v1", "default", "deployments", json_get_str(deployment, "metadata.name"), "status");
    AUTO_JSON cJSON *patch = all_ready(deployment);

    if (json_get_int(deployment, "status.observedGeneration", 0) == json_get_int(deployment, "metadata.generation", 0) &&
        json_get_int(deployment, "status.readyReplicas", 0) == json_get_int(deployment, "spec.replicas", 1))
        return;
    int status; /* it may be gone by now */
    cJSON_Delete(lab_call("PATCH", path, KUBE_MERGE_TYPE, patch, &status));
}

static const char *revision_of(const cJSON *obj)
{
    return cJSON_GetStringValue(json_member(json_at(obj, "metadata.labels"), LABEL_REVISION));
}

static void make_pod(const cJSON *deployment, const char *name)
{
    static const char ready[] = "{status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}}";
    AUTO_FREE char *pods = kube_path("/api/v1", "default", "pods", NULL, NULL);
    AUTO_FREE char *at = kube_path("/api/v1", "default", "pods", name, "status");
    AUTO_JSON cJSON *pod = json_dup(json_at(deployment, "spec.template")), *patch = lab_yaml(ready);
    cJSON *meta = json_member(pod, "metadata");

    lab.n_tried++;
    json_str(pod, "apiVersion", "v1");
    json_str(pod, "kind", "Pod");
    json_str(meta, "name", name);
    json_str(meta, "namespace", "default");
    lab_must("POST", pods, NULL, pod);
    lab_must("PATCH", at, KUBE_MERGE_TYPE, patch);
}

/* Pods of versions on trial: those of each canary's present template and number, no others. */
static void keep_pods(void)
{
    AUTO_FREE char *path = kube_path("/api/v1", "default", "pods", NULL, NULL);
    int status;
    AUTO_JSON cJSON *pods = lab_get(path, &status), *wanted = json_new_obj();
    const cJSON *item;

    cJSON_ArrayForEach(item, json_member(lab.lists[CHILD_DEPLOYMENT], "items"))
        for (int64_t i = 0; revision_of(json_at(item, "spec.template")) && i < json_get_int(item, "spec.replicas", 0); i++) {
            AUTO_FREE char *name = xasprintf("%s-%s-%d", json_get_str(item, "metadata.name"), revision_of(json_at(item, "spec.template")), (int)i);

            json_put_dup(wanted, name, item);
        }
    cJSON_ArrayForEach(item, json_member(pods, "items")) {
        const char *name = json_get_str(item, "metadata.name");
        AUTO_FREE char *at = kube_path("/api/v1", "default", "pods", name, NULL);

        if (!json_member(wanted, name))
            lab_delete(at);
        else
            json_del(wanted, name);
    }
    cJSON_ArrayForEach(item, wanted)
        make_pod(item, item->string);
}

/* As the garbage collector does, once what the set made is nobody's. */
static void let_orphans_go(void)
{
    AUTO_JSON cJSON *patch = lab_yaml("{metadata: {finalizers: null}}");
    const cJSON *item;
    int status;

    cJSON_ArrayForEach(item, json_member(lab.lists[CHILD_REDIS_STATEFULSET], "items")) {
        AUTO_FREE char *path = kube_path("/apis/apps/v1", "default", "statefulsets", json_get_str(item, "metadata.name"), NULL);

        if (json_has(item, "metadata.deletionTimestamp") && str_eq(json_get_str(item, "metadata.finalizers.0"), "orphan"))
            cJSON_Delete(lab_call("PATCH", path, KUBE_MERGE_TYPE, patch, &status));
    }
}

/* One look at everything; where the lab is alive, also a step of those who work on it. */
static UNUSED void lab_look(void)
{
    const cJSON *item;

    lab_read_lists();
    let_orphans_go();
    if (!lab.is_alive)
        return;
    cJSON_ArrayForEach(item, json_member(lab.lists[CHILD_DEPLOYMENT], "items"))
        complete(item);
    keep_pods();
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
    for (int64_t end_ms = loop_now_ms() + LAB_START_MS; access(config, R_OK) < 0 && loop_now_ms() < end_ms;)
        usleep(10000);
}

static void install_definition(const cJSON *definition)
{
    AUTO_FREE char *path = kube_path("/apis/apiextensions.k8s.io/v1", NULL, "customresourcedefinitions",
                                     json_get_str(definition, "metadata.name"), NULL);

    lab_apply(path, definition);
}

static void install_crd(void)
{
    char text[128 * 1024];
    FILE *f = fopen("crds/inferenceservices.yaml", "r");

    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    AUTO_JSON cJSON *definition = lab_yaml(text);
    install_definition(definition);
}

/* Kinds of others, as much of them as a server needs to keep such objects. */
static void install_others(void)
{
    for (int c = 0; c < N_CHILDREN; c++) {
        const struct child_type *t = &child_types[c];
        const char *slash = strchr(t->api_version, '/');

        if (!t->needs)
            continue;
        AUTO_FREE char *text = xasprintf(
            "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: %s.%.*s}, spec: {group: %.*s, "
            "scope: Namespaced, names: {kind: %s, listKind: %sList, plural: %s}, versions: [{name: %s, served: true, storage: true, "
            "schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}",
            t->plural, (int)(slash - t->api_version), t->api_version, (int)(slash - t->api_version), t->api_version, t->kind, t->kind,
            t->plural, slash + 1);
        AUTO_JSON cJSON *definition = lab_yaml(text);
        install_definition(definition);
    }
}

static void make_class(void)
{
    AUTO_JSON cJSON *class = lab_yaml("{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: grows}, provisioner: x, "
                                      "allowVolumeExpansion: true}");

    lab_apply("/apis/storage.k8s.io/v1/storageclasses/grows", class);
}

static UNUSED void lab_setup(void)
{
    static const char *const namespaces[] = { "default" };
    static const struct ctrl_config cfg = { .namespaces = namespaces, .n_namespaces = 1, .identity = "test", .max_passes = 16 };
    AUTO_FREE char *config = NULL;
    struct kube_config *kc = NULL;
    struct err e;

    log_setup(LOG_ERROR, LOG_LOGFMT);
    lab = (struct lab){ 0 };
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
    install_others();
    make_class();
    lab.ctrl = ctrl_new(lab.loop, lab.kube, &cfg);
    ctrl_start(lab.ctrl);
}

static UNUSED void lab_teardown(void)
{
    AUTO_FREE char *config = xasprintf("%s/kubeconfig", lab.dir);

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
}

#endif
