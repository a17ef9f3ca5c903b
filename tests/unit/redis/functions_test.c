/* Functions of one server at others, real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "moves.h"
#include "redis/functions.h"

#define CODE "#!lua name=%s\nredis.register_function('%s', function() return %d end)"

static struct lab lab;
static char answer[200];

static int setup(void **state)
{
    (void)state;
    lab_open(&lab);
    lab_start(&lab, 3, 0, "secret");
    return lab_wait(&lab, REDIS_DOWN, 20) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    lab_stop(&lab);
    return 0;
}

static void load(size_t node, const char *name, int value)
{
    redisContext *c = moves_connect(&lab, node);
    char code[200];

    snprintf(code, sizeof(code), CODE, name, name, value);
    freeReplyObject(redisCommand(c, "FUNCTION LOAD REPLACE %s", code));
    redisFree(c);
}

/* What the function says; -1: there is none. */
static int call(size_t node, const char *name)
{
    redisContext *c = moves_connect(&lab, node);
    redisReply *r = redisCommand(c, "FUNCTION LIST WITHCODE LIBRARYNAME %s", name);
    redisReply *code = r && r->elements ? r->element[0]->element[r->element[0]->elements - 1] : NULL;
    const char *at = code && code->str ? strstr(code->str, "return ") : NULL;
    int value = at ? atoi(at + 7) : -1;

    freeReplyObject(r);
    redisFree(c);
    return value;
}

static void on_done(void *arg, const char *error)
{
    struct lab *l = arg;

    snprintf(answer, sizeof(answer), "%s", error);
    loop_stop(l->loop);
}

static void copy(size_t from, const size_t *to, size_t n)
{
    struct redis_target targets[LAB_MAX], takers[LAB_MAX];
    struct redis_auth auth = lab_auth(&lab);

    lab_targets(&lab, targets);
    for (size_t i = 0; i < n; i++)
        takers[i] = targets[to[i]];
    redis_functions_start(lab.loop, &targets[from], takers, n, &auth, 5000, on_done, &lab);
    loop_run(lab.loop);
}

static void all_takers_get_them(void **state)
{
    (void)state;

    load(0, "one", 1);
    load(0, "two", 2);
    load(1, "two", 22);
    load(1, "own", 3);
    copy(0, (size_t[]){ 1, 2 }, 2);
    assert_string_equal(answer, "");
    assert_int_equal(call(1, "one"), 1);
    assert_int_equal(call(1, "two"), 2);
    assert_int_equal(call(1, "own"), 3);
    assert_int_equal(call(2, "one"), 1);
    lab_look(&lab);
    assert_int_equal(lab.views[0].libraries, 2);
    assert_int_equal(lab.views[1].libraries, 3);
}

static void a_silent_taker_is_told(void **state)
{
    (void)state;

    load(0, "one", 1);
    lab_kill(&lab, 2);
    copy(0, (size_t[]){ 1, 2 }, 2);
    assert_string_not_equal(answer, "");
    assert_int_equal(call(1, "one"), 1);
}

static void a_silent_source_is_told(void **state)
{
    (void)state;

    lab_kill(&lab, 0);
    copy(0, (size_t[]){ 1, 2 }, 2);
    assert_string_not_equal(answer, "");
}

static void cancelled(void **state)
{
    struct redis_target targets[LAB_MAX];
    struct redis_auth auth = lab_auth(&lab);
    (void)state;

    lab_targets(&lab, targets);
    redis_functions_cancel(redis_functions_start(lab.loop, &targets[0], &targets[1], 1, &auth, 5000, on_done, &lab));
}

#define WITH_LAB(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = { WITH_LAB(all_takers_get_them), WITH_LAB(a_silent_taker_is_told),
                                        WITH_LAB(a_silent_source_is_told), WITH_LAB(cancelled) };

    if (!lab_has_redis()) {
        print_message("no redis-server, no redis-cli: skipped\n");
        return 0;
    }
    return cmocka_run_group_tests_name("functions", tests, NULL, NULL);
}
