#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/owned.h"

#define FIELDS                                                                                                     \
    "{\"f:metadata\":{\"f:labels\":{\"f:app\":{}}},\"f:spec\":{\"f:n\":{},\"f:limits\":{},"                            \
    "\"f:items\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{},\"f:image\":{}},"                            \
    "\"k:{\\\"name\\\":\\\"b\\\"}\":{\".\":{},\"f:name\":{}}}}}"
#define LIVE                                                                                                       \
    "{\"apiVersion\":\"v1\",\"kind\":\"K\",\"metadata\":{\"name\":\"x\",\"uid\":\"u\",\"labels\":{\"app\":\"x\",\"o\":\"y\"}}," \
    "\"spec\":{\"n\":2,\"theirs\":7,\"limits\":{\"cpu\":\"1\",\"apiVersion\":\"v1\"},\"items\":[{\"name\":\"side\"},"        \
    "{\"name\":\"b\"},{\"name\":\"a\",\"image\":\"i\",\"pull\":\"Always\"}]}}"
#define WANT(n, whole, items)                                                                                      \
    "{\"apiVersion\":\"v1\",\"kind\":\"K\",\"metadata\":{\"name\":\"x\",\"labels\":{\"app\":\"x\"}},\"spec\":{" n     \
    "\"limits\":" whole ",\"items\":" items "}}"
#define A "{\"name\":\"a\",\"image\":\"i\"}"
#define B "{\"name\":\"b\"}"

static const struct row {
    const char *name;
    const char *want;
    const char *rows; /* "path live>want; ..." */
} rows[] = {
    { "nothing, although others hold more", WANT("\"n\":2,", "{\"cpu\":\"1\"}", "[" A "," B "]"), "" },
    { "quantities by amount", WANT("\"n\":2,", "{\"cpu\":\"1000m\"}", "[" A "," B "]"), "" },
    { "a value", WANT("\"n\":3,", "{\"cpu\":\"1\"}", "[" A "," B "]"), "spec.n 2>3; " },
    { "a value that goes", WANT("", "{\"cpu\":\"1\"}", "[" A "," B "]"), "spec.n 2>-; " },
    { "a value that comes", WANT("\"n\":2,\"new\":[1],", "{\"cpu\":\"1\"}", "[" A "," B "]"), "spec.new ->[1]; " },
    { "as it is, but somebody else's", WANT("\"n\":2,\"theirs\":7,", "{\"cpu\":\"1\"}", "[" A "," B "]"), "spec.theirs 7>7; " },
    { "taken from somebody else", WANT("\"n\":2,\"theirs\":8,", "{\"cpu\":\"1\"}", "[" A "," B "]"), "spec.theirs 7>8; " },
    { "inside what is owned as a whole", WANT("\"n\":2,", "{\"cpu\":\"2\",\"m\":1}", "[" A "," B "]"),
      "spec.limits.cpu \"1\">\"2\"; spec.limits.m ->1; " },
    { "what goes inside what is owned as a whole", WANT("\"n\":2,", "{\"m\":1}", "[" A "," B "]"),
      "spec.limits.m ->1; spec.limits.cpu \"1\">-; " },
    { "items by their name, in any order", WANT("\"n\":2,", "{\"cpu\":\"1\"}", "[" B ",{\"name\":\"a\",\"image\":\"j\"}]"),
      "spec.items[a].image \"i\">\"j\"; " },
    { "an item that goes", WANT("\"n\":2,", "{\"cpu\":\"1\"}", "[" A "]"), "spec.items[b] {\"name\":\"b\"}>-; " },
    { "an item that comes", WANT("\"n\":2,", "{\"cpu\":\"1\"}", "[" A "," B ",{\"name\":\"c\"}]"),
      "spec.items[c] ->{\"name\":\"c\"}; " },
    { "several at once", WANT("\"n\":5,", "{\"cpu\":\"1\"}", "[" B "]"),
      "spec.n 2>5; spec.items[a] {\"name\":\"a\",\"image\":\"i\",\"pull\":\"Always\"}>-; " },
};

static cJSON *parse(const char *text)
{
    cJSON *v = NULL;
    struct err e;

    assert_int_equal(json_parse(text, strlen(text), &v, &e), 0);
    return v;
}

static void on_row(void *arg, const char *path, const cJSON *live, const cJSON *want)
{
    AUTO_FREE char *a = live ? json_print(live) : xstrdup("-");
    AUTO_FREE char *b = want ? json_print(want) : xstrdup("-");

    buf_fmt(arg, "%s %s>%s; ", path, a, b);
}

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_JSON cJSON *live = parse(LIVE), *fields = parse(FIELDS), *want = parse(r->want);
    AUTO_BUF struct buf out;

    buf_init(&out, 4096);
    owned_diff(live, fields, want, on_row, &out);
    assert_string_equal(buf_text(&out), r->rows);
    assert_int_equal(owned_matches(live, fields, want, NULL), !r->rows[0]);
}

static void nothing_of_it_is_ours(void **state)
{
    AUTO_JSON cJSON *live = parse("{\"spec\":{\"n\":2}}"), *want = parse("{\"spec\":{\"n\":3}}"), *same = parse("{\"spec\":{\"n\":2}}");
    AUTO_BUF struct buf out;
    (void)state;

    buf_init(&out, 4096);
    owned_diff(live, NULL, want, on_row, &out);
    assert_string_equal(buf_text(&out), "spec.n 2>3; ");
    buf_clear(&out);
    owned_diff(live, NULL, same, on_row, &out); /* would be written all the same: it becomes ours */
    assert_string_not_equal(buf_text(&out), "");
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(nothing_of_it_is_ours);
    return cmocka_run_group_tests_name("owned diff", tests, NULL, NULL);
}
