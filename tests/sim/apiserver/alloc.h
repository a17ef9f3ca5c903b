/*
 * sim/apiserver/alloc.h - addresses and node ports of Services, priorities of pods.
 */
#ifndef SIM_APISERVER_ALLOC_H
#define SIM_APISERVER_ALLOC_H

#include "sim/apiserver/server.h"

/* Nothing for other kinds. */
int alloc_take(struct server *s, const struct resource *res, cJSON *obj, const cJSON *old, struct refusal *r);

#endif
