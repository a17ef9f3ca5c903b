/*
 * `everserve simulate`: reads the cluster, changes nothing.
 */
#include "app/simulate.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "api/child.h"
#include "base/str.h"
#include "kube/path.h"
#include "look.h"
#include "simulate_say.h"

static const char help[] =
    "everserve simulate: what would happen without a node or a zone, or while a node is drained.\n"
    "\n"
    "  everserve simulate [OPTIONS] [NAMESPACE/]NAME --drain NODE | --lose-node NODE | --lose-zone ZONE\n"
    "  everserve simulate -A --lose-zone ZONE\n"
    "\n"
    "Reads where pods and their nodes are, what the budgets allow and who holds which shard of Redis, and says\n"
    "which pods go, what remains ready, what is refused, and which replica takes over. Changes nothing.\n"
    "\n"
    "  --drain NODE        cordon and evict\n"
    "  --lose-node NODE    it is gone, now\n"
    "  --lose-zone ZONE    all its nodes are (topology.kubernetes.io/zone)\n"
    "  -A, --all-namespaces  every service; without NAME every service of the namespace\n"
    "  -n, --namespace NS  (default: the context's)\n"
    "  -o text|json\n"
    "  --kubeconfig FILE, --context NAME\n"
    "  -h, --help\n"
    "\n"
    "Exit code: 0 every service goes on serving; 1 an outage, or a drain that would hang; 2 the cluster cannot be\n"
    "read, or there is no such node, zone or service; 64 wrong usage.\n";

struct run {
    struct look look;
    struct look_options o;
    enum what_if how;
    const char *what; /* NULL: not said */
    struct host *hosts;
    size_t n_hosts;
    cJSON *shown; /* of -o json */
    int exit_code;
};

static int wrong(const char *problem)
{
    fprintf(stderr, "everserve simulate: %s; everserve simulate --help says more\n", problem);
    return LOOK_EXIT_USAGE;
}

static const char *take(struct run *r, int c, const char *value)
{
    switch (c) {
    case 'k': r->o.kubeconfig = value; return NULL;
    case 'c': r->o.context = value; return NULL;
    case 'n': r->o.ns = value; return NULL;
    case 'A': r->o.all = true; return NULL;
    case 'o':
        r->o.json = str_eq(value, "json");
        return r->o.json || str_eq(value, "text") ? NULL : "-o takes text or json";
    case '?': return "there is no such option";
    default:
        if (r->what)
            return "one of --drain, --lose-node, --lose-zone";
        r->how = c == 'd' ? IF_DRAIN : c == 'l' ? IF_NODE_LOST : IF_ZONE_LOST;
        r->what = value;
        return NULL;
    }
}

static int read_options(struct run *r, int argc, char **argv)
{
    static const struct option longs[] = {
        { "kubeconfig", required_argument, NULL, 'k' }, { "context", required_argument, NULL, 'c' },
        { "namespace", required_argument, NULL, 'n' },  { "all-namespaces", no_argument, NULL, 'A' },
        { "output", required_argument, NULL, 'o' },     { "drain", required_argument, NULL, 'd' },
        { "lose-node", required_argument, NULL, 'l' },  { "lose-zone", required_argument, NULL, 'z' },
        { "help", no_argument, NULL, 'h' },             { NULL, 0, NULL, 0 },
    };
    int c;

    optind = 1;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "n:Ao:h", longs, NULL)) != -1) {
        const char *problem = c == 'h' ? NULL : take(r, c, optarg);

        if (c == 'h')
            return fputs(help, stdout) < 0;
        if (problem)
            return wrong(problem);
    }
    if (str_empty(r->what))
        return wrong("one of --drain, --lose-node, --lose-zone is needed");
    if (optind < argc - 1 || (optind < argc && r->o.all))
        return wrong("one service, or -A");
    if (optind < argc)
        r->o.names[r->o.n_names++] = argv[optind];
    return -1;
}

static int read_hosts(struct run *r, struct err *e)
{
    AUTO_JSON cJSON *list = look_get(&r->look, "/api/v1/nodes", e);
    const cJSON *node;
    bool found = false;

    if (!list)
        return err_wrap(e, "nodes");
    r->hosts = xcalloc((size_t)json_count(json_member(list, "items")) + 1, sizeof(*r->hosts));
    cJSON_ArrayForEach(node, json_member(list, "items"))
        if (host_from(node, &r->hosts[r->n_hosts])) {
            const struct host *h = &r->hosts[r->n_hosts++];

            found |= str_eq(r->how == IF_ZONE_LOST ? h->zone : h->name, r->what);
        }
    return found ? 0 : err_set(e, ERR_ABSENT, "there is no %s %s", r->how == IF_ZONE_LOST ? "node in zone" : "node", r->what);
}

static int read_budget(struct run *r, const struct isvc *s, const char *suffix, struct budget_now *out, struct err *e)
{
    AUTO_FREE char *name = xasprintf("%s%s", s->name, suffix);
    AUTO_FREE char *path = kube_path("/apis/policy/v1", s->ns, "poddisruptionbudgets", name, NULL);
    AUTO_JSON cJSON *pdb = look_get(&r->look, path, e);

    if (!pdb)
        return e->kind == ERR_ABSENT ? 0 : err_wrap(e, "PodDisruptionBudget %s", name);
    *out = (struct budget_now){ true, json_get_int(pdb, "status.disruptionsAllowed", 0),
                                json_get_int(pdb, "status.currentHealthy", 0), json_get_int(pdb, "status.desiredHealthy", 0) };
    return 0;
}

static int read_pods(struct run *r, const struct isvc *s, struct pod **out, size_t *n, struct err *e)
{
    AUTO_FREE char *selector = xasprintf("%s,app.kubernetes.io/instance=%s", API_MANAGED_BY, s->name);
    AUTO_FREE char *path = kube_path_with(kube_path("/api/v1", s->ns, "pods", NULL, NULL), "labelSelector", selector);
    AUTO_JSON cJSON *list = look_get(&r->look, path, e);
    const cJSON *pod;

    if (!list)
        return err_wrap(e, "pods of %s", s->name);
    *out = xcalloc((size_t)json_count(json_member(list, "items")) + 1, sizeof(**out));
    cJSON_ArrayForEach(pod, json_member(list, "items"))
        *n += pod_from(pod, &(*out)[*n]);
    return 0;
}

static void show(struct run *r, const struct simulation *s)
{
    if (r->o.json)
        json_push(r->shown, simulation_json(s));
    else if (s->verdict != SIM_NOTHING || r->o.n_names)
        simulation_print(s, stdout);
    if (s->verdict == SIM_OUTAGE || s->verdict == SIM_BLOCKED)
        r->exit_code = 1;
}

static int simulate_decoded(struct run *r, const struct isvc *s, const cJSON *status, struct err *e)
{
    AUTO_FREE char *key = xasprintf("%s/%s", s->ns, s->name);
    const char *words = json_get_str(status, "redis.copies");
    struct simulation sim = { .how = r->how, .what = r->what, .key = key, .svc = s,
                              .wanted = (int32_t)json_get_int(status, "predictor.desired", s->predictor.min_replicas) };
    struct copies copies;
    struct pod *pods = NULL;
    size_t n = 0;
    int rc = read_pods(r, s, &pods, &n, e);

    if (rc == 0)
        rc = read_budget(r, s, "", &sim.budget, e);
    if (rc == 0 && s->redis.present)
        rc = read_budget(r, s, "-redis", &sim.redis_budget, e);
    sim.at = (struct placed){ pods, n, r->hosts, r->n_hosts, words && copies_parse(words, &copies) ? &copies : NULL };
    if (rc == 0) {
        simulation_judge(&sim);
        show(r, &sim);
    }
    for (size_t i = 0; i < n; i++)
        pod_done(&pods[i]);
    free(pods);
    return rc;
}

static int simulate(struct run *r, const cJSON *obj, struct err *e)
{
    struct isvc s = { 0 };
    int rc = isvc_decode(obj, &s, e);

    if (rc < 0)
        return err_wrap(e, "%s", json_get_str(obj, "metadata.name"));
    rc = simulate_decoded(r, &s, json_member(obj, "status"), e);
    isvc_done(&s);
    return rc;
}

static int simulate_one(struct run *r, const char *name, struct err *e)
{
    AUTO_FREE char *key = look_key(&r->look, name);
    char *slash = strchr(key, '/');
    AUTO_FREE char *path = NULL;
    AUTO_JSON cJSON *obj = NULL;

    *slash = '\0';
    path = kube_path("/apis/" API_VERSION, key, API_PLURAL, slash + 1, NULL);
    obj = look_get(&r->look, path, e);
    return obj ? simulate(r, obj, e) : err_wrap(e, "InferenceService %s/%s", key, slash + 1);
}

/* One that cannot be read does not hide the others. */
static int simulate_all(struct run *r, struct err *e)
{
    AUTO_FREE char *path = kube_path("/apis/" API_VERSION, r->o.all ? NULL : r->look.ns, API_PLURAL, NULL, NULL);
    AUTO_JSON cJSON *list = look_get(&r->look, path, e);
    const cJSON *obj;

    if (!list)
        return err_wrap(e, "InferenceServices");
    cJSON_ArrayForEach(obj, json_member(list, "items"))
        if (simulate(r, obj, e) < 0) {
            fprintf(stderr, "everserve simulate: %s\n", e->msg);
            r->exit_code = LOOK_EXIT_TROUBLE;
        }
    return 0;
}

static int run_all(struct run *r, struct err *e)
{
    int rc = look_open(&r->look, &r->o, e);

    if (rc == 0)
        rc = read_hosts(r, e);
    if (rc == 0)
        rc = r->o.n_names ? simulate_one(r, r->o.names[0], e) : simulate_all(r, e);
    return rc;
}

int app_simulate(int argc, char **argv)
{
    struct run r = { .shown = NULL };
    struct err e = { 0 };
    int rc = read_options(&r, argc, argv);

    if (rc >= 0)
        return rc;
    r.shown = json_new_arr();
    if (run_all(&r, &e) < 0) {
        fprintf(stderr, "everserve simulate: %s\n", e.msg);
        r.exit_code = LOOK_EXIT_TROUBLE;
    } else if (r.o.json) {
        AUTO_FREE char *text = json_print(r.shown);

        puts(text);
    }
    cJSON_Delete(r.shown);
    free(r.hosts);
    look_close(&r.look);
    return r.exit_code;
}
