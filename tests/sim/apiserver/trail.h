/*
 * sim/apiserver/trail.h - where in a document a walk is, as a chain on the stack.
 *
 * Pure. Rendered only when a message needs it: "spec.containers[0].name".
 */
#ifndef SIM_APISERVER_TRAIL_H
#define SIM_APISERVER_TRAIL_H

#include <stddef.h>

struct trail {
    const struct trail *up;
    const char *name; /* NULL: an index */
    int index;
};

/* Always NUL terminated; cut at size. Returns out. */
char *trail_text(const struct trail *t, char *out, size_t size);

enum { TRAIL_TEXT = 512 };

#endif
