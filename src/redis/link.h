/*
 * redis/link.h - a connection to one node that stays open: commands go out as they come, replies
 * come back in order.
 *
 * I/O, a guest of the loop. The caller owns it. A link that is lost says so once, through lost, and
 * never answers again; replies still awaited do not come. Callbacks may send, and may close any
 * link. Replies are bounded: bytes and lists of each one, see link_open.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <hiredis/hiredis.h>

#include "redis/probe.h"
#include "slots/command.h"
#include "tls.h"

struct link;

typedef void (*link_reply)(void *arg, const redisReply *r); /* lent until it returns; never NULL */

struct link_events {
    void *arg;
    /* denied: AUTH failed. Called from the loop; the link may be closed in it. */
    void (*lost)(void *arg, bool denied, const char *why);
};

/* tls from tls_new, or NULL. auth is only needed during the call. A connection that does not stand, with AUTH
 * answered, within connect_ms is lost. max_bytes bounds a reply. */
struct link *link_open(struct loop *l, const struct redis_target *to, const struct redis_auth *auth, SSL_CTX *tls,
                       int connect_ms, size_t max_bytes, const struct link_events *events);
/* Copies the command's words out. on_reply is called once, or the link is lost. */
void link_send(struct link *k, const struct command *c, link_reply on_reply, void *arg);
/* All connections to a node may share one, which belongs to the caller and outlives them: a reply that comes later
 * than patience_ms after the last one from this node is not given out, and every link that shares it is lost. */
struct link_watch {
    int64_t heard_ms;    /* 0: not yet */
    int64_t patience_ms; /* 0: any time */
    bool late;           /* for good */
};
void link_watch(struct link *k, struct link_watch *w);
bool link_watch_late(struct link_watch *w); /* the next reply would be, or one was */
void link_close(struct link *k); /* no further calls; NULL is fine */

#endif
