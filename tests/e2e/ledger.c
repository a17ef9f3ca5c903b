#include "e2e/ledger.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_ADDRESSES = 32, N_SLOTS = 16384, PAUSE_US = 1000, PATIENCE_MS = 1500, CHECK_WITHIN_S = 60 };

/* Shared with the writer. The address table is double buffered: `current` says which half to read. */
struct book {
    atomic_int stop;
    atomic_int current;
    int n_addresses[2];
    char addresses[2][N_ADDRESSES][64];
    char password[256];
    char salt[24];
    atomic_llong next, acked, longest_gap_ms;
    int64_t acked_at_ms[LEDGER_KEYS_MAX]; /* 0: not acknowledged */
};

struct ledger {
    struct book *book;
    const char *service;
    int pid;
};

/* A cluster client of the plainest kind: remembers who served a slot, believes MOVED. */
struct client {
    const struct book *book;
    redisContext *conns[N_ADDRESSES];
    char hosts[N_ADDRESSES][64];
    signed char owner[N_SLOTS]; /* index of conns; -1: not known */
    int turn;
};

static unsigned key_slot(const char *key)
{
    unsigned crc = 0;

    for (; *key; key++) {
        crc ^= (unsigned)(unsigned char)*key << 8;
        for (int i = 0; i < 8; i++)
            crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    return (crc & 0xffff) % N_SLOTS;
}

static void client_drop(struct client *c, int i)
{
    redisFree(c->conns[i]);
    c->conns[i] = NULL;
    c->hosts[i][0] = 0;
}

static int client_place(struct client *c, const char *host)
{
    for (int i = 0; i < N_ADDRESSES; i++)
        if (str_eq(c->hosts[i], host))
            return i;
    for (int i = 0; i < N_ADDRESSES; i++)
        if (!c->hosts[i][0])
            return snprintf(c->hosts[i], sizeof(c->hosts[i]), "%s", host) > 0 ? i : -1;
    for (int i = 0; i < N_ADDRESSES; i++)
        client_drop(c, i);
    return client_place(c, host);
}

static bool client_connect(struct client *c, int i)
{
    struct timeval patience = { PATIENCE_MS / 1000, PATIENCE_MS % 1000 * 1000 };

    if (c->conns[i] && !c->conns[i]->err)
        return true;
    redisFree(c->conns[i]);
    c->conns[i] = redisConnectWithTimeout(c->hosts[i], 6379, patience);
    if (!c->conns[i] || c->conns[i]->err)
        return false;
    redisSetTimeout(c->conns[i], patience);
    if (!c->book->password[0])
        return true;
    redisReply *r = redisCommand(c->conns[i], "AUTH %s", c->book->password);
    bool ok = r && r->type == REDIS_REPLY_STATUS;
    if (r)
        freeReplyObject(r);
    return ok;
}

static int client_guess(struct client *c)
{
    int half = atomic_load(&c->book->current);
    int n = c->book->n_addresses[half];

    return n ? client_place(c, c->book->addresses[half][c->turn++ % n]) : -1;
}

/* "MOVED 3999 10.0.0.1:6379": the index of that host. */
static int client_redirect(struct client *c, const char *text)
{
    char host[64];
    unsigned slot;

    if (sscanf(text, "%*s %u %63[^:]", &slot, host) != 2)
        return -1;
    return client_place(c, host);
}

/* One command on a key, with at most a few redirections; NULL: no answer worth having. */
static redisReply *client_call(struct client *c, const char *key, int argc, const char **argv)
{
    unsigned slot = key_slot(key);
    int at = c->owner[slot] >= 0 ? c->owner[slot] : client_guess(c);

    for (int hop = 0; at >= 0 && hop < 4; hop++) {
        c->owner[slot] = -1;
        if (!client_connect(c, at)) {
            client_drop(c, at);
            return NULL;
        }
        redisReply *r = redisCommandArgv(c->conns[at], argc, argv, NULL);
        if (!r) {
            client_drop(c, at);
            return NULL;
        }
        if (r->type != REDIS_REPLY_ERROR) {
            c->owner[slot] = (signed char)at;
            return r;
        }
        bool moved = str_has_prefix(r->str, "MOVED "), ask = str_has_prefix(r->str, "ASK ");
        at = moved || ask ? client_redirect(c, r->str) : -1;
        freeReplyObject(r);
        if (ask && at >= 0 && client_connect(c, at) && (r = redisCommand(c->conns[at], "ASKING")))
            freeReplyObject(r);
    }
    return NULL;
}

static void client_init(struct client *c, const struct book *b)
{
    memset(c, 0, sizeof(*c));
    memset(c->owner, -1, sizeof(c->owner));
    c->book = b;
}

static void client_done(struct client *c)
{
    for (int i = 0; i < N_ADDRESSES; i++)
        client_drop(c, i);
}

static void entry(const struct book *b, int64_t n, char *key, char *value)
{
    snprintf(key, 64, "ledger:%s:%lld", b->salt, (long long)n);
    uint64_t sum = str_hash(STR_HASH_INIT, key, strlen(key));
    snprintf(value, 64, "%lld %016llx", (long long)n, (unsigned long long)sum);
}

static bool client_set(struct client *c, int64_t n)
{
    char key[64], value[64];
    const char *argv[] = { "SET", key, value };

    entry(c->book, n, key, value);
    redisReply *r = client_call(c, key, 3, argv);
    bool ok = r && r->type == REDIS_REPLY_STATUS;
    if (r)
        freeReplyObject(r);
    return ok;
}

static void writer(struct book *b)
{
    static struct client c;
    int64_t last_ms = loop_now_ms();

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    client_init(&c, b);
    for (int64_t n = 0; n < LEDGER_KEYS_MAX && !atomic_load(&b->stop); n++) {
        atomic_store(&b->next, n);
        if (client_set(&c, n)) {
            int64_t now_ms = loop_now_ms();
            if (now_ms - last_ms > atomic_load(&b->longest_gap_ms))
                atomic_store(&b->longest_gap_ms, now_ms - last_ms);
            last_ms = b->acked_at_ms[n] = now_ms;
            atomic_fetch_add(&b->acked, 1);
        }
        usleep(PAUSE_US);
    }
    client_done(&c);
    _exit(0);
}

void ledger_look(struct e2e *t)
{
    struct ledger *l = t->ledger;
    struct redis_pods pods;

    if (!l)
        return;
    redis_pods_get(t, l->service, &pods);
    if (!pods.n)
        return;
    int half = !atomic_load(&l->book->current);
    for (int i = 0; i < pods.n; i++)
        snprintf(l->book->addresses[half][i], 64, "%s", pods.ips[i]);
    l->book->n_addresses[half] = pods.n;
    atomic_store(&l->book->current, half);
}

void ledger_start(struct e2e *t, const char *service)
{
    struct ledger *l = xcalloc(1, sizeof(*l));

    E2E_CHECK(t, !t->ledger, NULL, "one ledger at a time");
    l->book = mmap(NULL, sizeof(*l->book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    l->service = service;
    t->ledger = l;
    E2E_CHECK(t, l->book != MAP_FAILED, NULL, "no memory for the ledger");
    snprintf(l->book->password, sizeof(l->book->password), "%s", redis_password(t, service));
    str_random_hex(l->book->salt, 8);
    ledger_look(t);
    l->pid = fork();
    if (l->pid == 0)
        writer(l->book);
    E2E_CHECK(t, l->pid > 0, NULL, "cannot start the ledger's writer");
}

int64_t ledger_acked(struct e2e *t)
{
    struct ledger *l = t->ledger;

    return atomic_load(&l->book->acked);
}

void ledger_wait_progress(struct e2e *t, int bound_s)
{
    struct ledger *l = t->ledger;
    int64_t from = atomic_load(&l->book->next) + 1;
    int64_t end_ms = e2e_deadline_ms(bound_s);

    for (;;) {
        int64_t to = atomic_load(&l->book->next);
        for (int64_t n = from; n < to; n++)
            if (l->book->acked_at_ms[n])
                return;
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "Redis acknowledges no write for %d s", bound_s);
        ledger_look(t);
        e2e_sleep_ms(t, 100);
    }
}

void ledger_stop(struct e2e *t)
{
    struct ledger *l = t->ledger;

    if (!l->pid)
        return;
    atomic_store(&l->book->stop, 1);
    waitpid(l->pid, NULL, 0);
    l->pid = 0;
}

/* 1: as written, 0: absent, -1: another value; asks again until an answer comes. */
static int read_back(struct e2e *t, struct client *c, int64_t n)
{
    char key[64], value[64];
    const char *argv[] = { "GET", key };
    int64_t end_ms = e2e_deadline_ms(CHECK_WITHIN_S);
    redisReply *r;

    entry(c->book, n, key, value);
    while (!(r = client_call(c, key, 2, argv))) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "Redis does not answer GET %s", key);
        ledger_look(t);
        e2e_sleep_ms(t, 50);
    }
    int what = r->type == REDIS_REPLY_NIL ? 0 : r->type == REDIS_REPLY_STRING && str_eq(r->str, value) ? 1 : -1;
    freeReplyObject(r);
    return what;
}

static void count_lost(struct ledger_result *res, int64_t at_ms)
{
    res->lost++;
    if (!res->first_lost_ms)
        res->first_lost_ms = at_ms;
    res->last_lost_ms = at_ms;
}

struct ledger_result ledger_check(struct e2e *t)
{
    static struct client c;
    struct ledger *l = t->ledger;
    struct ledger_result res = { .longest_gap_ms = atomic_load(&l->book->longest_gap_ms) };

    ledger_look(t);
    client_init(&c, l->book);
    for (int64_t n = 0; n <= atomic_load(&l->book->next); n++) {
        int64_t at_ms = l->book->acked_at_ms[n];
        int what = read_back(t, &c, n);
        res.acked += at_ms != 0;
        res.wrong += what < 0;
        if (at_ms && what == 0)
            count_lost(&res, at_ms);
    }
    client_done(&c);
    return res;
}

void ledger_end(struct e2e *t)
{
    struct ledger *l = t->ledger;

    if (!l)
        return;
    if (l->pid > 0) {
        kill(l->pid, SIGKILL);
        waitpid(l->pid, NULL, 0);
    }
    if (l->book != MAP_FAILED)
        munmap(l->book, sizeof(*l->book));
    free(l);
    t->ledger = NULL;
}
