#include "sim/node/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

struct request {
    struct nlmsghdr head;
    char body[1024];
};

int netlink_open(int *fd, struct err *e)
{
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (s < 0)
        return err_set(e, ERR_DENIED, "netlink socket: %s", strerror(errno));
    *fd = s;
    return 0;
}

static void *request_init(struct request *r, uint16_t type, uint16_t flags, size_t body_bytes)
{
    memset(r, 0, sizeof(*r));
    r->head.nlmsg_type = type;
    r->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    r->head.nlmsg_len = NLMSG_LENGTH(body_bytes);
    return NLMSG_DATA(&r->head);
}

/* Our requests are small and of known shape: the body always holds them. */
static struct rtattr *attr_add(struct request *r, uint16_t type, const void *data, size_t len)
{
    size_t at = NLMSG_ALIGN(r->head.nlmsg_len);
    struct rtattr *a = (struct rtattr *)((char *)r + at);

    a->rta_type = type;
    a->rta_len = (uint16_t)RTA_LENGTH(len);
    if (len)
        memcpy(RTA_DATA(a), data, len);
    r->head.nlmsg_len = (uint32_t)(at + RTA_ALIGN(a->rta_len));
    return a;
}

static void attr_text(struct request *r, uint16_t type, const char *text)
{
    attr_add(r, type, text, strlen(text) + 1);
}

static void attr_end(struct request *r, struct rtattr *nest)
{
    nest->rta_len = (uint16_t)((char *)r + r->head.nlmsg_len - (char *)nest);
}

static enum err_kind kind_of(int errnum)
{
    if (errnum == EPERM || errnum == EACCES)
        return ERR_DENIED;
    if (errnum == ENODEV)
        return ERR_ABSENT;
    return errnum == EEXIST ? ERR_CONFLICT : ERR_RETRY;
}

static int request_send(int fd, struct request *r, const char *what, struct err *e)
{
    char answer[4096];
    ssize_t n;

    if (send(fd, r, r->head.nlmsg_len, 0) < 0)
        return err_set(e, kind_of(errno), "%s: %s", what, strerror(errno));
    do
        n = recv(fd, answer, sizeof(answer), 0);
    while (n < 0 && errno == EINTR);
    struct nlmsghdr *h = (struct nlmsghdr *)answer;
    if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR)
        return err_set(e, ERR_RETRY, "%s: no answer from the kernel", what);
    int errnum = -((struct nlmsgerr *)NLMSG_DATA(h))->error;
    return errnum ? err_set(e, kind_of(errnum), "%s: %s", what, strerror(errnum)) : 0;
}

static void link_names(struct request *r, const char *name, const char *kind, struct rtattr **info)
{
    attr_text(r, IFLA_IFNAME, name);
    *info = attr_add(r, IFLA_LINKINFO, NULL, 0);
    attr_text(r, IFLA_INFO_KIND, kind);
}

int netlink_add_bridge(int fd, const char *name, struct err *e)
{
    struct request r;
    struct rtattr *info;

    request_init(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
    link_names(&r, name, "bridge", &info);
    attr_end(&r, info);
    int rc = request_send(fd, &r, "add bridge", e);
    return rc ? err_wrap(e, "%s", name) : 0;
}

int netlink_add_veth(int fd, const char *name, const char *peer, int peer_ns, struct err *e)
{
    struct request r;
    struct rtattr *info;
    struct ifinfomsg none = { 0 };

    request_init(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
    link_names(&r, name, "veth", &info);
    struct rtattr *data = attr_add(&r, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *other = attr_add(&r, VETH_INFO_PEER, &none, sizeof(none));
    attr_text(&r, IFLA_IFNAME, peer);
    if (peer_ns >= 0)
        attr_add(&r, IFLA_NET_NS_FD, &peer_ns, sizeof(peer_ns));
    attr_end(&r, other);
    attr_end(&r, data);
    attr_end(&r, info);
    int rc = request_send(fd, &r, "add veth", e);
    return rc ? err_wrap(e, "%s", name) : 0;
}

int netlink_del_link(int fd, const char *name, struct err *e)
{
    struct request r;

    request_init(&r, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
    attr_text(&r, IFLA_IFNAME, name);
    return request_send(fd, &r, "delete link", e);
}

int netlink_set_up(int fd, const char *name, bool up, struct err *e)
{
    struct request r;
    struct ifinfomsg *i = request_init(&r, RTM_NEWLINK, 0, sizeof(*i));

    i->ifi_change = IFF_UP;
    i->ifi_flags = up ? IFF_UP : 0;
    attr_text(&r, IFLA_IFNAME, name);
    return request_send(fd, &r, up ? "link up" : "link down", e);
}

/* The socket may speak for another namespace than the one we are in: ask it, not if_nametoindex. */
static int link_index(int fd, const char *name, uint32_t *index, struct err *e)
{
    struct request r;
    char answer[8192];

    request_init(&r, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
    r.head.nlmsg_flags = NLM_F_REQUEST;
    attr_text(&r, IFLA_IFNAME, name);
    if (send(fd, &r, r.head.nlmsg_len, 0) < 0)
        return err_set(e, kind_of(errno), "find link %s: %s", name, strerror(errno));
    ssize_t n = recv(fd, answer, sizeof(answer), 0);
    struct nlmsghdr *h = (struct nlmsghdr *)answer;
    if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct ifinfomsg)) || h->nlmsg_type != RTM_NEWLINK)
        return err_set(e, ERR_ABSENT, "no link %s", name);
    *index = (uint32_t)((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
    return 0;
}

int netlink_set_master(int fd, const char *name, const char *bridge, struct err *e)
{
    struct request r;
    uint32_t index;

    if (link_index(fd, bridge, &index, e) < 0)
        return -(int)e->kind;
    request_init(&r, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
    attr_text(&r, IFLA_IFNAME, name);
    attr_add(&r, IFLA_MASTER, &index, sizeof(index));
    return request_send(fd, &r, "set master", e);
}

int netlink_add_addr(int fd, const char *name, uint32_t addr, int prefix, struct err *e)
{
    struct request r;
    uint32_t index, wire = htonl(addr), broadcast = htonl(addr | (uint32_t)(0xffffffffULL >> prefix));

    if (link_index(fd, name, &index, e) < 0)
        return -(int)e->kind;
    struct ifaddrmsg *m = request_init(&r, RTM_NEWADDR, NLM_F_CREATE, sizeof(*m));
    *m = (struct ifaddrmsg){ .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = index };
    attr_add(&r, IFA_LOCAL, &wire, sizeof(wire));
    attr_add(&r, IFA_ADDRESS, &wire, sizeof(wire));
    attr_add(&r, IFA_BROADCAST, &broadcast, sizeof(broadcast));
    int rc = request_send(fd, &r, "add address", e);
    return rc == -ERR_CONFLICT ? 0 : rc;
}

int netlink_add_default_route(int fd, uint32_t gateway, struct err *e)
{
    struct request r;
    uint32_t wire = htonl(gateway);
    struct rtmsg *m = request_init(&r, RTM_NEWROUTE, NLM_F_CREATE, sizeof(*m));

    *m = (struct rtmsg){ .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
                         .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST };
    attr_add(&r, RTA_GATEWAY, &wire, sizeof(wire));
    return request_send(fd, &r, "add route", e);
}

int netlink_mute_port(int fd, uint16_t port, bool on, struct err *e)
{
    struct fib_rule_port_range range = { port, port };
    uint8_t tcp = IPPROTO_TCP;
    struct request r;
    struct fib_rule_hdr *h = request_init(&r, on ? RTM_NEWRULE : RTM_DELRULE, on ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof(*h));

    h->family = AF_INET;
    h->action = FR_ACT_BLACKHOLE;
    attr_add(&r, FRA_IP_PROTO, &tcp, sizeof(tcp));
    attr_add(&r, FRA_DPORT_RANGE, &range, sizeof(range));
    return request_send(fd, &r, "mute port", e);
}
