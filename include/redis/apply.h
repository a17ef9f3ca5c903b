/*
 * redis/apply.h - carries out one step: sends its commands, reports every reply.
 *
 * I/O, a guest of the loop. Commands of one node go in their order over one
 * connection, and stop there at the first error; different nodes in parallel. Nothing is
 * retried here: the next snapshot decides. done is called once, from the loop.
 */
#ifndef REDIS_APPLY_H
#define REDIS_APPLY_H

#include "redis/probe.h"
#include "slots/command.h"

struct redis_result {
    enum reply_class what; /* commands not sent because of an earlier error: REPLY_AGAIN */
    char error[160];       /* "" when OK */
};

struct redis_apply;

/* results[i] answers commands[i]; lent until done returns. worst is the gravest of them. */
typedef void (*redis_apply_done)(void *arg, const struct redis_result *results, size_t n,
                                 enum reply_class worst);

/* commands[i].member indexes targets; both are copied, but for the commands' texts: lent until done. */
struct redis_apply *redis_apply_start(struct loop *l, const struct redis_target *targets, size_t n_targets,
                                      const struct command *commands, size_t n,
                                      const struct redis_auth *auth, int deadline_ms,
                                      redis_apply_done done, void *arg);
void redis_apply_cancel(struct redis_apply *a); /* done will not be called; what was sent may happen */

#endif
