/*
 * Where a model lies: what is accepted is one line of ASCII, its name can be the name of a file, and what is shown holds
 * no query. The first line is the uri, the rest the endpoint.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fetch/uri.h"
#include "fuzz.h"

static void check_line(const char *s)
{
    for (; *s; s++)
        assert(*s > ' ' && *s <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *uri = xstrndup((const char *)data, size), *endpoint = strchr(uri, '\n');
    struct model_uri u = { .url = NULL };
    struct err e = { 0 };

    if (endpoint)
        *endpoint++ = '\0';
    if (model_uri_parse(uri, endpoint, &u, &e) == 0) {
        check_line(u.url);
        check_line(u.shown);
        assert(!strchr(u.url, '#') && !strchr(u.shown, '?'));
        assert(strlen(u.url) < 2 * MODEL_URI_MAX + 64);
        assert(!u.name || (model_name_is_fine(u.name) && !strchr(u.name, '/')));
        assert(u.encrypted == (str_has_prefix(u.url, "https://") || u.scheme == MODEL_FILE));
    } else {
        assert(e.msg[0] && !u.url && !u.name);
    }
    model_uri_done(&u);
    free(uri);
    return 0;
}
