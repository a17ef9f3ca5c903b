/*
 * redis/pipe.h - one short-lived connection to one node, a list of commands, a deadline.
 *
 * I/O. The guest of hiredis that probe and apply share. Everything is reported from the
 * loop, never from pipe_start. on_end comes exactly once, unless cancelled, and is the last
 * word: the pipe has freed itself by then.
 */
#ifndef REDIS_PIPE_H
#define REDIS_PIPE_H

#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>

#include "redis/probe.h"
#include "slots/command.h"
#include "tls.h"

enum pipe_result {
    PIPE_OK,      /* every command was answered, or on_reply said enough */
    PIPE_REFUSED, /* nobody listens */
    PIPE_SILENT,  /* timeout, reset, unreadable */
    PIPE_DENIED,  /* AUTH failed */
};

struct pipe_job {
    void *arg;
    size_t n_commands;
    bool one_by_one; /* the next only after the reply to the last */
    /* The i-th command; returns its argument count. argv is room for COMMAND_ARGS_MAX pointers. */
    size_t (*command)(void *arg, size_t i, const char **argv);
    bool (*on_reply)(void *arg, size_t i, const redisReply *reply); /* false: enough */
    void (*on_login)(void *arg, const char *user); /* who we are to it; NULL: nobody asks */
    void (*on_shown)(void *arg, const char *fingerprint); /* of the node's certificate; NULL: nobody asks */
    void (*on_end)(void *arg, enum pipe_result result, const char *why);
};

struct pipe;

/* tls from tls_new, or NULL. */
struct pipe *pipe_start(struct loop *l, const struct redis_target *to, const struct redis_auth *auth, SSL_CTX *tls,
                        int deadline_ms, const struct pipe_job *job);
void pipe_add(struct pipe *p, size_t n); /* from on_reply: so many commands more */
void pipe_cancel(struct pipe *p); /* no further calls; NULL is fine */

/* Has it a text? Which of the three types it is depends on the server and on RESP3. */
static inline bool pipe_is_text(const redisReply *r)
{
    return r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_VERB || r->type == REDIS_REPLY_STATUS;
}

#endif
