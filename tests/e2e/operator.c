#include "e2e/operator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

enum { MAX_ARGS = 24, STOP_WITHIN_S = 40, TAIL_BYTES = 6000 };

static int free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port = 0;

    if (bind(fd, (struct sockaddr *)&a, len) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0)
        port = ntohs(a.sin_port);
    close(fd);
    return port;
}

static struct operator *slot_for(struct e2e *t)
{
    for (int i = 0; i < E2E_MAX_OPERATORS; i++) {
        struct operator *op = t->operators[i];
        if (op && op->pid)
            continue;
        free(op);
        t->operators[i] = xcalloc(1, sizeof(*op));
        return t->operators[i];
    }
    e2e_fail(t, NULL, "more than %d operators at once", E2E_MAX_OPERATORS);
}

static void become_operator(char *const argv[], const char *const *env, const char *log)
{
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies must not leave it behind */
    dup2(fd, 1);
    dup2(fd, 2);
    for (int i = 3; i < 64; i++)
        close(i);
    for (size_t i = 0; env && env[i]; i++)
        putenv((char *)(uintptr_t)env[i]);
    execv(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

struct operator *operator_start(struct e2e *t, const struct operator_opts *o)
{
    static const struct operator_opts defaults;
    struct operator *op = slot_for(t);
    const char *binary = getenv("E2E_BINARY") ? getenv("E2E_BINARY") : "build/everserve";
    const char *logs = getenv("E2E_LOGS") ? getenv("E2E_LOGS") : "/tmp";
    const char *argv[MAX_ARGS];
    int n = 0;

    o = o ? o : &defaults;
    op->health_port = free_port();
    op->metrics_port = free_port();
    snprintf(op->log, sizeof(op->log), "%s/%s-operator.log", logs, t->ns);
    argv[n++] = binary;
    argv[n++] = "run";
    argv[n++] = e2e_fmt(t, "--health-address=127.0.0.1:%d", op->health_port);
    argv[n++] = e2e_fmt(t, "--metrics-address=127.0.0.1:%d", op->metrics_port);
    argv[n++] = e2e_fmt(t, "--leader-elect=%s", o->elects ? "true" : "false");
    argv[n++] = e2e_fmt(t, "--lease-namespace=%s", t->ns);
    if (!o->namespaces || o->namespaces[0])
        argv[n++] = e2e_fmt(t, "--namespaces=%s", o->namespaces ? o->namespaces : t->ns);
    if (o->kubeconfig)
        argv[n++] = e2e_fmt(t, "--kubeconfig=%s", o->kubeconfig);
    if (o->option)
        argv[n++] = o->option;
    argv[n] = NULL;
    op->pid = fork();
    if (op->pid == 0)
        become_operator((char *const *)(uintptr_t)argv, o->env, op->log);
    E2E_CHECK(t, op->pid > 0, NULL, "cannot start the operator");
    return op;
}

static bool reap(struct operator *op, int options)
{
    if (op->pid && waitpid(op->pid, &op->exit_status, options) == op->pid)
        op->pid = 0;
    return op->pid == 0;
}

bool operator_is_running(struct operator *op)
{
    return !reap(op, WNOHANG);
}

void operator_signal(struct operator *op, int signo)
{
    if (op->pid > 0)
        kill(op->pid, signo);
}

void operator_kill(struct operator *op)
{
    operator_signal(op, SIGKILL);
    reap(op, 0);
}

void operator_stop(struct e2e *t, struct operator *op)
{
    int64_t end_ms = e2e_deadline_ms(STOP_WITHIN_S);

    operator_signal(op, SIGTERM);
    while (!reap(op, WNOHANG)) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "the operator does not end after SIGTERM");
        e2e_sleep_ms(t, 20);
    }
    E2E_CHECK(t, WIFEXITED(op->exit_status) && WEXITSTATUS(op->exit_status) == 0, NULL,
              "the operator's wait status after SIGTERM is 0x%x", (unsigned)op->exit_status);
}

void operator_ready(struct e2e *t, struct operator *op)
{
    int64_t end_ms = e2e_deadline_ms(60);

    while (operator_http(t, op, "/readyz", NULL) != 200) {
        E2E_CHECK(t, operator_is_running(op), NULL, "the operator ended, wait status 0x%x", (unsigned)op->exit_status);
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "/readyz is not 200 within 60 s");
        e2e_sleep_ms(t, 50);
    }
}

static int connect_local(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { 5, 0 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

int operator_http(struct e2e *t, struct operator *op, const char *path, const char **body)
{
    AUTO_BUF struct buf b = { 0 };
    int fd = connect_local(str_eq(path, "/metrics") ? op->metrics_port : op->health_port), status = 0;
    char part[4096];
    ssize_t n;

    if (fd < 0)
        return 0;
    buf_init(&b, 4 << 20);
    const char *request = e2e_fmt(t, "GET %s HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
        while ((n = read(fd, part, sizeof(part))) > 0)
            if (!buf_add(&b, part, (size_t)n))
                break;
    close(fd);
    const char *head_end = strstr(buf_text(&b), "\r\n\r\n");
    if (head_end && body)
        *body = e2e_fmt(t, "%s", head_end + 4);
    return sscanf(buf_text(&b), "HTTP/1.%*d %d", &status) == 1 ? status : 0;
}

static bool sample_matches(const char *line, const char *name, const char *labels)
{
    size_t len = strlen(name);

    if (strncmp(line, name, len) || (line[len] != '{' && line[len] != ' '))
        return false;
    return !labels || strstr(line, labels);
}

double operator_metric(struct e2e *t, struct operator *op, const char *name, const char *labels)
{
    const char *body = NULL;
    char *rest = NULL;
    double sum = 0;
    bool found = false;

    if (operator_http(t, op, "/metrics", &body) != 200)
        return -1;
    AUTO_FREE char *text = xstrdup(body);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (!sample_matches(line, name, labels))
            continue;
        sum += strtod(strrchr(line, ' '), NULL);
        found = true;
    }
    return found ? sum : -1;
}

static char *read_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0)
        return xstrdup("");
    char *text = xcalloc(1, (size_t)st.st_size + 1);
    if (read(fd, text, (size_t)st.st_size) < 0)
        text[0] = 0;
    close(fd);
    return text;
}

bool operator_log_has(struct operator *op, const char *text)
{
    AUTO_FREE char *log = read_file(op->log);

    return strstr(log, text);
}

void operator_log_wait(struct e2e *t, struct operator *op, const char *text, int bound_s)
{
    int64_t end_ms = e2e_deadline_ms(bound_s);

    while (!operator_log_has(op, text)) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "the log does not say \"%s\" within %d s", text, bound_s);
        e2e_sleep_ms(t, 100);
    }
}

int64_t operator_log_size(const struct operator *op)
{
    struct stat st;

    return stat(op->log, &st) == 0 ? st.st_size : 0;
}

/* A number after "Key:" in /proc/PID/status; procfs has no size to ask for. */
static void read_proc(const struct operator *op, const char *file, char *text, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", op->pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);
    text[n > 0 ? n : 0] = 0;
    if (fd >= 0)
        close(fd);
}

int64_t operator_rss_kib(const struct operator *op)
{
    char text[4096];

    read_proc(op, "status", text, sizeof(text));
    const char *line = strstr(text, "VmRSS:");
    return line ? strtoll(line + 6, NULL, 10) : -1;
}

int64_t operator_cpu_ms(const struct operator *op)
{
    char text[1024];
    unsigned long user = 0, sys = 0;

    read_proc(op, "stat", text, sizeof(text));
    const char *after_name = strrchr(text, ')');
    if (!after_name || sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
        return -1;
    return (int64_t)(user + sys) * 1000 / sysconf(_SC_CLK_TCK);
}

void operator_end_all(struct e2e *t)
{
    for (int i = 0; i < E2E_MAX_OPERATORS; i++) {
        if (!t->operators[i])
            continue;
        operator_signal(t->operators[i], SIGCONT);
        operator_kill(t->operators[i]);
        if (!t->failed)
            unlink(t->operators[i]->log);
        free(t->operators[i]);
        t->operators[i] = NULL;
    }
}

void operator_print_logs(struct e2e *t)
{
    for (int i = 0; i < E2E_MAX_OPERATORS; i++) {
        if (!t->operators[i])
            continue;
        AUTO_FREE char *log = read_file(t->operators[i]->log);
        size_t len = strlen(log);
        const char *tail = len > TAIL_BYTES ? log + len - TAIL_BYTES : log;
        fprintf(stderr, "--- tail of %s\n%s---\n", t->operators[i]->log, tail);
    }
}
