/*
 * Namespaces being deleted: their content goes first, then they are finalized.
 */
#include "base/str.h"
#include "sim/controllers/items.h"
#include "sim/controllers/sync.h"

enum { LOOK_AGAIN_MS = 1000 };

static bool is_ending(const cJSON *ns)
{
    return item_is_deleting(ns) || str_eq(json_get_str(ns, "status.phase"), "Terminating");
}

/* How many objects there still are; asks those that are not on their way yet to go. */
static size_t empty_namespace(struct sync *s, const char *ns)
{
    size_t n_left = 0;

    for (int kind = 0; kind < scene_kinds_of(s->scene)->n; kind++) {
        AUTO_LIST struct list all = { 0 };

        if (scene_kind(s->scene, kind)->namespaced)
            scene_list_ns(s->scene, kind, ns, &all);
        for (size_t i = 0; i < all.n; i++)
            if (!item_is_deleting(all.items[i]))
                calls_delete(&s->out, kind, all.items[i], NULL, -1);
        n_left += all.n;
    }
    return n_left;
}

static void finalize(struct sync *s, const cJSON *ns)
{
    cJSON *body = json_dup(ns);

    json_str(body, "apiVersion", "v1");
    json_str(body, "kind", "Namespace");
    json_put(json_obj(body, "spec"), "finalizers", json_new_arr());
    calls_put(&s->out, KIND_NAMESPACE, ns, "finalize", body);
}

static void namespace_sync(struct sync *s)
{
    const cJSON *ns = scene_get_key(s->scene, KIND_NAMESPACE, s->key);

    if (!ns || !is_ending(ns))
        return;
    if (empty_namespace(s, item_name(ns)))
        calls_again(&s->out, LOOK_AGAIN_MS);
    else if (json_count(json_at(ns, "spec.finalizers")))
        finalize(s, ns);
}

static void namespace_on_change(void *state, const struct change *c, struct workq *q)
{
    const char *name = c->kind == KIND_NAMESPACE ? item_name(change_item(c)) : item_ns(change_item(c));
    const cJSON *ns = scene_get(c->scene, KIND_NAMESPACE, NULL, name);
    (void)state;

    if (ns && is_ending(ns))
        workq_add(q, name);
}

const struct controller controller_namespace = {
    .name = "namespace",
    .help = "deletion of namespaces",
    .kinds = { KINDS_ALL },
    .on_change = namespace_on_change,
    .sync = namespace_sync,
};
