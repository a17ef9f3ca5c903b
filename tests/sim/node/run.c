#include "sim/node/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sim/node/root.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What a container runtime leaves to root in a container by default. */
static const unsigned long long kept_caps =
    1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER | 1ULL << CAP_FSETID | 1ULL << CAP_KILL |
    1ULL << CAP_SETGID | 1ULL << CAP_SETUID | 1ULL << CAP_SETPCAP | 1ULL << CAP_NET_BIND_SERVICE |
    1ULL << CAP_NET_RAW | 1ULL << CAP_SYS_CHROOT;

static void child_signals(void)
{
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP)
            signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_rights(void)
{
    for (int cap = 0; cap <= 63; cap++)
        if (!(kept_caps >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            break; /* past the last one the kernel knows */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int child_output(const char *log_path, struct err *e)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        return err_set(e, ERR_RETRY, "log %s: %s", log_path, strerror(errno));
    return 0;
}

static bool has_path(char *const *envp)
{
    for (size_t i = 0; envp[i]; i++)
        if (str_has_prefix(envp[i], "PATH="))
            return true;
    return false;
}

static int child_exec(const struct run_spec *s, struct err *e)
{
    static char path[] = DEFAULT_PATH;

    environ = s->envp;
    if (!has_path(s->envp))
        putenv(path);
    if (s->workdir && chdir(s->workdir) < 0)
        return err_set(e, ERR_INVALID, "working directory %s: %s", s->workdir, strerror(errno));
    child_rights();
    child_signals();
    execvp(s->argv[0], s->argv);
    if (errno == ENOENT && !strchr(s->argv[0], '/'))
        return err_set(e, ERR_ABSENT, "exec: \"%s\": executable file not found in $PATH", s->argv[0]);
    return err_set(e, ERR_ABSENT, "exec: \"%s\": %s", s->argv[0], strerror(errno));
}

static int child_start(const struct run_spec *s, struct err *e)
{
    setsid();
    umask(022);
    if (child_output(s->log_path, e) < 0)
        return -(int)e->kind;
    if (s->net_ns >= 0 && setns(s->net_ns, CLONE_NEWNET) < 0)
        return err_set(e, ERR_DENIED, "enter the pod's network: %s", strerror(errno));
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) < 0)
        return err_set(e, ERR_DENIED, "new namespaces: %s", strerror(errno));
    if (sethostname(s->hostname, strlen(s->hostname)) < 0)
        return err_set(e, ERR_DENIED, "hostname: %s", strerror(errno));
    if (root_enter(s, e) < 0)
        return -(int)e->kind;
    return child_exec(s, e);
}

/* From here on our end follows the parent's; one that came before shows as a pipe without a reader. */
static bool parent_is_gone(int pipe_end)
{
    struct pollfd p = { .fd = pipe_end };

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return poll(&p, 1, 0) > 0 && p.revents & POLLERR;
}

/* The pipe closes by itself when the program runs; before that the child can only write why not. */
static int outcome_read(int fd, struct err *e)
{
    struct err got;
    ssize_t n;

    do
        n = read(fd, &got, sizeof(got));
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return 0;
    if (n != (ssize_t)sizeof(got))
        return err_set(e, ERR_RETRY, "the container's process ended before it began");
    got.msg[sizeof(got.msg) - 1] = 0;
    return err_set(e, got.kind, "%s", got.msg);
}

/* fork, the child being process 1 of a new process namespace. unshare and fork would do the same,
 * but the way back to our own namespace is closed to root of a user namespace. */
static pid_t fork_first(void)
{
    return (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, 0);
}

int run_start(const struct run_spec *s, pid_t *pid, struct err *e)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_set(e, ERR_RETRY, "pipe: %s", strerror(errno));
    pid_t child = fork_first();
    if (child == 0) {
        struct err why = { 0 };

        close(fds[0]);
        if (parent_is_gone(fds[1]))
            _exit(1);
        if (child_start(s, &why) < 0 && write(fds[1], &why, sizeof(why)) < 0)
            _exit(127);
        _exit(128);
    }
    int errnum = errno;
    close(fds[1]);
    int rc = child < 0 ? err_set(e, ERR_DENIED, "new process namespace: %s", strerror(errnum)) : outcome_read(fds[0], e);
    close(fds[0]);
    if (rc == 0)
        *pid = child;
    return rc;
}

static int ns_open(pid_t pid, const char *kind)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static _Noreturn void inside_exec(const struct run_spec *s)
{
    struct err e = { 0 };

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (child_exec(s, &e) < 0)
        dprintf(2, "%s\n", e.msg);
    _exit(127);
}

/* Entering a process namespace counts for children only: one goes in, we pass on how it ended. */
static _Noreturn void exec_relay(pid_t inside, const struct run_spec *s)
{
    int ns[] = { ns_open(inside, "net"), ns_open(inside, "uts"), ns_open(inside, "pid"), ns_open(inside, "mnt") };
    struct err e = { 0 };
    int status;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    child_signals();
    setsid();
    if (child_output(s->log_path, &e) < 0)
        _exit(126);
    for (size_t i = 0; i < COUNT(ns); i++)
        if (ns[i] < 0 || setns(ns[i], 0) < 0)
            _exit(126);
    pid_t child = fork();
    if (child == 0)
        inside_exec(s);
    if (child < 0 || waitpid(child, &status, 0) < 0)
        _exit(126);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int run_exec(pid_t inside, const struct run_spec *s, pid_t *pid, struct err *e)
{
    pid_t child = fork();

    if (child == 0)
        exec_relay(inside, s);
    if (child < 0)
        return err_set(e, ERR_RETRY, "fork: %s", strerror(errno));
    *pid = child;
    return 0;
}

void run_signal_all(pid_t inside, int signo)
{
    char path[64];
    struct stat want, st;
    struct dirent *entry;

    snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)inside);
    if (stat(path, &want) < 0)
        return;
    kill(inside, signo);
    DIR *d = opendir("/proc");
    while (d && (entry = readdir(d))) {
        int64_t pid;

        if (!str_to_int(entry->d_name, 1, INT32_MAX, &pid) || pid == inside)
            continue;
        snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
        if (stat(path, &st) == 0 && st.st_ino == want.st_ino)
            kill((pid_t)pid, signo);
    }
    if (d)
        closedir(d);
}
