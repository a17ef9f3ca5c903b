#include "e2e/wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

enum { REQUEST_MAX = 8 << 20, PART = 16384, TICK_MS = 20 };

/* One connection of the operator's; HTTP/1.1, so one request at a time. */
struct link {
    struct wire *w;
    int fd;
    struct upstream *up; /* NULL until the first request */
    struct buf in;
    bool is_watch;
    bool is_write;      /* the request under way counts as in flight */
    bool is_last_write; /* nothing is said about it */
    bool cut_on_answer;
    int watch_generation;
};

struct request {
    char method[16];
    char path[2048];
    size_t head_len, whole_len; /* of the bytes in link.in */
};

static void note_time(atomic_llong *at)
{
    struct timespec now;
    long long none = 0;

    clock_gettime(CLOCK_MONOTONIC, &now);
    atomic_compare_exchange_strong(at, &none, now.tv_sec * 1000000LL + now.tv_nsec / 1000);
}

static void freeze_point(struct wire *w)
{
    while (atomic_load(&w->frozen) || atomic_load(&w->stopped))
        usleep(TICK_MS * 1000);
}

static bool say(struct link *l, const char *text)
{
    size_t len = strlen(text);

    return send(l->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool answer(struct link *l, int status, const char *reason, const char *extra)
{
    char body[256], text[640];

    snprintf(body, sizeof(body),
             "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"told to say so\","
             "\"reason\":\"%s\",\"code\":%d}", reason, status);
    snprintf(text, sizeof(text), "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
             status, reason, extra, strlen(body), body);
    return say(l, text);
}

static bool read_request(struct buf *in, struct request *r)
{
    const char *text = buf_text(in), *end = strstr(text, "\r\n\r\n");
    size_t body_len = 0;

    if (!end || sscanf(text, "%15s %2047s", r->method, r->path) != 2)
        return false;
    r->head_len = (size_t)(end - text) + 4;
    for (const char *line = strstr(text, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, "content-length:", 15))
            body_len = strtoul(line + 17, NULL, 10);
    r->whole_len = r->head_len + body_len;
    return in->len >= r->whole_len;
}

static bool is_get(const struct request *r)
{
    return str_eq(r->method, "GET") || str_eq(r->method, "HEAD");
}

static bool is_watch(const struct request *r)
{
    return is_get(r) && (strstr(r->path, "?watch=") || strstr(r->path, "&watch="));
}

static bool names_subresource(const struct request *r, const char *name)
{
    size_t len = strcspn(r->path, "?");
    size_t n = strlen(name);

    return len > n && !strncmp(r->path + len - n, name, n);
}

/* A collection without a watch: "/apis/G/V/PLURAL" or ".../namespaces/NS/PLURAL". */
static bool is_list(const struct request *r)
{
    const char *rest = strstr(r->path, "/namespaces/");
    int steps = 0;

    rest = rest ? strchr(rest + strlen("/namespaces/"), '/') : r->path;
    for (const char *c = rest; c && *c && *c != '?'; c++)
        steps += *c == '/';
    return steps == (rest == r->path ? (str_has_prefix(r->path, "/api/") ? 3 : 4) : 1);
}

static atomic_int *counter_of(struct wire *w, const struct request *r)
{
    struct wire_counts *c = &w->counts;

    if (is_get(r))
        return is_watch(r) ? &c->watches : is_list(r) ? &c->lists : &c->gets;
    if (strstr(r->path, "/leases"))
        return &c->leases;
    if (strstr(r->path, "/events"))
        return &c->events;
    return names_subresource(r, "/status") ? &c->status_writes : &c->writes;
}

/* The write that reaches the limit is the last one to pass. */
static void count_write(struct link *l)
{
    struct wire *w = l->w;
    int limit = atomic_load(&w->stop_after_writes);
    int n = atomic_fetch_add(&w->write_turn, 1) + 1;

    l->is_write = true;
    atomic_fetch_add(&w->in_flight, 1);
    l->is_last_write = limit && n == limit;
    while (limit && n > limit && atomic_load(&w->stop_after_writes))
        usleep(TICK_MS * 1000); /* never passes: the operator is about to be killed */
}

/* One in `every`, in no order that a repeated sequence of requests could fall in step with. */
static bool is_hit(struct wire *w)
{
    int every = atomic_load(&w->fault_every);
    unsigned turn = (unsigned)atomic_fetch_add(&w->fault_turn, 1) * 2654435761U;

    return every && (turn >> 16) % (unsigned)every == 0;
}

static bool meets_fault(struct link *l, bool *goes_on)
{
    struct wire *w = l->w;

    *goes_on = true;
    if (!is_hit(w))
        return false;
    switch ((enum wire_fault)atomic_load(&w->fault)) {
    case WIRE_429: *goes_on = answer(l, 429, "TooManyRequests", "Retry-After: 1\r\n"); return true;
    case WIRE_500: *goes_on = answer(l, 500, "InternalError", ""); return true;
    case WIRE_503: *goes_on = answer(l, 503, "ServiceUnavailable", ""); return true;
    case WIRE_CONFLICT: *goes_on = answer(l, 409, "Conflict", ""); return true;
    case WIRE_RESET_BEFORE: *goes_on = false; return true;
    case WIRE_RESET_AFTER: l->cut_on_answer = true; return false;
    case WIRE_OK: break;
    }
    return false;
}

static bool forward(struct link *l, const struct request *r)
{
    const char *text = buf_text(&l->in), *line_end = strstr(text, "\r\n") + 2;

    if (!l->up)
        l->up = upstream_open();
    if (!l->up)
        return false;
    const char *auth = upstream_auth(l->up);
    return upstream_write(l->up, text, (size_t)(line_end - text)) && upstream_write(l->up, auth, strlen(auth)) &&
           upstream_write(l->up, line_end, r->whole_len - (size_t)(line_end - text));
}

static bool take_gone(struct wire *w)
{
    int left = atomic_load(&w->watch_gone);

    return left > 0 && atomic_compare_exchange_strong(&w->watch_gone, &left, left - 1);
}

static bool pass_request(struct link *l, const struct request *r)
{
    atomic_int *counter = counter_of(l->w, r);
    bool goes_on, is_object_write = counter == &l->w->counts.writes || counter == &l->w->counts.status_writes;

    freeze_point(l->w);
    atomic_fetch_add(counter, 1);
    l->is_watch = is_watch(r);
    l->watch_generation = atomic_load(&l->w->watch_generation);
    if (l->w->forbidden[0] && strstr(r->path, l->w->forbidden))
        return answer(l, 403, "Forbidden", "");
    if (l->is_watch && take_gone(l->w))
        return answer(l, 410, "Expired", "");
    if (!l->is_watch && meets_fault(l, &goes_on))
        return goes_on;
    if (is_object_write)
        note_time(&l->w->first_write_us);
    if (is_object_write)
        count_write(l);
    return forward(l, r);
}

static bool pass_requests(struct link *l)
{
    struct request r;

    while (read_request(&l->in, &r)) {
        bool ok = pass_request(l, &r);
        buf_consume(&l->in, r.whole_len);
        if (!ok)
            return false;
    }
    return true;
}

static bool from_operator(struct link *l)
{
    char part[PART];
    ssize_t n = recv(l->fd, part, sizeof(part), 0);

    return n > 0 && buf_add(&l->in, part, (size_t)n) && pass_requests(l);
}

static void write_is_done(struct link *l)
{
    if (!l->is_write)
        return;
    l->is_write = false;
    atomic_fetch_sub(&l->w->in_flight, 1);
    if (l->is_last_write)
        atomic_store(&l->w->stopped, 1);
}

static bool from_server(struct link *l)
{
    char part[PART];
    ssize_t n = upstream_read(l->up, part, sizeof(part));

    write_is_done(l);
    if (n <= 0 || l->cut_on_answer)
        return false;
    if (l->is_watch && atomic_load(&l->w->watch_delay_ms))
        usleep((useconds_t)atomic_load(&l->w->watch_delay_ms) * 1000);
    freeze_point(l->w);
    if (l->is_watch)
        note_time(&l->w->first_event_us);
    return send(l->fd, part, (size_t)n, MSG_NOSIGNAL) == n;
}

static bool is_cut(const struct link *l)
{
    return l->is_watch && l->watch_generation != atomic_load(&l->w->watch_generation);
}

static bool turn(struct link *l)
{
    struct pollfd p[2] = { { l->fd, POLLIN, 0 }, { l->up ? upstream_fd(l->up) : -1, POLLIN, 0 } };
    bool pending = l->up && upstream_pending(l->up);

    if (poll(p, 2, pending ? 0 : 100) < 0 || is_cut(l))
        return false;
    if (pending || p[1].revents)
        return from_server(l);
    return !p[0].revents || from_operator(l);
}

static void *link_run(void *arg)
{
    struct link *l = arg;

    while (turn(l))
        continue;
    write_is_done(l);
    upstream_close(l->up);
    close(l->fd);
    buf_done(&l->in);
    free(l);
    return NULL;
}

static void serve(struct wire *w, int listener)
{
    int on = 1;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        struct link *l = xcalloc(1, sizeof(*l));
        pthread_t thread;

        l->w = w;
        l->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        buf_init(&l->in, REQUEST_MAX);
        setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (l->fd < 0 || pthread_create(&thread, NULL, link_run, l) != 0)
            _exit(1);
        pthread_detach(thread);
    }
}

static int listen_local(int *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, 64) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return -1;
    *port = ntohs(a.sin_port);
    return fd;
}

static void write_kubeconfig(struct e2e *t, struct wire *w)
{
    const char *logs = getenv("E2E_LOGS") ? getenv("E2E_LOGS") : "/tmp";

    snprintf(w->kubeconfig, sizeof(w->kubeconfig), "%s/%s-%d.kubeconfig", logs, t->ns, w->port);
    int fd = open(w->kubeconfig, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    E2E_CHECK(t, fd >= 0, NULL, "cannot write %s", w->kubeconfig);
    dprintf(fd,
            "apiVersion: v1\nkind: Config\ncurrent-context: wire\n"
            "clusters: [{name: wire, cluster: {server: \"http://127.0.0.1:%d\"}}]\n"
            "users: [{name: wire, user: {}}]\n"
            "contexts: [{name: wire, context: {cluster: wire, user: wire, namespace: %s}}]\n",
            w->port, t->ns);
    close(fd);
}

struct wire *wire_start(struct e2e *t)
{
    struct wire *w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    size_t i = 0;

    while (i < E2E_MAX_WIRES && t->wires[i])
        i++;
    E2E_CHECK(t, w != MAP_FAILED && i < E2E_MAX_WIRES, NULL, "no room for one more wire");
    t->wires[i] = w;
    int fd = listen_local(&w->port);
    E2E_CHECK(t, fd >= 0, NULL, "the wire cannot listen");
    write_kubeconfig(t, w);
    int pid = fork();
    if (pid == 0)
        serve(w, fd);
    close(fd);
    E2E_CHECK(t, pid > 0, NULL, "cannot start the wire");
    w->pid = pid; /* shared memory: the child must not write it */
    return w;
}

const char *wire_kubeconfig(const struct wire *w)
{
    return w->kubeconfig;
}

void wire_zero(struct wire *w)
{
    struct wire_counts *c = &w->counts;
    atomic_int *all[] = { &c->writes, &c->status_writes, &c->events, &c->leases, &c->gets, &c->lists, &c->watches };

    for (size_t i = 0; i < COUNT(all); i++)
        atomic_store(all[i], 0);
    atomic_store(&w->write_turn, 0);
    atomic_store(&w->first_event_us, 0);
    atomic_store(&w->first_write_us, 0);
}

int wire_all_writes(const struct wire *w)
{
    return atomic_load(&w->counts.writes) + atomic_load(&w->counts.status_writes);
}

void wire_stop_after(struct wire *w, int n)
{
    wire_zero(w);
    atomic_store(&w->stop_after_writes, n);
}

bool wire_has_stopped(struct wire *w)
{
    return atomic_load(&w->stopped);
}

void wire_go_on(struct wire *w)
{
    atomic_store(&w->stop_after_writes, 0);
    atomic_store(&w->stopped, 0);
}

void wire_fault_every(struct wire *w, enum wire_fault f, int every)
{
    atomic_store(&w->fault, f);
    atomic_store(&w->fault_every, every);
}

void wire_forbid(struct wire *w, const char *part_of_path)
{
    snprintf(w->forbidden, sizeof(w->forbidden), "%s", part_of_path);
}

void wire_cut_watches(struct wire *w)
{
    atomic_fetch_add(&w->watch_generation, 1);
}

void wire_end_all(struct e2e *t)
{
    for (int i = 0; i < E2E_MAX_WIRES; i++) {
        struct wire *w = t->wires[i];
        if (!w)
            continue;
        if (w->pid > 0) {
            kill(w->pid, SIGKILL);
            waitpid(w->pid, NULL, 0);
        }
        unlink(w->kubeconfig);
        munmap(w, sizeof(*w));
        t->wires[i] = NULL;
    }
}
