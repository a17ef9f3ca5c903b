/*
 * sim/apiserver/merge.h - typed merge and removal, as server-side apply does them.
 *
 * Pure. Source of the semantics: structured-merge-diff, typed/merge.go and remove.go.
 */
#ifndef SIM_APISERVER_MERGE_H
#define SIM_APISERVER_MERGE_H

#include "sim/apiserver/refusal.h"
#include "sim/apiserver/schema.h"

/* live with config laid over it: maps by member, keyed lists and sets by item, the rest replaced. Caller owns. */
cJSON *merge_typed(const cJSON *live, const cJSON *config, const struct schema *s);
/* Removes the members of set from obj, in place. */
void merge_remove(cJSON *obj, const cJSON *set, const struct schema *s);
/* A configuration whose keyed lists lack keys or repeat them is refused. */
int merge_check_keys(const cJSON *config, const struct schema *s, struct refusal *r);

#endif
