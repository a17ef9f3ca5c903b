/*
 * slots/join.h - keeping a formed cluster together: the next safe step.
 *
 * Pure; for clusters past their bootstrap. One step per snapshot, the first that applies:
 *   addresses   MEET where a view lacks a member or has it at an old address; when
 *               most masters moved, failover is suspended first (B1)
 *   replication a replica that follows its master's old address is told again (B2)
 *   replacement a fresh pod is introduced, then follows the owner that lacks replicas (B6)
 *   forget      ids that belong to nobody, own nothing, are followed by nobody, and failed
 *               for long, are forgotten by all at once (B7)
 *   balance     a replica too many in one shard moves to where one lacks
 *   arm         replicas in sync, and masters, may take part in failover again
 * In the state Unknown nothing is sent. Slots are never assigned here.
 */
#ifndef SLOTS_JOIN_H
#define SLOTS_JOIN_H

#include "slots/command.h"
#include "slots/verdict.h"

enum join_action {
    JOIN_NONE, /* nothing to mend */
    JOIN_WAIT, /* mending under way, or only Redis itself can (an election) */
    JOIN_REFUSE, /* needs a person; reason says why */
    JOIN_SUSPEND,
    JOIN_MEET,
    JOIN_REPLICATE,
    JOIN_FORGET,
    JOIN_ARM,
};

struct join_step {
    enum join_action action;
    struct commands commands;
    char reason[200];
    int again_ms;
};

void join_step_init(struct join_step *s);
void join_step_done(struct join_step *s);
void join_step(const struct expected *x, const struct node_view *views, const struct verdict *v,
               struct join_step *out);
const char *join_action_name(enum join_action a);

#endif
