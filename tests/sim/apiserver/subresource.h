/*
 * sim/apiserver/subresource.h - everything below an object but its status: scale, binding,
 * eviction, finalize, token.
 */
#ifndef SIM_APISERVER_SUBRESOURCE_H
#define SIM_APISERVER_SUBRESOURCE_H

#include "sim/apiserver/server.h"

void subresource_serve(struct request *q); /* takes the request */
void scale_serve(struct request *q);       /* scale.c; takes the request */
void eviction_serve(struct request *q);    /* eviction.c; takes the request */

/* 201 with a Success status, or the refusal. Takes the request. */
void reply_done(struct request *q, const struct refusal *r);

#endif
