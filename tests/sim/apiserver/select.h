/*
 * sim/apiserver/select.h - label and field selectors.
 *
 * Pure. Labels: "a=b,c!=d,e in (x,y),f notin (z),g,!h". Fields: "a=b,c!=d" over the
 * fields that the resource allows.
 */
#ifndef SIM_APISERVER_SELECT_H
#define SIM_APISERVER_SELECT_H

#include "sim/apiserver/registry.h"

struct selector;

/* Both NULL or empty: *out stays NULL, which matches everything. */
int selector_parse(const char *labels, const char *fields, const struct resource *res, struct selector **out,
                   struct refusal *r);
void selector_free(struct selector *s); /* NULL is fine */
bool selector_fits(const struct selector *s, const cJSON *obj);

/* A LabelSelector object against labels (both lent; NULL selector matches nothing, {} everything). */
bool selector_object_matches(const cJSON *selector, const cJSON *labels);

#endif
