#include "sim/node/attempt.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"

#define MAX_HEAD_BYTES 16384

struct attempt {
    void (*on_done)(void *arg, bool ok, const char *why);
    void *arg;
    struct loop_timer *timeout;
    struct reap *reap;
    pid_t pid;               /* of exec; 0: none */
    struct bufferevent *bev; /* of httpGet and tcpSocket; NULL: none */
    char *request;           /* NULL: connecting is all */
    bool sleeps;             /* the timeout is the success */
};

static void attempt_free(struct attempt *a)
{
    loop_timer_free(a->timeout);
    if (a->bev)
        bufferevent_free(a->bev);
    free(a->request);
    free(a);
}

void attempt_cancel(struct attempt *a)
{
    if (!a)
        return;
    if (a->pid) {
        reap_forget(a->reap, a->pid);
        kill(a->pid, SIGKILL);
    }
    attempt_free(a);
}

static void attempt_end(struct attempt *a, bool ok, const char *why)
{
    void (*on_done)(void *arg, bool ok, const char *why) = a->on_done;
    void *arg = a->arg;

    attempt_cancel(a);
    on_done(arg, ok, why);
}

static void on_timeout(void *arg)
{
    struct attempt *a = arg;

    attempt_end(a, a->sleeps, a->sleeps ? "" : "timed out");
}

static void on_exec_end(void *arg, int status)
{
    struct attempt *a = arg;
    char why[64];

    a->pid = 0;
    snprintf(why, sizeof(why), "command ended with %d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    attempt_end(a, WIFEXITED(status) && WEXITSTATUS(status) == 0, why);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct attempt *a = arg;
    AUTO_FREE char *line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_CRLF);
    int status = 0;
    char why[64];

    if (!line && evbuffer_get_length(bufferevent_get_input(bev)) < MAX_HEAD_BYTES)
        return;
    if (line && str_has_prefix(line, "HTTP/1."))
        status = (int)strtol(line + strcspn(line, " "), NULL, 10);
    snprintf(why, sizeof(why), "HTTP probe failed with statuscode: %d", status);
    attempt_end(a, status >= 200 && status < 400, why);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct attempt *a = arg;

    if (!(what & BEV_EVENT_CONNECTED))
        attempt_end(a, false, what & BEV_EVENT_EOF ? "connection closed without an answer" : "connection refused");
    else if (!a->request)
        attempt_end(a, true, "");
    else
        bufferevent_write(bev, a->request, strlen(a->request));
}

int attempt_port(const cJSON *container, const cJSON *port)
{
    const cJSON *i;

    if (cJSON_IsNumber(port))
        return port->valuedouble > 0 && port->valuedouble < 65536 ? port->valueint : 0;
    cJSON_ArrayForEach(i, json_member(container, "ports"))
        if (cJSON_IsString(port) && str_eq(json_get_str(i, "name"), port->valuestring))
            return (int)json_get_int(i, "containerPort", 0);
    return 0;
}

static char *http_request(const struct attempt_site *s, const cJSON *get, int port)
{
    const char *path = json_get_str(get, "path");
    const cJSON *i;
    struct buf out;

    buf_init(&out, MAX_HEAD_BYTES);
    buf_fmt(&out, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: kube-probe/sim\r\nAccept: */*\r\n",
            str_empty(path) ? "/" : path, s->pod->ip, port);
    cJSON_ArrayForEach(i, json_member(get, "httpHeaders"))
        buf_fmt(&out, "%s: %s\r\n", json_get_str(i, "name"), json_get_str(i, "value"));
    buf_str(&out, "Connection: close\r\n\r\n");
    return buf_take(&out);
}

/* host: as a probe may name one; the pod's own address otherwise. */
static bool connect_start(struct attempt *a, const struct attempt_site *s, const char *host, int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = net_pod_socket(s->net, s->pod);

    if (inet_pton(AF_INET, str_empty(host) ? s->pod->ip : host, &to.sin_addr) != 1 || fd < 0 || port == 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    a->bev = bufferevent_socket_new(loop_base(s->loop), fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    bufferevent_setcb(a->bev, on_read, NULL, on_event, a);
    bufferevent_enable(a->bev, EV_READ | EV_WRITE);
    return bufferevent_socket_connect(a->bev, (struct sockaddr *)&to, sizeof(to)) == 0;
}

static char **argv_of(const cJSON *command)
{
    char **argv = xcalloc((size_t)json_count(command) + 1, sizeof(*argv));
    const cJSON *i;
    size_t n = 0;

    cJSON_ArrayForEach(i, command)
        argv[n++] = cJSON_IsString(i) ? i->valuestring : i->string;
    return argv;
}

static bool exec_start(struct attempt *a, const struct attempt_site *s, const cJSON *command)
{
    struct run_spec spec = *s->spec;
    struct err e;
    AUTO_FREE char **argv = argv_of(command);

    spec.argv = argv;
    spec.log_path = "/dev/null";
    if (!argv[0] || run_exec(s->inside, &spec, &a->pid, &e) < 0)
        return false;
    reap_add(s->reap, a->pid, on_exec_end, a);
    return true;
}

static bool handler_start(struct attempt *a, const struct attempt_site *s, const cJSON *handler, int64_t *timeout_ms)
{
    const cJSON *h;

    if ((h = json_member(handler, "exec")))
        return exec_start(a, s, json_member(h, "command"));
    if ((h = json_member(handler, "tcpSocket")))
        return connect_start(a, s, json_get_str(h, "host"), attempt_port(s->container, json_member(h, "port")));
    if ((h = json_member(handler, "grpc")))
        return connect_start(a, s, NULL, attempt_port(s->container, json_member(h, "port")));
    if ((h = json_member(handler, "sleep"))) {
        a->sleeps = true;
        *timeout_ms = json_get_int(h, "seconds", 0) * 1000;
        return true;
    }
    if (!(h = json_member(handler, "httpGet")))
        return false;
    int port = attempt_port(s->container, json_member(h, "port"));
    if (!str_eq(json_get_str(h, "scheme"), "HTTPS"))
        a->request = http_request(s, h, port);
    return connect_start(a, s, json_get_str(h, "host"), port);
}

struct attempt *attempt_start(const struct attempt_site *s, const cJSON *handler, int64_t timeout_ms,
                              void (*on_done)(void *arg, bool ok, const char *why), void *arg)
{
    struct attempt *a = xcalloc(1, sizeof(*a));

    a->on_done = on_done;
    a->arg = arg;
    a->reap = s->reap;
    a->timeout = loop_timer_new(s->loop, on_timeout, a);
    if (!handler_start(a, s, handler, &timeout_ms))
        timeout_ms = 0; /* told from the loop, as every other end */
    loop_timer_set(a->timeout, timeout_ms);
    return a;
}
