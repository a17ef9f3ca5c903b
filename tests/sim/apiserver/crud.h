/*
 * sim/apiserver/crud.h - get, create, update, patch. Each takes the request.
 */
#ifndef SIM_APISERVER_CRUD_H
#define SIM_APISERVER_CRUD_H

#include "sim/apiserver/commit.h"

void crud_get(struct request *q);
void crud_create(struct request *q);
void crud_update(struct request *q);
void crud_patch(struct request *q);

/* A write as the request's options ask for it; next and old are still to be set. */
struct write crud_write_of(struct request *q);
/* The stored object the request names; NULL and a 404. Lent. */
struct object *crud_find(struct request *q, struct refusal *r);
/* The object with the request's patch applied, as served; NULL and a refusal. Sets w->is_apply. */
cJSON *crud_patched(struct request *q, struct write *w, const cJSON *live, struct refusal *r);
/* Commits, answers, and cleans up after w. */
void crud_finish(struct request *q, struct write *w, int code);
/* The namespace of a new object must exist and not be going away. */
int crud_check_namespace(struct request *q, struct refusal *r);

#endif
