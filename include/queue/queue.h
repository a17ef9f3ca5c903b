/*
 * queue/queue.h - which key is worked on next.
 *
 * Pure: time comes in as an argument, in milliseconds of the monotonic clock.
 * A key is in the queue at most once and never worked on twice at a time:
 * what is added while it is in flight makes it come again afterwards. How long
 * a failed key waits depends on the kind of the error. Each key has a bucket of
 * 100 writes that refills by one a second, against fights over a field.
 * All operations take O(log n), queue_stats O(n).
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct queue;

/* LOW is for keys of an initial list: what changes now is served first. */
enum queue_prio { QUEUE_HIGH, QUEUE_LOW };

struct queue *queue_new(void);
void queue_free(struct queue *q); /* NULL is fine */

/* The key wants work at due_ms; of several wishes the earliest and the highest priority count.
 * Waits that the server asked for, or an empty bucket, are kept to. due_ms 0: at once. Copies key. */
void queue_add(struct queue *q, const char *key, enum queue_prio prio, int64_t due_ms);

/* The next key that is due, now in flight until queue_done; NULL: none. Lent until queue_done.
 * waited_ms, which may be NULL: how long it has been due. */
const char *queue_take(struct queue *q, int64_t now_ms, int64_t *waited_ms);

struct queue_result {
    enum err_kind kind;     /* how the work ended; ERR_NONE forgets earlier failures */
    int32_t retry_after_ms; /* ERR_RETRY: not before */
    int64_t again_in_ms;    /* ERR_NONE: work again then; below 0: only when added */
    unsigned n_writes;      /* sent; taken out of the bucket */
};

/*
 * The key is not in flight any more. When it comes again:
 *   NONE      after again_in_ms
 *   RETRY, ABSENT   5 ms x 2^failures, at most 5 min, not before retry_after_ms
 *   CONFLICT  at once; costs a write
 *   DENIED, BUG     30 s x 2^failures, at most 5 min
 *   INVALID   when added
 * and at once (but for retry_after_ms and the bucket) when it was added meanwhile.
 */
void queue_done(struct queue *q, const char *key, const struct queue_result *r, int64_t now_ms);

/* The object is gone: nothing of the key is kept. In flight: once it is done, unless added again. */
void queue_drop(struct queue *q, const char *key);

/* When queue_take will next have something; INT64_MAX: not before something is added. */
int64_t queue_next_due_ms(const struct queue *q);

/* The bucket is empty: somebody undoes our writes as fast as we make them. */
bool queue_is_tripped(const struct queue *q, const char *key, int64_t now_ms);

unsigned queue_failures(const struct queue *q, const char *key); /* in a row */

/* For the metrics workqueue_*. */
struct queue_stats {
    size_t depth;          /* due, not in flight */
    size_t waiting;        /* not due yet */
    size_t in_flight;
    int64_t adds, retries; /* since the start */
    int64_t unfinished_ms; /* of all in flight, summed up */
    int64_t longest_ms;    /* of the one longest in flight */
};
void queue_stats(const struct queue *q, int64_t now_ms, struct queue_stats *out);

#endif
