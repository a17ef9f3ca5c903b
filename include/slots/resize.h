/*
 * slots/resize.h - a living cluster gets more or fewer shards and replicas: the next safe step.
 *
 * Pure. Decided from a snapshot and the durable plan alone, so that it resumes after a crash
 * anywhere. Order when it grows: new pods, their config epochs while they are still alone, MEET
 * (healing does that), the plan of slots, replicas attached, in sync and armed, and only then slots.
 * When it shrinks: slots first, to all that stay; replicas where a staying pod lacks its copy;
 * graceful failovers off the pods that leave; the proof (they own no slot in any view, hold no key
 * of their own); everyone forgets them in one step; then their pods end. A StatefulSet takes its
 * highest ordinals away, so those are who leaves, whatever role they have at that moment.
 *
 * Who owns what is read from own rows only. A plan that does not fit what is seen any more (a failover, a
 * lost volume, another size wanted) is made anew from there, but never while a slot is half moved.
 */
#ifndef SLOTS_RESIZE_H
#define SLOTS_RESIZE_H

#include "json/json.h"
#include "slots/command.h"
#include "slots/form.h"
#include "slots/pace.h"
#include "slots/verdict.h"

enum { RESIZE_NODES_MAX = 1000 };

struct resize_owner {
    char id[NODE_ID_LEN + 1];
    struct slot_set slots; /* in the end */
};

struct resize_plan {
    int shards, replicas;           /* wanted; shards 0: no resize runs */
    int from_shards, from_replicas; /* when it began */
    size_t nodes;                   /* seats while it runs; never fewer than before or after */
    bool forgetting;                /* proven: who leaves is being forgotten */
    int64_t since_wall_ms;
    int to_move;                    /* slots, when the owners were first decided */
    struct resize_owner *owners;    /* the list's own; NULL: not decided yet */
    size_t n_owners;
};

void resize_plan_done(struct resize_plan *p);
struct resize_plan resize_plan_copy(const struct resize_plan *p);
/* Caller owns; NULL when no resize runs. */
cJSON *resize_plan_json(const struct resize_plan *p);
/* NULL is "no resize". ERR_INVALID names the field. Slots named twice or missing are refused. */
int resize_plan_parse(const cJSON *json, struct resize_plan *out, struct err *e) MUST_USE;

size_t resize_nodes_wanted(const struct resize_plan *p); /* seats at the end */

/* Begins a resize, or changes what a running one wants; the owners are decided later. ERR_INVALID: impossible;
 * the message names the field and says what to do. now: of the cluster as formed; running: NULL or the plan.
 * Seats of a running one whose pods never came are given up when they are not wanted any more. */
int resize_begin(int shards, int replicas, const struct form_plan *now, const struct resize_plan *running,
                 int64_t wall_ms, struct resize_plan *out, struct err *e) MUST_USE;

/* Who owns which slots in the end: balanced by bytes as well as by count, fewest moves, few ranges.
 * x and views as seen now; every owner must answer. ERR_RETRY: not yet (too few new masters);
 * ERR_INVALID: too much for the memory of a target. p->owners is replaced on success only. */
int resize_plan_make(const struct expected *x, const struct node_view *views, struct resize_plan *p,
                     struct err *e) MUST_USE;

enum resize_action {
    RESIZE_NONE, /* no resize runs */
    RESIZE_WAIT,
    RESIZE_REFUSE,    /* needs a person; reason says why */
    RESIZE_RECORD,    /* `next` has to be durable before anything else */
    RESIZE_EPOCHS,
    RESIZE_SUSPEND,
    RESIZE_REPLICATE,
    RESIZE_ARM,
    RESIZE_STABLE,    /* a mark that leads nowhere is taken back */
    RESIZE_FUNCTIONS, /* moves, without slots: target gets the functions of source */
    RESIZE_MOVE,      /* moves */
    RESIZE_MIGRATE,   /* commands that start migrations which the servers carry out themselves */
    RESIZE_CANCEL,    /* those get nowhere */
    RESIZE_FAILOVER,
    RESIZE_FORGET,
    RESIZE_DONE,      /* `next` is empty; the seats are those of resize_seats */
};

struct resize_move {
    uint16_t slot;
    size_t source, target; /* members: source owns the slot by its own row ... */
    bool back;             /* ... but here, where target does, and gets keys back (healing) */
};

/* At most so many slots in a step; of several pairs in turn. */
enum { RESIZE_MOVES_MAX = 1024 };

struct resize_step {
    enum resize_action action;
    struct commands commands;
    struct resize_move *moves; /* the step's own */
    size_t n_moves;
    struct resize_plan next;   /* of RECORD */
    char reason[200];
    int again_ms;
    int percent;               /* of slots that are where they belong; -1: not known yet */
    int slots_left;
    bool jobs_run;             /* the servers move slots themselves */
};

void resize_step_init(struct resize_step *s);
void resize_step_done(struct resize_step *s);
/* pace: by which engine, and how much at once; NULL: the server's SETSLOT and MIGRATE. */
void resize_step(const struct expected *x, const struct node_view *views, const struct verdict *v,
                 const struct resize_plan *plan, const struct pace *pace, struct resize_step *out);
/* Makes this step one that takes back all migrations which run by themselves. */
void resize_step_cancel(const struct expected *x, const struct node_view *views, struct resize_step *s);
const char *resize_action_name(enum resize_action a); /* "move" */

/* The seats of n nodes: what is there stays, what is new gets a name (base-0, base-1, ...) and no id
 * yet. Returns true when something changed. */
bool resize_seats(struct form_plan *p, const char *base, size_t n, int shards);

#endif
