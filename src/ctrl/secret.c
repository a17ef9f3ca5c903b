/*
 * The password of Redis: read by name, each time it is needed, never listed.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "json/owned.h"
#include "kube/path.h"
#include "shell.h"

enum { PASSWORD_CHARS = 40, PASSWORD_MAX_BYTES = 512 };

/* data.password, decoded; NULL when absent, empty, too long, or not one line of printable text:
 * it becomes a line of the server's configuration. Caller frees. */
static char *password_in(const cJSON *secret)
{
    const char *b64 = json_get_str(secret, "data.password");
    size_t len = b64 ? strlen(b64) : 0;
    AUTO_FREE char *out = NULL;
    int n;

    if (!len || len % 4 || len > PASSWORD_MAX_BYTES * 4 / 3)
        return NULL;
    out = xcalloc(1, len + 1);
    n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)b64, (int)len);
    if (n <= 0)
        return NULL;
    n -= (b64[len - 1] == '=') + (b64[len - 2] == '=');
    out[n] = '\0';
    for (int i = 0; i < n; i++)
        if ((unsigned char)out[i] <= ' ' || (unsigned char)out[i] >= 0x7f || out[i] == '"' || out[i] == '\\' || out[i] == '\'')
            return NULL;
    return n ? TAKE(out) : NULL;
}

static void forget(char **password)
{
    if (*password)
        OPENSSL_cleanse(*password, strlen(*password));
    free(*password);
    *password = NULL;
}

static void bad(struct track *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void bad(struct track *t, const char *fmt, ...)
{
    va_list ap;

    t->secret = SECRET_BAD;
    va_start(ap, fmt);
    free(t->secret_problem);
    t->secret_problem = xvasprintf(fmt, ap);
    va_end(ap);
}

static void on_users_secret(struct pass *p, const struct kube_reply *reply)
{
    struct track *t = p->track;
    const char *name = p->svc.redis.secret_name;
    char *password = reply->err.kind == ERR_NONE ? password_in(reply->body) : NULL;

    t->secret_read_ms = 0;
    if (password)
        track_set_password(t, password, t->password_is_known);
    else if (reply->err.kind == ERR_ABSENT)
        bad(t, "spec.redis.auth.secretName: Secret %s does not exist: create it with the key password", name);
    else if (reply->err.kind == ERR_NONE)
        bad(t, "spec.redis.auth.secretName: Secret %s needs a key password: printable, without space or quotes", name);
    else
        bad(t, "spec.redis.auth.secretName: Secret %s cannot be read: %s", name, reply->err.msg);
    forget(&password);
    p->then(p);
}

static void fetch(struct pass *p, const char *name, pass_reply_fn *on_reply)
{
    AUTO_FREE char *path = kube_path("/api/v1", p->o.ns, "secrets", name, NULL);

    pass_send(p, &(struct kube_request){ .method = "GET", .path = path }, on_reply);
}

/* There is none: the remembered password again, the user's, or a new one. */
static void on_absent(struct pass *p)
{
    struct track *t = p->track;
    char fresh[PASSWORD_CHARS + 1];

    t->secret = SECRET_ABSENT;
    free(TAKE(t->secret_record));
    if (t->password) {
        p->then(p);
        return;
    }
    if (p->svc_ok && p->svc.redis.secret_name) {
        fetch(p, p->svc.redis.secret_name, on_users_secret);
        return;
    }
    str_random_hex(fresh, PASSWORD_CHARS);
    track_set_password(t, fresh, false);
    OPENSSL_cleanse(fresh, sizeof(fresh));
    p->then(p);
}

static void on_present(struct pass *p, const cJSON *secret)
{
    struct track *t = p->track;
    struct record *record = track_secret_record(t);
    char *password = password_in(secret);
    const char *name = json_get_str(secret, "metadata.name");

    t->secret = SECRET_HELD;
    if (!record_from(CHILD_REDIS_SECRET, secret, record))
        *record = (struct record){ 0 };
    if (!record_is_ours(record, p->o.uid))
        bad(t, "Secret %s exists and is not controlled by this resource: delete or rename it", name);
    else if (t->password_is_known && !t->password_is_doubted)
        ; /* the servers run with what we remember: a hand edit is drift, and goes back */
    else if (password)
        track_set_password(t, password, true);
    else
        bad(t, "Secret %s has no usable key password: restore it", name);
    t->password_is_doubted = false;
    forget(&password);
    p->then(p);
}

static void on_secret(struct pass *p, const struct kube_reply *reply)
{
    struct track *t = p->track;

    t->secret_read_ms = loop_now_ms();
    if (reply->err.kind == ERR_ABSENT) {
        on_absent(p);
    } else if (reply->err.kind == ERR_NONE) {
        on_present(p, reply->body);
    } else {
        /* what was known stays known: a failed look is no news about the Secret */
        if (t->secret == SECRET_UNKNOWN || t->secret == SECRET_BAD)
            bad(t, "the Secret of Redis cannot be read: %s", reply->err.msg);
        t->secret_read_ms = 0;
        p->then(p);
    }
}

void secret_read(struct pass *p, void (*then)(struct pass *p))
{
    char name[512];

    p->then = then;
    if (!child_name(CHILD_REDIS_SECRET, p->o.name, name, sizeof(name)))
        name[0] = '\0';
    fetch(p, name, on_secret);
}
