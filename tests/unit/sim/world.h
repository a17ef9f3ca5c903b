/*
 * A cluster of one scene, for tests of controllers: objects are put in as text
 * (single quotes for double ones), a controller is run once, and its calls are
 * either shown or carried out as a server would.
 */
#ifndef UNIT_SIM_WORLD_H
#define UNIT_SIM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "sim/controllers/items.h"
#include "sim/controllers/sync.h"

#define UNUSED __attribute__((unused))

struct world {
    struct scene *scene;
    int64_t now_ms;
    int64_t rv;
    void *state;
    const struct controller *state_of;
    struct sync_options opts;
    struct buf text; /* of the last calls */
    struct calls calls; /* the last ones */
};

static UNUSED void world_init(struct world *w)
{
    *w = (struct world){ .scene = scene_new(), .now_ms = 1767225600000, .rv = 100 };
    w->opts = (struct sync_options){ 6000, 300, 1000 };
    calls_init(&w->calls, w->scene);
    buf_init(&w->text, 1 << 20);
}

static UNUSED void world_done(struct world *w)
{
    calls_done(&w->calls);
    if (w->state)
        w->state_of->free_state(w->state);
    scene_free(w->scene);
    buf_done(&w->text);
}

static UNUSED cJSON *from_text(const char *text)
{
    AUTO_FREE char *copy = xstrdup(text);
    struct err e = { 0 };
    cJSON *v = NULL;

    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    if (json_parse(copy, strlen(copy), &v, &e) < 0)
        fail_msg("%s in %s", e.msg, copy);
    return v;
}

/* Gives the object what a server gives it. */
static UNUSED const cJSON *world_put_obj(struct world *w, int kind, cJSON *o)
{
    cJSON *meta = json_obj(o, "metadata"), *old = NULL;
    AUTO_FREE char *key = NULL;
    char now[32];

    w->rv++;
    time_to_text(w->now_ms, now);
    if (!json_has(meta, "name"))
        json_fmt(meta, "name", "%s%05lld", json_get_str(meta, "generateName"), (long long)w->rv);
    if (scene_kind(w->scene, kind)->namespaced && !json_has(meta, "namespace"))
        json_str(meta, "namespace", "a");
    if (!json_has(meta, "uid"))
        json_fmt(meta, "uid", "uid-%lld", (long long)w->rv);
    if (!json_has(meta, "creationTimestamp"))
        json_str(meta, "creationTimestamp", now);
    if (!json_has(meta, "generation"))
        json_int(meta, "generation", 1);
    json_fmt(meta, "resourceVersion", "%lld", (long long)w->rv);
    key = item_key(o);
    assert_true(scene_put(w->scene, kind, o, SCENE_WATCH, &old));
    cJSON_Delete(old);
    return scene_get_key(w->scene, kind, key);
}

static UNUSED const cJSON *world_put(struct world *w, int kind, const char *text)
{
    return world_put_obj(w, kind, from_text(text));
}

static UNUSED void merge(cJSON *into, const cJSON *patch)
{
    const cJSON *m;

    cJSON_ArrayForEach(m, patch)
    {
        if (cJSON_IsNull(m))
            json_del(into, m->string);
        else if (cJSON_IsObject(m))
            merge(json_obj(into, m->string), m);
        else
            json_put_dup(into, m->string, m);
    }
}

static UNUSED void world_merge(struct world *w, int kind, const char *key, const cJSON *patch)
{
    cJSON *o = json_dup(scene_get_key(w->scene, kind, key));

    if (!o)
        return;
    merge(o, patch);
    if (json_has(patch, "spec"))
        json_int(json_obj(o, "metadata"), "generation", json_get_int(o, "metadata.generation", 0) + 1);
    world_put_obj(w, kind, o);
}

static UNUSED void world_patch(struct world *w, int kind, const char *key, const char *text)
{
    AUTO_JSON cJSON *patch = from_text(text);

    world_merge(w, kind, key, patch);
}

static UNUSED void world_delete(struct world *w, int kind, const char *key)
{
    cJSON_Delete(scene_drop(w->scene, kind, key, NULL));
}

/* One pass; the text of its calls. */
static UNUSED const char *world_sync(struct world *w, const struct controller *c, const char *key)
{
    struct sync s = { .scene = w->scene, .key = key, .now_ms = w->now_ms, .opts = &w->opts };

    if (c->new_state && w->state_of != c) {
        if (w->state)
            w->state_of->free_state(w->state);
        w->state = c->new_state();
        w->state_of = c;
    }
    s.state = w->state;
    calls_init(&s.out, w->scene);
    c->sync(&s);
    calls_done(&w->calls);
    w->calls = s.out;
    buf_clear(&w->text);
    calls_render(&w->calls, &w->text);
    return buf_text(&w->text);
}

/* Carries the last calls out: pods go at once when deleted. */
static UNUSED size_t world_apply(struct world *w)
{
    size_t n = w->calls.n;

    for (size_t i = 0; i < w->calls.n; i++) {
        struct call *c = &w->calls.items[i];

        if (!strcmp(c->method, "POST") && c->kind >= 0)
            world_put_obj(w, c->kind, json_dup(c->body));
        else if (!strcmp(c->method, "PATCH") && c->kind >= 0)
            world_merge(w, c->kind, c->key, c->body);
        else if (!strcmp(c->method, "DELETE"))
            world_delete(w, c->kind, c->key);
    }
    return n;
}

/* Passes until there is nothing left to do; false: it never ends. */
static UNUSED bool world_settle(struct world *w, const struct controller *c, const char *key)
{
    for (int i = 0; i < 50; i++) {
        world_sync(w, c, key);
        if (world_apply(w) == 0)
            return true;
    }
    return false;
}

static UNUSED const cJSON *world_get(struct world *w, int kind, const char *key)
{
    return scene_get_key(w->scene, kind, key);
}

static UNUSED size_t world_count(struct world *w, int kind)
{
    AUTO_LIST struct list l = { 0 };

    scene_list(w->scene, kind, &l);
    return l.n;
}

static UNUSED void world_ready(struct world *w, const char *pod_key, bool ready)
{
    char now[32], text[200];

    time_to_text(w->now_ms, now);
    snprintf(text, sizeof(text),
             "{'status':{'phase':'Running','conditions':[{'type':'Ready','status':'%s','lastTransitionTime':'%s'}]}}",
             ready ? "True" : "False", now);
    world_patch(w, KIND_POD, pod_key, text);
}

/* Every pod that is not ready becomes so, but those with this image. */
static UNUSED void world_all_ready(struct world *w, const char *but_image)
{
    AUTO_LIST struct list l = { 0 };

    scene_list(w->scene, KIND_POD, &l);
    for (size_t i = 0; i < l.n; i++) {
        AUTO_FREE char *key = item_key(l.items[i]);

        if (!pod_is_ready(l.items[i]) && !str_eq(json_get_str(l.items[i], "spec.containers.0.image"), but_image))
            world_ready(w, key, true);
    }
}

#endif
