/*
 * What applying an object would change, field by field. Follows owned_match.c, which only asks whether anything would.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "json/owned.h"
#include "owned_path.h"

struct walk {
    char path[512];
    const char *in; /* the key of the object whose members are looked at */
    void (*row)(void *arg, const char *path, const cJSON *live, const cJSON *want);
    void *arg;
    size_t n_rows;
};

static void tell(struct walk *w, const cJSON *live, const cJSON *want)
{
    w->n_rows++;
    w->row(w->arg, w->path, live, want);
}

/* Appends a step; returns the length to cut back to. */
static size_t enter(struct walk *w, const char *step)
{
    size_t n = strlen(w->path);

    snprintf(w->path + n, sizeof(w->path) - n, "%s%s", n ? "." : "", step);
    return n;
}

static void leave(struct walk *w, size_t n)
{
    w->path[n] = '\0';
}

/* What a person would call the item. */
static size_t enter_item(struct walk *w, const cJSON *item, int index)
{
    static const char *const keys[] = { "name", "containerPort", "port", "mountPath", "topologyKey", "type", "uid", "key" };
    size_t n = strlen(w->path);

    for (size_t i = 0; i < COUNT(keys); i++) {
        const cJSON *v = json_member(item, keys[i]);
        AUTO_FREE char *text = json_scalar_text(v);

        if (!text)
            continue;
        snprintf(w->path + n, sizeof(w->path) - n, "[%.80s]", text);
        return n;
    }
    snprintf(w->path + n, sizeof(w->path) - n, "[%d]", index);
    return n;
}

static void diff_whole(struct walk *w, const cJSON *live, const cJSON *want);

static void diff_whole_object(struct walk *w, const cJSON *live, const cJSON *want)
{
    for (const cJSON *v = want->child; v; v = v->next) {
        const cJSON *have = json_member(live, v->string);
        size_t n = enter(w, v->string);

        w->in = want->string;
        if (!cJSON_IsNull(v) && have)
            diff_whole(w, have, v);
        else if (!cJSON_IsNull(v) && !path_is_left_out(live, v))
            tell(w, NULL, v);
        leave(w, n);
    }
    if (path_leftover(live, want)) {
        const cJSON *v = path_leftover(live, want);
        size_t n = enter(w, v->string);

        tell(w, v, NULL);
        leave(w, n);
    }
}

/* Inside what is owned as a whole. */
static void diff_whole(struct walk *w, const cJSON *live, const cJSON *want)
{
    if (cJSON_IsObject(live) && cJSON_IsObject(want)) {
        diff_whole_object(w, live, want);
    } else if (cJSON_IsArray(live) && cJSON_IsArray(want) && json_count(live) == json_count(want)) {
        const cJSON *have = live->child;
        int i = 0;

        for (const cJSON *v = want->child; v; v = v->next, have = have->next) {
            size_t n = enter_item(w, v, i++);

            diff_whole(w, have, v);
            leave(w, n);
        }
    } else if (!path_same_scalar(w->in, live, want)) {
        tell(w, live, want);
    }
}

static void diff(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want);

static bool is_identity(const struct walk *w, const char *key)
{
    if (!*w->path)
        return str_eq(key, "apiVersion") || str_eq(key, "kind");
    return str_eq(w->path, "metadata") && (str_eq(key, "name") || str_eq(key, "namespace"));
}

static void diff_member(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want)
{
    const cJSON *have = json_member(live, want->string), *f = path_member(fields, want->string);
    size_t n;

    if (cJSON_IsNull(want) || is_identity(w, want->string) || (!have && path_is_left_out(f, want)))
        return;
    n = enter(w, want->string);
    if (have)
        diff(w, have, f, want);
    else
        tell(w, NULL, want);
    leave(w, n);
}

static void diff_object(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want)
{
    for (const cJSON *v = want->child; v; v = v->next) {
        w->in = want->string;
        diff_member(w, live, fields, v);
    }
    for (const cJSON *f = fields->child; f; f = f->next) {
        const cJSON *wanted = str_has_prefix(f->string, "f:") ? json_member(want, f->string + 2) : NULL;
        size_t n;

        if (!str_has_prefix(f->string, "f:") || (wanted && !cJSON_IsNull(wanted)))
            continue;
        n = enter(w, f->string + 2);
        if (!is_identity(w, f->string + 2) && json_member(live, f->string + 2))
            tell(w, json_member(live, f->string + 2), NULL);
        leave(w, n);
    }
}

/* One that is not ours yet, but stands where ours is to go. */
static const cJSON *namesake(const cJSON *live, const cJSON *want)
{
    const char *name = json_get_str(want, "name");

    for (const cJSON *item = live->child; item; item = item->next)
        if (name ? str_eq(json_get_str(item, "name"), name) : json_equal(item, want))
            return item;
    return NULL;
}

static void diff_unwanted(struct walk *w, const cJSON *live, struct elements *owned, const bool *wanted)
{
    for (size_t i = 0; i < owned->n; i++) {
        const cJSON *item = wanted[i] ? NULL : elements_live_item(owned, &owned->list[i], live, (int)i);
        size_t n;

        if (!item)
            continue;
        n = enter_item(w, item, (int)i);
        tell(w, item, NULL);
        leave(w, n);
    }
}

static void diff_array(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want)
{
    struct elements owned;
    AUTO_FREE bool *wanted = NULL;
    int i = 0;

    elements_init(&owned, fields);
    wanted = xcalloc(owned.n + 1, sizeof(*wanted));
    for (const cJSON *v = want->child; v; v = v->next, i++) {
        const struct element *el = elements_find(&owned, v, i);
        const cJSON *have = el ? elements_live_item(&owned, el, live, i) : namesake(live, v);
        size_t n = enter_item(w, v, i);

        if (el)
            wanted[el - owned.list] = true;
        if (have)
            diff(w, have, el ? el->fields : NULL, v);
        else
            tell(w, NULL, v);
        leave(w, n);
    }
    diff_unwanted(w, live, &owned, wanted);
    elements_done(&owned);
}

static void diff(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want)
{
    size_t before = w->n_rows;

    if (!fields || path_is_leaf(fields)) {
        diff_whole(w, live, want);
        if (!fields && w->n_rows == before)
            tell(w, live, live);
    } else if (cJSON_IsObject(live) && cJSON_IsObject(want)) {
        diff_object(w, live, fields, want);
    } else if (cJSON_IsArray(live) && cJSON_IsArray(want)) {
        diff_array(w, live, fields, want);
    } else {
        tell(w, live, want);
    }
}

void owned_diff(const cJSON *live, const cJSON *fields, const cJSON *desired,
                void (*row)(void *arg, const char *path, const cJSON *live, const cJSON *want), void *arg)
{
    struct walk w = { .row = row, .arg = arg };
    struct err why = { 0 };

    if (fields && owned_matches(live, fields, desired, &why))
        return;
    if (path_is_leaf(fields))
        diff_whole(&w, live, desired);
    else
        diff_object(&w, live, fields, desired);
    if (!w.n_rows)
        row(arg, why.msg[0] ? why.msg : "metadata.managedFields", NULL, NULL);
}
