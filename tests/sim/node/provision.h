/*
 * node/provision.h - storage for claims, on a control plane that has no
 * provisioner of its own.
 *
 * Not pure. Each pending claim gets a PersistentVolume made for it, deleted
 * when the claim is gone. The data lie where the node keeps a claim's folder.
 */
#ifndef SIM_NODE_PROVISION_H
#define SIM_NODE_PROVISION_H

#include "sim/node/objects.h"

struct provision;

struct provision *provision_new(struct kube *k);
void provision_free(struct provision *p); /* NULL is fine */
void provision_step(struct provision *p, const struct objects *o); /* after any claim changed; NULL: nothing */

#endif
