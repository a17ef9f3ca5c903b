/*
 * e2e/relay.h - the wire between one operator and its Redis nodes: it counts and names what
 * passes, ends the conversation after any command, and answers in a node's stead.
 *
 * A process of its own. The operator comes here because a preloaded library (tests/e2e/preload)
 * turns its connections to port 6379 into ones to loopback: 10.1.2.3 becomes 127.1.2.3, and the relay reads
 * from the address it was called by whom to call. So pods must have addresses in 10.0.0.0/8, as on the
 * local cluster, and speak without TLS. Owned by the test, one at a time.
 */
#ifndef E2E_RELAY_H
#define E2E_RELAY_H

#include <stdatomic.h>

#include "e2e/harness.h"
#include "e2e/operator.h"

enum { RELAY_LOG = 65536, RELAY_NAME = 40, RELAY_TROUBLES = 96 };

enum relay_what {
    TROUBLE_ANSWER,       /* the node did it; the operator hears `text` instead */
    TROUBLE_REFUSAL,      /* the node never saw it; the operator hears `text` */
    TROUBLE_SILENCE,      /* the node did it; nothing is heard on this connection any more */
    TROUBLE_RESET_BEFORE, /* the connection ends; the node never saw it */
    TROUBLE_RESET_AFTER,  /* the node did it; the connection ends */
};

struct relay_trouble {
    enum relay_what what;
    char text[160]; /* an error without the "-"; printf-less */
};

/* Lives in memory shared with the relay's process; set through the functions below. */
struct relay {
    int pid;
    int port;
    atomic_int generation;     /* connections of an older one are closed */
    atomic_int n_changes;      /* commands that change something, since relay_zero */
    char log[RELAY_LOG][RELAY_NAME]; /* their names, "CLUSTER MEET"; the first RELAY_LOG */
    atomic_int stop_after;     /* 0: never */
    atomic_int stopping, stopped;
    char on[RELAY_NAME];       /* troubles meet commands whose name begins so; "": those that change something; "*": all */
    struct relay_trouble troubles[RELAY_TROUBLES];
    atomic_int n_troubles, turn; /* taken in turn, each by one command */
    atomic_int trouble_left;   /* so many more */
    atomic_int per_kind;       /* and of each kind of command at most so many; 0: any */
};

struct relay *relay_start(struct e2e *t);
struct operator *operator_on_relay(struct e2e *t, struct relay *r);

void relay_zero(struct relay *r);
/* The n-th change from now is carried out, and is the last thing that passes. relay_go_on undoes it. */
void relay_stop_after(struct relay *r, int n);
bool relay_has_stopped(struct relay *r);
void relay_go_on(struct relay *r);

void relay_trouble(struct relay *r, const char *on, const struct relay_trouble *troubles, int n, int first, int left, int per_kind);

/* For the harness. */
void relay_end(struct e2e *t);

/* relay_words.c: what a command is called, and whether it changes something. */
void relay_name(int argc, char *const *argv, char name[RELAY_NAME]);
bool relay_changes(const char *name);

#endif
