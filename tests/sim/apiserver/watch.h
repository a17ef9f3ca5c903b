/*
 * sim/apiserver/watch.h - streams of changes.
 */
#ifndef SIM_APISERVER_WATCH_H
#define SIM_APISERVER_WATCH_H

#include "sim/apiserver/server.h"

/* Takes the request. */
void watch_start(struct request *q);
/* The store's on_change. arg: the server. */
void watch_broadcast(void *arg, struct collection *c, const struct logged *ev);
/* Faults: cut streams whose path begins so (NULL: all); returns how many. */
int watch_drop_all(struct server *s, const char *path_prefix);
/* A definition is gone: its streams end. */
void watch_end_resource(struct server *s, const struct resource *res);


#endif
