/* What the controllers know, and the queue of keys. */
#include "world.h"

static cJSON *pod(const char *name, const char *uid, int rv, const char *more)
{
    AUTO_FREE char *text = xasprintf("{'metadata':{'name':'%s','namespace':'a','uid':'%s','resourceVersion':'%d'%s}}", name, uid,
                                     rv, more);

    return from_text(text);
}

static bool put(struct scene *s, cJSON *o, enum scene_source source)
{
    cJSON *old = NULL;
    bool news = scene_put(s, KIND_POD, o, source, &old);

    cJSON_Delete(old);
    return news;
}

static void older_news_is_no_news(void **state)
{
    struct scene *s = scene_new();
    (void)state;

    assert_true(put(s, pod("p", "u", 5, ""), SCENE_WATCH));
    assert_false(put(s, pod("p", "u", 5, ""), SCENE_REPLY));
    assert_false(put(s, pod("p", "u", 4, ""), SCENE_WATCH));
    assert_true(put(s, pod("p", "u", 10, ""), SCENE_REPLY)); /* numbers, not text */
    assert_null(scene_drop(s, KIND_POD, "a/p", "9"));
    scene_free(s);
}

static void a_late_reply_brings_nothing_back(void **state)
{
    struct scene *s = scene_new();
    (void)state;

    put(s, pod("p", "u", 5, ""), SCENE_WATCH);
    cJSON_Delete(scene_drop(s, KIND_POD, "a/p", "7"));
    assert_false(put(s, pod("p", "u", 6, ""), SCENE_REPLY));
    assert_null(scene_get(s, KIND_POD, "a", "p"));
    assert_true(put(s, pod("p", "v", 8, ""), SCENE_REPLY)); /* this one is new */
    scene_free(s);
}

static void the_end_of_a_predecessor_is_not_that_of_the_next(void **state)
{
    struct scene *s = scene_new();
    (void)state;

    put(s, pod("p", "v", 8, ""), SCENE_WATCH);
    scene_mark_deleting(s, KIND_POD, "a/p", "u", "2026-01-01T00:00:00Z"); /* the reply comes after the watch */
    assert_false(item_is_deleting(scene_get(s, KIND_POD, "a", "p")));
    scene_mark_deleting(s, KIND_POD, "a/p", "v", "2026-01-01T00:00:00Z");
    assert_true(item_is_deleting(scene_get(s, KIND_POD, "a", "p")));
    scene_free(s);
}

static void a_relist_finds_what_vanished(void **state)
{
    struct scene *s = scene_new();
    cJSON *gone;
    (void)state;

    put(s, pod("p", "u", 5, ""), SCENE_WATCH);
    put(s, pod("q", "v", 6, ""), SCENE_WATCH);
    scene_relist(s, KIND_POD);
    put(s, pod("q", "v", 6, ""), SCENE_WATCH);
    put(s, pod("r", "w", 9, ""), SCENE_REPLY);
    gone = scene_take_vanished(s, KIND_POD);
    assert_string_equal(item_name(gone), "p");
    assert_null(scene_take_vanished(s, KIND_POD));
    cJSON_Delete(gone);
    scene_free(s);
}

static size_t count_owned(struct scene *s, const char *uid)
{
    AUTO_LIST struct list l = { 0 };

    scene_list_owned(s, KIND_POD, uid, &l);
    return l.n;
}

static size_t count_orphans(struct scene *s)
{
    AUTO_LIST struct list l = { 0 };

    scene_list_orphans(s, KIND_POD, "a", &l);
    return l.n;
}

static void indexes_follow(void **state)
{
    struct scene *s = scene_new();
    AUTO_LIST struct list l = { 0 };
    (void)state;

    put(s, pod("p", "u", 5, ""), SCENE_WATCH);
    assert_int_equal(count_orphans(s), 1);
    put(s, pod("p", "u", 6, ",'ownerReferences':[{'uid':'o','controller':true}]"), SCENE_WATCH);
    assert_int_equal(count_orphans(s), 0);
    assert_int_equal(count_owned(s, "o"), 1);
    scene_bind_pod(s, "a/p", "n1");
    scene_list_on_node(s, "n1", &l);
    assert_int_equal(l.n, 1);
    cJSON_Delete(scene_drop(s, KIND_POD, "a/p", NULL));
    assert_int_equal(count_owned(s, "o"), 0);
    scene_free(s);
}

static void bookkeeping_is_dropped(void **state)
{
    struct scene *s = scene_new();
    int kind = kinds_add(scene_kinds(s), "x/v1", "things", "Thing", true);
    cJSON *old = NULL;
    (void)state;

    put(s, pod("p", "u", 5, ",'managedFields':[{}]"), SCENE_WATCH);
    assert_false(json_has(scene_get(s, KIND_POD, "a", "p"), "metadata.managedFields"));
    assert_true(scene_put(s, kind, from_text("{'metadata':{'name':'t','resourceVersion':'1'},'spec':{}}"), SCENE_WATCH, &old));
    assert_false(json_has(scene_get(s, kind, NULL, "t"), "spec"));
    assert_int_equal(kinds_find(scene_kinds(s), "x/v2", "Thing"), kind);
    scene_free(s);
}

static void a_key_is_queued_once(void **state)
{
    struct workq *q = workq_new();
    (void)state;

    workq_add(q, "k");
    workq_add(q, "k");
    assert_string_equal(workq_take(q, 0), "k");
    assert_null(workq_take(q, 0));
    workq_add(q, "k"); /* while busy: once more */
    assert_null(workq_take(q, 0));
    workq_done(q, "k", false, 0);
    assert_string_equal(workq_take(q, 0), "k");
    workq_done(q, "k", false, 0);
    assert_int_equal(workq_next_ms(q, 0), -1);
    workq_free(q);
}

static void failures_wait_longer_and_longer(void **state)
{
    struct workq *q = workq_new();
    int64_t now = 0, waits[3];
    (void)state;

    workq_add(q, "k");
    for (size_t i = 0; i < COUNT(waits); i++) {
        assert_non_null(workq_take(q, now));
        workq_done(q, "k", true, now);
        waits[i] = workq_next_ms(q, now) - now;
        assert_null(workq_take(q, now));
        now += waits[i];
    }
    assert_int_equal(waits[0], 5);
    assert_int_equal(waits[1], 10);
    assert_int_equal(waits[2], 20);
    workq_free(q);
}

static void the_earlier_time_counts(void **state)
{
    struct workq *q = workq_new();
    (void)state;

    workq_add_at(q, "k", 100);
    workq_add_at(q, "k", 50);
    workq_add_at(q, "k", 200);
    assert_int_equal(workq_next_ms(q, 0), 50);
    assert_null(workq_take(q, 49));
    assert_string_equal(workq_take(q, 50), "k");
    workq_done(q, "k", false, 50);
    assert_int_equal(workq_next_ms(q, 50), -1);
    workq_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_news_is_no_news), cmocka_unit_test(a_late_reply_brings_nothing_back),
        cmocka_unit_test(the_end_of_a_predecessor_is_not_that_of_the_next),
        cmocka_unit_test(a_relist_finds_what_vanished), cmocka_unit_test(indexes_follow),
        cmocka_unit_test(bookkeeping_is_dropped), cmocka_unit_test(a_key_is_queued_once),
        cmocka_unit_test(failures_wait_longer_and_longer), cmocka_unit_test(the_earlier_time_counts),
    };

    return cmocka_run_group_tests_name("scene", tests, NULL, NULL);
}
