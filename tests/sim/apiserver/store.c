#include "sim/apiserver/store.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"

enum { LOG_EVENTS = 4096, LOG_BYTES = 32 << 20 };

struct store {
    struct map *collections;
    uint64_t rv;
    change_fn *on_change;
    void *arg;
};

struct object *object_ref(struct object *o)
{
    if (o)
        o->refs++;
    return o;
}

void object_unref(struct object *o)
{
    if (!o || --o->refs > 0)
        return;
    cJSON_Delete(o->tree);
    free(o->text);
    free(o->key);
    free(o);
}

const char *object_text(struct object *o)
{
    if (!o->text) {
        o->text = json_print(o->tree);
        o->text_len = strlen(o->text);
        o->skip = (size_t)(strstr(o->text, ",\"metadata\"") + 1 - o->text);
    }
    return o->text;
}

static void copy_path(cJSON *to, const cJSON *from, const char *parent, const char *const *names)
{
    const cJSON *src = *parent ? json_member(from, parent) : from;
    cJSON *dst = to;

    if (!src)
        return;
    if (*parent)
        dst = json_obj(to, parent);
    for (; *names; names++)
        json_put_dup(dst, *names, json_member(src, *names));
}

/* What label and field selectors can ask about. */
static void object_thin(struct object *o)
{
    cJSON *t = json_new_obj();

    object_text(o);
    copy_path(t, o->tree, "", (const char *const[]){ "reason", "type", "involvedObject", "reportingComponent", NULL });
    copy_path(t, o->tree, "metadata", (const char *const[]){ "name", "namespace", "labels", "resourceVersion", NULL });
    copy_path(t, o->tree, "spec", (const char *const[]){ "nodeName", "schedulerName", "restartPolicy", "unschedulable",
                                                         "serviceAccountName", NULL });
    copy_path(t, o->tree, "status", (const char *const[]){ "phase", "podIP", "nominatedNodeName", NULL });
    cJSON_Delete(o->tree);
    o->tree = t;
}

static struct logged *log_slot(struct collection *c, size_t i)
{
    return &c->log[(c->log_first + i) % c->log_cap];
}

const struct logged *collection_log(const struct collection *c, size_t i)
{
    return log_slot((struct collection *)c, i);
}

static void log_drop_first(struct collection *c)
{
    struct logged *l = log_slot(c, 0);

    c->compacted_rv = l->rv;
    c->log_bytes -= l->obj->text_len;
    object_unref(l->obj);
    object_unref(l->prev);
    c->log_first = (c->log_first + 1) % c->log_cap;
    c->log_n--;
}

static void log_grow(struct collection *c)
{
    size_t cap = c->log_cap ? c->log_cap * 2 : 64;
    struct logged *log = xcalloc(cap, sizeof(*log));

    for (size_t i = 0; i < c->log_n; i++)
        log[i] = *log_slot(c, i);
    free(c->log);
    c->log = log;
    c->log_cap = cap;
    c->log_first = 0;
}

static struct logged *log_add(struct collection *c, enum change change, struct object *obj, struct object *prev)
{
    struct logged *l;

    object_text(obj);
    while (c->log_n && (c->log_n >= LOG_EVENTS || c->log_bytes + obj->text_len > LOG_BYTES))
        log_drop_first(c);
    if (c->log_n == c->log_cap)
        log_grow(c);
    l = log_slot(c, c->log_n++);
    *l = (struct logged){ change, obj->rv, object_ref(obj), object_ref(prev) };
    c->log_bytes += obj->text_len;
    return l;
}

static void collection_free(void *p)
{
    struct collection *c = p;

    while (c->log_n)
        log_drop_first(c);
    for (size_t i = 0; i < c->n; i++)
        object_unref(c->items[i]);
    free(c->items);
    free(c->log);
    free(c->name);
    free(c);
}

struct store *store_new(change_fn *on_change, void *arg)
{
    struct store *s = xcalloc(1, sizeof(*s));

    s->collections = map_new();
    s->rv = STORE_FIRST_RV;
    s->on_change = on_change;
    s->arg = arg;
    return s;
}

void store_free(struct store *s)
{
    if (!s)
        return;
    map_free(s->collections, collection_free);
    free(s);
}

uint64_t store_rv(const struct store *s)
{
    return s->rv;
}

struct collection *store_collection(struct store *s, const char *name)
{
    struct collection *c = map_get(s->collections, name);

    if (c)
        return c;
    c = xcalloc(1, sizeof(*c));
    c->name = xstrdup(name);
    c->compacted_rv = STORE_FIRST_RV;
    map_put(s->collections, name, c);
    return c;
}

void store_drop_collection(struct store *s, const char *name)
{
    struct collection *c = map_take(s->collections, name);

    if (c)
        collection_free(c);
}

void store_compact(struct store *s)
{
    s->rv++;
    for (struct map_iter i = map_first(s->collections); i.key; map_next(&i)) {
        struct collection *c = i.value;

        while (c->log_n)
            log_drop_first(c);
        c->compacted_rv = s->rv;
    }
}

static char *key_of(const char *ns, const char *name)
{
    return str_empty(ns) ? xstrdup(name) : xasprintf("%s/%s", ns, name);
}

size_t collection_from(const struct collection *c, const char *key)
{
    size_t lo = 0, hi = c->n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (strcmp(c->items[mid]->key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool has_key(const struct collection *c, size_t i, const char *key)
{
    return i < c->n && strcmp(c->items[i]->key, key) == 0;
}

struct object *collection_get(const struct collection *c, const char *ns, const char *name)
{
    AUTO_FREE char *key = key_of(ns, name);
    size_t i = collection_from(c, key);

    return has_key(c, i, key) ? c->items[i] : NULL;
}

size_t collection_range(const struct collection *c, const char *ns, size_t *first)
{
    AUTO_FREE char *lo = NULL, *hi = NULL;

    *first = 0;
    if (str_empty(ns))
        return c->n;
    lo = xasprintf("%s/", ns);
    hi = xasprintf("%s0", ns); /* '0' follows '/' */
    *first = collection_from(c, lo);
    return collection_from(c, hi) - *first;
}

static struct object *object_new(struct store *s, cJSON *tree)
{
    struct object *o = xcalloc(1, sizeof(*o));
    cJSON *meta = json_obj(tree, "metadata");
    const char *name = json_get_str(meta, "name");

    o->refs = 1;
    o->rv = ++s->rv;
    json_fmt(meta, "resourceVersion", "%llu", (unsigned long long)o->rv);
    o->key = key_of(json_get_str(meta, "namespace"), name ? name : "");
    o->tree = tree;
    return o;
}

static void insert_at(struct collection *c, size_t i, struct object *o)
{
    c->items = xgrow(c->items, &c->cap, c->n + 1, sizeof(struct object *));
    memmove(&c->items[i + 1], &c->items[i], (c->n - i) * sizeof(struct object *));
    c->items[i] = o;
    c->n++;
}

struct object *store_put(struct store *s, struct collection *c, cJSON *tree)
{
    struct object *o = object_new(s, tree), *prev = NULL;
    size_t i = collection_from(c, o->key);
    struct logged *l;

    if (has_key(c, i, o->key)) {
        prev = c->items[i];
        c->items[i] = o;
    } else {
        insert_at(c, i, o);
    }
    l = log_add(c, prev ? CHANGE_MODIFIED : CHANGE_ADDED, o, prev);
    s->on_change(s->arg, c, l);
    if (prev) {
        object_thin(prev);
        object_unref(prev);
    }
    return o;
}

void store_remove(struct store *s, struct collection *c, const char *ns, const char *name)
{
    AUTO_FREE char *key = key_of(ns, name);
    size_t i = collection_from(c, key);
    struct object *prev, *last;

    if (!has_key(c, i, key))
        return;
    prev = c->items[i];
    memmove(&c->items[i], &c->items[i + 1], (c->n - i - 1) * sizeof(struct object *));
    c->n--;
    last = object_new(s, json_dup(prev->tree));
    s->on_change(s->arg, c, log_add(c, CHANGE_DELETED, last, prev));
    object_thin(prev);
    object_thin(last);
    object_unref(prev);
    object_unref(last);
}
