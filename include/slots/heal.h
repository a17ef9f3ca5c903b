/*
 * slots/heal.h - keeping a formed cluster together: the next safe step.
 *
 * Pure; for clusters past their bootstrap. One step per snapshot, the first that applies:
 *   addresses   MEET where a view lacks a member or has it at an old address; when
 *               most masters moved, failover is suspended first (B1)
 *   replication a replica that follows its master's old address is told again (B2)
 *   replacement a fresh pod is introduced, then follows the owner that lacks replicas (B6)
 *   balance     a replica too many in one shard moves to where one lacks
 *   arm         replicas in sync, and masters, may take part in failover again
 *   failover    a dead master: its replicas elect until their deadline (B3), then the best one in sync
 *               is forced (B4); without a majority it takes over, when all who are silent are fenced (B5)
 *   forget      ids that belong to nobody, own nothing, are followed by nobody, and failed
 *               for long, are forgotten by all at once (B7)
 *   open slots  a slot left half moved is moved on, or its keys go back to its owner (B8)
 *   lost slots  go back to the member that all others take for their owner; elsewhere only
 *               when a person gave up what they held (B9)
 * In the state Unknown nothing is sent.
 */
#ifndef SLOTS_HEAL_H
#define SLOTS_HEAL_H

#include "slots/command.h"
#include "slots/verdict.h"

enum heal_action {
    HEAL_NONE, /* nothing to mend */
    HEAL_WAIT, /* mending under way, or only Redis itself can (an election) */
    HEAL_REFUSE, /* needs a person; reason says why, and what to do */
    HEAL_SUSPEND,
    HEAL_MEET,
    HEAL_REPLICATE,
    HEAL_FORGET,
    HEAL_ARM,
    HEAL_FORCE,    /* CLUSTER FAILOVER FORCE: OK is no guarantee, the next snapshots tell */
    HEAL_TAKEOVER,
    HEAL_STABLE,   /* a mark that leads nowhere */
    HEAL_MARK,     /* both ends of a move are marked again */
    HEAL_MOVE,     /* moves: keys of half moved slots */
    HEAL_ADDSLOTS,
    HEAL_SAVE,     /* BGSAVE on what is left of a shard, before something is given up */
    HEAL_CANCEL,   /* of a migration whose source is silent */
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

enum { HEAL_MISSING_MAX = 16, HEAL_CONFLICTS_MAX = 8, HEAL_MOVES_MAX = 64 };

/* What the caller keeps from pass to pass; zero at first. Losing it costs time, nothing else. */
struct heal_memory {
    struct {
        uint64_t id; /* hash of a missing master's node id */
        int64_t since_ms;
    } missing[HEAL_MISSING_MAX];
    size_t n_missing;
    int64_t forced_ms; /* when a failover was forced last; 0: not since all was well */
    int n_forced;
    uint64_t saved_id; /* hash of the lost master whose copies were told to save ... */
    int64_t saved_ms;  /* ... then */
    struct {
        uint16_t slot;
        int64_t at_ms;
    } conflicts[HEAL_CONFLICTS_MAX]; /* the latest; left alone for a while */
    size_t n_conflicts;
};

/* After a HEAL_MOVE: a key of this slot is on both sides with different values. */
void heal_remember_conflict(struct heal_memory *mem, uint16_t slot, int64_t now_ms);

/* What a person is told of it, and what to run. Which of two values is the right one nothing in them says: a source that
 * woke too late leaves an older one at its target, and a client that was sent there with ASK a newer one. */
void heal_conflict_say(uint16_t slot, const char *owner, const char *other, char *out, size_t size);

enum heal_how {
    HEAL_ONWARD, /* source owns the slot, target imports it: the move is carried on to its end */
    HEAL_BACK,   /* source does not own the slot: its keys go to target, which does, or which imports it; then
                  * STABLE on source */
};

struct heal_move {
    uint16_t slot;
    enum heal_how how;
    size_t source, target; /* members */
};

struct heal_step {
    enum heal_action action;
    struct commands commands;
    struct heal_move moves[HEAL_MOVES_MAX]; /* of HEAL_MOVE; each slot once */
    size_t n_moves;
    char reason[256];
    int again_ms;
};

void heal_step_init(struct heal_step *s);
void heal_step_done(struct heal_step *s);
void heal_step(const struct heal_input *in, struct heal_memory *mem, struct heal_step *out);
const char *heal_action_name(enum heal_action a);

#endif
