/*
 * sim/apiserver/list.h - collections as a page at a time.
 */
#ifndef SIM_APISERVER_LIST_H
#define SIM_APISERVER_LIST_H

#include "sim/apiserver/server.h"

/* Takes the request. */
void list_serve(struct request *q);

#endif
