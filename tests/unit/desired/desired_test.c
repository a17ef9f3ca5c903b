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

#define HEAD "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: x, namespace: d }\n"
#define PLAIN HEAD "spec: { predictor: { containers: [{ image: m }] }, redis: {} }"
#define WANTS_TLS HEAD "spec: { predictor: { containers: [{ image: m }] }, redis: { tls: { secretName: t } } }"
#define BACKUP HEAD "spec: { predictor: { containers: [{ image: m }] }, " \
    "redis: { backup: { schedule: '0 3 * * *', keep: 3, storage: { size: 1Gi } } } }"
#define RESTORE HEAD "spec: { predictor: { containers: [{ image: m }] }, " \
    "redis: { restore: { claimName: old, path: old/one } } }"
#define SCALED HEAD "spec: { predictor: { maxReplicas: 9, containers: [{ image: m }] } }"

#define HASH "f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7"
#define USERS(p) { { { (char *)p, HASH } }, { { (char *)"of-the-operator", HASH } }, { { (char *)"of-replicas", HASH } } }
static const struct redis_keys hunter = { .user = USERS("hunter2") };
static const struct redis_keys odd = { .user = USERS("a b/@:\"\\\n") };
static const struct redis_keys secure = { .user = USERS("hunter2"),
                                          .tls = { (char *)"CERT", (char *)"KEY", (char *)"CA", HASH } };
static const struct redis_keys turned = { .user = USERS("hunter2"), .rotation = 2 };

static const struct row {
    const char *name;
    const char *yaml;
    struct desired_input in;
    enum child child;
    const char *path; /* NULL: the child must not exist */
    const char *want; /* JSON; NULL: the path must be absent */
} rows[] = {
    { "replicas as told", PLAIN, { .replicas = 5 }, CHILD_DEPLOYMENT, "spec.replicas", "5" },
    { "replicas zero is a number", PLAIN, { .replicas = 0 }, CHILD_DEPLOYMENT, "spec.replicas", "0" },
    { "replicas not written beside an autoscaler", SCALED, { .replicas = -1 }, CHILD_DEPLOYMENT, "spec.replicas", NULL },
    { "clients get ten seconds to notice", PLAIN, { 0 }, CHILD_DEPLOYMENT,
      "spec.template.spec.containers.0.lifecycle.preStop.sleep.seconds", "10" },
    { "of a short grace, half",
      HEAD "spec: { predictor: { terminationGracePeriodSeconds: 9, containers: [{ image: m }] } }", { 0 }, CHILD_DEPLOYMENT,
      "spec.template.spec.containers.0.lifecycle.preStop.sleep.seconds", "4" },
    { "of no grace, nothing",
      HEAD "spec: { predictor: { terminationGracePeriodSeconds: 1, containers: [{ image: m }] } }", { 0 }, CHILD_DEPLOYMENT,
      "spec.template.spec.containers.0.lifecycle.preStop", NULL },
    { "a user's own preStop stays",
      HEAD "spec: { predictor: { containers: [{ image: m, lifecycle: { preStop: { exec: { command: [x] } } } }] } }", { 0 },
      CHILD_DEPLOYMENT, "spec.template.spec.containers.0.lifecycle", "{\"preStop\":{\"exec\":{\"command\":[\"x\"]}}}" },
    { "the model is downloaded by the image as told",
      HEAD "spec: { predictor: { model: { uri: 'https://h.example/m' }, containers: [{ image: m }] } }",
      { .model_fetcher = "ours:7" }, CHILD_DEPLOYMENT, "spec.template.spec.initContainers.0.image", "\"ours:7\"" },
    { "a slice's plus cannot stand in a resource",
      HEAD "spec: { predictor: { accelerator: { profile: 1g.10gb+me }, containers: [{ image: m }] } }", { 0 }, CHILD_DEPLOYMENT,
      "spec.template.spec.containers.0.resources.limits", "{\"nvidia.com/mig-1g.10gb.me\":\"1\"}" },
    { "intel's resource",
      HEAD "spec: { predictor: { accelerator: { vendor: intel, product: Flex_170 }, containers: [{ image: m }] } }", { 0 },
      CHILD_DEPLOYMENT, "spec.template.spec.nodeSelector", "{\"gpu.intel.com/product\":\"Flex_170\"}" },
    { "amd's product", HEAD "spec: { predictor: { accelerator: { vendor: amd, product: Instinct_MI210 }, containers: [{ image: m }] } }",
      { 0 }, CHILD_DEPLOYMENT, "spec.template.spec.nodeSelector", "{\"amd.com/gpu.product-name\":\"Instinct_MI210\"}" },
    { "habana's product", HEAD "spec: { predictor: { accelerator: { vendor: habana, product: GAUDI2 }, containers: [{ image: m }] } }",
      { 0 }, CHILD_DEPLOYMENT, "spec.template.spec.nodeSelector", "{\"habana.ai/device.type\":\"GAUDI2\"}" },
    { "habana's taint", HEAD "spec: { predictor: { accelerator: { vendor: habana }, containers: [{ image: m }] } }", { 0 },
      CHILD_DEPLOYMENT, "spec.template.spec.tolerations.0.key", "\"habana.ai/gaudi\"" },
    { "no autoscaler without a maximum", PLAIN, { 0 }, CHILD_HPA, NULL, NULL },
    { "the autoscaler's bounds as told", SCALED, { .hpa_min = 4, .hpa_max = 7 }, CHILD_HPA, "spec.minReplicas", "4" },
    { "cpu at 70 % by default", SCALED, { .hpa_min = 4, .hpa_max = 7 }, CHILD_HPA,
      "spec.metrics.0.resource.target.averageUtilization", "70" },
    { "free to scale down", SCALED, { .hpa_min = 2, .hpa_max = 9 }, CHILD_HPA, "spec.behavior", NULL },
    { "held down by the autoscaler's own switch", SCALED, { .hpa_min = 2, .hpa_max = 9, .hold_down = true }, CHILD_HPA,
      "spec.behavior", "{\"scaleDown\":{\"selectPolicy\":\"Disabled\"}}" },
    { "a hold keeps the user's behavior",
      HEAD "spec: { predictor: { maxReplicas: 9, autoScaling: { behavior: { scaleDown: { selectPolicy: Min, "
           "stabilizationWindowSeconds: 9 } } }, containers: [{ image: m }] } }",
      { .hold_down = true }, CHILD_HPA, "spec.behavior",
      "{\"scaleDown\":{\"selectPolicy\":\"Disabled\",\"stabilizationWindowSeconds\":9}}" },
    { "no budget for one replica", HEAD "spec: { predictor: { minReplicas: 1, containers: [{ image: m }] } }", { 0 },
      CHILD_PDB, NULL, NULL },
    { "a budget where an autoscaler may reach two",
      HEAD "spec: { predictor: { minReplicas: 1, maxReplicas: 2, containers: [{ image: m }] } }", { 0 }, CHILD_PDB,
      "spec.maxUnavailable", "1" },
    { "Redis pods may be disrupted", PLAIN, { .redis_may_disrupt = true }, CHILD_REDIS_PDB, "spec.maxUnavailable", "1" },
    { "Redis pods may not be disrupted", PLAIN, { 0 }, CHILD_REDIS_PDB, "spec.maxUnavailable", "0" },
    { "no Redis, no StatefulSet", SCALED, { 0 }, CHILD_REDIS_STATEFULSET, NULL, NULL },
    { "Redis nodes as told", PLAIN, { .redis_nodes = 6 }, CHILD_REDIS_STATEFULSET, "spec.replicas", "6" },
    { "the server starts through the fence, and its command holds no secret", PLAIN, { .redis_keys = &hunter },
      CHILD_REDIS_STATEFULSET, "spec.template.spec.containers.0.command",
      "[\"/everserve/entry\",\"fence\",\"--data\",\"/data\",\"--persistence\",\"AppendOnly\",\"--cli\",\"redis-cli\","
      "\"--user\",\"replica\",\"--password-file\",\"/etc/everserve-auth/password\","
      "\"--\",\"redis-server\",\"/etc/everserve/redis.conf\",\"--cluster-announce-ip\",\"$(POD_IP)\"]" },
    { "the fence knows what a server without a disk comes back with",
      HEAD "spec: { predictor: { containers: [{ image: m }] }, redis: { persistence: None } }", { 0 }, CHILD_REDIS_STATEFULSET,
      "spec.template.spec.containers.0.command.5", "\"None\"" },
    { "the fence comes from the image that was chosen", PLAIN, { .redis_entrypoint = "mine:1" }, CHILD_REDIS_STATEFULSET,
      "spec.template.spec.initContainers.0.image", "\"mine:1\"" },
    { "TLS is what the Secret holds, whatever the spec says", PLAIN, { .redis_keys = &secure }, CHILD_REDIS_STATEFULSET,
      "spec.template.spec.containers.0.command",
      "[\"/everserve/entry\",\"fence\",\"--data\",\"/data\",\"--persistence\",\"AppendOnly\",\"--cli\",\"redis-cli\","
      "\"--user\",\"replica\",\"--tls\",\"/etc/everserve-tls\",\"--password-file\",\"/etc/everserve-auth/password\",\"--\","
      "\"redis-server\",\"/etc/everserve/redis.conf\",\"--cluster-announce-ip\",\"$(POD_IP)\","
      "\"--cluster-announce-hostname\",\"$(POD_NAME).x-redis.d.svc\"]" },
    { "nor does the spec alone switch it on", WANTS_TLS, { .redis_keys = &hunter }, CHILD_REDIS_STATEFULSET,
      "spec.template.spec.volumes.3", NULL },
    { "an expired certificate kills no server", PLAIN, { .redis_keys = &secure }, CHILD_REDIS_STATEFULSET,
      "spec.template.spec.containers.0.livenessProbe.exec.command.2",
      "\"REDISCLI_AUTH=none redis-cli --tls --insecure --user probe ping\"" },
    { "applications find the authority in a file", PLAIN, { .redis_keys = &secure }, CHILD_DEPLOYMENT,
      "spec.template.spec.containers.0.volumeMounts.0.mountPath", "\"/etc/everserve-redis\"" },
    { "a URL that says TLS", PLAIN, { .redis_keys = &secure }, CHILD_REDIS_SECRET, "data.url",
      /* rediss://:hunter2@x-redis.d.svc:6379/0 */
      "\"cmVkaXNzOi8vOmh1bnRlcjJAeC1yZWRpcy5kLnN2Yzo2Mzc5LzA=\"" },
    { "pods learn of a new password by its number", PLAIN, { .redis_keys = &turned }, CHILD_DEPLOYMENT,
      "spec.template.metadata.annotations", "{\"everserve.dev/redis-credentials\":\"2\"}" },
    { "no backup unless one is wanted", PLAIN, { .redis_formed = true, .redis_backup = "now-1" }, CHILD_BACKUP_JOB, NULL, NULL },
    { "no schedule before there is something to save", BACKUP, { 0 }, CHILD_BACKUP_CRON, NULL, NULL },
    { "the schedule", BACKUP, { .redis_formed = true }, CHILD_BACKUP_CRON, "spec.schedule", "\"0 3 * * *\"" },
    { "the backup that is wanted now", BACKUP, { .redis_backup = "now-1" }, CHILD_BACKUP_JOB, "spec.template.spec.containers.0.command",
      "[\"/everserve/entry\",\"backup\",\"--cli\",\"redis-cli\",\"--user\",\"replica\",\"--seed\",\"x-redis.d.svc:6379\",\"--dir\",\"/backup/x\","
      "\"--name\",\"$(BACKUP_NAME)\",\"--keep\",\"3\"]" },
    { "pods that save are not found by those who look for servers", BACKUP, { .redis_backup = "now-1" }, CHILD_BACKUP_JOB,
      "spec.template.metadata.labels",
      "{\"app.kubernetes.io/name\":\"inferenceservice\",\"app.kubernetes.io/instance\":\"x\",\"app.kubernetes.io/component\":\"redis-backup\"}" },
    { "while nothing is formed pods are filled", RESTORE, { 0 }, CHILD_REDIS_CONFIGMAP, "data.restore", "\"3\\n\"" },
    { "who fills them", RESTORE, { .redis_entrypoint = "mine:1", .redis_formed = true }, CHILD_REDIS_STATEFULSET,
      "spec.template.spec.initContainers.1.image", "\"mine:1\"" },
    { "no Secret without a password", PLAIN, { 0 }, CHILD_REDIS_SECRET, NULL, NULL },
    { "the password", PLAIN, { .redis_keys = &hunter }, CHILD_REDIS_SECRET, "data.password", "\"aHVudGVyMg==\"" },
    { "a password with everything in it, in the URL", PLAIN, { .redis_keys = &odd }, CHILD_REDIS_SECRET, "data.url",
      /* redis://:a%20b%2F%40%3A%22%5C%0A@x-redis.d.svc:6379/0 */
      "\"cmVkaXM6Ly86YSUyMGIlMkYlNDAlM0ElMjIlNUMlMEFAeC1yZWRpcy5kLnN2Yzo2Mzc5LzA=\"" },
    { "no model volume unless asked for", PLAIN, { 0 }, CHILD_DEPLOYMENT, "spec.template.spec.volumes", NULL },
    { "a user's probe stays",
      HEAD "spec: { predictor: { containers: [{ image: m, readinessProbe: { httpGet: { path: /, port: 1 } } }] } }", { 0 },
      CHILD_DEPLOYMENT, "spec.template.spec.containers.0.readinessProbe", "{\"httpGet\":{\"path\":\"/\",\"port\":1}}" },
    { "quantities are canonical",
      HEAD "spec: { predictor: { containers: [{ image: m, resources: { requests: { cpu: 1000m, memory: 1024Mi }, "
           "limits: { cpu: 2 } } }] } }",
      { 0 }, CHILD_DEPLOYMENT, "spec.template.spec.containers.0.resources",
      "{\"requests\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"limits\":{\"cpu\":\"2\"}}" },
    { "further ports keep their numbers",
      HEAD "spec: { predictor: { containers: [{ image: m, ports: [{ containerPort: 9000 }, { containerPort: 80 }, "
           "{ containerPort: 9001, name: metrics }, { containerPort: 9002 }] }] } }",
      { 0 }, CHILD_SERVICE, "spec.ports",
      "[{\"name\":\"http\",\"port\":80,\"protocol\":\"TCP\",\"targetPort\":9000},"
      "{\"name\":\"metrics\",\"port\":9001,\"protocol\":\"TCP\",\"targetPort\":9001},"
      "{\"name\":\"port-9002\",\"port\":9002,\"protocol\":\"TCP\",\"targetPort\":9002}]" },
};

static void decode(const char *yaml, struct isvc *s)
{
    AUTO_JSON cJSON *docs = NULL;
    struct err e = { 0 };

    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0 || isvc_decode(docs->child, s, &e) < 0)
        fail_msg("%s", e.msg);
}

static void check(void **state)
{
    const struct row *r = *state;
    struct isvc s;

    decode(r->yaml, &s);
    AUTO_JSON cJSON *child = desired_child(r->child, &s, &r->in);
    const cJSON *at = json_at(child, r->path ? r->path : "");
    AUTO_FREE char *got = at ? json_print(at) : NULL;

    isvc_done(&s);
    assert_int_equal(child != NULL, r->path != NULL);
    if (r->path && !str_eq(got, r->want))
        fail_msg("%s is %s", r->path, got ? got : "absent");
}

/* Only the Secret knows the password, whatever else is built with it at hand. */
static void the_password_is_nowhere_else(void **state)
{
    struct desired_input in;
    struct isvc s;
    (void)state;

    decode(PLAIN, &s);
    in = desired_input_default(&s);
    in.redis_keys = &hunter;
    for (int c = 0; c < N_CHILDREN; c++) {
        AUTO_JSON cJSON *child = desired_child((enum child)c, &s, &in);
        AUTO_FREE char *text = child ? json_print(child) : xstrdup("");

        assert_null(strstr(text, "hunter2"));
        assert_int_equal(strstr(text, "aHVudGVyMg==") != NULL, c == CHILD_REDIS_SECRET);
    }
    isvc_done(&s);
}

/* A held scale, a password or a size must not restart the models. */
static void the_template_depends_on_the_spec_alone(void **state)
{
    const struct desired_input a = { .replicas = 1 };
    const struct desired_input b = { .replicas = -1, .hpa_min = 7, .hpa_max = 9, .hold_down = true, .redis_nodes = 12,
                                     .redis_keys = &hunter, .redis_may_disrupt = true };
    struct isvc s;
    (void)state;

    decode(PLAIN, &s);
    AUTO_JSON cJSON *x = desired_child(CHILD_DEPLOYMENT, &s, &a), *y = desired_child(CHILD_DEPLOYMENT, &s, &b);
    assert_true(json_equal(json_at(x, "spec.template"), json_at(y, "spec.template")));
    AUTO_JSON cJSON *p = desired_child(CHILD_REDIS_STATEFULSET, &s, &a), *q = desired_child(CHILD_REDIS_STATEFULSET, &s, &b);
    assert_true(json_equal(json_at(p, "spec.template"), json_at(q, "spec.template")));
    isvc_done(&s);
}

static void every_child_is_ours_by_name_and_label(void **state)
{
    struct desired_input in;
    char name[128], service[254];
    struct isvc s;
    (void)state;

    decode(HEAD "spec: { predictor: { maxReplicas: 3, model: { storage: { size: 1Gi } }, "
                "accelerator: { claim: { deviceClassName: c } }, "
                "verticalScaling: {}, headroom: { replicas: 1 }, containers: [{ image: m }] }, "
                "rollout: { canary: { replicas: 1, route: { parentRefs: [{ name: web }] } } }, "
                "redis: { backup: { schedule: '@daily', storage: { size: 1Gi } } } }", &s);
    in = desired_input_default(&s);
    in.redis_backup = "now";
    in.canary_replicas = 1;
    for (int c = 0; c < N_CHILDREN; c++) {
        s.predictor.keda = c == CHILD_SCALEDOBJECT ? s.predictor.spec : NULL; /* it or the autoscaler */
        AUTO_JSON cJSON *child = desired_child((enum child)c, &s, &in);
        const cJSON *labels = json_at(child, "metadata.labels");

        assert_non_null(child);
        assert_true(child_name((enum child)c, "x", name, sizeof(name)));
        assert_string_equal(json_get_str(child, "metadata.name"), name);
        assert_string_equal(json_get_str(child, "metadata.namespace"), "d");
        assert_string_equal(cJSON_GetStringValue(json_member(labels, "app.kubernetes.io/managed-by")), "everserve");
        assert_int_equal(child_of(json_get_str(child, "kind"), name,
                                  cJSON_GetStringValue(json_member(labels, "app.kubernetes.io/component")), service), c);
        assert_string_equal(service, "x");
    }
    isvc_done(&s);
}

static void backups_outlive_the_service_and_restores_happen_once(void **state)
{
    const struct desired_input formed = { .redis_formed = true };
    struct isvc s;
    (void)state;

    decode(BACKUP, &s);
    AUTO_JSON cJSON *claim = desired_child(CHILD_BACKUP_CLAIM, &s, &formed);
    assert_null(json_at(claim, "metadata.ownerReferences"));
    isvc_done(&s);
    decode(RESTORE, &s);
    AUTO_JSON cJSON *config = desired_child(CHILD_REDIS_CONFIGMAP, &s, &formed);
    assert_null(json_at(config, "data.restore"));
    isvc_done(&s);
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(the_password_is_nowhere_else),
        cmocka_unit_test(the_template_depends_on_the_spec_alone),
        cmocka_unit_test(every_child_is_ours_by_name_and_label),
        cmocka_unit_test(backups_outlive_the_service_and_restores_happen_once),
    };
    struct CMUnitTest tests[COUNT(rows) + COUNT(more)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    memcpy(tests + COUNT(rows), more, sizeof(more));
    return cmocka_run_group_tests_name("desired", tests, NULL, NULL);
}
