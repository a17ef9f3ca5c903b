/*
 * Three masters and a replica of the first, real servers on loopback, of this machine's Redis or of a release in
 * build/servers, for tests of this room. They may start through the fence. Killed by pid, and with the test.
 */
#ifndef TESTS_SHARD_H
#define TESTS_SHARD_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "../../ports.h"
#include "../../servers.h"
#include "../redis/pki.h"

enum { SERVERS = 4, REPLICA = 3, WAIT_S = 40 };

struct shard {
    char dir[64];
    const char *mode; /* as --persistence takes it */
    char server[PATH_MAX + 32], cli[PATH_MAX + 32];
    char talk[2 * PATH_MAX]; /* cli, and what it takes to reach these servers: words for a shell */
    const char *node_timeout;
    bool tls;        /* everything speaks it, with DIR/tls-N/{tls.crt,tls.key,ca.crt} */
    bool small_disk; /* the first master's folder is a file system of 512 KiB */
    int port[SERVERS];
    pid_t pid[SERVERS];
    char out[65536]; /* of the last command */
};

/* release: NULL is the machine's own. False: it is not here. */
static inline bool shard_find(struct shard *s, const char *release)
{
    char folder[PATH_MAX];

    *s = (struct shard){ .server = "redis-server", .cli = "redis-cli", .talk = "redis-cli" };
    if (!release)
        return system("command -v redis-server >/dev/null && command -v redis-cli >/dev/null") == 0;
    /* half a minute each: one of either family is the usual */
    if (!str_eq(release, "redis-8.0") && !str_eq(release, "valkey-9.1") && !getenv("E2E_LONG"))
        return false;
    if (!servers_find(release, folder))
        return false;
    snprintf(s->server, sizeof(s->server), "%s/%.*s-server", folder, (int)strcspn(release, "-"), release);
    snprintf(s->cli, sizeof(s->cli), "%s/%.*s-cli", folder, (int)strcspn(release, "-"), release);
    snprintf(s->talk, sizeof(s->talk), "%s", s->cli);
    return true;
}

static inline const char *entry_program(void)
{
    static char path[256];
    const char *b = getenv("B");

    snprintf(path, sizeof(path), "%s/everserve-entry", b ? b : "build");
    return path;
}

/* Runs a shell command; its output, without the last newline, stays until the next. */
static inline const char *shard_sh(struct shard *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline const char *shard_sh(struct shard *s, const char *fmt, ...)
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

static inline const char *shard_cli(struct shard *s, int i, const char *command)
{
    return shard_sh(s, "timeout 5 %s -p %d %s 2>&1", s->talk, s->port[i], command);
}

static inline bool shard_wait(struct shard *s, int i, const char *command, const char *want)
{
    for (time_t until = time(NULL) + WAIT_S; time(NULL) < until; usleep(50000))
        if (strstr(shard_cli(s, i, command), want))
            return true;
    return false;
}

struct shard_args {
    const char *v[56];
    size_t n;
    char dir[96], port[8], tls[96], crt[112], key[112], ca[112];
};

static inline void shard_push(struct shard_args *a, const char *const *words)
{
    for (; *words; words++)
        a->v[a->n++] = *words;
}

static inline void shard_push_tls(struct shard_args *a)
{
    snprintf(a->crt, sizeof(a->crt), "%s/tls.crt", a->tls);
    snprintf(a->key, sizeof(a->key), "%s/tls.key", a->tls);
    snprintf(a->ca, sizeof(a->ca), "%s/ca.crt", a->tls);
    shard_push(a, (const char *const[]){ "--port", "0", "--tls-port", a->port, "--tls-replication", "yes", "--tls-cluster", "yes",
                                         "--tls-auth-clients", "no", "--tls-cert-file", a->crt, "--tls-key-file", a->key,
                                         "--tls-ca-cert-file", a->ca, NULL });
}

static inline void shard_args_make(const struct shard *s, int i, bool fenced, struct shard_args *a)
{
    a->n = 0;
    snprintf(a->dir, sizeof(a->dir), "%s/%d", s->dir, i);
    snprintf(a->port, sizeof(a->port), "%d", s->port[i]);
    snprintf(a->tls, sizeof(a->tls), "%s/tls-%d", s->dir, i);
    if (fenced)
        shard_push(a, (const char *const[]){ entry_program(), "fence", "--data", a->dir, "--persistence", s->mode, "--cli", s->cli, NULL });
    if (fenced && s->tls)
        shard_push(a, (const char *const[]){ "--tls", a->tls, NULL });
    if (fenced)
        shard_push(a, (const char *const[]){ "--", NULL });
    shard_push(a, (const char *const[]){ s->server, "--bind", "127.0.0.1", "--dir", a->dir, "--cluster-enabled", "yes",
                                         "--cluster-node-timeout", s->node_timeout, "--repl-diskless-sync-delay", "0",
                                         "--cluster-allow-replica-migration", "no", "--save", str_eq(s->mode, "Snapshot") ? "3600 1" : "",
                                         "--appendonly", str_eq(s->mode, "AppendOnly") ? "yes" : "no", NULL });
    if (s->tls)
        shard_push_tls(a);
    else
        shard_push(a, (const char *const[]){ "--port", a->port, NULL });
    a->v[a->n] = NULL;
}

static inline _Noreturn void shard_exec(const struct shard *s, int i, bool fenced)
{
    struct shard_args a;
    char log[112];

    shard_args_make(s, i, fenced, &a);
    snprintf(log, sizeof(log), "%s/log", a.dir);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), STDOUT_FILENO) < 0 || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
        _exit(126);
    execvp(a.v[0], (char *const *)(uintptr_t)a.v);
    _exit(127);
}

static inline void shard_launch(struct shard *s, int i, bool fenced)
{
    s->pid[i] = fork();
    if (s->pid[i] == 0)
        shard_exec(s, i, fenced);
}

static inline void shard_kill(struct shard *s, int i)
{
    if (s->pid[i] <= 0)
        return;
    kill(s->pid[i], SIGKILL);
    waitpid(s->pid[i], NULL, 0);
    s->pid[i] = 0;
}

static inline int shard_unlink(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void shard_stop(struct shard *s)
{
    for (int i = 0; i < SERVERS; i++)
        shard_kill(s, i);
    if (s->small_disk) {
        char dir[96];

        snprintf(dir, sizeof(dir), "%s/0", s->dir);
        umount2(dir, MNT_DETACH);
    }
    nftw(s->dir, shard_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static inline bool shard_join(struct shard *s)
{
    static const char *const slots[] = { "0 5460", "5461 10922", "10923 16383" };
    char command[128], id[64];

    for (int i = 0; i < SERVERS; i++) {
        snprintf(command, sizeof(command), "cluster set-config-epoch %d", i + 1);
        shard_cli(s, i, command);
        snprintf(command, sizeof(command), "cluster addslotsrange %s", i < 3 ? slots[i] : "");
        if (i < 3 && !str_eq(shard_cli(s, i, command), "OK"))
            return false;
        for (int k = 0; k < i; k++) {
            snprintf(command, sizeof(command), "cluster meet 127.0.0.1 %d", s->port[k]);
            shard_cli(s, i, command);
        }
    }
    for (int i = 0; i < SERVERS; i++)
        if (!shard_wait(s, i, "cluster info", "cluster_state:ok") || !shard_wait(s, i, "cluster info", "cluster_known_nodes:4"))
            return false;
    snprintf(id, sizeof(id), "%.40s", shard_cli(s, 0, "cluster myid"));
    snprintf(command, sizeof(command), "cluster replicate %s", id);
    if (!shard_wait(s, REPLICA, command, "OK") || !shard_wait(s, REPLICA, "info replication", "master_link_status:up"))
        return false;
    for (int i = 0; i < REPLICA; i++) /* who has not heard of a replica does not vote for it */
        if (!shard_wait(s, i, "cluster nodes", " slave "))
            return false;
    return true;
}

/* In a mount namespace of our own: needs root, or the right to be root of a user namespace. */
static inline bool shard_may_mount(void)
{
    return unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
}

static inline bool shard_mount(struct shard *s)
{
    char dir[96];

    snprintf(dir, sizeof(dir), "%s/0", s->dir);
    return mkdir(dir, 0700) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir, "tmpfs", 0, "size=512k") == 0;
}

/* Certificate `name` of DIR/pki, and authority `ca`, become what server i has. */
static inline bool shard_certify(struct shard *s, int i, const char *name, const char *ca)
{
    shard_sh(s, "cd %s && mkdir -p tls-%d && cp pki/%s.crt tls-%d/tls.crt && cp pki/%s.key tls-%d/tls.key && cp pki/%s.crt tls-%d/ca.crt "
             "&& echo done", s->dir, i, name, i, name, i, ca, i);
    return str_eq(s->out, "done");
}

/* Authorities ca and ca2; certificates one and two of the first, other of the second. */
static inline bool shard_make_pki(struct shard *s)
{
    static const char names[] = "subjectAltName=IP:127.0.0.1";
    char dir[96];
    bool ok;

    snprintf(dir, sizeof(dir), "%s/pki", s->dir);
    ok = mkdir(dir, 0700) == 0 && pki_authority(dir, "ca") && pki_authority(dir, "ca2") && pki_issue(dir, "one", "ca", names, "-days 9") &&
         pki_issue(dir, "two", "ca", names, "-days 9") && pki_issue(dir, "other", "ca2", names, "-days 9") &&
         pki_issue(dir, "old", "ca", names, "-startdate 20200101000000Z -enddate 20200201000000Z");
    for (int i = 0; i < SERVERS && ok; i++)
        ok = shard_certify(s, i, "one", "ca");
    snprintf(s->talk, sizeof(s->talk), "%s --tls --cacert %s/pki/ca.crt", s->cli, s->dir);
    return ok;
}

static inline bool shard_start(struct shard *s, const char *mode)
{
    char dir[96];

    s->mode = mode;
    s->node_timeout = "5000";
    snprintf(s->dir, sizeof(s->dir), "/tmp/everserve-entry-XXXXXX");
    if (!mkdtemp(s->dir))
        return false;
    if ((s->small_disk && !shard_mount(s)) || (s->tls && !shard_make_pki(s)))
        return false;
    for (int i = 0; i < SERVERS; i++) {
        snprintf(dir, sizeof(dir), "%s/%d", s->dir, i);
        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
            return false;
        s->port[i] = port_take();
        shard_launch(s, i, true);
    }
    for (int i = 0; i < SERVERS; i++)
        if (!shard_wait(s, i, "ping", "PONG"))
            return false;
    return shard_join(s);
}

/* Keys `from` to `to` of the first shard, in sync on its replica. */
static inline int shard_keys(struct shard *s, int i)
{
    return atoi(shard_cli(s, i, "dbsize"));
}

/* True when the replica has them too. WAIT of another connection would only count who is connected: Valkey 8.1 may
 * be about to copy all once more. */
static inline bool shard_fill(struct shard *s, int from, int to)
{
    /* {1} lies in slot 9842; "{b}" in 3300, which is the first shard's */
    shard_sh(s, "for i in $(seq %d %d); do echo \"SET {b}$i value-$i\"; done | %s -p %d | grep -c OK", from, to, s->talk, s->port[0]);
    if (atoi(s->out) != to - from + 1)
        return false;
    for (time_t until = time(NULL) + WAIT_S; time(NULL) < until; usleep(50000))
        if (shard_keys(s, REPLICA) == to && strstr(shard_cli(s, REPLICA, "info replication"), "master_link_status:up"))
            return true;
    return false;
}

#endif
