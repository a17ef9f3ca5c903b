/*
 * redis/functions.h - copies the libraries of functions of one master to others: FUNCTION DUMP, FUNCTION RESTORE.
 *
 * I/O, a guest of the loop. A new master comes without them, and slots that move bring keys only. What is
 * there under the same name is replaced; nothing else is touched. done is called once, from the loop, never from
 * redis_functions_start. A dump of more than 32 MiB is refused.
 */
#ifndef REDIS_FUNCTIONS_H
#define REDIS_FUNCTIONS_H

#include "redis/probe.h"

struct redis_functions;

/* error "": all have them now. Otherwise the first that went wrong; lent. */
typedef void (*redis_functions_done)(void *arg, const char *error);

struct redis_functions *redis_functions_start(struct loop *l, const struct redis_target *from, const struct redis_target *to,
                                              size_t n_to, const struct redis_auth *auth, int deadline_ms,
                                              redis_functions_done done, void *arg);
void redis_functions_cancel(struct redis_functions *f); /* done will not be called; NULL is fine */

#endif
