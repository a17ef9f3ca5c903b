/* Which template serves: what is kept, what goes back, what is said. Through the whole plan. */
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

struct row;

/* Letters name templates by their image: the spec wants one, the Deployment holds one, one is kept. */
struct world {
    struct isvc svc;
    struct observed o;
    struct record dep;
    struct pod pod;
    struct plan plan;
    cJSON *status, *kept;
    const struct row *row; /* of a test that is one */
};

static void use_spec(struct world *w, char image, const char *more)
{
    AUTO_FREE char *yaml = xasprintf("apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\n"
                                     "metadata: {name: fraud, namespace: ns, uid: u-1, generation: 1}\n"
                                     "spec: {predictor: {containers: [{image: 'r/fraud:%c'}]}%s}\n", image, more);
    AUTO_JSON cJSON *docs = NULL;
    struct err e;

    isvc_done(&w->svc);
    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0 || isvc_decode(docs->child, &w->svc, &e) < 0)
        fail_msg("%s", e.msg);
    w->o.svc = &w->svc;
}

static cJSON *template_of(struct world *w, char image)
{
    struct isvc now = w->svc;
    struct desired_input in;
    cJSON *t;

    w->svc = (struct isvc){ 0 };
    use_spec(w, image, "");
    in = desired_input_default(&w->svc);
    t = template_build(&w->svc, &in);
    isvc_done(&w->svc);
    w->svc = now;
    return t;
}

static void hash_of(struct world *w, char image, char out[TEMPLATE_HASH_SIZE])
{
    AUTO_JSON cJSON *t = image ? template_of(w, image) : NULL;

    out[0] = '\0';
    if (t)
        template_hash(t, out);
}

static void status_has(struct world *w, const char *key, char image)
{
    char hash[TEMPLATE_HASH_SIZE];

    hash_of(w, image, hash);
    if (hash[0])
        json_str(json_obj(w->status, "predictor"), key, hash);
}

/* The Deployment as we would have written it, whole. */
static void holds(struct world *w, char image)
{
    struct desired_input in = desired_input_default(&w->svc);
    AUTO_JSON cJSON *t = template_of(w, image), *body = NULL;

    in.template = t;
    body = desired_child(CHILD_DEPLOYMENT, &w->svc, &in);
    w->dep = (struct record){ .uid = "d-1", .owner_uid = "u-1", .owned_hash = owned_hash(body), .is_ours = true,
                              .generation = 2, .observed_generation = 2, .spec_replicas = 2, .owns_replicas = true,
                              .revision_no = 7, .replicas = 2, .ready = 2, .updated = 2, .available = 2 };
    w->o.child[CHILD_DEPLOYMENT] = &w->dep;
}

static void keeps(struct world *w, char image, enum kept_state state)
{
    w->o.rollout.state = state;
    hash_of(w, image, w->o.rollout.kept);
    if (state == KEPT_HELD)
        w->o.rollout.template = w->kept = template_of(w, image);
}

/* One pod of the newest template, and one old one less than there will be: the deadline is not over. */
static void rolls(struct world *w)
{
    w->dep.replicas = 3;
    w->dep.updated = 1;
    w->dep.unavailable = 1;
    w->dep.ready = w->dep.available = 2;
    w->o.rollout.newest_of = 7;
    snprintf(w->o.rollout.newest, sizeof(w->o.rollout.newest), "new");
    snprintf(w->o.rollout.newest_uid, sizeof(w->o.rollout.newest_uid), "d-1");
    w->pod.serves = true;
    snprintf(w->pod.revision, sizeof(w->pod.revision), "new");
    w->pod.name = w->pod.name ? w->pod.name : xstrdup("fraud-new-x");
    w->o.pods = &w->pod;
    w->o.n_pods = 1;
}

static void crash_loops(struct world *w)
{
    w->pod.restarts = 3;
    w->pod.exit_code = 3;
    snprintf(w->pod.waiting, sizeof(w->pod.waiting), "CrashLoopBackOff");
    snprintf(w->pod.message, sizeof(w->pod.message), "no model");
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->o = (struct observed){ .ns = "ns", .name = "fraud", .uid = "u-1", .generation = 1, .wall_ms = 1700000000000,
                              .now_ms = 1000000 };
    w->o.status = w->status = json_new_obj();
    use_spec(w, 'B', "");
    w->row = *state;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    plan_done(&w->plan);
    isvc_done(&w->svc);
    pod_done(&w->pod);
    cJSON_Delete(w->status);
    cJSON_Delete(w->kept);
    free(w);
    return 0;
}

static void step(struct world *w)
{
    plan_done(&w->plan);
    plan_step(&w->o, &w->plan);
}

static const struct action *find(const struct world *w, enum action_kind kind)
{
    for (size_t i = 0; i < w->plan.n_actions; i++)
        if (w->plan.actions[i].kind == kind && (kind != ACT_APPLY || w->plan.actions[i].child == CHILD_DEPLOYMENT))
            return &w->plan.actions[i];
    return NULL;
}

/* The image that the Deployment is given: a letter; 0: it is not written. */
static char writes(const struct world *w)
{
    const struct action *a = find(w, ACT_APPLY);
    const char *image = a ? json_get_str(a->body, "spec.template.spec.containers.0.image") : NULL;

    return image ? image[strlen(image) - 1] : '\0';
}

static void is_named(struct world *w, const char *hash, char image)
{
    char want[TEMPLATE_HASH_SIZE];

    hash_of(w, image, want);
    assert_string_equal(hash, want);
}

/* A is good and kept, B is wanted and being rolled out. */
static void roll_out_b(struct world *w)
{
    status_has(w, "revision", 'B');
    status_has(w, "lastGoodRevision", 'A');
    holds(w, 'B');
    keeps(w, 'A', KEPT_HELD);
    rolls(w);
}

static void what_comes_up_whole_is_kept(void **state)
{
    struct world *w = *state;

    holds(w, 'B');
    step(w);
    assert_non_null(find(w, ACT_REVISION_KEEP));
    assert_string_equal(w->plan.rollout.last_good, "");
    keeps(w, 'B', KEPT_THERE);
    step(w);
    assert_null(find(w, ACT_REVISION_KEEP));
    is_named(w, w->plan.rollout.last_good, 'B');
    /* older ones go only when the status says so */
    w->o.rollout.has_older = true;
    step(w);
    assert_null(find(w, ACT_REVISION_PRUNE));
    status_has(w, "lastGoodRevision", 'B');
    step(w);
    is_named(w, find(w, ACT_REVISION_PRUNE)->pod, 'B');
}

static void a_name_that_is_taken_is_not_fought_for(void **state)
{
    struct world *w = *state;

    holds(w, 'B');
    keeps(w, 'B', KEPT_REFUSED);
    step(w);
    assert_null(find(w, ACT_REVISION_KEEP));
    assert_string_equal(w->plan.rollout.last_good, "");
}

static void the_way_back_is_looked_for_first(void **state)
{
    struct world *w = *state;

    status_has(w, "revision", 'A');
    status_has(w, "lastGoodRevision", 'A');
    holds(w, 'A');
    step(w);
    is_named(w, find(w, ACT_REVISION_READ)->pod, 'A');
    assert_int_equal(writes(w), 0);
    is_named(w, w->plan.rollout.revision, 'A');
    keeps(w, 'A', KEPT_ABSENT); /* then without it */
    step(w);
    assert_int_equal(writes(w), 'B');
}

static void whose_pods_they_are_is_asked_first(void **state)
{
    struct world *w = *state;

    roll_out_b(w);
    crash_loops(w);
    w->o.rollout.newest_of = 6;
    step(w);
    assert_non_null(find(w, ACT_REVISION_FIND));
    assert_string_equal(w->plan.rollout.failed, "");
}

static void a_failure_is_durable_before_it_is_mended(void **state)
{
    struct world *w = *state;

    roll_out_b(w);
    crash_loops(w);
    step(w);
    assert_true(w->plan.status_first);
    assert_int_equal(writes(w), 'A');
    is_named(w, w->plan.rollout.failed, 'B');
    is_named(w, w->plan.rollout.revision, 'A');
    assert_string_equal(w->plan.rollout.reason, "CrashLoop");
    assert_non_null(strstr(w->plan.rollout.message, "exit code 3: no model"));
    assert_string_equal(w->plan.reason, "RolledBack");
    assert_true(w->plan.stalled);
}

static void it_is_not_tried_again(void **state)
{
    struct world *w = *state;

    status_has(w, "failedRevision", 'B');
    status_has(w, "lastGoodRevision", 'A');
    holds(w, 'A');
    step(w); /* a new operator: it has to be read */
    assert_non_null(find(w, ACT_REVISION_READ));
    assert_int_equal(writes(w), 0);
    keeps(w, 'A', KEPT_HELD);
    step(w);
    assert_int_equal(writes(w), 0);
    assert_string_equal(w->plan.reason, "RolledBack");
    assert_false(w->plan.status_first);
    w->dep.owned_hash ^= 1; /* a hand */
    step(w);
    assert_int_equal(writes(w), 'A');
    w->o.child[CHILD_DEPLOYMENT] = NULL;
    step(w);
    assert_int_equal(writes(w), 'A');
}

static void nothing_to_go_back_to(void **state)
{
    struct world *w = *state;

    status_has(w, "failedRevision", 'B');
    status_has(w, "lastGoodRevision", 'A');
    holds(w, 'A');
    w->dep.owned_hash ^= 1;
    keeps(w, 'A', KEPT_ABSENT);
    step(w);
    assert_int_equal(writes(w), 0);
    assert_non_null(strstr(w->plan.message, "ControllerRevision is gone"));
    w->o.child[CHILD_DEPLOYMENT] = NULL;
    step(w);
    assert_int_equal(writes(w), 'B');
}

static void while_it_is_read_no_deployment_is_made(void **state)
{
    struct world *w = *state;

    status_has(w, "failedRevision", 'B');
    status_has(w, "lastGoodRevision", 'A');
    step(w);
    assert_non_null(find(w, ACT_REVISION_READ));
    assert_int_equal(writes(w), 0);
}

static void the_first_one_stays(void **state)
{
    struct world *w = *state;

    holds(w, 'B');
    rolls(w);
    crash_loops(w);
    step(w);
    assert_int_equal(writes(w), 0);
    assert_string_equal(w->plan.reason, "RolloutFailed");
    assert_true(w->plan.stalled);
    assert_non_null(strstr(w->plan.message, "exit code 3"));
    assert_string_equal(w->plan.rollout.failed, "");
}

static void for_who_goes_back_nobody_has_to_go(void **state)
{
    struct world *w = *state;

    roll_out_b(w);
    w->pod.unschedulable_ms = 1;
    json_int(json_obj(json_obj(w->status, "predictor"), "replacing"), "generation", 1);
    json_int(json_obj(json_obj(w->status, "predictor"), "replacing"), "sinceMs", 1);
    step(w);
    assert_true(w->plan.in.replace_one);
    status_has(w, "failedRevision", 'B');
    step(w);
    assert_false(w->plan.in.replace_one);
    assert_string_equal(w->plan.reason, "RolledBack");
    assert_int_equal(writes(w), 'A');
}

static void credentials_are_put_on_what_serves(void **state)
{
    struct world *w = *state;
    struct redis_keys keys = { .rotation = 4 };
    struct desired_input in;
    AUTO_JSON cJSON *t = template_of(w, 'A'), *body = NULL;
    char before[TEMPLATE_HASH_SIZE], after[TEMPLATE_HASH_SIZE];

    use_spec(w, 'B', ", redis: {}");
    in = desired_input_default(&w->svc);
    in.redis_keys = &keys;
    in.template = t;
    body = desired_child(CHILD_DEPLOYMENT, &w->svc, &in);
    assert_string_equal(cJSON_GetStringValue(json_member(json_at(body, "spec.template.metadata.annotations"), ANNOTATION_CREDENTIALS)),
                        "4");
    template_hash(t, before); /* a changed password is no new version */
    AUTO_JSON cJSON *one = template_build(&w->svc, &in);
    keys.rotation = 5;
    AUTO_JSON cJSON *two = template_build(&w->svc, &in);
    template_hash(one, before);
    template_hash(two, after);
    assert_string_equal(before, after);
}

/* --- is it given up, and what is said? --- */

static const struct row {
    const char *name;
    char wants, good, failed; /* the spec's template, the last good one, the one that failed before; 0: none */
    const char *more;         /* of the spec */
    struct pod pod;           /* of B */
    bool late;                /* the deadline is over ... */
    const char *late_of;      /* ... for this ReplicaSet */
    int64_t since_ms;         /* for how long its trouble is known; 0: not yet */
    char writes;              /* the Deployment is given this one; 0: it is left as it is */
    const char *reason;       /* of RolledBack; NULL: nothing has failed */
    const char *cause;
} rows[] = {
    { "pods that start are given time", 'B', 'A', 0, "", { .waiting = "ContainerCreating" }, .writes = 0 },
    { "a crash loop is over at once", 'B', 'A', 0, "", { .restarts = 3, .exit_code = 137, .ended = "OOMKilled" }, .writes = 'A',
      .reason = "CrashLoop", .cause = "restarted 3 times, exit code 137 (OOMKilled)" },
    { "two crashes are none", 'B', 'A', 0, "", { .restarts = 2, .exit_code = 1, .waiting = "CrashLoopBackOff" }, .writes = 0 },
    { "a server that ends well, again and again", 'B', 'A', 0, "", { .restarts = 3, .waiting = "CrashLoopBackOff" }, .writes = 'A',
      .reason = "CrashLoop", .cause = "exit code 0" },
    { "restarts of a pod that is ready are none", 'B', 'A', 0, "", { .restarts = 9, .exit_code = 1, .ready = true }, .writes = 0 },
    { "an image that cannot be pulled may come", 'B', 'A', 0, "", { .waiting = "ImagePullBackOff" }, .writes = 0 },
    { "for a tenth of the deadline", 'B', 'A', 0, "", { .waiting = "ErrImagePull" }, .since_ms = 59999, .writes = 0 },
    { "and not longer", 'B', 'A', 0, "", { .waiting = "ErrImagePull" }, .since_ms = 60000, .writes = 'A', .reason = "ImagePull",
      .cause = "ErrImagePull" },
    { "an image without a name never comes", 'B', 'A', 0, "", { .waiting = "InvalidImageName" }, .writes = 'A', .reason = "ImagePull",
      .cause = "InvalidImageName" },
    { "a Secret that is missing", 'B', 'A', 0, "", { .waiting = "CreateContainerConfigError" }, .since_ms = 60000, .writes = 'A',
      .reason = "ContainerConfig", .cause = "CreateContainerConfigError" },
    { "a node may be on its way", 'B', 'A', 0, "", { .waiting = "Unschedulable" }, .since_ms = 599999, .writes = 0 },
    { "until the deadline", 'B', 'A', 0, "", { .waiting = "Unschedulable" }, .late = true, .late_of = "new", .writes = 'A',
      .reason = "Unschedulable", .cause = "no progress for 600 s; a pod is Unschedulable" },
    { "not while room may still be found", 'B', 'A', 0, "", { .waiting = "Unschedulable", .unschedulable_ms = 1700000000000 - 59000 },
      .late = true, .late_of = "new", .writes = 0 },
    { "never ready", 'B', 'A', 0, "", { .running = true }, .late = true, .late_of = "new", .writes = 'A', .reason = "DeadlineExceeded",
      .cause = "no progress for 600 s; a pod is not ready" },
    { "the deadline of the template before counts for nothing", 'B', 'A', 0, "", { .running = true }, .late = true, .late_of = "old",
      .writes = 0 },
    { "pods of other templates count for nothing", 'B', 'A', 0, "",
      { .restarts = 9, .exit_code = 1, .waiting = "CrashLoopBackOff", .revision = "old" }, .writes = 0 },
    { "switched off", 'B', 'A', 0, ", rollout: {autoRollback: Disabled}", { .restarts = 3, .exit_code = 1 }, .writes = 0 },
    { "switched off later: it is tried again", 'B', 'A', 'B', ", rollout: {autoRollback: Disabled}", { .running = true }, .writes = 0 },
    { "what failed before goes back", 'B', 'A', 'B', "", { .running = true }, .writes = 'A', .reason = "RolloutFailed", .cause = "failed" },
    { "another template is tried", 'C', 'A', 'B', "", { .running = true }, .writes = 'C' },
    { "the good one again: nothing has failed", 'A', 'A', 'B', "", { .running = true }, .writes = 'A' },
    { "more replicas of what failed are no other template", 'B', 'A', 'B', ", scaling: {gate: {maxHoldSeconds: 1}}", { .running = true },
      .writes = 'A', .reason = "RolloutFailed", .cause = "failed" },
    { "a short deadline is a short patience", 'B', 'A', 0, ", rollout: {progressDeadlineSeconds: 20}", { .waiting = "ErrImagePull" },
      .since_ms = 2000, .writes = 'A', .reason = "ImagePull", .cause = "ErrImagePull" },
};

static void takes(struct world *w, const struct row *r)
{
    char *name = w->pod.name;

    w->pod = r->pod;
    w->pod.name = name;
    w->pod.serves = true;
    if (!r->pod.revision[0])
        snprintf(w->pod.revision, sizeof(w->pod.revision), "new");
    w->dep.deadline_exceeded = r->late;
    if (r->late_of)
        snprintf(w->dep.update_revision, sizeof(w->dep.update_revision), "%s", r->late_of);
    if (r->since_ms) {
        hash_of(w, 'B', w->o.rollout.memory.revision);
        w->o.rollout.memory.since_ms = w->o.now_ms - r->since_ms;
    }
}

static void judged(void **state)
{
    struct world *w = *state;
    const struct row *r = w->row;

    use_spec(w, 'B', r->more);
    roll_out_b(w);
    use_spec(w, r->wants, r->more);
    status_has(w, "failedRevision", r->failed);
    takes(w, r);
    step(w);
    assert_int_equal(writes(w), r->writes);
    assert_string_equal(w->plan.rollout.reason, r->reason ? r->reason : "");
    if (r->cause && !strstr(w->plan.rollout.message, r->cause))
        fail_msg("\"%s\" does not say \"%s\"", w->plan.rollout.message, r->cause);
    if (r->since_ms && !r->writes)
        assert_true(str_eq(w->pod.waiting, "Unschedulable") || w->plan.look_again_ms > 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest stories[] = {
        TEST(what_comes_up_whole_is_kept), TEST(a_name_that_is_taken_is_not_fought_for), TEST(the_way_back_is_looked_for_first),
        TEST(whose_pods_they_are_is_asked_first), TEST(a_failure_is_durable_before_it_is_mended), TEST(it_is_not_tried_again),
        TEST(nothing_to_go_back_to), TEST(while_it_is_read_no_deployment_is_made), TEST(the_first_one_stays),
        TEST(credentials_are_put_on_what_serves), TEST(for_who_goes_back_nobody_has_to_go),
    };
    struct CMUnitTest tests[COUNT(rows)];
    int failed = cmocka_run_group_tests_name("rollout", stories, NULL, NULL);

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, judged, setup, teardown, (void *)(uintptr_t)&rows[i] };
    return failed + cmocka_run_group_tests_name("rollout judged", tests, NULL, NULL);
}
