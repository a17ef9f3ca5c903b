#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <event2/event.h>

#include "../http/script_server.h"
#include "kube/config_impl.h"
#include "kube/client_impl.h"
#include "kube/watch_impl.h"

/* What the handler heard, as text: "[" a list begins, "]" it is complete, "+a" "~a" "-a" objects,
 * "!" trouble. The test ends when the text has grown to what is wanted. */
struct fixture {
    struct loop *loop;
    struct kube *kube;
    struct kube_watch *watch;
    struct script_server server;
    struct loop_timer *guard;
    bool timed_out;
    struct buf trace;
    size_t want_len;
    const char *free_at; /* frees the watch when the trace ends with this */
    struct err trouble;
};

static void note(struct fixture *f, const char *what, const char *name)
{
    buf_str(&f->trace, what);
    buf_str(&f->trace, name);
    if (f->free_at && strcmp(what, f->free_at) == 0)
        kube_watch_free(TAKE(f->watch));
    if (f->trace.len >= f->want_len)
        loop_stop(f->loop);
}

static void on_object(void *arg, enum kube_event ev, const cJSON *obj)
{
    assert_string_equal(json_get_str(obj, "kind"), "Thing");
    note(arg, ev == KUBE_ADDED ? "+" : ev == KUBE_MODIFIED ? "~" : "-", json_get_str(obj, "metadata.name"));
}

static void on_list_start(void *arg)
{
    note(arg, "[", "");
}

static void on_listed(void *arg)
{
    note(arg, "]", "");
}

static void on_trouble(void *arg, const struct err *e)
{
    struct fixture *f = arg;

    f->trouble = *e;
    note(f, "!", "");
}

static void on_guard(void *arg)
{
    struct fixture *f = arg;

    f->timed_out = true;
    loop_stop(f->loop);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    kube_watch_free(f->watch);
    kube_free(f->kube);
    script_server_done(&f->server);
    loop_timer_free(f->guard);
    loop_free(f->loop);
    buf_done(&f->trace);
    free(f);
    return 0;
}

static void begin(void **state, const struct script *scripts, size_t n, const char *want)
{
    static const struct kube_watch_handler handler = { on_object, on_list_start, on_listed, on_trouble };
    static const struct kube_watch_opts opts = { "/apis/g/v1/things", "a=b,c in (d)", NULL };
    struct kube_config *cfg = xcalloc(1, sizeof(*cfg));
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err e;

    *state = f;
    f->loop = loop_new();
    f->guard = loop_timer_new(f->loop, on_guard, f);
    loop_timer_set(f->guard, 20000);
    buf_init(&f->trace, 10000);
    f->want_len = strlen(want);
    script_server_init(&f->server, f->loop, scripts, n);
    cfg->server = xstrdup(f->server.url);
    f->kube = kube_new(f->loop, cfg, &e);
    f->watch = kube_watch_new(f->kube, &opts, &handler, f);
    kube_watch_hurry(f->watch, 100);
    assert_false(kube_watch_is_synced(f->watch));
}

#define OBJ(name, rv) "{\"kind\":\"Thing\",\"apiVersion\":\"g/v1\",\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" rv "\"}}"
#define EV(type, name, rv) "{\"type\":\"" type "\",\"object\":" OBJ(name, rv) "}\n"
#define MARK(rv, more) \
    "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Thing\",\"metadata\":{\"resourceVersion\":\"" rv "\"" more "}}}\n"
#define END(rv) MARK(rv, ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}")
#define ERROR_EV(code, reason) "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":" code ",\"reason\":\"" reason "\",\"message\":\"m\"}}\n"
#define OK_ "HTTP/1.1 200 OK\r\n\r\n"
#define NO(status) { "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n", 0, 0, KEEP }
#define PAGE(rv, more, items) \
    { OK_ "{\"kind\":\"ThingList\",\"apiVersion\":\"g/v1\",\"metadata\":{\"resourceVersion\":\"" rv "\"" more "}," \
          "\"items\":[" items "]}", \
      0, 0, CLOSE }
#define ITEM(name, rv) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" rv "\"}}"
#define STREAM(text, end) { OK_ text, 0, 0, end }

enum { N_SCRIPTS = 6 };

static const struct row {
    const char *name;
    struct script scripts[N_SCRIPTS];
    const char *trace;
    const char *heard[3]; /* parts of what the server was asked */
    const char *unheard;
} rows[] = {
    { "a streaming list becomes a watch",
      { STREAM(EV("ADDED", "b", "7") EV("ADDED", "a", "3") END("9") EV("MODIFIED", "a", "10") MARK("12", "") EV("DELETED", "b", "13"), HANG) },
      "[+b+a]~a-b", { "sendInitialEvents=true", "resourceVersionMatch=NotOlderThan", "labelSelector=a%3Db%2Cc%20in%20%28d%29" },
      "&resourceVersion=" },
    { "a bookmark of the initial list does not end it",
      { STREAM(EV("ADDED", "b", "7") MARK("8", "") EV("ADDED", "a", "3") END("9"), HANG) }, "[+b+a]", { "" }, "&resourceVersion=" },
    { "a server without streaming lists gives pages",
      { NO("422 Unprocessable"), PAGE("5", ",\"continue\":\"t/1\"", ITEM("a", "1")), PAGE("5", "", ITEM("b", "2")),
        STREAM(EV("MODIFIED", "b", "8"), HANG) },
      "[[+a+b]~b", { "limit=100", "continue=t%2F1", "&resourceVersion=5" }, NULL },
    { "pages are asked for without a version, or limit would not count",
      { NO("400 Bad"), PAGE("5", "", ITEM("a", "1")), STREAM("", HANG) }, "[[+a]", { "limit=100" }, "resourceVersion=0" },
    { "a server whose streaming list never ends gives pages",
      { STREAM(EV("ADDED", "a", "1"), HANG), PAGE("5", "", ITEM("a", "1")), STREAM(EV("ADDED", "b", "8"), HANG) }, "[+a[+a]+b",
      { "limit=100", "&resourceVersion=5" }, NULL },
    { "410 on continue starts over",
      { NO("422 Unprocessable"), PAGE("5", ",\"continue\":\"t1\"", ITEM("a", "1")), NO("410 Gone"), PAGE("6", "", ITEM("a", "1")),
        STREAM(EV("ADDED", "b", "8"), HANG) },
      "[[+a[+a]+b", { "&resourceVersion=6" }, NULL },
    { "a stream that ends is opened again where it was",
      { STREAM(END("9") EV("ADDED", "a", "10"), CLOSE), STREAM(EV("ADDED", "b", "11"), HANG) }, "[]+a!+b", { "&resourceVersion=10" }, NULL },
    { "bookmarks move the place on", { STREAM(END("9") MARK("77", ""), CLOSE), STREAM(EV("ADDED", "b", "78"), HANG) }, "[]!+b",
      { "&resourceVersion=77" }, NULL },
    { "older versions do not move the place back",
      { STREAM(END("100") EV("ADDED", "a", "99"), RESET), STREAM(EV("ADDED", "b", "101"), HANG) }, "[]+a!+b", { "&resourceVersion=100" }, NULL },
    { "410 as an event of a good stream lists again",
      { STREAM(END("9") ERROR_EV("410", "Expired"), HANG), STREAM(EV("ADDED", "a", "20") END("21"), HANG) }, "[][+a]", { "" },
      "&resourceVersion=" },
    { "410 as a status lists again",
      { STREAM(END("9") EV("ADDED", "a", "10"), CLOSE), NO("410 Gone"), STREAM(EV("ADDED", "a", "20") END("21"), HANG) }, "[]+a![+a]",
      { "&resourceVersion=10" }, NULL },
    { "a version that the server has never seen lists again",
      { STREAM(END("900") EV("ADDED", "a", "901"), CLOSE),
        { "HTTP/1.1 504 Timeout\r\n\r\n{\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\"}]}}", 0, 0, CLOSE },
        STREAM(END("21"), HANG) },
      "[]+a![]", { "&resourceVersion=901" }, NULL },
    { "429 keeps the place",
      { STREAM(END("9") EV("ADDED", "a", "10"), CLOSE), { "HTTP/1.1 429 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", 0, 0, KEEP },
        STREAM(EV("ADDED", "b", "11"), HANG) },
      "[]+a!!+b", { "&resourceVersion=10" }, NULL },
    { "an event that is nonsense lists again",
      { STREAM(END("9") "{\"type\":\"ADDED\",\"object\":7}\n", HANG), STREAM(END("10"), HANG) }, "[]![]", { "" }, "&resourceVersion=" },
    { "an end within an event loses nothing",
      { STREAM(END("9") "{\"type\":\"ADDED\",\"obj", CLOSE), STREAM(EV("ADDED", "a", "10"), HANG) }, "[]!+a", { "&resourceVersion=9" }, NULL },
    { "an end within the initial list begins it anew",
      { STREAM(EV("ADDED", "a", "1"), CLOSE), STREAM(EV("ADDED", "a", "1") END("2"), HANG) }, "[+a![+a]", { "" }, "&resourceVersion=" },
    { "a page that is no list is trouble", { NO("422 No"), PAGE("", "", ""), PAGE("5", "", ""), STREAM("", HANG) }, "[[![]", { "" }, NULL },
    { "types of the future are passed over", { STREAM(END("9") "{\"type\":\"RENAMED\"}\n" EV("ADDED", "a", "10"), HANG) }, "[]+a", { "" }, NULL },
};

static void run(struct fixture *f)
{
    loop_run(f->loop);
    if (f->timed_out)
        fail_msg("heard only: %s", buf_text(&f->trace));
}

static size_t count_scripts(const struct row *r)
{
    size_t n = 0;

    while (n < N_SCRIPTS && r->scripts[n].text)
        n++;
    return n;
}

static void check(void **state)
{
    const struct row *r = *state;
    struct fixture *f;

    begin(state, r->scripts, count_scripts(r), r->trace);
    f = *state;
    run(f);
    assert_string_equal(buf_text(&f->trace), r->trace);
    for (size_t i = 0; i < COUNT(r->heard) && r->heard[i]; i++)
        assert_non_null(strstr(buf_text(&f->server.heard), r->heard[i]));
    if (r->unheard)
        assert_null(strstr(buf_text(&f->server.heard), r->unheard));
    assert_true(kube_watch_is_synced(f->watch));
}

static void the_stream_may_arrive_byte_by_byte(void **state)
{
    static const struct script one = { OK_ EV("ADDED", "\xc3\xa4\xf0\x9f\x90\xb3", "7") END("9") EV("DELETED", "x", "10"), 0, 1, HANG };
    struct fixture *f;

    begin(state, &one, 1, "[+\xc3\xa4\xf0\x9f\x90\xb3]-x");
    f = *state;
    run(f);
    assert_string_equal(buf_text(&f->trace), "[+\xc3\xa4\xf0\x9f\x90\xb3]-x");
}

static void a_big_event_arrives_whole(void **state)
{
    enum { BIG = 1500 * 1000 };
    static const char head[] = OK_ "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Thing\",\"metadata\":"
                                   "{\"name\":\"a\",\"resourceVersion\":\"1\",\"x\":\"";
    static const char tail[] = "\"}}}\n" END("9");
    static char text[sizeof(head) + BIG + sizeof(tail)];
    static const struct script one = { text, 0, 16384, HANG };
    struct fixture *f;

    memcpy(text, head, sizeof(head) - 1);
    memset(text + sizeof(head) - 1, 'x', BIG);
    memcpy(text + sizeof(head) - 1 + BIG, tail, sizeof(tail));
    begin(state, &one, 1, "[+a]");
    f = *state;
    run(f);
    assert_string_equal(buf_text(&f->trace), "[+a]");
}

static void pages_that_do_not_fit_are_asked_for_smaller(void **state)
{
    enum { BIG = 8 * 1024 * 1024 + 1 };
    static const char head[] = OK_ "{\"x\":\"";
    static char text[sizeof(head) + BIG];
    static const struct script scripts[] = {
        NO("422 No"), { text, 0, 1 << 20, CLOSE }, PAGE("5", "", ITEM("a", "1")), STREAM("", HANG)
    };
    struct fixture *f;

    memcpy(text, head, sizeof(head) - 1);
    memset(text + sizeof(head) - 1, 'x', BIG);
    begin(state, scripts, COUNT(scripts), "[[![+a]");
    f = *state;
    run(f);
    assert_string_equal(buf_text(&f->trace), "[[![+a]");
    assert_non_null(strstr(f->trouble.msg, "too long"));
    assert_non_null(strstr(buf_text(&f->server.heard), "limit=50"));
}

static const struct free_row {
    const char *name, *at;
    struct script scripts[3];
} free_rows[] = {
    { "the handler may free the watch when a list begins", "[", { STREAM(END("9"), HANG) } },
    { "or with an object of a stream", "+", { STREAM(EV("ADDED", "a", "1") END("9"), HANG) } },
    { "or when the list is complete", "]", { STREAM(END("9") EV("ADDED", "a", "10"), HANG) } },
    { "or with an object of a page", "+", { NO("422 No"), PAGE("5", "", ITEM("a", "1")) } },
    { "or in trouble", "!", { NO("500 Oh") } },
    { "or in trouble with a stream", "!", { STREAM(END("9") "{}\n", HANG) } },
};

static void check_free(void **state)
{
    const struct free_row *r = *state;
    struct fixture *f;

    begin(state, r->scripts, r->scripts[1].text ? 2 : 1, "0123456789");
    f = *state;
    f->free_at = r->at;
    loop_timer_set(f->guard, 300);
    loop_run(f->loop);
    assert_null(f->watch);
    assert_true(f->trace.len >= 1);
}

/* A transport that only looks at what it is asked for. */
static struct asked {
    int n;
    long for_s;
    int32_t total_ms, answer_ms;
} asked;

static struct http_call *look(struct http_transport *t, const struct http_request *req)
{
    const char *at = strstr(req->url, "timeoutSeconds=");

    (void)t;
    asked = (struct asked){ asked.n + 1, at ? strtol(at + 15, NULL, 10) : 0, req->total_ms, req->answer_ms };
    return (struct http_call *)&asked;
}

static void look_away(struct http_transport *t, struct http_call *c)
{
    (void)t;
    (void)c;
}

static int64_t never_quiet(struct http_transport *t)
{
    (void)t;
    return -1;
}

static void cut_nothing(struct http_transport *t, int64_t quiet_ms)
{
    (void)t;
    (void)quiet_ms;
}

static void free_nothing(struct http_transport *t)
{
    (void)t;
}

/* The server's end of a stream may get lost: then ours comes, however much was heard meanwhile. */
static void a_stream_has_an_end_of_its_own(void **state)
{
    static struct http_transport lane = { look, look_away, never_quiet, cut_nothing, free_nothing };
    struct http_transport *lanes[N_KUBE_LANES];
    struct kube_config *cfg = xcalloc(1, sizeof(*cfg));
    struct loop *loop = loop_new();
    struct fixture f = { .loop = loop, .want_len = 100 };
    struct kube_watch *w;
    struct kube *kube;

    (void)state;
    buf_init(&f.trace, 100);
    for (size_t i = 0; i < N_KUBE_LANES; i++)
        lanes[i] = &lane;
    cfg->server = xstrdup("http://fake");
    kube = kube_new_over(loop, cfg, lanes);
    w = kube_watch_new(kube, &(struct kube_watch_opts){ "/apis/g/v1/things", NULL, NULL },
                       &(struct kube_watch_handler){ on_object, on_list_start, on_listed, on_trouble }, &f);
    asked = (struct asked){ 0 };
    for (int i = 0; i < 100 && !asked.n; i++)
        event_base_loop(loop_base(loop), EVLOOP_ONCE);
    assert_int_equal(asked.n, 1);
    assert_in_range(asked.for_s, 290, 580);
    assert_int_equal(asked.total_ms, asked.for_s * 1000 + 10000);
    assert_int_equal(asked.answer_ms, 30000);
    kube_watch_free(w);
    kube_free(kube);
    loop_free(loop);
    buf_done(&f.trace);
}

int main(void)
{
    const struct CMUnitTest plain[] = {
        cmocka_unit_test(a_stream_has_an_end_of_its_own),
        cmocka_unit_test_teardown(the_stream_may_arrive_byte_by_byte, teardown),
        cmocka_unit_test_teardown(a_big_event_arrives_whole, teardown),
        cmocka_unit_test_teardown(pages_that_do_not_fit_are_asked_for_smaller, teardown),
    };
    struct CMUnitTest tests[COUNT(plain) + COUNT(rows) + COUNT(free_rows)];
    size_t n = COUNT(plain);

    memcpy(tests, plain, sizeof(plain));
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, check, NULL, teardown, (void *)&rows[i] };
    for (size_t i = 0; i < COUNT(free_rows); i++)
        tests[n++] = (struct CMUnitTest){ free_rows[i].name, check_free, NULL, teardown, (void *)&free_rows[i] };
    return cmocka_run_group_tests_name("kube watch", tests, NULL, NULL);
}
