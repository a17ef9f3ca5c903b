/*
 * script_server.h - for tests: a server on loopback that answers word for word what it is told,
 * as a guest of the same loop. One test program includes it once.
 */
#ifndef SCRIPT_SERVER_H
#define SCRIPT_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "loop/loop.h"

enum script_end { KEEP, CLOSE, RESET, HANG }; /* HANG: neither answers nor closes any more */

struct script {
    const char *text;
    size_t len;   /* 0: strlen */
    size_t piece; /* bytes per packet; 0: all at once */
    enum script_end end;
};

struct script_conn;

struct script_server {
    struct loop *loop;
    struct loop_fd *watch;
    int fd, port;
    const struct script *scripts; /* in order of the requests; the last one again and again */
    size_t n_scripts, n_requests;
    /* instead of the order, when not NULL */
    const struct script *(*pick)(void *arg, const char *request);
    void *arg;
    struct script_conn *conns;
    int n_conns, max_conns;
    struct buf heard; /* all requests, one after the other */
    char url[64];
};

struct script_conn {
    struct script_server *server;
    struct loop_fd *watch;
    struct loop_timer *timer;
    int fd;
    struct buf request;
    const struct script *script;
    size_t sent;
    struct script_conn *next;
};

static inline void script_conn_free(struct script_conn *c)
{
    struct script_conn **p = &c->server->conns;

    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    c->server->n_conns--;
    loop_fd_free(c->watch);
    loop_timer_free(c->timer);
    close(c->fd);
    buf_done(&c->request);
    free(c);
}

static inline void script_conn_end(struct script_conn *c)
{
    struct linger now = { 1, 0 };

    switch (c->script->end) {
    case RESET:
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        script_conn_free(c);
        break;
    case CLOSE:
        script_conn_free(c);
        break;
    case HANG:
        loop_fd_free(TAKE(c->watch));
        break;
    case KEEP:
        c->script = NULL;
        break;
    }
}

static inline void script_conn_send(void *arg)
{
    struct script_conn *c = arg;
    size_t len = c->script->len ? c->script->len : strlen(c->script->text), n = len - c->sent;
    ssize_t sent;

    if (c->script->piece && n > c->script->piece)
        n = c->script->piece;
    sent = n ? send(c->fd, c->script->text + c->sent, n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (sent < 0 && errno != EAGAIN) {
        script_conn_free(c);
        return;
    }
    c->sent += sent > 0 ? (size_t)sent : 0;
    if (c->sent < len)
        loop_timer_set(c->timer, c->script->piece > 16 ? 1 : 0);
    else
        script_conn_end(c);
}

static inline bool script_request_is_whole(const struct buf *b)
{
    const char *end = strstr(buf_text(b), "\r\n\r\n"), *length = strcasestr(buf_text(b), "content-length:");

    if (!end)
        return false;
    return !length || length > end || b->len - (size_t)(end + 4 - b->data) >= (size_t)atol(length + 15);
}

static inline const struct script *script_next(struct script_server *s, const char *request)
{
    size_t i = s->n_requests++;

    if (s->pick)
        return s->pick(s->arg, request);
    return &s->scripts[i < s->n_scripts ? i : s->n_scripts - 1];
}

static inline void script_conn_read(void *arg)
{
    struct script_conn *c = arg;
    char piece[4096];
    ssize_t n = recv(c->fd, piece, sizeof(piece), 0);

    if (n <= 0) {
        script_conn_free(c);
        return;
    }
    if (!buf_add(&c->request, piece, (size_t)n) || !script_request_is_whole(&c->request) || c->script)
        return;
    buf_str(&c->server->heard, buf_text(&c->request));
    buf_str(&c->server->heard, "\n");
    c->script = script_next(c->server, buf_text(&c->request));
    c->sent = 0;
    buf_clear(&c->request);
    loop_timer_set(c->timer, 0);
}

static inline void script_server_accept(void *arg)
{
    struct script_server *s = arg;
    struct script_conn *c = xcalloc(1, sizeof(*c));
    int on = 1;

    c->server = s;
    c->fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    buf_init(&c->request, 1024 * 1024);
    c->watch = loop_fd_new(s->loop, c->fd, script_conn_read, c);
    c->timer = loop_timer_new(s->loop, script_conn_send, c);
    c->next = s->conns;
    s->conns = c;
    if (++s->n_conns > s->max_conns)
        s->max_conns = s->n_conns;
}

static inline void script_server_init(struct script_server *s, struct loop *l, const struct script *scripts, size_t n)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);

    *s = (struct script_server){ .loop = l, .scripts = scripts, .n_scripts = n };
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s->fd, 64) < 0 ||
        getsockname(s->fd, (struct sockaddr *)&a, &len) < 0)
        abort();
    s->port = ntohs(a.sin_port);
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", s->port);
    buf_init(&s->heard, 1024 * 1024);
    s->watch = loop_fd_new(l, s->fd, script_server_accept, s);
}

static inline void script_server_done(struct script_server *s)
{
    while (s->conns)
        script_conn_free(s->conns);
    loop_fd_free(s->watch);
    close(s->fd);
    buf_done(&s->heard);
}

#endif
