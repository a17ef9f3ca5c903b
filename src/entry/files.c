#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { CHUNK = 1 << 16 };

static int failed(struct err *e, const char *path)
{
    return err_set(e, ERR_RETRY, "%s: %s", path, strerror(errno));
}

int files_sync(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return failed(e, path);
    if (fsync(fd) < 0)
        rc = failed(e, path);
    close(fd);
    return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int files_put(const char *path, const void *data, size_t len, struct err *e)
{
    AUTO_FREE char *half = xasprintf("%s.new", path);
    int fd = open(half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640), rc;

    if (fd < 0)
        return failed(e, half);
    rc = write_all(fd, data, len) < 0 || fsync(fd) < 0 ? failed(e, half) : 0;
    if (close(fd) < 0 && rc == 0)
        rc = failed(e, half);
    if (rc == 0 && rename(half, path) < 0)
        rc = failed(e, path);
    return rc;
}

/* to -1: only read */
static int pump(int from, int to, struct sha256 *hash, const char *path, struct err *e)
{
    AUTO_FREE char *chunk = xcalloc(1, CHUNK);
    ssize_t n;

    while ((n = read(from, chunk, CHUNK)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || (to >= 0 && write_all(to, chunk, (size_t)n) < 0))
            return failed(e, path);
        sha256_add(hash, chunk, (size_t)n);
    }
    return to >= 0 && fsync(to) < 0 ? failed(e, path) : 0;
}

static int hash_into(const char *from, int to, char *hex, int64_t *bytes, struct err *e)
{
    int fd = open(from, O_RDONLY | O_CLOEXEC), rc;
    struct sha256 hash;

    if (fd < 0)
        return failed(e, from);
    sha256_init(&hash);
    rc = pump(fd, to, &hash, from, e);
    close(fd);
    *bytes = (int64_t)hash.bytes;
    sha256_end(&hash, hex);
    return rc;
}

int files_hash(const char *path, char hex[SHA256_HEX + 1], int64_t *bytes, struct err *e)
{
    return hash_into(path, -1, hex, bytes, e);
}

int files_copy(const char *from, const char *to, char hex[SHA256_HEX + 1], int64_t *bytes, struct err *e)
{
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640), rc;

    if (fd < 0)
        return failed(e, to);
    rc = hash_into(from, fd, hex, bytes, e);
    if (close(fd) < 0 && rc == 0)
        rc = failed(e, to);
    return rc;
}
