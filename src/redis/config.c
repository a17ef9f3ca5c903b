#include "redis/config.h"

#include <string.h>

#include "base/mem.h"
#include "redis/pipe.h"

struct asked {
    struct redis_config *config;
    struct settings *shown;
    struct pipe *pipe; /* NULL when it has ended */
};

struct redis_config {
    struct loop_timer *empty; /* fires when there is nobody to ask */
    struct asked *asked;
    struct settings *shown;
    char (*names)[SETTING_NAME_SIZE];
    size_t n_names, n, n_left;
    redis_config_done done;
    void *arg;
};

static size_t question(void *arg, size_t i, const char **argv)
{
    const struct redis_config *c = ((struct asked *)arg)->config;
    (void)i;

    argv[0] = "CONFIG";
    argv[1] = "GET";
    for (size_t k = 0; k < c->n_names; k++)
        argv[2 + k] = c->names[k];
    return 2 + c->n_names;
}

static bool is_wanted(const struct redis_config *c, const redisReply *name)
{
    for (size_t i = 0; i < c->n_names; i++)
        if (strlen(c->names[i]) == name->len && memcmp(c->names[i], name->str, name->len) == 0)
            return true;
    return false;
}

/* Names and values by turns; what was not asked for is left out. */
static bool on_reply(void *arg, size_t i, const redisReply *r)
{
    struct asked *a = arg;
    (void)i;

    if (r->type != REDIS_REPLY_ARRAY && r->type != REDIS_REPLY_MAP)
        return false; /* loading, or not allowed: it has no settings */
    for (size_t k = 0; k + 1 < r->elements; k += 2) {
        const redisReply *name = r->element[k], *value = r->element[k + 1];

        if (pipe_is_text(name) && pipe_is_text(value) && is_wanted(a->config, name))
            (void)settings_put(a->shown, name->str, name->len, value->str, value->len);
    }
    return true;
}

static void finish(struct redis_config *c)
{
    struct settings *shown = TAKE(c->shown);
    redis_config_done done = c->done;
    void *arg = c->arg;
    size_t n = c->n;

    redis_config_cancel(c);
    done(arg, shown, n);
}

static void on_end(void *arg, enum pipe_result result, const char *why)
{
    struct asked *a = arg;
    (void)result;
    (void)why;

    a->pipe = NULL;
    if (--a->config->n_left == 0)
        finish(a->config);
}

static void on_empty(void *arg)
{
    finish(arg);
}

static void start_one(struct redis_config *c, size_t i, struct loop *l, const struct redis_target *to,
                      const struct redis_auth *auth, SSL_CTX *tls, int deadline_ms)
{
    struct pipe_job job = { .arg = &c->asked[i], .n_commands = 1, .command = question, .on_reply = on_reply,
                            .on_end = on_end };

    c->asked[i].config = c;
    c->asked[i].shown = &c->shown[i];
    c->asked[i].pipe = pipe_start(l, to, auth, tls, deadline_ms, &job);
}

static void copy_names(struct redis_config *c, const struct settings *wanted)
{
    c->names = xcalloc(wanted->n + 1, sizeof(*c->names));
    for (; c->n_names < wanted->n; c->n_names++)
        memcpy(c->names[c->n_names], wanted->items[c->n_names].name, SETTING_NAME_SIZE);
}

struct redis_config *redis_config_start(struct loop *l, const struct redis_target *targets, size_t n,
                                        const struct redis_auth *auth, const struct settings *wanted, int deadline_ms,
                                        redis_config_done done, void *arg)
{
    struct redis_config *c = xcalloc(1, sizeof(*c));
    const char *why;
    SSL_CTX *tls = tls_new(auth, &why);

    copy_names(c, wanted);
    c->asked = xcalloc(n + 1, sizeof(*c->asked));
    c->shown = xcalloc(n + 1, sizeof(*c->shown));
    c->n = n;
    c->n_left = why[0] || !c->n_names ? 0 : n;
    c->done = done;
    c->arg = arg;
    c->empty = loop_timer_new(l, on_empty, c);
    for (size_t i = 0; i < n && c->n_left; i++)
        start_one(c, i, l, &targets[i], auth, tls, deadline_ms);
    if (c->n_left == 0)
        loop_timer_set(c->empty, 0);
    SSL_CTX_free(tls);
    return c;
}

void redis_config_cancel(struct redis_config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        pipe_cancel(c->asked[i].pipe);
        if (c->shown)
            settings_done(&c->shown[i]);
    }
    loop_timer_free(c->empty);
    free(c->shown);
    free(c->asked);
    free(c->names);
    free(c);
}
