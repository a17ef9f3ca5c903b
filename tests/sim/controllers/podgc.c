/*
 * Pods whose node is no more, or that are to go and never had one: removed by force,
 * as no node will ever confirm their end.
 */
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "sim/controllers/items.h"
#include "sim/controllers/sync.h"

enum { LOOK_AGAIN_MS = 1000 };

static const char absent[] = "absent", present[] = "present";

/* The state: node name -> what the server said of it, while no watch knows it. */
static void *podgc_new_state(void)
{
    return map_new();
}

static void podgc_free_state(void *state)
{
    map_free(state, NULL);
}

static bool node_is_gone(struct sync *s, const char *node)
{
    const char *verdict = map_get(s->state, node);

    if (scene_get(s->scene, KIND_NODE, NULL, node))
        return false;
    if (verdict == present) {
        map_take(s->state, node);
        calls_again(&s->out, LOOK_AGAIN_MS);
    } else if (!verdict) {
        calls_get(&s->out, KIND_NODE, NULL, node, node);
    }
    return verdict == absent;
}

static void podgc_sync(struct sync *s)
{
    const cJSON *pod = scene_get_key(s->scene, KIND_POD, s->key);
    const char *node = json_get_str(pod, "spec.nodeName");

    if (!pod || (str_empty(node) && !item_is_deleting(pod)))
        return;
    if (str_empty(node) || node_is_gone(s, node))
        calls_delete(&s->out, KIND_POD, pod, NULL, 0);
}

static void podgc_on_change(void *state, const struct change *c, struct workq *q)
{
    AUTO_LIST struct list pods = { 0 };

    if (c->kind == KIND_POD) {
        if (c->now)
            change_add_self(c, q);
        return;
    }
    map_take(state, item_name(change_item(c)));
    if (c->now)
        return;
    scene_list_on_node(c->scene, item_name(c->old), &pods);
    for (size_t i = 0; i < pods.n; i++) {
        AUTO_FREE char *key = item_key(pods.items[i]);

        workq_add(q, key);
    }
}

static void podgc_on_reply(void *state, const struct call *call, int status, const cJSON *body)
{
    (void)body;
    if (!strcmp(call->method, "GET") && (status == 404 || status == 200))
        map_put(state, call->key, status == 404 ? (void *)absent : (void *)present);
}

const struct controller controller_podgc = {
    .name = "podgc",
    .help = "pods of nodes that are gone",
    .kinds = { KIND_POD, KIND_NODE, KINDS_END },
    .new_state = podgc_new_state,
    .free_state = podgc_free_state,
    .on_change = podgc_on_change,
    .sync = podgc_sync,
    .on_reply = podgc_on_reply,
};
