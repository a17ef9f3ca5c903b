/* What a Redis server may send: replies within the limits of the meter, or the end of the connection. */
#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "redis/meter.h"

enum { BYTES_MAX = 8192, ITEMS_MAX = 64, DEPTH_MAX = 4, REPLIES_MAX = 64 };

static size_t count(const redisReply *r, int depth)
{
    size_t n = r->elements;

    assert(depth <= DEPTH_MAX || !r->elements);
    for (size_t i = 0; i < r->elements; i++)
        n += count(r->element[i], depth + 1);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct meter_limits limits = { .bytes = BYTES_MAX, .items = ITEMS_MAX, .depth = DEPTH_MAX };
    size_t items = 0;
    int fds[2];
    redisContext *c;
    void *reply;

    if (size > 2 * BYTES_MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        return 0;
    if (write(fds[1], data, size) != (ssize_t)size)
        size = 0;
    close(fds[1]);
    c = redisConnectFd(fds[0]);
    meter_attach(c, false, &limits);
    for (int i = 0; i < REPLIES_MAX && redisGetReply(c, &reply) == REDIS_OK; i++) {
        items += count(reply, 1);
        freeReplyObject(reply);
    }
    assert(items <= ITEMS_MAX);
    redisFree(c);
    return 0;
}
