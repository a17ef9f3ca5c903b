/*
 * node/status.h - a pod's status as the kubelet would write it.
 *
 * pod_status_build moves the conditions' times along in the pod; reads nothing else
 * but its arguments.
 */
#ifndef SIM_NODE_STATUS_H
#define SIM_NODE_STATUS_H

#include "sim/node/pod.h"

/* The body of a merge patch of pods/status; caller frees. */
cJSON *pod_status_build(struct pod *p, int64_t now_ms);

/* "Pending", "Running", "Succeeded", "Failed". */
const char *status_phase(const struct pod *p);
bool status_is_initialized(const struct pod *p);

/* The RFC 3339 time, second precision; wall_ms 0: nothing is added. */
void status_time(cJSON *obj, const char *key, int64_t wall_ms);

#endif
