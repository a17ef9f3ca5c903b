#include "serve/server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"

enum { PAGE_MAX_BYTES = 8 << 20, HEADERS_MAX_BYTES = 8192, BODY_MAX_BYTES = 1024, IDLE_S = 30 };

struct serve {
    struct evhttp *http;
    const struct serve_page *pages;
    size_t n_pages;
    void *arg;
    int port;
};

static void answer(struct evhttp_request *req, const struct serve_page *page, void *arg)
{
    AUTO_BUF struct buf out;
    struct evbuffer *body = evbuffer_new();
    int status;

    buf_init(&out, PAGE_MAX_BYTES);
    status = page->make(arg, &out);
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", page->content_type);
    evbuffer_add(body, buf_text(&out), out.len);
    evhttp_send_reply(req, status, status < 400 ? "OK" : "Unavailable", body);
    evbuffer_free(body);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    struct serve *s = arg;

    for (size_t i = 0; i < s->n_pages; i++)
        if (str_eq(path, s->pages[i].path)) {
            answer(req, &s->pages[i], s->arg);
            return;
        }
    evhttp_send_error(req, HTTP_NOTFOUND, NULL);
}

static int bound_port(struct evhttp_bound_socket *sock)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    if (getsockname(evhttp_bound_socket_get_fd(sock), (struct sockaddr *)&ss, &len) < 0)
        return 0;
    return ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
                                          : ((struct sockaddr_in *)&ss)->sin_port);
}

static int split_address(const char *address, char *host, size_t size, int64_t *port, struct err *e)
{
    const char *colon = strrchr(address, ':');
    size_t n = colon ? (size_t)(colon - address) : 0;

    if (!colon || n >= size || !str_to_int(colon + 1, 0, 65535, port))
        return err_set(e, ERR_INVALID, "\"%s\" is not an address: write ADDRESS:PORT or :PORT", address);
    if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    memcpy(host, address, n);
    host[n] = '\0';
    if (!n && !str_copy(host, size, "0.0.0.0"))
        return err_set(e, ERR_BUG, "no room for an address");
    return 0;
}

int serve_new(struct loop *l, const char *address, const struct serve_page *pages, size_t n_pages, void *arg,
              struct serve **out, struct err *e)
{
    struct evhttp_bound_socket *sock;
    struct serve *s;
    char host[64];
    int64_t port;
    int r = split_address(address, host, sizeof(host), &port, e);

    if (r < 0)
        return r;
    s = xcalloc(1, sizeof(*s));
    *s = (struct serve){ evhttp_new(loop_base(l)), pages, n_pages, arg, 0 };
    sock = s->http ? evhttp_bind_socket_with_handle(s->http, host, (uint16_t)port) : NULL;
    if (!sock) {
        serve_free(s);
        return err_set(e, ERR_INVALID, "cannot listen on %s: is the port taken, or below 1024?", address);
    }
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(s->http, HEADERS_MAX_BYTES);
    evhttp_set_max_body_size(s->http, BODY_MAX_BYTES);
    evhttp_set_timeout(s->http, IDLE_S);
    evhttp_set_gencb(s->http, on_request, s);
    s->port = bound_port(sock);
    *out = s;
    return 0;
}

void serve_free(struct serve *s)
{
    if (!s)
        return;
    if (s->http)
        evhttp_free(s->http);
    free(s);
}

int serve_port(const struct serve *s)
{
    return s->port;
}
