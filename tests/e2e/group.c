#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e/budget.h"
#include "e2e/harness.h"
#include "e2e/ledger.h"
#include "e2e/operator.h"
#include "e2e/relay.h"
#include "e2e/wire.h"
#include "kube/config.h"
#include "servers.h"

enum { CRD_MAX_BYTES = 1 << 20 };

static const char crd_file[] = "crds/inferenceservices.yaml";
static const char crd_what[] = "customresourcedefinitions/inferenceservices.serving.everserve.dev";

struct one_case {
    const char *group;
    const struct e2e_test *test;
    const void *row;
    struct e2e *t;
};

static bool is_on_path(const char *program)
{
    AUTO_FREE char *dirs = xstrdup(getenv("PATH") ? getenv("PATH") : "");
    char *rest = NULL;

    for (char *dir = strtok_r(dirs, ":", &rest); dir; dir = strtok_r(NULL, ":", &rest)) {
        AUTO_FREE char *file = xasprintf("%s/%s", dir, program);
        if (access(file, X_OK) == 0)
            return true;
    }
    return false;
}

static bool node_is_ready(const cJSON *node)
{
    const cJSON *ready = e2e_condition(node, "Ready");

    return str_eq(json_get_str(ready, "status"), "True");
}

static void look_around(struct e2e *t)
{
    const cJSON *node;

    t->has_sim = e2e_send(t, "GET", "/sim/counts", NULL, NULL, NULL) == 200;
    cJSON_ArrayForEach(node, e2e_list(t, "nodes")) {
        const char *version = json_get_str(node, "status.nodeInfo.kubeletVersion");
        t->has_nodes = t->has_nodes || node_is_ready(node);
        t->has_sim_nodes = t->has_sim_nodes || (version && strstr(version, "sim"));
    }
}

static bool crd_is_served(const cJSON *crd, const void *arg)
{
    (void)arg;
    return str_eq(json_get_str(e2e_condition(crd, "Established"), "status"), "True");
}

static void install_crd(struct e2e *t)
{
    if (crd_is_served(e2e_get(t, crd_what), NULL))
        return;
    AUTO_FREE char *text = xcalloc(1, CRD_MAX_BYTES);
    int fd = open(crd_file, O_RDONLY | O_CLOEXEC);

    E2E_CHECK(t, fd >= 0, NULL, "cannot open %s: tests run from the top of the repository", crd_file);
    ssize_t n = read(fd, text, CRD_MAX_BYTES - 1);
    close(fd);
    E2E_CHECK(t, n > 0, NULL, "cannot read %s", crd_file);
    e2e_apply(t, "%s", text);
    e2e_wait(t, crd_what, crd_is_served, NULL, 30, "the CRD is established");
}

static struct e2e *connect_cluster(const char *name)
{
    struct err e = { 0 };
    struct kube_config *config = NULL;
    struct e2e *t = xcalloc(1, sizeof(*t));
    char tail[7];

    str_random_hex(tail, 6);
    snprintf(t->ns, sizeof(t->ns), "e2e-%s-%s", name, tail);
    t->test = name;
    t->kept = json_new_arr();
    t->loop = loop_new();
    if (kube_config_load(NULL, NULL, &config, &e) == 0)
        t->kube = kube_new(t->loop, config, &e);
    if (t->kube)
        return t;
    fprintf(stderr, "no cluster (is KUBECONFIG set?): %s\n", e.msg);
    e2e_close(t);
    return NULL;
}

struct e2e *e2e_open(const char *name)
{
    struct e2e *t = connect_cluster(name);

    if (!t)
        return NULL;
    look_around(t);
    install_crd(t);
    e2e_apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {everserve-e2e: \"true\"}}}", t->ns);
    return t;
}

void e2e_close(struct e2e *t)
{
    for (size_t i = 0; i < COUNT(t->watches); i++)
        kube_watch_free(t->watches[i]); /* before the loop turns: they may point into a scenario that has returned */
    ledger_end(t);
    budget_free(t->budget);
    operator_end_all(t);
    wire_end_all(t);
    relay_end(t);
    if (t->kube && !getenv("E2E_KEEP"))
        e2e_send(t, "DELETE", e2e_fmt(t, "namespaces/%s", t->ns), NULL, NULL, NULL);
    kube_free(t->kube);
    loop_free(t->loop);
    cJSON_Delete(t->kept);
    free(t);
}

static const char *what_is_missing(const struct e2e *t, unsigned needs)
{
    if ((needs & NEEDS_SIM) && !t->has_sim)
        return "counts and faults of the simulated API server";
    if ((needs & NEEDS_NODES) && !t->has_nodes)
        return "a Ready node";
    if ((needs & NEEDS_SIM_NODES) && !t->has_sim_nodes)
        return "simulated nodes";
    if ((needs & NEEDS_KUBECTL) && !is_on_path("kubectl"))
        return "kubectl";
    if ((needs & NEEDS_REDIS_CLI) && !is_on_path("redis-cli"))
        return "redis-cli";
    if ((needs & NEEDS_TIME) && !getenv("E2E_LONG"))
        return "E2E_LONG=1: it takes minutes";
    return NULL;
}

void e2e_needs_server(struct e2e *t, const char *release)
{
    char folder[PATH_MAX];

    if (servers_find(release, folder))
        return;
    e2e_note(t, "skipped, needs %s in build/servers", release);
    t->failed = false;
    skip();
}

static int begin(void **state)
{
    struct one_case *c = *state;

    c->t = e2e_open(c->group);
    if (!c->t)
        return -1;
    c->t->test = c->test->name;
    c->t->row = c->row;
    return 0;
}

/* Of every test, whatever else it is about. */
static void check_budget(struct e2e *t)
{
    const char *problem;
    int n_judged;

    if (!t->budget)
        return;
    problem = budget_problem(t->budget, &n_judged);
    E2E_CHECK(t, !problem, NULL, "beyond what the user's budget allows: %s", problem);
    if (n_judged)
        e2e_note(t, "%d writes stayed within the user's budget", n_judged);
}

static void run(void **state)
{
    struct one_case *c = *state;
    const char *missing = what_is_missing(c->t, c->test->needs);

    if (missing) {
        e2e_note(c->t, "skipped, needs %s", missing);
        skip();
    }
    int64_t start_ms = loop_now_ms();
    c->t->failed = true;
    c->t->budget = budget_start(c->t);
    c->test->run(c->t);
    check_budget(c->t);
    c->t->failed = false;
    e2e_note(c->t, "%.1f s", (double)(loop_now_ms() - start_ms) / 1000);
}

static int end(void **state)
{
    struct one_case *c = *state;

    if (c->t && c->t->failed)
        operator_print_logs(c->t);
    if (c->t)
        e2e_close(c->t);
    c->t = NULL;
    return 0;
}

/* E2E_ONLY=glob is for people; E2E_ROW=n, with the numbers that E2E_LIST=1 prints, for run.sh. */
static bool is_chosen(const char *name, size_t i)
{
    const char *only = getenv("E2E_ONLY"), *row = getenv("E2E_ROW");

    return (!only || fnmatch(only, name, 0) == 0) && (!row || strtoul(row, NULL, 10) == i);
}

int e2e_main_rows(const char *group, const struct e2e_row *table, size_t n)
{
    AUTO_FREE struct one_case *cases = xcalloc(n, sizeof(*cases));
    AUTO_FREE struct CMUnitTest *rows = xcalloc(n, sizeof(*rows));
    size_t n_chosen = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < n; i++) {
        if (!is_chosen(table[i].test.name, i))
            continue;
        if (getenv("E2E_LIST"))
            printf("%zu\n", i);
        cases[i] = (struct one_case){ group, &table[i].test, table[i].row, NULL };
        rows[n_chosen++] = (struct CMUnitTest){ table[i].test.name, run, begin, end, &cases[i] };
    }
    return getenv("E2E_LIST") || !n_chosen ? 0 : _cmocka_run_group_tests(group, rows, n_chosen, NULL, NULL);
}

int e2e_main(const char *group, const struct e2e_test *tests, size_t n)
{
    AUTO_FREE struct e2e_row *rows = xcalloc(n, sizeof(*rows));

    for (size_t i = 0; i < n; i++)
        rows[i].test = tests[i];
    return e2e_main_rows(group, rows, n);
}
