/*
 * node/probe.h - startup, liveness and readiness of one container over time.
 *
 * Not pure. Tries the handler every period, counts against the thresholds and
 * reports changes of the verdict only.
 */
#ifndef SIM_NODE_PROBE_H
#define SIM_NODE_PROBE_H

#include "sim/node/attempt.h"

struct probe;

/* spec: the probe of the manifest; site and spec are lent until probe_free. on_verdict: from the loop. */
struct probe *probe_new(const struct attempt_site *site, const cJSON *spec,
                        void (*on_verdict)(void *arg, bool ok, const char *why), void *arg);
void probe_free(struct probe *p); /* NULL is fine; allowed inside on_verdict */

#endif
