/*
 * node/claims.h - removes the folders of claims that are no more; the address that a claim keeps for its pod.
 *
 * Not pure. A folder stays while a pod of ours still names its claim.
 */
#ifndef SIM_NODE_CLAIMS_H
#define SIM_NODE_CLAIMS_H

/* On a PersistentVolumeClaim: the address of the next pod that mounts it. */
#define ADDRESS_ANNOTATION "sim.everserve.dev/address"

struct world;
struct pod;

void claims_sweep(struct world *w);

const char *claims_address(const struct pod *p); /* as text, lent; NULL: none is asked for */

#endif
