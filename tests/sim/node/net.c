#include "sim/node/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sim/node/netlink.h"

static void ip_text(uint32_t addr, char ip[16])
{
    struct in_addr a = { htonl(addr) };

    inet_ntop(AF_INET, &a, ip, 16);
}

static int cidr_parse(struct net *n, const char *cidr, struct err *e)
{
    char ip[32];
    int64_t len;
    const char *slash = strchr(cidr, '/');
    struct in_addr a;

    if (!slash || (size_t)(slash - cidr) >= sizeof(ip) || !str_to_int(slash + 1, 8, 28, &len))
        return err_set(e, ERR_INVALID, "pod range %s: want A.B.C.D/8../28", cidr);
    memcpy(ip, cidr, (size_t)(slash - cidr));
    ip[slash - cidr] = 0;
    if (inet_pton(AF_INET, ip, &a) != 1)
        return err_set(e, ERR_INVALID, "pod range %s: not an address", cidr);
    n->prefix_len = (int)len;
    n->base = ntohl(a.s_addr) & ~(uint32_t)(0xffffffffULL >> len);
    return 0;
}

static const char *link_name(const struct net *n, char *out, const char *kind, uint32_t i)
{
    snprintf(out, 16, "%s%s%u", n->prefix, kind, i);
    return out;
}

static void remove_old(struct net *n)
{
    char name[16];
    struct err e;

    for (uint32_t i = 0; netlink_del_link(n->nl, link_name(n, name, "n", i), &e) == 0; i++)
        if (netlink_del_link(n->nl, link_name(n, name, "u", i), &e) < 0)
            break; /* deleting one end of a cable deletes the other */
    if (netlink_del_link(n->nl, n->prefix, &e) < 0)
        return; /* none: a fresh start */
}

int net_init(struct net *n, const char *prefix, const char *cidr, uint32_t first_offset, struct err *e)
{
    *n = (struct net){ .nl = -1, .own_ns = -1, .next = first_offset < NET_FIRST ? NET_FIRST : first_offset };
    if (!str_copy(n->prefix, 6, prefix) || str_empty(prefix))
        return err_set(e, ERR_INVALID, "link prefix %s: 1 to 5 letters", prefix);
    if (cidr_parse(n, cidr, e) < 0 || netlink_open(&n->nl, e) < 0)
        return -(int)e->kind;
    n->own_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (n->own_ns < 0)
        return err_set(e, ERR_DENIED, "own network namespace: %s", strerror(errno));
    remove_old(n);
    if (netlink_add_bridge(n->nl, n->prefix, e) < 0 ||
        netlink_add_addr(n->nl, n->prefix, n->base + 1, n->prefix_len, e) < 0 ||
        netlink_set_up(n->nl, n->prefix, true, e) < 0)
        return err_wrap(e, "pod network (needs CAP_NET_ADMIN: be root, or start under `everserve-sim up`)");
    return 0;
}

void net_done(struct net *n)
{
    if (n->nl >= 0)
        remove_old(n);
    if (n->nl >= 0)
        close(n->nl);
    if (n->own_ns >= 0)
        close(n->own_ns);
    n->nl = n->own_ns = -1;
}

int net_add_node(struct net *n, int node, struct err *e)
{
    char bridge[16], far[16], near[16];

    link_name(n, bridge, "n", (uint32_t)node);
    link_name(n, far, "u", (uint32_t)node);
    link_name(n, near, "d", (uint32_t)node);
    if (netlink_add_bridge(n->nl, bridge, e) < 0 || netlink_add_veth(n->nl, far, near, -1, e) < 0 ||
        netlink_set_master(n->nl, far, n->prefix, e) < 0 || netlink_set_master(n->nl, near, bridge, e) < 0 ||
        netlink_set_up(n->nl, bridge, true, e) < 0 || netlink_set_up(n->nl, near, true, e) < 0)
        return err_wrap(e, "node %d", node);
    if (netlink_add_addr(n->nl, n->prefix, n->base + 2 + (uint32_t)node, n->prefix_len, e) < 0)
        return -(int)e->kind;
    return net_set_node(n, node, true, e);
}

void net_node_ip(const struct net *n, int node, char ip[16])
{
    ip_text(n->base + 2 + (uint32_t)node, ip);
}

int net_set_node(struct net *n, int node, bool up, struct err *e)
{
    char far[16];

    link_name(n, far, "u", (uint32_t)node);
    return netlink_set_up(n->nl, far, up, e);
}

static uint32_t address_next(struct net *n)
{
    uint32_t size = (uint32_t)(0xffffffffULL >> n->prefix_len);

    if ((n->next & 0xff) == 0 || (n->next & 0xff) == 0xff) /* legal, but a surprise to many */
        n->next += n->next & 1 ? 2 : 1;
    if (n->next >= size)
        n->next = NET_FIRST + 1;
    return n->base + n->next++;
}

/* Makes the namespace and a netlink socket in it; comes back to our own in any case. */
static int ns_new(const struct net *n, int *ns, int *nl, struct err *e)
{
    if (unshare(CLONE_NEWNET) < 0)
        return err_set(e, ERR_DENIED, "network namespace: %s", strerror(errno));
    *ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int rc = *ns < 0 ? err_set(e, ERR_RETRY, "network namespace: %s", strerror(errno)) : netlink_open(nl, e);
    if (setns(n->own_ns, CLONE_NEWNET) < 0)
        abort(); /* everything after this would happen in the wrong network */
    return rc;
}

static int pod_inside(const struct net *n, int nl, uint32_t addr, struct err *e)
{
    if (netlink_set_up(nl, "lo", true, e) < 0 || netlink_add_addr(nl, "eth0", addr, n->prefix_len, e) < 0 ||
        netlink_set_up(nl, "eth0", true, e) < 0)
        return -(int)e->kind;
    return netlink_add_default_route(nl, n->base + 1, e);
}

static int pod_cable(struct net *n, int node, struct net_pod *p, struct err *e)
{
    char bridge[16];

    link_name(n, bridge, "n", (uint32_t)node);
    link_name(n, p->link, "p", n->n_links++);
    if (netlink_add_veth(n->nl, p->link, "eth0", p->ns, e) < 0 ||
        netlink_set_master(n->nl, p->link, bridge, e) < 0)
        return -(int)e->kind;
    return netlink_set_up(n->nl, p->link, true, e);
}

/* One of ours, or the next. */
static uint32_t address_for(struct net *n, const char *wanted)
{
    uint32_t size = (uint32_t)(0xffffffffULL >> n->prefix_len);
    struct in_addr a;

    if (wanted && inet_pton(AF_INET, wanted, &a) == 1 && ntohl(a.s_addr) - n->base < size)
        return ntohl(a.s_addr);
    return address_next(n);
}

int net_add_pod(struct net *n, int node, const char *wanted, struct net_pod *p, struct err *e)
{
    int nl = -1;
    uint32_t addr = address_for(n, wanted);

    *p = (struct net_pod){ .ns = -1 };
    ip_text(addr, p->ip);
    int rc = ns_new(n, &p->ns, &nl, e);
    if (rc == 0)
        rc = pod_cable(n, node, p, e);
    if (rc == 0)
        rc = pod_inside(n, nl, addr, e);
    if (nl >= 0)
        close(nl);
    if (rc < 0)
        net_del_pod(p);
    return rc;
}

int net_set_pod(struct net *n, const struct net_pod *p, bool up, struct err *e)
{
    return netlink_set_up(n->nl, p->link, up, e);
}

int net_mute_bus(const struct net *n, const struct net_pod *p, bool on, struct err *e)
{
    enum { BUS_PORT = 16379 };
    int fd = -1, rc;

    if (p->ns < 0 || setns(p->ns, CLONE_NEWNET) < 0)
        return err_set(e, ERR_ABSENT, "no network");
    rc = netlink_open(&fd, e);
    if (setns(n->own_ns, CLONE_NEWNET) < 0)
        abort();
    if (rc == 0)
        rc = netlink_mute_port(fd, BUS_PORT, on, e);
    if (fd >= 0)
        close(fd);
    return rc;
}

void net_del_pod(struct net_pod *p)
{
    /* The kernel takes the cable away with the namespace, in its own time; asking it to would take us 20 ms. */
    if (p->ns >= 0)
        close(p->ns);
    *p = (struct net_pod){ .ns = -1 };
}

int net_pod_socket(const struct net *n, const struct net_pod *p)
{
    if (p->ns < 0 || setns(p->ns, CLONE_NEWNET) < 0)
        return -1;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (setns(n->own_ns, CLONE_NEWNET) < 0)
        abort();
    return s;
}
