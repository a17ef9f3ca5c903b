/*
 * slots/roll.h - restarting the nodes of a cluster, one after the other: the next safe step.
 *
 * Pure. A pod is outdated when its StatefulSet would make it otherwise now. Shard by shard, replicas
 * first; a replica may not be elected any more before it ends; a master hands over to a replica
 * that is new already and in sync, and ends as a replica. The next pod's turn comes when the
 * cluster is healthy, settled, and nothing else is under way. Who is being restarted is recorded
 * (roll_plan, durable) before anything is done to it; what is left to do is then read from live facts:
 * the pod with the recorded uid is still there, or its successor is.
 *
 * A successor that does not start ends the roll: nobody else is restarted. A pod that is outdated
 * and does not run comes first, so that a corrected spec heals.
 *
 * With no replicas a master is restarted as it is, when its data come back with it.
 */
#ifndef SLOTS_ROLL_H
#define SLOTS_ROLL_H

#include "json/json.h"
#include "slots/command.h"
#include "slots/verdict.h"

enum { ROLL_NAME_SIZE = 64, ROLL_UID_SIZE = 40 };

/* What the kubelet says of a member's pod. */
struct roll_pod {
    bool exists, running, ready, deleting;
    const char *uid;     /* lent */
    const char *waiting; /* lent; why it waits ("ImagePullBackOff", "Unschedulable"); "": it does not */
    int restarts;        /* of its containers */
};

/* {"pod":"a-redis-3","uid":"...","failoverTo":"a-redis-0","failoverAtMs":1,"tries":1} */
struct roll_plan {
    char pod[ROLL_NAME_SIZE]; /* "": nobody is being restarted */
    char uid[ROLL_UID_SIZE];  /* of the pod that has to end */
    char to[ROLL_NAME_SIZE];  /* who was told to take over; "": nobody yet */
    int64_t failover_wall_ms; /* when */
    int tries;
};

cJSON *roll_plan_json(const struct roll_plan *p); /* NULL: nobody is being restarted */
int roll_plan_parse(const cJSON *json, struct roll_plan *out, struct err *e) MUST_USE;

struct roll_input {
    const struct expected *x;
    const struct node_view *views; /* NULL: nobody could be asked */
    const struct verdict *v;       /* settled or not; counts with views only */
    const struct roll_pod *pods;   /* one per member */
    const struct roll_plan *plan;
    bool formed;     /* before that there are no data, and no roles */
    bool busy;       /* the pass has its step already: only pods that do not run are made anew */
    bool keeps_data; /* a pod that is made again finds its data: claims, and an append-only file */
    int64_t wall_ms;
};

enum roll_action {
    ROLL_NONE,   /* nothing to restart */
    ROLL_WAIT,
    ROLL_REFUSE, /* needs a person; reason says why */
    ROLL_RECORD, /* nothing yet: plan says whose turn it is, or that it is over */
    ROLL_SUSPEND,
    ROLL_FAILOVER,
    ROLL_DELETE, /* the pod of `member`, with the uid that it was seen with */
};

struct roll_step {
    enum roll_action action;
    struct commands commands;
    struct roll_plan plan; /* to be durable before commands are sent, or a pod is deleted */
    size_t member;
    size_t n_outdated;
    char reason[200];
    int again_ms;
};

void roll_step_init(struct roll_step *s);
void roll_step_done(struct roll_step *s);
void roll_step(const struct roll_input *in, struct roll_step *out);
const char *roll_action_name(enum roll_action a);

/* May servers of this kind and version become those of the image? Judged by its tag; one that says no version
 * passes. ERR_INVALID: they could not read their data again. */
int roll_image_check(const char *image, bool image_is_valkey, const char *version, bool is_valkey,
                     struct err *e) MUST_USE;

#endif
