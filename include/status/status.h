/*
 * status/status.h - what a plan means for people and their tools: the status of the
 * resource, and the events to emit.
 *
 * Pure: decided from the observation and the plan alone. Conditions keep their
 * lastTransitionTime unless their status flips; Reconciling and Stalled are those of kstatus.
 */
#ifndef STATUS_STATUS_H
#define STATUS_STATUS_H

#include "plan/plan.h"

/* The whole status as it should be. Caller frees. */
cJSON *status_build(const struct observed *o, const struct plan *p);

enum { STATUS_EVENTS_MAX = 12 };

struct status_event {
    bool warning;
    const char *reason; /* static, CamelCase */
    const char *action; /* static, CamelCase: what the operator did or would not do */
    char note[512];
};

/* What changed between the status that was read and the one that is written next. */
size_t status_events(const struct observed *o, const cJSON *next, const struct plan *p,
                     struct status_event out[STATUS_EVENTS_MAX]);

#endif
