#include "app/check.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "app/check_report.h"
#include "base/mem.h"
#include "base/str.h"
#include "redis/probe.h"

#define MEMBERS_MAX 1000
#define EXIT_UNKNOWN 2
#define EXIT_USAGE 64

static const char help[] =
    "everserve check: is this Redis Cluster healthy, from every node's own view?\n"
    "\n"
    "  everserve check [options] ADDRESS...\n"
    "\n"
    "ADDRESS is HOST, HOST:PORT or [IPV6]:PORT of any node; one is enough, the others are found\n"
    "in its CLUSTER NODES and each is asked. Nothing is changed.\n"
    "\n"
    "  -o table|json          how to print (table)\n"
    "  --replicas N           replicas that each master should have (default: members per master, less one)\n"
    "  --settled              ask again until the verdict has held for a while (P14), at most 10 s\n"
    "  --timeout MS           deadline for each node (1000)\n"
    "  --user NAME            ACL user\n"
    "  --password-file FILE   first line is the password; or set REDISCLI_AUTH\n"
    "  --tls                  speak TLS; with --cacert FILE, --cert FILE, --key FILE, --sni NAME\n"
    "  --help\n"
    "\n"
    "Exit code: 0 healthy, 1 not healthy, 2 unknown (too many nodes silent, or access denied),\n"
    "64 wrong usage.\n";

struct address {
    char host[256];
    uint16_t port;
};

struct check {
    struct loop *loop;
    struct redis_auth auth;
    char password[512];
    bool as_json, settled;
    int timeout_ms, replicas; /* replicas -1: derived */

    struct address given[MEMBERS_MAX], found[MEMBERS_MAX];
    size_t n_given, n_found;
    bool discovered;
    struct loop_timer *again;
    struct settle settle;
    int64_t give_up_ms;
    int exit_code;
};

static int usage(const char *problem, const char *what)
{
    fprintf(stderr, "everserve check: %s%s%s; see everserve check --help\n", problem, what[0] ? ": " : "", what);
    return EXIT_USAGE;
}

static bool address_parse(const char *text, struct address *out)
{
    const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
    size_t n = strlen(text);
    int64_t port = 6379;

    if (bracket && text[0] == '[') {
        if (bracket[1] && (bracket[1] != ':' || !str_to_int(bracket + 2, 1, 65535, &port)))
            return false;
        text++;
        n = (size_t)(bracket - text);
    } else if (colon && strchr(text, ':') == colon) {
        if (!str_to_int(colon + 1, 1, 65535, &port))
            return false;
        n = (size_t)(colon - text);
    }
    if (n == 0 || n >= sizeof(out->host))
        return false;
    memcpy(out->host, text, n);
    out->host[n] = '\0';
    out->port = (uint16_t)port;
    return true;
}

static void find_add(struct check *c, const char *host, uint16_t port)
{
    for (size_t i = 0; i < c->n_found; i++)
        if (c->found[i].port == port && str_eq(c->found[i].host, host))
            return;
    if (c->n_found < MEMBERS_MAX && str_copy(c->found[c->n_found].host, sizeof(c->found[0].host), host))
        c->found[c->n_found++].port = port;
}

static int by_address(const void *a, const void *b)
{
    const struct address *x = a, *y = b;
    int order = strverscmp(x->host, y->host);

    return order ? order : (int)x->port - (int)y->port;
}

/* A node that was asked under another name than the cluster's is taken under the cluster's. */
static void find_members(struct check *c, const struct node_view *views, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct view_row *me = views[i].reach == REACH_OK ? view_myself(&views[i]) : NULL;

        if (!me || !me->ip[0] || !me->port)
            find_add(c, c->given[i].host, c->given[i].port);
        for (size_t r = 0; me && r < views[i].n_rows; r++) {
            const struct view_row *row = &views[i].rows[r];

            if (row->ip[0] && row->port && !(row->flags & (NODE_HANDSHAKE | NODE_NOADDR)))
                find_add(c, row->ip, row->port);
        }
    }
    qsort(c->found, c->n_found, sizeof(c->found[0]), by_address);
}

static void ask(struct check *c);

static void again(void *arg)
{
    ask(arg);
}

static int replicas_wanted(const struct check *c, const struct node_view *views, size_t n)
{
    size_t owners = 0, first = 0;

    while (first < n && views[first].reach != REACH_OK)
        first++;
    for (size_t r = 0; first < n && r < views[first].n_rows; r++)
        owners += views[first].rows[r].n_ranges > 0;
    return c->replicas >= 0 ? c->replicas : owners ? (int)(n / owners) - 1 : 0;
}

/* True when the last word is said. */
static bool judge(struct check *c, const struct node_view *views, size_t n)
{
    struct member members[MEMBERS_MAX] = { 0 };
    struct expected x = { .members = members, .n_members = n, .replicas_per_shard = replicas_wanted(c, views, n) };
    struct verdict v;
    int64_t left_ms;

    for (size_t i = 0; i < n; i++)
        members[i] = (struct member){ .ip = c->found[i].host, .port = c->found[i].port };
    verdict_judge(&x, views, n, &v);
    left_ms = verdict_settle(&c->settle, &v, 0, loop_now_ms());
    if (c->settled && !v.holds[P_SETTLED] && loop_now_ms() < c->give_up_ms) {
        loop_timer_set(c->again, left_ms > 0 && left_ms < 500 ? left_ms : 500);
        return false;
    }
    check_report(&v, views, n, c->settled, c->as_json);
    c->exit_code = v.state == REDIS_HEALTHY && (!c->settled || v.holds[P_SETTLED]) ? 0
                   : v.state == REDIS_UNKNOWN                                      ? EXIT_UNKNOWN
                                                                                   : 1;
    return true;
}

static void on_views(void *arg, struct node_view *views, size_t n)
{
    struct check *c = arg;

    if (!c->discovered) {
        find_members(c, views, n);
        c->discovered = true;
        ask(c);
    } else if (judge(c, views, n)) {
        loop_stop(c->loop);
    }
    views_free(views, n);
}

static void ask(struct check *c)
{
    const struct address *from = c->discovered ? c->found : c->given;
    size_t n = c->discovered ? c->n_found : c->n_given;
    struct redis_target targets[MEMBERS_MAX];

    for (size_t i = 0; i < n; i++)
        targets[i] = (struct redis_target){ .ip = from[i].host, .port = from[i].port };
    redis_probe_start(c->loop, targets, n, &c->auth, c->timeout_ms, on_views, c);
}

static bool read_password(struct check *c, const char *path)
{
    FILE *f = fopen(path, "re");
    bool read = f && fgets(c->password, sizeof(c->password), f);

    if (f)
        fclose(f);
    c->password[strcspn(c->password, "\r\n")] = '\0';
    return read;
}

enum { OPT_REPLICAS = 256, OPT_SETTLED, OPT_TIMEOUT, OPT_USER, OPT_PASSWORD, OPT_TLS, OPT_CA, OPT_CERT, OPT_KEY, OPT_SNI };

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "output", required_argument, NULL, 'o' },
    { "replicas", required_argument, NULL, OPT_REPLICAS },
    { "settled", no_argument, NULL, OPT_SETTLED },
    { "timeout", required_argument, NULL, OPT_TIMEOUT },
    { "user", required_argument, NULL, OPT_USER },
    { "password-file", required_argument, NULL, OPT_PASSWORD },
    { "tls", no_argument, NULL, OPT_TLS },
    { "cacert", required_argument, NULL, OPT_CA },
    { "cert", required_argument, NULL, OPT_CERT },
    { "key", required_argument, NULL, OPT_KEY },
    { "sni", required_argument, NULL, OPT_SNI },
    { NULL, 0, NULL, 0 },
};

static bool take_number(const char *text, int min, int max, int *out)
{
    int64_t n;

    if (!str_to_int(text, min, max, &n))
        return false;
    *out = (int)n;
    return true;
}

/* False when the value is no good. */
static bool take_option(struct check *c, int opt, const char *value)
{
    switch (opt) {
    case 'o': c->as_json = str_eq(value, "json"); return c->as_json || str_eq(value, "table");
    case OPT_REPLICAS: return take_number(value, 0, 100, &c->replicas);
    case OPT_SETTLED: c->settled = true; return true;
    case OPT_TIMEOUT: return take_number(value, 1, 600000, &c->timeout_ms);
    case OPT_USER: c->auth.user = value; return true;
    case OPT_PASSWORD: return read_password(c, value);
    case OPT_TLS: c->auth.tls = true; return true;
    case OPT_CA: c->auth.ca_file = value; return true;
    case OPT_CERT: c->auth.cert_file = value; return true;
    case OPT_KEY: c->auth.key_file = value; return true;
    case OPT_SNI: c->auth.sni = value; return true;
    }
    return false;
}

/* 0: go on; anything else: the exit code, after --help or a complaint; -1: help was printed. */
static int read_arguments(struct check *c, int argc, char **argv)
{
    int opt;

    optind = 0;
    while ((opt = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
        if (opt == 'h') {
            fputs(help, stdout);
            return -1;
        }
        if (opt == '?')
            return usage("wrong option", "");
        if (!take_option(c, opt, optarg))
            return usage("cannot use this value", optarg);
    }
    for (; optind < argc && c->n_given < MEMBERS_MAX; optind++)
        if (!address_parse(argv[optind], &c->given[c->n_given++]))
            return usage("not HOST:PORT", argv[optind]);
    if (c->n_given == 0)
        return usage("no address", "");
    c->auth.password = c->password[0] ? c->password : getenv("REDISCLI_AUTH");
    return 0;
}

int app_check(int argc, char **argv)
{
    AUTO_FREE struct check *c = xcalloc(1, sizeof(*c));
    int rc;

    c->timeout_ms = 1000;
    c->replicas = -1;
    rc = read_arguments(c, argc, argv);
    if (rc != 0)
        return rc < 0 ? 0 : rc;
    c->loop = loop_new();
    c->again = loop_timer_new(c->loop, again, c);
    c->give_up_ms = loop_now_ms() + 10000;
    ask(c);
    loop_run(c->loop);
    loop_timer_free(c->again);
    loop_free(c->loop);
    return c->exit_code;
}
