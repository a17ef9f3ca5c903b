#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/frames.h"

static const char BODY[] = "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"\xc3\xa4\xe2\x82\xac\",\"resourceVersion\":\"9\"}}}\n"
                           "\r\n\n"
                           "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"10\"}}}\r\n"
                           "{\"type\":\"BOOKMARK\"";

struct heard {
    struct frames frames;
    struct buf text;
    int n, stop_at;
};

static bool hear(void *arg, const char *line, size_t len)
{
    struct heard *h = arg;

    assert_true(buf_add(&h->text, line, len) && buf_add(&h->text, "|", 1));
    return ++h->n != h->stop_at;
}

static int setup(void **state)
{
    static struct heard h;

    h = (struct heard){ 0 };
    frames_init(&h.frames);
    buf_init(&h.text, 64 * 1024 * 1024);
    *state = &h;
    return 0;
}

static int teardown(void **state)
{
    struct heard *h = *state;

    frames_done(&h->frames);
    buf_done(&h->text);
    return 0;
}

static void feed(struct heard *h, const char *data, size_t len)
{
    struct err e;

    assert_int_equal(frames_feed(&h->frames, data, len, hear, h, &e), 0);
}

static void lines_are_the_same_at_every_split(void **state)
{
    struct heard *h = *state;
    AUTO_FREE char *want = NULL;
    size_t len = sizeof(BODY) - 1;

    feed(h, BODY, len);
    want = buf_take(&h->text);
    assert_int_equal(h->n, 2);
    for (size_t i = 0; i <= len; i++) {
        for (size_t j = i; j <= len; j += 7) {
            frames_clear(&h->frames);
            buf_clear(&h->text);
            feed(h, BODY, i);
            feed(h, BODY + i, j - i);
            feed(h, BODY + j, len - j);
            assert_string_equal(buf_text(&h->text), want);
        }
    }
}

static void a_byte_at_a_time_is_enough(void **state)
{
    struct heard *h = *state;

    for (size_t i = 0; i < sizeof(BODY) - 1; i++)
        feed(h, BODY + i, 1);
    assert_int_equal(h->n, 2);
}

static void the_reader_may_stop(void **state)
{
    struct heard *h = *state;
    struct err e = { 0 };

    h->stop_at = 1;
    assert_int_equal(frames_feed(&h->frames, BODY, sizeof(BODY) - 1, hear, h, &e), -ERR_RETRY);
    assert_int_equal(h->n, 1);
}

static void a_line_may_have_four_megabytes_and_not_more(void **state)
{
    struct heard *h = *state;
    AUTO_FREE char *big = xcalloc(1, FRAME_MAX_BYTES + 2);
    struct err e = { 0 };

    memset(big, 'x', FRAME_MAX_BYTES + 1);
    feed(h, big, FRAME_MAX_BYTES / 2);
    feed(h, big, FRAME_MAX_BYTES / 2);
    feed(h, "\n", 1);
    assert_int_equal(h->n, 1);
    feed(h, big, FRAME_MAX_BYTES);
    assert_int_equal(frames_feed(&h->frames, "x", 1, hear, h, &e), -ERR_RETRY);
    assert_non_null(strstr(e.msg, "4194304"));
    frames_clear(&h->frames);
    big[FRAME_MAX_BYTES + 1] = '\n';
    assert_int_equal(frames_feed(&h->frames, big, FRAME_MAX_BYTES + 2, hear, h, &e), -ERR_RETRY);
}

#define OBJ(type, meta) "{\"type\":\"" type "\",\"object\":{\"metadata\":{" meta "}}}"

static const struct row {
    const char *name, *line;
    int rc;
    enum frame_type type;
    const char *rv;
    bool ends;
} rows[] = {
    { "an added object", OBJ("ADDED", "\"name\":\"a\",\"resourceVersion\":\"5\""), 0, FRAME_ADDED, "5", false },
    { "a modified object", OBJ("MODIFIED", "\"name\":\"a\",\"resourceVersion\":\"6\""), 0, FRAME_MODIFIED, "6", false },
    { "a deleted object", OBJ("DELETED", "\"name\":\"a\",\"resourceVersion\":\"7\""), 0, FRAME_DELETED, "7", false },
    { "a bookmark has no name", OBJ("BOOKMARK", "\"resourceVersion\":\"8\""), 0, FRAME_BOOKMARK, "8", false },
    { "the bookmark after the initial objects",
      OBJ("BOOKMARK", "\"resourceVersion\":\"9\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}"), 0,
      FRAME_BOOKMARK, "9", true },
    { "an object cannot end the list",
      OBJ("ADDED", "\"name\":\"a\",\"resourceVersion\":\"9\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}"), 0,
      FRAME_ADDED, "9", false },
    { "an error", "{\"type\":\"ERROR\",\"object\":{\"code\":410}}", 0, FRAME_ERROR, NULL, false },
    { "an error without a status", "{\"type\":\"ERROR\"}", 0, FRAME_ERROR, NULL, false },
    { "a type of the future is told apart", "{\"type\":\"RENAMED\",\"object\":{}}", 0, FRAME_UNKNOWN, NULL, false },
    { "an object without a version is refused", OBJ("ADDED", "\"name\":\"a\""), -ERR_RETRY, 0, NULL, false },
    { "an empty version is refused", OBJ("ADDED", "\"name\":\"a\",\"resourceVersion\":\"\""), -ERR_RETRY, 0, NULL, false },
    { "a numeric version is refused", OBJ("ADDED", "\"name\":\"a\",\"resourceVersion\":5"), -ERR_RETRY, 0, NULL, false },
    { "an object without a name is refused", OBJ("ADDED", "\"resourceVersion\":\"5\""), -ERR_RETRY, 0, NULL, false },
    { "an object that is text is refused", "{\"type\":\"ADDED\",\"object\":\"x\"}", -ERR_RETRY, 0, NULL, false },
    { "a line without a type is refused", "{\"object\":{}}", -ERR_RETRY, 0, NULL, false },
    { "a list is refused", "[1]", -ERR_RETRY, 0, NULL, false },
    { "half a line is refused", "{\"type\":\"ADD", -ERR_RETRY, 0, NULL, false },
    { "two values in a line are refused", "{\"type\":\"ERROR\"}{}", -ERR_RETRY, 0, NULL, false },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct frame f = { 0 };
    struct err e = { 0 };

    assert_int_equal(frame_parse(r->line, strlen(r->line), &f, &e), r->rc);
    assert_int_equal(e.kind, -r->rc);
    assert_int_equal(f.type, r->type);
    assert_int_equal(f.ends_initial, r->ends);
    assert_true(r->rv ? strcmp(f.rv, r->rv) == 0 : !f.rv);
    frame_done(&f);
}

static const struct rv_row {
    const char *name, *a, *b;
    bool newer;
} rv_rows[] = {
    { "one more is newer", "9", "10", true },
    { "one less is not", "10", "9", false },
    { "the same is not", "10", "10", false },
    { "zeros in front do not count", "10", "0009", false },
    { "longer than any integer", "99999999999999999999999998", "99999999999999999999999999", true },
    { "others are newer when they differ", "abc", "abb", true },
    { "others are not newer than themselves", "abc", "abc", false },
};

static void check_rv(void **state)
{
    const struct rv_row *r = *state;

    assert_int_equal(kube_rv_is_newer(r->a, r->b), r->newer);
}

int main(void)
{
    struct CMUnitTest tests[4 + COUNT(rows) + COUNT(rv_rows)] = {
        cmocka_unit_test_setup_teardown(lines_are_the_same_at_every_split, setup, teardown),
        cmocka_unit_test_setup_teardown(a_byte_at_a_time_is_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(the_reader_may_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_may_have_four_megabytes_and_not_more, setup, teardown),
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[4 + i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    for (size_t i = 0; i < COUNT(rv_rows); i++)
        tests[4 + COUNT(rows) + i] = (struct CMUnitTest){ rv_rows[i].name, check_rv, NULL, NULL, (void *)&rv_rows[i] };
    return cmocka_run_group_tests_name("watch frames", tests, NULL, NULL);
}
