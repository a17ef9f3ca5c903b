/*
 * slots/form.h - bootstrap of a Redis Cluster, once: the next safe step.
 *
 * Pure. Three parts: form_plan_make decides which pod gets which role and proves that every
 * pod is fresh; the caller makes that durable (status) before anything is sent; form_step then
 * says what to send, from a snapshot and that plan alone. A crash after any single command
 * resumes at the right place. Commands that a snapshot shows as done are not sent again.
 *
 * Order: config epochs and slots while the nodes are still alone, MEET, agreement,
 * REPLICATE (replicas start with cluster-replica-no-failover yes), sync, arm. Order of
 * redis-cli's own create; measured on 7.0.15, see docs.
 *
 * Once bootstrapped the plan says nothing about roles any more: they come from live rows.
 */
#ifndef SLOTS_FORM_H
#define SLOTS_FORM_H

#include "json/json.h"
#include "slots/command.h"
#include "slots/verdict.h"

struct form_seat {
    char *pod;
    int shard;
    bool replica;
    struct slot_set *slots; /* owned; of a master that was filled from a backup: what it came with; NULL: its even share */
    char id[NODE_ID_LEN + 1]; /* recorded when the pod was proven fresh, or first answered; "": not yet */
};

struct form_plan {
    int shards;
    struct form_seat *seats; /* NULL: no plan yet */
    size_t n_seats;
};

void form_plan_done(struct form_plan *p);
/* {"shards":3,"seats":[{"pod":"a-redis-0","shard":0,"role":"master","id":"..."}]}; caller owns. */
cJSON *form_plan_json(const struct form_plan *p);
/* ERR_INVALID names the field; NULL or {} is an empty plan. At most 1,000 seats. */
int form_plan_parse(const cJSON *json, struct form_plan *out, struct err *e) MUST_USE;

/* The same for pods that start with a backup: as many as there are shards own slots, all together each slot once, and
 * know nobody; the others are fresh. Whatever keys an owner holds must be expected: they came with its slots. */
int form_plan_restore(const struct expected *x, const struct node_view *views, struct form_plan *out,
                      struct err *e) MUST_USE;

/* All members must be there, answer, and be fresh. ERR_RETRY: not all answer yet;
 * ERR_INVALID: data, slots, or other nodes found (message names the pod): never touch it. */
int form_plan_make(const struct expected *x, const struct node_view *views, struct form_plan *out,
                   struct err *e) MUST_USE;

/* Takes over ids that changed for seats whose pod now answers; true when the plan has to be
 * written again. For use after the bootstrap. */
bool form_plan_record(struct form_plan *p, const struct expected *x, const struct node_view *views);

enum form_action {
    FORM_WAIT,      /* nothing to send now */
    FORM_REFUSE,    /* needs a person; reason says why */
    FORM_RECORD,    /* a pod came back empty with a new id: write form_plan_record's result first */
    FORM_FORGET,    /* an id that a pod lost while forming */
    FORM_EPOCHS,
    FORM_ADDSLOTS,
    FORM_MEET,
    FORM_REPLICATE,
    FORM_ARM,
    FORM_DONE,      /* healthy: set bootstrapped */
};

struct form_step {
    enum form_action action;
    struct commands commands; /* empty unless FORGET to ARM */
    char reason[200];         /* one line, for the condition */
    int again_ms;             /* when to look again; 0: at once, after the commands */
};

void form_step_init(struct form_step *s);
void form_step_done(struct form_step *s);
void form_step(const struct expected *x, const struct node_view *views, const struct form_plan *plan,
               struct form_step *out);
const char *form_action_name(enum form_action a); /* "meet" */

#endif
