#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

static void parse_refuses(void **state)
{
    static const char *const bad[] = { "", "{", "{\"a\":1}x", "[1,]", "{\"a\"}", "nul" };
    (void)state;

    for (size_t i = 0; i < COUNT(bad); i++) {
        cJSON *v = NULL;
        struct err e = { 0 };

        assert_int_equal(json_parse(bad[i], strlen(bad[i]), &v, &e), -ERR_INVALID);
        assert_null(v);
        assert_true(strlen(e.msg) > 0);
    }
}

static void parse_bounds_depth(void **state)
{
    char text[4096];
    cJSON *v = NULL;
    struct err e;
    (void)state;

    memset(text, '[', 200);
    memset(text + 200, ']', 200);
    assert_int_equal(json_parse(text, 400, &v, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "deeper"));
}

static void getters_follow_paths(void **state)
{
    static const char text[] = "{\"spec\":{\"n\":3,\"f\":1.5,\"on\":true,\"list\":[{\"image\":\"a\"},{\"image\":\"b\"}]}}";
    cJSON *v = NULL;
    struct err e;
    (void)state;

    assert_int_equal(json_parse(text, sizeof(text) - 1, &v, &e), 0);
    assert_int_equal(json_get_int(v, "spec.n", -1), 3);
    assert_int_equal(json_get_int(v, "spec.f", -1), -1);
    assert_true(json_get_bool(v, "spec.on", false));
    assert_string_equal(json_get_str(v, "spec.list.1.image"), "b");
    assert_null(json_get_str(v, "spec.list.2.image"));
    assert_null(json_get_str(v, "spec.n.x"));
    cJSON_Delete(v);
}

static void builders_replace(void **state)
{
    cJSON *o = json_new_obj();
    (void)state;

    json_str(o, "a", "1");
    json_int(o, "a", 2);
    json_str(json_obj(o, "m"), "k", "v");
    json_str(json_obj(o, "m"), "absent", NULL);
    json_push_str(json_arr(o, "l"), "x");
    char *s = json_print(o);
    assert_string_equal(s, "{\"a\":2,\"m\":{\"k\":\"v\"},\"l\":[\"x\"]}");
    free(s);
    cJSON_Delete(o);
}

static void values_are_equal_in_any_order(void **state)
{
    static const struct {
        const char *a, *b;
        bool want;
    } rows[] = {
        { "{\"a\":1,\"b\":[1,{\"c\":null}]}", "{\"b\":[1,{\"c\":null}],\"a\":1}", true },
        { "{\"a\":1}", "{\"a\":1,\"b\":2}", false },
        { "{\"a\":1,\"b\":2}", "{\"a\":1}", false },
        { "{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false },
        { "[1,2]", "[2,1]", false },
        { "[1,2]", "[1,2,3]", false },
        { "[]", "{}", false },
        { "{}", "[]", false },
        { "\"1\"", "1", false },
        { "true", "true", true },
        { "{\"a\":{}}", "{\"a\":null}", false },
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON cJSON *a = NULL, *b = NULL;
        struct err e;

        assert_int_equal(json_parse(rows[i].a, strlen(rows[i].a), &a, &e), 0);
        assert_int_equal(json_parse(rows[i].b, strlen(rows[i].b), &b, &e), 0);
        assert_int_equal(json_equal(a, b), rows[i].want);
    }
    assert_true(json_equal(NULL, NULL));
}

/* Would take years, were each member looked at twice. */
static void deep_values_are_compared(void **state)
{
    AUTO_JSON cJSON *a = json_new_obj(), *b = json_new_obj();
    cJSON *x = a, *y = b;
    (void)state;

    for (int i = 0; i < 60; i++) {
        x = json_obj(x, "m");
        y = json_obj(y, "m");
    }
    assert_true(json_equal(a, b));
    json_int(x, "n", 1);
    assert_false(json_equal(a, b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_equal_in_any_order),
        cmocka_unit_test(deep_values_are_compared),
        cmocka_unit_test(parse_refuses),
        cmocka_unit_test(parse_bounds_depth),
        cmocka_unit_test(getters_follow_paths),
        cmocka_unit_test(builders_replace),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
