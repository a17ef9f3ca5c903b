#include "owned_path.h"

#include <string.h>

#include "base/str.h"
#include "json/quantity.h"

bool path_is_leaf(const cJSON *fields)
{
    return json_count(fields) == 0;
}

const cJSON *path_member(const cJSON *fields, const char *key)
{
    for (const cJSON *f = cJSON_IsObject(fields) ? fields->child : NULL; f; f = f->next)
        if (str_has_prefix(f->string, "f:") && str_eq(f->string + 2, key))
            return f;
    return NULL;
}

/* What API servers fill in inside atomic lists, maps and structs of the kinds that we apply. One that is missing here
 * costs a write that changes nothing after each start; one too many would leave what nobody wants any more. */
static bool is_filled_in(const char *key)
{
    static const char *const names[] = { "apiVersion", "divisor", "expirationSeconds", "defaultMode", "protocol", "volumeMode", "status",
                                         "creationTimestamp", "matches", "group", "kind", "weight" };

    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(names[i], key))
            return true;
    return false;
}

const cJSON *path_leftover(const cJSON *live, const cJSON *want)
{
    if (!want->child)
        return NULL;
    for (const cJSON *v = live->child; v; v = v->next)
        if ((!json_member(want, v->string) || cJSON_IsNull(json_member(want, v->string))) && !is_filled_in(v->string))
            return v;
    return NULL;
}

bool path_is_left_out(const cJSON *fields, const cJSON *want)
{
    if (cJSON_IsArray(want) || !fields)
        return cJSON_IsArray(want) && !want->child;
    if (cJSON_IsObject(want))
        return !want->child;
    return cJSON_IsFalse(want) || (cJSON_IsNumber(want) && want->valuedouble == 0) || str_eq(cJSON_GetStringValue(want), "");
}

/* An element that cannot be read names nothing: what it owns then looks unwanted, and is applied again. */
static bool element_read(struct element *el, const cJSON *f)
{
    const char *text = f->string;

    *el = (struct element){ .fields = f, .kind = text[0] };
    if (str_has_prefix(text, "k:") || str_has_prefix(text, "v:"))
        return json_parse(text + 2, strlen(text + 2), &el->value, NULL) == 0;
    return str_has_prefix(text, "i:") && str_to_int(text + 2, 0, INT32_MAX, &el->index);
}

void elements_init(struct elements *s, const cJSON *fields)
{
    *s = (struct elements){ .list = xcalloc((size_t)json_count(fields) + 1, sizeof(*s->list)) };
    for (const cJSON *f = cJSON_IsObject(fields) ? fields->child : NULL; f; f = f->next)
        if (!str_eq(f->string, ".") && element_read(&s->list[s->n], f))
            s->n++;
}

void elements_done(struct elements *s)
{
    for (size_t i = 0; i < s->n; i++)
        cJSON_Delete(s->list[i].value);
    free(s->list);
    *s = (struct elements){ 0 };
}

/* The only key member that the API server fills in is a port's protocol. */
static bool is_default(const cJSON *key)
{
    return str_eq(key->string, "protocol") && str_eq(cJSON_GetStringValue(key), "TCP");
}

static bool key_names(const cJSON *keys, const cJSON *item)
{
    if (!cJSON_IsObject(keys) || !cJSON_IsObject(item))
        return false;
    for (const cJSON *k = keys->child; k; k = k->next) {
        const cJSON *have = json_member(item, k->string);

        if (have ? !json_equal(have, k) : !is_default(k))
            return false;
    }
    return true;
}

static bool element_names(const struct element *el, const cJSON *item, int index)
{
    if (el->kind == 'i')
        return el->index == index;
    return el->kind == 'k' ? key_names(el->value, item) : json_equal(el->value, item);
}

const struct element *elements_find(struct elements *s, const cJSON *item, int index)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t at = (s->next + i) % s->n;

        if (!element_names(&s->list[at], item, index))
            continue;
        s->next = at + 1;
        return &s->list[at];
    }
    return NULL;
}

const cJSON *elements_live_item(struct elements *owned, const struct element *el, const cJSON *live, int hint)
{
    const cJSON *guess = cJSON_GetArrayItem(live, hint);
    int i = 0;

    if (guess && elements_find(owned, guess, hint) == el)
        return guess;
    for (const cJSON *item = live->child; item; item = item->next, i++)
        if (elements_find(owned, item, i) == el)
            return item;
    return NULL;
}

bool path_is_ordered(const char *key)
{
    return str_eq(key, "initContainers") || str_eq(key, "env");
}

/* Fields of type Quantity in what we apply; own NULL: every member. */
static bool is_quantity(const char *in, const char *own)
{
    static const struct {
        const char *in, *own;
    } places[] = {
        { "limits", NULL },     { "requests", NULL },    { "overhead", NULL },  { "capacity", NULL },
        { "minAllowed", NULL }, { "maxAllowed", NULL },  { "target", "value" }, { "target", "averageValue" },
        { "emptyDir", "sizeLimit" }, { "resourceFieldRef", "divisor" }, { "scaleUp", "tolerance" }, { "scaleDown", "tolerance" },
    };

    for (size_t i = 0; in && own && i < COUNT(places); i++)
        if (str_eq(in, places[i].in) && (!places[i].own || str_eq(own, places[i].own)))
            return true;
    return false;
}

bool path_same_scalar(const char *in, const cJSON *live, const cJSON *want)
{
    const char *have = cJSON_GetStringValue(live);
    AUTO_FREE char *text = NULL;

    if (json_equal(live, want))
        return true;
    if (!have || !is_quantity(in, want->string))
        return false;
    text = json_scalar_text(want);
    return text && quantity_equal(have, text);
}
