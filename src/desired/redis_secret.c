#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "build.h"

enum { TEXT_BYTES_MAX = 1 << 16 };

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

static void put_auth(cJSON *data, const char *password)
{
    AUTO_BUF struct buf b;

    buf_init(&b, TEXT_BYTES_MAX);
    buf_str(&b, "requirepass ");
    add_quoted(&b, password);
    buf_str(&b, "masterauth ");
    add_quoted(&b, password);
    put_base64(data, "auth.conf", buf_text(&b));
}

static void put_url(cJSON *data, const struct isvc *s, const char *password)
{
    AUTO_BUF struct buf b;

    buf_init(&b, TEXT_BYTES_MAX);
    buf_str(&b, "redis://:");
    add_escaped(&b, password);
    buf_fmt(&b, "@%s-redis.%s.svc:%d/0", s->name, s->ns, REDIS_PORT);
    put_base64(data, "url", buf_text(&b));
}

cJSON *build_redis_secret(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o, *data;

    if (!in->redis_password)
        return NULL;
    o = build_child(CHILD_REDIS_SECRET, s);
    json_str(o, "type", "Opaque");
    data = json_obj(o, "data");
    put_base64(data, "password", in->redis_password);
    put_url(data, s, in->redis_password);
    put_auth(data, in->redis_password);
    return o;
}
