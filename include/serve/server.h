/*
 * serve/server.h - answers in: a few fixed GET pages over HTTP (metrics, probes, status).
 *
 * Not pure (libevent's HTTP server on the one loop). Pages are made on request by
 * callbacks; requests with a body over 1 KiB or headers over 8 KiB are refused.
 */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "loop/loop.h"

struct serve;

struct serve_page {
    const char *path;         /* exact: "/healthz" */
    const char *content_type;
    int (*make)(void *arg, struct buf *out); /* returns the HTTP status */
};

/* address: "[ADDR]:PORT", ":8080", "127.0.0.1:0". pages are lent for good. */
int serve_new(struct loop *l, const char *address, const struct serve_page *pages, size_t n_pages, void *arg,
              struct serve **out, struct err *e) MUST_USE;
void serve_free(struct serve *s);
int serve_port(const struct serve *s); /* the one chosen when 0 was asked for */

#endif
