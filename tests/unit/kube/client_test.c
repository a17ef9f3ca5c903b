#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../http/script_server.h"
#include "base/str.h"
#include "base/version.h"
#include "kube/client.h"
#include "kube/config_impl.h"
#include "kube/exec.h"

enum { N_CALLS = 12 };

struct fixture {
    struct loop *loop;
    struct kube *kube;
    struct kube_config *cfg; /* lent: kube's */
    struct script_server server;
    struct loop_timer *guard, *timer;
    char token_file[32];
    bool timed_out, has_body;
    int n_done, n_wanted, status, timeout_ms;
    struct err err;
    char seen[200];
};

static void on_guard(void *arg)
{
    struct fixture *f = arg;

    f->timed_out = true;
    loop_stop(f->loop);
}

static void on_timer(void *arg)
{
    struct fixture *f = arg;

    loop_stop(f->loop);
}

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){ .loop = loop_new(), .n_wanted = 1, .token_file = "/tmp/token.XXXXXX" };
    f.guard = loop_timer_new(f.loop, on_guard, &f);
    f.timer = loop_timer_new(f.loop, on_timer, &f);
    loop_timer_set(f.guard, 20000);
    close(mkstemp(f.token_file));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    kube_free(f->kube);
    script_server_done(&f->server);
    loop_timer_free(f->guard);
    loop_timer_free(f->timer);
    loop_free(f->loop);
    return unlink(f->token_file);
}

static void put_token(struct fixture *f, const char *text)
{
    FILE *file = fopen(f->token_file, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void connect_to(struct fixture *f, const struct script *scripts, size_t n)
{
    struct err e;

    script_server_init(&f->server, f->loop, scripts, n);
    f->cfg = xcalloc(1, sizeof(*f->cfg));
    f->cfg->server = xstrdup(f->server.url);
    f->cfg->token.text = xstrdup("t1");
    f->cfg->token.file = xstrdup(f->token_file);
    f->kube = kube_new(f->loop, f->cfg, &e);
}

static void on_reply(void *arg, const struct kube_reply *r)
{
    struct fixture *f = arg;

    f->status = r->status;
    f->err = r->err;
    f->has_body = r->body != NULL;
    if (json_get_str(r->body, "metadata.name"))
        snprintf(f->seen, sizeof(f->seen), "%s", json_get_str(r->body, "metadata.name"));
    if (++f->n_done >= f->n_wanted)
        loop_stop(f->loop);
}

static void run(struct fixture *f)
{
    loop_run(f->loop);
    assert_false(f->timed_out);
}

static struct kube_call *get(struct fixture *f)
{
    return kube_send(f->kube, &(struct kube_request){ .method = "GET", .path = "/api/v1/x", .timeout_ms = f->timeout_ms },
                     on_reply, f);
}

#define REPLY(status, headers, body) \
    { "HTTP/1.1 " status "\r\n" headers "Connection: close\r\n\r\n" body, 0, 0, CLOSE }
#define STATUS(reason, message) "{\"kind\":\"Status\",\"reason\":\"" reason "\",\"message\":\"" message "\"}"

static const struct script good = REPLY("200 OK", "", "{\"metadata\":{\"name\":\"n1\"}}");

static const struct row {
    const char *name;
    struct script script;
    int status;
    enum err_kind kind;
    bool has_body;
    int32_t retry_after_ms;
    const char *msg;
} rows[] = {
    { "200 is no error", REPLY("200 OK", "", "{\"metadata\":{}}"), 200, ERR_NONE, true, 0, "" },
    { "201 is no error", REPLY("201 Created", "", "{}"), 201, ERR_NONE, true, 0, "" },
    { "200 without a body is one", REPLY("200 OK", "", ""), 200, ERR_RETRY, false, 0, "without a JSON body" },
    { "200 with half a body is one", REPLY("200 OK", "", "{\"metadata\":{\"na"), 200, ERR_RETRY, false, 0, "without a JSON body" },
    { "200 from a proxy's login page is one", REPLY("200 OK", "", "<html>"), 200, ERR_RETRY, false, 0, "without a JSON body" },
    { "400 is invalid", REPLY("400 Bad Request", "", STATUS("BadRequest", "no such field")),
      400, ERR_INVALID, true, 0, "HTTP 400: no such field" },
    { "401 is denied", REPLY("401 Unauthorized", "", STATUS("Unauthorized", "Unauthorized")),
      401, ERR_DENIED, true, 0, "Unauthorized" },
    { "403 is denied", REPLY("403 Forbidden", "", STATUS("Forbidden", "pods is forbidden")),
      403, ERR_DENIED, true, 0, "pods is forbidden" },
    { "404 is absent", REPLY("404 Not Found", "", STATUS("NotFound", "no x")), 404, ERR_ABSENT, true, 0, "no x" },
    { "404 without a status", REPLY("404 Not Found", "", "404 page not found"), 404, ERR_ABSENT, false, 0, "HTTP 404" },
    { "405 is invalid", REPLY("405 Method Not Allowed", "", "{}"), 405, ERR_INVALID, true, 0, "HTTP 405" },
    { "409 is a conflict", REPLY("409 Conflict", "", STATUS("Conflict", "changed")), 409, ERR_CONFLICT, true, 0, "changed" },
    { "410 says list again", REPLY("410 Gone", "", STATUS("Expired", "too old")), 410, ERR_RETRY, true, 0, "too old" },
    { "413 is invalid", REPLY("413 Too Large", "", ""), 413, ERR_INVALID, false, 0, "HTTP 413" },
    { "415 is invalid", REPLY("415 Unsupported", "", "{}"), 415, ERR_INVALID, true, 0, "HTTP 415" },
    { "422 is invalid", REPLY("422 Unprocessable", "", STATUS("Invalid", "spec.replicas: Invalid value")),
      422, ERR_INVALID, true, 0, "spec.replicas" },
    { "429 obeys Retry-After", REPLY("429 Too Many", "Retry-After: 3\r\n", STATUS("TooManyRequests", "slow down")),
      429, ERR_RETRY, true, 3000, "slow down" },
    { "429 with the time in its body", REPLY("429 Too Many", "", "{\"details\":{\"retryAfterSeconds\":5}}"),
      429, ERR_RETRY, true, 5000, "HTTP 429" },
    { "500 is retried", REPLY("500 Oh", "", "oh"), 500, ERR_RETRY, false, 0, "HTTP 500" },
    { "503 obeys Retry-After", REPLY("503 No", "Retry-After: 1\r\n", ""), 503, ERR_RETRY, false, 1000, "HTTP 503" },
    { "504 is retried", REPLY("504 Late", "", STATUS("Timeout", "Too large resource version: 9")),
      504, ERR_RETRY, true, 0, "Too large" },
    { "a message becomes one line", REPLY("400 Bad", "", STATUS("x", "a\\nb\\tc\\u001b[31m")),
      400, ERR_INVALID, true, 0, "a b c [31m" },
    { "a status that is a list", REPLY("400 Bad", "", "[1]"), 400, ERR_INVALID, true, 0, "HTTP 400: no reason given" },
    { "no answer", { "", 0, 0, HANG }, 0, ERR_RETRY, false, 0, "no answer" },
    { "a reset", { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", 0, 0, RESET }, 200, ERR_RETRY, false, 0, "" },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct fixture *f;

    setup(state);
    f = *state;
    put_token(f, "t1");
    connect_to(f, &r->script, 1);
    f->timeout_ms = r->script.end == HANG ? 200 : 0;
    get(f);
    run(f);
    assert_int_equal(f->status, r->status);
    assert_int_equal(f->err.kind, r->kind);
    assert_int_equal(f->has_body, r->has_body);
    assert_int_equal(f->err.retry_after_ms, r->retry_after_ms);
    if (!strstr(f->err.msg, r->msg))
        fail_msg("%s", f->err.msg);
}

static void a_request_says_who_asks_for_what(void **state)
{
    struct fixture *f = *state;
    AUTO_JSON cJSON *body = json_new_obj();

    connect_to(f, &good, 1);
    json_str(body, "a", "b");
    kube_send(f->kube,
              &(struct kube_request){ .method = "PATCH", .path = "/p?q=1", .content_type = "application/apply-patch+yaml", .body = body },
              on_reply, f);
    run(f);
    assert_string_equal(f->seen, "n1");
    assert_non_null(strstr(buf_text(&f->server.heard), "PATCH /p?q=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(buf_text(&f->server.heard), "Authorization: Bearer t1\r\n"));
    assert_non_null(strstr(buf_text(&f->server.heard), "User-Agent: everserve/" EVERSERVE_VERSION "\r\n"));
    assert_non_null(strstr(buf_text(&f->server.heard), "Content-Type: application/apply-patch+yaml\r\n"));
    assert_non_null(strstr(buf_text(&f->server.heard), "\r\n\r\n{\"a\":\"b\"}"));
}

static const struct script refused_then_good[] = {
    REPLY("401 Unauthorized", "", STATUS("Unauthorized", "Unauthorized")),
    REPLY("200 OK", "", "{\"metadata\":{\"name\":\"n1\"}}"),
};

static void after_a_401_the_token_is_read_again(void **state)
{
    struct fixture *f = *state;

    put_token(f, "t2");
    connect_to(f, refused_then_good, 2);
    get(f);
    run(f);
    assert_int_equal(f->status, 200);
    assert_int_equal(f->n_done, 1);
    assert_non_null(strstr(buf_text(&f->server.heard), "Bearer t2\r\n"));
}

static void a_401_with_nothing_newer_is_told(void **state)
{
    struct fixture *f = *state;

    put_token(f, "t1");
    connect_to(f, refused_then_good, 2);
    get(f);
    run(f);
    assert_int_equal(f->err.kind, ERR_DENIED);
    assert_int_equal(f->server.n_requests, 1);
}

static void a_storm_of_401_does_not_multiply(void **state)
{
    struct fixture *f = *state;

    put_token(f, "t2");
    connect_to(f, refused_then_good, 1);
    f->n_wanted = N_CALLS;
    for (int i = 0; i < N_CALLS; i++)
        get(f);
    run(f);
    assert_int_equal(f->n_done, N_CALLS);
    assert_in_range(f->server.n_requests, N_CALLS, 2 * N_CALLS);
}

static void lanes_do_not_wait_for_each_other(void **state)
{
    static const struct script hang = { "", 0, 0, HANG };
    struct fixture *f = *state;

    connect_to(f, &hang, 1);
    for (int i = 0; i < 100; i++)
        get(f);
    loop_timer_set(f->timer, 50);
    run(f);
    f->server.scripts = &good;
    kube_send(f->kube, &(struct kube_request){ .lane = KUBE_LANE_LEASE, .method = "GET", .path = "/l" }, on_reply, f);
    run(f);
    assert_string_equal(f->seen, "n1");
    assert_int_equal(f->n_done, 1);
}

static void a_cancelled_call_is_not_heard_of_again(void **state)
{
    struct fixture *f = *state;

    connect_to(f, &good, 1);
    kube_cancel(get(f));
    kube_cancel(NULL);
    get(f);
    run(f);
    loop_timer_set(f->timer, 20);
    run(f);
    assert_int_equal(f->n_done, 1);
}

static void aborted_writes_do_not_leave(void **state)
{
    struct fixture *f = *state;
    AUTO_JSON cJSON *body = json_new_obj();

    connect_to(f, &good, 1);
    for (int i = 0; i < N_CALLS; i++)
        kube_send(f->kube, &(struct kube_request){ .method = "PATCH", .path = "/w", .body = body }, on_reply, f);
    get(f);
    kube_abort_writes(f->kube, "the lease is lost");
    assert_int_equal(f->n_done, 0);
    f->n_wanted = N_CALLS;
    run(f);
    assert_int_equal(f->err.kind, ERR_RETRY);
    assert_string_equal(f->err.msg, "the lease is lost");
    f->n_wanted = N_CALLS + 1;
    run(f);
    assert_int_equal(f->status, 200);
    assert_null(strstr(buf_text(&f->server.heard), "PATCH"));
}

static void on_row(void *arg, const char *method, int status, int64_t n)
{
    char *seen = arg;

    snprintf(seen + strlen(seen), 100 - strlen(seen), "%s %d %d;", method, status, (int)n);
}

static void requests_are_counted(void **state)
{
    static const struct script some[] = { REPLY("200 OK", "", "{}"), REPLY("200 OK", "", "{}"), REPLY("409 No", "", "{}"),
                                          { "", 0, 0, CLOSE } };
    struct fixture *f = *state;
    char seen[100] = "";

    connect_to(f, some, 4);
    for (int i = 0; i < 4; i++) {
        get(f);
        run(f);
    }
    kube_each_count(f->kube, on_row, seen);
    assert_string_equal(seen, "GET 200 2;GET 409 1;GET 0 1;");
    assert_string_equal(kube_host(f->kube), f->server.url + 7);
}

static void connect_with_program(struct fixture *f, const char *script, const struct script *scripts, size_t n)
{
    AUTO_JSON cJSON *user = json_new_obj(), *cluster = json_new_obj();
    cJSON *exec = json_obj(user, "exec"), *args;

    connect_to(f, scripts, n);
    free(f->cfg->token.text);
    free(f->cfg->token.file);
    f->cfg->token = (struct file_text){ 0 };
    json_str(exec, "apiVersion", "client.authentication.k8s.io/v1");
    json_str(exec, "command", "sh");
    json_str(exec, "installHint", "install a shell");
    args = json_arr(exec, "args");
    json_push_str(args, "-c");
    json_push_str(args, script);
    assert_int_equal(exec_plugin_new(user, cluster, &f->cfg->exec, &f->err), 0);
}

#define CRED(status) "echo '{\"kind\":\"ExecCredential\",\"status\":{" status "}}'"

static void a_program_gives_the_token(void **state)
{
    struct fixture *f = *state;

    connect_with_program(f, "case $KUBERNETES_EXEC_INFO in *ExecCredential*) " CRED("\"token\":\"t9\"") ";; esac", &good, 1);
    f->n_wanted = 3;
    for (int i = 0; i < 3; i++)
        get(f);
    run(f);
    assert_string_equal(f->seen, "n1");
    assert_non_null(strstr(buf_text(&f->server.heard), "Bearer t9\r\n"));
}

static void after_a_401_the_program_runs_again(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *script = xasprintf("echo x >>%s; " CRED("\"token\":\"t'$(wc -l <%s)'\""), f->token_file, f->token_file);

    connect_with_program(f, script, refused_then_good, 2);
    get(f);
    run(f);
    assert_int_equal(f->status, 200);
    assert_non_null(strstr(buf_text(&f->server.heard), "Bearer t1\r\n"));
    assert_non_null(strstr(buf_text(&f->server.heard), "Bearer t2\r\n"));
}

static const struct program {
    const char *name, *script, *want;
} programs[] = {
    { "a program that fails says so", "exit 7", "user.exec: sh: exit code 7 (install a shell)" },
    { "a program that is killed", "kill -9 $$", "ended by signal 9" },
    { "a program that prints nothing", "true", "not JSON" },
    { "a program that prints something else", "echo '{}'", "kind: expected ExecCredential" },
    { "a program without credentials", CRED(""), "neither token nor" },
    { "a program whose token would be a header", CRED("\"token\":\"a\\nb\""), "status.token" },
    { "a program with half a certificate", CRED("\"clientCertificateData\":\"x\""), "need each other" },
    { "a program with a bad time", CRED("\"token\":\"t\",\"expirationTimestamp\":\"soon\""), "expirationTimestamp" },
};

static void check_program(void **state)
{
    const struct program *p = *state;
    struct fixture *f;

    setup(state);
    f = *state;
    connect_with_program(f, p->script, &good, 1);
    f->n_wanted = 2;
    get(f);
    get(f);
    run(f);
    assert_int_equal(f->err.kind, ERR_DENIED);
    assert_int_equal(f->server.n_requests, 0);
    if (!strstr(f->err.msg, p->want))
        fail_msg("%s", f->err.msg);
}

static void times_of_credentials_are_understood(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {
        { CRED("\"token\":\"t\",\"expirationTimestamp\":\"1970-01-02T00:00:00Z\""), 86400000 },
        { CRED("\"token\":\"t\",\"expirationTimestamp\":\"1970-01-02T00:00:00.123456Z\""), 86400000 },
        { CRED("\"token\":\"t\",\"expirationTimestamp\":\"1970-01-02T00:30:00+00:30\""), 86400000 },
        { CRED("\"token\":\"t\",\"expirationTimestamp\":\"1970-01-01T22:00:00-02:00\""), 86400000 },
        { CRED("\"token\":\"t\""), INT64_MAX },
    };
    struct exec_cred c;
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(times); i++) {
        const char *json = strchr(times[i].text, '{');

        assert_int_equal(exec_cred_parse(json, strlen(json) - 1, &c, &e), 0);
        assert_int_equal(c.expires_wall_ms, times[i].ms);
        exec_cred_done(&c);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest plain[] = {
        T(a_request_says_who_asks_for_what),
        T(after_a_401_the_token_is_read_again),
        T(a_401_with_nothing_newer_is_told),
        T(a_storm_of_401_does_not_multiply),
        T(lanes_do_not_wait_for_each_other),
        T(a_cancelled_call_is_not_heard_of_again),
        T(aborted_writes_do_not_leave),
        T(requests_are_counted),
        T(a_program_gives_the_token),
        T(after_a_401_the_program_runs_again),
        cmocka_unit_test(times_of_credentials_are_understood),
    };
    struct CMUnitTest tests[COUNT(plain) + COUNT(rows) + COUNT(programs)];
    size_t n = COUNT(plain);

    memcpy(tests, plain, sizeof(plain));
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, check, NULL, teardown, (void *)&rows[i] };
    for (size_t i = 0; i < COUNT(programs); i++)
        tests[n++] = (struct CMUnitTest){ programs[i].name, check_program, NULL, teardown, (void *)&programs[i] };
    return cmocka_run_group_tests_name("kube client", tests, NULL, NULL);
}
