/*
 * slots/handover.h - where a slot stands between two masters, and the first step that is left to do.
 *
 * Pure. Judged by own rows alone: a mark of a moving slot is shown by its owner only, and gossip may
 * be late. The order of the steps is the order that loses nothing: the target takes the slot before the
 * source lets it go, and only when the source counts no key. So each state that a crash leaves behind
 * is one of these, and going on is the same list from a later step.
 */
#ifndef SLOTS_HANDOVER_H
#define SLOTS_HANDOVER_H

#include "slots/view.h"

enum handover_step {
    HAND_IMPORT,  /* mark it on the target (moving back: on the source) */
    HAND_MIGRATE, /* mark it on the source */
    HAND_KEYS,    /* its keys */
    HAND_COUNT,   /* the source must hold none */
    HAND_TARGET,  /* the target takes it */
    HAND_SOURCE,  /* the source lets it go */
    HAND_OTHERS,  /* everybody else hears of it */
    HAND_STABLE,  /* the source's mark goes */
    HAND_REFUSED,
};

enum handover_how {
    HAND_FORWARD, /* source owns the slot, target gets it */
    HAND_BACK,    /* target owns it, source holds keys of it that nobody serves */
    HAND_UNMARK,  /* the mark on source leads nowhere */
};

/* views: of all masters, by index; ids: who they are expected to be. HAND_REFUSED with ERR_RETRY: one of
 * the two does not answer; with ERR_INVALID: it is not as expected, and nothing may be sent. */
enum handover_step handover_judge(enum handover_how how, uint16_t slot, const struct node_view *views, size_t n,
                                  const char *const *ids, size_t source, size_t target, struct err *why);

#endif
