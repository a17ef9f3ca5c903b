/*
 * everserve check, as a person calls it, on a real cluster of 3 x 2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check_run.h"
#include "json/json.h"

static struct lab lab;
static char address[32], password_file[96];

#define CHECK(...) check((const char *const[]){ __VA_ARGS__, NULL })

/* Watches until so many lines begin with these words, then sends the signal. Returns the exit code. */
static int watch(const char *const *args, const char *words, int lines, int signo)
{
    FILE *out = tmpfile();
    int status = 0;
    pid_t pid = check_start(args, out, false);

    for (int tries = 0, seen = 0; seen < lines && tries < 1000; tries++) {
        usleep(20000);
        ssize_t n = pread(fileno(out), said, sizeof(said) - 1, 0);
        said[n > 0 ? n : 0] = '\0';
        seen = 0;
        for (const char *t = said; (t = strstr(t, words)); t++)
            seen++;
    }
    kill(pid, signo);
    waitpid(pid, &status, 0);
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define WATCH(words, lines, signo, ...) watch((const char *const[]){ __VA_ARGS__, NULL }, words, lines, signo)

static void expect_said(const char *words)
{
    if (!strstr(said, words))
        fail_msg("does not say '%s':\n%s", words, said);
}

static int group_setup(void **state)
{
    FILE *f;
    struct err e = { 0 };
    (void)state;

    lab_open(&lab);
    lab_start(&lab, 3, 1, "secret");
    if (!lab_all_up(&lab) || form_plan_make(&lab.x, lab.views, &lab.plan, &e) < 0 || lab_form(&lab, false) != FORM_DONE)
        return -1;
    snprintf(address, sizeof(address), "127.0.0.1:%u", lab.members[4].port);
    snprintf(password_file, sizeof(password_file), "%s/password", lab.dir);
    f = fopen(password_file, "we");
    fputs("secret\n", f);
    return fclose(f);
}

static int group_teardown(void **state)
{
    (void)state;
    lab_stop(&lab);
    return 0;
}

static void one_address_finds_them_all(void **state)
{
    (void)state;

    assert_int_equal(CHECK("--password-file", password_file, address), 0);
    expect_said("Healthy: 16384 of 16384 slots served, 3 masters, 3 replicas in sync, 6 of 6 members answer");
    for (size_t i = 0; i < lab.n; i++) {
        char other[32];

        snprintf(other, sizeof(other), "127.0.0.1:%u", lab.members[i].port);
        expect_said(other);
    }
    assert_null(strstr(said, " NO   redis"));
}

static void json_carries_the_same(void **state)
{
    AUTO_JSON cJSON *root = NULL;
    struct err e;
    (void)state;

    setenv("REDISCLI_AUTH", "secret", 1);
    assert_int_equal(CHECK("-o", "json", "--settled", address, address), 0);
    unsetenv("REDISCLI_AUTH");
    assert_int_equal(json_parse(said, strlen(said), &root, &e), 0);
    assert_string_equal(json_get_str(root, "state"), "Healthy");
    assert_int_equal(json_get_int(root, "slotsOk", 0), 16384);
    assert_int_equal(json_count(json_at(root, "nodes")), 6);
    assert_int_equal(json_count(json_at(root, "predicates")), N_PREDICATES);
    assert_string_equal(json_get_str(root, "predicates.13.number"), "P14");
    assert_true(json_get_bool(root, "predicates.13.holds", false));
}

static void watching_goes_on_until_it_is_interrupted(void **state)
{
    AUTO_JSON cJSON *first = NULL;
    struct err e;
    (void)state;

    assert_int_equal(WATCH("Healthy: ", 2, SIGINT, "-w1", "--password-file", password_file, address), 0);
    assert_null(strchr(said, '\033')); /* not a terminal: one report after the other */
    assert_int_equal(WATCH("{\"state\":\"Healthy\"", 2, SIGTERM, "--watch=1", "-o", "json", "--password-file", password_file, address), 0);
    assert_int_equal(json_parse(said, strcspn(said, "\n"), &first, &e), 0);
    assert_int_equal(json_count(json_at(first, "nodes")), 6);
}

static void zones_are_told(void **state)
{
    char zones[96];
    FILE *f;
    (void)state;

    snprintf(zones, sizeof(zones), "%s/zones", lab.dir);
    f = fopen(zones, "we");
    fputs("# hosts\n\n127.0.0.1 a\n127.0.0.2 b\n", f);
    fclose(f);
    assert_int_equal(CHECK("--password-file", password_file, "--zones", zones, address), 0);
    expect_said("1 zone, at most 3");
    assert_int_equal(CHECK("--zones", password_file, address), 64);
    assert_int_equal(CHECK("--zones", "/nowhere", address), 64);
}

static void quiet_is_quiet(void **state)
{
    (void)state;

    assert_int_equal(CHECK("-q", "--password-file", password_file, address), 0);
    assert_string_equal(said, "");
}

static void without_access_nothing_is_known(void **state)
{
    (void)state;

    unsetenv("REDISCLI_AUTH");
    assert_int_equal(CHECK(address), 2);
    expect_said("NOAUTH");
    setenv("REDISCLI_AUTH", "wrong", 1);
    assert_int_equal(CHECK(address), 2);
    expect_said("WRONGPASS");
    unsetenv("REDISCLI_AUTH");
}

static void silence_is_unknown(void **state)
{
    char nobody[32];
    (void)state;

    snprintf(nobody, sizeof(nobody), "localhost:%u", port_take());
    assert_int_equal(CHECK("--timeout", "200", nobody), 2);
    expect_said("Unknown");
    expect_said("Connection refused");
}

static void more_replicas_than_there_are(void **state)
{
    (void)state;

    assert_int_equal(CHECK("--password-file", password_file, "--replicas", "2", address), 1);
    expect_said("has 1 of 2 replicas in sync");
}

static void a_dead_replica_is_not_healthy(void **state)
{
    (void)state;

    lab_kill(&lab, 5);
    assert_int_equal(CHECK("--password-file", password_file, address), 1);
    expect_said("Degraded");
    expect_said("Connection refused");
    expect_said("has 0 of 1 replicas in sync");
}

static void wrong_usage_is_told(void **state)
{
    (void)state;

    assert_int_equal(CHECK("--help"), 0);
    expect_said("everserve check [options] ADDRESS...");
    assert_int_equal(check((const char *const[]){ NULL }), 64);
    assert_int_equal(CHECK("host:port"), 64);
    expect_said("not HOST:PORT: host:port");
    assert_int_equal(CHECK("a:0"), 64);
    assert_int_equal(CHECK("[::1]:70000"), 64);
    assert_int_equal(CHECK("-o", "yaml", address), 64);
    assert_int_equal(CHECK("--timeout", "soon", address), 64);
    assert_int_equal(CHECK("--password-file", "/nowhere", address), 64);
    assert_int_equal(CHECK("--frobnicate", address), 64);
    assert_int_equal(CHECK("--password", "secret", address), 64); /* would be seen by everybody */
    assert_null(strstr(said, "secret"));
    assert_int_equal(CHECK("--watch=0", address), 64);
    assert_int_equal(CHECK("--watch=soon", address), 64);
    assert_int_equal(CHECK("--watch", "--settled", address), 64);
    assert_int_equal(CHECK("--cacert", "ca.crt", address), 64);
    expect_said("go with --tls");
    assert_int_equal(CHECK("--tls", "--cert", "a.crt", address), 64);
    expect_said("--cert and --key go together");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address_finds_them_all),  cmocka_unit_test(json_carries_the_same),
        cmocka_unit_test(without_access_nothing_is_known), cmocka_unit_test(silence_is_unknown),
        cmocka_unit_test(watching_goes_on_until_it_is_interrupted), cmocka_unit_test(zones_are_told),
        cmocka_unit_test(quiet_is_quiet),
        cmocka_unit_test(more_replicas_than_there_are), cmocka_unit_test(a_dead_replica_is_not_healthy),
        cmocka_unit_test(wrong_usage_is_told),
    };

    if (!lab_has_redis()) {
        puts("SKIP check tests: redis-server or redis-cli is not on PATH");
        return 0;
    }
    return cmocka_run_group_tests_name("check", tests, group_setup, group_teardown);
}
