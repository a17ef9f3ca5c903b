#include "schema.h"

#include "rules.h"

#define END { .name = NULL }
#define LABEL "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
#define SUBDOMAIN "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$"
#define RESOURCE "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?/[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$"
#define LABEL_VALUE "^([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?$"
#define IMAGE "^[!-~]+$"
#define HOSTNAME "^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

#define LATER(n, json_type, what) { .name = n, .type = T_LATER, .values = json_type, .instead = what }
#define PASS(n, what) { .name = n, .type = T_ANY, .doc = what }
#define PASS_LIST(n, what) { .name = n, .type = T_ANY_LIST, .max = 256, .doc = what }
#define PASS_BOOL(n) { .name = n, .type = T_BOOL, .doc = "As in a pod spec." }
#define PASS_TEXT(n) { .name = n, .type = T_TEXT, .max = 253, .doc = "As in a pod spec." }

static const struct field port_fields[] = {
    { .name = "containerPort", .type = T_INT, .min = 1, .max = 65535, .required = true, .doc = "The port." },
    { .name = "name", .type = T_TEXT, .max = 15, .shape = LABEL, .doc = "Its name." },
    { .name = "protocol", .type = T_ENUM, .values = "TCP UDP SCTP", .doc = "TCP by default." },
    END,
};

static const struct field container_fields[] = {
    { .name = "name", .type = T_TEXT, .max = 63, .shape = LABEL, .def = "\"model\"",
      .doc = "May be left out for one container." },
    { .name = "image", .type = T_TEXT, .max = 1024, .shape = IMAGE, .required = true, .doc = "The image." },
    { .name = "ports", .type = T_LIST, .max = 64, .sub = port_fields, .open = true,
      .doc = "The first port serves; 8080 when none is given. The container finds it in PORT." },
    END,
};

static const struct field init_container_fields[] = {
    { .name = "name", .type = T_TEXT, .max = 63, .shape = LABEL, .required = true, .doc = "Its name." },
    { .name = "image", .type = T_TEXT, .max = 1024, .shape = IMAGE, .required = true, .doc = "The image." },
    END,
};

#define METRIC_RESOURCE                                                                                              \
    { .name = "name", .type = T_ENUM, .values = "cpu memory", .required = true }

static const struct field metric_resource_fields[] = { METRIC_RESOURCE, END };

static const struct field metric_container_fields[] = {
    METRIC_RESOURCE,
    { .name = "container", .type = T_TEXT, .max = 63, .shape = LABEL, .required = true },
    END,
};

static const struct field metric_fields[] = {
    { .name = "type", .type = T_ENUM, .values = "Resource ContainerResource Pods Object External", .required = true,
      .doc = "As in autoscaling/v2." },
    { .name = "resource", .type = T_OBJECT, .sub = metric_resource_fields, .open = true },
    { .name = "containerResource", .type = T_OBJECT, .sub = metric_container_fields, .open = true },
    { .name = "pods", .type = T_ANY },
    { .name = "object", .type = T_ANY },
    { .name = "external", .type = T_ANY },
    END,
};

static const struct field trigger_fields[] = {
    { .name = "type", .type = T_TEXT, .max = 63, .shape = LABEL, .required = true },
    { .name = "metadata", .type = T_MAP, .max = 64, .values = "4096" },
    END,
};

static const struct field keda_fields[] = {
    { .name = "triggers", .type = T_LIST, .min = 1, .max = 32, .sub = trigger_fields, .open = true, .required = true,
      .doc = "As in keda.sh/v1alpha1, passed through whole." },
    { .name = "pollingInterval", .type = T_INT, .min = 1, .max = 86400, .doc = "Seconds." },
    { .name = "cooldownPeriod", .type = T_INT, .min = 0, .max = 86400, .doc = "Seconds before it goes to zero." },
    { .name = "initialCooldownPeriod", .type = T_INT, .min = 0, .max = 86400, .doc = "Seconds." },
    { .name = "idleReplicaCount", .type = T_INT, .min = 0, .max = 0, .doc = "0: to zero when idle, else at least minReplicas." },
    PASS("fallback", "As in keda.sh/v1alpha1: what runs while triggers cannot be read."),
    PASS("scalingModifiers", "As in keda.sh/v1alpha1."),
    END,
};

static const struct field behavior_fields[] = {
    PASS("scaleUp", "As in autoscaling/v2."),
    PASS("scaleDown", "As in autoscaling/v2; selectPolicy is Disabled while slot health holds a step down."),
    END,
};

static const struct field autoscaling_fields[] = {
    { .name = "metrics", .type = T_LIST, .min = 1, .max = 32, .sub = metric_fields, .open = true,
      .rules = rules_metrics, .doc = "As in autoscaling/v2, passed through whole." },
    { .name = "behavior", .type = T_OBJECT, .sub = behavior_fields, .doc = "As in autoscaling/v2." },
    { .name = "keda", .type = T_OBJECT, .sub = keda_fields,
      .doc = "A ScaledObject of KEDA instead of a HorizontalPodAutoscaler." },
    END,
};

static const struct field rolling_update_fields[] = {
    { .name = "maxSurge", .type = T_PERCENT, .max = 10000, .doc = "Default 25%." },
    { .name = "maxUnavailable", .type = T_PERCENT, .max = 10000, .doc = "Default 0." },
    END,
};

static const struct field strategy_fields[] = {
    { .name = "type", .type = T_ENUM, .values = "RollingUpdate Recreate", .def = "\"RollingUpdate\"",
      .doc = "Recreate stops everything first: for accelerators that cannot surge." },
    { .name = "rollingUpdate", .type = T_OBJECT, .sub = rolling_update_fields, .doc = "As in apps/v1." },
    END,
};

static const struct field budget_fields[] = {
    { .name = "minAvailable", .type = T_PERCENT, .max = 10000, .doc = "As in policy/v1." },
    { .name = "maxUnavailable", .type = T_PERCENT, .max = 10000, .doc = "As in policy/v1; default 1." },
    { .name = "unhealthyPodEvictionPolicy", .type = T_ENUM, .values = "AlwaysAllow IfHealthyBudget",
      .def = "\"AlwaysAllow\"", .doc = "Whether a pod that is not ready may always be evicted." },
    END,
};

static const struct field claim_fields[] = {
    { .name = "deviceClassName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN, .doc = "Of a ResourceClaimTemplate of ours." },
    { .name = "count", .type = T_INT, .min = 1, .max = 64, .doc = "Devices of that class; default 1." },
    { .name = "selectors", .type = T_ANY_LIST, .max = 32, .doc = "As in resource.k8s.io/v1: which of its devices." },
    { .name = "resourceClaimTemplateName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN,
      .doc = "Or a ResourceClaimTemplate that is there." },
    END,
};

static const struct field accelerator_fields[] = {
    { .name = "count", .type = T_INT, .min = 1, .max = 64, .def = "1", .doc = "How many, or how many slices." },
    { .name = "vendor", .type = T_ENUM, .values = "nvidia amd intel habana",
      .doc = "Whose: says the resource, the label of products and the taint of nodes. Default nvidia." },
    { .name = "resourceName", .type = T_TEXT, .max = 200, .shape = RESOURCE,
      .doc = "Default by vendor: nvidia.com/gpu ..." },
    { .name = "profile", .type = T_TEXT, .max = 32, .shape = "^[1-7]g[.][1-9][0-9]{0,2}gb([-.+][a-z]+){0,3}$",
      .doc = "A MIG slice: 1g.10gb asks for nvidia.com/mig-1g.10gb." },
    { .name = "sharing", .type = T_ENUM, .values = "Exclusive Shared", .def = "\"Exclusive\"",
      .doc = "Shared asks for the time-sliced resource, nvidia.com/gpu.shared." },
    { .name = "product", .type = T_TEXT, .max = 63, .shape = LABEL_VALUE,
      .doc = "Only nodes labelled nvidia.com/gpu.product (or its like of another vendor) with it." },
    { .name = "claim", .type = T_OBJECT, .sub = claim_fields, .rules = rules_claim,
      .doc = "Instead of a resource: devices by dynamic resource allocation." },
    END,
};

static const struct field bound_fields[] = {
    { .name = "cpu", .type = T_QUANTITY },
    { .name = "memory", .type = T_QUANTITY },
    END,
};

static const struct field vertical_fields[] = {
    { .name = "mode", .type = T_ENUM, .values = "Off Initial Recreate InPlaceOrRecreate", .def = "\"Off\"",
      .doc = "As in autoscaling.k8s.io/v1; Off recommends only." },
    { .name = "minAllowed", .type = T_OBJECT, .sub = bound_fields, .doc = "Of the first container." },
    { .name = "maxAllowed", .type = T_OBJECT, .sub = bound_fields, .doc = "Of the first container." },
    { .name = "controlledResources", .type = T_TEXT_LIST, .min = 1, .max = 2, .values = "6", .shape = "^(cpu|memory)$",
      .doc = "Default both." },
    { .name = "controlledValues", .type = T_ENUM, .values = "RequestsAndLimits RequestsOnly",
      .doc = "As in autoscaling.k8s.io/v1." },
    END,
};

static const struct field headroom_fields[] = {
    { .name = "replicas", .type = T_INT, .min = 0, .max = 1000, .required = true, .doc = "Placeholder pods." },
    { .name = "priorityClassName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN, .def = "\"everserve-headroom\"",
      .doc = "A PriorityClass below that of everything that serves." },
    END,
};

#define USE_CONTAINERS "is not supported: name the serving image in predictor.containers"
#define MODEL_URI "^(https?://[^/@?# ]+(/[!-~]*)?|s3://[a-z0-9][-a-z0-9.]{1,61}[a-z0-9]/[!-~]+|hf://[!-~]+)$"

static const struct field model_storage_fields[] = {
    { .name = "size", .type = T_QUANTITY, .required = true, .doc = "Of the volume; may grow where the storage can." },
    { .name = "storageClassName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN, .doc = "Default: the cluster's own." },
    { .name = "accessMode", .type = T_ENUM, .values = "ReadWriteMany ReadWriteOnce ReadOnlyMany", .def = "\"ReadWriteMany\"",
      .doc = "ReadWriteOnce keeps all replicas on one node." },
    END,
};

static const struct field model_image_fields[] = {
    { .name = "reference", .type = T_TEXT, .max = 1024, .shape = IMAGE, .required = true, .doc = "The image or OCI artifact." },
    { .name = "pullPolicy", .type = T_ENUM, .values = "Always Never IfNotPresent", .doc = "As in a pod spec." },
    END,
};

static const struct field model_fields[] = {
    { .name = "uri", .type = T_TEXT, .max = 2048, .shape = MODEL_URI,
      .doc = "One file: https://HOST/PATH, http://, s3://BUCKET/KEY, hf://OWNER/REPO[@REVISION]/FILE. An init container "
             "brings it to the claim, if there is one, else to each pod." },
    { .name = "storageUri", .type = T_TEXT, .max = 2048, .shape = MODEL_URI, .doc = "Another name of uri, as in KServe." },
    { .name = "sha256", .type = T_TEXT, .max = 64, .shape = "^[0-9a-f]{64}$", .doc = "Of the file; another one is never used." },
    { .name = "fileName", .type = T_TEXT, .max = 200, .shape = "^[A-Za-z0-9_][-A-Za-z0-9._]*$",
      .doc = "Its name below mountPath; default: the last part of uri's path." },
    { .name = "sizeLimit", .type = T_QUANTITY, .doc = "A larger file is refused." },
    { .name = "secretName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN,
      .doc = "A Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, HF_TOKEN, MODEL_TOKEN, MODEL_CA ..." },
    { .name = "endpoint", .type = T_TEXT, .max = 1024, .shape = "^https?://[^/@?# ]+$", .doc = "Of the store that s3 means, or instead of Hugging Face." },
    { .name = "claimName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN,
      .doc = "A PersistentVolumeClaim that holds the model, or takes what uri names." },
    { .name = "storage", .type = T_OBJECT, .sub = model_storage_fields, .rules = rules_model_storage,
      .doc = "Or a claim of ours, NAME-model; it goes with the resource." },
    { .name = "image", .type = T_OBJECT, .sub = model_image_fields,
      .doc = "Or an image whose files are the model (image volumes: Kubernetes 1.33 or later)." },
    { .name = "mountPath", .type = T_TEXT, .max = 1024, .shape = "^/[!-~]*$", .def = "\"/mnt/models\"",
      .doc = "Where the first container finds it." },
    { .name = "readOnly", .type = T_BOOL, .def = "true", .doc = "Whether it is mounted read-only." },
    LATER("modelFormat", "object", USE_CONTAINERS),
    LATER("runtime", "string", USE_CONTAINERS),
    END,
};

static const struct field predictor_fields[] = {
    { .name = "minReplicas", .type = T_INT, .min = 0, .max = 10000, .def = "2",
      .doc = "Replicas at least; exactly these without an autoscaler. kubectl scale moves it." },
    { .name = "maxReplicas", .type = T_INT, .min = 0, .max = 10000,
      .doc = "Above minReplicas: a HorizontalPodAutoscaler scales between the two. Default minReplicas." },
    { .name = "scaleMetric", .type = T_TEXT, .max = 253, .shape = "^[!-~]+$",
      .doc = "cpu (default), memory, gpu (gpuMetric of the pods), or the name of any pods metric." },
    { .name = "gpuMetric", .type = T_TEXT, .max = 253, .shape = "^[!-~]+$",
      .doc = "The pods metric that scaleMetric gpu stands for; default DCGM_FI_DEV_GPU_UTIL." },
    { .name = "scaleTarget", .type = T_QUANTITY,
      .doc = "A percentage for Utilization (default 70 for cpu and gpu, 80 for memory), else an amount per pod." },
    { .name = "scaleMetricType", .type = T_ENUM, .values = "Utilization AverageValue Value",
      .doc = "Default Utilization for cpu and memory, AverageValue for pods metrics." },
    { .name = "autoScaling", .type = T_OBJECT, .sub = autoscaling_fields, .rules = rules_autoscaling,
      .doc = "autoscaling/v2 metrics and behavior, or KEDA." },
    { .name = "deploymentStrategy", .type = T_OBJECT, .sub = strategy_fields, .rules = rules_strategy,
      .doc = "As in apps/v1; default RollingUpdate that only surges." },
    { .name = "podDisruptionBudget", .type = T_OBJECT, .sub = budget_fields, .rules = rules_budget,
      .doc = "Default maxUnavailable 1; none below 2 replicas." },
    { .name = "labels", .type = T_MAP, .max = 64, .values = "63", .shape = LABEL_VALUE, .rules = rules_labels,
      .doc = "Added to the pods." },
    { .name = "annotations", .type = T_MAP, .max = 64, .values = "16384", .doc = "Added to the pods." },
    { .name = "accelerator", .type = T_OBJECT, .sub = accelerator_fields, .rules = rules_accelerator,
      .doc = "Accelerators of the first container." },
    { .name = "model", .type = T_OBJECT, .sub = model_fields, .rules = rules_model,
      .doc = "The model's files." },
    { .name = "containers", .type = T_LIST, .min = 1, .max = 16, .sub = container_fields, .key = "name", .open = true,
      .required = true, .doc = "As in a pod spec; the first one serves." },
    { .name = "initContainers", .type = T_LIST, .max = 16, .sub = init_container_fields, .key = "name", .open = true,
      .doc = "As in a pod spec." },
    PASS_LIST("volumes", "As in a pod spec."),
    { .name = "nodeSelector", .type = T_MAP, .max = 64, .values = "63", .shape = LABEL_VALUE, .doc = "As in a pod spec." },
    PASS("affinity", "As in a pod spec."),
    PASS_LIST("tolerations", "As in a pod spec."),
    PASS_LIST("topologySpreadConstraints", "As in a pod spec; default: spread over nodes and zones where possible."),
    PASS_LIST("imagePullSecrets", "As in a pod spec."),
    PASS_LIST("hostAliases", "As in a pod spec."),
    PASS_LIST("readinessGates", "As in a pod spec."),
    PASS_LIST("resourceClaims", "As in a pod spec."),
    PASS_LIST("schedulingGates", "As in a pod spec."),
    PASS("securityContext", "As in a pod spec."),
    PASS("resources", "As in a pod spec: resources of the whole pod."),
    PASS("overhead", "As in a pod spec."),
    PASS("dnsConfig", "As in a pod spec."),
    PASS("os", "As in a pod spec."),
    PASS_TEXT("serviceAccountName"), PASS_TEXT("priorityClassName"), PASS_TEXT("runtimeClassName"),
    PASS_TEXT("schedulerName"), PASS_TEXT("nodeName"), PASS_TEXT("hostname"), PASS_TEXT("subdomain"),
    PASS_BOOL("automountServiceAccountToken"), PASS_BOOL("enableServiceLinks"), PASS_BOOL("hostIPC"),
    PASS_BOOL("hostNetwork"), PASS_BOOL("hostPID"), PASS_BOOL("hostUsers"), PASS_BOOL("shareProcessNamespace"),
    PASS_BOOL("setHostnameAsFQDN"),
    { .name = "dnsPolicy", .type = T_ENUM, .values = "ClusterFirst ClusterFirstWithHostNet Default None",
      .doc = "As in a pod spec." },
    { .name = "preemptionPolicy", .type = T_ENUM, .values = "PreemptLowerPriority Never", .doc = "As in a pod spec." },
    { .name = "restartPolicy", .type = T_ENUM, .values = "Always", .doc = "As in a pod spec." },
    { .name = "terminationGracePeriodSeconds", .type = T_INT, .min = 0, .max = 86400,
      .doc = "Time for requests in flight, after 10 s of waiting for clients to notice; default 60." },
    { .name = "verticalScaling", .type = T_OBJECT, .sub = vertical_fields, .rules = rules_vertical,
      .doc = "A VerticalPodAutoscaler, where it is installed." },
    { .name = "headroom", .type = T_OBJECT, .sub = headroom_fields,
      .doc = "Placeholder pods of the same shape, which give way to serving pods." },
    LATER("canaryTrafficPercent", "integer", "is not supported: leave it out"),
    LATER("containerConcurrency", "integer", "is not supported: limit concurrency in the serving container"),
    LATER("timeout", "integer", "is not supported: set it in the serving container"),
    LATER("batcher", "object", "is not supported: batch in the serving container"),
    LATER("logger", "object", "is not supported: leave it out"),
    LATER("workerSpec", "object", "is not supported: leave it out"),
    LATER("sklearn", "object", USE_CONTAINERS), LATER("xgboost", "object", USE_CONTAINERS),
    LATER("tensorflow", "object", USE_CONTAINERS), LATER("pytorch", "object", USE_CONTAINERS),
    LATER("triton", "object", USE_CONTAINERS), LATER("onnx", "object", USE_CONTAINERS),
    LATER("huggingface", "object", USE_CONTAINERS), LATER("pmml", "object", USE_CONTAINERS),
    LATER("lightgbm", "object", USE_CONTAINERS), LATER("paddle", "object", USE_CONTAINERS),
    END,
};

static const struct field parent_fields[] = {
    { .name = "name", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN, .required = true, .doc = "Of the Gateway." },
    { .name = "namespace", .type = T_TEXT, .max = 63, .shape = LABEL, .doc = "Default: the service's own." },
    { .name = "sectionName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN, .doc = "One of its listeners; default: all." },
    { .name = "port", .type = T_INT, .min = 1, .max = 65535, .doc = "Only listeners of this port." },
    END,
};

static const struct field route_fields[] = {
    { .name = "parentRefs", .type = T_LIST, .min = 1, .max = 8, .sub = parent_fields, .required = true,
      .doc = "The Gateways that route to it." },
    { .name = "hostnames", .type = T_TEXT_LIST, .min = 1, .max = 16, .values = "253", .shape = HOSTNAME,
      .doc = "Which requests are meant; default: all that reach the listener." },
    { .name = "weight", .type = T_INT, .min = 0, .max = 100, .def = "10", .doc = "Of a hundred requests, those to the canary." },
    END,
};

static const struct field canary_fields[] = {
    { .name = "replicas", .type = T_INT, .min = 1, .max = 10000, .doc = "So many pods beside those of the service." },
    { .name = "percent", .type = T_INT, .min = 1, .max = 100, .doc = "Or a share of the service's pods, rounded up." },
    { .name = "bakeSeconds", .type = T_INT, .min = 0, .max = 604800, .def = "300",
      .doc = "All of its pods must be ready for so long, without a restart." },
    { .name = "promote", .type = T_ENUM, .values = "Auto Manual", .def = "\"Auto\"",
      .doc = "Manual: it stays after its time, until promoteRevision names it, or this is Auto." },
    { .name = "promoteRevision", .type = T_TEXT, .max = 63, .shape = LABEL,
      .doc = "Consent: status.predictor.canary.revision of the one that may replace what runs." },
    { .name = "route", .type = T_OBJECT, .sub = route_fields,
      .doc = "Weights by an HTTPRoute of the Gateway API; without: each pod gets its share of the requests." },
    END,
};

static const struct field rollout_fields[] = {
    { .name = "progressDeadlineSeconds", .type = T_INT, .min = 10, .max = 86400, .def = "600",
      .doc = "A rollout without progress for so long has failed." },
    { .name = "minReadySeconds", .type = T_INT, .min = 0, .max = 3600,
      .doc = "A new pod counts once it has been ready for so long; default 0." },
    { .name = "autoRollback", .type = T_ENUM, .values = "Enabled Disabled", .def = "\"Enabled\"",
      .doc = "A rollout that fails goes back to the last template that worked." },
    { .name = "canary", .type = T_OBJECT, .sub = canary_fields, .rules = rules_canary,
      .doc = "A new version first runs beside the old one; what fails there never replaces anything." },
    END,
};

static const struct field gate_fields[] = {
    { .name = "scaleUp", .type = T_ENUM, .values = "Hold Allow", .def = "\"Hold\"",
      .doc = "Whether steps up wait while Redis is down." },
    { .name = "scaleDown", .type = T_ENUM, .values = "Hold", .def = "\"Hold\"",
      .doc = "Steps down wait until Redis is healthy." },
    { .name = "maxHoldSeconds", .type = T_INT, .min = 0, .max = 3600, .def = "60",
      .doc = "A step up waits at most so long, then goes, with an event." },
    END,
};

static const struct field scaling_fields[] = {
    { .name = "gate", .type = T_OBJECT, .sub = gate_fields, .def = "{}", .doc = "What slot health may hold." },
    END,
};

static const struct field amount_fields[] = {
    { .name = "cpu", .type = T_QUANTITY, .doc = "Cores." },
    { .name = "memory", .type = T_QUANTITY, .doc = "Bytes." },
    { .name = "ephemeral-storage", .type = T_QUANTITY, .doc = "Bytes." },
    END,
};

static const struct field resources_fields[] = {
    { .name = "requests", .type = T_OBJECT, .sub = amount_fields, .doc = "As in a container." },
    { .name = "limits", .type = T_OBJECT, .sub = amount_fields,
      .doc = "As in a container; maxmemory is 75 % of the memory limit." },
    END,
};

static const struct field storage_fields[] = {
    { .name = "size", .type = T_QUANTITY, .def = "\"1Gi\"", .doc = "Of each node's volume." },
    { .name = "storageClassName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN, .doc = "Default: the cluster's own." },
    { .name = "ephemeral", .type = T_BOOL, .def = "false", .doc = "emptyDir instead of claims: data goes with the pod." },
    { .name = "keepRemovedHours", .type = T_INT, .min = 0, .max = 8760, .def = "24",
      .doc = "Volumes of nodes that a smaller size removed stay for so long." },
    END,
};

static const struct field auth_fields[] = {
    { .name = "secretName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN,
      .doc = "A Secret whose key password holds the password; generated when left out. When it changes, it is rotated." },
    { .name = "rotate", .type = T_TEXT, .max = 64, .shape = "^[!-~]+$",
      .doc = "Any word: when it changes, a new password is generated and taken over without downtime." },
    END,
};

static const struct field tls_fields[] = {
    { .name = "secretName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN, .required = true,
      .doc = "A Secret with tls.crt, tls.key and ca.crt; loaded again when it changes." },
    END,
};

static const struct field backup_storage_fields[] = {
    { .name = "size", .type = T_QUANTITY, .required = true, .doc = "Of the volume." },
    { .name = "storageClassName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN, .doc = "Default: the cluster's own." },
    END,
};

static const struct field backup_fields[] = {
    { .name = "schedule", .type = T_TEXT, .max = 100, .shape = "^(@(hourly|daily|weekly|monthly|yearly)|[^ ]+( [^ ]+){4})$",
      .doc = "When: five fields as of cron, UTC; none: only on demand." },
    { .name = "claimName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN, .doc = "An existing claim that takes them." },
    { .name = "storage", .type = T_OBJECT, .sub = backup_storage_fields, .doc = "Or a claim of ours." },
    { .name = "keep", .type = T_INT, .min = 1, .max = 1000, .def = "7", .doc = "So many complete backups stay." },
    { .name = "now", .type = T_TEXT, .max = 64, .shape = "^[!-~]+$", .doc = "Any word: when it changes, one is taken." },
    END,
};

static const struct field restore_fields[] = {
    { .name = "claimName", .type = T_TEXT, .max = 253, .shape = SUBDOMAIN, .required = true, .doc = "The claim that holds it." },
    { .name = "path", .type = T_TEXT, .max = 512, .required = true,
      .shape = "^[A-Za-z0-9][-A-Za-z0-9._]*(/[A-Za-z0-9][-A-Za-z0-9._]*)*$", .doc = "The backup's directory on it." },
    END,
};

static const struct field redis_fields[] = {
    { .name = "shards", .type = T_INT, .min = 1, .max = 100, .def = "3", .rules = rules_shards,
      .doc = "Masters: at least 3, or 1 for development." },
    { .name = "replicasPerShard", .type = T_INT, .min = 0, .max = 5, .def = "1", .doc = "Copies of each master." },
    { .name = "image", .type = T_TEXT, .max = 1024, .shape = IMAGE, .def = "\"redis:7.4\"",
      .doc = "Redis 7 or later, or Valkey 8 or later." },
    { .name = "resources", .type = T_OBJECT, .sub = resources_fields,
      .def = "{\"requests\":{\"cpu\":\"100m\",\"memory\":\"512Mi\"},\"limits\":{\"memory\":\"512Mi\"}}",
      .doc = "Of each node." },
    { .name = "storage", .type = T_OBJECT, .sub = storage_fields, .def = "{}", .rules = rules_storage,
      .doc = "Of each node." },
    { .name = "persistence", .type = T_ENUM, .values = "AppendOnly Snapshot None", .def = "\"AppendOnly\"",
      .doc = "What a restarted node finds again." },
    { .name = "maxMemoryPolicy", .type = T_ENUM, .def = "\"noeviction\"",
      .values = "noeviction allkeys-lru allkeys-lfu allkeys-random volatile-lru volatile-lfu volatile-random volatile-ttl",
      .doc = "What happens when memory is full." },
    { .name = "config", .type = T_MAP, .max = 64, .values = "512", .shape = "^[ -~]*$", .rules = rules_redis_config,
      .doc = "Further settings of redis.conf, by name." },
    { .name = "auth", .type = T_OBJECT, .sub = auth_fields, .rules = rules_auth, .doc = "The password." },
    { .name = "nodeSelector", .type = T_MAP, .max = 64, .values = "63", .shape = LABEL_VALUE, .doc = "As in a pod spec." },
    PASS("affinity", "As in a pod spec."),
    PASS_LIST("tolerations", "As in a pod spec."),
    PASS_TEXT("priorityClassName"),
    { .name = "deletion", .type = T_ENUM, .values = "Retain Delete", .def = "\"Retain\"",
      .doc = "What happens to the volumes when the resource is deleted." },
    { .name = "waitFor", .type = T_ENUM, .values = "None Healthy", .def = "\"None\"",
      .doc = "Healthy: serving pods start, or change to use it, once it is healthy for the first time." },
    { .name = "tls", .type = T_OBJECT, .sub = tls_fields, .doc = "For clients, replication and the cluster's bus." },
    { .name = "backup", .type = T_OBJECT, .sub = backup_fields, .rules = rules_backup,
      .doc = "An RDB of each shard with its slot map and checksums." },
    { .name = "restore", .type = T_OBJECT, .sub = restore_fields,
      .doc = "A new cluster starts with this backup's data; ignored once it is formed." },
    { .name = "acceptDataLossForSlots", .type = T_TEXT, .max = 1024,
      .shape = "^[0-9]{1,5}(-[0-9]{1,5})?( [0-9]{1,5}(-[0-9]{1,5})?)*$",
      .doc = "Consent: what these slots held may be given up (\"0-5460 7000\"), when nothing else brings them back." },
    END,
};

#define NOT_SERVED "is not supported: only spec.predictor serves"

static const struct field spec_fields[] = {
    { .name = "predictor", .type = T_OBJECT, .sub = predictor_fields, .rules = rules_predictor, .required = true,
      .doc = "The serving pods: a pod spec, and how many." },
    { .name = "rollout", .type = T_OBJECT, .sub = rollout_fields, .rules = rules_rollout, .def = "{}", .doc = "How a new version arrives." },
    { .name = "scaling", .type = T_OBJECT, .sub = scaling_fields, .def = "{}", .doc = "What may hold scaling." },
    { .name = "redis", .type = T_OBJECT, .sub = redis_fields, .doc = "A Redis Cluster of its own; {} is a good one." },
    { .name = "managementPolicy", .type = T_ENUM, .values = "Managed Paused", .def = "\"Managed\"",
      .doc = "Paused: the operator looks, but does not write." },
    LATER("transformer", "object", NOT_SERVED), LATER("explainer", "object", NOT_SERVED),
    LATER("canary", "object", "is not supported: leave it out"),
    END,
};

const struct field schema_spec = { .name = "spec", .type = T_OBJECT, .sub = spec_fields, .rules = rules_spec, .required = true,
                                   .doc = "What should be." };

static const struct field condition_fields[] = {
    { .name = "type", .type = T_TEXT, .max = 316, .required = true, .doc = "Ready, PredictorReady, RedisReady ..." },
    { .name = "status", .type = T_ENUM, .values = "True False Unknown", .required = true, .doc = "Whether it holds." },
    { .name = "reason", .type = T_TEXT, .max = 1024, .required = true, .doc = "One word." },
    { .name = "message", .type = T_TEXT, .min = -1, .max = 32768, .doc = "For people." },
    { .name = "lastTransitionTime", .type = T_TEXT, .max = 64, .required = true, .doc = "When status last changed." },
    { .name = "observedGeneration", .type = T_INT, .max = INT64_C(1) << 53, .doc = "The generation it speaks of." },
    END,
};

static const struct field address_fields[] = {
    { .name = "url", .type = T_TEXT, .max = 1024, .doc = "Inside the cluster." },
    END,
};

#define COUNTER(n, what) { .name = n, .type = T_INT, .max = INT32_MAX, .doc = what }
#define STATE(n, what) { .name = n, .type = T_TEXT, .min = -1, .max = 1024, .doc = what }

static const struct field status_predictor_fields[] = {
    COUNTER("desired", "Replicas asked for."),
    COUNTER("ready", "Replicas that are ready."),
    COUNTER("updated", "Replicas of the current revision."),
    STATE("revision", "The current revision."),
    STATE("lastGoodRevision", "The last revision that became ready."),
    STATE("failedRevision", "The revision that failed, if one did."),
    { .name = "replacing", .type = T_ANY, .doc = "This rollout finds no room for a pod more: one goes before the next comes." },
    { .name = "canary", .type = T_ANY, .doc = "The revision that is on trial, since when, and how far it is." },
    END,
};

static const struct field status_progress_fields[] = {
    STATE("what", "What is under way."),
    COUNTER("percent", "Done."),
    COUNTER("keysPerSecond", "Lately."),
    COUNTER("etaSeconds", "Left, at this pace."),
    END,
};

static const struct field status_certificate_fields[] = {
    STATE("notAfter", "When it ends."),
    STATE("fingerprint", "SHA-256, of what the nodes present."),
    END,
};

static const struct field status_backup_fields[] = {
    STATE("last", "When the last complete one was taken."),
    STATE("lastPath", "Its directory."),
    STATE("error", "Why the last try failed."),
    STATE("token", "The last spec.redis.backup.now that was served."),
    END,
};

static const struct field status_redis_fields[] = {
    STATE("state", "Healthy, Degraded, Partial, Down, Unknown, Forming, Migrating."),
    COUNTER("slotsOk", "Slots that are served, of 16384."),
    COUNTER("shards", "Masters that own slots."),
    COUNTER("nodes", "Nodes that answer."),
    STATE("version", "Of the server."),
    { .name = "migrating", .type = T_BOOL, .doc = "Slots are on their way." },
    { .name = "bootstrapped", .type = T_BOOL, .doc = "The cluster was formed once: it is never formed again." },
    STATE("copies", "Pods by shard, the master first."),
    { .name = "plan", .type = T_ANY, .doc = "Who is who, decided before the first command was sent." },
    { .name = "resize", .type = T_ANY, .doc = "Which slots go where, decided before the first one moves." },
    { .name = "roll", .type = T_ANY, .doc = "Which pod is restarted, and why." },
    { .name = "users", .type = T_ANY, .doc = "How far a change of the password is." },
    { .name = "settings", .type = T_ANY, .doc = "Which live settings of spec.redis.config the servers have taken." },
    STATE("entrypoint", "The image that holds the start fence."),
    STATE("template", "A hash of the pods' template that it was chosen for: another operator's image alone changes no pod."),
    { .name = "progress", .type = T_OBJECT, .sub = status_progress_fields, .open = true, .doc = "Of what takes its time." },
    { .name = "certificate", .type = T_OBJECT, .sub = status_certificate_fields, .open = true, .doc = "Of TLS." },
    { .name = "backup", .type = T_OBJECT, .sub = status_backup_fields, .open = true, .doc = "The last one." },
    END,
};

static const struct field status_model_fields[] = {
    STATE("entrypoint", "The image that downloads it."),
    STATE("template", "A hash of the pods' template that it was chosen for: another operator's image alone changes no pod."),
    END,
};

static const struct field status_scaling_fields[] = {
    { .name = "heldUp", .type = T_BOOL, .doc = "A step up waits." },
    { .name = "heldDown", .type = T_BOOL, .doc = "Steps down wait." },
    STATE("reason", "Why."),
    STATE("since", "Since when."),
    { .name = "upSinceMs", .type = T_INT, .max = INT64_C(1) << 53, .doc = "Milliseconds since 1970." },
    { .name = "downSinceMs", .type = T_INT, .max = INT64_C(1) << 53, .doc = "Milliseconds since 1970." },
    { .name = "frozen", .type = T_ANY, .doc = "What stays as it is meanwhile." },
    { .name = "drain", .type = T_ANY, .doc = "Nodes with serving pods are about to go: how many more start first." },
    END,
};

static const struct field decision_fields[] = {
    { .name = "time", .type = T_TEXT, .max = 64, .required = true, .doc = "When; of the last, where it was the same several times." },
    STATE("rule", "Which rule; none when all passed."),
    STATE("reason", "One word."),
    STATE("message", "The evidence."),
    STATE("writes", "What was written, or told to Redis."),
    COUNTER("count", "How often in a row, when more than once."),
    END,
};

static const struct field status_fields[] = {
    { .name = "observedGeneration", .type = T_INT, .max = INT64_C(1) << 53, .doc = "The generation this speaks of." },
    { .name = "conditions", .type = T_LIST, .max = 32, .sub = condition_fields, .key = "type",
      .doc = "Ready, PredictorReady, RedisReady, ScalingHeld, ScalingBlind, RolledBack, Survivable, Reconciling, Stalled ..." },
    COUNTER("replicas", "Replicas that exist."),
    COUNTER("readyReplicas", "Replicas that are ready."),
    { .name = "selector", .type = T_TEXT, .min = -1, .max = 1024, .doc = "Of the serving pods." },
    { .name = "url", .type = T_TEXT, .max = 1024, .doc = "Where it serves." },
    { .name = "address", .type = T_OBJECT, .sub = address_fields, .doc = "Where it serves." },
    { .name = "predictor", .type = T_OBJECT, .sub = status_predictor_fields, .open = true, .doc = "The serving pods." },
    { .name = "model", .type = T_OBJECT, .sub = status_model_fields, .open = true, .doc = "The model's download." },
    { .name = "redis", .type = T_OBJECT, .sub = status_redis_fields, .open = true, .doc = "The Redis Cluster." },
    { .name = "scaling", .type = T_OBJECT, .sub = status_scaling_fields, .open = true, .doc = "What is held." },
    { .name = "survives", .type = T_ANY, .doc = "What remains after the worst loss of a node or a zone." },
    { .name = "decisions", .type = T_LIST, .max = 8, .sub = decision_fields,
      .doc = "The last ones, for everserve why; written when the status is written anyway." },
    END,
};

const struct field schema_status = { .name = "status", .type = T_OBJECT, .sub = status_fields, .doc = "What is." };
