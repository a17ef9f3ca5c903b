/*
 * sim/controllers/autoscale.h - the arithmetic of an autoscaler: from one metric to
 * replicas, and from a wish to what its behavior allows now.
 *
 * Pure numbers; what was recommended and done before comes along in struct
 * autoscale_memory. Source: kubernetes pkg/controller/podautoscaler.
 */
#ifndef SIM_CONTROLLERS_AUTOSCALE_H
#define SIM_CONTROLLERS_AUTOSCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct autoscale_pods {
    int64_t wanted; /* spec.replicas of the target */
    int64_t ready;
    int64_t unready; /* running or pending, without a say */
};

/* A value that is averaged over pods. tolerance_milli: 100 is one tenth. */
int64_t autoscale_by_ratio(const struct autoscale_pods *p, int64_t current_milli, int64_t target_milli,
                           int64_t tolerance_milli);
/* A total that is divided among pods. */
int64_t autoscale_by_total(const struct autoscale_pods *p, int64_t total_milli, int64_t target_milli,
                           int64_t tolerance_milli);

enum autoscale_select { SELECT_MAX, SELECT_MIN, SELECT_DISABLED };

struct autoscale_policy {
    bool percent; /* else pods */
    int64_t value;
    int64_t period_ms;
};

enum { AUTOSCALE_POLICIES_MAX = 8, AUTOSCALE_MEMORY_MAX = 512 };

struct autoscale_rules {
    enum autoscale_select select;
    int64_t window_ms; /* stabilization */
    struct autoscale_policy policies[AUTOSCALE_POLICIES_MAX];
    size_t n;
};

struct autoscale_behavior {
    struct autoscale_rules up, down;
    int64_t min, max; /* replicas */
};

struct autoscale_note {
    int64_t at_ms;
    int64_t replicas; /* recommended; or by how many the target grew (below 0: shrank) */
};

/* Rings: the oldest notes are written over. */
struct autoscale_memory {
    struct autoscale_note wishes[AUTOSCALE_MEMORY_MAX];
    struct autoscale_note steps[AUTOSCALE_MEMORY_MAX];
    size_t n_wishes, n_steps; /* ever written */
};

struct autoscale_verdict {
    int64_t replicas;
    bool stabilized;   /* a window holds the wish back */
    const char *limit; /* reason that the wish was cut, as in condition ScalingLimited; NULL: it was not */
};

/* Notes the wish, then answers. */
struct autoscale_verdict autoscale_behave(const struct autoscale_behavior *b, struct autoscale_memory *m,
                                          int64_t current, int64_t wish, int64_t now_ms);
/* The target was scaled. */
void autoscale_note_step(struct autoscale_memory *m, int64_t from, int64_t to, int64_t now_ms);

#endif
