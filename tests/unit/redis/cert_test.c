/*
 * Certificates as people put them into Secrets: each row is one Secret.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "pki.h"
#include "redis/cert.h"

static char dir[64];
static bool has_openssl;

#define BOTH_USES "extendedKeyUsage=serverAuth,clientAuth\\n"
#define SAN "subjectAltName=" PKI_NAMES

static bool make_all(void)
{
    return pki_authority(dir, "ca") && pki_authority(dir, "ca2") &&
           pki_issue(dir, "good", "ca", SAN, "-days 5") &&
           pki_issue(dir, "other", "ca2", BOTH_USES SAN, "-days 5") &&
           pki_issue(dir, "old", "ca", SAN, "-startdate 20200101000000Z -enddate 20200201000000Z") &&
           pki_issue(dir, "early", "ca", SAN, "-startdate 20980101000000Z -enddate 20990201000000Z") &&
           pki_issue(dir, "server", "ca", "extendedKeyUsage=serverAuth\\n" SAN, "-days 5") &&
           pki_issue(dir, "client", "ca", "extendedKeyUsage=clientAuth\\n" SAN, "-days 5") &&
           pki_issue(dir, "service", "ca", "subjectAltName=DNS:demo-redis.default.svc", "-days 5") &&
           pki_issue(dir, "nameless", "ca", "basicConstraints=CA:FALSE", "-days 5") &&
           pki_sh(dir, "echo hello >text; : >empty; cat ca.crt ca2.crt >both.crt; cat good.crt good.key >bundle.crt; "
                       "openssl ec -in good.key -aes128 -passout pass:x -out locked.key");
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/everserve-pki-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    has_openssl = system("command -v openssl >/dev/null") == 0;
    return has_openssl && !make_all() ? -1 : 0;
}

static int unlink_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    nftw(dir, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static const struct row {
    const char *name, *crt, *key, *ca;
    const char *error; /* how it starts; "": accepted */
} rows[] = {
    { "a pair with its authority", "good.crt", "good.key", "ca.crt", "" },
    { "two authorities, the second signed", "other.crt", "other.key", "both.crt", "" },
    { "the key appended to the certificate", "bundle.crt", "good.key", "ca.crt", "" },
    { "an empty tls.crt", "empty", "good.key", "ca.crt", "tls.crt: is missing or empty" },
    { "no tls.key", "good.crt", "", "ca.crt", "tls.key: is missing or empty" },
    { "no ca.crt", "good.crt", "good.key", "", "ca.crt: is missing or empty" },
    { "text for a certificate", "text", "good.key", "ca.crt", "tls.crt: holds no certificate" },
    { "text for a key", "good.crt", "text", "ca.crt", "tls.key: holds no private key" },
    { "text for an authority", "good.crt", "good.key", "text", "ca.crt: holds no certificate" },
    { "certificate and key swapped", "good.key", "good.crt", "ca.crt", "tls.crt: holds no certificate" },
    { "authority and certificate swapped", "ca.crt", "good.key", "good.crt", "tls.key: is not the key of tls.crt" },
    { "another pair's key", "good.crt", "other.key", "ca.crt", "tls.key: is not the key of tls.crt" },
    { "a key with a passphrase", "good.crt", "locked.key", "ca.crt", "tls.key: holds no private key in PEM without" },
    { "expired", "old.crt", "old.key", "ca.crt", "tls.crt: expired at 2020-02-01T00:00:00Z" },
    { "not yet valid", "early.crt", "early.key", "ca.crt", "tls.crt: is not valid before 2098-01-01T00:00:00Z" },
    { "another authority", "good.crt", "good.key", "ca2.crt", "ca.crt: does not verify tls.crt" },
    { "for servers only", "server.crt", "server.key", "ca.crt", "tls.crt: its extended key usage does not allow client" },
    { "for clients only", "client.crt", "client.key", "ca.crt", "tls.crt: its extended key usage does not allow server" },
    { "the service's name without the pods'", "service.crt", "service.key", "ca.crt",
      "tls.crt: is not valid for demo-redis-0.demo-redis.default.svc" },
    { "no names at all", "nameless.crt", "nameless.key", "ca.crt", "tls.crt: is not valid for demo-redis.default.svc" },
};

static void check(void **state)
{
    static const char *const names[] = { "demo-redis.default.svc", "demo-redis-0.demo-redis.default.svc", NULL };
    const struct row *r = *state;
    AUTO_FREE char *crt = NULL, *key = NULL, *ca = NULL;
    struct cert_facts f;
    struct err e = { 0 };

    if (!has_openssl)
        skip();
    crt = pki_text(dir, r->crt);
    key = pki_text(dir, r->key);
    ca = pki_text(dir, r->ca);
    assert_int_equal(cert_check(&(struct cert_pem){ crt, key, ca }, names, time(NULL), &f, &e), r->error[0] ? -ERR_INVALID : 0);
    if (!str_has_prefix(e.msg, r->error))
        fail_msg("said: %s", e.msg);
    assert_null(strstr(e.msg, "PRIVATE"));
    if (!r->error[0])
        assert_int_equal(strlen(f.fingerprint), 64);
}

static void authorities_are_joined_once(void **state)
{
    AUTO_FREE char *a = NULL, *b = NULL, *both = NULL, *again = NULL, *crt = NULL;

    (void)state;
    if (!has_openssl)
        skip();
    a = pki_text(dir, "ca.crt");
    b = pki_text(dir, "ca2.crt");
    crt = pki_text(dir, "other.crt");
    both = cert_union(a, b);
    again = cert_union(both, a);
    assert_string_equal(both, again);
    assert_false(cert_verifies(a, crt));
    assert_true(cert_verifies(b, crt));
    assert_true(cert_verifies(both, crt));
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(authorities_are_joined_once);
    return cmocka_run_group_tests_name("certificates", tests, setup, teardown);
}
