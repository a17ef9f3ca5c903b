/*
 * sim/controllers/kinds.h - the resource types that controllers read and write.
 *
 * Pure. The built-in ones have fixed numbers; the garbage collector adds what
 * discovery finds, custom resources included. A kind is named by its number.
 */
#ifndef SIM_CONTROLLERS_KINDS_H
#define SIM_CONTROLLERS_KINDS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    KIND_POD,
    KIND_NODE,
    KIND_DEPLOYMENT,
    KIND_REPLICASET,
    KIND_STATEFULSET,
    KIND_REVISION, /* ControllerRevision */
    KIND_HPA,
    KIND_PDB,
    KIND_SERVICE,
    KIND_ENDPOINTS,
    KIND_SLICE, /* EndpointSlice */
    KIND_CLAIM, /* PersistentVolumeClaim */
    KIND_VOLUME, /* PersistentVolume */
    KIND_LEASE,
    KIND_NAMESPACE,
    KIND_CONFIGMAP,
    KIND_CRD,
    KIND_JOB,
    KIND_CRONJOB,
    N_BUILTIN_KINDS,
    KINDS_MAX = 256,
};

struct kind {
    char api[96];    /* "apps/v1", "v1" */
    char plural[96]; /* "deployments" */
    char name[96];   /* "Deployment" */
    bool namespaced;
    bool slim; /* only its metadata is kept */
};

struct kinds {
    struct kind rows[KINDS_MAX];
    int n;
};

void kinds_init(struct kinds *k); /* the built-in ones */
/* The number, old or new; -1 when the table is full or a name too long. */
int kinds_add(struct kinds *k, const char *api, const char *plural, const char *name, bool namespaced);
/* By kind and group; the version does not matter. -1: unknown. */
int kinds_find(const struct kinds *k, const char *api, const char *name);

/* The path of a collection (name NULL, ns NULL: all namespaces) or of one object; caller frees. */
char *kind_path(const struct kind *k, const char *ns, const char *name);

#endif
