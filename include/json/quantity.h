/*
 * json/quantity.h - Kubernetes resource quantities ("100m", "1Gi", "1e3").
 *
 * Pure. Source: apimachinery pkg/api/resource/quantity.go: a decimal number with a
 * binary (Ki..Ei), decimal (n u m "" k M G T P E) or exponent suffix. Values are kept
 * in thousandths; what is smaller is rounded up, what does not fit is refused.
 */
#ifndef JSON_QUANTITY_H
#define JSON_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* ERR_INVALID with the text in the message. */
int quantity_parse(const char *text, int64_t *milli, struct err *e) MUST_USE;

/* A part of a byte counts as one; 0: no text, no quantity, not above zero, or too large. */
int64_t quantity_bytes(const char *text);

/* The canonical text the API server would store; the form (binary or decimal) of text is kept.
 * out holds at least 32 bytes. */
int quantity_canonical(const char *text, char *out, struct err *e) MUST_USE;

/* Both parse and mean the same amount. */
bool quantity_equal(const char *a, const char *b);

#endif
