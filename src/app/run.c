/*
 * Wiring: options, API server, controller, pages, signals; and the end.
 */
#include "app/run.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "ctrl/ctrl.h"
#include "kube/config.h"
#include "serve/server.h"

enum { NAMESPACES_MAX = 64 };

struct options {
    const char *kubeconfig, *context;
    const char *namespaces[NAMESPACES_MAX];
    size_t n_namespaces;
    bool leader_elect;
    const char *lease_namespace;
    const char *health_address, *metrics_address;
    int64_t max_passes, secret_delay_s, patience_s;
    enum log_level level;
    enum log_format format;
};

struct operator {
    struct options opt;
    char identity[320];
    struct loop *loop;
    struct kube *kube;
    struct ctrl *ctrl;
    struct serve *health, *metrics;
    bool stopping;
};

static const char help[] =
    "everserve run: the operator.\n"
    "\n"
    "Usage: everserve run [OPTIONS]\n"
    "\n"
    "  --kubeconfig FILE        how to reach the API server (default: $KUBECONFIG, then the\n"
    "                           pod's own service account, then ~/.kube/config)\n"
    "  --context NAME           a context of the kubeconfig (default: its current one)\n"
    "  --namespaces A,B         watch these namespaces only (default: all)\n"
    "  --leader-elect true|false  act only while holding the Lease everserve (default: true)\n"
    "  --lease-namespace NAME   where that Lease is (default: the pod's, else the context's)\n"
    "  --health-address ADDR    /healthz and /readyz (default: :8081)\n"
    "  --metrics-address ADDR   /metrics (default: :8080)\n"
    "  --max-passes N           resources worked on at once (default: 16)\n"
    "  --secret-delay SECONDS   how long a changed Secret may take to reach the files of running\n"
    "                           pods: the kubelet's --sync-frequency and a minute (default: 150)\n"
    "  --node-patience SECONDS  how long a new pod may find no node before a rollout replaces its\n"
    "                           pods one at a time; five times as long before a drain goes on\n"
    "                           without it (default: 60)\n"
    "  --log-level LEVEL        debug, info, warn, error (default: info)\n"
    "  --log-format FORMAT      logfmt, json (default: logfmt)\n"
    "  --help\n"
    "\n"
    "EVERSERVE_IMAGE names the operator's own image, which brings the start fence into Redis pods\n"
    "(default: " EVERSERVE_IMAGE ").\n"
    "\n"
    "An address is IP:PORT or :PORT; port 0 takes a free one, which the log names. SIGTERM and\n"
    "SIGINT end it gracefully: work under way is finished, the Lease is given back.\n";

static int wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int wrong(const char *fmt, ...)
{
    va_list ap;

    fputs("everserve run: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs("\n", stderr);
    return 64;
}

static int parse_namespaces(struct options *o, char *list)
{
    char *save = NULL;

    for (char *ns = strtok_r(list, ",", &save); ns; ns = strtok_r(NULL, ",", &save)) {
        if (o->n_namespaces == NAMESPACES_MAX)
            return wrong("--namespaces takes at most 64, at \"%s\"", ns);
        o->namespaces[o->n_namespaces++] = ns;
    }
    return o->n_namespaces ? 0 : wrong("--namespaces needs a name");
}

static int parse_choice(const char *option, const char *value, const char *const *choices, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(value, choices[i]))
            return (int)i;
    fprintf(stderr, "everserve run: %s does not take \"%s\"; --help says what it takes\n", option, value);
    return -1;
}

static int parse_log(struct options *o, int opt, const char *value)
{
    static const char *const levels[] = { "debug", "info", "warn", "error" };
    static const char *const formats[] = { "logfmt", "json" };
    int i = opt == 'l' ? parse_choice("--log-level", value, levels, COUNT(levels))
                       : parse_choice("--log-format", value, formats, COUNT(formats));

    if (i < 0)
        return 64;
    if (opt == 'l')
        o->level = (enum log_level)i;
    else
        o->format = (enum log_format)i;
    return 0;
}

static int parse_one(struct options *o, int opt, char *value)
{
    switch (opt) {
    case 'k':
        o->kubeconfig = value;
        return 0;
    case 'c':
        o->context = value;
        return 0;
    case 'n':
        return parse_namespaces(o, value);
    case 'e':
        o->leader_elect = str_eq(value, "true");
        return o->leader_elect || str_eq(value, "false") ? 0 : wrong("--leader-elect takes true or false, not \"%s\"", value);
    case 'L':
        o->lease_namespace = value;
        return 0;
    case 'H':
        o->health_address = value;
        return 0;
    case 'M':
        o->metrics_address = value;
        return 0;
    case 'p':
        return str_to_int(value, 1, 256, &o->max_passes) ? 0 : wrong("--max-passes takes 1 to 256, not \"%s\"", value);
    case 's':
        return str_to_int(value, 1, 3600, &o->secret_delay_s) ? 0 : wrong("--secret-delay takes 1 to 3600, not \"%s\"", value);
    case 'P':
        return str_to_int(value, 1, 3600, &o->patience_s) ? 0 : wrong("--node-patience takes 1 to 3600, not \"%s\"", value);
    case 'l':
    case 'f':
        return parse_log(o, opt, value);
    default:
        return wrong("--help lists the options");
    }
}

static int parse(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        { "kubeconfig", required_argument, NULL, 'k' },      { "context", required_argument, NULL, 'c' },
        { "namespaces", required_argument, NULL, 'n' },      { "leader-elect", required_argument, NULL, 'e' },
        { "lease-namespace", required_argument, NULL, 'L' }, { "health-address", required_argument, NULL, 'H' },
        { "metrics-address", required_argument, NULL, 'M' }, { "max-passes", required_argument, NULL, 'p' },
        { "secret-delay", required_argument, NULL, 's' },    { "node-patience", required_argument, NULL, 'P' },
        { "log-level", required_argument, NULL, 'l' },       { "log-format", required_argument, NULL, 'f' },
        { "help", no_argument, NULL, 'h' },                  { NULL, 0, NULL, 0 },
    };
    int opt, r;

    while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (opt == 'h') {
            fputs(help, stdout);
            return -1;
        }
        r = parse_one(o, opt, optarg);
        if (r)
            return r;
    }
    return optind < argc ? wrong("\"%s\" is not an option; --help lists them", argv[optind]) : 0;
}

/* --- pages --- */

static int page_healthz(void *arg, struct buf *out)
{
    (void)arg;
    buf_str(out, "ok\n"); /* the loop turns, or nobody would answer */
    return 200;
}

static int page_readyz(void *arg, struct buf *out)
{
    struct operator *op = arg;

    if (op->stopping) {
        buf_str(out, "ending\n");
        return 503;
    }
    if (!ctrl_is_ready(op->ctrl, out))
        return 503;
    buf_str(out, "ok\n");
    return 200;
}

static int page_metrics(void *arg, struct buf *out)
{
    struct operator *op = arg;

    ctrl_render_metrics(op->ctrl, out);
    return 200;
}

static const struct serve_page health_pages[] = {
    { "/healthz", "text/plain; charset=utf-8", page_healthz },
    { "/readyz", "text/plain; charset=utf-8", page_readyz },
};
static const struct serve_page metrics_pages[] = {
    { "/metrics", "text/plain; version=0.0.4; charset=utf-8", page_metrics },
};

/* --- start and end --- */

static void on_stopped(void *arg)
{
    struct operator *op = arg;

    loop_stop(op->loop);
}

static void on_signal(void *arg)
{
    struct operator *op = arg;

    if (op->stopping) {
        loop_stop(op->loop); /* asked twice: now */
        return;
    }
    op->stopping = true;
    log_info("ending: work under way is finished first");
    ctrl_stop(op->ctrl, on_stopped, op);
}

static int connect_kube(struct operator *op, const char **lease_ns, struct err *e)
{
    struct kube_config *cfg = NULL;
    int r = kube_config_load(op->opt.kubeconfig, op->opt.context, &cfg, e);

    if (r < 0)
        return r;
    if (!op->opt.lease_namespace)
        op->opt.lease_namespace = xstrdup(kube_config_namespace(cfg));
    *lease_ns = op->opt.leader_elect ? op->opt.lease_namespace : NULL;
    op->kube = kube_new(op->loop, cfg, e);
    return op->kube ? 0 : -(int)e->kind;
}

static int serve_all(struct operator *op, struct err *e)
{
    int r = serve_new(op->loop, op->opt.health_address, health_pages, COUNT(health_pages), op, &op->health, e);

    if (r < 0)
        return err_wrap(e, "--health-address");
    r = serve_new(op->loop, op->opt.metrics_address, metrics_pages, COUNT(metrics_pages), op, &op->metrics, e);
    return r < 0 ? err_wrap(e, "--metrics-address") : 0;
}

static void name_ourselves(struct operator *op)
{
    char host[256] = "", tail[9];

    if (gethostname(host, sizeof(host) - 1) < 0)
        host[0] = '\0';
    str_random_hex(tail, 8); /* two containers of one host, or one restarted, are not the same holder */
    snprintf(op->identity, sizeof(op->identity), "%s_%s", host, tail);
}

static int start(struct operator *op, struct err *e)
{
    const char *image = getenv("EVERSERVE_IMAGE");
    struct ctrl_config cfg = { .namespaces = op->opt.namespaces,
                               .image = str_empty(image) ? NULL : image,
                               .n_namespaces = op->opt.n_namespaces,
                               .lease_name = "everserve",
                               .max_passes = (int32_t)op->opt.max_passes,
                               .file_delay_ms = op->opt.secret_delay_s * 1000,
                               .patience_ms = op->opt.patience_s * 1000 };
    int r = connect_kube(op, &cfg.lease_namespace, e);

    if (r < 0)
        return r;
    name_ourselves(op);
    cfg.identity = op->identity;
    op->ctrl = ctrl_new(op->loop, op->kube, &cfg);
    r = serve_all(op, e);
    if (r < 0)
        return r;
    loop_on_signal(op->loop, SIGTERM, on_signal, op);
    loop_on_signal(op->loop, SIGINT, on_signal, op);
    log_info("everserve starts", F("version", EVERSERVE_VERSION), F("server", kube_host(op->kube)),
             F("identity", (const char *)op->identity), F("health_port", serve_port(op->health)),
             F("metrics_port", serve_port(op->metrics)));
    ctrl_start(op->ctrl);
    return 0;
}

int app_run(int argc, char **argv)
{
    struct operator op = { .opt = { .leader_elect = true,
                                    .health_address = ":8081",
                                    .metrics_address = ":8080",
                                    .max_passes = 16,
                                    .level = LOG_INFO } };
    int status = parse(&op.opt, argc, argv);
    struct err e;

    if (status)
        return status < 0 ? 0 : status;
    log_setup(op.opt.level, op.opt.format);
    signal(SIGPIPE, SIG_IGN);
    op.loop = loop_new();
    if (start(&op, &e) < 0) {
        log_error("cannot start", F("error", (const char *)e.msg));
        status = 1;
    } else {
        loop_run(op.loop);
        log_info("ended");
    }
    serve_free(op.metrics);
    serve_free(op.health);
    ctrl_free(op.ctrl);
    kube_free(op.kube);
    loop_free(op.loop);
    return status;
}
