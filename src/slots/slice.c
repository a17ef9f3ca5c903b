#include "slots/slice.h"

#include <string.h>

#include "base/str.h"

struct slice slice_cut(struct slice *rest, char at)
{
    const char *end = rest->n ? memchr(rest->p, at, rest->n) : NULL;
    struct slice head = { rest->p, end ? (size_t)(end - rest->p) : rest->n };
    size_t skip = head.n + (end ? 1 : 0);

    rest->p += skip;
    rest->n -= skip;
    return head;
}

struct slice slice_line(struct slice *rest)
{
    struct slice line = slice_cut(rest, '\n');

    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

bool slice_is(struct slice s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

bool slice_starts(struct slice s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

bool slice_int(struct slice s, int64_t min, int64_t max, int64_t *out)
{
    char text[24];

    return slice_copy(s, text, sizeof(text)) && str_to_int(text, min, max, out);
}

bool slice_copy(struct slice s, char *dst, size_t size)
{
    dst[0] = '\0';
    if (s.n >= size || (s.n && memchr(s.p, '\0', s.n)))
        return false;
    if (s.n)
        memcpy(dst, s.p, s.n);
    dst[s.n] = '\0';
    return true;
}

int slice_shown(struct slice s)
{
    return s.n > 40 ? 40 : (int)s.n;
}
