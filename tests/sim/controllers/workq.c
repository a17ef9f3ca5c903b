#include "sim/controllers/workq.h"

#include <sys/queue.h>

#include "base/map.h"
#include "base/mem.h"

enum { BACKOFF_FIRST_MS = 5, BACKOFF_MAX_MS = 30000, FAILS_MAX = 13 };

enum place { IDLE, READY, WAITING, BUSY };

struct job {
    TAILQ_ENTRY(job) next;
    char *key;
    int64_t due_ms; /* while waiting, or to wait for when no longer busy; -1: none */
    enum place place;
    bool dirty; /* added while busy */
    int n_fails;
};

TAILQ_HEAD(jobs, job);

struct workq {
    struct map *by_key;
    struct jobs ready;
    struct jobs waiting;
    int64_t next_due_ms; /* of the waiting ones; INT64_MAX: none */
    size_t n_busy;
};

struct workq *workq_new(void)
{
    struct workq *q = xcalloc(1, sizeof(*q));

    q->by_key = map_new();
    TAILQ_INIT(&q->ready);
    TAILQ_INIT(&q->waiting);
    q->next_due_ms = INT64_MAX;
    return q;
}

static void job_free(void *p)
{
    struct job *j = p;

    free(j->key);
    free(j);
}

void workq_free(struct workq *q)
{
    if (!q)
        return;
    map_free(q->by_key, job_free);
    free(q);
}

static struct job *job_get(struct workq *q, const char *key)
{
    struct job *j = map_get(q->by_key, key);

    if (j)
        return j;
    j = xcalloc(1, sizeof(*j));
    j->key = xstrdup(key);
    j->due_ms = -1;
    map_put(q->by_key, key, j);
    return j;
}

static void job_move(struct workq *q, struct job *j, enum place place)
{
    if (j->place == READY)
        TAILQ_REMOVE(&q->ready, j, next);
    if (j->place == WAITING)
        TAILQ_REMOVE(&q->waiting, j, next);
    j->place = place;
    if (place == READY)
        TAILQ_INSERT_TAIL(&q->ready, j, next);
    if (place == WAITING)
        TAILQ_INSERT_TAIL(&q->waiting, j, next);
    if (place == WAITING && j->due_ms < q->next_due_ms)
        q->next_due_ms = j->due_ms;
}

void workq_add(struct workq *q, const char *key)
{
    struct job *j = job_get(q, key);

    if (j->place == BUSY)
        j->dirty = true;
    else if (j->place != READY)
        job_move(q, j, READY);
}

void workq_add_at(struct workq *q, const char *key, int64_t due_ms)
{
    struct job *j = job_get(q, key);

    if (j->place == READY || (j->due_ms >= 0 && j->due_ms <= due_ms && j->place != IDLE))
        return;
    j->due_ms = due_ms;
    if (j->place != BUSY)
        job_move(q, j, WAITING);
}

static void wake_due(struct workq *q, int64_t now_ms)
{
    struct job *j, *next;

    if (now_ms < q->next_due_ms)
        return;
    q->next_due_ms = INT64_MAX;
    for (j = TAILQ_FIRST(&q->waiting); j; j = next) {
        next = TAILQ_NEXT(j, next);
        if (j->due_ms <= now_ms)
            job_move(q, j, READY);
        else if (j->due_ms < q->next_due_ms)
            q->next_due_ms = j->due_ms;
    }
}

const char *workq_take(struct workq *q, int64_t now_ms)
{
    struct job *j;

    wake_due(q, now_ms);
    j = TAILQ_FIRST(&q->ready);
    if (!j)
        return NULL;
    job_move(q, j, BUSY);
    j->dirty = false;
    j->due_ms = -1;
    q->n_busy++;
    return j->key;
}

static int64_t backoff_ms(int n_fails)
{
    int64_t ms = (int64_t)BACKOFF_FIRST_MS << (n_fails - 1);

    return ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms;
}

void workq_done(struct workq *q, const char *key, bool failed, int64_t now_ms)
{
    struct job *j = map_get(q->by_key, key);

    if (!j || j->place != BUSY)
        return;
    q->n_busy--;
    j->n_fails = failed ? j->n_fails + (j->n_fails < FAILS_MAX) : 0;
    if (failed && (j->due_ms < 0 || j->due_ms > now_ms + backoff_ms(j->n_fails)))
        j->due_ms = now_ms + backoff_ms(j->n_fails);
    if (j->dirty && !failed)
        job_move(q, j, READY);
    else if (j->due_ms >= 0)
        job_move(q, j, WAITING);
    else
        job_free(map_take(q->by_key, key));
}

size_t workq_busy(const struct workq *q)
{
    return q->n_busy;
}

int64_t workq_next_ms(const struct workq *q, int64_t now_ms)
{
    if (!TAILQ_EMPTY(&q->ready))
        return now_ms;
    return q->next_due_ms == INT64_MAX ? -1 : q->next_due_ms;
}
