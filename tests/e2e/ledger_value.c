#include <stdio.h>
#include <string.h>

#include "e2e/ledger_book.h"

static void fill(char *at, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i += sizeof(seed)) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memcpy(at + i, &seed, len - i < sizeof(seed) ? len - i : sizeof(seed));
    }
}

static size_t filling_of(const struct book *b, int64_t k)
{
    unsigned turn = (unsigned)(k * 2654435761u >> 8) % 100;

    if (!b->o.mixed)
        return 0;
    return turn < 70 ? 64 : turn < 90 ? 1024 : turn < 99 ? 12 << 10 : 100 << 10;
}

size_t book_entry(const struct book *b, int64_t n, char *key, char *value)
{
    int64_t k = n % b->o.n_keys;
    size_t more = filling_of(b, k);

    snprintf(key, 64, "ledger:%s:%lld", b->salt, (long long)k);
    uint64_t sum = str_hash(str_hash(STR_HASH_INIT, key, strlen(key)), &n, sizeof(n));
    int len = snprintf(value, 64, "%lld %016llx ", (long long)n, (unsigned long long)sum);
    fill(value + len, more, sum | 1);
    return (size_t)len + more;
}

int64_t book_number_of(const struct book *b, int64_t k, const char *value, size_t len)
{
    static char key[64], want[BOOK_VALUE_MAX];
    long long n;

    if (len < 19 || sscanf(value, "%lld ", &n) != 1 || n < 0 || n % b->o.n_keys != k)
        return -1;
    return book_entry(b, n, key, want) == len && !memcmp(value, want, len) ? n : -1;
}

void book_big(const struct book *b, char *key, char *value)
{
    snprintf(key, 64, "ledger:%s:big", b->salt);
    fill(value, (size_t)b->o.big_bytes, str_hash(STR_HASH_INIT, key, strlen(key)) | 1);
}
