#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "entry.h"

static int copy(int from, int to)
{
    char chunk[65536];
    ssize_t n;

    while ((n = read(from, chunk, sizeof(chunk))) > 0)
        for (ssize_t done = 0, w; done < n; done += w)
            if ((w = write(to, chunk + done, (size_t)(n - done))) < 0)
                return -1;
    return n < 0 || fchmod(to, 0555) < 0 || fsync(to) < 0 ? -1 : 0;
}

static int copy_self(const char *path)
{
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    int rc = from < 0 || to < 0 ? -1 : copy(from, to), why = errno;

    if (from >= 0)
        close(from);
    if (to >= 0 && close(to) < 0 && rc == 0)
        rc = -1, why = errno;
    errno = why;
    return rc;
}

/* A half written program must not be found under the name that the next container runs. */
int entry_install(int argc, char **argv)
{
    AUTO_FREE char *path = argc == 2 ? xasprintf("%s/entry", argv[1]) : NULL;
    AUTO_FREE char *half = argc == 2 ? xasprintf("%s/.entry", argv[1]) : NULL;

    if (argc != 2)
        return fputs("usage: everserve-entry install DIR\n", stderr), 64;
    if (copy_self(half) < 0 || rename(half, path) < 0) {
        log_error("cannot install", F("path", (const char *)path), F("error", (const char *)strerror(errno)));
        return 1;
    }
    return 0;
}
