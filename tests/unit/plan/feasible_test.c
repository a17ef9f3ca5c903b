/* Rollouts without room, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/json.h"
#include "plan/rules.h"

#define T0 1700000000000LL
enum { NEVER = -1, NO_POD = -1 };

static const struct row {
    const char *name;
    int32_t wanted, ready, replicas, updated; /* of the Deployment */
    int32_t waits_s;  /* a new pod finds no node since; NO_POD: all have one */
    int32_t began_s;  /* replacing began so long ago; NEVER */
    int64_t of;       /* for this generation; the resource has 7 */
    bool one_goes;
    const char *predictor; /* more of spec.predictor */
    enum feasibility want;
    bool replaces;
    const char *reason; /* NULL: the rule passes */
} rows[] = {
    { "a rollout with room", 2, 2, 3, 1, NO_POD, NEVER, 0, false, "", FEASIBLE, false, NULL },
    { "a node may be on its way", 2, 2, 3, 1, 59, NEVER, 0, false, "", FEASIBLE_WAITS, false, NULL },
    { "no node came: one goes first", 2, 2, 3, 1, 61, NEVER, 0, false, "", FEASIBLE_REPLACING, true, "RolloutReplacing" },
    { "the only replica is not given up", 1, 1, 2, 1, 61, NEVER, 0, false, "", INFEASIBLE, false, "RolloutInfeasible" },
    { "one is missing already", 3, 2, 4, 1, 61, NEVER, 0, false, "", INFEASIBLE, false, "RolloutInfeasible" },
    { "the user's budget spares none", 2, 2, 3, 1, 61, NEVER, 0, false, "{\"podDisruptionBudget\":{\"minAvailable\":2}}", INFEASIBLE,
      false, "RolloutInfeasible" },
    { "the user's budget spares two", 4, 3, 5, 1, 61, NEVER, 0, false, "{\"podDisruptionBudget\":{\"maxUnavailable\":\"50%\"}}",
      FEASIBLE_REPLACING, true, "RolloutReplacing" },
    { "the user's strategy stays", 2, 2, 3, 1, 61, NEVER, 0, false, "{\"deploymentStrategy\":{\"rollingUpdate\":{\"maxSurge\":1}}}",
      INFEASIBLE, false, "RolloutInfeasible" },
    { "it goes on", 2, 1, 2, 1, NO_POD, 30, 7, false, "", FEASIBLE_REPLACING, true, "RolloutReplacing" },
    { "it goes on while the old one is ending", 2, 1, 3, 1, 200, 130, 7, true, "", FEASIBLE_REPLACING, true, "RolloutReplacing" },
    { "the room of the old one does not do", 2, 1, 2, 1, 200, 61, 7, false, "", INFEASIBLE, true, "RolloutInfeasible" },
    { "another version is tried with a pod more again", 2, 2, 3, 1, 30, 300, 6, false, "", FEASIBLE_WAITS, false, NULL },
    { "it is over when all are new", 2, 2, 2, 2, NO_POD, 300, 7, false, "", FEASIBLE, false, NULL },
    { "a service that is made for the first time has nothing to replace", 2, 0, 2, 2, 61, NEVER, 0, false, "", INFEASIBLE, false, NULL },
};

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_JSON cJSON *predictor = cJSON_Parse(r->predictor[0] ? r->predictor : "{}");
    AUTO_JSON cJSON *status = json_new_obj();
    struct isvc svc = { .predictor = { r->wanted, r->wanted, .spec = predictor } };
    struct record dep = { .spec_replicas = r->wanted, .ready = r->ready, .replicas = r->replicas, .updated = r->updated,
                          .unavailable = r->replicas - r->ready };
    struct pod pods[] = { { .serves = true, .unschedulable_ms = r->waits_s == NO_POD ? 0 : T0 - r->waits_s * 1000LL,
                            .message = "0/3 nodes are available" },
                          { .serves = true, .deleting = r->one_goes } };
    struct observed o = { .generation = 7, .svc = &svc, .pods = pods, .n_pods = 2, .wall_ms = T0, .status = status };
    struct plan plan = { .look_again_ms = -1, .replicas_wanted = r->wanted };
    struct walk w = { .o = &o, .p = &plan };

    o.child[CHILD_DEPLOYMENT] = &dep;
    if (r->began_s != NEVER) {
        json_int(json_obj(json_obj(status, "predictor"), "replacing"), "generation", r->of);
        json_int(json_obj(json_obj(status, "predictor"), "replacing"), "sinceMs", T0 - r->began_s * 1000LL);
    }
    assert_int_equal(rule_feasible(&w), r->reason ? RULE_HOLD : RULE_PASS);
    assert_int_equal(w.feasible, r->want);
    assert_int_equal(w.in.replace_one, r->replaces);
    assert_int_equal(plan.replacing.generation, r->replaces ? 7 : 0);
    assert_int_equal(plan.status_first, (r->replaces && r->began_s == NEVER) || (r->of == 7 && r->want == FEASIBLE));
    if (r->reason)
        assert_string_equal(w.reason, r->reason);
    if (r->want == FEASIBLE_WAITS)
        assert_in_range(plan.look_again_ms, 1, 60000);
}

/* The scheduler's words after a minute, and where the condition points to; NULL: an old pod goes. */
static const struct word {
    const char *name, *word, *points_to;
} words[] = {
    { "no old pod goes for a claim that is not there", "0/4 nodes are available: persistentvolumeclaim \"m\" not found. not found",
      "spec.predictor.model" },
    { "no old pod goes for a claim that is not bound", "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
      "spec.predictor.model" },
    { "no old pod goes where none of the nodes is the right one", "0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector.",
      "spec.predictor.nodeSelector" },
    { "nor where all others are tainted",
      "0/4 nodes are available: 1 node(s) had untolerated taint {a: b}, 3 node(s) didn't match Pod's node affinity/selector.", "tolerations" },
    { "one goes where some of them are full", "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) didn't match Pod's node affinity/selector.",
      NULL },
    { "one goes when the word was cut", "0/4 nodes are available: 1 node(s) had untolerated taint {a: b}, 3 Ins", NULL },
    { "one goes for another one's place", "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.", NULL },
};

static void check_word(void **state)
{
    const struct word *r = *state;
    AUTO_JSON cJSON *spec = json_new_obj();
    struct isvc svc = { .predictor = { 3, 3, .spec = spec } };
    struct record dep = { .spec_replicas = 3, .ready = 3, .replicas = 4, .updated = 1, .unavailable = 1 };
    struct pod pod = { .serves = true, .unschedulable_ms = T0 - 3600000 };
    struct observed o = { .generation = 7, .svc = &svc, .pods = &pod, .n_pods = 1, .wall_ms = T0 };
    struct plan plan = { .look_again_ms = -1, .replicas_wanted = 3 };
    struct walk w = { .o = &o, .p = &plan };

    snprintf(pod.message, sizeof(pod.message), "%s", r->word);
    pod.detail = (char *)(uintptr_t)r->word;
    o.child[CHILD_DEPLOYMENT] = &dep;
    assert_int_equal(rule_feasible(&w), RULE_HOLD);
    assert_int_equal(w.feasible, r->points_to ? INFEASIBLE : FEASIBLE_REPLACING); /* then the deadline decides */
    assert_int_equal(w.in.replace_one, !r->points_to);
    if (r->points_to)
        assert_non_null(strstr(w.message, r->points_to));
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + COUNT(words)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    for (size_t i = 0; i < COUNT(words); i++)
        tests[COUNT(rows) + i] = (struct CMUnitTest){ words[i].name, check_word, NULL, NULL, (void *)(uintptr_t)&words[i] };
    return cmocka_run_group_tests_name("feasible", tests, NULL, NULL);
}
