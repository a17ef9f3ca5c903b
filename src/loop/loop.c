#include "loop/loop.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

struct signal_watch {
    struct event *ev;
    void (*fn)(void *arg);
    void *arg;
    struct signal_watch *next;
};

struct loop {
    struct event_base *base;
    struct signal_watch *signals;
};

struct loop_timer {
    struct event *ev;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_fd {
    struct event *ev;
    void (*fn)(void *arg);
    void *arg;
};

static void *must(void *p)
{
    if (!p)
        abort(); /* libevent fails only when memory or descriptors have run out */
    return p;
}

struct loop *loop_new(void)
{
    struct event_config *cfg = must(event_config_new());
    struct loop *l = xcalloc(1, sizeof(*l));

    event_config_set_flag(cfg, EVENT_BASE_FLAG_PRECISE_TIMER);
    l->base = must(event_base_new_with_config(cfg));
    event_config_free(cfg);
    /* A peer that goes away is an error of a write, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    for (struct signal_watch *s; (s = l->signals) != NULL;) {
        l->signals = s->next;
        event_free(s->ev);
        free(s);
    }
    event_base_free(l->base);
    free(l);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

void loop_run(struct loop *l)
{
    event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
    event_base_loopbreak(l->base);
}

static int64_t clock_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t loop_now_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t loop_now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t loop_wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *t = arg;

    (void)fd;
    (void)what;
    t->fn(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *t = xcalloc(1, sizeof(*t));

    t->fn = fn;
    t->arg = arg;
    t->ev = must(evtimer_new(l->base, timer_fired, t));
    return t;
}

void loop_timer_set(struct loop_timer *t, int64_t in_ms)
{
    struct timeval tv = { 0 };

    if (in_ms > 0) {
        tv.tv_sec = in_ms / 1000;
        tv.tv_usec = in_ms % 1000 * 1000;
    }
    evtimer_add(t->ev, &tv);
}

void loop_timer_off(struct loop_timer *t)
{
    evtimer_del(t->ev);
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    event_free(t->ev);
    free(t);
}

static void fd_readable(evutil_socket_t fd, short what, void *arg)
{
    struct loop_fd *w = arg;

    (void)fd;
    (void)what;
    w->fn(w->arg);
}

struct loop_fd *loop_fd_new(struct loop *l, int fd, void (*fn)(void *arg), void *arg)
{
    struct loop_fd *w = xcalloc(1, sizeof(*w));

    w->fn = fn;
    w->arg = arg;
    w->ev = must(event_new(l->base, fd, EV_READ | EV_PERSIST, fd_readable, w));
    event_add(w->ev, NULL);
    return w;
}

void loop_fd_free(struct loop_fd *w)
{
    if (!w)
        return;
    event_free(w->ev);
    free(w);
}

static void signal_came(evutil_socket_t signo, short what, void *arg)
{
    struct signal_watch *s = arg;

    (void)signo;
    (void)what;
    s->fn(s->arg);
}

void loop_on_signal(struct loop *l, int signo, void (*fn)(void *arg), void *arg)
{
    struct signal_watch *s = xcalloc(1, sizeof(*s));

    s->fn = fn;
    s->arg = arg;
    s->ev = must(evsignal_new(l->base, signo, signal_came, s));
    event_add(s->ev, NULL);
    s->next = l->signals;
    l->signals = s;
}
