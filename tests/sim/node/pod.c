#include "sim/node/pod.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "kube/path.h"
#include "sim/node/claims.h"
#include "sim/node/files.h"
#include "sim/node/hosts.h"
#include "sim/node/status.h"
#include "sim/node/volume.h"

#define RETRY_MS 1000 /* after a failed write or a network that could not be made */

static void on_step(void *arg);

static const cJSON *lookup(void *arg, const char *kind, const char *ns, const char *name)
{
    return objects_get(arg, kind, ns, name);
}

void pod_volume_site(const struct pod *p, struct volume_site *site)
{
    const struct world *w = p->node->w;

    *site = (struct volume_site){ { p->obj, p->ip, p->node->ip, lookup, w->objects }, p->dir, w->claims_dir };
}

const char *pod_restart_policy(const struct pod *p)
{
    const char *policy = json_get_str(p->spec, "restartPolicy");

    return policy ? policy : "Always";
}

int64_t pod_grace_ms(const struct pod *p)
{
    return json_get_int(p->spec, "terminationGracePeriodSeconds", 30) * 1000;
}

static void containers_new(struct pod *p)
{
    const cJSON *init = json_member(p->spec, "initContainers"), *main = json_member(p->spec, "containers"), *i;
    size_t at = 0;

    p->n_init = (size_t)json_count(init);
    p->n_containers = p->n_init + (size_t)json_count(main);
    p->containers = xcalloc(p->n_containers + 1, sizeof(*p->containers));
    cJSON_ArrayForEach(i, init)
        container_init(&p->containers[at++], p, i, str_eq(json_get_str(i, "restartPolicy"), "Always") ? ROLE_SIDECAR : ROLE_INIT);
    cJSON_ArrayForEach(i, main)
        container_init(&p->containers[at++], p, i, ROLE_MAIN);
}

static const char *fault_wanted(const struct pod *p)
{
    const cJSON *a = json_member(json_at(p->obj, "metadata.annotations"), FAULT_ANNOTATION);

    return cJSON_IsString(a) ? a->valuestring : "";
}

/* What asks for one deed has had it; what asks for a state is brought about again. */
static void fault_recall(struct pod *p)
{
    snprintf(p->fault, sizeof(p->fault), "%s", str_has_prefix(fault_wanted(p), "kill") ? fault_wanted(p) : "");
}

/* An earlier simulator ran this pod: its processes are gone, the counts go on. */
static void containers_recall(struct pod *p)
{
    const cJSON *s;

    cJSON_ArrayForEach(s, json_at(p->obj, "status.containerStatuses"))
        for (size_t i = p->n_init; i < p->n_containers; i++)
            if (str_eq(p->containers[i].name, json_get_str(s, "name")) && json_has(s, "containerID"))
                fault_recall(p), container_recall(&p->containers[i], (int)json_get_int(s, "restartCount", 0) + 1);
}

struct pod *pod_new(struct node *n, const cJSON *obj)
{
    struct pod *p = xcalloc(1, sizeof(*p));

    p->node = n;
    p->uid = xstrdup(json_get_str(obj, "metadata.uid"));
    p->ns = xstrdup(json_get_str(obj, "metadata.namespace"));
    p->name = xstrdup(json_get_str(obj, "metadata.name"));
    p->dir = xasprintf("%s/pods/%s", n->w->state_dir, p->uid);
    p->obj = json_dup(obj);
    p->spec = json_dup(json_member(obj, "spec"));
    p->net.ns = -1;
    p->start_ms = loop_wall_ms();
    p->volumes_changed = true;
    p->step = loop_timer_new(n->w->loop, on_step, p);
    containers_new(p);
    containers_recall(p);
    p->is_history = str_eq(json_get_str(obj, "status.phase"), "Succeeded") || str_eq(json_get_str(obj, "status.phase"), "Failed");
    pod_update(p, obj);
    return p;
}

void pod_free(struct pod *p)
{
    if (!p)
        return;
    kube_cancel(p->status_call);
    kube_cancel(p->delete_call);
    for (size_t i = 0; i < p->n_containers; i++)
        container_done(&p->containers[i]);
    net_del_pod(&p->net);
    files_remove(p->dir);
    loop_timer_free(p->step);
    cJSON_Delete(p->obj);
    cJSON_Delete(p->spec);
    cJSON_Delete(p->sent);
    free(p->containers);
    free(p->uid);
    free(p->ns);
    free(p->name);
    free(p->dir);
    free(p);
}

void pod_touch(struct pod *p)
{
    loop_timer_set(p->step, 0);
}

void pod_neighbour_changed(struct pod *p)
{
    p->volumes_changed = true;
    pod_touch(p);
}

void pod_gone(struct pod *p)
{
    p->is_gone = true;
    pod_touch(p);
}

/* Of two resourceVersions of one object: the longer is newer, else the greater. */
static bool is_older(const char *a, const char *b)
{
    size_t x = a ? strlen(a) : 0, y = b ? strlen(b) : 0;

    return x != y ? x < y : x && strcmp(a, b) < 0;
}

void pod_update(struct pod *p, const cJSON *obj)
{
    if (is_older(json_get_str(obj, "metadata.resourceVersion"), json_get_str(p->obj, "metadata.resourceVersion")))
        return;
    json_auto_free(&p->obj);
    p->obj = json_dup(obj);
    pod_touch(p);
}

/* --- faults asked for by the pod's annotation --- */

static void fault_step(struct pod *p)
{
    const char *want = fault_wanted(p);
    struct err e = { 0 };

    if (p->net.ns < 0 || strncmp(p->fault, want, sizeof(p->fault) - 1) == 0)
        return;
    for (size_t i = 0; i < p->n_containers; i++) {
        if (str_eq(p->fault, "pause"))
            container_signal(&p->containers[i], SIGCONT);
        if (str_eq(want, "pause"))
            container_signal(&p->containers[i], SIGSTOP);
        if (str_has_prefix(want, "kill") && p->containers[i].pid)
            kill(p->containers[i].pid, SIGKILL);
    }
    if ((str_eq(want, "cut") || str_eq(p->fault, "cut")) && net_set_pod(&p->node->w->net, &p->net, !str_eq(want, "cut"), &e) < 0)
        log_warn("pod's cable", F("pod", p->name), F("error", e.msg));
    if ((str_eq(want, "mute-bus") || str_eq(p->fault, "mute-bus")) &&
        net_mute_bus(&p->node->w->net, &p->net, str_eq(want, "mute-bus"), &e) < 0)
        log_warn("pod's bus", F("pod", p->name), F("error", e.msg));
    log_info("pod fault", F("pod", p->name), F("was", p->fault), F("now", want));
    snprintf(p->fault, sizeof(p->fault), "%s", want);
}

/* --- its node's fault --- */

static void power_off(struct pod *p)
{
    for (size_t i = 0; i < p->n_containers; i++)
        container_power_off(&p->containers[i]);
    net_del_pod(&p->net);
}

static void power_on(struct pod *p)
{
    for (size_t i = 0; i < p->n_containers; i++) {
        struct container *c = &p->containers[i];
        bool has_run = c->state != CONTAINER_WAITING || c->has_last;

        if (c->role == ROLE_INIT && container_is_over(c))
            continue;
        c->state = CONTAINER_WAITING;
        c->is_due = true;
        container_recall(c, has_run ? c->restarts + 1 : 0);
    }
    fault_recall(p);
}

void pod_node_changed(struct pod *p, enum node_fault was)
{
    enum node_fault now = p->node->fault;

    for (size_t i = 0; i < p->n_containers; i++) {
        if (was == FAULT_FROZEN)
            container_signal(&p->containers[i], SIGCONT);
        if (now == FAULT_FROZEN)
            container_signal(&p->containers[i], SIGSTOP);
    }
    if (now == FAULT_LOST)
        power_off(p);
    if (was == FAULT_LOST)
        power_on(p);
    pod_touch(p);
}

/* --- running --- */

static bool sandbox_ready(struct pod *p)
{
    struct err e = { 0 };

    if (p->net.ns >= 0)
        return true;
    if (files_mkdir(p->dir, 0755, &e) < 0 || net_add_pod(&p->node->w->net, p->node->index, claims_address(p), &p->net, &e) < 0) {
        log_warn("pod's network", F("pod", p->name), F("error", e.msg));
        loop_timer_set(p->step, RETRY_MS);
        return false;
    }
    memcpy(p->ip, p->net.ip, sizeof(p->ip));
    hosts_changed(p->node->w, p->ns);
    return true;
}

static bool volumes_ready(struct pod *p)
{
    struct volume_site site;
    struct err e = { 0 };

    if (!p->volumes_changed)
        return true;
    pod_volume_site(p, &site);
    if (volume_sync_all(&site, &e) == 0) {
        p->volumes_changed = false;
        p->trouble[0] = 0;
        return true;
    }
    if (!str_eq(p->trouble, e.msg))
        log_info("pod waits", F("pod", p->name), F("for", e.msg));
    snprintf(p->trouble, sizeof(p->trouble), "%s", e.msg);
    if (e.kind != ERR_ABSENT) /* what is absent wakes us when it comes */
        loop_timer_set(p->step, RETRY_MS);
    return false;
}

static bool is_started(const struct pod *p)
{
    for (size_t i = 0; i < p->n_containers; i++)
        if (p->containers[i].pid || p->containers[i].has_last || p->containers[i].state == CONTAINER_TERMINATED)
            return true;
    return false;
}

static void start_due(struct container *c)
{
    if (c->is_due && !c->pid && !container_is_over(c))
        container_start(c);
}

/* Init containers one after the other, then the main ones together. */
static void start_next(struct pod *p)
{
    for (size_t i = 0; i < p->n_init; i++) {
        struct container *c = &p->containers[i];
        start_due(c);
        if (c->role == ROLE_SIDECAR ? !c->started : !container_is_over(c) || c->end.exit_code != 0)
            return;
    }
    for (size_t i = p->n_init; i < p->n_containers; i++)
        start_due(&p->containers[i]);
}

static bool is_terminal(const struct pod *p)
{
    const char *phase = status_phase(p);

    return str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
}

static size_t stop_range(struct pod *p, size_t from, size_t to, int64_t grace_ms)
{
    size_t running = 0;

    for (size_t i = from; i < to; i++) {
        running += p->containers[i].pid != 0;
        if (!p->containers[i].is_stopping || grace_ms == 0)
            container_stop(&p->containers[i], grace_ms);
    }
    return running;
}

/* Main containers first, sidecars when those are gone. True when nothing runs any more. */
static bool stop_all(struct pod *p)
{
    int64_t grace_ms = p->stop_by_ms - loop_now_ms();

    grace_ms = grace_ms < 0 ? 0 : grace_ms;
    if (stop_range(p, p->n_init, p->n_containers, grace_ms) > 0)
        return false;
    return stop_range(p, 0, p->n_init, grace_ms) == 0;
}

static void run_step(struct pod *p)
{
    if (p->is_history)
        return;
    if (is_terminal(p)) {
        if (stop_all(p))
            net_del_pod(&p->net);
        return;
    }
    if ((!volumes_ready(p) && !is_started(p)) || !sandbox_ready(p))
        return;
    fault_step(p);
    start_next(p);
}

/* --- telling the API --- */

static void on_status(void *arg, const struct kube_reply *r)
{
    struct pod *p = arg;

    p->status_call = NULL;
    if (r->err.kind != ERR_NONE && r->err.kind != ERR_ABSENT) {
        log_debug("status write failed", F("pod", p->name), F("error", r->err.msg));
        json_auto_free(&p->sent);
        p->sent = NULL;
        loop_timer_set(p->step, r->err.kind == ERR_CONFLICT ? 50 : RETRY_MS);
        return;
    }
    if (r->body && str_eq(json_get_str(r->body, "metadata.uid"), p->uid))
        pod_update(p, r->body);
    pod_touch(p);
}

static const char *ready_text(const cJSON *obj)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(obj, "status.conditions"))
        if (str_eq(json_get_str(c, "type"), "Ready"))
            return json_get_str(c, "status");
    return NULL;
}

static void status_step(struct pod *p)
{
    if (p->status_call || p->is_deleting)
        return;
    AUTO_JSON cJSON *body = pod_status_build(p, loop_wall_ms());
    /* A control plane that took us for dead has written over our Ready. */
    if (p->sent && json_equal(p->sent, body) && str_eq(ready_text(p->obj), ready_text(body)))
        return;
    AUTO_FREE char *path = kube_path("/api/v1", p->ns, "pods", p->name, "status");
    p->status_call = kube_send(p->node->w->kube, &(struct kube_request){ .method = "PATCH", .path = path,
                               .content_type = KUBE_MERGE_TYPE, .body = body }, on_status, p);
    json_auto_free(&p->sent);
    p->sent = TAKE(body);
}

static void on_delete(void *arg, const struct kube_reply *r)
{
    struct pod *p = arg;

    p->delete_call = NULL;
    if (r->err.kind == ERR_NONE || r->err.kind == ERR_ABSENT)
        return; /* the watch tells when it is gone */
    log_info("final delete failed", F("pod", p->name), F("error", r->err.msg));
    p->is_deleting = false;
    loop_timer_set(p->step, RETRY_MS);
}

static void delete_send(struct pod *p)
{
    AUTO_FREE char *path = kube_path("/api/v1", p->ns, "pods", p->name, NULL);
    AUTO_JSON cJSON *body = json_new_obj();

    json_str(body, "apiVersion", "v1");
    json_str(body, "kind", "DeleteOptions");
    json_int(body, "gracePeriodSeconds", 0);
    json_str(json_obj(body, "preconditions"), "uid", p->uid);
    p->is_deleting = true;
    p->delete_call = kube_send(p->node->w->kube, &(struct kube_request){ .method = "DELETE", .path = path, .body = body },
                               on_delete, p);
}

static void stop_step(struct pod *p)
{
    if (!stop_all(p))
        return;
    net_del_pod(&p->net);
    if (!p->status_call && !p->is_deleting)
        delete_send(p);
}

/* Deletion as the API has it: the deadline only ever comes nearer. */
static void deletion_notice(struct pod *p)
{
    if (!json_get_str(p->obj, "metadata.deletionTimestamp"))
        return;
    int64_t by_ms = loop_now_ms() + json_get_int(p->obj, "metadata.deletionGracePeriodSeconds", 0) * 1000;
    if (!p->stop_by_ms)
        log_info("pod stops", F("pod", p->name), F("grace_ms", by_ms - loop_now_ms()));
    if (!p->stop_by_ms || by_ms < p->stop_by_ms)
        p->stop_by_ms = by_ms;
}

static void on_step(void *arg)
{
    struct pod *p = arg;
    struct world *w = p->node->w;

    if (node_can_talk(p->node) && p->is_gone) {
        AUTO_FREE char *ns = xstrdup(p->ns);
        map_take(w->pods, p->uid);
        pod_free(p);
        hosts_changed(w, ns);
        claims_sweep(w);
        return;
    }
    if (!node_is_alive(p->node) || !objects_is_synced(w->objects))
        return; /* both touch us when they change */
    if (node_can_talk(p->node))
        deletion_notice(p);
    if (p->stop_by_ms)
        fault_step(p), stop_step(p);
    else
        run_step(p);
    if (node_can_talk(p->node) && !p->is_history)
        status_step(p);
}
