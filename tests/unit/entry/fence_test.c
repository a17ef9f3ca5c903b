/* What the fence decides, from what was seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "entry/ask.h"
#include "entry/fence.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define R "dddddddddddddddddddddddddddddddddddddddd"
#define S "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
#define HISTORY "1111111111111111111111111111111111111111"
#define OTHER "2222222222222222222222222222222222222222"

/* A is us; B and C are masters; R and S are our replicas. */
#define ROW_A A " 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-99\n"
#define ROW_A_SEEN A " 10.0.0.1:6379@16379 master - 0 0 1 connected 0-99\n"
#define ROW_A_FAIL A " 10.0.0.1:6379@16379 master,fail - 0 0 1 connected 0-99\n"
#define ROW_A_LOST A " 10.0.0.1:6379@16379 slave " R " 0 0 9 connected\n"
#define ROW_B B " 10.0.0.2:6379@16379 master - 0 0 2 connected 100-199\n"
#define ROW_C C " 10.0.0.3:6379@16379 master - 0 0 3 connected 200-299\n"
#define ROW_R R " 10.0.0.4:6379@16379 slave " A " 0 0 1 connected\n"
#define ROW_S S " 10.0.0.5:6379@16379 slave " A " 0 0 1 connected\n"
#define ROW_R_NEW R " 10.0.0.44:6379@16379 slave " A " 0 0 1 connected\n"
#define ROW_R_DEAD R " 10.0.0.4:6379@16379 slave,fail " A " 0 0 1 disconnected\n"
#define MINE_R R " 10.0.0.4:6379@16379 myself,slave " A " 0 0 1 connected\n"
#define MINE_R_UNARMED R " 10.0.0.4:6379@16379 myself,slave,nofailover " A " 0 0 1 connected\n"
#define MINE_R_MASTER R " 10.0.0.4:6379@16379 myself,master - 0 0 9 connected 0-99\n"
#define MINE_S S " 10.0.0.5:6379@16379 myself,slave " A " 0 0 1 connected\n"
#define MINE_S_AWAY S " 10.0.0.5:6379@16379 myself,slave " R " 0 0 1 connected\n"
#define MINE_B B " 10.0.0.2:6379@16379 myself,master - 0 0 2 connected 100-199\n"
#define MINE_OTHER OTHER " 10.0.0.4:6379@16379 myself,master - 0 0 2 connected 0-99\n"
#define CONF ROW_A ROW_B ROW_C ROW_R "vars currentEpoch 3 lastVoteEpoch 0\n"
#define CONF_TWO ROW_A ROW_B ROW_C ROW_R ROW_S "vars currentEpoch 3 lastVoteEpoch 0\n"

#define INFO(replid, offset, keys, more) \
    "# Replication\r\nrole:slave\r\nrun_id:" HISTORY "\r\nmaster_replid:" replid "\r\nslave_read_repl_offset:" offset \
    "\r\n" more "# Keyspace\r\ndb0:keys=" keys ",expires=0\r\n\neverserve-entry\n"
#define EMPTY(offset) \
    "role:slave\r\nrun_id:" HISTORY "\r\nmaster_replid:" HISTORY "\r\nslave_read_repl_offset:" offset \
    "\r\n# Keyspace\r\n\neverserve-entry\n"
#define MASTER "role:master\r\nrun_id:" HISTORY "\r\nmaster_replid:" HISTORY "\r\n# Keyspace\r\ndb0:keys=7\r\n\neverserve-entry\n"
#define REFUSED "Could not connect to Redis at 10.0.0.4:6379: Connection refused\n"

static const struct row {
    const char *name;
    const char *conf;
    enum data_kind kind;
    const char *replid; /* of the snapshot */
    int64_t offset;
    const char *r, *s, *b, *c; /* what they answer; NULL: nothing */
    int64_t elapsed_ms, forced_ms, taken_ms;
    enum fence_act want;
    const char *target; /* of FORCE, TAKEOVER */
    bool replaced, anew;
} rows[] = {
    { "no nodes.conf", NULL, DATA_NONE, "", -1, NULL, NULL, NULL, NULL, 0, -1, -1, FENCE_START, NULL, false, false },
    { "it was a replica", MINE_R ROW_A_SEEN, DATA_NONE, "", -1, NULL, NULL, NULL, NULL, 0, -1, -1, FENCE_START, NULL, false, false },
    { "a master without slots", A " 10.0.0.1:6379@16379 myself,master - 0 0 1 connected\n" ROW_R, DATA_NONE, "", -1, NULL,
      NULL, NULL, NULL, 0, -1, -1, FENCE_START, NULL, false, false },
    { "an append-only file", CONF, DATA_LOG, "", -1, NULL, NULL, NULL, NULL, 0, -1, -1, FENCE_START, NULL, false, false },
    { "alone", ROW_A, DATA_NONE, "", -1, NULL, NULL, NULL, NULL, 0, -1, -1, FENCE_START, NULL, false, false },
    { "nothing here, keys there: an election is forced", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN,
      NULL, MASTER MINE_B ROW_A_SEEN, NULL, 10, -1, -1, FENCE_FORCE, R, false, false },
    { "nothing here, nothing there", CONF, DATA_NONE, "", -1, EMPTY("500") MINE_R ROW_A_SEEN, NULL, NULL, NULL, 10, -1, -1,
      FENCE_START, NULL, false, false },
    { "the better of two", CONF_TWO, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN,
      INFO(HISTORY, "501", "9", "") MINE_S ROW_A_SEEN, NULL, NULL, 10, -1, -1, FENCE_FORCE, S, false, false },
    { "a replica in the middle of a copy is not elected", CONF_TWO, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN,
      INFO(HISTORY, "501", "9", "master_sync_in_progress:1\r\n") MINE_S ROW_A_SEEN, NULL, NULL, 10, -1, -1, FENCE_FORCE, R, false, false },
    { "a snapshot of the same history, as new", CONF, DATA_SNAPSHOT, HISTORY, 500, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN,
      NULL, NULL, NULL, 10, -1, -1, FENCE_START, NULL, false, false },
    { "a snapshot of the same history, older", CONF, DATA_SNAPSHOT, HISTORY, 499, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN,
      NULL, NULL, NULL, 10, -1, -1, FENCE_FORCE, R, false, false },
    { "a snapshot of the same history, older, and its keys are deleted by now", CONF, DATA_SNAPSHOT, HISTORY, 499,
      EMPTY("500") MINE_R ROW_A_SEEN, NULL, NULL, NULL, 10, -1, -1, FENCE_FORCE, R, false, false },
    { "a snapshot of another history", CONF, DATA_SNAPSHOT, OTHER, 900, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN, NULL,
      NULL, NULL, 10, -1, -1, FENCE_FORCE, R, false, false },
    { "an election is due: it is not disturbed", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_FAIL, NULL,
      NULL, NULL, 3999, -1, -1, FENCE_LOOK, NULL, false, false },
    { "an election is due, but did not come", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_FAIL, NULL, NULL,
      NULL, 4000, -1, -1, FENCE_FORCE, R, false, false },
    { "a replica that may not elect itself is told at once", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R_UNARMED ROW_A_FAIL,
      NULL, NULL, NULL, 10, -1, -1, FENCE_FORCE, R, false, false },
    { "told, and given its time", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN, NULL, NULL, NULL, 5000,
      10, -1, FENCE_LOOK, NULL, false, false },
    { "told once more", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN, NULL, NULL, NULL, 5510, 10, -1,
      FENCE_FORCE, R, false, false },
    { "nobody was elected: taken over", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN, NULL, NULL, NULL,
      15000, 12000, -1, FENCE_TAKEOVER, R, false, false },
    { "most masters do not run: taken over soon", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN, NULL,
      REFUSED, REFUSED, 3000, 10, -1, FENCE_TAKEOVER, R, false, false },
    { "most masters are silent, which is not the same", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN,
      NULL, NULL, NULL, 3000, 10, -1, FENCE_LOOK, NULL, false, false },
    { "one master does not run, the other can vote with us dead: no majority", CONF, DATA_NONE, "", -1,
      INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN, NULL, MASTER MINE_B ROW_A_SEEN, REFUSED, 3000, 10, -1, FENCE_TAKEOVER, R, false, false },
    { "taking over takes a moment", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN, NULL, NULL, NULL,
      16000, 10, 15000, FENCE_LOOK, NULL, false, false },
    { "it does not take over: refused", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") MINE_R ROW_A_SEEN, NULL, NULL, NULL,
      20000, 10, 15000, FENCE_REFUSE, NULL, false, false },
    { "another is master", CONF, DATA_NONE, "", -1, MASTER MINE_R_MASTER ROW_A_LOST, NULL, NULL, NULL, 300, 10, -1, FENCE_START,
      NULL, true, false },
    { "another is master, and the second replica has still to follow", CONF_TWO, DATA_NONE, "", -1, MASTER MINE_R_MASTER ROW_A_LOST,
      INFO(HISTORY, "500", "9", "") MINE_S ROW_A_SEEN, NULL, NULL, 300, 10, -1, FENCE_LOOK, NULL, true, false },
    { "another is master, and the second replica follows", CONF_TWO, DATA_NONE, "", -1, MASTER MINE_R_MASTER ROW_A_LOST,
      INFO(HISTORY, "500", "9", "") MINE_S_AWAY ROW_A_LOST, NULL, NULL, 300, 10, -1, FENCE_START, NULL, true, false },
    { "somebody else answers at the replica's address: its word does not count", CONF, DATA_NONE, "", -1, MASTER MINE_OTHER, NULL,
      NULL, NULL, 10, -1, -1, FENCE_LOOK, NULL, false, false },
    { "the replica is silent: waited for", CONF, DATA_NONE, "", -1, NULL, NULL, NULL, NULL, 14999, -1, -1, FENCE_LOOK, NULL, false, false },
    { "the replica is silent, and the others hold it for dead", CONF, DATA_NONE, "", -1, NULL, NULL, MASTER MINE_B ROW_R_DEAD, NULL,
      15000, -1, -1, FENCE_START, NULL, false, false },
    { "the replica is silent, but the others see it well: refused", CONF, DATA_NONE, "", -1, NULL, NULL, MASTER MINE_B ROW_R, NULL,
      15000, -1, -1, FENCE_REFUSE, NULL, false, false },
    { "the replica refuses our password: refused", CONF, DATA_NONE, "", -1, "NOAUTH Authentication required.\n", NULL, NULL, NULL,
      15000, -1, -1, FENCE_REFUSE, NULL, false, false },
    { "the replica's certificate is not of our authority: refused", CONF, DATA_NONE, "", -1,
      "Could not connect to Redis at 10.0.0.2:6379: SSL_connect failed: certificate verify failed\n", NULL, NULL, NULL,
      15000, -1, -1, FENCE_REFUSE, NULL, false, false },
    { "the replica loads its data: waited for", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "loading:1\r\n") MINE_R ROW_A_SEEN,
      NULL, NULL, NULL, 10, -1, -1, FENCE_LOOK, NULL, false, false },
    { "replies that are rubbish are no replies", CONF, DATA_NONE, "", -1, INFO(HISTORY, "500", "9", "") "rubbish", NULL, NULL, NULL,
      10, -1, -1, FENCE_LOOK, NULL, false, false },
    { "another is master, with an epoch that we had, too", CONF, DATA_NONE, "", -1,
      MASTER R " 10.0.0.4:6379@16379 myself,master - 0 0 1 connected 0-99\n" ROW_A_LOST, NULL, NULL, NULL, 300, 10, -1, FENCE_START,
      NULL, true, true },
};

static struct fence fence;

static void answer(const char *id, const char *text)
{
    for (size_t i = 0; i < fence.n_nodes; i++)
        if (str_eq(fence.nodes[i].id, id) && text) {
            view_done(&fence.nodes[i].view);
            ask_read(text, strlen(text), &fence.nodes[i].view);
        }
}

static void check(void **state)
{
    const struct row *r = *state;
    struct fence_step s;
    struct err e;

    fence_init(&fence);
    if (r->conf)
        assert_int_equal(fence_read_conf(r->conf, strlen(r->conf), &fence.conf, &e), 0);
    fence.data = (struct data){ .kind = r->kind, .rdb = { .offset = r->offset }, .what = "what it has" };
    snprintf(fence.data.rdb.replid, sizeof(fence.data.rdb.replid), "%s", r->replid);
    fence_targets(&fence);
    answer(R, r->r);
    answer(S, r->s);
    answer(B, r->b);
    answer(C, r->c);
    fence.elapsed_ms = r->elapsed_ms;
    fence.forced_ms = r->forced_ms;
    fence.taken_ms = r->taken_ms;
    fence_step(&fence, &s);
    if (s.act != r->want)
        fail_msg("%d, not %d: %s", s.act, r->want, s.why);
    assert_int_equal(s.replaced, r->replaced);
    assert_int_equal(s.anew, r->anew);
    if (r->target)
        assert_string_equal(fence.nodes[s.target].id, r->target);
}

static int done(void **state)
{
    (void)state;
    fence_done(&fence);
    return 0;
}

static void looks_where_others_see_it(void **state)
{
    struct err e;
    (void)state;

    fence_init(&fence);
    assert_int_equal(fence_read_conf(CONF, strlen(CONF), &fence.conf, &e), 0);
    fence_targets(&fence);
    assert_int_equal(fence.n_nodes, 3);
    assert_string_equal(fence.nodes[0].ip, "10.0.0.4"); /* our replica first */
    answer(B, MASTER MINE_B ROW_A_SEEN ROW_R_NEW ROW_S);
    fence_targets(&fence);
    assert_string_equal(fence.nodes[0].ip, "10.0.0.44");
    assert_int_equal(fence.n_nodes, 4); /* S, of which nodes.conf had not heard */
    assert_true(fence.nodes[3].is_replica);
}

static const struct bad {
    const char *name, *conf;
} bads[] = {
    { "no row says myself", ROW_B ROW_C },
    { "cut in the middle of a row", A " 10.0.0.1:6379@163" },
    { "zeros, as a full disk leaves them", "\0\0\0\0" },
    { "two rows say myself", ROW_A MINE_R },
    { "nothing but vars", "vars currentEpoch 3 lastVoteEpoch 0\n" },
};

static void refuses(void **state)
{
    const struct bad *b = *state;
    struct err e;

    fence_init(&fence);
    assert_int_equal(fence_read_conf(b->conf, b->conf[0] ? strlen(b->conf) : 4, &fence.conf, &e), -ERR_INVALID);
    assert_int_equal(fence.conf.n_rows == 0 || !view_myself(&fence.conf), 1);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + COUNT(bads) + 1];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, check, NULL, done, (void *)(uintptr_t)&rows[i] };
    for (size_t i = 0; i < COUNT(bads); i++)
        tests[n++] = (struct CMUnitTest){ bads[i].name, refuses, NULL, done, (void *)(uintptr_t)&bads[i] };
    tests[n] = (struct CMUnitTest)cmocka_unit_test_teardown(looks_where_others_see_it, done);
    return cmocka_run_group_tests_name("fence", tests, NULL, NULL);
}
