/*
 * node/netlink.h - the few rtnetlink requests a simulated node needs.
 *
 * Not pure. A socket speaks for the network namespace it was opened in. Every
 * request waits for the kernel's answer (well under a millisecond).
 * Sources: rtnetlink(7), linux/if_link.h, linux/veth.h.
 */
#ifndef SIM_NODE_NETLINK_H
#define SIM_NODE_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

int netlink_open(int *fd, struct err *e) MUST_USE; /* in the caller's current namespace */

int netlink_add_bridge(int fd, const char *name, struct err *e) MUST_USE;
/* peer_ns: a descriptor of the namespace the peer is born in; -1: here. */
int netlink_add_veth(int fd, const char *name, const char *peer, int peer_ns, struct err *e) MUST_USE;
int netlink_del_link(int fd, const char *name, struct err *e) MUST_USE; /* ERR_ABSENT: none of that name */
int netlink_set_up(int fd, const char *name, bool up, struct err *e) MUST_USE;
int netlink_set_master(int fd, const char *name, const char *bridge, struct err *e) MUST_USE;

/* Addresses are in host byte order. An address that is there already is no error. */
int netlink_add_addr(int fd, const char *name, uint32_t addr, int prefix, struct err *e) MUST_USE;
int netlink_add_default_route(int fd, uint32_t gateway, struct err *e) MUST_USE;

/* Whatever leaves the namespace for this TCP port vanishes; what comes from it is answered. */
int netlink_mute_port(int fd, uint16_t port, bool on, struct err *e) MUST_USE;

#endif
