#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/http.h"
#include "script_server.h"

enum { MAX_BYTES = 1000, N_CALLS = 12 };

struct fixture {
    struct loop *loop;
    struct http_transport *http;
    struct script_server server;
    struct loop_timer *guard, *timer;
    struct http_call *calls[N_CALLS];
    int n_done, n_wanted, n_data;
    bool timed_out, cancels, stops;
    int status;
    int32_t retry_after_ms;
    struct err err;
    struct buf body;
};

static void on_guard(void *arg)
{
    struct fixture *f = arg;

    f->timed_out = true;
    loop_stop(f->loop);
}

static void on_done(void *arg, const struct http_reply *r)
{
    struct fixture *f = arg;

    f->status = r->status;
    f->retry_after_ms = r->retry_after_ms;
    f->err = r->err;
    buf_str(&f->body, r->body);
    assert_int_equal(strlen(r->body), r->len);
    if (++f->n_done >= f->n_wanted)
        loop_stop(f->loop);
}

static bool on_data(void *arg, const char *data, size_t len)
{
    struct fixture *f = arg;

    f->n_data++;
    assert_true(buf_add(&f->body, data, len));
    if (f->cancels) {
        f->http->cancel(f->http, f->calls[0]);
        loop_timer_set(f->timer, 20);
    }
    return !f->stops;
}

static void on_timer(void *arg)
{
    struct fixture *f = arg;

    loop_stop(f->loop);
}

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){ .loop = loop_new(), .n_wanted = 1 };
    f.http = http_new(f.loop, &(struct http_limits){ 0, 0 });
    f.guard = loop_timer_new(f.loop, on_guard, &f);
    f.timer = loop_timer_new(f.loop, on_timer, &f);
    buf_init(&f.body, 100000);
    loop_timer_set(f.guard, 20000);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->http->free(f->http);
    script_server_done(&f->server);
    loop_timer_free(f->guard);
    loop_timer_free(f->timer);
    loop_free(f->loop);
    buf_done(&f->body);
    return 0;
}

static struct http_request request(struct fixture *f)
{
    return (struct http_request){
        .method = "GET", .url = f->server.url, .max_bytes = MAX_BYTES, .on_done = on_done, .arg = f
    };
}

static void run(struct fixture *f)
{
    loop_run(f->loop);
    assert_false(f->timed_out);
}

#define SCRIPT(text, ...) { text, sizeof(text) - 1, __VA_ARGS__ }
#define OK_ "HTTP/1.1 200 OK\r\n"

static const struct row {
    const char *name;
    struct script script;
    int status;
    enum err_kind kind;
    const char *body;
    int32_t retry_after_ms;
    const char *why; /* part of the message */
    bool streams;
} rows[] = {
    { "a body of known length", SCRIPT(OK_ "Content-Length: 5\r\n\r\nhello", 0, KEEP), 200, ERR_NONE, "hello", 0, "", false },
    { "a body in chunks, byte by byte", SCRIPT(OK_ "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 1, KEEP),
      200, ERR_NONE, "hello", 0, "", false },
    { "a body that ends with the connection", SCRIPT(OK_ "\r\nhello", 0, CLOSE), 200, ERR_NONE, "hello", 0, "", false },
    { "a streamed body, byte by byte", SCRIPT(OK_ "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 1, KEEP),
      200, ERR_NONE, "hello", 0, "", true },
    { "the body of an error is never streamed", SCRIPT("HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nbad", 0, KEEP), 500, ERR_NONE,
      "bad", 0, "", true },
    { "no content", SCRIPT("HTTP/1.1 204 No Content\r\n\r\n", 0, KEEP), 204, ERR_NONE, "", 0, "", false },
    { "gzip", SCRIPT(OK_ "Content-Encoding: gzip\r\nContent-Length: 35\r\n\r\n"
             "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\xce\xcc\x4b\x51\xb2\x52\xf2\xc9\x2c\x2e\x51\xaa\x05\x00\xc1\x7f"
             "\xfa\x0a\x0f\x00\x00\x00", 1, KEEP), 200, ERR_NONE, "{\"kind\":\"List\"}", 0, "", false },
    { "gzip of more than the maximum", SCRIPT(OK_ "Content-Encoding: gzip\r\nContent-Length: 40\r\n\r\n"
             "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xf5\x4f\x6d\x0a\x3f\xa0\x00\x00\x00\x00"
             "\x80\xb7\x01\xa8\x0e\xe5\xd8\x88\x13\x00\x00", 0, KEEP), 200, ERR_RETRY, "", 0, "too long", false },
    { "broken gzip", SCRIPT(OK_ "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", 0, KEEP), 200, ERR_RETRY, "", 0, "", false },
    { "Retry-After in seconds", SCRIPT("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", 0, KEEP), 429, ERR_NONE,
      "", 7000, "", false },
    { "Retry-After as a date is a second", SCRIPT("HTTP/1.1 503 No\r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n", 0, KEEP),
      503, ERR_NONE, "", 1000, "", false },
    { "Retry-After has its limit", SCRIPT("HTTP/1.1 503 No\r\nRetry-After:999999\r\nContent-Length: 0\r\n\r\n", 0, KEEP), 503,
      ERR_NONE, "", 3600000, "", false },
    { "a reset within the body", SCRIPT(OK_ "Content-Length: 50\r\n\r\nhello", 0, RESET), 200, ERR_RETRY, "hello", 0, "", false },
    { "an end within the body", SCRIPT(OK_ "Content-Length: 50\r\n\r\nhello", 0, CLOSE), 200, ERR_RETRY, "hello", 0, "", false },
    { "an end within a chunk", SCRIPT(OK_ "Transfer-Encoding: chunked\r\n\r\n9\r\nhello", 0, CLOSE), 200, ERR_RETRY, "hello", 0, "", true },
    { "an end within the headers", SCRIPT(OK_ "Content-Le", 0, CLOSE), 200, ERR_NONE, "", 0, "", false },
    { "no answer at all", SCRIPT("", 0, CLOSE), 0, ERR_RETRY, "", 0, "", false },
    { "not HTTP", SCRIPT("SSH-2.0-OpenSSH_9.2\r\n", 0, CLOSE), 0, ERR_RETRY, "", 0, "", false },
    { "a redirect is not followed", SCRIPT("HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 0, KEEP), 302,
      ERR_NONE, "", 0, "", false },
    { "silence before the answer", SCRIPT("", 0, HANG), 0, ERR_RETRY, "", 0, "no answer", false },
    { "silence within the body", SCRIPT(OK_ "Content-Length: 50\r\n\r\nhello", 0, HANG), 200, ERR_RETRY, "hello", 0, "no end", false },
    { "silence within a stream", SCRIPT(OK_ "Content-Length: 50\r\n\r\nhello", 0, HANG), 200, ERR_RETRY, "hello", 0, "no end", true },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct http_request req;
    struct fixture *f;

    setup(state);
    f = *state;
    script_server_init(&f->server, f->loop, &r->script, 1);
    req = request(f);
    req.total_ms = 200;
    req.on_data = r->streams ? on_data : NULL;
    f->http->send(f->http, &req);
    run(f);
    assert_int_equal(f->status, r->status);
    assert_int_equal(f->err.kind, r->kind);
    assert_string_equal(buf_text(&f->body), r->body);
    assert_int_equal(f->retry_after_ms, r->retry_after_ms);
    assert_non_null(strstr(f->err.msg, r->why));
}

static const struct script hello = SCRIPT(OK_ "Content-Length: 5\r\n\r\nhello", 0, KEEP);
static const struct script hang = SCRIPT(OK_ "Content-Length: 50\r\n\r\nhello", 0, HANG);

static void everything_of_a_request_arrives(void **state)
{
    struct fixture *f = *state;
    const char *headers[] = { "X-One: 1", "Content-Type: a/b", NULL };
    struct http_request req;

    script_server_init(&f->server, f->loop, &hello, 1);
    req = request(f);
    req.method = "PATCH";
    req.headers = headers;
    req.body = "{\"a\":1}";
    req.body_len = 7;
    f->http->send(f->http, &req);
    run(f);
    assert_non_null(strstr(buf_text(&f->server.heard), "PATCH / HTTP/1.1\r\n"));
    assert_non_null(strstr(buf_text(&f->server.heard), "X-One: 1\r\n"));
    assert_non_null(strstr(buf_text(&f->server.heard), "Content-Type: a/b\r\n"));
    assert_non_null(strstr(buf_text(&f->server.heard), "Content-Length: 7\r\n"));
    assert_non_null(strstr(buf_text(&f->server.heard), "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(buf_text(&f->server.heard), "Expect:"));
}

static void a_proxy_is_asked_when_there_is_one(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    script_server_init(&f->server, f->loop, &hello, 1);
    req = request(f);
    req.proxy = f->server.url;
    req.url = "http://kube.example:99/x";
    f->http->send(f->http, &req);
    run(f);
    assert_int_equal(f->status, 200);
    assert_non_null(strstr(buf_text(&f->server.heard), "GET http://kube.example:99/x HTTP/1.1\r\n"));
}

static void the_environments_proxy_is_not_for_loopback(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    script_server_init(&f->server, f->loop, &hello, 1);
    req = request(f);
    f->http->send(f->http, &req);
    run(f);
    unsetenv("http_proxy");
    assert_int_equal(f->status, 200);
}

static void nobody_listens(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    script_server_init(&f->server, f->loop, &hello, 1);
    req = request(f);
    req.url = "http://127.0.0.1:1";
    f->http->send(f->http, &req);
    run(f);
    assert_int_equal(f->err.kind, ERR_RETRY);
    assert_int_equal(f->status, 0);
    assert_non_null(strstr(f->err.msg, "127.0.0.1"));
}

static void only_http_is_spoken(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    script_server_init(&f->server, f->loop, &hello, 1);
    req = request(f);
    req.url = "file:///etc/passwd";
    f->http->send(f->http, &req);
    run(f);
    assert_int_equal(f->err.kind, ERR_RETRY);
    assert_string_equal(buf_text(&f->body), "");
}

static void a_stream_may_be_given_up(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    script_server_init(&f->server, f->loop, &hang, 1);
    req = request(f);
    req.on_data = on_data;
    f->stops = true;
    f->http->send(f->http, &req);
    run(f);
    assert_int_equal(f->n_data, 1);
    assert_int_equal(f->err.kind, ERR_RETRY);
    assert_non_null(strstr(f->err.msg, "given up"));
}

static void a_stream_may_be_cancelled_from_within(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    script_server_init(&f->server, f->loop, &hang, 1);
    req = request(f);
    req.on_data = on_data;
    f->cancels = true;
    f->calls[0] = f->http->send(f->http, &req);
    run(f);
    assert_int_equal(f->n_data, 1);
    assert_int_equal(f->n_done, 0);
}

static void a_cancelled_call_is_never_heard_of_again(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    script_server_init(&f->server, f->loop, &hello, 1);
    req = request(f);
    f->calls[0] = f->http->send(f->http, &req);
    f->http->cancel(f->http, f->calls[0]);
    f->http->send(f->http, &req);
    run(f);
    loop_timer_set(f->timer, 20);
    run(f);
    assert_int_equal(f->n_done, 1);
    assert_int_equal(f->server.n_requests, 1);
}

static void calls_under_way_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    f->http->free(f->http);
    f->http = http_new(f->loop, &(struct http_limits){ 2, 8 });
    script_server_init(&f->server, f->loop, &hello, 1);
    req = request(f);
    f->n_wanted = N_CALLS;
    for (int i = 0; i < N_CALLS; i++)
        f->http->send(f->http, &req);
    run(f);
    assert_int_equal(f->n_done, N_CALLS);
    assert_in_range(f->server.max_conns, 1, 2);
}

static void connections_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    f->http->free(f->http);
    f->http = http_new(f->loop, &(struct http_limits){ 0, 3 });
    script_server_init(&f->server, f->loop, &hello, 1);
    req = request(f);
    f->n_wanted = N_CALLS;
    for (int i = 0; i < N_CALLS; i++)
        f->http->send(f->http, &req);
    run(f);
    assert_int_equal(f->n_done, N_CALLS);
    assert_in_range(f->server.max_conns, 1, 3);
}

static void streams_do_not_wait_for_each_other(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    script_server_init(&f->server, f->loop, &hang, 1);
    req = request(f);
    req.total_ms = 300;
    req.on_data = on_data;
    f->n_wanted = N_CALLS;
    for (int i = 0; i < N_CALLS; i++)
        f->http->send(f->http, &req);
    run(f);
    assert_int_equal(f->n_data, N_CALLS);
    assert_int_equal(f->server.max_conns, N_CALLS);
}

static void a_stream_is_answered_or_given_up(void **state)
{
    static const struct script nothing = SCRIPT("", 0, HANG);
    const struct script *scripts[] = { &nothing, &hang };

    for (size_t i = 0; i < COUNT(scripts); i++) {
        struct fixture *f;
        struct http_request req;

        if (i) {
            teardown(state);
            setup(state);
        }
        f = *state;
        script_server_init(&f->server, f->loop, scripts[i], 1);
        req = request(f);
        req.on_data = on_data;
        req.answer_ms = 100;
        req.total_ms = i ? 400 : 60000;
        f->http->send(f->http, &req);
        run(f);
        assert_int_equal(f->status, i ? 200 : 0); /* an answer may be followed by silence */
        assert_int_equal(f->err.kind, ERR_RETRY);
        assert_non_null(strstr(f->err.msg, i ? "no end" : "no answer"));
    }
}

static void quiet_connections_can_be_cut(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    script_server_init(&f->server, f->loop, &hang, 1);
    assert_int_equal(f->http->quiet_ms(f->http), -1);
    req = request(f);
    f->http->send(f->http, &req);
    loop_timer_set(f->timer, 100);
    run(f);
    assert_in_range(f->http->quiet_ms(f->http), 1, 10000);
    f->http->cut(f->http, 60000);
    loop_timer_set(f->timer, 20);
    run(f);
    assert_int_equal(f->n_done, 0);
    f->http->cut(f->http, 1);
    run(f);
    assert_int_equal(f->n_done, 1);
    assert_int_equal(f->err.kind, ERR_RETRY);
}

static void free_ends_calls_under_way(void **state)
{
    struct fixture *f = *state;
    struct http_request req;

    script_server_init(&f->server, f->loop, &hang, 1);
    req = request(f);
    req.total_ms = 10000;
    f->http->send(f->http, &req);
    loop_timer_set(f->timer, 50);
    run(f);
    f->http->send(f->http, &req);
    assert_int_equal(f->n_done, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest plain[] = {
        T(everything_of_a_request_arrives),
        T(a_proxy_is_asked_when_there_is_one),
        T(the_environments_proxy_is_not_for_loopback),
        T(nobody_listens),
        T(only_http_is_spoken),
        T(a_stream_may_be_given_up),
        T(a_stream_may_be_cancelled_from_within),
        T(a_cancelled_call_is_never_heard_of_again),
        T(calls_under_way_are_bounded),
        T(connections_are_bounded),
        T(streams_do_not_wait_for_each_other),
        T(a_stream_is_answered_or_given_up),
        T(quiet_connections_can_be_cut),
        T(free_ends_calls_under_way),
    };
    struct CMUnitTest tests[COUNT(plain) + COUNT(rows)];

    memcpy(tests, plain, sizeof(plain));
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[COUNT(plain) + i] = (struct CMUnitTest){ rows[i].name, check, NULL, teardown, (void *)&rows[i] };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
