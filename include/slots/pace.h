/*
 * slots/pace.h - how fast slots may move, and what to do when moving fails.
 *
 * Pure: a value in, a value out. Latency is what PINGs of our own see on the sources and targets: the
 * pace grows by steps while it stays below the limit, and halves when it does not (idle x 3, but
 * not less than PACE_LEAST_LIMIT_US: one MIGRATE holds both ends for a millisecond or more, on
 * any machine). A breaker counts failures in a row: the same again, then smaller, then slot by
 * slot, then another engine, and at last the one slot is set aside, which a person has to see.
 */
#ifndef SLOTS_PACE_H
#define SLOTS_PACE_H

#include "slots/view.h"

#define PACE_KEYS_MIN 16
#define PACE_KEYS_MAX 256
#define PACE_SLOTS_MIN 16        /* for latency's sake; a failure may make it one */
#define PACE_SLOTS_MAX 64        /* open per pair (SETSLOT and MIGRATE) */
#define PACE_JOB_SLOTS_FIRST 256 /* of one job (atomic) */
#define PACE_JOB_SLOTS_MAX 1024
#define PACE_PAIRS_MAX 8
#define PACE_LEAST_LIMIT_US 2500
#define PACE_IDLE_MAX_US 1250 /* to begin with: one bad moment must not allow for many */

enum move_engine {
    ENGINE_LEGACY,    /* SETSLOT and MIGRATE: redis/move.h */
    ENGINE_REDIS_ASM, /* CLUSTER MIGRATION: Redis 8.4 */
    ENGINE_VALKEY_ASM, /* CLUSTER MIGRATESLOTS: Valkey 9 */
};

/* By the versions of all: one node that cannot makes it legacy. */
enum move_engine pace_engine(const struct node_view *views, size_t n);
const char *move_engine_name(enum move_engine e); /* "migrate", "redis-asm", "valkey-asm" */

struct pace {
    int keys;  /* per MIGRATE */
    int slots; /* at once: open per pair, or of one job */
    int pairs; /* in parallel */
    enum move_engine engine;
    int64_t idle_us; /* while nothing moves, the worst PING but one in a hundred; 0: not yet known */
    int fails;       /* in a row, at this size and engine */
    int n_slowed;    /* windows in a row that were above the limit */
    int64_t slowed_us; /* what the first of them saw */
};

struct pace pace_start(enum move_engine engine);
void pace_idle(struct pace *p, int64_t seen_us); /* while nothing moves; 0 changes nothing */
int64_t pace_limit_us(const struct pace *p);
/* Once per window of a few hundred milliseconds: its worst PING but one in a hundred. What the slowest pace sees
 * is not its doing, nor what is much the same after some steps down: then the idle latency is raised, and falls
 * again with what is seen later. */
void pace_latency(struct pace *p, int64_t seen_us);

enum pace_advice {
    PACE_AGAIN,      /* the same, after wait_ms */
    PACE_SMALLER,    /* pace has shrunk */
    PACE_ENGINE,     /* pace.engine is another one now */
    PACE_QUARANTINE, /* leave this slot alone and say so; the others go on */
};
void pace_worked(struct pace *p); /* a batch by SETSLOT and MIGRATE ended well */
/* A job of the servers ended well. It is to be short, because a failover of either end meanwhile may lose what it
 * moves: what took little time may be more next time. */
void pace_took(struct pace *p, int64_t job_ms);
enum pace_advice pace_failed(struct pace *p);
int pace_wait_ms(const struct pace *p); /* before the next try */

#endif
