/*
 * entry/fence.h - may this server start, or would its replicas then throw keys away?
 *
 * Pure. A master that crashes and is back within the node timeout is still the master; when it has no data, or
 * old data, its replicas empty themselves to match it (measured: 3,000 keys to 0 within 62 ms). So, before the
 * server starts: what does nodes.conf say it was, what does the volume hold, and what do the others say?
 *
 * One step after each look around. A server that was no master with slots, or has its append-only file, starts at
 * once. Otherwise its best replica (in sync, highest offset) is told to take over, by an election that the other
 * masters vote in (FAILOVER FORCE). Where no election can succeed, because most masters are gone, by TAKEOVER:
 * dangerous while the old master may live, but we run in its place. The wait is bounded: a start or a refusal.
 */
#ifndef ENTRY_FENCE_H
#define ENTRY_FENCE_H

#include "data.h"
#include "slots/view.h"

enum {
    FENCE_ELECTION_MS = 4000,  /* an election that is due anyway is waited for: ours would start it again */
    FENCE_FORCE_MS = 5500,     /* a manual failover ends after 5 s, one way or the other */
    FENCE_NO_QUORUM_MS = 3000, /* most masters refuse connections that long: nobody can vote */
    FENCE_LATEST_MS = 15000,   /* no election came: an election takes at most 8.5 s at a node timeout of 5 s */
    FENCE_TAKEN_MS = 5000,
    FENCE_FOLLOW_MS = 3000,    /* after a failover: until other replicas follow the new master */
    FENCE_TARGETS_MAX = 32,
};

/* Someone that nodes.conf knows, or that others have told us of. */
struct fence_node {
    char id[NODE_ID_LEN + 1];
    char ip[64];
    uint16_t port;
    bool is_replica;       /* of ours, or it may have become that */
    bool owns_slots;
    struct node_view view; /* of the last look */
};

struct fence {
    struct node_view conf; /* nodes.conf; no rows: none */
    struct data data;
    struct fence_node nodes[FENCE_TARGETS_MAX];
    size_t n_nodes;
    int64_t elapsed_ms;                     /* since the fence began */
    int64_t forced_ms, taken_ms, left_ms;   /* when we told so, when another was seen in our place; -1: not yet */
};

enum fence_act {
    FENCE_START,    /* become the server */
    FENCE_LOOK,     /* look again soon */
    FENCE_FORCE,    /* CLUSTER FAILOVER FORCE to nodes[target], then look again */
    FENCE_TAKEOVER, /* CLUSTER FAILOVER TAKEOVER to it */
    FENCE_REFUSE,   /* end: somebody has newer data and cannot be made master */
};

struct fence_step {
    enum fence_act act;
    size_t target;
    bool replaced; /* another is master now, and our data is worth nothing */
    bool anew;     /* of START: without nodes.conf and data, which are set aside */
    char why[256];
};

void fence_init(struct fence *f);
void fence_done(struct fence *f);

/* The rows of a nodes.conf: CLUSTER NODES and a line "vars ...". */
int fence_read_conf(const char *text, size_t len, struct node_view *out, struct err *e) MUST_USE;

/* Whom to ask: our replicas first, then the others, as nodes.conf has them and as the last look corrected it. */
void fence_targets(struct fence *f);

/* True, and the step: there is nothing to ask anybody about. */
bool fence_starts_at_once(const struct fence *f, struct fence_step *out);

void fence_step(const struct fence *f, struct fence_step *out);

#endif
