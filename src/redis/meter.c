#include "redis/meter.h"

#include <stdio.h>

#include "base/mem.h"

struct meter {
    struct meter_limits limits, left;
};

static const redisContextFuncs *raw_funcs[2];
static redisContextFuncs metered_funcs[2];
static redisReplyObjectFunctions functions;
static void *(*raw_array)(const redisReadTask *task, size_t elements);

static int depth_of(const redisReadTask *task)
{
    int depth = 1;

    while ((task = task->parent))
        depth++;
    return depth;
}

/* hiredis reports NULL as out of memory. The reader's own private data is the meter. */
static void *metered_array(const redisReadTask *task, size_t elements)
{
    struct meter *m = task->privdata;

    if (elements > m->left.items || m->left.items == 0 || depth_of(task) > m->limits.depth)
        return NULL;
    m->left.items -= elements;
    return raw_array(task, elements);
}

static ssize_t metered_read(redisContext *c, char *buf, size_t size, const redisContextFuncs *raw)
{
    struct meter *m = c->privdata;
    ssize_t n = raw->read(c, buf, size);

    if (n <= 0)
        return n;
    if ((size_t)n > m->left.bytes) {
        c->err = REDIS_ERR_PROTOCOL;
        snprintf(c->errstr, sizeof(c->errstr), "more than %zu bytes of replies", m->limits.bytes);
        return -1;
    }
    m->left.bytes -= (size_t)n;
    return n;
}

static ssize_t metered_read_plain(redisContext *c, char *buf, size_t size)
{
    return metered_read(c, buf, size, raw_funcs[0]);
}

static ssize_t metered_read_tls(redisContext *c, char *buf, size_t size)
{
    return metered_read(c, buf, size, raw_funcs[1]);
}

void meter_attach(redisContext *c, bool tls, const struct meter_limits *limits)
{
    struct meter *m = xcalloc(1, sizeof(*m));

    m->limits = m->left = *limits;
    raw_funcs[tls] = c->funcs;
    metered_funcs[tls] = *c->funcs;
    metered_funcs[tls].read = tls ? metered_read_tls : metered_read_plain;
    c->funcs = &metered_funcs[tls];
    c->privdata = m;
    c->free_privdata = free;
    if (!raw_array) {
        functions = *c->reader->fn;
        raw_array = functions.createArray;
        functions.createArray = metered_array;
    }
    c->reader->fn = &functions;
    c->reader->privdata = m;
}

void meter_refill(redisContext *c)
{
    struct meter *m = c->privdata;

    m->left = m->limits;
}
