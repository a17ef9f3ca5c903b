#include "kube/config.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "config_impl.h"
#include "exec.h"
#include "kubeconfig.h"

static const char ACCOUNT_DIR[] = "/var/run/secrets/kubernetes.io/serviceaccount";

static int read_all(int fd, struct buf *b)
{
    char piece[8192];
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (!buf_add(b, piece, (size_t)n))
            return EFBIG;
    }
    return 0;
}

int kube_read_file(const char *path, size_t max_bytes, char **out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error;
    AUTO_BUF struct buf b;

    buf_init(&b, max_bytes);
    if (fd < 0)
        return err_set(e, ERR_INVALID, "%s: %s", path, strerror(errno));
    error = read_all(fd, &b);
    close(fd);
    if (error)
        return err_set(e, ERR_INVALID, "%s: %s", path, strerror(error));
    while (b.len && strchr(" \t\r\n", b.data[b.len - 1]))
        b.data[--b.len] = '\0';
    if (b.len == 0 || memchr(b.data, '\0', b.len))
        return err_set(e, ERR_INVALID, "%s: %s", path, b.len ? "not text" : "empty");
    *out = buf_take(&b);
    return 0;
}

static void free_secret(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

static int file_text_load(struct file_text *t, struct err *e)
{
    if (!t->file || t->text)
        return 0;
    return kube_read_file(t->file, CONFIG_FILE_MAX_BYTES, &t->text, e);
}

/* A token becomes a header: a line break in it would be another header. */
static int check_token(const char *token, struct err *e)
{
    for (; token && *token; token++)
        if ((unsigned char)*token <= ' ' || *token == 0x7f)
            return err_set(e, ERR_INVALID, "holds a space or a control character");
    return 0;
}

static int check_cert(const char *pem, struct err *e)
{
    BIO *bio = pem ? BIO_new_mem_buf(pem, -1) : NULL;
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool ok = !pem || cert;

    X509_free(cert);
    BIO_free(bio);
    return ok ? 0 : err_set(e, ERR_INVALID, "holds no PEM certificate");
}

/* What comes half written, or is something else altogether, must not replace what works. */
static bool file_text_refresh(struct file_text *t, int (*check)(const char *text, struct err *e))
{
    AUTO_FREE char *now = NULL;
    char *old = t->text;

    if (!t->file || kube_read_file(t->file, CONFIG_FILE_MAX_BYTES, &now, NULL) < 0)
        return false;
    if (str_eq(now, old) || (check && check(now, NULL) < 0))
        return false;
    t->text = TAKE(now);
    free_secret(old);
    return true;
}

static void file_text_done(struct file_text *t)
{
    free_secret(t->text);
    free(t->file);
}

bool kube_config_refresh(struct kube_config *c)
{
    bool changed = file_text_refresh(&c->ca, check_cert);

    changed = file_text_refresh(&c->cert, check_cert) || changed;
    changed = file_text_refresh(&c->key, NULL) || changed;
    return file_text_refresh(&c->token, check_token) || changed;
}

void kube_config_free(struct kube_config *c)
{
    if (!c)
        return;
    free(c->server);
    free(c->ns);
    free(c->proxy);
    free(c->server_name);
    file_text_done(&c->ca);
    file_text_done(&c->cert);
    file_text_done(&c->key);
    file_text_done(&c->token);
    exec_plugin_free(c->exec);
    free(c);
}

void kube_config_tls(const struct kube_config *c, struct http_tls *out)
{
    *out = (struct http_tls){ .ca_pem = c->ca.text,
                              .cert_pem = c->cert.text,
                              .key_pem = c->key.text,
                              .server_name = c->server_name,
                              .insecure = c->insecure };
}

const char *kube_config_server(const struct kube_config *c)
{
    return c->server;
}

const char *kube_config_namespace(const struct kube_config *c)
{
    return c->ns;
}

/* The data member wins over the file, as in kubectl. */
static int read_pair(const cJSON *entry, const char *key, struct file_text *t, struct err *e)
{
    AUTO_FREE char *data_key = xasprintf("%s-data", key);

    if (kubeconfig_data(entry, data_key, &t->text, e) < 0)
        return -(int)ERR_INVALID;
    if (t->text)
        return 0;
    if (kubeconfig_file(entry, key, &t->file, e) < 0)
        return -(int)ERR_INVALID;
    if (file_text_load(t, e) < 0)
        return err_wrap(e, "%s", key);
    return 0;
}

static int check_server(const char *server, struct err *e)
{
    const char *host = server ? strstr(server, "://") : NULL;

    if (!server)
        return err_set(e, ERR_INVALID, "cluster.server: not set");
    if ((strncasecmp(server, "https://", 8) != 0 && strncasecmp(server, "http://", 7) != 0) || !host[3] ||
        strpbrk(server, " \t\r\n@?#"))
        return err_set(e, ERR_INVALID, "cluster.server: not an http or https URL: %.100s", server);
    return 0;
}

static char *without_slash(const char *url)
{
    size_t n = strlen(url);

    while (n && url[n - 1] == '/')
        n--;
    return xstrndup(url, n);
}

static int read_cluster(struct kube_config *c, const cJSON *cluster, struct err *e)
{
    const char *server, *proxy, *name;

    if (kubeconfig_text(cluster, "server", &server, e) < 0 || kubeconfig_text(cluster, "proxy-url", &proxy, e) < 0 ||
        kubeconfig_text(cluster, "tls-server-name", &name, e) < 0 ||
        kubeconfig_bool(cluster, "insecure-skip-tls-verify", &c->insecure, e) < 0 || check_server(server, e) < 0)
        return -(int)ERR_INVALID;
    c->server = without_slash(server);
    c->proxy = proxy ? xstrdup(proxy) : NULL;
    c->server_name = name ? xstrdup(name) : NULL;
    if (read_pair(cluster, "certificate-authority", &c->ca, e) < 0)
        return -(int)ERR_INVALID;
    if (check_cert(c->ca.text, e) < 0)
        return err_wrap(e, "cluster.certificate-authority%s", c->ca.file ? "" : "-data");
    return 0;
}

static int refuse_unknown(const cJSON *user, struct err *e)
{
    static const char *const no[] = { "auth-provider", "as", "username" };

    for (size_t i = 0; i < COUNT(no); i++)
        if (json_member(user, no[i]))
            return err_set(e, ERR_INVALID, "user.%s: not supported", no[i]);
    return 0;
}

static int read_user(struct kube_config *c, const cJSON *user, const cJSON *cluster, struct err *e)
{
    const char *token;

    if (!user)
        return 0;
    if (refuse_unknown(user, e) < 0 || kubeconfig_text(user, "token", &token, e) < 0 ||
        kubeconfig_file(user, "tokenFile", &c->token.file, e) < 0 ||
        read_pair(user, "client-certificate", &c->cert, e) < 0 || read_pair(user, "client-key", &c->key, e) < 0)
        return -(int)ERR_INVALID;
    if (check_cert(c->cert.text, e) < 0)
        return err_wrap(e, "user.client-certificate%s", c->cert.file ? "" : "-data");
    if (!c->cert.text != !c->key.text)
        return err_set(e, ERR_INVALID, "user: client-certificate and client-key need each other");
    if (c->token.file && file_text_load(&c->token, e) < 0)
        return err_wrap(e, "tokenFile");
    if (!c->token.text && token)
        c->token.text = xstrdup(token);
    if (check_token(c->token.text, e) < 0)
        return err_wrap(e, c->token.file ? "user.tokenFile" : "user.token");
    return exec_plugin_new(user, cluster, &c->exec, e);
}

int kube_config_from(const struct kubeconfig *k, const char *context, struct kube_config **out, struct err *e)
{
    struct kubeconfig_choice choice;
    struct kube_config *c;

    if (kubeconfig_choose(k, context, &choice, e) < 0)
        return -(int)e->kind;
    c = xcalloc(1, sizeof(*c));
    c->ns = xstrdup(choice.ns ? choice.ns : "default");
    if (read_cluster(c, choice.cluster, e) < 0 || read_user(c, choice.user, choice.cluster, e) < 0) {
        kube_config_free(c);
        return err_wrap(e, "kubeconfig, context \"%.60s\"", choice.context);
    }
    *out = c;
    return 0;
}

int kube_config_in_cluster(const char *dir, const char *host, const char *port, struct kube_config **out,
                           struct err *e)
{
    struct kube_config *c = xcalloc(1, sizeof(*c));
    AUTO_FREE char *ns_file = xasprintf("%s/namespace", dir);

    c->server = strchr(host, ':') ? xasprintf("https://[%s]:%s", host, port) : xasprintf("https://%s:%s", host, port);
    c->ca.file = xasprintf("%s/ca.crt", dir);
    c->token.file = xasprintf("%s/token", dir);
    if (file_text_load(&c->ca, e) < 0 || file_text_load(&c->token, e) < 0 || check_token(c->token.text, e) < 0 ||
        check_cert(c->ca.text, e) < 0) {
        kube_config_free(c);
        return err_wrap(e, "in-cluster configuration");
    }
    if (kube_read_file(ns_file, 256, &c->ns, NULL) < 0)
        c->ns = xstrdup("default");
    *out = c;
    return 0;
}

static int add_file(struct kubeconfig *k, const char *path, struct err *e)
{
    AUTO_FREE char *text = NULL;

    if (kube_read_file(path, KUBECONFIG_MAX_BYTES, &text, e) < 0)
        return -(int)e->kind;
    return kubeconfig_add(k, path, text, strlen(text), e);
}

/* Of several files those that do not exist are passed over, as kubectl does; of one it is an error. */
static int add_files(struct kubeconfig *k, const char *paths, struct err *e)
{
    AUTO_FREE char *copy = xstrdup(paths);
    bool several = strchr(paths, ':') != NULL;
    char *rest = copy, *path;

    while ((path = strsep(&rest, ":")) != NULL) {
        if (!*path || (several && access(path, F_OK) < 0))
            continue;
        if (add_file(k, path, e) < 0)
            return -(int)e->kind;
    }
    return 0;
}

static int load_files(const char *paths, const char *context, struct kube_config **out, struct err *e)
{
    struct kubeconfig k;
    int rc;

    kubeconfig_init(&k);
    rc = add_files(&k, paths, e);
    if (rc == 0)
        rc = kube_config_from(&k, context, out, e);
    kubeconfig_done(&k);
    return rc;
}

int kube_config_load(const char *path, const char *context, struct kube_config **out, struct err *e)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
    AUTO_FREE char *own = NULL;

    if (path)
        return load_files(path, context, out, e);
    if (!str_empty(env))
        return load_files(env, context, out, e);
    if (!str_empty(host) && !context)
        return kube_config_in_cluster(ACCOUNT_DIR, host, str_empty(port) ? "443" : port, out, e);
    own = xasprintf("%s/.kube/config", home ? home : "");
    return load_files(own, context, out, e);
}
