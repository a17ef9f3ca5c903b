/*
 * Quantities: the canonical text parses and means the same. It settles at the second
 * turn only, as the server's does: 20368575187.5Ki is written 20857420992000, which
 * reads as decimal, 20857420992k.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "json/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xstrndup((const char *)data, size), once[64] = "", twice[64] = "", thrice[64] = "";
    int64_t a = 0, b = 0;
    struct err e = { 0 };

    if (quantity_canonical(text, once, &e) == 0) {
        assert(strlen(once) < 32);
        assert(quantity_canonical(once, twice, &e) == 0 && quantity_equal(once, twice));
        assert(quantity_canonical(twice, thrice, &e) == 0 && strcmp(twice, thrice) == 0);
        if (quantity_parse(text, &a, &e) == 0)
            assert(quantity_parse(once, &b, &e) == 0 && a == b);
    } else {
        assert(e.msg[0]);
    }
    free(text);
    return 0;
}
