/*
 * redis/move.h - moves hash slots with their keys from master to master: one bounded batch,
 * by SETSLOT and MIGRATE, which every version understands.
 *
 * I/O, a guest of the loop. Per slot strictly: IMPORTING on the target, MIGRATING on the source,
 * MIGRATE (no COPY, no REPLACE) until the source counts no key, then NODE on the target, on the
 * source, on all other masters. Several slots of a pair are open at once, several pairs work in
 * parallel, commands are pipelined; the order within each slot stays.
 *
 * Every batch looks first: each member must answer with the id it is expected to have, the owner
 * must own the slot in its own row, and no mark may point elsewhere. A slot that was left half
 * moved, by whatever end, is resumed by the same call again. A key found on both sides is compared
 * (DUMP); only an equal one is replaced, a different one ends the work on its slot: nothing is
 * overwritten, nothing is deleted. What is not understood stops the batch.
 *
 * A slot must not move back before all have heard of its last move (P14 of the verdict): Redis 7.0 gives a slot
 * whose late message arrives then to its former owner, and deletes its keys (measured; docs/redis.md).
 *
 * done is called once, from the loop, never from redis_move_start.
 */
#ifndef REDIS_MOVE_H
#define REDIS_MOVE_H

#include "redis/probe.h"
#include "slots/command.h"
#include "slots/pace.h"

enum move_how {
    MOVE_SLOT,   /* the slot and its keys, from source to target; also one that is half moved */
    MOVE_BACK,   /* keys of a slot that source does not own, to target, which does, or which imports it from its
                  * owner; then STABLE on source */
    MOVE_STABLE, /* takes the mark from source; no key moves. Target is not asked */
};

struct move_slot {
    uint16_t slot;
    enum move_how how;
    size_t source, target; /* indexes of members */
};

/* A master. All of the cluster's masters are listed: those that are neither source nor target hear of
 * the new owner too. */
struct move_member {
    struct redis_target at;
    char id[NODE_ID_LEN + 1];
};

struct move_limits {
    struct pace pace;    /* keys per MIGRATE, open slots per pair, parallel pairs; adapts meanwhile */
    int deadline_ms;     /* no slot is begun after that */
    int grace_ms;        /* then this long to finish those begun; what is open afterwards stays open */
    int node_timeout_ms; /* of the cluster: a MIGRATE of small keys gives up well before */
    int crash_after;     /* tests: the batch ends after so many commands as if killed; 0: never */
};

enum move_state {
    MOVE_UNTOUCHED, /* not begun; also when one of its masters has the other role earlier in the batch */
    MOVE_OPEN,      /* begun, not ended: call again */
    MOVE_DONE,
    MOVE_CONFLICT,  /* open; a key is on both sides with different values: a person decides */
    MOVE_REFUSED,   /* not as expected: another owner, another mark; nothing was sent */
};

struct move_report {
    const enum move_state *states; /* states[i] answers slots[i] */
    size_t n_slots, n_done;
    int64_t keys, bytes; /* moved; bytes as MEMORY USAGE estimates them */
    int elapsed_ms;
    int64_t ping_mean_us, ping_worst_us; /* of PING on sources and targets meanwhile; 0: no ping */
    struct pace pace;                    /* as it is now: hand it to the next batch */
    /* The first error; OK also when the deadline ended the batch. */
    enum reply_class what;
    int slot;         /* -1: of none in particular */
    size_t member;    /* who said it */
    char error[160];  /* "" when OK. Names no key */
};

struct redis_move;
typedef void (*redis_move_done)(void *arg, const struct move_report *r); /* lent until it returns */

/* Everything is copied. auth is also what a source logs in with at its target. */
struct redis_move *redis_move_start(struct loop *l, const struct move_member *members, size_t n_members,
                                    const struct move_slot *slots, size_t n_slots, const struct redis_auth *auth,
                                    const struct move_limits *limits, redis_move_done done, void *arg);
/* done will not be called. What was sent may happen; what is open can be resumed. NULL is fine. */
void redis_move_cancel(struct redis_move *m);

#endif
