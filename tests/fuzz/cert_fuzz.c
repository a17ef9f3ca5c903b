/* What people put into the Secret of a certificate: facts or a refusal that names the key. Parts are parted by lines "---". */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "redis/cert.h"

static const char *part(char **rest)
{
    char *from = *rest, *cut = from ? strstr(from, "---\n") : NULL;

    *rest = cut ? cut + 4 : NULL;
    if (cut && cut > from && cut[-1] == '\n')
        *cut = '\0';
    return from ? from : "";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "fraud-redis.default.svc", NULL };
    AUTO_FREE char *text = xstrndup((const char *)data, size), *both = NULL;
    char fingerprint[REDIS_FINGERPRINT_SIZE];
    char *rest = text;
    struct cert_pem p = { .crt = part(&rest) };
    struct cert_facts facts = { .not_after_s = 0 };
    struct err e = { 0 };

    p.key = part(&rest);
    p.ca = part(&rest);
    if (cert_check(&p, names, 1800000000, &facts, &e) < 0)
        assert(e.kind == ERR_INVALID && e.msg[0]);
    (void)cert_verifies(p.ca, p.crt);
    both = cert_union(p.ca, p.crt);
    assert(both);
    (void)cert_not_after_s(p.crt);
    assert(cert_fingerprint(p.crt, fingerprint) == (fingerprint[0] != '\0'));
    return 0;
}
