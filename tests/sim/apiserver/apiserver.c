#include "sim/apiserver/apiserver.h"

#include <getopt.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/str.h"
#include "sim/apiserver/auth.h"
#include "sim/apiserver/boot.h"
#include "sim/apiserver/faults.h"
#include "sim/apiserver/http.h"
#include "sim/apiserver/tls.h"

static const char help[] =
    "everserve-sim apiserver - a Kubernetes API server in memory, for development and tests\n"
    "\n"
    "  --listen ADDR:PORT   repeatable; port 0 picks one and prints it (default 127.0.0.1:0)\n"
    "  --listen-fd N        accept on an inherited listening socket; repeatable\n"
    "  --tls DIR            HTTPS with a certificate of its own; DIR/ca.crt is what to trust\n"
    "  --san NAME           one more name or address for the certificate; repeatable\n"
    "  --token T=USER[:GROUP,...]   another bearer token; repeatable. admintoken is admin, in\n"
    "                       system:masters; other users may do what stored RBAC objects allow.\n"
    "                       Without --tls, a request without a token is admin's too\n"
    "  --kubeconfig FILE    write a kubeconfig for the first address, user admin\n"
    "  --data none          where objects are kept: in memory only\n"
    "\n"
    "Trouble on request, no token needed:\n"
    "  POST /sim/faults     a rule or an array of them, e.g. {\"match\": {\"method\": \"PATCH\",\n"
    "                       \"path\": \"*deployments*\"}, \"status\": 503, \"retryAfter\": 2, \"count\": 3}\n"
    "  GET /sim/faults      rules, and how often each hit;  DELETE /sim/faults[/ID] ends all, or one\n"
    "  match: method, verb (get list watch create update patch delete), path and notPath (prefix, or a\n"
    "  pattern with *), userAgent (prefix). count: so often (default: always); skip: not the first n.\n"
    "    status, retryAfter, message   answered so, and not carried out\n"
    "    drop: before | after          the connection is cut, the request not carried out or carried out\n"
    "    latencyMs                     answered so much later;  freeze: true  neither done nor answered\n"
    "    pauseAfterWrites: n           the nth write is done but not answered, later ones freeze\n"
    "    delayEventsMs, dropEvents     what matching watches get\n"
    "    dropWatches, compact: true    once, at once: streams are cut; older versions are 410 Expired\n"
    "  GET /sim/counts?userAgent=PREFIX&exclude=leases,events    requests by verb, resource and answer,\n"
    "                       and how many writes changed nothing;  POST /sim/counts/reset\n"
    "\n"
    "Custom resources: structural schemas with defaults, pruning and bounds. CEL rules\n"
    "(x-kubernetes-validations) are NOT evaluated: a real API server checks those.\n";

struct options {
    char *listen[16];
    size_t n_listen;
    int fds[16];
    size_t n_fds;
    const char *tls_dir, *kubeconfig;
    struct buf sans;
};

static bool add_san(struct options *o, const char *host)
{
    bool address = host[strspn(host, "0123456789.")] == '\0' || strchr(host, ':');

    buf_fmt(&o->sans, "%s%s:%s", o->sans.len ? "," : "", address ? "IP" : "DNS", host);
    return true;
}

static bool add_listen(struct options *o, char *text)
{
    char *colon = strrchr(text, ':');

    if (!colon || o->n_listen == COUNT(o->listen))
        return false;
    o->listen[o->n_listen++] = text;
    return true;
}

static bool add_fd(struct options *o, const char *text)
{
    int64_t fd;

    if (!str_to_int(text, 0, 65535, &fd) || o->n_fds == COUNT(o->fds))
        return false;
    o->fds[o->n_fds++] = (int)fd;
    return true;
}

static bool read_option(int c, struct options *o, struct server *s)
{
    switch (c) {
    case 'l': return add_listen(o, optarg);
    case 'f': return add_fd(o, optarg);
    case 'n': return add_san(o, optarg);
    case 't': return users_add(s->users, optarg);
    case 'T': o->tls_dir = optarg; return true;
    case 'k': o->kubeconfig = optarg; return true;
    case 'd': return str_eq(optarg, "none");
    default: return false;
    }
}

/* 0: go on; 1: done; 2: a mistake. */
static int read_options(int argc, char **argv, struct options *o, struct server *s)
{
    static const struct option table[] = {
        { "listen", required_argument, NULL, 'l' },     { "listen-fd", required_argument, NULL, 'f' },
        { "tls", required_argument, NULL, 'T' },        { "token", required_argument, NULL, 't' },
        { "kubeconfig", required_argument, NULL, 'k' }, { "data", required_argument, NULL, 'd' },
        { "san", required_argument, NULL, 'n' },        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    static char anywhere[] = "127.0.0.1:0";
    int c;

    while ((c = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        if (c == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (!read_option(c, o, s)) {
            fprintf(stderr, "everserve-sim apiserver: bad option or value; see --help\n");
            return 2;
        }
    }
    if (!o->n_listen && !o->n_fds)
        add_listen(o, anywhere);
    return 0;
}

static char *host_of(const char *listen)
{
    size_t n = (size_t)(strrchr(listen, ':') - listen);
    bool bracket = listen[0] == '[';

    return xstrndup(listen + bracket, n - 2 * (size_t)bracket);
}

static int write_kubeconfig(const struct options *o, const char *url, struct err *e)
{
    FILE *f = o->kubeconfig ? fopen(o->kubeconfig, "w") : NULL;

    if (!o->kubeconfig)
        return 0;
    if (!f)
        return err_set(e, ERR_INVALID, "cannot write %s", o->kubeconfig);
    chmod(o->kubeconfig, 0600);
    fprintf(f, "apiVersion: v1\nkind: Config\ncurrent-context: sim\nclusters:\n- name: sim\n  cluster:\n    server: %s\n", url);
    if (o->tls_dir) {
        AUTO_FREE char *dir = realpath(o->tls_dir, NULL);

        fprintf(f, "    certificate-authority: %s/ca.crt\n", dir);
    }
    fprintf(f, "contexts:\n- name: sim\n  context: {cluster: sim, user: admin}\n"
               "users:\n- name: admin\n  user: {token: admintoken}\n");
    return fclose(f) == 0 ? 0 : err_set(e, ERR_INVALID, "cannot write %s", o->kubeconfig);
}

static int listen_all(struct server *s, const struct options *o, struct err *e)
{
    for (size_t i = 0; i < o->n_listen; i++) {
        AUTO_FREE char *host = host_of(o->listen[i]), *url = NULL;
        const char *reach = str_eq(host, "0.0.0.0") ? "127.0.0.1" : host;
        int64_t want;
        int port;

        if (!str_to_int(strrchr(o->listen[i], ':') + 1, 0, 65535, &want))
            return err_set(e, ERR_INVALID, "bad port in %s", o->listen[i]);
        port = (int)want;
        if (http_listen(s, host, &port, e) < 0)
            return -1;
        url = xasprintf("%s://%s%s%s:%d", o->tls_dir ? "https" : "http", strchr(reach, ':') ? "[" : "", reach,
                        strchr(reach, ':') ? "]" : "", port);
        if (i == 0 && write_kubeconfig(o, url, e) < 0)
            return -1;
        printf("%s\n", url);
    }
    for (size_t i = 0; i < o->n_fds; i++)
        if (http_listen_fd(s, o->fds[i], e) < 0)
            return -1;
    fflush(stdout);
    return 0;
}

static int start(struct server *s, struct options *o, SSL_CTX **ssl, struct err *e)
{
    add_san(o, "127.0.0.1");
    add_san(o, "localhost");
    add_san(o, "kubernetes.default.svc");
    for (size_t i = 0; i < o->n_listen; i++) {
        AUTO_FREE char *host = host_of(o->listen[i]);

        if (!str_eq(host, "127.0.0.1"))
            add_san(o, host);
    }
    if (o->tls_dir && tls_make(o->tls_dir, buf_text(&o->sans), ssl, e) < 0)
        return -1;
    if (http_start(s, *ssl, e) < 0)
        return -1;
    return listen_all(s, o, e);
}

static void stop(void *loop)
{
    loop_stop(loop);
}

int apiserver_main(int argc, char **argv)
{
    struct options o = { 0 };
    struct err e = { 0 };
    SSL_CTX *ssl = NULL;
    struct server *s = boot_server();
    int rc;

    signal(SIGPIPE, SIG_IGN);
    buf_init(&o.sans, 4096);
    rc = read_options(argc, argv, &o, s);
    if (rc == 0 && start(s, &o, &ssl, &e) < 0) {
        log_error("cannot start", F("error", e.msg));
        rc = 2;
    } else if (rc == 0) {
        loop_on_signal(s->loop, SIGTERM, stop, s->loop);
        loop_on_signal(s->loop, SIGINT, stop, s->loop);
        loop_run(s->loop);
    }
    boot_stop(s);
    SSL_CTX_free(ssl);
    buf_done(&o.sans);
    return rc == 1 ? 0 : rc;
}
