/*
 * redis/meter.h - bounds what a connection may still make us read.
 *
 * hiredis bounds neither the size of a reply nor how deep lists nest (and frees them by
 * recursion): four megabytes of "*1" would end the process. So bytes are counted where they are
 * read, and lists where they are made: how deep, and how many items in all.
 *
 * A limit that is passed ends the connection: too many bytes is a protocol error, a list that is
 * too deep or too long is reported by hiredis as out of memory (REDIS_ERR_OOM).
 */
#ifndef REDIS_METER_H
#define REDIS_METER_H

#include <stdbool.h>

#include <hiredis/hiredis.h>

struct meter_limits {
    size_t bytes;
    size_t items; /* of all lists together, announced ones too; 0: no list at all */
    int depth;    /* 1: a list of texts */
};

/* After connecting and TLS. The meter is freed with the connection. */
void meter_attach(redisContext *c, bool tls, const struct meter_limits *limits);
void meter_refill(redisContext *c); /* the limits count anew: between replies of a long connection */

#endif
