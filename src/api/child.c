#include "api/child.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define REDIS "-redis"

const struct child_type child_types[N_CHILDREN] = {
    [CHILD_DEPLOYMENT] = { "Deployment", "Deployment", "apps/v1", "/apis/apps/v1", "deployments", "", .of_redis = false },
    [CHILD_SERVICE] = { "Service", "Service", "v1", "/api/v1", "services", "", .of_redis = false },
    [CHILD_HPA] = { "HorizontalPodAutoscaler", "HorizontalPodAutoscaler", "autoscaling/v2", "/apis/autoscaling/v2",
                    "horizontalpodautoscalers", "", .of_redis = false },
    [CHILD_PDB] = { "PodDisruptionBudget", "PodDisruptionBudget", "policy/v1", "/apis/policy/v1",
                    "poddisruptionbudgets", "", .of_redis = false },
    [CHILD_CANARY] = { "Canary", "Deployment", "apps/v1", "/apis/apps/v1", "deployments", CHILD_CANARY_SUFFIX,
                       .component = "canary" },
    [CHILD_CANARY_SERVICE] = { "Canary Service", "Service", "v1", "/api/v1", "services", CHILD_CANARY_SUFFIX,
                               .component = "canary" },
    [CHILD_ROUTE] = { "HTTPRoute", "HTTPRoute", "gateway.networking.k8s.io/v1", "/apis/gateway.networking.k8s.io/v1",
                      "httproutes", "", .needs = CAP_GATEWAY },
    [CHILD_MODEL_CLAIM] = { "Model claim", "PersistentVolumeClaim", "v1", "/api/v1", "persistentvolumeclaims", "-model", .of_redis = false },
    [CHILD_DEVICE_CLAIM] = { "Device claim template", "ResourceClaimTemplate", "resource.k8s.io/v1", "/apis/resource.k8s.io/v1",
                             "resourceclaimtemplates", CHILD_DEVICE_SUFFIX, .needs = CAP_DRA },
    [CHILD_SCALEDOBJECT] = { "ScaledObject", "ScaledObject", "keda.sh/v1alpha1", "/apis/keda.sh/v1alpha1", "scaledobjects", "",
                             .needs = CAP_KEDA },
    [CHILD_VPA] = { "VerticalPodAutoscaler", "VerticalPodAutoscaler", "autoscaling.k8s.io/v1", "/apis/autoscaling.k8s.io/v1",
                    "verticalpodautoscalers", "", .needs = CAP_VPA },
    [CHILD_HEADROOM] = { "Headroom", "Deployment", "apps/v1", "/apis/apps/v1", "deployments", CHILD_HEADROOM_SUFFIX,
                         .component = "headroom" },
    [CHILD_REDIS_SECRET] = { "Redis Secret", "Secret", "v1", "/api/v1", "secrets", REDIS, .of_redis = true },
    [CHILD_REDIS_CONFIGMAP] = { "Redis ConfigMap", "ConfigMap", "v1", "/api/v1", "configmaps", REDIS, .of_redis = true },
    [CHILD_REDIS_SERVICE] = { "Redis Service", "Service", "v1", "/api/v1", "services", REDIS, .of_redis = true },
    [CHILD_REDIS_STATEFULSET] = { "Redis StatefulSet", "StatefulSet", "apps/v1", "/apis/apps/v1", "statefulsets",
                                  REDIS, .of_redis = true },
    [CHILD_REDIS_PDB] = { "Redis PodDisruptionBudget", "PodDisruptionBudget", "policy/v1", "/apis/policy/v1",
                          "poddisruptionbudgets", REDIS, .of_redis = true },
    [CHILD_REDIS_NETPOL] = { "Redis NetworkPolicy", "NetworkPolicy", "networking.k8s.io/v1",
                             "/apis/networking.k8s.io/v1", "networkpolicies", REDIS, .of_redis = true },
    [CHILD_BACKUP_CLAIM] = { "Backup claim", "PersistentVolumeClaim", "v1", "/api/v1", "persistentvolumeclaims",
                             CHILD_BACKUP_SUFFIX, .of_redis = true },
    [CHILD_BACKUP_CRON] = { "Backup CronJob", "CronJob", "batch/v1", "/apis/batch/v1", "cronjobs", CHILD_BACKUP_SUFFIX, .of_redis = true },
    [CHILD_BACKUP_JOB] = { "Backup Job", "Job", "batch/v1", "/apis/batch/v1", "jobs", CHILD_BACKUP_SUFFIX, .of_redis = true },
};

const char *child_component(enum child c)
{
    const struct child_type *t = &child_types[c];

    return t->component ? t->component : t->of_redis ? "redis" : "predictor";
}

bool child_name(enum child c, const char *service, char *out, size_t size)
{
    int n = snprintf(out, size, "%s%s", service, child_types[c].suffix);

    return n >= 0 && (size_t)n < size;
}

/* A name that ends in -redis can be that of a service as well; where both kinds exist, the component decides. */
static bool is_shared_kind(const char *kind)
{
    return str_eq(kind, "Service") || str_eq(kind, "PodDisruptionBudget");
}

static bool is_of_redis(const char *kind, const char *name, const char *component)
{
    return is_shared_kind(kind) ? str_eq(component, "redis") : str_has_suffix(name, REDIS) || str_has_suffix(name, CHILD_BACKUP_SUFFIX);
}

/* Is there a row of that kind for just that component? */
static bool has_its_own(const char *kind, const char *component)
{
    for (int c = 0; c < N_CHILDREN; c++)
        if (child_types[c].component && str_eq(child_types[c].kind, kind) && str_eq(child_types[c].component, component))
            return true;
    return false;
}

static bool may_be(const struct child_type *t, const char *name, const char *component)
{
    if (t->component || has_its_own(t->kind, component))
        return str_eq(t->component, component);
    if (t->of_redis)
        return is_of_redis(t->kind, name, component);
    return !is_shared_kind(t->kind) || !str_eq(component, "redis");
}

enum child child_of(const char *kind, const char *name, const char *component, char *service)
{
    for (int c = 0; c < N_CHILDREN; c++) {
        const struct child_type *t = &child_types[c];
        size_t len = strlen(name), cut = strlen(t->suffix);

        if (!str_eq(t->kind, kind) || !may_be(t, name, component))
            continue;
        if (len <= cut || len - cut > 253 || !str_has_suffix(name, t->suffix))
            continue;
        memcpy(service, name, len - cut);
        service[len - cut] = '\0';
        return (enum child)c;
    }
    return N_CHILDREN;
}
