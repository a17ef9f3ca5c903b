/*
 * lock.h - one downloader per folder, also where several machines share it.
 *
 * A file that names its holder, linked into place, because that is atomic on every file system, NFS included; where
 * links are not to be had, created exclusively. The holder touches it; one that nobody touched for stale_ms of the
 * observer's own clock has a dead holder and is moved away. No clocks are compared, and nothing is left locked by a
 * machine that is gone. A holder that was only asleep finds out by lock_beat, before it gives the file its name.
 *
 * Private to the room. Names are lent and must outlive the lock.
 */
#ifndef FETCH_LOCK_H
#define FETCH_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

struct lock {
    const char *path;
    int64_t beat_ms, stale_ms;
    char token[33];      /* of ours */
    int64_t beaten_ms;   /* when we last touched it */
    /* what was last seen of another holder's */
    char seen[33];
    struct timespec seen_mtime;
    int64_t seen_ms;     /* since when it looks so */
};

enum lock_try { LOCK_MINE, LOCK_BUSY };

int64_t lock_now_ms(void); /* monotonic */

void lock_init(struct lock *l, const char *path, int64_t beat_ms, int64_t stale_ms);

/* One try; LOCK_BUSY: somebody else has it, come again soon. A negative kind: the folder cannot be written. */
int lock_try(struct lock *l, struct err *e) MUST_USE;

/* To be called often; touches the file when it is time. ERR_CONFLICT: it is not ours any more. */
int lock_beat(struct lock *l, struct err *e) MUST_USE;

/* Is it ours, as the file says now? ERR_CONFLICT otherwise. */
int lock_check(struct lock *l, struct err *e) MUST_USE;

void lock_release(struct lock *l);

#endif
