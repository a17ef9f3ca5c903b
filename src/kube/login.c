#include "login.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "exec.h"

enum {
    REFRESH_MS = 60000,
    EARLY_MS = 60000, /* before the end a program is asked again, while the old credentials still serve */
    LATE_MS = 5000,   /* the old ones serve no more: clocks differ, requests take time */
    FAILED_MS = 5000, /* between two runs when the first has failed */
};

struct login {
    struct loop *loop;
    struct kube_config *cfg;
    void (*on_done)(void *arg, const struct err *why);
    void *arg;
    struct loop_timer *timer;
    int64_t refresh_at_ms;
    int64_t expires_wall_ms; /* of what the program gave; 0: nothing yet */
    int64_t not_before_ms;   /* of the next run */
};

static void run(void *arg);

struct login *login_new(struct loop *l, struct kube_config *cfg, void (*on_done)(void *arg, const struct err *why),
                        void *arg)
{
    struct login *g = xcalloc(1, sizeof(*g));

    g->loop = l;
    g->cfg = cfg;
    g->on_done = on_done;
    g->arg = arg;
    g->timer = loop_timer_new(l, run, g);
    g->refresh_at_ms = loop_now_ms() + REFRESH_MS;
    return g;
}

void login_free(struct login *g)
{
    if (!g)
        return;
    loop_timer_free(g->timer);
    free(g);
}

static void move_text(struct file_text *to, char **from)
{
    if (!*from)
        return;
    free(to->text);
    to->text = TAKE(*from);
}

static void on_run(void *arg, struct exec_cred *cred, const struct err *why)
{
    struct login *g = arg;

    if (cred) {
        g->expires_wall_ms = cred->expires_wall_ms;
        move_text(&g->cfg->token, &cred->token);
        move_text(&g->cfg->cert, &cred->cert_pem);
        move_text(&g->cfg->key, &cred->key_pem);
    } else {
        g->not_before_ms = loop_now_ms() + FAILED_MS;
    }
    g->on_done(g->arg, why);
}

static void run(void *arg)
{
    struct login *g = arg;

    if (!exec_plugin_is_running(g->cfg->exec))
        exec_plugin_run(g->cfg->exec, g->loop, on_run, g);
}

static void run_soon(struct login *g)
{
    int64_t now = loop_now_ms();

    loop_timer_set(g->timer, g->not_before_ms > now ? g->not_before_ms - now : 0);
}

static bool is_good_for(const struct login *g, int64_t ms)
{
    return g->expires_wall_ms > 0 && g->expires_wall_ms - ms > loop_wall_ms();
}

bool login_is_ready(struct login *g)
{
    if (!g->cfg->exec || is_good_for(g, LATE_MS))
        return true;
    run_soon(g);
    return false;
}

bool login_refused(struct login *g, const char *token)
{
    if (!g->cfg->exec) {
        kube_config_refresh(g->cfg);
        return !str_eq(g->cfg->token.text, token);
    }
    if (str_eq(g->cfg->token.text, token))
        g->expires_wall_ms = 0;
    return true;
}

void login_look(struct login *g)
{
    int64_t now = loop_now_ms();

    if (now >= g->refresh_at_ms) {
        g->refresh_at_ms = now + REFRESH_MS;
        kube_config_refresh(g->cfg);
    }
    if (g->cfg->exec && g->expires_wall_ms && !is_good_for(g, EARLY_MS) && !exec_plugin_is_running(g->cfg->exec))
        run_soon(g);
}
