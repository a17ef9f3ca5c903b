/*
 * sim/apiserver/tls.h - a certificate authority and a server certificate of our own.
 */
#ifndef SIM_APISERVER_TLS_H
#define SIM_APISERVER_TLS_H

#include "base/err.h"

struct ssl_ctx_st;

/* Makes CA and certificate (kept in dir/ca.crt, ca.key, server.crt, server.key and used again
 * when they are there). sans: "IP:127.0.0.1,DNS:localhost". Caller frees *out with SSL_CTX_free. */
int tls_make(const char *dir, const char *sans, struct ssl_ctx_st **out, struct err *e) MUST_USE;

#endif
