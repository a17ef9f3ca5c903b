/* Fields of the other groups: facts of the public API (kube-apiserver 1.36), in the notation of schema_text.h. */
#include "sim/apiserver/schema_text.h"

const char *const types_other[] = {
    "@io.k8s.apimachinery.pkg.apis.meta.v1",
    "Condition lastTransitionTime!:t message!:s observedGeneration:l reason!:s status!:s type!:s",
    "DeleteOptions dryRun:[s] gracePeriodSeconds:l ignoreStoreReadErrorWithClusterBreakingPotential:b "
      "orphanDependents:b preconditions:Preconditions propagationPolicy:s",
    "FieldSelectorRequirement key!:s operator!:s values:[s]",
    "LabelSelector@ matchExpressions:[LabelSelectorRequirement] matchLabels:<s>",
    "LabelSelectorRequirement key!:s operator!:s values:[s]",
    "ManagedFieldsEntry apiVersion:s fieldsType:s fieldsV1:* manager:s operation:s subresource:s time:t",
    "ObjectMeta annotations:<s> creationTimestamp:t deletionGracePeriodSeconds:l deletionTimestamp:t "
      "finalizers:[s]=~ generateName:s generation:l labels:<s> managedFields:[ManagedFieldsEntry] name:s "
      "namespace:s ownerReferences:[OwnerReference]{uid} resourceVersion:s selfLink:s uid:s",
    "OwnerReference@ apiVersion!:s blockOwnerDeletion:b controller:b kind!:s name!:s uid!:s",
    "Preconditions resourceVersion:s uid:s",
    "@io.k8s.api.apps.v1",
    "ControllerRevision data:* metadata:ObjectMeta revision!:l",
    "DaemonSet metadata:ObjectMeta spec:DaemonSetSpec status:DaemonSetStatus",
    "DaemonSetCondition lastTransitionTime:t message:s reason:s status!:s type!:s",
    "DaemonSetSpec minReadySeconds:i revisionHistoryLimit:i selector!:LabelSelector "
      "template!:PodTemplateSpec updateStrategy:DaemonSetUpdateStrategy",
    "DaemonSetStatus collisionCount:i conditions:[DaemonSetCondition]{type} currentNumberScheduled!:i "
      "desiredNumberScheduled!:i numberAvailable:i numberMisscheduled!:i numberReady!:i "
      "numberUnavailable:i observedGeneration:l updatedNumberScheduled:i",
    "DaemonSetUpdateStrategy rollingUpdate:RollingUpdateDaemonSet type:s(OnDelete|RollingUpdate)",
    "Deployment metadata:ObjectMeta spec:DeploymentSpec status:DeploymentStatus",
    "DeploymentCondition lastTransitionTime:t lastUpdateTime:t message:s reason:s status!:s type!:s",
    "DeploymentSpec minReadySeconds:i paused:b progressDeadlineSeconds:i replicas:i "
      "revisionHistoryLimit:i selector!:LabelSelector strategy:DeploymentStrategy^ "
      "template!:PodTemplateSpec",
    "DeploymentStatus availableReplicas:i collisionCount:i conditions:[DeploymentCondition]{type} "
      "observedGeneration:l readyReplicas:i replicas:i terminatingReplicas:i unavailableReplicas:i "
      "updatedReplicas:i",
    "DeploymentStrategy rollingUpdate:RollingUpdateDeployment type:s(Recreate|RollingUpdate)",
    "ReplicaSet metadata:ObjectMeta spec:ReplicaSetSpec status:ReplicaSetStatus",
    "ReplicaSetCondition lastTransitionTime:t message:s reason:s status!:s type!:s",
    "ReplicaSetSpec minReadySeconds:i replicas:i selector!:LabelSelector template:PodTemplateSpec",
    "ReplicaSetStatus availableReplicas:i conditions:[ReplicaSetCondition]{type} fullyLabeledReplicas:i "
      "observedGeneration:l readyReplicas:i replicas!:i terminatingReplicas:i",
    "RollingUpdateDaemonSet maxSurge:x maxUnavailable:x",
    "RollingUpdateDeployment maxSurge:x maxUnavailable:x",
    "RollingUpdateStatefulSetStrategy maxUnavailable:x partition:i",
    "StatefulSet metadata:ObjectMeta spec:StatefulSetSpec status:StatefulSetStatus",
    "StatefulSetCondition lastTransitionTime:t message:s reason:s status!:s type!:s",
    "StatefulSetOrdinals start:i",
    "StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted:s whenScaled:s",
    "StatefulSetSpec minReadySeconds:i ordinals:StatefulSetOrdinals "
      "persistentVolumeClaimRetentionPolicy:StatefulSetPersistentVolumeClaimRetentionPolicy "
      "podManagementPolicy:s(OrderedReady|Parallel) replicas:i revisionHistoryLimit:i "
      "selector!:LabelSelector serviceName:s template!:PodTemplateSpec "
      "updateStrategy:StatefulSetUpdateStrategy volumeClaimTemplates:[PersistentVolumeClaim]",
    "StatefulSetStatus availableReplicas:i collisionCount:i conditions:[StatefulSetCondition]{type} "
      "currentReplicas:i currentRevision:s observedGeneration:l readyReplicas:i replicas!:i "
      "updateRevision:s updatedReplicas:i",
    "StatefulSetUpdateStrategy rollingUpdate:RollingUpdateStatefulSetStrategy "
      "type:s(OnDelete|RollingUpdate)",
    "@io.k8s.api.autoscaling.v2",
    "ContainerResourceMetricSource container!:s name!:s target!:MetricTarget",
    "ContainerResourceMetricStatus container!:s current!:MetricValueStatus name!:s",
    "CrossVersionObjectReference apiVersion:s kind!:s name!:s",
    "ExternalMetricSource metric!:MetricIdentifier target!:MetricTarget",
    "ExternalMetricStatus current!:MetricValueStatus metric!:MetricIdentifier",
    "HPAScalingPolicy periodSeconds!:i type!:s value!:i",
    "HPAScalingRules policies:[HPAScalingPolicy] selectPolicy:s stabilizationWindowSeconds:i tolerance:q",
    "HorizontalPodAutoscaler metadata:ObjectMeta spec!:HorizontalPodAutoscalerSpec "
      "status:HorizontalPodAutoscalerStatus",
    "HorizontalPodAutoscalerBehavior scaleDown:HPAScalingRules scaleUp:HPAScalingRules",
    "HorizontalPodAutoscalerCondition lastTransitionTime:t message:s reason:s status!:s type!:s",
    "HorizontalPodAutoscalerSpec behavior:HorizontalPodAutoscalerBehavior maxReplicas!:i "
      "metrics:[MetricSpec] minReplicas:i scaleTargetRef!:CrossVersionObjectReference",
    "HorizontalPodAutoscalerStatus conditions:[HorizontalPodAutoscalerCondition]{type} "
      "currentMetrics:[MetricStatus] currentReplicas:i desiredReplicas!:i lastScaleTime:t "
      "observedGeneration:l",
    "MetricIdentifier name!:s selector:LabelSelector",
    "MetricSpec containerResource:ContainerResourceMetricSource external:ExternalMetricSource "
      "object:ObjectMetricSource pods:PodsMetricSource resource:ResourceMetricSource type!:s",
    "MetricStatus containerResource:ContainerResourceMetricStatus external:ExternalMetricStatus "
      "object:ObjectMetricStatus pods:PodsMetricStatus resource:ResourceMetricStatus type!:s",
    "MetricTarget averageUtilization:i averageValue:q type!:s value:q",
    "MetricValueStatus averageUtilization:i averageValue:q value:q",
    "ObjectMetricSource describedObject!:CrossVersionObjectReference metric!:MetricIdentifier "
      "target!:MetricTarget",
    "ObjectMetricStatus current!:MetricValueStatus describedObject!:CrossVersionObjectReference "
      "metric!:MetricIdentifier",
    "PodsMetricSource metric!:MetricIdentifier target!:MetricTarget",
    "PodsMetricStatus current!:MetricValueStatus metric!:MetricIdentifier",
    "ResourceMetricSource name!:s target!:MetricTarget",
    "ResourceMetricStatus current!:MetricValueStatus name!:s",
    "@io.k8s.api.autoscaling.v1",
    "Scale metadata:ObjectMeta spec:ScaleSpec status:ScaleStatus",
    "ScaleSpec replicas:i",
    "ScaleStatus replicas!:i selector:s",
    "@io.k8s.api.batch.v1",
    "CronJob metadata:ObjectMeta spec:CronJobSpec status:CronJobStatus",
    "CronJobSpec concurrencyPolicy:s(Allow|Forbid|Replace) failedJobsHistoryLimit:i jobTemplate!:JobTemplateSpec schedule!:s "
      "startingDeadlineSeconds:l successfulJobsHistoryLimit:i suspend:b timeZone:s",
    "CronJobStatus active:[ObjectReference]@ lastScheduleTime:t lastSuccessfulTime:t",
    "Job metadata:ObjectMeta spec:JobSpec status:JobStatus",
    "JobCondition lastProbeTime:t lastTransitionTime:t message:s reason:s status!:s type!:s",
    "JobSpec activeDeadlineSeconds:l backoffLimit:i completionMode:s completions:i manualSelector:b parallelism:i "
      "podReplacementPolicy:s selector:LabelSelector suspend:b template!:PodTemplateSpec ttlSecondsAfterFinished:i",
    "JobStatus active:i completionTime:t conditions:[JobCondition]{type} failed:i ready:i startTime:t succeeded:i "
      "terminating:i",
    "JobTemplateSpec metadata:ObjectMeta spec:JobSpec",
    "@io.k8s.api.policy.v1",
    "Eviction deleteOptions:DeleteOptions metadata:ObjectMeta",
    "PodDisruptionBudget metadata:ObjectMeta spec:PodDisruptionBudgetSpec "
      "status:PodDisruptionBudgetStatus",
    "PodDisruptionBudgetSpec maxUnavailable:x minAvailable:x selector:LabelSelector$ "
      "unhealthyPodEvictionPolicy:s(AlwaysAllow|IfHealthyBudget)",
    "PodDisruptionBudgetStatus conditions:[Condition]{type} currentHealthy:i desiredHealthy:i "
      "disruptedPods:<t> disruptionsAllowed:i expectedPods:i observedGeneration:l",
    "@io.k8s.api.coordination.v1",
    "Lease metadata:ObjectMeta spec:LeaseSpec",
    "LeaseSpec acquireTime:u holderIdentity:s leaseDurationSeconds:i leaseTransitions:i "
      "preferredHolder:s renewTime:u strategy:s",
    "@io.k8s.api.events.v1",
    "Event action:s deprecatedCount:i deprecatedFirstTimestamp:t deprecatedLastTimestamp:t "
      "deprecatedSource:EventSource eventTime!:u metadata:ObjectMeta note:s reason:s "
      "regarding:ObjectReference related:ObjectReference reportingController:s reportingInstance:s "
      "series:EventSeries type:s",
    "EventSeries count!:i lastObservedTime!:u",
    "@io.k8s.api.discovery.v1",
    "Endpoint addresses!:[s]= conditions:EndpointConditions deprecatedTopology:<s> hints:EndpointHints "
      "hostname:s nodeName:s targetRef:ObjectReference zone:s",
    "EndpointConditions ready:b serving:b terminating:b",
    "EndpointHints forNodes:[ForNode] forZones:[ForZone]",
    "EndpointPort@ appProtocol:s name:s port:i protocol:s(SCTP|TCP|UDP)",
    "EndpointSlice addressType!:s(FQDN|IPv4|IPv6) endpoints:[Endpoint] metadata:ObjectMeta "
      "ports:[EndpointPort]",
    "ForNode name!:s",
    "ForZone name!:s",
    "@io.k8s.api.networking.v1",
    "HTTPIngressPath backend!:IngressBackend path:s pathType!:s(Exact|ImplementationSpecific|Prefix)",
    "HTTPIngressRuleValue paths!:[HTTPIngressPath]",
    "IPBlock cidr!:s except:[s]",
    "Ingress metadata:ObjectMeta spec:IngressSpec status:IngressStatus",
    "IngressBackend resource:TypedLocalObjectReference service:IngressServiceBackend",
    "IngressClass metadata:ObjectMeta spec:IngressClassSpec",
    "IngressClassParametersReference apiGroup:s kind!:s name!:s namespace:s scope:s",
    "IngressClassSpec controller:s parameters:IngressClassParametersReference",
    "IngressLoadBalancerIngress hostname:s ip:s ports:[IngressPortStatus]",
    "IngressLoadBalancerStatus ingress:[IngressLoadBalancerIngress]",
    "IngressPortStatus error:s port!:i protocol!:s(SCTP|TCP|UDP)",
    "IngressRule host:s http:HTTPIngressRuleValue",
    "IngressServiceBackend name!:s port:ServiceBackendPort",
    "IngressSpec defaultBackend:IngressBackend ingressClassName:s rules:[IngressRule] tls:[IngressTLS]",
    "IngressStatus loadBalancer:IngressLoadBalancerStatus",
    "IngressTLS hosts:[s] secretName:s",
    "NetworkPolicy metadata:ObjectMeta spec:NetworkPolicySpec",
    "NetworkPolicyEgressRule ports:[NetworkPolicyPort] to:[NetworkPolicyPeer]",
    "NetworkPolicyIngressRule from:[NetworkPolicyPeer] ports:[NetworkPolicyPort]",
    "NetworkPolicyPeer ipBlock:IPBlock namespaceSelector:LabelSelector podSelector:LabelSelector",
    "NetworkPolicyPort endPort:i port:x protocol:s(SCTP|TCP|UDP)",
    "NetworkPolicySpec egress:[NetworkPolicyEgressRule] ingress:[NetworkPolicyIngressRule] "
      "podSelector:LabelSelector policyTypes:[s(Egress|Ingress)]",
    "ServiceBackendPort@ name:s number:i",
    "@io.k8s.api.storage.v1",
    "CSINode metadata:ObjectMeta spec!:CSINodeSpec",
    "CSINodeDriver allocatable:VolumeNodeResources name!:s nodeID!:s topologyKeys:[s]",
    "CSINodeSpec drivers!:[CSINodeDriver]{name}",
    "StorageClass allowVolumeExpansion:b allowedTopologies:[TopologySelectorTerm] metadata:ObjectMeta "
      "mountOptions:[s] parameters:<s> provisioner!:s reclaimPolicy:s(Delete|Recycle|Retain) "
      "volumeBindingMode:s(Immediate|WaitForFirstConsumer)",
    "VolumeNodeResources count:i",
    "@io.k8s.api.scheduling.v1",
    "PriorityClass description:s globalDefault:b metadata:ObjectMeta "
      "preemptionPolicy:s(Never|PreemptLowerPriority) value:i",
    "@io.k8s.api.rbac.v1",
    "AggregationRule clusterRoleSelectors:[LabelSelector]",
    "ClusterRole aggregationRule:AggregationRule metadata:ObjectMeta rules:[PolicyRule]",
    "ClusterRoleBinding metadata:ObjectMeta roleRef!:RoleRef subjects:[Subject]",
    "PolicyRule apiGroups:[s] nonResourceURLs:[s] resourceNames:[s] resources:[s] verbs!:[s]",
    "Role metadata:ObjectMeta rules:[PolicyRule]",
    "RoleBinding metadata:ObjectMeta roleRef!:RoleRef subjects:[Subject]",
    "RoleRef@ apiGroup:s kind!:s name!:s",
    "Subject@ apiGroup:s kind!:s name!:s namespace:s",
    "@io.k8s.api.authentication.v1",
    "BoundObjectReference apiVersion:s kind:s name:s uid:s",
    "TokenRequest metadata:ObjectMeta spec:TokenRequestSpec status:TokenRequestStatus",
    "TokenRequestSpec audiences:[s] boundObjectRef:BoundObjectReference expirationSeconds:l",
    "TokenRequestStatus expirationTimestamp:t token:s",
    "TokenReview metadata:ObjectMeta spec!:TokenReviewSpec status:TokenReviewStatus",
    "TokenReviewSpec audiences:[s] token!:s",
    "TokenReviewStatus audiences:[s] authenticated:b error:s user:UserInfo",
    "UserInfo extra:<[s]> groups:[s] uid:s username:s",
    "@io.k8s.api.authorization.v1",
    "FieldSelectorAttributes rawSelector:s requirements:[FieldSelectorRequirement]",
    "LabelSelectorAttributes rawSelector:s requirements:[LabelSelectorRequirement]",
    "NonResourceAttributes path:s verb:s",
    "ResourceAttributes fieldSelector:FieldSelectorAttributes group:s "
      "labelSelector:LabelSelectorAttributes name:s namespace:s resource:s subresource:s verb:s version:s",
    "SelfSubjectAccessReview metadata:ObjectMeta spec!:SelfSubjectAccessReviewSpec "
      "status:SubjectAccessReviewStatus",
    "SelfSubjectAccessReviewSpec nonResourceAttributes:NonResourceAttributes "
      "resourceAttributes:ResourceAttributes",
    "SubjectAccessReview metadata:ObjectMeta spec!:SubjectAccessReviewSpec "
      "status:SubjectAccessReviewStatus",
    "SubjectAccessReviewSpec extra:<[s]> groups:[s] nonResourceAttributes:NonResourceAttributes "
      "resourceAttributes:ResourceAttributes uid:s user:s",
    "SubjectAccessReviewStatus allowed!:b denied:b evaluationError:s reason:s",
    "@io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    "CustomResourceColumnDefinition description:s format:s jsonPath!:s name!:s priority:i type!:s",
    "CustomResourceConversion strategy!:s webhook:WebhookConversion",
    "CustomResourceDefinition metadata:ObjectMeta spec!:CustomResourceDefinitionSpec "
      "status:CustomResourceDefinitionStatus",
    "CustomResourceDefinitionCondition lastTransitionTime:t message:s observedGeneration:l reason:s "
      "status!:s type!:s",
    "CustomResourceDefinitionNames categories:[s] kind!:s listKind:s plural!:s shortNames:[s] singular:s",
    "CustomResourceDefinitionSpec conversion:CustomResourceConversion group!:s "
      "names!:CustomResourceDefinitionNames preserveUnknownFields:b scope!:s "
      "versions!:[CustomResourceDefinitionVersion]",
    "CustomResourceDefinitionStatus acceptedNames:CustomResourceDefinitionNames "
      "conditions:[CustomResourceDefinitionCondition]{type}!~ observedGeneration:l storedVersions:[s]",
    "CustomResourceDefinitionVersion additionalPrinterColumns:[CustomResourceColumnDefinition] "
      "deprecated:b deprecationWarning:s name!:s schema:CustomResourceValidation "
      "selectableFields:[SelectableField] served!:b storage!:b subresources:CustomResourceSubresources",
    "CustomResourceSubresourceScale labelSelectorPath:s specReplicasPath!:s statusReplicasPath!:s",
    "CustomResourceSubresourceStatus",
    "CustomResourceSubresources scale:CustomResourceSubresourceScale "
      "status:CustomResourceSubresourceStatus",
    "CustomResourceValidation openAPIV3Schema:*",
    "SelectableField jsonPath!:s",
    "ServiceReference name!:s namespace!:s path:s port:i",
    "WebhookClientConfig caBundle:y service:ServiceReference url:s",
    "WebhookConversion clientConfig:WebhookClientConfig conversionReviewVersions!:[s]",
    NULL,
};
