/*
 * base/mem.h - memory: allocation that cannot fail, cleanup attributes.
 *
 * Running out of memory ends the process: the next one starts from the
 * cluster's real state. Sizes chosen by somebody else are bounded by the caller
 * before they come here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define AUTO_FREE CLEANUP(mem_auto_free)

/* Moves a pointer out of an owner that would free it. */
#define TAKE(p)                 \
    __extension__({             \
        __typeof__(p) t_ = (p); \
        (p) = NULL;             \
        t_;                     \
    })

void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull));
/* Grows an array to at least `want` items by doubling; *cap is in items. */
void *xgrow(void *p, size_t *cap, size_t want, size_t item_size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull, nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull, nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0), returns_nonnull));

/* Once, first thing: a buffer of 128 KiB or more is the system's again as soon as it is freed. */
void mem_setup(void);
/* What is free goes back to the system, wherever the allocator can do that. Takes milliseconds. */
void mem_trim(void);

static inline void mem_auto_free(void *p)
{
    free(*(void **)p);
}

#endif
