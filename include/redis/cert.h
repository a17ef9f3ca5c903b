/*
 * redis/cert.h - what a certificate, its key and its authorities are worth.
 *
 * No I/O, no clock: PEM texts in, facts out. A text is at most 256 KiB and holds at most 64
 * certificates. Nothing of a key leaves this file.
 */
#ifndef REDIS_CERT_H
#define REDIS_CERT_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define REDIS_FINGERPRINT_SIZE 65 /* SHA-256 in lower-case hex, and the NUL */

/* Lent texts; NULL or "": missing. */
struct cert_pem {
    const char *crt; /* the certificate first, then what leads to an authority */
    const char *key;
    const char *ca;  /* one authority or several */
};

struct cert_facts {
    char fingerprint[REDIS_FINGERPRINT_SIZE];
    int64_t not_before_s, not_after_s; /* since 1970 */
};

/* Can nodes serve, and call each other, with this? names: each must be covered; NULL ends the list.
 * ERR_INVALID: the message starts with the key of the Secret ("tls.crt: ...") and says what to do;
 * out holds what could be read by then. */
int cert_check(const struct cert_pem *p, const char *const *names, int64_t now_s, struct cert_facts *out,
               struct err *e) MUST_USE;

/* Do these authorities verify that certificate, whatever the time? */
bool cert_verifies(const char *ca, const char *crt);

/* All of both, each once. Caller frees. */
char *cert_union(const char *ca, const char *other);

int64_t cert_not_after_s(const char *crt); /* 0: no certificate */
bool cert_fingerprint(const char *crt, char out[REDIS_FINGERPRINT_SIZE]); /* "" and false: no certificate */
void cert_fingerprint_of(const X509 *cert, char out[REDIS_FINGERPRINT_SIZE]);

/* For OpenSSL's readers: an encrypted key is an error, never a question at a terminal. */
int cert_no_password(char *buf, int size, int rwflag, void *arg);

#endif
