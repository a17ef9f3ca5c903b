/*
 * cache/demand.h - what a pod asks of its node, as far as it can be added up.
 *
 * Pure. A lower bound: what a webhook, a LimitRange or a RuntimeClass adds is not known here. A pod asks for the sum of
 * its containers and sidecars, or for what one of its init containers asks alone, whichever is more.
 *
 * Source: Kubernetes, pkg/api/v1/resource and component-helpers/resource.
 */
#ifndef CACHE_DEMAND_H
#define CACHE_DEMAND_H

#include "json/json.h"

enum { DEMAND_MAX = 12 }; /* resources; what is beyond is left out */

struct demand_amount {
    const char *resource; /* lent from the pod */
    uint32_t id;          /* demand_id of it */
    int64_t milli;        /* thousandths; above 0 */
};

struct demand {
    struct demand_amount amounts[DEMAND_MAX];
    size_t n;
    const cJSON *selector, *tolerations; /* lent; NULL: none */
};

/* spec: of the pod or of its template. */
void demand_from(const cJSON *spec, struct demand *out);
/* Somebody else decides on this one. */
void demand_forget(struct demand *d, const char *resource);

/* Devices have names with a domain: nvidia.com/gpu. */
bool demand_is_device(const char *resource);
bool demand_has_device(const struct demand *d);

/* Names are compared by these: two that share one make a proof impossible, never wrong. */
uint32_t demand_id(const char *text);

/* A JSON text or number as a quantity; false: it is none. */
bool demand_milli(const cJSON *value, int64_t *milli) MUST_USE;

#endif
