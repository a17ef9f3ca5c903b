/*
 * sim/apiserver/view.h - a stored object as one resource serves it (another version of a
 * custom type, the other dialect of Events). Pure.
 */
#ifndef SIM_APISERVER_VIEW_H
#define SIM_APISERVER_VIEW_H

#include "sim/apiserver/registry.h"

bool view_is_stored(const struct resource *res, const struct object *o); /* served as it is stored */
cJSON *view_tree(const struct resource *res, struct object *o); /* a copy; caller owns; whole even when thinned */
void view_to_served(const struct resource *res, cJSON *obj);
void view_to_stored(const struct resource *res, cJSON *obj);

#endif
