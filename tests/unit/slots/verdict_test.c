/*
 * One wound per row, made in the views of a healthy cluster of 3 x 2; the verdict must name it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "world.h"

static struct world world;
static struct node_view *views;
static struct verdict v;

static void judge(void)
{
    verdict_judge(&world.x, views, (size_t)world.n_pods, &v);
}

static int setup_shape(int shards, int replicas)
{
    w_init(&world, shards, replicas, 1);
    w_form(&world);
    views = w_look(&world);
    judge();
    return v.state == REDIS_HEALTHY ? 0 : -1;
}

static int setup(void **state)
{
    (void)state;
    return setup_shape(3, 1);
}

static int teardown(void **state)
{
    (void)state;
    views_free(views, (size_t)world.n_pods);
    views = NULL;
    return 0;
}

static struct view_row *row_of(size_t viewer, size_t subject)
{
    for (size_t i = 0; i < views[viewer].n_rows; i++)
        if (strcmp(views[viewer].rows[i].id, views[subject].id) == 0)
            return &views[viewer].rows[i];
    fail_msg("no such row");
    return NULL;
}

static void silence(size_t i, bool refused)
{
    char address[80];

    memcpy(address, views[i].address, sizeof(address));
    view_done(&views[i]);
    memcpy(views[i].address, address, sizeof(address));
    views[i].refused = refused;
    snprintf(views[i].error, sizeof(views[i].error), "%s", refused ? "Connection refused" : "timeout");
}

static void nothing(void)
{
}

static void replica_refuses(void)
{
    silence(3, true);
}

static void master_refuses(void)
{
    silence(0, true);
}

static void master_silent_but_seen(void)
{
    silence(0, false);
}

static void master_silent_and_failing(void)
{
    silence(0, false);
    for (size_t i = 1; i < 6; i++)
        views[i].rows[0].flags |= NODE_PFAIL;
}

static void four_silent(void)
{
    for (size_t i = 0; i < 4; i++)
        silence(i, true);
}

static void three_silent(void)
{
    for (size_t i = 3; i < 6; i++)
        silence(i, true);
}

static void denied(void)
{
    for (size_t i = 0; i < 6; i++) {
        silence(i, false);
        views[i].reach = REACH_DENIED;
        snprintf(views[i].error, sizeof(views[i].error), "NOAUTH Authentication required.");
    }
}

static void replica_says_fail(void)
{
    views[4].state_ok = false;
}

static void master_says_fail(void)
{
    views[1].state_ok = false;
}

static void all_say_fail(void)
{
    for (size_t i = 0; i < 6; i++)
        views[i].state_ok = false;
}

static void one_sees_pfail(void)
{
    views[5].slots_ok -= 5461;
    views[5].slots_pfail = 5461;
}

static void two_claim_one_slot(void)
{
    struct view_row *r = row_of(1, 1);

    views[1].ranges[r->first_range].first = 5000;
}

static void nobody_claims_a_slot(void)
{
    views[2].ranges[row_of(2, 2)->first_range].last = 16382;
}

static void a_view_gives_slots_elsewhere(void)
{
    struct view_row *from = row_of(5, 0), *to = row_of(5, 1);

    to->n_ranges = 0;
    views[5].ranges[from->first_range].last = 1000;
}

static void a_view_has_an_old_epoch(void)
{
    row_of(3, 1)->epoch = 1;
}

static void a_current_epoch_lags(void)
{
    views[2].current_epoch--;
}

static void a_view_has_an_old_master(void)
{
    struct view_row *r = row_of(0, 4);

    memcpy(r->master_id, views[2].id, sizeof(r->master_id));
}

static void two_epochs_equal(void)
{
    views[1].my_epoch = views[0].my_epoch;
    for (size_t i = 0; i < 6; i++) {
        row_of(i, 1)->epoch = views[0].my_epoch;
        row_of(i, 4)->epoch = views[0].my_epoch;
    }
}

static void open_slot(size_t i, bool importing, size_t peer)
{
    struct view_row *me = row_of(i, i);

    free(views[i].open);
    views[i].open = xcalloc(1, sizeof(*views[i].open));
    views[i].n_open = me->n_open = 1;
    views[i].open[0].slot = 3300;
    views[i].open[0].importing = importing;
    memcpy(views[i].open[0].peer, views[peer].id, sizeof(views[peer].id));
}

static void half_migrated(void)
{
    open_slot(1, false, 2);
    open_slot(2, true, 1);
}

static void migration_task(void)
{
    views[2].migration_tasks = 1;
}

static void stranger(void)
{
    for (size_t i = 0; i < 6; i++) {
        struct view_row *r = &views[i].rows[views[i].n_rows++];

        memset(r, 0, sizeof(*r));
        memset(r->id, 'e', NODE_ID_LEN);
        snprintf(r->ip, sizeof(r->ip), "10.9.9.9");
        r->port = 6379;
        r->flags = NODE_MASTER;
        r->connected = true;
        views[i].known_nodes++;
    }
}

static void handshake(void)
{
    views[3].rows[views[3].n_rows++].flags = NODE_HANDSHAKE;
}

static void old_address(void)
{
    snprintf(row_of(2, 4)->ip, sizeof(row_of(2, 4)->ip), "10.9.9.9");
}

static void member_missing_in_a_view(void)
{
    struct view_row *r = row_of(4, 5);

    *r = views[4].rows[--views[4].n_rows];
    views[4].known_nodes--;
}

static void two_masters_failing(void)
{
    for (size_t i = 0; i < 6; i++) {
        row_of(i, 1)->flags |= NODE_FAIL;
        row_of(i, 2)->flags |= NODE_FAIL;
    }
}

static void stale_master_host(void)
{
    snprintf(views[4].master_host, sizeof(views[4].master_host), "10.9.9.9");
}

static void link_down(void)
{
    views[4].master_link_up = false;
}

static void copying(void)
{
    views[4].sync_in_progress = true;
}

static void lag(void)
{
    views[1].links[0].lag_s = 3;
}

static void far_behind(void)
{
    views[1].offset = 1LL << 30;
}

static void unknown_as_replica(void)
{
    row_of(0, 4)->master_id[0] = row_of(2, 4)->master_id[0] = 'f';
}

static void loading(void)
{
    views[1].loading = true;
}

static void one_shard_more_wanted(void)
{
    world.x.shards = 4;
}

#define P(p) (1u << (p))

static void place(const char *zones, const char *nodes)
{
    static char text[12][3];

    for (size_t i = 0; i < 6; i++) {
        snprintf(text[i], sizeof(text[i]), "%c", zones[i]);
        snprintf(text[6 + i], sizeof(text[i]), "n%c", nodes[i]);
        world.members[i].zone = zones[i] == '-' ? NULL : text[i];
        world.members[i].node = nodes[i] == '-' ? NULL : text[6 + i];
    }
}

static void two_zones(void)
{
    place("aabbba", "------");
}

static void crowded_zone(void)
{
    place("aabbbc", "------");
}

static void crowded_node(void)
{
    place("------", "012314");
}

static void no_snapshot(void)
{
    views[2].rdb_save_failed = true;
}

static void no_log(void)
{
    views[2].aof_write_failed = true;
}

static void full_memory(void)
{
    views[1].max_memory = 100 << 20;
    views[1].used_memory = 85 << 20;
}

static void some_memory(void)
{
    full_memory();
    views[1].used_memory = 84 << 20;
}

static const struct row {
    const char *name;
    void (*hurt)(void);
    enum redis_state state;
    int slots_ok;
    unsigned failing; /* these must fail; others may as well */
    enum predicate about;
    const char *evidence; /* of about must contain */
} rows[] = {
    { "an unhurt cluster is healthy", nothing, REDIS_HEALTHY, 16384, 0, P_SETTLED, "" },
    { "a replica that is gone degrades", replica_refuses, REDIS_DEGRADED, 16384, P(P_REACH) | P(P_REPLICAS), P_REACH,
      "redis-3: Connection refused" },
    { "a master that is gone takes its slots along", master_refuses, REDIS_PARTIAL, 10923, P(P_REACH) | P(P_OWNERSHIP),
      P_OWNERSHIP, "slots 0-5460: no owner answers; the others name redis-0" },
    { "a silent owner that all others see well: maybe we are cut off", master_silent_but_seen, REDIS_UNKNOWN, 10923,
      P(P_REACH), P_REACH, "redis-0: timeout" },
    { "a silent owner that others miss too is lost", master_silent_and_failing, REDIS_PARTIAL, 10923, P(P_REACH), P_REACH,
      "redis-0" },
    { "four silent of six say nothing", four_silent, REDIS_UNKNOWN, 0, P(P_REACH), P_REACH, "2 more" },
    { "three silent replicas of six still serve", three_silent, REDIS_DEGRADED, 16384, P(P_REACH) | P(P_REPLICAS),
      P_REPLICAS, "0 of 1 replicas" },
    { "no access is not down", denied, REDIS_UNKNOWN, 0, P(P_REACH), P_REACH, "NOAUTH" },
    { "a replica in doubt degrades", replica_says_fail, REDIS_DEGRADED, 16384, P(P_STATE), P_STATE,
      "redis-4 says cluster_state:fail" },
    { "a master in doubt does not serve", master_says_fail, REDIS_PARTIAL, 10923, P(P_STATE), P_STATE, "redis-1" },
    { "all in doubt is down", all_say_fail, REDIS_DOWN, 0, P(P_STATE), P_STATE, "redis-0" },
    { "one that suspects an owner degrades", one_sees_pfail, REDIS_DEGRADED, 16384, P(P_SLOTS), P_SLOTS,
      "redis-5 sees 16384 assigned, 10923 ok, 5461 pfail" },
    { "two claimants of a slot conflict", two_claim_one_slot, REDIS_PARTIAL, 15923, P(P_OWNERSHIP) | P(P_CONSENSUS),
      P_OWNERSHIP, "slot 5000 is claimed by redis-0 and redis-1" },
    { "a slot that nobody claims", nobody_claims_a_slot, REDIS_PARTIAL, 16383, P(P_OWNERSHIP), P_OWNERSHIP,
      "slots 16383: no owner answers; the others name" },
    { "a view that gives slots elsewhere", a_view_gives_slots_elsewhere, REDIS_DEGRADED, 16384, P(P_CONSENSUS),
      P_CONSENSUS, "redis-5 sees redis-0 own 0-1000, redis-0 says 0-5460" },
    { "a view with an old epoch", a_view_has_an_old_epoch, REDIS_DEGRADED, 16384, P(P_CONSENSUS), P_CONSENSUS,
      "redis-3 sees redis-1 at epoch 1, redis-1 says 2" },
    { "a current epoch that lags", a_current_epoch_lags, REDIS_DEGRADED, 16384, P(P_CONSENSUS), P_CONSENSUS,
      "current epoch: redis-2" },
    { "a view with an old master of a replica", a_view_has_an_old_master, REDIS_DEGRADED, 16384, P(P_CONSENSUS),
      P_CONSENSUS, "redis-0 sees redis-4 as replica of" },
    { "two owners with one epoch", two_epochs_equal, REDIS_DEGRADED, 16384, P(P_EPOCHS), P_EPOCHS,
      "redis-0 and redis-1 both have config epoch 1" },
    { "a slot half migrated shows in its owners' own rows only", half_migrated, REDIS_DEGRADED, 16384, P(P_CLOSED),
      P_CLOSED, "redis-1 is migrating slot 3300 to redis-2" },
    { "a migration that a server runs itself", migration_task, REDIS_DEGRADED, 16384, P(P_CLOSED), P_CLOSED,
      "redis-2 has a slot migration running" },
    { "an id that is no member's", stranger, REDIS_DEGRADED, 16384, P(P_MEMBERS), P_MEMBERS,
      "knows eeeeeeee at 10.9.9.9:6379, which is no member" },
    { "a handshake that does not end", handshake, REDIS_DEGRADED, 16384, P(P_MEMBERS), P_MEMBERS, "redis-3 shakes hands" },
    { "an address that was", old_address, REDIS_DEGRADED, 16384, P(P_MEMBERS), P_MEMBERS,
      "redis-2 has redis-4 at 10.9.9.9:6379" },
    { "a member that one does not know", member_missing_in_a_view, REDIS_DEGRADED, 16384, P(P_MEMBERS) | P(P_CONSENSUS),
      P_CONSENSUS, "redis-4 does not know redis-5" },
    { "two of three masters failing is no quorum", two_masters_failing, REDIS_PARTIAL, 16384, P(P_QUORUM), P_QUORUM,
      "redis-0 sees 1 of 3 masters" },
    { "a replica of an address that was", stale_master_host, REDIS_DEGRADED, 16384, P(P_REPLICAS), P_REPLICAS,
      "redis-4 follows 10.9.9.9:6379, not redis-1" },
    { "a replica without its link", link_down, REDIS_DEGRADED, 16384, P(P_REPLICAS), P_REPLICAS, "redis-4: link" },
    { "a replica that is still copying", copying, REDIS_DEGRADED, 16384, P(P_REPLICAS), P_REPLICAS, "still copying" },
    { "a replica that lags", lag, REDIS_DEGRADED, 16384, P(P_REPLICAS), P_REPLICAS, "redis-4 lags 3 s" },
    { "a replica far behind", far_behind, REDIS_DEGRADED, 16384, P(P_REPLICAS), P_REPLICAS, "bytes behind" },
    { "a replica that voters do not know", unknown_as_replica, REDIS_DEGRADED, 16384, P(P_REPLICAS) | P(P_CONSENSUS),
      P_REPLICAS, "most masters do not know redis-4" },
    { "a master that loads does not serve", loading, REDIS_PARTIAL, 10923, P(P_STATE), P_STATE, "redis-1 is loading" },
    { "two zones: half of the masters must be in one", two_zones, REDIS_HEALTHY, 16384, P(P_SPREAD),
      P_SPREAD, "there are only two" },
    { "a zone with two of three masters", crowded_zone, REDIS_HEALTHY, 16384, P(P_SPREAD), P_SPREAD,
      "zone a holds 2 of 3 masters: with it goes the majority that elects" },
    { "a master beside its only replica", crowded_node, REDIS_HEALTHY, 16384, P(P_SPREAD), P_SPREAD,
      "redis-1 and all its replicas are on node n1" },
    { "a snapshot that failed", no_snapshot, REDIS_HEALTHY, 16384, P(P_DISK), P_DISK, "redis-2 could not write its last snapshot" },
    { "a log that fails", no_log, REDIS_HEALTHY, 16384, P(P_DISK), P_DISK, "redis-2 could not write its append-only file" },
    { "memory at its limit", full_memory, REDIS_HEALTHY, 16384, P(P_ROOM), P_ROOM, "redis-1 uses more than 85 % of its 100 MiB" },
    { "memory below it", some_memory, REDIS_HEALTHY, 16384, 0, P_ROOM, "" },
    { "fewer owners than shards", one_shard_more_wanted, REDIS_DEGRADED, 16384, P(P_OWNERSHIP), P_OWNERSHIP,
      "3 masters own slots, 4 shards are wanted" },
};

static void check(void **state)
{
    const struct row *r = *state;

    r->hurt();
    judge();
    assert_string_equal(redis_state_name(v.state), redis_state_name(r->state));
    assert_int_equal(v.slots_ok, r->slots_ok);
    for (size_t p = 0; p < N_PREDICATES; p++)
        if (r->failing >> p & 1 && v.holds[p])
            fail_msg("%s holds", predicate_number(p));
    if (!r->failing)
        for (size_t p = 0; p < P_SETTLED; p++)
            assert_true(v.holds[p]);
    if (!strstr(v.evidence[r->about], r->evidence))
        fail_msg("'%s' does not say '%s'", v.evidence[r->about], r->evidence);
    for (size_t p = 0; p < N_PREDICATES; p++)
        assert_int_equal(v.holds[p], v.evidence[p][0] == '\0');
}

static void health_must_settle(void **state)
{
    struct settle s = { 0, 0 };
    (void)state;

    assert_int_equal(verdict_settle(&s, &v, 6000, 1000), 3000);
    assert_false(v.holds[P_SETTLED]);
    assert_int_equal(verdict_settle(&s, &v, 6000, 3999), 1);
    assert_int_equal(verdict_settle(&s, &v, 6000, 4000), 0);
    assert_true(v.holds[P_SETTLED]);
    views[3].current_epoch = views[0].current_epoch + 1;
    judge();
    assert_int_equal(verdict_settle(&s, &v, 6000, 5000), -1);
    for (size_t i = 0; i < 6; i++)
        views[i].current_epoch = views[3].current_epoch; /* healthy again, but not as before */
    judge();
    assert_int_equal(verdict_settle(&s, &v, 1000, 6000), 2000);
    assert_int_equal(verdict_settle(&s, &v, 1000, 8000), 0);
    snprintf(views[2].run_id, sizeof(views[2].run_id), "restarted");
    judge();
    assert_int_equal(verdict_settle(&s, &v, 1000, 9000), 2000);
}

static void one_shard_is_enough(void **state)
{
    (void)state;

    assert_int_equal(setup_shape(1, 0), 0);
    assert_int_equal(v.n_masters, 1);
    silence(0, true);
    judge();
    assert_int_equal(v.state, REDIS_UNKNOWN);
}

static void nobody_expected_is_unknown(void **state)
{
    struct expected none = { 0 };
    (void)state;

    verdict_judge(&none, NULL, 0, &v);
    assert_int_equal(v.state, REDIS_UNKNOWN);
    assert_int_equal(v.slots_ok, 0);
}

static void the_first_evidence_says_why(void **state)
{
    (void)state;

    open_slot(1, false, 2);
    judge();
    assert_string_equal(verdict_why(&v), "redis-1 is migrating slot 3300 to redis-2");
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 4] = {
        cmocka_unit_test_setup_teardown(health_must_settle, setup, teardown),
        cmocka_unit_test_teardown(one_shard_is_enough, teardown),
        cmocka_unit_test(nobody_expected_is_unknown),
        cmocka_unit_test_setup_teardown(the_first_evidence_says_why, setup, teardown),
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i + 4] = (struct CMUnitTest){ rows[i].name, check, setup, teardown, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
