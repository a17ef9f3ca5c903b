/*
 * Every watch that the local API server ends is seen to end by the client, over TLS and while events are on their way:
 * an end that is lost looks like a quiet stream for minutes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "http/http.h"
#include "json/yaml.h"
#include "sim/apiserver/apiserver.h"

enum { N_STREAMS = 120, ROUNDS = 3, N_WRITERS = 4, LOST_MS = 10000, START_MS = 20000, REPLY_MAX = 1 << 20 };

static struct lab {
    char dir[64];
    char *url; /* of the server */
    pid_t server;
    struct loop *loop;
    struct http_transport *http;
    int n_ended, n_lost, n_written;
    int round[N_STREAMS];
} lab;

static void open_stream(int *round);
static void write_again(const char *method, const char *path);

static bool on_events(void *arg, const char *data, size_t len)
{
    (void)arg;
    (void)data;
    (void)len;
    return true;
}

static void on_end(void *arg, const struct http_reply *r)
{
    int *round = arg;

    if (r->err.kind != ERR_NONE) {
        print_message("%s\n", r->err.msg);
        lab.n_lost++;
    }
    if (++*round < ROUNDS)
        open_stream(round);
    else if (++lab.n_ended == N_STREAMS)
        loop_stop(lab.loop);
}

static void send(struct http_request *req, const char *path)
{
    bool is_patch = strcmp(req->method, "PATCH") == 0;
    const char *headers[] = { "Authorization: Bearer admintoken",
                              is_patch ? "Content-Type: application/merge-patch+json" : "Content-Type: application/json", NULL };
    static const struct http_tls tls = { .insecure = true };
    AUTO_FREE char *url = xasprintf("%s/api/v1/namespaces/default/configmaps%s", lab.url, path);

    req->url = url;
    req->headers = headers;
    req->tls = &tls;
    req->max_bytes = REPLY_MAX;
    (void)lab.http->send(lab.http, req);
}

static void open_stream(int *round)
{
    send(&(struct http_request){ .method = "GET", .total_ms = LOST_MS, .on_data = on_events, .on_done = on_end, .arg = round },
         "?watch=1&allowWatchBookmarks=true&timeoutSeconds=1");
}

static void on_written(void *arg, const struct http_reply *r)
{
    (void)arg;
    assert_in_range(r->status, 200, 201);
    lab.n_written++;
    if (lab.n_ended < N_STREAMS)
        write_again("PATCH", "/busy");
}

static void write_again(const char *method, const char *path)
{
    AUTO_FREE char *body = xasprintf("{\"metadata\": {\"name\": \"busy\"}, \"data\": {\"n\": \"%d\"}}", lab.n_written);

    send(&(struct http_request){ .method = method, .body = body, .body_len = strlen(body), .total_ms = LOST_MS, .on_done = on_written },
         path);
}

static void no_end_is_lost(void **state)
{
    (void)state;
    write_again("POST", "");
    for (int i = 0; i < N_STREAMS; i++)
        open_stream(&lab.round[i]);
    for (int i = 1; i < N_WRITERS; i++)
        write_again("PATCH", "/busy");
    loop_run(lab.loop);
    assert_true(lab.n_written > 0);
    assert_int_equal(lab.n_lost, 0);
}

static void start_server(char *config)
{
    static char name[] = "apiserver", tls[] = "--tls", kubeconfig[] = "--kubeconfig";

    lab.server = fork();
    assert_true(lab.server >= 0);
    if (lab.server == 0) {
        char *argv[] = { name, tls, lab.dir, kubeconfig, config, NULL };

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(apiserver_main(5, argv));
    }
    for (int64_t end_ms = loop_now_ms() + START_MS; access(config, R_OK) < 0 && loop_now_ms() < end_ms;)
        usleep(10000);
}

static int setup(void **state)
{
    AUTO_FREE char *config = NULL, *text = NULL;
    char *at, *end;
    FILE *f;
    (void)state;

    snprintf(lab.dir, sizeof(lab.dir), "/tmp/everserve-watch-XXXXXX");
    assert_non_null(mkdtemp(lab.dir));
    config = xasprintf("%s/kubeconfig", lab.dir);
    start_server(config);
    text = xcalloc(1, 64 * 1024);
    f = fopen(config, "r");
    assert_non_null(f);
    text[fread(text, 1, 64 * 1024 - 1, f)] = '\0';
    fclose(f);
    at = strstr(text, "https://");
    assert_non_null(at);
    end = at + strcspn(at, "\"\n ");
    lab.url = xstrndup(at, (size_t)(end - at));
    lab.loop = loop_new();
    lab.http = http_new(lab.loop, &(struct http_limits){ 0, 0 });
    return 0;
}

static int teardown(void **state)
{
    AUTO_FREE char *remove = xasprintf("rm -rf %s", lab.dir);
    (void)state;

    lab.http->free(lab.http);
    loop_free(lab.loop);
    kill(lab.server, SIGKILL);
    waitpid(lab.server, NULL, 0);
    free(lab.url);
    return system(remove) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_end_is_lost) };

    return cmocka_run_group_tests_name("the end of a watch", tests, setup, teardown);
}
