/*
 * What Redis nodes say, and what somebody else might say in their place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "slots/view.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define REST " myself,master - 0 0 1 connected"

/* One row; what it must come to, or the words that a refusal must contain. */
static const struct row {
    const char *name;
    const char *text;
    const char *refusal; /* NULL: accepted */
    const char *ip;
    unsigned port, bus_port;
    const char *hostname;
    unsigned flags;
    int slots;
} rows[] = {
    { "a master with slots", A " 10.0.0.1:6379@16379 master - 0 1700000000000 3 connected 0-5460 9000\n", NULL,
      "10.0.0.1", 6379, 16379, "", NODE_MASTER, 5462 },
    { "a replica", A " 10.0.0.1:6379@16379 slave " B " 0 0 3 connected\n", NULL, "10.0.0.1", 6379, 16379, "",
      NODE_REPLICA, 0 },
    { "before the first MEET there is no ip", A " :6379@16379" REST "\n", NULL, "", 6379, 16379, "",
      NODE_MYSELF | NODE_MASTER, 0 },
    { "a host name is announced", A " 10.0.0.1:6379@16379,redis-0.redis" REST "\n", NULL, "10.0.0.1", 6379, 16379,
      "redis-0.redis", NODE_MYSELF | NODE_MASTER, 0 },
    { "more facts may follow the host name", A " 10.0.0.1:6379@16379,h,shard-id=" B REST "\n", NULL, "10.0.0.1", 6379,
      16379, "h", NODE_MYSELF | NODE_MASTER, 0 },
    { "an empty host name before facts", A " 10.0.0.1:6379@16379,,tls-port=0" REST "\n", NULL, "10.0.0.1", 6379, 16379,
      "", NODE_MYSELF | NODE_MASTER, 0 },
    { "nodes.conf of a server that speaks TLS alone", A " 10.0.0.1:0@16379,h,tls-port=6379,shard-id=" B REST "\n", NULL, "10.0.0.1",
      6379, 16379, "h", NODE_MYSELF | NODE_MASTER, 0 },
    { "both ports: the plain one", A " 10.0.0.1:6380@16379,,tls-port=6379" REST "\n", NULL, "10.0.0.1", 6380, 16379, "",
      NODE_MYSELF | NODE_MASTER, 0 },
    { "an absurd TLS port is none", A " 10.0.0.1:0@16379,,tls-port=99999,tls-port=x" REST "\n", NULL, "10.0.0.1", 0, 16379, "",
      NODE_MYSELF | NODE_MASTER, 0 },
    { "IPv6 is cut at the last colon", A " fd00::12:6379@16379" REST "\n", NULL, "fd00::12", 6379, 16379, "",
      NODE_MYSELF | NODE_MASTER, 0 },
    { "old servers name no bus port", A " 10.0.0.1:6379" REST "\n", NULL, "10.0.0.1", 6379, 0, "",
      NODE_MYSELF | NODE_MASTER, 0 },
    { "fail? is not fail", A " 10.0.0.1:6379@16379 master,fail? - 0 0 1 disconnected\n", NULL, "10.0.0.1", 6379, 16379,
      "", NODE_MASTER | NODE_PFAIL, 0 },
    { "noaddr", A " :0@0 slave,fail,noaddr " B " 0 0 1 disconnected\n", NULL, "", 0, 0, "",
      NODE_REPLICA | NODE_FAIL | NODE_NOADDR, 0 },
    { "handshake", A " 10.0.0.9:6379@16379 handshake - 0 0 0 connected\n", NULL, "10.0.0.9", 6379, 16379, "",
      NODE_HANDSHAKE, 0 },
    { "nofailover", A " 10.0.0.1:6379@16379 myself,slave,nofailover " B " 0 0 1 connected\n", NULL, "10.0.0.1", 6379,
      16379, "", NODE_MYSELF | NODE_REPLICA | NODE_NOFAILOVER, 0 },
    { "a flag that we do not know is passed over", A " 10.0.0.1:6379@16379 master,shiny - 0 0 1 connected\n", NULL,
      "10.0.0.1", 6379, 16379, "", NODE_MASTER, 0 },
    { "RESP3 names the format first", "txt:" A " 10.0.0.1:6379@16379" REST "\n", NULL, "10.0.0.1", 6379, 16379, "",
      NODE_MYSELF | NODE_MASTER, 0 },
    { "lines may end in CR LF, the last in nothing", A " 10.0.0.1:6379@16379" REST, NULL, "10.0.0.1", 6379, 16379, "",
      NODE_MYSELF | NODE_MASTER, 0 },
    { "nothing is no cluster", "", "no rows", NULL, 0, 0, NULL, 0, 0 },
    { "an id of another length", "abc 10.0.0.1:6379@16379" REST, "not a node id", NULL, 0, 0, NULL, 0, 0 },
    { "an id in capitals", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 10.0.0.1:6379@16379" REST, "not a node id", NULL,
      0, 0, NULL, 0, 0 },
    { "a port beyond the last", A " 10.0.0.1:65536@1" REST, "not a node's address", NULL, 0, 0, NULL, 0, 0 },
    { "no port", A " 10.0.0.1" REST, "not a node's address", NULL, 0, 0, NULL, 0, 0 },
    { "an ip as long as a novel",
      A " 1111111111111111111111111111111111111111111111111111111111111111:1@1" REST, "too long", NULL, 0, 0, NULL, 0, 0 },
    { "an epoch below zero", A " 10.0.0.1:6379@16379 master - 0 0 -1 connected", "not numbers", NULL, 0, 0, NULL, 0, 0 },
    { "an epoch beyond 63 bits", A " 10.0.0.1:6379@16379 master - 0 0 9223372036854775808 connected", "not numbers",
      NULL, 0, 0, NULL, 0, 0 },
    { "a line that ends early", A " 10.0.0.1:6379@16379 master - 0", "not numbers", NULL, 0, 0, NULL, 0, 0 },
    { "a link that is neither up nor down", A " 10.0.0.1:6379@16379 master - 0 0 1 maybe", "link state", NULL, 0, 0,
      NULL, 0, 0 },
    { "a slot beyond the last", A " 10.0.0.1:6379@16379" REST " 16384", "not a slot range", NULL, 0, 0, NULL, 0, 0 },
    { "a slot named twice", A " 10.0.0.1:6379@16379" REST " 1-5 3", "slot 3 is named twice", NULL, 0, 0, NULL, 0, 0 },
    { "a slot owned by two in one view",
      A " 10.0.0.1:6379@16379" REST " 1-5\n" B " 10.0.0.2:6379@16379 master - 0 0 2 connected 5-6\n",
      "slot 5 is named twice", NULL, 0, 0, NULL, 0, 0 },
    { "a node listed twice", A " 10.0.0.1:6379@16379" REST "\n" A " 10.0.0.2:6379@16379 master - 0 0 2 connected\n",
      "listed twice", NULL, 0, 0, NULL, 0, 0 },
    { "two that say myself", A " 10.0.0.1:6379@16379" REST "\n" B " 10.0.0.2:6379@16379" REST, "two rows say myself",
      NULL, 0, 0, NULL, 0, 0 },
    { "an open slot without an end", A " 10.0.0.1:6379@16379" REST " [", "not an open slot", NULL, 0, 0, NULL, 0, 0 },
    { "an open slot that points nowhere", A " 10.0.0.1:6379@16379" REST " [5->-]", "open slot 5", NULL, 0, 0, NULL, 0, 0 },
    { "a master that is no id", A " 10.0.0.1:6379@16379 slave nobody 0 0 1 connected", "master of", NULL, 0, 0, NULL, 0, 0 },
};

static struct node_view view;

static int setup(void **state)
{
    (void)state;
    view_init(&view);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    view_done(&view);
    return 0;
}

static void check(void **state)
{
    const struct row *r = *state;
    struct err e = { 0 };
    struct slot_set s;

    assert_int_equal(view_parse_nodes(r->text, strlen(r->text), &view, &e), r->refusal ? -ERR_INVALID : 0);
    if (r->refusal) {
        if (!strstr(e.msg, r->refusal))
            fail_msg("'%s' does not say '%s'", e.msg, r->refusal);
        assert_null(view.rows);
        return;
    }
    assert_int_equal(view.n_rows, 1);
    assert_string_equal(view.rows[0].id, A);
    assert_string_equal(view.rows[0].ip, r->ip);
    assert_int_equal(view.rows[0].port, r->port);
    assert_int_equal(view.rows[0].bus_port, r->bus_port);
    assert_string_equal(view.rows[0].hostname, r->hostname);
    assert_int_equal(view.rows[0].flags, r->flags);
    s = view_row_slots(&view, &view.rows[0]);
    assert_int_equal(slot_set_count(&s), r->slots);
}

static void open_slots_are_kept_apart(void **state)
{
    const char *text = A " 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-9 [7->-" B "] [11-<-" C "]\n";
    struct err e;
    (void)state;

    assert_int_equal(view_parse_nodes(text, strlen(text), &view, &e), 0);
    assert_int_equal(view.rows[0].n_open, 2);
    assert_false(view.open[0].importing);
    assert_int_equal(view.open[0].slot, 7);
    assert_string_equal(view.open[0].peer, B);
    assert_true(view.open[1].importing);
    assert_int_equal(view.open[1].slot, 11);
    assert_string_equal(view.open[1].peer, C);
}

static void a_refusal_leaves_the_view_as_it_was(void **state)
{
    const char *good = A " 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-9\n";
    struct err e;
    (void)state;

    assert_int_equal(view_parse_nodes(good, strlen(good), &view, &e), 0);
    assert_int_equal(view_parse_nodes("x", 1, &view, &e), -ERR_INVALID);
    assert_int_equal(view.n_rows, 1);
    assert_int_equal(view_parse_cluster_info("cluster_state:ok\r\ncluster_size:x\r\n", 34, &view, &e), -ERR_INVALID);
    assert_false(view.state_ok);
}

static void a_thousand_nodes_and_no_more(void **state)
{
    struct buf b;
    struct err e;
    (void)state;

    buf_init(&b, 1 << 20);
    for (int i = 0; i < VIEW_ROWS_MAX; i++)
        buf_fmt(&b, "%040x 10.0.0.1:6379@16379 %smaster - 0 0 %d connected %d\n", i, i ? "" : "myself,", i, i);
    assert_int_equal(view_parse_nodes(buf_text(&b), b.len, &view, &e), 0);
    assert_int_equal(view.n_rows, VIEW_ROWS_MAX);
    buf_fmt(&b, "%040x 10.0.0.1:6379@16379 master - 0 0 1 connected\n", VIEW_ROWS_MAX);
    assert_int_equal(view_parse_nodes(buf_text(&b), b.len, &view, &e), -ERR_INVALID);
    buf_done(&b);
}

static void a_node_must_know_itself(void **state)
{
    const char *stranger = A " 10.0.0.1:6379@16379 master - 0 0 1 connected\n";
    const char *me = A " 10.0.0.1:6379@16379 myself,master - 0 0 1 connected\n";
    struct err e;
    (void)state;

    assert_int_equal(view_parse_nodes(stranger, strlen(stranger), &view, &e), 0);
    assert_int_equal(view_finish(&view, &e), -ERR_INVALID);
    assert_int_equal(view_parse_nodes(me, strlen(me), &view, &e), 0);
    assert_int_equal(view_parse_id(B, NODE_ID_LEN, view.id, &e), 0);
    assert_int_equal(view_finish(&view, &e), -ERR_CONFLICT);
    assert_int_equal(view_parse_id(A "\n", NODE_ID_LEN + 1, view.id, &e), 0);
    assert_int_equal(view_finish(&view, &e), 0);
}

static void info_of_a_replica(void **state)
{
    static const char text[] = "# Server\r\nredis_version:7.0.15\r\nrun_id:" A "\r\nuptime_in_seconds:77\r\n"
                               "# Memory\r\nused_memory:1024\r\nmaxmemory:0\r\n# Persistence\r\nloading:0\r\n"
                               "rdb_last_bgsave_status:err\r\naof_enabled:1\r\naof_last_write_status:ok\r\n"
                               "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.7\r\nmaster_port:6379\r\n"
                               "master_link_status:up\r\nmaster_sync_in_progress:0\r\nslave_read_repl_offset:140\r\n"
                               "slave_repl_offset:120\r\nmaster_repl_offset:99\r\n# Keyspace\r\ndb0:keys=3,expires=0\r\n"
                               "db3:keys=4,expires=1,avg_ttl=5\r\n";
    struct err e;
    (void)state;

    assert_int_equal(view_parse_info(text, sizeof(text) - 1, &view, &e), 0);
    assert_string_equal(view.version, "7.0.15");
    assert_false(view.is_valkey);
    assert_true(view.is_replica && view.master_link_up && !view.sync_in_progress && view.rdb_save_failed);
    assert_false(view.aof_write_failed || view.loading);
    assert_string_equal(view.master_host, "10.0.0.7");
    assert_int_equal(view.master_port, 6379);
    assert_int_equal(view.offset, 140);
    assert_int_equal(view.keys, 7);
    assert_int_equal(view.uptime_s, 77);
}

static void info_of_a_valkey_master(void **state)
{
    static const char text[] = "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.3\r\n"
                               "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n"
                               "slave0:ip=fd00::9,port=6379,state=online,offset=98,lag=1,type=replica\r\n"
                               "slave1:ip=10.0.0.9,port=6380,state=wait_bgsave,offset=0,lag=-1\r\n"
                               "slave_priority:100\r\nmaster_repl_offset:99\r\n# Keyspace\r\n";
    struct err e;
    (void)state;

    assert_int_equal(view_parse_info(text, sizeof(text) - 1, &view, &e), 0);
    assert_true(view.is_valkey);
    assert_string_equal(view.version, "8.1.3");
    assert_int_equal(view.keys, 0);
    assert_int_equal(view.offset, 99);
    assert_int_equal(view.n_links, 2);
    assert_string_equal(view.links[0].ip, "fd00::9");
    assert_true(view.links[0].online);
    assert_false(view.links[1].online);
    assert_int_equal(view.links[1].lag_s, -1);
}

static const struct bad_info {
    const char *name;
    const char *text;
} bad_infos[] = {
    { "more keys than can be", "db0:keys=99999999999999999999\r\n" },
    { "keys below zero", "db0:keys=-1,expires=0\r\n" },
    { "a port beyond the last", "master_port:70000\r\n" },
    { "a negative uptime", "uptime_in_seconds:-1\r\n" },
    { "an offset that is a word", "master_repl_offset:many\r\n" },
    { "a run id as long as a novel", "run_id:" A A "\r\n" },
    { "a replica on a port beyond the last", "slave0:ip=10.0.0.1,port=99999\r\n" },
    { "nothing at all", "" },
};

static void check_bad_info(void **state)
{
    const struct bad_info *r = *state;
    struct err e = { 0 };

    assert_int_equal(view_parse_info(r->text, strlen(r->text), &view, &e), -ERR_INVALID);
    assert_int_equal(view.keys, -1);
    assert_true(strlen(e.msg) > 6);
}

static void cluster_info(void **state)
{
    static const char text[] = "txt:cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16380\r\n"
                               "cluster_slots_pfail:4\r\ncluster_known_nodes:6\r\ncluster_size:3\r\n"
                               "cluster_current_epoch:9\r\ncluster_my_epoch:7\r\n"
                               "cluster_slot_migration_active_tasks:1\r\nsomething_new:?\r\n";
    struct err e;
    (void)state;

    assert_int_equal(view_parse_cluster_info(text, sizeof(text) - 1, &view, &e), 0);
    assert_true(view.state_ok);
    assert_int_equal(view.slots_ok, 16380);
    assert_int_equal(view.slots_pfail, 4);
    assert_int_equal(view.current_epoch, 9);
    assert_int_equal(view.my_epoch, 7);
    assert_int_equal(view.migration_tasks, 1);
    assert_int_equal(view_parse_cluster_info("role:master\r\n", 13, &view, &e), -ERR_INVALID);
}

static const struct CMUnitTest others[] = {
    cmocka_unit_test_setup_teardown(open_slots_are_kept_apart, setup, teardown),
    cmocka_unit_test_setup_teardown(a_refusal_leaves_the_view_as_it_was, setup, teardown),
    cmocka_unit_test_setup_teardown(a_thousand_nodes_and_no_more, setup, teardown),
    cmocka_unit_test_setup_teardown(a_node_must_know_itself, setup, teardown),
    cmocka_unit_test_setup_teardown(info_of_a_replica, setup, teardown),
    cmocka_unit_test_setup_teardown(info_of_a_valkey_master, setup, teardown),
    cmocka_unit_test_setup_teardown(cluster_info, setup, teardown),
};

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + COUNT(bad_infos) + COUNT(others)];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, check, setup, teardown, (void *)(uintptr_t)&rows[i] };
    for (size_t i = 0; i < COUNT(bad_infos); i++)
        tests[n++] = (struct CMUnitTest){ bad_infos[i].name, check_bad_info, setup, teardown,
                                          (void *)(uintptr_t)&bad_infos[i] };
    for (size_t i = 0; i < COUNT(others); i++)
        tests[n++] = others[i];
    return cmocka_run_group_tests_name("views", tests, NULL, NULL);
}
