/*
 * A KServe InferenceService (serving.kserve.io/v1beta1) whose apiVersion was changed: each field that both have is taken
 * and arrives where it works, each that we have not is refused, and the message names its path. Which fields of the predictor
 * both have is asked of the CRD: one that is not in these tables fails.
 * Field names: KServe's API reference, v1beta1 (ComponentExtensionSpec, PredictorSpec), and core/v1 (PodSpec, Container).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "desired/desired.h"
#include "json/yaml.h"

#define CONTAINERS "containers: [{ name: kserve-container, image: m, ports: [{ containerPort: 8080, protocol: TCP }] }]"

enum { CRD_MAX = 256 * 1024 };

/* KServe's component extension, and its model. */
static const struct row {
    const char *field;
    const char *predictor; /* beside CONTAINERS */
    enum child child;
    const char *path;      /* where it arrives there ... */
    const char *value;     /* ... as YAML */
} shared[] = {
    { "minReplicas", "minReplicas: 3", CHILD_DEPLOYMENT, "spec.replicas", "3" },
    { "minReplicas", "minReplicas: 3, maxReplicas: 5", CHILD_HPA, "spec.minReplicas", "3" },
    { "maxReplicas", "minReplicas: 1, maxReplicas: 5", CHILD_HPA, "spec.maxReplicas", "5" },
    { "scaleMetric", "maxReplicas: 5, scaleMetric: cpu, scaleTarget: 60", CHILD_HPA, "spec.metrics.0.resource.name", "cpu" },
    { "scaleMetric", "maxReplicas: 5, scaleMetric: memory, scaleTarget: 60", CHILD_HPA, "spec.metrics.0.resource.name", "memory" },
    { "scaleTarget", "maxReplicas: 5, scaleMetric: cpu, scaleTarget: 60", CHILD_HPA, "spec.metrics.0.resource.target",
      "{ type: Utilization, averageUtilization: 60 }" },
    { "scaleMetricType", "maxReplicas: 5, scaleMetric: cpu, scaleMetricType: Utilization", CHILD_HPA,
      "spec.metrics.0.resource.target.type", "Utilization" },
    { "scaleMetricType", "maxReplicas: 5, scaleMetric: memory, scaleTarget: 2Gi, scaleMetricType: AverageValue", CHILD_HPA,
      "spec.metrics.0.resource.target", "{ type: AverageValue, averageValue: 2Gi }" },
    { "autoScaling", "maxReplicas: 5, autoScaling: { metrics: [{ type: Resource, resource: { name: memory, target: { type: Utilization, "
      "averageUtilization: 55 } } }] }", CHILD_HPA, "spec.metrics.0.resource.target.averageUtilization", "55" },
    { "autoScaling", "maxReplicas: 5, autoScaling: { behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } }", CHILD_HPA,
      "spec.behavior.scaleDown.stabilizationWindowSeconds", "60" },
    { "deploymentStrategy", "deploymentStrategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }", CHILD_DEPLOYMENT,
      "spec.strategy", "{ type: RollingUpdate, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }" },
    { "podDisruptionBudget", "podDisruptionBudget: { minAvailable: 1 }", CHILD_PDB, "spec.minAvailable", "1" },
    { "labels", "labels: { a: b }", CHILD_DEPLOYMENT, "spec.template.metadata.labels.a", "b" },
    { "annotations", "annotations: { c: d }", CHILD_DEPLOYMENT, "spec.template.metadata.annotations.c", "d" },
    { "model", "model: { storageUri: \"https://example.com/m.bin\" }", CHILD_DEPLOYMENT,
      "spec.template.spec.initContainers.0.env", "[{ name: MODEL_URI, value: \"https://example.com/m.bin\" }]" },
};

/* core/v1 PodSpec, embedded in the predictor: arrives in the template as it is. */
static const struct pass {
    const char *field;
    const char *value;
} pod_fields[] = {
    { "initContainers", "[{ name: i, image: i }]" },
    { "volumes", "[{ name: v, emptyDir: {} }]" },
    { "nodeSelector", "{ a: b }" },
    { "affinity", "{ nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: "
      "[{ key: a, operator: Exists }] }] } } }" },
    { "tolerations", "[{ operator: Exists }]" },
    { "topologySpreadConstraints", "[{ maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway }]" },
    { "imagePullSecrets", "[{ name: p }]" },
    { "hostAliases", "[{ ip: 10.0.0.1, hostnames: [x] }]" },
    { "readinessGates", "[{ conditionType: x }]" },
    { "resourceClaims", "[{ name: own, resourceClaimName: c }]" },
    { "schedulingGates", "[{ name: x }]" },
    { "securityContext", "{ fsGroup: 1 }" },
    { "resources", "{ limits: { memory: 2Gi } }" },
    { "overhead", "{ cpu: 10m }" },
    { "dnsConfig", "{ nameservers: [10.0.0.2] }" },
    { "os", "{ name: linux }" },
    { "serviceAccountName", "s" },
    { "priorityClassName", "p" },
    { "runtimeClassName", "nvidia" },
    { "schedulerName", "s" },
    { "nodeName", "n" },
    { "hostname", "h" },
    { "subdomain", "s" },
    { "automountServiceAccountToken", "false" },
    { "enableServiceLinks", "false" },
    { "hostIPC", "true" },
    { "hostNetwork", "true" },
    { "hostPID", "true" },
    { "hostUsers", "false" },
    { "shareProcessNamespace", "true" },
    { "setHostnameAsFQDN", "true" },
    { "dnsPolicy", "Default" },
    { "preemptionPolicy", "Never" },
    { "restartPolicy", "Always" },
    { "terminationGracePeriodSeconds", "30" },
};

/* core/v1 Container: likewise, of each container. */
static const struct pass container_fields[] = {
    { "command", "[x]" },
    { "args", "[y]" },
    { "workingDir", "/w" },
    { "env", "[{ name: A, value: b }]" },
    { "envFrom", "[{ configMapRef: { name: c } }]" },
    { "resources", "{ requests: { cpu: \"1\" }, limits: { memory: 2Gi } }" },
    { "volumeMounts", "[{ name: v, mountPath: /v }]" },
    { "volumeDevices", "[{ name: v, devicePath: /dev/x }]" },
    { "readinessProbe", "{ httpGet: { path: /r, port: 8080 } }" },
    { "livenessProbe", "{ tcpSocket: { port: 8080 } }" },
    { "startupProbe", "{ httpGet: { path: /s, port: 8080 } }" },
    { "lifecycle", "{ preStop: { exec: { command: [d] } } }" },
    { "imagePullPolicy", "Always" },
    { "securityContext", "{ runAsNonRoot: true }" },
    { "terminationMessagePath", "/t" },
    { "terminationMessagePolicy", "FallbackToLogsOnError" },
    { "stdin", "true" },
    { "tty", "true" },
};

/* Not KServe's: a resource that comes from there cannot have them. */
static const char *const ours_alone[] = { "gpuMetric", "accelerator", "verticalScaling", "headroom" };

#define SOURCE "storageUri: \"https://example.com/m\""

static const struct refused_row {
    const char *spec; /* of the predictor, beside CONTAINERS; "spec.": of the resource */
    const char *path; /* in the message */
} refused[] = {
    { "spec.transformer: { containers: [{ image: t }] }", "spec.transformer" },
    { "spec.explainer: { containers: [{ image: e }] }", "spec.explainer" },
    { "canaryTrafficPercent: 10", "spec.predictor.canaryTrafficPercent" },
    { "containerConcurrency: 4", "spec.predictor.containerConcurrency" },
    { "timeout: 30", "spec.predictor.timeout" },
    { "logger: { mode: all }", "spec.predictor.logger" },
    { "batcher: { maxBatchSize: 8 }", "spec.predictor.batcher" },
    { "workerSpec: { tensorParallelSize: 2 }", "spec.predictor.workerSpec" },
    { "sklearn: { " SOURCE " }", "spec.predictor.sklearn" },
    { "xgboost: { " SOURCE " }", "spec.predictor.xgboost" },
    { "tensorflow: { " SOURCE " }", "spec.predictor.tensorflow" },
    { "pytorch: { " SOURCE " }", "spec.predictor.pytorch" },
    { "triton: {}", "spec.predictor.triton" },
    { "onnx: { " SOURCE " }", "spec.predictor.onnx" },
    { "huggingface: {}", "spec.predictor.huggingface" },
    { "pmml: { " SOURCE " }", "spec.predictor.pmml" },
    { "lightgbm: { " SOURCE " }", "spec.predictor.lightgbm" },
    { "paddle: { " SOURCE " }", "spec.predictor.paddle" },
    { "model: { modelFormat: { name: sklearn }, " SOURCE " }", "spec.predictor.model.modelFormat" },
    { "model: { runtime: r, " SOURCE " }", "spec.predictor.model.runtime" },
    { "model: { protocolVersion: v2, " SOURCE " }", "spec.predictor.model.protocolVersion" },
    { "model: { runtimeVersion: \"1\", " SOURCE " }", "spec.predictor.model.runtimeVersion" },
    { "model: { storage: { key: k, path: p } }", "spec.predictor.model.storage.key" },
    { "model: { storageUri: \"gs://b/m\" }", "spec.predictor.model.storageUri" },
    { "model: { storageUri: \"pvc://c/m\" }", "spec.predictor.model.storageUri" },
    { "maxReplicas: 5, scaleMetric: concurrency", "spec.predictor.scaleTarget" },
    { "maxReplicas: 5, autoScaling: { metrics: [{ type: PodMetric, podmetric: { metric: { query: q }, target: { type: Value, value: 4 } } }] }",
      "spec.predictor.autoScaling.metrics[0].type" },
    /* of a pod spec, but not ours */
    { "activeDeadlineSeconds: 5", "spec.predictor.activeDeadlineSeconds" },
    { "ephemeralContainers: [{ name: e, image: e }]", "spec.predictor.ephemeralContainers" },
    { "hostnameOverride: h", "spec.predictor.hostnameOverride" },
    { "priority: 5", "spec.predictor.priority" },
    { "serviceAccount: s", "spec.predictor.serviceAccount" },
};

static cJSON *from_yaml(const char *text)
{
    cJSON *docs = NULL, *v;
    struct err e = { 0 };

    if (yaml_parse(text, strlen(text), &docs, &e) < 0)
        fail_msg("%.2000s: %s", text, e.msg);
    v = json_dup(docs->child);
    cJSON_Delete(docs);
    return v;
}

/* predictor: what is in its braces. */
static cJSON *resource(const char *spec, const char *predictor)
{
    AUTO_FREE char *text = xasprintf("{apiVersion: serving.everserve.dev/v1alpha1, kind: InferenceService, metadata: {name: x, "
                                     "namespace: n}, spec: {%s%s predictor: {%s}}}", spec, spec[0] ? "," : "", predictor);

    return from_yaml(text);
}

/* Lists may hold more than was given, objects as well: our own beside it. */
static bool holds(const cJSON *have, const cJSON *want)
{
    const cJSON *w, *h;

    if (cJSON_IsObject(want)) {
        cJSON_ArrayForEach(w, want)
            if (!holds(json_member(have, w->string), w))
                return false;
        return cJSON_IsObject(have);
    }
    if (!cJSON_IsArray(want))
        return json_equal(have, want);
    cJSON_ArrayForEach(w, want) {
        cJSON_ArrayForEach(h, have)
            if (holds(h, w))
                break;
        if (!h)
            return false;
    }
    return cJSON_IsArray(have);
}

static void expect(const char *predictor, enum child c, const char *path, const char *value)
{
    AUTO_JSON cJSON *doc = resource("", predictor), *child = NULL, *want = from_yaml(value);
    struct desired_input in;
    struct err e = { 0 };
    struct isvc s;

    if (isvc_decode(doc, &s, &e) < 0)
        fail_msg("refused: %s", e.msg);
    in = desired_input_default(&s);
    child = desired_child(c, &s, &in);
    isvc_done(&s);
    if (!holds(json_at(child, path), want)) {
        AUTO_FREE char *text = json_print(child);
        fail_msg("%s of %s is not %s: %s", path, child_types[c].label, value, text);
    }
}

static void shared_fields_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shared); i++) {
        AUTO_FREE char *predictor = xasprintf("%s, " CONTAINERS, shared[i].predictor);

        expect(predictor, shared[i].child, shared[i].path, shared[i].value);
    }
}

static void a_pod_spec_arrives(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pod_fields); i++) {
        AUTO_FREE char *predictor = xasprintf("%s: %s, " CONTAINERS, pod_fields[i].field, pod_fields[i].value);
        AUTO_FREE char *path = xasprintf("spec.template.spec.%s", pod_fields[i].field);

        expect(predictor, CHILD_DEPLOYMENT, path, pod_fields[i].value);
    }
}

static void containers_arrive(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(container_fields); i++) {
        const struct pass *p = &container_fields[i];
        AUTO_FREE char *predictor = xasprintf("volumes: [{ name: v, emptyDir: {} }], containers: [{ name: kserve-container, image: m, "
                                              "%s: %s }, { name: side, image: s, %s: %s }]", p->field, p->value, p->field, p->value);

        for (int c = 0; c < 2; c++) {
            AUTO_FREE char *path = xasprintf("spec.template.spec.containers.%d.%s", c, p->field);

            expect(predictor, CHILD_DEPLOYMENT, path, p->value);
        }
    }
}

static void expect_refused(cJSON *doc, const char *path)
{
    struct err e = { 0 };
    struct isvc s;

    if (isvc_decode(doc, &s, &e) == 0) {
        isvc_done(&s);
        fail_msg("%s: taken, and would do nothing", path);
    }
    if (!strstr(e.msg, path))
        fail_msg("the message does not name %s: %s", path, e.msg);
}

static void others_are_refused_by_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        bool beside = str_has_prefix(refused[i].spec, "spec.");
        AUTO_FREE char *predictor = xasprintf("%s%s" CONTAINERS, beside ? "" : refused[i].spec, beside ? "" : ", ");
        AUTO_JSON cJSON *doc = resource(beside ? refused[i].spec + strlen("spec.") : "", predictor);

        expect_refused(doc, refused[i].path);
    }
}

/* KServe would choose a runtime for it. */
static void a_container_is_needed(void **state)
{
    AUTO_JSON cJSON *doc = resource("", "model: { " SOURCE " }");
    (void)state;

    expect_refused(doc, "spec.predictor.containers");
}

/* --- nothing was forgotten --- */

static bool is_in_tables(const char *field)
{
    AUTO_FREE char *path = xasprintf("spec.predictor.%s", field);

    for (size_t i = 0; i < COUNT(shared); i++)
        if (str_eq(shared[i].field, field))
            return true;
    for (size_t i = 0; i < COUNT(pod_fields); i++)
        if (str_eq(pod_fields[i].field, field))
            return true;
    for (size_t i = 0; i < COUNT(refused); i++)
        if (str_eq(refused[i].path, path))
            return true;
    for (size_t i = 0; i < COUNT(ours_alone); i++)
        if (str_eq(ours_alone[i], field))
            return true;
    return str_eq(field, "containers");
}

static void every_field_of_the_predictor_is_here(void **state)
{
    static char text[CRD_MAX];
    FILE *f = fopen("crds/inferenceservices.yaml", "r");
    const cJSON *field;
    (void)state;

    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    AUTO_JSON cJSON *crd = from_yaml(text);
    const cJSON *fields = json_at(crd, "spec.versions.0.schema.openAPIV3Schema.properties.spec.properties.predictor.properties");

    assert_true(json_count(fields) > 30);
    cJSON_ArrayForEach(field, fields)
        if (!is_in_tables(field->string))
            fail_msg("spec.predictor.%s is in no table: is it KServe's, and does it work?", field->string);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_fields_work),
        cmocka_unit_test(a_pod_spec_arrives),
        cmocka_unit_test(containers_arrive),
        cmocka_unit_test(others_are_refused_by_path),
        cmocka_unit_test(a_container_is_needed),
        cmocka_unit_test(every_field_of_the_predictor_is_here),
    };

    return cmocka_run_group_tests_name("kserve", tests, NULL, NULL);
}
