/*
 * What a person writes, and what is made of it: bad input is answered by a
 * condition, changes reach the same place as a fresh start, render tells the truth.
 * Needs no nodes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "e2e/children.h"
#include "e2e/operator.h"
#include "e2e/wire.h"
#include "json/owned.h"
#include "json/yaml.h"

static const char head[] = "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: fraud }\n";

/* Accepted or refused by the API server: whatever gets in must end in a condition, not in a crash. */
static const struct bad {
    const char *name;
    const char *spec;
} bads[] = {
    { "no container", "{predictor: {}}" },
    { "empty containers", "{predictor: {containers: []}}" },
    { "no image", "{predictor: {containers: [{name: x}]}}" },
    { "max below min", "{predictor: {minReplicas: 5, maxReplicas: 2, containers: [{image: a}]}}" },
    { "two shards", "{predictor: {containers: [{image: a}]}, redis: {shards: 2}}" },
    { "huge numbers", "{predictor: {minReplicas: 2147483648, containers: [{image: a}]}}" },
    { "text for a number", "{predictor: {minReplicas: two, containers: [{image: a}]}}" },
    { "an unknown field", "{predictor: {containers: [{image: a}], serverless: true}}" },
    { "a mount without its volume",
      "{predictor: {containers: [{image: a, volumeMounts: [{name: nothing, mountPath: /x}]}]}}" },
    { "requests above limits",
      "{predictor: {containers: [{image: a, resources: {requests: {cpu: 2}, limits: {cpu: 1}}}]}}" },
};

static void bad_specs(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    for (size_t i = 0; i < COUNT(bads); i++) {
        const cJSON *said = NULL;
        int status = e2e_try_apply(t, &said, "%sspec: %s\n", head, bads[i].spec);
        if (status != 200) {
            e2e_note(t, "%s: refused by the API server, HTTP %d: %.160s", bads[i].name, status, json_get_str(said, "message"));
            /* 500: what a real server says of a wrong type in an apply */
            E2E_CHECK(t, status == 422 || status == 400 || status == 500, said, "%s: HTTP %d", bads[i].name, status);
            continue;
        }
        const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "False", NULL, 60);
        e2e_note(t, "%s: %s: %.160s", bads[i].name, json_get_str(e2e_condition(isvc, "Ready"), "reason"),
                 json_get_str(e2e_condition(isvc, "Ready"), "message"));
        service_delete(t, "fraud");
    }
    E2E_CHECK(t, operator_is_running(op), NULL, "the operator ended");
}

/* A good resource that turns bad keeps running as it was. */
static void turned_bad(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%sspec: {predictor: {containers: [{image: a}]}}\n", head);
    const char *want = children_settle(t, "fraud", 60);
    /* refused by the Deployment's own validation, which the CRD cannot know */
    e2e_patch(t, "inferenceservices/fraud",
              "{spec: {predictor: {containers: [{name: model, image: a, imagePullPolicy: Sometimes}]}}}");
    const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "False", NULL, 30);
    e2e_note(t, "the condition says %s: %.200s", json_get_str(e2e_condition(isvc, "Ready"), "reason"),
             json_get_str(e2e_condition(isvc, "Ready"), "message"));
    /* the other children are not held hostage */
    e2e_delete(t, "services/fraud");
    e2e_wait_present(t, "services/fraud", 60);
    children_wait_text(t, "fraud", want, 30, "a refused change");
    e2e_patch(t, "inferenceservices/fraud", "{spec: {predictor: {containers: [{name: model, image: b}]}}}");
    e2e_wait_value(t, "deployments/fraud", "spec.template.spec.containers.0.image", "\"b\"", 60);
}

static const char *const shapes[] = {
    "{predictor: {containers: [{image: a}]}}",
    "{predictor: {minReplicas: 1, containers: [{image: a}]}}",
    "{predictor: {minReplicas: 3, maxReplicas: 8, scaleMetric: memory, containers: [{image: a}]}}",
    "{predictor: {minReplicas: 3, maxReplicas: 8, scaleTarget: 50, containers: [{image: b, args: [x, y]}]}}",
    "{predictor: {containers: [{image: a, ports: [{containerPort: 9000}], env: [{name: A, value: b}]}, "
    "{name: side, image: c}], nodeSelector: {disk: fast}}}",
    "{predictor: {containers: [{image: a}], terminationGracePeriodSeconds: 90, serviceAccountName: robot, "
    "podDisruptionBudget: {minAvailable: 1}, labels: {team: x}, annotations: {note: y}}}",
    "{predictor: {containers: [{image: a, resources: {requests: {cpu: 1000m, memory: 1024Mi}}}], "
    "deploymentStrategy: {type: Recreate}}}",
};

/* How many replicas an autoscaler left behind is history, not shape. */
static const char *without_replicas(struct e2e *t, const char *text)
{
    AUTO_FREE char *out = xstrdup(text);

    for (char *at = out; (at = strstr(at, "\"replicas\":"));) {
        char *end = at + strcspn(at, ",");
        memmove(at, end + 1, strlen(end + 1) + 1);
    }
    return e2e_fmt(t, "%s", out);
}

/* Any change from one shape to another ends where a fresh start would. */
static void any_change_is_like_new(struct e2e *t)
{
    const char *fresh[COUNT(shapes)];
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    for (size_t i = 0; i < COUNT(shapes); i++) {
        e2e_apply(t, "%sspec: %s\n", head, shapes[i]);
        fresh[i] = without_replicas(t, children_settle(t, "fraud", 60));
        service_delete(t, "fraud");
    }
    e2e_apply(t, "%sspec: %s\n", head, shapes[0]);
    for (size_t step = 1; step < COUNT(shapes); step++) {
        for (size_t i = 0, at = step % COUNT(shapes); i < COUNT(shapes); i++, at = (at + step) % COUNT(shapes)) {
            if (step > 2 && !getenv("E2E_LONG"))
                continue;
            e2e_apply(t, "%sspec: %s\n", head, shapes[at]);
            const char *is;
            int64_t end_ms = e2e_deadline_ms(30);
            while (!str_eq(is = without_replicas(t, children_text(t, "fraud")), fresh[at])) {
                E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "changed into %s\n%s", shapes[at],
                          text_difference(t, fresh[at], is));
                e2e_sleep_ms(t, 100);
            }
        }
    }
}

static void many_failures_few_events(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct operator_opts o = { .kubeconfig = wire_kubeconfig(w) };
    struct operator *op = operator_start(t, &o);

    operator_ready(t, op);
    e2e_apply(t, "{apiVersion: v1, kind: Service, metadata: {name: fraud}, spec: {ports: [{port: 1}]}}");
    e2e_apply(t, "%sspec: {predictor: {containers: [{image: a}]}}\n", head);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "False", "ChildConflict", 60);
    /* each of these makes a pass that fails in the same way */
    for (int i = 0; i < 60; i++) {
        e2e_patch(t, "inferenceservices/fraud", e2e_fmt(t, "{metadata: {annotations: {turn: '%d'}}}", i));
        e2e_patch(t, "poddisruptionbudgets/fraud", e2e_fmt(t, "{spec: {maxUnavailable: %d}}", 3 + i % 2));
    }
    e2e_sleep_ms(t, 2000);
    int calls = atomic_load(&w->counts.events);
    e2e_note(t, "%d event calls, %d writes of status", calls, atomic_load(&w->counts.status_writes));
    E2E_CHECK(t, calls >= 1 && calls <= 6, NULL, "%d event calls for one kind of failure", calls);
    E2E_CHECK(t, atomic_load(&w->counts.status_writes) <= 8, NULL, "%d status writes for one kind of failure",
              atomic_load(&w->counts.status_writes));
}

static void compare_one(struct e2e *t, const cJSON *doc)
{
    const cJSON *label = json_member(json_at(doc, "metadata.labels"), "app.kubernetes.io/component");
    char service[512];
    enum child c = child_of(json_get_str(doc, "kind"), json_get_str(doc, "metadata.name"),
                            label ? label->valuestring : "", service);
    struct err why = { 0 };

    if (c == N_CHILDREN)
        e2e_fail(t, doc, "render prints something that is no child");
    const cJSON *live = e2e_get(t, child_what(t, c, "fraud"));
    E2E_CHECK(t, live, doc, "render prints a child that does not exist");
    AUTO_JSON cJSON *desired = json_dup(doc);
    json_put_dup(json_obj(desired, "metadata"), "ownerReferences", json_at(live, "metadata.ownerReferences"));
    if (!owned_has(owned_fields(live, API_MANAGER), "spec.replicas"))
        json_del(json_at(desired, "spec"), "replicas");
    if (!owned_matches(live, owned_fields(live, API_MANAGER), desired, &why))
        e2e_fail(t, live, "%s is not what render prints: %s", child_types[c].label, why.msg);
}

/* render is the controller's own path: what it prints is what the live children hold of ours. */
static void render_tells_the_truth(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);
    const char *out = NULL, *binary = getenv("E2E_BINARY") ? getenv("E2E_BINARY") : "build/everserve";
    const char *argv[] = { binary, "render", "-n", t->ns, "-", NULL };
    const cJSON *doc;
    int n = 0;

    operator_ready(t, op);
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const char *yaml = e2e_fmt(t, "%sspec: %s\n", head, shapes[i]);
        e2e_apply(t, "%s", yaml);
        children_settle(t, "fraud", 60);
        E2E_CHECK(t, e2e_run(t, argv, yaml, &out) == 0, NULL, "render: %s", out);
        cJSON *docs = NULL;
        struct err e = { 0 };
        E2E_CHECK(t, yaml_parse(out, strlen(out), &docs, &e) == 0, NULL, "render prints no YAML: %s", e.msg);
        json_push(t->kept, docs);
        cJSON_ArrayForEach(doc, docs) {
            compare_one(t, doc);
            n++;
        }
        service_delete(t, "fraud");
    }
    e2e_note(t, "%d children compared", n);
}

static const struct e2e_test tests[] = {
    { "bad resources are refused or answered by a condition", bad_specs, 0 },
    { "a resource that turns bad keeps what it has", turned_bad, 0 },
    { "any change ends where a fresh start would", any_change_is_like_new, 0 },
    { "many identical failures make few event calls", many_failures_few_events, 0 },
    { "render prints what the live children hold", render_tells_the_truth, 0 },
};

int main(void)
{
    return e2e_main("spec", tests, COUNT(tests));
}
