/*
 * slots/report_map.h - a picture of who owns which slots, for a terminal.
 *
 * Pure. Each character stands for a run of slots: the letter of its owner (A owns the lowest
 * slot), or what is wrong with any of them: '!' two claim it, '-' nobody serves it, '~' it is half moved.
 */
#ifndef SRC_SLOTS_REPORT_MAP_H
#define SRC_SLOTS_REPORT_MAP_H

#include "base/buf.h"
#include "slots/merged.h"

/* Of members that own slots, in order of their lowest one. */
struct report_owners {
    size_t *members; /* owned */
    size_t n;
};
void report_owners_init(struct report_owners *o, const struct merged *m);
void report_owners_done(struct report_owners *o);

char report_letter(size_t owner); /* 'A' ... 'Z', 'a' ... 'z', '0' ... '9', then '#' */
/* Switches colours on for that owner; "" without colours. Ends with report_colour_end. */
const char *report_colour(size_t owner, bool colours);
const char *report_colour_end(bool colours);

/* width: columns of the terminal; 0: as if they were 80. */
void report_map(const struct merged *m, const struct report_owners *o, int width, bool colours, struct buf *out);

#endif
