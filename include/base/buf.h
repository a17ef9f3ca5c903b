/*
 * base/buf.h - a growing byte buffer with a mandatory maximum.
 *
 * The content is always NUL terminated (the NUL is not counted in len), so
 * that it can be handed to text functions. The caller owns the storage:
 * buf_init / buf_done, or buf_take to give the bytes away.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

struct buf {
    char *data; /* NULL while empty and never written */
    size_t len;
    size_t cap;
    size_t max_bytes;
};

#define AUTO_BUF CLEANUP(buf_done)

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);

/* False, and nothing added, when the maximum would be passed. */
bool buf_add(struct buf *b, const void *data, size_t len) MUST_USE;
/* Text that is ours and known to fit; passing the maximum cuts it and is remembered by len. */
void buf_str(struct buf *b, const char *s);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Removes n bytes from the front. */
void buf_consume(struct buf *b, size_t n);
void buf_clear(struct buf *b); /* keeps the storage */
const char *buf_text(const struct buf *b); /* never NULL */
char *buf_take(struct buf *b); /* caller frees; never NULL; b is empty afterwards */

#endif
