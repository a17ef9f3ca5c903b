/*
 * An upgrade of the operator changes no pod. What an earlier release made is in the cluster, as tests/golden/release-VERSION
 * has it, written under our name; or an operator whose image has another tag made it. Then this operator starts: it writes no
 * template, no pod is replaced or restarted, and a client that sends requests without pause sees no error.
 */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "api/child.h"
#include "e2e/operator.h"
#include "e2e/traffic.h"

enum { READY_S = 90, FORMED_S = 150, FILE_MAX = 1 << 20, LOOK_MS = 3000 };

/* --- what must stay: templates and pods --- */

struct kept {
    cJSON *templates;   /* by "plural/name" */
    int n_writes;       /* that changed one */
    char first[256];
};

static void on_object(void *arg, enum kube_event event, const cJSON *obj)
{
    struct kept *k = arg;
    const char *name = json_get_str(obj, "metadata.name");
    const cJSON *was = json_member(k->templates, name), *is = json_at(obj, "spec.template");

    if (!was)
        json_put_dup(k->templates, name, is);
    if (event != KUBE_DELETED && (!was || json_equal(was, is)))
        return;
    if (!k->n_writes++)
        snprintf(k->first, sizeof(k->first), "%s", name);
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static struct kube_watch *watch(struct e2e *t, const char *plural, struct kept *k)
{
    static const struct kube_watch_handler handler = { on_object, on_nothing, on_nothing, NULL };
    struct kube_watch_opts o = { e2e_path(t, plural), NULL, NULL };

    return e2e_watch(t, &o, &handler, k);
}

/* Which pods there are, and how often their containers were started. */
static const char *pods_text(struct e2e *t)
{
    const cJSON *list = e2e_get(t, "pods"), *pod, *c;
    const char *text = "";

    cJSON_ArrayForEach(pod, json_member(list, "items")) {
        int64_t restarts = 0;

        cJSON_ArrayForEach(c, json_at(pod, "status.containerStatuses"))
            restarts += json_get_int(c, "restartCount", 0);
        text = e2e_fmt(t, "%s%s %s %d\n", text, json_get_str(pod, "metadata.name"), json_get_str(pod, "metadata.uid"), (int)restarts);
    }
    e2e_forget(t, list);
    return text;
}

/* Starts this operator beside what is there. */
static struct operator *upgrade(struct e2e *t, const char *service, const struct operator_opts *o)
{
    struct kept kept = { .templates = json_new_obj() };
    const char *before = pods_text(t), *after;
    struct traffic *c = traffic_start(t, service);
    struct kube_watch *deployments, *sets;
    struct operator *op;

    json_push(t->kept, kept.templates);
    deployments = watch(t, "deployments", &kept);
    sets = watch(t, "statefulsets", &kept);
    op = operator_start(t, o);
    operator_ready(t, op);
    e2e_wait_condition(t, e2e_fmt(t, "inferenceservices/%s", service), "Ready", "True", NULL, READY_S);
    e2e_sleep_ms(t, LOOK_MS);
    after = pods_text(t);
    e2e_unwatch(t, deployments);
    e2e_unwatch(t, sets);
    E2E_CHECK(t, operator_metric(t, op, "controller_runtime_reconcile_total", NULL) > 0, NULL, "the operator looked at nothing");
    E2E_CHECK(t, json_count(kept.templates) > 0 && !kept.n_writes, NULL, "templates were written %d times, the first: %s", kept.n_writes, kept.first);
    E2E_CHECK(t, str_eq(before, after), NULL, "pods before:\n%spods after:\n%s", before, after);
    traffic_end(t, c);
    return op;
}

/* --- what an earlier release made --- */

static const struct release_row {
    const char *input; /* of tests/golden/release-VERSION */
    const char *service;
    int replicas;
} minimal = { "minimal", "minimal", 2 }, from_kserve = { "from-kserve", "custom-model", 1 };

static const char *read_file(struct e2e *t, const char *path)
{
    AUTO_FREE char *text = xcalloc(1, FILE_MAX);
    FILE *f = fopen(path, "r");

    E2E_CHECK(t, f, NULL, "cannot open %s", path);
    text[fread(text, 1, FILE_MAX - 1, f)] = '\0';
    fclose(f);
    return e2e_fmt(t, "%s", text);
}

static const char *plural_of(const char *kind)
{
    int c = 0;

    while (c < N_CHILDREN - 1 && !str_eq(child_types[c].kind, kind))
        c++;
    return child_types[c].plural;
}

/* A child as the release rendered it, as a child of this resource, in this namespace. */
static void make_child(struct e2e *t, cJSON *child, const cJSON *owner)
{
    cJSON *meta = json_member(child, "metadata"), *ref = json_push_obj(json_arr(meta, "ownerReferences"));
    const char *what = e2e_fmt(t, "%s/%s?fieldManager=%s&force=true", plural_of(json_get_str(child, "kind")),
                               json_get_str(meta, "name"), API_MANAGER);
    const cJSON *said = NULL;
    int status;

    json_str(meta, "namespace", t->ns);
    json_str(ref, "apiVersion", API_VERSION);
    json_str(ref, "kind", API_KIND);
    json_put_dup(ref, "name", json_at(owner, "metadata.name"));
    json_put_dup(ref, "uid", json_at(owner, "metadata.uid"));
    json_bool(ref, "controller", true);
    json_bool(ref, "blockOwnerDeletion", true);
    status = e2e_send(t, "PATCH", what, "application/apply-patch+yaml", child, &said);
    E2E_CHECK(t, status == 201, said, "%s: HTTP %d", what, status);
}

/* One JSON object after another. */
static void make_children(struct e2e *t, const char *path, const cJSON *owner)
{
    const char *text = read_file(t, path), *end;

    for (; *text; text = end + strspn(end, "\n")) {
        cJSON *child = cJSON_ParseWithOpts(text, &end, false);

        E2E_CHECK(t, child, NULL, "%s is not JSON", path);
        json_push(t->kept, child);
        make_child(t, child, owner);
    }
}

static void an_earlier_release(struct e2e *t, const char *folder, const struct release_row *r)
{
    e2e_apply(t, "%s", read_file(t, e2e_fmt(t, "%s/%s.yaml", folder, r->input)));
    make_children(t, e2e_fmt(t, "%s/children/%s.json", folder, r->input), e2e_get(t, e2e_fmt(t, "inferenceservices/%s", r->service)));
    e2e_wait_value(t, e2e_fmt(t, "deployments/%s", r->service), "status.readyReplicas", e2e_fmt(t, "%d", r->replicas), READY_S);
    operator_stop(t, upgrade(t, r->service, NULL));
    e2e_delete(t, e2e_fmt(t, "inferenceservices/%s", r->service));
    e2e_wait_absent(t, e2e_fmt(t, "deployments/%s", r->service), READY_S);
}

/* Each release that is frozen. */
static void earlier_releases(struct e2e *t)
{
    glob_t folders;

    glob("tests/golden/release-*", 0, NULL, &folders);
    E2E_CHECK(t, folders.gl_pathc > 0, NULL, "no release is frozen");
    for (size_t i = 0; i < folders.gl_pathc; i++)
        an_earlier_release(t, e2e_fmt(t, "%s", folders.gl_pathv[i]), t->row);
    globfree(&folders);
}

/* --- another image: it is in Redis pods, in placeholders, and where models are downloaded --- */

static void another_image(struct e2e *t)
{
    static const char *const was[] = { "EVERSERVE_IMAGE=everserve:0.0.1", NULL }, *const is[] = { "EVERSERVE_IMAGE=everserve:99.0.0", NULL };
    struct operator *op = operator_start(t, &(struct operator_opts){ .env = was });

    operator_ready(t, op);
    e2e_apply(t, "apiVersion: serving.everserve.dev/v1alpha1\n"
                 "kind: InferenceService\n"
                 "metadata: { name: fraud }\n"
                 "spec:\n"
                 "  predictor: { containers: [{ image: registry.example.com/fraud:v1 }], headroom: { replicas: 1 } }\n"
                 "  redis: { replicasPerShard: 0 }\n");
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, FORMED_S);
    e2e_wait_value(t, "deployments/fraud-headroom", "status.readyReplicas", "1", READY_S);
    operator_stop(t, op);
    upgrade(t, "fraud", &(struct operator_opts){ .env = is });
}

static const struct e2e_row rows[] = {
    { { "what an earlier release made of an image alone", earlier_releases, NEEDS_NODES }, &minimal },
    { { "what an earlier release made of a KServe resource with an autoscaler", earlier_releases, NEEDS_NODES }, &from_kserve },
    { { "an operator of another image restarts neither Redis nor placeholders", another_image, NEEDS_SIM_NODES }, NULL },
};

int main(void)
{
    return e2e_main_rows("upgrade", rows, COUNT(rows));
}
