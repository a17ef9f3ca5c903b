/*
 * slots/heal_parts.h - what the files of healing share: the cluster as this pass sees it, and the
 * rules of each file.
 *
 * Pure. A rule returns true when it has decided the step.
 */
#ifndef SRC_SLOTS_HEAL_PARTS_H
#define SRC_SLOTS_HEAL_PARTS_H

#include "slots/heal.h"
#include "slots/merged.h"
#include "slots/tell.h"

#define HEAL_WAIT_MS 250
#define HEAL_LATER_MS 2000 /* for what a person has to mend */

/* A master with slots that does not answer. */
struct heal_loss {
    const char *id;
    struct slot_set slots; /* that nobody else owns */
    uint64_t epoch;        /* the latest that anybody knows of it */
    size_t pod;            /* the silent member that has this id; MERGED_NONE: none has it any more */
    size_t heir;           /* the best copy that answers; MERGED_NONE */
    size_t n_heirs;
    bool exact;            /* heir was with it until its end */
    bool noticed;          /* everyone who knows it holds it for failing */
    int64_t silent_ms;     /* to those who know it: the least */
    int64_t missing_ms;    /* to us */
};

struct heal_kin {
    size_t root; /* the same for all who know each other, by however many others */
    bool known;  /* somebody else who is up has a row for it */
};

struct heal {
    struct merged m;
    const struct heal_input *in;
    const struct verdict *v;
    struct heal_memory *mem;
    struct heal_step *out;
    struct heal_kin *kin; /* per member */
    size_t hub;          /* a node that knows the cluster; MERGED_NONE: nobody does */
    const char *trouble; /* what only a person can mend; reported when nothing else is to be done */
    size_t trouble_at;
    struct heal_loss *losses;
    size_t n_losses, cap_losses;
};

#define heal_stop(h, ...) STEP_STOP((h)->out, __VA_ARGS__)
void heal_trouble(struct heal *h, size_t i, const char *what); /* the first one counts */
const char *heal_name(const struct heal *h, size_t i);
int64_t heal_node_timeout_ms(const struct heal *h);

bool heal_is_up(const struct heal *h, size_t i);
bool heal_is_fresh(const struct heal *h, size_t i);
/* Its role is decided elsewhere: by a resize that adds or removes it. */
bool heal_is_reserved(const struct heal *h, size_t i);
bool heal_started_lately(const struct heal *h, size_t i);
/* An id that is no member's, nor that of a pod that is restarting. */
bool heal_is_stranger(const struct heal *h, const struct view_row *row);
/* By this node's own clock: the newest sign of life it has of anyone, less that of the row. */
int64_t heal_silent_ms(const struct node_view *v, const struct view_row *row);

/* heal_kin.c */
void heal_find_kin(struct heal *h);
bool heal_is_kin(const struct heal *h, size_t i); /* up, and of this cluster */

/* heal_save.c: what is left of this shard goes to disk, before a copy that may lack something is made master. Tried once,
 * for a bounded time: a disk that fails must not keep slots down. */
enum heal_saving { HEAL_SAVED, HEAL_SAVE_NOW, HEAL_SAVING };
enum heal_saving heal_save_first(struct heal *h, const struct heal_loss *loss);

/* heal_memory.c */
enum { HEAL_CONFLICT_MS = 30000 };
bool heal_is_conflict(const struct heal *h, uint16_t slot);           /* told of late */
int64_t heal_missing_ms(struct heal *h, const char *id);          /* for how long; begins with 0 */
void heal_forget_found(struct heal *h);

/* heal_jobs.c */
bool heal_jobs(struct heal *h);

/* heal_address.c */
bool heal_unknown(struct heal *h);
bool heal_cluster_exists(struct heal *h);
bool heal_suspend(struct heal *h);
bool heal_meet(struct heal *h);

/* heal_replicas.c */
bool heal_stale_replication(struct heal *h);
bool heal_replacement(struct heal *h);
bool heal_balance(struct heal *h);
bool heal_arm(struct heal *h);

/* heal_forget.c */
bool heal_forget(struct heal *h);
bool heal_strangers(struct heal *h);

/* heal_losses.c */
void heal_find_losses(struct heal *h);
/* Its data is another master's than this one's. */
bool heal_has_other_history(const struct heal *h, size_t i, const char *master_id);
/* Its link to its master was up since it started, and its data is not another shard's. */
bool heal_was_linked(const struct heal *h, size_t i);
bool heal_is_accepted(const struct heal *h, const struct slot_set *slots); /* a person gave up all of these */

/* heal_failover.c */
bool heal_failover(struct heal *h);
bool heal_is_moving(const struct heal *h); /* servers carry out a migration by themselves */
bool heal_is_overdue(const struct heal *h, const char *master_id); /* nobody was elected for it in time */

/* heal_slots.c */
bool heal_open_slots(struct heal *h);

/* heal_lost.c */
bool heal_lost_slots(struct heal *h);
size_t heal_empty_masters(const struct heal *h);

#endif
