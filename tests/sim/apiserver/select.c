#include "sim/apiserver/select.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"

enum op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_ABSENT };

struct want {
    bool field;
    enum op op;
    char *key;
    cJSON *values; /* of OP_IN, OP_NOT_IN */
    struct want *next;
};

struct selector {
    struct want *wants;
};

void selector_free(struct selector *s)
{
    if (!s)
        return;
    for (struct want *w = s->wants, *next; w; w = next) {
        next = w->next;
        free(w->key);
        cJSON_Delete(w->values);
        free(w);
    }
    free(s);
}

static void add_want(struct selector *s, bool field, enum op op, char *key, cJSON *values)
{
    struct want *w = xcalloc(1, sizeof(*w));

    *w = (struct want){ field, op, key, values, s->wants };
    s->wants = w;
}

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t");
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.' || c == '/' || c == ':';
}

static char *take_word(const char **p)
{
    const char *start = skip_space(*p), *end = start;

    while (is_word(*end))
        end++;
    *p = skip_space(end);
    return xstrndup(start, (size_t)(end - start));
}

static cJSON *take_set(const char **p)
{
    cJSON *values = json_new_arr();

    if (**p != '(')
        goto bad;
    do {
        AUTO_FREE char *word = NULL;

        (*p)++;
        word = take_word(p);
        json_push_str(values, word);
    } while (**p == ',');
    if (**p != ')')
        goto bad;
    *p = skip_space(*p + 1);
    return values;
bad:
    cJSON_Delete(values);
    return NULL;
}

static cJSON *one_value(char *word)
{
    cJSON *values = json_new_arr();

    json_push_str(values, word);
    free(word);
    return values;
}

static bool take_word_is(const char **p, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*p, word, n) != 0 || is_word((*p)[n]))
        return false;
    *p = skip_space(*p + n);
    return true;
}

/* One requirement; false on a mistake. */
static bool take_label(struct selector *s, const char **p)
{
    bool negated = **p == '!' && (*p)[1] != '=';
    char *key;
    cJSON *values = NULL;
    enum op op = negated ? OP_ABSENT : OP_EXISTS;

    *p += negated;
    key = take_word(p);
    if (negated || **p == ',' || **p == '\0') {
        add_want(s, false, op, key, NULL);
        return *key;
    }
    if (**p == '=' || **p == '!') {
        op = **p == '!' ? OP_NOT_IN : OP_IN;
        *p += (*p)[1] == '=' ? 2 : 1;
        values = one_value(take_word(p));
    } else if (take_word_is(p, "in")) {
        op = OP_IN;
        values = take_set(p);
    } else if (take_word_is(p, "notin")) {
        op = OP_NOT_IN;
        values = take_set(p);
    }
    add_want(s, false, op, key, values);
    return *key && values;
}

static int parse_labels(struct selector *s, const char *text, struct refusal *r)
{
    const char *p = skip_space(text);

    while (*p) {
        if (!take_label(s, &p) || (*p && *p != ','))
            return refuse(r, 400, "BadRequest", "unable to parse requirement: \"%s\"", text);
        p = skip_space(p + (*p == ','));
    }
    return 0;
}

static bool in_list(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = list; *p; p += *p == ',') {
        size_t len = strcspn(p, ",");

        if (len == n && strncmp(p, word, n) == 0)
            return true;
        p += len;
    }
    return false;
}

/* The other dialect of Events is stored under core's names. */
static char *stored_name(const struct resource *res, char *key)
{
    char *out = NULL;

    if (!res->to_served)
        return key;
    if (str_has_prefix(key, "regarding."))
        out = xasprintf("involvedObject.%s", key + strlen("regarding."));
    else if (strcmp(key, "reportingController") == 0)
        out = xstrdup("reportingComponent");
    if (!out)
        return key;
    free(key);
    return out;
}

static int take_field(struct selector *s, const char *part, const struct resource *res, struct refusal *r)
{
    size_t n = strcspn(part, "=!");
    char *key = xstrndup(part, n);
    bool negated = part[n] == '!';
    const char *value = part + n;
    bool known = !strcmp(key, "metadata.name") || !strcmp(key, "metadata.namespace") || in_list(res->fields, key);

    if (!*value || !known) {
        refuse(r, 400, "BadRequest", *value ? "field label not supported: %s" : "invalid selector: '%s'", key);
        free(key);
        return -1;
    }
    value += negated ? 2 : value[1] == '=' ? 2 : 1;
    add_want(s, true, negated ? OP_NOT_IN : OP_IN, stored_name(res, key), one_value(xstrdup(value)));
    return 0;
}

static int parse_fields(struct selector *s, const char *text, const struct resource *res, struct refusal *r)
{
    while (*text) {
        size_t n = strcspn(text, ",");
        AUTO_FREE char *part = xstrndup(text, n);

        if (*part && take_field(s, part, res, r) < 0)
            return -1;
        text += n + (text[n] == ',');
    }
    return 0;
}

int selector_parse(const char *labels, const char *fields, const struct resource *res, struct selector **out,
                   struct refusal *r)
{
    struct selector *s;

    if (str_empty(labels) && str_empty(fields))
        return 0;
    s = xcalloc(1, sizeof(*s));
    if ((labels && parse_labels(s, labels, r) < 0) || (fields && parse_fields(s, fields, res, r) < 0)) {
        selector_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

static bool has_value(const cJSON *values, const char *v)
{
    const cJSON *x;

    cJSON_ArrayForEach(x, values)
        if (strcmp(x->valuestring, v) == 0)
            return true;
    return false;
}

static const char *field_text(const cJSON *obj, const char *path)
{
    const cJSON *v = json_at(obj, path);

    if (cJSON_IsString(v))
        return v->valuestring;
    if (cJSON_IsBool(v))
        return cJSON_IsTrue(v) ? "true" : "false";
    return str_eq(path, "spec.unschedulable") || str_eq(path, "spec.hostNetwork") ? "false" : "";
}

static bool want_holds(const struct want *w, const cJSON *obj, const cJSON *labels)
{
    const char *v = w->field ? field_text(obj, w->key) : cJSON_GetStringValue(json_member(labels, w->key));

    switch (w->op) {
    case OP_IN: return v && has_value(w->values, v);
    case OP_NOT_IN: return !v || !has_value(w->values, v);
    case OP_EXISTS: return v;
    case OP_ABSENT: return !v;
    }
    return false;
}

bool selector_fits(const struct selector *s, const cJSON *obj)
{
    const cJSON *labels = json_at(obj, "metadata.labels");

    for (const struct want *w = s ? s->wants : NULL; w; w = w->next)
        if (!want_holds(w, obj, labels))
            return false;
    return true;
}

static bool expression_holds(const cJSON *x, const cJSON *labels)
{
    const char *op = json_get_str(x, "operator"), *key = json_get_str(x, "key");
    const char *v = key ? cJSON_GetStringValue(json_member(labels, key)) : NULL;
    const cJSON *values = json_member(x, "values");

    if (str_eq(op, "Exists"))
        return v;
    if (str_eq(op, "DoesNotExist"))
        return !v;
    return str_eq(op, "In") ? v && has_value(values, v) : !v || !has_value(values, v);
}

bool selector_object_matches(const cJSON *selector, const cJSON *labels)
{
    const cJSON *m;

    if (!cJSON_IsObject(selector))
        return false;
    cJSON_ArrayForEach(m, json_member(selector, "matchLabels"))
        if (!str_eq(cJSON_GetStringValue(json_member(labels, m->string)), cJSON_GetStringValue(m)))
            return false;
    cJSON_ArrayForEach(m, json_member(selector, "matchExpressions"))
        if (!expression_holds(m, labels))
            return false;
    return true;
}
