#include "parts.h"

#include <string.h>

#include "base/str.h"
#include "cache/pack.h"

static void entry_free(void *p)
{
    struct entry *e = p;

    for (int i = 0; i < N_CHILDREN; i++)
        free(e->child[i]);
    for (size_t i = 0; i < e->n_pods; i++)
        pod_done(&e->pods[i]);
    free(e->pods);
    for (size_t i = 0; i < e->n_claims; i++)
        claim_done(&e->claims[i]);
    free(e->claims);
    free(e->packed);
    free(e->key);
    free(e);
}

struct cache *cache_new(cache_changed_fn *on_changed, void *arg)
{
    struct cache *c = xcalloc(1, sizeof(*c));

    c->entries = map_new();
    c->hosts = map_new();
    c->on_changed = on_changed;
    c->arg = arg;
    return c;
}

void cache_free(struct cache *c)
{
    if (!c)
        return;
    map_free(c->entries, entry_free);
    map_free(c->hosts, cache_free_host);
    free(c);
}

struct entry *cache_get(struct cache *c, const char *key)
{
    return map_get(c->entries, key);
}

size_t cache_count(const struct cache *c)
{
    return map_count(c->entries);
}

struct entry *cache_next(struct cache *c, const struct entry *after)
{
    struct map_iter i = after ? map_at(c->entries, after->key) : map_first(c->entries);

    if (after && i.key)
        map_next(&i);
    return i.key ? i.value : NULL;
}

static struct entry *entry_make(struct cache *c, const char *key)
{
    struct entry *e = map_get(c->entries, key);

    if (e)
        return e;
    e = xcalloc(1, sizeof(*e));
    e->key = xstrdup(key);
    map_put(c->entries, key, e);
    return e;
}

static bool entry_is_empty(const struct entry *e)
{
    if (e->packed || e->n_pods || e->n_claims)
        return false;
    for (int i = 0; i < N_CHILDREN; i++)
        if (e->child[i])
            return false;
    return true;
}

/* Tells, then forgets an entry of which nothing is left. */
void cache_changed(struct cache *c, struct entry *e)
{
    if (c->on_changed)
        c->on_changed(c->arg, e->key);
    if (entry_is_empty(e))
        entry_free(map_take(c->entries, e->key));
}

static char *key_of(const cJSON *obj, const char *name)
{
    const char *ns = json_get_str(obj, "metadata.namespace");

    return name ? xasprintf("%s/%s", ns ? ns : "", name) : NULL;
}

struct entry *cache_pod_entry(struct cache *c, const cJSON *obj, bool make)
{
    /* a pod's controller is a ReplicaSet or StatefulSet: only the label leads to us */
    const char *service =
        cJSON_GetStringValue(json_member(json_at(obj, "metadata.labels"), "app.kubernetes.io/instance"));
    AUTO_FREE char *key = key_of(obj, service);

    if (!key)
        return NULL;
    return make ? entry_make(c, key) : cache_get(c, key);
}

/* metadata as far as decisions read it: what changes with every write is left out, so that
 * two texts differ only when something that matters does. */
static char *service_doc(const cJSON *obj)
{
    static const char *const kept[] = { "name",        "namespace",         "uid",       "generation", "labels",
                                        "annotations", "deletionTimestamp", "finalizers", "creationTimestamp" };
    AUTO_JSON cJSON *doc = json_new_obj();
    cJSON *meta = json_obj(doc, "metadata");

    json_str(doc, "apiVersion", API_VERSION);
    json_str(doc, "kind", API_KIND);
    for (size_t i = 0; i < COUNT(kept); i++)
        json_put_dup(meta, kept[i], json_member(json_member(obj, "metadata"), kept[i]));
    /* holds a copy of the whole spec, for kubectl only */
    json_del(json_member(meta, "annotations"), "kubectl.kubernetes.io/last-applied-configuration");
    json_put_dup(doc, "spec", json_member(obj, "spec"));
    json_put_dup(doc, "status", json_member(obj, "status"));
    return json_print(doc);
}

static void copy_id(char *dst, size_t size, const char *src)
{
    if (!str_copy(dst, size, src ? src : ""))
        dst[0] = '\0';
}

static struct grave *grave_of(struct cache *c, const cJSON *obj, uint64_t *uid)
{
    const char *text = json_get_str(obj, "metadata.uid");

    *uid = text ? str_hash(STR_HASH_INIT, text, strlen(text)) : 0;
    return &c->graves[*uid % N_GRAVES];
}

static void bury(struct cache *c, const cJSON *obj)
{
    uint64_t uid;
    struct grave *g = grave_of(c, obj, &uid);

    g->uid = uid;
    copy_id(g->rv, sizeof(g->rv), json_get_str(obj, "metadata.resourceVersion"));
}

/* By version, not by uid alone: an object that only left the watch's selector is there as it was in that
 * event, with its version, and a look at it must find its way in. A deletion has a version of its own. */
static bool is_buried(struct cache *c, const cJSON *obj)
{
    const char *rv = json_get_str(obj, "metadata.resourceVersion");
    uint64_t uid;
    const struct grave *g = grave_of(c, obj, &uid);

    return rv && uid && g->uid == uid && rv_is_older(rv, g->rv);
}

void cache_put_service(struct cache *c, const cJSON *obj)
{
    const char *rv = json_get_str(obj, "metadata.resourceVersion");
    AUTO_FREE char *key = key_of(obj, json_get_str(obj, "metadata.name"));
    AUTO_FREE char *doc = NULL, *packed = NULL;
    struct entry *e;
    bool same;

    if (!key || is_buried(c, obj))
        return;
    e = entry_make(c, key);
    e->is_stale = false;
    if (e->packed && rv && rv_is_older(rv, e->rv))
        return;
    doc = service_doc(obj);
    packed = pack_text(doc);
    same = e->packed && strcmp(packed, e->packed) == 0;
    copy_id(e->uid, sizeof(e->uid), json_get_str(obj, "metadata.uid"));
    copy_id(e->rv, sizeof(e->rv), rv);
    e->generation = json_get_int(obj, "metadata.generation", 0);
    if (same)
        return;
    free(e->packed);
    e->packed = TAKE(packed);
    cache_changed(c, e);
}

static void drop_service(struct cache *c, struct entry *e)
{
    free(e->packed);
    e->packed = NULL;
    e->uid[0] = '\0';
    cache_changed(c, e);
}

void cache_drop_service(struct cache *c, const cJSON *obj)
{
    AUTO_FREE char *key = key_of(obj, json_get_str(obj, "metadata.name"));
    struct entry *e = key ? cache_get(c, key) : NULL;

    bury(c, obj);
    /* the same name may already stand for a newer one */
    if (e && e->packed && str_eq(e->uid, json_get_str(obj, "metadata.uid")))
        drop_service(c, e);
}

/* The InferenceService an object belongs to: its controller when that is one of ours, else the label. */
static const char *service_name(const cJSON *obj)
{
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(obj, "metadata.ownerReferences"))
        if (json_get_bool(ref, "controller", false) && str_eq(json_get_str(ref, "kind"), API_KIND))
            return json_get_str(ref, "name");
    return cJSON_GetStringValue(json_member(json_at(obj, "metadata.labels"), "app.kubernetes.io/instance"));
}

static enum child child_by_kind(const char *kind, const char *service, const char *name)
{
    for (int i = 0; i < N_CHILDREN; i++) {
        char want[512];

        if (str_eq(child_types[i].kind, kind) && child_name((enum child)i, service, want, sizeof(want)) &&
            str_eq(name, want))
            return (enum child)i;
    }
    return N_CHILDREN;
}

static struct entry *find_child(struct cache *c, const char *kind, const cJSON *obj, bool make, enum child *child)
{
    const char *name = json_get_str(obj, "metadata.name"), *service = service_name(obj);
    AUTO_FREE char *key = key_of(obj, service);

    *child = key && name ? child_by_kind(kind, service, name) : N_CHILDREN;
    if (*child == N_CHILDREN)
        return NULL;
    return make ? entry_make(c, key) : cache_get(c, key);
}

void cache_put_child(struct cache *c, const char *kind, const cJSON *obj)
{
    enum child child;
    struct entry *e = is_buried(c, obj) ? NULL : find_child(c, kind, obj, true, &child);
    struct record r, *old;
    bool same;

    if (!e || !record_from(child, obj, &r))
        return;
    old = e->child[child];
    if (old)
        old->is_stale = false;
    if (old && strcmp(old->uid, r.uid) == 0 && rv_is_older(r.rv, old->rv))
        return;
    same = old && !record_differs(old, &r);
    if (old) {
        r.matched_hash = old->matched_hash;
        r.matched_owned = old->matched_owned;
    } else {
        e->child[child] = xcalloc(1, sizeof(r));
    }
    *e->child[child] = r;
    if (!same)
        cache_changed(c, e);
}

static void drop_child(struct cache *c, struct entry *e, enum child child)
{
    free(e->child[child]);
    e->child[child] = NULL;
    cache_changed(c, e);
}

void cache_drop_child(struct cache *c, const char *kind, const cJSON *obj)
{
    enum child child;
    struct entry *e = find_child(c, kind, obj, false, &child);

    bury(c, obj);
    /* the same name may already stand for a newer object */
    if (e && e->child[child] && str_eq(e->child[child]->uid, json_get_str(obj, "metadata.uid")))
        drop_child(c, e, child);
}

void cache_child_absent(struct cache *c, const char *key, enum child child)
{
    struct entry *e = cache_get(c, key);

    if (e && e->child[child])
        drop_child(c, e, child);
}

static bool in_namespace(const struct entry *e, const char *ns)
{
    size_t n = ns ? strlen(ns) : 0;

    return !ns || (strncmp(e->key, ns, n) == 0 && e->key[n] == '/');
}

static bool child_is_of(int child, const char *kind)
{
    return str_eq(child_types[child].kind, kind);
}

void cache_list_start(struct cache *c, const char *kind, const char *ns)
{
    if (str_eq(kind, "Node"))
        cache_list_hosts_start(c);
    for (struct map_iter i = map_first(c->entries); i.key; map_next(&i)) {
        struct entry *e = i.value;

        if (!in_namespace(e, ns))
            continue;
        e->is_stale |= str_eq(kind, API_KIND);
        for (size_t k = 0; str_eq(kind, "Pod") && k < e->n_pods; k++)
            e->pods[k].is_stale = true;
        for (size_t k = 0; str_eq(kind, "PersistentVolumeClaim") && k < e->n_claims; k++)
            e->claims[k].is_stale = true;
        for (int k = 0; k < N_CHILDREN; k++)
            if (e->child[k] && child_is_of(k, kind))
                e->child[k]->is_stale = true;
    }
}

/* The first stale thing of that kind goes; false when there is none. One at a time, because
 * dropping the last of an entry frees the entry. */
static bool sweep_one(struct cache *c, struct entry *e, const char *kind)
{
    if (str_eq(kind, API_KIND) && e->packed && e->is_stale) {
        drop_service(c, e);
        return true;
    }
    for (size_t k = 0; str_eq(kind, "Pod") && k < e->n_pods; k++)
        if (e->pods[k].is_stale) {
            cache_drop_pod_of(c, e, &e->pods[k]);
            return true;
        }
    for (size_t k = 0; str_eq(kind, "PersistentVolumeClaim") && k < e->n_claims; k++)
        if (e->claims[k].is_stale) {
            cache_drop_claim_of(c, e, &e->claims[k]);
            return true;
        }
    for (int k = 0; k < N_CHILDREN; k++)
        if (e->child[k] && e->child[k]->is_stale && child_is_of(k, kind)) {
            drop_child(c, e, (enum child)k);
            return true;
        }
    return false;
}

void cache_listed(struct cache *c, const char *kind, const char *ns)
{
    if (str_eq(kind, "Node"))
        cache_hosts_listed(c);
    for (struct map_iter i = map_first(c->entries); i.key; map_next(&i)) {
        AUTO_FREE char *key = xstrdup(i.key);
        struct entry *e = i.value;

        while (e && in_namespace(e, ns) && sweep_one(c, e, kind))
            e = cache_get(c, key);
    }
}
