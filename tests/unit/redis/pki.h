/*
 * Certificates for tests, made by the openssl program in a directory of the test's own.
 *
 * Files: NAME.crt, NAME.key. Without openssl pki_open is false.
 */
#ifndef TESTS_PKI_H
#define TESTS_PKI_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PKI_NAMES "DNS:demo-redis.default.svc,DNS:*.demo-redis.default.svc"

static inline bool pki_sh(const char *dir, const char *script)
{
    char *cmd = xasprintf("cd %s && exec >/dev/null 2>&1 && set -e; %s", dir, script);
    bool ok = system(cmd) == 0;

    free(cmd);
    return ok;
}

static inline bool pki_authority(const char *dir, const char *name)
{
    char *script = xasprintf("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 "
                             "-subj /CN=%s -keyout %s.key -out %s.crt", name, name, name);
    bool ok = pki_sh(dir, script);

    free(script);
    return ok;
}

/* dates: days of validity from now, or of the past or future with openssl's ca ("-startdate ... -enddate ..."). */
static inline bool pki_issue(const char *dir, const char *name, const char *authority, const char *extensions,
                             const char *dates)
{
    char *script = xasprintf(
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=%1$s -keyout %1$s.key -out %1$s.csr; "
        "printf '%3$s\\n' >%1$s.ext; : >index.%1$s; echo %1$s | md5sum | cut -c1-8 >serial.%1$s; "
        "printf '[ca]\\ndefault_ca=d\\n[d]\\nnew_certs_dir=.\\ndatabase=index.%1$s\\nserial=serial.%1$s\\npolicy=p\\n"
        "default_md=sha256\\n[p]\\ncommonName=supplied\\n' >%1$s.cnf; "
        "openssl ca -batch -config %1$s.cnf -cert %2$s.crt -keyfile %2$s.key -in %1$s.csr -out %1$s.crt -notext "
        "-extfile %1$s.ext %4$s", name, authority, extensions, dates);
    bool ok = pki_sh(dir, script);

    free(script);
    return ok;
}

/* A whole file as text; "" when it cannot be read. Caller frees. */
static inline char *pki_text(const char *dir, const char *file)
{
    char *path = xasprintf("%s/%s", dir, file), *text = xcalloc(1, 1 << 16);
    FILE *f = fopen(path, "re");

    if (f && fread(text, 1, (1 << 16) - 1, f) == 0)
        text[0] = '\0';
    if (f)
        fclose(f);
    free(path);
    return text;
}

#endif
