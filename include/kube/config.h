/*
 * kube/config.h - how to reach and trust the API server: in-cluster files or kubeconfig.
 *
 * Not pure (reads files and environment). Token and CA files are read again
 * each minute and after a 401; an unreadable or empty new file keeps the old content.
 */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include "base/err.h"

struct kube_config;

/* path: a kubeconfig, several with ':' between as in KUBECONFIG, or NULL for: $KUBECONFIG,
 * then in-cluster, then ~/.kube/config. context: NULL for the current one.
 * ERR_INVALID names the file and the field. */
int kube_config_load(const char *path, const char *context, struct kube_config **out, struct err *e) MUST_USE;
void kube_config_free(struct kube_config *c);

const char *kube_config_server(const struct kube_config *c); /* lent: "https://host:port" */
/* The pod's own namespace in a cluster, the context's otherwise, else "default". Lent. */
const char *kube_config_namespace(const struct kube_config *c);

#endif
