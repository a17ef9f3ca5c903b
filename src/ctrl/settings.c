/*
 * How the servers are set: asked when the wanted settings changed, and now and then.
 */
#include "shell.h"

enum { CONFIG_DEADLINE_MS = 1000 };

void settings_drop(struct pass *p)
{
    for (size_t i = 0; p->shown && i < p->n_views; i++)
        settings_done(&p->shown[i]);
    free(p->shown);
    p->shown = NULL;
}

static void on_shown(void *arg, struct settings *shown, size_t n)
{
    struct pass *p = arg;
    (void)n;

    p->config = NULL;
    p->shown = shown;
    p->then(p);
}

static void ask(struct pass *p, const struct settings *wanted)
{
    size_t n = p->o.redis.expected.n_members;
    AUTO_FREE struct redis_target *targets = xcalloc(n, sizeof(*targets));
    struct access a;

    for (size_t i = 0; i < n; i++)
        if (p->views[i].reach == REACH_OK)
            targets[i] = p->targets[i];
    access_init(p, &a);
    p->config = redis_config_start(p->c->loop, targets, n, &a.auth, wanted, CONFIG_DEADLINE_MS, on_shown, p);
}

void settings_look(struct pass *p, void (*then)(struct pass *p))
{
    struct settings wanted = { 0 };

    p->then = then;
    if (p->svc_ok && p->svc.redis.present && p->o.redis.latch.bootstrapped)
        redis_settings_wanted(&p->svc, &wanted);
    if (wanted.n && settings_are_due(track_settings(p->track), &wanted, loop_now_ms()))
        ask(p, &wanted);
    else
        then(p);
    settings_done(&wanted);
}
