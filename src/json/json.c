#include "json/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum { DEPTH_MAX = 100 };

/* cJSON recurses once per level; a hostile text must not choose the depth of our stack. */
static bool depth_is_bounded(const char *s, size_t len)
{
    int depth = 0;
    bool in_str = false;

    for (size_t i = 0; i < len; i++) {
        if (in_str) {
            if (s[i] == '\\')
                i++;
            else if (s[i] == '"')
                in_str = false;
        } else if (s[i] == '"') {
            in_str = true;
        } else if (s[i] == '{' || s[i] == '[') {
            if (++depth > DEPTH_MAX)
                return false;
        } else if (s[i] == '}' || s[i] == ']') {
            depth--;
        }
    }
    return true;
}

static bool only_space(const char *s, const char *end)
{
    while (s < end && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r'))
        s++;
    return s >= end || *s == '\0';
}

int json_parse(const char *text, size_t len, cJSON **out, struct err *e)
{
    const char *end = NULL;
    AUTO_JSON cJSON *root = NULL;

    if (!depth_is_bounded(text, len))
        return err_set(e, ERR_INVALID, "JSON nested deeper than %d levels", DEPTH_MAX);
    root = cJSON_ParseWithLengthOpts(text, len, &end, 0);
    if (!root)
        return err_set(e, ERR_INVALID, "not JSON at byte %td of %zu", end ? end - text : (ptrdiff_t)0, len);
    if (!only_space(end, text + len))
        return err_set(e, ERR_INVALID, "text after the JSON value at byte %td", end - text);
    *out = TAKE(root);
    return 0;
}

static void *must(void *p)
{
    if (!p)
        abort(); /* cJSON fails on memory only; base/mem.h ends the process likewise */
    return p;
}

char *json_print(const cJSON *v)
{
    return must(cJSON_PrintUnformatted(v));
}

char *json_print_pretty(const cJSON *v)
{
    return must(cJSON_Print(v));
}

cJSON *json_dup(const cJSON *v)
{
    return v ? must(cJSON_Duplicate(v, 1)) : NULL;
}

cJSON *json_member(const cJSON *obj, const char *key)
{
    return cJSON_IsObject(obj) ? cJSON_GetObjectItemCaseSensitive(obj, key) : NULL;
}

static cJSON *step(const cJSON *v, const char *name)
{
    int64_t i;

    if (cJSON_IsObject(v))
        return cJSON_GetObjectItemCaseSensitive(v, name);
    if (cJSON_IsArray(v) && str_to_int(name, 0, INT32_MAX, &i))
        return cJSON_GetArrayItem(v, (int)i);
    return NULL;
}

cJSON *json_at(const cJSON *obj, const char *path)
{
    char name[256];

    while (obj && *path) {
        size_t n = strcspn(path, ".");

        if (n >= sizeof(name))
            return NULL;
        memcpy(name, path, n);
        name[n] = '\0';
        obj = step(obj, name);
        path += n + (path[n] == '.');
    }
    return (cJSON *)obj;
}

const char *json_get_str(const cJSON *obj, const char *path)
{
    return cJSON_GetStringValue(json_at(obj, path));
}

bool json_is_int(const cJSON *v)
{
    /* beyond 2^53 a double skips integers: such a number is not what was written */
    return cJSON_IsNumber(v) && v->valuedouble == trunc(v->valuedouble) && fabs(v->valuedouble) <= 9007199254740992.0;
}

int64_t json_get_int(const cJSON *obj, const char *path, int64_t fallback)
{
    const cJSON *v = json_at(obj, path);

    return json_is_int(v) ? (int64_t)v->valuedouble : fallback;
}

const cJSON *json_condition(const cJSON *status, const char *type)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_member(status, "conditions"))
        if (str_eq(json_get_str(c, "type"), type))
            return c;
    return NULL;
}

bool json_condition_is(const cJSON *status, const char *type, const char *value)
{
    return str_eq(json_get_str(json_condition(status, type), "status"), value);
}

char *json_scalar_text(const cJSON *v)
{
    if (cJSON_IsNumber(v))
        return json_print(v);
    return cJSON_IsString(v) ? xstrdup(v->valuestring) : NULL;
}

bool json_get_bool(const cJSON *obj, const char *path, bool fallback)
{
    const cJSON *v = json_at(obj, path);

    return cJSON_IsBool(v) ? cJSON_IsTrue(v) : fallback;
}

bool json_has(const cJSON *obj, const char *path)
{
    return json_at(obj, path) != NULL;
}

int json_count(const cJSON *v)
{
    return cJSON_IsArray(v) || cJSON_IsObject(v) ? cJSON_GetArraySize(v) : 0;
}

cJSON *json_new_obj(void)
{
    return must(cJSON_CreateObject());
}

cJSON *json_new_arr(void)
{
    return must(cJSON_CreateArray());
}

void json_put(cJSON *obj, const char *key, cJSON *value)
{
    if (!value)
        return;
    if (json_member(obj, key))
        cJSON_ReplaceItemInObjectCaseSensitive(obj, key, value);
    else if (!cJSON_AddItemToObject(obj, key, value))
        abort();
}

void json_put_dup(cJSON *obj, const char *key, const cJSON *value)
{
    json_put(obj, key, json_dup(value));
}

cJSON *json_obj(cJSON *parent, const char *key)
{
    cJSON *o = json_member(parent, key);

    if (!cJSON_IsObject(o)) {
        o = json_new_obj();
        json_put(parent, key, o);
    }
    return o;
}

cJSON *json_arr(cJSON *parent, const char *key)
{
    cJSON *a = json_member(parent, key);

    if (!cJSON_IsArray(a)) {
        a = json_new_arr();
        json_put(parent, key, a);
    }
    return a;
}

void json_str(cJSON *obj, const char *key, const char *value)
{
    if (value)
        json_put(obj, key, must(cJSON_CreateString(value)));
}

void json_fmt(cJSON *obj, const char *key, const char *fmt, ...)
{
    AUTO_FREE char *s = NULL;
    va_list ap;

    va_start(ap, fmt);
    s = xvasprintf(fmt, ap);
    va_end(ap);
    json_str(obj, key, s);
}

void json_int(cJSON *obj, const char *key, int64_t value)
{
    json_put(obj, key, must(cJSON_CreateNumber((double)value)));
}

void json_bool(cJSON *obj, const char *key, bool value)
{
    json_put(obj, key, must(cJSON_CreateBool(value)));
}

void json_del(cJSON *obj, const char *key)
{
    cJSON_DeleteItemFromObjectCaseSensitive(obj, key);
}

void json_push(cJSON *arr, cJSON *value)
{
    if (!value || !cJSON_AddItemToArray(arr, value))
        abort();
}

cJSON *json_push_obj(cJSON *arr)
{
    cJSON *o = json_new_obj();

    json_push(arr, o);
    return o;
}

void json_push_str(cJSON *arr, const char *value)
{
    json_push(arr, must(cJSON_CreateString(value)));
}

static bool same_items(const cJSON *a, const cJSON *b)
{
    const cJSON *x = a->child, *y = b->child;

    for (; x && y; x = x->next, y = y->next)
        if (!json_equal(x, y))
            return false;
    return !x && !y;
}

static bool same_members(const cJSON *a, const cJSON *b)
{
    for (const cJSON *m = a->child; m; m = m->next)
        if (!json_equal(m, json_member(b, m->string)))
            return false;
    for (const cJSON *m = b->child; m; m = m->next)
        if (!json_member(a, m->string))
            return false;
    return true;
}

/* Not cJSON_Compare for what has members: it looks at them from both sides, at each level, which is 2 to the depth times. */
bool json_equal(const cJSON *a, const cJSON *b)
{
    if (a == b || !a || !b)
        return a == b;
    if (cJSON_IsObject(a))
        return cJSON_IsObject(b) && same_members(a, b);
    if (cJSON_IsArray(a))
        return cJSON_IsArray(b) && same_items(a, b);
    return cJSON_Compare(a, b, 1);
}
