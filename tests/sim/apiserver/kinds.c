/* The built-in kinds; see registry.h. */
#include "sim/apiserver/registry.h"

#include "sim/apiserver/fill.h"
#include "sim/apiserver/valid.h"

#define CORE(name) "io.k8s.api.core.v1." name
#define APPS(name) "io.k8s.api.apps.v1." name
#define RBAC(name) "io.k8s.api.rbac.v1." name

enum {
    NS = KIND_NAMESPACED,
    ST = KIND_STATUS,
    SC = KIND_SCALE,
    GEN = KIND_GENERATION,
    WORKLOAD = NS | ST | SC | GEN,
};

const struct kind kinds[] = {
    { "", "v1", "configmaps", "configmap", "ConfigMap", "cm", "", CORE("ConfigMap"), NS, NULL, NULL, NULL, valid_config_map },
    { "", "v1", "endpoints", "endpoints", "Endpoints", "ep", "", CORE("Endpoints"), NS, NULL, NULL, NULL, NULL },
    { "", "v1", "events", "event", "Event", "ev", "", CORE("Event"), NS,
      "involvedObject.kind,involvedObject.namespace,involvedObject.name,involvedObject.uid,involvedObject.apiVersion,"
      "involvedObject.resourceVersion,involvedObject.fieldPath,reason,reportingComponent,source,type", NULL, settle_event, NULL },
    { "", "v1", "limitranges", "limitrange", "LimitRange", "limits", "", CORE("LimitRange"), NS, NULL, NULL, NULL, NULL },
    { "", "v1", "namespaces", "namespace", "Namespace", "ns", "", CORE("Namespace"), ST | KIND_LABEL_NAMES,
      "status.phase", fill_namespace, settle_namespace, NULL },
    { "", "v1", "nodes", "node", "Node", "no", "", CORE("Node"), ST, "spec.unschedulable", fill_node, NULL, NULL },
    { "", "v1", "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim", "pvc", "",
      CORE("PersistentVolumeClaim"), NS | ST, NULL, fill_claim, settle_claim, valid_claim },
    { "", "v1", "persistentvolumes", "persistentvolume", "PersistentVolume", "pv", "", CORE("PersistentVolume"), ST,
      NULL, fill_volume, settle_volume, NULL },
    { "", "v1", "pods", "pod", "Pod", "po", "all", CORE("Pod"), NS | ST | GEN,
      "spec.nodeName,spec.restartPolicy,spec.schedulerName,spec.serviceAccountName,spec.hostNetwork,status.phase,"
      "status.podIP,status.nominatedNodeName", fill_pod, settle_pod, valid_pod },
    { "", "v1", "podtemplates", "podtemplate", "PodTemplate", "", "", CORE("PodTemplate"), NS, NULL, NULL, NULL, NULL },
    { "", "v1", "resourcequotas", "resourcequota", "ResourceQuota", "quota", "", CORE("ResourceQuota"), NS | ST, NULL,
      NULL, NULL, NULL },
    { "", "v1", "secrets", "secret", "Secret", "", "", CORE("Secret"), NS, "type", fill_secret, NULL, valid_secret },
    { "", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", "sa", "", CORE("ServiceAccount"), NS, NULL, NULL,
      NULL, NULL },
    { "", "v1", "services", "service", "Service", "svc", "all", CORE("Service"), NS | ST | KIND_LABEL_NAMES,
      "spec.clusterIP,spec.type", fill_service, settle_service, valid_service },
    { "apps", "v1", "controllerrevisions", "controllerrevision", "ControllerRevision", "", "",
      APPS("ControllerRevision"), NS, NULL, NULL, NULL, valid_revision },
    { "apps", "v1", "daemonsets", "daemonset", "DaemonSet", "ds", "all", APPS("DaemonSet"), NS | ST | GEN, NULL,
      fill_daemon_set, NULL, valid_daemon_set },
    { "apps", "v1", "deployments", "deployment", "Deployment", "deploy", "all", APPS("Deployment"),
      WORKLOAD | KIND_COUNTS_NOTES, NULL, fill_deployment, NULL, valid_deployment },
    { "apps", "v1", "replicasets", "replicaset", "ReplicaSet", "rs", "all", APPS("ReplicaSet"), WORKLOAD,
      "status.replicas", fill_replica_set, NULL, valid_replica_set },
    { "apps", "v1", "statefulsets", "statefulset", "StatefulSet", "sts", "all", APPS("StatefulSet"), WORKLOAD, NULL,
      fill_stateful_set, NULL, valid_stateful_set },
    { "autoscaling", "v2", "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler", "hpa",
      "all", "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler", NS | ST, NULL, fill_autoscaler, NULL, valid_autoscaler },
    { "batch", "v1", "jobs", "job", "Job", "", "all", "io.k8s.api.batch.v1.Job", NS | ST | GEN, NULL, fill_job, NULL, NULL },
    { "batch", "v1", "cronjobs", "cronjob", "CronJob", "cj", "all", "io.k8s.api.batch.v1.CronJob", NS | ST | GEN, NULL,
      fill_cron_job, NULL, NULL },
    { "policy", "v1", "poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget", "pdb", "",
      "io.k8s.api.policy.v1.PodDisruptionBudget", NS | ST | GEN, NULL, fill_budget, NULL, valid_budget },
    { "coordination.k8s.io", "v1", "leases", "lease", "Lease", "", "", "io.k8s.api.coordination.v1.Lease", NS, NULL,
      NULL, NULL, valid_lease },
    { "events.k8s.io", "v1", "events", "event", "Event", "ev", "", "io.k8s.api.events.v1.Event", NS,
      "reason,reportingController,type,regarding.kind,regarding.namespace,regarding.name,regarding.uid", NULL, settle_event,
      valid_event },
    { "discovery.k8s.io", "v1", "endpointslices", "endpointslice", "EndpointSlice", "", "",
      "io.k8s.api.discovery.v1.EndpointSlice", NS | GEN, NULL, fill_slice, NULL, NULL },
    { "networking.k8s.io", "v1", "ingresses", "ingress", "Ingress", "ing", "", "io.k8s.api.networking.v1.Ingress",
      NS | ST | GEN, NULL, fill_ingress, NULL, NULL },
    { "networking.k8s.io", "v1", "ingressclasses", "ingressclass", "IngressClass", "", "",
      "io.k8s.api.networking.v1.IngressClass", GEN, NULL, NULL, NULL, NULL },
    { "networking.k8s.io", "v1", "networkpolicies", "networkpolicy", "NetworkPolicy", "netpol", "",
      "io.k8s.api.networking.v1.NetworkPolicy", NS | GEN, NULL, fill_network_policy, NULL, NULL },
    { "storage.k8s.io", "v1", "storageclasses", "storageclass", "StorageClass", "sc", "",
      "io.k8s.api.storage.v1.StorageClass", 0, NULL, fill_storage_class, NULL, NULL },
    { "storage.k8s.io", "v1", "csinodes", "csinode", "CSINode", "", "", "io.k8s.api.storage.v1.CSINode", 0, NULL, NULL,
      NULL, NULL },
    { "scheduling.k8s.io", "v1", "priorityclasses", "priorityclass", "PriorityClass", "pc", "",
      "io.k8s.api.scheduling.v1.PriorityClass", GEN, NULL, fill_priority_class, NULL, NULL },
    { "rbac.authorization.k8s.io", "v1", "clusterroles", "clusterrole", "ClusterRole", "", "", RBAC("ClusterRole"),
      KIND_PATH_NAMES, NULL, NULL, NULL, NULL },
    { "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding", "", "",
      RBAC("ClusterRoleBinding"), KIND_PATH_NAMES, NULL, fill_binding, NULL, valid_binding },
    { "rbac.authorization.k8s.io", "v1", "roles", "role", "Role", "", "", RBAC("Role"), NS | KIND_PATH_NAMES, NULL,
      NULL, NULL, NULL },
    { "rbac.authorization.k8s.io", "v1", "rolebindings", "rolebinding", "RoleBinding", "", "", RBAC("RoleBinding"),
      NS | KIND_PATH_NAMES, NULL, fill_binding, NULL, valid_binding },
    { "apiextensions.k8s.io", "v1", "customresourcedefinitions", "customresourcedefinition",
      "CustomResourceDefinition", "crd,crds", "api-extensions",
      "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition", ST | GEN, NULL, fill_crd,
      NULL, valid_crd },
};

const size_t n_kinds = COUNT(kinds);
