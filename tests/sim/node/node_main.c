#include "sim/node/node_main.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "kube/config.h"
#include "sim/node/claims.h"
#include "sim/node/files.h"
#include "sim/node/hosts.h"
#include "sim/node/nodes.h"
#include "sim/node/pods.h"
#include "sim/node/provision.h"

static const char usage[] =
    "usage: everserve-sim node [options]\n"
    "Simulated machines: registers Node objects, runs the pods bound to them as real processes,\n"
    "each pod in a network of its own. Needs CAP_NET_ADMIN and CAP_SYS_ADMIN, if only in a user\n"
    "namespace: see `everserve-sim up`.\n"
    "  --kubeconfig FILE   how to reach the API server (default: $KUBECONFIG)\n"
    "  --nodes N           how many machines (3)         --zones N     in how many zones (3)\n"
    "  --cpu Q --memory Q --gpus N                       what each has (16, 64Gi, 0)\n"
    "  --name NAME         nodes are NAME-1 ... (node)   --dir DIR     state, volumes, logs\n"
    "  --cidr RANGE        of pods (10.244.0.0/16)       --bridge NAME first letters of links (es)\n"
    "  --heartbeat-ms N    (2000)                        --ready-file FILE  written when all nodes are Ready\n"
    "  --backoff-ms N      first wait of a crash loop (1000)   --backoff-cap-ms N  longest (10000)\n"
    "  --provision         make a volume for each pending claim (a control plane without a provisioner)\n"
    "  --verbose           debug lines as well\n";

enum { OPT_KUBECONFIG = 1, OPT_NODES, OPT_ZONES, OPT_CPU, OPT_MEMORY, OPT_GPUS, OPT_NAME, OPT_DIR, OPT_CIDR, OPT_BRIDGE,
       OPT_HEARTBEAT, OPT_READY, OPT_BACKOFF, OPT_BACKOFF_CAP, OPT_PROVISION, OPT_VERBOSE, OPT_HELP };

struct options {
    const char *texts[OPT_HELP + 1]; /* by option */
    int64_t nodes, zones, heartbeat_ms, backoff_ms, backoff_cap_ms;
};

struct simulator {
    struct world w;
    struct nodes *nodes;
    struct pods *pods;
    struct provision *provision; /* NULL: not asked for */
    struct loop_timer *ready_timer;
    const char *ready_file;
};

static bool number(const struct options *o, int which, int64_t min, int64_t max, int64_t fallback, int64_t *out)
{
    *out = fallback;
    if (!o->texts[which] || str_to_int(o->texts[which], min, max, out))
        return true;
    fprintf(stderr, "everserve-sim node: %s is not a number from %lld to %lld\n", o->texts[which], (long long)min, (long long)max);
    return false;
}

static bool options_parse(int argc, char **argv, struct options *o)
{
    static const struct option table[] = {
        { "kubeconfig", 1, NULL, OPT_KUBECONFIG }, { "nodes", 1, NULL, OPT_NODES }, { "zones", 1, NULL, OPT_ZONES },
        { "cpu", 1, NULL, OPT_CPU }, { "memory", 1, NULL, OPT_MEMORY }, { "gpus", 1, NULL, OPT_GPUS },
        { "name", 1, NULL, OPT_NAME }, { "dir", 1, NULL, OPT_DIR }, { "cidr", 1, NULL, OPT_CIDR },
        { "bridge", 1, NULL, OPT_BRIDGE }, { "heartbeat-ms", 1, NULL, OPT_HEARTBEAT }, { "ready-file", 1, NULL, OPT_READY },
        { "backoff-ms", 1, NULL, OPT_BACKOFF }, { "backoff-cap-ms", 1, NULL, OPT_BACKOFF_CAP },
        { "provision", 0, NULL, OPT_PROVISION }, { "verbose", 0, NULL, OPT_VERBOSE }, { "help", 0, NULL, OPT_HELP }, { 0 } };
    int opt;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (opt == '?')
            return false;
        o->texts[opt] = optarg ? optarg : "";
    }
    return number(o, OPT_NODES, 1, NET_MAX_NODES, 3, &o->nodes) && number(o, OPT_ZONES, 1, NET_MAX_NODES, 3, &o->zones) &&
           number(o, OPT_HEARTBEAT, 100, 60000, 2000, &o->heartbeat_ms) &&
           number(o, OPT_BACKOFF, 10, 600000, 1000, &o->backoff_ms) &&
           number(o, OPT_BACKOFF_CAP, 10, 600000, 10000, &o->backoff_cap_ms);
}

static const char *text_or(const struct options *o, int which, const char *fallback)
{
    return o->texts[which] ? o->texts[which] : fallback;
}

static int folders_make(struct world *w, const char *dir, struct err *e)
{
    char real[PATH_MAX], self[PATH_MAX] = "";

    if (files_mkdir(dir, 0755, e) < 0)
        return -(int)e->kind;
    if (!realpath(dir, real) || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        return err_set(e, ERR_INVALID, "state folder %s", dir);
    w->self = xstrdup(self);
    w->entry = xasprintf("%.*s/everserve-entry", (int)(strrchr(self, '/') - self), self);
    w->operator = xasprintf("%.*s/everserve", (int)(strrchr(self, '/') - self), self);
    w->state_dir = xstrdup(real);
    w->claims_dir = xasprintf("%s/claims", real);
    w->root_dir = xasprintf("%s/root", real);
    AUTO_FREE char *logs = xasprintf("%s/log/pods", real), *pods = xasprintf("%s/pods", real);
    files_remove(pods); /* what an earlier simulator ran is gone */
    return files_mkdir(w->claims_dir, 0755, e) < 0 || files_mkdir(w->root_dir, 0755, e) < 0 ||
           files_mkdir(logs, 0755, e) < 0 || files_mkdir(pods, 0755, e) < 0 ? -(int)e->kind : 0;
}

/* Every pod costs two descriptors, every connection of a probe one. */
static void descriptors_raise(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) < 0)
        return;
    r.rlim_cur = r.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r) < 0)
        log_warn("cannot raise the limit of open files");
}

static int world_init(struct world *w, const struct options *o, struct err *e)
{
    struct kube_config *cfg;

    *w = (struct world){ .backoff_base_ms = o->backoff_ms, .backoff_cap_ms = o->backoff_cap_ms };
    w->net.nl = w->net.own_ns = -1;
    w->loop = loop_new();
    w->reap = reap_new(w->loop);
    w->pods = map_new();
    if (kube_config_load(o->texts[OPT_KUBECONFIG], NULL, &cfg, e) < 0)
        return -(int)e->kind;
    w->kube = kube_new(w->loop, cfg, e);
    if (!w->kube || folders_make(w, text_or(o, OPT_DIR, "/tmp/everserve-node"), e) < 0)
        return -(int)e->kind;
    /* A restarted simulator goes on counting addresses from somewhere else. */
    uint32_t first = (uint32_t)(loop_wall_ms() / 1000 % 200) * 256;
    return net_init(&w->net, text_or(o, OPT_BRIDGE, "es"), text_or(o, OPT_CIDR, "10.244.0.0/16"), first, e);
}

static void on_ready_timer(void *arg)
{
    struct simulator *s = arg;
    struct err e = { 0 };

    if (!nodes_are_registered(s->nodes) || !objects_is_synced(s->w.objects) || !pods_is_synced(s->pods)) {
        loop_timer_set(s->ready_timer, 20);
        return;
    }
    log_info("all nodes are Ready");
    if (s->ready_file && files_write(s->ready_file, "ready\n", 6, 0644, &e) < 0)
        log_warn("ready file", F("error", e.msg));
}

static void on_neighbour(void *arg, const char *ns)
{
    struct simulator *s = arg;

    for (struct map_iter i = map_first(s->w.pods); i.key; map_next(&i))
        if (!ns || str_eq(((struct pod *)i.value)->ns, ns))
            pod_neighbour_changed(i.value);
    if (!s->w.objects)
        return;
    claims_sweep(&s->w);
    provision_step(s->provision, s->w.objects);
}

static int simulator_start(struct simulator *s, const struct options *o, struct err *e)
{
    struct nodes_opts n = { .name = text_or(o, OPT_NAME, "node"), .n_nodes = (int)o->nodes, .n_zones = (int)o->zones,
                            .cpu = text_or(o, OPT_CPU, "16"), .memory = text_or(o, OPT_MEMORY, "64Gi"),
                            .gpus = text_or(o, OPT_GPUS, "0"), .heartbeat_ms = o->heartbeat_ms };

    if (world_init(&s->w, o, e) < 0 || nodes_new(&s->w, &n, &s->nodes, e) < 0)
        return -(int)e->kind;
    s->provision = o->texts[OPT_PROVISION] ? provision_new(s->w.kube) : NULL;
    s->w.objects = objects_new(s->w.kube, on_neighbour, s);
    s->pods = pods_new(&s->w, s->nodes);
    s->ready_file = o->texts[OPT_READY];
    s->ready_timer = loop_timer_new(s->w.loop, on_ready_timer, s);
    loop_timer_set(s->ready_timer, 20);
    return 0;
}

static void simulator_done(struct simulator *s)
{
    struct world *w = &s->w;

    loop_timer_free(s->ready_timer);
    pods_free(s->pods);
    objects_free(w->objects);
    nodes_free(s->nodes);
    kube_free(w->kube);
    provision_free(s->provision);
    net_done(&w->net);
    map_free(w->pods, NULL);
    reap_free(w->reap);
    loop_free(w->loop);
    free(w->self);
    free(w->entry);
    free(w->operator);
    free(w->state_dir);
    free(w->claims_dir);
    free(w->root_dir);
}

static void on_stop(void *arg)
{
    loop_stop(arg);
}

int node_main(int argc, char **argv)
{
    struct simulator s = { 0 };
    struct options o = { 0 };
    struct err e = { 0 };

    if (!options_parse(argc, argv, &o) || o.texts[OPT_HELP]) {
        fputs(usage, o.texts[OPT_HELP] ? stdout : stderr);
        return o.texts[OPT_HELP] ? 0 : 2;
    }
    log_setup(o.texts[OPT_VERBOSE] ? LOG_DEBUG : LOG_INFO, LOG_LOGFMT);
    descriptors_raise();
    int rc = simulator_start(&s, &o, &e);
    if (rc < 0) {
        log_error("node simulator", F("error", e.msg));
    } else {
        loop_on_signal(s.w.loop, SIGTERM, on_stop, s.w.loop);
        loop_on_signal(s.w.loop, SIGINT, on_stop, s.w.loop);
        loop_run(s.w.loop);
    }
    simulator_done(&s);
    return rc < 0;
}
