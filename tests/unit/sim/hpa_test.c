/* Autoscalers as objects: metrics from a ConfigMap or an annotation, status, the write to scale. */
#include "world.h"

#define HPA(metrics, more)                                                                                     \
    "{'metadata':{'name':'h'},'spec':{'minReplicas':2,'maxReplicas':10,'scaleTargetRef':{'kind':'Deployment'," \
    "'name':'w'},'metrics':[" metrics "]" more "}}"
#define CPU "{'type':'Resource','resource':{'name':'cpu','target':{'type':'Utilization','averageUtilization':80}}}"
#define QUEUE "{'type':'Pods','pods':{'metric':{'name':'queue'},'target':{'type':'AverageValue','averageValue':'10'}}}"

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    world_init(w);
    world_put(w, KIND_DEPLOYMENT, "{'metadata':{'name':'w','uid':'d'},'spec':{'replicas':3},'status':{'replicas':3}}");
    world_put(w, KIND_REPLICASET, "{'metadata':{'name':'r','uid':'r','ownerReferences':[{'uid':'d','kind':'Deployment',"
                                  "'name':'w','controller':true}]}}");
    for (int i = 0; i < 3; i++) {
        world_put(w, KIND_POD, "{'metadata':{'generateName':'p','ownerReferences':[{'uid':'r','controller':true}]},'status':"
                               "{'phase':'Running','conditions':[{'type':'Ready','status':'True'}]}}");
    }
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_done(*state);
    free(*state);
    return 0;
}

static const char *sync(struct world *w)
{
    return world_sync(w, &controller_hpa, "a/h");
}

static const char *reason(struct world *w, const char *type)
{
    const char *r;

    world_apply(w);
    r = json_get_str(cond_find(world_get(w, KIND_HPA, "a/h"), type), "reason");
    return r ? r : "none";
}

static void without_a_metric_it_says_so(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_HPA, HPA(CPU, ""));
    assert_null(strstr(sync(w), "/scale"));
    assert_string_equal(reason(w, "ScalingActive"), "FailedGetResourceMetric");
    assert_int_equal(w->calls.again_ms, 1000);
    assert_string_equal(sync(w), "");
}

static void a_metric_in_the_map_scales(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_HPA, HPA(CPU, ""));
    world_put(w, KIND_CONFIGMAP, "{'metadata':{'name':'sim-metrics'},'data':{'h.cpu':'160'}}");
    assert_non_null(strstr(sync(w), "PATCH /apis/apps/v1/namespaces/a/deployments/w/scale {\"spec\":{\"replicas\":6}}"));
    assert_string_equal(reason(w, "ScalingActive"), "ValidMetricFound");
    assert_string_equal(reason(w, "AbleToScale"), "SucceededRescale");
    assert_int_equal(json_get_int(world_get(w, KIND_HPA, "a/h"), "status.desiredReplicas", 0), 6);
    assert_int_equal(json_get_int(world_get(w, KIND_HPA, "a/h"),
                                  "status.currentMetrics.0.resource.current.averageUtilization", 0), 160);
}

static void the_greediest_metric_wins(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_HPA, HPA(CPU "," QUEUE, ""));
    world_put(w, KIND_CONFIGMAP, "{'metadata':{'name':'sim-metrics'},'data':{'h.cpu':'80','h.queue':'15500m'}}");
    assert_non_null(strstr(sync(w), "\"replicas\":5"));
}

static void an_unknown_metric_prevents_shrinking(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_HPA, HPA(CPU "," QUEUE, ",'behavior':{'scaleDown':{'stabilizationWindowSeconds':0}}"));
    world_put(w, KIND_CONFIGMAP, "{'metadata':{'name':'sim-metrics'},'data':{'h.cpu':'10'}}");
    assert_null(strstr(sync(w), "/scale"));
}

static void a_shared_load_goes_over_ready_pods(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_HPA, HPA(CPU, ""));
    world_patch(w, KIND_HPA, "a/h", "{'metadata':{'annotations':{'sim.everserve.dev/cpu':'total:400'}}}");
    assert_non_null(strstr(sync(w), "\"replicas\":5"));
}

static void out_of_bounds_is_brought_back(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_HPA, HPA(CPU, ""));
    world_patch(w, KIND_DEPLOYMENT, "a/w", "{'spec':{'replicas':1}}");
    assert_non_null(strstr(sync(w), "\"replicas\":2"));
}

static void zero_switches_it_off(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_HPA, HPA(CPU, ""));
    world_patch(w, KIND_DEPLOYMENT, "a/w", "{'spec':{'replicas':0}}");
    assert_null(strstr(sync(w), "/scale"));
    assert_string_equal(reason(w, "ScalingActive"), "ScalingDisabled");
}

static void disabled_holds(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_HPA, HPA(CPU, ",'behavior':{'scaleUp':{'selectPolicy':'Disabled'}}"));
    world_put(w, KIND_CONFIGMAP, "{'metadata':{'name':'sim-metrics'},'data':{'h.cpu':'400'}}");
    assert_null(strstr(sync(w), "/scale"));
    assert_string_equal(reason(w, "ScalingLimited"), "ScaleUpLimit");
}

static void no_target_no_scale(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_HPA, HPA(CPU, ""));
    world_delete(w, KIND_DEPLOYMENT, "a/w");
    sync(w);
    assert_string_equal(reason(w, "AbleToScale"), "FailedGetScale");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(without_a_metric_it_says_so), T(a_metric_in_the_map_scales), T(the_greediest_metric_wins),
        T(an_unknown_metric_prevents_shrinking), T(a_shared_load_goes_over_ready_pods), T(out_of_bounds_is_brought_back),
        T(zero_switches_it_off), T(disabled_holds), T(no_target_no_scale),
    };

    return cmocka_run_group_tests_name("hpa", tests, NULL, NULL);
}
