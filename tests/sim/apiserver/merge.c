#include "sim/apiserver/merge.h"

#include <string.h>

#include "base/str.h"
#include "sim/apiserver/fset.h"
#include "sim/apiserver/trail.h"

static bool is_granular_list(const cJSON *v, const struct schema *s)
{
    return cJSON_IsArray(v) && s && s->kind == SCHEMA_LIST && s->list != SCHEMA_LIST_ATOMIC;
}

static bool is_granular_map(const cJSON *v, const struct schema *s)
{
    return cJSON_IsObject(v) && !(s && s->atomic);
}

/* ---- merge ---- */

static cJSON *merge_maps(const cJSON *live, const cJSON *config, const struct schema *s)
{
    cJSON *out = json_new_obj();
    const cJSON *m;

    cJSON_ArrayForEach(m, live) {
        const cJSON *c = json_member(config, m->string);

        cJSON_AddItemToObject(out, m->string, c ? merge_typed(m, c, schema_of_member(s, m->string)) : json_dup(m));
    }
    cJSON_ArrayForEach(m, config)
        if (!json_member(live, m->string))
            cJSON_AddItemToObject(out, m->string, json_dup(m));
    return out;
}

struct side {
    const cJSON **items;
    char **keys;
    size_t n;
};

static struct side side_of(const cJSON *list, const struct schema *s)
{
    struct side d = { 0 };
    const cJSON *item;

    d.n = (size_t)json_count(list);
    d.items = xcalloc(d.n + 1, sizeof(*d.items));
    d.keys = xcalloc(d.n + 1, sizeof(*d.keys));
    d.n = 0;
    cJSON_ArrayForEach(item, list) {
        d.items[d.n] = item;
        d.keys[d.n++] = fset_item_key(item, s);
    }
    return d;
}

static void side_done(struct side *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->keys[i]);
    free(d->keys);
    free(d->items);
}

static size_t side_find(const struct side *d, const char *key)
{
    for (size_t i = 0; key && i < d->n; i++)
        if (str_eq(d->keys[i], key))
            return i;
    return d->n;
}

/* Items only one side has stay near their neighbours; where both have an order, config's wins. */
static cJSON *merge_lists(const cJSON *live, const cJSON *config, const struct schema *s)
{
    struct side l = side_of(live, s), r = side_of(config, s);
    cJSON *out = json_new_arr();
    size_t i = 0, k = 0;

    while (i < l.n || k < r.n) {
        bool foreign = i < l.n && side_find(&r, l.keys[i]) == r.n;
        size_t mate;

        if (foreign) {
            json_push(out, json_dup(l.items[i++]));
            continue;
        }
        if (k == r.n) {
            i++; /* merged before */
            continue;
        }
        mate = side_find(&l, r.keys[k]);
        json_push(out, mate < l.n ? merge_typed(l.items[mate], r.items[k], s->item) : json_dup(r.items[k]));
        if (i < l.n && mate < l.n)
            i++;
        k++;
    }
    side_done(&l);
    side_done(&r);
    return out;
}

cJSON *merge_typed(const cJSON *live, const cJSON *config, const struct schema *s)
{
    if (is_granular_map(live, s) && is_granular_map(config, s))
        return merge_maps(live, config, s);
    if (is_granular_list(live, s) && is_granular_list(config, s))
        return merge_lists(live, config, s);
    return json_dup(config);
}

/* ---- removal ---- */

static void remove_child(cJSON *parent, cJSON *child, const cJSON *entry, const struct schema *s)
{
    if (!entry)
        return;
    if (fset_is_member(entry))
        cJSON_Delete(cJSON_DetachItemViaPointer(parent, child));
    else
        merge_remove(child, entry, s);
}

void merge_remove(cJSON *obj, const cJSON *set, const struct schema *s)
{
    for (cJSON *m = obj->child, *next; m; m = next) {
        AUTO_FREE char *key = NULL;

        next = m->next;
        if (is_granular_list(obj, s)) {
            key = fset_item_key(m, s);
            if (key)
                remove_child(obj, m, json_member(set, key), s->item);
        } else if (is_granular_map(obj, s)) {
            key = xasprintf("f:%s", m->string);
            remove_child(obj, m, json_member(set, key), schema_of_member(s, m->string));
        }
    }
}

/* ---- keys ---- */

static int check_keys(const cJSON *v, const struct schema *s, const struct trail *at, struct refusal *r);

static int check_list_keys(const cJSON *list, const struct schema *s, const struct trail *at, struct refusal *r)
{
    struct side d = side_of(list, s);
    char where[TRAIL_TEXT];
    int rc = 0;

    for (size_t i = 0; i < d.n && rc == 0; i++) {
        struct trail here = { at, NULL, (int)i };

        if (!d.keys[i])
            rc = refuse(r, 500, "", "failed to create typed patch object: .%s: element %zu: associative list with keys "
                        "has an element that omits all key fields [\"%s\"] (and doesn't have default values for any key "
                        "fields)", trail_text(at, where, sizeof(where)), i, s->n_keys ? s->keys[0] : "");
        else if (side_find(&d, d.keys[i]) != i)
            rc = refuse(r, 500, "", "failed to create typed patch object: .%s: duplicate entries for key %s",
                        trail_text(at, where, sizeof(where)), d.keys[i] + 2);
        else if (s->item)
            rc = check_keys(d.items[i], s->item, &here, r);
    }
    side_done(&d);
    return rc;
}

static int check_keys(const cJSON *v, const struct schema *s, const struct trail *at, struct refusal *r)
{
    const cJSON *m;

    if (is_granular_list(v, s))
        return check_list_keys(v, s, at, r);
    if (!is_granular_map(v, s))
        return 0;
    cJSON_ArrayForEach(m, v) {
        struct trail here = { at, m->string, 0 };
        const struct schema *type = schema_of_member(s, m->string);

        if (type && check_keys(m, type, &here, r) < 0)
            return -1;
    }
    return 0;
}

int merge_check_keys(const cJSON *config, const struct schema *s, struct refusal *r)
{
    return s ? check_keys(config, s, NULL, r) : 0;
}
