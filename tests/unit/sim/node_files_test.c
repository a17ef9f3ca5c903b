#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sim/node/files.h"

static char *dir;

static int setup(void **state)
{
    (void)state;
    dir = xstrdup("/tmp/node-files-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    files_remove(dir);
    assert_int_equal(access(dir, F_OK), -1);
    free(dir);
    return 0;
}

/* Names and contents in turn, NULL ended. */
static void sync_to(const char *const *pairs)
{
    struct files_set s = { 0 };
    struct err e = { 0 };

    for (size_t i = 0; pairs[i]; i += 2)
        assert_int_equal(files_add(&s, pairs[i], xstrdup(pairs[i + 1]), strlen(pairs[i + 1]), 0644, &e), 0);
    assert_int_equal(files_sync(dir, &s, &e), 0);
    files_set_done(&s);
}

static void expect(const char *name, const char *want) /* NULL: no such file */
{
    AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
    char text[64] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (!want) {
        assert_int_equal(fd, -1);
        return;
    }
    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof(text) - 1) >= 0);
    close(fd);
    assert_string_equal(text, want);
}

static void a_set_appears_and_changes_at_once(void **state)
{
    AUTO_FREE char *link = xasprintf("%s/..data", dir);
    char before[64] = "", after[64] = "";

    (void)state;
    sync_to((const char *const[]){ "a", "1", "deep/b", "2", NULL });
    expect("a", "1");
    expect("deep/b", "2");
    assert_true(readlink(link, before, sizeof(before) - 1) > 0);
    sync_to((const char *const[]){ "a", "1", "deep/b", "3", NULL });
    expect("deep/b", "3");
    assert_true(readlink(link, after, sizeof(after) - 1) > 0);
    assert_string_not_equal(before, after);
    expect(before, NULL);
}

static void the_same_set_touches_nothing(void **state)
{
    AUTO_FREE char *link = xasprintf("%s/..data", dir);
    char before[64] = "", after[64] = "";

    (void)state;
    sync_to((const char *const[]){ "a", "1", NULL });
    assert_true(readlink(link, before, sizeof(before) - 1) > 0);
    sync_to((const char *const[]){ "a", "1", NULL });
    assert_true(readlink(link, after, sizeof(after) - 1) > 0);
    assert_string_equal(before, after);
}

static void a_key_that_went_leaves_no_name(void **state)
{
    (void)state;
    sync_to((const char *const[]){ "a", "1", "b", "2", NULL });
    sync_to((const char *const[]){ "b", "2", NULL });
    expect("a", NULL);
    expect("b", "2");
}

static void names_stay_inside(void **state)
{
    static const char *const bad[] = { "../x", "/etc/passwd", "a/../../b", "" };
    struct files_set s = { 0 };
    struct err e = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(files_add(&s, bad[i], xstrdup("x"), 1, 0644, &e), -ERR_INVALID);
    files_set_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_set_appears_and_changes_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_set_touches_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_that_went_leaves_no_name, setup, teardown),
        cmocka_unit_test_setup_teardown(names_stay_inside, setup, teardown),
    };

    return cmocka_run_group_tests_name("node: files", tests, NULL, NULL);
}
