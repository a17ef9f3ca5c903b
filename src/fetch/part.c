#include "part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum { CHUNK = 1 << 18, SYNC_BYTES = 256 << 20, DONE_SIZE = 256 };

static int failed(struct err *e, const char *what)
{
    if (errno == ENOSPC || errno == EDQUOT)
        return err_set(e, ERR_INVALID, "the volume is full");
    return err_set(e, errno == EACCES || errno == EPERM || errno == EROFS ? ERR_DENIED : ERR_RETRY, "%s: %s", what,
                   strerror(errno));
}

static void read_text(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);

    out[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static int write_text(const char *path, const char *text, struct err *e)
{
    AUTO_FREE char *half = xasprintf("%s.new", path);
    int fd = open(half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), rc = 0;
    size_t n = strlen(text);

    if (fd < 0)
        return failed(e, "cannot write to the folder of the model");
    if (write(fd, text, n) != (ssize_t)n || fsync(fd) < 0)
        rc = failed(e, "cannot write to the folder of the model");
    close(fd);
    if (rc == 0 && rename(half, path) < 0)
        rc = failed(e, "cannot write to the folder of the model");
    return rc;
}

/* What was found counts only as far as it can be read again. */
static int add_what_is_there(struct part *p, struct err *e)
{
    AUTO_FREE char *chunk = xcalloc(1, CHUNK);
    ssize_t n;

    while ((n = read(p->fd, chunk, CHUNK)) > 0) {
        EVP_DigestUpdate(p->sum, chunk, (size_t)n);
        p->bytes += n;
        if (lock_beat(p->lock, e) < 0)
            return -e->kind;
    }
    if (n < 0)
        return failed(e, "cannot read what was downloaded before");
    p->inherited = p->synced = p->bytes;
    return 0;
}

int part_open(struct part *p, const char *dir, const char *name, struct lock *lock, struct err *e)
{
    *p = (struct part){ .path = xasprintf("%s/.%s.part", dir, name),
                        .tag_path = xasprintf("%s/.%s.tag", dir, name),
                        .final_path = xasprintf("%s/%s", dir, name),
                        .done_path = xasprintf("%s/.%s.done", dir, name),
                        .dir = xstrdup(dir),
                        .sum = EVP_MD_CTX_new(),
                        .lock = lock };
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (p->fd < 0)
        return failed(e, "cannot write to the folder of the model");
    EVP_DigestInit_ex(p->sum, EVP_sha256(), NULL);
    read_text(p->tag_path, p->tag, sizeof(p->tag));
    return add_what_is_there(p, e);
}

void part_close(struct part *p)
{
    if (p->path && p->fd >= 0)
        close(p->fd);
    EVP_MD_CTX_free(p->sum);
    free(p->path);
    free(p->tag_path);
    free(p->final_path);
    free(p->done_path);
    free(p->dir);
    *p = (struct part){ .fd = -1 };
}

int part_restart(struct part *p, struct err *e)
{
    if (ftruncate(p->fd, 0) < 0 || lseek(p->fd, 0, SEEK_SET) < 0)
        return failed(e, "cannot start over");
    p->bytes = p->synced = p->inherited = 0;
    EVP_DigestInit_ex(p->sum, EVP_sha256(), NULL);
    return part_set_tag(p, "", e);
}

int part_set_tag(struct part *p, const char *tag, struct err *e)
{
    if (str_eq(p->tag, tag))
        return 0;
    if (!str_copy(p->tag, sizeof(p->tag), tag))
        p->tag[0] = '\0';
    return write_text(p->tag_path, p->tag, e);
}

int part_add(struct part *p, const void *data, size_t len, struct err *e)
{
    const char *from = data;

    for (size_t done = 0; done < len;) {
        ssize_t n = write(p->fd, from + done, len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(e, "cannot write the model");
        EVP_DigestUpdate(p->sum, from + done, (size_t)n);
        p->bytes += n;
        done += (size_t)n;
    }
    /* little by little: one long wait at the end would look like a dead holder of the lock */
    if (p->bytes - p->synced >= SYNC_BYTES) {
        if (fdatasync(p->fd) < 0)
            return failed(e, "cannot write the model");
        p->synced = p->bytes;
    }
    return lock_beat(p->lock, e);
}

void part_sum(const struct part *p, char out[SHA_SIZE])
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    unsigned char sum[EVP_MAX_MD_SIZE] = { 0 };

    EVP_MD_CTX_copy_ex(copy, p->sum);
    EVP_DigestFinal_ex(copy, sum, NULL);
    EVP_MD_CTX_free(copy);
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

int64_t part_room(const struct part *p)
{
    struct statvfs v;

    return fstatvfs(p->fd, &v) == 0 && v.f_blocks ? (int64_t)v.f_bavail * (int64_t)v.f_frsize : INT64_MAX;
}

static void done_text(const struct stat *st, uint64_t uri_hash, const char *sum, char out[DONE_SIZE])
{
    snprintf(out, DONE_SIZE, "%016llx %lld %lld.%09ld %s\n", (unsigned long long)uri_hash, (long long)st->st_size,
             (long long)st->st_mtim.tv_sec, (long)st->st_mtim.tv_nsec, sum);
}

static int sync_dir(const struct part *p, struct err *e)
{
    int fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return failed(e, "cannot open the folder of the model");
    if (fsync(fd) < 0 && errno != EINVAL) /* some file systems cannot, and need not */
        rc = failed(e, "cannot write to the folder of the model");
    close(fd);
    return rc;
}

int part_finish(struct part *p, uint64_t uri_hash, struct err *e)
{
    char text[DONE_SIZE], sum[SHA_SIZE];
    struct stat st;

    if (fsync(p->fd) < 0)
        return failed(e, "cannot write the model");
    if (lock_check(p->lock, e) < 0)
        return -ERR_CONFLICT;
    if (rename(p->path, p->final_path) < 0 || stat(p->final_path, &st) < 0)
        return failed(e, "cannot give the model its name");
    unlink(p->tag_path);
    part_sum(p, sum);
    done_text(&st, uri_hash, sum, text);
    if (sync_dir(p, e) < 0)
        return -e->kind;
    return write_text(p->done_path, text, e);
}

bool part_is_done(const char *dir, const char *name, uint64_t uri_hash, const char *sha256)
{
    AUTO_FREE char *file = xasprintf("%s/%s", dir, name), *done = xasprintf("%s/.%s.done", dir, name);
    char have[DONE_SIZE], want[DONE_SIZE], *sum;
    struct stat st;

    read_text(done, have, sizeof(have));
    sum = strrchr(have, ' ');
    if (!sum || strlen(sum) != SHA_SIZE + 1 || stat(file, &st) < 0)
        return false;
    sum[SHA_SIZE] = '\0';
    if (sha256 && !str_eq(sum + 1, sha256))
        return false;
    done_text(&st, uri_hash, sum + 1, want);
    return str_has_prefix(want, have);
}
