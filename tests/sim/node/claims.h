/*
 * node/claims.h - removes the folders of claims that are no more.
 *
 * Not pure. A folder stays while a pod of ours still names its claim.
 */
#ifndef SIM_NODE_CLAIMS_H
#define SIM_NODE_CLAIMS_H

struct world;

void claims_sweep(struct world *w);

#endif
