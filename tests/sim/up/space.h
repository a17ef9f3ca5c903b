/*
 * up/space.h - the network namespace a local cluster lives in.
 *
 * Not pure. As root a network namespace; otherwise a user namespace first, in
 * which the caller is root. Nothing has a name: it vanishes with the last process.
 */
#ifndef SIM_UP_SPACE_H
#define SIM_UP_SPACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Moves the calling process; lo is up afterwards. ERR_DENIED: not allowed here. */
int space_enter(struct err *e) MUST_USE;

/* Joins the namespaces of a process that did space_enter. */
int space_join(pid_t pid, struct err *e) MUST_USE;

/* A listening TCP socket on 127.0.0.1, which stays in the namespace it was made in. */
int space_listen(int *port, struct err *e) MUST_USE; /* the descriptor (not close-on-exec), or below 0 */

#endif
