#include "serve/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"

/* controller-runtime pkg/internal/controller/metrics: buckets of reconcile_time_seconds, thinned */
static const int32_t bounds_ms[] = { 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000 };

struct metric {
    enum metric_kind kind;
    const char *name, *help;
    char *labels;
    double value; /* histogram: the sum in seconds */
    uint64_t n;
    uint64_t buckets[COUNT(bounds_ms)];
};

struct metrics {
    struct metric **series;
    size_t n, cap;
};

struct metrics *metrics_new(void)
{
    return xcalloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        free(m->series[i]->labels);
        free(m->series[i]);
    }
    free(m->series);
    free(m);
}

struct metric *metrics_add(struct metrics *m, enum metric_kind kind, const char *name, const char *help,
                           const char *labels)
{
    struct metric *s = xcalloc(1, sizeof(*s));

    *s = (struct metric){ .kind = kind, .name = name, .help = help, .labels = xstrdup(labels ? labels : "") };
    m->series = xgrow(m->series, &m->cap, m->n + 1, sizeof(struct metric *));
    m->series[m->n++] = s;
    return s;
}

void metric_inc(struct metric *s)
{
    s->value++;
}

void metric_set(struct metric *s, double value)
{
    s->value = value;
}

void metric_observe_ms(struct metric *s, int64_t ms)
{
    s->n++;
    s->value += (double)ms / 1000;
    for (size_t i = 0; i < COUNT(bounds_ms); i++)
        if (ms <= bounds_ms[i])
            s->buckets[i]++;
}

double metric_value(const struct metric *s)
{
    return s->kind == METRIC_HISTOGRAM ? (double)s->n : s->value;
}

void metrics_family(struct buf *out, const char *name, const char *help, enum metric_kind kind)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };

    buf_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kinds[kind]);
}

static void render_histogram(const struct metric *s, struct buf *out)
{
    const char *comma = s->labels[0] ? "," : "";

    for (size_t i = 0; i < COUNT(bounds_ms); i++)
        buf_fmt(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", s->name, s->labels, comma, bounds_ms[i] / 1000.0,
                s->buckets[i]);
    buf_fmt(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", s->name, s->labels, comma, s->n);
    buf_fmt(out, "%s_sum{%s} %.9g\n%s_count{%s} %" PRIu64 "\n", s->name, s->labels, s->value, s->name, s->labels, s->n);
}

void metrics_render(const struct metrics *m, struct buf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct metric *s = m->series[i];

        if (!i || !str_eq(s->name, m->series[i - 1]->name))
            metrics_family(out, s->name, s->help, s->kind);
        if (s->kind == METRIC_HISTOGRAM)
            render_histogram(s, out);
        else if (s->labels[0])
            buf_fmt(out, "%s{%s} %.17g\n", s->name, s->labels, s->value);
        else
            buf_fmt(out, "%s %.17g\n", s->name, s->value);
    }
}
