/*
 * sim/controllers/statefulset.h - one pass over one StatefulSet, shared by its three files.
 */
#ifndef SIM_CONTROLLERS_STATEFULSET_H
#define SIM_CONTROLLERS_STATEFULSET_H

#include "sim/controllers/sync.h"

struct stateful {
    struct sync *s;
    const cJSON *set;
    int64_t start;    /* the first ordinal */
    int64_t replicas;
    int64_t partition; /* indexes below keep the current revision */
    int64_t min_ready_s;
    bool ordered;   /* OrderedReady: one after the other */
    bool on_delete; /* running pods are left alone */
    struct list pods;      /* all that are its own, by ordinal */
    struct list revisions; /* oldest first */
    char update_rev[300];
    char current_rev[300];
    const cJSON *current_template;
};

/* statefulset_rev.c: revisions adopted, made, trimmed; fills the last three fields. */
void stateful_read_revisions(struct stateful *st);
void stateful_trim_revisions(struct stateful *st);

/* statefulset_pod.c */
int64_t stateful_ordinal(const struct stateful *st, const cJSON *pod); /* -1: not one of ours */
bool stateful_is_old(const struct stateful *st, const cJSON *pod);
void stateful_create_pod(struct stateful *st, int64_t ordinal);
/* Owner references of a pod's claims as the retention policy wants them. True: they are being changed. */
bool stateful_keep_claims(struct stateful *st, const cJSON *pod, bool condemned);

#endif
