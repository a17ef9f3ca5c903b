#include "redis/link.h"

#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis_ssl.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "redis/meter.h"

#define ITEMS_MAX 4096
#define QUEUE_MAX 8192

/* An awaited reply. Replies come in the order of the commands: a ring. */
struct awaited {
    link_reply on_reply;
    void *arg;
};

struct link {
    redisAsyncContext *ac; /* NULL once it is gone */
    struct loop_timer *timer;
    struct link_events events;
    struct awaited *ring;
    size_t first, n, cap;
    struct link_watch *watch; /* NULL: replies may come at any time */
    bool denied;
    char why[160]; /* said when the timer fires; "": connecting takes too long */
};

static void link_drop(struct link *k)
{
    redisAsyncContext *ac = TAKE(k->ac);

    if (ac) {
        ac->data = NULL; /* its callbacks find nobody home */
        redisAsyncFree(ac);
    }
    loop_timer_off(k->timer);
}

/* Said from the timer, so that no caller is called back from within its own call. */
static void lose(struct link *k, bool denied, const char *why)
{
    link_drop(k);
    k->denied = denied;
    snprintf(k->why, sizeof(k->why), "%s", str_empty(why) ? "connection lost" : why);
    loop_timer_set(k->timer, 0);
}

static void on_timer(void *arg)
{
    struct link *k = arg;
    struct link_events events = k->events;
    char why[160];

    snprintf(why, sizeof(why), "%s", k->why[0] ? k->why : "timeout: no connection");
    link_drop(k);
    events.lost(events.arg, k->denied, why); /* k may be gone afterwards */
}

/* hiredis frees the connection by itself. */
static void on_gone(const redisAsyncContext *ac)
{
    struct link *k = ac->data;

    if (!k)
        return;
    k->ac->data = NULL;
    k->ac = NULL;
    lose(k, false, ac->c.err == REDIS_ERR_OOM ? "a list too deep or too long" : ac->c.errstr);
}

static void on_connect(const redisAsyncContext *ac, int status)
{
    if (status != REDIS_OK)
        on_gone(ac);
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
    (void)status;
    on_gone(ac);
}

bool link_watch_late(struct link_watch *w)
{
    w->late = w->late || (w->patience_ms && w->heard_ms && loop_now_ms() - w->heard_ms > w->patience_ms);
    return w->late;
}

static bool is_in_time(struct link *k)
{
    if (!k->watch || !link_watch_late(k->watch)) {
        if (k->watch)
            k->watch->heard_ms = loop_now_ms();
        return true;
    }
    lose(k, false, "timeout: silent for so long that another may have been elected in its place");
    return false;
}

static void on_reply(redisAsyncContext *ac, void *r, void *tag)
{
    struct link *k = ac->data;
    struct awaited a;

    (void)tag;
    if (!k || !r)
        return; /* on_disconnect follows */
    meter_refill(&ac->c);
    if (k->n == 0 || !is_in_time(k))
        return;
    a = k->ring[k->first];
    k->first = (k->first + 1) % k->cap;
    k->n--;
    a.on_reply(a.arg, r);
}

static void on_auth(void *arg, const redisReply *r)
{
    struct link *k = arg;

    if (r->type == REDIS_REPLY_ERROR)
        lose(k, true, r->str);
}

static void on_greeting(void *arg, const redisReply *r)
{
    struct link *k = arg;

    (void)r; /* what it says is the next command's concern; that it speaks is enough */
    loop_timer_off(k->timer);
}

static void await(struct link *k, link_reply on_reply_, void *arg)
{
    if (k->n == k->cap) {
        struct awaited *ring = xcalloc(k->cap ? k->cap * 2 : 64, sizeof(*ring));

        for (size_t i = 0; i < k->n; i++)
            ring[i] = k->ring[(k->first + i) % k->cap];
        free(k->ring);
        k->ring = ring;
        k->first = 0;
        k->cap = k->cap ? k->cap * 2 : 64;
    }
    k->ring[(k->first + k->n++) % k->cap] = (struct awaited){ on_reply_, arg };
}

void link_send(struct link *k, const struct command *c, link_reply on_reply_, void *arg)
{
    struct command_words w;

    if (!k->ac)
        return; /* lost, which is said or about to be */
    if (k->n >= QUEUE_MAX) {
        lose(k, false, "too many commands without a reply");
        return;
    }
    command_spell(c, &w);
    await(k, on_reply_, arg);
    redisAsyncCommandArgv(k->ac, on_reply, NULL, (int)w.n, w.argv, w.len);
}

static void send_auth(struct link *k, const struct redis_auth *auth)
{
    const char *argv[] = { "AUTH", auth->user ? auth->user : auth->password, auth->password };

    await(k, on_auth, k);
    redisAsyncCommandArgv(k->ac, on_reply, NULL, auth->user ? 3 : 2, argv, NULL);
}

static bool secure(struct link *k, const struct redis_target *to, const struct redis_auth *auth, SSL_CTX *tls)
{
    SSL *ssl = tls_session(tls, to, auth);

    if (ssl && redisInitiateSSL(&k->ac->c, ssl) == REDIS_OK)
        return true;
    SSL_free(ssl);
    return false;
}

static bool link_connect(struct link *k, struct loop *l, const struct redis_target *to, const struct redis_auth *auth,
                         SSL_CTX *tls, const struct meter_limits *limits)
{
    redisOptions o = { 0 };

    if (str_empty(to->ip))
        return lose(k, false, "no address yet"), false;
    REDIS_OPTIONS_SET_TCP(&o, to->ip, to->port);
    k->ac = redisAsyncConnectWithOptions(&o);
    if (!k->ac)
        return lose(k, false, "cannot open a connection"), false;
    if (k->ac->err || (tls && !secure(k, to, auth, tls))) {
        char why[160];

        snprintf(why, sizeof(why), "%s", k->ac->err ? k->ac->errstr : "no TLS session");
        return lose(k, false, why), false;
    }
    meter_attach(&k->ac->c, tls != NULL, limits);
    k->ac->data = k;
    redisLibeventAttach(k->ac, loop_base(l));
    redisAsyncSetConnectCallback(k->ac, on_connect);
    redisAsyncSetDisconnectCallback(k->ac, on_disconnect);
    return true;
}

struct link *link_open(struct loop *l, const struct redis_target *to, const struct redis_auth *auth, SSL_CTX *tls,
                       int connect_ms, size_t max_bytes, const struct link_events *events)
{
    struct meter_limits limits = { .bytes = max_bytes, .items = ITEMS_MAX, .depth = 4 };
    struct command ping = { .kind = CMD_PING };
    struct link *k = xcalloc(1, sizeof(*k));

    k->events = *events;
    k->timer = loop_timer_new(l, on_timer, k);
    if (!link_connect(k, l, to, auth, tls, &limits))
        return k;
    loop_timer_set(k->timer, connect_ms);
    if (auth && !str_empty(auth->password))
        send_auth(k, auth);
    link_send(k, &ping, on_greeting, k);
    return k;
}

void link_watch(struct link *k, struct link_watch *w)
{
    k->watch = w;
}

void link_close(struct link *k)
{
    if (!k)
        return;
    link_drop(k);
    loop_timer_free(k->timer);
    free(k->ring);
    free(k);
}
