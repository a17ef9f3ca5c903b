#include "sim/controllers/scene.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "sim/controllers/items.h"

struct entry {
    cJSON *obj;
    char *key;
    uint64_t rv;
    int kind;
    unsigned round; /* of the list in which it was last seen */
};

struct bucket {
    struct entry **items;
    size_t n;
    size_t cap;
};

struct shelf {
    struct map *by_key; /* "ns/name" -> entry */
    uint64_t seen_rv;   /* the newest that the watch has brought */
    unsigned round;
};

struct scene {
    struct kinds kinds;
    struct shelf shelves[KINDS_MAX];
    struct map *by_uid;  /* uid -> entry */
    struct map *buckets; /* "owner/UID", "orphan/KIND/NS", "ns/KIND/NS", "node/NAME" -> bucket */
};

void list_add(struct list *l, const cJSON *o)
{
    l->items = xgrow(l->items, &l->cap, l->n + 1, sizeof(*l->items));
    l->items[l->n++] = o;
}

void list_done(struct list *l)
{
    free(l->items);
    *l = (struct list){ 0 };
}

struct scene *scene_new(void)
{
    struct scene *v = xcalloc(1, sizeof(*v));

    kinds_init(&v->kinds);
    v->by_uid = map_new();
    v->buckets = map_new();
    return v;
}

static void entry_free(void *p)
{
    struct entry *e = p;

    cJSON_Delete(e->obj);
    free(e->key);
    free(e);
}

static void bucket_free(void *p)
{
    struct bucket *b = p;

    free(b->items);
    free(b);
}

void scene_free(struct scene *v)
{
    if (!v)
        return;
    for (int i = 0; i < KINDS_MAX; i++)
        map_free(v->shelves[i].by_key, entry_free);
    map_free(v->by_uid, NULL);
    map_free(v->buckets, bucket_free);
    free(v);
}

struct kinds *scene_kinds(struct scene *v)
{
    return &v->kinds;
}

const struct kinds *scene_kinds_of(const struct scene *v)
{
    return &v->kinds;
}

const struct kind *scene_kind(const struct scene *v, int kind)
{
    return &v->kinds.rows[kind];
}

uint64_t rv_number(const char *rv)
{
    return rv ? strtoull(rv, NULL, 10) : 0;
}

static void bucket_add(struct scene *v, const char *name, struct entry *e)
{
    struct bucket *b = map_get(v->buckets, name);

    if (!b) {
        b = xcalloc(1, sizeof(*b));
        map_put(v->buckets, name, b);
    }
    b->items = xgrow(b->items, &b->cap, b->n + 1, sizeof(struct entry *));
    b->items[b->n++] = e;
}

static void bucket_remove(struct scene *v, const char *name, struct entry *e)
{
    struct bucket *b = map_get(v->buckets, name);

    for (size_t i = 0; b && i < b->n; i++) {
        if (b->items[i] != e)
            continue;
        b->items[i] = b->items[--b->n];
        break;
    }
    if (b && b->n == 0)
        bucket_free(map_take(v->buckets, name));
}

static void in_bucket(struct scene *v, struct entry *e, char *name,
                      void (*fn)(struct scene *v, const char *name, struct entry *e))
{
    fn(v, name, e);
    free(name);
}

static void each_bucket(struct scene *v, struct entry *e, void (*fn)(struct scene *v, const char *name, struct entry *e))
{
    const char *ns = item_ns(e->obj), *node = json_get_str(e->obj, "spec.nodeName");
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(e->obj, "metadata.ownerReferences"))
        if (json_get_str(ref, "uid"))
            in_bucket(v, e, xasprintf("owner/%s", json_get_str(ref, "uid")), fn);
    if (!item_controller(e->obj))
        in_bucket(v, e, xasprintf("orphan/%d/%s", e->kind, ns), fn);
    in_bucket(v, e, xasprintf("ns/%d/%s", e->kind, ns), fn);
    if (e->kind == KIND_POD && node)
        in_bucket(v, e, xasprintf("node/%s", node), fn);
}

static struct entry *entry_at(const struct scene *v, int kind, const char *key)
{
    return v->shelves[kind].by_key ? map_get(v->shelves[kind].by_key, key) : NULL;
}

/* Foreign bookkeeping is half of an object's size, and a kind known only to the collector needs no content. */
static void slim_down(const struct kind *k, cJSON *obj)
{
    cJSON *meta = json_member(obj, "metadata"), *m, *next;

    if (meta)
        json_del(meta, "managedFields");
    for (m = obj->child; k->slim && m; m = next) {
        next = m->next;
        if (strcmp(m->string, "metadata") != 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(obj, m));
    }
}

static struct entry *entry_make(struct scene *v, int kind, const char *key)
{
    struct entry *e = xcalloc(1, sizeof(*e));
    struct shelf *s = &v->shelves[kind];

    e->kind = kind;
    e->key = xstrdup(key);
    if (!s->by_key)
        s->by_key = map_new();
    map_put(s->by_key, key, e);
    return e;
}

bool scene_put(struct scene *v, int kind, cJSON *obj, enum scene_source source, cJSON **old)
{
    AUTO_FREE char *key = item_key(obj);
    uint64_t rv = rv_number(json_get_str(obj, "metadata.resourceVersion"));
    struct shelf *s = &v->shelves[kind];
    struct entry *e = entry_at(v, kind, key);

    if (e && source == SCENE_WATCH)
        e->round = s->round;
    if ((e && rv <= e->rv) || (!e && source == SCENE_REPLY && rv <= s->seen_rv)) {
        cJSON_Delete(obj);
        return false;
    }
    if (source == SCENE_WATCH && rv > s->seen_rv)
        s->seen_rv = rv;
    slim_down(&v->kinds.rows[kind], obj);
    *old = NULL;
    if (e) {
        each_bucket(v, e, bucket_remove);
        map_take(v->by_uid, item_uid(e->obj));
        *old = e->obj;
    } else {
        e = entry_make(v, kind, key);
    }
    e->obj = obj;
    e->rv = rv;
    e->round = s->round;
    map_put(v->by_uid, item_uid(obj), e);
    each_bucket(v, e, bucket_add);
    return true;
}

static cJSON *entry_remove(struct scene *v, struct entry *e)
{
    cJSON *obj = e->obj;

    each_bucket(v, e, bucket_remove);
    e->obj = NULL;
    map_take(v->by_uid, item_uid(obj));
    map_take(v->shelves[e->kind].by_key, e->key);
    entry_free(e);
    return obj;
}

cJSON *scene_drop(struct scene *v, int kind, const char *key, const char *rv)
{
    struct entry *e = entry_at(v, kind, key);
    uint64_t n = rv_number(rv);

    if (n > v->shelves[kind].seen_rv)
        v->shelves[kind].seen_rv = n;
    return e && (n == 0 || e->rv <= n) ? entry_remove(v, e) : NULL;
}

void scene_relist(struct scene *v, int kind)
{
    v->shelves[kind].round++;
}

cJSON *scene_take_vanished(struct scene *v, int kind)
{
    struct shelf *s = &v->shelves[kind];

    if (!s->by_key)
        return NULL;
    for (struct map_iter i = map_first(s->by_key); i.key; map_next(&i)) {
        struct entry *e = i.value;

        if (e->round != s->round)
            return entry_remove(v, e);
    }
    return NULL;
}

void scene_mark_deleting(struct scene *v, int kind, const char *key, const char *uid, const char *now)
{
    struct entry *e = entry_at(v, kind, key);

    if (e && str_eq(item_uid(e->obj), uid) && !item_is_deleting(e->obj))
        json_str(json_obj(e->obj, "metadata"), "deletionTimestamp", now);
}

void scene_bind_pod(struct scene *v, const char *key, const char *node)
{
    struct entry *e = entry_at(v, KIND_POD, key);

    if (!e || json_has(e->obj, "spec.nodeName"))
        return;
    each_bucket(v, e, bucket_remove);
    json_str(json_obj(e->obj, "spec"), "nodeName", node);
    each_bucket(v, e, bucket_add);
}

const cJSON *scene_get_key(const struct scene *v, int kind, const char *key)
{
    struct entry *e = entry_at(v, kind, key);

    return e ? e->obj : NULL;
}

const cJSON *scene_get(const struct scene *v, int kind, const char *ns, const char *name)
{
    AUTO_FREE char *key = ns && *ns ? xasprintf("%s/%s", ns, name) : xstrdup(name);

    return scene_get_key(v, kind, key);
}

const cJSON *scene_get_uid(const struct scene *v, const char *uid, int *kind)
{
    struct entry *e = map_get(v->by_uid, uid);

    if (e && kind)
        *kind = e->kind;
    return e ? e->obj : NULL;
}

int scene_kind_of(const struct scene *v, const cJSON *o)
{
    struct entry *e = map_get(v->by_uid, item_uid(o));

    return e ? e->kind : -1;
}

void scene_list(const struct scene *v, int kind, struct list *out)
{
    if (!v->shelves[kind].by_key)
        return;
    for (struct map_iter i = map_first(v->shelves[kind].by_key); i.key; map_next(&i))
        list_add(out, ((struct entry *)i.value)->obj);
}

static void list_bucket(const struct scene *v, int kind, char *name, struct list *out)
{
    const struct bucket *b = map_get(v->buckets, name);

    for (size_t i = 0; b && i < b->n; i++)
        if (kind < 0 || b->items[i]->kind == kind)
            list_add(out, b->items[i]->obj);
    free(name);
}

void scene_list_ns(const struct scene *v, int kind, const char *ns, struct list *out)
{
    list_bucket(v, kind, xasprintf("ns/%d/%s", kind, ns), out);
}

void scene_list_owned(const struct scene *v, int kind, const char *uid, struct list *out)
{
    list_bucket(v, kind, xasprintf("owner/%s", uid), out);
}

void scene_list_orphans(const struct scene *v, int kind, const char *ns, struct list *out)
{
    list_bucket(v, kind, xasprintf("orphan/%d/%s", kind, ns), out);
}

void scene_list_on_node(const struct scene *v, const char *node, struct list *out)
{
    list_bucket(v, KIND_POD, xasprintf("node/%s", node), out);
}
