/*
 * loop/loop.h - the event loop (libevent), its timers and signals; the only
 * reader of the clock.
 *
 * Not pure. One thread. Everything asynchronous in the process is a guest of
 * the one loop. Callbacks run from loop_run, never from the call that arms them.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdint.h>

struct event_base;
struct loop;
struct loop_timer;

struct loop *loop_new(void);
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l); /* lent, for hiredis, curl and evhttp */

void loop_run(struct loop *l); /* until loop_stop */
void loop_stop(struct loop *l);

int64_t loop_now_ms(void);   /* monotonic: for everything that waits or expires */
int64_t loop_now_us(void);   /* the same, finer: for latencies */
int64_t loop_wall_ms(void);  /* since 1970: only for timestamps that people or objects carry */

/* A timer is off until set; setting again moves it. Fires once. */
struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *t, int64_t in_ms); /* below 0 counts as 0 */
void loop_timer_off(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */

/* Calls fn whenever fd has something to read, the end included. fd stays the caller's. */
struct loop_fd;
struct loop_fd *loop_fd_new(struct loop *l, int fd, void (*fn)(void *arg), void *arg);
void loop_fd_free(struct loop_fd *w); /* before fd is closed; NULL is fine */

/* fn runs in the loop, not in signal context. */
void loop_on_signal(struct loop *l, int signo, void (*fn)(void *arg), void *arg);

#endif
