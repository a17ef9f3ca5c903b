/*
 * redis/tls.h - TLS as this room needs it: an SSL_CTX from memory or from files, a session that verifies
 * chain and name, and what the other side showed.
 *
 * No I/O of its own. Names: without target.name and auth.sni only the chain is verified.
 */
#ifndef SRC_REDIS_TLS_H
#define SRC_REDIS_TLS_H

#include <openssl/ssl.h>

#include "redis/probe.h"

/* NULL with auth->tls off (no error), or when something cannot be read: *why, of static storage, is set. */
SSL_CTX *tls_new(const struct redis_auth *auth, const char **why);

/* A session for that node; the caller owns it. NULL: out of memory, or a name that is none. */
SSL *tls_session(SSL_CTX *ctx, const struct redis_target *to, const struct redis_auth *auth);

/* Of the certificate that the other side showed; "" before there is one. */
void tls_fingerprint(SSL *ssl, char out[REDIS_FINGERPRINT_SIZE]);

/* Why the other side's certificate was refused; NULL: it was not. */
const char *tls_refusal(const SSL *ssl);

#endif
