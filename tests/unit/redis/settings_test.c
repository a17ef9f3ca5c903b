/*
 * Settings with real servers of every release that this machine has: what the table calls live is taken by CONFIG
 * SET, and a node tells how it is set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "lab.h"
#include "redis/config.h"
#include "../../servers.h"

enum { START_MS = 10000, DEADLINE_MS = 3000 };

struct asked {
    struct loop *loop;
    struct settings *shown;
    size_t n;
};

static redisContext *connect_to(const struct lab *l)
{
    redisContext *c = NULL;

    for (int i = 0; i < START_MS / 50; i++) {
        redisReply *r = NULL;

        c = redisConnect("127.0.0.1", l->members[0].port);
        if (c && !c->err)
            r = redisCommand(c, "AUTH %s", l->password);
        if (r && r->type == REDIS_REPLY_STATUS) {
            freeReplyObject(r);
            return c;
        }
        if (r)
            freeReplyObject(r);
        redisFree(c);
        usleep(50000);
    }
    fail_msg("the server does not start");
    return NULL;
}

/* Set to what it is: only who cannot be set at all refuses. */
static void check_setting(redisContext *c, const redisReply *name, const redisReply *value)
{
    redisReply *r = redisCommand(c, "CONFIG SET %s %b", name->str, value->str, (size_t)value->len);
    bool fixed = r && r->type == REDIS_REPLY_ERROR &&
                 (strstr(r->str, "immutable") || strstr(r->str, "protected") || strstr(r->str, "Unknown option"));

    if (fixed && setting_is_live(name->str))
        fail_msg("%s is called live: %s", name->str, r->str);
    if (r)
        freeReplyObject(r);
}

static void on_shown(void *arg, struct settings *shown, size_t n)
{
    struct asked *a = arg;

    a->shown = shown;
    a->n = n;
    loop_stop(a->loop);
}

static void check_probe(struct lab *l)
{
    struct redis_target targets[2] = { { .ip = "127.0.0.1", .port = l->members[0].port }, { .ip = "" } };
    struct redis_auth auth = { .password = l->password };
    struct asked a = { .loop = l->loop };
    struct settings wanted = { 0 };

    assert_true(settings_put(&wanted, "maxmemory-policy", 16, "x", 1));
    assert_true(settings_put(&wanted, "no-such-setting", 15, "x", 1));
    redis_config_start(l->loop, targets, 2, &auth, &wanted, DEADLINE_MS, on_shown, &a);
    loop_run(l->loop);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.shown[0].n, 1);
    assert_string_equal(settings_find(&a.shown[0], "maxmemory-policy"), "noeviction");
    assert_int_equal(a.shown[1].n, 0);
    for (size_t i = 0; i < a.n; i++)
        settings_done(&a.shown[i]);
    free(a.shown);
    settings_done(&wanted);
}

static struct lab lab;

static int teardown(void **state)
{
    (void)state;
    if (lab.n)
        lab_stop(&lab);
    unsetenv("LAB_SERVER");
    return 0;
}

static void release(void **state)
{
    const char *name = *state;
    char folder[PATH_MAX], program[PATH_MAX + 64];
    redisContext *c;
    redisReply *all;

    if (!servers_find(name, folder))
        skip();
    snprintf(program, sizeof(program), "%s/%.*s-server", folder, (int)strcspn(name, "-"), name);
    setenv("LAB_SERVER", program, 1);
    lab_open(&lab);
    lab_start(&lab, 1, 0, "secret");
    c = connect_to(&lab);
    all = redisCommand(c, "CONFIG GET *");
    assert_true(all && all->type == REDIS_REPLY_ARRAY && all->elements > 200);
    for (size_t i = 0; i + 1 < all->elements; i += 2)
        check_setting(c, all->element[i], all->element[i + 1]);
    freeReplyObject(all);
    redisFree(c);
    check_probe(&lab);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(servers_known)];

    for (size_t i = 0; i < COUNT(servers_known); i++)
        tests[i] = (struct CMUnitTest){ servers_known[i], release, NULL, teardown, (void *)(uintptr_t)servers_known[i] };
    return cmocka_run_group_tests_name("settings of real servers", tests, NULL, NULL);
}
