#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/wire.h"
#include "json/yaml.h"

enum { FILE_MAX = 1 << 20 };

struct upstream {
    int fd;
    SSL_CTX *ctx;
    SSL *tls;
    char auth[4096];
};

static char *read_all(const char *path)
{
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char *text = xcalloc(1, FILE_MAX);
    ssize_t n = fd < 0 ? 0 : read(fd, text, FILE_MAX - 1);

    text[n > 0 ? n : 0] = 0;
    if (fd >= 0)
        close(fd);
    return text;
}

/* KEY-data in base64, or the file named by KEY; "" when neither is there. */
static char *material(const cJSON *obj, const char *key)
{
    AUTO_FREE char *data_key = xasprintf("%s-data", key);
    const char *data = json_get_str(obj, data_key);

    if (!data)
        return read_all(json_get_str(obj, key));
    char *out = xcalloc(1, strlen(data) + 4);
    int n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)data, (int)strlen(data));
    out[n > 0 ? n : 0] = 0;
    return out;
}

static const cJSON *named(const cJSON *doc, const char *list, const char *name, const char *member)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, json_member(doc, list))
        if (str_eq(json_get_str(item, "name"), name))
            return json_member(item, member);
    return NULL;
}

static bool trust(SSL_CTX *ctx, const char *ca_pem)
{
    BIO *bio = BIO_new_mem_buf(ca_pem, -1);
    X509 *cert;
    int n = 0;

    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        n += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert);
        X509_free(cert);
    }
    BIO_free(bio);
    ERR_clear_error();
    SSL_CTX_set_verify(ctx, n ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    return true;
}

static void identify(SSL_CTX *ctx, const char *cert_pem, const char *key_pem)
{
    BIO *cert_bio = BIO_new_mem_buf(cert_pem, -1), *key_bio = BIO_new_mem_buf(key_pem, -1);
    X509 *cert = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);

    if (cert && key && (SSL_CTX_use_certificate(ctx, cert) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1))
        fprintf(stderr, "wire: the client certificate cannot be used\n");
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_bio);
    BIO_free(key_bio);
    ERR_clear_error();
}

static int dial(const char *host, const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    int fd = -1, on = 1;

    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
        if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
            break;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static bool secure(struct upstream *u, const cJSON *cluster, const cJSON *user)
{
    AUTO_FREE char *ca = material(cluster, "certificate-authority");
    AUTO_FREE char *cert = material(user, "client-certificate");
    AUTO_FREE char *key = material(user, "client-key");

    u->ctx = SSL_CTX_new(TLS_client_method());
    trust(u->ctx, ca);
    identify(u->ctx, cert, key);
    u->tls = SSL_new(u->ctx);
    SSL_set_fd(u->tls, u->fd);
    return SSL_connect(u->tls) == 1;
}

static void remember_token(struct upstream *u, const cJSON *user)
{
    const char *token = json_get_str(user, "token");
    AUTO_FREE char *from_file = read_all(json_get_str(user, "tokenFile"));

    token = token ? token : from_file;
    if (token[0])
        snprintf(u->auth, sizeof(u->auth), "Authorization: Bearer %.*s\r\n", (int)strcspn(token, "\r\n"), token);
}

static bool connect_to(struct upstream *u, const cJSON *doc)
{
    const cJSON *context = named(doc, "contexts", json_get_str(doc, "current-context"), "context");
    const cJSON *cluster = named(doc, "clusters", json_get_str(context, "cluster"), "cluster");
    const cJSON *user = named(doc, "users", json_get_str(context, "user"), "user");
    const char *server = json_get_str(cluster, "server");
    char scheme[8] = "", host[200] = "", port[8] = "";

    if (!server || sscanf(server, "%7[a-z]://%199[^:/]:%7[0-9]", scheme, host, port) < 2)
        return false;
    bool tls = str_eq(scheme, "https");
    u->fd = dial(host, port[0] ? port : tls ? "443" : "80");
    remember_token(u, user);
    return u->fd >= 0 && (!tls || secure(u, cluster, user));
}

struct upstream *upstream_open(void)
{
    struct upstream *u = xcalloc(1, sizeof(*u));
    AUTO_FREE char *text = read_all(getenv("KUBECONFIG"));
    AUTO_JSON cJSON *docs = NULL;
    struct err e = { 0 };

    u->fd = -1;
    if (yaml_parse(text, strlen(text), &docs, &e) == 0 && connect_to(u, docs->child))
        return u;
    fprintf(stderr, "wire: no way to the API server of KUBECONFIG %s\n", e.msg);
    upstream_close(u);
    return NULL;
}

void upstream_close(struct upstream *u)
{
    if (!u)
        return;
    SSL_free(u->tls);
    SSL_CTX_free(u->ctx);
    if (u->fd >= 0)
        close(u->fd);
    free(u);
}

int upstream_fd(const struct upstream *u)
{
    return u->fd;
}

const char *upstream_auth(const struct upstream *u)
{
    return u->auth;
}

bool upstream_write(struct upstream *u, const char *data, size_t len)
{
    while (len) {
        ssize_t n = u->tls ? SSL_write(u->tls, data, (int)len) : send(u->fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

ssize_t upstream_read(struct upstream *u, char *data, size_t size)
{
    ssize_t n = u->tls ? SSL_read(u->tls, data, (int)size) : recv(u->fd, data, size, 0);

    return n > 0 ? n : 0;
}

bool upstream_pending(const struct upstream *u)
{
    return u->tls && SSL_pending(u->tls) > 0;
}
