#include "sim/apiserver/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/str.h"
#include "json/yaml.h"
#include "sim/apiserver/faults.h"
#include "sim/apiserver/proto.h"
#include "sim/apiserver/table.h"

enum { BODY_MAX = 3 << 20, IDLE_S = 7200 };

void request_free(struct request *q)
{
    for (size_t i = 0; i < q->n_query; i++) {
        free(q->query[i].key);
        free(q->query[i].value);
    }
    cJSON_Delete(q->warnings);
    free(q->uri);
    free(q->path);
    free(q->body);
    free(q->ns);
    free(q->name);
    free(q->sub);
    free(q);
}

const char *request_query(const struct request *q, const char *key)
{
    for (size_t i = 0; i < q->n_query; i++)
        if (strcmp(q->query[i].key, key) == 0)
            return q->query[i].value;
    return NULL;
}

bool request_is_dry(const struct request *q)
{
    return !str_empty(request_query(q, "dryRun"));
}

static const char *header_of(struct request *q, const char *name)
{
    const char *v = evhttp_find_header(evhttp_request_get_input_headers(q->ev), name);

    return v ? v : "";
}

const char *request_media_type(const struct request *q)
{
    static char type[128];
    const char *h = header_of((struct request *)q, "Content-Type");
    size_t n = strcspn(h, "; ");

    if (n >= sizeof(type))
        n = sizeof(type) - 1;
    memcpy(type, h, n);
    type[n] = '\0';
    return type;
}

static int body_yaml(struct request *q, cJSON **out, struct err *e)
{
    AUTO_JSON cJSON *docs = NULL;

    if (yaml_parse(q->body, q->body_len, &docs, e) < 0)
        return -1;
    if (json_count(docs) != 1)
        return err_set(e, ERR_INVALID, "expected one document");
    *out = cJSON_DetachItemFromArray(docs, 0);
    return 0;
}

int request_body(struct request *q, cJSON **out, struct refusal *r)
{
    bool yaml = str_has_suffix(request_media_type(q), "yaml") && q->body && q->body[strspn(q->body, " \t\r\n")] != '{';
    struct err e = { 0 };
    int rc;

    if (!q->body_len)
        return refuse(r, 400, "BadRequest", "the request body is empty");
    if (strcmp(request_media_type(q), PROTO_MEDIA_TYPE) == 0)
        rc = proto_decode(q->body, q->body_len, out, &e);
    else
        rc = yaml ? body_yaml(q, out, &e) : json_parse(q->body, q->body_len, out, &e);
    if (e.kind == ERR_ABSENT)
        return refuse(r, 415, "UnsupportedMediaType", "%s", e.msg);
    if (rc < 0)
        return refuse(r, 400, "BadRequest", "couldn't get version/kind; json parse error: %s", e.msg);
    return 0;
}

/* ---- replies ---- */

void http_drop(struct request *q)
{
    struct evhttp_connection *con = evhttp_request_get_connection(q->ev);
    evutil_socket_t fd = bufferevent_getfd(evhttp_connection_get_bufferevent(con));
    struct linger hard = { 1, 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    evhttp_connection_free(con);
    request_free(q);
}

void http_forget(struct request *q)
{
    /* a connection that failed leaves its unanswered request to us */
    if (!evhttp_request_get_connection(q->ev))
        evhttp_request_free(q->ev);
    request_free(q);
}

struct late {
    struct request *q;
    int code;
    char *type;
    struct evbuffer *body;
    struct loop_timer *timer;
    bool gone;
};

static void send_now(struct request *q, int code, const char *type, struct evbuffer *body)
{
    struct evkeyvalq *out = evhttp_request_get_output_headers(q->ev);
    const cJSON *w;

    if (q->drop_after) {
        http_drop(q);
        return;
    }
    evhttp_add_header(out, "Content-Type", type);
    cJSON_ArrayForEach(w, q->warnings) {
        AUTO_FREE char *text = xasprintf("299 - \"%s\"", w->valuestring);

        evhttp_add_header(out, "Warning", text);
    }
    evhttp_send_reply(q->ev, code, NULL, body);
    request_free(q);
}

static void late_free(struct late *l)
{
    loop_timer_free(l->timer);
    evbuffer_free(l->body);
    free(l->type);
    free(l);
}

static void late_send(void *arg)
{
    struct late *l = arg;
    struct evhttp_connection *con = evhttp_request_get_connection(l->q->ev);

    evhttp_connection_set_closecb(con, NULL, NULL);
    send_now(l->q, l->code, l->type, l->body);
    late_free(l);
}

static void late_gone(struct evhttp_connection *con, void *arg)
{
    struct late *l = arg;

    (void)con;
    http_forget(l->q);
    late_free(l);
}

static void send_later(struct request *q, int code, const char *type, struct evbuffer *body)
{
    struct late *l = xcalloc(1, sizeof(*l));

    l->q = q;
    l->code = code;
    l->type = xstrdup(type);
    l->body = evbuffer_new();
    evbuffer_add_buffer(l->body, body);
    evhttp_connection_set_closecb(evhttp_request_get_connection(q->ev), late_gone, l);
    if (q->hold_ms < 0)
        return;
    l->timer = loop_timer_new(q->s->loop, late_send, l);
    loop_timer_set(l->timer, q->hold_ms);
}

void http_hold(struct request *q)
{
    struct evbuffer *nothing = evbuffer_new();

    q->hold_ms = -1;
    send_later(q, 0, "", nothing);
    evbuffer_free(nothing);
}

void reply_text(struct request *q, int code, const char *type, const char *text, size_t len)
{
    struct evbuffer *body = evbuffer_new();

    evbuffer_add(body, text, len);
    faults_count(q->s->faults, q, code);
    if (q->hold_ms)
        send_later(q, code, type, body);
    else
        send_now(q, code, type, body);
    evbuffer_free(body);
}

void reply_json(struct request *q, int code, cJSON *body)
{
    AUTO_FREE char *text = json_print(body);

    cJSON_Delete(body);
    reply_text(q, code, "application/json", text, strlen(text));
}

void reply_refusal(struct request *q, const struct refusal *r)
{
    if (r->retry_after_s) {
        AUTO_FREE char *s = xasprintf("%d", r->retry_after_s);

        evhttp_add_header(evhttp_request_get_output_headers(q->ev), "Retry-After", s);
    }
    reply_json(q, r->code, refusal_status(r));
}

void reply_object(struct request *q, int code, const cJSON *obj)
{
    reply_json(q, code, q->form == FORM_PLAIN ? json_dup(obj) : table_object(q->res, obj, q->form, true));
}

/* ---- requests ---- */

static enum form form_of(const char *accept)
{
    /* the first alternative wins: that is what clients that know the others put first */
    size_t n = strcspn(accept, ",");
    AUTO_FREE char *first = xstrndup(accept, n);

    if (strstr(first, "as=Table"))
        return FORM_TABLE;
    return strstr(first, "as=PartialObjectMetadata") ? FORM_METADATA : FORM_PLAIN;
}

static void read_query(struct request *q, const char *text)
{
    struct evkeyvalq all;
    const struct evkeyval *kv;

    if (!text || evhttp_parse_query_str(text, &all) < 0)
        return;
    for (kv = all.tqh_first; kv && q->n_query < QUERY_MAX; kv = kv->next.tqe_next)
        q->query[q->n_query++] = (struct query){ xstrdup(kv->key), xstrdup(kv->value) };
    evhttp_clear_headers(&all);
}

static const char *method_name(enum evhttp_cmd_type cmd)
{
    switch (cmd) {
    case EVHTTP_REQ_GET: return "GET";
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_DELETE: return "DELETE";
    case EVHTTP_REQ_PATCH: return "PATCH";
    case EVHTTP_REQ_HEAD: return "HEAD";
    default: return "OPTIONS";
    }
}

static void read_body(struct request *q)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(q->ev);

    q->body_len = evbuffer_get_length(in);
    q->body = xcalloc(1, q->body_len + 1);
    evbuffer_remove(in, q->body, q->body_len);
}

static void on_request(struct evhttp_request *ev, void *arg)
{
    struct request *q = xcalloc(1, sizeof(*q));
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(ev);
    const char *path = evhttp_uri_get_path(uri);
    struct refusal r AUTO_REFUSAL = { 0 };

    q->s = arg;
    q->ev = ev;
    q->method = method_name(evhttp_request_get_command(ev));
    q->uri = xstrdup(evhttp_request_get_uri(ev));
    q->path = evhttp_uridecode(path ? path : "/", 0, NULL);
    q->user_agent = header_of(q, "User-Agent");
    q->accept = header_of(q, "Accept");
    q->form = form_of(q->accept);
    read_query(q, evhttp_uri_get_query(uri));
    read_body(q);
    if (q->body_len > BODY_MAX) {
        refuse(&r, 413, "RequestEntityTooLarge", "Request entity too large: limit is %d", BODY_MAX);
        reply_refusal(q, &r);
        return;
    }
    route(q);
}

/* ---- listening ---- */

static struct bufferevent *tls_connection(struct event_base *base, void *arg)
{
    struct bufferevent *b = bufferevent_openssl_socket_new(base, -1, SSL_new(arg), BUFFEREVENT_SSL_ACCEPTING,
                                                           BEV_OPT_CLOSE_ON_FREE);

    bufferevent_openssl_set_allow_dirty_shutdown(b, 1);
    return b;
}

int http_start(struct server *s, struct ssl_ctx_st *ssl, struct err *e)
{
    s->http = evhttp_new(loop_base(s->loop));
    if (!s->http)
        return err_set(e, ERR_BUG, "no HTTP server");
    evhttp_set_gencb(s->http, on_request, s);
    evhttp_set_timeout(s->http, IDLE_S);
    evhttp_set_max_body_size(s->http, 16 << 20);
    evhttp_set_max_headers_size(s->http, 1 << 20);
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_PATCH | EVHTTP_REQ_HEAD);
    s->is_plain = !ssl;
    if (ssl)
        evhttp_set_bevcb(s->http, tls_connection, ssl);
    return 0;
}

static int port_of(evutil_socket_t fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof(a);

    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return 0;
    if (a.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&a)->sin6_port);
    return ntohs(((struct sockaddr_in *)&a)->sin_port);
}

/* Accepted sockets inherit it; without it a reply in two pieces waits 40 ms for the other side's ACK. */
static void send_at_once(evutil_socket_t fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int http_listen(struct server *s, const char *addr, int *port, struct err *e)
{
    struct evhttp_bound_socket *b = evhttp_bind_socket_with_handle(s->http, addr, (uint16_t)*port);

    if (!b)
        return err_set(e, ERR_INVALID, "cannot listen on %s:%d: %s", addr, *port, strerror(errno));
    send_at_once(evhttp_bound_socket_get_fd(b));
    *port = port_of(evhttp_bound_socket_get_fd(b));
    return 0;
}

int http_listen_fd(struct server *s, int fd, struct err *e)
{
    evutil_make_socket_nonblocking(fd);
    send_at_once(fd);
    if (!evhttp_accept_socket_with_handle(s->http, fd))
        return err_set(e, ERR_INVALID, "cannot accept on descriptor %d", fd);
    return 0;
}

void http_stop(struct server *s)
{
    if (s->http)
        evhttp_free(TAKE(s->http));
}
