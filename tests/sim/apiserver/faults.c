#include "sim/apiserver/faults.h"

#include <fnmatch.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "sim/apiserver/http.h"
#include "sim/apiserver/watch.h"

struct rule {
    int64_t id;
    cJSON *doc;
    int64_t left;   /* -1: for ever */
    int64_t skip;
    int64_t hits;
    int64_t writes; /* seen by pauseAfterWrites */
    struct rule *next;
};

struct count {
    char *verb, *resource, *agent;
    int code;
    int64_t n, unchanged;
};

struct faults {
    struct rule *rules;
    struct map *counts;
    int64_t last_id;
};

struct faults *faults_new(void)
{
    struct faults *f = xcalloc(1, sizeof(*f));

    f->counts = map_new();
    return f;
}

static void count_free(void *p)
{
    struct count *c = p;

    free(c->verb);
    free(c->resource);
    free(c->agent);
    free(c);
}

static void rule_free(struct rule *r)
{
    cJSON_Delete(r->doc);
    free(r);
}

static bool remove_rules(struct faults *f, int64_t id)
{
    bool any = id < 0;

    for (struct rule **p = &f->rules; *p;) {
        struct rule *r = *p;

        if (id >= 0 && r->id != id) {
            p = &r->next;
            continue;
        }
        *p = r->next;
        rule_free(r);
        any = true;
    }
    return any;
}

void faults_free(struct faults *f)
{
    if (!f)
        return;
    remove_rules(f, -1);
    map_free(f->counts, count_free);
    free(f);
}

/* ---- matching ---- */

static bool path_matches(const char *pattern, const char *path)
{
    return strchr(pattern, '*') ? fnmatch(pattern, path, 0) == 0 : str_has_prefix(path, pattern);
}

struct what {
    const char *method, *verb, *path, *agent;
};

static bool rule_matches(const struct rule *r, const struct what *w)
{
    const cJSON *m = json_member(r->doc, "match");
    const char *method = json_get_str(m, "method"), *verb = json_get_str(m, "verb"), *path = json_get_str(m, "path");
    const char *not_path = json_get_str(m, "notPath"), *agent = json_get_str(m, "userAgent");

    return (!method || str_eq(method, w->method)) && (!verb || str_eq(verb, w->verb)) &&
           (!path || path_matches(path, w->path)) && (!not_path || !path_matches(not_path, w->path)) &&
           (!agent || str_has_prefix(w->agent, agent));
}

/* Counts a hit; false when the rule skips this one or is used up. */
static bool rule_hits(struct rule *r)
{
    if (r->skip > 0) {
        r->skip--;
        return false;
    }
    if (r->left == 0)
        return false;
    if (r->left > 0)
        r->left--;
    r->hits++;
    return true;
}

static bool is_write(const struct request *q)
{
    return strcmp(q->method, "GET") != 0 && strcmp(q->method, "HEAD") != 0;
}

/* ---- requests ---- */

static void answer_status(struct request *q, const cJSON *doc)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    int code = (int)json_get_int(doc, "status", 500);
    const char *message = json_get_str(doc, "message");

    r.retry_after_s = (int)json_get_int(doc, "retryAfter", 0);
    refuse(&r, code, refusal_reason(code), "%s", message ? message : "as asked for by a fault");
    reply_refusal(q, &r);
}

/* True when the request is gone. */
static bool pause_writes(struct request *q, struct rule *r)
{
    int64_t n = json_get_int(r->doc, "pauseAfterWrites", 0);

    if (!is_write(q))
        return false;
    r->writes++;
    if (r->writes == n)
        q->hold_ms = -1;
    if (r->writes <= n)
        return false;
    http_hold(q);
    return true;
}

static bool run_rule(struct request *q, struct rule *r)
{
    const char *drop = json_get_str(r->doc, "drop");

    if (json_has(r->doc, "pauseAfterWrites"))
        return pause_writes(q, r);
    if (json_has(r->doc, "latencyMs"))
        q->hold_ms = json_get_int(r->doc, "latencyMs", 0);
    if (json_get_bool(r->doc, "freeze", false)) {
        http_hold(q);
        return true;
    }
    if (str_eq(drop, "before")) {
        http_drop(q);
        return true;
    }
    q->drop_after = q->drop_after || str_eq(drop, "after");
    if (json_has(r->doc, "status")) {
        answer_status(q, r->doc);
        return true;
    }
    return false;
}

static bool is_for_events(const cJSON *doc)
{
    return json_has(doc, "delayEventsMs") || json_has(doc, "dropEvents");
}

bool faults_before(struct request *q)
{
    struct what w = { q->method, q->verb, q->path, q->user_agent };

    for (struct rule *r = q->s->faults->rules; r; r = r->next)
        if (!is_for_events(r->doc) && rule_matches(r, &w) && rule_hits(r) && run_rule(q, r))
            return true;
    return false;
}

int64_t faults_event_delay(struct faults *f, const char *path, const char *user_agent)
{
    struct what w = { "GET", "watch", path, user_agent };

    for (struct rule *r = f->rules; r; r = r->next)
        if (is_for_events(r->doc) && rule_matches(r, &w) && rule_hits(r))
            return json_get_bool(r->doc, "dropEvents", false) ? -1 : json_get_int(r->doc, "delayEventsMs", 0);
    return 0;
}

/* ---- counts ---- */

void faults_count(struct faults *f, const struct request *q, int code)
{
    AUTO_FREE char *full = q->res ? resource_name(q->res) : xstrdup("-");
    AUTO_FREE char *resource = xasprintf("%s%s%s", full, q->res && q->sub ? "/" : "", q->res && q->sub ? q->sub : "");
    int agent_len = (int)strcspn(q->user_agent, " ");
    AUTO_FREE char *key = xasprintf("%s %s %d %.*s", q->verb ? q->verb : "-", resource, code, agent_len, q->user_agent);
    struct count *c = map_get(f->counts, key);

    if (!q->verb)
        return;
    if (!c) {
        c = xcalloc(1, sizeof(*c));
        c->verb = xstrdup(q->verb);
        c->resource = xstrdup(resource);
        c->agent = xstrndup(q->user_agent, (size_t)agent_len);
        c->code = code;
        map_put(f->counts, key, c);
    }
    c->n++;
    c->unchanged += q->unchanged;
}

static bool is_excluded(const char *list, const char *resource)
{
    size_t plural = strcspn(resource, "./");

    while (list && *list) {
        size_t n = strcspn(list, ",");

        if (n == plural && strncmp(list, resource, n) == 0)
            return true;
        list += n + (list[n] == ',');
    }
    return false;
}

static cJSON *counts_doc(const struct request *q)
{
    const char *agent = request_query(q, "userAgent"), *exclude = request_query(q, "exclude");
    cJSON *doc = json_new_obj(), *rows = json_arr(doc, "rows");
    int64_t total = 0, writes = 0;

    for (struct map_iter i = map_first(q->s->faults->counts); i.key; map_next(&i)) {
        const struct count *c = i.value;
        bool write = strcmp(c->verb, "get") && strcmp(c->verb, "list") && strcmp(c->verb, "watch");
        cJSON *row;

        if ((agent && !str_has_prefix(c->agent, agent)) || is_excluded(exclude, c->resource))
            continue;
        row = json_push_obj(rows);
        json_str(row, "verb", c->verb);
        json_str(row, "resource", c->resource);
        json_str(row, "userAgent", c->agent);
        json_int(row, "code", c->code);
        json_int(row, "count", c->n);
        json_int(row, "unchanged", c->unchanged);
        total += c->n;
        writes += write ? c->n : 0;
    }
    json_int(doc, "total", total);
    json_int(doc, "writes", writes);
    return doc;
}

static void counts_reset(struct faults *f)
{
    map_free(f->counts, count_free);
    f->counts = map_new();
}

/* ---- the endpoints ---- */

static void run_once(struct request *q, const cJSON *doc)
{
    if (json_get_bool(doc, "dropWatches", false))
        watch_drop_all(q->s, json_get_str(doc, "match.path"));
    if (json_get_bool(doc, "compact", false))
        store_compact(q->s->store);
}

static int64_t add_rule(struct request *q, const cJSON *doc)
{
    struct faults *f = q->s->faults;
    struct rule *r, **end = &f->rules;

    run_once(q, doc);
    if (json_has(doc, "dropWatches") || json_has(doc, "compact"))
        return 0;
    r = xcalloc(1, sizeof(*r));
    r->id = ++f->last_id;
    r->doc = json_dup(doc);
    r->left = json_get_int(doc, "count", -1);
    r->skip = json_get_int(doc, "skip", 0);
    while (*end)
        end = &(*end)->next;
    *end = r;
    return r->id;
}

static void serve_add(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    AUTO_JSON cJSON *body = NULL;
    cJSON *doc, *ids;
    const cJSON *one;

    if (request_body(q, &body, &r) < 0) {
        reply_refusal(q, &r);
        return;
    }
    doc = json_new_obj();
    ids = json_arr(doc, "ids");
    if (cJSON_IsArray(body))
        cJSON_ArrayForEach(one, body)
            json_push(ids, cJSON_CreateNumber((double)add_rule(q, one)));
    else
        json_push(ids, cJSON_CreateNumber((double)add_rule(q, body)));
    reply_json(q, 201, doc);
}

static void serve_rules(struct request *q)
{
    cJSON *doc = json_new_obj(), *rules = json_arr(doc, "rules");

    for (struct rule *r = q->s->faults->rules; r; r = r->next) {
        cJSON *o = json_push_obj(rules);

        json_int(o, "id", r->id);
        json_int(o, "hits", r->hits);
        json_int(o, "left", r->left);
        json_put_dup(o, "rule", r->doc);
        if (json_has(r->doc, "pauseAfterWrites")) {
            json_int(o, "writes", r->writes);
            json_bool(o, "paused", r->writes >= json_get_int(r->doc, "pauseAfterWrites", 0));
        }
    }
    reply_json(q, 200, doc);
}

static void serve_remove(struct request *q)
{
    const char *id = q->path + strlen("/sim/faults");
    int64_t n = -1;

    if (*id == '/' && !str_to_int(id + 1, 0, INT64_MAX, &n))
        n = 0;
    reply_json(q, remove_rules(q->s->faults, n) ? 200 : 404, json_new_obj());
}

bool faults_serve(struct request *q)
{
    if (!str_has_prefix(q->path, "/sim/"))
        return false;
    if (str_eq(q->path, "/sim/counts")) {
        reply_json(q, 200, counts_doc(q));
    } else if (str_eq(q->path, "/sim/counts/reset")) {
        counts_reset(q->s->faults);
        reply_json(q, 200, json_new_obj());
    } else if (str_has_prefix(q->path, "/sim/faults") && str_eq(q->method, "POST")) {
        serve_add(q);
    } else if (str_has_prefix(q->path, "/sim/faults") && str_eq(q->method, "DELETE")) {
        serve_remove(q);
    } else if (str_eq(q->path, "/sim/faults")) {
        serve_rules(q);
    } else {
        reply_json(q, 404, json_new_obj());
    }
    return true;
}
