#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"

static void err_carries_kind_and_context(void **state)
{
    struct err e;
    (void)state;

    assert_int_equal(err_set(&e, ERR_CONFLICT, "rv %d", 7), -ERR_CONFLICT);
    assert_int_equal(err_wrap(&e, "apply %s", "x"), -ERR_CONFLICT);
    assert_string_equal(e.msg, "apply x: rv 7");
}

static void buf_keeps_its_maximum(void **state)
{
    struct buf b;
    (void)state;

    buf_init(&b, 4);
    assert_true(buf_add(&b, "abc", 3));
    assert_false(buf_add(&b, "de", 2));
    assert_string_equal(buf_text(&b), "abc");
    buf_consume(&b, 1);
    assert_string_equal(buf_text(&b), "bc");
    buf_str(&b, "defg");
    assert_string_equal(buf_text(&b), "bcde");
    buf_done(&b);
    assert_string_equal(buf_text(&b), "");
}

static void map_keeps_order_and_survives_removal(void **state)
{
    struct map *m = map_new();
    char seen[8] = "", *end = seen, one[] = "1", two[] = "2", three[] = "3";
    (void)state;

    assert_null(map_put(m, "b", one));
    assert_null(map_put(m, "a", two));
    assert_string_equal(map_put(m, "b", three), "1");
    for (struct map_iter i = map_first(m); i.key; map_next(&i)) {
        *end++ = i.key[0];
        assert_non_null(map_take(m, i.key));
    }
    assert_string_equal(seen, "ba");
    assert_int_equal(map_count(m), 0);
    map_free(m, NULL);
}

static void numbers_are_whole(void **state)
{
    int64_t v = -1;
    (void)state;

    assert_true(str_to_int("16383", 0, 16383, &v));
    assert_int_equal(v, 16383);
    assert_false(str_to_int("16384", 0, 16383, &v));
    assert_false(str_to_int("1x", 0, 9, &v));
    assert_false(str_to_int("", 0, 9, &v));
    assert_false(str_to_int(" 1", 0, 9, &v));
    assert_false(str_to_int("99999999999999999999", 0, INT64_MAX, &v));
}

static void times_are_rfc3339(void **state)
{
    char out[32];

    (void)state;
    str_rfc3339(0, false, out);
    assert_string_equal(out, "1970-01-01T00:00:00Z");
    str_rfc3339(1767323045678, true, out);
    assert_string_equal(out, "2026-01-02T03:04:05.678000Z");
    assert_int_equal(str_rfc3339_ms(out), 1767323045000);
    assert_int_equal(str_rfc3339_ms("2026-01-02"), -1);
    assert_int_equal(str_rfc3339_ms(NULL), -1);
}

static void log_takes_text_and_numbers(void **state)
{
    (void)state;
    log_setup(LOG_ERROR, LOG_JSON);
    log_info("not shown", F("service", "ns/a"), F("n", 3));
    log_info("nor this");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_carries_kind_and_context), cmocka_unit_test(buf_keeps_its_maximum),
        cmocka_unit_test(map_keeps_order_and_survives_removal), cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(times_are_rfc3339),
        cmocka_unit_test(log_takes_text_and_numbers),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
