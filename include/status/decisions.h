/*
 * status/decisions.h - the last decisions, kept in status.decisions for `everserve why`.
 *
 * Pure. A list is bounded: the oldest go. The same decision again is counted, and takes the newer time and words.
 */
#ifndef STATUS_DECISIONS_H
#define STATUS_DECISIONS_H

#include "plan/plan.h"

enum { STATUS_DECISIONS_MAX = 8 };

/* What this plan decided, as an item of the list. wrote: bit i is set when action i changed something. Caller frees. */
cJSON *status_decision(const struct observed *o, const struct plan *p, uint64_t wrote);

/* item is copied. */
void status_decisions_add(cJSON *list, const cJSON *item);

/* Does the list end with this rule's reason already? NULL is an empty list. */
bool status_decisions_end_with(const cJSON *list, const struct plan *p);

#endif
