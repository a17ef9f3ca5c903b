/*
 * Events of events.k8s.io/v1, with series: the same reason on the same resource is one object, whose
 * count is written at once when it comes a second time, then at most every six minutes.
 * Source: client-go tools/events, event_broadcaster.go (finishTime, refreshTime 6 min).
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "kube/path.h"
#include "shell.h"

enum { SERIES_MS = 6 * 60 * 1000, SERIES_MAX = 20000 };

struct series {
    char tail[17]; /* of its name, behind the resource's */
    int64_t n;
    int64_t sent_ms, last_ms;
};

struct events {
    struct ctrl *c;
    struct map *series; /* uid/reason */
};

struct events *events_new(struct ctrl *c)
{
    struct events *e = xcalloc(1, sizeof(*e));

    *e = (struct events){ c, map_new() };
    return e;
}

void events_free(struct events *e)
{
    if (!e)
        return;
    map_free(e->series, free);
    free(e);
}

static void on_sent(void *arg, const struct kube_reply *reply)
{
    (void)arg;
    if (reply->err.kind != ERR_NONE) /* an event is a courtesy: never retried, never in the way */
        log_debug("event not written", F("error", (const char *)reply->err.msg));
}

static void put_regarding(const struct observed *o, cJSON *ev)
{
    cJSON *r = json_obj(ev, "regarding");

    json_str(r, "apiVersion", API_VERSION);
    json_str(r, "kind", API_KIND);
    json_str(r, "namespace", o->ns);
    json_str(r, "name", o->name);
    json_str(r, "uid", o->uid);
}

static char *name_of(const struct observed *o, const struct series *s)
{
    return xasprintf("%.253s.%s", o->name, s->tail);
}

/* s NULL: of all. Caller frees. */
static char *path_of(const struct observed *o, const struct series *s)
{
    AUTO_FREE char *name = s ? name_of(o, s) : NULL;

    return kube_path("/apis/events.k8s.io/v1", o->ns, "events", name, NULL);
}

static void create(struct events *e, const struct observed *o, const struct status_event *ev, struct series *s)
{
    AUTO_FREE char *path = path_of(o, NULL), *name = NULL;
    AUTO_JSON cJSON *body = json_new_obj();
    char when[32];

    str_random_hex(s->tail, 16);
    name = name_of(o, s);
    str_rfc3339(o->wall_ms, true, when);
    json_str(body, "apiVersion", "events.k8s.io/v1");
    json_str(body, "kind", "Event");
    json_str(json_obj(body, "metadata"), "name", name);
    json_str(json_obj(body, "metadata"), "namespace", o->ns);
    json_str(body, "eventTime", when);
    json_str(body, "reportingController", "everserve.dev/operator");
    json_str(body, "reportingInstance", e->c->cfg.identity);
    json_str(body, "action", ev->action);
    json_str(body, "reason", ev->reason);
    json_str(body, "type", ev->warning ? "Warning" : "Normal");
    json_str(body, "note", ev->note);
    put_regarding(o, body);
    kube_send(e->c->kube, &(struct kube_request){ .method = "POST", .path = path, .body = body }, on_sent, NULL);
}

static void count_up(struct events *e, const struct observed *o, const struct series *s)
{
    AUTO_FREE char *path = path_of(o, s);
    AUTO_JSON cJSON *body = json_new_obj();
    char when[32];

    str_rfc3339(o->wall_ms, true, when);
    json_int(json_obj(body, "series"), "count", s->n);
    json_str(json_obj(body, "series"), "lastObservedTime", when);
    kube_send(e->c->kube,
              &(struct kube_request){ .method = "PATCH", .path = path, .content_type = KUBE_MERGE_TYPE, .body = body },
              on_sent, NULL);
}

static void drop_finished(struct events *e, int64_t now_ms)
{
    for (struct map_iter i = map_first(e->series); i.key; map_next(&i))
        if (now_ms - ((struct series *)i.value)->last_ms > SERIES_MS)
            free(map_take(e->series, i.key));
}

void events_emit(struct events *e, const struct observed *o, const struct status_event *ev)
{
    AUTO_FREE char *key = xasprintf("%s/%s", o->uid, ev->reason);
    struct series *s = map_get(e->series, key);
    int64_t now_ms = o->now_ms;

    if (!ctrl_may_write(e->c))
        return;
    if (s && now_ms - s->last_ms > SERIES_MS) {
        free(map_take(e->series, key));
        s = NULL;
    }
    if (!s) {
        if (map_count(e->series) >= SERIES_MAX)
            drop_finished(e, now_ms);
        s = xcalloc(1, sizeof(*s));
        *s = (struct series){ .n = 1, .sent_ms = now_ms, .last_ms = now_ms };
        map_put(e->series, key, s);
        create(e, o, ev, s);
        return;
    }
    s->n++;
    s->last_ms = now_ms;
    if (s->n > 2 && now_ms - s->sent_ms < SERIES_MS)
        return;
    s->sent_ms = now_ms;
    count_up(e, o, s);
}
