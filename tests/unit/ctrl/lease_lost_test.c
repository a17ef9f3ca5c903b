/*
 * The Lease is lost in the middle of telling Redis something: nothing more is said, another may be deciding already.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctrl/shell.h"

struct fixture {
    struct loop *loop;
    struct ctrl *ctrl;
    struct loop_timer *end;
    int listener;
    uint16_t port;
};

static void on_end(void *arg)
{
    struct fixture *f = arg;

    loop_stop(f->loop);
}

/* Takes connections and never says a word. */
static void listen_on(struct fixture *f)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);

    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(f->listener, 8), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&a, &len), 0);
    f->port = ntohs(a.sin_port);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    *state = f;
    f->loop = loop_new();
    f->end = loop_timer_new(f->loop, on_end, f);
    f->ctrl = ctrl_new(f->loop, NULL, &(struct ctrl_config){ .identity = "me", .max_passes = 4 });
    listen_on(f);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ctrl_free(f->ctrl);
    loop_timer_free(f->end);
    loop_free(f->loop);
    close(f->listener);
    free(f);
    return 0;
}

static struct pass *pass_under_way(struct fixture *f, const char *key)
{
    struct pass *p = xcalloc(1, sizeof(*p));
    int64_t waited_ms;

    queue_add(f->ctrl->queue, key, QUEUE_HIGH, 0);
    assert_non_null(queue_take(f->ctrl->queue, loop_now_ms(), &waited_ms));
    *p = (struct pass){ .c = f->ctrl, .key = xstrdup(key), .started_ms = loop_now_ms() };
    LIST_INSERT_HEAD(&f->ctrl->passes, p, link);
    f->ctrl->n_passes++;
    return p;
}

static void never(void *arg, const struct redis_result *results, size_t n, enum reply_class worst)
{
    (void)arg, (void)results, (void)n, (void)worst;
    fail_msg("a pass that was given up was called back");
}

static void run_for(struct fixture *f, int64_t ms)
{
    loop_timer_set(f->end, ms);
    loop_run(f->loop);
}

static void redis_is_told_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct pass *talks = pass_under_way(f, "ns/talks"), *looks = pass_under_way(f, "ns/looks");
    struct redis_target to = { .ip = "127.0.0.1", .port = f->port };
    struct command ping = { .kind = CMD_PING };
    char byte;
    int fd;

    talks->apply = redis_apply_start(f->loop, &to, 1, &ping, 1, NULL, 10000, never, talks);
    run_for(f, 50);
    fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fd >= 0);
    while (read(fd, &byte, 1) == 1)
        ;
    passes_leave_redis(f->ctrl);
    assert_int_equal(read(fd, &byte, 1), 0); /* the connection is gone */
    close(fd);
    assert_int_equal(f->ctrl->n_passes, 1);
    assert_ptr_equal(LIST_FIRST(&f->ctrl->passes), looks); /* what only looks goes on */
    run_for(f, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(redis_is_told_nothing_more, setup, teardown) };

    return cmocka_run_group_tests_name("a lease lost", tests, NULL, NULL);
}
