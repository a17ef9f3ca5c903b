/*
 * slots/report.h - a look at a Redis Cluster, for people and for programs: the verdict, each predicate with
 * what it holds on or what is against it, the shards, a picture of the slots.
 *
 * Pure: the caller prints.
 */
#ifndef SLOTS_REPORT_H
#define SLOTS_REPORT_H

#include "slots/verdict.h"

struct report_look {
    const struct expected *x;
    const struct node_view *views; /* one per member */
    const struct verdict *v;
    bool settled; /* P14 was asked for; otherwise it is not shown */
    int width;    /* columns of the terminal; 0: lines are not broken */
    bool colours;
};

void report_table(const struct report_look *l, struct buf *out);
/* pretty: over many lines; otherwise one. */
void report_json(const struct report_look *l, bool pretty, struct buf *out);

#endif
