#include "redis/functions.h"

#include <stdio.h>
#include <string.h>

#include <openssl/ssl.h>

#include "base/mem.h"
#include "redis/link.h"

enum { DUMP_MAX_BYTES = 32 << 20 };

struct taker {
    struct redis_functions *all;
    struct link *link;
    bool is_over;
};

struct redis_functions {
    struct loop_timer *timer; /* the deadline; 0 once there is something to say */
    struct link *from;
    struct taker *takers;
    size_t n_takers, n_left;
    char *dump;
    size_t dump_len;
    char error[160];
    redis_functions_done done;
    void *arg;
};

/* Said from the timer: never from within a call of the caller's, nor of a link's. */
static void finish_soon(struct redis_functions *f, const char *error)
{
    if (!f->error[0])
        snprintf(f->error, sizeof(f->error), "%s", error);
    loop_timer_set(f->timer, 0);
}

static void on_timer(void *arg)
{
    struct redis_functions *f = arg;
    redis_functions_done done = f->done;
    void *done_arg = f->arg;
    char error[160];

    snprintf(error, sizeof(error), "%s", f->n_left && !f->error[0] ? "timeout: functions not copied" : f->error);
    redis_functions_cancel(f);
    done(done_arg, error);
}

static void taker_over(struct taker *t, const char *error)
{
    if (t->is_over)
        return;
    t->is_over = true;
    if (error[0] && !t->all->error[0])
        snprintf(t->all->error, sizeof(t->all->error), "%s", error);
    if (--t->all->n_left == 0)
        finish_soon(t->all, "");
}

static void on_restored(void *arg, const redisReply *r)
{
    taker_over(arg, r->type == REDIS_REPLY_ERROR ? r->str : "");
}

static void on_taker_lost(void *arg, bool denied, const char *why)
{
    (void)denied;
    taker_over(arg, why);
}

static void restore(struct redis_functions *f)
{
    char policy[] = "REPLACE";
    char *texts[] = { f->dump, policy };
    size_t lens[] = { f->dump_len, sizeof(policy) - 1 };
    struct command c = { .kind = CMD_FUNCTION_RESTORE, .texts = texts, .text_lens = lens, .n_texts = 2 };

    for (size_t i = 0; i < f->n_takers; i++)
        if (!f->takers[i].is_over)
            link_send(f->takers[i].link, &c, on_restored, &f->takers[i]);
}

static void on_dumped(void *arg, const redisReply *r)
{
    struct redis_functions *f = arg;

    if (r->type != REDIS_REPLY_STRING) {
        finish_soon(f, r->type == REDIS_REPLY_ERROR ? r->str : "a reply of a wrong type");
        return;
    }
    f->dump_len = r->len;
    f->dump = xcalloc(1, r->len + 1);
    memcpy(f->dump, r->str, r->len);
    restore(f);
}

static void on_from_lost(void *arg, bool denied, const char *why)
{
    (void)denied;
    finish_soon(arg, why);
}

static void open_all(struct redis_functions *f, struct loop *l, const struct redis_target *from,
                     const struct redis_target *to, const struct redis_auth *auth, SSL_CTX *tls, int deadline_ms)
{
    struct link_events events = { f, on_from_lost };
    struct command dump = { .kind = CMD_FUNCTION_DUMP };

    for (size_t i = 0; i < f->n_takers; i++) {
        struct link_events taken = { &f->takers[i], on_taker_lost };

        f->takers[i].all = f;
        f->takers[i].link = link_open(l, &to[i], auth, tls, deadline_ms, 1 << 16, &taken);
    }
    f->from = link_open(l, from, auth, tls, deadline_ms, DUMP_MAX_BYTES, &events);
    link_send(f->from, &dump, on_dumped, f);
}

struct redis_functions *redis_functions_start(struct loop *l, const struct redis_target *from, const struct redis_target *to,
                                              size_t n_to, const struct redis_auth *auth, int deadline_ms,
                                              redis_functions_done done, void *arg)
{
    struct redis_functions *f = xcalloc(1, sizeof(*f));
    const char *why = "";
    SSL_CTX *tls = tls_new(auth, &why);

    f->takers = xcalloc(n_to + 1, sizeof(*f->takers));
    f->n_takers = f->n_left = n_to;
    f->done = done;
    f->arg = arg;
    f->timer = loop_timer_new(l, on_timer, f);
    loop_timer_set(f->timer, deadline_ms);
    if (why[0] || !n_to)
        finish_soon(f, why);
    else
        open_all(f, l, from, to, auth, tls, deadline_ms);
    SSL_CTX_free(tls);
    return f;
}

void redis_functions_cancel(struct redis_functions *f)
{
    if (!f)
        return;
    link_close(f->from);
    for (size_t i = 0; i < f->n_takers; i++)
        link_close(f->takers[i].link);
    loop_timer_free(f->timer);
    free(f->takers);
    free(f->dump);
    free(f);
}
