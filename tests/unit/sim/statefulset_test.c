/* StatefulSets: order, ordinals, claims, revisions, adoption. */
#include "world.h"

#define SET(more)                                                                                             \
    "{'metadata':{'name':'s','uid':'set'},'spec':{'replicas':3,'serviceName':'svc','selector':{'matchLabels':" \
    "{'app':'s'}},'template':{'metadata':{'labels':{'app':'s'}},'spec':{'containers':[{'name':'c','image':"    \
    "'m:1'}]}},'volumeClaimTemplates':[{'metadata':{'name':'data'},'spec':{'accessModes':['ReadWriteOnce']}}]" more "}}"
#define PARALLEL ",'podManagementPolicy':'Parallel'"

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

static bool settle(struct world *w)
{
    return world_settle(w, &controller_statefulset, "a/s");
}

/* Until nothing changes, with nodes that make every pod ready; the most pods missing at a time. */
static size_t run(struct world *w, size_t wanted)
{
    size_t missing = 0;

    for (int i = 0; i < 20; i++, w->now_ms += 1000) {
        assert_true(settle(w));
        if (wanted - world_count(w, KIND_POD) > missing && world_count(w, KIND_POD) < wanted)
            missing = wanted - world_count(w, KIND_POD);
        world_all_ready(w, NULL);
    }
    return missing;
}

static const char *image_of(struct world *w, const char *key)
{
    return json_get_str(world_get(w, KIND_POD, key), "spec.containers.0.image");
}

static int64_t status_of(struct world *w, const char *name)
{
    return json_get_int(json_member(world_get(w, KIND_STATEFULSET, "a/s"), "status"), name, 0);
}

static void set_image(struct world *w, const char *image)
{
    AUTO_JSON cJSON *patch = from_text("{'spec':{'template':{'spec':{'containers':[{'name':'c'}]}}}}");

    json_str(json_at(patch, "spec.template.spec.containers.0"), "image", image);
    world_merge(w, KIND_STATEFULSET, "a/s", patch);
}

static void ordered_waits_for_each(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_STATEFULSET, SET(""));
    assert_true(settle(w));
    assert_int_equal(world_count(w, KIND_POD), 1);
    world_ready(w, "a/s-0", true);
    assert_true(settle(w));
    assert_int_equal(world_count(w, KIND_POD), 2);
    run(w, 3);
    assert_int_equal(world_count(w, KIND_POD), 3);
    assert_int_equal(status_of(w, "readyReplicas"), 3);
}

static void parallel_makes_all_at_once(void **state)
{
    struct world *w = *state;
    const cJSON *pod;

    world_put(w, KIND_STATEFULSET, SET(PARALLEL ",'ordinals':{'start':5}"));
    world_sync(w, &controller_statefulset, "a/s");
    world_apply(w);
    pod = world_get(w, KIND_POD, "a/s-7");
    assert_int_equal(world_count(w, KIND_POD), 3);
    assert_int_equal(world_count(w, KIND_CLAIM), 3);
    assert_string_equal(item_label(pod, "statefulset.kubernetes.io/pod-name"), "s-7");
    assert_string_equal(item_label(pod, "apps.kubernetes.io/pod-index"), "7");
    assert_string_equal(json_get_str(pod, "spec.subdomain"), "svc");
    assert_string_equal(json_get_str(pod, "spec.volumes.0.persistentVolumeClaim.claimName"), "data-s-7");
    assert_non_null(world_get(w, KIND_CLAIM, "a/data-s-7"));
}

static void scaling_in_takes_the_highest(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_STATEFULSET, SET(PARALLEL));
    run(w, 3);
    world_patch(w, KIND_STATEFULSET, "a/s", "{'spec':{'replicas':1}}");
    assert_true(settle(w));
    assert_int_equal(world_count(w, KIND_POD), 1);
    assert_non_null(world_get(w, KIND_POD, "a/s-0"));
    assert_int_equal(world_count(w, KIND_CLAIM), 3);
    assert_int_equal(status_of(w, "replicas"), 1);
}

static void when_scaled_delete_ties_claim_to_pod(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_STATEFULSET, SET(PARALLEL ",'persistentVolumeClaimRetentionPolicy':{'whenScaled':'Delete'}"));
    run(w, 3);
    assert_int_equal(json_count(json_at(world_get(w, KIND_CLAIM, "a/data-s-2"), "metadata.ownerReferences")), 0);
    world_patch(w, KIND_STATEFULSET, "a/s", "{'spec':{'replicas':2}}");
    world_sync(w, &controller_statefulset, "a/s");
    assert_null(strstr(buf_text(&w->text), "DELETE"));
    world_apply(w);
    assert_string_equal(json_get_str(world_get(w, KIND_CLAIM, "a/data-s-2"), "metadata.ownerReferences.0.kind"), "Pod");
    assert_true(settle(w));
    assert_null(world_get(w, KIND_POD, "a/s-2"));
}

static void rolling_update_goes_one_by_one(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_STATEFULSET, SET(PARALLEL));
    run(w, 3);
    set_image(w, "m:2");
    world_sync(w, &controller_statefulset, "a/s");
    assert_non_null(strstr(buf_text(&w->text), "DELETE /api/v1/namespaces/a/pods/s-2"));
    assert_null(strstr(buf_text(&w->text), "pods/s-1"));
    assert_int_equal(run(w, 3), 0); /* each is back before the next one goes */
    assert_string_equal(image_of(w, "a/s-0"), "m:2");
    assert_int_equal(status_of(w, "updatedReplicas"), 3);
    assert_string_equal(json_get_str(world_get(w, KIND_STATEFULSET, "a/s"), "status.currentRevision"),
                        json_get_str(world_get(w, KIND_STATEFULSET, "a/s"), "status.updateRevision"));
}

static void partition_holds_lower_ordinals(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_STATEFULSET, SET(PARALLEL ",'updateStrategy':{'type':'RollingUpdate','rollingUpdate':{'partition':2}}"));
    run(w, 3);
    set_image(w, "m:2");
    run(w, 3);
    assert_string_equal(image_of(w, "a/s-2"), "m:2");
    assert_string_equal(image_of(w, "a/s-1"), "m:1");
    world_delete(w, KIND_POD, "a/s-1");
    run(w, 3);
    assert_string_equal(image_of(w, "a/s-1"), "m:1"); /* made again from the old revision */
    assert_int_equal(status_of(w, "updatedReplicas"), 1);
    assert_int_equal(status_of(w, "currentReplicas"), 2);
}

static void on_delete_leaves_running_pods(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_STATEFULSET, SET(PARALLEL ",'updateStrategy':{'type':'OnDelete'}"));
    run(w, 3);
    set_image(w, "m:2");
    run(w, 3);
    assert_string_equal(image_of(w, "a/s-1"), "m:1");
    world_delete(w, KIND_POD, "a/s-1");
    run(w, 3);
    assert_string_equal(image_of(w, "a/s-1"), "m:2");
    assert_int_equal(status_of(w, "updatedReplicas"), 1);
}

static void orphans_are_adopted(void **state)
{
    struct world *w = *state;
    AUTO_LIST struct list l = { 0 };

    world_put(w, KIND_STATEFULSET, SET(PARALLEL));
    run(w, 3);
    scene_list(w->scene, KIND_REVISION, &l);
    scene_list(w->scene, KIND_POD, &l);
    for (size_t i = 0; i < l.n; i++) {
        AUTO_FREE char *key = item_key(l.items[i]);

        world_patch(w, scene_kind_of(w->scene, l.items[i]), key, "{'metadata':{'ownerReferences':[]}}");
    }
    world_delete(w, KIND_STATEFULSET, "a/s");
    world_put(w, KIND_STATEFULSET, SET(PARALLEL));
    world_patch(w, KIND_STATEFULSET, "a/s", "{'metadata':{'uid':'set2'}}");
    world_sync(w, &controller_statefulset, "a/s");
    assert_null(strstr(buf_text(&w->text), "POST"));
    assert_null(strstr(buf_text(&w->text), "DELETE"));
    world_apply(w);
    assert_true(settle(w));
    assert_int_equal(status_of(w, "readyReplicas"), 3);
    assert_true(item_is_controlled_by(world_get(w, KIND_POD, "a/s-0"), world_get(w, KIND_STATEFULSET, "a/s")));
}

static void settled_is_silent(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_STATEFULSET, SET(""));
    run(w, 3);
    assert_string_equal(world_sync(w, &controller_statefulset, "a/s"), "");
}

static void failed_pods_are_made_again(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_STATEFULSET, SET(""));
    run(w, 3);
    world_patch(w, KIND_POD, "a/s-1", "{'status':{'phase':'Failed','conditions':[]}}");
    run(w, 3);
    assert_string_equal(json_get_str(world_get(w, KIND_POD, "a/s-1"), "status.phase"), "Running");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(ordered_waits_for_each), T(parallel_makes_all_at_once), T(scaling_in_takes_the_highest),
        T(when_scaled_delete_ties_claim_to_pod), T(rolling_update_goes_one_by_one), T(partition_holds_lower_ordinals),
        T(on_delete_leaves_running_pods), T(orphans_are_adopted), T(settled_is_silent), T(failed_pods_are_made_again),
    };

    return cmocka_run_group_tests_name("statefulset", tests, NULL, NULL);
}
