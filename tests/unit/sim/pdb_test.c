/* Budgets: from pods and bounds to the disruptions allowed. */
#include "world.h"

struct row {
    const char *name;
    const char *bounds;   /* in spec */
    int replicas;         /* of the Deployment; -1: pods have no controller */
    int n_ready, n_unready;
    int expected, desired, allowed;
    const char *status;   /* before; NULL: none */
};

static const struct row rows[] = {
    { "one may go", "'maxUnavailable':1", 3, 3, 0, 3, 2, 1, NULL },
    { "one is missing already", "'maxUnavailable':1", 3, 2, 1, 3, 2, 0, NULL },
    { "not yet created counts as missing", "'maxUnavailable':1", 3, 2, 0, 3, 2, 0, NULL },
    { "none may go", "'maxUnavailable':0", 3, 3, 0, 3, 3, 0, NULL },
    { "a third, rounded up", "'maxUnavailable':'30%'", 4, 4, 0, 4, 2, 2, NULL },
    { "at least two", "'minAvailable':2", 3, 3, 0, 3, 2, 1, NULL },
    { "at least half, rounded up", "'minAvailable':'50%'", 3, 3, 0, 3, 2, 1, NULL },
    { "at least two, of pods without a controller", "'minAvailable':2", -1, 3, 0, 3, 2, 1, NULL },
    { "a bound that needs to know their number, of pods without a controller", "'maxUnavailable':1", -1, 3, 0, 0, 0, 0, NULL },
    { "no pods", "'maxUnavailable':1", 3, 0, 0, 0, 0, 0, NULL },
    { "an eviction under way counts as gone", "'maxUnavailable':1", 3, 3, 0, 3, 2, 0,
      "{'status':{'disruptedPods':{'p1':'2026-01-01T00:00:00Z'}}}" },
    { "an eviction of long ago does not", "'maxUnavailable':1", 3, 3, 0, 3, 2, 1,
      "{'status':{'disruptedPods':{'p1':'2025-12-31T23:00:00Z'}}}" },
};

static void add_pod(struct world *w, int number, bool ready, bool owned)
{
    AUTO_FREE char *text = xasprintf("{'metadata':{'name':'p%d','labels':{'app':'w'}%s},'status':{'conditions':"
                                     "[{'type':'Ready','status':'%s'}]}}", number,
                                     owned ? ",'ownerReferences':[{'kind':'ReplicaSet','name':'r','uid':'r','controller':true}]" : "",
                                     ready ? "True" : "False");

    world_put(w, KIND_POD, text);
}

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_FREE char *pdb = xasprintf("{'metadata':{'name':'b'},'spec':{'selector':{'matchLabels':{'app':'w'}},%s}}", r->bounds);
    AUTO_FREE char *d = xasprintf("{'metadata':{'name':'w','uid':'d'},'spec':{'replicas':%d}}", r->replicas);
    struct world w;
    const cJSON *status;

    world_init(&w);
    world_put(&w, KIND_DEPLOYMENT, d);
    world_put(&w, KIND_REPLICASET, "{'metadata':{'name':'r','uid':'r','ownerReferences':[{'kind':'Deployment','name':'w',"
                                   "'uid':'d','controller':true}]},'spec':{'replicas':99}}");
    for (int i = 0; i < r->n_ready + r->n_unready; i++)
        add_pod(&w, i, i < r->n_ready, r->replicas >= 0);
    world_put(&w, KIND_PDB, pdb);
    if (r->status)
        world_patch(&w, KIND_PDB, "a/b", r->status);
    assert_true(world_settle(&w, &controller_pdb, "a/b"));
    status = json_member(world_get(&w, KIND_PDB, "a/b"), "status");
    assert_int_equal(json_get_int(status, "expectedPods", -1), r->expected);
    assert_int_equal(json_get_int(status, "desiredHealthy", -1), r->desired);
    assert_int_equal(json_get_int(status, "disruptionsAllowed", -1), r->allowed);
    world_done(&w);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("budgets", tests, NULL, NULL);
}
