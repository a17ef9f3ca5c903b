/*
 * node/root.h - builds a container's root around the calling process.
 *
 * Not pure: for a child of its own, about to exec. Leaves the process with the
 * new root as /, the old one gone.
 */
#ifndef SIM_NODE_ROOT_H
#define SIM_NODE_ROOT_H

#include "sim/node/run.h"

int root_enter(const struct run_spec *s, struct err *e) MUST_USE;

#endif
