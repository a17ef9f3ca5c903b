/* The checks of shape.h that need no change: bounds, enums, required fields, unique keys. */
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "sim/apiserver/fset.h"
#include "sim/apiserver/shape.h"
#include "sim/apiserver/trail.h"

static void complain(struct refusal *r, const char *reason, const struct trail *at, const cJSON *v, const char *what)
{
    AUTO_FREE char *shown = v ? json_print(v) : NULL;
    char where[TRAIL_TEXT];

    trail_text(at, where, sizeof(where));
    if (shown)
        refusal_cause(r, reason, where, "Invalid value: %s: %s in body %s", shown, where, what);
    else
        refusal_cause(r, reason, where, "%s", what);
}

/* ---- patterns: Go's syntax to POSIX's, compiled once ---- */

static void to_posix(const char *go, struct buf *out)
{
    static const struct { char c; const char *in_class, *alone; } classes[] = {
        { 'd', "0-9", "[0-9]" }, { 'w', "A-Za-z0-9_", "[A-Za-z0-9_]" }, { 's', "[:space:]", "[[:space:]]" },
    };
    bool in_class = false;

    for (const char *p = go; *p; p++) {
        size_t k = COUNT(classes);

        if (*p == '\\' && p[1]) {
            for (k = 0; k < COUNT(classes) && classes[k].c != p[1]; k++)
                ;
            if (k < COUNT(classes))
                buf_str(out, in_class ? classes[k].in_class : classes[k].alone);
            else if (in_class)
                buf_fmt(out, "%c", p[1]);
            else if (strchr(".[]{}()*+?|^$\\", p[1]))
                buf_fmt(out, "\\%c", p[1]);
            else
                buf_fmt(out, "%c", p[1]);
            p++;
            continue;
        }
        if (strncmp(p, "(?:", 3) == 0) {
            buf_str(out, "(");
            p += 2;
            continue;
        }
        in_class = in_class ? *p != ']' : *p == '[';
        buf_fmt(out, "%c", *p);
    }
}

static void free_regex(void *p)
{
    regfree(p);
    free(p);
}

static struct map *patterns;

static void patterns_free(void)
{
    map_free(TAKE(patterns), free_regex);
}

static bool matches(const char *pattern, const char *text)
{
    regex_t *re = patterns ? map_get(patterns, pattern) : NULL;

    if (!re) {
        struct buf b CLEANUP(buf_done) = { 0 };

        buf_init(&b, 64 << 10);
        to_posix(pattern, &b);
        re = xcalloc(1, sizeof(*re));
        if (regcomp(re, buf_text(&b), REG_EXTENDED | REG_NOSUB) != 0 && regcomp(re, "", REG_EXTENDED | REG_NOSUB) != 0)
            abort();
        if (!patterns) {
            patterns = map_new();
            atexit(patterns_free);
        }
        map_put(patterns, pattern, re);
    }
    return regexec(re, text, 0, NULL, 0) == 0;
}

/* ---- single values ---- */

static size_t count_chars(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

static void check_number(const cJSON *v, const cJSON *rules, const struct trail *at, struct refusal *r)
{
    const cJSON *min = json_member(rules, "minimum"), *max = json_member(rules, "maximum");
    bool min_open = cJSON_IsTrue(json_member(rules, "exclusiveMinimum"));
    bool max_open = cJSON_IsTrue(json_member(rules, "exclusiveMaximum"));
    double x = v->valuedouble;
    char what[96];

    if (min && (x < min->valuedouble || (min_open && x <= min->valuedouble))) {
        snprintf(what, sizeof(what), "should be greater than %s%.15g", min_open ? "" : "or equal to ", min->valuedouble);
        complain(r, "FieldValueInvalid", at, v, what);
    }
    if (max && (x > max->valuedouble || (max_open && x >= max->valuedouble))) {
        snprintf(what, sizeof(what), "should be less than %s%.15g", max_open ? "" : "or equal to ", max->valuedouble);
        complain(r, "FieldValueInvalid", at, v, what);
    }
    if (str_eq(json_get_str(rules, "format"), "int32") && fabs(x) > INT32_MAX)
        complain(r, "FieldValueInvalid", at, v, "must be of type int32");
}

static void check_text(const cJSON *v, const cJSON *rules, const struct trail *at, struct refusal *r)
{
    const char *pattern = json_get_str(rules, "pattern");
    int64_t n = (int64_t)count_chars(v->valuestring);
    AUTO_FREE char *what = NULL;
    char few[64];

    if (n > json_get_int(rules, "maxLength", INT64_MAX)) {
        snprintf(few, sizeof(few), "may not be more than %d bytes", (int)json_get_int(rules, "maxLength", 0));
        refusal_cause(r, "FieldValueTooLong", trail_text(at, (char[TRAIL_TEXT]){ 0 }, TRAIL_TEXT), "Too long: %s", few);
    }
    if (n < json_get_int(rules, "minLength", 0)) {
        snprintf(few, sizeof(few), "should be at least %d chars long", (int)json_get_int(rules, "minLength", 0));
        complain(r, "FieldValueInvalid", at, v, few);
    }
    if (pattern && !matches(pattern, v->valuestring)) {
        what = xasprintf("should match '%s'", pattern);
        complain(r, "FieldValueInvalid", at, v, what);
    }
}

static void check_count(const cJSON *v, const cJSON *rules, const struct trail *at, struct refusal *r)
{
    bool list = cJSON_IsArray(v);
    int64_t n = json_count(v);
    char where[TRAIL_TEXT];

    trail_text(at, where, sizeof(where));
    if (n > json_get_int(rules, list ? "maxItems" : "maxProperties", INT64_MAX))
        refusal_cause(r, "FieldValueTooMany", where, "Too many: %d: must have at most %d items", (int)n,
                      (int)json_get_int(rules, list ? "maxItems" : "maxProperties", 0));
    if (n < json_get_int(rules, list ? "minItems" : "minProperties", 0))
        refusal_cause(r, "FieldValueInvalid", where, "Invalid value: %d: %s in body should have at least %d %s", (int)n,
                      where, (int)json_get_int(rules, list ? "minItems" : "minProperties", 0),
                      list ? "items" : "properties");
}

static void check_choice(const cJSON *v, const cJSON *choices, const struct trail *at, struct refusal *r)
{
    struct buf b CLEANUP(buf_done) = { 0 };
    AUTO_FREE char *shown = NULL;
    char where[TRAIL_TEXT];
    const cJSON *c;

    cJSON_ArrayForEach(c, choices)
        if (json_equal(c, v))
            return;
    buf_init(&b, 16 << 10);
    cJSON_ArrayForEach(c, choices) {
        AUTO_FREE char *s = json_print(c);

        buf_fmt(&b, "%s%s", b.len ? ", " : "", s);
    }
    shown = json_print(v);
    refusal_cause(r, "FieldValueNotSupported", trail_text(at, where, sizeof(where)),
                  "Unsupported value: %s: supported values: %s", shown, buf_text(&b));
}

/* ---- trees ---- */

static void check(const cJSON *v, const struct schema *s, const struct trail *at, struct refusal *r);

static void check_required(const cJSON *obj, const struct schema *s, const struct trail *at, struct refusal *r)
{
    char where[TRAIL_TEXT];

    for (size_t i = 0; i < s->n_fields; i++) {
        struct trail here = { at, s->fields[i].name, 0 };

        /* a decoder makes empty lists of absent ones; their own checks say more */
        if (!s->fields[i].required || json_member(obj, s->fields[i].name) ||
            (!s->is_custom && s->fields[i].type->kind != SCHEMA_STRING))
            continue;
        refusal_cause(r, "FieldValueRequired", trail_text(&here, where, sizeof(where)), "Required value");
    }
}

static void check_unique(const cJSON *arr, const struct schema *s, const struct trail *at, struct refusal *r)
{
    struct map *seen = map_new();
    const cJSON *item;
    int i = 0;

    cJSON_ArrayForEach(item, arr) {
        AUTO_FREE char *key = fset_item_key(item, s);
        struct trail here = { at, NULL, i++ };
        char where[TRAIL_TEXT];

        if (key && map_put(seen, key, (void *)item))
            refusal_cause(r, "FieldValueDuplicate", trail_text(&here, where, sizeof(where)), "Duplicate value: %s", key + 2);
    }
    map_free(seen, NULL);
}

static void check_children(const cJSON *v, const struct schema *s, const struct trail *at, struct refusal *r)
{
    const cJSON *m;
    int i = 0;

    cJSON_ArrayForEach(m, v) {
        struct trail here = { at, cJSON_IsArray(v) ? NULL : m->string, i++ };
        const struct schema *type = cJSON_IsArray(v) ? s->item : schema_of_member(s, m->string);

        /* a status is written by controllers that leave out zero values; metadata has its own checks */
        if (!at && ((!s->is_custom && strcmp(here.name, "status") == 0) || strcmp(here.name, "metadata") == 0))
            continue;
        if (type)
            check(m, type, &here, r);
    }
}

static void check_custom(const cJSON *v, const struct schema *s, const struct trail *at, struct refusal *r)
{
    const cJSON *choices = json_member(s->rules, "enum");

    if (choices)
        check_choice(v, choices, at, r);
    if (cJSON_IsNumber(v))
        check_number(v, s->rules, at, r);
    if (cJSON_IsString(v))
        check_text(v, s->rules, at, r);
    if (cJSON_IsArray(v) || cJSON_IsObject(v))
        check_count(v, s->rules, at, r);
}

static void check(const cJSON *v, const struct schema *s, const struct trail *at, struct refusal *r)
{
    if (cJSON_IsNull(v))
        return;
    if (s->is_custom)
        check_custom(v, s, at, r);
    if (s->choices && cJSON_IsString(v))
        check_choice(v, s->choices, at, r);
    if (s->kind == SCHEMA_OBJECT && cJSON_IsObject(v))
        check_required(v, s, at, r);
    if (s->kind == SCHEMA_LIST && s->list != SCHEMA_LIST_ATOMIC && s->is_custom)
        check_unique(v, s, at, r);
    if (cJSON_IsObject(v) || cJSON_IsArray(v))
        check_children(v, s, at, r);
}

void shape_check(const cJSON *obj, const struct schema *s, struct refusal *r)
{
    check(obj, s, NULL, r);
}
