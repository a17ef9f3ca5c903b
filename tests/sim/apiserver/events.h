/*
 * sim/apiserver/events.h - one store, two dialects: core/v1 Events are kept, the
 * events.k8s.io/v1 form is a view of them; entries of managedFields keep the dialect they
 * were written in. Pure; in place.
 */
#ifndef SIM_APISERVER_EVENTS_H
#define SIM_APISERVER_EVENTS_H

#include "json/json.h"

void events_to_new(cJSON *obj);
void events_to_core(cJSON *obj);

#endif
