/*
 * e2e/operation.h - what an operator does to a Redis Cluster of a service named fraud, as rows: how it is
 * asked for, and when it is over. For tests that disturb every operation in the same way.
 */
#ifndef E2E_OPERATION_H
#define E2E_OPERATION_H

#include "e2e/ledger.h"

enum { OPERATION_OVER_S = 150 };

struct operation {
    const char *name;
    bool is_forming;                        /* each time from nothing; otherwise a cluster is there */
    void (*begin)(struct e2e *t, int turn); /* asks for it; turns alternate where it goes there and back */
    bool renews_pods;
    int masters[2], replicas[2];            /* when over, by turn */
    bool rotates;
};

extern const struct operation operation_form, operation_heal, operation_roll;
extern const struct operation operation_shards;   /* 3 to 4, and back */
extern const struct operation operation_replicas; /* 1 to 2, and back */
extern const struct operation operation_rotate;   /* other passwords, by one each turn */

extern const char operation_service[]; /* what there is before, unless it is forming */
const char *operation_service_of(struct e2e *t, const char *image); /* the same of another image; lent */

/* Why it is not over; NULL: it is. `then`: the pods at its beginning. */
const char *operation_still_to_do(struct e2e *t, const struct operation *o, int turn, const struct redis_pods *then);
/* Until it is over and the referee is content, or the test fails. */
void operation_wait_over(struct e2e *t, const struct operation *o, int turn, const struct redis_pods *then, const char *when);
/* After forming: some writes, and the cluster goes away. Nothing after others. */
void operation_tidy(struct e2e *t, const struct operation *o);

#endif
