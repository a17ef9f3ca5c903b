/*
 * fetch/fetch.h - a model's file into a folder, once, whole, checked.
 *
 * Not pure: blocks until it is there or has failed. Folders may be shared by machines; one of them downloads, the
 * others wait and use it. Beside the file lie hidden ones: .NAME.part (what is there so far, resumed by Range),
 * .NAME.tag (which version of the file that is), .NAME.lock, and .NAME.done (uri, size, time and checksum of the
 * file that was complete). The file has its name only once it is complete and on the disk.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct fetch_credentials { /* lent; NULL: none */
    const char *s3_key_id, *s3_secret, *s3_session, *s3_region;
    const char *hub_token; /* of hf */
    const char *token;     /* a bearer token of http and https */
    const char *ca_pem;    /* authorities, instead of the system's */
};

struct fetch_options {
    const char *uri, *dir;
    const char *name;     /* of the file; NULL: the last part of the uri's path */
    const char *sha256;   /* lower-case hex; NULL: not known */
    const char *endpoint; /* fetch/uri.h */
    struct fetch_credentials credentials;
    int64_t max_bytes;
    int tries;            /* in a row without progress */
    int64_t backoff_ms, backoff_max_ms; /* doubling */
    int64_t slow_bytes_per_s, slow_s;   /* slower for so long: tried again */
    int64_t connect_ms;
    int64_t beat_ms, stale_ms, poll_ms; /* of the lock */
    void (*on_progress)(void *arg, const char *what, int64_t bytes, int64_t total); /* total -1: not known */
    void *arg;
};

enum fetch_result { FETCH_DOWNLOADED, FETCH_WAS_THERE };

/* Times and bounds for use; the caller sets uri, dir and what else it knows. */
struct fetch_options fetch_defaults(void);

/* A fetch_result, or a negative kind: RETRY (the network, tries used up), DENIED, ABSENT (404), INVALID (checksum,
 * size, uri). The message begins with the cause and never holds a credential or a query. */
int fetch_run(const struct fetch_options *o, struct err *e) MUST_USE;

#endif
