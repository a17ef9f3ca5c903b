/*
 * slots/report_facts.h - what a predicate holds on: a fact with its numbers, where evidence is for what does not hold.
 *
 * Pure.
 */
#ifndef SRC_SLOTS_REPORT_FACTS_H
#define SRC_SLOTS_REPORT_FACTS_H

#include "base/buf.h"
#include "slots/merged.h"

enum { REPORT_FACT_SIZE = 160 };

void report_fact(enum predicate p, const struct merged *m, const struct verdict *v, char out[REPORT_FACT_SIZE]);

/* "12.3 MiB"; out holds 24. */
void report_bytes(int64_t bytes, char *out);

#endif
