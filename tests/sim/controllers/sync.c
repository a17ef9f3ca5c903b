#include "sim/controllers/sync.h"

#include <string.h>

#include "base/str.h"
#include "sim/controllers/items.h"

void change_add_self(const struct change *c, struct workq *q)
{
    AUTO_FREE char *key = item_key(change_item(c));

    workq_add(q, key);
}

static void add_owner_of(const cJSON *o, const char *kind_name, struct workq *q)
{
    const cJSON *ref = item_controller(o);
    AUTO_FREE char *key = NULL;

    if (!ref || !str_eq(json_get_str(ref, "kind"), kind_name) || !json_get_str(ref, "name"))
        return;
    key = xasprintf("%s/%s", item_ns(o), json_get_str(ref, "name"));
    workq_add(q, key);
}

void change_add_owner(const struct change *c, const char *kind_name, struct workq *q)
{
    if (c->old)
        add_owner_of(c->old, kind_name, q);
    if (c->now)
        add_owner_of(c->now, kind_name, q);
}

/* A Service's selector is a plain map, all others are LabelSelectors. */
static bool is_selected(const cJSON *selector, bool plain, const cJSON *o)
{
    const cJSON *x;

    if (!plain || !o)
        return o && selector_matches(selector, item_labels(o));
    cJSON_ArrayForEach(x, selector)
        if (!str_eq(cJSON_GetStringValue(x), item_label(o, x->string)))
            return false;
    return selector && selector->child;
}

void change_add_selecting(const struct change *c, int kind, const char *path, struct workq *q)
{
    AUTO_LIST struct list all = { 0 };

    scene_list_ns(c->scene, kind, item_ns(change_item(c)), &all);
    for (size_t i = 0; i < all.n; i++) {
        const cJSON *selector = json_at(all.items[i], path);
        AUTO_FREE char *key = NULL;

        if (!is_selected(selector, kind == KIND_SERVICE, c->old) && !is_selected(selector, kind == KIND_SERVICE, c->now))
            continue;
        key = item_key(all.items[i]);
        workq_add(q, key);
    }
}

void change_add_adopters(const struct change *c, int kind, struct workq *q)
{
    if (c->now && !item_controller(c->now))
        change_add_selecting(c, kind, "spec.selector", q);
}
