/*
 * Models that are downloaded: from a server in the cluster, once for all pods of a service, and never a wrong one.
 * Needs nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/children.h"
#include "e2e/operator.h"

#define SUM "1b465fa6b6bcbc06a3199e3d2d8aec35d37494a712f888b6d5536684dd89d0f0" /* of "weights\n" */
#define OTHER_SUM "0000000000000000000000000000000000000000000000000000000000000000"

enum { READY_S = 90 };

static const char isvc_what[] = "inferenceservices/fraud";

static const char store[] =
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: { name: store }\n"
    "spec:\n"
    "  containers:\n"
    "  - name: store\n"
    "    image: debian\n"
    "    command: [sh, -c, 'cd /tmp && echo weights >m.bin && exec python3 -m http.server 8000']\n"
    "    readinessProbe: { tcpSocket: { port: 8000 }, periodSeconds: 1 }\n";

/* Serves only where the file is what it should be. */
static const char service[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: fraud }\n"
    "spec:\n"
    "  predictor:\n"
    "    minReplicas: 2\n"
    "    terminationGracePeriodSeconds: 4\n"
    "    model: { uri: 'http://%s:8000/m.bin', sha256: '%s', storage: { size: 1Gi } }\n"
    "    containers:\n"
    "    - image: debian\n"
    "      command: [sh, -c, 'test \"$(cat /mnt/models/m.bin)\" = weights && exec python3 -m http.server 8080']\n";

static bool is_ready(const cJSON *pod, const void *arg)
{
    (void)arg;
    return str_eq(json_get_str(e2e_condition(pod, "Ready"), "status"), "True");
}

static bool says(const cJSON *isvc, const void *arg)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(isvc, "status.conditions"))
        if (json_get_str(c, "message") && strstr(json_get_str(c, "message"), arg))
            return true;
    return false;
}

static const char *start_store(struct e2e *t)
{
    e2e_apply(t, "%s", store);
    return json_get_str(e2e_wait(t, "pods/store", is_ready, NULL, 60, "the store is ready"), "status.podIP");
}

static void a_model_comes(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);
    const char *address = start_store(t);

    operator_ready(t, op);
    e2e_apply(t, service, address, SUM);
    e2e_wait_condition(t, isvc_what, "Ready", "True", NULL, READY_S);
    E2E_CHECK(t, json_get_str(e2e_get(t, isvc_what), "status.model.entrypoint") != NULL, e2e_get(t, isvc_what),
              "the image that downloads is not recorded");

    /* a checksum that does not match: said, and what runs goes on running */
    e2e_apply(t, service, address, OTHER_SUM);
    e2e_wait(t, isvc_what, says, "sha256 is 1b465fa6b6bc", READY_S, "a condition says what is wrong with the model");
    e2e_wait_value(t, "deployments/fraud", "status.readyReplicas", "2", 10);

    e2e_apply(t, service, address, SUM);
    e2e_wait_condition(t, isvc_what, "Ready", "True", NULL, READY_S);
}

static void a_claim_that_does_not_exist(struct e2e *t)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    e2e_apply(t, "%s",
              "apiVersion: serving.everserve.dev/v1alpha1\n"
              "kind: InferenceService\n"
              "metadata: { name: fraud }\n"
              "spec: { predictor: { model: { claimName: nowhere }, containers: [{ image: m }] } }\n");
    e2e_wait(t, isvc_what, says, "spec.predictor.model.claimName", READY_S, "a condition names the field");
}

int main(void)
{
    static const struct e2e_test tests[] = {
        { "a model from a server, and a wrong one", a_model_comes, NEEDS_SIM_NODES },
        { "a claim that does not exist", a_claim_that_does_not_exist, NEEDS_NODES },
    };

    return e2e_main("model", tests, COUNT(tests));
}
