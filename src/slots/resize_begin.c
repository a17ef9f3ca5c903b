#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/resize.h"

/* Seats that somebody was seen on: ids are durable before a node is introduced to anybody, so who has none is known to nobody. */
static size_t seats_taken(const struct form_plan *now)
{
    size_t n = now->n_seats;

    while (n && !now->seats[n - 1].id[0])
        n--;
    return n;
}

int resize_begin(int shards, int replicas, const struct form_plan *now, const struct resize_plan *running,
                 int64_t wall_ms, struct resize_plan *out, struct err *e)
{
    size_t wanted = (size_t)shards * (1 + (size_t)replicas);
    struct resize_plan p = { .shards = shards, .replicas = replicas, .since_wall_ms = wall_ms };

    if (shards < 1 || replicas < 0 || wanted > RESIZE_NODES_MAX)
        return err_set(e, ERR_INVALID, "spec.redis.shards and .replicasPerShard: %zu nodes are wanted, at most %d can be",
                       wanted, RESIZE_NODES_MAX);
    if (shards == 2)
        return err_set(e, ERR_INVALID, "spec.redis.shards: 2 masters cannot outvote a lost one: choose 1, or 3 and more");
    p.from_shards = now->shards;
    p.from_replicas = now->shards > 0 ? (int)now->n_seats / now->shards - 1 : 0;
    p.nodes = now->n_seats;
    if (running && running->shards) {
        p.from_shards = running->from_shards;
        p.from_replicas = running->replicas < running->from_replicas ? running->replicas : running->from_replicas;
        p.nodes = seats_taken(now);
        p.to_move = running->to_move;
        p.since_wall_ms = running->since_wall_ms;
    }
    if (p.nodes < wanted)
        p.nodes = wanted;
    *out = p;
    return 0;
}

bool resize_seats(struct form_plan *p, const char *base, size_t n, int shards)
{
    bool changed = n != p->n_seats || shards != p->shards;

    for (; p->n_seats > n; p->n_seats--)
        free(p->seats[p->n_seats - 1].pod);
    if (p->n_seats < n)
        p->seats = xrealloc(p->seats, n * sizeof(*p->seats));
    for (; p->n_seats < n; p->n_seats++)
        p->seats[p->n_seats] = (struct form_seat){ .pod = xasprintf("%s-%zu", base, p->n_seats), .replica = true };
    p->shards = shards;
    for (size_t i = 0; i < n && changed; i++)
        p->seats[i].shard = (int)(i % (size_t)shards);
    return changed;
}
