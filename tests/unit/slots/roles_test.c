#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "paper.h"
#include "slots/heal.h"
#include "slots/judge.h"
#include "slots/roles.h"
#include "slots/spread.h"

struct state {
    struct paper p;
    struct roles_memory mem;
    struct node_view *views;
    struct verdict v;
    struct roles_step step;
    int64_t now_ms;
    uint64_t seed;
};

static struct state s;

static int setup(void **state)
{
    (void)state;
    memset(&s, 0, sizeof(s));
    s.now_ms = 1000000;
    roles_step_init(&s.step);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    views_free(s.views, (size_t)s.p.n);
    s.views = NULL;
    roles_step_done(&s.step);
    return 0;
}

static void look(void)
{
    views_free(s.views, (size_t)s.p.n);
    s.views = paper_look(&s.p);
    verdict_judge(&s.p.x, s.views, (size_t)s.p.n, &s.v);
}

static enum roles_action decide(bool quiet, bool busy)
{
    look();
    roles_step(&(struct roles_input){ .x = &s.p.x, .views = s.views, .v = &s.v, .quiet = quiet, .busy = busy,
                                      .now_ms = s.now_ms },
               &s.mem, &s.step);
    return s.step.action;
}

static void apply(const struct commands *c)
{
    for (size_t i = 0; i < c->n; i++)
        assert_string_equal(paper_do(&s.p, &c->items[i]), "");
}

/* What a single look says: three masters 0, 1, 2 with replicas 3, 4, 5 unless said otherwise. */
#define ANYBODY (-1)

struct row {
    const char *name;
    int zones[6];
    int nodes[6];     /* 0: each its own */
    int draining, ending, behind, open, unready, reserved, outdated; /* member + 1 */
    bool quiet, busy;
    enum roles_action want;
    int who; /* told */
};

static const struct row rows[] = {
    { .name = "all is well: nothing", .zones = { 1, 2, 3, 2, 3, 1 }, .quiet = true },
    { .name = "zones are not known: nothing", .quiet = true },
    { .name = "two of three masters in a zone: one hands over", .zones = { 1, 1, 2, 2, 3, 3 }, .quiet = true,
      .want = ROLES_FAILOVER, .who = 4 },
    { .name = "not in a second that is not quiet", .zones = { 1, 1, 2, 2, 3, 3 } },
    { .name = "its replica is behind: the other shard's goes where a third makes room", .zones = { 1, 1, 2, 2, 3, 3 },
      .behind = 4 + 1, .quiet = true, .want = ROLES_FAILOVER, .who = 3 },
    { .name = "two zones: two of three will be in one, whoever it is", .zones = { 1, 1, 2, 2, 2, 1 }, .quiet = true },
    { .name = "two zones, all three in one: one leaves, not two", .zones = { 1, 1, 1, 2, 2, 2 }, .quiet = true,
      .want = ROLES_FAILOVER, .who = ANYBODY },
    { .name = "two masters on a node of one zone each", .zones = { 1, 1, 1, 1, 1, 1 }, .nodes = { 1, 1, 2, 3, 4, 5 },
      .quiet = true, .want = ROLES_FAILOVER, .who = 3 },
    { .name = "its node goes: it hands over, quiet or not", .zones = { 1, 2, 3, 2, 3, 1 }, .draining = 1,
      .want = ROLES_FAILOVER, .who = 3 },
    { .name = "a replica's node goes: nothing", .zones = { 1, 2, 3, 2, 3, 1 }, .draining = 3 + 1, .quiet = true },
    { .name = "a node that goes waits for a roll or resize", .zones = { 1, 2, 3, 2, 3, 1 }, .draining = 1, .busy = true },
    { .name = "a pod that ends does not wait for them", .zones = { 1, 2, 3, 2, 3, 1 }, .ending = 1, .busy = true,
      .want = ROLES_FAILOVER, .who = 3 },
    { .name = "a pod that ends, its replica behind: only the server itself can wait", .zones = { 1, 2, 3, 2, 3, 1 },
      .ending = 1, .behind = 3 + 1, .quiet = true },
    { .name = "not with a slot half moved", .zones = { 1, 2, 3, 2, 3, 1 }, .ending = 1, .open = 2 },
    { .name = "not to a pod that is not ready", .zones = { 1, 2, 3, 2, 3, 1 }, .ending = 1, .unready = 3 + 1 },
    { .name = "not to one that a resize takes out", .zones = { 1, 2, 3, 2, 3, 1 }, .ending = 1, .reserved = 3 + 1 },
    { .name = "spread leaves alone what a resize decides", .zones = { 1, 1, 2, 2, 3, 3 }, .reserved = 1, .quiet = true,
      .want = ROLES_FAILOVER, .who = 4 },
    { .name = "a whole shard in one zone: its replica changes places", .zones = { 1, 2, 3, 1, 3, 2 }, .quiet = true,
      .want = ROLES_MOVE, .who = 3 },
    { .name = "a shard twice on one node", .zones = { 0 }, .nodes = { 1, 2, 3, 1, 4, 5 }, .quiet = true,
      .want = ROLES_MOVE, .who = 3 },
    { .name = "one zone for all: no exchange helps", .zones = { 1, 1, 1, 1, 1, 1 }, .quiet = true },
    { .name = "no exchange while a node goes", .zones = { 1, 2, 3, 1, 3, 2 }, .draining = 5 + 1, .quiet = true },
    { .name = "no exchange with one that is outdated", .zones = { 1, 2, 3, 1, 3, 2 }, .outdated = 3 + 1, .quiet = true },
};

static void single_look(void **state)
{
    const struct row *r = *state;

    paper_init(&s.p, 3, 1);
    for (int i = 0; i < 6; i++)
        paper_put(&s.p, i, r->zones[i], r->nodes[i] ? r->nodes[i] : i + 1);
    for (int i = 0; i < 6; i++) {
        s.p.members[i].ending = i + 1 == r->ending;
        s.p.members[i].draining = i + 1 == r->draining || i + 1 == r->ending;
        s.p.members[i].ready = i + 1 != r->unready;
        s.p.members[i].reserved = i + 1 == r->reserved;
        s.p.members[i].outdated = i + 1 == r->outdated;
        s.p.behind[i] = i + 1 == r->behind;
    }
    look();
    if (r->open) {
        s.v.holds[P_CLOSED] = false;
        roles_step(&(struct roles_input){ .x = &s.p.x, .views = s.views, .v = &s.v, .quiet = r->quiet, .busy = r->busy,
                                          .now_ms = s.now_ms },
                   &s.mem, &s.step);
    } else {
        decide(r->quiet, r->busy);
    }
    assert_string_equal(roles_action_name(s.step.action), roles_action_name(r->want));
    if (r->want == ROLES_NONE)
        return;
    assert_int_equal(s.step.commands.n, r->want == ROLES_MOVE ? 2 : 1);
    if (r->who != ANYBODY)
        assert_int_equal(s.step.commands.items[0].member, (size_t)r->who);
}

/* Two in zone 1; who could leave has its replica where the share is used up, so another master must make room. */
static void a_chain_of_hand_overs(void **state)
{
    static const int zones[] = { 1, 1, 2, 2, 2, 3 };
    (void)state;

    paper_init(&s.p, 3, 1);
    for (int i = 0; i < 6; i++)
        paper_put(&s.p, i, zones[i], i + 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(decide(true, false), ROLES_FAILOVER);
        apply(&s.step.commands);
        s.now_ms += 20000;
    }
    assert_int_equal(decide(true, false), ROLES_NONE);
    assert_string_equal(s.step.reason, "");
    assert_int_equal(s.p.master[5], PAPER_NONE);
}

static void one_failover_at_a_time(void **state)
{
    (void)state;
    paper_init(&s.p, 3, 1);
    for (int i = 0; i < 6; i++)
        paper_put(&s.p, i, i % 3 + 1, i + 1);
    s.p.members[0].ending = s.p.members[1].ending = true;
    s.p.members[0].draining = s.p.members[1].draining = true;
    assert_int_equal(decide(false, true), ROLES_FAILOVER);
    assert_true(s.step.urgent);
    s.now_ms += 500;
    assert_int_equal(decide(false, true), ROLES_WAIT); /* nothing has come of it yet */
    paper_hand_over(&s.p, 3);
    assert_int_equal(decide(false, true), ROLES_FAILOVER); /* the next one, at once */
    assert_int_equal(s.step.commands.items[0].member, 4);
    s.now_ms += 8000;
    assert_int_equal(decide(false, true), ROLES_FAILOVER); /* given up by Redis: again */
    assert_int_equal(s.mem.tries, 1);
}

static void quiet_steps_are_rare_and_rarer_in_vain(void **state)
{
    int64_t asked_ms[6];
    int n = 0;
    (void)state;

    paper_init(&s.p, 3, 1);
    for (int i = 0; i < 6; i++)
        paper_put(&s.p, i, i < 2 ? 1 : 2, i + 1);
    for (int i = 3; i < 6; i++)
        paper_put(&s.p, i, 3, i + 1);
    for (int64_t end = s.now_ms + 600000; s.now_ms < end && n < 6; s.now_ms += 500)
        if (decide(true, false) == ROLES_FAILOVER)
            asked_ms[n++] = s.now_ms; /* nothing ever comes of it */
    assert_in_range(n, 2, 6);
    for (int i = 1; i < n; i++)
        assert_true(asked_ms[i] - asked_ms[i - 1] >= 15000LL << (i - 1));
}

static uint32_t roll(uint32_t below)
{
    s.seed = s.seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(s.seed >> 33) % below;
}

/* Masters over a place's share, summed; zone: by zone, else by node. */
static int excess(const struct paper *p, bool zone)
{
    int n[PAPER_MAX + 1] = { 0 }, over = 0, share = (int)spread_share((size_t)p->shards);

    for (int i = 0; i < p->n; i++)
        if (p->master[i] == PAPER_NONE)
            n[zone ? p->zone[i] : p->node[i]]++;
    for (int k = 1; k <= PAPER_MAX; k++)
        over += n[k] > share ? n[k] - share : 0;
    return over;
}

/* The least that any choice of masters within the shards could have. */
static int least_excess(const struct paper *start, bool zone, int shard)
{
    struct paper p = *start;
    int best = 1000;

    if (shard == p.shards)
        return excess(&p, zone);
    for (int i = 0; i < p.n; i++) {
        bool is_in = p.master[i] == PAPER_NONE ? p.shard[i] == shard : p.shard[p.master[i]] == shard;
        struct paper next = p;
        int found;

        if (!is_in)
            continue;
        if (next.master[i] != PAPER_NONE)
            paper_hand_over(&next, i);
        found = least_excess(&next, zone, shard + 1);
        best = found < best ? found : best;
    }
    return best;
}

/* Of all copies where they are. */
static int64_t total_cost(void)
{
    struct merged m;
    int64_t sum = 0;

    look();
    merged_init(&m, &s.p.x, s.views, s.p.x.n_members);
    for (size_t i = 0; i < m.n; i++)
        sum += merged_owns(&m, i) ? spread_cost(&m, i, MERGED_NONE, MERGED_NONE) : 0;
    merged_done(&m);
    return sum;
}

/* One pass as the operator makes it: healing first. True: something was done. */
static bool pass(int *failovers, int *moves)
{
    struct heal_memory mem = { 0 };
    struct heal_step h;
    bool acted;

    look();
    heal_step_init(&h);
    heal_step(&(struct heal_input){ .x = &s.p.x, .views = s.views, .v = &s.v, .now_ms = s.now_ms }, &mem, &h);
    acted = h.commands.n > 0;
    if (!acted && s.v.state != REDIS_HEALTHY)
        fail_msg("seed %llu: stuck: %s", (unsigned long long)s.seed, h.reason);
    apply(&h.commands);
    heal_step_done(&h);
    if (acted)
        return true;
    if (decide(true, false) == ROLES_NONE)
        return false;
    *failovers += s.step.action == ROLES_FAILOVER;
    *moves += s.step.action == ROLES_MOVE;
    apply(&s.step.commands);
    return true;
}

/* From any start: few steps, then none, and then no choice of masters is better. */
static void every_start_comes_to_rest(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        int n_zones, n_nodes, failovers = 0, moves = 0, passes = 0;
        int64_t before;

        s.seed = seed;
        s.mem = (struct roles_memory){ 0 };
        views_free(s.views, (size_t)s.p.n);
        s.views = NULL;
        paper_init(&s.p, 3 + (int)roll(4), 1 + (int)roll(2));
        n_zones = 1 + (int)roll(4);
        n_nodes = n_zones + (int)roll(6);
        for (int i = 0; i < s.p.n; i++) {
            int node = 1 + (int)roll((uint32_t)n_nodes);

            paper_put(&s.p, i, 1 + node % n_zones, node);
        }
        before = total_cost();
        while (pass(&failovers, &moves) && passes++ < 300)
            s.now_ms += 1000000;
        if (passes >= 300 || failovers > 2 * s.p.shards || moves > 2 * s.p.shards)
            fail_msg("seed %llu: %d passes, %d failovers, %d moves", (unsigned long long)seed, passes, failovers, moves);
        assert_true(total_cost() < before + SPREAD_WORTH_A_COPY);
        assert_int_equal(excess(&s.p, true), least_excess(&s.p, true, 0));
    }
}

/* A pod after the other ends and comes back, as when all nodes are replaced: no master is ever on one that
 * ends, and in the end nothing is left to do. */
static void every_pod_ends_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        int failovers = 0, moves = 0, passes = 0;

        s.seed = seed;
        s.mem = (struct roles_memory){ 0 };
        views_free(s.views, (size_t)s.p.n);
        s.views = NULL;
        paper_init(&s.p, 3 + (int)roll(3), 1 + (int)roll(2));
        for (int i = 0; i < s.p.n; i++)
            paper_put(&s.p, i, 1 + i % 3, i + 1);
        for (int i = 0; i < s.p.n; i++) {
            s.p.members[i].ending = s.p.members[i].draining = true;
            s.now_ms += 1000;
            if (decide(false, true) == ROLES_FAILOVER)
                apply(&s.step.commands);
            if (s.p.master[i] == PAPER_NONE)
                fail_msg("seed %llu: %d ends as a master", (unsigned long long)seed, i);
            s.p.members[i].ending = s.p.members[i].draining = false;
        }
        while (pass(&failovers, &moves) && passes++ < 300)
            s.now_ms += 1000000;
        assert_in_range(passes, 0, 299);
        assert_int_equal(excess(&s.p, true), least_excess(&s.p, true, 0));
    }
}

struct evidence {
    const char *name;
    int zones[6], nodes[6];
    const char *why; /* part of it; NULL: P11 holds */
};

static const struct evidence evidence[] = {
    { "spread over three zones", { 1, 2, 3, 2, 3, 1 }, { 0 }, NULL },
    { "nothing known", { 0 }, { 0 }, NULL },
    { "a zone with two of three", { 1, 1, 2, 2, 3, 3 }, { 0 }, "zone zone-1 holds 2 of 3 masters" },
    { "a node with two of three", { 0 }, { 1, 1, 2, 3, 4, 5 }, "node node-1 holds 2 of 3 masters" },
    { "two zones: said, with the reason", { 1, 1, 2, 2, 2, 1 }, { 0 }, "there are only two" },
    { "one zone for all: nothing can be asked", { 1, 1, 1, 1, 1, 1 }, { 0 }, NULL },
    { "a shard in one zone", { 1, 2, 3, 1, 3, 2 }, { 0 }, "redis-0 and all its replicas are in zone zone-1" },
    { "a shard on one node", { 0 }, { 1, 2, 3, 1, 4, 5 }, "redis-0 and all its replicas are on node node-1" },
};

static void spread_has_evidence(void **state)
{
    const struct evidence *r = *state;
    char why[sizeof(s.v.evidence[0])] = "";
    struct merged m;
    bool holds;

    paper_init(&s.p, 3, 1);
    for (int i = 0; i < 6; i++)
        paper_put(&s.p, i, r->zones[i], r->nodes[i] ? r->nodes[i] : i + 1);
    look();
    merged_init(&m, &s.p.x, s.views, s.p.x.n_members);
    holds = judge_spread(&m, why);
    merged_done(&m);
    assert_int_equal(holds, r->why == NULL);
    if (r->why && !strstr(why, r->why))
        fail_msg("%s", why);
}

int main(void)
{
#define ROW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest walks[] = {
        ROW(a_chain_of_hand_overs),     ROW(one_failover_at_a_time), ROW(quiet_steps_are_rare_and_rarer_in_vain),
        ROW(every_start_comes_to_rest), ROW(every_pod_ends_once),
    };
    struct CMUnitTest looks[COUNT(rows) + COUNT(evidence)];

    for (size_t i = 0; i < COUNT(rows); i++)
        looks[i] = (struct CMUnitTest){ rows[i].name, single_look, setup, teardown, (void *)(uintptr_t)&rows[i] };
    for (size_t i = 0; i < COUNT(evidence); i++)
        looks[COUNT(rows) + i] =
            (struct CMUnitTest){ evidence[i].name, spread_has_evidence, setup, teardown, (void *)(uintptr_t)&evidence[i] };
    return cmocka_run_group_tests_name("roles: one look", looks, NULL, NULL) +
           cmocka_run_group_tests_name("roles: walks", walks, NULL, NULL);
}
