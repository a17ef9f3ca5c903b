#include "ctrl/ctrl.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "shell.h"

enum { STOP_MS = 10000, IDLE_MS = 1000, TRIM_PASSES = 256, TRIM_IDLE_MS = 200 };

static void turn(void *arg);

static void on_changed(void *arg, const char *key)
{
    struct ctrl *c = arg;

    if (c->cfg.look)
        return;
    /* what a first list brings may wait; what changes now may not */
    queue_add(c->queue, key, watches_are_synced(c, NULL) ? QUEUE_HIGH : QUEUE_LOW, loop_now_ms());
    ctrl_wake(c);
}

void ctrl_look_at_all(struct ctrl *c)
{
    for (struct entry *e = cache_next(c->cache, NULL); e && !c->cfg.look; e = cache_next(c->cache, e))
        queue_add(c->queue, e->key, QUEUE_LOW, loop_now_ms());
    ctrl_wake(c);
}

static void on_lease(void *arg, bool held)
{
    struct ctrl *c = arg;

    log_info(held ? "leading" : "not leading: nothing is written until the Lease is ours again",
             F("identity", c->cfg.identity));
    if (held) {
        tracks_doubt(c);
        ctrl_look_at_all(c); /* a follower looked at nothing */
    } else { /* what waits for a connection must not leave any more */
        kube_abort_writes(c->kube, "the Lease was lost");
        passes_leave_redis(c);
    }
    ctrl_wake(c);
}

struct ctrl *ctrl_new(struct loop *l, struct kube *kube, const struct ctrl_config *cfg)
{
    struct ctrl *c = xcalloc(1, sizeof(*c));

    *c = (struct ctrl){ .loop = l, .kube = kube, .cfg = *cfg };
    LIST_INIT(&c->passes);
    c->cache = cache_new(on_changed, c);
    c->queue = queue_new();
    c->timer = loop_timer_new(l, turn, c);
    c->tracks = map_new();
    c->missing_hosts = map_new();
    c->events = events_new(c);
    ctrl_metrics_init(&c->m);
    return c;
}

void ctrl_start(struct ctrl *c)
{
    watches_start(c);
    c->discovery = discovery_new(c);
    if (c->cfg.lease_namespace)
        c->lease = lease_new(c->kube,
                             &(struct lease_opts){ .ns = c->cfg.lease_namespace,
                                                   .name = c->cfg.lease_name,
                                                   .identity = c->cfg.identity },
                             on_lease, c);
}

void ctrl_free(struct ctrl *c)
{
    if (!c)
        return;
    passes_cancel(c);
    lease_free(c->lease);
    watches_free(c);
    discovery_free(c->discovery);
    loop_timer_free(c->timer);
    loop_timer_free(c->stop_timer);
    map_free(c->tracks, track_free);
    map_free(c->missing_hosts, free);
    events_free(c->events);
    queue_free(c->queue);
    cache_free(c->cache);
    metrics_free(c->m.registry);
    free(c);
}

bool ctrl_may_write(const struct ctrl *c)
{
    return !c->cfg.look && (!c->cfg.lease_namespace || (c->lease && lease_is_held(c->lease, loop_now_ms())));
}

bool ctrl_is_ready(const struct ctrl *c, struct buf *why)
{
    return watches_are_synced(c, why);
}

/* Who may not read or write the Lease never leads: said once, not at each try. */
static void tell_of_lease(struct ctrl *c)
{
    const struct err *e = c->lease ? lease_trouble(c->lease) : NULL;
    uint64_t said = e && e->kind != ERR_NONE && e->kind != ERR_CONFLICT ? str_hash(STR_HASH_INIT, e->msg, strlen(e->msg)) : 0;

    if (said && said != c->said_of_lease)
        log_warn("the Lease cannot be had", F("namespace", c->cfg.lease_namespace), F("lease", c->cfg.lease_name),
                 F("error", (const char *)e->msg), F("then", err_kind_name(e->kind)));
    c->said_of_lease = said;
}

/* "Absent from the cache" means nothing before every watch has its first list. */
static bool may_work(const struct ctrl *c)
{
    return !c->stopping && (c->cfg.look || ctrl_may_write(c)) && watches_are_synced(c, NULL);
}

/* What a burst of objects took lies in pieces between what is kept: given back when it is over. */
static void trim(struct ctrl *c)
{
    c->n_untrimmed = 0;
    mem_trim();
}

static void turn(void *arg)
{
    struct ctrl *c = arg;
    int64_t now_ms = loop_now_ms(), due_ms, waited_ms;
    const char *key;

    if (!may_work(c)) {
        tell_of_lease(c);
        loop_timer_set(c->timer, IDLE_MS); /* a Lease may come back without a word */
        return;
    }
    while (c->n_passes < c->cfg.max_passes && (key = queue_take(c->queue, now_ms, &waited_ms))) {
        metric_observe_ms(c->m.queue_time, waited_ms);
        c->n_passes++;
        c->n_untrimmed++;
        pass_start(c, key);
    }
    due_ms = queue_next_due_ms(c->queue);
    if (!c->n_passes && c->n_untrimmed >= TRIM_PASSES && due_ms - now_ms >= TRIM_IDLE_MS)
        trim(c);
    if (c->n_passes < c->cfg.max_passes && due_ms != INT64_MAX)
        loop_timer_set(c->timer, due_ms - now_ms);
}

void ctrl_wake(struct ctrl *c)
{
    loop_timer_set(c->timer, 0);
}

static void stopped(void *arg)
{
    struct ctrl *c = arg;

    c->on_stopped(c->stopped_arg);
}

static void give_back(struct ctrl *c)
{
    loop_timer_off(c->stop_timer);
    if (c->lease)
        lease_release(c->lease, stopped, c);
    else
        stopped(c);
}

void ctrl_pass_ended(struct ctrl *c)
{
    c->n_passes--;
    if (c->stopping && !c->n_passes)
        give_back(c);
    else
        ctrl_wake(c);
}

/* What is under way takes too long: it is given up, and the next leader goes on. */
static void on_late(void *arg)
{
    struct ctrl *c = arg;

    passes_cancel(c);
    give_back(c);
}

void ctrl_stop(struct ctrl *c, void (*on_stopped)(void *arg), void *arg)
{
    c->stopping = true;
    c->on_stopped = on_stopped;
    c->stopped_arg = arg;
    c->stop_timer = loop_timer_new(c->loop, on_late, c);
    loop_timer_set(c->stop_timer, STOP_MS);
    if (!c->n_passes)
        give_back(c);
}
