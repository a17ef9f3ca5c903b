/*
 * node/hosts.h - names of pods, in place of a cluster DNS.
 *
 * Not pure: writes each pod's /etc/hosts. A pod with hostname and subdomain is
 * known as HOST.SUBDOMAIN.NS.svc.cluster.local and its shorter forms; all pods
 * of a subdomain together under SUBDOMAIN.NS.svc.cluster.local.
 */
#ifndef SIM_NODE_HOSTS_H
#define SIM_NODE_HOSTS_H

struct world;

/* Addresses of the namespace changed: rewrites the files of its pods. */
void hosts_changed(struct world *w, const char *ns);

#endif
