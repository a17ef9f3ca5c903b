#include "e2e/ledger.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "e2e/ledger_book.h"

enum { KEYS = 5000, PAUSE_US = 6000 };

/* --- the writers, in a process of their own --- */

struct writer {
    struct book *book;
    int index;
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void raise_to(atomic_llong *at, int64_t value)
{
    if (value > atomic_load(at)) /* a lost race between two large values is no matter */
        atomic_store(at, value);
}

static int latency_bucket(int64_t us)
{
    int octave = 0;

    while (us >= 32 && octave < BOOK_LATENCIES / 16 - 1) {
        us >>= 1;
        octave++;
    }
    return octave * 16 + (int)(us < 32 ? us / 2 : 15);
}

static int64_t bucket_us(int i)
{
    return (int64_t)((i % 16) * 2 + 2) << (i / 16);
}

static void write_once(struct client *c, struct book_writer *w, int k, char *value, int64_t *last_us)
{
    struct book *b = c->book;
    int64_t n = (int64_t)b->rounds[k] * b->o.n_keys + k, start_us = now_us();
    long long mine = atomic_fetch_add(&w->begun, 1) + 1;

    b->rounds[k]++;
    if (!client_write(c, n, value) || !book_note(b, n))
        return;
    struct book_phase *p = &b->phases[atomic_load(&b->phase)];
    int64_t end_us = now_us();
    atomic_fetch_add(&p->latencies[latency_bucket(end_us - start_us)], 1);
    raise_to(&p->max_us, end_us - start_us);
    raise_to(&p->gap_ms, (end_us - *last_us) / 1000);
    atomic_store(&w->acked_up_to, mine);
    *last_us = end_us;
}

/* Of equal parts of the slots: what one shard does touches few writers. */
static bool is_mine(const struct book *b, int writer, int k)
{
    char key[64];

    snprintf(key, sizeof(key), "ledger:%s:%d", b->salt, k);
    return key_slot(key) * BOOK_WRITERS / BOOK_SLOTS == (unsigned)writer;
}

static void *writer_run(void *arg)
{
    struct writer *me = arg;
    struct book *b = me->book;
    struct client *c = xcalloc(1, sizeof(*c));
    char *value = xcalloc(1, BOOK_VALUE_MAX);
    int64_t last_us = now_us();

    client_init(c, b);
    client_learn(c);
    for (int k = 0; !atomic_load(&b->stop); k = (k + 1) % b->o.n_keys) {
        if (!is_mine(b, me->index, k))
            continue;
        write_once(c, &b->writers[me->index], k, value, &last_us);
        usleep((useconds_t)b->o.pause_us);
    }
    client_done(c);
    free(value);
    free(c);
    return NULL;
}

static void writers_run(struct book *b)
{
    struct writer writers[BOOK_WRITERS];
    pthread_t threads[BOOK_WRITERS];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < BOOK_WRITERS; i++) {
        writers[i] = (struct writer){ b, i };
        if (pthread_create(&threads[i], NULL, writer_run, &writers[i]) != 0)
            _exit(1);
    }
    for (int i = 0; i < BOOK_WRITERS; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

/* --- start, look, stop --- */

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
    for (int i = 0; i < pods.n; i++) {
        memcpy(l->book->addresses[half][i], pods.ips[i], sizeof(pods.ips[i]));
        memcpy(l->book->names[half][i], pods.names[i], sizeof(pods.names[i]));
    }
    l->book->n_addresses[half] = pods.n;
    snprintf(l->book->password[half], sizeof(l->book->password[half]), "%s", redis_password(t, l->service));
    atomic_store(&l->book->current, half);
}

static void book_init(struct book *b, const struct ledger_opts *o)
{
    b->o = *o;
    b->o.n_keys = o->n_keys > 0 && o->n_keys <= LEDGER_KEYS_MAX ? o->n_keys : KEYS;
    b->o.pause_us = o->pause_us > 0 ? o->pause_us : PAUSE_US;
    b->base_ms = loop_now_ms();
    str_random_hex(b->salt, 8);
    snprintf(b->phases[0].name, sizeof(b->phases[0].name), "start");
}

void ledger_start_with(struct e2e *t, const char *service, const struct ledger_opts *o)
{
    struct ledger *l = xcalloc(1, sizeof(*l));
    static const struct ledger_opts defaults;

    E2E_CHECK(t, !t->ledger, NULL, "one ledger at a time");
    l->book = mmap(NULL, sizeof(*l->book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    l->service = service;
    t->ledger = l;
    E2E_CHECK(t, l->book != MAP_FAILED, NULL, "no memory for the ledger");
    book_init(l->book, o ? o : &defaults);
    snprintf(l->book->ca, sizeof(l->book->ca), "%s", t->redis_ca ? t->redis_ca : "");
    ledger_look(t);
    book_fill(t, l->book);
    l->pid = fork();
    if (l->pid == 0)
        writers_run(l->book);
    E2E_CHECK(t, l->pid > 0, NULL, "cannot start the ledger's writers");
}

void ledger_start(struct e2e *t, const char *service)
{
    ledger_start_with(t, service, NULL);
}

int64_t ledger_acked(struct e2e *t)
{
    struct ledger *l = t->ledger;

    return atomic_load(&l->book->acked);
}

static bool has_moved_on(const struct book *b, const long long *from)
{
    for (int i = 0; i < BOOK_WRITERS; i++)
        if (atomic_load(&b->writers[i].acked_up_to) <= from[i])
            return false;
    return true;
}

void ledger_wait_progress(struct e2e *t, int bound_s)
{
    struct ledger *l = t->ledger;
    int64_t end_ms = e2e_deadline_ms(bound_s);
    long long from[BOOK_WRITERS];

    for (int i = 0; i < BOOK_WRITERS; i++)
        from[i] = atomic_load(&l->book->writers[i].begun);
    while (!has_moved_on(l->book, from)) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "some of the slots take no write for %d s", bound_s);
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

/* --- phases --- */

void ledger_phase(struct e2e *t, const char *name)
{
    struct ledger *l = t->ledger;
    int next = atomic_load(&l->book->phase) + 1;

    E2E_CHECK(t, next < LEDGER_PHASES, NULL, "too many phases");
    snprintf(l->book->phases[next].name, sizeof(l->book->phases[next].name), "%s", name);
    atomic_store(&l->book->phase, next);
}

static int64_t percentile_us(const struct book_phase *p, int64_t acked, int percent)
{
    int64_t seen = 0;

    for (int i = 0; i < BOOK_LATENCIES; i++) {
        seen += atomic_load(&p->latencies[i]);
        if (acked && seen * 100 >= acked * percent)
            return bucket_us(i);
    }
    return 0;
}

static struct ledger_phase summary(const struct book_phase *p)
{
    struct ledger_phase out = { .max_us = atomic_load(&p->max_us), .longest_gap_ms = atomic_load(&p->gap_ms),
                                .moved = atomic_load(&p->moved), .asked = atomic_load(&p->asked),
                                .tried_again = atomic_load(&p->tried_again) };

    memcpy(out.name, p->name, sizeof(out.name));
    for (int i = 0; i < BOOK_LATENCIES; i++)
        out.acked += atomic_load(&p->latencies[i]);
    out.p50_us = percentile_us(p, out.acked, 50);
    out.p99_us = percentile_us(p, out.acked, 99);
    for (int i = 0; i < BOOK_ERRORS; i++) {
        int n = atomic_load(&p->errors[i]);
        size_t len = strlen(out.error_text);
        out.errors += n;
        if (n)
            snprintf(out.error_text + len, sizeof(out.error_text) - len, "%s%s %d", len ? ", " : "", book_error_names[i], n);
    }
    return out;
}

struct ledger_phase ledger_phase_get(struct e2e *t, const char *name)
{
    struct ledger *l = t->ledger;

    for (int i = atomic_load(&l->book->phase); i >= 0; i--)
        if (str_eq(l->book->phases[i].name, name))
            return summary(&l->book->phases[i]);
    e2e_fail(t, NULL, "no phase \"%s\"", name);
}

void ledger_note_phases(struct e2e *t)
{
    struct ledger *l = t->ledger;

    for (int i = 0; i <= atomic_load(&l->book->phase); i++) {
        struct ledger_phase p = summary(&l->book->phases[i]);
        e2e_note(t, "%s: %lld writes, p50 %.1f ms, p99 %.1f ms, slowest %.0f ms, longest pause of a writer %lld ms; "
                 "MOVED %lld, ASK %lld, TRYAGAIN %lld; errors: %s",
                 p.name, (long long)p.acked, (double)p.p50_us / 1000, (double)p.p99_us / 1000, (double)p.max_us / 1000,
                 (long long)p.longest_gap_ms, (long long)p.moved, (long long)p.asked, (long long)p.tried_again,
                 p.errors ? p.error_text : "none");
    }
}
