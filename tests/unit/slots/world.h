/*
 * A small model of a Redis Cluster under virtual time: enough of the bus, of elections and of
 * replication for the pure rules to be driven against. Slots come in pieces, as many as shards unless said.
 *
 * Kept from the real thing: every node has its own table; MEET is a handshake with whoever is at
 * the address; a known sender's new address is learned from its ping (and replication follows),
 * from gossip only while it fails (and replication does not follow: the stale replica); PFAIL, FAIL
 * by majority, elections by majority for armed replicas that were in sync lately; slots go with the
 * higher epoch; equal epochs are resolved; FORGET bans gossip for a minute.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "slots/form.h"
#include "slots/heal.h"

#define W_PODS 24
#define W_PIECES 24
#define W_IDS 64
#define W_NT_MS 2000
#define W_TICK_MS 100
#define W_SYNC_MS 300
#define NOBODY (-1)

struct w_row {
    bool known, replica, pfail, fail;
    int ip, master;
    unsigned owns;
    uint64_t epoch;
    int64_t pong_ms, ban_ms;
};

struct w_node {
    bool up, armed, link_up;
    int pod, ip, master, link_ip;
    unsigned owns, data;
    unsigned importing, migrating; /* half moved */
    int peer[W_PIECES];
    uint64_t epoch, current;
    int64_t started_ms, sync_ms, linked_ms;
    int64_t forced_ms; /* a manual failover lasts until then */
    int replid, replid2, offset_lead;
    int64_t at_ms[W_PIECES]; /* per shard: the newest write in its data */
    int hand_ip[W_PODS * 4];
    int64_t hand_ms[W_PODS * 4];
    struct w_row row[W_IDS];
};

struct world {
    uint64_t seed;
    int64_t now_ms;
    int n_pods, shards, pieces, replicas, n_ids, next_ip, next_replid;
    bool no_elections; /* none begins by itself */
    int saving;        /* this pod writes a snapshot without end; 0: none */
    int64_t acked_ms[W_PIECES]; /* per piece: the newest write that was acknowledged */
    int64_t forced_loss_ms;   /* the most that a forced failover or a takeover gave up */
    bool aof;
    int id_of[W_PODS]; /* the identity that lives in the pod */
    bool hidden[W_PODS]; /* from the operator */
    struct w_node node[W_IDS];
    bool gone[W_IDS]; /* wiped: its volume is no more */
    char pods[W_PODS][24], ips[W_PODS][40];
    struct member members[W_PODS];
    struct expected x;
};

static inline uint32_t w_rand(struct world *w, uint32_t below)
{
    w->seed = w->seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(w->seed >> 33) % below;
}

static inline int w_fresh_id(struct world *w, int pod)
{
    int id = w->n_ids++;
    struct w_node *n = &w->node[id];

    memset(n, 0, sizeof(*n));
    n->pod = pod;
    n->master = NOBODY;
    n->linked_ms = -1000000;
    n->replid = ++w->next_replid;
    for (int i = 0; i < W_IDS; i++)
        n->row[i].master = NOBODY;
    n->row[id].known = true;
    return id;
}

/* Starts the pod at a new address when moved; with cluster-replica-no-failover yes. */
static inline void w_start(struct world *w, int pod, bool moved)
{
    struct w_node *n = &w->node[w->id_of[pod]];

    if (moved || !n->ip)
        n->ip = w->next_ip++;
    n->up = true;
    n->armed = n->link_up = false;
    n->started_ms = w->now_ms;
    n->linked_ms = -1000000;
    n->link_ip = n->master != NOBODY ? n->row[n->master].ip : 0;
    memset(n->hand_ip, 0, sizeof(n->hand_ip));
    for (int i = 0; i < W_IDS; i++)
        n->row[i].pong_ms = w->now_ms;
    snprintf(w->ips[pod], sizeof(w->ips[pod]), "10.0.%d.%d", n->ip / 200, n->ip % 200);
    w->members[pod].ip = w->ips[pod];
    w->members[pod].fenced = false;
}

static inline void w_kill(struct world *w, int pod)
{
    w->node[w->id_of[pod]].up = false;
    w->members[pod].fenced = true;
}

static inline void w_wipe(struct world *w, int pod)
{
    w_kill(w, pod);
    w->gone[w->id_of[pod]] = true;
    w->id_of[pod] = w_fresh_id(w, pod);
}

static inline void w_init(struct world *w, int shards, int replicas, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    w->seed = seed;
    w->now_ms = 1000000;
    w->shards = w->pieces = shards;
    w->replicas = replicas;
    w->n_pods = shards * (1 + replicas);
    w->next_ip = 1;
    w->x = (struct expected){ .members = w->members, .n_members = (size_t)w->n_pods, .shards = shards,
                              .replicas_per_shard = replicas, .node_timeout_ms = W_NT_MS };
    for (int i = 0; i < w->n_pods; i++) {
        snprintf(w->pods[i], sizeof(w->pods[i]), "redis-%d", i);
        w->members[i] = (struct member){ .pod = w->pods[i], .port = 6379, .ready = true };
        w->id_of[i] = w_fresh_id(w, i);
        w_start(w, i, true);
    }
}

static inline int w_at(const struct world *w, int ip)
{
    for (int i = 0; i < w->n_ids; i++)
        if (w->node[i].up && w->node[i].ip == ip)
            return i;
    return NOBODY;
}

static inline bool w_is_failing(const struct w_row *r)
{
    return r->pfail || r->fail;
}

static inline int w_size(const struct world *w, int v)
{
    int n = 0;

    for (int i = 0; i < w->n_ids; i++)
        n += w->node[v].row[i].known && w->node[v].row[i].owns != 0;
    return n;
}

static inline bool w_has_quorum(const struct world *w, int v)
{
    int seen = 0;

    for (int i = 0; i < w->n_ids; i++)
        seen += w->node[v].row[i].known && w->node[v].row[i].owns && !w_is_failing(&w->node[v].row[i]);
    return seen > w_size(w, v) / 2;
}

static inline bool w_state_ok(const struct world *w, int v)
{
    unsigned covered = 0;

    for (int i = 0; i < w->n_ids; i++)
        if (w->node[v].row[i].known && !w->node[v].row[i].fail)
            covered |= w->node[v].row[i].owns;
    return covered == (1u << w->pieces) - 1 && w_has_quorum(w, v) && w->now_ms - w->node[v].started_ms >= 2000;
}

static inline void w_shake(struct world *w, int v, int ip)
{
    struct w_node *n = &w->node[v];

    for (size_t i = 0; i < COUNT(n->hand_ip); i++)
        if (n->hand_ip[i] == ip)
            return;
    for (size_t i = 0; i < COUNT(n->hand_ip); i++)
        if (!n->hand_ip[i]) {
            n->hand_ip[i] = ip;
            n->hand_ms[i] = w->now_ms + W_NT_MS;
            return;
        }
}

static inline void w_learn(struct world *w, int v, int x)
{
    struct w_row *r = &w->node[v].row[x];

    if (!r->known)
        *r = (struct w_row){ .known = true, .master = NOBODY };
    if (r->ip != w->node[x].ip && w->node[v].master == x)
        w->node[v].link_ip = w->node[x].ip; /* a ping from our master at its new address */
    r->ip = w->node[x].ip;
    r->pong_ms = w->now_ms;
}

static inline void w_handshakes(struct world *w, int v)
{
    struct w_node *n = &w->node[v];

    for (size_t i = 0; i < COUNT(n->hand_ip); i++) {
        int x = n->hand_ip[i] ? w_at(w, n->hand_ip[i]) : NOBODY;

        if (x != NOBODY && x != v) {
            w_learn(w, v, x);
            w_learn(w, x, v);
        }
        if (x != NOBODY || w->now_ms >= n->hand_ms[i])
            n->hand_ip[i] = 0;
    }
}

/* Its slots are another's now. What it holds of them goes; without any slot left it follows the new owner,
 * but for one that gave its last away on purpose (cluster-allow-replica-migration no). */
static inline void w_lose(struct w_node *n, int piece, int to, int ip)
{
    bool handed_over = !(n->data >> piece & 1);

    n->owns &= ~(1u << piece);
    n->importing &= ~(1u << piece);
    n->migrating &= ~(1u << piece);
    if (n->owns || handed_over) {
        n->data &= ~(1u << piece);
        return;
    }
    n->master = to;
    n->link_ip = ip;
    n->link_up = false;
}

/* x tells v what it is. */
static inline void w_hear(struct world *w, int v, int x)
{
    struct w_node *n = &w->node[v], *o = &w->node[x];
    struct w_row *r = &n->row[x];

    r->pong_ms = w->now_ms;
    r->pfail = r->fail = false;
    r->master = o->master;
    r->replica = o->master != NOBODY;
    r->epoch = o->master != NOBODY && o->row[o->master].known ? o->row[o->master].epoch : o->epoch;
    r->owns &= o->owns;
    for (int s = 0; s < w->pieces; s++) {
        uint64_t mine = 0;
        int holder = NOBODY;

        for (int i = 0; i < w->n_ids; i++)
            if (n->row[i].known && n->row[i].owns >> s & 1)
                holder = i;
        mine = holder == v ? n->epoch : holder != NOBODY ? n->row[holder].epoch : 0;
        if (!(o->owns >> s & 1) || holder == x || (holder != NOBODY && mine >= o->epoch))
            continue;
        if (holder != NOBODY)
            n->row[holder].owns &= ~(1u << s);
        r->owns |= 1u << s;
        /* our master lost its last slots: its replicas follow the new owner, if they notice */
        if (holder != NOBODY && holder == n->master && !n->row[holder].owns && w_rand(w, 3)) {
            n->master = x;
            n->link_ip = o->ip;
            n->link_up = false;
        }
        if (holder == v) {
            w_lose(n, s, x, o->ip);
            n->row[v].replica = n->master != NOBODY;
            n->row[v].master = n->master;
        }
    }
    if (n->master == NOBODY && o->master == NOBODY && n->epoch == o->epoch && v < x)
        n->epoch = n->current = (n->current > o->current ? n->current : o->current) + 1;
    if (o->current > n->current)
        n->current = o->current;
}

static inline void w_gossip(struct world *w, int v, int x)
{
    struct w_node *n = &w->node[v];

    for (int z = 0; z < w->n_ids; z++) {
        const struct w_row *told = &w->node[x].row[z];
        struct w_row *mine = &n->row[z];

        if (z == v || z == x || !told->known || w_is_failing(told) || w_rand(w, 3) == 0)
            continue;
        if (!mine->known && w->now_ms >= mine->ban_ms)
            w_shake(w, v, told->ip);
        else if (mine->known && w_is_failing(mine))
            mine->ip = told->ip; /* replication is not told */
    }
}

static inline bool w_talks(const struct world *w, int v, int x)
{
    const struct w_row *r = &w->node[v].row[x];

    return v != x && r->known && w->node[x].up && r->ip == w->node[x].ip && w->node[x].row[v].known;
}

static inline void w_exchange(struct world *w, int v)
{
    for (int x = 0; x < w->n_ids; x++)
        if (w_talks(w, v, x)) {
            w_learn(w, x, v); /* the ping carries our address */
            w_hear(w, v, x);
            w_gossip(w, v, x);
        }
}

static inline void w_detect(struct world *w, int v)
{
    struct w_node *n = &w->node[v];

    for (int x = 0; x < w->n_ids; x++) {
        int reports = 0;

        if (x == v || !n->row[x].known)
            continue;
        n->row[x].pfail = w->now_ms - n->row[x].pong_ms > W_NT_MS;
        for (int i = 0; i < w->n_ids; i++)
            reports += (i == v || w_talks(w, v, i)) && w->node[i].owns && w_is_failing(&w->node[i].row[x]);
        if (n->row[x].pfail && reports > w_size(w, v) / 2)
            n->row[x].fail = true;
    }
}

static inline void w_note_loss(struct world *w, int v)
{
    for (int s = 0; s < w->shards; s++)
        if (w->node[v].owns >> s & 1 && w->acked_ms[s] - w->node[v].at_ms[s] > w->forced_loss_ms)
            w->forced_loss_ms = w->acked_ms[s] - w->node[v].at_ms[s];
}

/* With the current epoch, which the caller has raised. */
static inline void w_promote(struct world *w, int v)
{
    struct w_node *n = &w->node[v];

    n->epoch = n->current;
    n->owns = n->row[n->master].owns;
    n->row[n->master].owns = 0;
    n->master = NOBODY;
    n->forced_ms = 0;
    n->row[v].owns = n->owns;
    n->row[v].replica = false;
    n->row[v].epoch = n->epoch;
    n->replid2 = n->replid;
    n->replid = ++w->next_replid;
}

static inline void w_elect(struct world *w, int v)
{
    struct w_node *n = &w->node[v];
    int m = n->master, votes = 0;
    bool forced = w->now_ms < n->forced_ms;

    if (m == NOBODY || !n->row[m].owns)
        return;
    /* what it holds is not asked: only how long ago it was linked to whatever master it had */
    if (!forced && (w->no_elections || !n->armed || !n->row[m].fail || w->now_ms - n->linked_ms > 10 * W_NT_MS + 10000))
        return;
    for (int i = 0; i < w->n_ids; i++)
        votes += w_talks(w, v, i) && w->node[i].owns && w->node[i].row[v].master == m &&
                 (forced || w->node[i].row[m].fail);
    if (votes <= w_size(w, v) / 2)
        return;
    n->current++;
    w_promote(w, v);
    if (forced)
        w_note_loss(w, v);
}

static inline void w_replicate(struct world *w, int v)
{
    struct w_node *n = &w->node[v];
    int m = n->master;
    bool reached = m != NOBODY && w->node[m].up && w->node[m].ip == n->link_ip && w->node[m].master == NOBODY;

    if (!reached) {
        n->link_up = false;
        n->sync_ms = 0;
    } else if (!n->link_up && !n->sync_ms) {
        n->sync_ms = w->now_ms + W_SYNC_MS;
    } else if (!n->link_up && w->now_ms >= n->sync_ms) {
        n->link_up = true;
        n->sync_ms = 0;
    }
    if (n->link_up) {
        n->data = w->node[m].data;
        memcpy(n->at_ms, w->node[m].at_ms, sizeof(n->at_ms));
        n->replid = w->node[m].replid;
        n->replid2 = w->node[m].replid2;
        n->linked_ms = w->now_ms;
    }
}

static inline void w_tick(struct world *w)
{
    w->now_ms += W_TICK_MS;
    for (int v = 0; v < w->n_ids; v++) {
        struct w_node *n = &w->node[v];

        if (!n->up)
            continue;
        n->row[v] = (struct w_row){ .known = true, .replica = n->master != NOBODY, .ip = n->ip, .master = n->master,
                                    .owns = n->owns, .epoch = n->epoch, .pong_ms = w->now_ms };
        w_handshakes(w, v);
        w_exchange(w, v);
        w_detect(w, v);
        w_elect(w, v);
        w_replicate(w, v);
        for (int s = 0; s < w->pieces && w_state_ok(w, v); s++)
            if ((n->owns & ~n->migrating) >> s & 1) { /* somebody writes */
                n->data |= 1u << s;
                n->at_ms[s] = w->acked_ms[s] = w->now_ms;
            }
    }
}

static inline void w_id_text(int id, char *out)
{
    snprintf(out, NODE_ID_LEN + 1, "%040x", id + 1);
}

static inline int w_id_parse(const char *text)
{
    return (int)strtol(text + 32, NULL, 16) - 1;
}

static inline void w_ip_text(int ip, char *out, size_t size)
{
    snprintf(out, size, "10.0.%d.%d", ip / 200, ip % 200);
}

static inline void w_add_open(const struct world *w, int v, struct view_row *row, struct node_view *out)
{
    const struct w_node *n = &w->node[v];

    row->first_open = out->n_open;
    out->open = xcalloc(W_PIECES, sizeof(*out->open));
    for (int s = 0; s < w->pieces; s++) {
        struct open_slot *o = &out->open[out->n_open];

        if (!((n->importing | n->migrating) >> s & 1))
            continue;
        o->slot = slot_share(s, w->pieces).first;
        o->importing = n->importing >> s & 1;
        w_id_text(n->peer[s], o->peer);
        out->n_open++;
    }
    row->n_open = out->n_open - row->first_open;
}

static inline void w_add_row(const struct world *w, int v, int x, struct node_view *out)
{
    const struct w_row *r = &w->node[v].row[x];
    struct view_row *row = &out->rows[out->n_rows++];

    w_id_text(x, row->id);
    w_ip_text(r->ip, row->ip, sizeof(row->ip));
    row->port = 6379;
    row->flags = (x == v ? NODE_MYSELF : 0) | (r->replica ? NODE_REPLICA : NODE_MASTER) | (r->pfail ? NODE_PFAIL : 0) |
                 (r->fail ? NODE_FAIL : 0) | (x == v && !w->node[v].armed ? NODE_NOFAILOVER : 0);
    if (r->replica)
        w_id_text(r->master, row->master_id);
    row->epoch = r->replica && w->node[v].row[r->master].known ? w->node[v].row[r->master].epoch : r->epoch;
    row->connected = x == v || w_talks(w, v, x);
    row->pong_received_ms = r->pong_ms;
    row->first_range = out->n_ranges;
    for (int s = 0; s < w->pieces; s++)
        if (r->owns >> s & 1)
            out->ranges[out->n_ranges++] = slot_share(s, w->pieces);
    row->n_ranges = out->n_ranges - row->first_range;
    if (x == v)
        w_add_open(w, v, row, out);
}

static inline void w_add_handshakes(const struct world *w, int v, struct node_view *out)
{
    for (size_t i = 0; i < COUNT(w->node[v].hand_ip); i++) {
        struct view_row *row = &out->rows[out->n_rows];

        if (!w->node[v].hand_ip[i])
            continue;
        snprintf(row->id, sizeof(row->id), "f%039zx", i);
        w_ip_text(w->node[v].hand_ip[i], row->ip, sizeof(row->ip));
        row->port = 6379;
        row->flags = NODE_HANDSHAKE;
        out->n_rows++;
    }
}

static inline void w_add_links(const struct world *w, int v, struct node_view *out)
{
    out->links = xcalloc(W_PODS, sizeof(*out->links));
    for (int i = 0; i < w->n_ids && out->n_links < W_PODS; i++)
        if (w->node[i].up && w->node[i].master == v && w->node[i].link_up) {
            struct replica_link *l = &out->links[out->n_links++];

            w_ip_text(w->node[i].ip, l->ip, sizeof(l->ip));
            l->port = 6379;
            l->online = true;
        }
}

static inline void w_add_info(const struct world *w, int v, struct node_view *out)
{
    const struct w_node *n = &w->node[v];
    int assigned = 0, m = n->master;

    for (int i = 0; i < w->n_ids; i++)
        out->known_nodes += n->row[i].known;
    for (size_t i = 0; i < out->n_ranges; i++)
        assigned += out->ranges[i].last - out->ranges[i].first + 1;
    out->slots_assigned = out->slots_ok = assigned;
    for (int i = 0; i < w->n_ids; i++)
        for (int s = 0; s < w->pieces && n->row[i].known && w_is_failing(&n->row[i]); s++)
            if (n->row[i].owns >> s & 1) {
                struct slot_range r = slot_share(s, w->pieces);

                *(n->row[i].fail ? &out->slots_fail : &out->slots_pfail) += r.last - r.first + 1;
            }
    out->slots_ok -= out->slots_pfail + out->slots_fail;
    out->state_ok = w_state_ok(w, v);
    out->current_epoch = n->current;
    out->my_epoch = m != NOBODY ? n->row[m].epoch : n->epoch;
    out->keys = n->data ? 1000 : 0;
    out->is_replica = m != NOBODY;
    if (m != NOBODY) {
        w_ip_text(n->link_ip, out->master_host, sizeof(out->master_host));
        out->master_port = 6379;
    }
    out->master_link_up = n->link_up;
    out->link_down_s = n->link_up || n->linked_ms < 0 ? -1 : (w->now_ms - n->linked_ms) / 1000;
    out->aof_enabled = w->aof;
    out->rdb_saving = w->saving && w->id_of[w->saving] == v;
    snprintf(out->replid, sizeof(out->replid), "%040d", n->replid);
    snprintf(out->replid2, sizeof(out->replid2), "%040d", n->replid2);
    out->sync_in_progress = n->sync_ms != 0;
    out->offset = (m == NOBODY || n->linked_ms > 0 ? 100 : 1) + n->offset_lead;
    out->uptime_s = (w->now_ms - n->started_ms) / 1000;
    snprintf(out->version, sizeof(out->version), "7.0.15");
}

/* What a probe would bring; views_free(views, n_pods). */
static inline struct node_view *w_look(const struct world *w)
{
    struct node_view *views = xcalloc((size_t)w->n_pods, sizeof(*views));

    for (int p = 0; p < w->n_pods; p++) {
        struct node_view *v = &views[p];
        int id = w->id_of[p];

        view_init(v);
        snprintf(v->address, sizeof(v->address), "%s:6379", w->ips[p]);
        if (!w->node[id].up || w->hidden[p]) {
            v->refused = !w->hidden[p];
            snprintf(v->error, sizeof(v->error), "%s", v->refused ? "Connection refused" : "timeout");
            continue;
        }
        v->reach = REACH_OK;
        w_id_text(id, v->id);
        v->rows = xcalloc(W_IDS + W_PODS * 4, sizeof(*v->rows));
        v->ranges = xcalloc(W_IDS * W_PIECES, sizeof(*v->ranges));
        for (int x = 0; x < w->n_ids; x++)
            if (w->node[id].row[x].known)
                w_add_row(w, id, x, v);
        w_add_info(w, id, v);
        w_add_handshakes(w, id, v);
        w_add_links(w, id, v);
    }
    return views;
}

static inline const char *w_do_replicate(struct world *w, int v, int x)
{
    struct w_node *n = &w->node[v];

    if (x < 0 || x >= w->n_ids || !n->row[x].known)
        return "ERR Unknown node";
    if (n->row[x].replica)
        return "ERR I can only replicate a master, not a replica.";
    if (x == v || (n->master == NOBODY && (n->owns || n->data)))
        return "ERR To set a master the node must be empty and without assigned slots.";
    n->master = x;
    n->link_ip = n->row[x].ip;
    n->link_up = false;
    return "";
}

static inline const char *w_do_slots(struct world *w, int v, struct slot_range r)
{
    for (int s = 0; s < w->pieces; s++) {
        struct slot_range share = slot_share(s, w->pieces);

        if (share.first < r.first || share.last > r.last)
            continue;
        for (int i = 0; i < w->n_ids; i++)
            if (w->node[v].row[i].known && w->node[v].row[i].owns >> s & 1)
                return "ERR Slot 0 is already busy";
        w->node[v].owns |= 1u << s;
        w->node[v].row[v].owns |= 1u << s;
    }
    return "";
}

static inline const char *w_do_forget(struct world *w, int v, int x)
{
    struct w_node *n = &w->node[v];

    if (x < 0 || x >= w->n_ids || !n->row[x].known)
        return "ERR Unknown node";
    if (x == v)
        return "ERR I tried hard but I can't forget myself...";
    if (n->master == x)
        return "ERR Can't forget my master!";
    n->row[x].known = false;
    n->row[x].owns = 0;
    n->row[x].ban_ms = w->now_ms + 60000;
    return "";
}

/* Graceful, at once; the master hears of it on the bus. Without a majority it comes to nothing. */
static inline const char *w_do_failover(struct world *w, int v)
{
    struct w_node *n = &w->node[v];
    int m = n->master, votes = 0;

    if (m == NOBODY)
        return "ERR You should send CLUSTER FAILOVER to a replica";
    if (!w->node[m].up || n->row[m].fail)
        return "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE";
    for (int i = 0; i < w->n_ids; i++)
        votes += w_talks(w, v, i) && w->node[i].owns && w->node[i].row[v].master == m;
    if (!n->link_up || votes <= w_size(w, v) / 2)
        return "";
    n->current++;
    w_promote(w, v);
    return "";
}

/* FORCE waits for votes, TAKEOVER for nobody. */
static inline const char *w_do_force(struct world *w, int v, bool takeover)
{
    struct w_node *n = &w->node[v];

    if (n->master == NOBODY)
        return "ERR You should send CLUSTER FAILOVER to a replica";
    if (!n->row[n->master].known)
        return "ERR I'm a replica but my master is unknown to me";
    n->forced_ms = w->now_ms + 5000;
    for (int i = 0; takeover && i < w->n_ids; i++)
        if (n->row[i].known && n->row[i].epoch > n->current)
            n->current = n->row[i].epoch;
    if (takeover) {
        n->current++;
        w_promote(w, v);
        w_note_loss(w, v);
    }
    return "";
}

/* Returns the error reply, "" for OK. */
static inline const char *w_do(struct world *w, const struct command *c)
{
    int v = w->id_of[c->member], a, b;
    struct w_node *n = &w->node[v];

    if (!n->up)
        return "ERR down";
    switch (c->kind) {
    case CMD_SET_EPOCH:
        for (int i = 0; i < w->n_ids; i++)
            if (i != v && n->row[i].known)
                return "ERR The user can assign a config epoch only when the node does not know any other node.";
        if (n->epoch)
            return "ERR Node config epoch is already non-zero";
        n->epoch = n->current = c->epoch;
        return "";
    case CMD_ADD_SLOTS: return w_do_slots(w, v, c->range);
    case CMD_MEET:
        if (sscanf(c->ip, "10.0.%d.%d", &a, &b) != 2)
            return "ERR Invalid node address specified";
        w_shake(w, v, a * 200 + b);
        return "";
    case CMD_REPLICATE: return w_do_replicate(w, v, w_id_parse(c->id));
    case CMD_FORGET: return w_do_forget(w, v, w_id_parse(c->id));
    case CMD_FAILOVER: return w_do_failover(w, v);
    case CMD_SAVE: return "";
    case CMD_SUSPEND: n->armed = false; return "";
    case CMD_ARM: n->armed = true; return "";
    case CMD_FAILOVER_FORCE: return w_do_force(w, v, false);
    case CMD_FAILOVER_TAKEOVER: return w_do_force(w, v, true);
    default: break; /* not modelled */
    }
    return "ERR unknown command";
}

/* Drives the model until form_step has nothing left to do. */
static inline void w_form(struct world *w)
{
    struct form_plan plan = { 0 };
    struct form_step s;
    struct err e = { 0 };

    form_step_init(&s);
    for (int i = 0; i < 400 && s.action != FORM_DONE; i++) {
        struct node_view *seen = w_look(w);

        if (!plan.seats && form_plan_make(&w->x, seen, &plan, &e) < 0)
            fail_msg("%s", e.msg);
        form_step(&w->x, seen, &plan, &s);
        for (size_t c = 0; c < s.commands.n; c++)
            assert_string_equal(w_do(w, &s.commands.items[c]), "");
        views_free(seen, (size_t)w->n_pods);
        w_tick(w);
    }
    assert_int_equal(s.action, FORM_DONE);
    form_step_done(&s);
    form_plan_done(&plan);
}

#endif
