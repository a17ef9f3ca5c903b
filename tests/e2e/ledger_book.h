/*
 * e2e/ledger_book.h - what the ledger's writers and its reader share.
 *
 * The book lies in memory shared between processes. Write number n is round n / n_keys of
 * key n % n_keys. Private to ledger*.c.
 */
#ifndef E2E_LEDGER_BOOK_H
#define E2E_LEDGER_BOOK_H

#include <hiredis/hiredis.h>
#include <stdatomic.h>

#include "e2e/ledger.h"

enum {
    BOOK_ADDRESSES = 32,
    BOOK_SLOTS = 16384,
    BOOK_WRITERS = 6,
    BOOK_WRITES_MAX = 1 << 22,
    BOOK_LATENCIES = 400, /* 16 to each doubling of microseconds */
    BOOK_VALUE_MAX = 128 << 10,
};

enum book_error { BOOK_CONNECT, BOOK_TIMEOUT, BOOK_ENDED, BOOK_OTHER, BOOK_NAMED };
enum { BOOK_ERRORS = BOOK_NAMED + 12 };
extern const char *const book_error_names[BOOK_ERRORS];

struct book_phase {
    char name[32];
    atomic_int latencies[BOOK_LATENCIES];
    atomic_llong gap_ms, max_us;
    atomic_int moved, asked, tried_again, errors[BOOK_ERRORS];
};

struct book_writer { /* counts of its own writes */
    atomic_llong begun, acked_up_to; /* the newest begun that was acknowledged */
};

/* The address table is double buffered: `current` says which half to read. */
struct book {
    struct ledger_opts o;
    atomic_int stop;
    atomic_int current;
    int n_addresses[2];
    char addresses[2][BOOK_ADDRESSES][64];
    char names[2][BOOK_ADDRESSES][64]; /* the pods': with TLS redirections name hosts, and there is no DNS here */
    char ca[256];                      /* "": without TLS */
    char password[2][256];
    char salt[24];
    int64_t base_ms;
    atomic_llong acked;
    atomic_int phase;
    struct book_phase phases[LEDGER_PHASES];
    struct book_writer writers[BOOK_WRITERS];
    bool big_acked;
    int rounds[LEDGER_KEYS_MAX];            /* begun of each key */
    uint32_t acked_at_ms[BOOK_WRITES_MAX];  /* since base_ms, plus 1; 0: not acknowledged */
};

struct ledger {
    struct book *book;
    const char *service;
    int pid;
};

/* ledger_client.c: remembers who served a slot, believes MOVED. */
struct client {
    struct book *book;
    redisContext *conns[BOOK_ADDRESSES];
    char hosts[BOOK_ADDRESSES][128];
    signed char owner[BOOK_SLOTS]; /* index of conns; -1: not known */
    int turn;
    int patience_ms;
};

void client_init(struct client *c, struct book *b);
void client_done(struct client *c);
void client_learn(struct client *c); /* who owns which slot, by the first node that answers */
/* One command on a key, with some redirections; NULL: no answer worth having, and it was counted. */
redisReply *client_call(struct client *c, const char *key, int argc, const char **argv, const size_t *lens);
/* For pipelining: the connection that owns this key; NULL: not known. */
redisContext *client_conn(struct client *c, const char *key);
unsigned key_slot(const char *key);

/* ledger_fill.c */
bool client_write(struct client *c, int64_t n, char *value); /* write n; value: room for it */
bool book_note(struct book *b, int64_t n);                   /* acknowledged; false: the book is full */
void book_fill(struct e2e *t, struct book *b);               /* what the options ask for before the start */

/* ledger_value.c: what write n of key k looks like. key holds 64 bytes, value BOOK_VALUE_MAX; returns its length. */
size_t book_entry(const struct book *b, int64_t n, char *key, char *value);
int64_t book_number_of(const struct book *b, int64_t k, const char *value, size_t len); /* -1: no value of ours */
void book_big(const struct book *b, char *key, char *value); /* value: o.big_bytes */

#endif
