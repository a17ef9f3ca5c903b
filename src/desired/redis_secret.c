#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "build.h"

enum { TEXT_BYTES_MAX = 1 << 20 };

static void put_base64(cJSON *data, const char *key, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)text;
    size_t len = strlen(text), n = 0;
    AUTO_FREE char *out = xcalloc(1, len / 3 * 4 + 5);

    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)p[i] << 16 | (have > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (have > 2 ? p[i + 2] : 0);

        for (size_t k = 0; k < 4; k++)
            out[n++] = k <= have ? digits[v >> (18 - 6 * k) & 63] : '=';
    }
    json_str(data, key, out);
}

/* A quoted string of redis.conf: whatever the password holds, it stays one argument. */
static void add_quoted(struct buf *b, const char *s)
{
    buf_str(b, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\')
            buf_fmt(b, "\\%c", c);
        else if (isprint(c))
            buf_fmt(b, "%c", c);
        else
            buf_fmt(b, "\\x%02x", c);
    }
    buf_str(b, "\"\n");
}

static void add_escaped(struct buf *b, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (isalnum(c) || strchr("-._~", c))
            buf_fmt(b, "%c", c);
        else
            buf_fmt(b, "%%%02X", c);
    }
}

/* user default on #hash #hash rules... The hashes of every age: a server that starts in the middle of a change
 * takes the same passwords as those that run. */
static void add_user(struct buf *b, const struct redis_keys *k, enum redis_user u)
{
    const char *const *rule = redis_user_rules(u);

    buf_fmt(b, "user %s on", redis_user_name(u));
    for (int a = 0; a < N_KEY_AGES; a++)
        if (k->user[u][a].text)
            buf_fmt(b, " #%s", k->user[u][a].sha256);
    for (; *rule; rule++)
        buf_fmt(b, " %s", *rule);
    buf_str(b, "\n");
}

static void put_auth(cJSON *data, const struct redis_keys *k)
{
    AUTO_BUF struct buf b;

    buf_init(&b, TEXT_BYTES_MAX);
    for (int u = 0; u < N_REDIS_USERS; u++)
        add_user(&b, k, (enum redis_user)u);
    buf_str(&b, "user " REDIS_PROBE_USER " on nopass");
    for (const char *const *rule = redis_probe_rules(); *rule; rule++)
        buf_fmt(&b, " %s", *rule);
    buf_fmt(&b, "\nmasteruser %s\nmasterauth ", redis_user_name(USER_REPLICA));
    add_quoted(&b, k->user[USER_REPLICA][KEY_NOW].text);
    put_base64(data, "auth.conf", buf_text(&b));
}

static void put_url(cJSON *data, const struct isvc *s, const struct redis_keys *k)
{
    AUTO_BUF struct buf b;

    buf_init(&b, TEXT_BYTES_MAX);
    buf_str(&b, k->tls.crt ? "rediss://:" : "redis://:");
    add_escaped(&b, k->user[USER_APP][KEY_NOW].text);
    buf_fmt(&b, "@%s-redis.%s.svc:%d/0", s->name, s->ns, REDIS_PORT);
    put_base64(data, "url", buf_text(&b));
}

static void put_number(cJSON *data, const char *key, int64_t n)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)n);
    if (n)
        put_base64(data, key, text);
}

static void put_tls(cJSON *data, const struct redis_cert *c)
{
    if (!c->crt)
        return;
    put_base64(data, "tls.crt", c->crt);
    put_base64(data, "tls.key", c->key);
    put_base64(data, "ca.crt", c->ca);
}

static void put_passwords(cJSON *data, const struct redis_keys *k)
{
    for (int u = 0; u < N_REDIS_USERS; u++)
        for (int a = 0; a < N_KEY_AGES; a++)
            if (k->user[u][a].text)
                put_base64(data, redis_key_name((enum redis_user)u, (enum key_age)a), k->user[u][a].text);
}

cJSON *build_redis_secret(const struct isvc *s, const struct desired_input *in)
{
    const struct redis_keys *k = in->redis_keys;
    cJSON *o, *data;

    if (!k)
        return NULL;
    o = build_child(CHILD_REDIS_SECRET, s);
    json_str(o, "type", "Opaque");
    data = json_obj(o, "data");
    put_passwords(data, k);
    put_url(data, s, k);
    put_auth(data, k);
    put_tls(data, &k->tls);
    put_number(data, "rotation", k->rotation);
    put_number(data, "since", k->since_ms);
    if (k->rotate)
        put_base64(data, "rotate", k->rotate);
    return o;
}
