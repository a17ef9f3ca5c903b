/* Deployments and their ReplicaSets, step by step and settled. */
#include "world.h"

#include "sim/controllers/conds.h"

#define TEMPLATE "'template':{'metadata':{'labels':{'app':'w'}},'spec':{'containers':[{'name':'c','image':'m:1'}]}}"
#define DEPLOYMENT(more)                                                                                        \
    "{'metadata':{'name':'w','uid':'d'},'spec':{'replicas':3,'selector':{'matchLabels':{'app':'w'}},'strategy':" \
    "{'type':'RollingUpdate','rollingUpdate':{'maxSurge':1,'maxUnavailable':0}}" more "," TEMPLATE "}}"

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

static void sync_sets(struct world *w)
{
    AUTO_LIST struct list l = { 0 };
    AUTO_FREE char **keys = NULL;

    scene_list(w->scene, KIND_REPLICASET, &l);
    keys = xcalloc(l.n + 1, sizeof(*keys));
    for (size_t i = 0; i < l.n; i++)
        keys[i] = item_key(l.items[i]);
    for (size_t i = 0; i < l.n; i++) {
        world_sync(w, &controller_replicaset, keys[i]);
        world_apply(w);
        free(keys[i]);
    }
}

static size_t count_ready(struct world *w)
{
    AUTO_LIST struct list l = { 0 };
    size_t n = 0;

    scene_list(w->scene, KIND_POD, &l);
    for (size_t i = 0; i < l.n; i++)
        n += pod_is_ready(l.items[i]);
    return n;
}

/* Some rounds of both controllers and of nodes on which this image never becomes ready; least ready pods seen. */
static size_t run(struct world *w, const char *bad_image)
{
    size_t least = 1000;

    for (int i = 0; i < 40; i++, w->now_ms += 1000) {
        world_sync(w, &controller_deployment, "a/w");
        world_apply(w);
        sync_sets(w);
        if (count_ready(w) < least)
            least = count_ready(w);
        if (i % 2)
            world_all_ready(w, bad_image);
    }
    return least;
}

static const char *reason(struct world *w, const char *type)
{
    return json_get_str(cond_find(world_get(w, KIND_DEPLOYMENT, "a/w"), type), "reason");
}

static void set_image(struct world *w, const char *image)
{
    AUTO_JSON cJSON *patch = from_text("{'spec':{'template':{'spec':{'containers':[{'name':'c'}]}}}}");

    json_str(json_at(patch, "spec.template.spec.containers.0"), "image", image);
    world_merge(w, KIND_DEPLOYMENT, "a/w", patch);
}

static void comes_up(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_DEPLOYMENT, DEPLOYMENT(""));
    run(w, NULL);
    assert_int_equal(count_ready(w), 3);
    assert_string_equal(reason(w, "Available"), "MinimumReplicasAvailable");
    assert_string_equal(reason(w, "Progressing"), "NewReplicaSetAvailable");
    assert_string_equal(world_sync(w, &controller_deployment, "a/w"), "");
}

static void update_keeps_capacity(void **state)
{
    struct world *w = *state;
    AUTO_LIST struct list l = { 0 };

    world_put(w, KIND_DEPLOYMENT, DEPLOYMENT(""));
    run(w, NULL);
    set_image(w, "m:2");
    assert_int_equal(run(w, NULL), 3);
    assert_int_equal(world_count(w, KIND_REPLICASET), 2);
    scene_list(w->scene, KIND_POD, &l);
    assert_int_equal(l.n, 3);
    for (size_t i = 0; i < l.n; i++)
        assert_string_equal(json_get_str(l.items[i], "spec.containers.0.image"), "m:2");
    assert_string_equal(item_annotation(world_get(w, KIND_DEPLOYMENT, "a/w"), "deployment.kubernetes.io/revision"), "2");
}

static void stuck_update_says_so_and_recovers(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_DEPLOYMENT, DEPLOYMENT(",'progressDeadlineSeconds':4"));
    run(w, NULL);
    set_image(w, "bad");
    assert_int_equal(run(w, "bad"), 3);
    assert_string_equal(reason(w, "Progressing"), "ProgressDeadlineExceeded");
    assert_int_equal(json_get_int(world_get(w, KIND_DEPLOYMENT, "a/w"), "status.unavailableReplicas", 0), 1);
    set_image(w, "m:1");
    assert_int_equal(run(w, "bad"), 3);
    assert_string_equal(reason(w, "Progressing"), "NewReplicaSetAvailable");
    assert_int_equal(json_get_int(world_get(w, KIND_DEPLOYMENT, "a/w"), "status.replicas", 0), 3);
}

static void recreate_goes_through_zero(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_DEPLOYMENT, DEPLOYMENT(""));
    world_patch(w, KIND_DEPLOYMENT, "a/w", "{'spec':{'strategy':{'type':'Recreate','rollingUpdate':null}}}");
    run(w, NULL);
    set_image(w, "m:2");
    assert_int_equal(run(w, NULL), 0);
    assert_int_equal(count_ready(w), 3);
}

static void paused_changes_nothing(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_DEPLOYMENT, DEPLOYMENT(""));
    run(w, NULL);
    world_patch(w, KIND_DEPLOYMENT, "a/w", "{'spec':{'paused':true}}");
    set_image(w, "m:2");
    run(w, NULL);
    assert_int_equal(world_count(w, KIND_REPLICASET), 1);
    assert_string_equal(reason(w, "Progressing"), "DeploymentPaused");
    world_patch(w, KIND_DEPLOYMENT, "a/w", "{'spec':{'paused':null}}");
    run(w, NULL);
    assert_int_equal(world_count(w, KIND_REPLICASET), 2);
}

static void history_is_trimmed(void **state)
{
    struct world *w = *state;
    static const char *const images[] = { "m:2", "m:3", "m:4" };

    world_put(w, KIND_DEPLOYMENT, DEPLOYMENT(",'revisionHistoryLimit':1"));
    run(w, NULL);
    for (size_t i = 0; i < COUNT(images); i++) {
        set_image(w, images[i]);
        run(w, NULL);
    }
    assert_int_equal(world_count(w, KIND_REPLICASET), 2);
}

static void order_of_members_is_no_change(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_DEPLOYMENT, DEPLOYMENT(""));
    run(w, NULL);
    world_patch(w, KIND_DEPLOYMENT, "a/w",
                "{'spec':{'template':{'spec':{'containers':[{'image':'m:1','name':'c'}]}}}}");
    run(w, NULL);
    assert_int_equal(world_count(w, KIND_REPLICASET), 1);
}

static void unready_pods_go_first(void **state)
{
    struct world *w = *state;
    AUTO_LIST struct list l = { 0 };

    world_put(w, KIND_DEPLOYMENT, DEPLOYMENT(""));
    run(w, NULL);
    world_put(w, KIND_POD, "{'metadata':{'name':'odd','labels':{'app':'w','x':'y'}},'spec':{'nodeName':'n'}}");
    scene_list(w->scene, KIND_POD, &l);
    {
        AUTO_FREE char *key = item_key(l.items[1]);
        AUTO_FREE char *del = xasprintf("DELETE /api/v1/namespaces/a/pods/%s", item_name(l.items[1]));

        world_ready(w, key, false);
        world_patch(w, KIND_DEPLOYMENT, "a/w", "{'spec':{'replicas':2}}");
        world_sync(w, &controller_deployment, "a/w");
        world_apply(w);
        list_done(&l);
        scene_list(w->scene, KIND_REPLICASET, &l);
        free(TAKE(key));
        key = item_key(l.items[0]);
        assert_non_null(strstr(world_sync(w, &controller_replicaset, key), del));
        assert_null(strstr(buf_text(&w->text), "odd"));
    }
}

static void orphans_are_adopted_and_strangers_released(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_REPLICASET, "{'metadata':{'name':'r','uid':'r'},'spec':{'replicas':1,'selector':{'matchLabels':"
                                  "{'app':'w'}}," TEMPLATE "}}");
    world_put(w, KIND_POD, "{'metadata':{'name':'orphan','labels':{'app':'w'}}}");
    world_put(w, KIND_POD, "{'metadata':{'name':'gone','labels':{'app':'x'},'ownerReferences':[{'uid':'r','controller':true,"
                           "'kind':'ReplicaSet','name':'r'}]}}");
    world_settle(w, &controller_replicaset, "a/r");
    assert_int_equal(world_count(w, KIND_POD), 2);
    assert_string_equal(json_get_str(item_controller(world_get(w, KIND_POD, "a/orphan")), "uid"), "r");
    assert_null(item_controller(world_get(w, KIND_POD, "a/gone")));
}

static void min_ready_seconds_delay_availability(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_REPLICASET, "{'metadata':{'name':'r','uid':'r'},'spec':{'replicas':1,'minReadySeconds':5,'selector':"
                                  "{'matchLabels':{'app':'w'}}," TEMPLATE "}}");
    world_settle(w, &controller_replicaset, "a/r");
    world_all_ready(w, NULL);
    world_settle(w, &controller_replicaset, "a/r");
    assert_int_equal(json_get_int(world_get(w, KIND_REPLICASET, "a/r"), "status.readyReplicas", 0), 1);
    assert_int_equal(json_get_int(world_get(w, KIND_REPLICASET, "a/r"), "status.availableReplicas", 0), 0);
    assert_int_equal(w->calls.again_ms, 5000);
    w->now_ms += 5000;
    world_settle(w, &controller_replicaset, "a/r");
    assert_int_equal(json_get_int(world_get(w, KIND_REPLICASET, "a/r"), "status.availableReplicas", 0), 1);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(comes_up), T(update_keeps_capacity), T(stuck_update_says_so_and_recovers), T(recreate_goes_through_zero),
        T(paused_changes_nothing), T(history_is_trimmed), T(order_of_members_is_no_change), T(unready_pods_go_first),
        T(orphans_are_adopted_and_strangers_released), T(min_ready_seconds_delay_availability),
    };

    return cmocka_run_group_tests_name("deployment", tests, NULL, NULL);
}
