#include "sim/up/space.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sim/node/netlink.h"

#define BACKLOG 511

static int denied(struct err *e, const char *what)
{
    return err_set(e, ERR_DENIED, "%s: %s", what, strerror(errno));
}

static int file_put(const char *path, const char *text, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
    int errnum = errno;

    if (fd >= 0)
        close(fd);
    errno = errnum;
    return n < 0 ? denied(e, path) : 0;
}

static int user_enter(struct err *e)
{
    AUTO_FREE char *uids = xasprintf("0 %u 1", (unsigned)geteuid()), *gids = xasprintf("0 %u 1", (unsigned)getegid());

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return denied(e, "user namespace");
    if (file_put("/proc/self/setgroups", "deny", e) < 0 || file_put("/proc/self/uid_map", uids, e) < 0)
        return -(int)e->kind;
    return file_put("/proc/self/gid_map", gids, e);
}

int space_enter(struct err *e)
{
    int nl;

    if (unshare(CLONE_NEWNET) < 0 && user_enter(e) < 0)
        return -(int)e->kind;
    if (netlink_open(&nl, e) < 0)
        return -(int)e->kind;
    int rc = netlink_set_up(nl, "lo", true, e);
    close(nl);
    return rc;
}

static int ns_open(pid_t pid, const char *kind)
{
    AUTO_FREE char *path = xasprintf("/proc/%d/ns/%s", (int)pid, kind);

    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino;
}

int space_join(pid_t pid, struct err *e)
{
    AUTO_FREE char *theirs = xasprintf("/proc/%d/ns/user", (int)pid);
    int user = ns_open(pid, "user"), net = ns_open(pid, "net");
    int rc = 0;

    if (user < 0 || net < 0)
        rc = err_set(e, errno == ENOENT ? ERR_ABSENT : ERR_DENIED, "namespaces of process %d: %s", (int)pid, strerror(errno));
    else if (!is_same_file(theirs, "/proc/self/ns/user") && setns(user, CLONE_NEWUSER) < 0)
        rc = err_set(e, ERR_DENIED, "enter the cluster's user namespace: %s", strerror(errno));
    else if (setns(net, CLONE_NEWNET) < 0)
        rc = err_set(e, ERR_DENIED, "enter the cluster's network namespace: %s", strerror(errno));
    if (user >= 0)
        close(user);
    if (net >= 0)
        close(net);
    return rc;
}

int space_listen(int *port, struct err *e)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
        bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, BACKLOG) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &len) == 0) {
        *port = ntohs(a.sin_port);
        return fd;
    }
    err_set(e, ERR_INVALID, "listen on 127.0.0.1:%d: %s", *port, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -(int)e->kind;
}
