#include "app/check_report.h"

#include <stdio.h>

#include "json/json.h"

static const char *role_of(const struct node_view *v)
{
    static const char *const why_not[] = { [REACH_NONE] = "silent", [REACH_DENIED] = "denied",
                                           [REACH_LOADING] = "loading", [REACH_OK] = "" };
    const struct view_row *me = v->reach == REACH_OK ? view_myself(v) : NULL;

    if (!me)
        return why_not[v->reach];
    return me->flags & NODE_REPLICA ? "replica" : "master";
}

static const char *slots_of(const struct node_view *v, char *out, size_t size)
{
    const struct view_row *me = v->reach == REACH_OK ? view_myself(v) : NULL;
    struct slot_set s;

    if (!me || me->flags & NODE_REPLICA)
        return "-";
    s = view_row_slots(v, me);
    return slot_set_render(&s, out, size);
}

static void print_node(const struct node_view *v)
{
    char slots[40], keys[24] = "-";

    if (v->reach == REACH_OK && v->keys >= 0)
        snprintf(keys, sizeof(keys), "%lld", (long long)v->keys);
    printf("  %-24s %-8s %-8s %-26s %10s %6llu  %s\n", v->address, v->id[0] ? (char[9]){ v->id[0], v->id[1], v->id[2],
           v->id[3], v->id[4], v->id[5], v->id[6], v->id[7], '\0' } : "-", role_of(v),
           slots_of(v, slots, sizeof(slots)), keys, (unsigned long long)v->my_epoch,
           v->reach != REACH_OK           ? v->error
           : !v->is_replica               ? ""
           : v->sync_in_progress          ? "copying"
           : v->master_link_up            ? "in sync"
                                          : "link to master down");
}

static void report_table(const struct verdict *v, const struct node_view *views, size_t n, bool settled)
{
    struct buf b;

    buf_init(&b, 65536);
    verdict_render(v, settled, &b);
    fputs(buf_text(&b), stdout);
    buf_done(&b);
    printf("\n  %-24s %-8s %-8s %-26s %10s %6s\n", "node", "id", "role", "slots", "keys", "epoch");
    for (size_t i = 0; i < n; i++)
        print_node(&views[i]);
}

static void node_json(cJSON *nodes, const struct node_view *v)
{
    cJSON *o = json_push_obj(nodes);
    char slots[1024];

    json_str(o, "address", v->address);
    json_bool(o, "answers", v->reach == REACH_OK);
    json_str(o, "role", role_of(v));
    if (v->reach != REACH_OK) {
        json_str(o, "error", v->error);
        return;
    }
    json_str(o, "id", v->id);
    json_str(o, "version", v->version);
    json_str(o, "slots", slots_of(v, slots, sizeof(slots)));
    json_int(o, "keys", v->keys);
    json_int(o, "epoch", (int64_t)v->my_epoch);
    json_bool(o, "inSync", v->is_replica && v->master_link_up && !v->sync_in_progress);
}

static void report_json(const struct verdict *v, const struct node_view *views, size_t n, bool settled)
{
    AUTO_JSON cJSON *root = json_new_obj();
    AUTO_FREE char *text = NULL;
    cJSON *predicates, *nodes;

    json_str(root, "state", redis_state_name(v->state));
    json_bool(root, "serving", v->serving);
    json_int(root, "slotsOk", v->slots_ok);
    json_int(root, "masters", v->n_masters);
    json_int(root, "replicasInSync", v->n_replicas);
    json_int(root, "members", v->n_members);
    json_int(root, "answering", v->n_reachable);
    json_str(root, "server", v->is_valkey ? "valkey" : "redis");
    json_str(root, "version", v->version);
    predicates = json_arr(root, "predicates");
    nodes = json_arr(root, "nodes");
    for (size_t p = 0; p < N_PREDICATES; p++) {
        cJSON *o;

        if (p == P_SETTLED && !settled)
            continue;
        o = json_push_obj(predicates);
        json_str(o, "number", predicate_number(p));
        json_str(o, "name", predicate_name(p));
        json_bool(o, "holds", v->holds[p]);
        json_str(o, "evidence", v->holds[p] ? "" : v->evidence[p]);
    }
    for (size_t i = 0; i < n; i++)
        node_json(nodes, &views[i]);
    text = json_print_pretty(root);
    puts(text);
}

void check_report(const struct verdict *v, const struct node_view *views, size_t n, bool settled, bool as_json)
{
    if (as_json)
        report_json(v, views, n, settled);
    else
        report_table(v, views, n, settled);
}
