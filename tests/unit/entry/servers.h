/*
 * Three masters and a replica of the first, real redis-servers on loopback, for tests of this room. They may
 * start through the fence. Killed by pid, and with the test.
 */
#ifndef TESTS_SERVERS_H
#define TESTS_SERVERS_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum { SERVERS = 4, REPLICA = 3, WAIT_S = 40 };

struct servers {
    char dir[64];
    const char *mode; /* as --persistence takes it */
    const char *node_timeout;
    int port[SERVERS];
    pid_t pid[SERVERS];
    char out[65536]; /* of the last command */
};

static inline bool servers_available(void)
{
    return system("command -v redis-server >/dev/null && command -v redis-cli >/dev/null") == 0;
}

static inline const char *entry_program(void)
{
    static char path[256];
    const char *b = getenv("B");

    snprintf(path, sizeof(path), "%s/everserve-entry", b ? b : "build");
    return path;
}

static inline bool port_is_free(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = bind(fd, (struct sockaddr *)&a, sizeof(a));

    close(fd);
    return rc == 0;
}

static inline int port_take(void)
{
    static int next;

    if (!next)
        next = 11000 + getpid() % 350 * 31;
    for (;; next = next < 22000 ? next + 1 : 11000)
        if (port_is_free(next) && port_is_free(next + 10000))
            return next++;
}

/* Runs a shell command; its output, without the last newline, stays until the next. */
static inline const char *servers_sh(struct servers *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline const char *servers_sh(struct servers *s, const char *fmt, ...)
{
    char command[2048];
    va_list ap;
    size_t n;
    FILE *p;

    va_start(ap, fmt);
    vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    p = popen(command, "re");
    n = p ? fread(s->out, 1, sizeof(s->out) - 1, p) : 0;
    s->out[n] = '\0';
    if (p)
        pclose(p);
    while (n && (s->out[n - 1] == '\n' || s->out[n - 1] == '\r'))
        s->out[--n] = '\0';
    return s->out;
}

static inline const char *servers_cli(struct servers *s, int i, const char *command)
{
    return servers_sh(s, "timeout 5 redis-cli -p %d %s 2>&1", s->port[i], command);
}

static inline bool servers_wait(struct servers *s, int i, const char *command, const char *want)
{
    for (time_t until = time(NULL) + WAIT_S; time(NULL) < until; usleep(50000))
        if (strstr(servers_cli(s, i, command), want))
            return true;
    return false;
}

static inline _Noreturn void servers_exec(const struct servers *s, int i, bool fenced)
{
    char dir[96], port[8], log[112];
    const char *args[] = { entry_program(), "fence", "--data", dir, "--persistence", s->mode, "--",
                           "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--cluster-enabled", "yes",
                           "--cluster-node-timeout", s->node_timeout, "--repl-diskless-sync-delay", "0", "--cluster-allow-replica-migration", "no",
                           "--save", str_eq(s->mode, "Snapshot") ? "3600 1" : "",
                           "--appendonly", str_eq(s->mode, "AppendOnly") ? "yes" : "no", NULL };
    const char *const *from = fenced ? args : args + 7;

    snprintf(dir, sizeof(dir), "%s/%d", s->dir, i);
    snprintf(port, sizeof(port), "%d", s->port[i]);
    snprintf(log, sizeof(log), "%s/log", dir);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), STDOUT_FILENO) < 0 || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
        _exit(126);
    execvp(from[0], (char *const *)(uintptr_t)from);
    _exit(127);
}

static inline void servers_launch(struct servers *s, int i, bool fenced)
{
    s->pid[i] = fork();
    if (s->pid[i] == 0)
        servers_exec(s, i, fenced);
}

static inline void servers_kill(struct servers *s, int i)
{
    if (s->pid[i] <= 0)
        return;
    kill(s->pid[i], SIGKILL);
    waitpid(s->pid[i], NULL, 0);
    s->pid[i] = 0;
}

static inline int servers_unlink(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void servers_stop(struct servers *s)
{
    for (int i = 0; i < SERVERS; i++)
        servers_kill(s, i);
    nftw(s->dir, servers_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static inline bool servers_join(struct servers *s)
{
    static const char *const slots[] = { "0 5460", "5461 10922", "10923 16383" };
    char command[128], id[64];

    for (int i = 0; i < SERVERS; i++) {
        snprintf(command, sizeof(command), "cluster set-config-epoch %d", i + 1);
        servers_cli(s, i, command);
        snprintf(command, sizeof(command), "cluster addslotsrange %s", i < 3 ? slots[i] : "");
        if (i < 3 && !str_eq(servers_cli(s, i, command), "OK"))
            return false;
        for (int k = 0; k < i; k++) {
            snprintf(command, sizeof(command), "cluster meet 127.0.0.1 %d", s->port[k]);
            servers_cli(s, i, command);
        }
    }
    for (int i = 0; i < SERVERS; i++)
        if (!servers_wait(s, i, "cluster info", "cluster_state:ok") || !servers_wait(s, i, "cluster info", "cluster_known_nodes:4"))
            return false;
    snprintf(id, sizeof(id), "%.40s", servers_cli(s, 0, "cluster myid"));
    snprintf(command, sizeof(command), "cluster replicate %s", id);
    if (!servers_wait(s, REPLICA, command, "OK") || !servers_wait(s, REPLICA, "info replication", "master_link_status:up"))
        return false;
    for (int i = 0; i < REPLICA; i++) /* who has not heard of a replica does not vote for it */
        if (!servers_wait(s, i, "cluster nodes", " slave "))
            return false;
    return true;
}

static inline bool servers_start(struct servers *s, const char *mode)
{
    char dir[96];

    *s = (struct servers){ .mode = mode, .node_timeout = "5000" };
    snprintf(s->dir, sizeof(s->dir), "/tmp/everserve-entry-XXXXXX");
    if (!mkdtemp(s->dir))
        return false;
    for (int i = 0; i < SERVERS; i++) {
        snprintf(dir, sizeof(dir), "%s/%d", s->dir, i);
        if (mkdir(dir, 0700) < 0)
            return false;
        s->port[i] = port_take();
        servers_launch(s, i, true);
    }
    for (int i = 0; i < SERVERS; i++)
        if (!servers_wait(s, i, "ping", "PONG"))
            return false;
    return servers_join(s);
}

/* Keys `from` to `to` of the first shard, in sync on its replica. */
static inline bool servers_fill(struct servers *s, int from, int to)
{
    /* {1} lies in slot 9842; "{b}" in 3300, which is the first shard's */
    servers_sh(s, "for i in $(seq %d %d); do echo \"SET {b}$i value-$i\"; done | redis-cli -p %d | grep -c OK", from, to, s->port[0]);
    return atoi(s->out) == to - from + 1 && str_eq(servers_cli(s, 0, "wait 1 5000"), "1");
}

static inline int servers_keys(struct servers *s, int i)
{
    return atoi(servers_cli(s, i, "dbsize"));
}

#endif
