#include "ask.h"

#include <arpa/inet.h>
#include <limits.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

#define MARK "everserve-entry"

enum { ARGS_MAX = 24, AT_ONCE_MAX = 64 };

int64_t ask_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool ask_is_address(const char *ip)
{
    unsigned char raw[16];

    return inet_pton(AF_INET, ip, raw) == 1 || inet_pton(AF_INET6, ip, raw) == 1;
}

struct argv {
    const char *args[ARGS_MAX];
    size_t n;
    char port[8], cert[256], key[256], ca[256];
};

static void add(struct argv *v, const char *a)
{
    if (v->n + 1 < ARGS_MAX)
        v->args[v->n++] = a;
}

static void add_tls(struct argv *v, const char *dir)
{
    snprintf(v->cert, sizeof(v->cert), "%s/tls.crt", dir);
    snprintf(v->key, sizeof(v->key), "%s/tls.key", dir);
    snprintf(v->ca, sizeof(v->ca), "%s/ca.crt", dir);
    for (size_t i = 0; i < 7; i++)
        add(v, ((const char *[]){ "--tls", "--cert", v->cert, "--key", v->key, "--cacert", v->ca })[i]);
}

static void argv_make(struct argv *v, const struct ask_how *how, const struct ask *a)
{
    *v = (struct argv){ .n = 0 };
    snprintf(v->port, sizeof(v->port), "%u", a->port);
    for (size_t i = 0; i < 5; i++)
        add(v, ((const char *[]){ how->cli, "-h", a->host ? a->host : a->ip, "-p", v->port })[i]);
    if (how->user) {
        add(v, "--user");
        add(v, how->user);
    }
    if (how->tls_dir)
        add_tls(v, how->tls_dir);
    for (size_t i = 0; i < COUNT(a->args) && a->args[i]; i++)
        add(v, a->args[i]);
}

static _Noreturn void child(const struct ask_how *how, const struct ask *a, int in, int out)
{
    struct argv v;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    signal(SIGTERM, SIG_DFL);
    argv_make(&v, how, a);
    if (in < 0)
        in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
        _exit(126);
    execvp(how->cli, (char *const *)(uintptr_t)v.args);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", how->cli, strerror(errno));
    _exit(127);
}

/* A pipe that already holds the text: a few lines, always less than it takes. */
static int input_pipe(const char *text)
{
    size_t len = strlen(text);
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    if (len > PIPE_BUF || write(fds[1], text, len) != (ssize_t)len) {
        close(fds[0]);
        fds[0] = -1;
    }
    close(fds[1]);
    return fds[0];
}

static void start(const struct ask_how *how, struct ask *a)
{
    int fds[2], in;

    a->fd = -1;
    a->pid = -1;
    a->status = -1;
    a->ended = false;
    buf_init(&a->out, ASK_BYTES_MAX);
    if ((!a->host && !ask_is_address(a->ip)) || pipe2(fds, O_CLOEXEC) < 0)
        return;
    in = a->input ? input_pipe(a->input) : -1;
    a->pid = fork();
    if (a->pid == 0)
        child(how, a, in, fds[1]);
    if (in >= 0)
        close(in);
    close(fds[1]);
    a->fd = fds[0];
}

static void finish(struct ask *a, bool in_time)
{
    int status = -1;

    close(a->fd);
    a->fd = -1;
    if (a->pid <= 0)
        return;
    if (!in_time)
        kill(a->pid, SIGKILL);
    while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
        ;
    a->pid = -1;
    a->ended = in_time;
    a->status = in_time && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void take(struct ask *a)
{
    char chunk[16384];
    ssize_t n = read(a->fd, chunk, sizeof(chunk));

    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0)
        finish(a, true);
    else if (!buf_add(&a->out, chunk, (size_t)n))
        finish(a, false);
}

static void wait_some(struct ask *asks, size_t n, int64_t until_ms)
{
    struct pollfd fds[AT_ONCE_MAX];

    for (;;) {
        int64_t left_ms = until_ms - ask_now_ms();
        size_t open = 0;

        for (size_t i = 0; i < n; i++) {
            fds[i] = (struct pollfd){ .fd = asks[i].fd, .events = POLLIN };
            open += asks[i].fd >= 0;
        }
        if (!open || left_ms <= 0 || (poll(fds, n, (int)left_ms) < 0 && errno != EINTR))
            break;
        for (size_t i = 0; i < n; i++)
            if (asks[i].fd >= 0 && fds[i].revents)
                take(&asks[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (asks[i].fd >= 0)
            finish(&asks[i], false);
}

void ask_all(const struct ask_how *how, struct ask *asks, size_t n, int64_t within_ms)
{
    for (size_t at = 0; at < n; at += AT_ONCE_MAX) {
        size_t m = n - at < AT_ONCE_MAX ? n - at : AT_ONCE_MAX;

        for (size_t i = 0; i < m; i++)
            start(how, &asks[at + i]);
        wait_some(asks + at, m, ask_now_ms() + within_ms);
    }
}

/* --- INFO and CLUSTER NODES in one go --- */

static bool says(const char *text, size_t len, const char *word)
{
    return len && memmem(text, len, word, strlen(word)) != NULL;
}

/* Whoever is there, or our own certificate, does not let us ask: that says nothing about what it holds. */
static void no_answer(const char *text, size_t len, struct node_view *v)
{
    static const char *const denials[] = { "NOAUTH", "WRONGPASS", "NOPERM", "AUTH failed", "SSL", "certificate", "private key", "CA " };

    v->refused = says(text, len, "Connection refused");
    for (size_t i = 0; i < COUNT(denials); i++)
        if (says(text, len, denials[i]))
            v->reach = REACH_DENIED;
    if (len)
        snprintf(v->error, sizeof(v->error), "%.*s", len > 120 ? 120 : (int)len, text);
    else
        snprintf(v->error, sizeof(v->error), "no answer in time");
    v->error[strcspn(v->error, "\r\n")] = '\0';
    str_utf8_fix(v->error);
}

void ask_read(const char *text, size_t len, struct node_view *v)
{
    const char *mark = len ? memmem(text, len, "\n" MARK "\n", sizeof("\n" MARK "\n") - 1) : NULL;
    struct err e = { 0 };

    if (!mark) {
        no_answer(text, len, v);
        return;
    }
    size_t head = (size_t)(mark - text), skip = head + sizeof("\n" MARK "\n") - 1;
    if (view_parse_info(text, head, v, &e) < 0 || !v->run_id[0] ||
        view_parse_nodes(text + skip, len - skip, v, &e) < 0) {
        no_answer(text, len, v);
        if (e.kind != ERR_NONE)
            memcpy(v->error, e.msg, sizeof(v->error));
        return;
    }
    v->reach = v->loading ? REACH_LOADING : REACH_OK;
    if (view_myself(v))
        memcpy(v->id, view_myself(v)->id, sizeof(v->id));
}

void ask_views(const struct ask_how *how, const struct ask_target *targets, struct node_view *views, size_t n,
               int64_t within_ms)
{
    AUTO_FREE struct ask *asks = xcalloc(n + 1, sizeof(*asks));

    for (size_t i = 0; i < n; i++) {
        asks[i] = (struct ask){ .port = targets[i].port, .input = "INFO\nPING " MARK "\nCLUSTER NODES\n" };
        memcpy(asks[i].ip, targets[i].ip, sizeof(asks[i].ip));
    }
    ask_all(how, asks, n, within_ms);
    for (size_t i = 0; i < n; i++) {
        snprintf(views[i].address, sizeof(views[i].address), "%s:%u", asks[i].ip, asks[i].port);
        if (asks[i].ended)
            ask_read(buf_text(&asks[i].out), asks[i].out.len, &views[i]);
        else
            no_answer("", 0, &views[i]);
        buf_done(&asks[i].out);
    }
}
