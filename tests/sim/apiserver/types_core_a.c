/* Fields of core/v1, A to N: facts of the public API (kube-apiserver 1.36), in the notation of schema_text.h. */
#include "sim/apiserver/schema_text.h"

const char *const types_core_a[] = {
    "@io.k8s.api.core.v1",
    "AWSElasticBlockStoreVolumeSource fsType:s partition:i readOnly:b volumeID!:s",
    "Affinity nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity",
    "AppArmorProfile localhostProfile:s type!:s(Localhost|RuntimeDefault|Unconfined)",
    "AttachedVolume devicePath!:s name!:s",
    "AzureDiskVolumeSource cachingMode:s(None|ReadOnly|ReadWrite) diskName!:s diskURI!:s fsType:s "
      "kind:s(Dedicated|Managed|Shared) readOnly:b",
    "AzureFilePersistentVolumeSource readOnly:b secretName!:s secretNamespace:s shareName!:s",
    "AzureFileVolumeSource readOnly:b secretName!:s shareName!:s",
    "Binding metadata:ObjectMeta target!:ObjectReference",
    "CSIPersistentVolumeSource controllerExpandSecretRef:SecretReference "
      "controllerPublishSecretRef:SecretReference driver!:s fsType:s nodeExpandSecretRef:SecretReference "
      "nodePublishSecretRef:SecretReference nodeStageSecretRef:SecretReference readOnly:b "
      "volumeAttributes:<s> volumeHandle!:s",
    "CSIVolumeSource driver!:s fsType:s nodePublishSecretRef:LocalObjectReference readOnly:b "
      "volumeAttributes:<s>",
    "Capabilities add:[s] drop:[s]",
    "CephFSPersistentVolumeSource monitors!:[s] path:s readOnly:b secretFile:s secretRef:SecretReference "
      "user:s",
    "CephFSVolumeSource monitors!:[s] path:s readOnly:b secretFile:s secretRef:LocalObjectReference "
      "user:s",
    "CinderPersistentVolumeSource fsType:s readOnly:b secretRef:SecretReference volumeID!:s",
    "CinderVolumeSource fsType:s readOnly:b secretRef:LocalObjectReference volumeID!:s",
    "ClientIPConfig timeoutSeconds:i",
    "ClusterTrustBundleProjection labelSelector:LabelSelector name:s optional:b path!:s signerName:s",
    "ConfigMap binaryData:<y> data:<s> immutable:b metadata:ObjectMeta",
    "ConfigMapEnvSource name:s optional:b",
    "ConfigMapKeySelector@ key!:s name:s optional:b",
    "ConfigMapNodeConfigSource kubeletConfigKey!:s name!:s namespace!:s resourceVersion:s uid:s",
    "ConfigMapProjection items:[KeyToPath] name:s optional:b",
    "ConfigMapVolumeSource defaultMode:i items:[KeyToPath] name:s optional:b",
    "Container args:[s] command:[s] env:[EnvVar]{name} envFrom:[EnvFromSource] image:s "
      "imagePullPolicy:s(Always|IfNotPresent|Never) lifecycle:Lifecycle livenessProbe:Probe name!:s "
      "ports:[ContainerPort]{containerPort,protocol} readinessProbe:Probe "
      "resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements restartPolicy:s "
      "restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe "
      "stdin:b stdinOnce:b terminationMessagePath:s terminationMessagePolicy:s(FallbackToLogsOnError|File) "
      "tty:b volumeDevices:[VolumeDevice]{devicePath} volumeMounts:[VolumeMount]{mountPath} workingDir:s",
    "ContainerExtendedResourceRequest containerName!:s requestName!:s resourceName!:s",
    "ContainerImage names:[s] sizeBytes:l",
    "ContainerPort containerPort!:i hostIP:s hostPort:i name:s protocol:s(SCTP|TCP|UDP)%TCP",
    "ContainerResizePolicy resourceName!:s restartPolicy!:s",
    "ContainerRestartRule action!:s exitCodes:ContainerRestartRuleOnExitCodes",
    "ContainerRestartRuleOnExitCodes operator!:s values:[i]=",
    "ContainerState running:ContainerStateRunning terminated:ContainerStateTerminated "
      "waiting:ContainerStateWaiting",
    "ContainerStateRunning startedAt:t",
    "ContainerStateTerminated containerID:s exitCode!:i finishedAt:t message:s reason:s signal:i "
      "startedAt:t",
    "ContainerStateWaiting message:s reason:s",
    "ContainerStatus allocatedResources:<q> allocatedResourcesStatus:[ResourceStatus]{name} "
      "containerID:s image!:s imageID!:s lastState:ContainerState name!:s ready!:b "
      "resources:ResourceRequirements restartCount!:i started:b state:ContainerState "
      "stopSignal:s(SIGABRT|SIGALRM|SIGBUS|SIGCHLD|SIGCLD|SIGCONT|SIGFPE|SIGHUP|SIGILL|SIGINT|"
      "SIGIO|SIGIOT|SIGKILL|SIGPIPE|SIGPOLL|SIGPROF|SIGPWR|SIGQUIT|SIGRTMAX|SIGRTMAX-1|"
      "SIGRTMAX-10|SIGRTMAX-11|SIGRTMAX-12|SIGRTMAX-13|SIGRTMAX-14|SIGRTMAX-2|SIGRTMAX-3|"
      "SIGRTMAX-4|SIGRTMAX-5|SIGRTMAX-6|SIGRTMAX-7|SIGRTMAX-8|SIGRTMAX-9|SIGRTMIN|SIGRTMIN+1|"
      "SIGRTMIN+10|SIGRTMIN+11|SIGRTMIN+12|SIGRTMIN+13|SIGRTMIN+14|SIGRTMIN+15|SIGRTMIN+2|"
      "SIGRTMIN+3|SIGRTMIN+4|SIGRTMIN+5|SIGRTMIN+6|SIGRTMIN+7|SIGRTMIN+8|SIGRTMIN+9|SIGSEGV|"
      "SIGSTKFLT|SIGSTOP|SIGSYS|SIGTERM|SIGTRAP|SIGTSTP|SIGTTIN|SIGTTOU|SIGURG|SIGUSR1|SIGUSR2|"
      "SIGVTALRM|SIGWINCH|SIGXCPU|SIGXFSZ) user:ContainerUser volumeMounts:[VolumeMountStatus]{mountPath}",
    "ContainerUser linux:LinuxContainerUser",
    "DaemonEndpoint Port!:i",
    "DownwardAPIProjection items:[DownwardAPIVolumeFile]",
    "DownwardAPIVolumeFile fieldRef:ObjectFieldSelector mode:i path!:s "
      "resourceFieldRef:ResourceFieldSelector",
    "DownwardAPIVolumeSource defaultMode:i items:[DownwardAPIVolumeFile]",
    "EmptyDirVolumeSource medium:s sizeLimit:q",
    "EndpointAddress@ hostname:s ip!:s nodeName:s targetRef:ObjectReference",
    "EndpointPort@ appProtocol:s name:s port!:i protocol:s(SCTP|TCP|UDP)",
    "EndpointSubset addresses:[EndpointAddress] notReadyAddresses:[EndpointAddress] ports:[EndpointPort]",
    "Endpoints metadata:ObjectMeta subsets:[EndpointSubset]",
    "EnvFromSource configMapRef:ConfigMapEnvSource prefix:s secretRef:SecretEnvSource",
    "EnvVar name!:s value:s valueFrom:EnvVarSource",
    "EnvVarSource configMapKeyRef:ConfigMapKeySelector fieldRef:ObjectFieldSelector "
      "fileKeyRef:FileKeySelector resourceFieldRef:ResourceFieldSelector secretKeyRef:SecretKeySelector",
    "EphemeralContainer args:[s] command:[s] env:[EnvVar]{name} envFrom:[EnvFromSource] image:s "
      "imagePullPolicy:s(Always|IfNotPresent|Never) lifecycle:Lifecycle livenessProbe:Probe name!:s "
      "ports:[ContainerPort]{containerPort,protocol} readinessProbe:Probe "
      "resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements restartPolicy:s "
      "restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe "
      "stdin:b stdinOnce:b targetContainerName:s terminationMessagePath:s "
      "terminationMessagePolicy:s(FallbackToLogsOnError|File) tty:b "
      "volumeDevices:[VolumeDevice]{devicePath} volumeMounts:[VolumeMount]{mountPath} workingDir:s",
    "EphemeralVolumeSource volumeClaimTemplate:PersistentVolumeClaimTemplate",
    "Event action:s count:i eventTime:u firstTimestamp:t involvedObject!:ObjectReference lastTimestamp:t "
      "message:s metadata!:ObjectMeta reason:s related:ObjectReference reportingComponent:s "
      "reportingInstance:s series:EventSeries source:EventSource type:s",
    "EventSeries count:i lastObservedTime:u",
    "EventSource component:s host:s",
    "ExecAction command:[s]",
    "FCVolumeSource fsType:s lun:i readOnly:b targetWWNs:[s] wwids:[s]",
    "FileKeySelector@ key!:s optional:b path!:s volumeName!:s",
    "FlexPersistentVolumeSource driver!:s fsType:s options:<s> readOnly:b secretRef:SecretReference",
    "FlexVolumeSource driver!:s fsType:s options:<s> readOnly:b secretRef:LocalObjectReference",
    "FlockerVolumeSource datasetName:s datasetUUID:s",
    "GCEPersistentDiskVolumeSource fsType:s partition:i pdName!:s readOnly:b",
    "GRPCAction port!:i service:s",
    "GitRepoVolumeSource directory:s repository!:s revision:s",
    "GlusterfsPersistentVolumeSource endpoints!:s endpointsNamespace:s path!:s readOnly:b",
    "GlusterfsVolumeSource endpoints!:s path!:s readOnly:b",
    "HTTPGetAction host:s httpHeaders:[HTTPHeader] path:s port!:x scheme:s(HTTP|HTTPS)",
    "HTTPHeader name!:s value!:s",
    "HostAlias hostnames:[s] ip!:s",
    "HostIP ip!:s",
    "HostPathVolumeSource path!:s "
      "type:s(|BlockDevice|CharDevice|Directory|DirectoryOrCreate|File|FileOrCreate|Socket)",
    "ISCSIPersistentVolumeSource chapAuthDiscovery:b chapAuthSession:b fsType:s initiatorName:s iqn!:s "
      "iscsiInterface:s lun!:i portals:[s] readOnly:b secretRef:SecretReference targetPortal!:s",
    "ISCSIVolumeSource chapAuthDiscovery:b chapAuthSession:b fsType:s initiatorName:s iqn!:s "
      "iscsiInterface:s lun!:i portals:[s] readOnly:b secretRef:LocalObjectReference targetPortal!:s",
    "ImageVolumeSource pullPolicy:s(Always|IfNotPresent|Never) reference:s",
    "ImageVolumeStatus imageRef!:s",
    "KeyToPath key!:s mode:i path!:s",
    "Lifecycle postStart:LifecycleHandler preStop:LifecycleHandler "
      "stopSignal:s(SIGABRT|SIGALRM|SIGBUS|SIGCHLD|SIGCLD|SIGCONT|SIGFPE|SIGHUP|SIGILL|SIGINT|"
      "SIGIO|SIGIOT|SIGKILL|SIGPIPE|SIGPOLL|SIGPROF|SIGPWR|SIGQUIT|SIGRTMAX|SIGRTMAX-1|"
      "SIGRTMAX-10|SIGRTMAX-11|SIGRTMAX-12|SIGRTMAX-13|SIGRTMAX-14|SIGRTMAX-2|SIGRTMAX-3|"
      "SIGRTMAX-4|SIGRTMAX-5|SIGRTMAX-6|SIGRTMAX-7|SIGRTMAX-8|SIGRTMAX-9|SIGRTMIN|SIGRTMIN+1|"
      "SIGRTMIN+10|SIGRTMIN+11|SIGRTMIN+12|SIGRTMIN+13|SIGRTMIN+14|SIGRTMIN+15|SIGRTMIN+2|"
      "SIGRTMIN+3|SIGRTMIN+4|SIGRTMIN+5|SIGRTMIN+6|SIGRTMIN+7|SIGRTMIN+8|SIGRTMIN+9|SIGSEGV|"
      "SIGSTKFLT|SIGSTOP|SIGSYS|SIGTERM|SIGTRAP|SIGTSTP|SIGTTIN|SIGTTOU|SIGURG|SIGUSR1|SIGUSR2|"
      "SIGVTALRM|SIGWINCH|SIGXCPU|SIGXFSZ)",
    "LifecycleHandler exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction",
    "LimitRange metadata:ObjectMeta spec:LimitRangeSpec",
    "LimitRangeItem default:<q> defaultRequest:<q> max:<q> maxLimitRequestRatio:<q> min:<q> type!:s",
    "LimitRangeSpec limits!:[LimitRangeItem]",
    "LinuxContainerUser gid!:l supplementalGroups:[l] uid!:l",
    "LoadBalancerIngress hostname:s ip:s ipMode:s ports:[PortStatus]",
    "LoadBalancerStatus ingress:[LoadBalancerIngress]",
    "LocalObjectReference@ name:s",
    "LocalVolumeSource fsType:s path!:s",
    "ModifyVolumeStatus status!:s(InProgress|Infeasible|Pending) targetVolumeAttributesClassName:s",
    "NFSVolumeSource path!:s readOnly:b server!:s",
    "Namespace metadata:ObjectMeta spec:NamespaceSpec status:NamespaceStatus",
    "NamespaceCondition lastTransitionTime:t message:s reason:s status!:s type!:s",
    "NamespaceSpec finalizers:[s]",
    "NamespaceStatus conditions:[NamespaceCondition]{type} phase:s(Active|Terminating)",
    "Node metadata:ObjectMeta spec:NodeSpec status:NodeStatus",
    "NodeAddress address!:s type!:s",
    "NodeAffinity preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm] "
      "requiredDuringSchedulingIgnoredDuringExecution:NodeSelector",
    "NodeAllocatableResourceClaimStatus containers:[s]= resourceClaimName!:s resources!:<q>",
    "NodeCondition lastHeartbeatTime:t lastTransitionTime:t message:s reason:s status!:s type!:s",
    "NodeConfigSource configMap:ConfigMapNodeConfigSource",
    "NodeConfigStatus active:NodeConfigSource assigned:NodeConfigSource error:s "
      "lastKnownGood:NodeConfigSource",
    "NodeDaemonEndpoints kubeletEndpoint:DaemonEndpoint",
    "NodeFeatures supplementalGroupsPolicy:b",
    "NodeRuntimeHandler features:NodeRuntimeHandlerFeatures name:s",
    "NodeRuntimeHandlerFeatures recursiveReadOnlyMounts:b userNamespaces:b",
    "NodeSelector@ nodeSelectorTerms!:[NodeSelectorTerm]",
    NULL,
};
