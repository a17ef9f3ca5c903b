/*
 * node/net.h - the cluster's pod network: one main bridge, a bridge for each
 * node hanging on it by a cable, and for each pod a network namespace of its
 * own with one cable to its node's bridge.
 *
 * Not pure. Everything is made in the network namespace of the caller and
 * vanishes with it; a pod's namespace is held by a descriptor only, so it goes
 * with the process. Addresses count up and are not used again before the range
 * is through.
 */
#ifndef SIM_NODE_NET_H
#define SIM_NODE_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define NET_MAX_NODES 200
#define NET_FIRST 256 /* offset of the first pod; the bridge and the nodes come before */

struct net {
    int nl;            /* netlink socket of the cluster's namespace */
    int own_ns;        /* the cluster's namespace */
    char prefix[8];    /* of every link's name */
    uint32_t base;     /* host order */
    int prefix_len;
    uint32_t next;     /* offset of the next address */
    uint32_t n_links;  /* names handed out */
};

struct net_pod {
    int ns; /* -1: none */
    char link[16]; /* our end of its cable */
    char ip[16];
};

/* cidr: "10.244.0.0/16"; the first address goes to the bridge. Links left by an earlier run under
 * this prefix (up to 5 letters) are removed. ERR_DENIED says which right is missing. */
int net_init(struct net *n, const char *prefix, const char *cidr, uint32_t first_offset, struct err *e) MUST_USE;
void net_done(struct net *n); /* removes the links */

int net_add_node(struct net *n, int node, struct err *e) MUST_USE;
int net_set_node(struct net *n, int node, bool up, struct err *e) MUST_USE; /* its cable to the others */
void net_node_ip(const struct net *n, int node, char ip[16]);

/* wanted: its address, as text; NULL: the next one. */
int net_add_pod(struct net *n, int node, const char *wanted, struct net_pod *p, struct err *e) MUST_USE;
/* Its Redis bus: what it sends to others' vanishes, what they send is answered. */
int net_mute_bus(const struct net *n, const struct net_pod *p, bool on, struct err *e) MUST_USE;
int net_set_pod(struct net *n, const struct net_pod *p, bool up, struct err *e) MUST_USE;
void net_del_pod(struct net_pod *p); /* when nothing runs in it any more */

/* A TCP socket that lives in the pod's namespace: non-blocking, close-on-exec; -1 on failure. */
int net_pod_socket(const struct net *n, const struct net_pod *p);

#endif
