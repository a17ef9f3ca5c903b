/*
 * sim/controllers/discover.h - which resource types the server has, for controllers
 * that watch them all: at the start, and again when a definition changes.
 *
 * Not pure. Types without list, watch and delete are left out, and so are events.
 */
#ifndef SIM_CONTROLLERS_DISCOVER_H
#define SIM_CONTROLLERS_DISCOVER_H

#include "sim/controllers/runner.h"

struct discover;

struct discover *discover_new(struct runner *r);
void discover_free(struct discover *d); /* NULL is fine */
void discover_again(struct discover *d); /* soon; several requests become one */

#endif
