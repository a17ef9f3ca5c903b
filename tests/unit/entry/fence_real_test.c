/* Masters that die and come back at once, with and without the fence: what becomes of the keys. Real servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "shard.h"

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
    bool everywhere;   /* with every release that is here */
} rows[] = {
    { "T1 no disk, crash and fast restart, no fence: the shard is emptied", "None", 0, false, LOSE_NOTHING, false, false,
      0, "role:master", "", false },
    { "T1 no disk, crash and fast restart, fenced: nothing is lost", "None", 0, false, LOSE_NOTHING, false, true, KEYS,
      "role:slave", "is to be elected", true },
    { "T2 an old snapshot, crash and fast restart, no fence: the shard goes back to it", "Snapshot", OLD_KEYS, false,
      LOSE_NOTHING, false, false, OLD_KEYS, "role:master", "", false },
    { "T2 an old snapshot, crash and fast restart, fenced: nothing is lost", "Snapshot", OLD_KEYS, false, LOSE_NOTHING,
      false, true, KEYS, "role:slave", "is to be elected", true },
    { "no disk, and most masters die at once: the replica takes over", "None", 0, false, LOSE_NOTHING, true, true, KEYS,
      "role:slave", "it takes over", false },
    { "a snapshot written at the orderly end is as new as the replica: it stays master", "Snapshot", 0, true,
      LOSE_NOTHING, false, true, KEYS, "role:master", "no replica has more", true },
    { "an append-only file is all it needs", "AppendOnly", 0, false, LOSE_NOTHING, false, true, KEYS, "role:master",
      "a master with an append-only file", false },
    { "the append-only file is gone: nothing is lost", "AppendOnly", 0, false, LOSE_LOG, false, true, KEYS, "role:slave",
      "no append-only file", true },
    { "its manifest is gone: nothing is lost, the rest is kept beside", "AppendOnly", 0, false, LOSE_MANIFEST, false,
      true, KEYS, "role:slave", "set aside", false },
    { "its base is cut: nothing is lost, the rest is kept beside", "AppendOnly", 0, false, LOSE_BASE, false, true, KEYS,
      "role:slave", "set aside", true },
    { "its base is empty: nothing is lost, the rest is kept beside", "AppendOnly", 0, false, LOSE_EMPTIED, false, true,
      KEYS, "role:slave", "set aside", false },
};

/* A row, with one release. */
static struct test {
    const struct row *row;
    const char *release; /* NULL: the machine's own */
    char name[160];
} *table;
static struct shard shard;

static void lose(struct shard *s, enum loss what)
{
    static const char *const how[] = {
        [LOSE_NOTHING] = "true",
        [LOSE_LOG] = "rm -r appendonlydir",
        [LOSE_MANIFEST] = "rm appendonlydir/*.manifest",
        [LOSE_BASE] = "truncate -s -20 appendonlydir/*.base.rdb",
        [LOSE_EMPTIED] = "truncate -s 0 appendonlydir/*.base.rdb",
    };

    shard_sh(s, "cd %s/0 && %s", s->dir, how[what]);
}

static void end(struct shard *s, const struct row *r)
{
    if (!r->graceful) {
        shard_kill(s, 0);
        return;
    }
    shard_cli(s, 0, "shutdown");
    waitpid(s->pid[0], NULL, 0);
    s->pid[0] = 0;
}

static bool said(struct shard *s, const char *text)
{
    shard_sh(s, "grep '^time=\\|^ts=\\|level=' %s/0/log", s->dir);
    return strstr(s->out, text) != NULL;
}

static void crash_and_return(void **state)
{
    const struct test *t = *state;
    const struct row *r = t->row;
    struct shard *s = &shard;

    if (!shard_find(s, t->release)) {
        skip();
        return;
    }
    assert_true(shard_start(s, r->mode));
    assert_true(shard_fill(s, 1, OLD_KEYS));
    if (r->snapshot_at || r->loss)
        shard_cli(s, 0, r->loss ? "bgrewriteaof" : "save");
    assert_true(shard_wait(s, 0, "info persistence", "aof_rewrite_in_progress:0"));
    assert_true(shard_fill(s, OLD_KEYS + 1, KEYS));
    for (int i = 1; i < REPLICA && r->others_die; i++)
        shard_kill(s, i);
    end(s, r);
    lose(s, r->loss);
    shard_launch(s, 0, r->fenced);
    if (!shard_wait(s, 0, "info replication", r->role))
        fail_msg("it is not %s: %s", r->role, shard_sh(s, "grep level= %s/0/log", s->dir));
    assert_true(shard_wait(s, 0, "info replication", str_eq(r->role, "role:slave") ? "master_link_status:up" : "connected_slaves:1"));
    assert_true(shard_wait(s, REPLICA, "info replication", str_eq(r->role, "role:slave") ? "role:master" : "master_link_status:up"));
    if (!said(s, r->log))
        fail_msg("\"%s\" was not said, but: %s", r->log, s->out);
    assert_int_equal(shard_keys(s, 0), r->keys);
    assert_int_equal(shard_keys(s, REPLICA), r->keys);
}

static int stop(void **state)
{
    (void)state;
    shard_stop(&shard);
    shard = (struct shard){ .dir = "" };
    return 0;
}

/* T11: the volume is full when nodes.conf has to be written. Redis 7.0 writes it in place and goes on; later ones
 * and Valkey end. Whoever ends comes back empty, cannot stay, and its keys live on in its replica. */
static void disk_full(void **state)
{
    const struct test *t = *state;
    struct shard *s = &shard;

    if (!shard_find(s, t->release) || !shard_may_mount()) {
        skip();
        return;
    }
    s->small_disk = true;
    assert_true(shard_start(s, "None"));
    assert_true(shard_fill(s, 1, KEYS));
    shard_sh(s, "cat /dev/zero >%s/0/full 2>/dev/null", s->dir);
    shard_cli(s, 0, "cluster bumpepoch");
    usleep(300000);
    print_message("# %s: with a full disk the server %s\n", t->release ? t->release : "this machine's Redis",
                  waitpid(s->pid[0], NULL, WNOHANG) == 0 ? "goes on" : "ends");
    kill(s->pid[0], SIGKILL);
    waitpid(s->pid[0], NULL, 0);
    shard_launch(s, 0, true);
    assert_true(shard_wait(s, REPLICA, "info replication", "role:master"));
    assert_int_equal(shard_keys(s, REPLICA), KEYS);
    kill(s->pid[0], SIGKILL);
    waitpid(s->pid[0], NULL, 0);
    shard_sh(s, "rm %s/0/full", s->dir);
    shard_launch(s, 0, true);
    /* as a replica; or alone, when its epoch was as high as its successor's */
    assert_true(shard_wait(s, 0, "info replication", "role:"));
    assert_true(shard_wait(s, 0, "info replication", said(s, "starts as a new node") ? "role:master" : "master_link_status:up"));
    assert_int_equal(shard_keys(s, REPLICA), KEYS);
}

static void add(struct CMUnitTest *tests, size_t *n, const struct row *r, const char *release)
{
    struct test *t = &table[*n];

    *t = (struct test){ .row = r, .release = release };
    snprintf(t->name, sizeof(t->name), "%s%s%s", r ? r->name : "T11 the volume is full: nothing is lost elsewhere",
             release ? ", " : "", release ? release : "");
    tests[(*n)++] = (struct CMUnitTest){ t->name, r ? crash_and_return : disk_full, NULL, stop, t };
}

int main(void)
{
    enum { MAX = (COUNT(rows) + 1) * (COUNT(servers_known) + 1) };
    AUTO_FREE struct CMUnitTest *tests = xcalloc(MAX, sizeof(*tests));
    size_t n = 0;
    int rc;

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    table = xcalloc(MAX, sizeof(*table));
    for (size_t k = 0; k <= COUNT(servers_known); k++) {
        const char *release = k ? servers_known[k - 1] : NULL;

        for (size_t i = 0; i < COUNT(rows); i++)
            if (!k || rows[i].everywhere)
                add(tests, &n, &rows[i], release);
        add(tests, &n, NULL, release);
    }
    rc = _cmocka_run_group_tests("the fence, with real servers", tests, n, NULL, NULL);
    free(table);
    return rc;
}
