/*
 * A cluster on paper: in order, in sync, no time passes. Commands take effect at once. For what depends on who is
 * where, and on nothing that happens on the wire.
 */
#ifndef TESTS_PAPER_H
#define TESTS_PAPER_H

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/command.h"
#include "slots/verdict.h"

#define PAPER_MAX 40
#define PAPER_NONE (-1)

struct paper {
    int n, shards, replicas;
    int master[PAPER_MAX]; /* PAPER_NONE: is one itself */
    int shard[PAPER_MAX];  /* whose slots, of masters */
    bool armed[PAPER_MAX], behind[PAPER_MAX];
    uint64_t epoch[PAPER_MAX], current;
    int zone[PAPER_MAX], node[PAPER_MAX]; /* 0: not known */
    char pods[PAPER_MAX][24], ips[PAPER_MAX][24], zones[PAPER_MAX][24], nodes[PAPER_MAX][24];
    struct member members[PAPER_MAX];
    struct expected x;
};

static inline void paper_id(int i, char *out)
{
    snprintf(out, NODE_ID_LEN + 1, "%040x", i + 1);
}

/* Members 0 to shards - 1 are masters; the others follow them in turn. */
static inline void paper_init(struct paper *p, int shards, int replicas)
{
    memset(p, 0, sizeof(*p));
    p->n = shards * (1 + replicas);
    p->shards = shards;
    p->replicas = replicas;
    for (int i = 0; i < p->n; i++) {
        snprintf(p->pods[i], sizeof(p->pods[i]), "redis-%d", i);
        snprintf(p->ips[i], sizeof(p->ips[i]), "10.0.0.%d", i + 1);
        p->members[i] = (struct member){ .pod = p->pods[i], .ip = p->ips[i], .port = 6379, .ready = true };
        p->master[i] = i < shards ? PAPER_NONE : i % shards;
        p->shard[i] = i;
        p->armed[i] = true;
        p->epoch[i] = (uint64_t)i + 1;
    }
    p->current = (uint64_t)p->n;
    p->x = (struct expected){ .members = p->members, .n_members = (size_t)p->n, .shards = shards,
                              .replicas_per_shard = replicas };
}

static inline void paper_put(struct paper *p, int i, int zone, int node)
{
    p->zone[i] = zone;
    p->node[i] = node;
    snprintf(p->zones[i], sizeof(p->zones[i]), "zone-%d", zone);
    snprintf(p->nodes[i], sizeof(p->nodes[i]), "node-%d", node);
    p->members[i].zone = zone ? p->zones[i] : NULL;
    p->members[i].node = node ? p->nodes[i] : NULL;
}

static inline void paper_row(const struct paper *p, int viewer, int i, struct node_view *v)
{
    struct view_row *r = &v->rows[v->n_rows++];
    int m = p->master[i];

    paper_id(i, r->id);
    snprintf(r->ip, sizeof(r->ip), "%s", p->ips[i]);
    r->port = 6379;
    r->flags = (i == viewer ? NODE_MYSELF : 0) | (m == PAPER_NONE ? NODE_MASTER : NODE_REPLICA) |
               (i == viewer && !p->armed[i] ? NODE_NOFAILOVER : 0);
    if (m != PAPER_NONE)
        paper_id(m, r->master_id);
    r->epoch = p->epoch[m == PAPER_NONE ? i : m];
    r->connected = true;
    r->first_range = v->n_ranges;
    if (m == PAPER_NONE)
        v->ranges[v->n_ranges++] = slot_share(p->shard[i], p->shards);
    r->n_ranges = v->n_ranges - r->first_range;
}

static inline void paper_links(const struct paper *p, int i, struct node_view *v)
{
    v->links = xcalloc(PAPER_MAX, sizeof(*v->links));
    for (int k = 0; k < p->n; k++)
        if (p->master[k] == i) {
            struct replica_link *l = &v->links[v->n_links++];

            snprintf(l->ip, sizeof(l->ip), "%s", p->ips[k]);
            l->port = 6379;
            l->online = !p->behind[k];
        }
}

/* What a probe would bring; views_free(views, n). */
static inline struct node_view *paper_look(const struct paper *p)
{
    struct node_view *views = xcalloc((size_t)p->n, sizeof(*views));

    for (int i = 0; i < p->n; i++) {
        struct node_view *v = &views[i];
        int m = p->master[i];

        view_init(v);
        v->reach = REACH_OK;
        paper_id(i, v->id);
        v->rows = xcalloc((size_t)p->n, sizeof(*v->rows));
        v->ranges = xcalloc((size_t)p->n, sizeof(*v->ranges));
        for (int k = 0; k < p->n; k++)
            paper_row(p, i, k, v);
        paper_links(p, i, v);
        v->known_nodes = p->n;
        v->slots_assigned = v->slots_ok = SLOT_COUNT;
        v->state_ok = true;
        v->current_epoch = p->current;
        v->my_epoch = p->epoch[m == PAPER_NONE ? i : m];
        v->keys = 1000;
        v->is_replica = m != PAPER_NONE;
        v->master_link_up = m != PAPER_NONE && !p->behind[i];
        v->offset = 100;
        v->uptime_s = 3600;
        if (m != PAPER_NONE)
            snprintf(v->master_host, sizeof(v->master_host), "%s", p->ips[m]);
        v->master_port = 6379;
        snprintf(v->version, sizeof(v->version), "7.0.15");
    }
    return views;
}

static inline void paper_hand_over(struct paper *p, int heir)
{
    int old = p->master[heir];

    p->shard[heir] = p->shard[old];
    p->epoch[heir] = ++p->current;
    for (int k = 0; k < p->n; k++)
        if (p->master[k] == old)
            p->master[k] = heir;
    p->master[old] = heir;
    p->master[heir] = PAPER_NONE;
}

/* The error reply, "" for OK. */
static inline const char *paper_do(struct paper *p, const struct command *c)
{
    int i = (int)c->member;

    switch (c->kind) {
    case CMD_FAILOVER:
        if (p->master[i] == PAPER_NONE)
            return "ERR You should send CLUSTER FAILOVER to a replica";
        if (!p->behind[i])
            paper_hand_over(p, i);
        return "";
    case CMD_REPLICATE:
        if (p->master[i] == PAPER_NONE)
            return "ERR To set a master the node must be empty and without assigned slots.";
        if (p->armed[i])
            return "a replica moved that could be elected with another shard's data";
        p->master[i] = (int)strtol(c->id + 32, NULL, 16) - 1;
        return "";
    case CMD_SUSPEND: p->armed[i] = false; return "";
    case CMD_ARM: p->armed[i] = true; return "";
    default: return "not on paper";
    }
}

#endif
