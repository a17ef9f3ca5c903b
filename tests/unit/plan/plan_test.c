#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/owned.h"
#include "json/yaml.h"
#include "plan/rules.h"

/* One service as the plan sees it: a test changes what it is about, steps, and looks. */
struct world {
    struct isvc svc;
    struct observed o;
    struct record rec[N_CHILDREN];
    struct plan plan;
    cJSON *status;
};

static const char plain[] = "apiVersion: serving.everserve.dev/v1alpha1\n"
                            "kind: InferenceService\n"
                            "metadata: {name: fraud, namespace: ns, uid: u-1, generation: 1}\n"
                            "spec:\n"
                            "  predictor:\n"
                            "    minReplicas: 2\n"
                            "    containers: [{image: 'r/fraud:v1'}]\n";
static const char scaled[] = "apiVersion: serving.everserve.dev/v1alpha1\n"
                             "kind: InferenceService\n"
                             "metadata: {name: fraud, namespace: ns, uid: u-1, generation: 1}\n"
                             "spec:\n"
                             "  predictor:\n"
                             "    minReplicas: 2\n"
                             "    maxReplicas: 9\n"
                             "    containers: [{image: 'r/fraud:v1'}]\n";

static void use_spec(struct world *w, const char *yaml)
{
    cJSON *docs = NULL;
    struct err e;

    isvc_done(&w->svc);
    w->svc = (struct isvc){ 0 };
    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0 || isvc_decode(cJSON_GetArrayItem(docs, 0), &w->svc, &e) < 0)
        fail_msg("%s", e.msg);
    cJSON_Delete(docs);
    w->o.svc = &w->svc;
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    use_spec(w, plain);
    w->o.ns = "ns";
    w->o.name = "fraud";
    w->o.uid = "u-1";
    w->o.generation = 1;
    w->o.wall_ms = 1700000000000;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    plan_done(&w->plan);
    isvc_done(&w->svc);
    cJSON_Delete(w->status);
    free(w);
    return 0;
}

/* What comes up whole is kept on the side: rollout_test.c is about that. */
static void step(struct world *w)
{
    const struct action *last;

    plan_done(&w->plan);
    plan_step(&w->o, &w->plan);
    last = w->plan.n_actions ? &w->plan.actions[w->plan.n_actions - 1] : NULL;
    if (!last || last->kind != ACT_REVISION_KEEP)
        return;
    w->o.rollout.state = KEPT_THERE;
    memcpy(w->o.rollout.kept, last->pod, sizeof(w->o.rollout.kept) - 1);
    step(w);
}

/* The child exists, is ours, and holds what hashes to this. */
static struct record *exists(struct world *w, enum child c, uint64_t hash)
{
    struct record *r = &w->rec[c];

    *r = (struct record){ .owned_hash = hash, .is_ours = true, .min_replicas = -1, .max_replicas = -1,
                          .spec_replicas = -1, .generation = 1, .observed_generation = 1 };
    snprintf(r->uid, sizeof(r->uid), "c-%d", c);
    snprintf(r->owner_uid, sizeof(r->owner_uid), "u-1");
    w->o.child[c] = r;
    return r;
}

static void carry_out_apply(struct world *w, const struct action *a)
{
    int32_t replicas = w->o.child[a->child] ? w->rec[a->child].spec_replicas : -1;
    struct record *r = exists(w, a->child, owned_hash(a->body));

    r->spec_replicas = (int32_t)json_get_int(a->body, "spec.replicas", replicas);
    r->owns_replicas = json_has(a->body, "spec.replicas");
    r->init_owns_replicas = a->hand_over_replicas;
    r->min_replicas = (int32_t)json_get_int(a->body, "spec.minReplicas", -1);
    r->max_replicas = (int32_t)json_get_int(a->body, "spec.maxReplicas", -1);
    r->replicas = r->ready = r->updated = r->available = r->spec_replicas;
}

/* As a perfect server and perfect workload controllers would. */
static void carry_out(struct world *w)
{
    for (size_t i = 0; i < w->plan.n_actions; i++) {
        const struct action *a = &w->plan.actions[i];

        if (a->kind == ACT_DELETE)
            w->o.child[a->child] = NULL;
        if (a->kind == ACT_APPLY)
            carry_out_apply(w, a);
    }
}

static const struct action *find(const struct world *w, enum action_kind kind, enum child c)
{
    for (size_t i = 0; i < w->plan.n_actions; i++)
        if (w->plan.actions[i].kind == kind && w->plan.actions[i].child == c)
            return &w->plan.actions[i];
    return NULL;
}

static int64_t written_replicas(const struct world *w)
{
    const struct action *a = find(w, ACT_APPLY, CHILD_DEPLOYMENT);

    return a ? json_get_int(a->body, "spec.replicas", -1) : -2;
}

static void settle(struct world *w)
{
    for (int i = 0; i < 6; i++) {
        step(w);
        if (!w->plan.n_actions)
            return;
        carry_out(w);
    }
    fail_msg("does not settle");
}

static void creates_what_is_missing_then_rests(void **state)
{
    struct world *w = *state;

    step(w);
    assert_int_equal(w->plan.n_actions, 3);
    assert_int_equal(written_replicas(w), 2);
    assert_non_null(find(w, ACT_APPLY, CHILD_SERVICE));
    assert_non_null(find(w, ACT_APPLY, CHILD_PDB));
    assert_string_equal(w->plan.reason, "PredictorNotReady");
    carry_out(w);
    step(w);
    assert_int_equal(w->plan.n_actions, 0);
    assert_string_equal(w->plan.reason, "Ready");
}

static void drift_is_sent_a_match_is_not(void **state)
{
    struct world *w = *state;

    settle(w);
    w->rec[CHILD_SERVICE].owned_hash ^= 1;
    step(w);
    assert_int_equal(w->plan.n_actions, 1);
    assert_non_null(find(w, ACT_APPLY, CHILD_SERVICE));
    /* the server normalised it: compared in full and found to hold */
    w->rec[CHILD_SERVICE].matched_hash = owned_hash(find(w, ACT_APPLY, CHILD_SERVICE)->body);
    w->rec[CHILD_SERVICE].matched_owned = w->rec[CHILD_SERVICE].owned_hash;
    step(w);
    assert_int_equal(w->plan.n_actions, 0);
    /* and drifted after that */
    w->rec[CHILD_SERVICE].owned_hash ^= 2;
    step(w);
    assert_int_equal(w->plan.n_actions, 1);
}

static void a_foreign_object_is_left_alone(void **state)
{
    struct world *w = *state;

    settle(w);
    snprintf(w->rec[CHILD_SERVICE].owner_uid, UID_SIZE, "else");
    w->rec[CHILD_SERVICE].is_ours = false;
    step(w);
    assert_int_equal(w->plan.n_actions, 0);
    assert_string_equal(w->plan.reason, "ChildConflict");
    assert_true(w->plan.stalled);
    assert_non_null(strstr(w->plan.message, "Service fraud"));
    w->o.child[CHILD_SERVICE] = NULL;
    w->o.foreign[CHILD_SERVICE] = "was not made by everserve";
    step(w);
    assert_int_equal(w->plan.n_actions, 0);
    assert_string_equal(w->plan.reason, "ChildConflict");
}

/* The claim has no owner: it may be what is left of a service of that name that had Redis. */
static void backups_outlive_redis_and_the_service(void **state)
{
    struct world *w = *state;

    settle(w);
    exists(w, CHILD_BACKUP_CLAIM, 1)->owner_uid[0] = '\0';
    step(w);
    assert_int_equal(w->plan.n_actions, 0);
}

static void a_predecessors_child_is_waited_for(void **state)
{
    struct world *w = *state;

    settle(w);
    snprintf(w->rec[CHILD_SERVICE].owner_uid, UID_SIZE, "u-0");
    step(w);
    assert_int_equal(w->plan.n_actions, 0);
    assert_string_equal(w->plan.reason, "WaitingForPredecessor");
}

static void an_autoscaler_is_the_only_writer(void **state)
{
    struct world *w = *state;

    use_spec(w, scaled);
    step(w);
    assert_int_equal(written_replicas(w), 2);
    assert_null(find(w, ACT_APPLY, CHILD_HPA));
    carry_out(w);
    step(w);
    assert_true(find(w, ACT_APPLY, CHILD_DEPLOYMENT)->hand_over_replicas);
    assert_int_equal(written_replicas(w), -1);
    assert_null(find(w, ACT_APPLY, CHILD_HPA));
    carry_out(w);
    step(w);
    assert_null(find(w, ACT_APPLY, CHILD_DEPLOYMENT));
    assert_non_null(find(w, ACT_APPLY, CHILD_HPA));
    carry_out(w);
    w->rec[CHILD_DEPLOYMENT].spec_replicas = 7;
    w->rec[CHILD_DEPLOYMENT].ready = w->rec[CHILD_DEPLOYMENT].updated = 7;
    step(w);
    assert_int_equal(w->plan.n_actions, 0);
    assert_string_equal(w->plan.reason, "Ready");
}

static void scale_to_seven(struct world *w)
{
    use_spec(w, scaled);
    settle(w);
    w->rec[CHILD_DEPLOYMENT].spec_replicas = 7;
    w->rec[CHILD_DEPLOYMENT].owns_replicas = false;
}

static void write_frozen(struct world *w)
{
    cJSON *frozen;

    cJSON_Delete(w->status);
    w->status = json_new_obj();
    frozen = json_obj(json_obj(w->status, "scaling"), "frozen");
    json_int(frozen, "replicas", w->plan.frozen.replicas);
    json_int(frozen, "minReplicas", w->plan.frozen.min_replicas);
    json_bool(frozen, "settling", w->plan.frozen.settling);
    w->o.status = w->status;
}

/* One pass: decided, promised, carried out. */
static void turn(struct world *w)
{
    step(w);
    write_frozen(w);
    carry_out(w);
}

static void switching_off_keeps_capacity(void **state)
{
    struct world *w = *state;

    scale_to_seven(w);
    use_spec(w, plain);
    step(w);
    assert_true(w->plan.status_first);
    assert_int_equal(w->plan.frozen.replicas, 7);
    assert_non_null(find(w, ACT_DELETE, CHILD_HPA));
    assert_int_equal(written_replicas(w), -2); /* not while the autoscaler is there */
    write_frozen(w);
    carry_out(w);
    step(w);
    assert_int_equal(written_replicas(w), 7);
    write_frozen(w);
    carry_out(w);
    step(w);
    assert_int_equal(w->plan.n_actions, 0);
    assert_int_equal(w->plan.frozen.replicas, 7);
    assert_false(w->plan.frozen.settling);
    /* on again: handed over at 7, nothing written about numbers */
    use_spec(w, scaled);
    step(w);
    assert_true(find(w, ACT_APPLY, CHILD_DEPLOYMENT)->hand_over_replicas);
    assert_int_equal(written_replicas(w), -1);
    assert_int_equal(w->plan.frozen.replicas, 0);
}

static void the_autoscalers_last_word_counts(void **state)
{
    static const int32_t before[] = { 2, 7 }; /* its minimum, and more */
    struct world *w = *state;

    for (size_t i = 0; i < COUNT(before); i++) {
        scale_to_seven(w);
        w->rec[CHILD_DEPLOYMENT].spec_replicas = before[i];
        use_spec(w, plain);
        turn(w);
        w->rec[CHILD_DEPLOYMENT].spec_replicas = 9; /* it scaled after we had decided on its end */
        turn(w);
        assert_int_equal(w->rec[CHILD_DEPLOYMENT].spec_replicas, 9);
        turn(w);
        assert_int_equal(w->plan.frozen.replicas, 9);
        w->rec[CHILD_DEPLOYMENT].spec_replicas = 12; /* by hand, later: drift */
        w->rec[CHILD_DEPLOYMENT].owns_replicas = false;
        w->rec[CHILD_DEPLOYMENT].owned_hash ^= 1;
        turn(w);
        assert_int_equal(w->rec[CHILD_DEPLOYMENT].spec_replicas, 9);
    }
}

static void an_autoscaler_that_had_chosen_the_minimum_freezes_nothing(void **state)
{
    struct world *w = *state;

    use_spec(w, scaled);
    settle(w);
    w->rec[CHILD_DEPLOYMENT].spec_replicas = 2;
    use_spec(w, plain);
    for (int i = 0; i < 4; i++)
        turn(w);
    assert_int_equal(w->plan.frozen.replicas, 0);
    assert_int_equal(w->plan.n_actions, 0);
    assert_true(w->rec[CHILD_DEPLOYMENT].owns_replicas);
}

static void a_mad_status_is_not_believed(void **state)
{
    static const char *const rows[] = { "-7", "9007199254740993", "0", "\"x\"", "{}" };
    struct world *w = *state;

    settle(w);
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *text = xasprintf("{\"scaling\":{\"frozen\":{\"replicas\":%s,\"minReplicas\":2}}}", rows[i]);

        cJSON_Delete(w->status);
        w->status = cJSON_Parse(text);
        w->o.status = w->status;
        step(w);
        assert_int_equal(w->plan.n_actions, 0);
        assert_int_equal(w->plan.replicas_wanted, 2);
    }
}

/* An autoscaler leaves a Deployment of 0 alone for ever. */
static void an_autoscaled_deployment_scaled_to_nothing_comes_back(void **state)
{
    struct world *w = *state;

    use_spec(w, scaled);
    settle(w);
    w->rec[CHILD_DEPLOYMENT].spec_replicas = 0;
    turn(w);
    assert_int_equal(w->rec[CHILD_DEPLOYMENT].spec_replicas, 2);
    settle(w);
    assert_int_equal(w->rec[CHILD_DEPLOYMENT].spec_replicas, 2);
    assert_false(w->rec[CHILD_DEPLOYMENT].owns_replicas);
}

static void a_new_minimum_ends_the_freeze(void **state)
{
    struct world *w = *state;

    scale_to_seven(w);
    use_spec(w, plain);
    turn(w);
    turn(w);
    w->svc.predictor.min_replicas = 3;
    step(w);
    assert_int_equal(w->plan.frozen.replicas, 0);
    assert_int_equal(written_replicas(w), 3);
}

static void a_hand_scaled_deployment_goes_back(void **state)
{
    struct world *w = *state;

    settle(w);
    w->rec[CHILD_DEPLOYMENT].spec_replicas = 9;
    w->rec[CHILD_DEPLOYMENT].owns_replicas = false;
    w->rec[CHILD_DEPLOYMENT].owned_hash ^= 1;
    step(w);
    assert_int_equal(written_replicas(w), 2);
}

static void a_bad_spec_changes_nothing(void **state)
{
    struct world *w = *state;

    settle(w);
    w->o.svc = NULL;
    err_set(&w->o.spec_err, ERR_INVALID, "spec.predictor.minReplicas: is -1");
    w->o.child[CHILD_SERVICE] = NULL;
    step(w);
    assert_int_equal(w->plan.n_actions, 0);
    assert_string_equal(w->plan.reason, "InvalidSpec");
    assert_true(w->plan.stalled);
    err_set(&w->o.latch_err, ERR_INVALID, "status.redis.plan: is torn");
    step(w);
    assert_int_equal(w->plan.n_actions, 0);
    assert_string_equal(w->plan.reason, "StatusUnreadable");
}

static void deleting_and_paused_stop_the_walk(void **state)
{
    struct world *w = *state;

    w->o.paused = true;
    step(w);
    assert_string_equal(w->plan.reason, "Paused");
    assert_int_equal(w->plan.n_actions, 0);
    w->o.deleting = true;
    step(w);
    assert_string_equal(w->plan.reason, "Deleting");
}

static void a_pod_of_an_older_revision_is_outdated(void **state)
{
    char first[] = "fraud-redis-0", second[] = "fraud-redis-1";
    struct pod pods[2] = { { .name = first, .of_redis = true, .revision = "old" },
                           { .name = second, .of_redis = true, .revision = "new", .uid = "p-1" } };
    struct member m[2] = { { .pod = "fraud-redis-0" }, { .pod = "fraud-redis-1" } };
    struct record set = { .update_revision = "new" };
    struct roll_plan roll = { .uid = "p-1" };
    (void)state;

    members_mark_roll(m, 2, pods, 2, &set, &roll);
    assert_true(m[0].outdated);
    assert_false(m[1].outdated);
    assert_true(!m[0].rolling && m[1].rolling);
    set.update_revision[0] = '\0';
    members_mark_roll(m, 2, pods, 2, &set, &roll);
    assert_false(m[0].outdated);
    members_mark_roll(m, 2, pods, 2, NULL, &roll);
    assert_false(m[0].outdated);
}

int main(void)
{
#define ROW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(creates_what_is_missing_then_rests),
        ROW(drift_is_sent_a_match_is_not),
        ROW(a_foreign_object_is_left_alone),
        ROW(backups_outlive_redis_and_the_service),
        ROW(a_predecessors_child_is_waited_for),
        ROW(an_autoscaler_is_the_only_writer),
        ROW(switching_off_keeps_capacity),
        ROW(the_autoscalers_last_word_counts),
        ROW(an_autoscaler_that_had_chosen_the_minimum_freezes_nothing),
        ROW(a_mad_status_is_not_believed),
        ROW(an_autoscaled_deployment_scaled_to_nothing_comes_back),
        ROW(a_new_minimum_ends_the_freeze),
        ROW(a_hand_scaled_deployment_goes_back),
        ROW(a_bad_spec_changes_nothing),
        ROW(deleting_and_paused_stop_the_walk),
        ROW(a_pod_of_an_older_revision_is_outdated),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
