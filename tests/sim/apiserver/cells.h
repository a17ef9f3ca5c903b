/*
 * sim/apiserver/cells.h - the columns of tables by kind. Pure, but for ages.
 */
#ifndef SIM_APISERVER_CELLS_H
#define SIM_APISERVER_CELLS_H

#include "sim/apiserver/registry.h"

struct column {
    const char *name;
    int priority;         /* 0: always shown; 1: with -o wide */
    void (*fn)(const cJSON *obj, struct buf *out);
    const char *path;     /* instead of fn: a plain member */
};

struct columns {
    const char *name; /* "deployments.apps" */
    const struct column *at; /* ends with name NULL; fn and path NULL: the age. The name column is implied */
    bool no_name; /* not even the name */
};

/* NULL: only name and age. */
const struct columns *cells_of(const struct resource *res);
/* "5d3h" since an RFC 3339 time; "<unknown>" when it is none. */
void cells_age(const char *since, struct buf *out);
int64_t cells_seconds(const char *rfc3339); /* -1: none */

#endif
