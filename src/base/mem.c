#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *check(void *p)
{
    static const char text[] = "everserve: out of memory\n";

    if (p)
        return p;
    /* stdio may need memory, write(2) does not */
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(71);
    _exit(71);
}

void *xcalloc(size_t n, size_t size)
{
    return check(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
    return check(realloc(p, size ? size : 1));
}

void *xgrow(void *p, size_t *cap, size_t want, size_t item_size)
{
    size_t n = *cap ? *cap : 8;

    if (want <= *cap && p)
        return p;
    while (n < want)
        n = n > SIZE_MAX / 2 ? want : n * 2;
    if (item_size && n > SIZE_MAX / item_size)
        check(NULL);
    *cap = n;
    return xrealloc(p, n * item_size);
}

char *xstrdup(const char *s)
{
    return check(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
    return check(strndup(s, n));
}

char *xvasprintf(const char *fmt, va_list ap)
{
    char *out = NULL;

    if (vasprintf(&out, fmt, ap) < 0)
        check(NULL);
    return check(out);
}

char *xasprintf(const char *fmt, ...)
{
    va_list ap;
    char *out;

    va_start(ap, fmt);
    out = xvasprintf(fmt, ap);
    va_end(ap);
    return out;
}

void mem_setup(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 128 << 10); /* said aloud, it does not grow with what is freed */
#endif
}

void mem_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
