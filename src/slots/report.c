#include "slots/report.h"

#include <stdio.h>
#include <string.h>

#include "slots/report_facts.h"
#include "slots/report_map.h"
#include "base/str.h"
#include "json/json.h"

enum { ID_SHOWN = 8, ADDRESS_WIDTH = 22, FACT_INDENT = 23, NODE_INDENT = 8 };

static const char *why_not(const struct node_view *v)
{
    static const char *const words[] = { [REACH_NONE] = "silent", [REACH_DENIED] = "denied", [REACH_LOADING] = "loading",
                                         [REACH_OK] = "" };

    return words[v->reach];
}

/* Broken at spaces where the terminal ends, and continued below where its text began. */
static void put_line(const struct report_look *l, struct buf *out, const char *line, int indent)
{
    size_t room = l->width ? (size_t)l->width : SIZE_MAX, n = strlen(line);

    while (n > room) {
        size_t at = room;

        while (at > (size_t)indent && line[at] != ' ')
            at--;
        at = at > (size_t)indent ? at : room;
        buf_fmt(out, "%.*s\n%*s", (int)at, line, indent, "");
        line += at + (line[at] == ' ');
        n = strlen(line);
        room = (size_t)l->width - (size_t)indent;
    }
    buf_fmt(out, "%s\n", line);
}

static void put_predicates(const struct report_look *l, const struct merged *m, struct buf *out)
{
    for (int p = 0; p < N_PREDICATES; p++) {
        bool holds = l->v->holds[p];
        char fact[REPORT_FACT_SIZE], line[320];

        if (p == P_SETTLED && !l->settled)
            continue;
        report_fact((enum predicate)p, m, l->v, fact);
        snprintf(line, sizeof(line), "  %-4s %-10s %-4s %s", predicate_number((enum predicate)p), predicate_name((enum predicate)p),
                 holds ? "yes" : "NO", holds ? fact : l->v->evidence[p]);
        buf_str(out, l->colours && !holds ? "\033[1;31m" : "");
        put_line(l, out, line, FACT_INDENT);
        buf_str(out, report_colour_end(l->colours && !holds));
    }
}

static void put_summary(const struct report_look *l, struct buf *out)
{
    const struct verdict *v = l->v;
    const char *tint = !l->colours                  ? ""
                       : v->state == REDIS_HEALTHY  ? "\033[1;32m"
                       : v->state == REDIS_DEGRADED ? "\033[1;33m"
                                                    : "\033[1;31m";
    char line[320];

    snprintf(line, sizeof(line), "%s: %d of %d slots served, %d masters, %d replicas in sync, %d of %d members answer%s%s",
             redis_state_name(v->state), v->slots_ok, SLOT_COUNT, v->n_masters, v->n_replicas, v->n_reachable, v->n_members,
             v->version[0] ? v->is_valkey ? ", Valkey " : ", Redis " : "", v->version);
    buf_str(out, tint);
    put_line(l, out, line, NODE_INDENT);
    buf_str(out, report_colour_end(l->colours));
}

static void put_master(const struct report_look *l, const struct merged *m, size_t i, char letter, struct buf *out)
{
    const struct node_view *v = &m->views[i];
    struct slot_set s = merged_slots(m, i);
    char slots[40], memory[24], line[320];

    report_bytes(v->used_memory, memory);
    snprintf(line, sizeof(line), "  %c %-*s %.*s  %d slots: %s; %lld keys, %s, epoch %llu", letter, ADDRESS_WIDTH, v->address,
             ID_SHOWN, v->id, slot_set_count(&s), slot_set_render(&s, slots, sizeof(slots)), (long long)v->keys, memory,
             (unsigned long long)v->my_epoch);
    put_line(l, out, line, NODE_INDENT);
}

static void put_replica(const struct report_look *l, const struct merged *m, size_t i, size_t owner, struct buf *out)
{
    const struct node_view *v = &m->views[i];
    struct err why = { 0 };
    char line[480];
    bool in_sync = merged_in_sync(m, i, owner, &why);
    int64_t behind = m->views[owner].offset - v->offset;

    snprintf(line, sizeof(line), "      %-*s %.*s  replica, %s", ADDRESS_WIDTH - 2, v->address, ID_SHOWN, v->id,
             in_sync ? "in sync" : why.msg);
    if (in_sync && behind > 0)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), ", %lld bytes behind", (long long)behind);
    put_line(l, out, line, NODE_INDENT);
}

static void put_shards(const struct report_look *l, const struct merged *m, const struct report_owners *owners, struct buf *out)
{
    for (size_t k = 0; k < owners->n; k++) {
        size_t owner = owners->members[k];

        buf_str(out, report_colour(k, l->colours));
        put_master(l, m, owner, report_letter(k), out);
        buf_str(out, report_colour_end(l->colours));
        for (size_t i = 0; i < m->n; i++)
            if (m->me[i] && m->me[i]->flags & NODE_REPLICA && str_eq(m->me[i]->master_id, m->me[owner]->id))
                put_replica(l, m, i, owner, out);
    }
}

static bool is_in_a_shard(const struct merged *m, size_t i)
{
    size_t owner = m->me[i] && m->me[i]->master_id[0] ? merged_find(m, m->me[i]->master_id) : MERGED_NONE;

    return merged_owns(m, i) || (owner != MERGED_NONE && merged_owns(m, owner));
}

static void put_others(const struct report_look *l, const struct merged *m, struct buf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct node_view *v = &m->views[i];
        char line[400];

        if (is_in_a_shard(m, i))
            continue;
        if (m->me[i])
            snprintf(line, sizeof(line), "  ? %-*s %.*s  %s, of no shard that answers; %lld keys", ADDRESS_WIDTH, v->address,
                     ID_SHOWN, v->id, m->me[i]->flags & NODE_REPLICA ? "replica" : "master without slots", (long long)v->keys);
        else
            snprintf(line, sizeof(line), "  ? %-*s %s: %s", ADDRESS_WIDTH, v->address, why_not(v), v->error);
        put_line(l, out, line, NODE_INDENT);
    }
}

void report_table(const struct report_look *l, struct buf *out)
{
    struct report_owners owners;
    struct merged m;

    merged_init(&m, l->x, l->views, l->x->n_members);
    report_owners_init(&owners, &m);
    put_summary(l, out);
    put_predicates(l, &m, out);
    buf_str(out, "\n");
    put_shards(l, &m, &owners, out);
    put_others(l, &m, out);
    if (m.n_up) {
        buf_str(out, "\n");
        report_map(&m, &owners, l->width, l->colours, out);
    }
    report_owners_done(&owners);
    merged_done(&m);
}

static void add_predicates(const struct report_look *l, const struct merged *m, cJSON *root)
{
    cJSON *list = json_arr(root, "predicates");

    for (int p = 0; p < N_PREDICATES; p++) {
        char fact[REPORT_FACT_SIZE];
        cJSON *o;

        if (p == P_SETTLED && !l->settled)
            continue;
        report_fact((enum predicate)p, m, l->v, fact);
        o = json_push_obj(list);
        json_str(o, "number", predicate_number((enum predicate)p));
        json_str(o, "name", predicate_name((enum predicate)p));
        json_str(o, "says", predicate_says((enum predicate)p));
        json_bool(o, "holds", l->v->holds[p]);
        json_str(o, "evidence", l->v->holds[p] ? fact : l->v->evidence[p]);
    }
}

static void add_node(cJSON *nodes, const struct merged *m, size_t i)
{
    const struct node_view *v = &m->views[i];
    const struct view_row *me = m->me[i];
    size_t owner = me && me->master_id[0] ? merged_find(m, me->master_id) : MERGED_NONE;
    cJSON *o = json_push_obj(nodes);

    json_str(o, "address", v->address);
    json_bool(o, "answers", me != NULL);
    json_str(o, "role", !me ? why_not(v) : me->flags & NODE_REPLICA ? "replica" : "master");
    if (!me) {
        json_str(o, "error", v->error);
        return;
    }
    json_str(o, "id", v->id);
    json_str(o, "version", v->version);
    json_int(o, "keys", v->keys);
    json_int(o, "usedMemory", v->used_memory);
    json_int(o, "maxMemory", v->max_memory);
    json_int(o, "epoch", (int64_t)v->my_epoch);
    json_int(o, "offset", v->offset);
    if (me->master_id[0])
        json_str(o, "master", me->master_id);
    json_bool(o, "inSync", owner != MERGED_NONE && merged_in_sync(m, i, owner, NULL));
}

static void add_slots(cJSON *root, const struct merged *m, const struct report_owners *owners)
{
    cJSON *list = json_arr(root, "slots");
    struct slot_set missing = { { 0 } };
    struct slot_range r;

    for (size_t k = 0; k < owners->n; k++) {
        struct slot_set s = merged_slots(m, owners->members[k]);

        for (unsigned from = 0; slot_set_next(&s, from, &r); from = r.last + 1u) {
            cJSON *o = json_push_obj(list);

            json_int(o, "first", r.first);
            json_int(o, "last", r.last);
            json_str(o, "owner", m->me[owners->members[k]]->id);
        }
    }
    slot_set_add(&missing, (struct slot_range){ 0, SLOT_COUNT - 1 });
    slot_set_minus(&missing, &m->served);
    list = json_arr(root, "slotsNotServed");
    for (unsigned from = 0; slot_set_next(&missing, from, &r); from = r.last + 1u) {
        cJSON *o = json_push_obj(list);

        json_int(o, "first", r.first);
        json_int(o, "last", r.last);
    }
}

void report_json(const struct report_look *l, bool pretty, struct buf *out)
{
    AUTO_JSON cJSON *root = json_new_obj();
    AUTO_FREE char *text = NULL;
    const struct verdict *v = l->v;
    struct report_owners owners;
    struct merged m;
    cJSON *nodes;

    merged_init(&m, l->x, l->views, l->x->n_members);
    report_owners_init(&owners, &m);
    json_str(root, "state", redis_state_name(v->state));
    json_bool(root, "serving", v->serving);
    json_int(root, "slotsOk", v->slots_ok);
    json_int(root, "masters", v->n_masters);
    json_int(root, "replicasInSync", v->n_replicas);
    json_int(root, "members", v->n_members);
    json_int(root, "answering", v->n_reachable);
    json_str(root, "server", v->is_valkey ? "valkey" : "redis");
    json_str(root, "version", v->version);
    add_predicates(l, &m, root);
    nodes = json_arr(root, "nodes");
    for (size_t i = 0; i < m.n; i++)
        add_node(nodes, &m, i);
    add_slots(root, &m, &owners);
    text = pretty ? json_print_pretty(root) : json_print(root);
    buf_fmt(out, "%s\n", text);
    report_owners_done(&owners);
    merged_done(&m);
}
