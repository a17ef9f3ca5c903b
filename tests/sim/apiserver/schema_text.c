#include "sim/apiserver/schema_text.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "sim/apiserver/schema.h"

struct reader {
    const char *p;
    const char *package;
    struct map *types;
};

static void broken(const struct reader *r, const char *what)
{
    fprintf(stderr, "type table: %s at \"%.40s\" in %s\n", what, r->p, r->package);
    abort();
}

static char *take_until(struct reader *r, const char *stops)
{
    size_t n = strcspn(r->p, stops);
    char *s = xstrndup(r->p, n);

    r->p += n;
    return s;
}

/* A name is looked up in its own package first, then anywhere. */
static struct schema *find_type(struct reader *r, const char *name)
{
    AUTO_FREE char *full = xasprintf("%s.%s", r->package, name);
    AUTO_FREE char *tail = xasprintf(".%s", name);
    struct schema *s = map_get(r->types, full);

    for (struct map_iter i = map_first(r->types); !s && i.key; map_next(&i))
        if (str_has_suffix(i.key, tail))
            s = i.value;
    if (!s)
        broken(r, name);
    return s;
}

static enum schema_kind kind_of_letter(char c)
{
    static const char letters[] = "*sytuilnbqx";
    static const enum schema_kind kinds[] = {
        SCHEMA_ANY, SCHEMA_STRING, SCHEMA_BYTES, SCHEMA_TIME, SCHEMA_TIME, SCHEMA_INT, SCHEMA_INT,
        SCHEMA_NUMBER, SCHEMA_BOOL, SCHEMA_QUANTITY, SCHEMA_INT_OR_STRING,
    };
    const char *at = c ? strchr(letters, c) : NULL;

    return at ? kinds[at - letters] : (enum schema_kind) - 1;
}

static void read_choices(struct reader *r, struct schema *s)
{
    s->choices = json_new_arr();
    while (*r->p != ')') {
        AUTO_FREE char *word = NULL;

        r->p++;
        word = take_until(r, "|)");
        json_push_str(s->choices, word);
        if (!*r->p)
            broken(r, "open enum");
    }
    r->p++;
}

static struct schema *read_type(struct reader *r);

static struct schema *read_nested(struct reader *r, enum schema_kind kind, char end)
{
    struct schema *s = schema_new(kind);

    r->p++;
    s->item = read_type(r);
    if (*r->p++ != end)
        broken(r, "open bracket");
    return s;
}

static struct schema *read_type(struct reader *r)
{
    struct schema *s;

    if (*r->p == '[')
        return read_nested(r, SCHEMA_LIST, ']');
    if (*r->p == '<')
        return read_nested(r, SCHEMA_MAP, '>');
    if (*r->p >= 'A' && *r->p <= 'Z') {
        AUTO_FREE char *name = take_until(r, " ]>^$@");

        return find_type(r, name);
    }
    if ((int)kind_of_letter(*r->p) < 0)
        broken(r, "unknown letter");
    s = schema_new(kind_of_letter(*r->p));
    s->is_int64 = *r->p++ == 'l';
    if (*r->p == '(')
        read_choices(r, s);
    return s;
}

static void read_keys(struct reader *r, struct schema *s)
{
    s->list = SCHEMA_LIST_MAP;
    while (*r->p != '}') {
        r->p++;
        s->keys = xrealloc(s->keys, (s->n_keys + 1) * sizeof(*s->keys));
        s->keys[s->n_keys++] = take_until(r, ",}");
    }
    r->p++;
    s->merge_key = xstrdup(s->keys[0]);
}

static void read_merge(struct reader *r, struct schema *s)
{
    r->p++;
    free(s->merge_key);
    s->merge_key = take_until(r, " ^");
}

static void read_fallback(struct reader *r, struct schema *s)
{
    AUTO_FREE char *word = NULL;

    r->p++;
    word = take_until(r, " ");
    s->fallback = cJSON_CreateString(word);
}

static void read_marks(struct reader *r, struct schema_field *f)
{
    struct schema *s = f->type;

    for (; *r->p && *r->p != ' ';) {
        switch (*r->p) {
        case '{': read_keys(r, s); break;
        case '~': read_merge(r, s); break;
        case '%': read_fallback(r, s); break;
        case '=': s->list = SCHEMA_LIST_SET; r->p++; break;
        case '@': s->atomic = true; r->p++; break;
        case '^': f->retain_keys = true; r->p++; break;
        case '$': f->replace = true; r->p++; break;
        case '!':
            free(TAKE(s->merge_key));
            r->p += 2;
            break;
        default: broken(r, "unknown mark");
        }
    }
}

static void read_field(struct reader *r, struct schema *owner)
{
    AUTO_FREE char *name = take_until(r, "!:");
    bool required = *r->p == '!';
    struct schema_field *f;
    struct schema *type;

    r->p += 1 + required;
    type = read_type(r);
    f = schema_add_field(owner, name, strlen(name), type);
    f->required = required;
    read_marks(r, f);
}

static void read_line(struct reader *r, bool link)
{
    AUTO_FREE char *name = take_until(r, " @");
    AUTO_FREE char *full = xasprintf("%s.%s", r->package, name);
    bool atomic = *r->p == '@';
    struct schema *s = map_get(r->types, full);

    if (!link) {
        s = schema_new(SCHEMA_OBJECT);
        s->name = xstrdup(full);
        s->atomic = atomic;
        map_put(r->types, full, s);
        return;
    }
    r->p += atomic;
    while (*r->p == ' ') {
        r->p++;
        if (*r->p)
            read_field(r, s);
    }
}

static void read_table(struct map *types, const char *const *table, bool link)
{
    struct reader r = { .types = types };

    for (; *table; table++) {
        r.p = *table;
        if (*r.p == '@')
            r.package = r.p + 1;
        else
            read_line(&r, link);
    }
}

void schema_text_load(struct map *types, const char *const *table)
{
    read_table(types, table, false);
}

void schema_text_link(struct map *types, const char *const *table)
{
    read_table(types, table, true);
}

static void add_identity(struct schema *s)
{
    static const char *const names[] = { "apiVersion", "kind" };

    if (!schema_field(s, "metadata"))
        return;
    for (size_t i = 0; i < COUNT(names); i++)
        if (!schema_field(s, names[i]))
            schema_add_field(s, names[i], strlen(names[i]), schema_new(SCHEMA_STRING));
}

struct map *schema_builtin(void)
{
    const char *const *const tables[] = { types_core_a, types_core_b, types_other };
    struct map *types = map_new();

    for (size_t i = 0; i < COUNT(tables); i++)
        schema_text_load(types, tables[i]);
    for (size_t i = 0; i < COUNT(tables); i++)
        schema_text_link(types, tables[i]);
    for (struct map_iter i = map_first(types); i.key; map_next(&i))
        add_identity(i.value);
    return types;
}

static void free_cleared(void *p)
{
    struct schema *s = p;

    free(s->name);
    free(s);
}

void schema_builtin_free(struct map *types)
{
    for (struct map_iter i = map_first(types); i.key; map_next(&i))
        schema_clear(i.value);
    map_free(types, free_cleared);
}
