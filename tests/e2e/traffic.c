#include "e2e/traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kube/watch.h"

enum { ENDPOINTS_MAX = 64, WORKERS = 3, TIMEOUT_S = 20, PAUSE_US = 4000 };

struct endpoint {
    char ip[46];
    int port;
    bool ready;
    int64_t unready_ms; /* since when it is not; 0: it is */
};

struct traffic {
    struct kube_watch *watch;
    pthread_mutex_t lock; /* of what follows */
    struct endpoint list[ENDPOINTS_MAX];
    size_t n;
    char first_error[256];
    int64_t began_ms;
    atomic_int sent, failed, idle;
    atomic_bool ends;
    pthread_t workers[WORKERS];
};

/* --- what the cluster says --- */

static bool is_used(const struct endpoint *e, int64_t now_ms)
{
    return e->ready || (e->unready_ms && now_ms - e->unready_ms < TRAFFIC_NEWS_MS);
}

/* In a long scenario more pods come and go than there is room for: one of those that nothing is sent to any more. */
static struct endpoint *unused(struct traffic *c)
{
    if (c->n < ENDPOINTS_MAX)
        return &c->list[c->n++];
    for (size_t i = 0; i < c->n; i++)
        if (!is_used(&c->list[i], loop_now_ms()))
            return &c->list[i];
    return NULL;
}

static struct endpoint *endpoint_of(struct traffic *c, const char *ip, int port)
{
    struct endpoint *e;

    for (size_t i = 0; i < c->n; i++)
        if (c->list[i].port == port && str_eq(c->list[i].ip, ip))
            return &c->list[i];
    e = unused(c);
    if (!e)
        return NULL;
    *e = (struct endpoint){ .port = port };
    snprintf(e->ip, sizeof(e->ip), "%s", ip);
    return e;
}

static void set_ready(struct endpoint *e, bool ready)
{
    e->unready_ms = ready ? 0 : e->ready ? loop_now_ms() : e->unready_ms;
    e->ready = ready;
}

static void on_slice(void *arg, enum kube_event event, const cJSON *slice)
{
    struct traffic *c = arg;
    int port = (int)json_get_int(slice, "ports.0.port", 0);
    const cJSON *item, *list = event == KUBE_DELETED ? NULL : json_member(slice, "endpoints");
    bool seen[ENDPOINTS_MAX] = { false };

    pthread_mutex_lock(&c->lock);
    cJSON_ArrayForEach(item, list) {
        const char *ip = json_get_str(item, "addresses.0");
        struct endpoint *e = ip ? endpoint_of(c, ip, port) : NULL;

        if (!e)
            continue;
        set_ready(e, json_get_bool(item, "conditions.ready", false));
        seen[e - c->list] = true;
    }
    for (size_t i = 0; i < c->n; i++)
        if (!seen[i])
            set_ready(&c->list[i], false);
    pthread_mutex_unlock(&c->lock);
}

static void on_nothing(void *arg)
{
    (void)arg;
}

/* --- what is sent --- */

static bool pick(struct traffic *c, unsigned *seed, struct endpoint *out)
{
    int64_t now_ms = loop_now_ms();
    size_t n_used = 0;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->n; i++)
        if (is_used(&c->list[i], now_ms) && (size_t)rand_r(seed) % ++n_used == 0)
            *out = c->list[i];
    pthread_mutex_unlock(&c->lock);
    return n_used > 0;
}

static int connect_to(const struct endpoint *e)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)e->port) };
    struct timeval patience = { TIMEOUT_S, 0 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, e->ip, &a.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* NULL: answered. */
static const char *request(const struct endpoint *e)
{
    static const char text[] = "GET /slow?ms=30 HTTP/1.1\r\nHost: fraud\r\nConnection: close\r\n\r\n";
    char answer[512] = "";
    int fd = connect_to(e), n;

    if (fd < 0)
        return errno == ECONNREFUSED ? "connection refused" : "no connection";
    n = send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL) > 0 ? (int)recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) : -1;
    close(fd);
    if (n <= 0)
        return n == 0 ? "closed without an answer" : "reset, or silent";
    return strncmp(answer, "HTTP/1.1 200", strlen("HTTP/1.1 200")) ? "an answer that is not 200" : NULL;
}

static void note_error(struct traffic *c, const struct endpoint *e, const char *problem)
{
    pthread_mutex_lock(&c->lock);
    if (atomic_fetch_add(&c->failed, 1) == 0)
        snprintf(c->first_error, sizeof(c->first_error), "%s from %s:%d, %s, %.1f s after the beginning", problem, e->ip, e->port,
                 e->ready ? "ready" : "not ready any more", (double)(loop_now_ms() - c->began_ms) / 1000);
    pthread_mutex_unlock(&c->lock);
}

static void *work(void *arg)
{
    struct traffic *c = arg;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    struct endpoint e;

    while (!c->ends) {
        const char *problem;

        if (!pick(c, &seed, &e)) {
            c->idle++;
        } else {
            problem = request(&e);
            c->sent++;
            if (problem)
                note_error(c, &e, problem);
        }
        usleep(PAUSE_US);
    }
    return NULL;
}

struct traffic *traffic_start(struct e2e *t, const char *service)
{
    static const struct kube_watch_handler handler = { on_slice, on_nothing, on_nothing, NULL };
    struct kube_watch_opts o = { e2e_path(t, "endpointslices"), e2e_fmt(t, "kubernetes.io/service-name=%s", service), NULL };
    struct traffic *c = xcalloc(1, sizeof(*c));
    int64_t end_ms = e2e_deadline_ms(30);

    pthread_mutex_init(&c->lock, NULL);
    c->began_ms = loop_now_ms();
    c->watch = kube_watch_new(t->kube, &o, &handler, c);
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&c->workers[i], NULL, work, c);
    while (c->sent < 10) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "no request was sent: the Service has no ready endpoint");
        e2e_sleep_ms(t, 20);
    }
    c->idle = 0;
    return c;
}

int traffic_failures(const struct traffic *c)
{
    return c->failed;
}

static void stop(struct traffic *c)
{
    c->ends = true;
    for (int i = 0; i < WORKERS; i++)
        pthread_join(c->workers[i], NULL);
    kube_watch_free(c->watch);
}

void traffic_drop(struct traffic *c)
{
    stop(c);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void traffic_end(struct e2e *t, struct traffic *c)
{
    stop(c);
    e2e_note(t, "%d requests in %.1f s, %d failed", c->sent, (double)(loop_now_ms() - c->began_ms) / 1000, c->failed);
    E2E_CHECK(t, !c->idle, NULL, "for a time the Service had no endpoint at all");
    E2E_CHECK(t, !c->failed, NULL, "%d of %d requests failed, the first: %s", c->failed, c->sent, c->first_error);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
