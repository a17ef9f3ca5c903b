#include "sim/node/container.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/str.h"
#include "sim/node/command.h"
#include "sim/node/env.h"
#include "sim/node/pod.h"
#include "sim/node/volume.h"

#define EXTRA_GRACE_MS 2000   /* what the kubelet adds when a hook has used up the grace */
#define RETRY_CREATE_MS 1000  /* also the pace of image pulls */
#define CALM_MS 60000         /* having run that long, a container is forgiven */

static void on_retry(void *arg);
static void on_kill(void *arg);

static void wait_because(struct container *c, const char *reason, const char *message)
{
    snprintf(c->reason, sizeof(c->reason), "%s", reason);
    snprintf(c->message, sizeof(c->message), "%s", message);
    c->state = CONTAINER_WAITING;
}

void container_init(struct container *c, struct pod *p, const cJSON *spec, enum container_role role)
{
    const char *image = json_get_str(spec, "image"), *name = json_get_str(spec, "name");

    *c = (struct container){ .pod = p, .spec = spec, .role = role, .is_due = true, .name = name ? name : "" };
    c->image = image_parse(image ? image : "");
    c->retry = loop_timer_new(p->node->w->loop, on_retry, c);
    c->kill = loop_timer_new(p->node->w->loop, on_kill, c);
    wait_because(c, role == ROLE_MAIN && p->n_init ? "PodInitializing" : "ContainerCreating", "");
}

static void run_done(struct container *c)
{
    volume_mounts_free(c->run.mounts, c->run.n_mounts);
    env_list_free(c->run.argv);
    env_list_free(c->run.envp);
    free((char *)c->run.log_path);
    free((char *)c->run.hosts_file);
    free((char *)c->run.message_file);
    c->run = (struct run_spec){ .net_ns = -1 };
}

static void watching_end(struct container *c)
{
    for (int i = 0; i < N_PROBES; i++) {
        probe_free(c->probes[i]);
        c->probes[i] = NULL;
    }
    attempt_cancel(TAKE(c->hook));
    loop_timer_off(c->kill);
    c->ready = c->started = c->is_stopping = false;
}

void container_power_off(struct container *c)
{
    if (c->pid) {
        run_signal_all(c->pid, SIGKILL);
        reap_forget(c->pod->node->w->reap, c->pid);
        c->pid = 0;
    }
    watching_end(c);
    loop_timer_off(c->retry);
    run_done(c);
}

void container_done(struct container *c)
{
    container_power_off(c);
    loop_timer_free(c->retry);
    loop_timer_free(c->kill);
}

void container_recall(struct container *c, int n)
{
    c->restarts = n > 0 ? n - 1 : 0; /* the start that comes counts one */
    c->has_last = n > 0;
    if (n == 0)
        return;
    c->last = (struct container_end){ .exit_code = 137, .reason = "ContainerStatusUnknown",
                                      .message = "The node restarted; how the container ended is not known" };
    c->last.finished_ms = loop_wall_ms();
    snprintf(c->last.id, sizeof(c->last.id), "sim://%s-%s-%d", c->pod->uid, c->name, n - 1);
}

void container_signal(struct container *c, int signo)
{
    if (c->pid)
        run_signal_all(c->pid, signo);
}

/* --- probes --- */

static void readiness_begin(struct container *c);

static void on_startup(void *arg, bool ok, const char *why)
{
    struct container *c = arg;

    if (!ok) {
        log_info("startup probe failed", F("pod", c->pod->name), F("container", c->name), F("why", why));
        c->killed_for = "startup probe failed";
        container_stop(c, pod_grace_ms(c->pod));
        return;
    }
    probe_free(TAKE(c->probes[PROBE_STARTUP]));
    readiness_begin(c);
    pod_touch(c->pod);
}

static void on_liveness(void *arg, bool ok, const char *why)
{
    struct container *c = arg;

    if (ok || c->is_stopping)
        return;
    log_info("liveness probe failed", F("pod", c->pod->name), F("container", c->name), F("why", why));
    c->killed_for = "liveness probe failed";
    container_stop(c, pod_grace_ms(c->pod));
}

static void on_readiness(void *arg, bool ok, const char *why)
{
    struct container *c = arg;

    if (c->ready && !ok)
        log_info("readiness probe failed", F("pod", c->pod->name), F("container", c->name), F("why", why));
    c->ready = ok;
    pod_touch(c->pod);
}

static void readiness_begin(struct container *c)
{
    const cJSON *ready = json_member(c->spec, "readinessProbe"), *live = json_member(c->spec, "livenessProbe");

    c->started = true;
    c->ready = !ready;
    if (ready)
        c->probes[PROBE_READINESS] = probe_new(&c->site, ready, on_readiness, c);
    if (live)
        c->probes[PROBE_LIVENESS] = probe_new(&c->site, live, on_liveness, c);
}

static void watching_begin(struct container *c)
{
    const cJSON *startup = json_member(c->spec, "startupProbe");
    struct world *w = c->pod->node->w;

    c->site = (struct attempt_site){ w->loop, w->reap, &w->net, &c->pod->net, c->spec, &c->run, c->pid };
    if (c->role == ROLE_INIT)
        return;
    if (startup)
        c->probes[PROBE_STARTUP] = probe_new(&c->site, startup, on_startup, c);
    else
        readiness_begin(c);
}

/* --- end and restart --- */

static bool should_restart(const struct container *c)
{
    const char *policy = pod_restart_policy(c->pod);
    bool failed = c->end.exit_code != 0;

    if (c->pod->stop_by_ms)
        return false;
    if (c->role == ROLE_SIDECAR)
        return true;
    if (c->role == ROLE_INIT)
        return failed && !str_eq(policy, "Never");
    return str_eq(policy, "Always") || (failed && str_eq(policy, "OnFailure"));
}

bool container_is_over(const struct container *c)
{
    return c->state == CONTAINER_TERMINATED && !should_restart(c);
}

bool container_is_failed(const struct container *c)
{
    return container_is_over(c) && c->end.exit_code != 0;
}

/* What the program left in its termination log, as the kubelet shows it. */
static void read_message(const struct container *c, char *out, size_t size)
{
    FILE *f = c->run.message_file ? fopen(c->run.message_file, "re") : NULL;

    out[f ? fread(out, 1, size - 1, f) : 0] = '\0';
    if (f)
        fclose(f);
    str_utf8_fix(out);
}

static bool make_message_file(struct container *c)
{
    FILE *f = fopen(c->run.message_file, "we");

    return f && fclose(f) == 0;
}

static void end_record(struct container *c, int status)
{
    struct container_end *end = &c->end;

    *end = (struct container_end){ .started_ms = c->started_ms, .finished_ms = loop_wall_ms() };
    end->signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    end->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + end->signo;
    snprintf(end->reason, sizeof(end->reason), "%s", end->exit_code ? "Error" : "Completed");
    if (c->killed_for)
        snprintf(end->message, sizeof(end->message), "%s", c->killed_for);
    else
        read_message(c, end->message, sizeof(end->message));
    memcpy(end->id, c->id, sizeof(end->id));
    c->state = CONTAINER_TERMINATED;
    c->killed_for = NULL;
}

/* The first restart comes at once, as the kubelet's does; then each waits twice as long. */
static void restart_plan(struct container *c)
{
    const struct world *w = c->pod->node->w;
    int64_t wait_ms = c->backoff_ms;

    if (c->end.finished_ms - c->end.started_ms >= CALM_MS)
        wait_ms = 0;
    c->backoff_ms = wait_ms ? wait_ms * 2 : w->backoff_base_ms;
    if (c->backoff_ms > w->backoff_cap_ms)
        c->backoff_ms = w->backoff_cap_ms;
    c->last = c->end;
    c->has_last = true;
    if (wait_ms) {
        AUTO_FREE char *text = xasprintf("back-off %llds restarting failed container=%s pod=%s_%s(%s)",
                                         (long long)(wait_ms / 1000), c->name, c->pod->name, c->pod->ns, c->pod->uid);
        wait_because(c, "CrashLoopBackOff", text);
    }
    loop_timer_set(c->retry, wait_ms);
}

static void on_end(void *arg, int status)
{
    struct container *c = arg;

    c->pid = 0;
    watching_end(c);
    end_record(c, status);
    log_info("container ended", F("pod", c->pod->name), F("container", c->name), F("code", c->end.exit_code));
    if (should_restart(c))
        restart_plan(c);
    pod_touch(c->pod);
}

static void on_retry(void *arg)
{
    struct container *c = arg;

    c->is_due = true;
    pod_touch(c->pod);
}

/* --- start --- */

static void start_failed(struct container *c, const char *reason, const char *message)
{
    if (!str_eq(c->reason, reason))
        log_info("container cannot start", F("pod", c->pod->name), F("container", c->name), F("reason", reason), F("why", message));
    wait_because(c, reason, message);
    loop_timer_set(c->retry, RETRY_CREATE_MS);
}

static bool image_refused(struct container *c)
{
    const char *name = json_get_str(c->spec, "image");

    if (command_image_is_here(&c->image))
        return false;
    AUTO_FREE char *text = c->image.kind == IMAGE_MISSING
        ? xasprintf("failed to pull image \"%s\": not found", name ? name : "")
        : xasprintf("image \"%s\" needs %s, which this machine does not have", name, image_program(c->image.kind));
    start_failed(c, str_eq(c->reason, "ErrImagePull") ? "ImagePullBackOff" : "ErrImagePull", text);
    return true;
}

/* In front of the volumes: a volume may lie below it. */
static void add_servers(struct container *c)
{
    struct run_spec *r = &c->run;
    char *folder = command_servers(&c->image);

    if (!folder)
        return;
    r->mounts = xrealloc(r->mounts, (r->n_mounts + 1) * sizeof(*r->mounts));
    memmove(r->mounts + 1, r->mounts, r->n_mounts * sizeof(*r->mounts));
    r->mounts[0] = (struct run_mount){ folder, xstrdup(COMMAND_SERVERS_PATH), true };
    r->n_mounts++;
}

static int run_prepare(struct container *c, struct err *e)
{
    struct pod *p = c->pod;
    struct volume_site site;
    const char *own = command_own(&c->image, c->spec);
    struct map *vars;

    run_done(c);
    pod_volume_site(p, &site);
    if (env_build(&site.src, c->spec, &vars, e) < 0)
        return -(int)e->kind;
    if (!map_get(vars, "HOSTNAME"))
        free(map_put(vars, "HOSTNAME", xstrdup(p->name)));
    if (!map_get(vars, "HOME"))
        free(map_put(vars, "HOME", xstrdup("/root")));
    c->run = (struct run_spec){ .root_dir = p->node->w->root_dir,
                                .self = !own ? p->node->w->self : str_eq(own, "everserve") ? p->node->w->operator : p->node->w->entry,
                                .hostname = p->name,
                                .workdir = json_get_str(c->spec, "workingDir"), .net_ns = p->net.ns,
                                .read_only_root = json_get_bool(c->spec, "securityContext.readOnlyRootFilesystem", false) };
    c->run.hosts_file = xasprintf("%s/hosts", p->dir);
    c->run.log_path = xasprintf("%s/log/pods/%s_%s_%.8s_%s.log", p->node->w->state_dir, p->ns, p->name, p->uid, c->name);
    c->run.message_file = xasprintf("%s/message-%s", p->dir, c->name);
    if (!make_message_file(c)) {
        free((char *)c->run.message_file);
        c->run.message_file = NULL;
    }
    c->run.envp = env_list(vars);
    c->run.argv = command_argv(&c->image, c->spec, vars, RUN_SELF_PATH, c->role == ROLE_INIT);
    int rc = volume_mounts(&site, c->spec, vars, &c->run.mounts, &c->run.n_mounts, e);
    if (rc == 0)
        add_servers(c);
    map_free(vars, free);
    return rc;
}

/* A program that cannot run counts as one that ran and ended: it is restarted with backoff. */
static void start_error(struct container *c, const struct err *e)
{
    c->started_ms = loop_wall_ms();
    end_record(c, 128 << 8);
    snprintf(c->end.reason, sizeof(c->end.reason), "StartError");
    snprintf(c->end.message, sizeof(c->end.message), "%s", e->msg);
    log_info("container cannot run", F("pod", c->pod->name), F("container", c->name), F("why", e->msg));
    if (should_restart(c))
        restart_plan(c);
    pod_touch(c->pod);
}

void container_start(struct container *c)
{
    struct pod *p = c->pod;
    struct err e = { 0 };

    c->is_due = false;
    if (image_refused(c))
        return;
    if (run_prepare(c, &e) < 0) {
        start_failed(c, "CreateContainerConfigError", e.msg);
        return;
    }
    c->restarts += c->has_last;
    snprintf(c->id, sizeof(c->id), "sim://%s-%s-%d", p->uid, c->name, c->restarts);
    if (run_start(&c->run, &c->pid, &e) < 0) {
        start_error(c, &e);
        return;
    }
    reap_add(p->node->w->reap, c->pid, on_end, c);
    c->state = CONTAINER_RUNNING;
    c->reason[0] = 0;
    c->started_ms = loop_wall_ms();
    log_info("container started", F("pod", p->name), F("container", c->name), F("ip", p->ip), F("restarts", c->restarts));
    watching_begin(c);
}

/* --- stop --- */

static void on_hook(void *arg, bool ok, const char *why)
{
    struct container *c = arg;

    c->hook = NULL;
    if (!ok)
        log_info("preStop hook failed", F("pod", c->pod->name), F("container", c->name), F("why", why));
    if (c->pid)
        kill(c->pid, SIGTERM);
}

static void on_kill(void *arg)
{
    struct container *c = arg;

    if (c->hook) { /* it took the whole grace */
        attempt_cancel(TAKE(c->hook));
        loop_timer_set(c->kill, EXTRA_GRACE_MS);
        if (c->pid)
            kill(c->pid, SIGTERM);
        return;
    }
    container_signal(c, SIGKILL);
}

void container_stop(struct container *c, int64_t grace_ms)
{
    const cJSON *hook = json_at(c->spec, "lifecycle.preStop");

    if (!c->pid)
        return;
    loop_timer_set(c->kill, grace_ms);
    if (c->is_stopping)
        return;
    c->is_stopping = true;
    probe_free(TAKE(c->probes[PROBE_LIVENESS]));
    probe_free(TAKE(c->probes[PROBE_STARTUP]));
    if (hook && grace_ms > 0)
        c->hook = attempt_start(&c->site, hook, grace_ms + EXTRA_GRACE_MS, on_hook, c);
    else
        kill(c->pid, SIGTERM);
}
