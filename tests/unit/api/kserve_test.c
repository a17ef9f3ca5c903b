/*
 * A KServe InferenceService (serving.kserve.io/v1beta1) whose apiVersion was changed: each field that both have is taken
 * and does what it does there, each that we have not is refused, and the message names its path.
 * Field names: KServe's API reference, v1beta1 (ComponentExtensionSpec, PredictorSpec, PodSpec).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/isvc.h"
#include "base/str.h"
#include "json/yaml.h"

#define CONTAINERS "containers: [{ name: kserve-container, image: m, ports: [{ containerPort: 8080, protocol: TCP }] }]"

static const struct row {
    const char *name;
    const char *spec;
    const char *refused; /* part of the message; NULL: taken */
} rows[] = {
    /* shared: KServe's component extension */
    { "minReplicas", "predictor: { minReplicas: 1, " CONTAINERS " }", NULL },
    { "maxReplicas", "predictor: { minReplicas: 1, maxReplicas: 5, " CONTAINERS " }", NULL },
    { "scaleMetric cpu", "predictor: { maxReplicas: 5, scaleMetric: cpu, scaleTarget: 60, " CONTAINERS " }", NULL },
    { "scaleMetric memory", "predictor: { maxReplicas: 5, scaleMetric: memory, scaleTarget: 60, " CONTAINERS " }", NULL },
    { "scaleMetricType", "predictor: { maxReplicas: 5, scaleMetric: cpu, scaleMetricType: Utilization, " CONTAINERS " }", NULL },
    { "deploymentStrategy",
      "predictor: { deploymentStrategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }, " CONTAINERS " }", NULL },
    { "labels, annotations", "predictor: { labels: { a: b }, annotations: { c: d }, " CONTAINERS " }", NULL },
    /* shared: the pod spec that a predictor embeds */
    { "a container's own fields",
      "predictor: { containers: [{ name: kserve-container, image: m, command: [x], args: [y], env: [{ name: A, value: b }], "
      "envFrom: [{ configMapRef: { name: c } }], resources: { requests: { cpu: 1 }, limits: { memory: 2Gi } }, workingDir: /w, "
      "imagePullPolicy: Always, securityContext: { runAsNonRoot: true }, volumeMounts: [{ name: v, mountPath: /v }], "
      "readinessProbe: { httpGet: { path: /r, port: 8080 } }, livenessProbe: { tcpSocket: { port: 8080 } } }], "
      "volumes: [{ name: v, emptyDir: {} }] }", NULL },
    { "several containers", "predictor: { containers: [{ name: kserve-container, image: m }, { name: side, image: s }] }", NULL },
    { "initContainers", "predictor: { initContainers: [{ name: i, image: i }], " CONTAINERS " }", NULL },
    { "nodeSelector, tolerations, affinity",
      "predictor: { nodeSelector: { a: b }, tolerations: [{ operator: Exists }], affinity: { nodeAffinity: {} }, " CONTAINERS " }", NULL },
    { "serviceAccountName, imagePullSecrets",
      "predictor: { serviceAccountName: s, imagePullSecrets: [{ name: p }], " CONTAINERS " }", NULL },
    { "securityContext, priorityClassName, schedulerName",
      "predictor: { securityContext: { fsGroup: 1 }, priorityClassName: p, schedulerName: s, " CONTAINERS " }", NULL },
    { "topologySpreadConstraints, terminationGracePeriodSeconds",
      "predictor: { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway }], "
      "terminationGracePeriodSeconds: 60, " CONTAINERS " }", NULL },
    { "hostAliases, dnsPolicy, dnsConfig, runtimeClassName",
      "predictor: { hostAliases: [{ ip: 10.0.0.1, hostnames: [x] }], dnsPolicy: ClusterFirst, dnsConfig: { nameservers: [10.0.0.2] }, "
      "runtimeClassName: nvidia, " CONTAINERS " }", NULL },
    { "model with a storageUri", "predictor: { model: { storageUri: \"https://example.com/m.bin\" }, " CONTAINERS " }", NULL },
    /* not ours */
    { "transformer", "predictor: { " CONTAINERS " }, transformer: { containers: [{ image: t }] }", "spec.transformer" },
    { "explainer", "predictor: { " CONTAINERS " }, explainer: { containers: [{ image: e }] }", "spec.explainer" },
    { "canaryTrafficPercent", "predictor: { canaryTrafficPercent: 10, " CONTAINERS " }", "spec.predictor.canaryTrafficPercent" },
    { "containerConcurrency", "predictor: { containerConcurrency: 4, " CONTAINERS " }", "spec.predictor.containerConcurrency" },
    { "timeout", "predictor: { timeout: 30, " CONTAINERS " }", "spec.predictor.timeout" },
    { "logger", "predictor: { logger: { mode: all }, " CONTAINERS " }", "spec.predictor.logger" },
    { "batcher", "predictor: { batcher: { maxBatchSize: 8 }, " CONTAINERS " }", "spec.predictor.batcher" },
    { "workerSpec", "predictor: { workerSpec: { tensorParallelSize: 2 }, " CONTAINERS " }", "spec.predictor.workerSpec" },
    { "a framework: sklearn", "predictor: { sklearn: { storageUri: \"gs://b/m\" }, " CONTAINERS " }", "spec.predictor.sklearn" },
    { "a framework: pytorch", "predictor: { pytorch: { storageUri: \"gs://b/m\" }, " CONTAINERS " }", "spec.predictor.pytorch" },
    { "a framework: triton", "predictor: { triton: {}, " CONTAINERS " }", "spec.predictor.triton" },
    { "a framework: huggingface", "predictor: { huggingface: {}, " CONTAINERS " }", "spec.predictor.huggingface" },
    { "a model's format and runtime", "predictor: { model: { modelFormat: { name: sklearn }, storageUri: \"https://example.com/m\" }, " CONTAINERS " }",
      "spec.predictor.model.modelFormat" },
    { "no container of one's own", "predictor: { model: { storageUri: \"https://example.com/m\" } }", "spec.predictor.containers" },
};

static cJSON *resource(const char *spec)
{
    AUTO_FREE char *text = xasprintf("{apiVersion: serving.everserve.dev/v1alpha1, kind: InferenceService, metadata: {name: x, "
                                     "namespace: n}, spec: {%s}}", spec);
    cJSON *docs = NULL, *doc;
    struct err e = { 0 };

    if (yaml_parse(text, strlen(text), &docs, &e) < 0)
        fail_msg("%s", e.msg);
    doc = json_dup(docs->child);
    cJSON_Delete(docs);
    return doc;
}

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_JSON cJSON *doc = resource(r->spec);
    struct err e = { 0 };
    struct isvc s;

    if (isvc_decode(doc, &s, &e) == 0) {
        isvc_done(&s);
        if (r->refused)
            fail_msg("taken, and would do nothing");
        return;
    }
    if (!r->refused)
        fail_msg("refused: %s", e.msg);
    if (!strstr(e.msg, r->refused))
        fail_msg("the message does not name %s: %s", r->refused, e.msg);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("kserve", tests, NULL, NULL);
}
