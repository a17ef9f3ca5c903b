/*
 * Metrics under controller-runtime's names, so that its dashboards work, plus our own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shell.h"

#define CONTROLLER "controller=\"inferenceservice\""
#define WORKQUEUE CONTROLLER ",name=\"inferenceservice\""

void ctrl_metrics_init(struct ctrl_metrics *m)
{
    static const char *const results[N_RECONCILE_RESULTS] = {
        CONTROLLER ",result=\"success\"",
        CONTROLLER ",result=\"error\"",
        CONTROLLER ",result=\"requeue\"",
        CONTROLLER ",result=\"requeue_after\"",
    };
    struct metrics *r = m->registry = metrics_new();

    for (int i = 0; i < N_RECONCILE_RESULTS; i++)
        m->reconcile[i] = metrics_add(r, METRIC_COUNTER, "controller_runtime_reconcile_total",
                                      "Total number of reconciliations per controller", results[i]);
    m->reconcile_errors = metrics_add(r, METRIC_COUNTER, "controller_runtime_reconcile_errors_total",
                                      "Total number of reconciliation errors per controller", CONTROLLER);
    m->reconcile_time = metrics_add(r, METRIC_HISTOGRAM, "controller_runtime_reconcile_time_seconds",
                                    "Length of time per reconciliation per controller", CONTROLLER);
    m->queue_time = metrics_add(r, METRIC_HISTOGRAM, "workqueue_queue_duration_seconds",
                                "How long an item stays in workqueue before being requested", WORKQUEUE);
    m->work_time = metrics_add(r, METRIC_HISTOGRAM, "workqueue_work_duration_seconds",
                               "How long processing an item takes", WORKQUEUE);
    m->active_workers = metrics_add(r, METRIC_GAUGE, "controller_runtime_active_workers",
                                    "Number of currently used workers per controller", CONTROLLER);
    m->max_workers = metrics_add(r, METRIC_GAUGE, "controller_runtime_max_concurrent_reconciles",
                                 "Maximum number of concurrent reconciles per controller", CONTROLLER);
    m->leader = metrics_add(r, METRIC_GAUGE, "leader_election_master_status", "1 while this process leads",
                            "name=\"everserve\"");
    m->writes = metrics_add(r, METRIC_COUNTER, "everserve_writes_total",
                            "Writes sent to the API server, events apart", NULL);
    m->skipped_writes = metrics_add(r, METRIC_COUNTER, "everserve_writes_skipped_total",
                                    "Writes not sent because a look showed that all is so already", NULL);
    m->redis_commands = metrics_add(r, METRIC_COUNTER, "everserve_redis_commands_total",
                                    "Commands sent that change a Redis Cluster", NULL);
    m->slots_moved = metrics_add(r, METRIC_COUNTER, "everserve_redis_slots_moved_total",
                                 "Slots moved from master to master", NULL);
    m->keys_moved = metrics_add(r, METRIC_COUNTER, "everserve_redis_keys_moved_total", "Keys moved with their slots", NULL);
    m->bytes_moved = metrics_add(r, METRIC_COUNTER, "everserve_redis_bytes_moved_total",
                                 "Bytes moved with their slots, as the servers estimate them", NULL);
    m->probes = metrics_add(r, METRIC_COUNTER, "everserve_redis_probes_total", "Snapshots taken of Redis Clusters",
                            NULL);
}

static void put_row(void *arg, const char *method, int status, int64_t n)
{
    void **args = arg;

    buf_fmt(args[0], "rest_client_requests_total{code=\"%d\",host=\"%s\",method=\"%s\"} %lld\n", status,
            (const char *)args[1], method, (long long)n);
}

static void put_requests(struct ctrl *c, struct buf *out)
{
    void *args[2] = { out, (void *)(uintptr_t)kube_host(c->kube) };

    metrics_family(out, "rest_client_requests_total", "Number of HTTP requests, by status, method and host",
                   METRIC_COUNTER);
    kube_each_count(c->kube, put_row, args);
}

static void put_one(struct buf *out, const char *name, const char *help, enum metric_kind kind, double value)
{
    metrics_family(out, name, help, kind);
    buf_fmt(out, "%s %.17g\n", name, value);
}

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    char line[128] = "";
    int64_t pages = 0;

    if (!f)
        return 0;
    if (fgets(line, sizeof(line), f)) { /* "size resident shared ..." in pages */
        char *resident = strchr(line, ' ');

        if (resident)
            pages = strtol(resident + 1, NULL, 10);
    }
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void put_process(struct buf *out)
{
    struct rusage u;

    if (getrusage(RUSAGE_SELF, &u) == 0)
        put_one(out, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds", METRIC_COUNTER,
                (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
    put_one(out, "process_resident_memory_bytes", "Resident memory size in bytes", METRIC_GAUGE, resident_bytes());
}

static void put_queue(struct ctrl *c, struct buf *out)
{
    struct queue_stats n;

    queue_stats(c->queue, loop_now_ms(), &n);
    const struct {
        const char *name, *help;
        enum metric_kind kind;
        double value;
    } rows[] = {
        { "workqueue_depth", "Current depth of workqueue", METRIC_GAUGE, (double)n.depth },
        { "workqueue_adds_total", "Total number of adds handled by workqueue", METRIC_COUNTER, (double)n.adds },
        { "workqueue_retries_total", "Total number of retries handled by workqueue", METRIC_COUNTER, (double)n.retries },
        { "workqueue_unfinished_work_seconds", "Seconds of work in progress that was not observed yet", METRIC_GAUGE,
          (double)n.unfinished_ms / 1000 },
        { "workqueue_longest_running_processor_seconds", "How long the longest running pass has been running",
          METRIC_GAUGE, (double)n.longest_ms / 1000 },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        metrics_family(out, rows[i].name, rows[i].help, rows[i].kind);
        buf_fmt(out, "%s{" WORKQUEUE "} %.17g\n", rows[i].name, rows[i].value);
    }
}

static void put_service(struct buf *out, const char *name, const char *key, const char *more, double value)
{
    const char *slash = strchr(key, '/'); /* names of Kubernetes need no escaping in a label */

    buf_fmt(out, "%s{namespace=\"%.*s\",name=\"%s\"%s} %.17g\n", name, (int)(slash - key), key, slash + 1, more, value);
}

static bool show_ready(const struct track *t, double *value)
{
    *value = t->shown.ready;
    return true;
}

static bool show_healthy(const struct track *t, double *value)
{
    *value = t->shown.redis == REDIS_HEALTHY;
    return t->shown.has_redis;
}

static bool show_slots(const struct track *t, double *value)
{
    *value = t->shown.slots_ok;
    return t->shown.has_redis;
}

static bool show_percent(const struct track *t, double *value)
{
    *value = t->shown.percent;
    return t->shown.has_redis && t->shown.percent >= 0;
}

static bool show_held_up(const struct track *t, double *value)
{
    *value = t->shown.held_up;
    return true;
}

static bool show_held_down(const struct track *t, double *value)
{
    *value = t->shown.held_down;
    return true;
}

static const struct family {
    const char *name, *more, *help; /* help NULL: the family above goes on */
    bool (*show)(const struct track *t, double *value);
} families[] = {
    { "everserve_service_ready", "", "1 while the Ready condition is True", show_ready },
    { "everserve_redis_healthy", "", "1 while slot health is complete", show_healthy },
    { "everserve_redis_slots_ok", "", "Slots that are served, of 16384", show_slots },
    { "everserve_redis_resize_percent", "", "Slots that are where a resize wants them; absent while none runs",
      show_percent },
    { "everserve_scaling_held", ",direction=\"up\"", "1 while slot health holds a scaling step", show_held_up },
    { "everserve_scaling_held", ",direction=\"down\"", NULL, show_held_down },
};

static void put_services(struct ctrl *c, struct buf *out)
{
    double value;

    for (const struct family *f = families; f < families + COUNT(families); f++) {
        if (f->help)
            metrics_family(out, f->name, f->help, METRIC_GAUGE);
        for (struct map_iter i = map_first(c->tracks); i.key; map_next(&i))
            if (f->show(i.value, &value))
                put_service(out, f->name, i.key, f->more, value);
    }
}

void ctrl_render_metrics(struct ctrl *c, struct buf *out)
{
    metric_set(c->m.active_workers, c->n_passes);
    metric_set(c->m.max_workers, c->cfg.max_passes);
    metric_set(c->m.leader, ctrl_may_write(c));
    metrics_render(c->m.registry, out);
    put_queue(c, out);
    put_requests(c, out);
    put_one(out, "everserve_services", "InferenceServices known", METRIC_GAUGE, (double)cache_count(c->cache));
    put_services(c, out);
    put_process(out);
}
