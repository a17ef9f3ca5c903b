/*
 * kube/lease_step.h - the decisions of leader election, and the Lease object as a record.
 *
 * Pure: the time comes in as an argument, in milliseconds of the monotonic clock.
 */
#ifndef KUBE_LEASE_STEP_H
#define KUBE_LEASE_STEP_H

#include "json/json.h"

struct lease_record {
    const char *holder;  /* lent from the object; "": nobody */
    int64_t duration_ms; /* as the holder asks for it, at most two minutes */
    uint64_t mark;       /* changes whenever the holder writes */
};

struct lease_state {
    const char *identity; /* lent */
    int64_t duration_ms, renew_deadline_ms;
    bool held;
    int64_t renewed_ms; /* when the last renewal that the server confirmed was sent */
    bool has_seen;
    uint64_t seen_mark;
    int64_t seen_ms; /* when the record was first seen as it is */
};

enum lease_act {
    LEASE_WAIT,   /* somebody else holds it */
    LEASE_CREATE, /* there is no object yet */
    LEASE_TAKE,   /* it is free, or has run out */
    LEASE_RENEW,  /* it is ours */
};

/* What to do about the record as the server has it now; NULL: there is none. A record
 * of another's takes held away. */
enum lease_act lease_step(struct lease_state *s, const struct lease_record *r, int64_t now_ms);

/* The server has confirmed our write, sent at sent_ms. */
void lease_wrote(struct lease_state *s, int64_t sent_ms);

/* Held, and the renew deadline has not passed. */
bool lease_state_holds(const struct lease_state *s, int64_t now_ms);

void lease_record_read(const cJSON *obj, struct lease_record *out);

/* The object to write: live with our spec, or a new one. now: microtime text. Caller frees. */
cJSON *lease_object(const cJSON *live, enum lease_act act, const char *ns, const char *name,
                    const struct lease_state *s, const char *now);

/* The same with nobody as its holder. */
cJSON *lease_object_released(const cJSON *live, const char *now);

#endif
