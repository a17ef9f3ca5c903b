/*
 * sim/apiserver/meta.h - metadata: what the server sets, keeps and checks.
 */
#ifndef SIM_APISERVER_META_H
#define SIM_APISERVER_META_H

#include "sim/apiserver/commit.h"

/* apiVersion, kind, namespace and name must agree with the path. */
int meta_identify(struct write *w, struct refusal *r);
void meta_create(struct write *w);
void meta_update(struct write *w);
void meta_count_generation(struct write *w);
/* Causes in r. */
void meta_check(const struct write *w, struct refusal *r);
/* kind and apiVersion first, then metadata. */
void meta_order(cJSON *obj);

void uid_new(char out[37]);

#endif
