/*
 * node/volume.h - a pod's volumes as folders of the host.
 *
 * Not pure: writes files. configMap, secret, downwardAPI and projected become
 * sets of files that follow their object; emptyDir lives as long as the pod;
 * a claim's folder as long as the claim. hostPath and the rest are refused.
 */
#ifndef SIM_NODE_VOLUME_H
#define SIM_NODE_VOLUME_H

#include "sim/node/env.h"
#include "sim/node/run.h"

struct volume_site {
    struct env_source src;  /* the pod, and where its neighbours are found */
    const char *pod_dir;    /* this pod's own folder */
    const char *claims_dir; /* one folder for each claim */
};

/* Brings every volume of the pod to its present state. ERR_ABSENT: something it needs is not there yet. */
int volume_sync_all(const struct volume_site *v, struct err *e) MUST_USE;

/* The container's mounts, in an order that works: outer paths first. Free with volume_mounts_free. */
int volume_mounts(const struct volume_site *v, const cJSON *container, const struct map *vars,
                  struct run_mount **mounts, size_t *n, struct err *e) MUST_USE;
void volume_mounts_free(struct run_mount *mounts, size_t n);

/* Folder name of a claim: its namespace, name and uid, so that a new claim of the name starts empty. */
char *volume_claim_name(const cJSON *claim); /* caller frees */

#endif
