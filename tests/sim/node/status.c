#include "sim/node/status.h"

#include <string.h>

#include "base/str.h"

void status_time(cJSON *obj, const char *key, int64_t wall_ms)
{
    char text[32];

    if (!wall_ms)
        return;
    str_rfc3339(wall_ms, false, text);
    json_str(obj, key, text);
}

static const struct container *mains(const struct pod *p)
{
    return p->containers + p->n_init;
}

static size_t n_mains(const struct pod *p)
{
    return p->n_containers - p->n_init;
}

bool status_is_initialized(const struct pod *p)
{
    for (size_t i = 0; i < p->n_init; i++) {
        const struct container *c = &p->containers[i];

        if (c->role == ROLE_SIDECAR ? !c->started : !container_is_over(c) || c->end.exit_code != 0)
            return false;
    }
    return true;
}

static bool init_failed(const struct pod *p)
{
    for (size_t i = 0; i < p->n_init; i++)
        if (p->containers[i].role == ROLE_INIT && container_is_failed(&p->containers[i]))
            return true;
    return false;
}

const char *status_phase(const struct pod *p)
{
    size_t over = 0, failed = 0, waiting = 0;

    for (size_t i = 0; i < n_mains(p); i++) {
        const struct container *c = &mains(p)[i];

        over += container_is_over(c);
        failed += container_is_failed(c);
        waiting += c->state == CONTAINER_WAITING && !c->has_last;
    }
    if (init_failed(p) && !p->stop_by_ms)
        return "Failed";
    if (waiting)
        return "Pending";
    if (over < n_mains(p) || (p->stop_by_ms && !failed && str_eq(pod_restart_policy(p), "Always")))
        return "Running";
    return failed ? "Failed" : "Succeeded";
}

static void end_json(cJSON *state, const struct container_end *end)
{
    cJSON *t = json_obj(state, "terminated");

    json_int(t, "exitCode", end->exit_code);
    if (end->signo)
        json_int(t, "signal", end->signo);
    json_str(t, "reason", end->reason);
    if (end->message[0])
        json_str(t, "message", end->message);
    status_time(t, "startedAt", end->started_ms);
    status_time(t, "finishedAt", end->finished_ms);
    json_str(t, "containerID", end->id);
}

static void state_json(cJSON *state, const struct container *c)
{
    if (c->state == CONTAINER_RUNNING) {
        status_time(json_obj(state, "running"), "startedAt", c->started_ms);
    } else if (c->state == CONTAINER_TERMINATED) {
        end_json(state, &c->end);
    } else {
        json_str(json_obj(state, "waiting"), "reason", c->reason);
        if (c->message[0])
            json_str(json_obj(state, "waiting"), "message", c->message);
    }
}

static void container_json(cJSON *list, const struct container *c)
{
    cJSON *s = json_push_obj(list);
    const char *image = json_get_str(c->spec, "image");
    bool ready = c->role == ROLE_INIT ? container_is_over(c) && c->end.exit_code == 0 : c->ready;

    json_str(s, "name", c->name);
    state_json(json_obj(s, "state"), c);
    json_obj(s, "lastState");
    if (c->has_last)
        end_json(json_obj(s, "lastState"), &c->last);
    json_bool(s, "ready", ready);
    json_int(s, "restartCount", c->restarts);
    json_str(s, "image", image ? image : "");
    json_fmt(s, "imageID", "%s%s", c->id[0] ? "sim://" : "", c->id[0] && image ? image : "");
    if (c->id[0])
        json_str(s, "containerID", c->id);
    json_bool(s, "started", c->role == ROLE_INIT ? false : c->started);
}

/* "containers with unready status: [a b]" */
static char *unready_names(const struct pod *p)
{
    struct buf out;

    buf_init(&out, 4096);
    for (size_t i = 0; i < n_mains(p); i++)
        if (!mains(p)[i].ready)
            buf_fmt(&out, "%s%s", out.len ? " " : "", mains(p)[i].name);
    return buf_take(&out);
}

static bool gates_are_open(const struct pod *p)
{
    const cJSON *gate, *c;

    cJSON_ArrayForEach(gate, json_member(p->spec, "readinessGates")) {
        bool open = false;
        cJSON_ArrayForEach(c, json_at(p->obj, "status.conditions"))
            open |= str_eq(json_get_str(c, "type"), json_get_str(gate, "conditionType")) && str_eq(json_get_str(c, "status"), "True");
        if (!open)
            return false;
    }
    return true;
}

static void condition(struct pod *p, cJSON *list, int which, const char *type, bool is_true, const char *reason,
                      const char *message, int64_t now_ms)
{
    struct pod_condition *c = &p->conditions[which];
    cJSON *o = json_push_obj(list);

    if (!c->since_ms || c->is_true != is_true)
        *c = (struct pod_condition){ is_true, now_ms };
    json_str(o, "type", type);
    json_str(o, "status", is_true ? "True" : "False");
    status_time(o, "lastTransitionTime", c->since_ms);
    if (!is_true)
        json_str(o, "reason", reason);
    if (!is_true && message[0])
        json_str(o, "message", message);
}

/* A merge patch replaces the whole list: conditions of others go along as we saw them. */
static void foreign_conditions(const struct pod *p, cJSON *list)
{
    static const char *const ours[] = { "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready" };
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(p->obj, "status.conditions")) {
        bool own = false;
        for (size_t i = 0; i < COUNT(ours); i++)
            own |= str_eq(json_get_str(c, "type"), ours[i]);
        if (!own)
            json_push(list, json_dup(c));
    }
}

static void conditions_json(struct pod *p, cJSON *list, int64_t now_ms)
{
    AUTO_FREE char *names = unready_names(p);
    AUTO_FREE char *text = xasprintf("containers with unready status: [%s]", names);
    const char *phase = status_phase(p);
    bool over = str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
    const char *reason = str_eq(phase, "Succeeded") ? "PodCompleted" : over ? "PodFailed" : "ContainersNotReady";
    bool ready = !names[0] && !over;

    foreign_conditions(p, list);
    condition(p, list, COND_SANDBOX, "PodReadyToStartContainers", p->net.ns >= 0, "SandboxNotReady", "", now_ms);
    condition(p, list, COND_INITIALIZED, "Initialized", status_is_initialized(p), "ContainersNotInitialized",
              "init containers have not all completed", now_ms);
    condition(p, list, COND_CONTAINERS_READY, "ContainersReady", ready, reason, over ? "" : text, now_ms);
    if (ready && !gates_are_open(p))
        condition(p, list, COND_READY, "Ready", false, "ReadinessGatesNotReady", "a readiness gate is not True", now_ms);
    else
        condition(p, list, COND_READY, "Ready", ready, reason, over ? "" : text, now_ms);
}

static void ips_json(cJSON *status, const char *one, const char *many, const char *ip)
{
    if (!ip[0])
        return;
    json_str(status, one, ip);
    json_str(json_push_obj(json_arr(status, many)), "ip", ip);
}

cJSON *pod_status_build(struct pod *p, int64_t now_ms)
{
    cJSON *root = json_new_obj(), *s = json_obj(root, "status");

    json_str(json_obj(root, "metadata"), "uid", p->uid);
    json_str(s, "phase", status_phase(p));
    conditions_json(p, json_arr(s, "conditions"), now_ms);
    ips_json(s, "hostIP", "hostIPs", p->node->ip);
    ips_json(s, "podIP", "podIPs", p->ip);
    status_time(s, "startTime", p->start_ms);
    for (size_t i = 0; i < p->n_containers; i++)
        container_json(json_arr(s, i < p->n_init ? "initContainerStatuses" : "containerStatuses"), &p->containers[i]);
    return root;
}
