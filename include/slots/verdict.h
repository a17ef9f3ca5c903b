/*
 * slots/verdict.h - is this Redis Cluster healthy? Judged from every node's own
 * view, never from one node's cluster_state.
 *
 * Pure. views[i] is what members[i] answered, so there are as many; a member without
 * an address has an empty view. A verdict is a plain value.
 *
 * The predicates are those of the table in docs/redis.md. What "serving" means: every
 * slot is claimed by exactly one master that answers, in its own row, and that master says that the
 * cluster is ok and sees a quorum. States:
 *   Healthy   P1 to P10 hold (P11 to P13 only inform)
 *   Degraded  serving, but something is missing or disagrees
 *   Partial   some slots are served
 *   Down      no slot is served
 *   Unknown   more than half of the members do not answer, or a slot owner is silent to us
 *             while its pod is ready and all others see it well: we may be the ones cut off.
 *             In this state nothing may be changed.
 */
#ifndef SLOTS_VERDICT_H
#define SLOTS_VERDICT_H

#include "base/buf.h"
#include "slots/view.h"

struct member {
    const char *pod;  /* lent; its stable name */
    const char *ip;   /* lent; NULL or "": no address yet */
    uint16_t port;
    uint16_t bus_port; /* 0: port + 10000 */
    bool ready;        /* what the kubelet says */
    const char *node, *zone; /* lent; where it runs; NULL: not known */
    const char *id;          /* lent; the node id that it had when last seen; NULL: not known */
    bool reserved; /* a resize decides its role: it is introduced and armed, nothing else */
    bool leaving;  /* a resize takes it out: no role is given to it any more */
    bool parting;  /* leaving, and being forgotten: known or not, nothing is asked of it any more */
    bool draining; /* its pod or its node is about to go */
    bool ending;   /* its pod is being deleted or evicted: draining, and soon */
    bool node_gone; /* its node does not exist any more, or somebody vouches that it is off */
    bool outdated; /* its pod is not of the newest revision */
    bool fenced; /* proven not to run: no pod, its container has ended, or its node is gone */
    bool rolling;  /* its pod is the next to be restarted: no failover may be allowed to it any more */
};

struct expected {
    const struct member *members; /* lent */
    size_t n_members;
    int shards;              /* 0: any */
    int replicas_per_shard;
    int node_timeout_ms;     /* 0: 5000 */
};

enum redis_state {
    REDIS_UNKNOWN = 0,
    REDIS_DOWN,
    REDIS_PARTIAL,
    REDIS_DEGRADED,
    REDIS_HEALTHY,
    REDIS_FORMING,   /* set by plan, while the bootstrap is under way */
    REDIS_MIGRATING, /* set by plan, while slots move as we want */
};

enum predicate {
    P_REACH,     /* P1 every member answered */
    P_STATE,     /* P2 each says cluster_state:ok */
    P_SLOTS,     /* P3 each sees 16384 assigned and ok, none failing */
    P_OWNERSHIP, /* P4 own rows: each slot claimed once; as many owners as shards */
    P_CONSENSUS, /* P5 all views agree on slots, roles and epochs */
    P_EPOCHS,    /* P6 the owners' config epochs differ */
    P_CLOSED,    /* P7 no slot is half migrated */
    P_MEMBERS,   /* P8 everyone knows exactly the members, at their addresses */
    P_QUORUM,    /* P9 everyone sees a majority of the masters */
    P_REPLICAS,  /* P10 each owner has its replicas, in sync, from its address */
    P_SPREAD,    /* P11 informs only: no zone or node has half of the masters, or all copies of a shard */
    P_DISK,      /* P12 informs only: the last writes to disk worked */
    P_ROOM,      /* P13 informs only: memory below 85 % of the limit */
    P_SETTLED,   /* P14 P1 to P10 held for a while, unchanged; set by verdict_settle */
    N_PREDICATES,
};

struct verdict {
    enum redis_state state;
    bool holds[N_PREDICATES];
    char evidence[N_PREDICATES][160]; /* names the node and what differs; "" when it holds */
    int slots_ok;  /* served: 0 to 16384 */
    int n_masters; /* answering owners of slots */
    int n_replicas; /* in sync, of those owners */
    int n_alone;    /* owners without any replica in sync */
    int n_reachable, n_members;
    bool serving;
    uint64_t signature; /* of the whole configuration, epochs included */
    uint64_t max_epoch;
    char version[32]; /* the lowest that runs; "" unknown */
    bool is_valkey;
};

void verdict_judge(const struct expected *x, const struct node_view *views, size_t n, struct verdict *out);

/* What the caller keeps from pass to pass; zero at first. */
struct settle {
    uint64_t signature; /* 0: not healthy when last seen */
    int64_t since_ms;
};

/* P14: sets holds[P_SETTLED] when v is healthy and has been so, unchanged, for max(2 s, node
 * timeout / 2). Returns the time until that can be, 0 when it is, -1 when v is not healthy. */
int64_t verdict_settle(struct settle *s, struct verdict *v, int node_timeout_ms, int64_t now_ms);

const char *redis_state_name(enum redis_state s); /* "Healthy" */
const char *predicate_name(enum predicate p);     /* "reach" */
const char *predicate_number(enum predicate p);   /* "P1", ..., "P14" */
const char *predicate_says(enum predicate p);     /* one line for people */

/* The first failing predicate's evidence, for a condition's message; "" when all hold. */
const char *verdict_why(const struct verdict *v);
/* The same of those that only inform, which concern no state: what somebody should see to. */
const char *verdict_advice(const struct verdict *v);

#endif
