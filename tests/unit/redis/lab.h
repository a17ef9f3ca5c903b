/*
 * A Redis Cluster of real redis-server processes on loopback, for tests of this room.
 *
 * Each node has its own directory below one temporary directory; servers die with the test
 * (PR_SET_PDEATHSIG) and are ended by pid. Without redis-server on PATH lab_has_redis is false.
 * LAB_SERVER=FILE takes another release.
 */
#ifndef TESTS_LAB_H
#define TESTS_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../ports.h"
#include "base/mem.h"
#include "redis/apply.h"
#include "slots/form.h"
#include "slots/heal.h"

#define LAB_MAX 8
#define LAB_NODE_TIMEOUT_MS 1000

struct lab {
    struct loop *loop;
    char dir[64];
    size_t n;
    pid_t pids[LAB_MAX];
    char pods[LAB_MAX][32], password[32];
    bool tls;
    bool no_log; /* without an append-only file; before lab_start */
    char ca[96];
    struct member members[LAB_MAX];
    struct expected x;
    struct form_plan plan;
    /* of the last look, and of the last step carried out */
    struct node_view *views;
    struct verdict v;
    struct settle settle;
    struct heal_memory heal;
    enum reply_class worst;
    char error[300];
};

static inline bool lab_has_redis(void)
{
    return system("command -v redis-server >/dev/null && command -v redis-cli >/dev/null") == 0;
}

static inline void lab_exec(const struct lab *l, size_t i)
{
    char dir[96], port[8], timeout[16], cert[96], key[96], ca[96];
    const char *args[40] = { "redis-server", "--bind", "127.0.0.1", "--dir", dir, "--cluster-enabled", "yes",
                             "--cluster-node-timeout", timeout, "--cluster-replica-no-failover", "yes", "--save", "",
                             "--appendonly", l->no_log ? "no" : "yes", "--repl-diskless-sync-delay", "0",
                             "--cluster-allow-replica-migration", "no", l->tls ? "--tls-port" : "--port", port };
    size_t n = 21;

    snprintf(dir, sizeof(dir), "%s/%zu", l->dir, i);
    snprintf(port, sizeof(port), "%u", l->members[i].port);
    snprintf(timeout, sizeof(timeout), "%d", LAB_NODE_TIMEOUT_MS);
    snprintf(cert, sizeof(cert), "%s/tls.crt", l->dir);
    snprintf(key, sizeof(key), "%s/tls.key", l->dir);
    snprintf(ca, sizeof(ca), "%s/ca.crt", l->dir);
    if (l->password[0])
        memcpy(args + n, (const char *[]){ "--requirepass", l->password, "--masterauth", l->password }, 4 * sizeof(*args));
    n += l->password[0] ? 4 : 0;
    if (l->tls)
        memcpy(args + n, (const char *[]){ "--port", "0", "--tls-cluster", "yes", "--tls-replication", "yes",
                                           "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca },
               12 * sizeof(*args));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
    execvp(getenv("LAB_SERVER") ? getenv("LAB_SERVER") : "redis-server", (char *const *)(uintptr_t)args);
    _exit(127);
}

static inline void lab_launch(struct lab *l, size_t i, uint16_t port)
{
    char dir[96];

    snprintf(dir, sizeof(dir), "%s/%zu", l->dir, i);
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        abort();
    l->members[i].port = port;
    l->pids[i] = fork();
    if (l->pids[i] == 0)
        lab_exec(l, i);
}

static inline void lab_kill(struct lab *l, size_t i)
{
    if (l->pids[i] <= 0)
        return;
    kill(l->pids[i], SIGKILL);
    waitpid(l->pids[i], NULL, 0);
    l->pids[i] = 0;
}

static inline int lab_unlink(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

/* Its volume goes too. */
static inline void lab_wipe(struct lab *l, size_t i)
{
    char dir[96];

    snprintf(dir, sizeof(dir), "%s/%zu", l->dir, i);
    nftw(dir, lab_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void lab_open(struct lab *l)
{
    memset(l, 0, sizeof(*l));
    snprintf(l->dir, sizeof(l->dir), "/tmp/everserve-lab-XXXXXX");
    if (!mkdtemp(l->dir))
        abort();
}

/* An authority and a certificate of our own; false without openssl. */
static inline bool lab_use_tls(struct lab *l)
{
    char cmd[1024];

    snprintf(cmd, sizeof(cmd),
             "cd %s && exec 2>/dev/null && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab-ca "
             "-keyout ca.key -out ca.crt && openssl req -newkey rsa:2048 -nodes -subj /CN=lab -keyout tls.key -out tls.csr "
             "&& openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out tls.crt", l->dir);
    snprintf(l->ca, sizeof(l->ca), "%s/ca.crt", l->dir);
    l->tls = system(cmd) == 0;
    return l->tls;
}

/* After lab_open. */
static inline void lab_start(struct lab *l, int shards, int replicas, const char *password)
{
    snprintf(l->password, sizeof(l->password), "%s", password);
    l->loop = loop_new();
    l->n = (size_t)(shards * (1 + replicas));
    l->x = (struct expected){ .members = l->members, .n_members = l->n, .shards = shards,
                              .replicas_per_shard = replicas, .node_timeout_ms = LAB_NODE_TIMEOUT_MS };
    for (size_t i = 0; i < l->n; i++) {
        snprintf(l->pods[i], sizeof(l->pods[i]), "redis-%zu", i);
        l->members[i] = (struct member){ .pod = l->pods[i], .ip = "127.0.0.1", .ready = true };
        lab_launch(l, i, port_take());
    }
}

static inline void lab_stop(struct lab *l)
{
    for (size_t i = 0; i < l->n; i++)
        lab_kill(l, i);
    nftw(l->dir, lab_unlink, 16, FTW_DEPTH | FTW_PHYS);
    views_free(l->views, l->n);
    form_plan_done(&l->plan);
    loop_free(l->loop);
    l->n = 0;
}

static inline void lab_targets(const struct lab *l, struct redis_target *out)
{
    for (size_t i = 0; i < l->n; i++)
        out[i] = (struct redis_target){ .ip = l->members[i].ip, .port = l->members[i].port };
}

static inline struct redis_auth lab_auth(const struct lab *l)
{
    static char cert[96], key[96];

    snprintf(cert, sizeof(cert), "%s/tls.crt", l->dir);
    snprintf(key, sizeof(key), "%s/tls.key", l->dir);
    return (struct redis_auth){ .password = l->password, .tls = l->tls, .ca_file = l->ca,
                                .cert_file = l->tls ? cert : NULL, .key_file = l->tls ? key : NULL };
}

static inline void lab_probed(void *arg, struct node_view *views, size_t n)
{
    struct lab *l = arg;

    views_free(l->views, n);
    l->views = views;
    loop_stop(l->loop);
}

/* One snapshot, judged. */
static inline void lab_look(struct lab *l)
{
    struct redis_target targets[LAB_MAX];
    struct redis_auth auth = lab_auth(l);

    lab_targets(l, targets);
    redis_probe_start(l->loop, targets, l->n, &auth, 1000, lab_probed, l);
    loop_run(l->loop);
    verdict_judge(&l->x, l->views, l->n, &l->v);
    verdict_settle(&l->settle, &l->v, LAB_NODE_TIMEOUT_MS, loop_now_ms());
}

static inline void lab_applied(void *arg, const struct redis_result *results, size_t n, enum reply_class worst)
{
    struct lab *l = arg;

    l->worst = worst;
    l->error[0] = '\0';
    for (size_t i = 0; i < n; i++)
        if (results[i].what == worst)
            snprintf(l->error, sizeof(l->error), "%s", results[i].error);
    loop_stop(l->loop);
}

static inline void lab_apply(struct lab *l, const struct commands *c)
{
    struct redis_target targets[LAB_MAX];
    struct redis_auth auth = lab_auth(l);

    lab_targets(l, targets);
    redis_apply_start(l->loop, targets, l->n, c->items, c->n, &auth, 2000, lab_applied, l);
    loop_run(l->loop);
}

static inline int64_t lab_until(int seconds)
{
    return loop_now_ms() + seconds * 1000LL;
}

/* Looks until the state is reached; false when the seconds have passed. */
static inline bool lab_wait(struct lab *l, enum redis_state want, int seconds)
{
    for (int64_t until = lab_until(seconds); loop_now_ms() < until; usleep(50000)) {
        lab_look(l);
        if (l->v.state == want)
            return true;
    }
    return false;
}

static inline bool lab_all_up(struct lab *l)
{
    for (int64_t until = lab_until(10); loop_now_ms() < until; usleep(20000)) {
        lab_look(l);
        if ((size_t)l->v.n_reachable == l->n)
            return true;
    }
    return false;
}

/* Forms until done, as the operator would; returns the last action. crash: of each step only the
 * first command is sent, as if the operator had died then. */
static inline enum form_action lab_form(struct lab *l, bool crash)
{
    struct form_step s;
    enum form_action last = FORM_WAIT;

    form_step_init(&s);
    for (int64_t until = lab_until(30); loop_now_ms() < until;) {
        lab_look(l);
        form_step(&l->x, l->views, &l->plan, &s);
        last = s.action;
        if (last == FORM_DONE || last == FORM_REFUSE)
            break;
        if (crash && s.commands.n > 1)
            s.commands.n = 1; /* the others are lost with the operator */
        if (s.commands.n)
            lab_apply(l, &s.commands);
        usleep((useconds_t)s.again_ms * 1000);
    }
    snprintf(l->error, sizeof(l->error), "%s: %s", form_action_name(last), s.reason);
    form_step_done(&s);
    return last;
}

/* Mends until healthy and nothing is left to do. */
static inline bool lab_heal(struct lab *l, int seconds, bool verbose)
{
    struct heal_step s;
    bool done = false;
    int64_t start = loop_now_ms();

    heal_step_init(&s);
    for (int64_t until = lab_until(seconds); !done && loop_now_ms() < until;) {
        lab_look(l);
        heal_step(&(struct heal_input){ .x = &l->x, .views = l->views, .v = &l->v, .now_ms = loop_now_ms() }, &l->heal, &s);
        done = s.action == HEAL_NONE && l->v.state == REDIS_HEALTHY;
        if (verbose)
            print_message("%5lld ms %-9s %2zu %s %s\n", (long long)(loop_now_ms() - start),
                          heal_action_name(s.action), s.commands.n, redis_state_name(l->v.state), s.reason);
        if (s.commands.n)
            lab_apply(l, &s.commands);
        if (!done)
            usleep((useconds_t)s.again_ms * 1000);
    }
    snprintf(l->error, sizeof(l->error), "%s: %s", heal_action_name(s.action), s.reason);
    heal_step_done(&s);
    return done;
}

/* What redis-cli --cluster check says: an opinion that is not ours. */
static inline bool lab_referee(const struct lab *l)
{
    char cmd[256];

    snprintf(cmd, sizeof(cmd), "%s%s redis-cli --cluster check 127.0.0.1:%u >/dev/null 2>&1",
             l->password[0] ? "REDISCLI_AUTH=" : "", l->password, l->members[0].port);
    return system(cmd) == 0;
}

/* redis-cli -c to node 0; true when it answers with this first line. */
static inline bool lab_cli(const struct lab *l, size_t i, const char *args, const char *want)
{
    char cmd[256], line[256] = "";
    FILE *p;

    snprintf(cmd, sizeof(cmd), "redis-cli -c -p %u %s 2>&1", l->members[i].port, args);
    p = popen(cmd, "re");
    if (p && fgets(line, sizeof(line), p))
        line[strcspn(line, "\n")] = '\0';
    if (p)
        pclose(p);
    return strcmp(line, want) == 0;
}

#endif
