/*
 * node/container.h - one container of a pod: start, probes, restarts, stop.
 *
 * Not pure. Belongs to its pod (storage included) and tells it of every change
 * by pod_touch; the pod decides when to start and stop.
 */
#ifndef SIM_NODE_CONTAINER_H
#define SIM_NODE_CONTAINER_H

#include "sim/node/image.h"
#include "sim/node/probe.h"

struct pod;

enum container_state { CONTAINER_WAITING, CONTAINER_RUNNING, CONTAINER_TERMINATED };
enum container_role { ROLE_MAIN, ROLE_INIT, ROLE_SIDECAR };
enum { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, N_PROBES };

struct container_end {
    int exit_code;
    int signo; /* 0: none */
    char reason[32];
    char message[256];
    int64_t started_ms, finished_ms; /* wall */
    char id[96];
};

struct container {
    struct pod *pod;
    const cJSON *spec; /* lent by the pod */
    const char *name;  /* in spec */
    enum container_role role;
    struct image image;

    enum container_state state;
    char reason[48]; /* why it waits */
    char message[256];
    int64_t started_ms; /* wall */
    struct container_end end, last;
    bool has_last; /* it has run before */
    int restarts;
    char id[96];
    pid_t pid; /* 0: none */
    bool started, ready;

    bool is_due;     /* may be started as soon as the pod wants */
    bool is_stopping;
    const char *killed_for; /* NULL: by nobody */
    int64_t backoff_ms;
    struct loop_timer *retry, *kill;
    struct probe *probes[N_PROBES];
    struct attempt *hook;
    struct run_spec run; /* as started: exec probes use it */
    struct attempt_site site;
};

void container_init(struct container *c, struct pod *p, const cJSON *spec, enum container_role role);
void container_done(struct container *c); /* a running process is killed */

void container_start(struct container *c); /* only when is_due; a failure is waited out */
void container_stop(struct container *c, int64_t grace_ms); /* preStop, SIGTERM, SIGKILL; again: shortens */
void container_signal(struct container *c, int signo);       /* all its processes */
/* The machine below it went away: it ends without a word, and is due again. */
void container_power_off(struct container *c);
/* It ran before, in a way we cannot tell the end of: its next start is restart n (0: the first). */
void container_recall(struct container *c, int n);

bool container_is_over(const struct container *c); /* ended, and not to be started again */
bool container_is_failed(const struct container *c);

#endif
