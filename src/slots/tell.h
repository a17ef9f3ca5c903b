/*
 * slots/tell.h - commands that forming and joining share. Pure.
 */
#ifndef SLOTS_TELL_H
#define SLOTS_TELL_H

#include "slots/command.h"
#include "slots/merged.h"

/* Both are up: does the viewer know this member at its address? */
bool tell_knows(const struct merged *m, size_t viewer, size_t member);

/* MEET, unless `from` knows `to` already or is shaking hands with it. */
void tell_meet(struct commands *c, const struct merged *m, size_t from, size_t to);

/* REPLICATE or FORGET. */
void tell_id(struct commands *c, enum command_kind kind, size_t who, const char *id);

#endif
