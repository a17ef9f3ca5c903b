#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/owned.h"

#define FIELDS                                                                                                  \
    "{\"f:metadata\":{\"f:labels\":{\"f:app\":{}}},\"f:spec\":{\"f:replicas\":{},\"f:selector\":{},"              \
    "\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{},\"f:image\":{},\"f:limits\":{\"f:cpu\":{}},"         \
    "\"f:ports\":{\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":{}}}}}," \
    "\"f:finalizers\":{\"v:\\\"x\\\"\":{}},\"f:list\":{}}}"
#define DESIRED(replicas, cpu, list)                                                                                \
    "{\"apiVersion\":\"v1\",\"kind\":\"K\",\"metadata\":{\"name\":\"n\",\"namespace\":\"d\",\"labels\":{\"app\":\"x\"}},"  \
    "\"spec\":{\"replicas\":" replicas ",\"selector\":{\"m\":{\"app\":\"x\"}},\"containers\":[{\"name\":\"a\","       \
    "\"image\":\"i\",\"limits\":{\"cpu\":" cpu "},\"ports\":[{\"containerPort\":80}]}],\"finalizers\":[\"x\"],\"list\":" list "}}"
#define LIVE(replicas, cpu, list)                                                                                   \
    "{\"apiVersion\":\"v1\",\"kind\":\"K\",\"metadata\":{\"name\":\"n\",\"namespace\":\"d\",\"uid\":\"u\","           \
    "\"labels\":{\"other\":\"y\",\"app\":\"x\"}},\"spec\":{\"paused\":false,\"replicas\":" replicas ","               \
    "\"selector\":{\"m\":{\"app\":\"x\"}},\"containers\":[{\"name\":\"sidecar\",\"image\":\"s\"},{\"name\":\"a\","     \
    "\"pull\":\"Always\",\"image\":\"i\",\"limits\":{\"cpu\":" cpu "},\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}]}],"   \
    "\"finalizers\":[\"foreign\",\"x\"],\"list\":" list "},\"status\":{\"n\":1}}"

static const struct row {
    const char *name;
    const char *live;
    const char *desired;
    const char *why; /* NULL: matches */
    bool same_hash;
} rows[] = {
    { "foreign members and items do not count", LIVE("2", "\"1\"", "[1,2]"), DESIRED("2", "\"1\"", "[1,2]"), NULL, true },
    { "an owned value was edited", LIVE("3", "\"1\"", "[1,2]"), DESIRED("2", "\"1\"", "[1,2]"), "spec.replicas", false },
    { "a quantity was normalised", LIVE("2", "\"1\"", "[1,2]"), DESIRED("2", "\"1000m\"", "[1,2]"), NULL, false },
    { "a number became a quantity", LIVE("2", "\"1\"", "[1,2]"), DESIRED("2", "1", "[1,2]"), NULL, false },
    { "a text is no quantity", LIVE("2", "\"1\"", "[\"1.1\"]"), DESIRED("2", "\"1\"", "[\"1.10\"]"), "spec.list.0: another", false },
    { "nor is the value of a variable", LIVE("2", "\"1\"", "[{\"name\":\"V\",\"value\":\"1\"}]"),
      DESIRED("2", "\"1\"", "[{\"name\":\"V\",\"value\":\"1.0\"}]"), "spec.list.0.value: another", false },
    { "a target's value is one", LIVE("2", "\"1\"", "[{\"target\":{\"value\":\"1\"}}]"),
      DESIRED("2", "\"1\"", "[{\"target\":{\"value\":\"1000m\"}}]"), NULL, false },
    { "so is what claims ask for, in an atomic list", LIVE("2", "\"1\"", "[{\"requests\":{\"storage\":\"1Gi\"}}]"),
      DESIRED("2", "\"1\"", "[{\"requests\":{\"storage\":\"1024Mi\"}}]"), NULL, false },
    { "scalars of a list keep their order", LIVE("2", "\"1\"", "[2,1]"), DESIRED("2", "\"1\"", "[1,2]"), "spec.list.0", false },
    { "objects in an atomic list may have gained defaults", LIVE("2", "\"1\"", "[{\"a\":1,\"apiVersion\":\"v1\"}]"),
      DESIRED("2", "\"1\"", "[{\"a\":1}]"), NULL, false },
    { "what is wanted no more inside an atomic list goes", LIVE("2", "\"1\"", "[{\"a\":1,\"d\":2}]"),
      DESIRED("2", "\"1\"", "[{\"a\":1}]"), "spec.list.0.d: ours, but no longer", false },
    { "an item in an atomic list was changed", LIVE("2", "\"1\"", "[{\"a\":2}]"), DESIRED("2", "\"1\"", "[{\"a\":1}]"),
      "spec.list.0.a", false },
    { "an item was added to an atomic list", LIVE("2", "\"1\"", "[1,2,3]"), DESIRED("2", "\"1\"", "[1,2]"), "spec.list", false },
    { "a null member counts as absent", LIVE("2", "\"1\"", "[1]"), DESIRED("2", "\"1\"", "[1],\"gone\":null"), NULL, true },
    { "a new field is not ours yet", LIVE("2", "\"1\"", "[1]"), DESIRED("2", "\"1\"", "[1],\"new\":1"), "spec.new: not ours", false },
    { "a field no longer wanted", LIVE("2", "\"1\"", "[1]"), DESIRED("null", "\"1\"", "[1]"), "spec.replicas: ours, but", false },
    { "an item no longer wanted", LIVE("2", "\"1\"", "[1]"),
      "{\"metadata\":{\"labels\":{\"app\":\"x\"}},\"spec\":{\"replicas\":2,\"selector\":{\"m\":{\"app\":\"x\"}},"
      "\"containers\":[],\"finalizers\":[\"x\"],\"list\":[1]}}",
      "spec.containers: holds an item", false },
    { "an owned member was removed by hand", "{\"metadata\":{\"labels\":{\"app\":\"x\"}},\"spec\":{\"replicas\":2}}",
      DESIRED("2", "\"1\"", "[1]"), "spec.selector: absent", false },
    { "the type changed", "{\"metadata\":{\"labels\":{\"app\":\"x\"}},\"spec\":7}", DESIRED("2", "\"1\"", "[1]"), "spec: another type",
      false },
};

static cJSON *parse(const char *text)
{
    cJSON *v = NULL;
    struct err e;

    if (json_parse(text, strlen(text), &v, &e) < 0)
        fail_msg("%s in %s", e.msg, text);
    return v;
}

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_JSON cJSON *live = parse(r->live), *fields = parse(FIELDS), *desired = parse(r->desired);
    AUTO_JSON cJSON *mine = owned_project(live, fields);
    struct err why = { 0 };
    bool same = owned_matches(live, fields, desired, &why);

    if (same != !r->why || (r->why && !strstr(why.msg, r->why)))
        fail_msg("matches: %d, %s", same, why.msg);
    assert_int_equal(owned_hash(mine) == owned_hash(desired), r->same_hash);
}

/* What a server of typed objects leaves out when it stores them. */
static const struct empty_row {
    const char *name, *fields, *live, *want;
    bool same;
} empty_rows[] = {
    { "false", "{\"f:a\":{}}", "{}", "{\"a\":false}", true },
    { "zero", "{\"f:a\":{}}", "{}", "{\"a\":0}", true },
    { "an empty text", "{\"f:a\":{}}", "{}", "{\"a\":\"\"}", true },
    { "an empty map", "{\"f:a\":{}}", "{}", "{\"a\":{}}", true },
    { "an empty list of values", "{\"f:a\":{}}", "{}", "{\"a\":[]}", true },
    { "an empty list of items has no owner", "{\"f:b\":{}}", "{\"b\":1}", "{\"a\":[],\"b\":1}", true },
    { "inside an atomic list", "{\"f:a\":{}}", "{\"a\":[{\"b\":1}]}", "{\"a\":[{\"b\":1,\"c\":false,\"d\":[],\"e\":0}]}", true },
    { "null, which the server counts as ours", "{\"f:a\":{}}", "{}", "{\"a\":null}", true },
    { "null instead of a value of ours", "{\"f:a\":{}}", "{\"a\":1}", "{\"a\":null}", false },
    { "not ours: a pointer to false says something", "{\"f:b\":{}}", "{\"b\":1}", "{\"a\":false,\"b\":1}", false },
    { "not ours: an empty object says something", "{\"f:b\":{}}", "{\"b\":1}", "{\"a\":{},\"b\":1}", false },
    { "there, and something else", "{\"f:a\":{}}", "{\"a\":true}", "{\"a\":false}", false },
    { "true", "{\"f:a\":{}}", "{}", "{\"a\":true}", false },
    { "a map of something", "{\"f:a\":{}}", "{}", "{\"a\":{\"b\":false}}", false },
};

static void on_row(void *arg, const char *path, const cJSON *live, const cJSON *want)
{
    (void)path, (void)live, (void)want;
    ++*(int *)arg;
}

static void check_empty(void **state)
{
    const struct empty_row *r = *state;
    AUTO_JSON cJSON *fields = parse(r->fields), *live = parse(r->live), *want = parse(r->want);
    int n_rows = 0;

    assert_int_equal(owned_matches(live, fields, want, NULL), r->same);
    owned_diff(live, fields, want, on_row, &n_rows);
    assert_int_equal(n_rows == 0, r->same);
}

/* Containers of the start run one after the other, and a variable may name those before it. */
static void order_counts_where_it_means_something(void **state)
{
    static const char fields_text[] =
        "{\"f:env\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{}},\"k:{\\\"name\\\":\\\"b\\\"}\":{\".\":{},\"f:name\":{}}}}";
    AUTO_JSON cJSON *fields = parse(fields_text), *live = parse("{\"env\":[{\"name\":\"a\"},{\"name\":\"theirs\"},{\"name\":\"b\"}]}");
    AUTO_JSON cJSON *same = parse("{\"env\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"), *other = parse("{\"env\":[{\"name\":\"b\"},{\"name\":\"a\"}]}");
    AUTO_JSON cJSON *ports = parse("{\"ports\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"), *turned = parse("{\"ports\":[{\"name\":\"b\"},{\"name\":\"a\"}]}");
    AUTO_JSON cJSON *mine = owned_project(live, fields);
    struct err why = { 0 };
    (void)state;

    assert_true(owned_matches(live, fields, same, &why));
    assert_false(owned_matches(live, fields, other, &why));
    assert_non_null(strstr(why.msg, "env: another order"));
    assert_true(owned_hash(mine) == owned_hash(same));
    assert_true(owned_hash(same) != owned_hash(other));
    assert_true(owned_hash(ports) == owned_hash(turned));
    assert_true(owned_hash_any_order(same) == owned_hash_any_order(other));
}

static void projection_is_only_ours(void **state)
{
    AUTO_JSON cJSON *live = parse(LIVE("2", "\"1\"", "[1,2]")), *fields = parse(FIELDS);
    AUTO_JSON cJSON *mine = owned_project(live, fields);
    AUTO_FREE char *text = json_print(mine);
    (void)state;

    assert_string_equal(text, "{\"metadata\":{\"labels\":{\"app\":\"x\"}},\"spec\":{\"replicas\":2,\"selector\":{\"m\":{\"app\":\"x\"}},"
                              "\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"limits\":{\"cpu\":\"1\"},\"ports\":[{\"containerPort\":80}]}],"
                              "\"finalizers\":[\"x\"],\"list\":[1,2]}}");
}

static void fields_are_those_of_our_apply(void **state)
{
    AUTO_JSON cJSON *live = parse(
        "{\"metadata\":{\"managedFields\":[{\"manager\":\"other\",\"operation\":\"Apply\",\"fieldsV1\":{\"f:a\":{}}},"
        "{\"manager\":\"everserve\",\"operation\":\"Update\",\"fieldsV1\":{\"f:b\":{}}},"
        "{\"manager\":\"everserve\",\"operation\":\"Apply\",\"subresource\":\"status\",\"fieldsV1\":{\"f:c\":{}}},"
        "{\"manager\":\"everserve\",\"operation\":\"Apply\",\"fieldsV1\":{\"f:d\":{}}}]}}");
    const cJSON *fields = owned_fields(live, "everserve");
    (void)state;

    assert_true(owned_has(fields, "d"));
    assert_false(owned_has(fields, "a"));
    assert_null(owned_fields(live, "nobody"));
    assert_false(owned_has(NULL, "a"));
}

static void has_follows_paths(void **state)
{
    AUTO_JSON cJSON *fields = parse(FIELDS);
    (void)state;

    assert_true(owned_has(fields, "spec.replicas"));
    assert_true(owned_has(fields, "spec"));
    assert_true(owned_has(fields, "spec.selector.m.app"));
    assert_false(owned_has(fields, "spec.paused"));
    assert_false(owned_has(fields, "status"));
}

static void nothing_owned_never_matches(void **state)
{
    AUTO_JSON cJSON *live = parse(LIVE("2", "\"1\"", "[1]")), *none = parse("{}");
    AUTO_JSON cJSON *mine = owned_project(live, NULL);
    (void)state;

    assert_int_equal(json_count(mine), 0);
    assert_false(owned_matches(live, NULL, live, NULL));
    assert_false(owned_matches(live, none, live, NULL));
}

static void hash_sees_what_counts(void **state)
{
    static const struct { const char *a, *b; bool same; } pairs[] = {
        { "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true },
        { "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false },
        { "{\"a\":[{\"x\":1},{\"x\":2}]}", "{\"a\":[{\"x\":2},{\"x\":1}]}", true },
        { "{\"a\":[1,2]}", "{\"a\":[2,1]}", false },
        { "{\"a\":1}", "{\"a\":\"1\"}", false },
        { "{\"a\":true}", "{\"a\":false}", false },
        { "{\"a\":{}}", "{\"a\":[]}", false },
        { "{\"a\":{}}", "{}", false },
        { "{\"a\":null}", "{}", true },
        { "{\"metadata\":{\"name\":\"x\"}}", "{\"kind\":\"K\"}", true },
        { "{\"spec\":{\"name\":\"x\"}}", "{\"spec\":{}}", false },
        { "{\"a\":[[1],[2]]}", "{\"a\":[[2],[1]]}", false },
    };
    (void)state;

    for (size_t i = 0; i < COUNT(pairs); i++) {
        AUTO_JSON cJSON *a = parse(pairs[i].a), *b = parse(pairs[i].b);

        if ((owned_hash(a) == owned_hash(b)) != pairs[i].same)
            fail_msg("%s and %s", pairs[i].a, pairs[i].b);
    }
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(projection_is_only_ours),   cmocka_unit_test(fields_are_those_of_our_apply),
        cmocka_unit_test(has_follows_paths),         cmocka_unit_test(nothing_owned_never_matches),
        cmocka_unit_test(hash_sees_what_counts),     cmocka_unit_test(order_counts_where_it_means_something),
    };
    struct CMUnitTest tests[COUNT(rows) + COUNT(empty_rows) + COUNT(more)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    for (size_t i = 0; i < COUNT(empty_rows); i++)
        tests[COUNT(rows) + i] = (struct CMUnitTest){ empty_rows[i].name, check_empty, NULL, NULL, (void *)&empty_rows[i] };
    memcpy(tests + COUNT(rows) + COUNT(empty_rows), more, sizeof(more));
    return cmocka_run_group_tests_name("owned", tests, NULL, NULL);
}
