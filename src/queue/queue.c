#include "queue/queue.h"

#include "base/map.h"
#include "base/mem.h"
#include "heap.h"

enum {
    N_PRIOS = 2,
    RETRY_FIRST_MS = 5,
    SLOW_FIRST_MS = 30000,
    WAIT_MAX_MS = 300000,
    BUCKET = 100 * 1000, /* thousandths of a write; one more each millisecond */
    ONE_WRITE = 1000,
};

static const int64_t NEVER = INT64_MAX;

struct entry {
    struct heap_item due; /* first: the heap hands this back */
    char *key;
    enum queue_prio prio;
    bool in_flight, dropped;
    int64_t dirty_ms; /* added in flight: when it is due; NEVER: it was not */
    enum queue_prio dirty_prio;
    unsigned failures;
    int64_t taken_ms;
    int64_t not_before_ms; /* the server asked for it, or the bucket is empty */
    int64_t spent, spent_at_ms; /* of the bucket, as of then; more than BUCKET: debts */
};

struct queue {
    struct map *entries;
    struct heap heaps[N_PRIOS];
    uint64_t seq;
    int64_t adds, retries;
};

struct queue *queue_new(void)
{
    struct queue *q = xcalloc(1, sizeof(*q));

    q->entries = map_new();
    return q;
}

static void entry_free(void *p)
{
    struct entry *n = p;

    free(n->key);
    free(n);
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < N_PRIOS; i++)
        heap_done(&q->heaps[i]);
    map_free(q->entries, entry_free);
    free(q);
}

static struct entry *entry_of(struct queue *q, const char *key)
{
    struct entry *n = map_get(q->entries, key);

    if (n)
        return n;
    n = xcalloc(1, sizeof(*n));
    n->key = xstrdup(key);
    n->dirty_ms = NEVER;
    map_put(q->entries, key, n);
    return n;
}

static void unschedule(struct queue *q, struct entry *n)
{
    if (n->due.place)
        heap_remove(&q->heaps[n->prio], &n->due);
}

static void schedule(struct queue *q, struct entry *n, enum queue_prio prio, int64_t due_ms)
{
    bool is_in = n->due.place != 0;

    if (due_ms < n->not_before_ms)
        due_ms = n->not_before_ms;
    if (is_in && n->due.due_ms <= due_ms && n->prio <= prio)
        return;
    if (is_in && n->due.due_ms < due_ms)
        due_ms = n->due.due_ms;
    if (is_in && n->prio < prio)
        prio = n->prio;
    unschedule(q, n);
    n->prio = prio;
    n->due.due_ms = due_ms;
    n->due.seq = q->seq++;
    heap_add(&q->heaps[prio], &n->due);
}

static void mark_dirty(struct queue *q, struct entry *n, enum queue_prio prio, int64_t due_ms)
{
    if (n->dirty_ms == NEVER) {
        q->adds++;
        n->dirty_prio = prio;
    }
    if (due_ms < n->dirty_ms)
        n->dirty_ms = due_ms;
    if (prio < n->dirty_prio)
        n->dirty_prio = prio;
    n->dropped = false;
}

void queue_add(struct queue *q, const char *key, enum queue_prio prio, int64_t due_ms)
{
    struct entry *n = entry_of(q, key);

    if (n->in_flight) {
        mark_dirty(q, n, prio, due_ms);
        return;
    }
    q->adds += n->due.place == 0;
    schedule(q, n, prio, due_ms);
}

const char *queue_take(struct queue *q, int64_t now_ms, int64_t *waited_ms)
{
    for (size_t i = 0; i < N_PRIOS; i++) {
        struct entry *n = (struct entry *)heap_first(&q->heaps[i]);

        if (!n || n->due.due_ms > now_ms)
            continue;
        heap_remove(&q->heaps[i], &n->due);
        if (waited_ms)
            *waited_ms = now_ms - n->due.due_ms;
        n->in_flight = true;
        n->taken_ms = now_ms;
        return n->key;
    }
    return NULL;
}

static int64_t spent_by_now(const struct entry *n, int64_t now_ms)
{
    int64_t left = n->spent - (now_ms - n->spent_at_ms);

    return left > 0 ? left : 0;
}

static void charge(struct entry *n, unsigned n_writes, int64_t now_ms)
{
    n->spent = spent_by_now(n, now_ms) + (int64_t)n_writes * ONE_WRITE;
    n->spent_at_ms = now_ms;
    if (now_ms + n->spent - (BUCKET - ONE_WRITE) > n->not_before_ms)
        n->not_before_ms = now_ms + n->spent - (BUCKET - ONE_WRITE);
}

static int64_t doubled_ms(int64_t first_ms, unsigned times)
{
    while (times-- && first_ms < WAIT_MAX_MS)
        first_ms *= 2;
    return first_ms < WAIT_MAX_MS ? first_ms : WAIT_MAX_MS;
}

/* How long a key waits after this result; below 0: until it is added. */
static int64_t wait_of(struct entry *n, const struct queue_result *r)
{
    switch (r->kind) {
    case ERR_NONE:
        return r->again_in_ms;
    case ERR_CONFLICT:
        return 0;
    case ERR_INVALID:
        return -1;
    case ERR_DENIED:
    case ERR_BUG:
        return doubled_ms(SLOW_FIRST_MS, n->failures++);
    default:
        return doubled_ms(RETRY_FIRST_MS, n->failures++);
    }
}

static void forget(struct queue *q, struct entry *n)
{
    unschedule(q, n);
    entry_free(map_take(q->entries, n->key));
}

void queue_done(struct queue *q, const char *key, const struct queue_result *r, int64_t now_ms)
{
    struct entry *n = map_get(q->entries, key);
    int64_t wait_ms;

    if (!n || !n->in_flight)
        return;
    n->in_flight = false;
    if (n->dropped) {
        forget(q, n);
        return;
    }
    if (r->kind == ERR_NONE)
        n->failures = 0;
    n->not_before_ms = now_ms + (r->retry_after_ms > 0 ? r->retry_after_ms : 0);
    charge(n, r->n_writes + (r->kind == ERR_CONFLICT), now_ms);
    wait_ms = wait_of(n, r);
    if (r->kind != ERR_NONE && wait_ms >= 0)
        q->retries++;
    if (wait_ms >= 0) {
        q->adds++;
        schedule(q, n, QUEUE_HIGH, now_ms + wait_ms);
    }
    if (n->dirty_ms != NEVER)
        schedule(q, n, n->dirty_prio, n->dirty_ms);
    n->dirty_ms = NEVER;
}

void queue_drop(struct queue *q, const char *key)
{
    struct entry *n = map_get(q->entries, key);

    if (!n)
        return;
    n->dirty_ms = NEVER;
    n->dropped = n->in_flight;
    if (!n->in_flight)
        forget(q, n);
}

int64_t queue_next_due_ms(const struct queue *q)
{
    int64_t min = INT64_MAX;

    for (size_t i = 0; i < N_PRIOS; i++) {
        const struct heap_item *it = heap_first(&q->heaps[i]);

        if (it && it->due_ms < min)
            min = it->due_ms;
    }
    return min;
}

bool queue_is_tripped(const struct queue *q, const char *key, int64_t now_ms)
{
    const struct entry *n = map_get(q->entries, key);

    return n && spent_by_now(n, now_ms) > BUCKET - ONE_WRITE;
}

unsigned queue_failures(const struct queue *q, const char *key)
{
    const struct entry *n = map_get(q->entries, key);

    return n ? n->failures : 0;
}

void queue_stats(const struct queue *q, int64_t now_ms, struct queue_stats *out)
{
    struct queue_stats s = { .adds = q->adds, .retries = q->retries };

    for (struct map_iter i = map_first(q->entries); i.key; map_next(&i)) {
        const struct entry *n = i.value;
        int64_t busy_ms = now_ms - n->taken_ms;

        s.depth += n->due.place && n->due.due_ms <= now_ms;
        s.waiting += n->due.place && n->due.due_ms > now_ms;
        if (!n->in_flight)
            continue;
        s.in_flight++;
        s.unfinished_ms += busy_ms;
        s.longest_ms = busy_ms > s.longest_ms ? busy_ms : s.longest_ms;
    }
    *out = s;
}
