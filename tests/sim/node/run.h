/*
 * node/run.h - containers: real processes with a root of their own.
 *
 * Not pure. A container's main process is process 1 of its own process
 * namespace, so its end takes everything it started along; it dies with us too
 * (parent death signal). Its root is a small tmpfs with the host's /usr and
 * friends mounted read-only, fresh /etc, /tmp, /proc and /dev, and the volumes.
 * Works as root and as "root" of a user namespace. Users and groups are ignored.
 */
#ifndef SIM_NODE_RUN_H
#define SIM_NODE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct run_mount {
    char *source; /* an absolute path of the host without symlinks: a folder or a file */
    char *path;   /* absolute, in the container */
    bool read_only;
};

struct run_spec {
    const char *root_dir;   /* an empty folder to put the root on; may be shared */
    const char *self;       /* our own program, put at RUN_SELF_PATH */
    const char *hosts_file; /* becomes /etc/hosts; NULL: none */
    const char *message_file; /* becomes /dev/termination-log; NULL: none */
    const char *log_path;   /* stdout and stderr are appended */
    const char *hostname;
    const char *workdir;    /* NULL: / */
    int net_ns;             /* -1: the caller's */
    bool read_only_root;
    struct run_mount *mounts;
    size_t n_mounts;
    char **argv; /* NULL ended */
    char **envp; /* NULL ended */
};

#define RUN_SELF_PATH "/.everserve-sim"

/* Returns once the program runs or has failed to; a failure's message is the kubelet's kind of text.
 * The caller reaps the process. */
int run_start(const struct run_spec *s, pid_t *pid, struct err *e) MUST_USE;

/* One more process in the running container whose main process is `inside`: probes and hooks.
 * Returns at once; a program that cannot run ends with 126 or 127. */
int run_exec(pid_t inside, const struct run_spec *s, pid_t *pid, struct err *e) MUST_USE;

/* Sends a signal to every process of the container. */
void run_signal_all(pid_t inside, int signo);

#endif
