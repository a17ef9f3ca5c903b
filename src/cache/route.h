/*
 * cache/route.h - what Gateways say of an HTTPRoute.
 *
 * Pure. Source: gateway-api v1, RouteParentStatus: each Gateway that a route names, and knows of it, has an
 * entry there with the conditions Accepted and ResolvedRefs.
 */
#ifndef SRC_CACHE_ROUTE_H
#define SRC_CACHE_ROUTE_H

#include "cache/record.h"

void route_read(const cJSON *obj, struct record *out); /* sets route_*, and mark */

#endif
