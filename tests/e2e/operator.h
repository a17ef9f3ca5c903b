/*
 * e2e/operator.h - the real operator as a process of its own, with a log file
 * and a port for /readyz and /metrics.
 *
 * Owned by the test: what still runs at its end is killed. Scoped to the
 * test's namespace, so that tests do not see each other.
 */
#ifndef E2E_OPERATOR_H
#define E2E_OPERATOR_H

#include "e2e/harness.h"

struct operator {
    int pid;          /* 0: ended */
    int health_port, metrics_port; /* of /healthz and /readyz, of /metrics, on 127.0.0.1 */
    int exit_status;  /* as of waitpid, once ended */
    char log[256];    /* path */
};

struct operator_opts {
    const char *kubeconfig;     /* NULL: the test's own */
    bool elects;                /* takes part in leader election, in the test's namespace */
    const char *namespaces;     /* NULL: the test's own; "" : all */
    const char *option;         /* one more, "--name=value"; NULL: none */
    const char *const *env;     /* "NAME=value", NULL ended; NULL: nothing to add */
};

/* NULL opts: all defaults. Returns once the process runs; operator_ready waits. */
struct operator *operator_start(struct e2e *t, const struct operator_opts *o);
void operator_ready(struct e2e *t, struct operator *op); /* until /readyz says 200 */
void operator_stop(struct e2e *t, struct operator *op);  /* SIGTERM; must exit with 0 */
void operator_kill(struct operator *op);                 /* SIGKILL, and gone on return */
void operator_signal(struct operator *op, int signo);
bool operator_is_running(struct operator *op);

int operator_http(struct e2e *t, struct operator *op, const char *path, const char **body); /* status; 0: no answer */
/* Sum of all series of a metric whose labels contain `labels` (NULL: all); -1 when there is none. */
double operator_metric(struct e2e *t, struct operator *op, const char *name, const char *labels);
bool operator_log_has(struct operator *op, const char *text);
void operator_log_wait(struct e2e *t, struct operator *op, const char *text, int bound_s);
int64_t operator_log_size(const struct operator *op);
int64_t operator_rss_kib(const struct operator *op);
int64_t operator_cpu_ms(const struct operator *op);

/* For the harness: ends whatever runs; prints the logs' tails when the test failed. */
void operator_end_all(struct e2e *t);
void operator_print_logs(struct e2e *t);

#endif
