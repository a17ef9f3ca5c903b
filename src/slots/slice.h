/*
 * slots/slice.h - pieces of a text that is not ours and may lack a NUL. Pure.
 */
#ifndef SLOTS_SLICE_H
#define SLOTS_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *p;
    size_t n;
};

/* What stands before the first `at`; rest moves behind it, and is empty when there is none. */
struct slice slice_cut(struct slice *rest, char at);
/* The next line without \r\n. */
struct slice slice_line(struct slice *rest);
bool slice_is(struct slice s, const char *text);
bool slice_starts(struct slice s, const char *prefix);
bool slice_int(struct slice s, int64_t min, int64_t max, int64_t *out);
bool slice_copy(struct slice s, char *dst, size_t size); /* false, dst empty: too long or has a NUL */
int slice_shown(struct slice s);                         /* a length for %.*s in messages */

#endif
