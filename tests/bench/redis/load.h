/*
 * A client that follows MOVED and ASK, in a process of its own: one SET or GET at a time, at a fixed
 * pace, and how long each took.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <sys/mman.h>
#include <time.h>

#include "unit/redis/moves.h"

#define LOAD_SAMPLES 400000
#define LOAD_EVERY_US 500

struct load {
    volatile int running;  /* 0: ends */
    volatile size_t n;     /* samples so far */
    volatile size_t n_bad; /* answers that were neither OK, a value nor a redirection */
    uint32_t us[LOAD_SAMPLES];
};

struct load_client {
    const struct lab *lab;
    redisContext *nodes[LAB_MAX];
    uint8_t owner[SLOT_COUNT];
};

static inline int64_t load_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

/* "MOVED 7 127.0.0.1:7001" */
static inline size_t load_node_of(const struct load_client *c, const char *redirect)
{
    const char *colon = strrchr(redirect, ':');
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;

    for (size_t i = 0; i < c->lab->n; i++)
        if (c->lab->members[i].port == port)
            return i;
    return 0;
}

static inline bool load_once(struct load_client *c, const char *key, uint16_t slot, bool set)
{
    size_t at = c->owner[slot];

    for (int hops = 0; hops < 8; hops++) {
        redisReply *r = redisCommand(c->nodes[at], set ? "SET %s load" : "GET %s", key);
        bool moved = r && r->type == REDIS_REPLY_ERROR && strncmp(r->str, "MOVED ", 6) == 0;
        bool ask = r && r->type == REDIS_REPLY_ERROR && strncmp(r->str, "ASK ", 4) == 0;
        bool good = r && r->type != REDIS_REPLY_ERROR;

        if (moved || ask)
            at = load_node_of(c, r->str);
        if (moved)
            c->owner[slot] = (uint8_t)at;
        freeReplyObject(r);
        if (!moved && !ask)
            return good;
        if (ask)
            freeReplyObject(redisCommand(c->nodes[at], "ASKING"));
    }
    return false;
}

static inline void load_run(const struct lab *lab, struct load *l, int n_keys)
{
    struct load_client c = { .lab = lab };
    uint32_t seed = 1;
    char key[32];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < lab->n; i++)
        c.nodes[i] = moves_connect(lab, i);
    for (int64_t next = load_now_us(); l->running; next += LOAD_EVERY_US) {
        int64_t start;

        while ((start = load_now_us()) < next)
            usleep((useconds_t)(next - start));
        seed = seed * 1664525 + 1013904223;
        snprintf(key, sizeof(key), "key:%u", (seed >> 4) % (unsigned)n_keys);
        if (!load_once(&c, key, moves_slot_of(key, strlen(key)), seed >> 31))
            l->n_bad++;
        if (l->n < LOAD_SAMPLES)
            l->us[l->n++] = (uint32_t)(load_now_us() - start);
    }
    _exit(0);
}

static inline struct load *load_new(void)
{
    void *p = mmap(NULL, sizeof(struct load), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        abort();
    return p;
}

static inline pid_t load_start(const struct lab *lab, struct load *l, int n_keys)
{
    pid_t pid;

    l->running = 1;
    l->n = l->n_bad = 0;
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        load_run(lab, l, n_keys);
    return pid;
}

static inline int load_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Of the samples from..to: the p-th of a thousand, in milliseconds. Sorts them. */
static inline double load_percentile(struct load *l, size_t from, size_t to, int p)
{
    if (to <= from)
        return 0;
    qsort(l->us + from, to - from, sizeof(l->us[0]), load_compare);
    return l->us[from + (to - from - 1) * (size_t)p / 1000] / 1000.0;
}

#endif
