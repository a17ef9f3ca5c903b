/*
 * serve/metrics.h - counters, gauges and histograms, and their text form for Prometheus.
 *
 * Not pure: a registry is memory that many write to. Series are made once, at start, so
 * that every one of them is there from 0 on. Label text is given ready-made
 * ("controller=\"x\",result=\"success\""). Source: Prometheus text format 0.0.4.
 */
#ifndef SERVE_METRICS_H
#define SERVE_METRICS_H

#include <stdint.h>

#include "base/buf.h"

struct metrics; /* the registry */
struct metric;  /* one series */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

/* name, help: static text; labels: copied, may be NULL. Series of one name are made one after another.
 * Histograms have controller-runtime's buckets in seconds, 5 ms to 60 s. */
struct metric *metrics_add(struct metrics *m, enum metric_kind kind, const char *name, const char *help,
                           const char *labels);

void metric_inc(struct metric *s);
void metric_set(struct metric *s, double value);
void metric_observe_ms(struct metric *s, int64_t ms); /* histograms */
double metric_value(const struct metric *s);          /* histograms: the count */

void metrics_render(const struct metrics *m, struct buf *out);
/* # HELP and # TYPE lines, for families rendered elsewhere. */
void metrics_family(struct buf *out, const char *name, const char *help, enum metric_kind kind);

#endif
