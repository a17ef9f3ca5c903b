#include <openssl/rand.h>
#include <stdlib.h>

#include "base/str.h"

void str_random_hex(char *out, size_t n_chars)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char byte = 0;

    for (size_t i = 0; i < n_chars; i++) {
        /* without randomness a password would be guessable: better no process */
        if (i % 2 == 0 && RAND_bytes(&byte, 1) != 1)
            abort();
        out[i] = digits[i % 2 ? byte & 15 : byte >> 4];
    }
    out[n_chars] = '\0';
}
