#include "redis/apply.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "redis/pipe.h"

/* The commands for one node, in their order. */
struct told {
    struct redis_apply *apply;
    struct pipe *pipe; /* NULL when it has ended */
    size_t *which;     /* indexes of commands */
    size_t n, n_answered;
    struct command_words words; /* of the one being sent */
};

struct redis_apply {
    struct loop_timer *empty;
    struct command *commands;
    struct redis_result *results;
    size_t n;
    struct told *told;
    size_t n_told, n_left;
    redis_apply_done done;
    void *arg;
};

static size_t command_at(void *arg, size_t i, const char **argv)
{
    struct told *t = arg;

    command_spell(&t->apply->commands[t->which[i]], &t->words);
    memcpy(argv, t->words.argv, t->words.n * sizeof(*argv));
    return t->words.n;
}

static bool on_reply(void *arg, size_t i, const redisReply *r)
{
    struct told *t = arg;
    struct redis_result *result = &t->apply->results[t->which[i]];

    t->n_answered++;
    if (r->type == REDIS_REPLY_ERROR) {
        result->what = command_classify(t->apply->commands[t->which[i]].kind, r->str);
        snprintf(result->error, sizeof(result->error), "%s", r->str);
    } else {
        result->what = REPLY_OK;
        result->error[0] = '\0';
    }
    return result->what == REPLY_OK || result->what == REPLY_ALREADY;
}

static void finish(struct redis_apply *a)
{
    enum reply_class worst = REPLY_OK;

    for (size_t i = 0; i < a->n; i++)
        if (a->results[i].what > worst)
            worst = a->results[i].what;
    a->done(a->arg, a->results, a->n, worst);
    redis_apply_cancel(a);
}

static void on_end(void *arg, enum pipe_result result, const char *why)
{
    struct told *t = arg;

    t->pipe = NULL;
    for (size_t i = t->n_answered; i < t->n && result != PIPE_OK; i++) {
        struct redis_result *r = &t->apply->results[t->which[i]];

        r->what = result == PIPE_DENIED ? REPLY_DENIED : REPLY_AGAIN;
        snprintf(r->error, sizeof(r->error), "%s", why);
    }
    if (--t->apply->n_left == 0)
        finish(t->apply);
}

static void on_empty(void *arg)
{
    finish(arg);
}

static struct told *told_for(struct redis_apply *a, size_t member)
{
    for (size_t i = 0; i < a->n_told; i++)
        if (a->commands[a->told[i].which[0]].member == member)
            return &a->told[i];
    a->told[a->n_told].apply = a;
    a->told[a->n_told].which = xcalloc(a->n, sizeof(size_t));
    return &a->told[a->n_told++];
}

static void sort_by_node(struct redis_apply *a, size_t n_targets)
{
    for (size_t i = 0; i < a->n; i++) {
        struct told *t;

        a->results[i].what = REPLY_AGAIN;
        snprintf(a->results[i].error, sizeof(a->results[i].error), "not sent");
        if (a->commands[i].member >= n_targets)
            continue;
        t = told_for(a, a->commands[i].member);
        t->which[t->n++] = i;
    }
    a->n_left = a->n_told;
}

static void start_all(struct redis_apply *a, struct loop *l, const struct redis_target *targets,
                      const struct redis_auth *auth, SSL_CTX *tls, int deadline_ms)
{
    for (size_t i = 0; i < a->n_told; i++) {
        struct told *t = &a->told[i];
        struct pipe_job job = { .arg = t, .n_commands = t->n, .one_by_one = true, .command = command_at,
                                .on_reply = on_reply, .on_end = on_end };

        t->pipe = pipe_start(l, &targets[a->commands[t->which[0]].member], auth, tls, deadline_ms, &job);
    }
}

struct redis_apply *redis_apply_start(struct loop *l, const struct redis_target *targets, size_t n_targets,
                                      const struct command *commands, size_t n, const struct redis_auth *auth,
                                      int deadline_ms, redis_apply_done done, void *arg)
{
    struct redis_apply *a = xcalloc(1, sizeof(*a));
    const char *why;
    SSL_CTX *tls = tls_new(auth, &why);

    a->commands = xcalloc(n + 1, sizeof(*a->commands));
    a->results = xcalloc(n + 1, sizeof(*a->results));
    a->told = xcalloc(n + 1, sizeof(*a->told));
    a->n = n;
    a->done = done;
    a->arg = arg;
    if (n)
        memcpy(a->commands, commands, n * sizeof(*commands));
    a->empty = loop_timer_new(l, on_empty, a);
    sort_by_node(a, n_targets);
    if (why[0])
        a->n_left = 0;
    else
        start_all(a, l, targets, auth, tls, deadline_ms);
    if (a->n_left == 0)
        loop_timer_set(a->empty, 0);
    SSL_CTX_free(tls);
    return a;
}

void redis_apply_cancel(struct redis_apply *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_told; i++) {
        pipe_cancel(a->told[i].pipe);
        free(a->told[i].which);
    }
    loop_timer_free(a->empty);
    free(a->told);
    free(a->results);
    free(a->commands);
    free(a);
}
