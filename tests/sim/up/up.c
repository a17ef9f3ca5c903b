#include "sim/up/up.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "kube/client.h"
#include "kube/config.h"
#include "sim/node/files.h"
#include "sim/up/part.h"
#include "sim/up/space.h"

#define GATEWAY "10.244.0.1"  /* where pods find the API server: the nodes' bridge */
#define LOOK_MS 20            /* between two looks at what we wait for */
#define START_LIMIT_MS 60000  /* for all of the cluster */
#define STOP_LIMIT_MS 8000    /* for one part, before SIGKILL */

static const char usage[] =
    "usage: everserve-sim up [options] [-- COMMAND ARGS...]\n"
    "Brings up a local cluster: API server, controllers and simulated nodes, in a network namespace of\n"
    "its own (root, or an unprivileged user namespace). Runs COMMAND in it with KUBECONFIG set and ends\n"
    "with its exit code; without COMMAND it stays until Ctrl-C. Nothing is left behind.\n"
    "kubectl works from outside too: the API server is reachable on 127.0.0.1.\n"
    "  --nodes N (3)  --zones N (3)  --gpus N (0)  --cpu Q  --memory Q    what the machines are\n"
    "  --no-nodes  --no-controllers      leave a part out; --bare: the network alone\n"
    "  --tls | --no-tls                  HTTPS with a CA of its own (--tls), or HTTP, over which kubectl sends no token\n"
    "  --port N                          of the API server (any that is free)\n"
    "  --dir DIR                         state, logs, kubeconfig (a new one in $TMPDIR, removed at the end)\n"
    "  --quiet                           no progress lines\n"
    "Join a running one: everserve-sim exec --dir DIR -- COMMAND\n";

static const char rights[] =
    "A local cluster needs network namespaces: run as root (in a container: --privileged, or --cap-add SYS_ADMIN\n"
    "--cap-add NET_ADMIN with seccomp and AppArmor unconfined), or allow user namespaces:\n"
    "  sysctl -w user.max_user_namespaces=10000        where it is 0\n"
    "  sysctl -w kernel.unprivileged_userns_clone=1    where it exists\n"
    "  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0    Ubuntu 24.04 and later\n";

enum { PART_API, PART_CONTROLLERS, PART_NODES, PART_COMMAND, N_PARTS };

enum { OPT_NODES = 1, OPT_ZONES, OPT_GPUS, OPT_CPU, OPT_MEMORY, OPT_NO_NODES, OPT_NO_CONTROLLERS, OPT_BARE, OPT_TLS,
       OPT_NO_TLS, OPT_PORT, OPT_DIR, OPT_QUIET, OPT_HELP };

enum stage { STAGE_API, STAGE_PARTS, STAGE_RUNNING, STAGE_STOPPING };

struct up {
    const char *texts[OPT_HELP + 1]; /* options given */
    char **command;                  /* NULL: none */
    struct loop *loop;
    struct reap *reap;
    struct kube *kube;
    struct kube_call *call;
    struct loop_timer *look, *limit;
    struct part parts[N_PARTS];
    enum stage stage;
    int stopping_part;
    int exit_code;
    char *dir, *kubeconfig, *ready_file, *self;
    bool is_own_dir;
    int listen_fd, port;
    int64_t began_ms;
};

static void say(const struct up *u, const char *text)
{
    if (!u->texts[OPT_QUIET])
        fprintf(stderr, "cluster %5.1f s  %s\n", (double)(loop_now_ms() - u->began_ms) / 1000, text);
}

static char *log_path(const struct up *u, const char *part)
{
    return xasprintf("%s/log/%s.log", u->dir, part);
}

/* --- the end --- */

static void stop_next(struct up *u);

static void on_limit(void *arg)
{
    struct up *u = arg;

    if (u->stage == STAGE_STOPPING) {
        part_signal(&u->parts[u->stopping_part], SIGKILL);
        return;
    }
    fprintf(stderr, "everserve-sim up: not ready after %d s; logs in %s/log\n", START_LIMIT_MS / 1000, u->dir);
    u->exit_code = 1;
    stop_next(u);
}

/* The last one started is stopped first. */
static void stop_next(struct up *u)
{
    if (u->stage != STAGE_STOPPING)
        u->stopping_part = N_PARTS;
    u->stage = STAGE_STOPPING;
    loop_timer_off(u->look);
    while (--u->stopping_part >= 0) {
        if (!u->parts[u->stopping_part].pid)
            continue;
        part_signal(&u->parts[u->stopping_part], SIGTERM);
        loop_timer_set(u->limit, STOP_LIMIT_MS);
        return;
    }
    loop_stop(u->loop);
}

static int code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void on_part_end(void *arg, struct part *p)
{
    struct up *u = arg;
    AUTO_FREE char *log = log_path(u, p->name);

    if (u->stage == STAGE_STOPPING) {
        if (p == &u->parts[u->stopping_part])
            stop_next(u);
        return;
    }
    u->exit_code = p == &u->parts[PART_COMMAND] ? code_of(p->status) : 1;
    if (p != &u->parts[PART_COMMAND]) {
        fprintf(stderr, "everserve-sim up: the %s ended with %d; the end of %s:\n", p->name, code_of(p->status), log);
        part_log_tail(log);
        u->is_own_dir = false; /* somebody will want to read on */
    }
    stop_next(u);
}

/* --- the beginning --- */

static int start(struct up *u, int which, char *const *argv, struct err *e)
{
    struct part *p = &u->parts[which];
    AUTO_FREE char *log = which == PART_COMMAND ? NULL : log_path(u, p->name);
    AUTO_FREE char *pid_file = xasprintf("%s/%s.pid", u->dir, p->name), *pid = NULL;

    if (part_start(p, u->reap, which == PART_COMMAND ? NULL : u->self, argv, log, e) < 0)
        return -(int)e->kind;
    pid = xasprintf("%d\n", (int)p->pid);
    return files_write(pid_file, pid, strlen(pid), 0644, e);
}

static int start_api(struct up *u, struct err *e)
{
    AUTO_FREE char *fd = xasprintf("%d", u->listen_fd), *addr = xasprintf("0.0.0.0:%d", u->port);
    AUTO_FREE char *dir = xasprintf("%s/apiserver", u->dir);
    char *argv[] = { u->self, (char *)"apiserver", (char *)"--listen", addr, (char *)"--listen-fd", fd, (char *)"--kubeconfig",
                     u->kubeconfig, (char *)"--san", (char *)GATEWAY, (char *)"--tls", dir, NULL };

    if (u->texts[OPT_NO_TLS])
        argv[10] = NULL;
    return start(u, PART_API, argv, e);
}

static int start_controllers(struct up *u, struct err *e)
{
    char *argv[] = { u->self, (char *)"controllers", (char *)"--kubeconfig", u->kubeconfig, NULL };

    return u->texts[OPT_NO_CONTROLLERS] ? 0 : start(u, PART_CONTROLLERS, argv, e);
}

static int start_nodes(struct up *u, struct err *e)
{
    static const struct { int option; const char *name; } passed[] = {
        { OPT_NODES, "--nodes" }, { OPT_ZONES, "--zones" }, { OPT_GPUS, "--gpus" }, { OPT_CPU, "--cpu" }, { OPT_MEMORY, "--memory" } };
    AUTO_FREE char *dir = xasprintf("%s/node", u->dir);
    char *argv[8 + 2 * COUNT(passed) + 1] = { u->self, (char *)"node", (char *)"--kubeconfig", u->kubeconfig, (char *)"--dir", dir,
                                              (char *)"--ready-file", u->ready_file };
    size_t n = 8;

    for (size_t i = 0; i < COUNT(passed); i++) {
        if (!u->texts[passed[i].option])
            continue;
        argv[n++] = (char *)passed[i].name;
        argv[n++] = (char *)u->texts[passed[i].option];
    }
    return u->texts[OPT_NO_NODES] ? 0 : start(u, PART_NODES, argv, e);
}

static void fail(struct up *u, const struct err *e)
{
    fprintf(stderr, "everserve-sim up: %s\n", e->msg);
    u->exit_code = 1;
    stop_next(u);
}

static void on_api(void *arg, const struct kube_reply *r)
{
    struct up *u = arg;
    struct err e = { 0 };

    u->call = NULL;
    if (u->stage != STAGE_API || r->status != 200)
        return;
    say(u, "API server answers");
    u->stage = STAGE_PARTS;
    if (start_controllers(u, &e) < 0 || start_nodes(u, &e) < 0)
        fail(u, &e);
}

static void look_api(struct up *u)
{
    struct kube_config *cfg;
    struct err e = { 0 };

    if (u->call || access(u->kubeconfig, R_OK) < 0)
        return;
    if (!u->kube && kube_config_load(u->kubeconfig, NULL, &cfg, &e) == 0)
        u->kube = kube_new(u->loop, cfg, &e);
    if (u->kube)
        u->call = kube_send(u->kube, &(struct kube_request){ .method = "GET", .path = "/version", .timeout_ms = 2000 }, on_api, u);
}

static void announce(struct up *u)
{
    AUTO_FREE char *text = xasprintf("ready: export KUBECONFIG=%s", u->kubeconfig);

    say(u, u->texts[OPT_BARE] ? "ready: an empty network" : text);
    if (u->texts[OPT_QUIET] && !u->command)
        fprintf(stderr, "export KUBECONFIG=%s\n", u->kubeconfig);
}

static void run_command(struct up *u)
{
    struct err e = { 0 };

    u->stage = STAGE_RUNNING;
    loop_timer_off(u->limit);
    announce(u);
    if (!u->command)
        return;
    setenv("EVERSERVE_SIM_DIR", u->dir, 1);
    if (!u->texts[OPT_BARE])
        setenv("KUBECONFIG", u->kubeconfig, 1);
    if (start(u, PART_COMMAND, u->command, &e) < 0)
        fail(u, &e);
}

static void on_look(void *arg)
{
    struct up *u = arg;

    loop_timer_set(u->look, LOOK_MS);
    if (u->stage == STAGE_API)
        look_api(u);
    else if (u->stage == STAGE_PARTS && (u->texts[OPT_NO_NODES] || access(u->ready_file, R_OK) == 0))
        run_command(u);
    if (u->stage >= STAGE_RUNNING)
        loop_timer_off(u->look);
}

/* Ctrl-C reaches the command by the terminal; it ends, and then we do. */
static void on_interrupt(void *arg)
{
    struct up *u = arg;

    if (u->stage == STAGE_RUNNING && u->command)
        return;
    u->exit_code = u->stage == STAGE_RUNNING ? 0 : 130;
    stop_next(u);
}

static void on_terminate(void *arg)
{
    struct up *u = arg;

    u->exit_code = 128 + SIGTERM;
    if (u->stage != STAGE_STOPPING)
        stop_next(u);
}

/* --- set-up --- */

static bool options_parse(struct up *u, int argc, char **argv)
{
    static const struct option table[] = {
        { "nodes", 1, NULL, OPT_NODES }, { "zones", 1, NULL, OPT_ZONES }, { "gpus", 1, NULL, OPT_GPUS }, { "cpu", 1, NULL, OPT_CPU },
        { "memory", 1, NULL, OPT_MEMORY }, { "no-nodes", 0, NULL, OPT_NO_NODES }, { "no-controllers", 0, NULL, OPT_NO_CONTROLLERS },
        { "bare", 0, NULL, OPT_BARE }, { "tls", 0, NULL, OPT_TLS }, { "no-tls", 0, NULL, OPT_NO_TLS }, { "port", 1, NULL, OPT_PORT },
        { "dir", 1, NULL, OPT_DIR }, { "quiet", 0, NULL, OPT_QUIET }, { "help", 0, NULL, OPT_HELP }, { 0 } };
    int opt;
    int64_t port = 0;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "+", table, NULL)) != -1) {
        if (opt == '?')
            return false;
        u->texts[opt] = optarg ? optarg : "";
    }
    if (u->texts[OPT_PORT] && !str_to_int(u->texts[OPT_PORT], 1, 65535, &port))
        return false;
    u->port = (int)port;
    u->command = optind < argc ? argv + optind : NULL;
    return true;
}

static int folders_make(struct up *u, struct err *e)
{
    const char *tmp = getenv("TMPDIR");
    char self[PATH_MAX] = "", real[PATH_MAX];
    AUTO_FREE char *dir = u->texts[OPT_DIR] ? xstrdup(u->texts[OPT_DIR]) : xasprintf("%s/everserve-sim-XXXXXX", tmp ? tmp : "/tmp");

    u->is_own_dir = !u->texts[OPT_DIR];
    if (u->is_own_dir && !mkdtemp(dir))
        return err_set(e, ERR_DENIED, "cannot make a folder like %s", dir);
    AUTO_FREE char *logs = xasprintf("%s/log", dir), *api = xasprintf("%s/apiserver", dir);
    if (files_mkdir(dir, 0755, e) < 0 || files_mkdir(logs, 0755, e) < 0 || files_mkdir(api, 0755, e) < 0)
        return -(int)e->kind;
    if (!realpath(dir, real) || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        return err_set(e, ERR_INVALID, "folder %s", dir);
    u->dir = xstrdup(real);
    u->self = xstrdup(self);
    u->kubeconfig = xasprintf("%s/kubeconfig", real);
    u->ready_file = xasprintf("%s/node.ready", real);
    unlink(u->kubeconfig);
    unlink(u->ready_file);
    AUTO_FREE char *pid_file = xasprintf("%s/up.pid", real), *pid = xasprintf("%d\n", (int)getpid());
    return files_write(pid_file, pid, strlen(pid), 0644, e);
}

static int set_up(struct up *u, struct err *e)
{
    static const char *const names[] = { "apiserver", "controllers", "node", "command" };

    u->listen_fd = space_listen(&u->port, e);
    if (u->listen_fd < 0 || space_enter(e) < 0 || folders_make(u, e) < 0)
        return -(int)e->kind;
    part_adopt();
    u->loop = loop_new();
    u->reap = reap_new(u->loop);
    u->look = loop_timer_new(u->loop, on_look, u);
    u->limit = loop_timer_new(u->loop, on_limit, u);
    for (int i = 0; i < N_PARTS; i++)
        u->parts[i] = (struct part){ .name = names[i], .on_end = on_part_end, .arg = u };
    loop_on_signal(u->loop, SIGINT, on_interrupt, u);
    loop_on_signal(u->loop, SIGTERM, on_terminate, u);
    loop_on_signal(u->loop, SIGHUP, on_terminate, u);
    return 0;
}

static void tear_down(struct up *u)
{
    kube_cancel(u->call);
    kube_free(u->kube);
    loop_timer_free(u->look);
    loop_timer_free(u->limit);
    reap_free(u->reap);
    loop_free(u->loop);
    part_end_rest();
    if (u->is_own_dir && u->dir)
        files_remove(u->dir);
    free(u->dir);
    free(u->self);
    free(u->kubeconfig);
    free(u->ready_file);
}

static void cluster_run(struct up *u)
{
    struct err e = { 0 };

    if (u->texts[OPT_BARE]) {
        close(u->listen_fd);
        run_command(u);
    } else if (start_api(u, &e) < 0) {
        fail(u, &e);
    } else {
        close(u->listen_fd);
        loop_timer_set(u->limit, START_LIMIT_MS);
        loop_timer_set(u->look, LOOK_MS);
    }
    loop_run(u->loop);
}

int up_main(int argc, char **argv)
{
    struct up u = { .listen_fd = -1, .began_ms = loop_now_ms() };
    struct err e = { 0 };

    if (!options_parse(&u, argc, argv) || u.texts[OPT_HELP]) {
        fputs(usage, u.texts[OPT_HELP] ? stdout : stderr);
        return u.texts[OPT_HELP] ? 0 : 2;
    }
    log_setup(LOG_WARN, LOG_LOGFMT);
    if (set_up(&u, &e) == 0) {
        cluster_run(&u);
    } else {
        fprintf(stderr, "everserve-sim up: %s\n%s", e.msg, e.kind == ERR_DENIED ? rights : "");
        u.exit_code = 1;
    }
    tear_down(&u);
    return u.exit_code;
}
