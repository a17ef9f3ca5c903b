#include <stdio.h>
#include <string.h>

#include "e2e/ledger_book.h"

enum { PATIENCE_MS = 60000, CHECK_WITHIN_S = 60 };

static redisReply *read_key(struct e2e *t, struct client *c, const char *key)
{
    const char *argv[] = { "GET", key };
    int64_t end_ms = e2e_deadline_ms(CHECK_WITHIN_S);
    redisReply *r;

    while (!(r = client_call(c, key, 2, argv, NULL))) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "Redis does not answer GET %s", key);
        ledger_look(t);
        e2e_sleep_ms(t, 50);
    }
    return r;
}

static void count_lost(const struct book *b, struct ledger_result *res, uint32_t at)
{
    int64_t at_ms = b->base_ms + at - 1;

    res->lost++;
    if (!res->first_lost_ms || at_ms < res->first_lost_ms)
        res->first_lost_ms = at_ms;
    if (at_ms > res->last_lost_ms)
        res->last_lost_ms = at_ms;
}

/* Every acknowledged write after the one that is there is lost. */
static void check_key(struct e2e *t, struct client *c, int k, struct ledger_result *res)
{
    const struct book *b = c->book;
    char key[64];

    snprintf(key, sizeof(key), "ledger:%s:%d", b->salt, k);
    redisReply *r = read_key(t, c, key);
    int64_t n = r->type == REDIS_REPLY_STRING ? book_number_of(b, k, r->str, r->len) : -1;
    res->wrong += r->type != REDIS_REPLY_NIL && (n < 0 || n / b->o.n_keys >= b->rounds[k]);
    freeReplyObject(r);
    for (int round = 0; round < b->rounds[k]; round++) {
        int64_t at = (int64_t)round * b->o.n_keys + k;
        uint32_t acked = at < BOOK_WRITES_MAX ? b->acked_at_ms[at] : 0;
        res->acked += acked != 0;
        if (acked && at > n) {
            if (res->lost < 10)
                e2e_note(t, "lost: write %lld of %s (slot %u), there is %lld", (long long)at, key, key_slot(key), (long long)n);
            count_lost(b, res, acked);
        }
    }
}

static void check_big(struct e2e *t, struct client *c, struct ledger_result *res)
{
    AUTO_FREE char *value = xcalloc(1, (size_t)c->book->o.big_bytes);
    char key[64];

    book_big(c->book, key, value);
    redisReply *r = read_key(t, c, key);
    bool is_same = r->type == REDIS_REPLY_STRING && r->len == (size_t)c->book->o.big_bytes && !memcmp(r->str, value, r->len);
    res->acked++;
    if (r->type == REDIS_REPLY_NIL)
        count_lost(c->book, res, 1);
    else
        res->wrong += !is_same;
    freeReplyObject(r);
}

struct ledger_result ledger_check(struct e2e *t)
{
    static struct client c;
    struct ledger *l = t->ledger;
    struct ledger_result res = { 0 };

    for (int i = 0; i <= atomic_load(&l->book->phase); i++)
        if (atomic_load(&l->book->phases[i].gap_ms) > res.longest_gap_ms)
            res.longest_gap_ms = atomic_load(&l->book->phases[i].gap_ms);
    ledger_look(t);
    client_init(&c, l->book);
    client_learn(&c);
    for (int k = 0; k < l->book->o.n_keys; k++)
        if (l->book->rounds[k])
            check_key(t, &c, k, &res);
    if (l->book->big_acked) {
        c.patience_ms = PATIENCE_MS;
        client_done(&c);
        check_big(t, &c, &res);
    }
    client_done(&c);
    return res;
}
