/*
 * http/call.h - one request on its way, and how libcurl is told about it.
 *
 * Not pure. The call owns the easy handle, the header list and a copy of the body.
 */
#ifndef HTTP_CALL_H
#define HTTP_CALL_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "http/http.h"

struct http;

struct http_call {
    TAILQ_ENTRY(http_call) link;
    struct http *http;
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    char *sent;      /* the request's body */
    struct buf body; /* the reply's */
    char why[CURL_ERROR_SIZE];
    bool (*on_data)(void *arg, const char *data, size_t len);
    void (*on_done)(void *arg, const struct http_reply *reply);
    void *arg;
    struct loop_timer *timer;
    int64_t born_ms;
    int32_t total_ms, answer_ms, retry_after_ms;
    bool answered; /* its first line is there */
    bool is_tls;
    bool started; /* libcurl has it */
    bool dead;    /* cancelled while libcurl was on the stack: freed when it is not */
    bool stopped; /* on_data wants no more */
    bool too_long;
};

/* A call with its easy handle filled in; nothing of req is needed afterwards. */
struct http_call *call_new(const struct http_request *req);
void call_free(struct http_call *c);

/* Retry-After of a header line "name: value\r\n": milliseconds, or -1 when it is another header.
 * Pure. Dates are not understood and count as 1 s; more than an hour counts as an hour. */
int32_t call_retry_after(const char *line, size_t len);

/* True when URL's host is localhost or a loopback address. Pure. */
bool call_is_loopback(const char *url);

#endif
