#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "cache/cache.h"
#include "cache/pack.h"

struct fixture {
    struct cache *cache;
    int n_changed;
    char last[128];
};

static void count_change(void *arg, const char *key)
{
    struct fixture *f = arg;

    f->n_changed++;
    snprintf(f->last, sizeof(f->last), "%s", key);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->cache = cache_new(count_change, f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cache_free(f->cache);
    free(f);
    return 0;
}

static cJSON *parse(const char *text)
{
    cJSON *v = NULL;
    struct err e;

    if (json_parse(text, strlen(text), &v, &e) < 0)
        fail_msg("%s", e.msg);
    return v;
}

static void put_deployment(struct fixture *f, const char *uid, int rv, int ready)
{
    AUTO_FREE char *text = xasprintf(
        "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"a\",\"uid\":\"%s\",\"resourceVersion\":\"%d\","
        "\"labels\":{\"app.kubernetes.io/instance\":\"a\"}},\"spec\":{\"replicas\":2},\"status\":{\"readyReplicas\":%d}}",
        uid, rv, ready);
    cJSON *obj = parse(text);

    cache_put_child(f->cache, "Deployment", obj);
    cJSON_Delete(obj);
}

static void put_service(struct fixture *f, int rv, const char *spec)
{
    AUTO_FREE char *text = xasprintf("{\"metadata\":{\"namespace\":\"ns\",\"name\":\"a\",\"uid\":\"u\","
                                     "\"resourceVersion\":\"%d\"},\"spec\":%s}",
                                     rv, spec);
    cJSON *obj = parse(text);

    cache_put_service(f->cache, obj);
    cJSON_Delete(obj);
}

static void records_stay_small(void **state)
{
    (void)state;
    assert_in_range(sizeof(struct record), 1, 400);
    assert_in_range(sizeof(struct pod), 1, 400);
}

static void only_what_matters_wakes(void **state)
{
    struct fixture *f = *state;

    put_deployment(f, "d1", 10, 1);
    assert_int_equal(f->n_changed, 1);
    put_deployment(f, "d1", 11, 1);
    assert_int_equal(f->n_changed, 1);
    put_deployment(f, "d1", 12, 2);
    assert_int_equal(f->n_changed, 2);
    assert_string_equal(f->last, "ns/a");
    put_service(f, 13, "{\"x\":1}");
    put_service(f, 14, "{\"x\":1}");
    assert_int_equal(f->n_changed, 3);
    assert_string_equal(cache_get(f->cache, "ns/a")->rv, "14");
}

static void older_events_are_ignored(void **state)
{
    struct fixture *f = *state;

    put_deployment(f, "d1", 100, 2);
    put_deployment(f, "d1", 99, 1);
    assert_int_equal(cache_get(f->cache, "ns/a")->child[CHILD_DEPLOYMENT]->ready, 2);
    put_service(f, 100, "{\"x\":2}");
    put_service(f, 20, "{\"x\":1}");
    AUTO_FREE char *text = unpack_text(cache_get(f->cache, "ns/a")->packed);
    assert_non_null(strstr(text, "\"x\":2"));
}

static void delete_of_a_predecessor_is_ignored(void **state)
{
    struct fixture *f = *state;
    cJSON *old = parse("{\"metadata\":{\"namespace\":\"ns\",\"name\":\"a\",\"uid\":\"d1\","
                       "\"labels\":{\"app.kubernetes.io/instance\":\"a\"}}}");

    put_deployment(f, "d2", 10, 1);
    cache_drop_child(f->cache, "Deployment", old);
    cJSON_Delete(old);
    assert_non_null(cache_get(f->cache, "ns/a"));
}

static void drop(struct fixture *f, const char *kind, const char *uid, int rv)
{
    AUTO_FREE char *text = xasprintf("{\"metadata\":{\"namespace\":\"ns\",\"name\":\"a\",\"uid\":\"%s\",\"resourceVersion\":"
                                     "\"%d\",\"labels\":{\"app.kubernetes.io/instance\":\"a\"}}}",
                                     uid, rv);
    cJSON *obj = parse(text);

    if (str_eq(kind, API_KIND))
        cache_drop_service(f->cache, obj);
    else
        cache_drop_child(f->cache, kind, obj);
    cJSON_Delete(obj);
}

static void a_late_reply_does_not_bring_the_dead_back(void **state)
{
    struct fixture *f = *state;

    put_deployment(f, "d1", 10, 1);
    drop(f, "Deployment", "d1", 12);
    put_deployment(f, "d1", 11, 1); /* the reply to a write that came before the end */
    assert_null(cache_get(f->cache, "ns/a"));
    put_deployment(f, "d1", 12, 1); /* it had only left the selector, and a look finds it as it left */
    assert_non_null(cache_get(f->cache, "ns/a"));
    put_service(f, 20, "{\"x\":1}");
    drop(f, API_KIND, "u", 22);
    put_service(f, 21, "{\"x\":1}");
    assert_null(cache_get(f->cache, "ns/a")->packed);
}

static void the_end_of_a_predecessor_leaves_the_service(void **state)
{
    struct fixture *f = *state;

    put_service(f, 20, "{}");
    drop(f, API_KIND, "older", 15);
    assert_non_null(cache_get(f->cache, "ns/a")->packed);
}

static void what_a_list_lacks_is_gone(void **state)
{
    struct fixture *f = *state;

    put_service(f, 5, "{}");
    put_deployment(f, "d1", 10, 1);
    cache_list_start(f->cache, "Deployment", NULL);
    cache_listed(f->cache, "Deployment", NULL);
    assert_null(cache_get(f->cache, "ns/a")->child[CHILD_DEPLOYMENT]);
    cache_list_start(f->cache, API_KIND, "other");
    cache_listed(f->cache, API_KIND, "other");
    assert_non_null(cache_get(f->cache, "ns/a"));
    cache_list_start(f->cache, API_KIND, "ns");
    cache_listed(f->cache, API_KIND, "ns");
    assert_null(cache_get(f->cache, "ns/a"));
    assert_int_equal(cache_count(f->cache), 0);
}

static void pods_come_and_go(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 20; i++) {
        AUTO_FREE char *text =
            xasprintf("{\"metadata\":{\"namespace\":\"ns\",\"name\":\"a-redis-%d\",\"uid\":\"p%d\",\"labels\":"
                      "{\"app.kubernetes.io/instance\":\"a\",\"app.kubernetes.io/component\":\"redis\"}},"
                      "\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"redis\",\"image\":\"redis:8\"}]},"
                      "\"status\":{\"podIP\":\"10.0.0.%d\",\"phase\":\"Running\"}}",
                      i, i, i);
        cJSON *obj = parse(text);

        cache_put_pod(f->cache, obj);
        if (i % 2)
            cache_drop_pod(f->cache, obj);
        cJSON_Delete(obj);
    }
    assert_int_equal(cache_get(f->cache, "ns/a")->n_pods, 10);
    assert_true(cache_get(f->cache, "ns/a")->pods[0].of_redis);
    assert_int_equal(cache_get(f->cache, "ns/a")->pods[0].image_hash, image_hash_of("redis:8"));
    cache_list_start(f->cache, "Pod", NULL);
    cache_listed(f->cache, "Pod", NULL);
    assert_null(cache_get(f->cache, "ns/a"));
}

static void versions_compare_as_text(void **state)
{
    static const struct {
        const char *a, *b;
        bool older;
    } rows[] = { { "9", "10", true },   { "10", "9", false }, { "10", "10", false },
                 { "199", "200", true }, { "", "10", false },  { "abc", "10", false } };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(rv_is_older(rows[i].a, rows[i].b), rows[i].older);
}

static void a_revision_counts_only_for_its_generation(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "{\"metadata\":{\"uid\":\"s\",\"generation\":2},\"status\":{\"observedGeneration\":2,"
          "\"updateRevision\":\"a-redis-6f7c9\"}}", "6f7c9" },
        { "{\"metadata\":{\"uid\":\"s\",\"generation\":3},\"status\":{\"observedGeneration\":2,"
          "\"updateRevision\":\"a-redis-6f7c9\"}}", "" },
        { "{\"metadata\":{\"uid\":\"s\",\"generation\":1}}", "" },
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        cJSON *obj = parse(rows[i].text);
        struct record r;

        assert_true(record_from(CHILD_REDIS_STATEFULSET, obj, &r));
        assert_string_equal(r.update_revision, rows[i].want);
        cJSON_Delete(obj);
    }
}

/* What the scheduler says of preemption, in Kubernetes 1.36 and before 1.34, is not kept. */
static void a_pod_without_a_node_waits(void **state)
{
    static const char *const tails[] = {
        "",
        " no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
        " preemption: 0/4 nodes are available: 4 No preemption victims found for incoming pod.",
    };
    (void)state;

    for (size_t i = 0; i < COUNT(tails); i++) {
        AUTO_FREE char *text = xasprintf("{\"metadata\":{\"name\":\"a-redis-0\",\"uid\":\"p\"},\"status\":{\"phase\":\"Pending\","
                                         "\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":"
                                         "\"Unschedulable\",\"message\":\"0/4 nodes are available: 4 Insufficient cpu.%s\"}]}}",
                                         tails[i]);
        cJSON *obj = parse(text);
        struct pod p;

        assert_true(pod_from(obj, &p));
        assert_string_equal(p.waiting, "Unschedulable");
        assert_string_equal(p.detail, "0/4 nodes are available: 4 Insufficient cpu.");
        assert_string_equal(p.message, p.detail);
        pod_done(&p);
        cJSON_Delete(obj);
    }
}

static void a_claim_is_a_few_numbers(void **state)
{
    cJSON *obj = parse("{\"metadata\":{\"name\":\"data-a-redis-0\",\"uid\":\"c\",\"creationTimestamp\":\"2026-11-22T14:00:00Z\","
                       "\"annotations\":{\"serving.everserve.dev/removed-at\":\"2026-11-22T15:00:00Z\"}},"
                       "\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}},"
                       "\"status\":{\"capacity\":{\"storage\":\"1Gi\"},\"conditions\":[{\"type\":\"FileSystemResizePending\","
                       "\"status\":\"True\",\"lastTransitionTime\":\"2026-11-22T15:00:01.5Z\"}]}}");
    struct claim c;
    (void)state;

    assert_true(claim_from(obj, &c));
    assert_int_equal(c.requested, 2LL << 30);
    assert_int_equal(c.capacity, 1LL << 30);
    assert_int_equal(c.removed_ms - c.created_ms, 3600000);
    assert_int_equal(c.waits_ms - c.removed_ms, 1000);
    claim_done(&c);
    cJSON_Delete(obj);
}

static void a_pod_has_the_revision_of_its_label(void **state)
{
    cJSON *obj = parse("{\"metadata\":{\"name\":\"a-redis-0\",\"uid\":\"p\",\"labels\":{"
                       "\"controller-revision-hash\":\"a-redis-6f7c9\"}}}");
    struct pod p, q;
    (void)state;

    assert_true(pod_from(obj, &p));
    assert_string_equal(p.revision, "6f7c9");
    q = p;
    q.revision[0] = 'x';
    assert_true(pod_differs(&p, &q));
    pod_done(&p);
    cJSON_Delete(obj);
}

static void a_pod_on_trial_has_the_revision_of_its_template(void **state)
{
    cJSON *obj = parse("{\"metadata\":{\"name\":\"a-canary-5d8c7b9f4-x\",\"uid\":\"p\",\"labels\":{"
                       "\"app.kubernetes.io/name\":\"inferenceservice-canary\",\"app.kubernetes.io/component\":\"predictor\","
                       "\"pod-template-hash\":\"5d8c7b9f4\",\"serving.everserve.dev/revision\":\"0a1b2c3d4e\"}}}");
    struct pod p;
    (void)state;

    assert_true(pod_from(obj, &p));
    assert_true(p.on_trial && p.serves);
    assert_string_equal(p.revision, "0a1b2c3d4e");
    pod_done(&p);
    cJSON_Delete(obj);
}

static void put_node(struct fixture *f, const char *name, int rv, bool cordoned)
{
    AUTO_FREE char *text = xasprintf("{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"%d\"},"
                                     "\"spec\":{\"unschedulable\":%s}}",
                                     name, rv, cordoned ? "true" : "false");
    cJSON *obj = parse(text);

    cache_put_node(f->cache, obj);
    cJSON_Delete(obj);
}

static void put_redis_pod(struct fixture *f, const char *service, const char *node)
{
    AUTO_FREE char *text = xasprintf("{\"metadata\":{\"namespace\":\"ns\",\"name\":\"%s-redis-0\",\"uid\":\"u-%s\","
                                     "\"labels\":{\"app.kubernetes.io/instance\":\"%s\","
                                     "\"app.kubernetes.io/component\":\"redis\"}},\"spec\":{\"nodeName\":\"%s\"}}",
                                     service, service, service, node);
    cJSON *obj = parse(text);

    cache_put_pod(f->cache, obj);
    cJSON_Delete(obj);
}

static void a_node_wakes_whose_redis_it_runs(void **state)
{
    struct fixture *f = *state;

    put_redis_pod(f, "a", "n1");
    put_redis_pod(f, "b", "n2");
    put_node(f, "n1", 10, false);
    put_node(f, "n2", 11, false);
    f->n_changed = 0;
    put_node(f, "n1", 12, false);
    assert_int_equal(f->n_changed, 0); /* a heartbeat */
    put_node(f, "n1", 13, true);
    assert_int_equal(f->n_changed, 1);
    assert_string_equal(f->last, "ns/a");
    put_node(f, "n1", 9, false);
    assert_true(cache_host(f->cache, "n1")->cordoned);
}

static void a_node_not_listed_again_is_gone(void **state)
{
    struct fixture *f = *state;

    assert_false(cache_hosts_are_known(f->cache));
    put_redis_pod(f, "a", "n1");
    put_node(f, "n1", 10, false);
    put_node(f, "n2", 11, false);
    f->n_changed = 0;
    cache_list_start(f->cache, "Node", NULL);
    put_node(f, "n2", 11, false);
    cache_listed(f->cache, "Node", NULL);
    assert_true(cache_hosts_are_known(f->cache));
    assert_null(cache_host(f->cache, "n1"));
    assert_non_null(cache_host(f->cache, "n2"));
    assert_string_equal(f->last, "ns/a");
    assert_int_equal(f->n_changed, 1);
    cache_forget_hosts(f->cache);
    assert_false(cache_hosts_are_known(f->cache));
}

static void a_deployment_says_which_template_it_speaks_of(void **state)
{
    cJSON *obj = parse("{\"metadata\":{\"name\":\"a\",\"uid\":\"d\",\"annotations\":{\"deployment.kubernetes.io/revision\":\"12\"}},"
                       "\"status\":{\"conditions\":[{\"type\":\"Progressing\",\"status\":\"False\",\"message\":"
                       "\"ReplicaSet \\\"a-5d8c7\\\" has timed out progressing.\"}]}}");
    struct record r, q;
    (void)state;

    assert_true(record_from(CHILD_DEPLOYMENT, obj, &r));
    assert_int_equal(r.revision_no, 12);
    assert_true(r.deadline_exceeded);
    assert_string_equal(r.update_revision, "5d8c7");
    q = r;
    q.revision_no++;
    assert_true(record_differs(&r, &q));
    json_str(cJSON_GetArrayItem(json_at(obj, "status.conditions"), 0), "message", "Deployment \"a\" has timed out progressing.");
    assert_true(record_from(CHILD_DEPLOYMENT, obj, &r));
    assert_string_equal(r.update_revision, "");
    cJSON_Delete(obj);
}

static void a_serving_pod_says_what_is_wrong(void **state)
{
    cJSON *obj = parse("{\"metadata\":{\"name\":\"a-5d8c7-x\",\"uid\":\"p\",\"labels\":{\"pod-template-hash\":\"5d8c7\"}},"
                       "\"status\":{\"initContainerStatuses\":[{\"restartCount\":2,\"state\":{\"waiting\":{\"reason\":"
                       "\"CrashLoopBackOff\",\"message\":\"back-off 20s\"}},\"lastState\":{\"terminated\":{\"exitCode\":7,"
                       "\"reason\":\"Error\",\"message\":\"no model\\nat all\\n\"}}}],\"containerStatuses\":[{\"restartCount\":1,"
                       "\"state\":{\"waiting\":{\"reason\":\"PodInitializing\"}}}]}}");
    struct pod p, q;
    (void)state;

    assert_true(pod_from(obj, &p));
    assert_string_equal(p.revision, "5d8c7");
    assert_int_equal(p.restarts, 3);
    assert_string_equal(p.waiting, "CrashLoopBackOff");
    assert_string_equal(p.detail, "back-off 20s");
    assert_int_equal(p.exit_code, 7);
    assert_string_equal(p.ended, "Error");
    assert_string_equal(p.message, "no model at all");
    pod_copy(&p, &q);
    assert_false(pod_differs(&p, &q));
    q.detail[0] = 'B';
    assert_true(pod_differs(&p, &q));
    pod_done(&p);
    pod_done(&q);
    cJSON_Delete(obj);
}

int main(void)
{
#define ROW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(records_stay_small),   ROW(only_what_matters_wakes),   ROW(older_events_are_ignored),
        ROW(pods_come_and_go),     ROW(what_a_list_lacks_is_gone), ROW(delete_of_a_predecessor_is_ignored),
        ROW(versions_compare_as_text), ROW(a_late_reply_does_not_bring_the_dead_back),
        ROW(the_end_of_a_predecessor_leaves_the_service), ROW(a_revision_counts_only_for_its_generation),
        ROW(a_pod_has_the_revision_of_its_label), ROW(a_pod_on_trial_has_the_revision_of_its_template),
        ROW(a_pod_without_a_node_waits), ROW(a_claim_is_a_few_numbers), ROW(a_node_wakes_whose_redis_it_runs),
        ROW(a_node_not_listed_again_is_gone), ROW(a_deployment_says_which_template_it_speaks_of),
        ROW(a_serving_pod_says_what_is_wrong),
    };

    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
