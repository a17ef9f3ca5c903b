/*
 * sim/apiserver/commit.h - the one way an object changes: decode, defaults, ownership,
 * validation, generation, store.
 *
 * Not pure (store, clock, random names).
 */
#ifndef SIM_APISERVER_COMMIT_H
#define SIM_APISERVER_COMMIT_H

#include "sim/apiserver/server.h"

struct write {
    struct server *s;
    struct resource *res;
    const char *ns;        /* NULL: cluster scope */
    const char *name;      /* NULL: from the object (create) */
    const char *sub;       /* "status", "scale" or NULL */
    const char *manager;   /* field manager */
    struct object *old;    /* NULL: create; lent */
    cJSON *next;           /* owned; see write_done */
    bool dry;
    bool strict;           /* unknown fields are refused ... */
    bool silent;           /* ... or not even warned about */
    bool is_apply;         /* managedFields are already right */
    bool system;           /* the server's own write: no checks */
    cJSON *warnings;       /* array, owned; NULL until there are some */
    bool unchanged;        /* out: nothing was written */
    bool deleted;          /* out: the last finalizer went, and so did the object */
};

void write_done(struct write *w);

/* On success w->next is the object as stored. */
int commit(struct write *w, struct refusal *r);

/* 409 when the object carries another resourceVersion or uid than the stored one. */
int commit_check_version(const struct write *w, const cJSON *next, struct refusal *r);
/* The Status for an object that is not there. */
int refuse_absent(const struct resource *res, const char *name, struct refusal *r);

/* Stores a changed copy of old, made by the server itself (deletion marks). Takes next. */
struct object *commit_system(struct server *s, struct resource *res, cJSON *next);
void commit_remove(struct server *s, struct resource *res, const struct object *o);

#endif
