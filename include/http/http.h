/*
 * http/http.h - HTTP requests out: libcurl's multi interface as a guest of the loop.
 *
 * Not pure. A transport is one set of connections ("lane"); requests of one
 * transport share connections, those of two never wait for each other. HTTP/2
 * where TLS and the server offer it, else HTTP/1.1; gzip; no redirects.
 * Everything in a request is lent until send returns. A reply is lent to on_done.
 *
 * The transport is a struct of functions, so that a test can put its own in
 * place of libcurl's.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"

struct http_call;

struct http_tls {
    const char *ca_pem;      /* NULL: the system's */
    const char *cert_pem;    /* NULL: no client certificate */
    const char *key_pem;
    const char *server_name; /* NULL: the URL's host; else asked for and verified instead of it */
    bool insecure;           /* the server is not verified */
};

struct http_reply {
    int status;             /* 0: none came */
    int32_t retry_after_ms; /* 0: not said; at most an hour */
    const char *body;       /* never NULL, NUL after the last byte; empty when streamed */
    size_t len;
    bool too_long;          /* the body passed max_bytes: err says so too */
    struct err err;         /* of the transport, not of the status: ERR_NONE or ERR_RETRY */
};

struct http_request {
    const char *method;
    const char *url;
    const char *const *headers; /* "Name: value", NULL at the end; NULL: none */
    const void *body;
    size_t body_len;
    const struct http_tls *tls; /* NULL: system CAs, no client certificate */
    const char *proxy;          /* URL; NULL: environment; loopback addresses never go through that */
    int32_t connect_ms;         /* with TLS handshake; 0: 10 s */
    int32_t total_ms;           /* from send to the last byte; 0: no limit */
    int32_t answer_ms;          /* from send to the first line of the answer; 0: no limit of its own */
    size_t max_bytes;           /* of a whole body, after decompression */
    /* Streams the body of a 2xx reply piece by piece; NULL: whole body in the reply.
     * False ends the call with ERR_RETRY. */
    bool (*on_data)(void *arg, const char *data, size_t len);
    /* Exactly once, from the loop, never from send; not after cancel. */
    void (*on_done)(void *arg, const struct http_reply *reply);
    void *arg;
};

struct http_transport {
    struct http_call *(*send)(struct http_transport *t, const struct http_request *req);
    void (*cancel)(struct http_transport *t, struct http_call *c); /* also from on_data */
    /* The longest time that a connection with a call on it has been without a byte from the
     * other side; -1: no such connection. */
    int64_t (*quiet_ms)(struct http_transport *t);
    /* Cuts the connections that have been quiet for at least this long; their calls fail. */
    void (*cut)(struct http_transport *t, int64_t quiet_ms);
    void (*free)(struct http_transport *t); /* calls under way end without on_done; not from its callbacks */
};

struct http_limits {
    int max_calls;       /* under way at once; the others wait in order; 0: no limit */
    int max_connections; /* while HTTP/1 is spoken, to one host; 0: no limit */
};

struct http_transport *http_new(struct loop *l, const struct http_limits *limits);

#endif
