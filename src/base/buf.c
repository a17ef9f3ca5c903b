#include "base/buf.h"

#include <stdio.h>
#include <string.h>

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){ .max_bytes = max_bytes };
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ .max_bytes = b->max_bytes };
}

bool buf_add(struct buf *b, const void *data, size_t len)
{
    if (len > b->max_bytes || b->len > b->max_bytes - len)
        return false;
    b->data = xgrow(b->data, &b->cap, b->len + len + 1, 1);
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return true;
}

static void add_cut(struct buf *b, const char *s, size_t len)
{
    size_t room = b->max_bytes - b->len;

    if (!buf_add(b, s, len < room ? len : room))
        return;
}

void buf_str(struct buf *b, const char *s)
{
    add_cut(b, s, strlen(s));
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
    AUTO_FREE char *s = NULL;
    va_list ap;

    va_start(ap, fmt);
    s = xvasprintf(fmt, ap);
    va_end(ap);
    buf_str(b, s);
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        buf_clear(b);
        return;
    }
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
    char *s = b->data ? b->data : xstrdup("");

    *b = (struct buf){ .max_bytes = b->max_bytes };
    return s;
}
