#include "e2e/relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

enum { PAIRS_MAX = 256, BYTES_MAX = 64 << 20, WORDS_MAX = 1100, PENDING_MAX = 1 << 16, KINDS_MAX = 64, TICK_MS = 20, REDIS = 6379 };

enum fate { FATE_PASS, FATE_REPLACE, FATE_SYNTHETIC, FATE_SILENCE, FATE_RESET, FATE_LAST };

struct pending { /* an answer that is due, in order */
    enum fate fate;
    int trouble;
};

struct pair { /* fd 0: free */
    int operator_fd, node_fd;
    int generation;
    struct buf up, down; /* bytes that are not a whole command or answer yet */
    struct pending *queue;
    size_t head, n;
    bool is_mute;
};

struct kind_count {
    char name[RELAY_NAME];
    int n;
};

struct state {
    struct relay *r;
    struct pair pairs[PAIRS_MAX];
    struct kind_count kinds[KINDS_MAX];
    int kinds_generation;
};

/* --- RESP: where a value ends --- */

/* Length of the line at `at` with its CRLF; 0: not whole. */
static size_t line_len(const char *at, size_t len)
{
    const char *end = memmem(at, len, "\r\n", 2);

    return end ? (size_t)(end - at) + 2 : 0;
}

/* Length of one whole value; 0: not whole yet. Lists count down instead of recursing. */
static size_t value_len(const char *at, size_t len)
{
    size_t used = 0;

    for (long long left = 1; left > 0; left--) {
        size_t line = line_len(at + used, len - used);
        if (!line)
            return 0;
        char type = at[used];
        long long n = strtoll(at + used + 1, NULL, 10);
        used += line;
        if (strchr("$!=", type) && n >= 0)
            used += (size_t)n + 2;
        else if (strchr("*~>", type) && n > 0)
            left += n;
        else if (type == '%' && n > 0)
            left += 2 * n;
        if (used > len)
            return 0;
    }
    return used;
}

/* A command as its words, in place: ends each with a NUL in a copy that the caller frees. */
static int words_of(const char *at, size_t len, char *copy, char **words)
{
    size_t used = line_len(at, len);
    int n = (int)strtol(at + 1, NULL, 10);

    memcpy(copy, at, len);
    for (int i = 0; i < n && i < WORDS_MAX; i++) {
        size_t head = line_len(at + used, len - used);
        size_t bytes = (size_t)strtoul(at + used + 1, NULL, 10);
        words[i] = copy + used + head;
        words[i][bytes] = 0;
        used += head + bytes + 2;
    }
    return n < WORDS_MAX ? n : WORDS_MAX;
}

/* --- pairs --- */

static void pair_close(struct pair *p, bool with_reset)
{
    struct linger now = { 1, 0 };

    if (with_reset)
        setsockopt(p->operator_fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(p->operator_fd);
    close(p->node_fd);
    buf_done(&p->up);
    buf_done(&p->down);
    free(p->queue);
    memset(p, 0, sizeof(*p));
}

static bool send_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static int connect_node(int operator_fd)
{
    struct sockaddr_in a;
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    getsockname(operator_fd, (struct sockaddr *)&a, &len);
    a.sin_addr.s_addr = htonl((ntohl(a.sin_addr.s_addr) & 0x00ffffff) | 10u << 24);
    a.sin_port = htons(REDIS);
    struct timeval patience = { 0, 900000 };
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void pair_open(struct state *s, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct pair *p = s->pairs;

    while (p < s->pairs + PAIRS_MAX && p->operator_fd)
        p++;
    if (fd < 0)
        return;
    int node = p < s->pairs + PAIRS_MAX ? connect_node(fd) : -1;
    if (node < 0) { /* a closed connection is all that a relay can say of a refused one */
        struct linger now = { 1, 0 };
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(fd);
        return;
    }
    *p = (struct pair){ .operator_fd = fd, .node_fd = node, .generation = atomic_load(&s->r->generation) };
    buf_init(&p->up, BYTES_MAX);
    buf_init(&p->down, BYTES_MAX);
    p->queue = xcalloc(PENDING_MAX, sizeof(*p->queue));
}

static void due(struct pair *p, enum fate fate, int trouble)
{
    if (p->n < PENDING_MAX)
        p->queue[(p->head + p->n++) % PENDING_MAX] = (struct pending){ fate, trouble };
}

/* --- what meets a command --- */

static bool kind_has_room(struct state *s, const char *name, int per_kind)
{
    if (s->kinds_generation != atomic_load(&s->r->generation))
        memset(s->kinds, 0, sizeof(s->kinds));
    s->kinds_generation = atomic_load(&s->r->generation);
    for (int i = 0; i < KINDS_MAX; i++) {
        struct kind_count *k = &s->kinds[i];
        if (!k->name[0])
            memcpy(k->name, name, sizeof(k->name));
        if (str_eq(k->name, name))
            return per_kind == 0 || k->n++ < per_kind;
    }
    return false;
}

static int take_trouble(struct state *s, const char *name, bool changes)
{
    struct relay *r = s->r;
    int n = atomic_load(&r->n_troubles);

    if (n == 0 || atomic_load(&r->trouble_left) <= 0)
        return -1;
    if (r->on[0] ? r->on[0] != '*' && strncasecmp(name, r->on, strlen(r->on)) : !changes)
        return -1;
    if (!kind_has_room(s, name, atomic_load(&r->per_kind)))
        return -1;
    atomic_fetch_sub(&r->trouble_left, 1);
    return atomic_fetch_add(&r->turn, 1) % n;
}

/* Returns whether it counted as the last one. */
static bool count_change(struct relay *r, const char *name)
{
    int n = atomic_fetch_add(&r->n_changes, 1);

    if (n < RELAY_LOG)
        snprintf(r->log[n], RELAY_NAME, "%s", name);
    return n + 1 == atomic_load(&r->stop_after);
}

/* false: the pair is gone. */
static bool pass_command(struct state *s, struct pair *p, const char *at, size_t len)
{
    static const enum fate fates[] = { [TROUBLE_ANSWER] = FATE_REPLACE, [TROUBLE_REFUSAL] = FATE_SYNTHETIC,
                                       [TROUBLE_SILENCE] = FATE_SILENCE, [TROUBLE_RESET_AFTER] = FATE_RESET };
    AUTO_FREE char *copy = xcalloc(1, len + 1), **words = xcalloc(WORDS_MAX, sizeof(*words));
    char name[RELAY_NAME] = "";
    relay_name(words_of(at, len, copy, words), words, name);
    bool changes = relay_changes(name), is_last = changes && count_change(s->r, name);
    int trouble = is_last ? -1 : take_trouble(s, name, changes);
    enum relay_what what = trouble >= 0 ? s->r->troubles[trouble].what : TROUBLE_ANSWER;

    if (is_last)
        atomic_store(&s->r->stopping, 1);
    due(p, is_last ? FATE_LAST : trouble >= 0 ? fates[what] : FATE_PASS, trouble);
    if (trouble >= 0 && what == TROUBLE_RESET_BEFORE) {
        pair_close(p, true);
        return false;
    }
    if (trouble >= 0 && what == TROUBLE_REFUSAL)
        return true;
    return send_all(p->node_fd, at, len) || (pair_close(p, true), false);
}

static void take_off(struct buf *b, size_t n)
{
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

/* Answers that no node gives, as soon as it is their turn. */
static bool say_synthetic(struct state *s, struct pair *p)
{
    while (p->n && p->queue[p->head].fate == FATE_SYNTHETIC) {
        AUTO_FREE char *text = xasprintf("-%s\r\n", s->r->troubles[p->queue[p->head].trouble].text);
        p->head = (p->head + 1) % PENDING_MAX;
        p->n--;
        if (!p->is_mute && !send_all(p->operator_fd, text, strlen(text))) {
            pair_close(p, true);
            return false;
        }
    }
    return true;
}

static bool pass_answer(struct state *s, struct pair *p, const char *at, size_t len)
{
    struct pending due_now = p->n ? p->queue[p->head] : (struct pending){ FATE_PASS, -1 };
    bool ok = true;

    if (p->n) {
        p->head = (p->head + 1) % PENDING_MAX;
        p->n--;
    }
    if (due_now.fate == FATE_LAST)
        atomic_store(&s->r->stopped, 1);
    p->is_mute = p->is_mute || due_now.fate == FATE_SILENCE || due_now.fate == FATE_LAST;
    if (due_now.fate == FATE_REPLACE && !p->is_mute) {
        AUTO_FREE char *text = xasprintf("-%s\r\n", s->r->troubles[due_now.trouble].text);
        ok = send_all(p->operator_fd, text, strlen(text));
    } else if (!p->is_mute && due_now.fate != FATE_RESET) {
        ok = send_all(p->operator_fd, at, len);
    }
    if (ok && due_now.fate != FATE_RESET)
        return say_synthetic(s, p);
    pair_close(p, true);
    return false;
}

static bool read_some(int fd, struct buf *b)
{
    char part[65536];
    ssize_t n = recv(fd, part, sizeof(part), 0);

    return n > 0 && buf_add(b, part, (size_t)n);
}

static void from_operator(struct state *s, struct pair *p)
{
    size_t len;

    if (!read_some(p->operator_fd, &p->up)) {
        pair_close(p, false);
        return;
    }
    while (!atomic_load(&s->r->stopping) && (len = value_len(p->up.data, p->up.len))) {
        if (!pass_command(s, p, p->up.data, len))
            return;
        take_off(&p->up, len);
        if (!say_synthetic(s, p))
            return;
    }
}

static void from_node(struct state *s, struct pair *p)
{
    size_t len;

    if (!read_some(p->node_fd, &p->down)) {
        pair_close(p, false);
        return;
    }
    while (p->down.len && (len = value_len(p->down.data, p->down.len))) {
        if (!pass_answer(s, p, p->down.data, len))
            return;
        take_off(&p->down, len);
    }
}

static void serve_pair(struct state *s, struct pair *p, const struct pollfd *fds)
{
    if (p->operator_fd && p->generation != atomic_load(&s->r->generation))
        pair_close(p, true);
    if (p->operator_fd && fds[1].revents)
        from_node(s, p);
    if (p->operator_fd && fds[0].revents)
        from_operator(s, p);
}

static void serve(struct relay *r, int listener)
{
    static struct state s;
    static struct pollfd fds[1 + 2 * PAIRS_MAX];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    s.r = r;
    for (;;) {
        bool listens = !atomic_load(&r->stopping);
        fds[0] = (struct pollfd){ listens ? listener : -1, POLLIN, 0 };
        for (int i = 0; i < PAIRS_MAX; i++) {
            struct pair *p = &s.pairs[i];
            bool hears = p->operator_fd && !atomic_load(&r->stopping);
            fds[1 + 2 * i] = (struct pollfd){ hears ? p->operator_fd : -1, POLLIN, 0 };
            fds[2 + 2 * i] = (struct pollfd){ p->operator_fd ? p->node_fd : -1, POLLIN, 0 };
        }
        if (poll(fds, COUNT(fds), TICK_MS) < 0)
            continue;
        for (int i = 0; i < PAIRS_MAX; i++)
            serve_pair(&s, &s.pairs[i], &fds[1 + 2 * i]);
        if (fds[0].revents)
            pair_open(&s, listener);
    }
}

/* --- the test's side --- */

static int listen_any(int *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, 64) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

struct relay *relay_start(struct e2e *t)
{
    struct relay *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    E2E_CHECK(t, r != MAP_FAILED && !t->relay, NULL, "one relay at a time");
    t->relay = r;
    int fd = listen_any(&r->port);
    E2E_CHECK(t, fd >= 0, NULL, "the relay cannot listen");
    int pid = fork();
    if (pid == 0)
        serve(r, fd);
    close(fd);
    E2E_CHECK(t, pid > 0, NULL, "cannot start the relay");
    r->pid = pid;
    return r;
}

struct operator *operator_on_relay(struct e2e *t, struct relay *r)
{
    const char *b = getenv("B") ? getenv("B") : "build";
    const char *env[] = { e2e_fmt(t, "LD_PRELOAD=%s/tests/e2e/preload.so", b), "ASAN_OPTIONS=verify_asan_link_order=0",
                          e2e_fmt(t, "E2E_REDIS_PORT=%d", r->port), NULL };
    struct operator_opts o = { .env = env, .option = "--secret-delay=4" };

    return operator_start(t, &o);
}

void relay_zero(struct relay *r)
{
    atomic_store(&r->n_changes, 0);
}

void relay_stop_after(struct relay *r, int n)
{
    relay_zero(r);
    atomic_store(&r->stop_after, n);
}

bool relay_has_stopped(struct relay *r)
{
    return atomic_load(&r->stopped);
}

void relay_go_on(struct relay *r)
{
    atomic_store(&r->stop_after, 0);
    atomic_fetch_add(&r->generation, 1);
    atomic_store(&r->stopped, 0);
    atomic_store(&r->stopping, 0);
}

void relay_trouble(struct relay *r, const char *on, const struct relay_trouble *troubles, int n, int first, int left, int per_kind)
{
    atomic_store(&r->trouble_left, 0);
    snprintf(r->on, sizeof(r->on), "%s", on);
    memcpy(r->troubles, troubles, (size_t)n * sizeof(*troubles));
    atomic_store(&r->n_troubles, n);
    atomic_store(&r->turn, first);
    atomic_store(&r->per_kind, per_kind);
    atomic_fetch_add(&r->generation, 1);
    atomic_store(&r->trouble_left, left);
}

void relay_end(struct e2e *t)
{
    struct relay *r = t->relay;

    if (!r)
        return;
    if (r->pid > 0) {
        kill(r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0);
    }
    munmap(r, sizeof(*r));
    t->relay = NULL;
}
