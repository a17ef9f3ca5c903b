#include "slots/roles_match.h"

#include <stdbool.h>

#include "base/mem.h"

#define NO_WAY INT64_MAX

struct edge {
    size_t to, next; /* next: of the same vertex, 1-based; 0: last */
    int64_t cost;
    size_t room;
};

/* Edges lie in pairs: i and i ^ 1 are one way and back. */
struct net {
    struct edge *edges;
    size_t n_edges, cap;
    size_t *first, n_vertices;
    int64_t *dist;
    size_t *via; /* the edge that led there */
    size_t *ring; /* a queue of vertices, each in it once at most */
    bool *queued;
};

static void add_half(struct net *g, size_t from, size_t to, int64_t cost, size_t room)
{
    g->edges = xgrow(g->edges, &g->cap, g->n_edges + 1, sizeof(*g->edges));
    g->edges[g->n_edges] = (struct edge){ to, g->first[from], cost, room };
    g->first[from] = ++g->n_edges;
}

static void add(struct net *g, size_t from, size_t to, int64_t cost, size_t room)
{
    add_half(g, from, to, cost, room);
    add_half(g, to, from, -cost, 0);
}

/* Free up to the share, then each one costs. */
static void add_place(struct net *g, size_t from, size_t to, int64_t cost, size_t share, size_t most)
{
    add(g, from, to, 0, share);
    add(g, from, to, cost, most);
}

static void net_init(struct net *g, size_t n_vertices)
{
    *g = (struct net){ .n_vertices = n_vertices };
    g->first = xcalloc(n_vertices, sizeof(*g->first));
    g->dist = xcalloc(n_vertices, sizeof(*g->dist));
    g->via = xcalloc(n_vertices, sizeof(*g->via));
    g->ring = xcalloc(n_vertices, sizeof(*g->ring));
    g->queued = xcalloc(n_vertices, sizeof(*g->queued));
}

static void net_done(struct net *g)
{
    free(g->edges);
    free(g->first);
    free(g->dist);
    free(g->via);
    free(g->ring);
    free(g->queued);
}

struct ring {
    size_t head, n;
};

static void relax(struct net *g, size_t from, struct ring *q)
{
    for (size_t i = g->first[from]; i; i = g->edges[i - 1].next) {
        const struct edge *e = &g->edges[i - 1];

        if (!e->room || g->dist[from] + e->cost >= g->dist[e->to])
            continue;
        g->dist[e->to] = g->dist[from] + e->cost;
        g->via[e->to] = i - 1;
        if (!g->queued[e->to])
            g->ring[(q->head + q->n++) % g->n_vertices] = e->to;
        g->queued[e->to] = true;
    }
}

static bool find_way(struct net *g, size_t from, size_t to)
{
    struct ring q = { 0, 1 };

    for (size_t v = 0; v < g->n_vertices; v++)
        g->dist[v] = NO_WAY;
    g->dist[from] = 0;
    g->ring[0] = from;
    while (q.n) {
        size_t v = g->ring[q.head];

        q.head = (q.head + 1) % g->n_vertices;
        q.n--;
        g->queued[v] = false;
        relax(g, v, &q);
    }
    return g->dist[to] != NO_WAY;
}

static void send_one(struct net *g, size_t from, size_t to)
{
    for (size_t v = to; v != from; v = g->edges[g->via[v] ^ 1].to) {
        g->edges[g->via[v]].room--;
        g->edges[g->via[v] ^ 1].room++;
    }
}

/* Vertices: source, sink, shards, members, nodes, zones. */
static size_t vertex_of_member(const struct match_input *in, size_t i)
{
    return 2 + in->n_shards + i;
}

static void build(struct net *g, const struct match_input *in)
{
    const size_t source = 0, sink = 1, nodes = 2 + in->n_shards + in->n_members, zones = nodes + in->n_nodes;

    for (size_t c = 0; c < in->n_choices; c++)
        add(g, 2 + in->choices[c].shard, vertex_of_member(in, in->choices[c].member), in->choices[c].cost, 1);
    for (size_t s = 0; s < in->n_shards; s++)
        add(g, source, 2 + s, 0, 1);
    for (size_t i = 0; i < in->n_members; i++) {
        size_t to = in->zone_of[i] != SIZE_MAX ? zones + in->zone_of[i] : sink;

        if (in->node_of[i] == SIZE_MAX)
            add(g, vertex_of_member(in, i), to, 0, 1);
        else
            add(g, vertex_of_member(in, i), nodes + in->node_of[i], 0, 1);
    }
    for (size_t k = 0; k < in->n_nodes; k++) {
        size_t to = sink;

        for (size_t i = 0; i < in->n_members; i++)
            if (in->node_of[i] == k && in->zone_of[i] != SIZE_MAX)
                to = zones + in->zone_of[i];
        add_place(g, nodes + k, to, in->node_cost, in->share, in->n_shards);
    }
    for (size_t z = 0; z < in->n_zones; z++)
        add_place(g, zones + z, sink, in->zone_cost, in->share, in->n_shards);
}

void match_shards(const struct match_input *in, size_t *out)
{
    struct net g;

    net_init(&g, 2 + in->n_shards + in->n_members + in->n_nodes + in->n_zones);
    build(&g, in);
    for (size_t s = 0; s < in->n_shards; s++)
        out[s] = SIZE_MAX;
    while (find_way(&g, 0, 1))
        send_one(&g, 0, 1);
    /* the choices were added first, in their order */
    for (size_t c = 0; c < in->n_choices; c++)
        if (g.edges[2 * c].room == 0)
            out[in->choices[c].shard] = in->choices[c].member;
    net_done(&g);
}
