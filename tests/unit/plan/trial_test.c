/* What a trial means for the children, through the whole plan: image A serves and is kept, the spec wants B. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/names.h"
#include "base/str.h"
#include "json/owned.h"
#include "json/yaml.h"
#include "plan/rules.h"

enum { WALL_MS = 1700000000 };
#define TRIED "rollout: {canary: {replicas: 1, bakeSeconds: 100}}"

struct world {
    struct isvc svc;
    struct observed o;
    struct record dep, canary;
    struct host host;
    struct pod pod;
    struct plan plan;
    char revision[TEMPLATE_HASH_SIZE];
    cJSON *status, *kept;
};

static void decode(struct isvc *s, const char *image, const char *predictor, const char *more)
{
    AUTO_FREE char *yaml = xasprintf("apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\n"
                                     "metadata: {name: fraud, namespace: ns, uid: u-1, generation: 1}\n"
                                     "spec: {predictor: {containers: [{image: '%s'}]%s}, %s}\n", image, predictor, more);
    AUTO_JSON cJSON *docs = NULL;
    struct err e;

    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0 || isvc_decode(docs->child, s, &e) < 0)
        fail_msg("%s", e.msg);
}

static cJSON *template_of(const struct isvc *s, char *hash)
{
    struct desired_input in = desired_input_default(s);
    cJSON *t = template_build(s, &in);

    template_hash(t, hash);
    return t;
}

/* The stable Deployment as it was written when A was the spec's. */
static void serve_a(struct world *w)
{
    struct desired_input in = desired_input_default(&w->svc);
    char hash[TEMPLATE_HASH_SIZE];
    AUTO_JSON cJSON *body = NULL;
    struct isvc a = { 0 };

    decode(&a, "A", "", TRIED);
    in.template = w->kept = template_of(&a, hash);
    isvc_done(&a);
    body = desired_child(CHILD_DEPLOYMENT, &w->svc, &in);
    w->dep = (struct record){ .uid = "d-1", .owner_uid = "u-1", .owned_hash = owned_hash(body), .is_ours = true,
                              .generation = 2, .observed_generation = 2, .spec_replicas = 2, .owns_replicas = true,
                              .revision_no = 7, .replicas = 2, .ready = 2, .updated = 2, .available = 2 };
    w->o.child[CHILD_DEPLOYMENT] = &w->dep;
    w->o.rollout.state = KEPT_HELD;
    w->o.rollout.template = w->kept;
    memcpy(w->o.rollout.kept, hash, sizeof(hash));
    json_str(json_obj(w->status, "predictor"), "lastGoodRevision", hash);
    json_str(json_obj(w->status, "predictor"), "revision", hash);
}

/* B has been on trial for so long, its pod is ready. */
static void try_b(struct world *w, const char *phase, int seconds)
{
    cJSON *c = json_obj(json_obj(w->status, "predictor"), "canary"), *t = template_of(&w->svc, w->revision);

    cJSON_Delete(t);
    json_str(c, "phase", phase);
    json_str(c, "revision", w->revision);
    json_int(c, "sinceMs", WALL_MS - seconds * 1000);
    json_int(c, "replicas", 1);
    w->canary = (struct record){ .uid = "d-2", .owner_uid = "u-1", .is_ours = true, .generation = 1 };
    w->o.child[CHILD_CANARY] = &w->canary;
    w->pod = (struct pod){ .name = w->pod.name, .serves = true, .on_trial = true, .ready = true, .node = "n1" };
    memcpy(w->pod.revision, w->revision, sizeof(w->revision));
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->o = (struct observed){ .ns = "ns", .name = "fraud", .uid = "u-1", .generation = 2, .wall_ms = WALL_MS, .now_ms = 1000,
                              .pods = &w->pod, .n_pods = 1, .hosts = &w->host, .n_hosts = 1 };
    w->o.status = w->status = json_new_obj();
    w->host = (struct host){ .name = "n1" };
    w->pod.name = xstrdup("fraud-canary-x");
    decode(&w->svc, "B", "", TRIED);
    w->o.svc = &w->svc;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    plan_done(&w->plan);
    isvc_done(&w->svc);
    cJSON_Delete(w->status);
    cJSON_Delete(w->kept);
    free(w->pod.name);
    free(w);
    return 0;
}

static void another_spec(struct world *w, const char *predictor, const char *more)
{
    isvc_done(&w->svc);
    decode(&w->svc, "B", predictor, more);
}

static const struct action *action_on(const struct world *w, enum action_kind kind, enum child c)
{
    for (size_t i = 0; i < w->plan.n_actions; i++)
        if (w->plan.actions[i].kind == kind && w->plan.actions[i].child == c)
            return &w->plan.actions[i];
    return NULL;
}

static const char *image_of(const struct action *a)
{
    return a ? json_get_str(a->body, "spec.template.spec.containers.0.image") : NULL;
}

static void the_stable_one_is_mended_with_its_own_template(void **state)
{
    struct world *w = *state;

    serve_a(w);
    try_b(w, "Baking", 50);
    w->dep.owned_hash ^= 1;
    plan_step(&w->o, &w->plan);
    assert_string_equal(image_of(action_on(w, ACT_APPLY, CHILD_DEPLOYMENT)), "A");
    assert_string_equal(image_of(action_on(w, ACT_APPLY, CHILD_CANARY)), "B");
    assert_string_equal(w->plan.reason, "CanaryBaking");
    assert_int_equal(w->plan.look_again_ms, 50000);
}

static void without_its_template_nobody_touches_it(void **state)
{
    struct world *w = *state;

    serve_a(w);
    try_b(w, "Baking", 50);
    w->o.rollout.state = KEPT_ABSENT;
    w->dep.owned_hash ^= 1;
    plan_step(&w->o, &w->plan);
    assert_null(action_on(w, ACT_APPLY, CHILD_DEPLOYMENT));
    assert_string_equal(image_of(action_on(w, ACT_APPLY, CHILD_CANARY)), "B");
}

static void nothing_is_done_before_the_way_back_is_known(void **state)
{
    struct world *w = *state;

    serve_a(w);
    w->o.rollout.state = KEPT_THERE;
    plan_step(&w->o, &w->plan);
    assert_null(action_on(w, ACT_APPLY, CHILD_DEPLOYMENT));
    assert_null(action_on(w, ACT_APPLY, CHILD_CANARY));
    assert_int_equal(w->plan.actions[0].kind, ACT_REVISION_READ);
    assert_int_equal(w->plan.canary.state.phase, CANARY_STARTING);
}

static void promotion_is_durable_before_it_begins(void **state)
{
    struct world *w = *state;

    serve_a(w);
    try_b(w, "Baking", 100);
    plan_step(&w->o, &w->plan);
    assert_true(w->plan.status_first);
    assert_int_equal(w->plan.canary.state.phase, CANARY_PROMOTING);
    assert_string_equal(image_of(action_on(w, ACT_APPLY, CHILD_DEPLOYMENT)), "B");
    assert_null(action_on(w, ACT_DELETE, CHILD_CANARY));
}

static void a_failure_is_durable_before_the_canary_goes(void **state)
{
    struct world *w = *state;

    serve_a(w);
    try_b(w, "Baking", 50);
    w->pod.restarts = 1;
    w->pod.exit_code = 137;
    snprintf(w->pod.message, sizeof(w->pod.message), "out of memory");
    plan_step(&w->o, &w->plan);
    assert_true(w->plan.status_first);
    assert_string_equal(w->plan.rollout.failed, w->revision);
    assert_non_null(strstr(w->plan.message, "a pod was restarted, exit code 137: out of memory"));
    assert_non_null(action_on(w, ACT_DELETE, CHILD_CANARY));
    assert_null(action_on(w, ACT_APPLY, CHILD_DEPLOYMENT));
}

static void pods_of_an_older_trial_count_for_nothing(void **state)
{
    struct world *w = *state;

    serve_a(w);
    try_b(w, "Starting", 50);
    snprintf(w->pod.revision, sizeof(w->pod.revision), "older");
    w->pod.restarts = 9;
    snprintf(w->pod.waiting, sizeof(w->pod.waiting), "CrashLoopBackOff");
    plan_step(&w->o, &w->plan);
    assert_int_equal(w->plan.canary.state.phase, CANARY_STARTING);
    assert_int_equal(w->plan.canary.ready, 0);
    assert_string_equal(w->plan.rollout.failed, "");
}

/* Lost readiness is held against it, unless somebody takes the pod away. */
struct row {
    const char *name;
    void (*happens)(struct world *w);
    int32_t lapses;
};

static void not_ready(struct world *w)
{
    w->pod.ready = false;
}

static void cordoned(struct world *w)
{
    w->pod.ready = false;
    w->host.cordoned = true;
}

static void node_is_unwell(struct world *w)
{
    w->pod.ready = false;
    w->host.unwell = true;
}

static void evicted(struct world *w)
{
    w->pod.ready = false;
    w->pod.disrupted = true;
}

static void deleted(struct world *w)
{
    w->pod.deleting = true;
}

static void gone(struct world *w)
{
    w->o.n_pods = 0;
}

static const struct row rows[] = {
    { "a pod that is not ready any more is a lapse", not_ready, 1 },
    { "a node that is drained is none", cordoned, 0 },
    { "a node that is not well is none", node_is_unwell, 0 },
    { "an eviction is none", evicted, 0 },
    { "a pod that ends is none", deleted, 0 },
    { "a pod that is gone is none", gone, 0 },
};

static int setup_row(void **state)
{
    const struct row *r = *state;
    struct world *w;

    setup(state);
    w = *state;
    serve_a(w);
    try_b(w, "Baking", 99);
    r->happens(w);
    json_int(w->status, "wantedLapses", r->lapses);
    return 0;
}

static void check_lapse(void **state)
{
    struct world *w = *state;

    plan_step(&w->o, &w->plan);
    assert_int_equal(w->plan.canary.state.phase, CANARY_STARTING);
    assert_int_equal(w->plan.canary.state.lapses, json_get_int(w->status, "wantedLapses", -1));
    assert_string_equal(w->plan.rollout.failed, "");
}

/* --- the children beside it --- */

static const char *name_selected_by_service(struct world *w)
{
    const struct action *a;

    plan_step(&w->o, &w->plan);
    a = action_on(w, ACT_APPLY, CHILD_SERVICE);
    assert_non_null(a);
    return cJSON_GetStringValue(json_member(json_at(a->body, "spec.selector"), LABEL_NAME));
}

static void both_are_behind_the_service(void **state)
{
    struct world *w = *state;

    serve_a(w);
    try_b(w, "Baking", 50);
    assert_null(name_selected_by_service(w));
}

static void who_listens_elsewhere_gets_no_requests(void **state)
{
    struct world *w = *state;

    isvc_done(&w->svc);
    decode(&w->svc, "B', ports: [{containerPort: 9090}], imagePullPolicy: 'Always", "", TRIED);
    serve_a(w);
    try_b(w, "Baking", 50);
    assert_string_equal(name_selected_by_service(w), NAME_VALUE);
    assert_non_null(strstr(w->plan.message, "its port is another one"));
    assert_int_equal(json_get_int(action_on(w, ACT_APPLY, CHILD_SERVICE)->body, "spec.ports.0.targetPort", 0), 8080);
}

static void an_autoscaler_keeps_the_number_of_the_stable_one(void **state)
{
    struct world *w = *state;

    another_spec(w, ", maxReplicas: 9", TRIED);
    serve_a(w);
    try_b(w, "Baking", 50);
    w->dep.owns_replicas = false;
    w->dep.init_owns_replicas = true;
    w->dep.spec_replicas = w->dep.replicas = w->dep.ready = w->dep.updated = w->dep.available = 7;
    w->dep.owned_hash ^= 1;
    plan_step(&w->o, &w->plan);
    const struct action *a = action_on(w, ACT_APPLY, CHILD_DEPLOYMENT);
    assert_string_equal(image_of(a), "A");
    assert_false(json_has(a->body, "spec.replicas"));
    assert_string_equal(json_get_str(action_on(w, ACT_APPLY, CHILD_HPA)->body, "spec.scaleTargetRef.name"), "fraud");
}

static void a_share_is_of_what_serves(void **state)
{
    struct world *w = *state;

    another_spec(w, ", minReplicas: 11", "rollout: {canary: {percent: 10}}");
    serve_a(w);
    w->dep.spec_replicas = 11;
    plan_step(&w->o, &w->plan);
    assert_int_equal(json_get_int(action_on(w, ACT_APPLY, CHILD_CANARY)->body, "spec.replicas", 0), 2);
}

static void a_drain_does_not_reckon_with_the_canary(void **state)
{
    struct world *w = *state;
    struct pod pods[2];
    const struct action *a;

    serve_a(w);
    try_b(w, "Baking", 50);
    w->pod.node[0] = '\0';
    pods[0] = w->pod;
    pods[1] = (struct pod){ .name = w->pod.name, .serves = true, .ready = true, .node = "n1" };
    w->host.cordoned = true;
    w->o.pods = pods;
    w->o.n_pods = 2;
    plan_step(&w->o, &w->plan);
    a = action_on(w, ACT_APPLY, CHILD_PDB);
    assert_non_null(a);
    assert_int_equal(json_get_int(a->body, "spec.minAvailable", 0), 3);
}

static void what_is_left_of_a_trial_goes(void **state)
{
    struct world *w = *state;

    another_spec(w, "", "rollout: {}");
    serve_a(w);
    try_b(w, "Baking", 50);
    plan_step(&w->o, &w->plan);
    assert_non_null(action_on(w, ACT_DELETE, CHILD_CANARY));
    assert_string_equal(image_of(action_on(w, ACT_APPLY, CHILD_DEPLOYMENT)), "B");
    assert_int_equal(w->plan.canary.state.phase, CANARY_NONE);
}

int main(void)
{
#define ROW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    static const struct CMUnitTest plain[] = {
        ROW(the_stable_one_is_mended_with_its_own_template), ROW(without_its_template_nobody_touches_it),
        ROW(nothing_is_done_before_the_way_back_is_known), ROW(promotion_is_durable_before_it_begins),
        ROW(a_failure_is_durable_before_the_canary_goes), ROW(pods_of_an_older_trial_count_for_nothing),
        ROW(both_are_behind_the_service), ROW(who_listens_elsewhere_gets_no_requests),
        ROW(an_autoscaler_keeps_the_number_of_the_stable_one), ROW(a_share_is_of_what_serves),
        ROW(what_is_left_of_a_trial_goes), ROW(a_drain_does_not_reckon_with_the_canary),
    };
    struct CMUnitTest tests[COUNT(plain) + COUNT(rows)];

    memcpy(tests, plain, sizeof(plain));
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[COUNT(plain) + i] = (struct CMUnitTest){ rows[i].name, check_lapse, setup_row, teardown, (void *)&rows[i] };
    return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
