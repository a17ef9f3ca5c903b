/*
 * sim/apiserver/patch.h - JSON Patch (RFC 6902), JSON Merge Patch (RFC 7396), and
 * strategic merge patch. Pure.
 */
#ifndef SIM_APISERVER_PATCH_H
#define SIM_APISERVER_PATCH_H

#include "sim/apiserver/refusal.h"
#include "sim/apiserver/schema.h"

enum patch_kind { PATCH_NONE, PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };

enum patch_kind patch_kind_of(const char *media_type);
/* Not for PATCH_APPLY. Caller owns *out. */
int patch_apply(enum patch_kind kind, const cJSON *live, const cJSON *patch, const struct schema *s, cJSON **out,
                struct refusal *r);

/* Strategic merge, in place (strategic.c). */
int strategic_merge(cJSON *live, const cJSON *patch, const struct schema *s, struct refusal *r);

#endif
