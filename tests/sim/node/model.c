#include "sim/node/model.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "loop/loop.h"

#define SLOW_START_MS 20000
#define MAX_SLOW_MS 600000

struct model {
    struct loop *loop;
    struct evhttp *http;
    struct evhttp_bound_socket *door;
    const char *tag;
    char pod[256];
    int64_t ready_at_ms;
    int64_t requests;
    int in_flight;
    bool is_stopping;
};

struct slow {
    struct model *m;
    struct evhttp_request *req;
    struct loop_timer *timer;
};

static bool is_ready(const struct model *m)
{
    return !str_has_prefix(m->tag, "unready") && loop_now_ms() >= m->ready_at_ms;
}

static void sent(struct evhttp_request *req, void *arg)
{
    struct model *m = arg;

    (void)req;
    if (--m->in_flight == 0 && m->is_stopping)
        loop_stop(m->loop);
}

static void answer(struct model *m, struct evhttp_request *req)
{
    struct evbuffer *body = evbuffer_new();
    bool ready = is_ready(m);

    evbuffer_add_printf(body, "{\"pod\":\"%s\",\"tag\":\"%s\",\"ready\":%s,\"requests\":%lld}\n", m->pod, m->tag,
                        ready ? "true" : "false", (long long)m->requests);
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "application/json");
    evhttp_request_set_on_complete_cb(req, sent, m);
    evhttp_send_reply(req, ready ? 200 : 503, ready ? "OK" : "Service Unavailable", body);
    evbuffer_free(body);
}

static void on_slow(void *arg)
{
    AUTO_FREE struct slow *s = arg;

    loop_timer_free(s->timer);
    answer(s->m, s->req);
}

static int64_t slow_ms(const struct evhttp_uri *uri)
{
    struct evkeyvalq query;
    const char *path = evhttp_uri_get_path(uri), *text = evhttp_uri_get_query(uri);
    int64_t ms = 0;

    if (!str_eq(path, "/slow") || !text || evhttp_parse_query_str(text, &query) < 0)
        return 0;
    const char *value = evhttp_find_header(&query, "ms");
    if (!value || !str_to_int(value, 0, MAX_SLOW_MS, &ms))
        ms = 0;
    evhttp_clear_headers(&query);
    return ms;
}

static void metrics(struct model *m, struct evhttp_request *req)
{
    struct evbuffer *body = evbuffer_new();

    evbuffer_add_printf(body, "# TYPE model_requests_total counter\nmodel_requests_total %lld\n"
                        "# TYPE model_requests_in_flight gauge\nmodel_requests_in_flight %d\n", (long long)m->requests, m->in_flight);
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "text/plain; version=0.0.4");
    evhttp_send_reply(req, 200, "OK", body);
    evbuffer_free(body);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct model *m = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);

    if (str_eq(evhttp_uri_get_path(uri), "/metrics")) {
        metrics(m, req);
        return;
    }
    int64_t ms = slow_ms(uri);
    m->requests++;
    m->in_flight++;
    if (m->is_stopping)
        evhttp_add_header(evhttp_request_get_output_headers(req), "Connection", "close");
    if (ms == 0) {
        answer(m, req);
        return;
    }
    struct slow *s = xcalloc(1, sizeof(*s));
    *s = (struct slow){ m, req, loop_timer_new(m->loop, on_slow, s) };
    loop_timer_set(s->timer, ms);
}

static void on_term(void *arg)
{
    struct model *m = arg;

    if (m->is_stopping)
        return;
    m->is_stopping = true;
    evhttp_del_accept_socket(m->http, m->door);
    if (m->in_flight == 0)
        loop_stop(m->loop);
}

static int serve(struct model *m, int port)
{
    m->loop = loop_new();
    m->http = evhttp_new(loop_base(m->loop));
    m->door = evhttp_bind_socket_with_handle(m->http, "0.0.0.0", (uint16_t)port);
    if (!m->door) {
        fprintf(stderr, "model-server: port %d is taken\n", port);
        return 1;
    }
    if (gethostname(m->pod, sizeof(m->pod) - 1) < 0)
        m->pod[0] = 0;
    m->ready_at_ms = loop_now_ms() + (str_has_prefix(m->tag, "slow") ? SLOW_START_MS : 0);
    evhttp_set_gencb(m->http, on_request, m);
    loop_on_signal(m->loop, SIGTERM, on_term, m);
    loop_on_signal(m->loop, SIGINT, on_term, m);
    printf("model server %s listens on %d\n", m->tag, port);
    fflush(stdout);
    loop_run(m->loop);
    evhttp_free(m->http);
    loop_free(m->loop);
    return 0;
}

int model_main(int argc, char **argv)
{
    static const struct option options[] = { { "port", required_argument, NULL, 'p' }, { "tag", required_argument, NULL, 't' },
                                             { "once", no_argument, NULL, 'o' }, { 0 } };
    struct model m = { .tag = "latest" };
    int64_t port = 8080;
    bool once = false;
    int opt;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (opt == 't')
            m.tag = optarg;
        else if (opt == 'o')
            once = true;
        else if (opt != 'p' || !str_to_int(optarg, 1, 65535, &port))
            return 2;
    }
    if (str_has_prefix(m.tag, "crash")) {
        fprintf(stderr, "model-server: tag %s asks for a crash\n", m.tag);
        return 1;
    }
    return once ? 0 : serve(&m, (int)port);
}
