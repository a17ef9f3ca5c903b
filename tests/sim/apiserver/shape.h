/*
 * sim/apiserver/shape.h - does a document fit its type? Unknown fields go, nulls go,
 * defaults of custom types fill in, quantities become canonical.
 *
 * Pure. Built-in types fail as a decoder would (400); custom types collect
 * causes (422). CEL rules of custom types are not evaluated.
 */
#ifndef SIM_APISERVER_SHAPE_H
#define SIM_APISERVER_SHAPE_H

#include "sim/apiserver/refusal.h"
#include "sim/apiserver/schema.h"

/* Changes obj in place. Paths of removed fields are pushed as strings to unknown (may be NULL). */
int shape_decode(cJSON *obj, const struct schema *s, cJSON *unknown, struct refusal *r);
/* Defaults of a custom type. */
void shape_default(cJSON *obj, const struct schema *s);
/* Bounds: causes in r. Custom types whole; built-in types their enums and required fields. */
void shape_check(const cJSON *obj, const struct schema *s, struct refusal *r);

#endif
