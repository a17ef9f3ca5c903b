/*
 * What would happen to one service, judged and said. Pure but for simulation_print.
 */
#ifndef SRC_APP_SIMULATE_SAY_H
#define SRC_APP_SIMULATE_SAY_H

#include <stdio.h>

#include "api/isvc.h"
#include "plan/loss.h"

enum what_if { IF_DRAIN, IF_NODE_LOST, IF_ZONE_LOST };

struct budget_now {
    bool there;
    int64_t allowed, healthy, desired; /* its status */
};

enum simulated { SIM_NOTHING, SIM_SURVIVES, SIM_OUTAGE, SIM_BLOCKED };

struct simulation {
    enum what_if how;
    const char *what;          /* the node or the zone */
    const char *key;           /* "namespace/name" */
    const struct isvc *svc;
    struct placed at;
    int32_t wanted, ready;     /* serving replicas */
    struct budget_now budget, redis_budget;
    /* judged */
    struct loss loss;
    int32_t surge;             /* replicas that the operator starts first */
    bool refused_for_ever;     /* the serving budget lets none of them go, whatever is ready */
    enum simulated verdict;
};

void simulation_judge(struct simulation *s);
cJSON *simulation_json(const struct simulation *s); /* caller frees */
void simulation_print(const struct simulation *s, FILE *out);

#endif
