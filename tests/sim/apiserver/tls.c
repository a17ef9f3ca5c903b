#include "sim/apiserver/tls.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"

enum { DAYS = 3650 };

struct pair {
    EVP_PKEY *key;
    X509 *cert;
};

static void pair_done(struct pair *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->cert);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *x;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (x)
        X509_add_ext(cert, x, -1);
    X509_EXTENSION_free(x);
}

static X509 *cert_new(EVP_PKEY *key, const char *name)
{
    X509 *c = X509_new();
    X509_NAME *n = X509_get_subject_name(c);
    BIGNUM *serial = BN_new();

    X509_set_version(c, 2);
    BN_rand(serial, 120, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(c));
    BN_free(serial);
    X509_gmtime_adj(X509_getm_notBefore(c), -3600);
    X509_gmtime_adj(X509_getm_notAfter(c), 86400L * DAYS);
    X509_set_pubkey(c, key);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    return c;
}

static void make_ca(struct pair *ca)
{
    ca->key = EVP_EC_gen("P-256");
    ca->cert = cert_new(ca->key, "everserve-sim-ca");
    X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert));
    add_extension(ca->cert, ca->cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca->cert, ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(ca->cert, ca->cert, NID_subject_key_identifier, "hash");
    X509_sign(ca->cert, ca->key, EVP_sha256());
}

static void make_server(const struct pair *ca, const char *sans, struct pair *out)
{
    out->key = EVP_EC_gen("P-256");
    out->cert = cert_new(out->key, "kube-apiserver");
    X509_set_issuer_name(out->cert, X509_get_subject_name(ca->cert));
    add_extension(out->cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(out->cert, ca->cert, NID_ext_key_usage, "serverAuth");
    add_extension(out->cert, ca->cert, NID_subject_alt_name, sans);
    X509_sign(out->cert, ca->key, EVP_sha256());
}

static int write_pair(const char *dir, const char *name, const struct pair *p, struct err *e)
{
    AUTO_FREE char *cert = xasprintf("%s/%s.crt", dir, name), *key = xasprintf("%s/%s.key", dir, name);
    FILE *f = fopen(cert, "w");

    if (!f)
        return err_set(e, ERR_INVALID, "cannot write %s", cert);
    PEM_write_X509(f, p->cert);
    fclose(f);
    f = fopen(key, "w");
    if (!f)
        return err_set(e, ERR_INVALID, "cannot write %s", key);
    chmod(key, 0600);
    PEM_write_PrivateKey(f, p->key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    return 0;
}

/* A CA that is there already stays, so that clients' trust outlives a restart. */
static bool read_pair(const char *dir, const char *name, struct pair *out)
{
    AUTO_FREE char *cert = xasprintf("%s/%s.crt", dir, name), *key = xasprintf("%s/%s.key", dir, name);
    FILE *f = fopen(cert, "r");

    if (f) {
        out->cert = PEM_read_X509(f, NULL, NULL, NULL);
        fclose(f);
    }
    f = fopen(key, "r");
    if (f) {
        out->key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
        fclose(f);
    }
    return out->cert && out->key;
}

int tls_make(const char *dir, const char *sans, struct ssl_ctx_st **out, struct err *e)
{
    struct pair ca = { 0 }, server = { 0 };
    SSL_CTX *ctx;
    int rc = 0;

    mkdir(dir, 0755);
    if (!read_pair(dir, "ca", &ca)) {
        make_ca(&ca);
        rc = write_pair(dir, "ca", &ca, e);
    }
    make_server(&ca, sans, &server);
    if (rc == 0)
        rc = write_pair(dir, "server", &server, e);
    if (rc == 0) {
        ctx = SSL_CTX_new(TLS_server_method());
        SSL_CTX_use_certificate(ctx, server.cert);
        SSL_CTX_use_PrivateKey(ctx, server.key);
        *out = ctx;
    }
    pair_done(&ca);
    pair_done(&server);
    return rc;
}
