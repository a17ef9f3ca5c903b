/* Fields of core/v1, N to Z: facts of the public API (kube-apiserver 1.36), in the notation of schema_text.h. */
#include "sim/apiserver/schema_text.h"

const char *const types_core_b[] = {
    "@io.k8s.api.core.v1",
    "NodeSelectorRequirement key!:s operator!:s(DoesNotExist|Exists|Gt|In|Lt|NotIn) values:[s]",
    "NodeSelectorTerm@ matchExpressions:[NodeSelectorRequirement] matchFields:[NodeSelectorRequirement]",
    "NodeSpec configSource:NodeConfigSource externalID:s podCIDR:s podCIDRs:[s]=~ providerID:s "
      "taints:[Taint] unschedulable:b",
    "NodeStatus addresses:[NodeAddress]{type} allocatable:<q> capacity:<q> "
      "conditions:[NodeCondition]{type} config:NodeConfigStatus daemonEndpoints:NodeDaemonEndpoints "
      "declaredFeatures:[s] features:NodeFeatures images:[ContainerImage] nodeInfo:NodeSystemInfo "
      "phase:s(Pending|Running|Terminated) runtimeHandlers:[NodeRuntimeHandler] "
      "volumesAttached:[AttachedVolume] volumesInUse:[s]",
    "NodeSwapStatus capacity:l",
    "NodeSystemInfo architecture!:s bootID!:s containerRuntimeVersion!:s kernelVersion!:s "
      "kubeProxyVersion!:s kubeletVersion!:s machineID!:s operatingSystem!:s osImage!:s "
      "swap:NodeSwapStatus systemUUID!:s",
    "ObjectFieldSelector@ apiVersion:s fieldPath!:s",
    "ObjectReference@ apiVersion:s fieldPath:s kind:s name:s namespace:s resourceVersion:s uid:s",
    "PersistentVolume metadata:ObjectMeta spec:PersistentVolumeSpec status:PersistentVolumeStatus",
    "PersistentVolumeClaim metadata:ObjectMeta spec:PersistentVolumeClaimSpec "
      "status:PersistentVolumeClaimStatus",
    "PersistentVolumeClaimCondition lastProbeTime:t lastTransitionTime:t message:s reason:s status!:s "
      "type!:s",
    "PersistentVolumeClaimSpec "
      "accessModes:[s(ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod)] "
      "dataSource:TypedLocalObjectReference dataSourceRef:TypedObjectReference "
      "resources:VolumeResourceRequirements selector:LabelSelector storageClassName:s "
      "volumeAttributesClassName:s volumeMode:s(Block|Filesystem) volumeName:s",
    "PersistentVolumeClaimStatus "
      "accessModes:[s(ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod)] "
      "allocatedResourceStatuses:<s(ControllerResizeInProgress|ControllerResizeInfeasible|"
      "NodeResizeInProgress|NodeResizeInfeasible|NodeResizePending)> allocatedResources:<q> capacity:<q> "
      "conditions:[PersistentVolumeClaimCondition]{type} currentVolumeAttributesClassName:s "
      "modifyVolumeStatus:ModifyVolumeStatus phase:s(Bound|Lost|Pending)",
    "PersistentVolumeClaimTemplate metadata:ObjectMeta spec!:PersistentVolumeClaimSpec",
    "PersistentVolumeClaimVolumeSource claimName!:s readOnly:b",
    "PersistentVolumeSpec accessModes:[s(ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod)] "
      "awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource "
      "azureFile:AzureFilePersistentVolumeSource capacity:<q> cephfs:CephFSPersistentVolumeSource "
      "cinder:CinderPersistentVolumeSource claimRef:ObjectReference csi:CSIPersistentVolumeSource "
      "fc:FCVolumeSource flexVolume:FlexPersistentVolumeSource flocker:FlockerVolumeSource "
      "gcePersistentDisk:GCEPersistentDiskVolumeSource glusterfs:GlusterfsPersistentVolumeSource "
      "hostPath:HostPathVolumeSource iscsi:ISCSIPersistentVolumeSource local:LocalVolumeSource "
      "mountOptions:[s] nfs:NFSVolumeSource nodeAffinity:VolumeNodeAffinity "
      "persistentVolumeReclaimPolicy:s(Delete|Recycle|Retain) "
      "photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource "
      "quobyte:QuobyteVolumeSource rbd:RBDPersistentVolumeSource scaleIO:ScaleIOPersistentVolumeSource "
      "storageClassName:s storageos:StorageOSPersistentVolumeSource volumeAttributesClassName:s "
      "volumeMode:s(Block|Filesystem) vsphereVolume:VsphereVirtualDiskVolumeSource",
    "PersistentVolumeStatus lastPhaseTransitionTime:t message:s "
      "phase:s(Available|Bound|Failed|Pending|Released) reason:s",
    "PhotonPersistentDiskVolumeSource fsType:s pdID!:s",
    "Pod metadata:ObjectMeta spec:PodSpec status:PodStatus",
    "PodAffinity preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] "
      "requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]",
    "PodAffinityTerm labelSelector:LabelSelector matchLabelKeys:[s] mismatchLabelKeys:[s] "
      "namespaceSelector:LabelSelector namespaces:[s] topologyKey!:s",
    "PodAntiAffinity preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] "
      "requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]",
    "PodCertificateProjection certificateChainPath:s credentialBundlePath:s keyPath:s keyType!:s "
      "maxExpirationSeconds:i signerName!:s userAnnotations:<s>",
    "PodCondition lastProbeTime:t lastTransitionTime:t message:s observedGeneration:l reason:s status!:s "
      "type!:s",
    "PodDNSConfig nameservers:[s] options:[PodDNSConfigOption] searches:[s]",
    "PodDNSConfigOption name:s value:s",
    "PodExtendedResourceClaimStatus requestMappings!:[ContainerExtendedResourceRequest] "
      "resourceClaimName!:s",
    "PodIP ip!:s",
    "PodOS name!:s",
    "PodReadinessGate conditionType!:s",
    "PodResourceClaim name!:s resourceClaimName:s resourceClaimTemplateName:s",
    "PodResourceClaimStatus name!:s resourceClaimName:s",
    "PodSchedulingGate name!:s",
    "PodSchedulingGroup podGroupName:s",
    "PodSecurityContext appArmorProfile:AppArmorProfile fsGroup:l "
      "fsGroupChangePolicy:s(Always|OnRootMismatch) runAsGroup:l runAsNonRoot:b runAsUser:l "
      "seLinuxChangePolicy:s seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile "
      "supplementalGroups:[l] supplementalGroupsPolicy:s(Merge|Strict) sysctls:[Sysctl] "
      "windowsOptions:WindowsSecurityContextOptions",
    "PodSpec activeDeadlineSeconds:l affinity:Affinity automountServiceAccountToken:b "
      "containers!:[Container]{name} dnsConfig:PodDNSConfig "
      "dnsPolicy:s(ClusterFirst|ClusterFirstWithHostNet|Default|None) enableServiceLinks:b "
      "ephemeralContainers:[EphemeralContainer]{name} hostAliases:[HostAlias]{ip} hostIPC:b hostNetwork:b "
      "hostPID:b hostUsers:b hostname:s hostnameOverride:s imagePullSecrets:[LocalObjectReference]{name} "
      "initContainers:[Container]{name} nodeName:s nodeSelector:<s>@ os:PodOS overhead:<q> "
      "preemptionPolicy:s(Never|PreemptLowerPriority) priority:i priorityClassName:s "
      "readinessGates:[PodReadinessGate] resourceClaims:[PodResourceClaim]{name}^ "
      "resources:ResourceRequirements restartPolicy:s(Always|Never|OnFailure) runtimeClassName:s "
      "schedulerName:s schedulingGates:[PodSchedulingGate]{name} schedulingGroup:PodSchedulingGroup "
      "securityContext:PodSecurityContext serviceAccount:s serviceAccountName:s setHostnameAsFQDN:b "
      "shareProcessNamespace:b subdomain:s terminationGracePeriodSeconds:l tolerations:[Toleration] "
      "topologySpreadConstraints:[TopologySpreadConstraint]{topologyKey,whenUnsatisfiable} "
      "volumes:[Volume]{name}^",
    "PodStatus allocatedResources:<q> conditions:[PodCondition]{type} "
      "containerStatuses:[ContainerStatus] ephemeralContainerStatuses:[ContainerStatus] "
      "extendedResourceClaimStatus:PodExtendedResourceClaimStatus hostIP:s hostIPs:[HostIP]~ip "
      "initContainerStatuses:[ContainerStatus] message:s "
      "nodeAllocatableResourceClaimStatuses:[NodeAllocatableResourceClaimStatus] nominatedNodeName:s "
      "observedGeneration:l phase:s(Failed|Pending|Running|Succeeded|Unknown) podIP:s podIPs:[PodIP]{ip} "
      "qosClass:s(BestEffort|Burstable|Guaranteed) reason:s resize:s "
      "resourceClaimStatuses:[PodResourceClaimStatus]{name}^ resources:ResourceRequirements startTime:t",
    "PodTemplate metadata:ObjectMeta template:PodTemplateSpec",
    "PodTemplateSpec metadata:ObjectMeta spec:PodSpec",
    "PortStatus error:s port!:i protocol!:s(SCTP|TCP|UDP)",
    "PortworxVolumeSource fsType:s readOnly:b volumeID!:s",
    "PreferredSchedulingTerm preference!:NodeSelectorTerm weight!:i",
    "Probe exec:ExecAction failureThreshold:i grpc:GRPCAction httpGet:HTTPGetAction "
      "initialDelaySeconds:i periodSeconds:i successThreshold:i tcpSocket:TCPSocketAction "
      "terminationGracePeriodSeconds:l timeoutSeconds:i",
    "ProjectedVolumeSource defaultMode:i sources:[VolumeProjection]",
    "QuobyteVolumeSource group:s readOnly:b registry!:s tenant:s user:s volume!:s",
    "RBDPersistentVolumeSource fsType:s image!:s keyring:s monitors!:[s] pool:s readOnly:b "
      "secretRef:SecretReference user:s",
    "RBDVolumeSource fsType:s image!:s keyring:s monitors!:[s] pool:s readOnly:b "
      "secretRef:LocalObjectReference user:s",
    "ReplicationController metadata:ObjectMeta spec:ReplicationControllerSpec "
      "status:ReplicationControllerStatus",
    "ReplicationControllerCondition lastTransitionTime:t message:s reason:s status!:s type!:s",
    "ReplicationControllerSpec minReadySeconds:i replicas:i selector:<s>@ template:PodTemplateSpec",
    "ReplicationControllerStatus availableReplicas:i conditions:[ReplicationControllerCondition]{type} "
      "fullyLabeledReplicas:i observedGeneration:l readyReplicas:i replicas!:i",
    "ResourceClaim name!:s request:s",
    "ResourceFieldSelector@ containerName:s divisor:q resource!:s",
    "ResourceHealth health:s message:s resourceID!:s",
    "ResourceQuota metadata:ObjectMeta spec:ResourceQuotaSpec status:ResourceQuotaStatus",
    "ResourceQuotaSpec hard:<q> scopeSelector:ScopeSelector "
      "scopes:[s(BestEffort|CrossNamespacePodAffinity|NotBestEffort|NotTerminating|PriorityClass|"
      "Terminating|VolumeAttributesClass)]",
    "ResourceQuotaStatus hard:<q> used:<q>",
    "ResourceRequirements claims:[ResourceClaim]{name}!~ limits:<q> requests:<q>",
    "ResourceStatus name!:s resources:[ResourceHealth]{resourceID}!~",
    "SELinuxOptions level:s role:s type:s user:s",
    "ScaleIOPersistentVolumeSource fsType:s gateway!:s protectionDomain:s readOnly:b "
      "secretRef!:SecretReference sslEnabled:b storageMode:s storagePool:s system!:s volumeName:s",
    "ScaleIOVolumeSource fsType:s gateway!:s protectionDomain:s readOnly:b "
      "secretRef!:LocalObjectReference sslEnabled:b storageMode:s storagePool:s system!:s volumeName:s",
    "ScopeSelector@ matchExpressions:[ScopedResourceSelectorRequirement]",
    "ScopedResourceSelectorRequirement operator!:s(DoesNotExist|Exists|In|NotIn) "
      "scopeName!:s(BestEffort|CrossNamespacePodAffinity|NotBestEffort|NotTerminating|"
      "PriorityClass|Terminating|VolumeAttributesClass) values:[s]",
    "SeccompProfile localhostProfile:s type!:s(Localhost|RuntimeDefault|Unconfined)",
    "Secret data:<y> immutable:b metadata:ObjectMeta stringData:<s> type:s",
    "SecretEnvSource name:s optional:b",
    "SecretKeySelector@ key!:s name:s optional:b",
    "SecretProjection items:[KeyToPath] name:s optional:b",
    "SecretReference@ name:s namespace:s",
    "SecretVolumeSource defaultMode:i items:[KeyToPath] optional:b secretName:s",
    "SecurityContext allowPrivilegeEscalation:b appArmorProfile:AppArmorProfile "
      "capabilities:Capabilities privileged:b procMount:s(Default|Unmasked) readOnlyRootFilesystem:b "
      "runAsGroup:l runAsNonRoot:b runAsUser:l seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile "
      "windowsOptions:WindowsSecurityContextOptions",
    "Service metadata:ObjectMeta spec:ServiceSpec status:ServiceStatus",
    "ServiceAccount automountServiceAccountToken:b imagePullSecrets:[LocalObjectReference] "
      "metadata:ObjectMeta secrets:[ObjectReference]{name}",
    "ServiceAccountTokenProjection audience:s expirationSeconds:l path!:s",
    "ServicePort appProtocol:s name:s nodePort:i port!:i protocol:s(SCTP|TCP|UDP)%TCP targetPort:x",
    "ServiceSpec allocateLoadBalancerNodePorts:b clusterIP:s clusterIPs:[s] externalIPs:[s] "
      "externalName:s externalTrafficPolicy:s(Cluster|Local) healthCheckNodePort:i "
      "internalTrafficPolicy:s(Cluster|Local) ipFamilies:[s(|IPv4|IPv6)] "
      "ipFamilyPolicy:s(PreferDualStack|RequireDualStack|SingleStack) loadBalancerClass:s loadBalancerIP:s "
      "loadBalancerSourceRanges:[s] ports:[ServicePort]{port,protocol} publishNotReadyAddresses:b "
      "selector:<s>@ sessionAffinity:s(ClientIP|None) sessionAffinityConfig:SessionAffinityConfig "
      "trafficDistribution:s type:s(ClusterIP|ExternalName|LoadBalancer|NodePort)",
    "ServiceStatus conditions:[Condition]{type} loadBalancer:LoadBalancerStatus",
    "SessionAffinityConfig clientIP:ClientIPConfig",
    "SleepAction seconds!:l",
    "StorageOSPersistentVolumeSource fsType:s readOnly:b secretRef:ObjectReference volumeName:s "
      "volumeNamespace:s",
    "StorageOSVolumeSource fsType:s readOnly:b secretRef:LocalObjectReference volumeName:s "
      "volumeNamespace:s",
    "Sysctl name!:s value!:s",
    "TCPSocketAction host:s port!:x",
    "Taint effect!:s(NoExecute|NoSchedule|PreferNoSchedule) key!:s timeAdded:t value:s",
    "Toleration effect:s(NoExecute|NoSchedule|PreferNoSchedule) key:s operator:s(Equal|Exists|Gt|Lt) "
      "tolerationSeconds:l value:s",
    "TopologySelectorLabelRequirement key!:s values!:[s]",
    "TopologySelectorTerm@ matchLabelExpressions:[TopologySelectorLabelRequirement]",
    "TopologySpreadConstraint labelSelector:LabelSelector matchLabelKeys:[s] maxSkew!:i minDomains:i "
      "nodeAffinityPolicy:s(Honor|Ignore) nodeTaintsPolicy:s(Honor|Ignore) topologyKey!:s "
      "whenUnsatisfiable!:s(DoNotSchedule|ScheduleAnyway)",
    "TypedLocalObjectReference@ apiGroup:s kind!:s name!:s",
    "TypedObjectReference apiGroup:s kind!:s name!:s namespace:s",
    "Volume awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource "
      "azureFile:AzureFileVolumeSource cephfs:CephFSVolumeSource cinder:CinderVolumeSource "
      "configMap:ConfigMapVolumeSource csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource "
      "emptyDir:EmptyDirVolumeSource ephemeral:EphemeralVolumeSource fc:FCVolumeSource "
      "flexVolume:FlexVolumeSource flocker:FlockerVolumeSource "
      "gcePersistentDisk:GCEPersistentDiskVolumeSource gitRepo:GitRepoVolumeSource "
      "glusterfs:GlusterfsVolumeSource hostPath:HostPathVolumeSource image:ImageVolumeSource "
      "iscsi:ISCSIVolumeSource name!:s nfs:NFSVolumeSource "
      "persistentVolumeClaim:PersistentVolumeClaimVolumeSource "
      "photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource "
      "projected:ProjectedVolumeSource quobyte:QuobyteVolumeSource rbd:RBDVolumeSource "
      "scaleIO:ScaleIOVolumeSource secret:SecretVolumeSource storageos:StorageOSVolumeSource "
      "vsphereVolume:VsphereVirtualDiskVolumeSource",
    "VolumeDevice devicePath!:s name!:s",
    "VolumeMount mountPath!:s mountPropagation:s(Bidirectional|HostToContainer|None) name!:s readOnly:b "
      "recursiveReadOnly:s subPath:s subPathExpr:s",
    "VolumeMountStatus mountPath!:s name!:s readOnly:b recursiveReadOnly:s volumeStatus:VolumeStatus",
    "VolumeNodeAffinity required:NodeSelector",
    "VolumeProjection clusterTrustBundle:ClusterTrustBundleProjection configMap:ConfigMapProjection "
      "downwardAPI:DownwardAPIProjection podCertificate:PodCertificateProjection secret:SecretProjection "
      "serviceAccountToken:ServiceAccountTokenProjection",
    "VolumeResourceRequirements limits:<q> requests:<q>",
    "VolumeStatus image:ImageVolumeStatus",
    "VsphereVirtualDiskVolumeSource fsType:s storagePolicyID:s storagePolicyName:s volumePath!:s",
    "WeightedPodAffinityTerm podAffinityTerm!:PodAffinityTerm weight!:i",
    "WindowsSecurityContextOptions gmsaCredentialSpec:s gmsaCredentialSpecName:s hostProcess:b "
      "runAsUserName:s",
    NULL,
};
