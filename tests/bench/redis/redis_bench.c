/*
 * Moving slots, measured beside redis-cli on the same servers and the same keys; failover and healing
 * beside the node timeout; the verdict on 100 nodes. Prints tables for docs/benchmarks.md.
 *
 *   BENCH_KEYS=1000000     keys of 100 bytes
 *   BENCH_ONLY=idle        or loaded; BENCH_OURS=1 leaves redis-cli out
 *   LAB_SERVER=FILE        another release than the one on PATH; BENCH_CLI its redis-cli
 *   BENCH_CLI_OPTIONS=...  a second row of redis-cli; --cluster-pipeline 100
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jobs.h"
#include "load.h"

#define VALUE_BYTES 100
#define SHARDS 3
#define BATCH_MS 120000 /* a batch ends when its slots have moved: 1,024 of them */

static struct lab lab;
static struct load *load;
static int n_keys;

static int number_of(const char *name, int otherwise)
{
    const char *text = getenv(name);

    return text ? (int)strtol(text, NULL, 10) : otherwise;
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    printf("failed: %s: %s\n", what, lab.error);
    lab_stop(&lab);
    exit(1);
}

static bool knows_all(void)
{
    lab_look(&lab);
    for (size_t i = 0; i < lab.n; i++)
        if (lab.views[i].reach != REACH_OK || lab.views[i].known_nodes != (int)lab.n || !lab.views[i].state_ok)
            return false;
    return true;
}

static void wait_until_all_know(void)
{
    for (int i = 0; i < 200 && !knows_all(); i++)
        usleep(100000);
    must(knows_all(), "everyone knows everyone");
}

/* Three shards with slots, three masters without. */
static void start_servers(void)
{
    struct err e = { 0 };

    lab_open(&lab);
    lab_start(&lab, SHARDS, 0, "");
    must(lab_all_up(&lab) && form_plan_make(&lab.x, lab.views, &lab.plan, &e) == 0 && lab_form(&lab, false) == FORM_DONE,
         "forming");
    views_free(lab.views, lab.n);
    lab.views = NULL;
    for (size_t i = SHARDS; i < 2 * SHARDS; i++) {
        snprintf(lab.pods[i], sizeof(lab.pods[i]), "redis-%zu", i);
        lab.members[i] = (struct member){ .pod = lab.pods[i], .ip = "127.0.0.1", .ready = true };
        lab_launch(&lab, i, port_take());
    }
    usleep(500000);
    lab.n = lab.x.n_members = 2 * SHARDS;
    for (size_t i = SHARDS; i < lab.n; i++)
        must(moves_say(&lab, 0, "OK", "CLUSTER MEET 127.0.0.1 %d", (int)lab.members[i].port), "meet");
    for (size_t i = 0; i < lab.n; i++)
        must(moves_say(&lab, i, "OK", "CONFIG SET appendonly no cluster-node-timeout 15000"), "settings");
    wait_until_all_know();
}

static size_t owner_of(uint16_t slot)
{
    for (size_t i = 0; i < lab.n; i++) {
        const struct view_row *me = view_myself(&lab.views[i]);
        struct slot_set s = view_row_slots(&lab.views[i], me);

        if (slot_set_has(&s, slot))
            return i;
    }
    return 0;
}

static void drain(redisContext *c, int n)
{
    for (int i = 0; i < n; i++) {
        void *r = NULL;

        must(redisGetReply(c, &r) == REDIS_OK, "filling");
        freeReplyObject(r);
    }
}

static void fill(void)
{
    redisContext *c[LAB_MAX];
    uint8_t *owners = xcalloc(SLOT_COUNT, 1);
    int waiting[LAB_MAX] = { 0 };
    char key[32], value[VALUE_BYTES];

    memset(value, 'v', sizeof(value));
    for (int i = 0; i < SLOT_COUNT; i++)
        owners[i] = (uint8_t)owner_of((uint16_t)i);
    for (size_t i = 0; i < lab.n; i++)
        c[i] = moves_connect(&lab, i);
    for (int i = 0; i < n_keys; i++) {
        int n = snprintf(key, sizeof(key), "key:%d", i);
        size_t at = owners[moves_slot_of(key, (size_t)n)];

        redisAppendCommand(c[at], "SET %s %b", key, value, sizeof(value));
        if (++waiting[at] == 1000) {
            drain(c[at], waiting[at]);
            waiting[at] = 0;
        }
    }
    for (size_t i = 0; i < lab.n; i++) {
        drain(c[i], waiting[i]);
        redisFree(c[i]);
    }
    free(owners);
}

static int64_t keys_of(size_t first, size_t n)
{
    int64_t sum = 0;

    lab_look(&lab);
    for (size_t i = first; i < first + n; i++)
        sum += lab.views[i].keys;
    return sum;
}

/* Batch after batch, as the operator does. */
static struct pace move_all(const struct move_slot *slots, size_t n, struct pace pace, int64_t *ping_us)
{
    static struct moves m;
    size_t at = 0;

    while (at < n) {
        moves_init(&m, &lab);
        m.limits.pace = pace;
        m.limits.deadline_ms = BATCH_MS;
        m.limits.node_timeout_ms = 15000;
        while (m.n < MOVES_MAX && at < n)
            m.slots[m.n++] = slots[at++];
        moves_run(&m);
        snprintf(lab.error, sizeof(lab.error), "slot %d: %.150s", m.report.slot, m.report.error);
        must(m.report.n_done == m.n, "moving");
        pace = m.report.pace;
        *ping_us = m.report.ping_worst_us > *ping_us ? m.report.ping_worst_us : *ping_us;
    }
    return pace;
}

/* By the servers themselves, where all of them can; else false. */
static bool move_by_jobs(const struct slot_set *owners, size_t n_owners)
{
    static struct jobs j;

    lab_look(&lab);
    if (pace_engine(lab.views, lab.n) == ENGINE_LEGACY)
        return false;
    lab.x.shards = 0; /* as the operator while a resize runs */
    must(jobs_run(&j, &lab, owners, n_owners), "migrations");
    fprintf(stderr, "told %d times; at the end %d slots in a job\n", j.n_told, j.pace.slots);
    return true;
}

/* The upper half of each shard to the new master beside it, in turn; or back. */
static size_t list(struct move_slot *slots, bool back)
{
    size_t n = 0;

    for (int k = 0; k < SLOT_COUNT; k++)
        for (size_t s = 0; s < SHARDS; s++) {
            struct slot_range r = slot_share((int)s, SHARDS);
            int slot = r.first + (r.last - r.first) / 2 + 1 + k;

            if (slot <= r.last)
                slots[n++] = (struct move_slot){ (uint16_t)slot, MOVE_SLOT, back ? s + SHARDS : s, back ? s : s + SHARDS };
        }
    return n;
}

/* Who owns what in the end: three shards, or six. */
static void halves(struct slot_set *owners, size_t n_owners)
{
    for (size_t s = 0; s < SHARDS; s++) {
        struct slot_range r = slot_share((int)s, SHARDS), upper = r;

        owners[s] = owners[s + SHARDS] = (struct slot_set){ 0 };
        if (n_owners > SHARDS) {
            upper.first = (uint16_t)(r.first + (r.last - r.first) / 2 + 1);
            r.last = (uint16_t)(upper.first - 1);
            slot_set_add(&owners[s + SHARDS], upper);
        }
        slot_set_add(&owners[s], r);
    }
}

static double seconds_since(int64_t start_us)
{
    return (double)(load_now_us() - start_us) / 1e6;
}

static void settle(void)
{
    sleep(2);
    wait_until_all_know();
}

static void row(const char *who, double seconds, int64_t keys, size_t first, double idle_p99)
{
    size_t n = load->n;

    printf("| %s | %.1f s | %.0f | %.0f |", who, seconds, (double)keys / seconds, SLOT_COUNT / 2 / seconds);
    if (load->running)
        printf(" %.2f ms | %.2f ms | %.1f ms | %.1f x | %zu |\n", load_percentile(load, first, n, 500),
               load_percentile(load, first, n, 990), load_percentile(load, first, n, 1000),
               load_percentile(load, first, n, 990) / (idle_p99 > 0 ? idle_p99 : 1), load->n_bad);
    else
        printf(" | | | | |\n");
    fflush(stdout);
}

static void ours(const struct move_slot *slots, size_t n, const char *who, size_t to, double idle_p99)
{
    int64_t start, ping_us = 0, before = keys_of(to, SHARDS);
    struct pace pace = pace_start(ENGINE_LEGACY);
    size_t first = load->n;
    struct slot_set owners[2 * SHARDS];
    double seconds;

    halves(owners, to ? 2 * SHARDS : SHARDS);
    start = load_now_us();
    if (!move_by_jobs(owners, to ? 2 * SHARDS : SHARDS))
        pace = move_all(slots, n, pace, &ping_us);
    seconds = seconds_since(start);
    row(who, seconds, keys_of(to, SHARDS) - before, first, idle_p99);
    fprintf(stderr, "pace at the end: %d keys, %d slots, %d pairs; idle %lld us, worst ping %lld us\n", pace.keys, pace.slots,
            pace.pairs, (long long)pace.idle_us, (long long)ping_us);
    settle();
}

static void theirs(const char *options, const char *who, double idle_p99)
{
    int64_t start, before = keys_of(SHARDS, SHARDS);
    const char *cli = getenv("BENCH_CLI");
    size_t first = load->n;
    double seconds;
    char cmd[512];

    snprintf(cmd, sizeof(cmd), "%s --cluster rebalance 127.0.0.1:%u --cluster-use-empty-masters --cluster-threshold 1 %s "
             ">/dev/null 2>&1", cli ? cli : "redis-cli", lab.members[0].port, options);
    start = load_now_us();
    must(system(cmd) == 0, "redis-cli");
    seconds = seconds_since(start);
    row(who, seconds, keys_of(SHARDS, SHARDS) - before, first, idle_p99);
    settle();
}

/* redis-cli chose its own slots: back to who had them, so that the next run moves the same. */
static void undo(void)
{
    struct move_slot *slots = xcalloc(SLOT_COUNT, sizeof(*slots));
    struct slot_set owners[2 * SHARDS];
    int64_t ping_us = 0;
    size_t n = 0;

    halves(owners, SHARDS);
    (void)move_by_jobs(owners, SHARDS);
    lab_look(&lab);
    for (int slot = 0; slot < SLOT_COUNT; slot++)
        for (size_t s = 0; s < SHARDS; s++) {
            struct slot_range r = slot_share((int)s, SHARDS);
            size_t at = owner_of((uint16_t)slot);

            if (slot >= r.first && slot <= r.last && at >= SHARDS)
                slots[n++] = (struct move_slot){ (uint16_t)slot, MOVE_SLOT, at, s };
        }
    if (n)
        (void)move_all(slots, n, pace_start(ENGINE_LEGACY), &ping_us);
    free(slots);
    settle();
}

static void beside(bool loaded, double idle_p99)
{
    const char *options = getenv("BENCH_CLI_OPTIONS");
    char who[128];

    theirs("", "redis-cli --cluster rebalance, 3 to 6", idle_p99);
    undo();
    if (loaded && !options)
        return;
    options = options ? options : "--cluster-pipeline 100";
    snprintf(who, sizeof(who), "the same with %s", options);
    theirs(options, who, idle_p99);
    undo();
}

static bool is_wanted(const char *mode)
{
    const char *only = getenv("BENCH_ONLY");

    return !only || strcmp(only, mode) == 0;
}

static void compare(const char *mode, bool loaded)
{
    struct move_slot *out = xcalloc(SLOT_COUNT, sizeof(*out)), *back = xcalloc(SLOT_COUNT, sizeof(*back));
    size_t n = list(out, false), n_back = list(back, true);
    double idle_p99 = 0;
    pid_t pid = 0;

    printf("\n| %s, %d keys of %d bytes | time | keys/s | slots/s | client p50 | p99 | worst | p99 beside idle | errors |\n"
           "|---|---|---|---|---|---|---|---|---|\n", mode, n_keys, VALUE_BYTES);
    load->running = 0;
    if (loaded) {
        pid = load_start(&lab, load, n_keys);
        sleep(3);
        idle_p99 = load_percentile(load, load->n / 2, load->n, 990);
        printf("| nothing moves | | | | %.2f ms | %.2f ms | %.1f ms | 1 x | |\n", load_percentile(load, load->n / 2, load->n, 500),
               idle_p99, load_percentile(load, load->n / 2, load->n, 1000));
    }
    ours(out, n, "everserve, 3 to 6", SHARDS, idle_p99);
    ours(back, n_back, "everserve, 6 to 3", 0, idle_p99);
    if (!getenv("BENCH_OURS"))
        beside(loaded, idle_p99);
    load->running = 0;
    if (pid)
        waitpid(pid, NULL, 0);
    free(out);
    free(back);
}

int main(void)
{
    n_keys = number_of("BENCH_KEYS", 1000000);
    load = load_new();
    start_servers();
    fill();
    if (is_wanted("idle"))
        compare("no other load", false);
    if (is_wanted("loaded"))
        compare("a client, 2,000 commands a second", true);
    must(keys_of(0, lab.n) == n_keys, "every key is there");
    must(lab_referee(&lab), "redis-cli --cluster check");
    printf("\nall %d keys are there; redis-cli --cluster check agrees\n", n_keys);
    lab_stop(&lab);
    return 0;
}
