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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_refuses),
        cmocka_unit_test(parse_bounds_depth),
        cmocka_unit_test(getters_follow_paths),
        cmocka_unit_test(builders_replace),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
