#include "e2e/harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/child.h"
#include "base/buf.h"
#include "e2e/operator.h"
#include "json/yaml.h"

const char e2e_plain_service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: fraud }\n"
    "spec:\n"
    "  predictor:\n"
    "    containers:\n"
    "      - image: registry.example.com/fraud:v1\n";

const char e2e_redis_service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: fraud }\n"
    "spec:\n"
    "  predictor:\n"
    "    containers:\n"
    "      - image: registry.example.com/fraud:v1\n"
    "  redis: {}\n";

/* Where each plural lives; cluster-scoped ones have no namespace in their path. */
static const struct place {
    const char *plural;
    const char *kind;
    const char *api;
    bool is_cluster_wide;
} places[] = {
    { "inferenceservices", "InferenceService", "/apis/serving.everserve.dev/v1alpha1", false },
    { "deployments", "Deployment", "/apis/apps/v1", false },
    { "replicasets", "ReplicaSet", "/apis/apps/v1", false },
    { "statefulsets", "StatefulSet", "/apis/apps/v1", false },
    { "controllerrevisions", "ControllerRevision", "/apis/apps/v1", false },
    { "horizontalpodautoscalers", "HorizontalPodAutoscaler", "/apis/autoscaling/v2", false },
    { "poddisruptionbudgets", "PodDisruptionBudget", "/apis/policy/v1", false },
    { "networkpolicies", "NetworkPolicy", "/apis/networking.k8s.io/v1", false },
    { "cronjobs", "CronJob", "/apis/batch/v1", false },
    { "jobs", "Job", "/apis/batch/v1", false },
    { "leases", "Lease", "/apis/coordination.k8s.io/v1", false },
    { "events", "Event", "/apis/events.k8s.io/v1", false },
    { "roles", "Role", "/apis/rbac.authorization.k8s.io/v1", false },
    { "rolebindings", "RoleBinding", "/apis/rbac.authorization.k8s.io/v1", false },
    { "endpointslices", "EndpointSlice", "/apis/discovery.k8s.io/v1", false },
    { "pods", "Pod", "/api/v1", false },
    { "serviceaccounts", "ServiceAccount", "/api/v1", false },
    { "services", "Service", "/api/v1", false },
    { "secrets", "Secret", "/api/v1", false },
    { "configmaps", "ConfigMap", "/api/v1", false },
    { "persistentvolumeclaims", "PersistentVolumeClaim", "/api/v1", false },
    { "namespaces", "Namespace", "/api/v1", true },
    { "nodes", "Node", "/api/v1", true },
    { "clusterroles", "ClusterRole", "/apis/rbac.authorization.k8s.io/v1", true },
    { "customresourcedefinitions", "CustomResourceDefinition", "/apis/apiextensions.k8s.io/v1", true },
};

const char *e2e_fmt(struct e2e *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    AUTO_FREE char *text = xvasprintf(fmt, ap);
    va_end(ap);
    cJSON *item = cJSON_CreateString(text);
    json_push(t->kept, item);
    return item->valuestring;
}

/* Kinds that only children have, those of others' definitions among them. */
static const struct place *place_of_child(const char *plural, size_t len)
{
    static struct place found[N_CHILDREN];

    for (int i = 0; i < N_CHILDREN; i++) {
        const struct child_type *c = &child_types[i];

        if (strlen(c->plural) != len || strncmp(c->plural, plural, len))
            continue;
        found[i] = (struct place){ c->plural, c->kind, c->api_path, false };
        return &found[i];
    }
    return NULL;
}

static const struct place *place_of_plural(const char *what)
{
    size_t len = strcspn(what, "/?");

    for (size_t i = 0; i < COUNT(places); i++)
        if (strlen(places[i].plural) == len && !strncmp(places[i].plural, what, len))
            return &places[i];
    return place_of_child(what, len);
}

static const struct place *place_of_kind(const char *kind)
{
    for (size_t i = 0; i < COUNT(places); i++)
        if (str_eq(places[i].kind, kind))
            return &places[i];
    return NULL;
}

const char *e2e_path(struct e2e *t, const char *what)
{
    if (what[0] == '/')
        return what;
    const struct place *p = place_of_plural(what);

    E2E_CHECK(t, p, NULL, "the harness knows no resource \"%s\"", what);
    if (p->is_cluster_wide)
        return e2e_fmt(t, "%s/%s", p->api, what);
    return e2e_fmt(t, "%s/namespaces/%s/%s", p->api, t->ns, what);
}

struct answer {
    struct e2e *t;
    int status;
    cJSON *body;
    struct err err;
    bool came;
};

static void on_answer(void *arg, const struct kube_reply *reply)
{
    struct answer *a = arg;

    a->status = reply->status;
    a->body = json_dup(reply->body);
    a->err = reply->err;
    a->came = true;
    loop_stop(a->t->loop);
}

int e2e_send(struct e2e *t, const char *method, const char *what, const char *content_type, const cJSON *body,
             const cJSON **out)
{
    struct answer a = { .t = t };
    struct kube_request r = { KUBE_LANE_MAIN, method, e2e_path(t, what), content_type, body, 30000 };

    kube_send(t->kube, &r, on_answer, &a);
    while (!a.came)
        loop_run(t->loop);
    if (a.body)
        json_push(t->kept, a.body);
    if (out)
        *out = a.body;
    return a.status;
}

const cJSON *e2e_get(struct e2e *t, const char *what)
{
    const cJSON *got = NULL;
    int status = e2e_send(t, "GET", what, NULL, NULL, &got);

    if (status == 404)
        return NULL;
    E2E_CHECK(t, status == 200, got, "GET %s: HTTP %d", what, status);
    return got;
}

void e2e_forget(struct e2e *t, const cJSON *obj)
{
    if (obj)
        cJSON_Delete(cJSON_DetachItemViaPointer(t->kept, (cJSON *)(uintptr_t)obj));
}

const cJSON *e2e_list(struct e2e *t, const char *what)
{
    return json_at(e2e_get(t, what), "items");
}

static int apply_one(struct e2e *t, cJSON *doc, const cJSON **out)
{
    const struct place *p = place_of_kind(json_get_str(doc, "kind"));
    const char *name = json_get_str(doc, "metadata.name");

    E2E_CHECK(t, p && name, doc, "a document to apply needs a known kind and a name");
    if (!p->is_cluster_wide)
        json_str(json_obj(doc, "metadata"), "namespace", t->ns);
    const char *what = e2e_fmt(t, "%s/%s?fieldManager=e2e&force=true", p->plural, name);

    return e2e_send(t, "PATCH", what, "application/apply-patch+yaml", doc, out);
}

static int apply_text(struct e2e *t, const char *yaml, const cJSON **out)
{
    struct err e = { 0 };
    cJSON *docs = NULL;

    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0)
        e2e_fail(t, NULL, "the scenario's YAML: %s", e.msg);
    json_push(t->kept, docs);
    for (cJSON *doc = docs->child; doc; doc = doc->next) {
        int status = apply_one(t, doc, out);
        if (status != 200 && status != 201)
            return status;
    }
    return 200;
}

void e2e_apply(struct e2e *t, const char *yaml_fmt, ...)
{
    const cJSON *got = NULL;
    va_list ap;

    va_start(ap, yaml_fmt);
    AUTO_FREE char *yaml = xvasprintf(yaml_fmt, ap);
    va_end(ap);
    int status = apply_text(t, yaml, &got);
    E2E_CHECK(t, status == 200, got, "apply: HTTP %d", status);
}

int e2e_try_apply(struct e2e *t, const cJSON **out, const char *yaml_fmt, ...)
{
    const cJSON *got = NULL;
    va_list ap;

    va_start(ap, yaml_fmt);
    AUTO_FREE char *yaml = xvasprintf(yaml_fmt, ap);
    va_end(ap);
    int status = apply_text(t, yaml, &got);
    if (out)
        *out = got;
    return status;
}

void e2e_patch(struct e2e *t, const char *what, const char *merge_patch_yaml)
{
    struct err e = { 0 };
    cJSON *docs = NULL;
    const cJSON *got = NULL;

    if (yaml_parse(merge_patch_yaml, strlen(merge_patch_yaml), &docs, &e) < 0)
        e2e_fail(t, NULL, "the scenario's patch: %s", e.msg);
    json_push(t->kept, docs);
    int status = e2e_send(t, "PATCH", what, "application/merge-patch+json", docs->child, &got);
    E2E_CHECK(t, status == 200, got, "PATCH %s: HTTP %d", what, status);
}

void e2e_delete(struct e2e *t, const char *what)
{
    const cJSON *got = NULL;
    int status = e2e_send(t, "DELETE", what, NULL, NULL, &got);

    E2E_CHECK(t, status == 200 || status == 202 || status == 404, got, "DELETE %s: HTTP %d", what, status);
}

void e2e_note(struct e2e *t, const char *fmt, ...)
{
    va_list ap;

    printf("# %s: ", t->test);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
}

static char *object_text(const cJSON *obj)
{
    AUTO_JSON cJSON *copy = json_dup(obj);

    json_del(json_at(copy, "metadata"), "managedFields");
    return json_print_pretty(copy);
}

void e2e_fail(struct e2e *t, const cJSON *last, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "# failed: %s: ", t->test);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    if (last) {
        AUTO_FREE char *text = object_text(last);
        fprintf(stderr, "last seen: %.8000s\n", text);
    }
    fail();
    abort(); /* fail() jumps; the compiler cannot know */
}

static int start_program(const char *const argv[], int in_out[2])
{
    int to[2], from[2];

    if (pipe(to) < 0 || pipe(from) < 0)
        return -1;
    int pid = fork();
    if (pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        dup2(from[1], 2);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    in_out[0] = to[1];
    in_out[1] = from[0];
    return pid;
}

int e2e_run(struct e2e *t, const char *const argv[], const char *input, const char **output)
{
    AUTO_BUF struct buf b;
    int fds[2], status = 0;
    char part[4096];
    ssize_t n;

    buf_init(&b, 1 << 20);
    int pid = start_program(argv, fds);
    E2E_CHECK(t, pid > 0, NULL, "cannot start %s", argv[0]);
    if (input && write(fds[0], input, strlen(input)) < 0)
        e2e_note(t, "%s did not read its input", argv[0]);
    close(fds[0]);
    while ((n = read(fds[1], part, sizeof(part))) > 0)
        if (!buf_add(&b, part, (size_t)n))
            break;
    close(fds[1]);
    waitpid(pid, &status, 0);
    if (output)
        *output = e2e_fmt(t, "%s", buf_text(&b));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
