/*
 * entry/ask.h - questions to Redis servers, through the redis-cli of the image that we run in.
 *
 * Not pure. Why redis-cli: it is in every Redis and Valkey image, it is of the server's own version, and it
 * speaks TLS, so that this program needs neither a TLS library (OpenSSL alone would be ten times its size) nor
 * a second client to keep right. A process per question costs about 5 ms, and there are a few per start.
 * The password reaches it in the environment (REDISCLI_AUTH), never in an argument. Addresses are numbers.
 */
#ifndef ENTRY_ASK_H
#define ENTRY_ASK_H

#include <sys/types.h>

#include "base/buf.h"
#include "slots/view.h"

/* How to reach servers; texts are lent. */
struct ask_how {
    const char *cli;     /* redis-cli, valkey-cli: found on PATH */
    const char *user;    /* NULL: the default user */
    const char *tls_dir; /* holds tls.crt, tls.key, ca.crt; NULL: plain */
};

struct ask {
    char ip[64];
    const char *host;   /* instead of ip: a name, which the cli resolves; lent */
    uint16_t port;
    const char *input;  /* commands, one a line, for its standard input; or: */
    const char *args[8]; /* one command; NULL after the last */
    struct buf out;     /* what it said, both outputs; released with buf_done */
    bool ended;         /* in time, and not cut */
    int status;         /* exit code; -1: killed, or could not be run */
    pid_t pid;          /* private, as is fd */
    int fd;
};

enum { ASK_BYTES_MAX = 1 << 20 };

/* True for an IPv4 or IPv6 address in numbers. */
bool ask_is_address(const char *ip);

/* Asks all at once and waits for all, within_ms at most; who is late is ended. An ip that is no address
 * is not asked, as if nobody listened. */
void ask_all(const struct ask_how *how, struct ask *asks, size_t n, int64_t within_ms);

/* INFO and CLUSTER NODES of each; views has n items after view_init. What a server says wrongly counts as
 * no answer; view.error says why. */
struct ask_target {
    char ip[64];
    uint16_t port;
};
void ask_views(const struct ask_how *how, const struct ask_target *targets, struct node_view *views, size_t n,
               int64_t within_ms);

/* Reads one such answer. Pure. */
void ask_read(const char *text, size_t len, struct node_view *v);

int64_t ask_now_ms(void); /* monotonic */

#endif
