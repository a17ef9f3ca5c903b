#include "fetch/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fetch/uri.h"
#include "lock.h"
#include "part.h"
#include "transfer.h"

enum { PROGRESS_BYTES = 1 << 20, WAIT_TELL_MS = 30000 };

struct run {
    const struct fetch_options *o;
    struct model_uri uri;
    const char *name;  /* lent */
    uint64_t uri_hash; /* of what tells one model from another */
};

struct fetch_options fetch_defaults(void)
{
    return (struct fetch_options){
        .max_bytes = INT64_C(4) << 40,
        .tries = 6,
        .backoff_ms = 1000,
        .backoff_max_ms = 30000,
        .slow_bytes_per_s = 1024,
        .slow_s = 30,
        .connect_ms = 20000,
        .beat_ms = 5000,
        .stale_ms = 60000,
        .poll_ms = 1000,
    };
}

static void sleep_ms(int64_t ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

static int start(struct run *r, struct err *e)
{
    const struct fetch_options *o = r->o;

    if (o->sha256 && (strlen(o->sha256) != SHA_SIZE - 1 || strspn(o->sha256, "0123456789abcdef") != SHA_SIZE - 1))
        return err_set(e, ERR_INVALID, "sha256 is not 64 characters of lower-case hex");
    if (model_uri_parse(o->uri, o->endpoint, &r->uri, e) < 0)
        return -e->kind;
    r->name = o->name ? o->name : r->uri.name;
    if (!r->name || !model_name_is_fine(r->name))
        return err_set(e, ERR_INVALID, "the end of uri's path cannot be the name of a file: give fileName");
    r->uri_hash = str_hash(STR_HASH_INIT, r->uri.url, strlen(r->uri.url));
    if (mkdir(o->dir, 0755) < 0 && errno != EEXIST)
        return err_set(e, errno == EACCES || errno == EPERM || errno == EROFS ? ERR_DENIED : ERR_RETRY,
                       "cannot make a folder on the volume: %s", strerror(errno));
    return 0;
}

/* What was found may have been another version of the file, where nothing told them apart: once more, from the start. */
static int check_sum(const struct run *r, struct part *p, struct err *e)
{
    bool inherited = p->inherited > 0;
    char sum[SHA_SIZE];

    part_sum(p, sum);
    if (!r->o->sha256 || str_eq(sum, r->o->sha256))
        return 0;
    if (part_restart(p, e) < 0)
        return -e->kind;
    unlink(p->path);
    unlink(p->tag_path);
    return err_set(e, inherited ? ERR_BUG : ERR_INVALID, "sha256 is %.12s..., not %.12s...", sum, r->o->sha256);
}

static int64_t backoff_ms(const struct fetch_options *o, int failures)
{
    int64_t ms = o->backoff_ms;

    for (int i = 1; i < failures && ms < o->backoff_max_ms; i++)
        ms *= 2;
    return ms < o->backoff_max_ms ? ms : o->backoff_max_ms;
}

/* Sleeps in pieces: the lock is ours meanwhile. */
static int pause_before(const struct run *r, struct part *p, int failures, struct err *e)
{
    int64_t until_ms = lock_now_ms() + backoff_ms(r->o, failures), left_ms;

    while ((left_ms = until_ms - lock_now_ms()) > 0) {
        sleep_ms(left_ms < r->o->beat_ms ? left_ms : r->o->beat_ms);
        if (lock_beat(p->lock, e) < 0)
            return -e->kind;
    }
    return 0;
}

static int transfer_all(const struct run *r, struct transfer *t, struct err *e)
{
    int64_t before;
    int failures = 0, rc;

    for (;;) {
        before = t->part->bytes;
        rc = transfer_run(t, e);
        if (rc != -ERR_RETRY)
            return rc;
        failures = t->part->bytes - before >= PROGRESS_BYTES ? 1 : failures + 1;
        if (failures >= r->o->tries)
            return err_wrap(e, "%d tries failed", failures);
        if (r->o->on_progress)
            r->o->on_progress(r->o->arg, e->msg, t->part->bytes, t->total);
        if (pause_before(r, t->part, failures, e) < 0)
            return -e->kind;
    }
}

static int download(const struct run *r, struct lock *l, struct err *e)
{
    struct part p = { .fd = -1 };
    struct transfer t = { .easy = NULL };
    int rc = part_open(&p, r->o->dir, r->name, l, e);

    if (rc == 0)
        rc = transfer_init(&t, r->o, &r->uri, &p, e);
    if (rc == 0)
        rc = transfer_all(r, &t, e);
    if (rc == 0)
        rc = check_sum(r, &p, e);
    if (rc == 0)
        rc = part_finish(&p, r->uri_hash, e);
    transfer_done(&t);
    part_close(&p);
    return rc;
}

/* ERR_BUG is check_sum's word for: once more. */
static int download_twice(const struct run *r, struct lock *l, struct err *e)
{
    int rc = download(r, l, e);

    return rc == -ERR_BUG ? download(r, l, e) : rc;
}

static void tell_waiting(const struct run *r, int64_t *told_ms)
{
    int64_t now_ms = lock_now_ms();

    if (!r->o->on_progress || (*told_ms && now_ms - *told_ms < WAIT_TELL_MS))
        return;
    r->o->on_progress(r->o->arg, "waiting for another pod that downloads it", 0, -1);
    *told_ms = now_ms;
}

static int hold_and_download(const struct run *r, struct lock *l, struct err *e)
{
    int rc;

    /* it may have become complete between the look and the lock */
    rc = part_is_done(r->o->dir, r->name, r->uri_hash, r->o->sha256) ? FETCH_WAS_THERE : download_twice(r, l, e);
    lock_release(l);
    return rc;
}

static int take_turns(const struct run *r, struct lock *l, struct err *e)
{
    int64_t told_ms = 0;

    for (;;) {
        int rc;

        if (part_is_done(r->o->dir, r->name, r->uri_hash, r->o->sha256))
            return FETCH_WAS_THERE;
        rc = lock_try(l, e);
        if (rc == LOCK_MINE)
            rc = hold_and_download(r, l, e);
        else if (rc == LOCK_BUSY)
            rc = -ERR_CONFLICT;
        if (rc != -ERR_CONFLICT)
            return rc;
        tell_waiting(r, &told_ms);
        sleep_ms(r->o->poll_ms);
    }
}

int fetch_run(const struct fetch_options *o, struct err *e)
{
    struct run r = { .o = o };
    AUTO_FREE char *lock_path = NULL;
    struct lock l;
    int rc = start(&r, e);

    if (rc == 0) {
        lock_path = xasprintf("%s/.%s.lock", o->dir, r.name);
        lock_init(&l, lock_path, o->beat_ms, o->stale_ms);
        rc = take_turns(&r, &l, e);
        if (rc < 0) {
            struct err why = *e;

            rc = err_set(e, why.kind, "%.160s (%.80s)", why.msg, r.uri.shown);
        }
    }
    model_uri_done(&r.uri);
    return rc;
}
