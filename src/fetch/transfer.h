/*
 * transfer.h - one request, from where the part ends.
 *
 * Private to the room. The same libcurl handle serves all tries of a run.
 */
#ifndef FETCH_TRANSFER_H
#define FETCH_TRANSFER_H

#include <curl/curl.h>

#include "fetch/fetch.h"
#include "fetch/uri.h"
#include "part.h"

struct transfer {
    const struct fetch_options *o;
    const struct model_uri *uri;
    struct part *part;
    CURL *easy;
    struct curl_slist *headers;
    /* of the request that runs */
    struct err err;      /* what a callback found */
    char tag[TAG_SIZE];  /* what the server calls this version */
    int64_t total;       /* -1: not known */
    int64_t from;        /* where the answer begins, by its Content-Range; -1: it does not say */
    long status;
    bool begun;          /* the body's first bytes were looked at */
    bool ends_by_itself; /* chunks, or frames */
    int64_t told_ms;
};

int transfer_init(struct transfer *t, const struct fetch_options *o, const struct model_uri *uri, struct part *part,
                  struct err *e) MUST_USE;
void transfer_done(struct transfer *t);

/* A line of the answer's head: what of it counts. Longer than 1 KiB: none of it does. */
void transfer_hear(struct transfer *t, const char *line, size_t len);

/* 0: all of it is in the part. ERR_RETRY: worth another try. */
int transfer_run(struct transfer *t, struct err *e) MUST_USE;

#endif
