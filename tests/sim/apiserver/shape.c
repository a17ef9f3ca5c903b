#include "sim/apiserver/shape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "json/quantity.h"
#include "sim/apiserver/trail.h"

struct decode {
    cJSON *unknown;
    struct refusal *r;
};

char *trail_text(const struct trail *t, char *out, size_t size)
{
    size_t n;

    out[0] = '\0';
    if (!t)
        return out;
    trail_text(t->up, out, size);
    n = strlen(out);
    if (t->name)
        snprintf(out + n, size - n, "%s%s", n ? "." : "", t->name);
    else
        snprintf(out + n, size - n, "[%d]", t->index);
    return out;
}

static const char *kind_text(enum schema_kind k)
{
    static const char *const names[] = {
        [SCHEMA_ANY] = "any", [SCHEMA_OBJECT] = "object", [SCHEMA_MAP] = "object", [SCHEMA_LIST] = "array",
        [SCHEMA_STRING] = "string", [SCHEMA_BYTES] = "string", [SCHEMA_INT] = "integer", [SCHEMA_NUMBER] = "number",
        [SCHEMA_BOOL] = "boolean", [SCHEMA_QUANTITY] = "quantity", [SCHEMA_TIME] = "string",
        [SCHEMA_INT_OR_STRING] = "integer,string",
    };

    return names[k];
}

static const char *type_text(const cJSON *v)
{
    if (cJSON_IsObject(v))
        return "object";
    if (cJSON_IsArray(v))
        return "array";
    if (cJSON_IsString(v))
        return "string";
    if (cJSON_IsNumber(v))
        return json_is_int(v) ? "integer" : "number";
    return cJSON_IsBool(v) ? "boolean" : "null";
}

static bool int_fits(const cJSON *v, const struct schema *s)
{
    return json_is_int(v) && (s->is_int64 || (v->valuedouble >= INT32_MIN && v->valuedouble <= INT32_MAX));
}

static bool kind_fits(const cJSON *v, const struct schema *s)
{
    switch (s->kind) {
    case SCHEMA_ANY: return true;
    case SCHEMA_OBJECT:
    case SCHEMA_MAP: return cJSON_IsObject(v);
    case SCHEMA_LIST: return cJSON_IsArray(v);
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_TIME: return cJSON_IsString(v);
    case SCHEMA_INT: return int_fits(v, s);
    case SCHEMA_NUMBER: return cJSON_IsNumber(v);
    case SCHEMA_BOOL: return cJSON_IsBool(v);
    case SCHEMA_QUANTITY: return cJSON_IsString(v) || cJSON_IsNumber(v);
    case SCHEMA_INT_OR_STRING: return cJSON_IsString(v) || json_is_int(v);
    }
    return false;
}

static int misfit(const cJSON *v, const struct schema *s, const struct trail *at, struct decode *d)
{
    char where[TRAIL_TEXT];

    trail_text(at, where, sizeof(where));
    if (!s->is_custom)
        return refuse(d->r, 400, "BadRequest", "json: cannot unmarshal %s into Go struct field %s of type %s",
                      type_text(v), where, kind_text(s->kind));
    refusal_cause(d->r, "FieldValueTypeInvalid", where,
                  "Invalid value: \"%s\": %s in body must be of type %s: \"%s\"", type_text(v), where,
                  kind_text(s->kind), type_text(v));
    return 0;
}

static int decode_quantity(cJSON *v, const struct trail *at, struct decode *d)
{
    char number[32], canon[32], where[TRAIL_TEXT];
    struct err e;

    if (cJSON_IsNumber(v)) {
        snprintf(number, sizeof(number), "%.15g", v->valuedouble);
        free(v->valuestring);
        v->valuestring = xstrdup(number);
        v->type = cJSON_String;
    }
    if (quantity_canonical(v->valuestring, canon, &e) < 0)
        return refuse(d->r, 400, "BadRequest", "%s: quantities must match the regular expression "
                      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$': %s", trail_text(at, where, sizeof(where)),
                      v->valuestring);
    if (strcmp(canon, v->valuestring) != 0)
        cJSON_SetValuestring(v, canon);
    return 0;
}

static int decode(cJSON *v, const struct schema *s, const struct trail *at, struct decode *d);

static bool is_empty(const cJSON *v)
{
    return !v->child && (cJSON_IsArray(v) || cJSON_IsObject(v));
}

/* Nulls are forgotten, and empty lists and maps of built-in types. */
static bool is_nothing(const cJSON *v, const struct schema *type)
{
    if (cJSON_IsNull(v))
        return !type->is_custom || !type->nullable;
    return !type->is_custom && is_empty(v) && (type->kind == SCHEMA_LIST || type->kind == SCHEMA_MAP);
}

static void note_unknown(const struct trail *at, struct decode *d)
{
    char where[TRAIL_TEXT];

    if (d->unknown)
        json_push_str(d->unknown, trail_text(at, where, sizeof(where)));
}

static bool keeps(const struct schema *s, const char *name)
{
    return s->keep_unknown || (s->is_custom && cJSON_IsTrue(json_member(s->rules, "x-kubernetes-embedded-resource")) &&
                               (!strcmp(name, "apiVersion") || !strcmp(name, "kind") || !strcmp(name, "metadata")));
}

static int decode_members(cJSON *obj, const struct schema *s, const struct trail *at, struct decode *d)
{
    for (cJSON *m = obj->child, *next; m; m = next) {
        struct trail here = { at, m->string, 0 };
        const struct schema *type = schema_of_member(s, m->string);

        next = m->next;
        if (!type && keeps(s, m->string))
            continue;
        if (!type) {
            note_unknown(&here, d);
            cJSON_Delete(cJSON_DetachItemViaPointer(obj, m));
            continue;
        }
        if (is_nothing(m, type)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(obj, m));
            continue;
        }
        if (decode(m, type, &here, d) < 0)
            return -1;
    }
    return 0;
}

static int decode_items(cJSON *arr, const struct schema *s, const struct trail *at, struct decode *d)
{
    cJSON *item;
    int i = 0;

    cJSON_ArrayForEach(item, arr) {
        struct trail here = { at, NULL, i++ };

        if (s->item && decode(item, s->item, &here, d) < 0)
            return -1;
    }
    return 0;
}

static int decode_bytes(const cJSON *v, struct decode *d)
{
    const char *s = v->valuestring;
    size_t n = strlen(s), good = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t end = good + strspn(s + good, "=");

    if (end == n && n % 4 == 0 && n - good <= 2)
        return 0;
    return refuse(d->r, 400, "BadRequest", "illegal base64 data at input byte %zu", end == n ? n : end);
}

static int decode(cJSON *v, const struct schema *s, const struct trail *at, struct decode *d)
{
    if (cJSON_IsNull(v) && s->is_custom && s->nullable)
        return 0;
    if (!kind_fits(v, s))
        return misfit(v, s, at, d);
    if (s->kind == SCHEMA_BYTES)
        return decode_bytes(v, d);
    if (s->kind == SCHEMA_QUANTITY)
        return decode_quantity(v, at, d);
    if (s->kind == SCHEMA_OBJECT || s->kind == SCHEMA_MAP)
        return decode_members(v, s, at, d);
    return s->kind == SCHEMA_LIST ? decode_items(v, s, at, d) : 0;
}

int shape_decode(cJSON *obj, const struct schema *s, cJSON *unknown, struct refusal *r)
{
    struct decode d = { unknown, r };

    return decode(obj, s, NULL, &d);
}

void shape_default(cJSON *v, const struct schema *s)
{
    cJSON *m;

    if (!s || !s->is_custom)
        return;
    if (cJSON_IsObject(v))
        for (size_t i = 0; i < s->n_fields; i++)
            if (s->fields[i].type->fallback && !json_member(v, s->fields[i].name))
                json_put_dup(v, s->fields[i].name, s->fields[i].type->fallback);
    if (cJSON_IsObject(v) || cJSON_IsArray(v))
        cJSON_ArrayForEach(m, v)
            shape_default(m, cJSON_IsArray(v) ? s->item : schema_of_member(s, m->string));
}
