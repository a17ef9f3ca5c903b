#include "sim/controllers/statefulset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sim/controllers/items.h"

#define HASH_LABEL "controller.kubernetes.io/hash"

static int by_revision(const void *a, const void *b)
{
    int64_t x = json_get_int(*(const cJSON *const *)a, "revision", 0);
    int64_t y = json_get_int(*(const cJSON *const *)b, "revision", 0);

    return (x > y) - (x < y);
}

static const cJSON *revision_named(const struct stateful *st, const char *name)
{
    for (size_t i = 0; name && i < st->revisions.n; i++)
        if (!strcmp(item_name(st->revisions.items[i]), name))
            return st->revisions.items[i];
    return NULL;
}

static void claim_revisions(struct stateful *st)
{
    AUTO_LIST struct list orphans = { 0 };

    scene_list_owned(st->s->scene, KIND_REVISION, item_uid(st->set), &st->revisions);
    if (item_is_deleting(st->set))
        return;
    scene_list_orphans(st->s->scene, KIND_REVISION, item_ns(st->set), &orphans);
    for (size_t i = 0; i < orphans.n; i++) {
        if (!selector_matches(json_at(st->set, "spec.selector"), item_labels(orphans.items[i])))
            continue;
        calls_adopt(&st->s->out, KIND_REVISION, orphans.items[i], KIND_STATEFULSET, st->set);
        list_add(&st->revisions, orphans.items[i]);
    }
}

static int64_t next_number(const struct stateful *st)
{
    return st->revisions.n ? json_get_int(st->revisions.items[st->revisions.n - 1], "revision", 0) + 1 : 1;
}

static void create_revision(struct stateful *st, const char *hash)
{
    cJSON *r = json_new_obj(), *meta = json_obj(r, "metadata"), *template;

    json_str(meta, "name", st->update_rev);
    json_put_dup(meta, "labels", json_at(st->set, "spec.template.metadata.labels"));
    json_str(json_obj(meta, "labels"), HASH_LABEL, hash);
    json_push(json_arr(meta, "ownerReferences"), item_new_owner_ref("apps/v1", "StatefulSet", st->set));
    json_put_dup(json_obj(json_obj(r, "data"), "spec"), "template", json_at(st->set, "spec.template"));
    template = json_at(r, "data.spec.template");
    json_str(template, "$patch", "replace");
    json_int(r, "revision", next_number(st));
    calls_create(&st->s->out, KIND_REVISION, item_ns(st->set), r);
}

static void renumber(struct stateful *st, const cJSON *r)
{
    cJSON *patch = json_new_obj();

    json_int(patch, "revision", next_number(st));
    calls_patch(&st->s->out, KIND_REVISION, r, NULL, patch);
}

void stateful_read_revisions(struct stateful *st)
{
    char hash[11];
    const char *current = json_get_str(st->set, "status.currentRevision");
    const cJSON *update, *r;

    claim_revisions(st);
    if (st->revisions.n > 1)
        qsort(st->revisions.items, st->revisions.n, sizeof(*st->revisions.items), by_revision);
    hash_name(json_at(st->set, "spec.template"), NULL, hash);
    snprintf(st->update_rev, sizeof(st->update_rev), "%s-%s", item_name(st->set), hash);
    update = revision_named(st, st->update_rev);
    if (!update && !item_is_deleting(st->set))
        create_revision(st, hash);
    else if (update && update != st->revisions.items[st->revisions.n - 1] && !item_is_deleting(st->set))
        renumber(st, update);
    r = revision_named(st, current);
    snprintf(st->current_rev, sizeof(st->current_rev), "%s", r ? current : st->update_rev);
    st->current_template = json_at(r, "data.spec.template");
    if (!st->current_template)
        st->current_template = json_at(st->set, "spec.template");
}

static bool is_in_use(const struct stateful *st, const char *name)
{
    if (!strcmp(name, st->update_rev) || !strcmp(name, st->current_rev))
        return true;
    for (size_t i = 0; i < st->pods.n; i++)
        if (str_eq(item_label(st->pods.items[i], "controller-revision-hash"), name))
            return true;
    return false;
}

void stateful_trim_revisions(struct stateful *st)
{
    int64_t keep = json_get_int(st->set, "spec.revisionHistoryLimit", 10), n_unused = 0;

    for (size_t i = 0; i < st->revisions.n; i++)
        n_unused += !is_in_use(st, item_name(st->revisions.items[i]));
    for (size_t i = 0; i < st->revisions.n && n_unused > keep; i++) {
        if (is_in_use(st, item_name(st->revisions.items[i])))
            continue;
        calls_delete(&st->s->out, KIND_REVISION, st->revisions.items[i], NULL, -1);
        n_unused--;
    }
}
