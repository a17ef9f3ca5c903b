/*
 * redis/probe.h - asks every Redis node at once what it sees.
 *
 * I/O, a guest of the loop. Each node gets one short-lived connection, one pipeline
 * (AUTH when there is a password, CLUSTER MYID, MYSHARDID, INFO, NODES, INFO; ACL LIST when asked) and its own
 * deadline; replies are bounded (4 MiB per node). done is called once, from the loop, when all
 * have answered or given up; never from redis_probe_start.
 */
#ifndef REDIS_PROBE_H
#define REDIS_PROBE_H

#include "loop/loop.h"
#include "redis/cert.h"
#include "slots/view.h"

struct redis_target {
    const char *ip; /* or a host name; NULL or "": no address, answers nothing */
    uint16_t port;
    const char *name; /* with TLS: its certificate must be valid for this name, or for auth.sni; NULL: auth.sni */
};

struct redis_login {
    const char *user; /* NULL: the default user */
    const char *password; /* NULL: none */
};

enum { REDIS_LOGINS_MAX = 8 };

/* Lent for the call only; copied. NULL members: not used. */
struct redis_auth {
    const char *user; /* NULL: the default user */
    const char *password; /* NULL: none */
    const struct redis_login *others; /* tried in this order, each with a password, where the one above is refused */
    size_t n_others;                  /* below REDIS_LOGINS_MAX */
    bool ask_users;                   /* probe: who may do what, and as whom it replicates */
    bool tls;
    const char *ca_pem;                         /* authorities, as text: no file is read then */
    const char *ca_file, *cert_file, *key_file; /* otherwise; ca NULL: the system's */
    const char *sni; /* the service's name; NULL: none */
    const char *expired_ok[2]; /* fingerprints of certificates that are taken although they have expired */
};

struct redis_probe;

/* views[i] answers targets[i]; they are the callee's now: views_free. */
typedef void (*redis_probe_done)(void *arg, struct node_view *views, size_t n);

struct redis_probe *redis_probe_start(struct loop *l, const struct redis_target *targets, size_t n,
                                      const struct redis_auth *auth, int deadline_ms,
                                      redis_probe_done done, void *arg);
/* done will not be called. Not after done. NULL is fine. */
void redis_probe_cancel(struct redis_probe *p);

#endif
