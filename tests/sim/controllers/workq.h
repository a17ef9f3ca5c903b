/*
 * sim/controllers/workq.h - a controller's keys: each at most once, never worked on
 * twice at a time, failed ones later and later (5 ms doubling to 30 s).
 *
 * Pure: the time is an argument. Copies keys.
 */
#ifndef SIM_CONTROLLERS_WORKQ_H
#define SIM_CONTROLLERS_WORKQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct workq;

struct workq *workq_new(void);
void workq_free(struct workq *q); /* NULL is fine */

void workq_add(struct workq *q, const char *key); /* now; while it is busy: once more afterwards */
void workq_add_at(struct workq *q, const char *key, int64_t due_ms); /* not before; an earlier time stays */

/* The next due key, busy from here until workq_done; NULL: none. Lent until then. */
const char *workq_take(struct workq *q, int64_t now_ms);
/* A failure comes back by backoff, even when nothing changes. */
void workq_done(struct workq *q, const char *key, bool failed, int64_t now_ms);

size_t workq_busy(const struct workq *q);
/* When something is due next; -1: nothing waits. */
int64_t workq_next_ms(const struct workq *q, int64_t now_ms);

#endif
