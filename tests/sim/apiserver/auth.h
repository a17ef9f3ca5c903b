/*
 * sim/apiserver/auth.h - who asks, and may they?
 *
 * Bearer tokens name users and groups; group system:masters may do everything,
 * others what the stored RBAC objects allow.
 */
#ifndef SIM_APISERVER_AUTH_H
#define SIM_APISERVER_AUTH_H

#include "sim/apiserver/server.h"

struct user {
    char *token, *name;
    cJSON *groups; /* array of strings */
};

struct users *users_new(void);
void users_free(struct users *u);
/* "T=user" or "T=user:group,group". False: malformed. */
bool users_add(struct users *u, const char *spec);
/* A fresh token of a service account. Lent. */
const char *users_add_account(struct users *u, const char *ns, const char *name);
/* By token; NULL: unknown. */
const struct user *users_by_token(const struct users *u, const char *token);

/* By the Authorization header; NULL and a 401 when it names nobody. */
const struct user *auth_user(struct request *q, struct refusal *r);
/* 403 unless the request's user may do verb on resource. name NULL: any. */
int auth_check(struct request *q, struct refusal *r);

struct access {
    const char *verb, *group, *resource, *sub, *ns, *name; /* NULL where it does not apply */
    const char *path; /* non-resource */
};
bool auth_allows(struct server *s, const struct user *u, const struct access *a);

#endif
