/* Masters that die and come back at once, with and without the fence: what becomes of the keys. Real servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "servers.h"

enum { KEYS = 3000, OLD_KEYS = 500 };

enum loss {
    LOSE_NOTHING,
    LOSE_LOG,       /* the append-only file's folder */
    LOSE_MANIFEST,
    LOSE_BASE,      /* the base file is cut */
    LOSE_EMPTIED,   /* the base file is there with 0 bytes */
};

static const struct row {
    const char *name;
    const char *mode;
    int snapshot_at;   /* SAVE after so many keys; 0: never */
    bool graceful;     /* SHUTDOWN instead of SIGKILL */
    enum loss loss;
    bool others_die;   /* the other masters too, and do not come back */
    bool fenced;
    int keys;          /* what the shard holds afterwards */
    const char *role;  /* of the server that died */
    const char *log;   /* what it must have said */
} rows[] = {
    { "T1 no disk, crash and fast restart, no fence: the shard is emptied", "None", 0, false, LOSE_NOTHING, false, false,
      0, "role:master", "" },
    { "T1 no disk, crash and fast restart, fenced: nothing is lost", "None", 0, false, LOSE_NOTHING, false, true, KEYS,
      "role:slave", "is to be elected" },
    { "T2 an old snapshot, crash and fast restart, no fence: the shard goes back to it", "Snapshot", OLD_KEYS, false,
      LOSE_NOTHING, false, false, OLD_KEYS, "role:master", "" },
    { "T2 an old snapshot, crash and fast restart, fenced: nothing is lost", "Snapshot", OLD_KEYS, false, LOSE_NOTHING,
      false, true, KEYS, "role:slave", "is to be elected" },
    { "no disk, and most masters die at once: the replica takes over", "None", 0, false, LOSE_NOTHING, true, true, KEYS,
      "role:slave", "it takes over" },
    { "a snapshot written at the orderly end is as new as the replica: it stays master", "Snapshot", 0, true,
      LOSE_NOTHING, false, true, KEYS, "role:master", "no replica has more" },
    { "an append-only file is all it needs", "AppendOnly", 0, false, LOSE_NOTHING, false, true, KEYS, "role:master",
      "a master with an append-only file" },
    { "the append-only file is gone: nothing is lost", "AppendOnly", 0, false, LOSE_LOG, false, true, KEYS, "role:slave",
      "no append-only file" },
    { "its manifest is gone: nothing is lost, the rest is kept beside", "AppendOnly", 0, false, LOSE_MANIFEST, false,
      true, KEYS, "role:slave", "was set aside" },
    { "its base is cut: nothing is lost, the rest is kept beside", "AppendOnly", 0, false, LOSE_BASE, false, true, KEYS,
      "role:slave", "was set aside" },
    { "its base is empty: nothing is lost, the rest is kept beside", "AppendOnly", 0, false, LOSE_EMPTIED, false, true,
      KEYS, "role:slave", "was set aside" },
};

static struct servers servers;

static void lose(struct servers *s, enum loss what)
{
    static const char *const how[] = {
        [LOSE_NOTHING] = "true",
        [LOSE_LOG] = "rm -r appendonlydir",
        [LOSE_MANIFEST] = "rm appendonlydir/*.manifest",
        [LOSE_BASE] = "truncate -s -20 appendonlydir/*.base.rdb",
        [LOSE_EMPTIED] = "truncate -s 0 appendonlydir/*.base.rdb",
    };

    servers_sh(s, "cd %s/0 && %s", s->dir, how[what]);
}

static void end(struct servers *s, const struct row *r)
{
    if (!r->graceful) {
        servers_kill(s, 0);
        return;
    }
    servers_cli(s, 0, "shutdown");
    waitpid(s->pid[0], NULL, 0);
    s->pid[0] = 0;
}

static bool said(struct servers *s, const char *text)
{
    servers_sh(s, "grep '^time=\\|^ts=\\|level=' %s/0/log", s->dir);
    return strstr(s->out, text) != NULL;
}

static void crash_and_return(void **state)
{
    const struct row *r = *state;
    struct servers *s = &servers;

    if (!servers_available()) {
        skip();
        return;
    }
    assert_true(servers_start(s, r->mode));
    assert_true(servers_fill(s, 1, OLD_KEYS));
    if (r->snapshot_at || r->loss)
        servers_cli(s, 0, r->loss ? "bgrewriteaof" : "save");
    assert_true(servers_wait(s, 0, "info persistence", "aof_rewrite_in_progress:0"));
    assert_true(servers_fill(s, OLD_KEYS + 1, KEYS));
    for (int i = 1; i < REPLICA && r->others_die; i++)
        servers_kill(s, i);
    end(s, r);
    lose(s, r->loss);
    servers_launch(s, 0, r->fenced);
    if (!servers_wait(s, 0, "info replication", r->role))
        fail_msg("it is not %s: %s", r->role, servers_sh(s, "grep level= %s/0/log", s->dir));
    assert_true(servers_wait(s, 0, "info replication", str_eq(r->role, "role:slave") ? "master_link_status:up" : "connected_slaves:1"));
    assert_true(servers_wait(s, REPLICA, "info replication", str_eq(r->role, "role:slave") ? "role:master" : "master_link_status:up"));
    if (!said(s, r->log))
        fail_msg("\"%s\" was not said, but: %s", r->log, s->out);
    assert_int_equal(servers_keys(s, 0), r->keys);
    assert_int_equal(servers_keys(s, REPLICA), r->keys);
}

static int stop(void **state)
{
    (void)state;
    servers_stop(&servers);
    servers = (struct servers){ .dir = "" };
    return 0;
}

int main(void)
{
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, crash_and_return, NULL, stop, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("the fence, with real servers", tests, NULL, NULL);
}
