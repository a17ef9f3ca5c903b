#include "call.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/str.h"

enum {
    CONNECT_MS = 10000,
    KEEPALIVE_IDLE_S = 30,
    KEEPALIVE_EVERY_S = 10,
    UNACKED_MS = 30000, /* sent bytes that nobody acknowledges: the other side is gone */
    RETRY_AFTER_MAX_S = 3600,
};

int32_t call_retry_after(const char *line, size_t len)
{
    static const char name[] = "retry-after:";
    char value[16];
    int64_t s;

    if (len < sizeof(name) - 1 || strncasecmp(line, name, sizeof(name) - 1) != 0)
        return -1;
    line += sizeof(name) - 1;
    len -= sizeof(name) - 1;
    while (len && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    while (len && strchr(" \t\r\n", line[len - 1]))
        len--;
    if (len >= sizeof(value))
        return 1000;
    memcpy(value, line, len);
    value[len] = '\0';
    if (!str_to_int(value, 0, INT32_MAX, &s))
        return 1000;
    return (int32_t)(s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000;
}

bool call_is_loopback(const char *url)
{
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    return strncasecmp(host, "localhost", 9) == 0 ? !host[9] || strchr(":/", host[9])
                                                  : str_has_prefix(host, "127.") || str_has_prefix(host, "[::1]");
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    unsigned int ms = UNACKED_MS;

    (void)arg;
    (void)purpose;
    /* Not of a Unix socket, not in every sandbox: then keepalive alone must do. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
    return CURL_SOCKOPT_OK;
}

static void set_blob(CURL *easy, CURLoption option, const char *pem)
{
    struct curl_blob blob = { (void *)(uintptr_t)pem, pem ? strlen(pem) : 0, CURL_BLOB_COPY };

    if (pem)
        curl_easy_setopt(easy, option, &blob);
}

/*
 * libcurl takes the name to verify from the URL only. So the URL gets the wanted
 * name, CONNECT_TO leads it to the real host, and the Host header names that.
 */
static void set_server_name(struct http_call *c, const char *url, const char *name)
{
    AUTO_FREE char *to = NULL, *host_header = NULL;
    char *host = NULL, *port = NULL, *fake = NULL;
    CURLU *u = curl_url();

    if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_HOST, name, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_URL, &fake, 0) == CURLUE_OK) {
        to = xasprintf("%s:%s:%s:%s", name, port, host, port);
        host_header = xasprintf("Host: %s:%s", host, port);
        c->connect_to = curl_slist_append(NULL, to);
        c->headers = curl_slist_append(c->headers, host_header);
        curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->connect_to);
        curl_easy_setopt(c->easy, CURLOPT_URL, fake);
    }
    curl_free(host);
    curl_free(port);
    curl_free(fake);
    curl_url_cleanup(u);
}

static void set_tls(struct http_call *c, const struct http_request *req)
{
    const struct http_tls *t = req->tls;

    curl_easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!t)
        return;
    set_blob(c->easy, CURLOPT_CAINFO_BLOB, t->ca_pem);
    set_blob(c->easy, CURLOPT_SSLCERT_BLOB, t->cert_pem);
    set_blob(c->easy, CURLOPT_SSLKEY_BLOB, t->key_pem);
    if (t->insecure) {
        curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (t->server_name)
        set_server_name(c, req->url, t->server_name);
}

static void set_body(struct http_call *c, const struct http_request *req)
{
    curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, req->method);
    if (str_eq(req->method, "HEAD"))
        curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
    if (!req->body)
        return;
    c->sent = xstrndup("", 0);
    c->sent = xrealloc(c->sent, req->body_len + 1);
    memcpy(c->sent, req->body, req->body_len);
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->sent);
}

static void set_connection(CURL *easy, const struct http_request *req)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* an object called ".." must not lead elsewhere */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(req->connect_ms ? req->connect_ms : CONNECT_MS));
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_EVERY_S);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    if (req->proxy)
        curl_easy_setopt(easy, CURLOPT_PROXY, req->proxy);
    else if (call_is_loopback(req->url))
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
}

struct http_call *call_new(const struct http_request *req)
{
    struct http_call *c = xcalloc(1, sizeof(*c));

    c->easy = curl_easy_init();
    if (!c->easy)
        abort();
    c->on_data = req->on_data;
    c->on_done = req->on_done;
    c->arg = req->arg;
    c->total_ms = req->total_ms;
    c->answer_ms = req->answer_ms;
    c->is_tls = strncasecmp(req->url, "https:", 6) == 0;
    c->born_ms = loop_now_ms();
    buf_init(&c->body, req->max_bytes);
    for (const char *const *h = req->headers; h && *h; h++)
        c->headers = curl_slist_append(c->headers, *h);
    c->headers = curl_slist_append(c->headers, "Expect:");
    curl_easy_setopt(c->easy, CURLOPT_URL, req->url);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->why);
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    set_connection(c->easy, req);
    set_body(c, req);
    set_tls(c, req);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    return c;
}

void call_free(struct http_call *c)
{
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    curl_slist_free_all(c->connect_to);
    loop_timer_free(c->timer);
    buf_done(&c->body);
    free(c->sent);
    free(c);
}
