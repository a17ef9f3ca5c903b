#include "sim/apiserver/table.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "sim/apiserver/cells.h"

static cJSON *metadata_only(const cJSON *obj)
{
    cJSON *o = json_new_obj();

    json_str(o, "kind", "PartialObjectMetadata");
    json_str(o, "apiVersion", "meta.k8s.io/v1");
    json_put_dup(o, "metadata", json_member(obj, "metadata"));
    return o;
}

/* ---- custom columns ---- */

/* [?(@.type=="Ready")] picks the item; p is moved past it. */
static const cJSON *pick(const cJSON *arr, const char **p)
{
    char member[64], want[128];
    const cJSON *i;
    int used = 0;
    int64_t index;
    char number[16];

    if (sscanf(*p, "[?(@.%63[a-zA-Z0-9_.]==%*[\"']%127[^\"']%*[\"'])]%n", member, want, &used) == 2 && used > 0) {
        *p += used;
        cJSON_ArrayForEach(i, arr)
            if (str_eq(json_get_str(i, member), want))
                return i;
        return NULL;
    }
    if (sscanf(*p, "[%15[0-9]]%n", number, &used) == 1 && used > 0 && str_to_int(number, 0, INT32_MAX, &index)) {
        *p += used;
        return cJSON_GetArrayItem(arr, (int)index);
    }
    *p += strlen(*p);
    return NULL;
}

static const cJSON *path_value(const cJSON *v, const char *p)
{
    while (v && *p) {
        char name[128];
        size_t n = 0;

        if (*p == '[') {
            v = pick(v, &p);
            continue;
        }
        p += *p == '.';
        while (*p && *p != '.' && *p != '[' && n + 1 < sizeof(name)) {
            p += *p == '\\' && p[1]; /* an escaped dot belongs to the name */
            name[n++] = *p++;
        }
        name[n] = '\0';
        if (n)
            v = json_member(v, name);
    }
    return v;
}

static cJSON *custom_cell(const cJSON *obj, const cJSON *column)
{
    const char *path = json_get_str(column, "jsonPath"), *type = json_get_str(column, "type");
    const cJSON *v = path ? path_value(obj, path) : NULL;
    struct buf b CLEANUP(buf_done) = { 0 };

    if (!v)
        return cJSON_CreateNull();
    if (!str_eq(type, "date") || !cJSON_IsString(v))
        return json_dup(v);
    buf_init(&b, 64);
    cells_age(v->valuestring, &b);
    return cJSON_CreateString(buf_text(&b));
}

/* ---- columns and rows ---- */

static void add_column(cJSON *defs, const char *name, const char *type, const char *format, int64_t priority)
{
    cJSON *d = json_push_obj(defs);

    json_str(d, "name", name);
    json_str(d, "type", type);
    json_str(d, "format", format);
    json_str(d, "description", "");
    json_int(d, "priority", priority);
}

static void custom_columns(const struct resource *res, cJSON *defs)
{
    const cJSON *columns = json_member(res->crd_version, "additionalPrinterColumns"), *c;

    cJSON_ArrayForEach(c, columns)
        add_column(defs, json_get_str(c, "name"), json_get_str(c, "type"),
                   json_get_str(c, "format") ? json_get_str(c, "format") : "", json_get_int(c, "priority", 0));
    if (!columns)
        add_column(defs, "Age", "date", "", 0);
}

static void column_defs(const struct resource *res, cJSON *defs)
{
    const struct columns *cols = cells_of(res);

    if (!cols || !cols->no_name)
        add_column(defs, "Name", "string", "name", 0);
    if (!res->ops) {
        custom_columns(res, defs);
        return;
    }
    if (!cols)
        add_column(defs, "Age", "string", "", 0);
    for (const struct column *c = cols ? cols->at : NULL; c && c->name; c++)
        add_column(defs, c->name, "string", "", c->priority);
}

static void add_age(cJSON *cells, const cJSON *obj)
{
    struct buf b CLEANUP(buf_done) = { 0 };

    buf_init(&b, 64);
    cells_age(json_get_str(obj, "metadata.creationTimestamp"), &b);
    json_push_str(cells, buf_text(&b));
}

static void add_cell(cJSON *cells, const cJSON *obj, const struct column *c)
{
    struct buf b CLEANUP(buf_done) = { 0 };

    if (c->path) {
        cJSON *v = json_dup(json_at(obj, c->path));

        json_push(cells, v ? v : cJSON_CreateString(""));
        return;
    }
    if (!c->fn) {
        add_age(cells, obj);
        return;
    }
    buf_init(&b, 64 << 10);
    c->fn(obj, &b);
    json_push_str(cells, buf_text(&b));
}

static void custom_cells(const struct resource *res, cJSON *cells, const cJSON *obj)
{
    const cJSON *columns = json_member(res->crd_version, "additionalPrinterColumns"), *c;

    cJSON_ArrayForEach(c, columns)
        json_push(cells, custom_cell(obj, c));
    if (!columns)
        add_age(cells, obj);
}

static void add_row(const struct resource *res, cJSON *rows, const cJSON *obj)
{
    const struct columns *cols = cells_of(res);
    cJSON *row = json_push_obj(rows), *cells = json_arr(row, "cells");

    if (!cols || !cols->no_name)
        json_push_str(cells, json_get_str(obj, "metadata.name") ? json_get_str(obj, "metadata.name") : "");
    if (!res->ops)
        custom_cells(res, cells, obj);
    else if (!cols)
        add_age(cells, obj);
    for (const struct column *c = res->ops && cols ? cols->at : NULL; c && c->name; c++)
        add_cell(cells, obj, c);
    json_put(row, "object", metadata_only(obj));
}

static cJSON *table_new(const struct resource *res, const cJSON *list_meta, bool with_columns)
{
    cJSON *t = json_new_obj();

    json_str(t, "kind", "Table");
    json_str(t, "apiVersion", "meta.k8s.io/v1");
    json_put(t, "metadata", list_meta ? json_dup(list_meta) : json_new_obj());
    if (with_columns)
        column_defs(res, json_arr(t, "columnDefinitions"));
    else
        json_put(t, "columnDefinitions", cJSON_CreateNull());
    json_arr(t, "rows");
    return t;
}

cJSON *table_object(const struct resource *res, const cJSON *obj, enum form form, bool with_columns)
{
    cJSON *t, *meta;

    if (form == FORM_METADATA)
        return metadata_only(obj);
    t = table_new(res, NULL, with_columns);
    meta = json_member(t, "metadata");
    json_put_dup(meta, "resourceVersion", json_at(obj, "metadata.resourceVersion"));
    add_row(res, json_member(t, "rows"), obj);
    return t;
}

cJSON *table_list(const struct resource *res, cJSON *list, enum form form)
{
    AUTO_JSON cJSON *owned = list;
    cJSON *out, *o;

    if (form == FORM_TABLE) {
        out = table_new(res, json_member(owned, "metadata"), true);
        cJSON_ArrayForEach(o, json_member(owned, "items"))
            add_row(res, json_member(out, "rows"), o);
        return out;
    }
    out = json_new_obj();
    json_str(out, "kind", "PartialObjectMetadataList");
    json_str(out, "apiVersion", "meta.k8s.io/v1");
    json_put_dup(out, "metadata", json_member(owned, "metadata"));
    json_arr(out, "items");
    cJSON_ArrayForEach(o, json_member(owned, "items"))
        json_push(json_member(out, "items"), metadata_only(o));
    return out;
}
