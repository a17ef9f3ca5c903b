#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "e2e/ledger_book.h"
#include "e2e/secure.h"

enum { PATIENCE_MS = 1500, HOPS_MAX = 40, AGAIN_US = 2000 };

const char *const book_error_names[BOOK_ERRORS] = {
    "no connection", "timeout", "connection ended", "other", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY",
    "NOREPLICAS", "MISCONF", "OOM", "NOAUTH", "WRONGPASS", "NOPERM", "BUSY", "ERR",
};

unsigned key_slot(const char *key)
{
    unsigned crc = 0;

    for (; *key; key++) {
        crc ^= (unsigned)(unsigned char)*key << 8;
        for (int i = 0; i < 8; i++)
            crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    return (crc & 0xffff) % BOOK_SLOTS;
}

static struct book_phase *phase_now(struct client *c)
{
    return &c->book->phases[atomic_load(&c->book->phase)];
}

static void count_error(struct client *c, enum book_error kind)
{
    atomic_fetch_add(&phase_now(c)->errors[kind], 1);
}

static void count_reply(struct client *c, const char *text)
{
    for (int i = BOOK_NAMED; i < BOOK_ERRORS; i++)
        if (str_has_prefix(text, book_error_names[i])) {
            atomic_fetch_add(&phase_now(c)->errors[i], 1);
            return;
        }
    count_error(c, BOOK_OTHER);
}

static void client_drop(struct client *c, int i)
{
    redisFree(c->conns[i]);
    c->conns[i] = NULL;
    c->hosts[i][0] = 0;
    for (int s = 0; s < BOOK_SLOTS; s++)
        c->owner[s] = c->owner[s] == i ? -1 : c->owner[s];
}

static int client_place(struct client *c, const char *host)
{
    for (int i = 0; i < BOOK_ADDRESSES; i++)
        if (str_eq(c->hosts[i], host))
            return i;
    for (int i = 0; i < BOOK_ADDRESSES; i++)
        if (!c->hosts[i][0])
            return snprintf(c->hosts[i], sizeof(c->hosts[i]), "%s", host) > 0 ? i : -1;
    for (int i = 0; i < BOOK_ADDRESSES; i++)
        client_drop(c, i);
    memset(c->owner, -1, sizeof(c->owner));
    return client_place(c, host);
}

static bool client_auth(struct client *c, redisContext *conn)
{
    const char *password = c->book->password[atomic_load(&c->book->current)];

    if (!password[0])
        return true;
    redisReply *r = redisCommand(conn, "AUTH %s", password);
    bool ok = r && r->type == REDIS_REPLY_STATUS;
    if (r && r->type == REDIS_REPLY_ERROR)
        count_reply(c, r->str);
    if (r)
        freeReplyObject(r);
    return ok;
}

/* "fraud-redis-0.fraud-redis.ns.svc" is the pod fraud-redis-0, wherever it is now. */
static const char *client_address(const struct client *c, const char *host)
{
    int half = atomic_load(&c->book->current);

    for (int i = 0; i < c->book->n_addresses[half]; i++) {
        const char *pod = c->book->names[half][i];
        if (str_has_prefix(host, pod) && host[strlen(pod)] == '.')
            return c->book->addresses[half][i];
    }
    return host;
}

static bool client_connect(struct client *c, int i)
{
    struct timeval patience = { c->patience_ms / 1000, c->patience_ms % 1000 * 1000 };

    if (c->conns[i] && !c->conns[i]->err)
        return true;
    redisFree(c->conns[i]);
    c->conns[i] = secure_connect(client_address(c, c->hosts[i]), c->book->ca, patience);
    if (!c->conns[i]) {
        count_error(c, BOOK_CONNECT);
        return false;
    }
    return client_auth(c, c->conns[i]);
}

static int client_guess(struct client *c)
{
    int half = atomic_load(&c->book->current);
    int n = c->book->n_addresses[half];

    c->turn++;
    for (int k = 0; k < BOOK_ADDRESSES && c->turn % 3; k++) { /* who answered lately, rather than who may be gone */
        int i = (c->turn + k) % BOOK_ADDRESSES;

        if (c->conns[i] && !c->conns[i]->err)
            return i;
    }
    return n ? client_place(c, c->book->addresses[half][c->turn % n]) : -1;
}

/* "MOVED 3999 10.0.0.1:6379": the index of that host. */
static int client_redirect(struct client *c, const char *text)
{
    char host[128];
    unsigned slot;

    if (sscanf(text, "%*s %u %127[^:]", &slot, host) != 2)
        return -1;
    return client_place(c, host);
}

static void learn_range(struct client *c, const redisReply *range)
{
    const redisReply *node = range->type == REDIS_REPLY_ARRAY && range->elements >= 3 ? range->element[2] : NULL;

    if (!node || node->type != REDIS_REPLY_ARRAY || node->elements < 2 || !node->element[0]->str || !node->element[0]->str[0])
        return;
    int at = client_place(c, node->element[0]->str);
    for (long long s = range->element[0]->integer; s <= range->element[1]->integer && s < BOOK_SLOTS; s++)
        c->owner[s] = (signed char)at;
}

static bool learn_from(struct client *c, int at)
{
    redisReply *r = at >= 0 && client_connect(c, at) ? redisCommand(c->conns[at], "CLUSTER SLOTS") : NULL;
    bool ok = r && r->type == REDIS_REPLY_ARRAY && r->elements;

    for (size_t k = 0; ok && k < r->elements; k++)
        learn_range(c, r->element[k]);
    if (r)
        freeReplyObject(r);
    return ok;
}

static redisReply *client_send(struct client *c, int at, bool asking, int argc, const char **argv, const size_t *lens)
{
    if (!client_connect(c, at)) {
        client_drop(c, at);
        return NULL;
    }
    redisReply *r = asking ? redisCommand(c->conns[at], "ASKING") : NULL;
    if (r)
        freeReplyObject(r);
    r = redisCommandArgv(c->conns[at], argc, argv, lens);
    if (r)
        return r;
    int err = c->conns[at]->err;
    count_error(c, err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK) ? BOOK_TIMEOUT : BOOK_ENDED);
    client_drop(c, at);
    return NULL;
}

/* What an error asks for: the next place to try, or -1. */
static int client_next(struct client *c, int at, const char *text, bool *asking)
{
    struct book_phase *p = phase_now(c);
    bool was_asking = *asking;

    *asking = str_has_prefix(text, "ASK ");
    if (*asking || str_has_prefix(text, "MOVED ")) {
        atomic_fetch_add(*asking ? &p->asked : &p->moved, 1);
        at = client_redirect(c, text);
        if (!*asking)
            learn_from(c, at); /* one slot's move is seldom the only one */
        return at;
    }
    if (!str_has_prefix(text, "TRYAGAIN")) {
        count_reply(c, text);
        return -1;
    }
    atomic_fetch_add(&p->tried_again, 1);
    usleep(AGAIN_US);
    *asking = was_asking;
    return at;
}

redisReply *client_call(struct client *c, const char *key, int argc, const char **argv, const size_t *lens)
{
    unsigned slot = key_slot(key);
    int at = c->owner[slot] >= 0 ? c->owner[slot] : client_guess(c), home = at;
    bool asking = false;

    c->owner[slot] = -1;
    for (int hop = 0; at >= 0 && hop < HOPS_MAX; hop++) {
        redisReply *r = client_send(c, at, asking, argc, argv, lens);
        if (!r)
            return NULL;
        if (r->type != REDIS_REPLY_ERROR) {
            c->owner[slot] = (signed char)home;
            return r;
        }
        at = client_next(c, at, r->str, &asking);
        home = asking ? home : at;
        freeReplyObject(r);
    }
    return NULL;
}

void client_learn(struct client *c)
{
    for (int i = 0; i < BOOK_ADDRESSES && !learn_from(c, client_guess(c)); i++)
        ;
}

redisContext *client_conn(struct client *c, const char *key)
{
    int at = c->owner[key_slot(key)];

    return at >= 0 && client_connect(c, at) ? c->conns[at] : NULL;
}

void client_init(struct client *c, struct book *b)
{
    memset(c, 0, sizeof(*c));
    memset(c->owner, -1, sizeof(c->owner));
    c->book = b;
    c->patience_ms = PATIENCE_MS;
}

void client_done(struct client *c)
{
    for (int i = 0; i < BOOK_ADDRESSES; i++)
        client_drop(c, i);
}
