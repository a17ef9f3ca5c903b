/*
 * ports.h - a port on loopback for a real server of a test, whose bus is at the port + 10000.
 *
 * Both are free, below the ports that clients get, and of a range of the test program's own (tests/run numbers
 * those that run at a time): a server that is killed finds its port again.
 */
#ifndef TESTS_PORTS_H
#define TESTS_PORTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTS_FIRST = 11000, PORTS_RANGES = 4, PORTS_IN_RANGE = 2700, PORTS_OF_TEST = 27, PORTS_BUS = 10000 };

static inline bool port_is_free(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = bind(fd, (struct sockaddr *)&a, sizeof(a));

    close(fd);
    return rc == 0;
}

static inline uint16_t port_take(void)
{
    static int next = -1;
    const char *slot = getenv("TEST_SLOT");
    int first = PORTS_FIRST + (slot ? atoi(slot) % PORTS_RANGES : 0) * PORTS_IN_RANGE;

    if (next < 0) /* tests of one program may be processes that run side by side */
        next = getpid() * PORTS_OF_TEST % PORTS_IN_RANGE;
    for (;;) {
        int port = first + next;

        next = (next + 1) % PORTS_IN_RANGE;
        if (port_is_free(port) && port_is_free(port + PORTS_BUS))
            return (uint16_t)port;
    }
}

#endif
