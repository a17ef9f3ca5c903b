/*
 * Children are as the resource says: made, mended, left alone when they are
 * somebody else's, and gone with their owner. Needs no nodes: pods find no place.
 */
#include <string.h>

#include "e2e/children.h"
#include "e2e/operator.h"
#include "e2e/wire.h"

static const char scaled_service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: fraud }\n"
    "spec:\n"
    "  predictor:\n"
    "    minReplicas: 2\n"
    "    maxReplicas: 9\n"
    "    nodeSelector: { nowhere: \"true\" }\n"
    "    containers:\n"
    "      - image: registry.example.com/fraud:v1\n"
    "  redis: { nodeSelector: { nowhere: \"true\" } }\n";

/* One edit by hand per child, of something that the operator owns. */
static const struct edit {
    enum child child;
    const char *patch;
} edits[] = {
    { CHILD_DEPLOYMENT, "{spec: {template: {spec: {terminationGracePeriodSeconds: 3600}}}}" },
    { CHILD_DEPLOYMENT, "{metadata: {labels: {app.kubernetes.io/managed-by: thief}}}" },
    { CHILD_DEPLOYMENT, "{metadata: {ownerReferences: null}}" },
    { CHILD_SERVICE, "{spec: {selector: {app.kubernetes.io/instance: other}}}" },
    { CHILD_HPA, "{spec: {maxReplicas: 3}}" },
    { CHILD_PDB, "{spec: {maxUnavailable: 50%}}" },
    { CHILD_REDIS_SECRET, "{data: {password: c3RvbGVu}}" },
    { CHILD_REDIS_SECRET, "{data: {password: null}}" },
    { CHILD_REDIS_CONFIGMAP, "{data: {redis.conf: 'appendonly no'}}" },
    { CHILD_REDIS_SERVICE, "{spec: {selector: {app.kubernetes.io/instance: other}}}" },
    { CHILD_REDIS_STATEFULSET, "{spec: {replicas: 1}}" },
    { CHILD_REDIS_PDB, "{spec: {maxUnavailable: 100%}}" },
    { CHILD_REDIS_NETPOL, "{spec: {policyTypes: []}}" },
};

static void edits_are_undone(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", scaled_service);
    children_settle(t, "fraud", 60);
    for (size_t i = 0; i < COUNT(edits); i++) {
        const char *was = child_text(t, edits[i].child, "fraud");
        E2E_CHECK(t, !str_eq(was, "null"), NULL, "%s is missing", child_types[edits[i].child].label);
        e2e_patch(t, child_what(t, edits[i].child, "fraud"), edits[i].patch);
        child_wait_text(t, edits[i].child, "fraud", was, 30);
    }
}

static void deletions_are_undone(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", scaled_service);
    children_settle(t, "fraud", 60);
    for (int i = 0; i < N_USUAL_CHILDREN; i++) {
        const char *was = child_text(t, usual_children[i], "fraud");
        e2e_delete(t, child_what(t, usual_children[i], "fraud"));
        child_wait_text(t, usual_children[i], "fraud", was, 60);
    }
}

/* Every child's name in turn is taken before the resource comes. */
static const struct foreign {
    enum child child;
    const char *yaml;
} foreigners[] = {
    { CHILD_SERVICE, "{apiVersion: v1, kind: Service, metadata: {name: fraud}, spec: {ports: [{port: 1}]}}" },
    { CHILD_REDIS_CONFIGMAP, "{apiVersion: v1, kind: ConfigMap, metadata: {name: fraud-redis}, data: {mine: x}}" },
    { CHILD_REDIS_SECRET, "{apiVersion: v1, kind: Secret, metadata: {name: fraud-redis}, stringData: {mine: x}}" },
    { CHILD_PDB, "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: fraud}, "
                 "spec: {maxUnavailable: 3, selector: {matchLabels: {a: b}}}}" },
    { CHILD_HPA, "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: fraud}, "
                 "spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: other}}}" },
    { CHILD_DEPLOYMENT, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: fraud}, spec: {replicas: 0, "
                        "selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, "
                        "spec: {containers: [{name: c, image: x}]}}}}" },
};

static void foreign_is_left_alone(struct e2e *t)
{
    const char *was[COUNT(foreigners)];
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    for (size_t i = 0; i < COUNT(foreigners); i++) {
        e2e_apply(t, "%s", foreigners[i].yaml);
        /* some carry our label: a selector alone must not make them ours */
        if (i % 2)
            e2e_patch(t, child_what(t, foreigners[i].child, "fraud"),
                      "{metadata: {labels: {app.kubernetes.io/managed-by: everserve}}}");
        was[i] = child_text(t, foreigners[i].child, "fraud");
    }
    e2e_apply(t, "%s", scaled_service);
    const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", NULL, 60);
    e2e_note(t, "the condition says %s: %s", json_get_str(e2e_condition(isvc, "Stalled"), "reason"),
             json_get_str(e2e_condition(isvc, "Stalled"), "message"));
    e2e_sleep_ms(t, 3000);
    for (size_t i = 0; i < COUNT(foreigners); i++) {
        const char *is = child_text(t, foreigners[i].child, "fraud");
        E2E_CHECK(t, str_eq(is, was[i]), isvc, "somebody else's %s was touched\n%s",
                  child_types[foreigners[i].child].label, text_difference(t, was[i], is));
    }
    for (size_t i = 0; i < COUNT(foreigners); i++)
        e2e_delete(t, child_what(t, foreigners[i].child, "fraud"));
    for (int i = 0; i < N_USUAL_CHILDREN; i++)
        e2e_wait_value(t, child_what(t, usual_children[i], "fraud"), "metadata.ownerReferences.0.kind", "\"InferenceService\"", 90);
    e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "False", NULL, 60);
}

/* One at a time, the condition names the culprit. */
static void foreign_is_named(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    for (size_t i = 0; i < COUNT(foreigners); i++) {
        e2e_apply(t, "%s", foreigners[i].yaml);
        e2e_apply(t, "%s", scaled_service);
        const cJSON *isvc = e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", NULL, 60);
        const char *message = json_get_str(e2e_condition(isvc, "Ready"), "message");
        E2E_CHECK(t, strstr(message, child_types[foreigners[i].child].kind), isvc, "the message does not name the %s",
                  child_types[foreigners[i].child].kind);
        e2e_delete(t, child_what(t, foreigners[i].child, "fraud"));
        service_delete(t, "fraud");
    }
}

/* Ours by owner, then taken away under our feet: another controller's from now on. */
static void foreign_controller_is_respected(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", scaled_service);
    children_settle(t, "fraud", 60);
    e2e_apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: other-owner}}");
    const char *uid = json_get_str(e2e_get(t, "configmaps/other-owner"), "metadata.uid");
    e2e_patch(t, "services/fraud",
              e2e_fmt(t, "{metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: other-owner, uid: %s, "
                         "controller: true}]}}", uid));
    e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "ChildConflict", 60);
    const cJSON *svc = e2e_get(t, "services/fraud");
    E2E_CHECK(t, str_eq(json_get_str(svc, "metadata.ownerReferences.0.uid"), uid), svc, "taken back by force");
}

static void deletion_takes_all(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", scaled_service);
    children_settle(t, "fraud", 60);
    service_delete(t, "fraud");
}

static void recreation_is_new(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    for (int round = 0; round < 2; round++) {
        e2e_apply(t, "%s", scaled_service);
        const char *want = children_settle(t, "fraud", 60);
        /* no pause at all between the deletion and the next resource of that name */
        e2e_delete(t, "inferenceservices/fraud");
        while (e2e_try_apply(t, NULL, "%s", scaled_service) != 200)
            e2e_sleep_ms(t, 50);
        const char *uid = json_get_str(e2e_get(t, "inferenceservices/fraud"), "metadata.uid");
        for (int i = 0; i < N_USUAL_CHILDREN; i++)
            e2e_wait_value(t, child_what(t, usual_children[i], "fraud"), "metadata.ownerReferences.0.uid",
                           e2e_fmt(t, "\"%s\"", uid), 60);
        children_wait_text(t, "fraud", want, 60, "a new resource of that name");
    }
}

static void orphans_stay(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", e2e_plain_service);
    children_settle(t, "fraud", 60);
    e2e_send(t, "DELETE", "inferenceservices/fraud?propagationPolicy=Orphan", NULL, NULL, NULL);
    e2e_wait_absent(t, "inferenceservices/fraud", 60);
    e2e_wait_value(t, "deployments/fraud", "metadata.ownerReferences", "null", 30);
    e2e_sleep_ms(t, 1000);
    E2E_CHECK(t, e2e_get(t, "deployments/fraud"), NULL, "an orphan was deleted");
}

static void paused_changes_nothing(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s", e2e_plain_service);
    children_settle(t, "fraud", 60);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {managementPolicy: Paused, predictor: {minReplicas: 5}}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "False", "Paused", 30);
    e2e_delete(t, "services/fraud");
    e2e_sleep_ms(t, 1500);
    E2E_CHECK(t, !e2e_get(t, "services/fraud"), NULL, "a child came back though paused");
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "2", 1);
    e2e_patch(t, "inferenceservices/fraud", "{spec: {managementPolicy: Managed}}");
    e2e_wait_present(t, "services/fraud", 30);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "5", 30);
}

static const struct e2e_test tests[] = {
    { "edits of every child are undone", edits_are_undone, 0 },
    { "every deleted child comes back as it was", deletions_are_undone, 0 },
    { "objects of children's names that are somebody else's are left alone", foreign_is_left_alone, 0 },
    { "the condition names the child whose name is taken", foreign_is_named, 0 },
    { "a child that another controller took is respected", foreign_controller_is_respected, 0 },
    { "the resource takes all its children with it", deletion_takes_all, 0 },
    { "deleted and made again under the same name: all children are new", recreation_is_new, 0 },
    { "children orphaned on purpose stay", orphans_stay, 0 },
    { "paused: nothing is changed, then everything", paused_changes_nothing, 0 },
};

int main(void)
{
    return e2e_main("children", tests, COUNT(tests));
}
