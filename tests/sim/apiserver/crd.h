/*
 * sim/apiserver/crd.h - custom resource definitions: what is served follows what is stored.
 */
#ifndef SIM_APISERVER_CRD_H
#define SIM_APISERVER_CRD_H

#include "sim/apiserver/server.h"

/* A definition was written or removed: serve accordingly, and say so in its status. */
void crd_changed(struct server *s);

#endif
