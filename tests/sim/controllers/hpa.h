/*
 * sim/controllers/hpa.h - one pass over one HorizontalPodAutoscaler, shared by its files.
 *
 * There is no metrics server: a test says what the metrics are. In ConfigMap
 * sim-metrics of the autoscaler's namespace, key "NAME.METRIC" (NAME of the
 * autoscaler, METRIC the resource's or metric's name, "cpu"), or in annotation
 * "sim.everserve.dev/METRIC" of the autoscaler itself. The value is what the
 * target is compared with: percent for averageUtilization, a quantity for
 * averageValue and value. "total:240" is a load that the ready pods share.
 */
#ifndef SIM_CONTROLLERS_HPA_H
#define SIM_CONTROLLERS_HPA_H

#include "sim/controllers/autoscale.h"
#include "sim/controllers/sync.h"

struct hpa_target {
    const cJSON *o; /* Deployment, StatefulSet or ReplicaSet; NULL: there is none */
    int kind;
    struct autoscale_pods pods;
};

struct hpa_wish {
    int64_t replicas;
    char metric[128];  /* that asked for the most */
    char missing[128]; /* without a value; "" : none */
    int n_metrics, n_missing;
    cJSON *current; /* status.currentMetrics; owned */
};

/* hpa_metric.c */
void hpa_read_metrics(const struct sync *s, const cJSON *hpa, const struct hpa_target *t, struct hpa_wish *out);

/* hpa_behavior.c */
void hpa_read_behavior(const cJSON *hpa, struct autoscale_behavior *out);

#endif
