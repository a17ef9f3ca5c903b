/* Garbage collection, step by step; absent owners are asked for before anything goes. */
#include "world.h"

#define REF(uid, more) "'ownerReferences':[{'apiVersion':'v1','kind':'ConfigMap','name':'o','uid':'" uid "'" more "}]"
#define CHILD(more) "{'metadata':{'name':'c','uid':'child'," more "}}"
#define OWNER(more) "{'metadata':{'name':'o','uid':'u'" more "}}"
#define LEAVING ",'deletionTimestamp':'2026-01-01T00:00:00Z'"

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

static const char *sync(struct world *w, const char *name)
{
    AUTO_FREE char *key = xasprintf("%d/a/%s", KIND_CONFIGMAP, name);

    return world_sync(w, &controller_gc, key);
}

static void reply(struct world *w, int status, const char *uid)
{
    AUTO_FREE char *text = xasprintf("{'metadata':{'uid':'%s'}}", uid);
    AUTO_JSON cJSON *body = from_text(text);

    controller_gc.on_reply(w->state, &w->calls.items[0], status, status == 200 ? body : NULL);
}

#define ASK "GET /api/v1/namespaces/a/configmaps/o\n"
#define DELETE "DELETE /api/v1/namespaces/a/configmaps/c"

static void an_owner_that_is_known_keeps_it(void **state)
{
    world_put(*state, KIND_CONFIGMAP, OWNER(""));
    world_put(*state, KIND_CONFIGMAP, CHILD(REF("u", "")));
    assert_string_equal(sync(*state, "c"), "");
}

static void an_unknown_owner_is_asked_for(void **state)
{
    world_put(*state, KIND_CONFIGMAP, CHILD(REF("u", "")));
    assert_string_equal(sync(*state, "c"), ASK);
    reply(*state, 200, "u");
    assert_string_equal(sync(*state, "c"), "");
    assert_string_equal(sync(*state, "c"), ASK); /* it may go later, unseen */
}

static void an_absent_owner_means_the_end(void **state)
{
    world_put(*state, KIND_CONFIGMAP, CHILD(REF("u", "")));
    sync(*state, "c");
    reply(*state, 404, "");
    assert_non_null(strstr(sync(*state, "c"), DELETE));
    assert_non_null(strstr(sync(*state, "c"), "\"propagationPolicy\":\"Background\",\"preconditions\":{\"uid\":\"child\"}"));
}

static void another_uid_of_that_name_is_absence(void **state)
{
    world_put(*state, KIND_CONFIGMAP, CHILD(REF("u", "")));
    sync(*state, "c");
    reply(*state, 200, "other");
    assert_non_null(strstr(sync(*state, "c"), DELETE));
}

static void a_failed_question_decides_nothing(void **state)
{
    world_put(*state, KIND_CONFIGMAP, CHILD(REF("u", "")));
    sync(*state, "c");
    reply(*state, 500, "");
    assert_string_equal(sync(*state, "c"), ASK);
}

static void an_owner_of_an_unknown_kind_keeps_it(void **state)
{
    world_put(*state, KIND_CONFIGMAP,
              CHILD("'ownerReferences':[{'apiVersion':'x.y/v1','kind':'Thing','name':'t','uid':'t'}]"));
    assert_string_equal(sync(*state, "c"), "");
}

static void one_owner_of_two_is_enough(void **state)
{
    const char *got;

    world_put(*state, KIND_CONFIGMAP, OWNER(""));
    world_put(*state, KIND_CONFIGMAP,
              CHILD("'ownerReferences':[{'apiVersion':'v1','kind':'ConfigMap','name':'o','uid':'u'},"
                    "{'apiVersion':'v1','kind':'ConfigMap','name':'p','uid':'v'}]"));
    sync(*state, "c");
    reply(*state, 404, "");
    got = sync(*state, "c");
    assert_non_null(strstr(got, "PATCH"));
    assert_null(strstr(got, "\"v\""));
}

static void foreground_waits_for_blocking_children(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_CONFIGMAP, OWNER(LEAVING ",'finalizers':['foregroundDeletion']"));
    world_put(w, KIND_CONFIGMAP, CHILD(REF("u", ",'blockOwnerDeletion':true")));
    assert_string_equal(sync(w, "o"), "");
    assert_non_null(strstr(sync(w, "c"), DELETE));
    world_apply(w);
    assert_non_null(strstr(sync(w, "o"), "\"finalizers\":[]"));
}

static void orphaned_children_lose_the_reference_first(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_CONFIGMAP, OWNER(LEAVING ",'finalizers':['orphan']"));
    world_put(w, KIND_CONFIGMAP, CHILD(REF("u", "")));
    assert_non_null(strstr(sync(w, "o"), "PATCH /api/v1/namespaces/a/configmaps/c"));
    assert_null(strstr(sync(w, "o"), "configmaps/o"));
    world_apply(w);
    assert_non_null(strstr(sync(w, "o"), "\"finalizers\":[]"));
    assert_non_null(world_get(w, KIND_CONFIGMAP, "a/c"));
}

/* Namespaces. */
static void a_namespace_goes_when_it_is_empty(void **state)
{
    struct world *w = *state;

    world_put(w, KIND_NAMESPACE, "{'metadata':{'name':'a','namespace':''" LEAVING "},'spec':{'finalizers':['kubernetes']}}");
    world_put(w, KIND_CONFIGMAP, "{'metadata':{'name':'c'}}");
    world_sync(w, &controller_namespace, "a");
    assert_non_null(strstr(buf_text(&w->text), DELETE));
    assert_null(strstr(buf_text(&w->text), "finalize"));
    world_apply(w);
    assert_non_null(strstr(world_sync(w, &controller_namespace, "a"), "PUT /api/v1/namespaces/a/finalize"));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_owner_that_is_known_keeps_it), T(an_unknown_owner_is_asked_for), T(an_absent_owner_means_the_end),
        T(another_uid_of_that_name_is_absence), T(a_failed_question_decides_nothing),
        T(an_owner_of_an_unknown_kind_keeps_it), T(one_owner_of_two_is_enough), T(foreground_waits_for_blocking_children),
        T(orphaned_children_lose_the_reference_first), T(a_namespace_goes_when_it_is_empty),
    };

    return cmocka_run_group_tests_name("garbage collection", tests, NULL, NULL);
}
