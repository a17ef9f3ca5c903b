#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "redis/cert.h"

enum { AUTHORITIES_MAX = 64 };

/* Copied into the context: it outlives the auth that it was made from. */
struct pins {
    char expired_ok[2][REDIS_FINGERPRINT_SIZE];
};

static void free_pins(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    free(ptr);
}

static int pins_index(void)
{
    static int index = -1;

    if (index < 0)
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_pins);
    return index;
}

/* The nodes' own certificate may have expired: who refuses it could never bring them the new one. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct pins *pins = ssl ? SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), pins_index()) : NULL;
    char shown[REDIS_FINGERPRINT_SIZE];

    if (ok || !pins || X509_STORE_CTX_get_error(store) != X509_V_ERR_CERT_HAS_EXPIRED ||
        X509_STORE_CTX_get_error_depth(store) != 0)
        return ok;
    cert_fingerprint_of(X509_STORE_CTX_get0_cert(store), shown);
    for (size_t i = 0; i < COUNT(pins->expired_ok); i++)
        if (str_eq(shown, pins->expired_ok[i])) {
            X509_STORE_CTX_set_error(store, X509_V_OK);
            return 1;
        }
    return ok;
}

static bool load_authorities(SSL_CTX *ctx, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert;
    int n = 0;

    while (bio && n < AUTHORITIES_MAX && (cert = PEM_read_bio_X509(bio, NULL, cert_no_password, NULL)) != NULL) {
        n += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert);
        X509_free(cert);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the text */
    return n > 0;
}

static const char *load_files(SSL_CTX *ctx, const struct redis_auth *auth)
{
    if (auth->ca_file ? !SSL_CTX_load_verify_locations(ctx, auth->ca_file, NULL)
                      : !SSL_CTX_load_verify_locations(ctx, NULL, "/etc/ssl/certs"))
        return "the authorities' certificates cannot be read";
    if (auth->cert_file && SSL_CTX_use_certificate_chain_file(ctx, auth->cert_file) != 1)
        return "the client certificate cannot be read";
    if (auth->key_file && SSL_CTX_use_PrivateKey_file(ctx, auth->key_file, SSL_FILETYPE_PEM) != 1)
        return "the client key cannot be read, or is not the certificate's";
    return "";
}

static void keep_pins(SSL_CTX *ctx, const struct redis_auth *auth)
{
    struct pins *pins = xcalloc(1, sizeof(*pins));

    for (size_t i = 0; i < COUNT(pins->expired_ok); i++)
        if (auth->expired_ok[i])
            snprintf(pins->expired_ok[i], sizeof(pins->expired_ok[i]), "%s", auth->expired_ok[i]);
    if (!SSL_CTX_set_ex_data(ctx, pins_index(), pins))
        free(pins);
}

SSL_CTX *tls_new(const struct redis_auth *auth, const char **why)
{
    SSL_CTX *ctx;

    *why = "";
    if (!auth || !auth->tls)
        return NULL;
    ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx) {
        *why = "no TLS";
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_default_passwd_cb(ctx, cert_no_password);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
    keep_pins(ctx, auth);
    if (auth->ca_pem)
        *why = load_authorities(ctx, auth->ca_pem) ? "" : "no authority can be read";
    else
        *why = load_files(ctx, auth);
    ERR_clear_error();
    if (!**why)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static bool set_names(SSL *ssl, const struct redis_target *to, const struct redis_auth *auth)
{
    const char *name = to->name ? to->name : auth->sni;

    if (!name)
        return true;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) && (!auth->sni || SSL_add1_host(ssl, auth->sni)) &&
           SSL_set_tlsext_host_name(ssl, name);
}

SSL *tls_session(SSL_CTX *ctx, const struct redis_target *to, const struct redis_auth *auth)
{
    SSL *ssl = SSL_new(ctx);

    if (ssl && set_names(ssl, to, auth))
        return ssl;
    SSL_free(ssl);
    return NULL;
}

void tls_fingerprint(SSL *ssl, char out[REDIS_FINGERPRINT_SIZE])
{
    X509 *cert = SSL_get1_peer_certificate(ssl);

    out[0] = '\0';
    if (cert)
        cert_fingerprint_of(cert, out);
    X509_free(cert);
}

const char *tls_refusal(const SSL *ssl)
{
    long code = SSL_get_verify_result(ssl);

    return code == X509_V_OK ? NULL : X509_verify_cert_error_string(code);
}
