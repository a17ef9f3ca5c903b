/*
 * Any change of a resource ends where a fresh one with the same spec would, child by child: hundreds of generated specs
 * (SEEDS=n: n times as many), applied one after another by server-side apply to an API server in a process beside, while
 * the real controller works on it; after each step the children are those of a resource that was just made with the last spec.
 *
 * Walkers with an even number change one field at a time, the others all at once. Once with Deployments that never get ready,
 * and once with such that do at once: then templates are kept, versions tried and promoted.
 *
 * What may differ, because history counts by design, is one table below (excuses). Not generated: Redis that is formed (its
 * changes are commands, tests/e2e/redis_*, and it cannot be removed), fewer nodes of one that is not (without a plan nobody
 * has proved that they hold nothing: its StatefulSet only grows), serving pods that wait for it, Paused, canaries that
 * wait for a person, and what the CRD's transition rules refuse, which the local API server does not evaluate.
 */
#include "change_lab.h"

#include "api/isvc.h"
#include "json/owned.h"
#include "json/quantity.h"

enum { WALKERS = 22, WITHOUT_REDIS = 16, STEPS = 5, OPTIONS_MAX = 10, STEP_MS = 60000, TURN_MS = 100, NAME_SIZE = 6 };

/* Of each field: what it may be. NULL ends; "": left out. */
static const struct field_row {
    const char *path;
    const char *options[OPTIONS_MAX];
} rows[] = {
    { "redis", { "", "{}", "{shards: 5}", "{replicasPerShard: 2, persistence: Snapshot}", "{config: {maxmemory-samples: \"7\"}, auth: {rotate: a}}",
                 "{image: \"valkey/valkey:8.1\", nodeSelector: {disk: fast}, resources: {limits: {memory: 1Gi}}}",
                 "{storage: {size: 2Gi}, maxMemoryPolicy: allkeys-lru}",
                 "{backup: {schedule: \"0 3 * * *\", claimName: b}, priorityClassName: high}",
                 "{backup: {storage: {size: 1Gi}}, tolerations: [{operator: Exists}]}" } },
    { "predictor.minReplicas", { "", "1", "2", "3", "5", "0" } },
    { "predictor.maxReplicas", { "", "", "3", "6", "9" } },
    { "predictor.scaleMetric", { "", "cpu", "memory", "queue_depth", "gpu" } },
    { "predictor.scaleTarget", { "", "50", "75" } },
    { "predictor.autoScaling", { "", "", "{behavior: {scaleDown: {stabilizationWindowSeconds: 60}}}",
                                 "{metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 500m}}}]}",
                                 "{metrics: [{type: External, external: {metric: {name: q}, target: {type: Value, value: \"5\"}}}]}",
                                 "{keda: {triggers: [{type: cron, metadata: {timezone: UTC}}]}}",
                                 "{keda: {triggers: [{type: cpu, metadata: {value: \"60\"}}], pollingInterval: 10}, behavior: {scaleUp: {selectPolicy: Max}}}",
                                 "{keda: {triggers: [{type: cron, metadata: {timezone: UTC}}], idleReplicaCount: 0, "
                                 "fallback: {replicas: 2, failureThreshold: 3}}}" } },
    { "predictor.verticalScaling", { "", "", "{}", "{mode: Initial}", "{mode: Recreate, controlledResources: [memory]}",
                                     "{mode: InPlaceOrRecreate, minAllowed: {cpu: 100m}, maxAllowed: {cpu: 2000m, memory: 1024Mi}}" } },
    { "predictor.headroom", { "", "", "{replicas: 0}", "{replicas: 1}", "{replicas: 3, priorityClassName: low}" } },
    { "predictor.deploymentStrategy", { "", "{type: Recreate}", "{rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}",
                                        "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%}}" } },
    { "predictor.podDisruptionBudget", { "", "{minAvailable: 1}", "{maxUnavailable: 2}", "{maxUnavailable: 50%}",
                                         "{minAvailable: 1, unhealthyPodEvictionPolicy: IfHealthyBudget}" } },
    { "predictor.labels", { "", "{team: x}", "{team: x, tier: gold}", "{tier: iron}" } },
    { "predictor.annotations", { "", "{note: a}", "{other: b, note: c}" } },
    { "predictor.accelerator", { "", "{count: 1}", "{count: 2, product: A100}", "{profile: 1g.5gb}", "{sharing: Shared}",
                                 "{vendor: amd, product: MI300X}", "{vendor: intel, resourceName: gpu.intel.com/xe}", "{vendor: habana, count: 8}",
                                 "{claim: {deviceClassName: gpu.example.com, count: 2}}", "{claim: {resourceClaimTemplateName: theirs}}" } },
    { "predictor.model", { "", "{claimName: m}", "{claimName: m, mountPath: /x, readOnly: false}", "{claimName: n}",
                           "{storage: {size: 1Gi, storageClassName: grows}}",
                           "{storage: {size: 2048Mi, storageClassName: grows}, readOnly: false}", "{uri: \"https://models.example.com/a.bin\", sizeLimit: 1Gi}",
                           "{uri: \"s3://bucket/b.bin\", endpoint: \"https://s3.example.com\", secretName: s, claimName: m}",
                           "{uri: \"hf://org/repo/c.bin\", storage: {size: 1Gi, storageClassName: grows}}", "{image: {reference: \"models/d:1\"}}" } },
    { "predictor.containers", { "[{image: a}]", "[{image: b, args: [x, y]}]",
                                "[{image: a, ports: [{containerPort: 9000}], env: [{name: A, value: b}]}]",
                                "[{image: a, resources: {requests: {cpu: 1000m, memory: 1024Mi}, limits: {memory: 2Gi}}}]",
                                "[{image: a, env: [{name: B, value: c}, {name: A, value: d}], readinessProbe: {httpGet: {path: /r, port: 8080}}}, "
                                "{name: side, image: c, env: [{name: P, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]}]" } },
    { "predictor.initContainers", { "", "", "[{name: warm, image: w}]", "[{name: warm, image: v, command: [a]}, {name: two, image: w}]" } },
    { "predictor.volumes", { "", "", "[{name: v, emptyDir: {sizeLimit: 1024Mi}}]", "[{name: v, configMap: {name: c}}, {name: u, emptyDir: {}}]" } },
    { "predictor.nodeSelector", { "", "{disk: fast}", "{disk: slow, arch: x}" } },
    { "predictor.tolerations", { "", "[{operator: Exists}]", "[{key: k, operator: Equal, value: v, effect: NoSchedule}]" } },
    { "predictor.affinity", { "", "", "{podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}", "{nodeAffinity: {}}" } },
    { "predictor.topologySpreadConstraints", { "", "", "[{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]" } },
    { "predictor.serviceAccountName", { "", "robot", "human" } },
    { "predictor.terminationGracePeriodSeconds", { "", "30", "90", "6" } },
    { "predictor.imagePullSecrets", { "", "[{name: a}]", "[{name: b}, {name: a}]" } },
    { "predictor.priorityClassName", { "", "high" } },
    { "predictor.runtimeClassName", { "", "", "nvidia" } },
    { "predictor.resourceClaims", { "", "", "[{name: own, resourceClaimName: c}]" } },
    { "predictor.dnsConfig", { "", "", "{nameservers: [10.0.0.2], options: [{name: ndots, value: \"2\"}]}" } },
    { "predictor.shareProcessNamespace", { "", "", "true", "false" } },
    { "predictor.securityContext", { "", "{runAsNonRoot: true}", "{fsGroup: 7, runAsUser: 8}" } },
    { "predictor.hostAliases", { "", "", "[{ip: 10.0.0.1, hostnames: [x, y]}]" } },
    { "predictor.dnsPolicy", { "", "Default" } },
    { "rollout", { "", "{progressDeadlineSeconds: 300}", "{minReadySeconds: 5}", "{autoRollback: Disabled, progressDeadlineSeconds: 90}",
                   "{canary: {replicas: 1, bakeSeconds: 0}}", "{canary: {percent: 50, bakeSeconds: 0}, autoRollback: Disabled}",
                   "{canary: {replicas: 1, bakeSeconds: 0, route: {parentRefs: [{name: web}], weight: 20}}}" } },
    { "scaling", { "", "{gate: {scaleUp: Allow}}", "{gate: {maxHoldSeconds: 5}}" } },
};

enum { ROW_REDIS = 0 };

struct walker {
    int choice[COUNT(rows)];
    bool may_have_redis;
    bool was_autoscaled, had_redis;
    int redis_nodes; /* 0: none now */
    int64_t model_milli, largest_model_milli; /* of a claim of ours */
};

static unsigned seed;

/* --- generated specs --- */

static int n_options(const struct field_row *r)
{
    int n = 0;

    while (n < OPTIONS_MAX && r->options[n])
        n++;
    return n;
}

static cJSON *resource(const struct walker *w, const char *name)
{
    cJSON *doc = json_new_obj(), *spec = json_obj(doc, "spec");

    json_str(doc, "apiVersion", API_VERSION);
    json_str(doc, "kind", API_KIND);
    json_str(json_obj(doc, "metadata"), "name", name);
    json_str(json_obj(doc, "metadata"), "namespace", "default");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *text = rows[i].options[w->choice[i]], *dot = strchr(rows[i].path, '.');

        if (text[0])
            json_put(dot ? json_obj(spec, "predictor") : spec, dot ? dot + 1 : rows[i].path, lab_yaml(text));
    }
    return doc;
}

static int64_t model_size(const struct isvc *s)
{
    const char *text = json_get_str(s->predictor.spec, "model.storage.size");
    int64_t milli = 0;

    return text && quantity_parse(text, &milli, NULL) == 0 ? milli : 0;
}

static bool is_accepted(struct walker *w)
{
    AUTO_JSON cJSON *doc = resource(w, "x");
    struct isvc s;
    struct err e;
    bool fits;

    if ((w->choice[ROW_REDIS] && !w->may_have_redis) || isvc_decode(doc, &s, &e) < 0)
        return false;
    w->was_autoscaled |= s.predictor.autoscaled;
    w->had_redis |= s.redis.present;
    w->model_milli = model_size(&s);
    if (w->model_milli > w->largest_model_milli)
        w->largest_model_milli = w->model_milli;
    fits = !s.redis.present || s.redis.nodes >= w->redis_nodes;
    w->redis_nodes = s.redis.present ? s.redis.nodes : 0;
    isvc_done(&s);
    return fits;
}

static int random_below(int n)
{
    return (int)(rand_r(&seed) / 7 % (unsigned)n);
}

static void choose_all(struct walker *w)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        w->choice[i] = i == ROW_REDIS && !w->may_have_redis ? 0 : random_below(n_options(&rows[i]));
}

static void change(struct walker *w, bool one_field)
{
    struct walker next;

    do {
        int i = random_below(COUNT(rows));

        next = *w;
        if (one_field)
            next.choice[i] = (next.choice[i] + 1 + random_below(n_options(&rows[i]) - 1)) % n_options(&rows[i]);
        else
            choose_all(&next);
    } while (!is_accepted(&next));
    *w = next;
}

/* --- what may differ --- */

static bool always(const struct walker *w)
{
    (void)w;
    return true;
}

static bool was_autoscaled(const struct walker *w)
{
    return w->was_autoscaled;
}

static bool model_was_larger(const struct walker *w)
{
    return w->model_milli < w->largest_model_milli;
}

static bool had_redis(const struct walker *w)
{
    return w->had_redis;
}

/* member NULL: the child stays where a fresh resource has none. */
static const struct excuse {
    enum child child; /* N_CHILDREN: each */
    const char *parent, *member;
    bool (*counts)(const struct walker *w);
    const char *why;
} excuses[] = {
    { N_CHILDREN, "metadata", "uid", always, "the server's" },
    { N_CHILDREN, "metadata", "resourceVersion", always, "the server's" },
    { N_CHILDREN, "metadata", "generation", always, "the server's" },
    { N_CHILDREN, "metadata", "creationTimestamp", always, "the server's" },
    { N_CHILDREN, "metadata", "managedFields", always, "the server's" },
    { N_CHILDREN, "metadata.ownerReferences.0", "uid", always, "the server's" },
    { N_CHILDREN, "", "status", always, "others'" },
    { N_CHILDREN, "spec", "clusterIP", always, "the server's" },
    { N_CHILDREN, "spec", "clusterIPs", always, "the server's" },
    { CHILD_DEPLOYMENT, "spec", "replicas", was_autoscaled, "how many an autoscaler left behind stays" },
    { CHILD_DEPLOYMENT, "spec", "replicas", had_redis, "steps down wait for a Redis that is healthy" },
    { CHILD_HPA, "spec", "minReplicas", had_redis, "likewise" },
    { CHILD_HPA, "spec", "maxReplicas", had_redis, "likewise" },
    { CHILD_SCALEDOBJECT, "spec", "minReplicaCount", had_redis, "likewise" },
    { CHILD_SCALEDOBJECT, "spec", "maxReplicaCount", had_redis, "likewise" },
    { CHILD_REDIS_SECRET, "data", "rotate", had_redis, "a password changes when its servers answer" },
    { CHILD_MODEL_CLAIM, "", NULL, always, "pods of an older version may read from it; it goes with the resource" },
    { CHILD_BACKUP_CLAIM, "", NULL, always, "backups outlive the wish for more of them" },
    { CHILD_MODEL_CLAIM, "spec", "resources", model_was_larger, "volumes do not shrink" },
};

static void forgive(const struct walker *w, enum child c, cJSON *obj)
{
    for (size_t i = 0; i < COUNT(excuses); i++) {
        const struct excuse *x = &excuses[i];

        if (x->member && (x->child == N_CHILDREN || x->child == c) && x->counts(w))
            json_del(x->parent[0] ? (cJSON *)(uintptr_t)json_at(obj, x->parent) : obj, x->member);
    }
}

static bool may_outlive(const struct walker *w, enum child c)
{
    for (size_t i = 0; i < COUNT(excuses); i++)
        if (!excuses[i].member && excuses[i].child == c && excuses[i].counts(w))
            return true;
    return false;
}

/* --- children as text --- */

/* Passwords are made up: as long as each other. */
static void mask_secret(cJSON *secret)
{
    cJSON *v;

    cJSON_ArrayForEach(v, json_member(secret, "data"))
        if (cJSON_IsString(v))
            memset(v->valuestring, '*', strlen(v->valuestring));
}

/* Both names are as long as "######". */
static char *child_text(const struct walker *w, enum child c, const char *name)
{
    const cJSON *obj = lab_child(c, name);
    AUTO_JSON cJSON *copy = json_dup(obj);
    char *text;

    if (!obj)
        return xstrdup("null");
    if (c == CHILD_DEPLOYMENT && !owned_has(owned_fields(obj, API_MANAGER), "spec.replicas"))
        json_del(json_member(copy, "spec"), "replicas");
    forgive(w, c, copy);
    if (c == CHILD_REDIS_SECRET)
        mask_secret(copy);
    text = json_print(copy);
    for (char *at = text; (at = strstr(at, name));)
        memcpy(at, "######", NAME_SIZE);
    return text;
}

/* Members may stand in another order: compared as values. */
static bool is_same_text(const char *a, const char *b)
{
    AUTO_JSON cJSON *x = NULL, *y = NULL;

    return str_eq(a, b) || (json_parse(a, strlen(a), &x, NULL) == 0 && json_parse(b, strlen(b), &y, NULL) == 0 &&
                            owned_hash(x) == owned_hash(y));
}

/* NULL: they are alike. */
static char *difference(const struct walker *w, const char *walked, const char *fresh)
{
    for (int c = 0; c < N_CHILDREN; c++) {
        AUTO_FREE char *x = child_text(w, (enum child)c, walked), *y = child_text(w, (enum child)c, fresh);

        if (!is_same_text(x, y) && !(str_eq(y, "null") && may_outlive(w, (enum child)c)))
            return xasprintf("%s:\n  changed: %s\n  fresh:   %s", child_types[c].label, x, y);
    }
    return lab_child(CHILD_DEPLOYMENT, fresh) ? NULL : xstrdup("nothing was made yet");
}

static bool is_seen(const char *name)
{
    AUTO_FREE char *path = kube_path("/apis/" API_VERSION, "default", API_PLURAL, name, NULL);
    int status;
    AUTO_JSON cJSON *obj = lab_get(path, &status);

    return json_get_int(obj, "status.observedGeneration", -1) == json_get_int(obj, "metadata.generation", 0);
}

/* --- the test --- */

static void apply_named(const struct walker *w, const char *name)
{
    AUTO_FREE char *path = kube_path("/apis/" API_VERSION, "default", API_PLURAL, name, NULL);
    AUTO_JSON cJSON *doc = resource(w, name);

    lab_apply(path, doc);
}

static void wait_alike(const struct walker *w, const char *walked, const char *fresh, int step)
{
    int64_t end_ms = loop_now_ms() + STEP_MS;

    for (;;) {
        AUTO_FREE char *differs = difference(w, walked, fresh);
        AUTO_JSON cJSON *doc = NULL;

        if (!differs && is_seen(walked) && is_seen(fresh))
            return;
        if (loop_now_ms() > end_ms) {
            AUTO_FREE char *text = json_print(doc = resource(w, walked));

            fprintf(stderr, "step %d, changed into %s: %s\n", step, text, differs ? differs : "its status is not up to date");
            fail();
        }
        lab_turn(TURN_MS);
        lab_look();
    }
}

static void walk(int n_walkers, int n_steps)
{
    struct walker walkers[WALKERS] = { 0 };
    char walked[WALKERS][NAME_SIZE + 1], fresh[WALKERS][NAME_SIZE + 1];

    for (int i = 0; i < n_walkers; i++)
        walkers[i].may_have_redis = i >= WITHOUT_REDIS;
    for (int step = 0; step < n_steps; step++) {
        for (int i = 0; i < n_walkers; i++) {
            change(&walkers[i], i % 2 == 0 && step);
            snprintf(walked[i], sizeof(walked[i]), "wal%03u", (unsigned)i % 1000U);
            snprintf(fresh[i], sizeof(fresh[i]), "f%05u", (unsigned)(step * WALKERS + i) % 100000U);
            apply_named(&walkers[i], walked[i]);
            apply_named(&walkers[i], fresh[i]);
        }
        lab_look();
        for (int i = 0; i < n_walkers; i++)
            wait_alike(&walkers[i], walked[i], fresh[i], step);
        for (int i = 0; i < n_walkers; i++)
            lab_remove(fresh[i]);
    }
    printf("# %d changes\n", n_steps * n_walkers);
}

static int times(void)
{
    int64_t seeds = 1;

    return getenv("SEEDS") && str_to_int(getenv("SEEDS"), 1, 1000, &seeds) ? (int)seeds : 1;
}

static void any_change_ends_as_a_fresh_start(void **state)
{
    (void)state;
    walk(WALKERS, STEPS * times());
}

static void any_change_of_what_serves_ends_as_a_fresh_start(void **state)
{
    (void)state;
    lab.is_alive = true;
    walk(WITHOUT_REDIS, STEPS * times());
    assert_true(lab.n_tried > 0); /* else no canary was part of it */
}

static int setup(void **state)
{
    (void)state;
    seed = 20261122;
    lab_setup();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lab_teardown();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_change_ends_as_a_fresh_start, setup, teardown),
        cmocka_unit_test_setup_teardown(any_change_of_what_serves_ends_as_a_fresh_start, setup, teardown),
    };

    return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
