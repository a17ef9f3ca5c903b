/*
 * Volumes of Redis: what grows, what is renewed, and what stays when a pod left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/yaml.h"
#include "plan/rules.h"

enum { N_PODS = 2, HOUR_MS = 3600000 };

#define GI (1LL << 30)
#define BORN_MS 1700000000000LL

struct lab {
    struct isvc svc;
    struct observed o;
    struct plan plan;
    struct walk w;
    struct record set;
    struct pod pods[N_PODS];
    struct claim claims[4];
    struct member members[N_PODS];
    char names[4][32], claim_names[4][40];
};

static const char yaml[] = "apiVersion: serving.everserve.dev/v1alpha1\n"
                           "kind: InferenceService\n"
                           "metadata: {name: fraud, namespace: ns, uid: u-1, generation: 1}\n"
                           "spec:\n"
                           "  predictor: {containers: [{image: 'r/fraud:v1'}]}\n"
                           "  redis: {shards: 1, replicasPerShard: 1, storage: {size: 2Gi, keepRemovedHours: 2}}\n";

static void add_claim(struct lab *l, size_t i, int64_t bytes)
{
    snprintf(l->names[i], sizeof(l->names[i]), "fraud-redis-%zu", i);
    snprintf(l->claim_names[i], sizeof(l->claim_names[i]), "data-fraud-redis-%zu", i);
    l->claims[i] = (struct claim){ .name = l->claim_names[i], .requested = bytes, .created_ms = BORN_MS + 1000 };
    snprintf(l->claims[i].uid, sizeof(l->claims[i].uid), "c-%zu", i);
    l->o.n_claims = i + 1;
}

static int setup(void **state)
{
    struct lab *l = xcalloc(1, sizeof(*l));
    cJSON *docs = NULL;
    struct err e;

    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0 || isvc_decode(cJSON_GetArrayItem(docs, 0), &l->svc, &e) < 0)
        fail_msg("%s", e.msg);
    cJSON_Delete(docs);
    l->o = (struct observed){ .ns = "ns", .name = "fraud", .uid = "u-1", .svc = &l->svc, .claims = l->claims,
                              .volume_may_try = true, .created_ms = BORN_MS, .wall_ms = BORN_MS + 10 * HOUR_MS,
                              .pods = l->pods, .n_pods = N_PODS };
    for (size_t i = 0; i < N_PODS; i++) {
        add_claim(l, i, 2 * GI);
        l->pods[i] = (struct pod){ .name = l->names[i], .of_redis = true };
        l->members[i] = (struct member){ .pod = l->names[i] };
    }
    l->o.redis.expected = (struct expected){ .members = l->members, .n_members = N_PODS, .shards = 1 };
    l->set = (struct record){ .uid = "s", .owner_uid = "u-1", .is_ours = true, .claim_bytes = 2 * GI };
    l->o.child[CHILD_REDIS_STATEFULSET] = &l->set;
    l->plan = (struct plan){ .look_again_ms = -1 };
    l->plan.redis.wanted = l->plan.redis.bootstrapped = l->plan.redis.judged = true;
    l->plan.redis.verdict.state = REDIS_HEALTHY;
    l->plan.redis.verdict.holds[P_SETTLED] = true;
    l->w = (struct walk){ .o = &l->o, .p = &l->plan };
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    struct lab *l = *state;

    plan_done(&l->plan);
    isvc_done(&l->svc);
    free(l);
    return 0;
}

static const struct action *find(const struct lab *l, enum action_kind kind)
{
    for (size_t i = 0; i < l->plan.n_actions; i++)
        if (l->plan.actions[i].kind == kind)
            return &l->plan.actions[i];
    return NULL;
}

static void of_the_right_size_nothing_is_done(void **state)
{
    struct lab *l = *state;

    assert_int_equal(rule_redis_volumes(&l->w), RULE_PASS);
    assert_int_equal(l->plan.n_actions, 0);
    assert_false(l->w.leave_redis_set);
}

static void claims_grow_before_the_set_is_renewed(void **state)
{
    struct lab *l = *state;
    const struct action *a;

    l->claims[1].requested = GI;
    l->set.claim_bytes = GI;
    assert_int_equal(rule_redis_volumes(&l->w), RULE_HOLD);
    a = find(l, ACT_CLAIM_PATCH);
    assert_non_null(a);
    assert_string_equal(a->pod, "data-fraud-redis-1");
    assert_string_equal(json_get_str(a->body, "metadata.uid"), "c-1");
    assert_string_equal(json_get_str(a->body, "spec.resources.requests.storage"), "2Gi");
    assert_null(find(l, ACT_ORPHAN));
    assert_true(l->w.leave_redis_set);
}

/* Amounts may be written as numbers. */
static void a_size_without_a_unit_counts_too(void **state)
{
    struct lab *l = *state;
    cJSON *storage = json_at(l->svc.root, "spec.redis.storage");
    const struct action *a;

    json_int(storage, "size", 3 * GI);
    assert_int_equal(rule_redis_volumes(&l->w), RULE_HOLD);
    a = find(l, ACT_CLAIM_PATCH);
    assert_non_null(a);
    assert_string_equal(json_get_str(a->body, "spec.resources.requests.storage"), "3221225472");
    assert_true(l->w.leave_redis_set);
}

static void then_the_set_is_made_anew(void **state)
{
    struct lab *l = *state;

    l->set.claim_bytes = GI;
    rule_redis_volumes(&l->w);
    assert_non_null(find(l, ACT_ORPHAN));
    assert_true(l->w.leave_redis_set);
}

/* A size that turns out to be wrong before the cluster could be formed, say. */
static void also_before_the_cluster_is_formed(void **state)
{
    struct lab *l = *state;

    l->plan.redis.bootstrapped = l->plan.redis.judged = false;
    l->set.claim_bytes = GI;
    rule_redis_volumes(&l->w);
    assert_non_null(find(l, ACT_ORPHAN));
    assert_true(l->w.leave_redis_set);
}

/* A status that was lost, and a smaller size: the new set would not know of the pods beyond it. */
static void not_without_a_plan_and_with_fewer_pods(void **state)
{
    struct lab *l = *state;

    l->plan.redis.bootstrapped = l->plan.redis.judged = false;
    l->set.claim_bytes = GI;
    l->set.spec_replicas = N_PODS + 1;
    rule_redis_volumes(&l->w);
    assert_null(find(l, ACT_ORPHAN));
    l->plan.redis.plan.n_seats = N_PODS;
    rule_redis_volumes(&l->w);
    assert_non_null(find(l, ACT_ORPHAN));
    l->plan.redis.plan.n_seats = 0; /* there are none */
}

/* Its pod is to come. */
static void nothing_has_left_a_cluster_that_is_not_formed(void **state)
{
    struct lab *l = *state;

    l->plan.redis.bootstrapped = l->plan.redis.judged = false;
    add_claim(l, 2, 2 * GI);
    assert_int_equal(rule_redis_volumes(&l->w), RULE_PASS);
    assert_int_equal(l->plan.n_actions, 0);
}

static void not_while_a_pod_is_restarted(void **state)
{
    struct lab *l = *state;

    l->set.claim_bytes = GI;
    snprintf(l->plan.redis.roll.pod, sizeof(l->plan.redis.roll.pod), "fraud-redis-0");
    rule_redis_volumes(&l->w);
    assert_null(find(l, ACT_ORPHAN));
}

static void a_refusal_is_said_and_not_repeated_at_once(void **state)
{
    struct lab *l = *state;

    l->claims[0].requested = GI;
    l->o.volume_problem = "data-fraud-redis-0: must support resize";
    l->o.volume_may_try = false;
    assert_int_equal(rule_redis_volumes(&l->w), RULE_HOLD);
    assert_true(l->w.stalled);
    assert_non_null(strstr(l->w.message, "spec.redis.storage.size"));
    assert_int_equal(l->plan.n_actions, 0);
}

static void what_would_shrink_is_refused(void **state)
{
    struct lab *l = *state;

    l->claims[0].requested = l->set.claim_bytes = 3 * GI;
    assert_int_equal(rule_redis_volumes(&l->w), RULE_HOLD);
    assert_string_equal(l->w.reason, "RedisVolumesShrink");
    assert_int_equal(l->plan.n_actions, 0);
    assert_true(l->w.leave_redis_set);
}

static void a_removed_pods_claim_is_dated_kept_and_then_goes(void **state)
{
    struct lab *l = *state;
    const struct action *a;

    add_claim(l, 2, GI); /* of no seat: its size is nobody's business */
    assert_int_equal(rule_redis_volumes(&l->w), RULE_PASS);
    a = find(l, ACT_CLAIM_PATCH);
    assert_string_equal(a->pod, "data-fraud-redis-2");
    assert_non_null(json_member(json_at(a->body, "metadata.annotations"), CLAIM_REMOVED));
    plan_done(&l->plan);
    l->plan.redis.wanted = l->plan.redis.bootstrapped = l->plan.redis.judged = true;
    l->plan.redis.verdict.state = REDIS_HEALTHY;
    l->plan.redis.verdict.holds[P_SETTLED] = true;
    l->claims[2].removed_ms = l->o.wall_ms - HOUR_MS;
    rule_redis_volumes(&l->w);
    assert_int_equal(l->plan.n_actions, 0);
    assert_int_equal(l->plan.look_again_ms, HOUR_MS);
    l->claims[2].removed_ms = l->o.wall_ms - 2 * HOUR_MS;
    rule_redis_volumes(&l->w);
    assert_non_null(find(l, ACT_CLAIM_DELETE));
}

static void not_while_the_cluster_is_unwell(void **state)
{
    struct lab *l = *state;

    add_claim(l, 2, GI);
    l->claims[2].removed_ms = BORN_MS;
    l->plan.redis.verdict.state = REDIS_DEGRADED;
    rule_redis_volumes(&l->w);
    assert_null(find(l, ACT_CLAIM_DELETE));
}

static void a_predecessors_claim_stays(void **state)
{
    struct lab *l = *state;

    add_claim(l, 2, GI);
    l->claims[2].created_ms = BORN_MS - 1000;
    rule_redis_volumes(&l->w);
    assert_int_equal(l->plan.n_actions, 0);
}

static void who_is_back_is_not_dated_any_more(void **state)
{
    struct lab *l = *state;
    const struct action *a;

    l->claims[1].removed_ms = BORN_MS;
    rule_redis_volumes(&l->w);
    a = find(l, ACT_CLAIM_PATCH);
    assert_true(cJSON_IsNull(json_member(json_at(a->body, "metadata.annotations"), CLAIM_REMOVED)));
}

static void a_claim_of_another_name_is_not_ours(void **state)
{
    struct lab *l = *state;
    char other[] = "data-fraud-redis-x", longer[] = "data-fraudulent-redis-7";

    add_claim(l, 2, GI);
    add_claim(l, 3, GI);
    l->claims[2].name = other;
    l->claims[3].name = longer;
    rule_redis_volumes(&l->w);
    assert_int_equal(l->plan.n_actions, 0);
}

static void a_volume_that_waits_for_a_restart_outdates_its_pod_once(void **state)
{
    struct lab *l = *state;

    l->claims[1].waits_ms = BORN_MS + HOUR_MS;
    l->pods[1].created_ms = BORN_MS;
    members_mark_volumes(l->members, N_PODS, l->pods, N_PODS, l->claims, 2, BORN_MS + HOUR_MS + 1000);
    assert_false(l->members[1].outdated);
    members_mark_volumes(l->members, N_PODS, l->pods, N_PODS, l->claims, 2, BORN_MS + 2 * HOUR_MS);
    assert_true(l->members[1].outdated && !l->members[0].outdated);
    l->members[1].outdated = false;
    l->pods[1].created_ms = BORN_MS + HOUR_MS + 5000;
    members_mark_volumes(l->members, N_PODS, l->pods, N_PODS, l->claims, 2, BORN_MS + 2 * HOUR_MS);
    assert_false(l->members[1].outdated);
}

int main(void)
{
#define ROW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(of_the_right_size_nothing_is_done),
        ROW(claims_grow_before_the_set_is_renewed),
        ROW(a_size_without_a_unit_counts_too),
        ROW(then_the_set_is_made_anew),
        ROW(also_before_the_cluster_is_formed),
        ROW(not_without_a_plan_and_with_fewer_pods),
        ROW(nothing_has_left_a_cluster_that_is_not_formed),
        ROW(not_while_a_pod_is_restarted),
        ROW(a_refusal_is_said_and_not_repeated_at_once),
        ROW(what_would_shrink_is_refused),
        ROW(a_removed_pods_claim_is_dated_kept_and_then_goes),
        ROW(not_while_the_cluster_is_unwell),
        ROW(a_predecessors_claim_stays),
        ROW(who_is_back_is_not_dated_any_more),
        ROW(a_claim_of_another_name_is_not_ours),
        ROW(a_volume_that_waits_for_a_restart_outdates_its_pod_once),
    };

    return cmocka_run_group_tests_name("volumes", tests, NULL, NULL);
}
