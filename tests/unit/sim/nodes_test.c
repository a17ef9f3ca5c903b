/* Silent nodes, pods without nodes, claims, endpoints: the smaller controllers. */
#include "world.h"

#define READY "'conditions':[{'type':'Ready','status':'True'}]"
#define NODE "{'metadata':{'name':'n'},'spec':{},'status':{" READY "}}"

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    world_init(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_done(*state);
    free(*state);
    return 0;
}

static const char *life(struct world *w)
{
    return world_sync(w, &controller_nodelife, "n");
}

static void renew(struct world *w, int n)
{
    AUTO_FREE char *text = xasprintf("{'metadata':{'name':'n','namespace':'kube-node-lease'},'spec':{'renewTime':'%d'}}", n);

    world_put(w, KIND_LEASE, text);
}

static void a_node_with_heartbeats_is_left_alone(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_NODE, NODE);
    for (int i = 0; i < 10; i++, w->now_ms += 4000) {
        renew(w, i);
        assert_string_equal(life(w), "");
        assert_int_equal(w->calls.again_ms, 6000);
    }
}

static void a_silent_node_is_tainted_and_healed(void **state)
{
    struct world *w = *state;
    const cJSON *node;

    world_put(w, KIND_NODE, NODE);
    world_put(w, KIND_POD, "{'metadata':{'name':'p'},'spec':{'nodeName':'n'},'status':{" READY "}}");
    life(w);
    w->now_ms += 6000;
    assert_true(world_settle(w, &controller_nodelife, "n"));
    node = world_get(w, KIND_NODE, "n");
    assert_string_equal(json_get_str(cond_find(node, "Ready"), "status"), "Unknown");
    assert_string_equal(json_get_str(node, "spec.taints.1.key"), "node.kubernetes.io/unreachable");
    assert_false(pod_is_ready(world_get(w, KIND_POD, "a/p")));
    world_patch(w, KIND_NODE, "n", "{'status':{" READY "}}");
    renew(w, 1);
    assert_true(world_settle(w, &controller_nodelife, "n"));
    assert_int_equal(json_count(json_at(world_get(w, KIND_NODE, "n"), "spec.taints")), 0);
}

static void pods_leave_when_they_no_longer_stand_it(void **state)
{
    struct world *w = *state;

    w->opts.pod_eviction_s = 5;
    world_put(w, KIND_NODE, NODE);
    world_put(w, KIND_POD, "{'metadata':{'name':'p'},'spec':{'nodeName':'n'}}");
    world_put(w, KIND_POD, "{'metadata':{'name':'short'},'spec':{'nodeName':'n','tolerations':[{'key':"
                           "'node.kubernetes.io/unreachable','operator':'Exists','tolerationSeconds':2}]}}");
    world_put(w, KIND_POD, "{'metadata':{'name':'ever'},'spec':{'nodeName':'n','tolerations':[{'operator':'Exists'}]}}");
    life(w);
    w->now_ms += 6000;
    assert_true(world_settle(w, &controller_nodelife, "n"));
    assert_int_equal(world_count(w, KIND_POD), 3);
    w->now_ms += 2000;
    assert_true(world_settle(w, &controller_nodelife, "n"));
    assert_null(world_get(w, KIND_POD, "a/short"));
    w->now_ms += 3000;
    assert_true(world_settle(w, &controller_nodelife, "n"));
    assert_null(world_get(w, KIND_POD, "a/p"));
    assert_non_null(world_get(w, KIND_POD, "a/ever"));
}

static void pods_of_absent_nodes_go_by_force(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_POD, "{'metadata':{'name':'p'},'spec':{'nodeName':'n'}}");
    assert_string_equal(world_sync(w, &controller_podgc, "a/p"), "GET /api/v1/nodes/n\n");
    controller_podgc.on_reply(w->state, &w->calls.items[0], 404, NULL);
    assert_non_null(strstr(world_sync(w, &controller_podgc, "a/p"), "\"gracePeriodSeconds\":0"));
    world_put(w, KIND_NODE, NODE);
    assert_string_equal(world_sync(w, &controller_podgc, "a/p"), "");
}

static void claims_are_bound_to_their_own_volume(void **state)
{
    struct world *w = *state;
    const cJSON *claim;

    world_put(w, KIND_CLAIM, "{'metadata':{'name':'c','uid':'u'},'spec':{'resources':{'requests':{'storage':'1Gi'}}}}");
    assert_true(world_settle(w, &controller_binder, "a/c"));
    claim = world_get(w, KIND_CLAIM, "a/c");
    assert_string_equal(json_get_str(claim, "status.phase"), "Bound");
    assert_string_equal(json_get_str(claim, "spec.volumeName"), "pvc-u");
    assert_string_equal(json_get_str(world_get(w, KIND_VOLUME, "pvc-u"), "status.phase"), "Bound");
    world_delete(w, KIND_CLAIM, "a/c");
    assert_true(world_settle(w, &controller_binder, "a/c"));
    assert_null(world_get(w, KIND_VOLUME, "pvc-u"));
}

static void claims_in_use_stay_protected(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_CLAIM, "{'metadata':{'name':'c','uid':'u','deletionTimestamp':'2026-01-01T00:00:00Z',"
                             "'finalizers':['kubernetes.io/pvc-protection']}}");
    world_put(w, KIND_POD, "{'metadata':{'name':'p'},'spec':{'volumes':[{'persistentVolumeClaim':{'claimName':'c'}}]}}");
    assert_string_equal(world_sync(w, &controller_binder, "a/c"), "");
    world_delete(w, KIND_POD, "a/p");
    assert_non_null(strstr(world_sync(w, &controller_binder, "a/c"), "\"finalizers\":[]"));
}

#define SERVICE(more)                                                                                              \
    "{'metadata':{'name':'s','uid':'s'},'spec':{'selector':{'app':'w'},'ports':[{'port':80,'targetPort':'http'}]" more "}}"
#define POD(name, ip, port, ready, more)                                                                    \
    "{'metadata':{'name':'" name "','labels':{'app':'w'}" more "},'spec':{'containers':[{'ports':[{'name':" \
    "'http','containerPort':" port "}]}]},'status':{'podIP':'" ip "','conditions':[{'type':'Ready','status':'" ready "'}]}}"

static cJSON *conditions_of(struct world *w, int number)
{
    AUTO_LIST struct list l = { 0 };

    assert_true(world_settle(w, &controller_endpointslice, "a/s"));
    scene_list(w->scene, KIND_SLICE, &l);
    assert_int_equal(l.n, 1);
    return json_member(cJSON_GetArrayItem(json_member(l.items[0], "endpoints"), number), "conditions");
}

static void endpoints_tell_ready_from_serving(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_SERVICE, SERVICE(""));
    world_put(w, KIND_POD, POD("p", "10.0.0.1", "8080", "True", ""));
    world_put(w, KIND_POD, POD("q", "10.0.0.2", "8080", "False", ""));
    world_put(w, KIND_POD, POD("r", "10.0.0.3", "8080", "True", ",'deletionTimestamp':'2026-01-01T00:00:00Z'"));
    assert_true(json_get_bool(conditions_of(w, 0), "ready", false));
    assert_false(json_get_bool(conditions_of(w, 1), "ready", true));
    assert_false(json_get_bool(conditions_of(w, 2), "ready", true));
    assert_true(json_get_bool(conditions_of(w, 2), "serving", false));
    assert_string_equal(world_sync(w, &controller_endpointslice, "a/s"), "");
}

static void unready_addresses_are_published_on_request(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_SERVICE, SERVICE(",'publishNotReadyAddresses':true"));
    world_put(w, KIND_POD, POD("p", "10.0.0.1", "8080", "False", ""));
    assert_true(json_get_bool(conditions_of(w, 0), "ready", false));
}

static void pods_with_other_port_numbers_get_a_slice_of_their_own(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_SERVICE, SERVICE(""));
    world_put(w, KIND_POD, POD("p", "10.0.0.1", "8080", "True", ""));
    world_put(w, KIND_POD, POD("q", "10.0.0.2", "9090", "True", ""));
    assert_true(world_settle(w, &controller_endpointslice, "a/s"));
    assert_int_equal(world_count(w, KIND_SLICE), 2);
    world_delete(w, KIND_POD, "a/p");
    assert_true(world_settle(w, &controller_endpointslice, "a/s"));
    assert_int_equal(world_count(w, KIND_SLICE), 1);
}

static void the_older_endpoints_have_both_lists(void **state)
{
    struct world *w = *state;
    const cJSON *o;

    world_put(w, KIND_SERVICE, SERVICE(""));
    world_put(w, KIND_POD, POD("p", "10.0.0.1", "8080", "True", ""));
    world_put(w, KIND_POD, POD("q", "10.0.0.2", "8080", "False", ""));
    assert_true(world_settle(w, &controller_endpoints, "a/s"));
    o = world_get(w, KIND_ENDPOINTS, "a/s");
    assert_string_equal(json_get_str(o, "subsets.0.addresses.0.ip"), "10.0.0.1");
    assert_string_equal(json_get_str(o, "subsets.0.notReadyAddresses.0.ip"), "10.0.0.2");
    assert_int_equal(json_get_int(o, "subsets.0.ports.0.port", 0), 8080);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_node_with_heartbeats_is_left_alone), T(a_silent_node_is_tainted_and_healed),
        T(pods_leave_when_they_no_longer_stand_it), T(pods_of_absent_nodes_go_by_force),
        T(claims_are_bound_to_their_own_volume), T(claims_in_use_stay_protected), T(endpoints_tell_ready_from_serving),
        T(unready_addresses_are_published_on_request), T(pods_with_other_port_numbers_get_a_slice_of_their_own),
        T(the_older_endpoints_have_both_lists),
    };

    return cmocka_run_group_tests_name("nodes", tests, NULL, NULL);
}
