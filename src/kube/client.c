#include "kube/client.h"

#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"
#include "client_impl.h"
#include "config_impl.h"
#include "login.h"
#include "status.h"

enum {
    TIMEOUT_MS = 30000,
    TICK_MS = 5000,        /* liveness is looked at */
    QUIET_MS = 25000,      /* a lane without a byte for so long is asked for one */
    PROBE_MS = 15000,      /* the time it has to answer */
    MAIN_CALLS = 96,       /* below the server's 100 streams of one connection */
    MAIN_CONNECTIONS = 8, /* of which HTTP/2 uses one */
    METHOD_SIZE = 8,
};

struct kube_call {
    TAILQ_ENTRY(kube_call) link;
    struct kube *kube;
    struct http_call *http; /* NULL: held until there are credentials */
    enum kube_lane lane;
    char method[METHOD_SIZE];
    char *url, *type, *body, *token; /* token: as sent */
    int32_t timeout_ms, answer_ms;
    bool resent, aborted;
    unsigned round; /* of logins in which it was held */
    bool (*on_data)(void *arg, const char *data, size_t len);
    void (*on_reply)(void *arg, const struct kube_reply *reply);
    void *arg;
};

struct count {
    char method[METHOD_SIZE];
    int status;
    int64_t n;
};

struct lane {
    struct kube *kube;
    struct http_transport *http;
    struct kube_call *probe; /* NULL: none under way */
    int64_t next_probe_ms;
};

struct kube {
    struct loop *loop;
    struct kube_config *cfg;
    struct login *login;
    unsigned round;
    struct lane lanes[N_KUBE_LANES];
    TAILQ_HEAD(kube_calls, kube_call) calls;
    struct count *counts;
    size_t n_counts, cap_counts;
    struct loop_timer *tick, *abort;
    char *abort_why;
};

static void count_reply(struct kube *k, const char *method, int status)
{
    struct count *c;

    for (size_t i = 0; i < k->n_counts; i++) {
        c = &k->counts[i];
        if (c->status == status && str_eq(c->method, method)) {
            c->n++;
            return;
        }
    }
    k->counts = xgrow(k->counts, &k->cap_counts, k->n_counts + 1, sizeof(*k->counts));
    c = &k->counts[k->n_counts++];
    *c = (struct count){ .status = status, .n = 1 };
    memcpy(c->method, method, METHOD_SIZE);
}

void kube_each_count(struct kube *k, void (*row)(void *arg, const char *method, int status, int64_t n), void *arg)
{
    for (size_t i = 0; i < k->n_counts; i++)
        row(arg, k->counts[i].method, k->counts[i].status, k->counts[i].n);
}

const char *kube_host(const struct kube *k)
{
    return strstr(kube_config_server(k->cfg), "://") + 3;
}

struct loop *kube_loop(struct kube *k)
{
    return k->loop;
}

static void free_secret(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

static void call_free(struct kube_call *c)
{
    TAILQ_REMOVE(&c->kube->calls, c, link);
    free(c->url);
    free(c->type);
    free(c->body);
    free_secret(c->token);
    free(c);
}

static void call_go(struct kube_call *c);
static void call_send(struct kube_call *c);

/* After a 401 a newer token may be on disk already; then the call deserves a second chance. */
static bool is_worth_resending(struct kube_call *c, const struct http_reply *r)
{
    if (r->err.kind || r->status != 401 || c->resent)
        return false;
    return login_refused(c->kube->login, c->token);
}

/* A connection may end before the body does, and a proxy may answer in the server's place:
 * a success must be an object, or nothing may be concluded from it. */
static void read_reply(struct kube_call *c, const struct http_reply *r, cJSON **body, struct kube_reply *reply)
{
    bool is_json = r->len && json_parse(r->body, r->len, body, NULL) == 0;

    reply->body = *body;
    reply->too_long = r->too_long;
    if (r->err.kind)
        reply->err = r->err;
    else if (kube_status_to_err(r->status, r->retry_after_ms, *body, &reply->err) == 0 && !is_json && !c->on_data &&
             r->status != 204)
        (void)err_set(&reply->err, ERR_RETRY, "HTTP %d without a JSON body", r->status);
}

static void on_http(void *arg, const struct http_reply *r)
{
    struct kube_call *c = arg;
    AUTO_JSON cJSON *body = NULL;
    struct kube_reply reply = { .status = r->status };

    count_reply(c->kube, c->method, r->status);
    if (is_worth_resending(c, r)) {
        c->resent = true;
        call_go(c);
        return;
    }
    read_reply(c, r, &body, &reply);
    c->on_reply(c->arg, &reply);
    call_free(c);
}

static bool on_piece(void *arg, const char *data, size_t len)
{
    struct kube_call *c = arg;

    return c->on_data(c->arg, data, len);
}

static void call_go(struct kube_call *c)
{
    c->http = NULL;
    c->round = c->kube->round;
    if (login_is_ready(c->kube->login))
        call_send(c);
}

static struct kube_call *first_held(struct kube *k)
{
    struct kube_call *c;

    TAILQ_FOREACH(c, &k->calls, link)
        if (!c->http && !c->aborted && c->round != k->round)
            return c;
    return NULL;
}

/* There are credentials now, or there are none to be had. What a callback sends anew belongs
 * to the next round. */
static void on_login(void *arg, const struct err *why)
{
    struct kube *k = arg;
    struct kube_call *c;

    k->round++;
    while ((c = first_held(k)) != NULL) {
        if (why->kind == ERR_NONE) {
            call_send(c);
            continue;
        }
        c->on_reply(c->arg, &(struct kube_reply){ .err = *why });
        call_free(c);
    }
}

static void call_send(struct kube_call *c)
{
    const struct kube_config *cfg = c->kube->cfg;
    const char *headers[5] = { "Accept: application/json", "User-Agent: everserve/" EVERSERVE_VERSION };
    AUTO_FREE char *type = NULL, *token = NULL;
    struct http_transport *http = c->kube->lanes[c->lane].http;
    struct http_tls tls;
    size_t n = 2;

    free_secret(c->token);
    c->token = cfg->token.text ? xstrdup(cfg->token.text) : NULL;
    if (c->token)
        headers[n++] = token = xasprintf("Authorization: Bearer %s", c->token);
    if (c->body)
        headers[n++] = type = xasprintf("Content-Type: %s", c->type);
    kube_config_tls(cfg, &tls);
    c->http = http->send(http, &(struct http_request){
                                   .method = c->method,
                                   .url = c->url,
                                   .headers = headers,
                                   .body = c->body,
                                   .body_len = c->body ? strlen(c->body) : 0,
                                   .tls = &tls,
                                   .proxy = cfg->proxy,
                                   .total_ms = c->timeout_ms,
                                   .answer_ms = c->answer_ms,
                                   .max_bytes = KUBE_REPLY_MAX_BYTES,
                                   .on_data = c->on_data ? on_piece : NULL,
                                   .on_done = on_http,
                                   .arg = c,
                               });
}

static struct kube_call *call_new(struct kube *k, enum kube_lane lane, const char *method, const char *path)
{
    struct kube_call *c = xcalloc(1, sizeof(*c));

    c->kube = k;
    c->lane = lane;
    if (!str_copy(c->method, sizeof(c->method), method))
        abort();
    c->url = xasprintf("%s%s", k->cfg->server, path);
    TAILQ_INSERT_TAIL(&k->calls, c, link);
    return c;
}

struct kube_call *kube_send(struct kube *k, const struct kube_request *req,
                            void (*on_reply)(void *arg, const struct kube_reply *reply), void *arg)
{
    struct kube_call *c = call_new(k, req->lane, req->method, req->path);

    c->type = xstrdup(req->content_type ? req->content_type : "application/json");
    c->body = req->body ? json_print(req->body) : NULL;
    c->timeout_ms = req->timeout_ms ? req->timeout_ms : TIMEOUT_MS;
    c->on_reply = on_reply;
    c->arg = arg;
    call_go(c);
    return c;
}

struct kube_call *kube_stream(struct kube *k, const char *path, int32_t timeout_ms,
                              bool (*on_data)(void *arg, const char *data, size_t len),
                              void (*on_end)(void *arg, const struct kube_reply *reply), void *arg)
{
    struct kube_call *c = call_new(k, KUBE_LANE_WATCH, "GET", path);

    c->timeout_ms = timeout_ms;
    c->answer_ms = TIMEOUT_MS; /* a watch is answered at once, and then may be silent */
    c->on_data = on_data;
    c->on_reply = on_end;
    c->arg = arg;
    call_go(c);
    return c;
}

void kube_cancel(struct kube_call *c)
{
    struct http_transport *http;

    if (!c)
        return;
    http = c->kube->lanes[c->lane].http;
    if (c->http)
        http->cancel(http, c->http);
    call_free(c);
}

static struct kube_call *first_aborted(struct kube *k)
{
    struct kube_call *c;

    TAILQ_FOREACH(c, &k->calls, link)
        if (c->aborted)
            return c;
    return NULL;
}

static void on_abort(void *arg)
{
    struct kube *k = arg;
    struct kube_reply reply = { 0 };
    struct kube_call *c;

    (void)err_set(&reply.err, ERR_RETRY, "%s", k->abort_why);
    while ((c = first_aborted(k)) != NULL) {
        c->on_reply(c->arg, &reply);
        call_free(c);
    }
}

void kube_abort_writes(struct kube *k, const char *why)
{
    struct http_transport *http = k->lanes[KUBE_LANE_MAIN].http;
    struct kube_call *c;

    free(k->abort_why);
    k->abort_why = xstrdup(why);
    TAILQ_FOREACH(c, &k->calls, link)
    {
        if (c->lane != KUBE_LANE_MAIN || c->aborted || str_eq(c->method, "GET"))
            continue;
        if (c->http)
            http->cancel(http, TAKE(c->http));
        c->aborted = true;
    }
    loop_timer_set(k->abort, 0);
}

static void on_probe(void *arg, const struct kube_reply *reply)
{
    struct lane *lane = arg;

    lane->probe = NULL;
    /* Any answer will do, a refusal too. Without one every connection that also carried
     * nothing else is taken for dead. */
    if (reply->status == 0)
        lane->http->cut(lane->http, QUIET_MS);
}

/* HTTP/2 connections that died without a word are found by asking: libcurl sends PINGs
 * but takes no notice of a missing answer. */
static void lane_look(struct lane *lane, int64_t now)
{
    struct kube_call *c;

    if (lane->probe || now < lane->next_probe_ms || lane->http->quiet_ms(lane->http) < QUIET_MS)
        return;
    lane->next_probe_ms = now + QUIET_MS;
    c = call_new(lane->kube, (enum kube_lane)(lane - lane->kube->lanes), "GET", "/livez");
    c->timeout_ms = PROBE_MS;
    c->on_reply = on_probe;
    c->arg = lane;
    lane->probe = c;
    call_go(c);
}

static void on_tick(void *arg)
{
    struct kube *k = arg;

    login_look(k->login);
    for (size_t i = 0; i < N_KUBE_LANES; i++)
        lane_look(&k->lanes[i], loop_now_ms());
    loop_timer_set(k->tick, TICK_MS);
}

struct kube *kube_new_over(struct loop *l, struct kube_config *cfg, struct http_transport *const lanes[N_KUBE_LANES])
{
    struct kube *k = xcalloc(1, sizeof(*k));

    k->loop = l;
    k->cfg = cfg;
    k->login = login_new(l, cfg, on_login, k);
    TAILQ_INIT(&k->calls);
    for (size_t i = 0; i < N_KUBE_LANES; i++)
        k->lanes[i] = (struct lane){ .kube = k, .http = lanes[i] };
    k->abort = loop_timer_new(l, on_abort, k);
    k->tick = loop_timer_new(l, on_tick, k);
    loop_timer_set(k->tick, TICK_MS);
    return k;
}

struct kube *kube_new(struct loop *l, struct kube_config *cfg, struct err *e)
{
    static const struct http_limits limits[N_KUBE_LANES] = {
        [KUBE_LANE_MAIN] = { MAIN_CALLS, MAIN_CONNECTIONS },
    };
    struct http_transport *lanes[N_KUBE_LANES];

    (void)e;
    for (size_t i = 0; i < N_KUBE_LANES; i++)
        lanes[i] = http_new(l, &limits[i]);
    return kube_new_over(l, cfg, lanes);
}

void kube_free(struct kube *k)
{
    struct kube_call *c;

    if (!k)
        return;
    while ((c = TAILQ_FIRST(&k->calls)) != NULL)
        kube_cancel(c);
    for (size_t i = 0; i < N_KUBE_LANES; i++)
        k->lanes[i].http->free(k->lanes[i].http);
    loop_timer_free(k->tick);
    loop_timer_free(k->abort);
    free(k->abort_why);
    login_free(k->login);
    kube_config_free(k->cfg);
    free(k->counts);
    free(k);
}
