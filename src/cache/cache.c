#include "cache/cache.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"

/* What was deleted lately. The reply to a write of ours may arrive after the event that tells of
 * the object's end: it must not bring the object back, no further event would take it away. */
struct grave {
    uint64_t uid; /* its hash */
    char rv[RV_SIZE];
};

enum { N_GRAVES = 512 };

struct cache {
    struct map *entries;
    struct map *hosts; /* by host_name_copy */
    bool hosts_are_known;
    size_t n_zones; /* of the hosts; SIZE_MAX: to be counted again */
    struct grave graves[N_GRAVES]; /* by uid; a newer one takes the place */
    cache_changed_fn *on_changed;
    void *arg;
};

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
    free(e->doc);
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
    map_free(c->hosts, free);
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
    if (e->doc || e->n_pods || e->n_claims)
        return false;
    for (int i = 0; i < N_CHILDREN; i++)
        if (e->child[i])
            return false;
    return true;
}

/* Tells, then forgets an entry of which nothing is left. */
static void changed(struct cache *c, struct entry *e)
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
    AUTO_FREE char *doc = NULL;
    struct entry *e;
    bool same;

    if (!key || is_buried(c, obj))
        return;
    e = entry_make(c, key);
    e->is_stale = false;
    if (e->doc && rv && rv_is_older(rv, e->rv))
        return;
    doc = service_doc(obj);
    same = e->doc && strcmp(doc, e->doc) == 0;
    copy_id(e->uid, sizeof(e->uid), json_get_str(obj, "metadata.uid"));
    copy_id(e->rv, sizeof(e->rv), rv);
    e->generation = json_get_int(obj, "metadata.generation", 0);
    if (same)
        return;
    free(e->doc);
    e->doc = TAKE(doc);
    changed(c, e);
}

static void drop_service(struct cache *c, struct entry *e)
{
    free(e->doc);
    e->doc = NULL;
    e->uid[0] = '\0';
    changed(c, e);
}

void cache_drop_service(struct cache *c, const cJSON *obj)
{
    AUTO_FREE char *key = key_of(obj, json_get_str(obj, "metadata.name"));
    struct entry *e = key ? cache_get(c, key) : NULL;

    bury(c, obj);
    /* the same name may already stand for a newer one */
    if (e && e->doc && str_eq(e->uid, json_get_str(obj, "metadata.uid")))
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
        changed(c, e);
}

static void drop_child(struct cache *c, struct entry *e, enum child child)
{
    free(e->child[child]);
    e->child[child] = NULL;
    changed(c, e);
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

static struct pod *find_pod(struct entry *e, const char *name)
{
    for (size_t i = 0; i < e->n_pods; i++)
        if (str_eq(e->pods[i].name, name))
            return &e->pods[i];
    return NULL;
}

static struct pod *add_pod(struct entry *e)
{
    /* exact: most services have two, and there may be thousands of services */
    e->pods = xrealloc(e->pods, (e->n_pods + 1) * sizeof(*e->pods));
    return &e->pods[e->n_pods++];
}

static struct entry *pod_entry(struct cache *c, const cJSON *obj, bool make)
{
    /* a pod's controller is a ReplicaSet or StatefulSet: only the label leads to us */
    const char *service =
        cJSON_GetStringValue(json_member(json_at(obj, "metadata.labels"), "app.kubernetes.io/instance"));
    AUTO_FREE char *key = key_of(obj, service);

    if (!key)
        return NULL;
    return make ? entry_make(c, key) : cache_get(c, key);
}

void cache_put_pod(struct cache *c, const cJSON *obj)
{
    struct entry *e = pod_entry(c, obj, true);
    struct pod fresh, *old;
    bool same;

    if (!e || !pod_from(obj, &fresh))
        return;
    old = find_pod(e, fresh.name);
    if (old)
        old->is_stale = false;
    if (old && strcmp(old->uid, fresh.uid) == 0 && rv_is_older(fresh.rv, old->rv)) {
        pod_done(&fresh);
        return;
    }
    same = old && !pod_differs(old, &fresh);
    if (old)
        pod_done(old);
    else
        old = add_pod(e);
    *old = fresh;
    if (!same)
        changed(c, e);
}

static void drop_pod(struct cache *c, struct entry *e, struct pod *p)
{
    pod_done(p);
    *p = e->pods[--e->n_pods];
    changed(c, e);
}

void cache_drop_pod(struct cache *c, const cJSON *obj)
{
    struct entry *e = pod_entry(c, obj, false);
    struct pod *p = e ? find_pod(e, json_get_str(obj, "metadata.name")) : NULL;

    if (p && str_eq(p->uid, json_get_str(obj, "metadata.uid")))
        drop_pod(c, e, p);
}

static struct claim *find_claim(struct entry *e, const char *name)
{
    for (size_t i = 0; i < e->n_claims; i++)
        if (str_eq(e->claims[i].name, name))
            return &e->claims[i];
    return NULL;
}

static struct claim *add_claim(struct entry *e)
{
    e->claims = xrealloc(e->claims, (e->n_claims + 1) * sizeof(*e->claims));
    return &e->claims[e->n_claims++];
}

void cache_put_claim(struct cache *c, const cJSON *obj)
{
    struct entry *e = pod_entry(c, obj, true);
    struct claim fresh, *old;
    bool same;

    if (!e || !claim_from(obj, &fresh))
        return;
    old = find_claim(e, fresh.name);
    if (old)
        old->is_stale = false;
    if (old && strcmp(old->uid, fresh.uid) == 0 && rv_is_older(fresh.rv, old->rv)) {
        claim_done(&fresh);
        return;
    }
    same = old && !claim_differs(old, &fresh);
    if (old)
        claim_done(old);
    else
        old = add_claim(e);
    *old = fresh;
    if (!same)
        changed(c, e);
}

static void drop_claim(struct cache *c, struct entry *e, struct claim *claim)
{
    claim_done(claim);
    *claim = e->claims[--e->n_claims];
    changed(c, e);
}

void cache_drop_claim(struct cache *c, const cJSON *obj)
{
    struct entry *e = pod_entry(c, obj, false);
    struct claim *claim = e ? find_claim(e, json_get_str(obj, "metadata.name")) : NULL;

    if (claim && str_eq(claim->uid, json_get_str(obj, "metadata.uid")))
        drop_claim(c, e, claim);
}

static bool runs_on(const struct entry *e, const char *host)
{
    for (size_t i = 0; i < e->n_pods; i++)
        if (strcmp(e->pods[i].node, host) == 0)
            return true;
    return false;
}

static void host_changed(struct cache *c, const char *host)
{
    c->n_zones = SIZE_MAX;
    for (struct map_iter i = map_first(c->entries); c->on_changed && i.key; map_next(&i))
        if (runs_on(i.value, host))
            c->on_changed(c->arg, i.key);
}

void cache_put_node(struct cache *c, const cJSON *obj)
{
    struct host fresh, *old;
    bool same;

    if (!host_from(obj, &fresh))
        return;
    old = map_get(c->hosts, fresh.name);
    if (old)
        old->is_stale = false;
    if (old && rv_is_older(fresh.rv, old->rv))
        return;
    same = old && !host_differs(old, &fresh);
    if (!old) {
        old = xcalloc(1, sizeof(*old));
        map_put(c->hosts, fresh.name, old);
    }
    *old = fresh;
    if (!same)
        host_changed(c, fresh.name);
}

static void drop_host(struct cache *c, const char *name)
{
    struct host *h = map_take(c->hosts, name);

    if (h)
        host_changed(c, h->name);
    free(h);
}

void cache_drop_node(struct cache *c, const cJSON *obj)
{
    struct host gone;

    if (host_from(obj, &gone))
        drop_host(c, gone.name);
}

const struct host *cache_host(const struct cache *c, const char *name)
{
    return map_get(c->hosts, name);
}

bool cache_hosts_are_known(const struct cache *c)
{
    return c->hosts_are_known;
}

static size_t count_zones(const struct cache *c)
{
    struct map *zones = map_new();
    size_t n;

    for (struct map_iter i = map_first(c->hosts); i.key; map_next(&i)) {
        struct host *h = i.value;

        if (h->zone[0] && !map_get(zones, h->zone))
            map_put(zones, h->zone, h);
    }
    n = map_count(zones);
    map_free(zones, NULL);
    return n;
}

void cache_count_places(struct cache *c, size_t *n_hosts, size_t *n_zones)
{
    if (c->n_zones == SIZE_MAX)
        c->n_zones = count_zones(c);
    *n_hosts = map_count(c->hosts);
    *n_zones = c->n_zones;
}

void cache_forget_hosts(struct cache *c)
{
    c->n_zones = 0;
    map_free(c->hosts, free);
    c->hosts = map_new();
    c->hosts_are_known = false;
}

static void list_hosts_start(struct cache *c)
{
    for (struct map_iter i = map_first(c->hosts); i.key; map_next(&i))
        ((struct host *)i.value)->is_stale = true;
}

static void hosts_listed(struct cache *c)
{
    c->hosts_are_known = true;
    for (struct map_iter i = map_first(c->hosts); i.key; map_next(&i)) {
        const struct host *h = i.value;

        if (h->is_stale)
            drop_host(c, h->name);
    }
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
        list_hosts_start(c);
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
    if (str_eq(kind, API_KIND) && e->doc && e->is_stale) {
        drop_service(c, e);
        return true;
    }
    for (size_t k = 0; str_eq(kind, "Pod") && k < e->n_pods; k++)
        if (e->pods[k].is_stale) {
            drop_pod(c, e, &e->pods[k]);
            return true;
        }
    for (size_t k = 0; str_eq(kind, "PersistentVolumeClaim") && k < e->n_claims; k++)
        if (e->claims[k].is_stale) {
            drop_claim(c, e, &e->claims[k]);
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
        hosts_listed(c);
    for (struct map_iter i = map_first(c->entries); i.key; map_next(&i)) {
        AUTO_FREE char *key = xstrdup(i.key);
        struct entry *e = i.value;

        while (e && in_namespace(e, ns) && sweep_one(c, e, kind))
            e = cache_get(c, key);
    }
}
