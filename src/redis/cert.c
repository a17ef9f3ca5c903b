#include "redis/cert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

enum { PEM_BYTES_MAX = 256 << 10, CERTS_MAX = 64 };

int cert_no_password(char *buf, int size, int rwflag, void *arg)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)arg;
    return 0;
}

void cert_fingerprint_of(const X509 *cert, char out[REDIS_FINGERPRINT_SIZE])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    out[0] = '\0';
    if (!cert || !X509_digest(cert, EVP_sha256(), md, &n) || n != 32)
        return;
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", md[i]);
}

static void free_certs(STACK_OF(X509) *list)
{
    sk_X509_pop_free(list, X509_free);
}

/* All certificates of a text; never NULL. */
static STACK_OF(X509) *read_certs(const char *pem)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    BIO *bio = pem && strlen(pem) <= PEM_BYTES_MAX ? BIO_new_mem_buf(pem, -1) : NULL;
    X509 *cert;

    while (bio && sk_X509_num(list) < CERTS_MAX && (cert = PEM_read_bio_X509(bio, NULL, cert_no_password, NULL)) != NULL)
        if (!sk_X509_push(list, cert))
            X509_free(cert);
    BIO_free(bio);
    ERR_clear_error();
    return list;
}

bool cert_fingerprint(const char *crt, char out[REDIS_FINGERPRINT_SIZE])
{
    STACK_OF(X509) *list = read_certs(crt);

    out[0] = '\0';
    if (sk_X509_num(list) > 0)
        cert_fingerprint_of(sk_X509_value(list, 0), out);
    free_certs(list);
    return out[0];
}

/* X509_V_OK or why not. For both uses: a node is a server to some and a client to others. */
static int verify(STACK_OF(X509) *chain, STACK_OF(X509) *authorities, int purpose)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int code = X509_V_ERR_UNSPECIFIED;

    for (int i = 0; store && i < sk_X509_num(authorities); i++)
        X509_STORE_add_cert(store, sk_X509_value(authorities, i));
    if (store && ctx && sk_X509_num(chain) > 0 && X509_STORE_CTX_init(ctx, store, sk_X509_value(chain, 0), chain)) {
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
        X509_STORE_CTX_set_purpose(ctx, purpose);
        X509_verify_cert(ctx);
        code = X509_STORE_CTX_get_error(ctx);
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return code;
}

bool cert_verifies(const char *ca, const char *crt)
{
    STACK_OF(X509) *chain = read_certs(crt), *authorities = read_certs(ca);
    bool ok = verify(chain, authorities, X509_PURPOSE_SSL_SERVER) == X509_V_OK;

    free_certs(chain);
    free_certs(authorities);
    return ok;
}

static bool holds(STACK_OF(X509) *list, int n, const X509 *cert)
{
    for (int i = 0; i < n; i++)
        if (X509_cmp(sk_X509_value(list, i), cert) == 0)
            return true;
    return false;
}

static void print_new(STACK_OF(X509) *list, STACK_OF(X509) *before, BIO *out)
{
    for (int i = 0; i < sk_X509_num(list); i++) {
        X509 *cert = sk_X509_value(list, i);

        if (!holds(list, i, cert) && !(before && holds(before, sk_X509_num(before), cert)))
            PEM_write_bio_X509(out, cert);
    }
}

char *cert_union(const char *ca, const char *other)
{
    STACK_OF(X509) *a = read_certs(ca), *b = read_certs(other);
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *out;
    long n;

    if (bio) {
        print_new(a, NULL, bio);
        print_new(b, a, bio);
    }
    n = bio ? BIO_get_mem_data(bio, &data) : 0;
    out = xcalloc(1, (size_t)n + 1);
    if (n > 0)
        memcpy(out, data, (size_t)n);
    BIO_free(bio);
    free_certs(a);
    free_certs(b);
    return out;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

int64_t cert_not_after_s(const char *crt)
{
    STACK_OF(X509) *list = read_certs(crt);
    int64_t s = sk_X509_num(list) > 0 ? seconds_of(X509_get0_notAfter(sk_X509_value(list, 0))) : 0;

    free_certs(list);
    return s;
}

static int check_times(const struct cert_facts *f, int64_t now_s, struct err *e)
{
    char when[32];

    if (now_s >= f->not_after_s) {
        str_rfc3339(f->not_after_s * 1000, false, when);
        return err_set(e, ERR_INVALID, "tls.crt: expired at %s: put a new certificate", when);
    }
    if (now_s < f->not_before_s) {
        str_rfc3339(f->not_before_s * 1000, false, when);
        return err_set(e, ERR_INVALID, "tls.crt: is not valid before %s: put one that is valid now", when);
    }
    return 0;
}

static int check_key(const char *pem, X509 *cert, struct err *e)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, cert_no_password, NULL) : NULL;
    bool is_its = key && X509_check_private_key(cert, key) == 1, is_key = key != NULL;

    BIO_free(bio);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (!is_key)
        return err_set(e, ERR_INVALID, "tls.key: holds no private key in PEM without a passphrase: put the key of tls.crt");
    if (!is_its)
        return err_set(e, ERR_INVALID, "tls.key: is not the key of tls.crt: put both from the same pair");
    return 0;
}

static int check_chain(STACK_OF(X509) *chain, STACK_OF(X509) *authorities, struct err *e)
{
    int code = verify(chain, authorities, X509_PURPOSE_SSL_SERVER);

    if (code == X509_V_ERR_INVALID_PURPOSE)
        return err_set(e, ERR_INVALID, "tls.crt: its extended key usage does not allow server authentication: add it");
    if (code != X509_V_OK)
        return err_set(e, ERR_INVALID, "ca.crt: does not verify tls.crt (%.80s): put the authority that signed it",
                       X509_verify_cert_error_string(code));
    if (verify(chain, authorities, X509_PURPOSE_SSL_CLIENT) != X509_V_OK)
        return err_set(e, ERR_INVALID, "tls.crt: its extended key usage does not allow client authentication: add it, the "
                                       "nodes are each other's clients");
    return 0;
}

static int check_names(X509 *cert, const char *const *names, struct err *e)
{
    for (; *names; names++)
        if (X509_check_host(cert, *names, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) != 1)
            return err_set(e, ERR_INVALID, "tls.crt: is not valid for %.150s: add it to its DNS names", *names);
    return 0;
}

static int check(const struct cert_pem *p, STACK_OF(X509) *chain, STACK_OF(X509) *authorities,
                 const char *const *names, int64_t now_s, struct cert_facts *out, struct err *e)
{
    X509 *cert = sk_X509_value(chain, 0);

    cert_fingerprint_of(cert, out->fingerprint);
    out->not_before_s = seconds_of(X509_get0_notBefore(cert));
    out->not_after_s = seconds_of(X509_get0_notAfter(cert));
    if (sk_X509_num(authorities) == 0)
        return err_set(e, ERR_INVALID, "ca.crt: holds no certificate in PEM: put the authority that signed tls.crt");
    if (check_key(p->key, cert, e) < 0 || check_times(out, now_s, e) < 0 || check_chain(chain, authorities, e) < 0)
        return -ERR_INVALID;
    return check_names(cert, names, e);
}

static int check_there(const struct cert_pem *p, struct err *e)
{
    const struct { const char *key, *text; } keys[] = { { "tls.crt", p->crt }, { "tls.key", p->key }, { "ca.crt", p->ca } };

    for (size_t i = 0; i < COUNT(keys); i++) {
        if (str_empty(keys[i].text))
            return err_set(e, ERR_INVALID, "%s: is missing or empty: put it", keys[i].key);
        if (strlen(keys[i].text) > PEM_BYTES_MAX)
            return err_set(e, ERR_INVALID, "%s: is larger than 256 KiB", keys[i].key);
    }
    return 0;
}

int cert_check(const struct cert_pem *p, const char *const *names, int64_t now_s, struct cert_facts *out, struct err *e)
{
    STACK_OF(X509) *chain, *authorities;
    int r;

    *out = (struct cert_facts){ 0 };
    if (check_there(p, e) < 0)
        return -ERR_INVALID;
    chain = read_certs(p->crt);
    authorities = read_certs(p->ca);
    r = sk_X509_num(chain) > 0 ? check(p, chain, authorities, names, now_s, out, e)
                               : err_set(e, ERR_INVALID, "tls.crt: holds no certificate in PEM: put the nodes' certificate");
    free_certs(chain);
    free_certs(authorities);
    return r;
}
