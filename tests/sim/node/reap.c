#include "sim/node/reap.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/map.h"
#include "base/mem.h"

struct reap {
    struct map *waiting; /* pid as text to struct child */
};

struct child {
    void (*on_end)(void *arg, int status);
    void *arg;
};

static struct child *child_take(struct reap *r, pid_t pid)
{
    char key[16];

    snprintf(key, sizeof(key), "%d", (int)pid);
    return map_take(r->waiting, key);
}

static void on_sigchld(void *arg)
{
    struct reap *r = arg;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        AUTO_FREE struct child *c = child_take(r, pid);
        if (c)
            c->on_end(c->arg, status);
    }
}

struct reap *reap_new(struct loop *l)
{
    struct reap *r = xcalloc(1, sizeof(*r));

    r->waiting = map_new();
    loop_on_signal(l, SIGCHLD, on_sigchld, r);
    return r;
}

void reap_free(struct reap *r)
{
    if (!r)
        return;
    map_free(r->waiting, free);
    free(r);
}

void reap_add(struct reap *r, pid_t pid, void (*on_end)(void *arg, int status), void *arg)
{
    char key[16];
    struct child *c = xcalloc(1, sizeof(*c));

    *c = (struct child){ on_end, arg };
    snprintf(key, sizeof(key), "%d", (int)pid);
    free(map_put(r->waiting, key, c));
}

void reap_forget(struct reap *r, pid_t pid)
{
    free(child_take(r, pid));
}
