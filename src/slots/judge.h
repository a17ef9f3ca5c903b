/*
 * slots/judge.h - the predicates P1 to P13, one function each.
 *
 * Pure. why holds an evidence text of struct verdict and is written only on false.
 */
#ifndef SLOTS_JUDGE_H
#define SLOTS_JUDGE_H

#include "slots/merged.h"

bool judge_reach(const struct merged *m, char *why);
bool judge_state(const struct merged *m, char *why);
bool judge_slots(const struct merged *m, char *why);
bool judge_ownership(const struct merged *m, char *why);
bool judge_consensus(const struct merged *m, char *why);
bool judge_epochs(const struct merged *m, char *why);
bool judge_closed(const struct merged *m, char *why);
bool judge_members(const struct merged *m, char *why);
bool judge_quorum(const struct merged *m, char *why);
bool judge_quorum_of(const struct merged *m, size_t i, char *why);
bool judge_replicas(const struct merged *m, char *why);
bool judge_spread(const struct merged *m, char *why); /* spread.c */
bool judge_disk(const struct merged *m, char *why);   /* judge_care.c */
bool judge_room(const struct merged *m, char *why);   /* judge_care.c */
/* How many replicas of this owner are in sync; why names one that is not. */
size_t judge_synced_of(const struct merged *m, size_t owner, struct err *why);

#endif
