#include "app/check_options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { WATCH_S = 2, LINE_MAX_BYTES = 512 };

static const char help[] =
    "everserve check: is this Redis Cluster healthy, from every node's own view?\n"
    "\n"
    "  everserve check [options] ADDRESS...\n"
    "\n"
    "ADDRESS is HOST, HOST:PORT or [IPV6]:PORT of any node. One is enough: the others are found in its\n"
    "CLUSTER NODES, and each is asked what it sees. Nothing is changed. Redis and Valkey.\n"
    "\n"
    "  everserve check 10.0.0.1\n"
    "  everserve check --watch --password-file pw fraud-redis.models.svc\n"
    "  everserve check -o json --settled 10.0.0.1:7000 | jq .state\n"
    "\n"
    "What is shown\n"
    "  -o table|json          a verdict, each predicate with its evidence, shards, a map of the slots; or JSON\n"
    "  -w, --watch[=SECONDS]  look again every 2 seconds (1 to 3600), until Ctrl-C; on a terminal in place,\n"
    "                         otherwise one report, or one line of JSON, after the other\n"
    "  -q, --quiet            nothing but the exit code\n"
    "  --settled              ask again until the verdict has held for a while (P14), at most 10 s\n"
    "\n"
    "What is expected\n"
    "  --replicas N           replicas that each master should have (default: members per master, less one)\n"
    "  --zones FILE           lines of HOST ZONE, for P11; nodes of one host are known to be beside each other\n"
    "  --timeout MS           deadline for each node (1000)\n"
    "\n"
    "Access\n"
    "  --user NAME            ACL user\n"
    "  --password-file FILE   its first line is the password; without it the environment's REDISCLI_AUTH.\n"
    "                         There is no option that takes the password itself: arguments can be read by all\n"
    "  --tls                  speak TLS, and verify who answers\n"
    "  --cacert FILE          authorities (default: the system's)\n"
    "  --cert FILE, --key FILE  certificate and key of this client\n"
    "  --sni NAME             the name that every node's certificate must have (default: ADDRESS, when it is a name)\n"
    "  -h, --help\n"
    "\n"
    "Exit code: 0 healthy; 1 not healthy; 2 unknown: too many nodes silent, or access denied; 64 wrong usage.\n"
    "With --watch it is that of the last look.\n"
    "Colours: on a terminal, unless NO_COLOR is set.\n";

static int usage(const char *problem, const char *what)
{
    fprintf(stderr, "everserve check: %s%s%s; see everserve check --help\n", problem, what[0] ? ": " : "", what);
    return CHECK_EXIT_USAGE;
}

static bool address_parse(const char *text, struct check_address *out)
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

static bool read_password(struct check_options *o, const char *path)
{
    FILE *f = fopen(path, "re");
    bool read = f && fgets(o->password, sizeof(o->password), f);

    if (f)
        fclose(f);
    o->password[strcspn(o->password, "\r\n")] = '\0';
    return read;
}

static bool add_zone(struct check_options *o, const char *line)
{
    static const char blanks[] = " \t\r\n";
    const char *host = line + strspn(line, blanks), *zone = host + strcspn(host, blanks);
    size_t n = (size_t)(zone - host), m;
    struct check_zone z = { 0 };

    zone += strspn(zone, blanks);
    m = strcspn(zone, blanks);
    if (!n || *host == '#')
        return true;
    if (!m || n >= sizeof(z.host) || m >= sizeof(z.zone) || o->n_zones >= CHECK_MEMBERS_MAX)
        return false;
    memcpy(z.host, host, n);
    memcpy(z.zone, zone, m);
    o->zones = xrealloc(o->zones, (o->n_zones + 1) * sizeof(*o->zones));
    o->zones[o->n_zones++] = z;
    return true;
}

static bool read_zones(struct check_options *o, const char *path)
{
    char line[LINE_MAX_BYTES];
    FILE *f = fopen(path, "re");
    bool ok = f != NULL;

    while (ok && fgets(line, sizeof(line), f))
        ok = add_zone(o, line);
    if (f)
        fclose(f);
    return ok;
}

enum {
    OPT_REPLICAS = 256, OPT_SETTLED, OPT_TIMEOUT, OPT_USER, OPT_PASSWORD, OPT_TLS, OPT_CA, OPT_CERT, OPT_KEY, OPT_SNI,
    OPT_ZONES,
};

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "output", required_argument, NULL, 'o' },
    { "watch", optional_argument, NULL, 'w' },
    { "quiet", no_argument, NULL, 'q' },
    { "replicas", required_argument, NULL, OPT_REPLICAS },
    { "settled", no_argument, NULL, OPT_SETTLED },
    { "timeout", required_argument, NULL, OPT_TIMEOUT },
    { "zones", required_argument, NULL, OPT_ZONES },
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
static bool take_option(struct check_options *o, int opt, const char *value)
{
    switch (opt) {
    case 'o': o->as_json = str_eq(value, "json"); return o->as_json || str_eq(value, "table");
    case 'w': o->watch_s = WATCH_S; return !value || take_number(value, 1, 3600, &o->watch_s);
    case 'q': o->quiet = true; return true;
    case OPT_REPLICAS: return take_number(value, 0, 100, &o->replicas);
    case OPT_SETTLED: o->settled = true; return true;
    case OPT_TIMEOUT: return take_number(value, 1, 600000, &o->timeout_ms);
    case OPT_ZONES: return read_zones(o, value);
    case OPT_USER: o->auth.user = value; return true;
    case OPT_PASSWORD: return read_password(o, value);
    case OPT_TLS: o->auth.tls = true; return true;
    case OPT_CA: o->auth.ca_file = value; return true;
    case OPT_CERT: o->auth.cert_file = value; return true;
    case OPT_KEY: o->auth.key_file = value; return true;
    case OPT_SNI: o->auth.sni = value; return true;
    }
    return false;
}

static bool is_name(const char *host)
{
    struct in6_addr any;

    return inet_pton(AF_INET, host, &any) != 1 && inet_pton(AF_INET6, host, &any) != 1;
}

static int check_sense(struct check_options *o)
{
    const struct redis_auth *a = &o->auth;

    if (o->n_given == 0)
        return usage("no address", "");
    if (!a->tls && (a->ca_file || a->cert_file || a->key_file || a->sni))
        return usage("--cacert, --cert, --key and --sni go with --tls", "");
    if (!a->cert_file != !a->key_file)
        return usage("--cert and --key go together", "");
    if (o->watch_s && o->settled)
        return usage("--watch shows when it has settled: leave --settled out", "");
    o->auth.password = o->password[0] ? o->password : getenv("REDISCLI_AUTH");
    if (a->tls && !a->sni && is_name(o->given[0].host))
        o->auth.sni = o->given[0].host;
    return -1;
}

int check_options_read(struct check_options *o, int argc, char **argv)
{
    int opt;

    o->timeout_ms = 1000;
    o->replicas = -1;
    optind = 0;
    while ((opt = getopt_long(argc, argv, "ho:w::q", options, NULL)) != -1) {
        if (opt == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (opt == '?')
            return usage("wrong option", "");
        if (!take_option(o, opt, optarg)) /* --password is short for --password-file: who errs must not be quoted */
            return opt == OPT_PASSWORD ? usage("cannot read the file of --password-file", "")
                                       : usage("cannot use this value", optarg);
    }
    for (; optind < argc; optind++)
        if (o->n_given >= CHECK_MEMBERS_MAX || !address_parse(argv[optind], &o->given[o->n_given++]))
            return usage("not HOST:PORT", argv[optind]);
    return check_sense(o);
}

void check_options_done(struct check_options *o)
{
    free(o->zones);
}

const char *check_zone_of(const struct check_options *o, const char *host)
{
    for (size_t i = 0; i < o->n_zones; i++)
        if (str_eq(o->zones[i].host, host))
            return o->zones[i].zone;
    return NULL;
}
