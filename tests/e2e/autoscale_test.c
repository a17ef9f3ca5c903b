/*
 * Kinds that come and go while the operator runs, and autoscalers that cannot see.
 */
#include <string.h>

#include "e2e/children.h"
#include "e2e/operator.h"
#include "json/yaml.h"

#define CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"

static const char head[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: fraud }\n"
    "spec:\n"
    "  predictor:\n"
    "    containers: [{ image: registry.example.com/fraud:v1 }]\n"
    "%s";

static const char seeing[] = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: sim-metrics }\ndata: { fraud.cpu: '70' }\n";

/* As much of it as a server needs to keep such objects. */
static void install(struct e2e *t, const char *kind, const char *plural, const char *group, const char *version)
{
    const char *yaml = e2e_fmt(t,
                               "apiVersion: apiextensions.k8s.io/v1\n"
                               "kind: CustomResourceDefinition\n"
                               "metadata: { name: %s.%s, annotations: { api-approved.kubernetes.io: unapproved } }\n"
                               "spec:\n"
                               "  group: %s\n"
                               "  scope: Namespaced\n"
                               "  names: { kind: %s, listKind: %sList, plural: %s, singular: %.*s }\n"
                               "  versions:\n"
                               "  - name: %s\n"
                               "    served: true\n"
                               "    storage: true\n"
                               "    schema:\n"
                               "      openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true }\n",
                               plural, group, group, kind, kind, plural, (int)strlen(plural) - 1, plural, version);
    const char *path = e2e_fmt(t, CRDS "%s.%s?fieldManager=e2e&force=true", plural, group);
    const cJSON *out = NULL;
    cJSON *docs = NULL;
    struct err e;
    int status;

    E2E_CHECK(t, yaml_parse(yaml, strlen(yaml), &docs, &e) == 0, NULL, "%s", e.msg);
    status = e2e_send(t, "PATCH", path, "application/apply-patch+yaml", docs->child, &out);
    cJSON_Delete(docs);
    E2E_CHECK(t, status == 200 || status == 201, out, "the CRD of %s was not taken", kind);
}

static const char *object(struct e2e *t, const char *group_version, const char *plural)
{
    return e2e_fmt(t, "/apis/%s/namespaces/%s/%s/fraud", group_version, t->ns, plural);
}

static void sizes_come_and_go(struct e2e *t)
{
    const char *vpa = object(t, "autoscaling.k8s.io/v1", "verticalpodautoscalers");
    struct operator *op;

    e2e_delete(t, CRDS "verticalpodautoscalers.autoscaling.k8s.io");
    op = operator_start(t, NULL);
    operator_ready(t, op);
    e2e_apply(t, head, "    verticalScaling: { mode: Initial }\n");
    e2e_wait_present(t, "deployments/fraud", 60);
    if (t->has_nodes)
        e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "VerticalPodAutoscalerMissing", 90);
    install(t, "VerticalPodAutoscaler", "verticalpodautoscalers", "autoscaling.k8s.io", "v1");
    e2e_wait_value(t, vpa, "spec.updatePolicy.updateMode", "\"Initial\"", 90);
    if (t->has_nodes)
        e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, 60);

    e2e_delete(t, vpa); /* watched from now on */
    e2e_wait_present(t, vpa, 30);

    e2e_delete(t, CRDS "verticalpodautoscalers.autoscaling.k8s.io");
    if (t->has_nodes)
        e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "VerticalPodAutoscalerMissing", 90);
    install(t, "VerticalPodAutoscaler", "verticalpodautoscalers", "autoscaling.k8s.io", "v1");
    e2e_wait_present(t, vpa, 90);
    e2e_delete(t, "inferenceservices/fraud");
    e2e_delete(t, CRDS "verticalpodautoscalers.autoscaling.k8s.io");
}

static void keda_instead(struct e2e *t)
{
    static const char by_keda[] = "    maxReplicas: 5\n"
                                  "    autoScaling: { keda: { triggers: [{ type: cron, metadata: { timezone: UTC } }] } }\n";
    const char *scaled = object(t, "keda.sh/v1alpha1", "scaledobjects");
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, head, "    maxReplicas: 5\n");
    e2e_wait_present(t, "horizontalpodautoscalers/fraud", 60);
    install(t, "ScaledObject", "scaledobjects", "keda.sh", "v1alpha1");
    e2e_apply(t, head, by_keda);
    e2e_wait_value(t, scaled, "spec.maxReplicaCount", "5", 90);
    E2E_CHECK(t, !e2e_get(t, "horizontalpodautoscalers/fraud"), NULL, "two autoscalers");
    e2e_apply(t, head, "    maxReplicas: 6\n");
    e2e_wait_value(t, "horizontalpodautoscalers/fraud", "spec.maxReplicas", "6", 60);
    e2e_wait_absent(t, scaled, 10);
    e2e_delete(t, "inferenceservices/fraud");
    e2e_delete(t, CRDS "scaledobjects.keda.sh");
}

static void blind_at_five(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, seeing);
    e2e_apply(t, head, "    maxReplicas: 9\n");
    e2e_wait_present(t, "horizontalpodautoscalers/fraud", 60);
    e2e_patch(t, "deployments/fraud/scale", "{spec: {replicas: 5}}");
    e2e_wait_condition(t, "inferenceservices/fraud", "ScalingBlind", "False", "MetricsRead", 60);
    e2e_delete(t, "configmaps/sim-metrics");
    e2e_wait_value(t, "horizontalpodautoscalers/fraud", "spec.minReplicas", "5", 60);
    e2e_wait_condition(t, "inferenceservices/fraud", "ScalingBlind", "True", "MetricsUnreadable", 60);

    operator_stop(t, op);
    e2e_delete(t, "deployments/fraud");
    op = operator_start(t, NULL);
    operator_ready(t, op);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "5", 60);
    e2e_apply(t, seeing);
    e2e_wait_condition(t, "inferenceservices/fraud", "ScalingBlind", "False", "FloorHeld", 60);
    e2e_wait_value(t, "horizontalpodautoscalers/fraud", "spec.minReplicas", "5", 5);
}

/* A server without HPAScaleToZero, as most are. */
static void not_to_zero(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, head,
              "    minReplicas: 0\n"
              "    maxReplicas: 5\n"
              "    autoScaling:\n"
              "      metrics: [{ type: External, external: { metric: { name: q }, target: { type: Value, value: '5' } } }]\n");
    e2e_wait_value(t, "horizontalpodautoscalers/fraud", "spec.minReplicas", "1", 60);
    e2e_wait_value(t, "deployments/fraud", "spec.replicas", "1", 30);
    if (t->has_nodes)
        e2e_wait_condition(t, "inferenceservices/fraud", "Stalled", "True", "ScaleToZeroUnsupported", 90);
}

static const struct e2e_test tests[] = {
    { "a VerticalPodAutoscaler whose CRD is installed later, goes and comes back", sizes_come_and_go, NEEDS_SIM },
    { "KEDA instead of an autoscaler, and back", keda_instead, NEEDS_SIM },
    { "an autoscaler that loses its metrics keeps what ran", blind_at_five, NEEDS_SIM },
    { "to zero on a server that does not let autoscalers go there: 1 stays, and it is said", not_to_zero, NEEDS_SIM },
};

int main(void)
{
    return e2e_main("autoscale", tests, COUNT(tests));
}
