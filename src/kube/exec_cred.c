#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "exec.h"

/* RFC 3339 as Kubernetes prints it. False when it is something else. */
static bool read_time(const char *text, int64_t *wall_ms)
{
    struct tm tm = { 0 }, offset = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t s;
    bool east;

    if (!end)
        return false;
    s = timegm(&tm);
    if (*end == '.')
        end += 1 + strspn(end + 1, "0123456789");
    if (str_eq(end, "Z")) {
        *wall_ms = s * 1000;
        return true;
    }
    east = *end == '+';
    if (!east && *end != '-')
        return false;
    end = strptime(end + 1, "%H:%M", &offset);
    if (!end || *end)
        return false;
    *wall_ms = (s - (east ? 1 : -1) * (offset.tm_hour * 3600 + offset.tm_min * 60)) * 1000;
    return true;
}

static int take_text(const cJSON *status, const char *key, char **out, struct err *e)
{
    const cJSON *v = json_member(status, key);

    if (v && !cJSON_IsString(v) && !cJSON_IsNull(v))
        return err_set(e, ERR_DENIED, "status.%s: expected text", key);
    if (cJSON_IsString(v) && *v->valuestring)
        *out = xstrdup(v->valuestring);
    return 0;
}

static int read_status(const cJSON *status, struct exec_cred *c, struct err *e)
{
    const char *expires = json_get_str(status, "expirationTimestamp");

    if (take_text(status, "token", &c->token, e) < 0 || take_text(status, "clientCertificateData", &c->cert_pem, e) < 0 ||
        take_text(status, "clientKeyData", &c->key_pem, e) < 0)
        return -(int)ERR_DENIED;
    if (!c->token && !c->cert_pem)
        return err_set(e, ERR_DENIED, "status: neither token nor clientCertificateData");
    if (!c->cert_pem != !c->key_pem)
        return err_set(e, ERR_DENIED, "status: clientCertificateData and clientKeyData need each other");
    for (const char *t = c->token; t && *t; t++)
        if ((unsigned char)*t <= ' ' || *t == 0x7f)
            return err_set(e, ERR_DENIED, "status.token: holds a space or a control character");
    c->expires_wall_ms = INT64_MAX;
    if (expires && !read_time(expires, &c->expires_wall_ms))
        return err_set(e, ERR_DENIED, "status.expirationTimestamp: not a time: %.40s", expires);
    return 0;
}

int exec_cred_parse(const char *text, size_t len, struct exec_cred *out, struct err *e)
{
    AUTO_JSON cJSON *root = NULL;
    struct exec_cred c = { 0 };

    if (json_parse(text, len, &root, NULL) < 0)
        return err_set(e, ERR_DENIED, "its output is not JSON");
    if (!str_eq(json_get_str(root, "kind"), "ExecCredential"))
        return err_set(e, ERR_DENIED, "kind: expected ExecCredential");
    if (read_status(json_member(root, "status"), &c, e) < 0) {
        exec_cred_done(&c);
        return -(int)ERR_DENIED;
    }
    *out = c;
    return 0;
}

static void free_secret(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

void exec_cred_done(struct exec_cred *c)
{
    free_secret(c->token);
    free_secret(c->cert_pem);
    free_secret(c->key_pem);
    *c = (struct exec_cred){ 0 };
}
