#include "sim/controllers/discover.h"

#include <string.h>

#include "base/log.h"
#include "base/str.h"

enum { DEBOUNCE_MS = 200, RETRY_MS = 2000 };

struct discover {
    struct runner *r;
    struct loop_timer *timer;
    bool seen[KINDS_MAX];
    int n_out;
    bool failed;
    bool once_more;
};

static void ask(struct discover *d, char *path, void (*fn)(void *arg, const struct kube_reply *reply))
{
    struct kube_request req = { .lane = KUBE_LANE_MAIN, .method = "GET", .path = path };

    d->n_out++;
    kube_send(runner_kube(d->r), &req, fn, d);
    free(path);
}

/* What is gone from a complete discovery is gone from the server. */
static void finish(struct discover *d)
{
    if (--d->n_out > 0)
        return;
    if (d->failed) {
        loop_timer_set(d->timer, RETRY_MS);
        return;
    }
    for (int kind = N_BUILTIN_KINDS; kind < runner_kinds(d->r)->n; kind++)
        if (!d->seen[kind] && runner_is_watched(d->r, kind))
            runner_unwatch(d->r, kind);
    runner_discovered(d->r);
    if (d->once_more)
        loop_timer_set(d->timer, DEBOUNCE_MS);
    d->once_more = false;
}

static bool has_verb(const cJSON *resource, const char *verb)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, json_member(resource, "verbs"))
        if (str_eq(cJSON_GetStringValue(v), verb))
            return true;
    return false;
}

static void take_resource(struct discover *d, const char *api, const cJSON *resource)
{
    const char *plural = json_get_str(resource, "name"), *name = json_get_str(resource, "kind");
    int kind;

    if (!plural || !name || strchr(plural, '/') || !strcmp(plural, "events"))
        return;
    if (!has_verb(resource, "list") || !has_verb(resource, "watch") || !has_verb(resource, "delete"))
        return;
    kind = kinds_add(runner_kinds(d->r), api, plural, name, json_get_bool(resource, "namespaced", false));
    if (kind < 0)
        return;
    d->seen[kind] = true;
    runner_watch(d->r, kind);
}

static void on_resources(void *arg, const struct kube_reply *reply)
{
    struct discover *d = arg;
    const char *api = json_get_str(reply->body, "groupVersion");
    const cJSON *resource;

    d->failed |= reply->err.kind != ERR_NONE && reply->err.kind != ERR_ABSENT;
    if (reply->err.kind == ERR_NONE && api)
        cJSON_ArrayForEach(resource, json_member(reply->body, "resources"))
            take_resource(d, api, resource);
    finish(d);
}

static void on_groups(void *arg, const struct kube_reply *reply)
{
    struct discover *d = arg;
    const cJSON *group;

    if (reply->err.kind != ERR_NONE) {
        log_warn("discovery", F("error", reply->err.msg));
        d->failed = true;
    }
    cJSON_ArrayForEach(group, json_member(reply->body, "groups"))
    {
        const char *api = json_get_str(group, "preferredVersion.groupVersion");

        if (api && reply->err.kind == ERR_NONE)
            ask(d, xasprintf("/apis/%s", api), on_resources);
    }
    finish(d);
}

static void on_timer(void *arg)
{
    struct discover *d = arg;

    memset(d->seen, 0, sizeof(d->seen));
    d->failed = false;
    ask(d, xstrdup("/api/v1"), on_resources);
    ask(d, xstrdup("/apis"), on_groups);
}

struct discover *discover_new(struct runner *r)
{
    struct discover *d = xcalloc(1, sizeof(*d));

    d->r = r;
    d->timer = loop_timer_new(runner_loop(r), on_timer, d);
    loop_timer_set(d->timer, 0);
    return d;
}

void discover_free(struct discover *d)
{
    if (!d)
        return;
    loop_timer_free(d->timer);
    free(d);
}

void discover_again(struct discover *d)
{
    if (d->n_out)
        d->once_more = true;
    else
        loop_timer_set(d->timer, DEBOUNCE_MS);
}
