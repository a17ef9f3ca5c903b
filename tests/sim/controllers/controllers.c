/*
 * everserve-sim controllers: the workload controllers and the scheduler, for the
 * local cluster or any API server that lacks them.
 */
#include "sim/controllers/controllers.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "kube/config.h"
#include "sim/controllers/runner.h"

static const struct controller *const all[] = {
    &controller_deployment, &controller_replicaset, &controller_statefulset, &controller_scheduler,
    &controller_binder,     &controller_gc,         &controller_namespace,   &controller_podgc,
    &controller_nodelife,   &controller_pdb,        &controller_endpointslice, &controller_endpoints,
    &controller_hpa,        &controller_job,        &controller_cronjob,
};

struct options {
    const char *kubeconfig;
    const char *context;
    const char *only;   /* comma separated names; NULL: all */
    const char *except;
    bool debug;
    struct sync_options sync;
};

static void usage(FILE *to)
{
    fputs("everserve-sim controllers: workload controllers and scheduler over the Kubernetes API\n"
          "  --kubeconfig FILE   default: $KUBECONFIG, in-cluster, ~/.kube/config\n"
          "  --context NAME      of the kubeconfig\n"
          "  --only A,B          only these controllers (deployment brings replicaset along)\n"
          "  --except A,B        all but these\n"
          "  --node-grace S      a node silent for so long is lost (default 6)\n"
          "  --pod-eviction S    how long pods stay bound to a lost node (default 300)\n"
          "  --hpa-period S      how often autoscalers look (default 1)\n"
          "  --debug             log every refused call\n"
          "controllers:\n",
          to);
    for (size_t i = 0; i < COUNT(all); i++)
        fprintf(to, "  %-14s %s\n", all[i]->name, all[i]->help);
}

static bool is_named(const char *names, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = names; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, name, n) && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

static bool names_are_known(const char *names)
{
    for (const char *p = names; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        bool known = false;

        for (size_t i = 0; i < COUNT(all); i++)
            known |= strlen(all[i]->name) == strcspn(p, ",") && is_named(p, all[i]->name);
        if (!known) {
            fprintf(stderr, "everserve-sim controllers: no controller named %.*s\n", (int)strcspn(p, ","), p);
            return false;
        }
    }
    return true;
}

/* ReplicaSets come along with Deployments, which are nothing without them. */
static bool is_chosen(const struct options *o, const char *name)
{
    bool only = !o->only || is_named(o->only, name) || (str_eq(name, "replicaset") && is_named(o->only, "deployment"));

    return only && !is_named(o->except, name);
}

static bool take_seconds(const char *text, int64_t unit, int64_t *out)
{
    int64_t s;

    if (!str_to_int(text, 0, 86400, &s)) {
        fprintf(stderr, "everserve-sim controllers: not a number of seconds: %s\n", text);
        return false;
    }
    *out = s * unit;
    return true;
}

/* 0: go on; otherwise the exit code, plus one. */
static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        { "kubeconfig", required_argument, NULL, 'k' }, { "context", required_argument, NULL, 'c' },
        { "only", required_argument, NULL, 'o' },       { "except", required_argument, NULL, 'x' },
        { "node-grace", required_argument, NULL, 'g' }, { "pod-eviction", required_argument, NULL, 'e' },
        { "hpa-period", required_argument, NULL, 'p' }, { "debug", no_argument, NULL, 'd' },
        { "help", no_argument, NULL, 'h' },             { NULL, 0, NULL, 0 },
    };
    bool ok = true;
    int c;

    while (ok && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (c == 'h') {
            usage(stdout);
            return 1;
        }
        o->kubeconfig = c == 'k' ? optarg : o->kubeconfig;
        o->context = c == 'c' ? optarg : o->context;
        o->only = c == 'o' ? optarg : o->only;
        o->except = c == 'x' ? optarg : o->except;
        o->debug |= c == 'd';
        ok = c != '?' && (c != 'g' || take_seconds(optarg, 1000, &o->sync.node_grace_ms)) &&
             (c != 'e' || take_seconds(optarg, 1, &o->sync.pod_eviction_s)) &&
             (c != 'p' || take_seconds(optarg, 1000, &o->sync.hpa_period_ms));
    }
    return ok && optind == argc && names_are_known(o->only) && names_are_known(o->except) ? 0 : 65;
}

static void on_stop(void *arg)
{
    loop_stop(arg);
}

static int run(const struct options *o)
{
    struct kube_config *cfg = NULL;
    struct err e = { 0 };
    struct loop *l;
    struct kube *k;
    struct runner *r;

    if (kube_config_load(o->kubeconfig, o->context, &cfg, &e) < 0) {
        log_error("configuration", F("error", e.msg));
        return 1;
    }
    log_info("controllers", F("server", kube_config_server(cfg)));
    l = loop_new();
    k = kube_new(l, cfg, &e);
    if (!k) {
        log_error("client", F("error", e.msg));
        loop_free(l);
        return 1;
    }
    r = runner_new(l, k, &o->sync);
    for (size_t i = 0; i < COUNT(all); i++)
        if (is_chosen(o, all[i]->name))
            runner_add(r, all[i]);
    loop_on_signal(l, SIGTERM, on_stop, l);
    loop_on_signal(l, SIGINT, on_stop, l);
    runner_start(r);
    loop_run(l);
    runner_stop(r);
    kube_free(k);
    runner_free(r);
    loop_free(l);
    return 0;
}

int controllers_main(int argc, char **argv)
{
    struct options o = { .sync = { .node_grace_ms = 6000, .pod_eviction_s = 300, .hpa_period_ms = 1000 } };
    int stop = parse_options(argc, argv, &o);

    if (stop) {
        if (stop > 1)
            usage(stderr);
        return stop - 1;
    }
    log_setup(o.debug ? LOG_DEBUG : LOG_INFO, LOG_LOGFMT);
    return run(&o);
}
