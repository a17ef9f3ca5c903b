/*
 * e2e/witness.h - our verdict on a Redis Cluster beside the referee's, over time.
 *
 * Each look asks redis-cli before and after reading status, so that what changes
 * meanwhile is nobody's fault; an opinion that stays wrong ends the test. The
 * service is named fraud.
 */
#ifndef E2E_WITNESS_H
#define E2E_WITNESS_H

#include "e2e/ledger.h"
#include "e2e/operator.h"
#include "kube/watch.h"

enum { READY_S = 180 };

struct witness {
    struct kube_watch *watch; /* every state that the status ever shows */
    char states[512];         /* "Healthy Degraded Healthy" */
    char last[32];
    int64_t optimist_ms;    /* since when we have said Healthy against the referee; 0: no */
    int64_t pessimist_ms;   /* the other way round */
    int samples, agreed;
    bool saw_unhealthy, saw_held;
};

void witness_start(struct e2e *t, struct witness *v); /* before what is to be seen */
/* One sample; returns the resource as it was, lent. */
const cJSON *witness_look(struct e2e *t, struct witness *v);
/* Samples until both say well again, and something was seen to have happened; ends the watch. */
void witness_recovery(struct e2e *t, struct witness *v, int bound_s);
void witness_for(struct e2e *t, struct witness *v, int64_t ms); /* samples for so long */

/* A new operator, the resource of this text, and a healthy Redis. */
struct operator *witness_bring_up(struct e2e *t, const char *yaml);

/* Ends the ledger: keys lost that were acknowledged outside these moments (loop_now_ms; 0, 0: any) fail. */
void witness_check_ledger(struct e2e *t, int64_t may_lose_from_ms, int64_t may_lose_to_ms);

#endif
