#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "data.h"

enum { OP_AUX = 0xfa, OP_END = 0xff, MAGIC_LEN = 9, TEXT_MAX = 256 };

struct reader {
    const unsigned char *p;
    size_t left;
    bool is_cut;
};

static bool read_bytes(struct reader *r, size_t n, const unsigned char **out)
{
    if (n > r->left) {
        r->is_cut = true;
        return false;
    }
    *out = r->p;
    r->p += n;
    r->left -= n;
    return true;
}

/* An integer in place of a text: 1, 2 or 4 bytes, little-endian. */
static bool read_packed(struct reader *r, unsigned how, char *out)
{
    const unsigned char *b;
    size_t n = how > 2 ? 0 : 1u << how;
    uint32_t v = 0;

    if (!n || !read_bytes(r, n, &b))
        return false;
    for (size_t i = 0; i < n; i++)
        v |= (uint32_t)b[i] << (8 * i);
    AUTO_FREE char *text = xasprintf("%d", n == 1 ? (int8_t)v : n == 2 ? (int16_t)v : (int32_t)v);
    memcpy(out, text, strlen(text) + 1);
    return true;
}

/* A text of at most TEXT_MAX bytes; out becomes "" when it holds a NUL. */
static bool read_text(struct reader *r, char out[TEXT_MAX + 1])
{
    const unsigned char *b;
    size_t len;

    if (!read_bytes(r, 1, &b))
        return false;
    if (b[0] >> 6 == 3)
        return read_packed(r, b[0] & 63, out);
    if (b[0] >> 6 == 2)
        return false; /* longer than 16 KiB: not in a head */
    len = b[0] & 63;
    if (b[0] >> 6 == 1) {
        if (!read_bytes(r, 1, &b))
            return false;
        len = len << 8 | b[0];
    }
    if (len > TEXT_MAX || !read_bytes(r, len, &b))
        return false;
    memcpy(out, b, len);
    out[memchr(b, 0, len) ? 0 : len] = '\0';
    return true;
}

static void take(const char *key, const char *value, struct rdb_head *out)
{
    int64_t n;

    if (str_eq(key, "repl-id") && strlen(value) == RDB_ID_LEN)
        memcpy(out->replid, value, sizeof(out->replid));
    if (str_eq(key, "repl-offset") && str_to_int(value, 0, INT64_MAX, &n))
        out->offset = n;
}

static bool is_magic(const unsigned char *b)
{
    return memcmp(b, "REDIS", 5) == 0 || memcmp(b, "VALKEY", 6) == 0;
}

int rdb_head_parse(const void *bytes, size_t len, struct rdb_head *out, struct err *e)
{
    struct reader r = { bytes, len, false };
    struct rdb_head head = { .offset = -1 };
    char key[TEXT_MAX + 1], value[TEXT_MAX + 1];
    const unsigned char *b;

    if (!read_bytes(&r, MAGIC_LEN, &b) || !is_magic(b))
        return err_set(e, ERR_INVALID, "not an RDB file");
    while (r.left && r.p[0] == OP_AUX) {
        r.p++;
        r.left--;
        if (!read_text(&r, key) || !read_text(&r, value)) {
            if (!r.is_cut)
                return err_set(e, ERR_INVALID, "an RDB file whose head cannot be read");
            break;
        }
        take(key, value, &head);
    }
    head.is_cut = r.is_cut || !r.left;
    head.has_keys = head.is_cut || r.p[0] != OP_END;
    *out = head;
    return 0;
}
