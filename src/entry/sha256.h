/*
 * entry/sha256.h - SHA-256 (FIPS 180-4), because a cryptographic library would be ten times this program. Pure.
 */
#ifndef ENTRY_SHA256_H
#define ENTRY_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char block[64];
};

enum { SHA256_HEX = 64 };

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, char hex[SHA256_HEX + 1]);

#endif
