#include "sim/apiserver/managed.h"

#include <string.h>

#include "base/str.h"
#include "loop/loop.h"
#include "sim/apiserver/fset.h"
#include "sim/apiserver/merge.h"
#include "sim/apiserver/tree.h"

/* ---- sets without what nobody can own ---- */

static void strip(cJSON *set)
{
    static const char *const top[] = { "f:apiVersion", "f:kind" };
    static const char *const meta[] = { "f:name", "f:namespace", "f:creationTimestamp", "f:selfLink", "f:uid",
                                        "f:generation", "f:managedFields", "f:resourceVersion", "f:deletionTimestamp",
                                        "f:deletionGracePeriodSeconds", "." };
    cJSON *m = json_member(set, "f:metadata");

    for (size_t i = 0; i < COUNT(top); i++)
        json_del(set, top[i]);
    if (!m)
        return;
    for (size_t i = 0; i < COUNT(meta); i++)
        json_del(m, meta[i]);
    if (!m->child)
        json_del(set, "f:metadata");
}

/* The main resource cannot write status, and a status write nothing else. */
static void reset_other_half(cJSON *set, const struct resource *res, const char *sub)
{
    if (!(res->flags & KIND_STATUS))
        return;
    if (!str_eq(sub, "status")) {
        json_del(set, "f:status");
        return;
    }
    for (cJSON *m = set->child, *next; m; m = next) {
        next = m->next;
        if (strcmp(m->string, "f:status") != 0 && !(strcmp(res->plural, "pods") == 0 && !strcmp(m->string, "f:metadata")))
            cJSON_Delete(cJSON_DetachItemViaPointer(set, m));
    }
}

static void clean(cJSON *set, const struct resource *res, const char *sub)
{
    strip(set);
    reset_other_half(set, res, sub);
}

/* ---- entries ---- */

static cJSON *set_of(cJSON *entry)
{
    return json_obj(entry, "fieldsV1");
}

static bool is_entry(const cJSON *e, const char *manager, const char *operation, const char *api_version,
                     const char *sub)
{
    const char *s = json_get_str(e, "subresource");

    return str_eq(json_get_str(e, "manager"), manager) && str_eq(json_get_str(e, "operation"), operation) &&
           (str_eq(operation, "Apply") || str_eq(json_get_str(e, "apiVersion"), api_version)) &&
           str_eq(s ? s : "", sub ? sub : "");
}

static cJSON *entry_get(cJSON *entries, const struct resource *res, const char *manager, const char *operation,
                        const char *sub)
{
    AUTO_FREE char *api_version = resource_api_version(res);
    cJSON *e;

    cJSON_ArrayForEach(e, entries)
        if (is_entry(e, manager, operation, api_version, sub))
            return e;
    e = json_push_obj(entries);
    json_str(e, "manager", manager);
    json_str(e, "operation", operation);
    json_str(e, "apiVersion", api_version);
    json_str(e, "time", "");
    json_str(e, "fieldsType", "FieldsV1");
    json_obj(e, "fieldsV1");
    if (sub)
        json_str(e, "subresource", sub);
    return e;
}

static void entry_touch(cJSON *entry)
{
    char now[32];

    str_rfc3339(loop_wall_ms(), false, now);
    json_str(entry, "time", now);
}

static void drop_empty(cJSON *entries)
{
    for (cJSON *e = entries->child, *next; e; e = next) {
        next = e->next;
        if (fset_is_empty(json_member(e, "fieldsV1")))
            cJSON_Delete(cJSON_DetachItemViaPointer(entries, e));
    }
}

/* Apply before Update, then by time, then by name. */
static int entry_order(const cJSON *a, const cJSON *b)
{
    static const char *const by[] = { "operation", "time", "manager", "apiVersion", "subresource" };

    for (size_t i = 0; i < COUNT(by); i++) {
        const char *x = json_get_str(a, by[i]), *y = json_get_str(b, by[i]);
        int d = strcmp(x ? x : "", y ? y : "");

        if (d)
            return d;
    }
    return 0;
}

static void sort_entries(cJSON *entries)
{
    cJSON *sorted = json_new_arr();

    while (entries->child) {
        cJSON *e = cJSON_DetachItemFromArray(entries, 0);
        int at = 0;
        const cJSON *s;

        cJSON_ArrayForEach(s, sorted) {
            if (entry_order(e, s) < 0)
                break;
            at++;
        }
        tree_insert(sorted, at, e);
    }
    while (sorted->child)
        json_push(entries, cJSON_DetachItemFromArray(sorted, 0));
    cJSON_Delete(sorted);
}

/* What next says about owners, when it says something; else what was. */
static cJSON *entries_of(const cJSON *old, const cJSON *next)
{
    const cJSON *theirs = json_at(next, "metadata.managedFields");

    if (json_count(theirs) == 1 && json_count(theirs->child) == 0)
        return json_new_arr(); /* [{}] forgets all */
    if (json_count(theirs) > 0)
        return json_dup(theirs);
    theirs = json_at(old, "metadata.managedFields");
    return theirs ? json_dup(theirs) : json_new_arr();
}

static void entries_store(cJSON *obj, cJSON *entries)
{
    drop_empty(entries);
    sort_entries(entries);
    if (entries->child) {
        json_put(json_obj(obj, "metadata"), "managedFields", entries);
        return;
    }
    cJSON_Delete(entries);
    json_del(json_obj(obj, "metadata"), "managedFields");
}

/* ---- update ---- */

/* What a typed object holds before anything is in it: its structs that are no pointers. */
static cJSON *blank(const struct resource *res)
{
    static const char *const structs[] = { "strategy", "updateStrategy", "scaleTargetRef", "resources" };
    cJSON *o = json_new_obj();
    const struct schema *spec = schema_of_member(res->schema, "spec");

    json_obj(o, "metadata");
    if (!res->ops || !spec)
        return o;
    json_obj(o, "spec");
    if (schema_of_member(res->schema, "status"))
        json_obj(o, "status");
    for (size_t i = 0; i < COUNT(structs); i++) {
        const struct schema *member = schema_of_member(spec, structs[i]);

        if (member && member->kind == SCHEMA_OBJECT) /* a Lease's strategy is a string */
            json_obj(json_obj(o, "spec"), structs[i]);
    }
    if (schema_of_member(spec, "template")) {
        cJSON *t = json_obj(json_obj(o, "spec"), "template");

        json_obj(t, "metadata");
        json_arr(json_obj(t, "spec"), "containers");
    }
    if (schema_of_member(spec, "containers"))
        json_arr(json_obj(o, "spec"), "containers");
    return o;
}

static void take_from_others(cJSON *entries, const cJSON *own, const struct fset_diff *d)
{
    cJSON *e;

    cJSON_ArrayForEach(e, entries) {
        fset_take_away(set_of(e), d->removed);
        if (e == own)
            continue;
        fset_take_away(set_of(e), d->added);
        fset_take_away(set_of(e), d->modified);
    }
}

void managed_update(const cJSON *old, cJSON *next, const struct resource *res, const char *manager, const char *sub)
{
    AUTO_JSON cJSON *nothing = old ? NULL : blank(res);
    AUTO_JSON cJSON *before = NULL;
    cJSON *entries = entries_of(old, old ? next : NULL), *own;
    struct fset_diff d;

    if (old && !entries->child) { /* not tracked until somebody applies */
        entries_store(next, entries);
        return;
    }
    d = fset_compare(old ? old : nothing, next, res->schema);
    clean(d.added, res, sub);
    clean(d.modified, res, sub);
    clean(d.removed, res, sub);
    own = entry_get(entries, res, manager, "Update", sub);
    before = json_dup(json_member(own, "fieldsV1"));
    take_from_others(entries, own, &d);
    fset_add(set_of(own), d.added);
    fset_add(set_of(own), d.modified);
    if (!fset_is_empty(d.added) || !fset_is_empty(d.modified) || !json_equal(before, set_of(own)))
        entry_touch(own);
    fset_diff_done(&d);
    entries_store(next, entries);
}

/* ---- apply ---- */

struct conflict_note {
    struct refusal *r;
    const cJSON *entry;
    struct buf text;
    int n;
};

static void note_conflict(void *arg, const char *path)
{
    struct conflict_note *c = arg;
    const char *sub = json_get_str(c->entry, "subresource");
    bool update = str_eq(json_get_str(c->entry, "operation"), "Update");
    AUTO_FREE char *who = xasprintf("conflict with \"%s\"%s%s%s%s%s", json_get_str(c->entry, "manager"),
                                    sub ? " with subresource \"" : "", sub ? sub : "", sub ? "\"" : "",
                                    update ? " using " : "", update ? json_get_str(c->entry, "apiVersion") : "");

    refusal_cause(c->r, "FieldManagerConflict", path, "%s", who);
    buf_fmt(&c->text, "%s%s: %s", c->n ? ", " : "", who, path);
    c->n++;
}

static int check_conflicts(cJSON *entries, const cJSON *own, const struct fset_diff *d, struct refusal *r)
{
    struct conflict_note note = { .r = r };
    cJSON *e;
    int rc = 0;

    buf_init(&note.text, 16 << 10);
    cJSON_ArrayForEach(e, entries) {
        AUTO_JSON cJSON *modified = fset_common(set_of(e), d->modified), *added = fset_common(set_of(e), d->added);

        note.entry = e;
        if (e == own)
            continue;
        fset_add(modified, added);
        fset_each(modified, note_conflict, &note);
    }
    if (note.n)
        rc = refuse(r, 409, "Conflict", "Apply failed with %d conflict%s: %s", note.n, note.n > 1 ? "s" : "",
                    buf_text(&note.text));
    buf_done(&note.text);
    return rc;
}

/* merged without those members of `gone` that nobody holds. */
static cJSON *prune(const cJSON *merged, cJSON *entries, const cJSON *last, const struct schema *s)
{
    AUTO_JSON cJSON *merged_set = fset_of(merged, s), *gone = NULL, *kept = NULL, *first = json_dup(merged);
    AUTO_JSON cJSON *before = json_dup(last);
    cJSON *out, *e;

    if (fset_is_empty(last))
        return json_dup(merged);
    fset_own_structs(before, s);
    fset_own_structs(merged_set, s);
    merge_remove(first, before, s);
    kept = fset_of(first, s);
    cJSON_ArrayForEach(e, entries)
        fset_add(kept, set_of(e));
    fset_own_structs(kept, s);
    gone = json_dup(merged_set);
    fset_take_away(gone, kept);
    out = json_dup(merged);
    merge_remove(out, gone, s);

    cJSON_Delete(gone);
    cJSON_Delete(kept);
    kept = fset_of(out, s);
    fset_own_structs(kept, s);
    fset_take_away(merged_set, kept);
    gone = fset_common(merged_set, before);
    cJSON_Delete(out);
    out = json_dup(merged);
    merge_remove(out, gone, s);
    return out;
}

static cJSON *start_of(const struct apply *a, const cJSON *live)
{
    AUTO_JSON cJSON *o = live ? json_dup(live) : blank(a->res);

    json_del(json_obj(o, "metadata"), "managedFields");
    return TAKE(o);
}

static cJSON *usable_part(const struct apply *a, const cJSON *config)
{
    static const char *const not_applied[] = { "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink",
                                               "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds" };
    cJSON *c = json_dup(config);

    for (size_t i = 0; i < COUNT(not_applied); i++)
        json_del(json_obj(c, "metadata"), not_applied[i]);
    if ((a->res->flags & KIND_STATUS) && !str_eq(a->sub, "status"))
        json_del(c, "status");
    return c;
}

/* An object without owners: what it holds belongs to whoever was there before. */
static void own_all(cJSON *entries, const struct resource *res, const cJSON *live)
{
    cJSON *e = entry_get(entries, res, "before-first-apply", "Update", NULL);
    AUTO_JSON cJSON *nothing = blank(res);
    struct fset_diff d = fset_compare(nothing, live, res->schema);

    clean(d.added, res, NULL);
    json_put_dup(e, "fieldsV1", d.added);
    entry_touch(e);
    fset_diff_done(&d);
}

int managed_apply(const struct apply *a, const cJSON *live, const cJSON *config, cJSON **out, struct refusal *r)
{
    AUTO_JSON cJSON *before = start_of(a, live), *usable = usable_part(a, config), *last = NULL, *set = NULL;
    AUTO_JSON cJSON *merged = merge_typed(before, usable, a->res->schema), *entries = entries_of(live, NULL);
    AUTO_JSON cJSON *pruned = NULL;
    cJSON *own;
    AUTO_FREE char *api_version = resource_api_version(a->res);
    struct fset_diff d;
    int rc = 0;

    if (live && !entries->child)
        own_all(entries, a->res, live);
    own = entry_get(entries, a->res, a->manager, "Apply", a->sub);
    last = json_dup(set_of(own));
    set = fset_of(usable, a->res->schema);
    clean(set, a->res, a->sub);
    json_put_dup(own, "fieldsV1", set);
    json_str(own, "apiVersion", api_version);
    /* what still is named is still owned: then nothing can go */
    pruned = json_equal(last, set) ? json_dup(merged) : prune(merged, entries, last, a->res->schema);
    d = fset_compare(before, pruned, a->res->schema);
    clean(d.added, a->res, a->sub);
    clean(d.modified, a->res, a->sub);
    clean(d.removed, a->res, a->sub);
    if (!a->force)
        rc = check_conflicts(entries, own, &d, r);
    if (rc == 0) {
        take_from_others(entries, own, &d);
        if (!live || !json_equal(last, set) || !fset_is_empty(d.added) || !fset_is_empty(d.modified) ||
            !fset_is_empty(d.removed))
            entry_touch(own);
        entries_store(pruned, TAKE(entries));
        *out = TAKE(pruned);
    }
    fset_diff_done(&d);
    return rc;
}

/* ---- sameness ---- */

static bool same_entries(const cJSON *a, const cJSON *b)
{
    const cJSON *x = a ? a->child : NULL, *y = b ? b->child : NULL;

    if (json_count(a) != json_count(b))
        return false;
    for (; x && y; x = x->next, y = y->next) {
        if (!str_eq(json_get_str(x, "manager"), json_get_str(y, "manager")) ||
            !str_eq(json_get_str(x, "operation"), json_get_str(y, "operation")) ||
            !str_eq(json_get_str(x, "subresource"), json_get_str(y, "subresource")) ||
            !json_equal(json_member(x, "fieldsV1"), json_member(y, "fieldsV1")))
            return false;
    }
    return true;
}

static bool same_members(const cJSON *a, const cJSON *b, const char *except)
{
    const cJSON *m;
    int n = 0;

    cJSON_ArrayForEach(m, a) {
        if (strcmp(m->string, except) == 0)
            continue;
        n++;
        if (!json_equal(m, json_member(b, m->string)))
            return false;
    }
    cJSON_ArrayForEach(m, b)
        n -= strcmp(m->string, except) != 0;
    return n == 0;
}

bool managed_same_object(const cJSON *old, const cJSON *next)
{
    const cJSON *a = json_member(old, "metadata"), *b = json_member(next, "metadata");

    return same_members(old, next, "metadata") && same_members(a, b, "managedFields") &&
           same_entries(json_member(a, "managedFields"), json_member(b, "managedFields"));
}
