#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "http/http.h"

/* A certificate authority of our own, and what it signs. */
struct identity {
    EVP_PKEY *key;
    X509 *cert;
    char *cert_pem, *key_pem;
};

static struct identity ca, other_ca, server_id, client_id;

static char *pem_of(BIO *b)
{
    char *data, *text;
    long n = BIO_get_mem_data(b, &data);

    text = xstrndup(data, (size_t)n);
    BIO_free(b);
    return text;
}

static void add_ext(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(ext);
    assert_int_equal(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

static void identity_make(struct identity *id, const char *cn, const char *san, const struct identity *signer)
{
    static int serial;
    BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
    X509_NAME *name;

    id->key = EVP_EC_gen("P-256");
    id->cert = X509_new();
    X509_set_version(id->cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id->cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(id->cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(id->cert), 3600);
    name = X509_get_subject_name(id->cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(id->cert, X509_get_subject_name(signer ? signer->cert : id->cert));
    X509_set_pubkey(id->cert, id->key);
    add_ext(id->cert, NID_basic_constraints, signer ? "CA:FALSE" : "critical,CA:TRUE");
    if (san)
        add_ext(id->cert, NID_subject_alt_name, san);
    assert_true(X509_sign(id->cert, signer ? signer->key : id->key, EVP_sha256()) > 0);
    PEM_write_bio_X509(cert_bio, id->cert);
    PEM_write_bio_PrivateKey(key_bio, id->key, NULL, NULL, 0, NULL, NULL);
    id->cert_pem = pem_of(cert_bio);
    id->key_pem = pem_of(key_bio);
}

static void identity_done(struct identity *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->cert);
    free(id->cert_pem);
    free(id->key_pem);
}

static int make_all(void **state)
{
    (void)state;
    identity_make(&ca, "ca", NULL, NULL);
    identity_make(&other_ca, "other ca", NULL, NULL);
    identity_make(&server_id, "server", "DNS:kube.example,IP:127.0.0.1", &ca);
    identity_make(&client_id, "somebody", NULL, &ca);
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    identity_done(&ca);
    identity_done(&other_ca);
    identity_done(&server_id);
    identity_done(&client_id);
    return 0;
}

struct fixture {
    struct loop *loop;
    struct http_transport *http;
    struct loop_timer *guard;
    SSL_CTX *ctx;
    struct evhttp *evhttp;
    struct evconnlistener *listener;
    char url[64], host[32];
    bool timed_out;
    int status;
    struct err err;
    char body[200];
};

static struct bufferevent *new_tls_conn(struct event_base *base, void *arg)
{
    return bufferevent_openssl_socket_new(base, -1, SSL_new(arg), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

/* Answers with who asked, by certificate, and for which host. */
static void on_request(struct evhttp_request *req, void *arg)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
    X509 *peer = SSL_get1_peer_certificate(bufferevent_openssl_get_ssl(bev));
    struct evbuffer *out = evbuffer_new();
    char cn[64] = "nobody";

    (void)arg;
    if (peer)
        X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, cn, sizeof(cn));
    X509_free(peer);
    if (strcmp(evhttp_request_get_uri(req), "/last") == 0)
        evhttp_add_header(evhttp_request_get_output_headers(req), "Connection", "close");
    evbuffer_add_printf(out, "%s at %s", cn, evhttp_find_header(evhttp_request_get_input_headers(req), "Host"));
    evhttp_send_reply(req, 200, "OK", out);
    evbuffer_free(out);
}

static void serve(struct fixture *f, bool ask_for_client)
{
    struct evhttp_bound_socket *sock;
    struct sockaddr_in a;
    socklen_t len = sizeof(a);

    f->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(f->ctx, server_id.cert);
    SSL_CTX_use_PrivateKey(f->ctx, server_id.key);
    if (ask_for_client) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(f->ctx), ca.cert);
        SSL_CTX_set_verify(f->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    f->evhttp = evhttp_new(loop_base(f->loop));
    evhttp_set_bevcb(f->evhttp, new_tls_conn, f->ctx);
    evhttp_set_gencb(f->evhttp, on_request, f);
    sock = evhttp_bind_socket_with_handle(f->evhttp, "127.0.0.1", 0);
    assert_non_null(sock);
    f->listener = evhttp_bound_socket_get_listener(sock);
    getsockname(evhttp_bound_socket_get_fd(sock), (struct sockaddr *)&a, &len);
    snprintf(f->host, sizeof(f->host), "127.0.0.1:%d", ntohs(a.sin_port));
    snprintf(f->url, sizeof(f->url), "https://%s/", f->host);
}

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
    f->err = r->err;
    snprintf(f->body, sizeof(f->body), "%s", r->body);
    loop_stop(f->loop);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->http->free(f->http);
    evhttp_free(f->evhttp);
    SSL_CTX_free(f->ctx);
    loop_timer_free(f->guard);
    loop_free(f->loop);
    free(f);
    return 0;
}

enum { CA = 1, OTHER_CA = 2, JUNK_CA = 4, INSECURE = 8, CLIENT = 16, ASK = 32 };

static const struct row {
    const char *name;
    int flags;
    const char *server_name;
    const char *who; /* NULL: it must fail */
} rows[] = {
    { "a certificate of the right authority", CA, NULL, "nobody" },
    { "a certificate of another authority is refused", OTHER_CA, NULL, NULL },
    { "the system's authorities do not know ours", 0, NULL, NULL },
    { "an authority that is no PEM is refused", JUNK_CA, NULL, NULL },
    { "insecure takes any certificate", INSECURE, NULL, "nobody" },
    { "another server name is verified instead of the host", CA, "kube.example", "nobody" },
    { "a server name that the certificate lacks is refused", CA, "other.example", NULL },
    { "a client certificate is presented", CA | CLIENT | ASK, NULL, "somebody" },
    { "without one the server refuses", CA | ASK, NULL, NULL },
};

static struct fixture *fixture_new(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    *state = f;
    f->loop = loop_new();
    f->http = http_new(f->loop, &(struct http_limits){ 0, 0 });
    f->guard = loop_timer_new(f->loop, on_guard, f);
    loop_timer_set(f->guard, 20000);
    return f;
}

static void check(void **state)
{
    const struct row *r = *state;
    struct fixture *f = fixture_new(state);
    struct http_tls tls = {
        .ca_pem = r->flags & CA ? ca.cert_pem : r->flags & OTHER_CA ? other_ca.cert_pem : r->flags & JUNK_CA ? "junk" : NULL,
        .cert_pem = r->flags & CLIENT ? client_id.cert_pem : NULL,
        .key_pem = r->flags & CLIENT ? client_id.key_pem : NULL,
        .server_name = r->server_name,
        .insecure = r->flags & INSECURE,
    };
    char want[100];

    serve(f, r->flags & ASK);
    f->http->send(f->http, &(struct http_request){
                               .method = "GET", .url = f->url, .tls = &tls, .max_bytes = 1000, .on_done = on_done, .arg = f });
    loop_run(f->loop);
    assert_false(f->timed_out);
    assert_int_equal(f->err.kind, r->who ? ERR_NONE : ERR_RETRY);
    snprintf(want, sizeof(want), "%s at %s", r->who ? r->who : "", f->host);
    assert_string_equal(f->body, r->who ? want : "");
    if (!r->who)
        assert_true(strlen(f->err.msg) > 0);
}

static void get(struct fixture *f, const char *path, int32_t connect_ms, void (*done)(void *arg, const struct http_reply *r))
{
    char url[100];

    snprintf(url, sizeof(url), "%s%s", f->url, path);
    f->http->send(f->http, &(struct http_request){ .method = "GET", .url = url, .tls = &(struct http_tls){ .ca_pem = ca.cert_pem },
                                                   .connect_ms = connect_ms, .max_bytes = 1000, .on_done = done, .arg = f });
}

static void on_stalled(void *arg, const struct http_reply *r)
{
    (void)arg;
    (void)r;
    fail_msg("the call whose handshake stalls has ended");
}

/* libcurl must hold no call back until another one's connection is made: while it does, no limit of time counts. */
static void check_apart(void **state)
{
    struct fixture *f = fixture_new(state);

    serve(f, false);
    get(f, "last", 0, on_done);
    loop_run(f->loop);
    assert_int_equal(f->status, 200);
    evconnlistener_disable(f->listener); /* from now on connections are made, and nobody says a word */
    get(f, "stalls", 60000, on_stalled);
    get(f, "", 300, on_done);
    loop_run(f->loop);
    assert_false(f->timed_out);
    assert_int_equal(f->err.kind, ERR_RETRY);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1] = {
        [COUNT(rows)] = { "over HTTP/1.1 no call waits for another one's handshake", check_apart, NULL, teardown, NULL },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, teardown, (void *)&rows[i] };
    return cmocka_run_group_tests_name("tls", tests, make_all, free_all);
}
