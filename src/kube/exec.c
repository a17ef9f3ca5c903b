#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "kubeconfig.h"

enum { RUN_MS = 30000, REAP_MS = 20, OUT_MAX_BYTES = 1024 * 1024, ARGS_MAX = 256 };

struct exec_plugin {
    char *command, *hint;
    char **args, **env; /* both end with NULL; env: what is added to ours */
    size_t n_args, n_env;
    bool running;
    pid_t pid;       /* 0: none to be waited for */
    int spawn_errno; /* why it could not be started */
    int fd;
    struct buf out;
    struct loop_fd *watch;
    struct loop_timer *timer;
    int64_t deadline_ms;
    void (*on_done)(void *arg, struct exec_cred *cred, const struct err *why);
    void *arg;
};

static void free_list(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

static void stop(struct exec_plugin *p)
{
    loop_fd_free(TAKE(p->watch));
    loop_timer_free(TAKE(p->timer));
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    buf_done(&p->out);
}

void exec_plugin_free(struct exec_plugin *p)
{
    if (!p)
        return;
    if (p->pid) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    stop(p);
    free_list(p->args, p->n_args);
    free_list(p->env, p->n_env);
    free(p->command);
    free(p->hint);
    free(p);
}

bool exec_plugin_is_running(const struct exec_plugin *p)
{
    return p->running;
}

static int read_args(struct exec_plugin *p, const cJSON *exec, struct err *e)
{
    const cJSON *list = json_member(exec, "args"), *item;

    if (json_count(list) > ARGS_MAX)
        return err_set(e, ERR_INVALID, "user.exec.args: more than %d", ARGS_MAX);
    p->args = xcalloc((size_t)json_count(list) + 2, sizeof(*p->args));
    p->args[p->n_args++] = xstrdup(p->command);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return err_set(e, ERR_INVALID, "user.exec.args: expected a list of texts");
        p->args[p->n_args++] = xstrdup(item->valuestring);
    }
    return 0;
}

/* KUBERNETES_EXEC_INFO: what the program may want to know about who asks. */
static char *exec_info(const cJSON *exec, const cJSON *cluster)
{
    static const char *const told[] = { "server", "tls-server-name", "insecure-skip-tls-verify",
                                        "certificate-authority-data", "proxy-url" };
    AUTO_JSON cJSON *info = json_new_obj();
    AUTO_FREE char *text = NULL;
    cJSON *spec, *into;

    json_str(info, "apiVersion", json_get_str(exec, "apiVersion"));
    json_str(info, "kind", "ExecCredential");
    spec = json_obj(info, "spec");
    json_bool(spec, "interactive", false);
    if (json_get_bool(exec, "provideClusterInfo", false)) {
        into = json_obj(spec, "cluster");
        for (size_t i = 0; i < COUNT(told); i++)
            json_put_dup(into, told[i], json_member(cluster, told[i]));
    }
    text = json_print(info);
    return xasprintf("KUBERNETES_EXEC_INFO=%s", text);
}

static int read_env(struct exec_plugin *p, const cJSON *exec, const cJSON *cluster, struct err *e)
{
    const cJSON *list = json_member(exec, "env"), *item;

    if (json_count(list) > ARGS_MAX)
        return err_set(e, ERR_INVALID, "user.exec.env: more than %d", ARGS_MAX);
    p->env = xcalloc((size_t)json_count(list) + 2, sizeof(*p->env));
    p->env[p->n_env++] = exec_info(exec, cluster);
    cJSON_ArrayForEach(item, list)
    {
        const char *name = json_get_str(item, "name"), *value = json_get_str(item, "value");

        if (str_empty(name) || !value || strchr(name, '='))
            return err_set(e, ERR_INVALID, "user.exec.env: expected name and value");
        p->env[p->n_env++] = xasprintf("%s=%s", name, value);
    }
    return 0;
}

/* A command with a slash is relative to the kubeconfig, others are looked for in PATH. */
static int read_command(struct exec_plugin *p, const cJSON *user, const cJSON *exec, struct err *e)
{
    const char *version = json_get_str(exec, "apiVersion"), *command = json_get_str(exec, "command");
    const char *source = cJSON_GetStringValue(json_member(user, ".source")), *slash;
    const char *hint = json_get_str(exec, "installHint");

    if (!str_eq(version, "client.authentication.k8s.io/v1") && !str_eq(version, "client.authentication.k8s.io/v1beta1"))
        return err_set(e, ERR_INVALID, "user.exec.apiVersion: expected client.authentication.k8s.io/v1");
    if (str_empty(command))
        return err_set(e, ERR_INVALID, "user.exec.command: not set");
    if (str_eq(json_get_str(exec, "interactiveMode"), "Always"))
        return err_set(e, ERR_INVALID, "user.exec.interactiveMode: Always cannot be served without a terminal");
    slash = source ? strrchr(source, '/') : NULL;
    if (*command != '/' && strchr(command, '/') && slash)
        p->command = xasprintf("%.*s/%s", (int)(slash - source), source, command);
    else
        p->command = xstrdup(command);
    p->hint = hint ? xasprintf(" (%.80s)", hint) : xstrdup("");
    return 0;
}

int exec_plugin_new(const cJSON *user, const cJSON *cluster, struct exec_plugin **out, struct err *e)
{
    const cJSON *exec = json_member(user, "exec");
    struct exec_plugin *p;

    *out = NULL;
    if (!exec || cJSON_IsNull(exec))
        return 0;
    p = xcalloc(1, sizeof(*p));
    p->fd = -1;
    buf_init(&p->out, OUT_MAX_BYTES);
    if (read_command(p, user, exec, e) < 0 || read_args(p, exec, e) < 0 || read_env(p, exec, cluster, e) < 0) {
        exec_plugin_free(p);
        return -(int)ERR_INVALID;
    }
    *out = p;
    return 0;
}

static void finish(struct exec_plugin *p, const struct err *why)
{
    struct exec_cred cred = { 0 };
    struct err e = { 0 };

    p->running = false;
    p->pid = 0;
    if (why)
        e = *why;
    else if (exec_cred_parse(buf_text(&p->out), p->out.len, &cred, &e) < 0)
        (void)err_wrap(&e, "user.exec: %.80s", p->command);
    stop(p);
    p->on_done(p->arg, e.kind ? NULL : &cred, &e);
    exec_cred_done(&cred);
}

static void fail(struct exec_plugin *p, const char *what, int number)
{
    struct err e;

    (void)err_set(&e, ERR_DENIED, "user.exec: %.80s: %s %d%s", p->command, what, number, p->hint);
    finish(p, &e);
}

/* Its output has ended, or its time is up; only its exit is waited for now. */
static void on_timer(void *arg)
{
    struct exec_plugin *p = arg;
    bool late = loop_now_ms() >= p->deadline_ms;
    int status = 0;
    pid_t pid;

    if (late)
        kill(p->pid, SIGKILL);
    pid = waitpid(p->pid, &status, late ? 0 : WNOHANG);
    if (pid == 0)
        loop_timer_set(p->timer, REAP_MS);
    else if (late)
        fail(p, "no end within seconds:", RUN_MS / 1000);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        finish(p, NULL);
    else if (WIFEXITED(status))
        fail(p, "exit code", WEXITSTATUS(status));
    else
        fail(p, "ended by signal", WTERMSIG(status));
}

static void on_output(void *arg)
{
    struct exec_plugin *p = arg;
    char piece[4096];
    ssize_t n = read(p->fd, piece, sizeof(piece));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n > 0 && buf_add(&p->out, piece, (size_t)n))
        return;
    loop_fd_free(TAKE(p->watch));
    close(p->fd);
    p->fd = -1;
    loop_timer_set(p->timer, 0);
}

static bool is_overridden(const struct exec_plugin *p, const char *entry)
{
    size_t n = strcspn(entry, "=") + 1;

    for (size_t i = 0; i < p->n_env; i++)
        if (strncmp(p->env[i], entry, n) == 0)
            return true;
    return false;
}

static char **whole_env(const struct exec_plugin *p)
{
    size_t n = 0, have = 0;
    char **env;

    while (environ[have])
        have++;
    env = xcalloc(have + p->n_env + 1, sizeof(*env));
    for (char **old = environ; *old; old++)
        if (!is_overridden(p, *old))
            env[n++] = *old;
    for (size_t i = 0; i < p->n_env; i++)
        env[n++] = p->env[i];
    return env;
}

static int spawn(struct exec_plugin *p, int out)
{
    AUTO_FREE char **env = whole_env(p);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, defaults;
    pid_t pid = 0;
    int error;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    error = posix_spawnp(&pid, p->command, &files, &attr, p->args, env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    p->pid = error ? 0 : pid;
    return error;
}

static void on_no_start(void *arg)
{
    struct exec_plugin *p = arg;
    struct err e;

    (void)err_set(&e, ERR_DENIED, "user.exec: %.80s: %s%s", p->command, strerror(p->spawn_errno), p->hint);
    finish(p, &e);
}

void exec_plugin_run(struct exec_plugin *p, struct loop *l,
                     void (*on_done)(void *arg, struct exec_cred *cred, const struct err *why), void *arg)
{
    int ends[2];

    p->running = true;
    p->on_done = on_done;
    p->arg = arg;
    p->deadline_ms = loop_now_ms() + RUN_MS;
    p->spawn_errno = pipe2(ends, O_CLOEXEC) < 0 ? errno : 0;
    if (!p->spawn_errno) {
        p->spawn_errno = spawn(p, ends[1]);
        close(ends[1]);
        p->fd = ends[0];
    }
    if (p->spawn_errno) {
        p->timer = loop_timer_new(l, on_no_start, p);
        loop_timer_set(p->timer, 0);
        return;
    }
    p->watch = loop_fd_new(l, p->fd, on_output, p);
    p->timer = loop_timer_new(l, on_timer, p);
    loop_timer_set(p->timer, RUN_MS);
}
