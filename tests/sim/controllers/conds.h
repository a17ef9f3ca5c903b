/*
 * sim/controllers/conds.h - the list of conditions in a status under construction.
 *
 * Pure. lastTransitionTime moves only when the status flips, as everywhere in Kubernetes.
 */
#ifndef SIM_CONTROLLERS_CONDS_H
#define SIM_CONTROLLERS_CONDS_H

#include "json/json.h"

/* Sets or adds; message may be NULL. True when anything but the times changed. */
bool cond_set(cJSON *status, const char *type, const char *state, const char *reason, const char *message,
              int64_t now_ms);
void cond_remove(cJSON *status, const char *type);
cJSON *cond_in(const cJSON *status, const char *type); /* NULL: none */

#endif
