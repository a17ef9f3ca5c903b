#include "ctrl/look.h"

#include "base/str.h"
#include "cache/pack.h"
#include "shell.h"

void ctrl_look_each(struct ctrl *c, void (*row)(void *arg, const char *key), void *arg)
{
    for (struct entry *e = cache_next(c->cache, NULL); e; e = cache_next(c->cache, e))
        if (e->packed)
            row(arg, e->key);
}

void ctrl_look_at(struct ctrl *c, const char *key)
{
    queue_add(c->queue, key, QUEUE_HIGH, loop_now_ms());
    ctrl_wake(c);
}

static cJSON *as_it_is(struct ctrl *c, const char *key)
{
    const struct entry *e = cache_get(c->cache, key);
    AUTO_FREE char *text = e && e->packed ? unpack_text(e->packed) : NULL;
    cJSON *doc = NULL;
    struct err err;

    if (!text || json_parse(text, strlen(text), &doc, &err) < 0)
        return NULL;
    return doc;
}

/* As the server would have made it. */
static cJSON *newborn(const cJSON *service)
{
    cJSON *doc = json_dup(service), *meta = json_obj(doc, "metadata");
    char now[32];

    str_rfc3339(loop_wall_ms(), false, now);
    json_str(meta, "uid", "00000000-0000-0000-0000-000000000000");
    json_str(meta, "creationTimestamp", now);
    json_int(meta, "generation", 1);
    json_del(meta, "resourceVersion");
    json_del(doc, "status");
    return doc;
}

void ctrl_look_as(struct ctrl *c, const cJSON *service)
{
    AUTO_FREE char *key = xasprintf("%s/%s", json_get_str(service, "metadata.namespace"), json_get_str(service, "metadata.name"));
    AUTO_JSON cJSON *doc = as_it_is(c, key);
    cJSON *meta;

    if (!doc) {
        doc = newborn(service);
    } else {
        meta = json_obj(doc, "metadata");
        json_del(doc, "spec");
        json_del(meta, "labels");
        json_del(meta, "annotations");
        json_put_dup(doc, "spec", json_member(service, "spec"));
        json_put_dup(meta, "labels", json_at(service, "metadata.labels"));
        json_put_dup(meta, "annotations", json_at(service, "metadata.annotations"));
    }
    cache_put_service(c->cache, doc);
}
