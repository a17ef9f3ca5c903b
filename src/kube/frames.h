/*
 * kube/frames.h - the body of a watch, cut into lines, and a line as an event.
 *
 * Pure. The body may arrive split at any byte, and several lines may share a
 * piece. One line is at most FRAME_MAX_BYTES.
 */
#ifndef KUBE_FRAMES_H
#define KUBE_FRAMES_H

#include "base/buf.h"
#include "json/json.h"

enum { FRAME_MAX_BYTES = 4 * 1024 * 1024 };

struct frames {
    struct buf rest; /* of a line that has not ended yet */
};

void frames_init(struct frames *f);
void frames_done(struct frames *f);
void frames_clear(struct frames *f); /* a new body begins */

/* Calls on_line for each line that is complete; the line is lent, without its end, and not NUL
 * terminated; blank ones are left out. 0; -ERR_RETRY when a line is too long or on_line said false. */
int frames_feed(struct frames *f, const char *data, size_t len,
                bool (*on_line)(void *arg, const char *line, size_t len), void *arg, struct err *e) MUST_USE;

enum frame_type { FRAME_ADDED, FRAME_MODIFIED, FRAME_DELETED, FRAME_BOOKMARK, FRAME_ERROR, FRAME_UNKNOWN };

struct frame {
    enum frame_type type;
    cJSON *root;       /* owned */
    const cJSON *obj;  /* lent from root: the object, or a Status */
    const char *rv;    /* of the object; NULL for FRAME_ERROR and FRAME_UNKNOWN */
    bool ends_initial; /* the bookmark after the initial objects */
};

/* ERR_RETRY when the line is not a watch event, or its object has no name or resourceVersion. */
int frame_parse(const char *line, size_t len, struct frame *out, struct err *e) MUST_USE;
void frame_done(struct frame *f);

/* resourceVersions of one type: digits of which the longer is the greater. Others: b is taken for newer
 * whenever it differs. */
bool kube_rv_is_newer(const char *a, const char *b); /* is b newer than a? */

#endif
