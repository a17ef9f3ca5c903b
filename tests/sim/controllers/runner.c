#include "sim/controllers/runner.h"

#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/str.h"
#include "kube/path.h"
#include "kube/watch.h"
#include "sim/controllers/discover.h"
#include "sim/controllers/items.h"

enum {
    BUSY_MAX = 16,        /* keys of one controller under way */
    PASSES_AT_ONCE = 100, /* then the loop gets a turn */
    FEED_PATIENCE_MS = 10000, /* a watch that cannot list does not hold up the collector for longer */
    CONTROLLERS_MAX = 32,
};

struct feed {
    struct runner *r;
    struct kube_watch *watch;
    int kind;
    bool synced;
    int64_t born_ms;
};

struct worker {
    struct runner *r;
    const struct controller *c;
    struct workq *q;
    void *state;
};

struct runner {
    struct loop *loop;
    struct kube *kube;
    const struct sync_options *opts;
    struct scene *scene;
    struct discover *discover;
    struct feed feeds[KINDS_MAX];
    struct worker workers[CONTROLLERS_MAX];
    size_t n_workers;
    struct loop_timer *timer;
    bool discovered;
    TAILQ_HEAD(tasks, task) tasks;
};

struct flight {
    struct task *t;
    struct call *call;
};

/* One pass's calls under way. */
struct task {
    TAILQ_ENTRY(task) next;
    struct worker *w;
    char *key;
    struct calls calls;
    size_t n_out;
    bool failed;
    bool changed; /* look again at once */
    struct flight flights[]; /* one per call */
};

static void wake(struct runner *r)
{
    loop_timer_set(r->timer, 0);
}

static bool wants(const struct controller *c, int kind)
{
    for (size_t i = 0; i < COUNT(c->kinds) && c->kinds[i] != KINDS_END; i++)
        if (c->kinds[i] == kind || c->kinds[i] == KINDS_ALL)
            return true;
    return false;
}

static void tell(struct runner *r, int kind, const cJSON *old, const cJSON *now)
{
    struct change c = { r->scene, kind, old, now };

    for (size_t i = 0; i < r->n_workers; i++)
        if (wants(r->workers[i].c, kind))
            r->workers[i].c->on_change(r->workers[i].state, &c, r->workers[i].q);
    if (kind == KIND_CRD && r->discover)
        discover_again(r->discover);
    wake(r);
}

/* True: it was news. */
static bool put(struct runner *r, int kind, const cJSON *obj, enum scene_source source)
{
    cJSON *copy = json_dup(obj), *old = NULL;
    AUTO_FREE char *key = item_key(obj);

    if (!scene_put(r->scene, kind, copy, source, &old))
        return false;
    tell(r, kind, old, scene_get_key(r->scene, kind, key));
    cJSON_Delete(old);
    return true;
}

static void dropped(struct runner *r, int kind, cJSON *old)
{
    if (!old)
        return;
    tell(r, kind, old, NULL);
    cJSON_Delete(old);
}

static void on_object(void *arg, enum kube_event event, const cJSON *obj)
{
    struct feed *f = arg;
    AUTO_FREE char *key = item_key(obj);

    if (event != KUBE_DELETED)
        put(f->r, f->kind, obj, SCENE_WATCH);
    else
        dropped(f->r, f->kind, scene_drop(f->r->scene, f->kind, key, json_get_str(obj, "metadata.resourceVersion")));
}

static void on_list_start(void *arg)
{
    struct feed *f = arg;

    scene_relist(f->r->scene, f->kind);
}

static void on_listed(void *arg)
{
    struct feed *f = arg;
    cJSON *gone;

    while ((gone = scene_take_vanished(f->r->scene, f->kind)) != NULL)
        dropped(f->r, f->kind, gone);
    f->synced = true;
    wake(f->r);
}

static void on_trouble(void *arg, const struct err *e)
{
    struct feed *f = arg;

    log_warn("watch", F("kind", scene_kind(f->r->scene, f->kind)->plural), F("error", e->msg));
}

bool runner_is_watched(const struct runner *r, int kind)
{
    return r->feeds[kind].watch != NULL;
}

void runner_watch(struct runner *r, int kind)
{
    static const struct kube_watch_handler handler = { on_object, on_list_start, on_listed, on_trouble };
    AUTO_FREE char *path = kind_path(scene_kind(r->scene, kind), NULL, NULL);
    struct kube_watch_opts opts = { .path = path };
    struct feed *f = &r->feeds[kind];

    if (f->watch)
        return;
    *f = (struct feed){ .r = r, .kind = kind, .born_ms = loop_now_ms() };
    f->watch = kube_watch_new(r->kube, &opts, &handler, f);
}

void runner_unwatch(struct runner *r, int kind)
{
    cJSON *gone;

    kube_watch_free(TAKE(r->feeds[kind].watch));
    scene_relist(r->scene, kind);
    while ((gone = scene_take_vanished(r->scene, kind)) != NULL)
        dropped(r, kind, gone);
}

/* No decision before the first lists are complete: what is not known yet must not look absent. */
static bool is_fed(const struct runner *r, const struct controller *c)
{
    bool all = c->kinds[0] == KINDS_ALL;

    if (all && !r->discovered)
        return false;
    for (int kind = 0; kind < KINDS_MAX; kind++) {
        const struct feed *f = &r->feeds[kind];
        bool late = all && loop_now_ms() - f->born_ms > FEED_PATIENCE_MS;

        if (f->watch && wants(c, kind) && !f->synced && !late)
            return false;
    }
    return true;
}

static void task_free(struct task *t)
{
    TAILQ_REMOVE(&t->w->r->tasks, t, next);
    calls_done(&t->calls);
    free(t->key);
    free(t);
}

static void task_end(struct task *t)
{
    struct worker *w = t->w;
    int64_t now = loop_now_ms();

    if (t->calls.again_ms >= 0)
        workq_add_at(w->q, t->key, now + t->calls.again_ms);
    if (t->changed && !t->failed)
        workq_add(w->q, t->key);
    workq_done(w->q, t->key, t->failed, now);
    task_free(t);
    wake(w->r);
}

static bool take_deleted(struct runner *r, const struct call *call, const cJSON *body)
{
    char now[32];

    if (json_get_str(body, "metadata.deletionTimestamp"))
        return put(r, call->kind, body, SCENE_REPLY);
    str_rfc3339(loop_wall_ms(), false, now);
    scene_mark_deleting(r->scene, call->kind, call->key, json_get_str(call->body, "preconditions.uid"), now);
    return true;
}

/* What we wrote is known at once, ahead of the watch. True: it changed something. */
static bool take_reply(struct runner *r, const struct call *call, const cJSON *body)
{
    if (call->node) {
        scene_bind_pod(r->scene, call->key, call->node);
        return true;
    }
    if (!strcmp(call->method, "DELETE"))
        return take_deleted(r, call, body);
    if (!strcmp(call->method, "GET"))
        return true;
    return call->kind >= 0 && json_get_str(body, "metadata.uid") && put(r, call->kind, body, SCENE_REPLY);
}

/* Somebody else wrote first, or the namespace is on its way out. */
static bool is_expected(const struct err *e)
{
    return e->kind == ERR_CONFLICT || (e->kind == ERR_DENIED && strstr(e->msg, "is being terminated"));
}

static void on_reply(void *arg, const struct kube_reply *reply)
{
    struct flight *f = arg;
    struct task *t = f->t;
    struct worker *w = t->w;
    bool creates = !strcmp(f->call->method, "POST") && !f->call->node;

    if (reply->err.kind == ERR_NONE) {
        t->changed |= take_reply(w->r, f->call, reply->body);
    } else if (reply->status == 404 && !creates) {
        t->changed |= !strcmp(f->call->method, "GET"); /* otherwise its watch will tell */
    } else {
        t->failed = true;
        log_at(is_expected(&reply->err) ? LOG_DEBUG : LOG_WARN, "call failed", F("controller", w->c->name),
               F("key", t->key), F("method", f->call->method), F("path", f->call->path), F("status", reply->status),
               F("error", reply->err.msg));
    }
    if (w->c->on_reply)
        w->c->on_reply(w->state, f->call, reply->status, reply->body);
    if (--t->n_out == 0)
        task_end(t);
}

static void send(struct flight *f)
{
    const struct call *call = f->call;
    struct kube_request req = {
        .lane = KUBE_LANE_MAIN,
        .method = call->method,
        .path = call->path,
        .body = call->body,
        .content_type = !strcmp(call->method, "PATCH") ? KUBE_MERGE_TYPE : NULL,
    };

    kube_send(f->t->w->r->kube, &req, on_reply, f);
}

static void run_pass(struct worker *w, const char *key)
{
    struct sync s = { .scene = w->r->scene, .key = key, .now_ms = loop_wall_ms(), .opts = w->r->opts, .state = w->state };
    struct task *t;

    calls_init(&s.out, w->r->scene);
    w->c->sync(&s);
    t = xcalloc(1, sizeof(*t) + s.out.n * sizeof(t->flights[0]));
    t->w = w;
    t->key = xstrdup(key);
    t->calls = s.out;
    t->n_out = t->calls.n;
    TAILQ_INSERT_TAIL(&w->r->tasks, t, next);
    for (size_t i = 0; i < t->calls.n; i++) {
        t->flights[i] = (struct flight){ t, &t->calls.items[i] };
        send(&t->flights[i]);
    }
    if (t->calls.n == 0)
        task_end(t);
}

/* How many passes were begun. */
static int work(struct worker *w, int at_most)
{
    size_t busy_max = w->c->max_busy ? (size_t)w->c->max_busy : BUSY_MAX;
    const char *key;
    int n = 0;

    if (!is_fed(w->r, w->c))
        return 0;
    while (n < at_most && workq_busy(w->q) < busy_max && (key = workq_take(w->q, loop_now_ms())) != NULL) {
        run_pass(w, key);
        n++;
    }
    return n;
}

static int64_t next_due_in(const struct worker *w, int64_t now)
{
    size_t busy_max = w->c->max_busy ? (size_t)w->c->max_busy : BUSY_MAX;
    int64_t due = workq_next_ms(w->q, now);

    if (due < 0 || workq_busy(w->q) >= busy_max)
        return -1;
    if (!is_fed(w->r, w->c))
        return 1000;
    return due > now ? due - now : 0;
}

static void on_timer(void *arg)
{
    struct runner *r = arg;
    int64_t now, soonest = -1;

    for (size_t i = 0; i < r->n_workers; i++)
        work(&r->workers[i], PASSES_AT_ONCE);
    now = loop_now_ms();
    for (size_t i = 0; i < r->n_workers; i++) {
        int64_t in = next_due_in(&r->workers[i], now);

        if (in >= 0 && (soonest < 0 || in < soonest))
            soonest = in;
    }
    if (soonest >= 0)
        loop_timer_set(r->timer, soonest);
    else
        loop_timer_off(r->timer);
}

struct runner *runner_new(struct loop *l, struct kube *k, const struct sync_options *opts)
{
    struct runner *r = xcalloc(1, sizeof(*r));

    r->loop = l;
    r->kube = k;
    r->opts = opts;
    r->scene = scene_new();
    r->timer = loop_timer_new(l, on_timer, r);
    TAILQ_INIT(&r->tasks);
    return r;
}

void runner_stop(struct runner *r)
{
    for (int i = 0; i < KINDS_MAX; i++)
        kube_watch_free(TAKE(r->feeds[i].watch));
}

void runner_free(struct runner *r)
{
    struct task *t;

    if (!r)
        return;
    while ((t = TAILQ_FIRST(&r->tasks)) != NULL)
        task_free(t);
    discover_free(r->discover);
    for (size_t i = 0; i < r->n_workers; i++) {
        workq_free(r->workers[i].q);
        if (r->workers[i].c->free_state)
            r->workers[i].c->free_state(r->workers[i].state);
    }
    loop_timer_free(r->timer);
    scene_free(r->scene);
    free(r);
}

void runner_add(struct runner *r, const struct controller *c)
{
    struct worker *w = &r->workers[r->n_workers];

    if (r->n_workers == CONTROLLERS_MAX)
        abort();
    r->n_workers++;
    *w = (struct worker){ .r = r, .c = c, .q = workq_new(), .state = c->new_state ? c->new_state() : NULL };
}

void runner_start(struct runner *r)
{
    bool all = false;

    for (size_t i = 0; i < r->n_workers; i++) {
        const int *kinds = r->workers[i].c->kinds;

        all |= kinds[0] == KINDS_ALL;
        for (size_t k = 0; k < COUNT(r->workers[i].c->kinds) && kinds[k] >= 0; k++)
            runner_watch(r, kinds[k]);
    }
    if (all)
        r->discover = discover_new(r);
    if (all)
        runner_watch(r, KIND_CRD);
    wake(r);
}

struct kube *runner_kube(struct runner *r)
{
    return r->kube;
}

struct loop *runner_loop(struct runner *r)
{
    return r->loop;
}

struct kinds *runner_kinds(struct runner *r)
{
    return scene_kinds(r->scene);
}

void runner_discovered(struct runner *r)
{
    r->discovered = true;
    wake(r);
}
