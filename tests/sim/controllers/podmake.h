/*
 * sim/controllers/podmake.h - a pod from a pod template.
 *
 * Pure. The caller owns the result, and names it.
 */
#ifndef SIM_CONTROLLERS_PODMAKE_H
#define SIM_CONTROLLERS_PODMAKE_H

#include "json/json.h"

cJSON *pod_from_template(const cJSON *template, const cJSON *owner, const char *owner_kind);

#endif
