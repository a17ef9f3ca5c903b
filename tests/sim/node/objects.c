#include "sim/node/objects.h"

#include "base/map.h"
#include "base/str.h"
#include "kube/watch.h"

static const char *const kinds[] = { "configmaps", "secrets", "persistentvolumeclaims" };

struct collection {
    struct objects *owner;
    struct kube_watch *watch;
    struct map *items; /* "ns/name" to struct item */
    unsigned round;    /* counts lists */
};

struct item {
    cJSON *obj;
    unsigned round; /* the list that saw it last */
};

struct objects {
    struct collection kinds[COUNT(kinds)];
    void (*on_change)(void *arg, const char *ns);
    void *arg;
};

static void item_free(void *p)
{
    struct item *i = p;

    if (i)
        cJSON_Delete(i->obj);
    free(i);
}

static void on_object(void *arg, enum kube_event event, const cJSON *obj)
{
    struct collection *c = arg;
    const char *ns = json_get_str(obj, "metadata.namespace"), *name = json_get_str(obj, "metadata.name");

    if (!ns || !name)
        return;
    AUTO_FREE char *key = xasprintf("%s/%s", ns, name);
    if (event == KUBE_DELETED) {
        item_free(map_take(c->items, key));
    } else {
        struct item *i = xcalloc(1, sizeof(*i));
        *i = (struct item){ json_dup(obj), c->round };
        item_free(map_put(c->items, key, i));
    }
    c->owner->on_change(c->owner->arg, ns);
}

static void on_list_start(void *arg)
{
    struct collection *c = arg;

    c->round++;
}

static void on_listed(void *arg)
{
    struct collection *c = arg;

    for (struct map_iter i = map_first(c->items); i.key; map_next(&i)) {
        const struct item *item = i.value;
        if (item->round != c->round)
            item_free(map_take(c->items, i.key));
    }
    c->owner->on_change(c->owner->arg, NULL);
}

struct objects *objects_new(struct kube *k, void (*on_change)(void *arg, const char *ns), void *arg)
{
    static const struct kube_watch_handler handler = { on_object, on_list_start, on_listed, NULL };
    struct objects *o = xcalloc(1, sizeof(*o));

    o->on_change = on_change;
    o->arg = arg;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        AUTO_FREE char *path = xasprintf("/api/v1/%s", kinds[i]);
        struct collection *c = &o->kinds[i];
        *c = (struct collection){ .owner = o, .items = map_new() };
        c->watch = kube_watch_new(k, &(struct kube_watch_opts){ .path = path }, &handler, c);
    }
    return o;
}

void objects_free(struct objects *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        kube_watch_free(o->kinds[i].watch);
        map_free(o->kinds[i].items, item_free);
    }
    free(o);
}

const cJSON *objects_get(const struct objects *o, const char *kind, const char *ns, const char *name)
{
    AUTO_FREE char *key = xasprintf("%s/%s", ns, name);

    for (size_t i = 0; i < COUNT(kinds); i++) {
        const struct item *item = str_eq(kinds[i], kind) ? map_get(o->kinds[i].items, key) : NULL;
        if (item)
            return item->obj;
    }
    return NULL;
}

bool objects_is_synced(const struct objects *o)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (!kube_watch_is_synced(o->kinds[i].watch))
            return false;
    return true;
}

void objects_each_claim(const struct objects *o, void (*fn)(void *arg, const cJSON *claim), void *arg)
{
    for (struct map_iter i = map_first(o->kinds[2].items); i.key; map_next(&i))
        fn(arg, ((const struct item *)i.value)->obj);
}
