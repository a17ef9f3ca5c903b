/*
 * slots/heal.h - keeping a formed cluster together: the next safe step.
 *
 * Pure; for clusters past their bootstrap. One step per snapshot, the first that applies:
 *   addresses   MEET where a view lacks a member or has it at an old address; when
 *               most masters moved, failover is suspended first (B1)
 *   replication a replica that follows its master's old address is told again (B2)
 *   replacement a fresh pod is introduced, then follows the owner that lacks replicas (B6)
 *   balance     a replica too many in one shard moves to where one lacks
 *   forget      ids that belong to nobody, own nothing, are followed by nobody, and failed
 *               for long, are forgotten by all at once (B7)
 *   arm         replicas in sync, and masters, may take part in failover again
 * In the state Unknown nothing is sent.
 */
#ifndef SLOTS_HEAL_H
#define SLOTS_HEAL_H

#include "slots/command.h"
#include "slots/verdict.h"

enum heal_action {
    HEAL_NONE, /* nothing to mend */
    HEAL_WAIT, /* mending under way, or only Redis itself can (an election) */
    HEAL_REFUSE, /* needs a person; reason says why */
    HEAL_SUSPEND,
    HEAL_MEET,
    HEAL_REPLICATE,
    HEAL_FORGET,
    HEAL_ARM,
};

/* All lent for the call. */
struct heal_input {
    const struct expected *x;
    const struct node_view *views; /* one per member */
    const struct verdict *v;       /* of the same views */
    const struct slot_set *accept_loss; /* slots whose data may be lost, as a person said; NULL: none */
    bool slots_are_moving;         /* a resize of ours: open slots are its own */
    int64_t now_ms;
};

/* What the caller keeps from pass to pass; zero at first. Losing it costs time, nothing else. */
struct heal_memory {
    uint64_t wound; /* which masters are missing; 0: none */
    int64_t since_ms;
};

struct heal_step {
    enum heal_action action;
    struct commands commands;
    char reason[200];
    int again_ms;
};

void heal_step_init(struct heal_step *s);
void heal_step_done(struct heal_step *s);
void heal_step(const struct heal_input *in, struct heal_memory *mem, struct heal_step *out);
const char *heal_action_name(enum heal_action a);

#endif
