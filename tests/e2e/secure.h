/*
 * e2e/secure.h - Redis with TLS: certificates made by the openssl program, the Secret that people make of
 * them, and how the tests' own clients speak then.
 */
#ifndef E2E_SECURE_H
#define E2E_SECURE_H

#include <hiredis/hiredis.h>

#include "e2e/harness.h"

/* A folder of the test's own: authorities ca and ca2; one, two (5 days), old (expired) of ca, three of ca2; for fraud and again. */
const char *secure_certificates(struct e2e *t);
/* The Secret "cert" of these files; crt "": an empty certificate. */
void secure_put(struct e2e *t, const char *dir, const char *crt, const char *key, const char *ca);
/* Both, and from now on what the test and its ledger ask of Redis is asked over TLS. Returns the folder. */
const char *secure_begin(struct e2e *t);

/* A service named fraud with that Secret and these other fields of spec.redis: "image: 'redis:8.6', ". Lent. */
const char *secure_service_of(struct e2e *t, const char *fields);

/* ca NULL or "": without TLS. NULL: no connection. The chain is verified, the name is not. */
redisContext *secure_connect(const char *ip, const char *ca, struct timeval patience);

#endif
