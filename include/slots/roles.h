/*
 * slots/roles.h - who should be master where: the next safe step.
 *
 * Pure; decided from a snapshot alone, for clusters past their bootstrap. In this order:
 *   drain   a master whose pod ends, or whose node is about to go, hands over to a replica in sync
 *           elsewhere. Allowed in any state but Unknown, as long as most masters are seen and no slot is open.
 *   spread  no zone, and no node, with half of the masters (P11); by handing over within shards. Quiet only.
 *   swap    a shard that sits in one zone, or twice on one node, gives a replica to another shard and
 *           gets one back: the first half is done here, healing's balance does the second. Quiet only.
 *
 * Roles never flap: a step is wanted only where it leads to a state that is better by a fixed order (pods
 * that end, nodes that go, masters over a zone's share, over a node's share, moves), so each step brings
 * the end nearer; tests/unit/slots/roles_test.c walks from random starts.
 *
 * At most one failover at a time, and the next one only when it is seen to be over or too late.
 */
#ifndef SLOTS_ROLES_H
#define SLOTS_ROLES_H

#include "slots/command.h"
#include "slots/verdict.h"

enum roles_action {
    ROLES_NONE,
    ROLES_WAIT, /* a failover is under way */
    ROLES_FAILOVER,
    ROLES_MOVE, /* a replica to another shard; not to be elected before it is in sync there */
};

/* All lent for the call. */
struct roles_input {
    const struct expected *x;
    const struct node_view *views; /* one per member */
    const struct verdict *v;       /* of the same views, settled or not */
    bool quiet; /* nothing else is under way: no resize, no roll, no mending */
    bool busy;  /* a resize or a roll is: nothing but what cannot wait */
    int64_t now_ms;
};

/* What the caller keeps from pass to pass; zero at first. Losing it costs a repeated command. */
struct roles_memory {
    int64_t last_ms;               /* when something was sent; 0: never */
    char told[NODE_ID_LEN + 1];    /* who: an heir, or a replica that had to move */
    bool waiting;                  /* for the heir to take over */
    int tries;                     /* of the same, in vain */
};

struct roles_step {
    enum roles_action action;
    struct commands commands;
    char reason[200];
    int again_ms;
    bool urgent; /* a pod ends: its server waits for us */
};

void roles_step_init(struct roles_step *s);
void roles_step_done(struct roles_step *s);
void roles_step(const struct roles_input *in, struct roles_memory *mem, struct roles_step *out);
const char *roles_action_name(enum roles_action a);

#endif
