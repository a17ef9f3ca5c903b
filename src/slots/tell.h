/*
 * slots/tell.h - what the steps of forming, healing, resizing, rolling and of roles share. Pure.
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

/* Always true. */
bool tell_reason(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Decides a step, of whichever kind: all have action, again_ms and reason. True: no further rule is asked. */
#define STEP_STOP(step, what, ms, ...)                                                                               \
    ((step)->action = (what), (step)->again_ms = (ms), tell_reason((step)->reason, sizeof((step)->reason), __VA_ARGS__))

#endif
