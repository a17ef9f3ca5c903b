#include "redis/pipe.h"

#include <errno.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "redis/meter.h"

#define TAG_AUTH ((void *)(intptr_t)-1)

struct pipe {
    redisAsyncContext *ac; /* NULL once it is gone */
    SSL *ssl;              /* the connection's; NULL without TLS */
    bool was_shown;
    struct loop_timer *deadline;
    struct pipe_job job;
    int deadline_ms;
    size_t n_sent, n_answered;
    enum pipe_result early; /* found before the loop ran */
    char why[160];
};

static void pipe_close(struct pipe *p)
{
    redisAsyncContext *ac = TAKE(p->ac);

    if (ac) {
        ac->data = NULL; /* its callbacks find nobody home */
        redisAsyncFree(ac);
    }
    loop_timer_free(p->deadline);
}

static void pipe_end(struct pipe *p, enum pipe_result result, const char *why)
{
    struct pipe_job job = p->job;
    char text[160];

    snprintf(text, sizeof(text), "%s", why);
    pipe_close(p);
    free(p);
    job.on_end(job.arg, result, text);
}

void pipe_cancel(struct pipe *p)
{
    if (!p)
        return;
    pipe_close(p);
    free(p);
}

static void on_deadline(void *arg)
{
    struct pipe *p = arg;
    char why[64];

    if (p->why[0]) {
        pipe_end(p, p->early, p->why);
        return;
    }
    snprintf(why, sizeof(why), "timeout: no answer within %d ms", p->deadline_ms);
    pipe_end(p, PIPE_SILENT, why);
}

/* The connection is going away by itself; hiredis frees it. */
static void on_lost(struct pipe *p, const redisAsyncContext *ac)
{
    bool refused = ac->c.err == REDIS_ERR_IO && strcmp(ac->c.errstr, strerror(ECONNREFUSED)) == 0;
    const char *cert = p->ssl ? tls_refusal(p->ssl) : NULL;
    char refusal[160];
    const char *why = cert                         ? refusal
                      : ac->c.err == REDIS_ERR_OOM ? "a list too deep or too long"
                      : ac->c.errstr[0]            ? ac->c.errstr
                                                   : "connection lost";

    snprintf(refusal, sizeof(refusal), "its certificate is refused: %s", cert ? cert : "");
    p->ac->data = NULL;
    p->ac = NULL;
    pipe_end(p, refused ? PIPE_REFUSED : PIPE_SILENT, why);
}

static void on_connect(const redisAsyncContext *ac, int status)
{
    if (ac->data && status != REDIS_OK)
        on_lost(ac->data, ac);
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
    (void)status;
    if (ac->data)
        on_lost(ac->data, ac);
}

static void on_auth(redisAsyncContext *ac, void *r, void *tag);
static void on_reply(redisAsyncContext *ac, void *r, void *tag);

static void send_command(struct pipe *p)
{
    const char *argv[COMMAND_ARGS_MAX];
    size_t i = p->n_sent++;
    size_t argc = p->job.command(p->job.arg, i, argv);

    redisAsyncCommandArgv(p->ac, on_reply, (void *)i, (int)argc, argv, NULL);
}

static void send_more(struct pipe *p)
{
    size_t until = p->job.one_by_one ? p->n_answered + 1 : p->job.n_commands;

    while (p->n_sent < until && p->n_sent < p->job.n_commands)
        send_command(p);
}

static void show(struct pipe *p)
{
    char fingerprint[REDIS_FINGERPRINT_SIZE];

    if (!p->ssl || p->was_shown || !p->job.on_shown)
        return;
    p->was_shown = true;
    tls_fingerprint(p->ssl, fingerprint);
    p->job.on_shown(p->job.arg, fingerprint);
}

static void on_auth(redisAsyncContext *ac, void *r, void *tag)
{
    struct pipe *p = ac->data;
    const redisReply *reply = r;

    (void)tag;
    if (!p)
        return;
    if (reply)
        show(p);
    if (!reply)
        on_lost(p, ac);
    else if (reply->type == REDIS_REPLY_ERROR)
        pipe_end(p, PIPE_DENIED, reply->str);
    else
        send_more(p);
}

static void on_reply(redisAsyncContext *ac, void *r, void *tag)
{
    struct pipe *p = ac->data;

    if (!p)
        return;
    if (!r) {
        on_lost(p, ac);
        return;
    }
    show(p);
    p->n_answered++;
    if (!p->job.on_reply(p->job.arg, (size_t)tag, r) || p->n_answered == p->job.n_commands)
        pipe_end(p, PIPE_OK, "");
    else
        send_more(p);
}

static void send_auth(struct pipe *p, const struct redis_auth *auth)
{
    const char *argv[] = { "AUTH", auth->user, auth->password };

    if (!auth->user) {
        argv[1] = auth->password;
        redisAsyncCommandArgv(p->ac, on_auth, TAG_AUTH, 2, argv, NULL);
    } else {
        redisAsyncCommandArgv(p->ac, on_auth, TAG_AUTH, 3, argv, NULL);
    }
}

static bool fail_early(struct pipe *p, enum pipe_result what, const char *why)
{
    p->early = what;
    snprintf(p->why, sizeof(p->why), "%s", why);
    return false;
}

/* hiredis owns the session from then on, and frees it with the connection. */
static bool secure(struct pipe *p, const struct redis_target *to, const struct redis_auth *auth, SSL_CTX *tls)
{
    SSL *ssl = tls_session(tls, to, auth);

    if (!ssl)
        return fail_early(p, PIPE_SILENT, "no TLS session can be made");
    if (redisInitiateSSL(&p->ac->c, ssl) == REDIS_OK) {
        p->ssl = ssl;
        return true;
    }
    SSL_free(ssl);
    return fail_early(p, PIPE_SILENT, p->ac->c.errstr);
}

static bool pipe_connect(struct pipe *p, struct loop *l, const struct redis_target *to, const struct redis_auth *auth,
                         SSL_CTX *tls)
{
    static const struct meter_limits limits = { .bytes = 4u << 20, .items = 16384, .depth = 4 };
    redisOptions o = { 0 };

    REDIS_OPTIONS_SET_TCP(&o, to->ip, to->port);
    if (str_empty(to->ip))
        return fail_early(p, PIPE_SILENT, "no address yet");
    p->ac = redisAsyncConnectWithOptions(&o);
    if (!p->ac)
        return fail_early(p, PIPE_SILENT, "cannot open a connection");
    if (p->ac->err)
        return fail_early(p, strcmp(p->ac->errstr, strerror(ECONNREFUSED)) == 0 ? PIPE_REFUSED : PIPE_SILENT,
                          p->ac->errstr);
    if (tls && !secure(p, to, auth, tls))
        return false;
    meter_attach(&p->ac->c, tls != NULL, &limits);
    p->ac->data = p;
    redisLibeventAttach(p->ac, loop_base(l));
    redisAsyncSetConnectCallback(p->ac, on_connect);
    redisAsyncSetDisconnectCallback(p->ac, on_disconnect);
    return true;
}

struct pipe *pipe_start(struct loop *l, const struct redis_target *to, const struct redis_auth *auth, SSL_CTX *tls,
                        int deadline_ms, const struct pipe_job *job)
{
    struct pipe *p = xcalloc(1, sizeof(*p));
    bool has_password = auth && !str_empty(auth->password);

    p->job = *job;
    p->deadline_ms = deadline_ms;
    p->deadline = loop_timer_new(l, on_deadline, p);
    if (pipe_connect(p, l, to, auth, tls) && has_password)
        send_auth(p, auth);
    if (!p->why[0] && !(has_password && job->one_by_one))
        send_more(p);
    loop_timer_set(p->deadline, p->why[0] ? 0 : deadline_ms);
    return p;
}
