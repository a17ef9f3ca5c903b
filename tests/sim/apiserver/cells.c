#include "sim/apiserver/cells.h"

#include <string.h>
#include <time.h>

#include "base/str.h"
#include "loop/loop.h"

int64_t cells_seconds(const char *rfc3339)
{
    struct tm tm = { 0 };

    if (!rfc3339 || !strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm))
        return -1;
    return (int64_t)timegm(&tm);
}

void cells_age(const char *since, struct buf *out)
{
    int64_t t = cells_seconds(since), s = loop_wall_ms() / 1000 - t;

    if (t < 0) {
        buf_str(out, "<unknown>");
        return;
    }
    s = s < 0 ? 0 : s;
    if (s < 120)
        buf_fmt(out, "%llds", (long long)s);
    else if (s < 600)
        buf_fmt(out, s % 60 ? "%lldm%llds" : "%lldm", (long long)s / 60, (long long)s % 60);
    else if (s < 3 * 3600)
        buf_fmt(out, "%lldm", (long long)s / 60);
    else if (s < 8 * 3600)
        buf_fmt(out, s / 60 % 60 ? "%lldh%lldm" : "%lldh", (long long)s / 3600, (long long)s / 60 % 60);
    else if (s < 48 * 3600)
        buf_fmt(out, "%lldh", (long long)s / 3600);
    else
        buf_fmt(out, "%lldd", (long long)s / 86400);
}

static void put_text(struct buf *out, const char *s, const char *fallback)
{
    buf_str(out, str_empty(s) ? fallback : s);
}

static void put_value(struct buf *out, const cJSON *v, const char *fallback)
{
    AUTO_FREE char *s = NULL;

    if (cJSON_IsString(v)) {
        put_text(out, v->valuestring, fallback);
    } else if (v && !cJSON_IsNull(v)) {
        s = json_print(v);
        buf_str(out, s);
    } else {
        buf_str(out, fallback);
    }
}

static int64_t num(const cJSON *o, const char *path)
{
    return json_get_int(o, path, 0);
}

/* ---- pods ---- */

static void pod_ready(const cJSON *o, struct buf *out)
{
    const cJSON *c;
    int ready = 0;

    cJSON_ArrayForEach(c, json_at(o, "status.containerStatuses"))
        ready += json_get_bool(c, "ready", false);
    buf_fmt(out, "%d/%d", ready, json_count(json_at(o, "spec.containers")));
}

static void pod_status(const cJSON *o, struct buf *out)
{
    const char *reason = json_get_str(o, "status.reason");
    const cJSON *c;

    if (json_has(o, "metadata.deletionTimestamp")) {
        buf_str(out, "Terminating");
        return;
    }
    cJSON_ArrayForEach(c, json_at(o, "status.containerStatuses")) {
        const char *waiting = json_get_str(c, "state.waiting.reason"), *ended = json_get_str(c, "state.terminated.reason");

        if (!str_empty(waiting) || !str_empty(ended))
            reason = !str_empty(waiting) ? waiting : ended;
    }
    put_text(out, reason, json_get_str(o, "status.phase") ? json_get_str(o, "status.phase") : "Unknown");
}

static void pod_restarts(const cJSON *o, struct buf *out)
{
    const cJSON *c;
    int64_t n = 0;

    cJSON_ArrayForEach(c, json_at(o, "status.containerStatuses"))
        n += num(c, "restartCount");
    buf_fmt(out, "%lld", (long long)n);
}

static void none_or(const cJSON *o, const char *path, struct buf *out)
{
    put_value(out, json_at(o, path), "<none>");
}

static void pod_ip(const cJSON *o, struct buf *out) { none_or(o, "status.podIP", out); }
static void pod_node(const cJSON *o, struct buf *out) { none_or(o, "spec.nodeName", out); }
static void pod_nominated(const cJSON *o, struct buf *out) { none_or(o, "status.nominatedNodeName", out); }

static void pod_gates(const cJSON *o, struct buf *out)
{
    (void)o;
    buf_str(out, "<none>");
}

static const struct column pods[] = {
    { "Ready", 0, pod_ready, NULL }, { "Status", 0, pod_status, NULL }, { "Restarts", 0, pod_restarts, NULL },
    { "Age", 0, NULL, NULL }, { "IP", 1, pod_ip, NULL }, { "Node", 1, pod_node, NULL },
    { "Nominated Node", 1, pod_nominated, NULL }, { "Readiness Gates", 1, pod_gates, NULL }, { NULL, 0, NULL, NULL },
};

/* ---- workloads ---- */

static void ready_of_wanted(const cJSON *o, struct buf *out)
{
    buf_fmt(out, "%lld/%lld", (long long)num(o, "status.readyReplicas"), (long long)num(o, "spec.replicas"));
}

static void updated(const cJSON *o, struct buf *out) { buf_fmt(out, "%lld", (long long)num(o, "status.updatedReplicas")); }
static void available(const cJSON *o, struct buf *out) { buf_fmt(out, "%lld", (long long)num(o, "status.availableReplicas")); }
static void wanted(const cJSON *o, struct buf *out) { buf_fmt(out, "%lld", (long long)num(o, "spec.replicas")); }
static void current(const cJSON *o, struct buf *out) { buf_fmt(out, "%lld", (long long)num(o, "status.replicas")); }
static void ready(const cJSON *o, struct buf *out) { buf_fmt(out, "%lld", (long long)num(o, "status.readyReplicas")); }

static void each_container(const cJSON *o, const char *member, struct buf *out)
{
    const cJSON *c;
    bool first = true;

    cJSON_ArrayForEach(c, json_at(o, "spec.template.spec.containers")) {
        buf_fmt(out, "%s%s", first ? "" : ",", json_get_str(c, member));
        first = false;
    }
}

static void containers(const cJSON *o, struct buf *out) { each_container(o, "name", out); }
static void images(const cJSON *o, struct buf *out) { each_container(o, "image", out); }

static void put_labels(const cJSON *labels, struct buf *out)
{
    const cJSON *m;
    bool first = true;

    cJSON_ArrayForEach(m, labels) {
        buf_fmt(out, "%s%s=%s", first ? "" : ",", m->string, cJSON_GetStringValue(m));
        first = false;
    }
    if (first)
        buf_str(out, "<none>");
}

static void workload_selector(const cJSON *o, struct buf *out)
{
    put_labels(json_at(o, "spec.selector.matchLabels"), out);
}

static const struct column deployments[] = {
    { "Ready", 0, ready_of_wanted, NULL }, { "Up-to-date", 0, updated, NULL }, { "Available", 0, available, NULL },
    { "Age", 0, NULL, NULL }, { "Containers", 1, containers, NULL }, { "Images", 1, images, NULL },
    { "Selector", 1, workload_selector, NULL }, { NULL, 0, NULL, NULL },
};
static const struct column replica_sets[] = {
    { "Desired", 0, wanted, NULL }, { "Current", 0, current, NULL }, { "Ready", 0, ready, NULL },
    { "Age", 0, NULL, NULL }, { "Containers", 1, containers, NULL }, { "Images", 1, images, NULL },
    { "Selector", 1, workload_selector, NULL }, { NULL, 0, NULL, NULL },
};
static const struct column stateful_sets[] = {
    { "Ready", 0, ready_of_wanted, NULL }, { "Age", 0, NULL, NULL }, { "Containers", 1, containers, NULL },
    { "Images", 1, images, NULL }, { NULL, 0, NULL, NULL },
};

/* ---- autoscaler, budget ---- */

static void hpa_reference(const cJSON *o, struct buf *out)
{
    buf_fmt(out, "%s/%s", json_get_str(o, "spec.scaleTargetRef.kind"), json_get_str(o, "spec.scaleTargetRef.name"));
}

static const cJSON *source_of(const cJSON *metric)
{
    static const char *const sources[] = { "resource", "containerResource", "pods", "object", "external" };

    for (size_t i = 0; i < COUNT(sources); i++)
        if (json_member(metric, sources[i]))
            return json_member(metric, sources[i]);
    return NULL;
}

static void hpa_targets(const cJSON *o, struct buf *out)
{
    const cJSON *m, *now = json_at(o, "status.currentMetrics");
    int i = 0;

    cJSON_ArrayForEach(m, json_at(o, "spec.metrics")) {
        const cJSON *src = source_of(m), *t = json_member(src, "target");
        const cJSON *cur = json_member(source_of(cJSON_GetArrayItem(now, i)), "current");
        bool percent = json_has(t, "averageUtilization");
        const char *key = percent ? "averageUtilization" : json_has(t, "averageValue") ? "averageValue" : "value";

        buf_fmt(out, "%s%s%s", i ? ", " : "", json_get_str(src, "name") ? json_get_str(src, "name") : "",
                json_get_str(src, "name") ? ": " : "");
        put_value(out, json_member(cur, key), "<unknown>");
        buf_str(out, percent && json_has(cur, key) ? "%/" : "/");
        put_value(out, json_member(t, key), "<auto>");
        buf_str(out, percent ? "%" : "");
        i++;
    }
    if (!i)
        buf_str(out, "<none>");
}

static const struct column autoscalers[] = {
    { "Reference", 0, hpa_reference, NULL }, { "Targets", 0, hpa_targets, NULL },
    { "MinPods", 0, NULL, "spec.minReplicas" }, { "MaxPods", 0, NULL, "spec.maxReplicas" },
    { "Replicas", 0, NULL, "status.currentReplicas" }, { "Age", 0, NULL, NULL }, { NULL, 0, NULL, NULL },
};

static void pdb_min(const cJSON *o, struct buf *out) { put_value(out, json_at(o, "spec.minAvailable"), "N/A"); }
static void pdb_max(const cJSON *o, struct buf *out) { put_value(out, json_at(o, "spec.maxUnavailable"), "N/A"); }

static const struct column budgets[] = {
    { "Min Available", 0, pdb_min, NULL }, { "Max Unavailable", 0, pdb_max, NULL },
    { "Allowed Disruptions", 0, NULL, "status.disruptionsAllowed" }, { "Age", 0, NULL, NULL }, { NULL, 0, NULL, NULL },
};

/* ---- network ---- */

static void svc_ip(const cJSON *o, struct buf *out) { none_or(o, "spec.clusterIP", out); }

static void svc_external(const cJSON *o, struct buf *out)
{
    const char *type = json_get_str(o, "spec.type");

    if (str_eq(type, "ExternalName"))
        put_text(out, json_get_str(o, "spec.externalName"), "<none>");
    else
        buf_str(out, str_eq(type, "LoadBalancer") ? "<pending>" : "<none>");
}

static void svc_ports(const cJSON *o, struct buf *out)
{
    const cJSON *p;
    bool first = true;

    cJSON_ArrayForEach(p, json_at(o, "spec.ports")) {
        buf_fmt(out, "%s%lld", first ? "" : ",", (long long)num(p, "port"));
        if (num(p, "nodePort"))
            buf_fmt(out, ":%lld", (long long)num(p, "nodePort"));
        buf_fmt(out, "/%s", json_get_str(p, "protocol"));
        first = false;
    }
    if (first)
        buf_str(out, "<none>");
}

static void svc_selector(const cJSON *o, struct buf *out) { put_labels(json_at(o, "spec.selector"), out); }
static void netpol_selector(const cJSON *o, struct buf *out) { put_labels(json_at(o, "spec.podSelector.matchLabels"), out); }

static void slice_ports(const cJSON *o, struct buf *out)
{
    const cJSON *p;
    bool first = true;

    cJSON_ArrayForEach(p, json_member(o, "ports")) {
        buf_fmt(out, "%s%lld", first ? "" : ",", (long long)num(p, "port"));
        first = false;
    }
    if (first)
        buf_str(out, "<unset>");
}

static void slice_endpoints(const cJSON *o, struct buf *out)
{
    const cJSON *e;
    int n = 0;

    cJSON_ArrayForEach(e, json_member(o, "endpoints")) {
        if (n < 3)
            buf_fmt(out, "%s%s", n ? "," : "", json_get_str(e, "addresses.0"));
        n++;
    }
    if (n > 3)
        buf_fmt(out, " + %d more...", n - 3);
    if (!n)
        buf_str(out, "<unset>");
}

static const struct column services[] = {
    { "Type", 0, NULL, "spec.type" }, { "Cluster-IP", 0, svc_ip, NULL }, { "External-IP", 0, svc_external, NULL },
    { "Port(s)", 0, svc_ports, NULL }, { "Age", 0, NULL, NULL }, { "Selector", 1, svc_selector, NULL },
    { NULL, 0, NULL, NULL },
};
static const struct column policies[] = {
    { "Pod-Selector", 0, netpol_selector, NULL }, { "Age", 0, NULL, NULL }, { NULL, 0, NULL, NULL },
};
static const struct column slices[] = {
    { "AddressType", 0, NULL, "addressType" }, { "Ports", 0, slice_ports, NULL },
    { "Endpoints", 0, slice_endpoints, NULL }, { "Age", 0, NULL, NULL }, { NULL, 0, NULL, NULL },
};

/* ---- nodes and storage ---- */

static void node_status(const cJSON *o, struct buf *out)
{
    const cJSON *c;
    const char *s = "Unknown";

    cJSON_ArrayForEach(c, json_at(o, "status.conditions"))
        if (str_eq(json_get_str(c, "type"), "Ready"))
            s = str_eq(json_get_str(c, "status"), "True") ? "Ready" : "NotReady";
    buf_fmt(out, "%s%s", s, json_get_bool(o, "spec.unschedulable", false) ? ",SchedulingDisabled" : "");
}

static void node_roles(const cJSON *o, struct buf *out)
{
    static const char prefix[] = "node-role.kubernetes.io/";
    const cJSON *l;
    bool first = true;

    cJSON_ArrayForEach(l, json_at(o, "metadata.labels")) {
        if (!str_has_prefix(l->string, prefix))
            continue;
        buf_fmt(out, "%s%s", first ? "" : ",", l->string + strlen(prefix));
        first = false;
    }
    if (first)
        buf_str(out, "<none>");
}

static void node_ip(const cJSON *o, struct buf *out)
{
    const cJSON *a;

    cJSON_ArrayForEach(a, json_at(o, "status.addresses"))
        if (str_eq(json_get_str(a, "type"), "InternalIP")) {
            buf_str(out, json_get_str(a, "address"));
            return;
        }
    buf_str(out, "<none>");
}

static void access_modes(const cJSON *o, struct buf *out)
{
    const cJSON *m;
    bool first = true;

    cJSON_ArrayForEach(m, json_at(o, "spec.accessModes")) {
        const char *s = cJSON_GetStringValue(m);

        buf_fmt(out, "%s%s", first ? "" : ",",
                str_eq(s, "ReadWriteOnce") ? "RWO" : str_eq(s, "ReadOnlyMany") ? "ROX"
                : str_eq(s, "ReadWriteMany") ? "RWX" : "RWOP");
        first = false;
    }
}

static void pv_claim(const cJSON *o, struct buf *out)
{
    if (json_has(o, "spec.claimRef"))
        buf_fmt(out, "%s/%s", json_get_str(o, "spec.claimRef.namespace"), json_get_str(o, "spec.claimRef.name"));
}

static void pvc_status(const cJSON *o, struct buf *out)
{
    put_text(out, json_has(o, "metadata.deletionTimestamp") ? "Terminating" : json_get_str(o, "status.phase"), "");
}

static const struct column nodes[] = {
    { "Status", 0, node_status, NULL }, { "Roles", 0, node_roles, NULL }, { "Age", 0, NULL, NULL },
    { "Version", 0, NULL, "status.nodeInfo.kubeletVersion" }, { "Internal-IP", 1, node_ip, NULL }, { NULL, 0, NULL, NULL },
};
static const struct column namespaces[] = {
    { "Status", 0, NULL, "status.phase" }, { "Age", 0, NULL, NULL }, { NULL, 0, NULL, NULL },
};
static const struct column claims[] = {
    { "Status", 0, pvc_status, NULL }, { "Volume", 0, NULL, "spec.volumeName" },
    { "Capacity", 0, NULL, "status.capacity.storage" }, { "Access Modes", 0, access_modes, NULL },
    { "StorageClass", 0, NULL, "spec.storageClassName" }, { "Age", 0, NULL, NULL },
    { "VolumeMode", 1, NULL, "spec.volumeMode" }, { NULL, 0, NULL, NULL },
};
static const struct column volumes[] = {
    { "Capacity", 0, NULL, "spec.capacity.storage" }, { "Access Modes", 0, access_modes, NULL },
    { "Reclaim Policy", 0, NULL, "spec.persistentVolumeReclaimPolicy" }, { "Status", 0, NULL, "status.phase" },
    { "Claim", 0, pv_claim, NULL }, { "StorageClass", 0, NULL, "spec.storageClassName" }, { "Age", 0, NULL, NULL },
    { NULL, 0, NULL, NULL },
};
static const struct column classes[] = {
    { "Provisioner", 0, NULL, "provisioner" }, { "ReclaimPolicy", 0, NULL, "reclaimPolicy" },
    { "VolumeBindingMode", 0, NULL, "volumeBindingMode" }, { "AllowVolumeExpansion", 0, NULL, "allowVolumeExpansion" },
    { "Age", 0, NULL, NULL }, { NULL, 0, NULL, NULL },
};

/* ---- the rest ---- */

static void data_count(const cJSON *o, struct buf *out)
{
    buf_fmt(out, "%d", json_count(json_member(o, "data")) + json_count(json_member(o, "binaryData")));
}

static void event_seen(const cJSON *o, struct buf *out)
{
    static const char *const paths[] = { "series.lastObservedTime", "lastTimestamp", "deprecatedLastTimestamp",
                                         "eventTime", "metadata.creationTimestamp" };

    for (size_t i = 0; i < COUNT(paths); i++)
        if (json_get_str(o, paths[i])) {
            cells_age(json_get_str(o, paths[i]), out);
            return;
        }
}

static void event_object(const cJSON *o, struct buf *out)
{
    const cJSON *ref = json_member(o, "involvedObject") ? json_member(o, "involvedObject") : json_member(o, "regarding");
    const char *kind = json_get_str(ref, "kind"), *name = json_get_str(ref, "name");

    for (const char *p = kind ? kind : ""; *p; p++)
        buf_fmt(out, "%c", *p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    buf_fmt(out, "/%s", name ? name : "");
}

static void event_message(const cJSON *o, struct buf *out)
{
    put_text(out, json_get_str(o, "message") ? json_get_str(o, "message") : json_get_str(o, "note"), "");
}

static const struct column config_maps[] = {
    { "Data", 0, data_count, NULL }, { "Age", 0, NULL, NULL }, { NULL, 0, NULL, NULL },
};
static const struct column secrets[] = {
    { "Type", 0, NULL, "type" }, { "Data", 0, data_count, NULL }, { "Age", 0, NULL, NULL }, { NULL, 0, NULL, NULL },
};
static const struct column leases[] = {
    { "Holder", 0, NULL, "spec.holderIdentity" }, { "Age", 0, NULL, NULL }, { NULL, 0, NULL, NULL },
};
static const struct column events[] = {
    { "Last Seen", 0, event_seen, NULL }, { "Type", 0, NULL, "type" }, { "Reason", 0, NULL, "reason" },
    { "Object", 0, event_object, NULL }, { "Message", 0, event_message, NULL }, { NULL, 0, NULL, NULL },
};
static const struct column definitions[] = {
    { "Created At", 0, NULL, "metadata.creationTimestamp" }, { NULL, 0, NULL, NULL },
};

const struct columns *cells_of(const struct resource *res)
{
    static const struct columns all[] = {
        { "pods", pods, false }, { "deployments.apps", deployments, false }, { "replicasets.apps", replica_sets, false },
        { "statefulsets.apps", stateful_sets, false }, { "horizontalpodautoscalers.autoscaling", autoscalers, false },
        { "poddisruptionbudgets.policy", budgets, false }, { "services", services, false },
        { "networkpolicies.networking.k8s.io", policies, false }, { "endpointslices.discovery.k8s.io", slices, false },
        { "nodes", nodes, false }, { "namespaces", namespaces, false }, { "persistentvolumeclaims", claims, false },
        { "persistentvolumes", volumes, false }, { "storageclasses.storage.k8s.io", classes, false },
        { "configmaps", config_maps, false }, { "secrets", secrets, false }, { "leases.coordination.k8s.io", leases, false },
        { "events", events, true }, { "events.events.k8s.io", events, true },
        { "customresourcedefinitions.apiextensions.k8s.io", definitions, false },
    };
    AUTO_FREE char *name = resource_name(res);

    for (size_t i = 0; i < COUNT(all); i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}
