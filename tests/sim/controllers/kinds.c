#include "sim/controllers/kinds.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct kind builtin[N_BUILTIN_KINDS] = {
    [KIND_POD] = { "v1", "pods", "Pod", true, false },
    [KIND_NODE] = { "v1", "nodes", "Node", false, false },
    [KIND_DEPLOYMENT] = { "apps/v1", "deployments", "Deployment", true, false },
    [KIND_REPLICASET] = { "apps/v1", "replicasets", "ReplicaSet", true, false },
    [KIND_STATEFULSET] = { "apps/v1", "statefulsets", "StatefulSet", true, false },
    [KIND_REVISION] = { "apps/v1", "controllerrevisions", "ControllerRevision", true, false },
    [KIND_HPA] = { "autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true, false },
    [KIND_PDB] = { "policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", true, false },
    [KIND_SERVICE] = { "v1", "services", "Service", true, false },
    [KIND_ENDPOINTS] = { "v1", "endpoints", "Endpoints", true, false },
    [KIND_SLICE] = { "discovery.k8s.io/v1", "endpointslices", "EndpointSlice", true, false },
    [KIND_CLAIM] = { "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true, false },
    [KIND_VOLUME] = { "v1", "persistentvolumes", "PersistentVolume", false, false },
    [KIND_LEASE] = { "coordination.k8s.io/v1", "leases", "Lease", true, false },
    [KIND_NAMESPACE] = { "v1", "namespaces", "Namespace", false, false },
    [KIND_CONFIGMAP] = { "v1", "configmaps", "ConfigMap", true, false },
    [KIND_CRD] = { "apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false, false },
    [KIND_JOB] = { "batch/v1", "jobs", "Job", true, false },
    [KIND_CRONJOB] = { "batch/v1", "cronjobs", "CronJob", true, false },
};

void kinds_init(struct kinds *k)
{
    memset(k, 0, sizeof(*k));
    memcpy(k->rows, builtin, sizeof(builtin));
    k->n = N_BUILTIN_KINDS;
}

static size_t group_len(const char *api)
{
    const char *slash = strchr(api, '/');

    return slash ? (size_t)(slash - api) : 0; /* "v1": the core group has no name */
}

static bool is_same_group(const char *a, const char *b)
{
    size_t n = group_len(a);

    return n == group_len(b) && !strncmp(a, b, n);
}

int kinds_find(const struct kinds *k, const char *api, const char *name)
{
    for (int i = 0; api && name && i < k->n; i++)
        if (!strcmp(k->rows[i].name, name) && is_same_group(k->rows[i].api, api))
            return i;
    return -1;
}

int kinds_add(struct kinds *k, const char *api, const char *plural, const char *name, bool namespaced)
{
    struct kind *row = &k->rows[k->n];
    int old = kinds_find(k, api, name);

    if (old >= 0)
        return old;
    if (k->n == KINDS_MAX || !str_copy(row->api, sizeof(row->api), api) ||
        !str_copy(row->plural, sizeof(row->plural), plural) || !str_copy(row->name, sizeof(row->name), name))
        return -1;
    row->namespaced = namespaced;
    row->slim = true;
    return k->n++;
}

char *kind_path(const struct kind *k, const char *ns, const char *name)
{
    const char *root = strchr(k->api, '/') ? "/apis/" : "/api/";
    bool in_ns = k->namespaced && ns && *ns;

    return xasprintf("%s%s%s%s/%s%s%s", root, k->api, in_ns ? "/namespaces/" : "", in_ns ? ns : "", k->plural,
                     name ? "/" : "", name ? name : "");
}
