/*
 * N InferenceServices without Redis: how long, how many calls, how much memory.
 *
 * A measurement, not a test: nothing here has a threshold. Printed as Markdown.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cache/record.h"
#include "e2e/harness.h"
#include "e2e/operator.h"
#include "e2e/wire.h"

enum { IN_FLIGHT = 16, CHILDREN_EACH = 3, SAMPLES = 100, QUIET_MS = 2000, GIVE_UP_MS = 600000 };

static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

struct load {
    struct e2e *t;
    int n, sent, done, failed;
};

static void load_next(struct load *l);

static void on_loaded(void *arg, const struct kube_reply *reply)
{
    struct load *l = arg;

    l->done++;
    l->failed += reply->status != 201;
    load_next(l);
    if (l->done == l->n)
        loop_stop(l->t->loop);
}

static void load_next(struct load *l)
{
    if (l->sent >= l->n)
        return;
    AUTO_FREE char *text = xasprintf("{\"apiVersion\":\"serving.everserve.dev/v1alpha1\",\"kind\":\"InferenceService\","
                                     "\"metadata\":{\"name\":\"svc-%04d\"},\"spec\":{\"predictor\":{\"containers\":"
                                     "[{\"name\":\"model\",\"image\":\"registry.example.com/m:v1\"}]}}}", l->sent++);
    AUTO_JSON cJSON *body = cJSON_Parse(text);
    struct kube_request r = { KUBE_LANE_MAIN, "POST", e2e_path(l->t, "inferenceservices"), NULL, body, 120000 };
    kube_send(l->t->kube, &r, on_loaded, l);
}

static void load_services(struct e2e *t, int n)
{
    struct load l = { .t = t, .n = n };

    for (int i = 0; i < IN_FLIGHT; i++)
        load_next(&l);
    while (l.done < n)
        loop_run(t->loop);
    E2E_CHECK(t, !l.failed, NULL, "%d of %d resources were not created", l.failed, n);
}

static double calls(struct e2e *t, struct operator *op, const char *method)
{
    double n = operator_metric(t, op, "rest_client_requests_total",
                               method ? e2e_fmt(t, "method=\"%s\"", method) : NULL);

    return n < 0 ? 0 : n;
}

static int count_of(struct e2e *t, const char *what)
{
    const cJSON *list = e2e_get(t, what);
    int n = json_count(json_at(list, "items")) + (int)json_get_int(list, "metadata.remainingItemCount", 0);

    e2e_forget(t, list);
    return n;
}

static bool is_answered(const cJSON *service)
{
    return json_get_int(service, "status.observedGeneration", 0) == json_get_int(service, "metadata.generation", -1) &&
           json_get_int(service, "status.predictor.updated", 0) == json_get_int(service, "spec.predictor.minReplicas", 2);
}

static int n_answered(struct e2e *t)
{
    const cJSON *item, *list = e2e_get(t, "inferenceservices");
    int n = 0;

    cJSON_ArrayForEach(item, json_at(list, "items"))
        n += is_answered(item);
    e2e_forget(t, list);
    return n;
}

struct times {
    int64_t children_ms, converged_ms; /* the last kind of child there n times; the operator's last call */
};

/* Until every child is there, the Deployment controller has taken up each Deployment, the status says so, and
 * the operator has stopped calling. */
static struct times wait_converged(struct e2e *t, struct operator *op, int n)
{
    double last = -1;
    int64_t since_ms = loop_now_ms(), start_ms = since_ms;
    struct times at = { 0 };

    while (!at.converged_ms) {
        double now = calls(t, op, NULL);
        if (now != last)
            since_ms = loop_now_ms();
        last = now;
        if (!at.children_ms && count_of(t, "poddisruptionbudgets?limit=1") >= n)
            at.children_ms = loop_now_ms();
        if (at.children_ms && loop_now_ms() - since_ms >= QUIET_MS && n_answered(t) == n)
            at.converged_ms = since_ms;
        E2E_CHECK(t, loop_now_ms() - start_ms < GIVE_UP_MS, NULL, "does not converge: %d of %d answered", n_answered(t), n);
        e2e_sleep_ms(t, 250);
    }
    return at;
}

static bool is_server(int pid, const char *dir)
{
    char path[64], line[4096];

    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
    if (fd >= 0)
        close(fd);
    for (ssize_t i = 0; i < n; i++)
        line[i] = line[i] ? line[i] : ' ';
    line[n > 0 ? n : 0] = 0;
    return strstr(line, dir) && (strstr(line, "apiserver") || strstr(line, "etcd"));
}

/* CPU time of the API server and its store in ms: the processes whose command line names the cluster's
 * folder, others on this machine are none of ours. -1: no folder is known. */
static int64_t server_cpu_ms(void)
{
    const char *dir = getenv("BENCH_SERVER_DIR") ? getenv("BENCH_SERVER_DIR") : getenv("EVERSERVE_SIM_DIR");
    DIR *proc = dir ? opendir("/proc") : NULL;
    int64_t sum = proc ? 0 : -1;

    for (struct dirent *d; proc && (d = readdir(proc));) {
        struct operator any = { .pid = atoi(d->d_name) };
        int64_t ms = any.pid && is_server(any.pid, dir) ? operator_cpu_ms(&any) : 0;
        sum += ms > 0 ? ms : 0;
    }
    if (proc)
        closedir(proc);
    return sum;
}

static void row(const char *what, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void row(const char *what, const char *fmt, ...)
{
    va_list ap;

    printf("| %s | ", what);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf(" |\n");
}

static void print_file_line(const char *path, const char *key, const char *title)
{
    char text[8192];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = 0;
    if (fd >= 0)
        close(fd);
    const char *at = strstr(text, key);
    at = at ? strchr(at, ':') : NULL;
    if (at)
        row(title, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
}

static void print_machine(struct e2e *t, int n)
{
    struct utsname u;
    char date[16];
    time_t now = time(NULL);

    strftime(date, sizeof(date), "%Y-%m-%d", gmtime(&now));
    uname(&u);
    printf("\n| machine | |\n|---|---|\n");
    row("date", "%s", date);
    row("cores", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    print_file_line("/proc/cpuinfo", "model name", "CPU");
    print_file_line("/proc/meminfo", "MemTotal", "memory");
    row("kernel", "%s %s", u.sysname, u.release);
    row("API server", "%s", t->has_sim ? "the local cluster's" : json_get_str(e2e_get(t, "/version"), "gitVersion"));
    row("InferenceServices, without Redis", "%d", n);
    row("pods", "%s", t->has_nodes ? "run: what follows measures this machine's nodes as well" : "stay Pending, there is no node");
    printf("\n| measured | |\n|---|---|\n");
}

static int by_value(const void *a, const void *b)
{
    int64_t d = *(const int64_t *)a - *(const int64_t *)b;

    return d < 0 ? -1 : d > 0;
}

/* Through the wire, one at a time: a child is edited, its event passes, the write that mends it comes. */
static void measure_latency(struct e2e *t)
{
    struct wire *w = wire_start(t);
    struct operator_opts o = { .kubeconfig = wire_kubeconfig(w) };
    struct operator *op = operator_start(t, &o);
    int64_t us[SAMPLES];

    operator_ready(t, op);
    e2e_sleep_ms(t, 3000);
    for (int i = 0; i < SAMPLES; i++) {
        wire_zero(w);
        e2e_patch(t, e2e_fmt(t, "services/svc-%04d", i), "{spec: {selector: {app.kubernetes.io/instance: other}}}");
        for (int ms = 0; !atomic_load(&w->first_write_us) && ms < 20000; ms += 2)
            e2e_sleep_ms(t, 2);
        us[i] = atomic_load(&w->first_write_us) - atomic_load(&w->first_event_us);
        e2e_sleep_ms(t, 30);
    }
    qsort(us, SAMPLES, sizeof(us[0]), by_value);
    row("watch event to the write it causes, median", "%.2f ms", (double)us[SAMPLES / 2] / 1000);
    row("the same, 99th percentile", "%.2f ms", (double)us[SAMPLES * 99 / 100] / 1000);
    operator_stop(t, op);
}

static double load_now(void)
{
    double load = -1;

    return getloadavg(&load, 1) == 1 ? load : -1;
}

static void measure_restart(struct e2e *t, int n)
{
    struct operator *op = operator_start(t, NULL);
    int64_t start_ms = loop_now_ms();

    operator_ready(t, op);
    int64_t ready_ms = loop_now_ms() - start_ms;
    int64_t quiet_ms = wait_converged(t, op, n).converged_ms - start_ms;
    row("restart: until ready", "%.2f s", (double)ready_ms / 1000);
    row("restart: until the last call", "%.2f s", (double)quiet_ms / 1000);
    row("restart: writes", "%.0f", operator_metric(t, op, "everserve_writes_total", NULL));
    row("restart: calls, lists and watches apart", "%.0f", calls(t, op, NULL));
    row("restart: memory afterwards", "%.1f MiB", (double)operator_rss_kib(op) / 1024);
    row("restart: CPU of the operator", "%.2f s", (double)operator_cpu_ms(op) / 1000);
    operator_stop(t, op);
}

static void measure_creation(struct e2e *t, int n)
{
    struct operator *op = operator_start(t, NULL);

    operator_ready(t, op);
    int64_t rss_kib = operator_rss_kib(op), cpu_ms = operator_cpu_ms(op), server_ms = server_cpu_ms();
    double before[COUNT(methods)], writes = operator_metric(t, op, "everserve_writes_total", NULL);
    for (size_t i = 0; i < COUNT(methods); i++)
        before[i] = calls(t, op, methods[i]);
    int64_t start_ms = loop_now_ms();
    load_services(t, n);
    int64_t loaded_ms = loop_now_ms() - start_ms;
    struct times at = wait_converged(t, op, n);
    int64_t used_ms = operator_cpu_ms(op) - cpu_ms, server_used_ms = server_cpu_ms() - server_ms;
    row("created by one client", "%.1f s", (double)loaded_ms / 1000);
    row("every child there", "%.1f s", (double)(at.children_ms - start_ms) / 1000);
    row("every status says what is so (last call of the operator)", "%.1f s", (double)(at.converged_ms - start_ms) / 1000);
    for (size_t i = 0; i < COUNT(methods); i++)
        row(e2e_fmt(t, "calls per service, %s", methods[i]), "%.2f", (calls(t, op, methods[i]) - before[i]) / n);
    row("writes per service, events apart", "%.2f", (operator_metric(t, op, "everserve_writes_total", NULL) - writes) / n);
    row("memory of the operator before", "%.1f MiB", (double)rss_kib / 1024);
    row("memory of the operator afterwards", "%.1f MiB", (double)operator_rss_kib(op) / 1024);
    row("memory per service", "%.0f bytes", (double)(operator_rss_kib(op) - rss_kib) * 1024 / n);
    row("record of a child", "%zu bytes", sizeof(struct record));
    row("CPU of the operator", "%.2f s, %.2f ms per service", (double)used_ms / 1000, (double)used_ms / n);
    row("load of the machine, last minute", "%.1f", load_now());
    if (server_ms >= 0)
        row("CPU of the API server", "%.2f s", (double)server_used_ms / 1000);
    operator_stop(t, op);
}

int main(void)
{
    int64_t n = 1000;
    const char *asked = getenv("BENCH_N");

    if (asked && !str_to_int(asked, 1, 100000, &n))
        return 64;
    struct e2e *t = e2e_open("bench");
    if (!t)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    print_machine(t, (int)n);
    measure_creation(t, (int)n);
    measure_restart(t, (int)n);
    measure_latency(t);
    e2e_close(t);
    return 0;
}
