/*
 * node/reap.h - who wants to know when a child process ends.
 *
 * Not pure: one per process; reaps every child on SIGCHLD.
 */
#ifndef SIM_NODE_REAP_H
#define SIM_NODE_REAP_H

#include <sys/types.h>

#include "loop/loop.h"

struct reap;

struct reap *reap_new(struct loop *l);
void reap_free(struct reap *r);

/* on_end is called once, from the loop, with the status of waitpid. */
void reap_add(struct reap *r, pid_t pid, void (*on_end)(void *arg, int status), void *arg);
void reap_forget(struct reap *r, pid_t pid); /* it is still reaped; nobody hears of it */

#endif
