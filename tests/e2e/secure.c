#include "e2e/secure.h"

#include <hiredis/hiredis_ssl.h>
#include <stdio.h>
#include <string.h>

#include "unit/redis/pki.h"

const char *secure_certificates(struct e2e *t)
{
    const char *dir = e2e_fmt(t, "%s/pki-%s", getenv("E2E_LOGS") ? getenv("E2E_LOGS") : "/tmp", t->ns);
    const char *san = "subjectAltName=";

    for (int i = 0; i < 2; i++)
        san = e2e_fmt(t, "%s%sDNS:%s-redis.%s.svc,DNS:*.%s-redis.%s.svc", san, i ? "," : "", i ? "again" : "fraud", t->ns,
                      i ? "again" : "fraud", t->ns);
    e2e_run(t, (const char *[]){ "mkdir", dir, NULL }, NULL, NULL);
    E2E_CHECK(t, pki_authority(dir, "ca") && pki_authority(dir, "ca2") && pki_issue(dir, "one", "ca", san, "-days 30") &&
                     pki_issue(dir, "two", "ca", san, "-days 5") && pki_issue(dir, "three", "ca2", san, "-days 30") &&
                     pki_issue(dir, "old", "ca", san, "-startdate 20200101000000Z -enddate 20200201000000Z"),
              NULL, "no certificates");
    return dir;
}

static const char *coded(struct e2e *t, const char *dir, const char *file)
{
    const char *out = "";
    char *text;

    e2e_run(t, (const char *[]){ "base64", "-w0", e2e_fmt(t, "%s/%s", dir, file), NULL }, NULL, &out);
    text = (char *)(uintptr_t)e2e_fmt(t, "%s", out);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

void secure_put(struct e2e *t, const char *dir, const char *crt, const char *key, const char *ca)
{
    e2e_apply(t, "apiVersion: v1\nkind: Secret\nmetadata: { name: cert }\ndata: { tls.crt: '%s', tls.key: '%s', ca.crt: '%s' }\n",
              crt[0] ? coded(t, dir, crt) : "", coded(t, dir, key), coded(t, dir, ca));
}

const char *secure_begin(struct e2e *t)
{
    const char *dir = secure_certificates(t);

    secure_put(t, dir, "one.crt", "one.key", "ca.crt");
    t->redis_ca = e2e_fmt(t, "%s/ca.crt", dir);
    return dir;
}

const char *secure_service_of(struct e2e *t, const char *fields)
{
    return e2e_fmt(t, "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: fraud }\n"
                   "spec: { predictor: { containers: [{ image: registry.example.com/fraud:v1 }] }, "
                   "redis: { %stls: { secretName: cert } } }\n", fields);
}

static bool shake_hands(redisContext *c, const char *ca)
{
    redisSSLContext *ssl = redisCreateSSLContext(ca, NULL, NULL, NULL, NULL, NULL);
    bool ok = ssl && redisInitiateSSLWithContext(c, ssl) == REDIS_OK;

    redisFreeSSLContext(ssl);
    return ok;
}

redisContext *secure_connect(const char *ip, const char *ca, struct timeval patience)
{
    redisContext *c = redisConnectWithTimeout(ip, 6379, patience);

    if (!c || c->err || redisSetTimeout(c, patience) != REDIS_OK || (ca && *ca && !shake_hands(c, ca))) {
        redisFree(c);
        return NULL;
    }
    return c;
}
