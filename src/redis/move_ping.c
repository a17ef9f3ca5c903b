#include <stdlib.h>

#include "base/mem.h"
#include "redis/mover.h"

#define WINDOW_MS 500
#define SAMPLES_MAX 1024
#define PING_REPLY_MAX 4096

/* Own connections: behind our own commands a PING would wait as nobody else does. */
struct ping {
    struct pings *all;
    struct link *link; /* NULL: not measured any more */
    struct link_watch *watch;
    int64_t sent_us;   /* 0: none under way */
};

struct pings {
    struct redis_move *m;
    struct ping *items;
    size_t n;
    int64_t samples[SAMPLES_MAX]; /* of this window */
    size_t n_samples;
    int64_t window_ms; /* its end */
    int64_t sum_us, worst_us, count;
};

struct pings *pings_new(struct redis_move *m)
{
    struct pings *p = xcalloc(1, sizeof(*p));

    p->m = m;
    p->items = xcalloc(m->n_nodes + 1, sizeof(*p->items));
    p->n = m->n_nodes;
    return p;
}

static void on_lost(void *arg, bool denied, const char *why)
{
    struct ping *g = arg;
    bool late = g->watch->late;

    link_close(TAKE(g->link));
    if (late) /* otherwise the link that works says it too */
        move_node_lost(g->all->m, (size_t)(g - g->all->items), denied, why);
}

void pings_add(struct pings *p, size_t member, struct link_watch *w)
{
    struct ping *g = &p->items[member];
    struct link_events events = { .arg = g, .lost = on_lost };
    struct redis_auth auth = move_auth(p->m, member);

    if (g->link)
        return;
    g->all = p;
    g->link = link_open(p->m->loop, move_target(p->m, member), &auth, p->m->tls, MOVE_CONNECT_MS, PING_REPLY_MAX,
                        &events);
    g->watch = w;
    link_watch(g->link, w);
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int64_t pings_tail(struct pings *p)
{
    if (!p->n_samples)
        return 0;
    qsort(p->samples, p->n_samples, sizeof(p->samples[0]), compare);
    return p->samples[p->n_samples - 1 - p->n_samples / 100];
}

static void end_window(struct pings *p, int64_t now_ms)
{
    if (p->n_samples && p->window_ms)
        pace_latency(&p->m->report.pace, pings_tail(p));
    p->n_samples = 0;
    p->window_ms = now_ms + WINDOW_MS;
}

static void count(struct pings *p, int64_t took_us)
{
    p->sum_us += took_us;
    p->count++;
    if (took_us > p->worst_us)
        p->worst_us = took_us;
    if (p->n_samples < SAMPLES_MAX)
        p->samples[p->n_samples++] = took_us;
}

static void on_pong(void *arg, const redisReply *r)
{
    struct ping *g = arg;

    (void)r;
    count(g->all, loop_now_us() - g->sent_us);
    g->sent_us = 0;
}

void pings_tick(struct pings *p)
{
    struct command ping = { .kind = CMD_PING };
    int64_t now_ms = loop_now_ms();

    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].link && p->items[i].sent_us == 0) {
            p->items[i].sent_us = loop_now_us();
            link_send(p->items[i].link, &ping, on_pong, &p->items[i]);
        }
    if (now_ms >= p->window_ms)
        end_window(p, now_ms);
}

/* One that is still awaited counts with what it has taken so far. */
void pings_sum(const struct pings *p, int64_t *mean_us, int64_t *worst_us)
{
    int64_t now_us = loop_now_us();

    *mean_us = p->count ? p->sum_us / p->count : 0;
    *worst_us = p->worst_us;
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].sent_us && now_us - p->items[i].sent_us > *worst_us)
            *worst_us = now_us - p->items[i].sent_us;
}

void pings_reset(struct pings *p)
{
    p->sum_us = p->worst_us = p->count = 0;
    p->n_samples = 0;
    p->window_ms = loop_now_ms() + WINDOW_MS;
}

void pings_free(struct pings *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        link_close(p->items[i].link);
    free(p->items);
    free(p);
}
