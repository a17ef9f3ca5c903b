/*
 * preload.c - loaded into the operator by tests, never part of it.
 *
 * E2E_REDIS_PORT=n: connections to 10.x.y.z:6379 go to 127.x.y.z:n, where the relay listens.
 * E2E_CLOCK=file: the wall clock is ahead by the 64-bit count of milliseconds in that file, which
 * may change at any time; the monotonic clock stays.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { REDIS = 6379 };

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    static int (*next)(int, const struct sockaddr *, socklen_t);
    const char *port = getenv("E2E_REDIS_PORT");
    struct sockaddr_in a;

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "connect");
    if (!port || to->sa_family != AF_INET || len < sizeof(a))
        return next(fd, to, len);
    memcpy(&a, to, sizeof(a));
    uint32_t ip = ntohl(a.sin_addr.s_addr);
    if (ntohs(a.sin_port) != REDIS || ip >> 24 != 10)
        return next(fd, to, len);
    a.sin_addr.s_addr = htonl((ip & 0x00ffffff) | 127u << 24);
    a.sin_port = htons((uint16_t)strtol(port, NULL, 10));
    return next(fd, (const struct sockaddr *)&a, sizeof(a));
}

static int64_t ahead_ms(void)
{
    static const volatile int64_t *ahead;
    const char *file = getenv("E2E_CLOCK");
    int fd = ahead || !file ? -1 : open(file, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        void *m = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);
        ahead = m == MAP_FAILED ? NULL : m;
        close(fd);
    }
    return ahead ? *ahead : 0;
}

int clock_gettime(clockid_t which, struct timespec *out)
{
    static int (*next)(clockid_t, struct timespec *);

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
    int rc = next(which, out);
    if (rc == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        int64_t ms = out->tv_sec * 1000LL + out->tv_nsec / 1000000 + ahead_ms();
        out->tv_sec = ms / 1000;
        out->tv_nsec = ms % 1000 * 1000000;
    }
    return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
