#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

int64_t lock_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void lock_init(struct lock *l, const char *path, int64_t beat_ms, int64_t stale_ms)
{
    *l = (struct lock){ .path = path, .beat_ms = beat_ms, .stale_ms = stale_ms };
    str_random_hex(l->token, sizeof(l->token) - 1);
}

static int failed(struct err *e, const char *what)
{
    enum err_kind kind = errno == EACCES || errno == EPERM || errno == EROFS ? ERR_DENIED : ERR_RETRY;

    return err_set(e, kind, "%s: %s", what, strerror(errno));
}

/* false: no such file */
static bool look(const char *path, char token[33], struct timespec *mtime)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    ssize_t n;

    if (fd < 0)
        return false;
    n = read(fd, token, 32);
    token[n > 0 ? n : 0] = '\0';
    if (fstat(fd, &st) < 0)
        st.st_mtim = (struct timespec){ 0 };
    *mtime = st.st_mtim;
    close(fd);
    return true;
}

static int put_token(const struct lock *l, const char *path, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), rc = 0;

    if (fd < 0)
        return errno == EEXIST ? LOCK_BUSY : failed(e, "cannot write to the folder of the model");
    if (write(fd, l->token, sizeof(l->token) - 1) != (ssize_t)sizeof(l->token) - 1)
        rc = failed(e, "cannot write to the folder of the model");
    close(fd);
    if (rc < 0)
        unlink(path);
    return rc;
}

static bool links_are_missing(int why)
{
    return why == EPERM || why == EOPNOTSUPP || why == ENOSYS || why == EMLINK;
}

/* On NFS the reply to a link that worked may be lost: the number of names is the truth. */
static bool is_linked(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && st.st_nlink == 2;
}

static int acquire(const struct lock *l, struct err *e)
{
    AUTO_FREE char *own = xasprintf("%s.%s", l->path, l->token);
    int rc = put_token(l, own, e), linked, why;

    if (rc != 0)
        return rc;
    linked = link(own, l->path);
    why = errno;
    rc = linked == 0 || is_linked(own) ? LOCK_MINE : LOCK_BUSY;
    unlink(own);
    return rc == LOCK_BUSY && links_are_missing(why) ? put_token(l, l->path, e) : rc;
}

/* Between the look and the move somebody else may have taken it over: then it is put back. */
static void move_away(const struct lock *l)
{
    AUTO_FREE char *aside = xasprintf("%s.%s.stale", l->path, l->token);
    struct timespec mtime;
    char token[33];

    if (rename(l->path, aside) < 0)
        return;
    if (look(aside, token, &mtime) && !str_eq(token, l->seen) && link(aside, l->path) < 0)
        (void)!rename(aside, l->path);
    unlink(aside);
}

static bool looks_dead(struct lock *l)
{
    int64_t now_ms = lock_now_ms();
    struct timespec mtime;
    char token[33];

    if (!look(l->path, token, &mtime))
        return false;
    if (!l->seen_ms || !str_eq(token, l->seen) || mtime.tv_sec != l->seen_mtime.tv_sec ||
        mtime.tv_nsec != l->seen_mtime.tv_nsec) {
        memcpy(l->seen, token, sizeof(token));
        l->seen_mtime = mtime;
        l->seen_ms = now_ms;
    }
    return now_ms - l->seen_ms >= l->stale_ms;
}

int lock_try(struct lock *l, struct err *e)
{
    int rc = acquire(l, e);

    if (rc == LOCK_BUSY && looks_dead(l)) {
        move_away(l);
        rc = acquire(l, e);
    }
    if (rc == LOCK_MINE) {
        l->beaten_ms = lock_now_ms();
        l->seen_ms = 0;
    }
    return rc;
}

int lock_check(struct lock *l, struct err *e)
{
    struct timespec mtime;
    char token[33];

    if (look(l->path, token, &mtime) && str_eq(token, l->token))
        return 0;
    return err_set(e, ERR_CONFLICT, "another pod took the download over");
}

int lock_beat(struct lock *l, struct err *e)
{
    int64_t now_ms = lock_now_ms();

    if (now_ms - l->beaten_ms < l->beat_ms)
        return 0;
    if (lock_check(l, e) < 0)
        return -e->kind;
    (void)!utimensat(AT_FDCWD, l->path, NULL, 0);
    l->beaten_ms = now_ms;
    return 0;
}

void lock_release(struct lock *l)
{
    if (lock_check(l, NULL) == 0)
        unlink(l->path);
}
