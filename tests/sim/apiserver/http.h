/*
 * sim/apiserver/http.h - the HTTP side: listening, requests in, replies out.
 */
#ifndef SIM_APISERVER_HTTP_H
#define SIM_APISERVER_HTTP_H

#include "sim/apiserver/server.h"

struct ssl_ctx_st;

/* ssl NULL: plain HTTP. The server keeps a pointer to ssl. */
int http_start(struct server *s, struct ssl_ctx_st *ssl, struct err *e) MUST_USE;
/* Port 0 picks one; the port in use is stored. */
int http_listen(struct server *s, const char *addr, int *port, struct err *e) MUST_USE;
int http_listen_fd(struct server *s, int fd, struct err *e) MUST_USE;
void http_stop(struct server *s);

/* Cuts the connection with a reset, without an answer; frees the request. */
void http_drop(struct request *q);
/* The client is gone: frees the request. For close callbacks. */
void http_forget(struct request *q);
/* Never answers; the request is freed when the client goes. */
void http_hold(struct request *q);

#endif
