#include "sim/apiserver/watch.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <string.h>

#include "base/str.h"
#include "sim/apiserver/faults.h"
#include "sim/apiserver/http.h"
#include "sim/apiserver/select.h"
#include "sim/apiserver/table.h"
#include "sim/apiserver/view.h"

enum { BOOKMARK_EVERY_MS = 5000, BACKLOG_MAX = 128 << 20 };

/* An event that a fault makes late. */
struct delayed {
    struct evbuffer *bytes;
    int64_t due_ms;
    struct delayed *next;
};

struct watcher {
    struct watcher *next;
    struct request *q;
    struct selector *sel;
    struct collection *items;
    uint64_t sent_rv;    /* everything up to here has been looked at */
    bool bookmarks;
    bool columns_sent;
    bool hopeless;       /* the client does not read: to be cut by the timer */
    bool ends;           /* its time is over: nothing more is sent */
    bool was_flushed;    /* ... and a pass ago nothing was left to send */
    int64_t ends_ms;
    struct loop_timer *timer;
    struct loop_timer *late_timer;
    struct delayed *late;
};

/* ---- life and death ---- */

static void watcher_free(struct watcher *w)
{
    for (struct watcher **p = &w->q->s->watchers; *p; p = &(*p)->next)
        if (*p == w) {
            *p = w->next;
            break;
        }
    for (struct delayed *d = w->late, *next; d; d = next) {
        next = d->next;
        evbuffer_free(d->bytes);
        free(d);
    }
    loop_timer_free(w->timer);
    loop_timer_free(w->late_timer);
    selector_free(w->sel);
    free(w);
}

static void on_gone(struct evhttp_connection *con, void *arg)
{
    struct watcher *w = arg;
    struct request *q = w->q;

    (void)con;
    watcher_free(w);
    http_forget(q);
}

static struct evhttp_connection *connection_of(struct watcher *w)
{
    return evhttp_request_get_connection(w->q->ev);
}

static void watcher_end(struct watcher *w)
{
    struct request *q = w->q;

    evhttp_connection_set_closecb(connection_of(w), NULL, NULL);
    watcher_free(w);
    evhttp_send_reply_end(q->ev);
    request_free(q);
}

static void watcher_cut(struct watcher *w)
{
    struct request *q = w->q;

    evhttp_connection_set_closecb(connection_of(w), NULL, NULL);
    watcher_free(w);
    http_drop(q);
}

/*
 * Of a write over TLS libevent tells after other callbacks have run (bufferevent_openssl.c, do_write). An end that is
 * added between the two is taken for what was written: evhttp stops writing, and the client never sees it. So it is
 * added only when nothing has been left to send for a whole pass.
 */
static void end_when_flushed(struct watcher *w)
{
    struct bufferevent *b = evhttp_connection_get_bufferevent(connection_of(w));
    bool flushed = evbuffer_get_length(bufferevent_get_output(b)) == 0;

    w->ends = true;
    if (flushed && w->was_flushed) {
        watcher_end(w);
        return;
    }
    w->was_flushed = flushed;
    loop_timer_set(w->timer, flushed ? 0 : 1);
}

int watch_drop_all(struct server *s, const char *path_prefix)
{
    int n = 0;

    for (struct watcher *w = s->watchers, *next; w; w = next) {
        next = w->next;
        if (path_prefix && !str_has_prefix(w->q->path, path_prefix))
            continue;
        watcher_cut(w);
        n++;
    }
    return n;
}

void watch_end_resource(struct server *s, const struct resource *res)
{
    for (struct watcher *w = s->watchers, *next; w; w = next) {
        next = w->next;
        if (w->q->res == res)
            end_when_flushed(w);
    }
}

/* ---- bytes ---- */

static void flush_late(void *arg)
{
    struct watcher *w = arg;
    int64_t now = loop_now_ms();

    while (w->late && w->late->due_ms <= now) {
        struct delayed *d = w->late;

        w->late = d->next;
        evhttp_send_reply_chunk(w->q->ev, d->bytes);
        evbuffer_free(d->bytes);
        free(d);
    }
    if (w->late)
        loop_timer_set(w->late_timer, w->late->due_ms - now);
}

/* Order is kept: what follows a late event is late too. */
static void send_delayed(struct watcher *w, struct evbuffer *bytes, int64_t delay_ms)
{
    struct delayed *d = xcalloc(1, sizeof(*d)), **p = &w->late;

    d->bytes = bytes;
    d->due_ms = loop_now_ms() + delay_ms;
    while (*p) {
        if ((*p)->due_ms > d->due_ms)
            d->due_ms = (*p)->due_ms;
        p = &(*p)->next;
    }
    *p = d;
    if (!w->late_timer)
        w->late_timer = loop_timer_new(w->q->s->loop, flush_late, w);
    loop_timer_set(w->late_timer, w->late->due_ms - loop_now_ms());
}

static bool is_stuck(struct watcher *w)
{
    struct bufferevent *b = evhttp_connection_get_bufferevent(connection_of(w));

    if (!w->hopeless && evbuffer_get_length(bufferevent_get_output(b)) > BACKLOG_MAX) {
        w->hopeless = true;
        loop_timer_set(w->timer, 0);
    }
    return w->hopeless;
}

static void send_bytes(struct watcher *w, struct evbuffer *bytes)
{
    int64_t delay = faults_event_delay(w->q->s->faults, w->q->path, w->q->user_agent);

    if (delay > 0 || (delay == 0 && w->late)) {
        send_delayed(w, bytes, delay);
        return;
    }
    if (delay == 0 && !is_stuck(w))
        evhttp_send_reply_chunk(w->q->ev, bytes);
    evbuffer_free(bytes);
}

static void unref_text(const void *data, size_t len, void *arg)
{
    (void)data;
    (void)len;
    object_unref(arg);
}

static void send_tree(struct watcher *w, const char *type, const cJSON *obj)
{
    struct evbuffer *b = evbuffer_new();
    AUTO_FREE char *text = json_print(obj);

    evbuffer_add_printf(b, "{\"type\":\"%s\",\"object\":", type);
    evbuffer_add(b, text, strlen(text));
    evbuffer_add(b, "}\n", 2);
    send_bytes(w, b);
}

static void send_form(struct watcher *w, const char *type, struct object *o)
{
    AUTO_JSON cJSON *tree = view_tree(w->q->res, o);
    AUTO_JSON cJSON *shown = table_object(w->q->res, tree, w->q->form, !w->columns_sent);

    w->columns_sent = true;
    send_tree(w, type, shown);
}

static void send_object(struct watcher *w, const char *type, struct object *o)
{
    struct evbuffer *b;
    AUTO_JSON cJSON *tree = NULL;

    if (w->q->form != FORM_PLAIN) {
        send_form(w, type, o);
        return;
    }
    if (!view_is_stored(w->q->res, o)) {
        tree = view_tree(w->q->res, o);
        send_tree(w, type, tree);
        return;
    }
    b = evbuffer_new();
    evbuffer_add_printf(b, "{\"type\":\"%s\",\"object\":", type);
    object_text(o);
    evbuffer_add_reference(b, o->text, o->text_len, unref_text, object_ref(o));
    evbuffer_add(b, "}\n", 2);
    send_bytes(w, b);
}

static void send_bookmark(struct watcher *w, bool initial_end)
{
    AUTO_JSON cJSON *o = json_new_obj();
    AUTO_FREE char *api_version = resource_api_version(w->q->res);
    cJSON *meta;

    json_str(o, "kind", w->q->res->kind);
    json_str(o, "apiVersion", api_version);
    meta = json_obj(o, "metadata");
    json_fmt(meta, "resourceVersion", "%llu", (unsigned long long)w->sent_rv);
    if (initial_end)
        json_str(json_obj(meta, "annotations"), "k8s.io/initial-events-end", "true");
    if (w->q->form == FORM_PLAIN) {
        send_tree(w, "BOOKMARK", o);
    } else {
        AUTO_JSON cJSON *shown = table_object(w->q->res, o, w->q->form, false);

        send_tree(w, "BOOKMARK", shown);
    }
}

static void send_expired(struct watcher *w, uint64_t rv)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    AUTO_JSON cJSON *status = NULL;

    refuse(&r, 410, "Expired", "too old resource version: %llu (%llu)", (unsigned long long)rv,
           (unsigned long long)w->items->compacted_rv);
    status = refusal_status(&r);
    send_tree(w, "ERROR", status);
}

/* ---- which events ---- */

static bool in_scope(const struct watcher *w, const struct object *o)
{
    size_t n;

    if (!w->q->ns)
        return true;
    n = strlen(w->q->ns);
    return strncmp(o->key, w->q->ns, n) == 0 && o->key[n] == '/';
}

/* What left a selector is shown as it was when it still matched, with the version of its leaving. */
static void send_left(struct watcher *w, const struct logged *ev)
{
    AUTO_JSON cJSON *was = view_tree(w->q->res, ev->prev);

    json_fmt(json_obj(was, "metadata"), "resourceVersion", "%llu", (unsigned long long)ev->rv);
    if (w->q->form != FORM_PLAIN) {
        AUTO_JSON cJSON *shown = table_object(w->q->res, was, w->q->form, !w->columns_sent);

        w->columns_sent = true;
        send_tree(w, "DELETED", shown);
    } else {
        send_tree(w, "DELETED", was);
    }
}

static void deliver(struct watcher *w, const struct logged *ev)
{
    bool was, is;

    w->sent_rv = ev->rv;
    if (!in_scope(w, ev->obj))
        return;
    was = ev->prev && selector_fits(w->sel, ev->prev->tree);
    is = ev->change != CHANGE_DELETED && selector_fits(w->sel, ev->obj->tree);
    if (was && is)
        send_object(w, "MODIFIED", ev->obj);
    else if (is)
        send_object(w, "ADDED", ev->obj);
    else if (was && ev->change == CHANGE_DELETED)
        send_object(w, "DELETED", ev->obj);
    else if (was)
        send_left(w, ev);
}

void watch_broadcast(void *arg, struct collection *c, const struct logged *ev)
{
    struct server *s = arg;

    for (struct watcher *w = s->watchers, *next; w; w = next) {
        next = w->next;
        if (w->items == c && !w->ends)
            deliver(w, ev);
    }
}

static void send_present(struct watcher *w)
{
    size_t first, n = collection_range(w->items, w->q->ns, &first);

    for (size_t i = first; i < first + n; i++)
        if (selector_fits(w->sel, w->items->items[i]->tree))
            send_object(w, "ADDED", w->items->items[i]);
    w->sent_rv = store_rv(w->q->s->store);
}

static void send_since(struct watcher *w, uint64_t rv)
{
    for (size_t i = 0; i < w->items->log_n; i++) {
        const struct logged *ev = collection_log(w->items, i);

        if (ev->rv > rv)
            deliver(w, ev);
    }
    w->sent_rv = store_rv(w->q->s->store);
}

/* ---- the start ---- */

static void on_timer(void *arg)
{
    struct watcher *w = arg;

    if (w->hopeless) {
        watcher_cut(w);
        return;
    }
    if (w->ends || loop_now_ms() >= w->ends_ms) {
        end_when_flushed(w);
        return;
    }
    if (w->bookmarks) {
        w->sent_rv = store_rv(w->q->s->store);
        send_bookmark(w, false);
    }
    loop_timer_set(w->timer, w->ends_ms - loop_now_ms() < BOOKMARK_EVERY_MS ? w->ends_ms - loop_now_ms()
                                                                              : BOOKMARK_EVERY_MS);
}

static bool query_true(const struct request *q, const char *key)
{
    const char *v = request_query(q, key);

    return str_eq(v, "true") || str_eq(v, "1");
}

static int check_options(struct request *q, int64_t *rv, struct refusal *r)
{
    const char *match = request_query(q, "resourceVersionMatch"), *text = request_query(q, "resourceVersion");
    bool initial = request_query(q, "sendInitialEvents") != NULL;

    *rv = -1;
    if (!str_empty(text) && !str_to_int(text, 0, INT64_MAX, rv))
        return refuse(r, 500, "", "resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing \"%s\": invalid "
                      "syntax", text, text);
    if (initial && !str_eq(match, "NotOlderThan"))
        refusal_cause(r, "FieldValueForbidden", "resourceVersionMatch",
                      "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    if (!initial && !str_empty(match))
        refusal_cause(r, "FieldValueForbidden", "resourceVersionMatch",
                      "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    return refusal_invalid(r, "meta.k8s.io", "ListOptions", "");
}

static struct watcher *watcher_new(struct request *q, struct selector *sel)
{
    struct watcher *w = xcalloc(1, sizeof(*w));
    int64_t timeout_s = 1800;
    const char *t = request_query(q, "timeoutSeconds");

    if (t && !str_to_int(t, 0, 86400, &timeout_s))
        timeout_s = 1800;
    if (timeout_s == 0)
        timeout_s = 1800;
    w->q = q;
    w->sel = sel;
    w->items = q->res->items;
    w->bookmarks = query_true(q, "allowWatchBookmarks");
    w->ends_ms = loop_now_ms() + timeout_s * 1000;
    w->next = q->s->watchers;
    q->s->watchers = w;
    w->timer = loop_timer_new(q->s->loop, on_timer, w);
    loop_timer_set(w->timer, timeout_s * 1000 < BOOKMARK_EVERY_MS ? timeout_s * 1000 : BOOKMARK_EVERY_MS);
    evhttp_connection_set_closecb(connection_of(w), on_gone, w);
    evhttp_add_header(evhttp_request_get_output_headers(q->ev), "Content-Type", "application/json");
    evhttp_send_reply_start(q->ev, 200, "OK");
    return w;
}

static void begin(struct watcher *w, int64_t rv)
{
    bool initial = query_true(w->q, "sendInitialEvents");
    bool no_initial = request_query(w->q, "sendInitialEvents") && !initial;

    if (initial || (rv <= 0 && !no_initial)) {
        send_present(w);
        if (initial && w->bookmarks)
            send_bookmark(w, true);
        return;
    }
    if (rv > 0 && (uint64_t)rv < w->items->compacted_rv) {
        send_expired(w, (uint64_t)rv);
        watcher_end(w);
        return;
    }
    send_since(w, rv > 0 ? (uint64_t)rv : store_rv(w->q->s->store));
}

void watch_start(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    struct selector *sel = NULL;
    AUTO_FREE char *fields = NULL;
    const char *asked = request_query(q, "fieldSelector");
    int64_t rv;

    fields = q->name ? xasprintf("metadata.name=%s%s%s", q->name, asked ? "," : "", asked ? asked : "")
                     : xstrdup(asked ? asked : "");
    if (check_options(q, &rv, &r) < 0 ||
        selector_parse(request_query(q, "labelSelector"), fields, q->res, &sel, &r) < 0) {
        reply_refusal(q, &r);
        return;
    }
    faults_count(q->s->faults, q, 200);
    begin(watcher_new(q, sel), rv);
}
