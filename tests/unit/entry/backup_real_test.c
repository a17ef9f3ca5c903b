/* A backup of real servers under way, and new servers that start with it, of every release that is here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "shard.h"

enum { KEYS = 500, MASTERS = 3 };

/* Another than what stood there, whatever that was: a head has times and sizes in it. */
#define OTHER_BYTE "b=$(od -An -tu1 -j50 -N1 shard-0.rdb); printf \"\\\\$(printf %o $((b ^ 1)))\" | dd of=shard-0.rdb bs=1 seek=50 conv=notrunc 2>&1"

static const char *const tags[MASTERS] = { "{b}", "{c}", "{a}" }; /* slots 3300, 7365, 15495: one of each shard */

static const struct row {
    const char *name;
    const char *mode;    /* of the new servers */
    const char *spoil;   /* a shell command in the backup's folder; "" */
    const char *shards;  /* --shards */
    const char *refusal; /* what restore must say; NULL: it restores */
} rows[] = {
    { "saved and restored, with an append-only file", "AppendOnly", "", "3", NULL },
    { "saved and restored, with snapshots", "Snapshot", "", "3", NULL },
    { "one byte is another: refused", "AppendOnly", OTHER_BYTE, "3", "is damaged" },
    { "a file was cut: refused", "AppendOnly", "truncate -s -3 shard-0.rdb", "3", "is damaged" },
    { "a file is missing: refused", "AppendOnly", "rm shard-0.rdb", "3", "No such file" },
    { "the text is missing, as of a half backup: refused", "AppendOnly", "rm backup.txt", "3", "no complete backup" },
    { "the text was cut: refused", "AppendOnly", "sed -i '$d' backup.txt", "3", "it was cut" },
    { "another number of shards: refused, and it says which", "AppendOnly", "", "4", "spec.redis.shards is 4, but the backup has 3" },
};

static struct test {
    const struct row *row;
    const char *release;
    char name[128];
} *table;
static struct shard shard, restored;

static void fill(struct shard *s)
{
    for (int i = 0; i < MASTERS; i++) {
        shard_sh(s, "for i in $(seq %d); do echo \"SET %s$i value-$i\"; done | %s -p %d | grep -c OK", KEYS, tags[i], s->talk, s->port[i]);
        assert_int_equal(atoi(s->out), KEYS);
    }
    assert_true(shard_wait(s, REPLICA, "dbsize", "500"));
}

static void save(struct shard *s, const char *name, const char *keep)
{
    shard_sh(s, "%s backup --cli %s --seed 127.0.0.1:%d --dir %s/backups --name %s --keep %s 2>&1; echo rc=$?", entry_program(),
             s->cli, s->port[1], s->dir, name, keep);
    if (!strstr(s->out, "rc=0"))
        fail_msg("backup: %s", s->out);
}

static const char *restore(struct shard *t, const struct shard *from, int i, const struct row *r)
{
    return shard_sh(t, "mkdir -p %s/%d && %s restore --from %s/backups/one --data %s/%d --pod x-redis-%d --shards %s --persistence %s 2>&1; echo rc=$?",
                    t->dir, i, entry_program(), from->dir, t->dir, i, i, r->shards, r->mode);
}

static void start_restored(struct shard *t, const struct row *r)
{
    char command[64];

    for (int i = 0; i < MASTERS; i++) {
        t->port[i] = port_take();
        shard_launch(t, i, true);
        assert_true(shard_wait(t, i, "ping", "PONG"));
        snprintf(command, sizeof(command), "cluster set-config-epoch %d", i + 1);
        assert_string_equal(shard_cli(t, i, command), "OK");
        for (int k = 0; k < i; k++) {
            snprintf(command, sizeof(command), "cluster meet 127.0.0.1 %d", t->port[k]);
            shard_cli(t, i, command);
        }
    }
    for (int i = 0; i < MASTERS; i++)
        if (!shard_wait(t, i, "cluster info", "cluster_state:ok"))
            fail_msg("%s", shard_sh(t, "tail -n 5 %s/%d/log; %s -p %d cluster nodes", t->dir, i, t->talk, t->port[i]));
    assert_non_null(r);
}

static void check_keys(struct shard *t)
{
    for (int i = 0; i < MASTERS; i++) {
        assert_int_equal(shard_keys(t, i), KEYS);
        shard_sh(t, "for i in $(seq %d); do echo \"GET %s$i\"; done | %s -p %d | sort -u | grep -c '^value-'", KEYS, tags[i], t->talk, t->port[i]);
        assert_int_equal(atoi(t->out), KEYS);
    }
}

static void there_and_back(void **state)
{
    const struct test *t = *state;
    const struct row *r = t->row;

    if (!shard_find(&shard, t->release)) {
        skip();
        return;
    }
    assert_true(shard_find(&restored, t->release));
    assert_true(shard_start(&shard, "Snapshot"));
    fill(&shard);
    save(&shard, "one", "7");
    assert_non_null(strstr(shard_sh(&shard, "cat %s/backups/one/backup.txt", shard.dir), "slots 5461-10922"));
    shard_sh(&shard, "cd %s/backups/one && { %s; }", shard.dir, r->spoil[0] ? r->spoil : ":");
    restored.mode = r->mode;
    restored.node_timeout = "5000";
    snprintf(restored.dir, sizeof(restored.dir), "/tmp/everserve-entry-XXXXXX");
    assert_non_null(mkdtemp(restored.dir));
    for (int i = 0; i < MASTERS; i++) {
        const char *said = restore(&restored, &shard, i, r);

        if (r->refusal && i == 0)
            assert_true(strstr(said, r->refusal) && strstr(said, "rc=1"));
        else if (!r->refusal && !strstr(said, "rc=0"))
            fail_msg("restore: %s", said);
    }
    if (r->refusal) {
        assert_string_equal(shard_sh(&restored, "cat %s/0/nodes.conf 2>/dev/null | wc -l", restored.dir), "0");
        return;
    }
    assert_non_null(strstr(restore(&restored, &shard, 0, r), "nothing is to be restored"));
    start_restored(&restored, r);
    check_keys(&restored);
}

/* Of the complete ones the newest stay; what is only half there never counts, and never pushes another out. */
static void keeps_the_newest(void **state)
{
    char when[32];

    (void)state;
    if (!shard_find(&shard, NULL)) {
        skip();
        return;
    }
    assert_true(shard_start(&shard, "None"));
    fill(&shard);
    for (int i = 1; i <= 3; i++) {
        save(&shard, (const char *[]){ "a", "b", "c" }[i - 1], "2");
        sleep(1); /* the time that orders them is told in seconds */
        shard_sh(&shard, "cd %s/backups && mkdir -p half && touch half/shard-0.rdb", shard.dir);
    }
    assert_string_equal(shard_sh(&shard, "ls -A %s/backups | tr '\\n' ' '", shard.dir), "b c half ");
    /* made again by the same name, as by a second pod of its Job: it is there, and is left as it is */
    shard_sh(&shard, "stat -c %%Y %s/backups/c/backup.txt", shard.dir);
    snprintf(when, sizeof(when), "%.30s", shard.out);
    save(&shard, "c", "2");
    assert_string_equal(shard_sh(&shard, "stat -c %%Y %s/backups/c/backup.txt", shard.dir), when);
    /* a node stands still: nothing complete comes of it, and nothing half stays */
    kill(shard.pid[2], SIGSTOP);
    shard_sh(&shard, "timeout 60 %s backup --seed 127.0.0.1:%d --dir %s/backups --name d 2>&1; echo rc=$?", entry_program(), shard.port[0], shard.dir);
    kill(shard.pid[2], SIGCONT);
    assert_non_null(strstr(shard.out, "rc=1"));
    assert_string_equal(shard_sh(&shard, "ls -A %s/backups | tr '\\n' ' '", shard.dir), "b c half ");
}

static int stop(void **state)
{
    (void)state;
    if (shard.dir[0])
        shard_stop(&shard);
    if (restored.dir[0])
        shard_stop(&restored);
    shard = restored = (struct shard){ .dir = "" };
    return 0;
}

int main(void)
{
    enum { MAX = COUNT(rows) + 2 * COUNT(servers_known) + 1 };
    struct CMUnitTest tests[MAX];
    size_t n = 0;
    int rc;

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    table = xcalloc(MAX, sizeof(*table));
    for (size_t k = 0; k <= COUNT(servers_known); k++)
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct test *t = &table[n];

            if (k && rows[i].spoil[0] + (rows[i].refusal != NULL))
                continue;
            *t = (struct test){ .row = &rows[i], .release = k ? servers_known[k - 1] : NULL };
            snprintf(t->name, sizeof(t->name), "%s%s%s", rows[i].name, k ? ", " : "", k ? t->release : "");
            tests[n++] = (struct CMUnitTest){ t->name, there_and_back, NULL, stop, t };
        }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test_teardown(keeps_the_newest, stop);
    rc = _cmocka_run_group_tests("backup and restore, with real servers", tests, n, NULL, NULL);
    free(table);
    return rc;
}
