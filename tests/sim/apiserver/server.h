/*
 * sim/apiserver/server.h - the simulated API server: its state, and one request.
 *
 * Not pure. One thread, one loop. A request is answered exactly once, by one of
 * the reply_ functions, at once or later (a watch, a fault's latency).
 */
#ifndef SIM_APISERVER_SERVER_H
#define SIM_APISERVER_SERVER_H

#include "loop/loop.h"
#include "sim/apiserver/refusal.h"
#include "sim/apiserver/registry.h"
#include "sim/apiserver/store.h"

struct evhttp;
struct evhttp_request;
struct faults;
struct users;
struct user;
struct watcher;
struct map;

struct server {
    struct loop *loop;
    struct evhttp *http;
    struct store *store;
    struct registry *registry;
    struct users *users;
    struct faults *faults;
    struct watcher *watchers; /* list */
    struct loop_timer *tick;  /* namespaces that wait for their content to go */
    uint32_t next_ip, next_port;
    bool is_plain;            /* no TLS */
};

enum { QUERY_MAX = 32 };

struct query {
    char *key, *value;
};

/* How the client wants objects shown. */
enum form { FORM_PLAIN, FORM_TABLE, FORM_METADATA };

struct request {
    struct server *s;
    struct evhttp_request *ev;
    const char *method;     /* "GET" ... */
    char *uri;              /* as sent */
    char *path;             /* decoded, without the query */
    struct query query[QUERY_MAX];
    size_t n_query;
    const char *user_agent; /* never NULL */
    const char *accept;     /* never NULL */
    enum form form;
    char *body;             /* NUL terminated; NULL: none */
    size_t body_len;
    const struct user *user;
    const char *verb;       /* "get", "list", "watch", "create" ... once routed */
    struct resource *res;   /* NULL: not a resource */
    char *ns, *name, *sub;  /* NULL: none */
    bool drop_after;        /* a fault: answer with a reset */
    int64_t hold_ms;        /* a fault: answer later; -1: never */
    bool unchanged;         /* the write changed nothing */
    cJSON *warnings;        /* texts of Warning headers */
};

const char *request_query(const struct request *q, const char *key); /* NULL: absent */
bool request_is_dry(const struct request *q);
/* The body as JSON, or as YAML when the media type says so. */
int request_body(struct request *q, cJSON **out, struct refusal *r);
const char *request_media_type(const struct request *q); /* without parameters; lent until the next call */

/* Each ends the request and frees it. reply_json takes body. */
void reply_json(struct request *q, int code, cJSON *body);
void reply_text(struct request *q, int code, const char *type, const char *text, size_t len);
void reply_refusal(struct request *q, const struct refusal *r);
void reply_object(struct request *q, int code, const cJSON *obj); /* in the form asked for */

/* Where requests arrive (route.c). */
void route(struct request *q);

void request_free(struct request *q);

#endif
