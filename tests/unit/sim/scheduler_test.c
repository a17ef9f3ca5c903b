/* Where a pod goes, or what is said when it can go nowhere: three nodes, one per zone, 4 cpu each. */
#include "world.h"

struct row {
    const char *name;
    const char *pods[4];  /* that are there already */
    const char *node_b;   /* patch of node b; NULL: none */
    const char *spec;     /* of the pod to place; labels are app: w */
    const char *want;     /* part of the call */
};

#define ON(node) "'spec':{'nodeName':'" node "'}"
#define POD(name, label, rest) "{'metadata':{'name':'" name "','labels':{'app':'" label "'}}," rest "}"
#define BUSY(name, node, cpu) \
    POD(name, "x", "'spec':{'nodeName':'" node "','containers':[{'resources':{'requests':{'cpu':'" cpu "'}}}]}")
#define CPU(n) "{'containers':[{'resources':{'requests':{'cpu':'" n "'}}}]}"
#define TERM(key) "{'topologyKey':'" key "','labelSelector':{'matchLabels':{'app':'w'}}}"
#define ANTI(key) "{'affinity':{'podAntiAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[" TERM(key) "]}}}"
#define WITH(key) "{'affinity':{'podAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[" TERM(key) "]}}}"
#define SPREAD(key, when) \
    "{'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'" key "','whenUnsatisfiable':'" when "'," \
    "'labelSelector':{'matchLabels':{'app':'w'}}}]}"
#define TAINT "{'spec':{'taints':[{'key':'k','value':'v','effect':'NoSchedule'}]}}"

static const struct row rows[] = {
    { "the first node when all are equal", { NULL }, NULL, "{}", "\"name\":\"a\"" },
    { "the emptiest node", { BUSY("p", "a", "1"), BUSY("q", "b", "1") }, NULL, "{}", "\"name\":\"c\"" },
    { "room for cpu", { BUSY("p", "a", "3"), BUSY("q", "c", "3"), POD("r", "x", ON("b")), POD("s", "x", ON("b")) }, NULL, CPU("2"),
      "\"name\":\"b\"" },
    { "room that is used up to the last bit", { BUSY("p", "a", "2"), BUSY("q", "b", "2500m"), BUSY("r", "c", "3") }, NULL, CPU("2"),
      "\"name\":\"a\"" },
    { "no room for cpu", { BUSY("p", "a", "3"), BUSY("q", "b", "3"), BUSY("r", "c", "3") }, NULL, CPU("2"),
      "0/3 nodes are available: 3 Insufficient cpu." },
    { "a resource that no node has", { NULL }, NULL, "{'containers':[{'resources':{'limits':{'nvidia.com/gpu':'1'}}}]}",
      "0/3 nodes are available: 3 Insufficient nvidia.com/gpu." },
    { "too many pods", { POD("p", "x", ON("b")), POD("q", "x", ON("b")) }, "{'status':{'allocatable':{'pods':'2'}}}",
      "{'nodeSelector':{'host':'b'}}", "1 Too many pods" },
    { "the node of its selector", { POD("p", "x", ON("b")) }, NULL, "{'nodeSelector':{'host':'b'}}", "\"name\":\"b\"" },
    { "a selector that nothing matches", { NULL }, NULL, "{'nodeSelector':{'host':'z'}}",
      "3 node(s) didn't match Pod's node affinity/selector" },
    { "affinity to some zones", { NULL }, NULL,
      "{'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':[{'matchExpressions':"
      "[{'key':'zone','operator':'NotIn','values':['z1','z2']}]}]}}}}", "\"name\":\"c\"" },
    { "preferred affinity", { NULL }, NULL,
      "{'affinity':{'nodeAffinity':{'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':50,'preference':"
      "{'matchExpressions':[{'key':'host','operator':'In','values':['c']}]}}]}}}", "\"name\":\"c\"" },
    { "not on a cordoned node", { NULL }, "{'spec':{'unschedulable':true}}", "{'nodeSelector':{'host':'b'}}",
      "2 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable." },
    { "not on a tainted node", { NULL }, TAINT, "{'nodeSelector':{'host':'b'}}", "untolerated taint {k: v}" },
    { "on a tainted node with the toleration", { NULL }, TAINT,
      "{'nodeSelector':{'host':'b'},'tolerations':[{'key':'k','operator':'Equal','value':'v'}]}", "\"name\":\"b\"" },
    { "not on a node that is not ready", { NULL }, "{'status':{'conditions':[{'type':'Ready','status':'Unknown'}]}}",
      "{'nodeSelector':{'host':'b'}}", "1 node(s) were not ready" },
    { "away from its like", { POD("p", "w", ON("a")), POD("q", "w", ON("b")) }, NULL, ANTI("host"), "\"name\":\"c\"" },
    { "nowhere to be away from its like", { POD("p", "w", ON("a")), POD("q", "w", ON("b")), POD("r", "w", ON("c")) }, NULL,
      ANTI("host"), "3 node(s) didn't match pod anti-affinity rules" },
    { "others do not want it near",
      { POD("p", "x", "'spec':{'nodeName':'a','affinity':{'podAntiAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':"
                      "[" TERM("zone") "]}}}") }, NULL, "{'nodeSelector':{'host':'a'}}",
      "1 node(s) didn't satisfy existing pods anti-affinity rules" },
    { "near its like", { POD("p", "w", ON("c")), POD("q", "x", ON("c")) }, NULL, WITH("host"), "\"name\":\"c\"" },
    { "the first of its like may begin", { NULL }, NULL, WITH("host"), "\"name\":\"a\"" },
    { "one per zone", { POD("p", "w", ON("a")), POD("q", "w", ON("c")) }, NULL, SPREAD("zone", "DoNotSchedule"), "\"name\":\"b\"" },
    { "one per zone, and the free zone is closed", { POD("p", "w", ON("a")), POD("q", "w", ON("c")) },
      "{'spec':{'unschedulable':true}}", SPREAD("zone", "DoNotSchedule"),
      "2 node(s) didn't match pod topology spread constraints" },
    { "spread if possible", { POD("p", "w", ON("a")), POD("q", "w", ON("c")) }, "{'spec':{'unschedulable':true}}",
      SPREAD("zone", "ScheduleAnyway"), "\"name\":\"a\"" },
    { "spread counts no pods that are leaving",
      { "{'metadata':{'name':'p','labels':{'app':'w'},'deletionTimestamp':'2026-01-01T00:00:00Z'}," ON("a") "}",
        POD("q", "w", ON("b")), POD("r", "w", ON("c")) }, NULL, SPREAD("zone", "DoNotSchedule"), "\"name\":\"a\"" },
    { "a claim that is not bound", { NULL }, NULL, "{'volumes':[{'persistentVolumeClaim':{'claimName':'c'}}]}",
      "persistentvolumeclaim \\\"c\\\" not found" },
    { "somebody else's pod", { NULL }, NULL, "{'schedulerName':'mine'}", NULL },
    { "gated", { NULL }, NULL, "{'schedulingGates':[{'name':'g'}]}", NULL },
};

static void add_node(struct world *w, const char *name, const char *zone)
{
    AUTO_FREE char *text = xasprintf("{'metadata':{'name':'%s','labels':{'host':'%s','zone':'%s'}},'spec':{},'status':"
                                     "{'allocatable':{'cpu':'4','memory':'8Gi','pods':'10'},'conditions':"
                                     "[{'type':'Ready','status':'True'}]}}", name, name, zone);

    world_put(w, KIND_NODE, text);
}

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_FREE char *pod = xasprintf("{'metadata':{'name':'new','labels':{'app':'w'}},'spec':%s}", r->spec);
    struct world w;
    const char *got;

    world_init(&w);
    add_node(&w, "a", "z1");
    add_node(&w, "b", "z2");
    add_node(&w, "c", "z3");
    if (r->node_b)
        world_patch(&w, KIND_NODE, "b", r->node_b);
    for (size_t i = 0; i < COUNT(r->pods) && r->pods[i]; i++)
        world_put(&w, KIND_POD, r->pods[i]);
    world_put(&w, KIND_POD, pod);
    got = world_sync(&w, &controller_scheduler, "a/new");
    if (r->want && !strstr(got, r->want))
        fail_msg("want %s in %s", r->want, got);
    if (!r->want)
        assert_string_equal(got, "");
    world_done(&w);
}

static void no_nodes_at_all(void **state)
{
    struct world w;
    (void)state;

    world_init(&w);
    world_put(&w, KIND_POD, "{'metadata':{'name':'new'},'spec':{}}");
    assert_non_null(strstr(world_sync(&w, &controller_scheduler, "a/new"), "no nodes available to schedule pods"));
    world_apply(&w);
    assert_string_equal(world_sync(&w, &controller_scheduler, "a/new"), ""); /* said once */
    world_done(&w);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(no_nodes_at_all);
    return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
