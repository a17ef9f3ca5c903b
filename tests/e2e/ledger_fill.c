#include <string.h>

#include "e2e/ledger_book.h"

enum { PATIENCE_MS = 60000, FILL_BATCH = 64 };

bool book_note(struct book *b, int64_t n)
{
    if (n >= BOOK_WRITES_MAX)
        return false;
    b->acked_at_ms[n] = (uint32_t)(loop_now_ms() - b->base_ms) + 1;
    atomic_fetch_add(&b->acked, 1);
    return true;
}

bool client_write(struct client *c, int64_t n, char *value)
{
    char key[64];
    size_t len = book_entry(c->book, n, key, value), lens[] = { 3, strlen(key), len };
    const char *argv[] = { "SET", key, value };
    redisReply *r = client_call(c, key, 3, argv, lens);
    bool ok = r && r->type == REDIS_REPLY_STATUS;

    if (r)
        freeReplyObject(r);
    return ok;
}


/* Answers first: writing a key anew may close a connection that others wait on. */
static void fill_drain(struct client *c, const int *keys, int n_keys, redisContext **conns, char *value)
{
    bool ok[FILL_BATCH];

    for (int i = 0; i < n_keys; i++) {
        redisReply *r = NULL;
        ok[i] = redisGetReply(conns[i], (void **)&r) == REDIS_OK && r->type == REDIS_REPLY_STATUS;
        if (r)
            freeReplyObject(r);
    }
    for (int i = 0; i < n_keys; i++)
        if (ok[i] || client_write(c, keys[i], value))
            book_note(c->book, keys[i]);
}

static void fill_all(struct client *c)
{
    static char value[BOOK_VALUE_MAX];
    struct book *b = c->book;
    int keys[FILL_BATCH], n = 0;
    redisContext *conns[FILL_BATCH];
    char key[64];

    client_learn(c);
    for (int k = 0; k < b->o.n_keys; k++) {
        size_t len = book_entry(b, k, key, value), lens[] = { 3, strlen(key), len };
        const char *argv[] = { "SET", key, value };
        b->rounds[k] = 1;
        conns[n] = client_conn(c, key);
        if (!conns[n]) {
            if (client_write(c, k, value))
                book_note(b, k);
            continue;
        }
        redisAppendCommandArgv(conns[n], 3, argv, lens);
        keys[n++] = k;
        if (n == FILL_BATCH) {
            fill_drain(c, keys, n, conns, value);
            n = 0;
        }
    }
    fill_drain(c, keys, n, conns, value);
}

static void fill_big(struct client *c)
{
    struct book *b = c->book;
    AUTO_FREE char *value = xcalloc(1, (size_t)b->o.big_bytes);
    char key[64];

    book_big(b, key, value);
    const char *argv[] = { "SET", key, value };
    size_t lens[] = { 3, strlen(key), (size_t)b->o.big_bytes };
    redisReply *r = client_call(c, key, 3, argv, lens);
    b->big_acked = r && r->type == REDIS_REPLY_STATUS;
    if (r)
        freeReplyObject(r);
}

void book_fill(struct e2e *t, struct book *b)
{
    static struct client c;

    client_init(&c, b);
    c.patience_ms = PATIENCE_MS;
    if (b->o.fill)
        fill_all(&c);
    if (b->o.big_bytes)
        fill_big(&c);
    client_done(&c);
    E2E_CHECK(t, !b->o.fill || atomic_load(&b->acked) == b->o.n_keys, NULL, "%lld of %d keys could be written",
              (long long)atomic_load(&b->acked), b->o.n_keys);
    E2E_CHECK(t, !b->o.big_bytes || b->big_acked, NULL, "the big key could not be written");
}
