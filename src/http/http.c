#include "http/http.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "call.h"

/* One socket that libcurl wants watched. It exists only while a call is on it. */
struct sock {
    LIST_ENTRY(sock) link;
    struct http *http;
    struct event *ev;
    curl_socket_t fd;
    short want;
    int64_t heard_ms;
};

enum speaks { SPEAKS_UNKNOWN, SPEAKS_HTTP1, SPEAKS_HTTP2 };

enum {
    LEARN_MS = 2000,  /* so long is the first TLS call left alone, to learn what the server speaks */
    SHARE_CALLS = 30, /* an HTTP/2 server lets so many calls share a connection, most allow 100 */
};

struct http {
    struct http_transport door; /* first: the handle that others hold */
    struct loop *loop;
    CURLM *multi;
    struct http_limits limits;
    struct loop_timer *curl_timer, *pump_timer;
    TAILQ_HEAD(calls, http_call) waiting, running;
    LIST_HEAD(socks, sock) socks;
    int n_running;
    bool in_curl; /* libcurl is on the stack and must not be entered again */
    enum speaks speaks;
    int64_t first_tls_ms; /* when the call that teaches it was started */
};

static void after_curl(struct http *h);

static void enter_curl(struct http *h, curl_socket_t fd, int events)
{
    int running;

    h->in_curl = true;
    curl_multi_socket_action(h->multi, fd, events, &running);
    h->in_curl = false;
    after_curl(h);
}

static void on_sock(evutil_socket_t fd, short what, void *arg)
{
    struct sock *s = arg;
    int events = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

    if (what & EV_READ)
        s->heard_ms = loop_now_ms();
    enter_curl(s->http, fd, events); /* s may be gone after this */
}

static void sock_free(struct sock *s)
{
    LIST_REMOVE(s, link);
    if (s->ev)
        event_free(s->ev);
    free(s);
}

static void sock_watch(struct sock *s, short want)
{
    if (s->ev && s->want == want)
        return;
    if (s->ev)
        event_free(s->ev);
    s->want = want;
    s->ev = event_new(loop_base(s->http->loop), s->fd, (short)(want | EV_PERSIST), on_sock, s);
    if (!s->ev || event_add(s->ev, NULL) < 0)
        abort();
}

static int curl_wants_sock(CURL *easy, curl_socket_t fd, int what, void *arg, void *sock)
{
    struct http *h = arg;
    struct sock *s = sock;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s)
            sock_free(s);
        return 0;
    }
    if (!s) {
        s = xcalloc(1, sizeof(*s));
        s->http = h;
        s->fd = fd;
        s->heard_ms = loop_now_ms();
        LIST_INSERT_HEAD(&h->socks, s, link);
        curl_multi_assign(h->multi, fd, s);
    }
    sock_watch(s, (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0)));
    return 0;
}

static int curl_wants_timer(CURLM *multi, long ms, void *arg)
{
    struct http *h = arg;

    (void)multi;
    if (ms < 0)
        loop_timer_off(h->curl_timer);
    else
        loop_timer_set(h->curl_timer, ms);
    return 0;
}

static void on_curl_timer(void *arg)
{
    enter_curl(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void learn(struct http *h, enum speaks speaks)
{
    if (h->speaks == speaks)
        return;
    h->speaks = speaks;
    loop_timer_set(h->pump_timer, 0);
}

static size_t on_header(char *line, size_t one, size_t len, void *arg)
{
    struct http_call *c = arg;
    int32_t ms = call_retry_after(line, len);

    (void)one;
    c->answered = true;
    if (ms >= 0)
        c->retry_after_ms = ms;
    if (c->is_tls && len > 6 && memcmp(line, "HTTP/", 5) == 0)
        learn(c->http, line[5] == '2' ? SPEAKS_HTTP2 : SPEAKS_HTTP1);
    return len;
}

static size_t on_body(char *data, size_t one, size_t len, void *arg)
{
    struct http_call *c = arg;
    long status = 0;

    (void)one;
    if (c->dead)
        return len ? 0 : 1;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (c->on_data && status >= 200 && status < 300) {
        c->stopped = !c->on_data(c->arg, data, len);
        return c->stopped || c->dead ? (len ? 0 : 1) : len;
    }
    c->too_long = !buf_add(&c->body, data, len);
    return c->too_long ? 0 : len;
}

/* Takes the call out of libcurl and out of the list it is in. */
static void call_detach(struct http_call *c)
{
    struct http *h = c->http;

    if (c->started) {
        h->in_curl = true;
        curl_multi_remove_handle(h->multi, c->easy);
        h->in_curl = false;
        TAILQ_REMOVE(&h->running, c, link);
        h->n_running--;
    } else {
        TAILQ_REMOVE(&h->waiting, c, link);
    }
    loop_timer_set(h->pump_timer, 0);
}

static void call_finish(struct http_call *c, const char *why)
{
    struct http_reply r = { .retry_after_ms = c->retry_after_ms, .body = buf_text(&c->body), .len = c->body.len };
    long status = 0;

    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    r.status = (int)status;
    r.too_long = c->too_long;
    if (why)
        (void)err_set(&r.err, ERR_RETRY, "%s", why);
    call_detach(c);
    if (!c->dead)
        c->on_done(c->arg, &r);
    call_free(c);
}

static const char *why_failed(const struct http_call *c, CURLcode rc)
{
    if (rc == CURLE_OK)
        return NULL;
    if (c->too_long)
        return "the reply is too long";
    if (c->stopped)
        return "the stream was given up";
    return c->why[0] ? c->why : curl_easy_strerror(rc);
}

/* libcurl is off the stack: now calls may end, be freed and be started. */
static void after_curl(struct http *h)
{
    struct http_call *c, *next;
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
        CURLcode rc = m->data.result;
        CURL *easy = m->easy_handle;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
        call_finish(c, why_failed(c, rc));
    }
    for (c = TAILQ_FIRST(&h->running); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->dead) {
            call_detach(c);
            call_free(c);
        }
    }
}

/* A stream of a connection that others are on, as far as is known? */
static bool may_share(const struct http *h, const struct http_call *c)
{
    return c->is_tls && h->speaks != SPEAKS_HTTP1;
}

static void call_start(struct http_call *c)
{
    struct http *h = c->http;

    TAILQ_REMOVE(&h->waiting, c, link);
    TAILQ_INSERT_TAIL(&h->running, c, link);
    h->n_running++;
    c->started = true;
    /* Until it is known whether the first connection multiplexes, no second one is opened. Over HTTP/1 libcurl would
     * hold the call back while any other connection is being made, without a limit of time. */
    curl_easy_setopt(c->easy, CURLOPT_PIPEWAIT, may_share(h, c) ? 1L : 0L);
    curl_multi_add_handle(h->multi, c->easy);
}

/*
 * How many connections libcurl may open. Left alone it opens one for each call that the first
 * HTTP/2 connection has no room for. A call that waits inside libcurl for a connection waits until
 * another call ends: with watches, for minutes. So the limit grows with the calls.
 */
static long connections_for(const struct http *h, const struct http_call *c)
{
    return may_share(h, c) ? 1 + (h->n_running + 1) / SHARE_CALLS : h->limits.max_connections;
}

/* Over HTTP/1 a call is a connection: what there is none for waits here, where its time counts, not inside libcurl. */
static bool is_full(const struct http *h, const struct http_call *c)
{
    const struct http_limits *l = &h->limits;

    return (l->max_calls && h->n_running >= l->max_calls) ||
           (l->max_connections && !may_share(h, c) && h->n_running >= l->max_connections);
}

/* 0: the call may start; else how long it waits for the first one to teach us the protocol. */
static int64_t lesson_left_ms(struct http *h, const struct http_call *c)
{
    int64_t now = loop_now_ms();

    if (!c->is_tls || h->speaks != SPEAKS_UNKNOWN)
        return 0;
    if (h->n_running == 0)
        h->first_tls_ms = now;
    if (h->first_tls_ms + LEARN_MS > now)
        return h->n_running == 0 ? 0 : h->first_tls_ms + LEARN_MS - now;
    h->speaks = SPEAKS_HTTP1;
    return 0;
}

static void pump(void *arg)
{
    struct http *h = arg;
    struct http_call *c;
    int64_t wait_ms;

    while ((c = TAILQ_FIRST(&h->waiting)) != NULL && !is_full(h, c)) {
        wait_ms = lesson_left_ms(h, c);
        if (wait_ms > 0) {
            loop_timer_set(h->pump_timer, wait_ms);
            return;
        }
        curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections_for(h, c));
        call_start(c);
    }
}

static void cut_quiet(struct http_transport *t, int64_t quiet_ms)
{
    struct http *h = (struct http *)t;
    int64_t now = loop_now_ms();
    struct sock *s;

    /* Shut down, not closed: libcurl then reads the end itself and fails every call on it. */
    LIST_FOREACH(s, &h->socks, link)
        if (now - s->heard_ms >= quiet_ms)
            shutdown(s->fd, SHUT_RDWR);
}

static int64_t longest_quiet(struct http_transport *t)
{
    struct http *h = (struct http *)t;
    int64_t now = loop_now_ms(), max = -1;
    struct sock *s;

    LIST_FOREACH(s, &h->socks, link)
        if (now - s->heard_ms > max)
            max = now - s->heard_ms;
    return max;
}

static int64_t call_left_ms(const struct http_call *c, int64_t now)
{
    int64_t left = INT64_MAX;

    if (c->total_ms)
        left = c->born_ms + c->total_ms - now;
    if (c->answer_ms && !c->answered && c->born_ms + c->answer_ms - now < left)
        left = c->born_ms + c->answer_ms - now;
    return left;
}

static void on_call_timer(void *arg)
{
    struct http_call *c = arg;
    int64_t now = loop_now_ms(), left = call_left_ms(c, now);
    char why[64];

    if (left > 0) {
        loop_timer_set(c->timer, left);
        return;
    }
    /* A connection that has been without a byte for most of that time is half open: the
     * next call must not be put on it. What was never answered takes only its own with it. */
    if (c->started && !(c->answer_ms && !c->answered))
        cut_quiet(&c->http->door, (now - c->born_ms) / 2);
    snprintf(why, sizeof(why), "no %s within %d s", c->answered ? "end" : "answer", (int)((now - c->born_ms) / 1000));
    call_finish(c, why);
}

static struct http_call *send_call(struct http_transport *t, const struct http_request *req)
{
    struct http *h = (struct http *)t;
    struct http_call *c = call_new(req);

    c->http = h;
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    c->timer = loop_timer_new(h->loop, on_call_timer, c);
    if (c->total_ms || c->answer_ms)
        loop_timer_set(c->timer, call_left_ms(c, c->born_ms));
    TAILQ_INSERT_TAIL(&h->waiting, c, link);
    loop_timer_set(h->pump_timer, 0);
    return c;
}

static void cancel_call(struct http_transport *t, struct http_call *c)
{
    struct http *h = (struct http *)t;

    c->dead = true;
    loop_timer_off(c->timer);
    if (h->in_curl && c->started)
        return;
    call_detach(c);
    call_free(c);
}

static void free_http(struct http_transport *t)
{
    struct http *h = (struct http *)t;
    struct http_call *c;

    while ((c = TAILQ_FIRST(&h->waiting)) || (c = TAILQ_FIRST(&h->running))) {
        call_detach(c);
        call_free(c);
    }
    curl_multi_cleanup(h->multi);
    while (!LIST_EMPTY(&h->socks))
        sock_free(LIST_FIRST(&h->socks));
    loop_timer_free(h->curl_timer);
    loop_timer_free(h->pump_timer);
    free(h);
    curl_global_cleanup();
}

struct http_transport *http_new(struct loop *l, const struct http_limits *limits)
{
    struct http *h = xcalloc(1, sizeof(*h));

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    h->door = (struct http_transport){ send_call, cancel_call, longest_quiet, cut_quiet, free_http };
    h->loop = l;
    h->limits = *limits;
    h->multi = curl_multi_init();
    if (!h->multi)
        abort();
    TAILQ_INIT(&h->waiting);
    TAILQ_INIT(&h->running);
    LIST_INIT(&h->socks);
    h->curl_timer = loop_timer_new(l, on_curl_timer, h);
    h->pump_timer = loop_timer_new(l, pump, h);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, curl_wants_sock);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, curl_wants_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    return &h->door;
}
