/* Strategic merge patch; see patch.h. Directives: $patch, $retainKeys, $setElementOrder, $deleteFromPrimitiveList. */
#include <string.h>

#include "base/str.h"
#include "sim/apiserver/patch.h"

static bool is_directive(const char *key)
{
    return *key == '$';
}

static const char *directive_of(const cJSON *patch)
{
    return json_get_str(patch, "$patch");
}

static cJSON *item_with(const cJSON *list, const char *key, const cJSON *value)
{
    cJSON *i;

    cJSON_ArrayForEach(i, list)
        if (value && json_equal(json_member(i, key), value))
            return i;
    return NULL;
}

static cJSON *scalar_in(const cJSON *list, const cJSON *value)
{
    cJSON *i;

    cJSON_ArrayForEach(i, list)
        if (json_equal(i, value))
            return i;
    return NULL;
}

static cJSON *without_directives(const cJSON *v)
{
    cJSON *out = json_dup(v);

    if (!cJSON_IsObject(out))
        return out;
    for (cJSON *m = out->child, *next; m; m = next) {
        next = m->next;
        if (is_directive(m->string) || cJSON_IsNull(m))
            cJSON_Delete(cJSON_DetachItemViaPointer(out, m));
    }
    return out;
}

static int merge_item(cJSON *list, const cJSON *p, const struct schema *s, struct refusal *r)
{
    const cJSON *value = json_member(p, s->merge_key);
    cJSON *mine = item_with(list, s->merge_key, value);
    const char *what = directive_of(p);

    if (str_eq(what, "delete")) {
        if (mine)
            cJSON_Delete(cJSON_DetachItemViaPointer(list, mine));
        return 0;
    }
    if (!value)
        return refuse(r, 400, "BadRequest", "map: %s does not contain declared merge key: %s", "item", s->merge_key);
    if (mine)
        return strategic_merge(mine, p, s->item, r);
    json_push(list, without_directives(p));
    return 0;
}

static bool replaces_list(const cJSON *patch)
{
    const cJSON *p;

    cJSON_ArrayForEach(p, patch)
        if (str_eq(directive_of(p), "replace"))
            return true;
    return false;
}

static int merge_list(cJSON *list, const cJSON *patch, const struct schema *s, struct refusal *r)
{
    const cJSON *p;

    if (replaces_list(patch))
        while (list->child)
            cJSON_DeleteItemFromArray(list, 0);
    cJSON_ArrayForEach(p, patch) {
        if (str_eq(directive_of(p), "replace") && json_count(p) == 1)
            continue;
        if (!*s->merge_key) {
            if (!scalar_in(list, p))
                json_push(list, json_dup(p));
        } else if (merge_item(list, p, s, r) < 0) {
            return -1;
        }
    }
    return 0;
}

static cJSON *same_item(const cJSON *list, const cJSON *like, const struct schema *s)
{
    return *s->merge_key ? item_with(list, s->merge_key, json_member(like, s->merge_key)) : scalar_in(list, like);
}

static int position_of(const cJSON *list, const cJSON *like, const struct schema *s)
{
    const cJSON *i;
    int n = 0;

    cJSON_ArrayForEach(i, list) {
        if (*s->merge_key ? json_equal(json_member(i, s->merge_key), json_member(like, s->merge_key)) : json_equal(i, like))
            return n;
        n++;
    }
    return -1;
}

/* Items of the order keep it; others keep theirs, and go before the first item of the order that
 * stood behind them. before: the list as it was. */
static void set_order(cJSON *list, const cJSON *order, const cJSON *before, const struct schema *s)
{
    cJSON *sorted = json_new_arr();
    const cJSON *o;

    cJSON_ArrayForEach(o, order) {
        cJSON *i = same_item(list, o, s);
        int was = i ? position_of(before, i, s) : -1;

        while (i && was >= 0 && list->child && !same_item(order, list->child, s) &&
               position_of(before, list->child, s) < was)
            json_push(sorted, cJSON_DetachItemFromArray(list, 0));
        if (i)
            json_push(sorted, cJSON_DetachItemViaPointer(list, i));
    }
    while (list->child)
        json_push(sorted, cJSON_DetachItemFromArray(list, 0));
    while (sorted->child)
        json_push(list, cJSON_DetachItemFromArray(sorted, 0));
    cJSON_Delete(sorted);
}

static void delete_scalars(cJSON *list, const cJSON *gone)
{
    const cJSON *g;

    cJSON_ArrayForEach(g, gone) {
        cJSON *i = scalar_in(list, g);

        if (i)
            cJSON_Delete(cJSON_DetachItemViaPointer(list, i));
    }
}

static void retain_only(cJSON *live, const cJSON *names)
{
    for (cJSON *m = live->child, *next; m; m = next) {
        const cJSON *n;
        bool kept = false;

        next = m->next;
        cJSON_ArrayForEach(n, names)
            kept = kept || str_eq(cJSON_GetStringValue(n), m->string);
        if (!kept)
            cJSON_Delete(cJSON_DetachItemViaPointer(live, m));
    }
}

static int merge_ordered(cJSON *live, const cJSON *patch, const cJSON *p, const struct schema *type, struct refusal *r)
{
    cJSON *list = json_arr(live, p->string);
    AUTO_JSON cJSON *before = json_dup(list);
    AUTO_FREE char *key = xasprintf("$setElementOrder/%s", p->string);
    const cJSON *order = json_member(patch, key);

    if (merge_list(list, p, type, r) < 0)
        return -1;
    set_order(list, order ? order : p, before, type);
    return 0;
}

static int merge_member(cJSON *live, const cJSON *patch, const cJSON *p, const struct schema *s, struct refusal *r)
{
    const struct schema_field *f = s ? schema_field(s, p->string) : NULL;
    const struct schema *type = schema_of_member(s, p->string);
    cJSON *mine = json_member(live, p->string);

    if (cJSON_IsNull(p)) {
        json_del(live, p->string);
        return 0;
    }
    if (cJSON_IsArray(p) && type && type->kind == SCHEMA_LIST && type->merge_key)
        return merge_ordered(live, patch, p, type, r);
    if (cJSON_IsObject(p) && cJSON_IsObject(mine) && !(f && f->replace) && !str_eq(directive_of(p), "replace"))
        return strategic_merge(mine, p, type, r);
    if (cJSON_IsObject(p)) {
        json_put(live, p->string, json_new_obj());
        return strategic_merge(json_member(live, p->string), p, type, r);
    }
    json_put_dup(live, p->string, p);
    return 0;
}

static void run_list_directive(cJSON *live, const cJSON *p, const struct schema *s)
{
    const char *slash = strchr(p->string, '/');
    const struct schema *type = slash ? schema_of_member(s, slash + 1) : NULL;
    cJSON *list = slash ? json_member(live, slash + 1) : NULL;

    if (!list || !type || !type->merge_key)
        return;
    if (str_has_prefix(p->string, "$setElementOrder/")) {
        AUTO_JSON cJSON *before = json_dup(list);

        set_order(list, p, before, type);
    }
    if (str_has_prefix(p->string, "$deleteFromPrimitiveList/"))
        delete_scalars(list, p);
}

int strategic_merge(cJSON *live, const cJSON *patch, const struct schema *s, struct refusal *r)
{
    const cJSON *p;

    if (str_eq(directive_of(patch), "delete")) {
        while (live->child)
            cJSON_Delete(cJSON_DetachItemViaPointer(live, live->child));
        return 0;
    }
    cJSON_ArrayForEach(p, patch)
        if (!is_directive(p->string) && merge_member(live, patch, p, s, r) < 0)
            return -1;
    cJSON_ArrayForEach(p, patch)
        if (is_directive(p->string))
            run_list_directive(live, p, s);
    if (json_member(patch, "$retainKeys"))
        retain_only(live, json_member(patch, "$retainKeys"));
    return 0;
}
