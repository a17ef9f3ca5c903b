/*
 * The garbage collector: what belongs to nobody any more goes; foreground and
 * orphan deletion. Source: kubernetes pkg/controller/garbagecollector.
 *
 * Keys are "KIND/ns/name", KIND the number. That an owner is absent is believed
 * when its deletion was seen, or when the server says so: a watch may be late.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "sim/controllers/items.h"
#include "sim/controllers/sync.h"

enum { LOOK_AGAIN_MS = 5000 }; /* at an owner that only the server knows */

static const char absent[] = "absent", present[] = "present";

/* The state: a map from uid to one of the two words above. */
static void *gc_new_state(void)
{
    return map_new();
}

static void gc_free_state(void *state)
{
    map_free(state, NULL);
}

static void add_item(const cJSON *o, int kind, struct workq *q)
{
    AUTO_FREE char *item = item_key(o);
    AUTO_FREE char *key = xasprintf("%d/%s", kind, item);

    workq_add(q, key);
}

/* How many there are. */
static size_t add_dependents(const struct scene *scene, const cJSON *owner, struct workq *q)
{
    AUTO_LIST struct list all = { 0 };

    scene_list_owned(scene, -1, item_uid(owner), &all);
    for (size_t i = 0; i < all.n; i++)
        add_item(all.items[i], scene_kind_of(scene, all.items[i]), q);
    return all.n;
}

static void add_owners(const struct change *c, struct workq *q)
{
    const cJSON *ref, *owner;
    int kind;

    cJSON_ArrayForEach(ref, json_at(c->old, "metadata.ownerReferences"))
    {
        owner = json_get_str(ref, "uid") ? scene_get_uid(c->scene, json_get_str(ref, "uid"), &kind) : NULL;
        if (owner && item_is_deleting(owner))
            add_item(owner, kind, q);
    }
}

static bool waits_for_dependents(const cJSON *o)
{
    return item_is_deleting(o) && item_has_finalizer(o, "foregroundDeletion");
}

static void gc_on_change(void *state, const struct change *c, struct workq *q)
{
    add_owners(c, q);
    if (!c->now) {
        if (add_dependents(c->scene, c->old, q))
            map_put(state, item_uid(c->old), (void *)absent);
        return;
    }
    if (c->old && !str_eq(item_uid(c->old), item_uid(c->now)) /* deleted and made again, in one event */
        && add_dependents(c->scene, c->old, q))
        map_put(state, item_uid(c->old), (void *)absent);
    if (!c->old || waits_for_dependents(c->now))
        add_dependents(c->scene, c->now, q);
    if (json_count(json_at(c->now, "metadata.ownerReferences")) ||
        (item_is_deleting(c->now) && json_count(json_at(c->now, "metadata.finalizers"))))
        add_item(c->now, c->kind, q);
}

static void remove_finalizer(struct sync *s, int kind, const cJSON *o, const char *name)
{
    cJSON *patch = json_new_obj(), *left = json_arr(json_obj(patch, "metadata"), "finalizers");
    const cJSON *f;

    cJSON_ArrayForEach(f, json_at(o, "metadata.finalizers"))
        if (!str_eq(cJSON_GetStringValue(f), name))
            json_push(left, json_dup(f));
    calls_patch_exact(&s->out, kind, o, NULL, patch);
}

static void orphan_dependents(struct sync *s, int kind, const cJSON *o)
{
    AUTO_LIST struct list all = { 0 };

    scene_list_owned(s->scene, -1, item_uid(o), &all);
    for (size_t i = 0; i < all.n; i++)
        calls_release(&s->out, scene_kind_of(s->scene, all.items[i]), all.items[i], item_uid(o));
    if (all.n == 0)
        remove_finalizer(s, kind, o, "orphan");
}

static bool blocks(const cJSON *o, const char *owner_uid)
{
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(o, "metadata.ownerReferences"))
        if (str_eq(json_get_str(ref, "uid"), owner_uid))
            return json_get_bool(ref, "blockOwnerDeletion", false);
    return false;
}

static void delete_dependents_first(struct sync *s, int kind, const cJSON *o)
{
    AUTO_LIST struct list all = { 0 };
    size_t n_blocking = 0;

    scene_list_owned(s->scene, -1, item_uid(o), &all);
    for (size_t i = 0; i < all.n; i++)
        n_blocking += blocks(all.items[i], item_uid(o)); /* they see to themselves, by their own keys */
    if (n_blocking == 0)
        remove_finalizer(s, kind, o, "foregroundDeletion");
}

enum owner { OWNER_SOLID, OWNER_DANGLING, OWNER_WAITING, OWNER_UNKNOWN };

static enum owner ask_server(struct sync *s, const cJSON *o, const cJSON *ref)
{
    const char *api = json_get_str(ref, "apiVersion"), *name = json_get_str(ref, "name");
    int kind = kinds_find(scene_kinds_of(s->scene), api, json_get_str(ref, "kind"));
    bool namespaced = kind >= 0 && scene_kind(s->scene, kind)->namespaced;

    if (kind < 0 || !name || (namespaced && !*item_ns(o))) { /* a type that may come to be known */
        calls_again(&s->out, LOOK_AGAIN_MS);
        return OWNER_SOLID;
    }
    calls_get(&s->out, kind, namespaced ? item_ns(o) : NULL, name, json_get_str(ref, "uid"));
    return OWNER_UNKNOWN;
}

static enum owner judge_owner(struct sync *s, const cJSON *o, const cJSON *ref)
{
    const char *uid = json_get_str(ref, "uid");
    const cJSON *owner = uid ? scene_get_uid(s->scene, uid, NULL) : NULL;
    const char *verdict = uid ? map_get(s->state, uid) : absent;

    if (owner)
        return waits_for_dependents(owner) ? OWNER_WAITING : OWNER_SOLID;
    if (verdict == absent)
        return OWNER_DANGLING;
    if (verdict == present) {
        map_take(s->state, uid);
        calls_again(&s->out, LOOK_AGAIN_MS);
        return OWNER_SOLID;
    }
    return ask_server(s, o, ref);
}

static const char *own_policy(const cJSON *o)
{
    if (item_has_finalizer(o, "orphan"))
        return "Orphan";
    return item_has_finalizer(o, "foregroundDeletion") ? "Foreground" : "Background";
}

static bool has_dependents(const struct sync *s, const cJSON *o)
{
    AUTO_LIST struct list all = { 0 };

    scene_list_owned(s->scene, -1, item_uid(o), &all);
    return all.n > 0;
}

static void keep_solid(struct sync *s, int kind, const cJSON *o, cJSON *solid)
{
    cJSON *patch = json_new_obj();

    json_put(json_obj(patch, "metadata"), "ownerReferences", solid);
    calls_patch_exact(&s->out, kind, o, NULL, patch);
}

static void judge_owners(struct sync *s, int kind, const cJSON *o)
{
    AUTO_JSON cJSON *solid = json_new_arr();
    int n[4] = { 0 };
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(o, "metadata.ownerReferences"))
    {
        enum owner w = judge_owner(s, o, ref);

        n[w]++;
        if (w == OWNER_SOLID)
            json_push(solid, json_dup(ref));
    }
    if (n[OWNER_UNKNOWN] || n[OWNER_DANGLING] + n[OWNER_WAITING] == 0)
        return;
    if (n[OWNER_SOLID])
        keep_solid(s, kind, o, TAKE(solid));
    else if (n[OWNER_WAITING] && has_dependents(s, o))
        calls_delete(&s->out, kind, o, "Foreground", -1);
    else
        calls_delete(&s->out, kind, o, own_policy(o), -1);
}

static void gc_sync(struct sync *s)
{
    char *rest = NULL;
    int kind = (int)strtol(s->key, &rest, 10);
    const cJSON *o = *rest == '/' ? scene_get_key(s->scene, kind, rest + 1) : NULL;

    if (!o)
        return;
    if (!item_is_deleting(o))
        judge_owners(s, kind, o);
    else if (item_has_finalizer(o, "orphan"))
        orphan_dependents(s, kind, o);
    else if (item_has_finalizer(o, "foregroundDeletion"))
        delete_dependents_first(s, kind, o);
}

static void gc_on_reply(void *state, const struct call *call, int status, const cJSON *body)
{
    bool same = status == 200 && str_eq(item_uid(body), call->key);

    if (strcmp(call->method, "GET") != 0)
        return;
    if (status == 404 || status == 200)
        map_put(state, call->key, same ? (void *)present : (void *)absent);
}

const struct controller controller_gc = {
    .name = "gc",
    .help = "garbage collection by owner references",
    .kinds = { KINDS_ALL },
    .new_state = gc_new_state,
    .free_state = gc_free_state,
    .on_change = gc_on_change,
    .sync = gc_sync,
    .on_reply = gc_on_reply,
};
