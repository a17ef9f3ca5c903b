/*
 * base/str.h - small text helpers. Pure, but for str_random_hex.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_has_prefix(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);
bool str_empty(const char *s); /* NULL or "" */

/* Copies with a NUL; false, and an empty dst, when it does not fit. */
bool str_copy(char *dst, size_t size, const char *src) MUST_USE;

/* The whole text as a decimal number within [min, max]; false otherwise. */
bool str_to_int(const char *s, int64_t min, int64_t max, int64_t *out) MUST_USE;

/* One UTF-8 character of s (not at its end) into *cp; its length in bytes, 0 when it is malformed. */
size_t str_utf8_next(const char *s, uint32_t *cp);

/* Puts '?' for each byte that is not part of a UTF-8 character, as of one cut at the end of a buffer. */
void str_utf8_fix(char *s);

/* RFC 3339 UTC of milliseconds since 1970, "2026-01-02T03:04:05Z", with micro "...05.000000Z".
 * out holds at least 32 bytes. */
void str_rfc3339(int64_t wall_ms, bool micro, char *out);
/* "2026-11-22T14:30:00Z", with or without a fraction, as Kubernetes writes it; -1: no such time. */
int64_t str_rfc3339_ms(const char *text);

/* FNV-1a, 64 bit; start with STR_HASH_INIT and chain. */
#define STR_HASH_INIT 14695981039346656037ULL
uint64_t str_hash(uint64_t h, const void *data, size_t len);

/* n_chars of lower-case hex from the system's secure source, and a NUL. */
void str_random_hex(char *out, size_t n_chars);

#endif
