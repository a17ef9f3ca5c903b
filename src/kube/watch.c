#include "kube/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "client_impl.h"
#include "frames.h"
#include "kube/path.h"
#include "reflect.h"
#include "status.h"
#include "watch_impl.h"

enum {
    PAGE_LIMIT = 100,
    ASK_MIN_S = 290, /* timeoutSeconds: random, so that not all watches end at once */
    ASK_MAX_S = 580,
    GRACE_MS = 10000,
    LATE_MS = 10000, /* without a byte of the initial objects */
};

struct kube_watch {
    struct kube *kube;
    struct kube_watch_handler h;
    void *arg;
    char *path; /* with the selectors */
    enum refl_state state;
    struct kube_call *call; /* NULL: none under way */
    struct loop_timer *timer;
    struct frames frames;
    char *rv, *next_page;
    enum refl_event verdict; /* of the stream that is being given up */
    struct err why;
    bool has_verdict, paged, synced, had_events;
    int64_t opened_ms, heard_ms;
    int32_t asked_to_wait_ms; /* Retry-After */
    int page_limit;
    unsigned failures;
    int64_t backoff_max_ms, late_ms;
    int n_calls_out; /* into the handler: the watch may be freed there */
    bool dead;
};

static void step(struct kube_watch *w, enum refl_event ev);

static void really_free(struct kube_watch *w)
{
    frames_done(&w->frames);
    loop_timer_free(w->timer);
    free(w->path);
    free(w->rv);
    free(w->next_page);
    free(w);
}

static void call_out_begin(struct kube_watch *w)
{
    w->n_calls_out++;
}

/* False: the watch was freed meanwhile, and is gone now when nobody else is inside. */
static bool call_out_end(struct kube_watch *w)
{
    bool dead = w->dead;

    if (--w->n_calls_out == 0 && dead)
        really_free(w);
    return !dead;
}

static void set_text(char **to, const char *text)
{
    char *copy = text ? xstrdup(text) : NULL;

    free(*to);
    *to = copy;
}

static void on_timer(void *arg)
{
    struct kube_watch *w = arg;

    if (w->state != R_STREAMING) {
        step(w, w->state == R_IDLE ? EV_START : w->paged ? EV_TIMER_PAGED : EV_TIMER);
        return;
    }
    if (loop_now_ms() - w->heard_ms < w->late_ms) {
        loop_timer_set(w->timer, w->late_ms);
        return;
    }
    kube_cancel(TAKE(w->call));
    (void)err_set(&w->why, ERR_RETRY, "the streaming list does not end");
    step(w, EV_LATE);
}

/* Ends the stream from inside: on_end takes the verdict. */
static bool give_up(struct kube_watch *w, enum refl_event verdict)
{
    w->verdict = verdict;
    w->has_verdict = true;
    return false;
}

static bool is_gone(int status, const cJSON *body)
{
    return kube_status_is_gone(status, body) || kube_status_is_rv_too_large(status, body);
}

static enum refl_event verdict_of(int status, const cJSON *body, enum err_kind kind)
{
    if (is_gone(status, body))
        return EV_GONE;
    return kind == ERR_RETRY || kind == ERR_DENIED ? EV_BUSY : EV_FAILED;
}

static bool on_error_frame(struct kube_watch *w, const cJSON *status)
{
    int code = (int)json_get_int(status, "code", 500);

    (void)kube_status_to_err(code < 300 ? 500 : code, 0, status, &w->why);
    w->asked_to_wait_ms = w->why.retry_after_ms;
    return give_up(w, verdict_of(code, status, w->why.kind));
}

static bool on_object_frame(struct kube_watch *w, const struct frame *f)
{
    static const enum kube_event events[] = {
        [FRAME_ADDED] = KUBE_ADDED, [FRAME_MODIFIED] = KUBE_MODIFIED, [FRAME_DELETED] = KUBE_DELETED
    };

    /* The initial objects are in no order: only the bookmark after them is a place to resume from. */
    if (w->state == R_WATCHING && (!w->rv || kube_rv_is_newer(w->rv, f->rv)))
        set_text(&w->rv, f->rv);
    w->h.on_object(w->arg, events[f->type], f->obj);
    return !w->dead;
}

static bool on_bookmark(struct kube_watch *w, const struct frame *f)
{
    if (w->state == R_STREAMING && !f->ends_initial)
        return true;
    set_text(&w->rv, f->rv);
    if (w->state == R_STREAMING)
        step(w, EV_SYNCED);
    return !w->dead;
}

static bool on_line(void *arg, const char *line, size_t len)
{
    struct kube_watch *w = arg;
    struct frame f;
    bool more = true;

    if (frame_parse(line, len, &f, &w->why) < 0)
        return give_up(w, EV_FAILED);
    w->had_events = true;
    if (f.type == FRAME_ERROR)
        more = on_error_frame(w, f.obj);
    else if (f.type == FRAME_BOOKMARK)
        more = on_bookmark(w, &f);
    else if (f.type != FRAME_UNKNOWN)
        more = on_object_frame(w, &f);
    frame_done(&f);
    return more;
}

static bool on_data(void *arg, const char *data, size_t len)
{
    struct kube_watch *w = arg;
    struct err e;
    bool ok;

    w->heard_ms = loop_now_ms();
    call_out_begin(w);
    ok = frames_feed(&w->frames, data, len, on_line, w, &e) == 0;
    if (!ok && !w->has_verdict) {
        w->why = e;
        (void)give_up(w, EV_FAILED);
    }
    return call_out_end(w) && ok;
}

static enum refl_event stream_verdict(struct kube_watch *w, const struct kube_reply *r)
{
    if (w->has_verdict)
        return w->verdict;
    if (r->err.kind == ERR_NONE)
        return refl_closed(loop_now_ms() - w->opened_ms, w->had_events);
    if (w->state == R_STREAMING && (r->status == 400 || r->status == 422))
        return EV_UNSUPPORTED;
    return verdict_of(r->status, r->body, r->err.kind);
}

static void on_end(void *arg, const struct kube_reply *r)
{
    struct kube_watch *w = arg;
    enum refl_event ev = stream_verdict(w, r);

    w->call = NULL;
    if (!w->has_verdict) {
        w->why = r->err;
        w->asked_to_wait_ms = r->err.retry_after_ms;
    }
    if (w->why.kind == ERR_NONE)
        (void)err_set(&w->why, ERR_RETRY, "the stream ended early");
    if (loop_now_ms() - w->opened_ms >= REFL_HEALTHY_MS)
        w->failures = 0;
    if (ev == EV_UNSUPPORTED)
        w->paged = true;
    step(w, ev);
}

/* Of a list only the list says what its items are. The tree is ours until the callback returns. */
static void name_item(cJSON *item, const cJSON *list)
{
    const char *kind = json_get_str(list, "kind");

    if (json_member(item, "kind") || !kind || !str_has_suffix(kind, "List"))
        return;
    json_fmt(item, "kind", "%.*s", (int)(strlen(kind) - 4), kind);
    json_str(item, "apiVersion", json_get_str(list, "apiVersion"));
}

static bool give_items(struct kube_watch *w, const cJSON *list)
{
    cJSON *item;

    cJSON_ArrayForEach(item, json_member(list, "items"))
    {
        if (!json_get_str(item, "metadata.name"))
            continue;
        name_item(item, list);
        w->h.on_object(w->arg, KUBE_ADDED, item);
        if (w->dead)
            return false;
    }
    return true;
}

static void on_good_page(struct kube_watch *w, const cJSON *list)
{
    const char *rv = json_get_str(list, "metadata.resourceVersion");
    const char *more = json_get_str(list, "metadata.continue");

    if (!cJSON_IsArray(json_member(list, "items")) || str_empty(rv)) {
        (void)err_set(&w->why, ERR_RETRY, "not a list");
        step(w, EV_FAILED);
        return;
    }
    call_out_begin(w);
    if (give_items(w, list)) {
        set_text(&w->rv, rv);
        set_text(&w->next_page, str_empty(more) ? NULL : more);
    }
    if (call_out_end(w))
        step(w, w->next_page ? EV_PAGE : EV_LISTED);
}

static void on_page(void *arg, const struct kube_reply *r)
{
    struct kube_watch *w = arg;

    w->call = NULL;
    if (r->err.kind == ERR_NONE) {
        on_good_page(w, r->body);
        return;
    }
    /* Objects may be big: what does not fit is asked for in smaller pages. */
    if (r->too_long && w->page_limit > 1)
        w->page_limit /= 2;
    w->why = r->err;
    w->asked_to_wait_ms = r->err.retry_after_ms;
    step(w, verdict_of(r->status, r->body, r->err.kind));
}

static void open_stream(struct kube_watch *w, bool initial)
{
    int ask_s = ASK_MIN_S + (int)arc4random_uniform(ASK_MAX_S - ASK_MIN_S + 1);
    AUTO_FREE char *ask = xasprintf("%d", ask_s), *url = NULL;

    url = kube_path_with(xstrdup(w->path), "watch", "1");
    url = kube_path_with(url, "allowWatchBookmarks", "true");
    url = kube_path_with(url, "timeoutSeconds", ask);
    url = kube_path_with(url, "sendInitialEvents", initial ? "true" : NULL);
    url = kube_path_with(url, "resourceVersionMatch", initial ? "NotOlderThan" : NULL);
    url = kube_path_with(url, "resourceVersion", initial ? NULL : w->rv);
    frames_clear(&w->frames);
    w->has_verdict = w->had_events = false;
    w->opened_ms = w->heard_ms = loop_now_ms();
    w->call = kube_stream(w->kube, url, ask_s * 1000 + GRACE_MS, on_data, on_end, w);
    if (initial)
        loop_timer_set(w->timer, w->late_ms);
    else
        loop_timer_off(w->timer);
}

static void ask_page(struct kube_watch *w)
{
    AUTO_FREE char *limit = xasprintf("%d", w->page_limit), *url = NULL;

    loop_timer_off(w->timer);
    url = kube_path_with(xstrdup(w->path), "limit", limit);
    url = kube_path_with(url, "continue", w->next_page);
    w->call = kube_send(w->kube, &(struct kube_request){ .lane = KUBE_LANE_WATCH, .method = "GET", .path = url },
                        on_page, w);
}

static void begin_list(struct kube_watch *w, bool streaming)
{
    set_text(&w->next_page, NULL);
    call_out_begin(w);
    w->h.on_list_start(w->arg);
    if (!call_out_end(w))
        return;
    if (streaming)
        open_stream(w, true);
    else
        ask_page(w);
}

static void tell_synced(struct kube_watch *w)
{
    w->synced = true;
    w->h.on_listed(w->arg);
}

static void wait_a_while(struct kube_watch *w, enum refl_event ev)
{
    int64_t ms = refl_wait_ms(w->failures++, arc4random());

    if (ms > w->backoff_max_ms)
        ms = w->backoff_max_ms;
    if (ms < w->asked_to_wait_ms)
        ms = w->asked_to_wait_ms;
    w->asked_to_wait_ms = 0;
    loop_timer_set(w->timer, ms);
    if (w->h.on_trouble && ev != EV_GONE)
        w->h.on_trouble(w->arg, &w->why);
}

static void act(struct kube_watch *w, enum refl_act what, enum refl_event ev)
{
    if (ev == EV_LISTED || what == ACT_SYNC)
        tell_synced(w);
    if (w->dead)
        return;
    switch (what) {
    case ACT_STREAM:
    case ACT_LIST:
        begin_list(w, what == ACT_STREAM);
        break;
    case ACT_NEXT_PAGE:
        ask_page(w);
        break;
    case ACT_WATCH:
        open_stream(w, false);
        break;
    case ACT_WAIT:
        wait_a_while(w, ev);
        break;
    case ACT_SYNC:
        loop_timer_off(w->timer);
        break;
    case ACT_NONE:
        break;
    }
}

static void step(struct kube_watch *w, enum refl_event ev)
{
    enum refl_act what;

    if (!refl_step(&w->state, ev, &what))
        return;
    call_out_begin(w);
    act(w, what, ev);
    (void)call_out_end(w);
}

struct kube_watch *kube_watch_new(struct kube *k, const struct kube_watch_opts *opts,
                                  const struct kube_watch_handler *h, void *arg)
{
    struct kube_watch *w = xcalloc(1, sizeof(*w));

    w->kube = k;
    w->h = *h;
    w->arg = arg;
    w->path = kube_path_with(xstrdup(opts->path), "labelSelector", opts->label_selector);
    w->path = kube_path_with(w->path, "fieldSelector", opts->field_selector);
    w->state = R_IDLE;
    w->backoff_max_ms = INT64_MAX;
    w->late_ms = LATE_MS;
    w->page_limit = PAGE_LIMIT;
    frames_init(&w->frames);
    w->timer = loop_timer_new(kube_loop(k), on_timer, w);
    loop_timer_set(w->timer, 0);
    return w;
}

void kube_watch_free(struct kube_watch *w)
{
    if (!w)
        return;
    kube_cancel(TAKE(w->call));
    loop_timer_off(w->timer);
    w->dead = true;
    if (w->n_calls_out == 0)
        really_free(w);
}

void kube_watch_hurry(struct kube_watch *w, int64_t wait_max_ms)
{
    w->backoff_max_ms = w->late_ms = wait_max_ms;
}

bool kube_watch_is_synced(const struct kube_watch *w)
{
    return w->synced;
}
