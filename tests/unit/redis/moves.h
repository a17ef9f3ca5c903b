/*
 * Keys in chosen slots, slot moves, and what must be true afterwards, for tests on a lab cluster.
 *
 * A key's value follows from its name, so that every key can be verified without a list. Talks to the nodes
 * through hiredis, one by one and waiting: nothing of the product is in the way.
 */
#ifndef TESTS_MOVES_H
#define TESTS_MOVES_H

#include <hiredis/hiredis.h>

#include "lab.h"
#include "redis/move.h"

#define MOVES_MAX 1024 /* as the operator, RESIZE_MOVES_MAX */
#define KEY_SIZE 48

struct moves {
    struct lab *lab;
    struct redis_move *running; /* NULL when it has ended */
    struct move_slot slots[MOVES_MAX];
    enum move_state states[MOVES_MAX];
    size_t n;
    struct move_limits limits;
    struct move_report report; /* of the last batch */
    int n_done;
};

static inline redisContext *moves_connect(const struct lab *l, size_t i)
{
    struct timeval patience = { 20, 0 };
    redisContext *c = redisConnectWithTimeout("127.0.0.1", l->members[i].port, patience);

    if (!c || c->err)
        abort();
    redisSetTimeout(c, patience);
    if (l->password[0])
        freeReplyObject(redisCommand(c, "AUTH %s", l->password));
    return c;
}

static inline uint16_t moves_slot_of(const char *key, size_t len)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint16_t)((unsigned char)key[i] << 8);
        for (int b = 0; b < 8; b++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc % SLOT_COUNT;
}

/* A text whose slot is that one: a hash tag. */
static inline void moves_tag(uint16_t slot, char out[16])
{
    int n = 0;

    do
        snprintf(out, 16, "t%d", n++);
    while (moves_slot_of(out, strlen(out)) != slot);
}

/* Mixed sizes: most small, each 50th of 20 to 40 KB. */
static inline size_t moves_size(int i)
{
    return i % 50 == 49 ? 20000 + (size_t)i % 20000 : 10 + (size_t)i % 90;
}

static inline void moves_key(uint16_t slot, const char *tag, int i, char out[KEY_SIZE])
{
    snprintf(out, KEY_SIZE, "key:%u:{%s}:%d", slot, tag, i);
}

static inline void moves_value(const char *key, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (char)('a' + (i * 7 + (unsigned char)key[i % strlen(key)]) % 26);
}

/* Whole bytes of a reply that must be that; false otherwise. Frees it. */
static inline bool moves_is(redisReply *r, const char *want, size_t size)
{
    bool same = r && r->type == REDIS_REPLY_STRING && r->len == size && memcmp(r->str, want, size) == 0;

    freeReplyObject(r);
    return same;
}

static inline void moves_fill(const struct lab *l, size_t owner, uint16_t slot, int n)
{
    redisContext *c = moves_connect(l, owner);
    char tag[16], key[KEY_SIZE];
    char *value = xcalloc(1, 64000);

    moves_tag(slot, tag);
    for (int i = 0; i < n; i++) {
        moves_key(slot, tag, i, key);
        moves_value(key, moves_size(i), value);
        redisAppendCommand(c, "SET %s %b", key, value, moves_size(i));
    }
    for (int i = 0; i < n; i++) {
        redisReply *r = NULL;

        if (redisGetReply(c, (void **)&r) != REDIS_OK || r->type != REDIS_REPLY_STATUS)
            abort();
        freeReplyObject(r);
    }
    free(value);
    redisFree(c);
}

/* How many of the slot's keys are there with their value. */
static inline int moves_count(const struct lab *l, size_t owner, uint16_t slot, int n)
{
    redisContext *c = moves_connect(l, owner);
    char tag[16], key[KEY_SIZE];
    char *value = xcalloc(1, 64000);
    int good = 0;

    moves_tag(slot, tag);
    for (int i = 0; i < n; i++) {
        moves_key(slot, tag, i, key);
        redisAppendCommand(c, "GET %s", key);
    }
    for (int i = 0; i < n; i++) {
        redisReply *r = NULL;

        if (redisGetReply(c, (void **)&r) != REDIS_OK)
            abort();
        moves_key(slot, tag, i, key);
        moves_value(key, moves_size(i), value);
        good += moves_is(r, value, moves_size(i));
    }
    free(value);
    redisFree(c);
    return good;
}

/* One command to one node; its answer as text. */
static inline bool moves_say(const struct lab *l, size_t i, const char *want, const char *fmt, ...)
{
    redisContext *c = moves_connect(l, i);
    char text[64] = "";
    redisReply *r;
    va_list ap;

    va_start(ap, fmt);
    r = redisvCommand(c, fmt, ap);
    va_end(ap);
    if (r && r->type == REDIS_REPLY_INTEGER)
        snprintf(text, sizeof(text), "%lld", r->integer);
    else if (r && r->str)
        snprintf(text, sizeof(text), "%.60s", r->str);
    freeReplyObject(r);
    redisFree(c);
    return strcmp(text, want) == 0;
}

static inline int moves_node_timeout(const struct lab *l, size_t i)
{
    redisContext *c = moves_connect(l, i);
    redisReply *r = redisCommand(c, "CONFIG GET cluster-node-timeout");
    int ms = r && r->type == REDIS_REPLY_ARRAY && r->elements == 2 ? (int)strtol(r->element[1]->str, NULL, 10) : -1;

    freeReplyObject(r);
    redisFree(c);
    return ms;
}

static inline void moves_done(void *arg, const struct move_report *r)
{
    struct moves *m = arg;

    m->report = *r;
    memcpy(m->states, r->states, r->n_slots * sizeof(*r->states));
    m->report.states = m->states;
    m->running = NULL;
    m->n_done++;
    loop_stop(m->lab->loop);
}

static inline void moves_init(struct moves *m, struct lab *l)
{
    memset(m, 0, sizeof(*m));
    m->lab = l;
    m->limits = (struct move_limits){ .pace = pace_start(ENGINE_LEGACY), .deadline_ms = 20000, .grace_ms = 5000,
                                      .node_timeout_ms = LAB_NODE_TIMEOUT_MS };
    m->limits.pace.idle_us = 1000;
}

static inline void moves_add(struct moves *m, enum move_how how, uint16_t slot, size_t source, size_t target)
{
    m->slots[m->n++] = (struct move_slot){ slot, how, source, target };
}

/* All of the lab's masters must be in its last look. */
static inline void moves_start(struct moves *m)
{
    struct move_member members[LAB_MAX];
    struct redis_auth auth = lab_auth(m->lab);
    size_t n = 0;

    for (size_t i = 0; i < m->lab->n; i++, n++) {
        members[i].at = (struct redis_target){ .ip = m->lab->members[i].ip, .port = m->lab->members[i].port };
        memcpy(members[i].id, m->lab->views[i].id, sizeof(members[i].id));
    }
    m->running = redis_move_start(m->lab->loop, members, n, m->slots, m->n, &auth, &m->limits, moves_done, m);
}

static inline void moves_run(struct moves *m)
{
    moves_start(m);
    loop_run(m->lab->loop);
}

static inline size_t moves_in_state(const struct moves *m, enum move_state s)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++)
        n += m->states[i] == s;
    return n;
}

#endif
