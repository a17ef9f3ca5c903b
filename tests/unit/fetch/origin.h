/*
 * A web server with manners to choose from, in threads of the test: what a model is downloaded from.
 *
 * The path says how it behaves; see answer(). Everything it was asked is counted.
 */
#ifndef TESTS_FETCH_ORIGIN_H
#define TESTS_FETCH_ORIGIN_H

#include <arpa/inet.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

struct origin {
    int fd, port;
    SSL_CTX *tls;          /* NULL: plain */
    const char *body;      /* lent */
    size_t len;
    const char *tag;       /* with quotes; NULL: none */
    pthread_t thread;
    atomic_int asked;      /* requests */
    atomic_int whole;      /* ... for everything */
    atomic_int trouble;    /* so many more requests meet what their path says */
    atomic_llong first;    /* of the last Range */
    atomic_bool ending;
};

struct visit {
    struct origin *o;
    int fd;
    SSL *tls;
    char head[8192];
};

static inline bool visit_write(struct visit *v, const void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = v->tls ? SSL_write(v->tls, (const char *)data + done, (int)(len - done))
                           : send(v->fd, (const char *)data + done, len - done, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static inline bool visit_say(struct visit *v, const char *text)
{
    return visit_write(v, text, strlen(text));
}

static inline bool visit_read(struct visit *v)
{
    size_t n = 0;

    while (n + 1 < sizeof(v->head)) {
        ssize_t r = v->tls ? SSL_read(v->tls, v->head + n, (int)(sizeof(v->head) - n - 1))
                           : recv(v->fd, v->head + n, sizeof(v->head) - n - 1, 0);

        if (r <= 0)
            return false;
        n += (size_t)r;
        v->head[n] = '\0';
        if (strstr(v->head, "\r\n\r\n"))
            return true;
    }
    return false;
}

/* Into out; "" when it is not there. */
static inline const char *visit_header(const struct visit *v, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);

    out[0] = '\0';
    for (const char *line = strstr(v->head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, n) == 0 && line[2 + n] == ':') {
            const char *value = line + 3 + n + strspn(line + 3 + n, " ");

            snprintf(out, size, "%.*s", (int)strcspn(value, "\r"), value);
        }
    return out;
}

/* The other side goes, or the server ends. */
static inline void visit_hold(struct visit *v)
{
    struct pollfd p = { v->fd, POLLIN, 0 };

    while (!v->o->ending && poll(&p, 1, 20) == 0)
        ;
}

static inline void hex_of(const unsigned char *sum, char out[65])
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

#define S3_KEY "AKIDEXAMPLE"
#define S3_SECRET "wJalrXUtnFEMI/K7MDENG"

/* Signature version 4, as its specification says, over what arrived. */
static inline bool is_signed(const struct visit *v, const char *path)
{
    char auth[1024], names[256], value[512], date[64], scope[256] = "", want[65], text[65];
    unsigned char key[32], next[32], sum[32];
    struct buf b;
    const char *p;
    bool same;

    visit_header(v, "authorization", auth, sizeof(auth));
    visit_header(v, "x-amz-date", date, sizeof(date));
    if (!str_has_prefix(auth, "AWS4-HMAC-SHA256 Credential=" S3_KEY "/") || !(p = strstr(auth, "SignedHeaders=")))
        return false;
    snprintf(scope, sizeof(scope), "%.*s", (int)strcspn(strchr(auth, '/') + 1, ","), strchr(auth, '/') + 1);
    snprintf(names, sizeof(names), "%.*s", (int)strcspn(p + 14, ", "), p + 14);
    buf_init(&b, 1 << 14);
    buf_fmt(&b, "GET\n%s\n\n", path);
    for (const char *n = names; *n; n += strcspn(n, ";"), n += *n == ';') {
        char name[64];

        snprintf(name, sizeof(name), "%.*s", (int)strcspn(n, ";"), n);
        buf_fmt(&b, "%s:%s\n", name, visit_header(v, name, value, sizeof(value)));
    }
    buf_fmt(&b, "\n%s\n%s", names, visit_header(v, "x-amz-content-sha256", value, sizeof(value)));
    EVP_Digest(b.data, b.len, sum, NULL, EVP_sha256(), NULL);
    hex_of(sum, text);
    buf_clear(&b);
    buf_fmt(&b, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, text);
    date[8] = '\0';
    HMAC(EVP_sha256(), "AWS4" S3_SECRET, sizeof("AWS4" S3_SECRET) - 1, (unsigned char *)date, 8, key, NULL);
    HMAC(EVP_sha256(), key, 32, (const unsigned char *)"eu-west-9", 9, next, NULL);
    HMAC(EVP_sha256(), next, 32, (const unsigned char *)"s3", 2, key, NULL);
    HMAC(EVP_sha256(), key, 32, (const unsigned char *)"aws4_request", 12, next, NULL);
    HMAC(EVP_sha256(), next, 32, (unsigned char *)b.data, b.len, sum, NULL);
    hex_of(sum, want);
    same = strstr(auth, want) != NULL;
    buf_done(&b);
    return same;
}

/* From `from` on, up to `until`; the head speaks of all. */
static inline void send_file(struct visit *v, size_t from, size_t until, bool ranged)
{
    const struct origin *o = v->o;
    char head[512];

    if (ranged)
        snprintf(head, sizeof(head), "HTTP/1.1 206 Partial\r\nContent-Range: bytes %zu-%zu/%zu\r\n", from, o->len - 1, o->len);
    else
        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n");
    visit_say(v, head);
    if (o->tag) {
        snprintf(head, sizeof(head), "ETag: %s\r\n", o->tag);
        visit_say(v, head);
    }
    snprintf(head, sizeof(head), "Content-Length: %zu\r\nConnection: close\r\n\r\n", o->len - from);
    if (visit_say(v, head) && until > from)
        visit_write(v, o->body + from, until - from);
}

static inline void answer_file(struct visit *v, size_t until)
{
    struct origin *o = v->o;
    char range[64], tag[256];
    size_t from = 0;
    bool ranged = visit_header(v, "range", range, sizeof(range))[0] != '\0';

    if (ranged)
        from = strtoull(range + strlen("bytes="), NULL, 10);
    visit_header(v, "if-range", tag, sizeof(tag));
    if (tag[0] && !str_eq(tag, o->tag))
        ranged = false, from = 0;
    if (ranged)
        o->first = (long long)from;
    else
        o->whole++;
    if (from >= o->len && o->len) {
        snprintf(tag, sizeof(tag), "HTTP/1.1 416 No\r\nContent-Range: bytes */%zu\r\nContent-Length: 0\r\n\r\n", o->len);
        visit_say(v, tag);
        return;
    }
    send_file(v, from, until ? until : o->len, ranged);
}

static inline void answer_status(struct visit *v, const char *line)
{
    visit_say(v, "HTTP/1.1 ");
    visit_say(v, line);
    visit_say(v, "\r\nContent-Length: 9\r\nConnection: close\r\n\r\nnot here\n");
}

static inline void answer_redirect(struct visit *v, const char *to)
{
    visit_say(v, "HTTP/1.1 302 Found\r\nLocation: ");
    visit_say(v, to);
    visit_say(v, "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static inline void answer_chunks(struct visit *v)
{
    char size[32];

    snprintf(size, sizeof(size), "%zx\r\n", v->o->len);
    visit_say(v, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    visit_say(v, size);
    visit_write(v, v->o->body, v->o->len);
    visit_say(v, "\r\n0\r\n\r\n");
}

static inline void answer(struct visit *v)
{
    struct origin *o = v->o;
    char path[1024] = "", value[1024], to[1100];
    bool trouble;

    if (strncmp(v->head, "GET ", 4) == 0)
        snprintf(path, sizeof(path), "%.*s", (int)strcspn(v->head + 4, " ?"), v->head + 4);
    o->asked++;
    trouble = o->trouble > 0 && o->trouble-- > 0;
    if (str_has_prefix(path, "/cut/") && trouble) {
        answer_file(v, o->len / 2);
    } else if (str_has_prefix(path, "/hold/") && trouble) {
        answer_file(v, o->len / 2);
        visit_hold(v);
    } else if (str_has_prefix(path, "/busy/") && trouble) {
        answer_status(v, "503 Later");
    } else if (str_has_prefix(path, "/gone/")) {
        answer_status(v, "404 Gone");
    } else if (str_has_prefix(path, "/closed/")) {
        answer_status(v, "403 No");
    } else if (str_has_prefix(path, "/round/")) {
        answer_redirect(v, path);
    } else if (str_has_prefix(path, "/away/")) {
        snprintf(to, sizeof(to), "/ok/%s", path + strlen("/away/"));
        answer_redirect(v, to);
    } else if (str_has_prefix(path, "/clear/")) {
        snprintf(to, sizeof(to), "http://127.0.0.1:%d/ok/x", o->port);
        answer_redirect(v, to);
    } else if (str_has_prefix(path, "/endless/")) {
        visit_say(v, "HTTP/1.0 200 OK\r\n\r\n");
        visit_write(v, o->body, o->len);
    } else if (str_has_prefix(path, "/chunks/")) {
        answer_chunks(v);
    } else if (str_has_prefix(path, "/token/") && !str_eq(visit_header(v, "authorization", value, sizeof(value)), "Bearer t0ken")) {
        answer_status(v, "401 Who");
    } else if (str_has_prefix(path, "/bucket/") && !is_signed(v, path)) {
        answer_status(v, "403 Signature");
    } else {
        answer_file(v, 0);
    }
}

static inline void *visit_run(void *arg)
{
    struct visit *v = arg;

    if (v->o->tls) {
        v->tls = SSL_new(v->o->tls);
        SSL_set_fd(v->tls, v->fd);
    }
    if ((!v->tls || SSL_accept(v->tls) == 1) && visit_read(v))
        answer(v);
    if (v->tls) {
        SSL_shutdown(v->tls);
        SSL_free(v->tls);
    }
    shutdown(v->fd, SHUT_WR);
    close(v->fd);
    free(v);
    return NULL;
}

static inline void *origin_run(void *arg)
{
    struct origin *o = arg;
    int fd;

    while ((fd = accept4(o->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct visit *v = xcalloc(1, sizeof(*v));
        pthread_t t;

        v->o = o;
        v->fd = fd;
        if (pthread_create(&t, NULL, visit_run, v) == 0)
            pthread_detach(t);
    }
    return NULL;
}

static inline bool origin_start(struct origin *o)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);

    o->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(o->fd, (struct sockaddr *)&a, len) < 0 || listen(o->fd, 64) < 0 || getsockname(o->fd, (struct sockaddr *)&a, &len) < 0)
        return false;
    o->port = ntohs(a.sin_port);
    return pthread_create(&o->thread, NULL, origin_run, o) == 0;
}

static inline void origin_stop(struct origin *o)
{
    o->ending = true;
    shutdown(o->fd, SHUT_RDWR);
    pthread_join(o->thread, NULL);
    close(o->fd);
    usleep(50000); /* visits that held see it within 20 ms */
}

#endif
