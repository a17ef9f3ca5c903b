/*
 * The start fence and backups where everything speaks TLS, with real servers: a certificate that was renewed while the
 * server was down, authorities and keys that do not fit. Who cannot be asked for such a reason lives, and may have the keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../../src/entry/ask.h"
#include "shard.h"

enum { KEYS = 3000, ASK_MS = 8000 };

static struct shard shard;

static bool up(struct shard *s, const char *release, const char *mode)
{
    if (!shard_find(s, release) || system("command -v openssl >/dev/null") != 0)
        return false;
    s->tls = true;
    assert_true(shard_start(s, mode));
    return true;
}

static int stop(void **state)
{
    (void)state;
    if (shard.dir[0])
        shard_stop(&shard);
    shard = (struct shard){ .dir = "" };
    return 0;
}

static bool said(struct shard *s, const char *text)
{
    shard_sh(s, "grep 'level=' %s/0/log", s->dir);
    return strstr(s->out, text) != NULL;
}

static void expect_handed_over(struct shard *s)
{
    if (!shard_wait(s, 0, "info replication", "role:slave"))
        fail_msg("it is no replica: %s", shard_sh(s, "grep level= %s/0/log", s->dir));
    assert_true(shard_wait(s, 0, "info replication", "master_link_status:up"));
    assert_true(said(s, "is to be elected"));
    assert_int_equal(shard_keys(s, 0), KEYS);
    assert_int_equal(shard_keys(s, REPLICA), KEYS);
}

/* The files changed while it was down, as in a pod whose Secret was renewed. */
static void crash_and_return(void **state)
{
    struct shard *s = &shard;

    if (!up(s, *state, "None")) {
        skip();
        return;
    }
    assert_true(shard_fill(s, 1, KEYS));
    shard_kill(s, 0);
    assert_true(shard_certify(s, 0, "two", "ca"));
    shard_launch(s, 0, true);
    expect_handed_over(s);
}

static void saved(void **state)
{
    struct shard *s = &shard;

    if (!up(s, *state, "None")) {
        skip();
        return;
    }
    assert_true(shard_fill(s, 1, KEYS));
    shard_sh(s, "%s backup --cli %s --seed 127.0.0.1:%d --tls %s/tls-1 --dir %s/backups --name one 2>&1; echo rc=$?", entry_program(), s->cli,
             s->port[1], s->dir, s->dir);
    if (!strstr(s->out, "rc=0"))
        fail_msg("%s", s->out);
    assert_non_null(strstr(shard_sh(s, "cat %s/backups/one/backup.txt", s->dir), "slots 0-5460\n"));
    /* what it holds is what a new server starts with */
    shard_sh(s, "mkdir %s/new && %s restore --from %s/backups/one --data %s/new --pod x-redis-0 --shards 3 --persistence Snapshot 2>&1 && "
                "rm %s/new/nodes.conf && %s --port 0 --unixsocket %s/new/sock --dir %s/new --daemonize yes --pidfile %s/new/pid >&2; "
                "for i in $(seq 100); do %s -s %s/new/sock dbsize 2>/dev/null | grep -v LOADING && break; sleep 0.1; done; "
                "%s -s %s/new/sock shutdown nosave",
             s->dir, entry_program(), s->dir, s->dir, s->dir, s->server, s->dir, s->dir, s->dir, s->cli, s->dir, s->cli, s->dir);
    assert_non_null(strstr(s->out, "3000"));
}

/* --- what does not fit --- */

static const struct row {
    const char *name;
    const char *crt, *key, *ca; /* of DIR/pki; "" is an empty file */
    bool reached;
    const char *says;
} rows[] = {
    { "all is well", "one.crt", "one.key", "ca.crt", true, "" },
    { "another certificate of the same authority", "two.crt", "two.key", "ca.crt", true, "" },
    { "another authority", "one.crt", "one.key", "ca2.crt", false, "certificate verify failed" },
    { "both are another authority's", "other.crt", "other.key", "ca2.crt", false, "certificate verify failed" },
    { "the key of another certificate", "one.crt", "two.key", "ca.crt", false, "rivate key" },
    { "an empty certificate", "", "one.key", "ca.crt", false, "ertificate" },
    { "an empty authority", "one.crt", "one.key", "", false, "CA" },
};

static void put(struct shard *s, const char *to, const char *from)
{
    shard_sh(s, "cp %s/%s%s %s/%s", from[0] ? s->dir : "/dev", from[0] ? "pki/" : "null", from, s->dir, to);
}

static void what_does_not_fit(void **state)
{
    struct shard *s = &shard;
    char dir[96];

    if (!up(s, *state, "None")) {
        skip();
        return;
    }
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *r = &rows[i];
        struct ask_how how = { .cli = s->cli, .tls_dir = dir };
        struct ask_target at = { .ip = "127.0.0.1", .port = (uint16_t)s->port[REPLICA] };
        struct node_view v;

        snprintf(dir, sizeof(dir), "%.63s/try", s->dir);
        mkdir(dir, 0700);
        put(s, "try/tls.crt", r->crt);
        put(s, "try/tls.key", r->key);
        put(s, "try/ca.crt", r->ca);
        view_init(&v);
        ask_views(&how, &at, &v, 1, ASK_MS);
        print_message("# %s: %s\n", r->name, v.error);
        if (v.reach != (r->reached ? REACH_OK : REACH_DENIED) || !strstr(v.error, r->says))
            fail_msg("%s: reach %d, \"%s\"", r->name, v.reach, v.error);
        view_done(&v);
    }
}

static bool started(struct shard *s)
{
    return waitpid(s->pid[0], NULL, WNOHANG) == 0;
}

/* Half a minute: while nobody can be asked it does not start, and its replica keeps what it has. */
static void waits_for_certificates(void **state)
{
    struct shard *s = &shard;

    if (!getenv("E2E_LONG") || !up(s, *state, "None")) {
        skip();
        return;
    }
    assert_true(shard_fill(s, 1, KEYS));
    shard_kill(s, 0);
    assert_true(shard_certify(s, 0, "other", "ca2"));
    shard_launch(s, 0, true);
    for (time_t until = time(NULL) + WAIT_S; time(NULL) < until && started(s);)
        usleep(100000);
    assert_true(said(s, "may have more, but does not answer"));
    assert_int_equal(shard_keys(s, REPLICA), KEYS);
    assert_true(shard_certify(s, 0, "two", "ca"));
    shard_launch(s, 0, true);
    assert_true(shard_wait(s, 0, "info replication", "master_link_status:up"));
    assert_int_equal(shard_keys(s, 0), KEYS);
}

int main(void)
{
    static const struct {
        const char *name;
        CMUnitTestFunction check;
        bool everywhere; /* with a release of either family, also when it has to be quick */
    } all[] = {
        { "TLS: a crash and a fast restart with a renewed certificate: nothing is lost", crash_and_return, true },
        { "TLS: saved, and what was saved is whole", saved, false },
        { "TLS: what does not fit is told from silence", what_does_not_fit, false },
        { "TLS: with another authority it does not start, and nothing is lost", waits_for_certificates, false },
    };
    static char names[COUNT(all) * (COUNT(servers_known) + 1)][160];
    struct CMUnitTest tests[COUNT(names)];
    size_t n = 0;

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    for (size_t k = 0; k <= COUNT(servers_known); k++)
        for (size_t i = 0; i < COUNT(all); i++) {
            const char *release = k ? servers_known[k - 1] : NULL;

            if (k && !all[i].everywhere && !getenv("E2E_LONG"))
                continue;
            snprintf(names[n], sizeof(names[n]), "%s%s%s", all[i].name, release ? ", " : "", release ? release : "");
            tests[n] = (struct CMUnitTest){ names[n], all[i].check, NULL, stop, (void *)(uintptr_t)release };
            n++;
        }
    return _cmocka_run_group_tests("the entry program over TLS, with real servers", tests, n, NULL, NULL);
}
