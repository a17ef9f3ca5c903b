#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/resize.h"

enum { OWNERS_MAX = 500, REPLICAS_MAX = 50 };

void resize_plan_done(struct resize_plan *p)
{
    free(p->owners);
    *p = (struct resize_plan){ 0 };
}

struct resize_plan resize_plan_copy(const struct resize_plan *p)
{
    struct resize_plan copy = *p;

    copy.owners = p->n_owners ? xcalloc(p->n_owners, sizeof(*copy.owners)) : NULL;
    if (p->n_owners)
        memcpy(copy.owners, p->owners, p->n_owners * sizeof(*copy.owners));
    return copy;
}

size_t resize_nodes_wanted(const struct resize_plan *p)
{
    return (size_t)p->shards * (1 + (size_t)p->replicas);
}

/* Ranges of a whole set: at most 8192 of at most 11 characters and a blank. */
enum { SET_TEXT_MAX = SLOT_COUNT / 2 * 12 };

cJSON *resize_plan_json(const struct resize_plan *p)
{
    AUTO_FREE char *text = NULL;
    cJSON *root, *owners;

    if (!p->shards)
        return NULL;
    root = json_new_obj();
    json_int(root, "shards", p->shards);
    json_int(root, "replicas", p->replicas);
    json_int(root, "fromShards", p->from_shards);
    json_int(root, "fromReplicas", p->from_replicas);
    json_int(root, "nodes", (int64_t)p->nodes);
    json_bool(root, "forgetting", p->forgetting);
    json_int(root, "sinceMs", p->since_wall_ms);
    json_int(root, "toMove", p->to_move);
    if (!p->n_owners)
        return root;
    text = xcalloc(1, SET_TEXT_MAX);
    owners = json_arr(root, "owners");
    for (size_t i = 0; i < p->n_owners; i++) {
        cJSON *o = json_push_obj(owners);

        json_str(o, "id", p->owners[i].id);
        json_str(o, "slots", slot_set_render(&p->owners[i].slots, text, SET_TEXT_MAX));
    }
    return root;
}

static int parse_owner(const cJSON *json, struct slot_set *all, struct resize_owner *out, struct err *e)
{
    const char *id = json_get_str(json, "id"), *slots = json_get_str(json, "slots");
    struct slot_set twice;

    if (!id || view_parse_id(id, strlen(id), out->id, e) < 0)
        return err_set(e, ERR_INVALID, "id: must be a node id");
    if (!slots || slot_set_parse(slots, &out->slots, e) < 0)
        return err_set(e, ERR_INVALID, "slots of %.8s: must be ranges of slots", id);
    twice = out->slots;
    for (size_t w = 0; w < COUNT(twice.bits); w++)
        twice.bits[w] &= all->bits[w];
    if (slot_set_count(&twice) || slot_set_count(&out->slots) == 0)
        return err_set(e, ERR_INVALID, "slots of %.8s: none, or also another's", id);
    slot_set_union(all, &out->slots);
    return 0;
}

static int parse_owners(const cJSON *list, struct resize_plan *p, struct err *e)
{
    struct slot_set all = { { 0 } };
    const cJSON *item;

    if (json_count(list) == 0)
        return 0;
    if (json_count(list) != p->shards)
        return err_set(e, ERR_INVALID, "owners: %d for %d shards", json_count(list), p->shards);
    p->owners = xcalloc((size_t)p->shards, sizeof(*p->owners));
    cJSON_ArrayForEach(item, list)
    {
        int rc = parse_owner(item, &all, &p->owners[p->n_owners], e);

        if (rc < 0)
            return err_wrap(e, "owners.%zu", p->n_owners);
        p->n_owners++;
    }
    return slot_set_count(&all) == SLOT_COUNT ? 0 : err_set(e, ERR_INVALID, "owners: slots are missing");
}

static bool get_bounded(const cJSON *json, const char *key, int64_t min, int64_t max, int64_t *out)
{
    *out = json_get_int(json, key, -1);
    return *out >= min && *out <= max;
}

static int parse_numbers(const cJSON *json, struct resize_plan *p, struct err *e)
{
    int64_t shards, replicas, from_shards, from_replicas, nodes, to_move;

    if (!get_bounded(json, "shards", 1, OWNERS_MAX, &shards) || !get_bounded(json, "replicas", 0, REPLICAS_MAX, &replicas) ||
        !get_bounded(json, "fromShards", 1, OWNERS_MAX, &from_shards) ||
        !get_bounded(json, "fromReplicas", 0, REPLICAS_MAX, &from_replicas))
        return err_set(e, ERR_INVALID, "shards or replicas: out of bounds");
    if (!get_bounded(json, "nodes", shards * (1 + replicas), RESIZE_NODES_MAX, &nodes))
        return err_set(e, ERR_INVALID, "nodes: must be at least those wanted, at most %d", RESIZE_NODES_MAX);
    if (!get_bounded(json, "toMove", 0, SLOT_COUNT, &to_move))
        return err_set(e, ERR_INVALID, "toMove: must be a number of slots");
    p->shards = (int)shards;
    p->replicas = (int)replicas;
    p->from_shards = (int)from_shards;
    p->from_replicas = (int)from_replicas;
    p->nodes = (size_t)nodes;
    p->to_move = (int)to_move;
    p->forgetting = json_get_bool(json, "forgetting", false);
    p->since_wall_ms = json_get_int(json, "sinceMs", 0);
    return 0;
}

int resize_plan_parse(const cJSON *json, struct resize_plan *out, struct err *e)
{
    struct resize_plan p = { 0 };
    int rc = 0;

    if (json && !cJSON_IsNull(json)) {
        if (!cJSON_IsObject(json))
            return err_set(e, ERR_INVALID, "resize: must be an object");
        rc = parse_numbers(json, &p, e);
        if (rc == 0)
            rc = parse_owners(json_member(json, "owners"), &p, e);
        if (rc == 0 && p.forgetting && !p.n_owners)
            rc = err_set(e, ERR_INVALID, "forgetting: nobody is forgotten before the owners are known");
    }
    if (rc < 0) {
        resize_plan_done(&p);
        return err_wrap(e, "resize");
    }
    *out = p;
    return 0;
}
