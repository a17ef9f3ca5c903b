#include "sim/apiserver/fset.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static bool is_dot(const cJSON *entry)
{
    return strcmp(entry->string, ".") == 0;
}

bool fset_is_empty(const cJSON *set)
{
    return !set || !set->child;
}

bool fset_is_member(const cJSON *entry)
{
    return entry && (!entry->child || json_member(entry, "."));
}

static bool has_below(const cJSON *entry)
{
    const cJSON *m;

    cJSON_ArrayForEach(m, entry)
        if (!is_dot(m))
            return true;
    return false;
}

static void set_member(cJSON *entry, bool member)
{
    if (member && has_below(entry))
        json_obj(entry, ".");
    else
        json_del(entry, ".");
}

void fset_insert(cJSON *set, const char *key, cJSON *below, bool member)
{
    if (!below)
        below = json_new_obj();
    if (!has_below(below) && !member) {
        cJSON_Delete(below);
        return;
    }
    set_member(below, member);
    if (!cJSON_AddItemToObject(set, key, below))
        abort();
}

void fset_add(cJSON *set, const cJSON *other)
{
    const cJSON *o;

    cJSON_ArrayForEach(o, other) {
        cJSON *mine = is_dot(o) ? NULL : json_member(set, o->string);
        bool member;

        if (is_dot(o))
            continue;
        if (!mine) {
            json_put_dup(set, o->string, o);
            continue;
        }
        member = fset_is_member(mine) || fset_is_member(o);
        fset_add(mine, o);
        set_member(mine, member);
    }
}

void fset_take_away(cJSON *set, const cJSON *other)
{
    for (cJSON *m = set->child, *next; m; m = next) {
        const cJSON *o = is_dot(m) ? NULL : json_member(other, m->string);
        bool member;

        next = m->next;
        if (!o)
            continue;
        member = fset_is_member(m) && !fset_is_member(o);
        fset_take_away(m, o);
        if (!member && !has_below(m))
            cJSON_Delete(cJSON_DetachItemViaPointer(set, m));
        else
            set_member(m, member);
    }
}

cJSON *fset_common(const cJSON *a, const cJSON *b)
{
    cJSON *out = json_new_obj();
    const cJSON *m;

    cJSON_ArrayForEach(m, a) {
        const cJSON *o = is_dot(m) ? NULL : json_member(b, m->string);

        if (o)
            fset_insert(out, m->string, fset_common(m, o), fset_is_member(m) && fset_is_member(o));
    }
    return out;
}

/* ---- keys of list items ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const cJSON *key_value(const cJSON *item, const struct schema *list, const char *key)
{
    const cJSON *v = json_member(item, key);
    const struct schema *type = list->item ? schema_of_member(list->item, key) : NULL;

    return v ? v : type ? type->fallback : NULL;
}

static char *keyed_item(const cJSON *item, const struct schema *list)
{
    struct buf b CLEANUP(buf_done) = { 0 };
    char *keys[8];
    size_t n = list->n_keys < COUNT(keys) ? list->n_keys : COUNT(keys);

    memcpy(keys, list->keys, n * sizeof(*keys));
    qsort(keys, n, sizeof(*keys), by_text);
    buf_init(&b, 16 << 10);
    for (size_t i = 0; i < n; i++) {
        const cJSON *v = key_value(item, list, keys[i]);
        AUTO_FREE char *text = v ? json_print(v) : NULL;

        if (text)
            buf_fmt(&b, "%s\"%s\":%s", b.len ? "," : "k:{", keys[i], text);
    }
    if (!b.len)
        return NULL;
    buf_str(&b, "}");
    return buf_take(&b);
}

char *fset_item_key(const cJSON *item, const struct schema *list)
{
    AUTO_FREE char *text = NULL;

    if (list->list == SCHEMA_LIST_MAP)
        return keyed_item(item, list);
    if (list->list != SCHEMA_LIST_SET)
        return NULL;
    text = json_print(item);
    return xasprintf("v:%s", text);
}

/* ---- shapes shared by the walks below ---- */

enum node { NODE_LEAF, NODE_MEMBERS, NODE_ITEMS };

static enum node node_of(const cJSON *v, const struct schema *s)
{
    if (cJSON_IsArray(v))
        return s && s->kind == SCHEMA_LIST && s->list != SCHEMA_LIST_ATOMIC ? NODE_ITEMS : NODE_LEAF;
    if (!cJSON_IsObject(v))
        return NODE_LEAF;
    return s && s->atomic ? NODE_LEAF : NODE_MEMBERS;
}

static cJSON *below(const cJSON *v, const struct schema *s);

static bool is_bare(const cJSON *v)
{
    return cJSON_IsNull(v) || (cJSON_IsObject(v) && !v->child);
}

static void add_members(cJSON *set, const cJSON *v, const struct schema *s)
{
    const cJSON *m;

    cJSON_ArrayForEach(m, v) {
        const struct schema *type = schema_of_member(s, m->string);
        bool declared = s && schema_field(s, m->string);
        bool leaf = node_of(m, type) == NODE_LEAF;
        AUTO_FREE char *key = xasprintf("f:%s", m->string);

        fset_insert(set, key, leaf ? NULL : below(m, type), leaf || is_bare(m) || !declared);
    }
}

static void add_items(cJSON *set, const cJSON *v, const struct schema *s)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, v) {
        AUTO_FREE char *key = fset_item_key(item, s);
        bool leaf = node_of(item, s->item) == NODE_LEAF;

        if (key && !json_member(set, key))
            fset_insert(set, key, leaf ? NULL : below(item, s->item), true);
    }
}

static cJSON *below(const cJSON *v, const struct schema *s)
{
    cJSON *set = json_new_obj();

    if (cJSON_IsArray(v))
        add_items(set, v, s);
    else
        add_members(set, v, s);
    return set;
}

cJSON *fset_of(const cJSON *obj, const struct schema *s)
{
    return below(obj, s);
}

void fset_own_structs(cJSON *set, const struct schema *s)
{
    cJSON *m;

    cJSON_ArrayForEach(m, set) {
        bool field = strncmp(m->string, "f:", 2) == 0;
        const struct schema *type;

        if (is_dot(m) || !s)
            continue;
        type = field ? schema_of_member(s, m->string + 2) : s->item;
        fset_own_structs(m, type);
        if (field && schema_field(s, m->string + 2))
            set_member(m, true);
    }
}

/* ---- comparison ---- */

static struct fset_diff diff_new(void)
{
    return (struct fset_diff){ json_new_obj(), json_new_obj(), json_new_obj() };
}

void fset_diff_done(struct fset_diff *d)
{
    cJSON_Delete(d->added);
    cJSON_Delete(d->modified);
    cJSON_Delete(d->removed);
}

static struct fset_diff compare(const cJSON *a, const cJSON *b, const struct schema *s);

static void diff_child(struct fset_diff *d, const char *key, const cJSON *a, const cJSON *b, const struct schema *s)
{
    bool leaf = (!a || node_of(a, s) == NODE_LEAF) && (!b || node_of(b, s) == NODE_LEAF);
    bool mixed = a && b && node_of(a, s) != node_of(b, s);
    struct fset_diff sub = { NULL, NULL, NULL };

    if (a && b && (leaf || mixed)) {
        if (!json_equal(a, b))
            fset_insert(d->modified, key, NULL, true);
        return;
    }
    if (!leaf)
        sub = compare(a, b, s);
    fset_insert(d->added, key, sub.added, !a);
    fset_insert(d->removed, key, sub.removed, !b);
    if (sub.modified)
        fset_insert(d->modified, key, sub.modified, false);
}

static void diff_members(struct fset_diff *d, const cJSON *a, const cJSON *b, const struct schema *s)
{
    const cJSON *m;

    cJSON_ArrayForEach(m, a) {
        AUTO_FREE char *key = xasprintf("f:%s", m->string);

        diff_child(d, key, m, json_member(b, m->string), schema_of_member(s, m->string));
    }
    cJSON_ArrayForEach(m, b) {
        AUTO_FREE char *key = xasprintf("f:%s", m->string);

        if (!json_member(a, m->string))
            diff_child(d, key, NULL, m, schema_of_member(s, m->string));
    }
}

static const cJSON *item_of_key(const cJSON *arr, const char *key, const struct schema *s)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, arr) {
        AUTO_FREE char *k = fset_item_key(item, s);

        if (str_eq(k, key))
            return item;
    }
    return NULL;
}

static void diff_items(struct fset_diff *d, const cJSON *a, const cJSON *b, const struct schema *s)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, a) {
        AUTO_FREE char *key = fset_item_key(item, s);

        if (key && item_of_key(a, key, s) == item)
            diff_child(d, key, item, item_of_key(b, key, s), s->item);
    }
    cJSON_ArrayForEach(item, b) {
        AUTO_FREE char *key = fset_item_key(item, s);

        if (key && item_of_key(b, key, s) == item && !item_of_key(a, key, s))
            diff_child(d, key, NULL, item, s->item);
    }
}

static struct fset_diff compare(const cJSON *a, const cJSON *b, const struct schema *s)
{
    struct fset_diff d = diff_new();

    if (node_of(a ? a : b, s) == NODE_ITEMS)
        diff_items(&d, a, b, s);
    else
        diff_members(&d, a, b, s);
    return d;
}

struct fset_diff fset_compare(const cJSON *before, const cJSON *after, const struct schema *s)
{
    return compare(before, after, s);
}

/* ---- paths for people ---- */

static void path_step(struct buf *b, const char *key)
{
    AUTO_JSON cJSON *fields = NULL;
    const cJSON *f;

    if (strncmp(key, "f:", 2) == 0) {
        buf_fmt(b, ".%s", key + 2);
        return;
    }
    if (strncmp(key, "k:", 2) != 0) {
        buf_fmt(b, "[=%s]", key + 2);
        return;
    }
    if (json_parse(key + 2, strlen(key + 2), &fields, &(struct err){ 0 }) < 0)
        return;
    buf_str(b, "[");
    cJSON_ArrayForEach(f, fields) {
        AUTO_FREE char *v = json_print(f);

        buf_fmt(b, "%s%s=%s", f->prev != f && f != fields->child ? "," : "", f->string, v);
    }
    buf_str(b, "]");
}

static void each(const cJSON *set, struct buf *path, void (*fn)(void *, const char *), void *arg)
{
    const cJSON *m;

    cJSON_ArrayForEach(m, set) {
        size_t len = path->len;

        if (is_dot(m))
            continue;
        path_step(path, m->string);
        if (fset_is_member(m))
            fn(arg, buf_text(path));
        each(m, path, fn, arg);
        path->len = len;
        path->data[len] = '\0';
    }
}

void fset_each(const cJSON *set, void (*fn)(void *arg, const char *path), void *arg)
{
    struct buf path CLEANUP(buf_done) = { 0 };

    buf_init(&path, 16 << 10);
    buf_str(&path, "");
    each(set, &path, fn, arg);
}
