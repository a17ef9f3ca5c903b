/*
 * slots/resize_parts.h - what the files of resizing share: the cluster as this pass sees it, and
 * the rules of each file.
 *
 * Pure. A rule returns true when it has decided the step.
 */
#ifndef SRC_SLOTS_RESIZE_PARTS_H
#define SRC_SLOTS_RESIZE_PARTS_H

#include "slots/merged.h"
#include "slots/resize.h"
#include "slots/tell.h"

struct resize {
    struct merged m;
    const struct verdict *v;
    const struct resize_plan *plan;
    const struct pace *pace; /* NULL: by SETSLOT and MIGRATE */
    struct resize_step *out;
};

#define resize_stop(z, ...) STEP_STOP((z)->out, __VA_ARGS__)
const char *resize_name(const struct resize *z, size_t i);
bool resize_is_leaving(const struct resize *z, size_t i);
/* By the plan; NULL: it owns nothing in the end. */
const struct resize_owner *resize_owner_of(const struct resize *z, size_t member);

#define RESIZE_WAIT_MS 250
#define RESIZE_LATER_MS 2000 /* for what a person has to mend */

/* resize_moves.c */
bool resize_open_slots(struct resize *z);
bool resize_stale_marks(struct resize *z); /* also while not every master serves */
bool resize_moves(struct resize *z);
bool resize_functions(struct resize *z); /* a shard gets no data before it has the functions that go with it */
void resize_progress(struct resize *z);

/* resize_roles.c */
bool resize_place(struct resize *z);       /* free nodes go where copies are missing on pods that stay */
bool resize_arm(struct resize *z);
bool resize_new_masters(struct resize *z); /* waits until masters without slots have their replicas */
bool resize_hand_over(struct resize *z);   /* off the pods that leave */
bool resize_complete(struct resize *z);    /* waits until every owner has its copies on pods that stay */

/* resize_end.c */
bool resize_forget(struct resize *z);
bool resize_prove(struct resize *z);

#endif
