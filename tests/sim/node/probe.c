#include "sim/node/probe.h"

/* A program needs a moment to listen; trying at once would cost every pod one period. */
#define FIRST_TRY_MS 150

struct probe {
    const struct attempt_site *site;
    const cJSON *spec;
    void (*on_verdict)(void *arg, bool ok, const char *why);
    void *arg;
    struct loop_timer *timer;
    struct attempt *attempt;
    int64_t period_ms, timeout_ms;
    int64_t need_ok, need_bad;
    int64_t n_ok, n_bad; /* in a row */
    int verdict;         /* -1: none yet */
};

static void on_done(void *arg, bool ok, const char *why)
{
    struct probe *p = arg;

    p->attempt = NULL;
    p->n_ok = ok ? p->n_ok + 1 : 0;
    p->n_bad = ok ? 0 : p->n_bad + 1;
    if (ok ? p->n_ok < p->need_ok : p->n_bad < p->need_bad)
        return;
    if (p->verdict == ok)
        return;
    p->verdict = ok;
    p->on_verdict(p->arg, ok, why);
}

static void on_timer(void *arg)
{
    struct probe *p = arg;

    loop_timer_set(p->timer, p->period_ms);
    if (!p->attempt)
        p->attempt = attempt_start(p->site, p->spec, p->timeout_ms, on_done, p);
}

static int64_t at_least(const cJSON *spec, const char *field, int64_t fallback, int64_t least)
{
    int64_t n = json_get_int(spec, field, fallback);

    return n < least ? least : n;
}

struct probe *probe_new(const struct attempt_site *site, const cJSON *spec,
                        void (*on_verdict)(void *arg, bool ok, const char *why), void *arg)
{
    struct probe *p = xcalloc(1, sizeof(*p));

    p->site = site;
    p->spec = spec;
    p->on_verdict = on_verdict;
    p->arg = arg;
    p->verdict = -1;
    p->period_ms = at_least(spec, "periodSeconds", 10, 1) * 1000;
    p->timeout_ms = at_least(spec, "timeoutSeconds", 1, 1) * 1000;
    p->need_ok = at_least(spec, "successThreshold", 1, 1);
    p->need_bad = at_least(spec, "failureThreshold", 3, 1);
    p->timer = loop_timer_new(site->loop, on_timer, p);
    loop_timer_set(p->timer, at_least(spec, "initialDelaySeconds", 0, 0) * 1000 + FIRST_TRY_MS);
    return p;
}

void probe_free(struct probe *p)
{
    if (!p)
        return;
    attempt_cancel(p->attempt);
    loop_timer_free(p->timer);
    free(p);
}
