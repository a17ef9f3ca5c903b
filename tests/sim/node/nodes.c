#include "sim/node/nodes.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "kube/path.h"
#include "kube/watch.h"
#include "sim/node/pod.h"
#include "sim/node/status.h"

#define LABEL "sim.everserve.dev/node"
#define MANAGER "everserve-sim-node"
#define STATUS_EVERY 30 /* heartbeats between two full status writes */

enum call { CALL_REGISTER, CALL_STATUS, CALL_LEASE, N_CALLS };

struct machine {
    struct node node; /* first: a node is handed out as this */
    struct nodes *set;
    struct kube_call *calls[N_CALLS];
    bool is_registered, is_ready, has_lease; /* as the API has confirmed */
    int64_t ready_since_ms;
    int beats; /* until the next full status */
    int zone;
};

struct nodes {
    struct world *w;
    struct nodes_opts opts;
    struct machine *machines;
    struct loop_timer *beat;
    struct kube_watch *watch;
};

static void beat(struct machine *m);

static void call_end(struct machine *m, enum call which, const struct kube_reply *r)
{
    static const char *const names[] = { "register", "status", "lease" };

    m->calls[which] = NULL;
    if (r->err.kind != ERR_NONE)
        log_info("node write failed", F("node", m->node.name), F("what", names[which]), F("error", r->err.msg));
}

static void on_lease(void *arg, const struct kube_reply *r)
{
    struct machine *m = arg;

    if (r->err.kind == ERR_CONFLICT && !m->has_lease) { /* left by an earlier simulator: it is renewed next time */
        m->calls[CALL_LEASE] = NULL;
        m->has_lease = true;
        return;
    }
    call_end(m, CALL_LEASE, r);
    m->has_lease = r->err.kind == ERR_NONE || (m->has_lease && r->err.kind != ERR_ABSENT);
}

static void on_status(void *arg, const struct kube_reply *r)
{
    struct machine *m = arg;

    call_end(m, CALL_STATUS, r);
    m->is_ready = r->err.kind == ERR_NONE;
    if (r->err.kind == ERR_ABSENT)
        m->is_registered = false;
}

static void on_register(void *arg, const struct kube_reply *r)
{
    struct machine *m = arg;

    call_end(m, CALL_REGISTER, r);
    m->is_registered = r->err.kind == ERR_NONE;
    if (m->is_registered)
        beat(m);
}

static void send(struct machine *m, enum call which, const char *method, const char *type, char *path, const cJSON *body)
{
    static void (*const on_reply[])(void *, const struct kube_reply *) = { on_register, on_status, on_lease };
    enum kube_lane lane = which == CALL_LEASE ? KUBE_LANE_LEASE : KUBE_LANE_MAIN;

    if (!m->calls[which])
        m->calls[which] = kube_send(m->node.w->kube, &(struct kube_request){ .lane = lane, .method = method,
                                    .path = path, .content_type = type, .body = body }, on_reply[which], m);
    free(path);
}

static void register_send(struct machine *m)
{
    AUTO_JSON cJSON *o = json_new_obj();
    cJSON *labels = json_obj(json_obj(o, "metadata"), "labels");

    json_str(o, "apiVersion", "v1");
    json_str(o, "kind", "Node");
    json_str(json_obj(o, "metadata"), "name", m->node.name);
    json_str(labels, "kubernetes.io/hostname", m->node.name);
    json_str(labels, "kubernetes.io/os", "linux");
    json_str(labels, "kubernetes.io/arch", "amd64");
    json_str(labels, "node.kubernetes.io/instance-type", "simulated");
    json_str(labels, "topology.kubernetes.io/region", "region-1");
    json_fmt(labels, "topology.kubernetes.io/zone", "zone-%d", m->zone);
    json_str(labels, LABEL, "true");
    AUTO_FREE char *path = kube_path("/api/v1", NULL, "nodes", m->node.name, NULL);
    send(m, CALL_REGISTER, "PATCH", KUBE_APPLY_TYPE, kube_path_apply(path, MANAGER, true), o);
}

static void condition(cJSON *list, const char *type, const char *status, const char *reason, int64_t now_ms, int64_t since_ms)
{
    cJSON *c = json_push_obj(list);

    json_str(c, "type", type);
    json_str(c, "status", status);
    json_str(c, "reason", reason);
    json_str(c, "message", "simulated");
    status_time(c, "lastHeartbeatTime", now_ms);
    status_time(c, "lastTransitionTime", since_ms);
}

static void resources_json(cJSON *r, const struct nodes_opts *o)
{
    json_str(r, "cpu", o->cpu);
    json_str(r, "memory", o->memory);
    json_str(r, "pods", "250");
    json_str(r, "ephemeral-storage", "100Gi");
    if (o->gpus && !str_eq(o->gpus, "0"))
        json_str(r, "nvidia.com/gpu", o->gpus);
}

static void info_json(cJSON *info, const struct machine *m)
{
    json_fmt(info, "machineID", "sim-%s", m->node.name);
    json_fmt(info, "systemUUID", "sim-%s", m->node.name);
    json_fmt(info, "bootID", "sim-%s", m->node.name);
    json_str(info, "kernelVersion", "simulated");
    json_str(info, "osImage", "simulated");
    json_str(info, "containerRuntimeVersion", "sim://1");
    json_str(info, "kubeletVersion", "v1.36.0-sim");
    json_str(info, "kubeProxyVersion", "");
    json_str(info, "operatingSystem", "linux");
    json_str(info, "architecture", "amd64");
}

static void status_send(struct machine *m)
{
    AUTO_JSON cJSON *o = json_new_obj();
    cJSON *s = json_obj(o, "status"), *list = json_arr(s, "conditions"), *address;
    int64_t now_ms = loop_wall_ms();

    if (!m->is_ready)
        m->ready_since_ms = now_ms;
    resources_json(json_obj(s, "capacity"), &m->set->opts);
    resources_json(json_obj(s, "allocatable"), &m->set->opts);
    condition(list, "MemoryPressure", "False", "KubeletHasSufficientMemory", now_ms, m->ready_since_ms);
    condition(list, "DiskPressure", "False", "KubeletHasNoDiskPressure", now_ms, m->ready_since_ms);
    condition(list, "PIDPressure", "False", "KubeletHasSufficientPID", now_ms, m->ready_since_ms);
    condition(list, "Ready", "True", "KubeletReady", now_ms, m->ready_since_ms);
    address = json_push_obj(json_arr(s, "addresses"));
    json_str(address, "type", "InternalIP");
    json_str(address, "address", m->node.ip);
    address = json_push_obj(json_arr(s, "addresses"));
    json_str(address, "type", "Hostname");
    json_str(address, "address", m->node.name);
    info_json(json_obj(s, "nodeInfo"), m);
    m->beats = STATUS_EVERY;
    send(m, CALL_STATUS, "PATCH", KUBE_MERGE_TYPE, kube_path("/api/v1", NULL, "nodes", m->node.name, "status"), o);
}

static void lease_send(struct machine *m)
{
    AUTO_JSON cJSON *o = json_new_obj();
    char now[32];

    str_rfc3339(loop_wall_ms(), true, now);
    json_str(o, "apiVersion", "coordination.k8s.io/v1");
    json_str(o, "kind", "Lease");
    json_str(json_obj(o, "metadata"), "name", m->node.name);
    json_str(json_obj(o, "metadata"), "namespace", "kube-node-lease");
    json_str(json_obj(o, "spec"), "holderIdentity", m->node.name);
    json_int(json_obj(o, "spec"), "leaseDurationSeconds", 40);
    json_str(json_obj(o, "spec"), "renewTime", now);
    char *path = kube_path("/apis/coordination.k8s.io/v1", "kube-node-lease", "leases", m->has_lease ? m->node.name : NULL, NULL);
    send(m, CALL_LEASE, m->has_lease ? "PATCH" : "POST", m->has_lease ? KUBE_MERGE_TYPE : NULL, path, o);
}

static void beat(struct machine *m)
{
    if (!node_can_talk(&m->node))
        return;
    if (!m->is_registered) {
        register_send(m);
        return;
    }
    lease_send(m);
    if (!m->is_ready || --m->beats <= 0)
        status_send(m);
}

static void on_beat(void *arg)
{
    struct nodes *s = arg;

    for (int i = 0; i < s->opts.n_nodes; i++)
        beat(&s->machines[i]);
    loop_timer_set(s->beat, s->opts.heartbeat_ms);
}

static enum node_fault fault_parse(const char *text)
{
    if (str_eq(text, "lost"))
        return FAULT_LOST;
    if (str_eq(text, "cut"))
        return FAULT_CUT;
    return str_eq(text, "frozen") ? FAULT_FROZEN : FAULT_NONE;
}

static void fault_set(struct machine *m, enum node_fault now, const char *text)
{
    struct world *w = m->node.w;
    enum node_fault was = m->node.fault;
    struct err e = { 0 };

    log_info("node fault", F("node", m->node.name), F("now", text));
    m->node.fault = now;
    if (net_set_node(&w->net, m->node.index, now != FAULT_LOST && now != FAULT_CUT, &e) < 0)
        log_warn("node's cable", F("node", m->node.name), F("error", e.msg));
    for (struct map_iter i = map_first(w->pods); i.key; map_next(&i))
        if (((struct pod *)i.value)->node == &m->node)
            pod_node_changed(i.value, was);
    beat(m);
}

static bool api_says_ready(const cJSON *obj)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(obj, "status.conditions"))
        if (str_eq(json_get_str(c, "type"), "Ready"))
            return str_eq(json_get_str(c, "status"), "True");
    return false;
}

static void on_node(void *arg, enum kube_event event, const cJSON *obj)
{
    struct nodes *s = arg;
    struct machine *m = (struct machine *)nodes_find(s, json_get_str(obj, "metadata.name"));
    const cJSON *a = json_member(json_at(obj, "metadata.annotations"), FAULT_ANNOTATION);
    const char *text = cJSON_IsString(a) ? a->valuestring : "";

    if (!m)
        return;
    if (event == KUBE_DELETED) {
        m->is_registered = m->is_ready = false;
        return;
    }
    if (m->node.fault != fault_parse(text))
        fault_set(m, fault_parse(text), text);
    if (m->is_ready && !m->calls[CALL_STATUS] && !api_says_ready(obj)) {
        m->is_ready = false;
        beat(m);
    }
}

/* A Node that vanished while we did not look is registered again when a write finds it missing. */
static void on_list(void *arg)
{
    (void)arg;
}

struct node *nodes_find(struct nodes *s, const char *name)
{
    for (int i = 0; name && i < s->opts.n_nodes; i++)
        if (str_eq(s->machines[i].node.name, name))
            return &s->machines[i].node;
    return NULL;
}

bool nodes_are_registered(const struct nodes *s)
{
    for (int i = 0; i < s->opts.n_nodes; i++)
        if (!s->machines[i].is_ready)
            return false;
    return true;
}

int nodes_new(struct world *w, const struct nodes_opts *opts, struct nodes **out, struct err *e)
{
    static const struct kube_watch_handler handler = { on_node, on_list, on_list, NULL };
    struct nodes *s = xcalloc(1, sizeof(*s));

    s->w = w;
    s->opts = *opts;
    s->machines = xcalloc((size_t)opts->n_nodes, sizeof(*s->machines));
    for (int i = 0; i < opts->n_nodes; i++) {
        struct machine *m = &s->machines[i];
        m->set = s;
        m->zone = i % opts->n_zones + 1;
        m->node = (struct node){ .w = w, .index = i, .name = xasprintf("%s-%d", opts->name, i + 1) };
        net_node_ip(&w->net, i, m->node.ip);
        if (net_add_node(&w->net, i, e) < 0) {
            nodes_free(s);
            return -(int)e->kind;
        }
    }
    s->beat = loop_timer_new(w->loop, on_beat, s);
    loop_timer_set(s->beat, 0);
    s->watch = kube_watch_new(w->kube, &(struct kube_watch_opts){ .path = "/api/v1/nodes", .label_selector = LABEL "=true" },
                              &handler, s);
    *out = s;
    return 0;
}

void nodes_free(struct nodes *s)
{
    if (!s)
        return;
    kube_watch_free(s->watch);
    loop_timer_free(s->beat);
    for (int i = 0; i < s->opts.n_nodes; i++) {
        for (int c = 0; c < N_CALLS; c++)
            kube_cancel(s->machines[i].calls[c]);
        free(s->machines[i].node.name);
    }
    free(s->machines);
    free(s);
}
