#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "json/owned.h"
#include "owned_path.h"

struct walk {
    char path[160];
    const char *in; /* the key of the object whose members are looked at */
    struct err *why;
};

static bool differ(struct walk *w, const char *how)
{
    err_set(w->why, ERR_CONFLICT, "%s: %s", *w->path ? w->path : "object", how);
    return false;
}

/* Appends a step; returns the length to cut back to. */
static size_t enter(struct walk *w, const char *step)
{
    size_t n = strlen(w->path);

    snprintf(w->path + n, sizeof(w->path) - n, "%s%s", n ? "." : "", step);
    return n;
}

static size_t enter_index(struct walk *w, int i)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", i);
    return enter(w, text);
}

static bool leave(struct walk *w, size_t n, bool result)
{
    w->path[n] = '\0';
    return result;
}

static bool covers(struct walk *w, const cJSON *live, const cJSON *want);

static bool covers_array(struct walk *w, const cJSON *live, const cJSON *want)
{
    const cJSON *have = live->child;
    int i = 0;

    if (json_count(live) != json_count(want))
        return differ(w, "another number of items");
    for (const cJSON *v = want->child; v; v = v->next, have = have->next, i++) {
        size_t n = enter_index(w, i);

        if (!leave(w, n, covers(w, have, v)))
            return false;
    }
    return true;
}

/* What was owned as a whole and is wanted with less keeps nothing of the rest. An empty object owns nothing inside. */
static bool keeps_leftovers(struct walk *w, const cJSON *live, const cJSON *want)
{
    const cJSON *v = path_leftover(live, want);
    size_t n;

    if (!v)
        return false;
    n = enter(w, v->string);
    return !leave(w, n, differ(w, "ours, but no longer wanted"));
}

/* Inside a leaf the server may have added its defaults, never changed a member. */
static bool covers(struct walk *w, const cJSON *live, const cJSON *want)
{
    if (cJSON_IsArray(live) && cJSON_IsArray(want))
        return covers_array(w, live, want);
    if (!cJSON_IsObject(live) || !cJSON_IsObject(want))
        return path_same_scalar(w->in, live, want) || differ(w, "another value");
    for (const cJSON *v = want->child; v; v = v->next) {
        const cJSON *have = json_member(live, v->string);
        size_t n = enter(w, v->string);
        bool same;

        w->in = want->string;
        same = cJSON_IsNull(v) || (have ? covers(w, have, v) : path_is_left_out(live, v) || differ(w, "absent"));

        if (!leave(w, n, same))
            return false;
    }
    return !keeps_leftovers(w, live, want);
}

static bool matches(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want);

static bool is_identity(const struct walk *w, const char *key)
{
    if (!*w->path)
        return str_eq(key, "apiVersion") || str_eq(key, "kind");
    return str_eq(w->path, "metadata") && (str_eq(key, "name") || str_eq(key, "namespace"));
}

static bool only_identity(const struct walk *w, const cJSON *want)
{
    for (const cJSON *v = want->child; v; v = v->next)
        if (!is_identity(w, v->string))
            return false;
    return true;
}

static bool matches_member(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want)
{
    const cJSON *have = json_member(live, want->string), *f = path_member(fields, want->string);
    bool skipped = cJSON_IsNull(want) || is_identity(w, want->string);
    size_t n = enter(w, want->string);
    bool same;

    if (skipped || (!f && str_eq(w->path, "metadata") && only_identity(w, want)) || (!have && path_is_left_out(f, want)))
        same = true;
    else if (!f)
        same = differ(w, "not ours yet");
    else
        same = have ? matches(w, have, f, want) : differ(w, "absent");
    return leave(w, n, same);
}

static bool still_wanted(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want)
{
    for (const cJSON *f = fields->child; f; f = f->next) {
        const cJSON *v;

        if (!str_has_prefix(f->string, "f:"))
            continue;
        v = json_member(want, f->string + 2);
        if ((!v || cJSON_IsNull(v)) && json_member(live, f->string + 2)) {
            size_t n = enter(w, f->string + 2);

            return leave(w, n, differ(w, "ours, but no longer wanted"));
        }
    }
    return true;
}

static bool matches_object(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want)
{
    for (const cJSON *v = want->child; v; v = v->next) {
        w->in = want->string;
        if (!matches_member(w, live, fields, v))
            return false;
    }
    return still_wanted(w, live, fields, want);
}

static bool matches_item(struct walk *w, const cJSON *live, struct elements *owned, const cJSON *want, int i)
{
    const struct element *el = elements_find(owned, want, i);
    const cJSON *have = el ? elements_live_item(owned, el, live, i) : NULL;
    size_t n = enter_index(w, i);

    return leave(w, n, !el ? differ(w, "not ours yet") : !have ? differ(w, "absent") : matches(w, have, el->fields, want));
}

/* Others' items may stand between ours. */
static bool is_in_order(const cJSON *live, struct elements *owned, const cJSON *want)
{
    const cJSON *at = live->child;
    int i = 0;

    for (const cJSON *v = want->child; v; v = v->next, i++) {
        const cJSON *have = elements_live_item(owned, elements_find(owned, v, i), live, i);

        while (at && at != have)
            at = at->next;
        if (!at)
            return false;
        at = at->next;
    }
    return true;
}

static bool matches_array(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want)
{
    struct elements owned;
    bool same = true;
    int i = 0;

    elements_init(&owned, fields);
    for (const cJSON *v = want->child; v && same; v = v->next, i++)
        same = matches_item(w, live, &owned, v, i);
    if (same && owned.n != (size_t)i)
        same = differ(w, "holds an item of ours that is no longer wanted");
    if (same && path_is_ordered(want->string) && !is_in_order(live, &owned, want))
        same = differ(w, "another order");
    elements_done(&owned);
    return same;
}

static bool matches(struct walk *w, const cJSON *live, const cJSON *fields, const cJSON *want)
{
    if (path_is_leaf(fields))
        return covers(w, live, want);
    if (cJSON_IsObject(live) && cJSON_IsObject(want))
        return matches_object(w, live, fields, want);
    if (cJSON_IsArray(live) && cJSON_IsArray(want))
        return matches_array(w, live, fields, want);
    return differ(w, "another type");
}

bool owned_matches(const cJSON *live, const cJSON *fields, const cJSON *desired, struct err *why)
{
    struct walk w = { .why = why };

    if (path_is_leaf(fields))
        return differ(&w, "nothing of it is ours yet");
    return matches(&w, live, fields, desired);
}
