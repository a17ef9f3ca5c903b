/*
 * fetch/uri.h - where a model lies, as a URL that can be asked for.
 *
 * Pure. Texts are bounded by the uri's own 2048 characters; model_uri_done frees them.
 *   https://HOST/PATH, http://    as it is
 *   s3://BUCKET/KEY               ENDPOINT/BUCKET/KEY
 *   hf://OWNER/REPO[@REV]/FILE    ENDPOINT/OWNER/REPO/resolve/REV/FILE; one file, never a whole repository
 *   file:///PATH
 */
#ifndef FETCH_URI_H
#define FETCH_URI_H

#include <stdbool.h>

#include "base/err.h"

enum model_scheme { MODEL_HTTP, MODEL_HTTPS, MODEL_S3, MODEL_HF, MODEL_FILE };

enum { MODEL_URI_MAX = 2048, MODEL_NAME_MAX = 200 };

struct model_uri {
    enum model_scheme scheme;
    char *url;       /* what is asked for; may hold a signature in its query: not for logs */
    char *shown;     /* for messages: without query */
    char *name;      /* the last part of the path, where that can be the name of a file; NULL: it cannot */
    bool encrypted;  /* url is https */
};

/* endpoint: "https://HOST[:PORT]"; needed for s3, NULL for the others is fine. ERR_INVALID says what to do. */
int model_uri_parse(const char *uri, const char *endpoint, struct model_uri *out, struct err *e) MUST_USE;
void model_uri_done(struct model_uri *u); /* zeroed is fine */

/* Letters, digits, '.', '_', '-'; not hidden; at most MODEL_NAME_MAX characters. */
bool model_name_is_fine(const char *name);

#endif
