#include "redis/pipe.h"

#include <errno.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "redis/meter.h"

#define TAG_AUTH ((void *)(intptr_t)-1)

struct login {
    char *user, *password; /* user NULL: the default user */
};

struct pipe {
    redisAsyncContext *ac; /* NULL once it is gone */
    SSL *ssl;              /* the connection's; NULL without TLS */
    bool was_shown;
    struct loop_timer *deadline;
    struct pipe_job job;
    int deadline_ms;
    size_t n_sent, n_answered;
    struct login logins[REDIS_LOGINS_MAX]; /* in the order they are tried */
    size_t n_logins, login;
    enum pipe_result early; /* found before the loop ran */
    char why[160];
};

static void pipe_close(struct pipe *p)
{
    redisAsyncContext *ac = TAKE(p->ac);

    for (size_t i = 0; i < p->n_logins; i++) {
        OPENSSL_cleanse(p->logins[i].password, strlen(p->logins[i].password));
        free(p->logins[i].password);
        free(p->logins[i].user);
    }

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

void pipe_add(struct pipe *p, size_t n)
{
    p->job.n_commands += n;
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

static void send_auth(struct pipe *p)
{
    const struct login *l = &p->logins[p->login];
    const char *argv[] = { "AUTH", l->user, l->password };

    if (!l->user) {
        argv[1] = l->password;
        redisAsyncCommandArgv(p->ac, on_auth, TAG_AUTH, 2, argv, NULL);
    } else {
        redisAsyncCommandArgv(p->ac, on_auth, TAG_AUTH, 3, argv, NULL);
    }
}

static void welcome(struct pipe *p)
{
    const char *user = p->n_logins ? p->logins[p->login].user : NULL;

    if (p->job.on_login)
        p->job.on_login(p->job.arg, user ? user : "default");
}

static bool is_unknown_user(const redisReply *reply)
{
    return str_has_prefix(reply->str, "WRONGPASS") || str_has_prefix(reply->str, "ERR AUTH");
}

static void on_auth(redisAsyncContext *ac, void *r, void *tag)
{
    struct pipe *p = ac->data;
    const redisReply *reply = r;

    (void)tag;
    if (!p)
        return;
    if (!reply) {
        on_lost(p, ac);
        return;
    }
    show(p);
    if (reply->type != REDIS_REPLY_ERROR) {
        welcome(p);
        send_more(p);
    } else if (is_unknown_user(reply) && p->login + 1 < p->n_logins) {
        p->login++;
        send_auth(p);
    } else {
        pipe_end(p, PIPE_DENIED, reply->str);
    }
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

static void add_login(struct pipe *p, const char *user, const char *password)
{
    if (str_empty(password) || p->n_logins == REDIS_LOGINS_MAX)
        return;
    p->logins[p->n_logins++] = (struct login){ user ? xstrdup(user) : NULL, xstrdup(password) };
}

static void add_logins(struct pipe *p, const struct redis_auth *auth)
{
    if (!auth)
        return;
    add_login(p, auth->user, auth->password);
    for (size_t i = 0; i < auth->n_others; i++)
        add_login(p, auth->others[i].user, auth->others[i].password);
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

    add_logins(p, auth);
    p->job = *job;
    p->deadline_ms = deadline_ms;
    p->deadline = loop_timer_new(l, on_deadline, p);
    if (pipe_connect(p, l, to, auth, tls) && p->n_logins)
        send_auth(p);
    /* what is asked goes with the password, unless another may have to be tried first */
    if (!p->why[0] && (!p->n_logins || (p->n_logins == 1 && !job->one_by_one)))
        send_more(p);
    loop_timer_set(p->deadline, p->why[0] ? 0 : deadline_ms);
    return p;
}
