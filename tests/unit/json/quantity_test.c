#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "json/quantity.h"

#define REFUSED INT64_MIN

static const struct row {
    const char *name;
    const char *text;
    int64_t milli;
    const char *canonical;
} rows[] = {
    { "a whole number", "2", 2000, "2" },
    { "a thousand thousandths are one", "1000m", 1000, "1" },
    { "thousandths", "1500m", 1500, "1500m" },
    { "a fraction becomes thousandths", "0.5", 500, "500m" },
    { "no digit before the point", ".5", 500, "500m" },
    { "no digit after the point", "5.", 5000, "5" },
    { "1024Mi is 1Gi", "1024Mi", 1073741824000, "1Gi" },
    { "a fraction of a Gi", "1.5Gi", 1610612736000, "1536Mi" },
    { "a fraction that is not whole bytes", "0.1Ki", 102400, "102400m" },
    { "below 1024 binary is written as decimal", "0.5Ki", 512000, "512" },
    { "decimal bytes", "1000M", 1000000000000, "1G" },
    { "thousands", "1000k", 1000000000, "1M" },
    { "an exponent stays one", "1e3", 1000000, "1e3" },
    { "an exponent not of three", "12e2", 1200000, "1200" },
    { "a capital exponent", "1E3", 1000000, "1e3" },
    { "zero of any form", "0Gi", 0, "0" },
    { "zero with an exponent", "0e5", 0, "0" },
    { "leading zeros", "0002.50", 2500, "2500m" },
    { "negative", "-1500m", -1500, "-1500m" },
    { "plus", "+1", 1000, "1" },
    { "micro is rounded up as thousandths", "1u", 1, "1u" },
    { "finer than nano is rounded up", "0.0000000001", 1, "1n" },
    { "peta", "2P", 2000000000000000000, "2P" },
    { "one exbi does not fit in thousandths", "1Ei", REFUSED, "1Ei" },
    { "beyond everything", "1e20", REFUSED, NULL },
    { "empty", "", REFUSED, NULL },
    { "only a suffix", "Gi", REFUSED, NULL },
    { "only a point", ".", REFUSED, NULL },
    { "two points", "1.2.3", REFUSED, NULL },
    { "an unknown suffix", "1GB", REFUSED, NULL },
    { "a space", "1 Gi", REFUSED, NULL },
    { "too many digits", "1234567890123456789012345678901234567890", REFUSED, NULL },
    { "an absurd exponent", "1e999999999999", REFUSED, NULL },
    { "not a number", "nan", REFUSED, NULL },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct err e = { 0 };
    char text[32] = "untouched";
    int64_t milli = 7;
    int rc = quantity_parse(r->text, &milli, &e);

    assert_int_equal(rc, r->milli == REFUSED ? -ERR_INVALID : 0);
    assert_int_equal(milli, r->milli == REFUSED ? 7 : r->milli);
    if (rc)
        assert_non_null(strstr(e.msg, "quantity"));
    assert_int_equal(quantity_canonical(r->text, text, &e), r->canonical ? 0 : -ERR_INVALID);
    assert_string_equal(text, r->canonical ? r->canonical : "untouched");
}

static void equal_by_amount(void **state)
{
    (void)state;

    assert_true(quantity_equal("1000m", "1"));
    assert_true(quantity_equal("1.5Gi", "1536Mi"));
    assert_true(quantity_equal("1024Mi", "1Gi"));
    assert_true(quantity_equal("1Ei", "1152921504606846976"));
    assert_true(quantity_equal("0", "0Gi"));
    assert_false(quantity_equal("1Gi", "1G"));
    assert_false(quantity_equal("1", "-1"));
    assert_false(quantity_equal("x", "x"));
}

static void whole_bytes(void **state)
{
    (void)state;
    assert_int_equal(quantity_bytes("1Gi"), 1 << 30);
    assert_int_equal(quantity_bytes("1500m"), 2);
    assert_int_equal(quantity_bytes("9223372036854775807m"), INT64_MAX / 1000 + 1);
    assert_int_equal(quantity_bytes("1Ei"), 0);
    assert_int_equal(quantity_bytes("-1Gi"), 0);
    assert_int_equal(quantity_bytes("much"), 0);
    assert_int_equal(quantity_bytes(NULL), 0);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 2];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(equal_by_amount);
    tests[COUNT(rows) + 1] = (struct CMUnitTest)cmocka_unit_test(whole_bytes);
    return cmocka_run_group_tests_name("quantity", tests, NULL, NULL);
}
