/*
 * Probe and apply against servers that misbehave: each row is one server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DEADLINE_MS 300

enum manner { AT_ONCE, AND_CLOSE, NEVER, BYTE_BY_BYTE };

static pid_t server;
static uint16_t port;
static struct loop *loop;
static struct node_view *views;
static int n_done;

/* Answers each connection's first bytes with the script, whatever was asked. */
static void serve(int listener, const char *script, size_t len, enum manner manner)
{
    char asked[4096];
    int fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (read(fd, asked, sizeof(asked)) < 0)
            _exit(1);
        for (size_t i = 0; i < len && manner == BYTE_BY_BYTE && write(fd, script + i, 1) == 1; i++)
            usleep(20000);
        if ((manner == AT_ONCE || manner == AND_CLOSE) && write(fd, script, len) < 0)
            _exit(1);
        while (manner != AND_CLOSE && read(fd, asked, sizeof(asked)) > 0)
            ;
        close(fd);
    }
    _exit(0);
}

static void start_server(const char *script, size_t len, enum manner manner)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(a);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
    port = ntohs(a.sin_port);
    server = fork();
    if (server == 0)
        serve(listener, script, len, manner);
    close(listener);
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new();
    n_done = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    server = 0;
    views_free(views, 1);
    views = NULL;
    loop_free(loop);
    return 0;
}

static void probed(void *arg, struct node_view *v, size_t n)
{
    (void)arg;
    (void)n;
    n_done++;
    views = v;
    loop_stop(loop);
}

static void probe(const struct redis_auth *auth)
{
    struct redis_target to = { .ip = "127.0.0.1", .port = port };

    redis_probe_start(loop, &to, 1, auth, DEADLINE_MS, probed, NULL);
    assert_int_equal(n_done, 0);
    loop_run(loop);
    assert_int_equal(n_done, 1);
}

#define BULK(n, text) "$" n "\r\n" text "\r\n"
#define IDS BULK("40", A) "-ERR unknown subcommand 'MYSHARDID'\r\n"
#define CINFO BULK("38", "cluster_state:ok\r\ncluster_my_epoch:3\r\n")
#define NODES BULK("97", A " 10.0.0.1:6379@16379 myself,master - 0 0 3 connected 0-5\n")
#define INFO BULK("35", "redis_version:7.0.15\r\nrole:master\r\n")

static const struct row {
    const char *name;
    const char *script;
    enum manner manner;
    enum view_reach reach;
    const char *error;
} rows[] = {
    { "one that answers as it should", IDS CINFO NODES INFO, AT_ONCE, REACH_OK, "" },
    { "one that closes at once", "", AND_CLOSE, REACH_NONE, "closed" },
    { "one that closes in the middle", IDS CINFO, AND_CLOSE, REACH_NONE, "closed" },
    { "one that says nothing", "", NEVER, REACH_NONE, "timeout: no answer within 300 ms" },
    { "one that says it all, too slowly", IDS CINFO NODES INFO, BYTE_BY_BYTE, REACH_NONE, "timeout" },
    { "one that speaks HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", AT_ONCE, REACH_NONE, "Protocol error" },
    { "one that announces a terabyte", "$1099511627776\r\nx", AT_ONCE, REACH_NONE, "timeout" },
    { "one that announces a list", "*1000000\r\n:1\r\n", AT_ONCE, REACH_NONE, "a list too deep or too long" },
    { "one that nests for ever", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", AT_ONCE, REACH_NONE, "a list too deep or too long" },
    { "one that sends an empty list", "*0\r\n", AT_ONCE, REACH_NONE, "a reply of a wrong type" },
    { "one that pushes", ">2\r\n+x\r\n+y\r\n", AT_ONCE, REACH_NONE, "timeout" },
    { "one that answers with numbers", ":1\r\n:2\r\n", AT_ONCE, REACH_NONE, "a reply of a wrong type" },
    { "one that answers with nil", "$-1\r\n", AT_ONCE, REACH_NONE, "a reply of a wrong type" },
    { "one that wants a password", "-NOAUTH Authentication required.\r\n", AT_ONCE, REACH_DENIED, "NOAUTH" },
    { "one whose user may not ask", BULK("40", A) "-NOPERM no permissions to run 'cluster|myshardid'\r\n", AT_ONCE,
      REACH_DENIED, "NOPERM" },
    { "one that loads its data", IDS "-LOADING Redis is loading the dataset in memory\r\n", AT_ONCE, REACH_LOADING,
      "LOADING" },
    { "one without a cluster", "-ERR This instance has cluster support disabled\r\n", AT_ONCE, REACH_NONE, "disabled" },
    { "one that is not who it says", BULK("40", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb") "-ERR x\r\n" CINFO NODES INFO,
      AT_ONCE, REACH_NONE, "CLUSTER MYID is bbbbbbbb" },
    { "one that talks nonsense", IDS CINFO BULK("5", "hello") INFO, AT_ONCE, REACH_NONE, "CLUSTER NODES" },
};

static void check(void **state)
{
    const struct row *r = *state;

    start_server(r->script, strlen(r->script), r->manner);
    probe(NULL);
    if (!strstr(views[0].error, r->error))
        fail_msg("'%s' does not say '%s'", views[0].error, r->error);
    assert_int_equal(views[0].reach, r->reach);
    assert_int_equal(views[0].error[0] == '\0', r->reach == REACH_OK);
    if (r->reach == REACH_OK)
        assert_string_equal(views[0].id, A);
}

static void a_flood_is_cut_off(void **state)
{
    size_t size = 8u << 20;
    char *flood = xcalloc(1, size);
    (void)state;

    memset(flood, 'x', size);
    memcpy(flood, "$8000000\r\n", 10);
    start_server(flood, size, AT_ONCE);
    free(flood);
    probe(NULL);
    assert_int_equal(views[0].reach, REACH_NONE);
    assert_non_null(strstr(views[0].error, "more than 4194304 bytes"));
}

static void a_wrong_password_is_denied(void **state)
{
    static const char script[] = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    struct redis_auth auth = { .user = "operator", .password = "x" };
    (void)state;

    start_server(script, sizeof(script) - 1, AT_ONCE);
    probe(&auth);
    assert_int_equal(views[0].reach, REACH_DENIED);
    assert_non_null(strstr(views[0].error, "WRONGPASS"));
}

static void nobody_listens(void **state)
{
    (void)state;

    port = port_take();
    probe(NULL);
    assert_true(views[0].refused);
    assert_string_equal(views[0].error, "Connection refused");
}

static void no_address_and_nobody_to_ask(void **state)
{
    struct redis_target to = { .port = 6379 };
    (void)state;

    redis_probe_start(loop, &to, 1, NULL, DEADLINE_MS, probed, NULL);
    loop_run(loop);
    assert_string_equal(views[0].error, "no address yet");
    assert_false(views[0].refused);
    views_free(views, 1);
    redis_probe_start(loop, NULL, 0, NULL, DEADLINE_MS, probed, NULL);
    loop_run(loop);
    assert_int_equal(n_done, 2);
}

static void without_the_authority_no_password_leaves(void **state)
{
    struct redis_auth auth = { .password = "x", .tls = true, .ca_file = "/nowhere/ca.crt" };
    (void)state;

    start_server("", 0, NEVER);
    probe(&auth);
    assert_int_equal(views[0].reach, REACH_NONE);
    assert_non_null(strstr(views[0].error, "authorities"));
}

static void stop(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void a_cancelled_probe_is_silent(void **state)
{
    struct redis_target to[2] = { { .ip = "127.0.0.1" }, { .ip = NULL } };
    struct loop_timer *t = loop_timer_new(loop, stop, NULL);
    struct redis_probe *p;
    (void)state;

    start_server(IDS, sizeof(IDS) - 1, AT_ONCE);
    to[0].port = port;
    p = redis_probe_start(loop, to, 2, NULL, 10000, probed, NULL);
    loop_timer_set(t, 100);
    loop_run(loop);
    redis_probe_cancel(p);
    loop_timer_set(t, 50);
    loop_run(loop);
    loop_timer_free(t);
    assert_int_equal(n_done, 0);
}

static struct redis_result results[4];
static enum reply_class worst;

static void applied(void *arg, const struct redis_result *r, size_t n, enum reply_class w)
{
    (void)arg;
    memcpy(results, r, n * sizeof(*r));
    worst = w;
    n_done++;
    loop_stop(loop);
}

static void apply(const struct command *c, size_t n)
{
    struct redis_target to = { .ip = "127.0.0.1", .port = port };

    redis_apply_start(loop, &to, 1, c, n, NULL, DEADLINE_MS, applied, NULL);
    loop_run(loop);
    assert_int_equal(n_done, 1);
}

static void a_step_stops_at_its_first_error(void **state)
{
    static const char script[] = "+OK\r\n-ERR Slot 0 is already busy\r\n-ERR Can't forget my master!\r\n+OK\r\n";
    struct command c[4] = { { .kind = CMD_ARM }, { .kind = CMD_ADD_SLOTS }, { .kind = CMD_FORGET }, { .kind = CMD_ARM } };
    (void)state;

    start_server(script, sizeof(script) - 1, AT_ONCE);
    apply(c, 4);
    assert_int_equal(results[0].what, REPLY_OK);
    assert_int_equal(results[1].what, REPLY_ALREADY);
    assert_int_equal(results[2].what, REPLY_STOP);
    assert_string_equal(results[2].error, "ERR Can't forget my master!");
    assert_int_equal(results[3].what, REPLY_AGAIN);
    assert_string_equal(results[3].error, "not sent");
    assert_int_equal(worst, REPLY_STOP);
}

static void a_silent_node_is_tried_again_later(void **state)
{
    struct command c[2] = { { .kind = CMD_ARM }, { .kind = CMD_ARM, .member = 7 } };
    (void)state;

    start_server("", 0, NEVER);
    apply(c, 2);
    assert_int_equal(results[0].what, REPLY_AGAIN);
    assert_non_null(strstr(results[0].error, "timeout"));
    assert_string_equal(results[1].error, "not sent"); /* there is no member 7 */
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest others[] = {
    WITH_LOOP(a_flood_is_cut_off),
    WITH_LOOP(a_wrong_password_is_denied),
    WITH_LOOP(nobody_listens),
    WITH_LOOP(no_address_and_nobody_to_ask),
    WITH_LOOP(without_the_authority_no_password_leaves),
    WITH_LOOP(a_cancelled_probe_is_silent),
    WITH_LOOP(a_step_stops_at_its_first_error),
    WITH_LOOP(a_silent_node_is_tried_again_later),
};

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + COUNT(others)];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, check, setup, teardown, (void *)(uintptr_t)&rows[i] };
    for (size_t i = 0; i < COUNT(others); i++)
        tests[n++] = others[i];
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
