/*
 * e2e/wire.h - the wire between one operator and the API server: it counts what
 * passes, and misbehaves when told to.
 *
 * A process of its own, so that the test's loop is not needed to keep it going: plain
 * HTTP/1.1 on loopback towards the operator, TLS with the test's own credentials (KUBECONFIG)
 * towards the server. So every fault can be had on any cluster. Owned by the test.
 */
#ifndef E2E_WIRE_H
#define E2E_WIRE_H

#include <stdatomic.h>

#include "e2e/harness.h"

enum wire_fault {
    WIRE_OK,
    WIRE_429,          /* with Retry-After: 1 */
    WIRE_500,
    WIRE_503,
    WIRE_CONFLICT,     /* 409 */
    WIRE_RESET_BEFORE, /* the connection ends; the server never saw the request */
    WIRE_RESET_AFTER,  /* the server did it; the answer never comes */
};

/* What was asked, since the last wire_zero. Requests refused by a fault are counted as well. */
struct wire_counts {
    atomic_int writes; /* of objects; none of those below */
    atomic_int status_writes, events, leases;
    atomic_int gets, lists, watches;
};

/* Lives in memory shared with the wire's process; set through the functions below. */
struct wire {
    int pid;
    int port;
    char kubeconfig[128];
    struct wire_counts counts;
    atomic_int stop_after_writes; /* 0: never. The operator hears nothing of that last write */
    atomic_int write_turn;
    atomic_int stopped;
    atomic_int in_flight;         /* writes handed to the server, not answered yet */
    atomic_int frozen;            /* nothing passes, in either direction */
    atomic_int fault;             /* enum wire_fault */
    atomic_int fault_every;       /* n: one request in n meets it; never a watch */
    atomic_int fault_turn;
    char forbidden[64];           /* requests whose path contains it are answered by 403; "": none */
    atomic_int watch_generation;  /* watches of an older one are cut */
    atomic_int watch_gone;        /* so many watches are answered by 410 */
    atomic_int watch_delay_ms;    /* events come this much later */
    atomic_llong first_event_us;  /* since wire_zero: when a watch first brought something, */
    atomic_llong first_write_us;  /* and when a write first came; monotonic; 0: not yet */
};

struct wire *wire_start(struct e2e *t);
/* For operator_opts.kubeconfig: server and namespace only; the wire adds the credentials. */
const char *wire_kubeconfig(const struct wire *w);
void wire_zero(struct wire *w);
int wire_all_writes(const struct wire *w); /* of objects and status; neither events nor leases */

/* The n-th write from now is the last: w->stopped follows. wire_go_on undoes it. */
void wire_stop_after(struct wire *w, int n);
bool wire_has_stopped(struct wire *w);
void wire_go_on(struct wire *w);

void wire_fault_every(struct wire *w, enum wire_fault f, int every);
void wire_forbid(struct wire *w, const char *part_of_path); /* before whoever asks is started; "": nothing any more */
void wire_cut_watches(struct wire *w);

/* For the harness. */
void wire_end_all(struct e2e *t);

/* wire_upstream.c: a blocking connection to the server that KUBECONFIG names. */
struct upstream;
struct upstream *upstream_open(void); /* NULL: refused; says why on stderr */
void upstream_close(struct upstream *u);
int upstream_fd(const struct upstream *u);
const char *upstream_auth(const struct upstream *u); /* header line with CRLF, or "" */
bool upstream_write(struct upstream *u, const char *data, size_t len);
ssize_t upstream_read(struct upstream *u, char *data, size_t size); /* 0: end; blocks */
bool upstream_pending(const struct upstream *u); /* bytes decrypted and not read yet */

#endif
