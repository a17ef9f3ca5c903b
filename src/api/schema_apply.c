#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "json/quantity.h"
#include "schema.h"

struct walk {
    char path[160];
    struct err *e;
};

static int refuse(struct walk *w, const char *what)
{
    return err_set(w->e, ERR_INVALID, "%s: %s", w->path, what);
}

static size_t enter(struct walk *w, const char *step)
{
    size_t n = strlen(w->path);

    /* names come from outside: cut, and without what would break a log line */
    snprintf(w->path + n, sizeof(w->path) - n, "%s%.60s", *step == '[' || !n ? "" : ".", step);
    for (char *p = w->path + n; *p; p++)
        if (iscntrl((unsigned char)*p))
            *p = '?';
    return n;
}

bool schema_shape_fits(const char *shape, const char *text)
{
    regex_t re;
    bool fits;

    if (regcomp(&re, shape, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    fits = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return fits;
}

static int64_t count_characters(const char *s)
{
    int64_t n = 0;
    uint32_t c;

    for (size_t len; *s; s += len, n++) {
        len = str_utf8_next(s, &c);
        if (!len)
            return -1;
    }
    return n;
}

static int check_text(struct walk *w, const struct field *f, const cJSON *v)
{
    int64_t n, least = f->min < 0 ? 0 : 1;

    if (!cJSON_IsString(v))
        return refuse(w, "must be a text");
    n = count_characters(v->valuestring);
    if (n < least || n > f->max)
        return err_set(w->e, ERR_INVALID, "%s: must have %d to %d characters", w->path, (int)least, (int)f->max);
    if (f->shape && !schema_shape_fits(f->shape, v->valuestring))
        return err_set(w->e, ERR_INVALID, "%s: \"%.40s\" does not have the form %s", w->path, v->valuestring, f->shape);
    return 0;
}

static int check_int(struct walk *w, const struct field *f, const cJSON *v)
{
    if (!json_is_int(v))
        return refuse(w, "must be a whole number");
    if (v->valuedouble < (double)f->min || v->valuedouble > (double)f->max)
        return err_set(w->e, ERR_INVALID, "%s: must be from %lld to %lld", w->path, (long long)f->min, (long long)f->max);
    return 0;
}

static int check_bool(struct walk *w, const struct field *f, const cJSON *v)
{
    (void)f;
    return cJSON_IsBool(v) ? 0 : refuse(w, "must be true or false");
}

static int check_enum(struct walk *w, const struct field *f, const cJSON *v)
{
    const char *s = cJSON_GetStringValue(v), *p = f->values;

    while (s && *s && *p) {
        size_t n = strcspn(p, " ");

        if (strlen(s) == n && strncmp(p, s, n) == 0)
            return 0;
        p += n + (p[n] == ' ');
    }
    return err_set(w->e, ERR_INVALID, "%s: must be one of: %s", w->path, f->values);
}

static int check_quantity(struct walk *w, const struct field *f, const cJSON *v)
{
    AUTO_FREE char *text = cJSON_IsNumber(v) ? json_print(v) : NULL;
    char canonical[32];
    struct err e;
    (void)f;

    if (!cJSON_IsString(v) && !json_is_int(v))
        return refuse(w, "must be a quantity such as 500m or 2Gi");
    if (quantity_canonical(text ? text : v->valuestring, canonical, &e) < 0)
        return refuse(w, e.msg);
    return *canonical == '-' || str_eq(canonical, "0") ? refuse(w, "must be above zero") : 0;
}

static int check_percent(struct walk *w, const struct field *f, const cJSON *v)
{
    if (cJSON_IsString(v))
        return schema_shape_fits(SCHEMA_PERCENT, v->valuestring) ? 0 : refuse(w, "must be a number, or a share such as 25%");
    return check_int(w, f, v);
}

static int check_map(struct walk *w, const struct field *f, const cJSON *v)
{
    struct field text = { .min = -1, .max = strtol(f->values, NULL, 10), .shape = f->shape };

    if (!cJSON_IsObject(v))
        return refuse(w, "must be an object of texts");
    if (json_count(v) > f->max)
        return err_set(w->e, ERR_INVALID, "%s: must have at most %d members", w->path, (int)f->max);
    for (const cJSON *m = v->child; m; m = m->next) {
        size_t n = enter(w, m->string);

        if (check_text(w, &text, m) < 0)
            return -ERR_INVALID;
        w->path[n] = '\0';
    }
    return 0;
}

static int check_any(struct walk *w, const struct field *f, const cJSON *v)
{
    (void)f;
    return cJSON_IsObject(v) ? 0 : refuse(w, "must be an object");
}

static int check_later(struct walk *w, const struct field *f, const cJSON *v)
{
    (void)v;
    return refuse(w, f->instead);
}

static int check_list_size(struct walk *w, const struct field *f, const cJSON *v)
{
    int n = json_count(v);

    if (!cJSON_IsArray(v))
        return refuse(w, "must be a list");
    if (n < f->min || n > f->max)
        return err_set(w->e, ERR_INVALID, "%s: must have %d to %d items", w->path, (int)f->min, (int)f->max);
    return 0;
}

static int check_any_list(struct walk *w, const struct field *f, const cJSON *v)
{
    const cJSON *item;

    if (check_list_size(w, f, v) < 0)
        return -ERR_INVALID;
    cJSON_ArrayForEach(item, v)
        if (!cJSON_IsObject(item))
            return refuse(w, "every item must be an object");
    return 0;
}

static int check_text_list(struct walk *w, const struct field *f, const cJSON *v)
{
    struct field text = { .max = strtol(f->values, NULL, 10), .shape = f->shape };

    if (check_list_size(w, f, v) < 0)
        return -ERR_INVALID;
    for (const cJSON *item = v->child; item; item = item->next) {
        if (check_text(w, &text, item) < 0)
            return -ERR_INVALID;
        for (const cJSON *other = v->child; other != item; other = other->next)
            if (str_eq(other->valuestring, item->valuestring))
                return err_set(w->e, ERR_INVALID, "%s: \"%.63s\" appears twice", w->path, item->valuestring);
    }
    return 0;
}

static int apply(struct walk *w, const struct field *f, cJSON *v);

static const struct field *field_find(const struct field *sub, const char *name)
{
    for (; sub->name; sub++)
        if (str_eq(sub->name, name))
            return sub;
    return NULL;
}

static int check_known(struct walk *w, const struct field *f, const cJSON *v)
{
    if (f->open)
        return 0;
    for (const cJSON *m = v->child; m; m = m->next) {
        if (field_find(f->sub, m->string))
            continue;
        enter(w, m->string);
        return refuse(w, "no such field: check the spelling and the indentation");
    }
    return 0;
}

/* As the server does: null counts as absent where there is a default. */
static int apply_default(struct walk *w, const struct field *f, cJSON *obj)
{
    cJSON *value = NULL;
    const cJSON *have = json_member(obj, f->name);

    if (have && !(cJSON_IsNull(have) && f->def))
        return 0;
    if (f->required && !f->def) {
        enter(w, f->name);
        return refuse(w, "is required");
    }
    if (f->def && json_parse(f->def, strlen(f->def), &value, w->e) < 0)
        return err_set(w->e, ERR_BUG, "default of %s", f->name);
    json_put(obj, f->name, value);
    return 0;
}

static int check_rules(struct walk *w, const struct rule *r, const cJSON *v)
{
    for (; r && r->cel; r++)
        if (r->holds && !r->holds(v))
            return err_set(w->e, ERR_INVALID, "%s%s: %s", w->path, r->field ? r->field : "", r->message);
    return 0;
}

static int apply_members(struct walk *w, const struct field *f, cJSON *v)
{
    for (const struct field *s = f->sub; s->name; s++) {
        size_t n = strlen(w->path);
        cJSON *m;

        if (apply_default(w, s, v) < 0)
            return -ERR_INVALID;
        m = json_member(v, s->name);
        enter(w, s->name);
        if (m && apply(w, s, m) < 0)
            return -ERR_INVALID;
        w->path[n] = '\0';
    }
    return 0;
}

static int check_object(struct walk *w, const struct field *f, cJSON *v)
{
    if (!cJSON_IsObject(v))
        return refuse(w, "must be an object");
    if (check_known(w, f, v) < 0)
        return -ERR_INVALID;
    return apply_members(w, f, v);
}

static int check_unique(struct walk *w, const struct field *f, const cJSON *list, const cJSON *item)
{
    const char *name = json_get_str(item, f->key);

    for (const cJSON *other = list->child; other && other != item; other = other->next)
        if (str_eq(json_get_str(other, f->key), name))
            return err_set(w->e, ERR_INVALID, "%s.%s: \"%.63s\" appears twice", w->path, f->key, name);
    return 0;
}

static int check_list(struct walk *w, const struct field *f, cJSON *v)
{
    struct field item = { .type = T_OBJECT, .sub = f->sub, .open = f->open };
    int i = 0;

    if (check_list_size(w, f, v) < 0)
        return -ERR_INVALID;
    for (cJSON *m = v->child; m; m = m->next) {
        char step[16];
        size_t n;

        snprintf(step, sizeof(step), "[%d]", i++);
        n = enter(w, step);
        if (check_object(w, &item, m) < 0 || (f->key && check_unique(w, f, v, m) < 0))
            return -ERR_INVALID;
        w->path[n] = '\0';
    }
    return 0;
}

static int apply(struct walk *w, const struct field *f, cJSON *v)
{
    static int (*const scalars[])(struct walk *, const struct field *, const cJSON *) = {
        [T_TEXT] = check_text,         [T_ENUM] = check_enum,       [T_INT] = check_int, [T_BOOL] = check_bool,
        [T_QUANTITY] = check_quantity, [T_PERCENT] = check_percent, [T_MAP] = check_map, [T_ANY] = check_any,
        [T_ANY_LIST] = check_any_list, [T_LATER] = check_later,    [T_TEXT_LIST] = check_text_list,
    };
    int rc = f->type == T_OBJECT ? check_object(w, f, v) : f->type == T_LIST ? check_list(w, f, v) : scalars[f->type](w, f, v);

    return rc < 0 ? rc : check_rules(w, f->rules, v);
}

int schema_apply(const struct field *f, cJSON *v, struct err *e)
{
    struct walk w = { .e = e };

    enter(&w, f->name);
    return apply(&w, f, v);
}
