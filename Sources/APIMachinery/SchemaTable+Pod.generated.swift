// Written by Scripts/generate-schema.py; do not edit.

/// Fields of built-in types: pods, without volumes; grammar in SchemaTable.swift.
let podSchemaTableText: StaticString = #"""
    @core.v1.Affinity
    nodeAffinity core.v1.NodeAffinity #1
    podAffinity core.v1.PodAffinity #2
    podAntiAffinity core.v1.PodAntiAffinity #3
    @core.v1.AppArmorProfile
    localhostProfile string #2 *
    type string #1 r
    @core.v1.Capabilities
    add []string #1 L=a
    drop []string #2 L=a
    @core.v1.ConfigMapEnvSource
    name string #1.1
    optional boolean #2 *
    @core.v1.ConfigMapKeySelector M
    key string #2 r
    name string #1.1
    optional boolean #3 *
    @core.v1.Container
    args []string #4 L=a
    command []string #3 L=a
    env []core.v1.EnvVar #7 L=m:name P=merge K=name
    envFrom []core.v1.EnvFromSource #19 L=a
    image string #2
    imagePullPolicy string #14
    lifecycle core.v1.Lifecycle #12
    livenessProbe core.v1.Probe #10
    name string #1 r
    ports []core.v1.ContainerPort #6 L=m:containerPort,protocol P=merge K=containerPort
    readinessProbe core.v1.Probe #11
    resizePolicy []core.v1.ContainerResizePolicy #23 L=a
    resources core.v1.ResourceRequirements #8 !
    restartPolicy string #24 *
    restartPolicyRules []core.v1.ContainerRestartRule #25 L=a
    securityContext core.v1.SecurityContext #15
    startupProbe core.v1.Probe #22
    stdin boolean #16
    stdinOnce boolean #17
    terminationMessagePath string #13
    terminationMessagePolicy string #20
    tty boolean #18
    volumeDevices []core.v1.VolumeDevice #21 L=m:devicePath P=merge K=devicePath
    volumeMounts []core.v1.VolumeMount #9 L=m:mountPath P=merge K=mountPath
    workingDir string #5
    @core.v1.ContainerExtendedResourceRequest
    containerName string #1 r
    requestName string #3 r
    resourceName string #2 r
    @core.v1.ContainerPort
    containerPort integer:int32 #3 r
    hostIP string #5
    hostPort integer:int32 #2
    name string #1
    protocol string #4 D="TCP"
    @core.v1.ContainerResizePolicy
    resourceName string #1 r
    restartPolicy string #2 r
    @core.v1.ContainerRestartRule
    action string #1 r
    exitCodes core.v1.ContainerRestartRuleOnExitCodes #2
    @core.v1.ContainerRestartRuleOnExitCodes
    operator string #1 r
    values []integer:int32 #2 L=s
    @core.v1.ContainerState
    running core.v1.ContainerStateRunning #2
    terminated core.v1.ContainerStateTerminated #3
    waiting core.v1.ContainerStateWaiting #1
    @core.v1.ContainerStateRunning
    startedAt meta.v1.Time #1 !
    @core.v1.ContainerStateTerminated
    containerID string #7
    exitCode integer:int32 #1 r
    finishedAt meta.v1.Time #6 !
    message string #4
    reason string #3
    signal integer:int32 #2
    startedAt meta.v1.Time #5 !
    @core.v1.ContainerStateWaiting
    message string #2
    reason string #1
    @core.v1.ContainerStatus
    allocatedResources map:api.resource.Quantity #10
    allocatedResourcesStatus []core.v1.ResourceStatus #14 L=m:name P=merge K=name
    containerID string #8
    image string #6 r
    imageID string #7 r
    lastState core.v1.ContainerState #3 !
    name string #1 r
    ready boolean #4 r
    resources core.v1.ResourceRequirements #11
    restartCount integer:int32 #5 r
    started boolean #9 *
    state core.v1.ContainerState #2 !
    stopSignal string #15 *
    user core.v1.ContainerUser #13
    volumeMounts []core.v1.VolumeMountStatus #12 L=m:mountPath P=merge K=mountPath
    @core.v1.ContainerUser
    linux core.v1.LinuxContainerUser #1
    @core.v1.EnvFromSource
    configMapRef core.v1.ConfigMapEnvSource #2
    prefix string #1
    secretRef core.v1.SecretEnvSource #3
    @core.v1.EnvVar
    name string #1 r
    value string #2
    valueFrom core.v1.EnvVarSource #3
    @core.v1.EnvVarSource
    configMapKeyRef core.v1.ConfigMapKeySelector #3
    fieldRef core.v1.ObjectFieldSelector #1
    fileKeyRef core.v1.FileKeySelector #5
    resourceFieldRef core.v1.ResourceFieldSelector #2
    secretKeyRef core.v1.SecretKeySelector #4
    @core.v1.EphemeralContainer
    args []string #1.4 L=a
    command []string #1.3 L=a
    env []core.v1.EnvVar #1.7 L=m:name P=merge K=name
    envFrom []core.v1.EnvFromSource #1.19 L=a
    image string #1.2
    imagePullPolicy string #1.14
    lifecycle core.v1.Lifecycle #1.12
    livenessProbe core.v1.Probe #1.10
    name string #1.1 r
    ports []core.v1.ContainerPort #1.6 L=m:containerPort,protocol P=merge K=containerPort
    readinessProbe core.v1.Probe #1.11
    resizePolicy []core.v1.ContainerResizePolicy #1.23 L=a
    resources core.v1.ResourceRequirements #1.8 !
    restartPolicy string #1.24 *
    restartPolicyRules []core.v1.ContainerRestartRule #1.25 L=a
    securityContext core.v1.SecurityContext #1.15
    startupProbe core.v1.Probe #1.22
    stdin boolean #1.16
    stdinOnce boolean #1.17
    targetContainerName string #2
    terminationMessagePath string #1.13
    terminationMessagePolicy string #1.20
    tty boolean #1.18
    volumeDevices []core.v1.VolumeDevice #1.21 L=m:devicePath P=merge K=devicePath
    volumeMounts []core.v1.VolumeMount #1.9 L=m:mountPath P=merge K=mountPath
    workingDir string #1.5
    @core.v1.ExecAction
    command []string #1 L=a
    @core.v1.FileKeySelector M
    key string #3 r
    optional boolean #4 *
    path string #2 r
    volumeName string #1 r
    @core.v1.GRPCAction
    port integer:int32 #1 r
    service string #2 *
    @core.v1.HTTPGetAction
    host string #3
    httpHeaders []core.v1.HTTPHeader #5 L=a
    path string #1
    port util.intstr.IntOrString #2 r !
    scheme string #4
    @core.v1.HTTPHeader
    name string #1 r
    value string #2 r
    @core.v1.HostAlias
    hostnames []string #2 L=a
    ip string #1 r
    @core.v1.HostIP
    ip string #1 r
    @core.v1.ImageVolumeStatus
    imageRef string #1 r
    @core.v1.Lifecycle
    postStart core.v1.LifecycleHandler #1
    preStop core.v1.LifecycleHandler #2
    stopSignal string #3 *
    @core.v1.LifecycleHandler
    exec core.v1.ExecAction #1
    httpGet core.v1.HTTPGetAction #2
    sleep core.v1.SleepAction #4
    tcpSocket core.v1.TCPSocketAction #3
    @core.v1.LinuxContainerUser
    gid integer:int64 #2 r
    supplementalGroups []integer:int64 #3 L=a
    uid integer:int64 #1 r
    @core.v1.NodeAffinity
    preferredDuringSchedulingIgnoredDuringExecution []core.v1.PreferredSchedulingTerm #2 L=a
    requiredDuringSchedulingIgnoredDuringExecution core.v1.NodeSelector #1
    @core.v1.NodeAllocatableResourceClaimStatus
    containers []string #2 L=s
    resourceClaimName string #1 r
    resources map:api.resource.Quantity #3 r
    @core.v1.NodeSelector M
    nodeSelectorTerms []core.v1.NodeSelectorTerm #1 r L=a
    @core.v1.NodeSelectorRequirement
    key string #1 r
    operator string #2 r
    values []string #3 L=a
    @core.v1.NodeSelectorTerm M
    matchExpressions []core.v1.NodeSelectorRequirement #1 L=a
    matchFields []core.v1.NodeSelectorRequirement #2 L=a
    @core.v1.Pod G=v1/Pod
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec core.v1.PodSpec #2 !
    status core.v1.PodStatus #3 !
    @core.v1.PodAffinity
    preferredDuringSchedulingIgnoredDuringExecution []core.v1.WeightedPodAffinityTerm #2 L=a
    requiredDuringSchedulingIgnoredDuringExecution []core.v1.PodAffinityTerm #1 L=a
    @core.v1.PodAffinityTerm
    labelSelector meta.v1.LabelSelector #1
    matchLabelKeys []string #5 L=a
    mismatchLabelKeys []string #6 L=a
    namespaceSelector meta.v1.LabelSelector #4
    namespaces []string #2 L=a
    topologyKey string #3 r
    @core.v1.PodAntiAffinity
    preferredDuringSchedulingIgnoredDuringExecution []core.v1.WeightedPodAffinityTerm #2 L=a
    requiredDuringSchedulingIgnoredDuringExecution []core.v1.PodAffinityTerm #1 L=a
    @core.v1.PodCondition
    lastProbeTime meta.v1.Time #3 !
    lastTransitionTime meta.v1.Time #4 !
    message string #6
    observedGeneration integer:int64 #7
    reason string #5
    status string #2 r
    type string #1 r
    @core.v1.PodDNSConfig
    nameservers []string #1 L=a
    options []core.v1.PodDNSConfigOption #3 L=a
    searches []string #2 L=a
    @core.v1.PodDNSConfigOption
    name string #1
    value string #2 *
    @core.v1.PodExtendedResourceClaimStatus
    requestMappings []core.v1.ContainerExtendedResourceRequest #1 r L=a
    resourceClaimName string #2 r
    @core.v1.PodIP
    ip string #1 r
    @core.v1.PodList G=v1/PodList
    apiVersion string
    items []core.v1.Pod #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @core.v1.PodOS
    name string #1 r
    @core.v1.PodReadinessGate
    conditionType string #1 r
    @core.v1.PodResourceClaim
    name string #1 r
    resourceClaimName string #3 *
    resourceClaimTemplateName string #4 *
    @core.v1.PodResourceClaimStatus
    name string #1 r
    resourceClaimName string #2 *
    @core.v1.PodSchedulingGate
    name string #1 r
    @core.v1.PodSchedulingGroup
    podGroupName string #1 *
    @core.v1.PodSecurityContext
    appArmorProfile core.v1.AppArmorProfile #11
    fsGroup integer:int64 #5 *
    fsGroupChangePolicy string #9 *
    runAsGroup integer:int64 #6 *
    runAsNonRoot boolean #3 *
    runAsUser integer:int64 #2 *
    seLinuxChangePolicy string #13 *
    seLinuxOptions core.v1.SELinuxOptions #1
    seccompProfile core.v1.SeccompProfile #10
    supplementalGroups []integer:int64 #4 L=a
    supplementalGroupsPolicy string #12 *
    sysctls []core.v1.Sysctl #7 L=a
    windowsOptions core.v1.WindowsSecurityContextOptions #8
    @core.v1.PodSpec
    activeDeadlineSeconds integer:int64 #5 *
    affinity core.v1.Affinity #18
    automountServiceAccountToken boolean #21 *
    containers []core.v1.Container #2 r L=m:name P=merge K=name
    dnsConfig core.v1.PodDNSConfig #26
    dnsPolicy string #6
    enableServiceLinks boolean #30 *
    ephemeralContainers []core.v1.EphemeralContainer #34 L=m:name P=merge K=name
    hostAliases []core.v1.HostAlias #23 L=m:ip P=merge K=ip
    hostIPC boolean #13
    hostNetwork boolean #11
    hostPID boolean #12
    hostUsers boolean #37 *
    hostname string #16
    hostnameOverride string #41 *
    imagePullSecrets []core.v1.LocalObjectReference #15 L=m:name P=merge K=name
    initContainers []core.v1.Container #20 L=m:name P=merge K=name
    nodeName string #10
    nodeSelector map:string #7 M
    os core.v1.PodOS #36
    overhead map:api.resource.Quantity #32
    preemptionPolicy string #31 *
    priority integer:int32 #25 *
    priorityClassName string #24
    readinessGates []core.v1.PodReadinessGate #28 L=a
    resourceClaims []core.v1.PodResourceClaim #39 L=m:name P=merge,retainKeys K=name
    resources core.v1.ResourceRequirements #40
    restartPolicy string #3
    runtimeClassName string #29 *
    schedulerName string #19
    schedulingGates []core.v1.PodSchedulingGate #38 L=m:name P=merge K=name
    schedulingGroup core.v1.PodSchedulingGroup #43
    securityContext core.v1.PodSecurityContext #14
    serviceAccount string #9
    serviceAccountName string #8
    setHostnameAsFQDN boolean #35 *
    shareProcessNamespace boolean #27 *
    subdomain string #17
    terminationGracePeriodSeconds integer:int64 #4 *
    tolerations []core.v1.Toleration #22 L=a
    topologySpreadConstraints []core.v1.TopologySpreadConstraint #33 L=m:topologyKey,whenUnsatisfiable P=merge K=topologyKey
    volumes []core.v1.Volume #1 L=m:name P=merge,retainKeys K=name
    @core.v1.PodStatus
    allocatedResources map:api.resource.Quantity #19
    conditions []core.v1.PodCondition #2 L=m:type P=merge K=type
    containerStatuses []core.v1.ContainerStatus #8 L=a
    ephemeralContainerStatuses []core.v1.ContainerStatus #13 L=a
    extendedResourceClaimStatus core.v1.PodExtendedResourceClaimStatus #18
    hostIP string #5
    hostIPs []core.v1.HostIP #16 L=a P=merge K=ip
    initContainerStatuses []core.v1.ContainerStatus #10 L=a
    message string #3
    nodeAllocatableResourceClaimStatuses []core.v1.NodeAllocatableResourceClaimStatus #21 L=a
    nominatedNodeName string #11
    observedGeneration integer:int64 #17
    phase string #1
    podIP string #6
    podIPs []core.v1.PodIP #12 L=m:ip P=merge K=ip
    qosClass string #9
    reason string #4
    resize string #14
    resourceClaimStatuses []core.v1.PodResourceClaimStatus #15 L=m:name P=merge,retainKeys K=name
    resources core.v1.ResourceRequirements #20
    startTime meta.v1.Time #7
    @core.v1.PreferredSchedulingTerm
    preference core.v1.NodeSelectorTerm #2 r !
    weight integer:int32 #1 r
    @core.v1.Probe
    exec core.v1.ExecAction #1.1
    failureThreshold integer:int32 #6
    grpc core.v1.GRPCAction #1.4
    httpGet core.v1.HTTPGetAction #1.2
    initialDelaySeconds integer:int32 #2
    periodSeconds integer:int32 #4
    successThreshold integer:int32 #5
    tcpSocket core.v1.TCPSocketAction #1.3
    terminationGracePeriodSeconds integer:int64 #7 *
    timeoutSeconds integer:int32 #3
    @core.v1.ResourceClaim
    name string #1 r
    request string #2
    @core.v1.ResourceHealth
    health string #2
    message string #6
    resourceID string #1 r
    @core.v1.ResourceRequirements
    claims []core.v1.ResourceClaim #3 L=m:name
    limits map:api.resource.Quantity #1
    requests map:api.resource.Quantity #2
    @core.v1.ResourceStatus
    name string #1 r
    resources []core.v1.ResourceHealth #2 L=m:resourceID
    @core.v1.SELinuxOptions
    level string #4
    role string #2
    type string #3
    user string #1
    @core.v1.SeccompProfile
    localhostProfile string #2 *
    type string #1 r
    @core.v1.SecretEnvSource
    name string #1.1
    optional boolean #2 *
    @core.v1.SecretKeySelector M
    key string #2 r
    name string #1.1
    optional boolean #3 *
    @core.v1.SecurityContext
    allowPrivilegeEscalation boolean #7 *
    appArmorProfile core.v1.AppArmorProfile #12
    capabilities core.v1.Capabilities #1
    privileged boolean #2 *
    procMount string #9 *
    readOnlyRootFilesystem boolean #6 *
    runAsGroup integer:int64 #8 *
    runAsNonRoot boolean #5 *
    runAsUser integer:int64 #4 *
    seLinuxOptions core.v1.SELinuxOptions #3
    seccompProfile core.v1.SeccompProfile #11
    windowsOptions core.v1.WindowsSecurityContextOptions #10
    @core.v1.SleepAction
    seconds integer:int64 #1 r
    @core.v1.Sysctl
    name string #1 r
    value string #2 r
    @core.v1.TCPSocketAction
    host string #2
    port util.intstr.IntOrString #1 r !
    @core.v1.Toleration
    effect string #4
    key string #1
    operator string #2
    tolerationSeconds integer:int64 #5 *
    value string #3
    @core.v1.TopologySpreadConstraint
    labelSelector meta.v1.LabelSelector #4
    matchLabelKeys []string #8 L=a
    maxSkew integer:int32 #1 r
    minDomains integer:int32 #5 *
    nodeAffinityPolicy string #6 *
    nodeTaintsPolicy string #7 *
    topologyKey string #2 r
    whenUnsatisfiable string #3 r
    @core.v1.VolumeDevice
    devicePath string #2 r
    name string #1 r
    @core.v1.VolumeMount
    mountPath string #3 r
    mountPropagation string #5 *
    name string #1 r
    readOnly boolean #2
    recursiveReadOnly string #7 *
    subPath string #4
    subPathExpr string #6
    @core.v1.VolumeMountStatus
    mountPath string #2 r
    name string #1 r
    readOnly boolean #3
    recursiveReadOnly string #4 *
    volumeStatus core.v1.VolumeStatus #5
    @core.v1.VolumeStatus
    image core.v1.ImageVolumeStatus #1
    @core.v1.WeightedPodAffinityTerm
    podAffinityTerm core.v1.PodAffinityTerm #2 r !
    weight integer:int32 #1 r
    @core.v1.WindowsSecurityContextOptions
    gmsaCredentialSpec string #2 *
    gmsaCredentialSpecName string #1 *
    hostProcess boolean #4 *
    runAsUserName string #3 *
    """#
