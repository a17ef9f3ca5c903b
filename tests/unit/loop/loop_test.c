#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"

struct trace {
    struct loop *loop;
    struct loop_timer *timers[3];
    struct loop_fd *fd;
    int pipe[2];
    char seen[8];
    size_t n;
};

static void note(struct trace *t, char c)
{
    t->seen[t->n++] = c;
}

static void on_a(void *arg)
{
    note(arg, 'a');
}

static void on_b(void *arg)
{
    note(arg, 'b');
}

static void on_stop(void *arg)
{
    struct trace *t = arg;

    note(t, 's');
    loop_stop(t->loop);
}

static int setup(void **state)
{
    static struct trace t;

    t = (struct trace){ .loop = loop_new(), .pipe = { -1, -1 } };
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct trace *t = *state;

    for (size_t i = 0; i < 3; i++)
        loop_timer_free(t->timers[i]);
    loop_fd_free(t->fd);
    loop_free(t->loop);
    close(t->pipe[0]);
    close(t->pipe[1]);
    return 0;
}

static void timers_fire_in_order_of_their_time(void **state)
{
    struct trace *t = *state;

    t->timers[0] = loop_timer_new(t->loop, on_stop, t);
    t->timers[1] = loop_timer_new(t->loop, on_a, t);
    t->timers[2] = loop_timer_new(t->loop, on_b, t);
    loop_timer_set(t->timers[0], 30);
    loop_timer_set(t->timers[1], 15);
    loop_timer_set(t->timers[2], -5);
    assert_int_equal(t->n, 0);
    loop_run(t->loop);
    assert_string_equal(t->seen, "bas");
}

static void a_timer_can_be_moved_and_switched_off(void **state)
{
    struct trace *t = *state;

    t->timers[0] = loop_timer_new(t->loop, on_stop, t);
    t->timers[1] = loop_timer_new(t->loop, on_a, t);
    t->timers[2] = loop_timer_new(t->loop, on_b, t);
    loop_timer_set(t->timers[1], 1);
    loop_timer_set(t->timers[1], 60000);
    loop_timer_set(t->timers[2], 1);
    loop_timer_off(t->timers[2]);
    loop_timer_set(t->timers[0], 20);
    loop_run(t->loop);
    assert_string_equal(t->seen, "s");
}

static void a_signal_is_an_event(void **state)
{
    struct trace *t = *state;

    loop_on_signal(t->loop, SIGUSR1, on_stop, t);
    raise(SIGUSR1);
    assert_int_equal(t->n, 0);
    loop_run(t->loop);
    assert_string_equal(t->seen, "s");
}

static void a_descriptor_is_heard(void **state)
{
    struct trace *t = *state;

    assert_int_equal(pipe(t->pipe), 0);
    t->fd = loop_fd_new(t->loop, t->pipe[0], on_stop, t);
    assert_int_equal(write(t->pipe[1], "x", 1), 1);
    loop_run(t->loop);
    assert_string_equal(t->seen, "s");
}

static void the_clock_goes(void **state)
{
    (void)state;
    assert_true(loop_now_ms() > 0);
    assert_true(loop_wall_ms() > 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_of_their_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_can_be_moved_and_switched_off, setup, teardown),
        cmocka_unit_test_setup_teardown(a_signal_is_an_event, setup, teardown),
        cmocka_unit_test_setup_teardown(a_descriptor_is_heard, setup, teardown),
        cmocka_unit_test(the_clock_goes),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
