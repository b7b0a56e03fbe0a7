// Written by Scripts/generate-schema.py; do not edit.

/// Each built-in type's fields; grammar in SchemaTable.swift.
let schemaTableText: StaticString = #"""
    @api.resource.Quantity I=any
    @authentication.v1.BoundObjectReference
    apiVersion string #2
    kind string #1
    name string #3
    uid string #4
    @authentication.v1.SelfSubjectReview G=authentication.k8s.io/v1/SelfSubjectReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    status authentication.v1.SelfSubjectReviewStatus #2 !
    @authentication.v1.SelfSubjectReviewStatus
    userInfo authentication.v1.UserInfo #1 !
    @authentication.v1.TokenRequest G=authentication.k8s.io/v1/TokenRequest
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authentication.v1.TokenRequestSpec #2 !
    status authentication.v1.TokenRequestStatus #3 !
    @authentication.v1.TokenRequestSpec
    audiences []string #1 L=a
    boundObjectRef authentication.v1.BoundObjectReference #3
    expirationSeconds integer:int64 #4 *
    @authentication.v1.TokenRequestStatus
    expirationTimestamp meta.v1.Time #2 !
    token string #1
    @authentication.v1.TokenReview G=authentication.k8s.io/v1/TokenReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authentication.v1.TokenReviewSpec #2 r !
    status authentication.v1.TokenReviewStatus #3 !
    @authentication.v1.TokenReviewSpec
    audiences []string #2 L=a
    token string #1 r
    @authentication.v1.TokenReviewStatus
    audiences []string #4 L=a
    authenticated boolean #1
    error string #3
    user authentication.v1.UserInfo #2 !
    @authentication.v1.UserInfo
    extra map:[]string #4
    groups []string #3 L=a
    uid string #2
    username string #1
    @authorization.v1.FieldSelectorAttributes
    rawSelector string #1
    requirements []meta.v1.FieldSelectorRequirement #2 L=a
    @authorization.v1.LabelSelectorAttributes
    rawSelector string #1
    requirements []meta.v1.LabelSelectorRequirement #2 L=a
    @authorization.v1.LocalSubjectAccessReview G=authorization.k8s.io/v1/LocalSubjectAccessReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authorization.v1.SubjectAccessReviewSpec #2 r !
    status authorization.v1.SubjectAccessReviewStatus #3 !
    @authorization.v1.NonResourceAttributes
    path string #1
    verb string #2
    @authorization.v1.NonResourceRule
    nonResourceURLs []string #2 L=a
    verbs []string #1 r L=a
    @authorization.v1.ResourceAttributes
    fieldSelector authorization.v1.FieldSelectorAttributes #8
    group string #3
    labelSelector authorization.v1.LabelSelectorAttributes #9
    name string #7
    namespace string #1
    resource string #5
    subresource string #6
    verb string #2
    version string #4
    @authorization.v1.ResourceRule
    apiGroups []string #2 L=a
    resourceNames []string #4 L=a
    resources []string #3 L=a
    verbs []string #1 r L=a
    @authorization.v1.SelfSubjectAccessReview G=authorization.k8s.io/v1/SelfSubjectAccessReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authorization.v1.SelfSubjectAccessReviewSpec #2 r !
    status authorization.v1.SubjectAccessReviewStatus #3 !
    @authorization.v1.SelfSubjectAccessReviewSpec
    nonResourceAttributes authorization.v1.NonResourceAttributes #2
    resourceAttributes authorization.v1.ResourceAttributes #1
    @authorization.v1.SelfSubjectRulesReview G=authorization.k8s.io/v1/SelfSubjectRulesReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authorization.v1.SelfSubjectRulesReviewSpec #2 r !
    status authorization.v1.SubjectRulesReviewStatus #3 !
    @authorization.v1.SelfSubjectRulesReviewSpec
    namespace string #1
    @authorization.v1.SubjectAccessReview G=authorization.k8s.io/v1/SubjectAccessReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authorization.v1.SubjectAccessReviewSpec #2 r !
    status authorization.v1.SubjectAccessReviewStatus #3 !
    @authorization.v1.SubjectAccessReviewSpec
    extra map:[]string #5
    groups []string #4 L=a
    nonResourceAttributes authorization.v1.NonResourceAttributes #2
    resourceAttributes authorization.v1.ResourceAttributes #1
    uid string #6
    user string #3
    @authorization.v1.SubjectAccessReviewStatus
    allowed boolean #1 r
    denied boolean #4
    evaluationError string #3
    reason string #2
    @authorization.v1.SubjectRulesReviewStatus
    evaluationError string #4
    incomplete boolean #3 r
    nonResourceRules []authorization.v1.NonResourceRule #2 r L=a
    resourceRules []authorization.v1.ResourceRule #1 r L=a
    @coordination.v1.Lease G=coordination.k8s.io/v1/Lease
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec coordination.v1.LeaseSpec #2 !
    @coordination.v1.LeaseList G=coordination.k8s.io/v1/LeaseList
    apiVersion string
    items []coordination.v1.Lease #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @coordination.v1.LeaseSpec
    acquireTime meta.v1.MicroTime #3
    holderIdentity string #1 *
    leaseDurationSeconds integer:int32 #2 *
    leaseTransitions integer:int32 #5 *
    preferredHolder string #7 *
    renewTime meta.v1.MicroTime #4
    strategy string #6 *
    @core.v1.AWSElasticBlockStoreVolumeSource
    fsType string #2
    partition integer:int32 #3
    readOnly boolean #4
    volumeID string #1 r
    @core.v1.Affinity
    nodeAffinity core.v1.NodeAffinity #1
    podAffinity core.v1.PodAffinity #2
    podAntiAffinity core.v1.PodAntiAffinity #3
    @core.v1.AppArmorProfile
    localhostProfile string #2 *
    type string #1 r
    @core.v1.AttachedVolume
    devicePath string #2 r
    name string #1 r
    @core.v1.AzureDiskVolumeSource
    cachingMode string #3 * D="ReadWrite"
    diskName string #1 r
    diskURI string #2 r
    fsType string #4 * D="ext4"
    kind string #6 * D="Shared"
    readOnly boolean #5 *
    @core.v1.AzureFileVolumeSource
    readOnly boolean #3
    secretName string #1 r
    shareName string #2 r
    @core.v1.Binding G=v1/Binding
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    target core.v1.ObjectReference #2 r !
    @core.v1.CSIVolumeSource
    driver string #1 r
    fsType string #3 *
    nodePublishSecretRef core.v1.LocalObjectReference #5
    readOnly boolean #2 *
    volumeAttributes map:string #4
    @core.v1.Capabilities
    add []string #1 L=a
    drop []string #2 L=a
    @core.v1.CephFSVolumeSource
    monitors []string #1 r L=a
    path string #2
    readOnly boolean #6
    secretFile string #4
    secretRef core.v1.LocalObjectReference #5
    user string #3
    @core.v1.CinderVolumeSource
    fsType string #2
    readOnly boolean #3
    secretRef core.v1.LocalObjectReference #4
    volumeID string #1 r
    @core.v1.ClientIPConfig
    timeoutSeconds integer:int32 #1 *
    @core.v1.ClusterTrustBundleProjection
    labelSelector meta.v1.LabelSelector #3
    name string #1 *
    optional boolean #5 *
    path string #4 r
    signerName string #2 *
    @core.v1.ConfigMap G=v1/ConfigMap
    apiVersion string
    binaryData map:string:byte #3
    data map:string #2
    immutable boolean #4 *
    kind string
    metadata meta.v1.ObjectMeta #1 !
    @core.v1.ConfigMapEnvSource
    name string #1.1
    optional boolean #2 *
    @core.v1.ConfigMapKeySelector M
    key string #2 r
    name string #1.1
    optional boolean #3 *
    @core.v1.ConfigMapList G=v1/ConfigMapList
    apiVersion string
    items []core.v1.ConfigMap #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @core.v1.ConfigMapNodeConfigSource
    kubeletConfigKey string #5 r
    name string #2 r
    namespace string #1 r
    resourceVersion string #4
    uid string #3
    @core.v1.ConfigMapProjection
    items []core.v1.KeyToPath #2 L=a
    name string #1.1
    optional boolean #4 *
    @core.v1.ConfigMapVolumeSource
    defaultMode integer:int32 #3 *
    items []core.v1.KeyToPath #2 L=a
    name string #1.1
    optional boolean #4 *
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
    @core.v1.ContainerImage
    names []string #1 L=a
    sizeBytes integer:int64 #2
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
    @core.v1.DaemonEndpoint
    Port integer:int32 #1 r
    @core.v1.DownwardAPIProjection
    items []core.v1.DownwardAPIVolumeFile #1 L=a
    @core.v1.DownwardAPIVolumeFile
    fieldRef core.v1.ObjectFieldSelector #2
    mode integer:int32 #4 *
    path string #1 r
    resourceFieldRef core.v1.ResourceFieldSelector #3
    @core.v1.DownwardAPIVolumeSource
    defaultMode integer:int32 #2 *
    items []core.v1.DownwardAPIVolumeFile #1 L=a
    @core.v1.EmptyDirVolumeSource
    medium string #1
    sizeLimit api.resource.Quantity #2
    @core.v1.EndpointAddress M
    hostname string #3
    ip string #1 r
    nodeName string #4 *
    targetRef core.v1.ObjectReference #2
    @core.v1.EndpointPort M
    appProtocol string #4 *
    name string #1
    port integer:int32 #2 r
    protocol string #3
    @core.v1.EndpointSubset
    addresses []core.v1.EndpointAddress #1 L=a
    notReadyAddresses []core.v1.EndpointAddress #2 L=a
    ports []core.v1.EndpointPort #3 L=a
    @core.v1.Endpoints G=v1/Endpoints
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    subsets []core.v1.EndpointSubset #2 L=a
    @core.v1.EndpointsList G=v1/EndpointsList
    apiVersion string
    items []core.v1.Endpoints #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
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
    @core.v1.EphemeralVolumeSource
    volumeClaimTemplate core.v1.PersistentVolumeClaimTemplate #1
    @core.v1.Event G=v1/Event
    action string #12
    apiVersion string
    count integer:int32 #8
    eventTime meta.v1.MicroTime #10 !
    firstTimestamp meta.v1.Time #6 !
    involvedObject core.v1.ObjectReference #2 r !
    kind string
    lastTimestamp meta.v1.Time #7 !
    message string #4
    metadata meta.v1.ObjectMeta #1 r !
    reason string #3
    related core.v1.ObjectReference #13
    reportingComponent string #14 !
    reportingInstance string #15 !
    series core.v1.EventSeries #11
    source core.v1.EventSource #5 !
    type string #9
    @core.v1.EventList G=v1/EventList
    apiVersion string
    items []core.v1.Event #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @core.v1.EventSeries
    count integer:int32 #1
    lastObservedTime meta.v1.MicroTime #2 !
    @core.v1.EventSource
    component string #1
    host string #2
    @core.v1.ExecAction
    command []string #1 L=a
    @core.v1.FCVolumeSource
    fsType string #3
    lun integer:int32 #2 *
    readOnly boolean #4
    targetWWNs []string #1 L=a
    wwids []string #5 L=a
    @core.v1.FileKeySelector M
    key string #3 r
    optional boolean #4 *
    path string #2 r
    volumeName string #1 r
    @core.v1.FlexVolumeSource
    driver string #1 r
    fsType string #2
    options map:string #5
    readOnly boolean #4
    secretRef core.v1.LocalObjectReference #3
    @core.v1.FlockerVolumeSource
    datasetName string #1
    datasetUUID string #2
    @core.v1.GCEPersistentDiskVolumeSource
    fsType string #2
    partition integer:int32 #3
    pdName string #1 r
    readOnly boolean #4
    @core.v1.GRPCAction
    port integer:int32 #1 r
    service string #2 *
    @core.v1.GitRepoVolumeSource
    directory string #3
    repository string #1 r
    revision string #2
    @core.v1.GlusterfsVolumeSource
    endpoints string #1 r
    path string #2 r
    readOnly boolean #3
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
    @core.v1.HostPathVolumeSource
    path string #1 r
    type string #2 *
    @core.v1.ISCSIVolumeSource
    chapAuthDiscovery boolean #8
    chapAuthSession boolean #11
    fsType string #5
    initiatorName string #12 *
    iqn string #2 r
    iscsiInterface string #4 D="default"
    lun integer:int32 #3 r
    portals []string #7 L=a
    readOnly boolean #6
    secretRef core.v1.LocalObjectReference #10
    targetPortal string #1 r
    @core.v1.ImageVolumeSource
    pullPolicy string #2
    reference string #1
    @core.v1.ImageVolumeStatus
    imageRef string #1 r
    @core.v1.KeyToPath
    key string #1 r
    mode integer:int32 #3 *
    path string #2 r
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
    @core.v1.LoadBalancerIngress
    hostname string #2
    ip string #1
    ipMode string #3 *
    ports []core.v1.PortStatus #4 L=a
    @core.v1.LoadBalancerStatus
    ingress []core.v1.LoadBalancerIngress #1 L=a
    @core.v1.LocalObjectReference M
    name string #1
    @core.v1.NFSVolumeSource
    path string #2 r
    readOnly boolean #3
    server string #1 r
    @core.v1.Namespace G=v1/Namespace
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec core.v1.NamespaceSpec #2 !
    status core.v1.NamespaceStatus #3 !
    @core.v1.NamespaceCondition
    lastTransitionTime meta.v1.Time #4 !
    message string #6
    reason string #5
    status string #2 r
    type string #1 r
    @core.v1.NamespaceList G=v1/NamespaceList
    apiVersion string
    items []core.v1.Namespace #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @core.v1.NamespaceSpec
    finalizers []string #1 L=a
    @core.v1.NamespaceStatus
    conditions []core.v1.NamespaceCondition #2 L=m:type P=merge K=type
    phase string #1
    @core.v1.Node G=v1/Node
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec core.v1.NodeSpec #2 !
    status core.v1.NodeStatus #3 !
    @core.v1.NodeAddress
    address string #2 r
    type string #1 r
    @core.v1.NodeAffinity
    preferredDuringSchedulingIgnoredDuringExecution []core.v1.PreferredSchedulingTerm #2 L=a
    requiredDuringSchedulingIgnoredDuringExecution core.v1.NodeSelector #1
    @core.v1.NodeAllocatableResourceClaimStatus
    containers []string #2 L=s
    resourceClaimName string #1 r
    resources map:api.resource.Quantity #3 r
    @core.v1.NodeCondition
    lastHeartbeatTime meta.v1.Time #3 !
    lastTransitionTime meta.v1.Time #4 !
    message string #6
    reason string #5
    status string #2 r
    type string #1 r
    @core.v1.NodeConfigSource
    configMap core.v1.ConfigMapNodeConfigSource #2
    @core.v1.NodeConfigStatus
    active core.v1.NodeConfigSource #2
    assigned core.v1.NodeConfigSource #1
    error string #4
    lastKnownGood core.v1.NodeConfigSource #3
    @core.v1.NodeDaemonEndpoints
    kubeletEndpoint core.v1.DaemonEndpoint #1 !
    @core.v1.NodeFeatures
    supplementalGroupsPolicy boolean #1 *
    @core.v1.NodeList G=v1/NodeList
    apiVersion string
    items []core.v1.Node #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @core.v1.NodeRuntimeHandler
    features core.v1.NodeRuntimeHandlerFeatures #2
    name string #1
    @core.v1.NodeRuntimeHandlerFeatures
    recursiveReadOnlyMounts boolean #1 *
    userNamespaces boolean #2 *
    @core.v1.NodeSelector M
    nodeSelectorTerms []core.v1.NodeSelectorTerm #1 r L=a
    @core.v1.NodeSelectorRequirement
    key string #1 r
    operator string #2 r
    values []string #3 L=a
    @core.v1.NodeSelectorTerm M
    matchExpressions []core.v1.NodeSelectorRequirement #1 L=a
    matchFields []core.v1.NodeSelectorRequirement #2 L=a
    @core.v1.NodeSpec
    configSource core.v1.NodeConfigSource #6
    externalID string #2
    podCIDR string #1
    podCIDRs []string #7 L=s P=merge
    providerID string #3
    taints []core.v1.Taint #5 L=a
    unschedulable boolean #4
    @core.v1.NodeStatus
    addresses []core.v1.NodeAddress #5 L=m:type P=merge K=type
    allocatable map:api.resource.Quantity #2
    capacity map:api.resource.Quantity #1
    conditions []core.v1.NodeCondition #4 L=m:type P=merge K=type
    config core.v1.NodeConfigStatus #11
    daemonEndpoints core.v1.NodeDaemonEndpoints #6 !
    declaredFeatures []string #14 L=a
    features core.v1.NodeFeatures #13
    images []core.v1.ContainerImage #8 L=a
    nodeInfo core.v1.NodeSystemInfo #7 !
    phase string #3
    runtimeHandlers []core.v1.NodeRuntimeHandler #12 L=a
    volumesAttached []core.v1.AttachedVolume #10 L=a
    volumesInUse []string #9 L=a
    @core.v1.NodeSwapStatus
    capacity integer:int64 #1 *
    @core.v1.NodeSystemInfo
    architecture string #10 r
    bootID string #3 r
    containerRuntimeVersion string #6 r
    kernelVersion string #4 r
    kubeProxyVersion string #8 r
    kubeletVersion string #7 r
    machineID string #1 r
    operatingSystem string #9 r
    osImage string #5 r
    swap core.v1.NodeSwapStatus #11
    systemUUID string #2 r
    @core.v1.ObjectFieldSelector M
    apiVersion string #1
    fieldPath string #2 r
    @core.v1.ObjectReference M
    apiVersion string #5
    fieldPath string #7
    kind string #1
    name string #3
    namespace string #2
    resourceVersion string #6
    uid string #4
    @core.v1.PersistentVolumeClaimSpec
    accessModes []string #1 L=a
    dataSource core.v1.TypedLocalObjectReference #7
    dataSourceRef core.v1.TypedObjectReference #8
    resources core.v1.VolumeResourceRequirements #2 !
    selector meta.v1.LabelSelector #4
    storageClassName string #5 *
    volumeAttributesClassName string #9 *
    volumeMode string #6 *
    volumeName string #3
    @core.v1.PersistentVolumeClaimTemplate
    metadata meta.v1.ObjectMeta #1 !
    spec core.v1.PersistentVolumeClaimSpec #2 r !
    @core.v1.PersistentVolumeClaimVolumeSource
    claimName string #1 r
    readOnly boolean #2
    @core.v1.PhotonPersistentDiskVolumeSource
    fsType string #2
    pdID string #1 r
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
    @core.v1.PodCertificateProjection
    certificateChainPath string #6
    credentialBundlePath string #4
    keyPath string #5
    keyType string #2 r
    maxExpirationSeconds integer:int32 #3 *
    signerName string #1 r
    userAnnotations map:string #7
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
    @core.v1.PortStatus
    error string #3 *
    port integer:int32 #1 r
    protocol string #2 r
    @core.v1.PortworxVolumeSource
    fsType string #2
    readOnly boolean #3
    volumeID string #1 r
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
    @core.v1.ProjectedVolumeSource
    defaultMode integer:int32 #2 *
    sources []core.v1.VolumeProjection #1 L=a
    @core.v1.QuobyteVolumeSource
    group string #5
    readOnly boolean #3
    registry string #1 r
    tenant string #6
    user string #4
    volume string #2 r
    @core.v1.RBDVolumeSource
    fsType string #3
    image string #2 r
    keyring string #6 D="/etc/ceph/keyring"
    monitors []string #1 r L=a
    pool string #4 D="rbd"
    readOnly boolean #8
    secretRef core.v1.LocalObjectReference #7
    user string #5 D="admin"
    @core.v1.ResourceClaim
    name string #1 r
    request string #2
    @core.v1.ResourceFieldSelector M
    containerName string #1
    divisor api.resource.Quantity #3 !
    resource string #2 r
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
    @core.v1.ScaleIOVolumeSource
    fsType string #9 D="xfs"
    gateway string #1 r
    protectionDomain string #5
    readOnly boolean #10
    secretRef core.v1.LocalObjectReference #3 r
    sslEnabled boolean #4
    storageMode string #7 D="ThinProvisioned"
    storagePool string #6
    system string #2 r
    volumeName string #8
    @core.v1.SeccompProfile
    localhostProfile string #2 *
    type string #1 r
    @core.v1.Secret G=v1/Secret
    apiVersion string
    data map:string:byte #2
    immutable boolean #5 *
    kind string
    metadata meta.v1.ObjectMeta #1 !
    stringData map:string #4
    type string #3
    @core.v1.SecretEnvSource
    name string #1.1
    optional boolean #2 *
    @core.v1.SecretKeySelector M
    key string #2 r
    name string #1.1
    optional boolean #3 *
    @core.v1.SecretList G=v1/SecretList
    apiVersion string
    items []core.v1.Secret #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @core.v1.SecretProjection
    items []core.v1.KeyToPath #2 L=a
    name string #1.1
    optional boolean #4 *
    @core.v1.SecretVolumeSource
    defaultMode integer:int32 #3 *
    items []core.v1.KeyToPath #2 L=a
    optional boolean #4 *
    secretName string #1
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
    @core.v1.Service G=v1/Service
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec core.v1.ServiceSpec #2 !
    status core.v1.ServiceStatus #3 !
    @core.v1.ServiceAccount G=v1/ServiceAccount
    apiVersion string
    automountServiceAccountToken boolean #4 *
    imagePullSecrets []core.v1.LocalObjectReference #3 L=a
    kind string
    metadata meta.v1.ObjectMeta #1 !
    secrets []core.v1.ObjectReference #2 L=m:name P=merge K=name
    @core.v1.ServiceAccountList G=v1/ServiceAccountList
    apiVersion string
    items []core.v1.ServiceAccount #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @core.v1.ServiceAccountTokenProjection
    audience string #1
    expirationSeconds integer:int64 #2 *
    path string #3 r
    @core.v1.ServiceList G=v1/ServiceList
    apiVersion string
    items []core.v1.Service #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @core.v1.ServicePort
    appProtocol string #6 *
    name string #1
    nodePort integer:int32 #5
    port integer:int32 #3 r
    protocol string #2 D="TCP"
    targetPort util.intstr.IntOrString #4 !
    @core.v1.ServiceSpec
    allocateLoadBalancerNodePorts boolean #20 *
    clusterIP string #3
    clusterIPs []string #18 L=a
    externalIPs []string #5 L=a
    externalName string #10
    externalTrafficPolicy string #11
    healthCheckNodePort integer:int32 #12
    internalTrafficPolicy string #22 *
    ipFamilies []string #19 L=a
    ipFamilyPolicy string #17 *
    loadBalancerClass string #21 *
    loadBalancerIP string #8
    loadBalancerSourceRanges []string #9 L=a
    ports []core.v1.ServicePort #1 L=m:port,protocol P=merge K=port
    publishNotReadyAddresses boolean #13
    selector map:string #2 M
    sessionAffinity string #7
    sessionAffinityConfig core.v1.SessionAffinityConfig #14
    trafficDistribution string #23 *
    type string #4
    @core.v1.ServiceStatus
    conditions []meta.v1.Condition #2 L=m:type P=merge K=type
    loadBalancer core.v1.LoadBalancerStatus #1 !
    @core.v1.SessionAffinityConfig
    clientIP core.v1.ClientIPConfig #1
    @core.v1.SleepAction
    seconds integer:int64 #1 r
    @core.v1.StorageOSVolumeSource
    fsType string #3
    readOnly boolean #4
    secretRef core.v1.LocalObjectReference #5
    volumeName string #1
    volumeNamespace string #2
    @core.v1.Sysctl
    name string #1 r
    value string #2 r
    @core.v1.TCPSocketAction
    host string #2
    port util.intstr.IntOrString #1 r !
    @core.v1.Taint
    effect string #3 r
    key string #1 r
    timeAdded meta.v1.Time #4
    value string #2
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
    @core.v1.TypedLocalObjectReference M
    apiGroup string #1 *
    kind string #2 r
    name string #3 r
    @core.v1.TypedObjectReference
    apiGroup string #1 *
    kind string #2 r
    name string #3 r
    namespace string #4 *
    @core.v1.Volume
    awsElasticBlockStore core.v1.AWSElasticBlockStoreVolumeSource #2.4
    azureDisk core.v1.AzureDiskVolumeSource #2.22
    azureFile core.v1.AzureFileVolumeSource #2.18
    cephfs core.v1.CephFSVolumeSource #2.14
    cinder core.v1.CinderVolumeSource #2.13
    configMap core.v1.ConfigMapVolumeSource #2.19
    csi core.v1.CSIVolumeSource #2.28
    downwardAPI core.v1.DownwardAPIVolumeSource #2.16
    emptyDir core.v1.EmptyDirVolumeSource #2.2
    ephemeral core.v1.EphemeralVolumeSource #2.29
    fc core.v1.FCVolumeSource #2.17
    flexVolume core.v1.FlexVolumeSource #2.12
    flocker core.v1.FlockerVolumeSource #2.15
    gcePersistentDisk core.v1.GCEPersistentDiskVolumeSource #2.3
    gitRepo core.v1.GitRepoVolumeSource #2.5
    glusterfs core.v1.GlusterfsVolumeSource #2.9
    hostPath core.v1.HostPathVolumeSource #2.1
    image core.v1.ImageVolumeSource #2.30
    iscsi core.v1.ISCSIVolumeSource #2.8
    name string #1 r
    nfs core.v1.NFSVolumeSource #2.7
    persistentVolumeClaim core.v1.PersistentVolumeClaimVolumeSource #2.10
    photonPersistentDisk core.v1.PhotonPersistentDiskVolumeSource #2.23
    portworxVolume core.v1.PortworxVolumeSource #2.24
    projected core.v1.ProjectedVolumeSource #2.26
    quobyte core.v1.QuobyteVolumeSource #2.21
    rbd core.v1.RBDVolumeSource #2.11
    scaleIO core.v1.ScaleIOVolumeSource #2.25
    secret core.v1.SecretVolumeSource #2.6
    storageos core.v1.StorageOSVolumeSource #2.27
    vsphereVolume core.v1.VsphereVirtualDiskVolumeSource #2.20
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
    @core.v1.VolumeProjection
    clusterTrustBundle core.v1.ClusterTrustBundleProjection #5
    configMap core.v1.ConfigMapProjection #3
    downwardAPI core.v1.DownwardAPIProjection #2
    podCertificate core.v1.PodCertificateProjection #6
    secret core.v1.SecretProjection #1
    serviceAccountToken core.v1.ServiceAccountTokenProjection #4
    @core.v1.VolumeResourceRequirements
    limits map:api.resource.Quantity #1
    requests map:api.resource.Quantity #2
    @core.v1.VolumeStatus
    image core.v1.ImageVolumeStatus #1
    @core.v1.VsphereVirtualDiskVolumeSource
    fsType string #2
    storagePolicyID string #4
    storagePolicyName string #3
    volumePath string #1 r
    @core.v1.WeightedPodAffinityTerm
    podAffinityTerm core.v1.PodAffinityTerm #2 r !
    weight integer:int32 #1 r
    @core.v1.WindowsSecurityContextOptions
    gmsaCredentialSpec string #2 *
    gmsaCredentialSpecName string #1 *
    hostProcess boolean #4 *
    runAsUserName string #3 *
    @discovery.v1.Endpoint
    addresses []string #1 r L=s
    conditions discovery.v1.EndpointConditions #2 !
    deprecatedTopology map:string #5
    hints discovery.v1.EndpointHints #8
    hostname string #3 *
    nodeName string #6 *
    targetRef core.v1.ObjectReference #4
    zone string #7 *
    @discovery.v1.EndpointConditions
    ready boolean #1 *
    serving boolean #2 *
    terminating boolean #3 *
    @discovery.v1.EndpointHints
    forNodes []discovery.v1.ForNode #2 L=a
    forZones []discovery.v1.ForZone #1 L=a
    @discovery.v1.EndpointPort M
    appProtocol string #4 *
    name string #1 *
    port integer:int32 #3 *
    protocol string #2 *
    @discovery.v1.EndpointSlice G=discovery.k8s.io/v1/EndpointSlice
    addressType string #4 r
    apiVersion string
    endpoints []discovery.v1.Endpoint #2 ! L=a
    kind string
    metadata meta.v1.ObjectMeta #1 !
    ports []discovery.v1.EndpointPort #3 ! L=a
    @discovery.v1.EndpointSliceList G=discovery.k8s.io/v1/EndpointSliceList
    apiVersion string
    items []discovery.v1.EndpointSlice #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @discovery.v1.ForNode
    name string #1 r
    @discovery.v1.ForZone
    name string #1 r
    @events.v1.Event G=events.k8s.io/v1/Event
    action string #6
    apiVersion string
    deprecatedCount integer:int32 #15
    deprecatedFirstTimestamp meta.v1.Time #13 !
    deprecatedLastTimestamp meta.v1.Time #14 !
    deprecatedSource core.v1.EventSource #12 !
    eventTime meta.v1.MicroTime #2 r !
    kind string
    metadata meta.v1.ObjectMeta #1 !
    note string #10
    reason string #7
    regarding core.v1.ObjectReference #8 !
    related core.v1.ObjectReference #9
    reportingController string #4
    reportingInstance string #5
    series events.v1.EventSeries #3
    type string #11
    @events.v1.EventList G=events.k8s.io/v1/EventList
    apiVersion string
    items []events.v1.Event #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @events.v1.EventSeries
    count integer:int32 #1 r
    lastObservedTime meta.v1.MicroTime #2 r !
    @meta.v1.Condition
    lastTransitionTime meta.v1.Time #4 r !
    message string #6 r
    observedGeneration integer:int64 #3
    reason string #5 r
    status string #2 r
    type string #1 r
    @meta.v1.DeleteOptions G=v1/DeleteOptions
    apiVersion string
    dryRun []string #5 L=a
    gracePeriodSeconds integer:int64 #1 *
    ignoreStoreReadErrorWithClusterBreakingPotential boolean #6 *
    kind string
    orphanDependents boolean #3 *
    preconditions meta.v1.Preconditions #2
    propagationPolicy string #4 *
    @meta.v1.FieldSelectorRequirement
    key string #1 r
    operator string #2 r
    values []string #3 L=a
    @meta.v1.FieldsV1 I=object
    @meta.v1.LabelSelector M
    matchExpressions []meta.v1.LabelSelectorRequirement #2 L=a
    matchLabels map:string #1
    @meta.v1.LabelSelectorRequirement
    key string #1 r
    operator string #2 r
    values []string #3 L=a
    @meta.v1.ListMeta
    continue string #3
    remainingItemCount integer:int64 #4 *
    resourceVersion string #2
    selfLink string #1
    shardInfo meta.v1.ShardInfo #5
    @meta.v1.ManagedFieldsEntry
    apiVersion string #3
    fieldsType string #6
    fieldsV1 meta.v1.FieldsV1 #7
    manager string #1
    operation string #2
    subresource string #8
    time meta.v1.Time #4
    @meta.v1.MicroTime I=string:date-time
    @meta.v1.ObjectMeta
    annotations map:string #12
    creationTimestamp meta.v1.Time #8
    deletionGracePeriodSeconds integer:int64 #10 *
    deletionTimestamp meta.v1.Time #9
    finalizers []string #14 L=s P=merge
    generateName string #2
    generation integer:int64 #7
    labels map:string #11
    managedFields []meta.v1.ManagedFieldsEntry #17 L=a
    name string #1
    namespace string #3
    ownerReferences []meta.v1.OwnerReference #13 L=m:uid P=merge K=uid
    resourceVersion string #6
    selfLink string #4
    uid string #5
    @meta.v1.OwnerReference M
    apiVersion string #5 r
    blockOwnerDeletion boolean #7 *
    controller boolean #6 *
    kind string #1 r
    name string #3 r
    uid string #4 r
    @meta.v1.Preconditions
    resourceVersion string #2 *
    uid string #1 *
    @meta.v1.ShardInfo
    selector string #1 r
    @meta.v1.Status G=v1/Status
    apiVersion string
    code integer:int32 #6
    details meta.v1.StatusDetails #5
    kind string
    message string #3
    metadata meta.v1.ListMeta #1 !
    reason string #4
    status string #2
    @meta.v1.StatusCause
    field string #3
    message string #2
    reason string #1
    @meta.v1.StatusDetails
    causes []meta.v1.StatusCause #4 L=a
    group string #2
    kind string #3
    name string #1
    retryAfterSeconds integer:int32 #5
    uid string #6
    @meta.v1.Time I=string:date-time
    @networking.v1.IPBlock
    cidr string #1 r
    except []string #2 L=a
    @networking.v1.NetworkPolicy G=networking.k8s.io/v1/NetworkPolicy
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec networking.v1.NetworkPolicySpec #2 !
    @networking.v1.NetworkPolicyEgressRule
    ports []networking.v1.NetworkPolicyPort #1 L=a
    to []networking.v1.NetworkPolicyPeer #2 L=a
    @networking.v1.NetworkPolicyIngressRule
    from []networking.v1.NetworkPolicyPeer #2 L=a
    ports []networking.v1.NetworkPolicyPort #1 L=a
    @networking.v1.NetworkPolicyList G=networking.k8s.io/v1/NetworkPolicyList
    apiVersion string
    items []networking.v1.NetworkPolicy #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @networking.v1.NetworkPolicyPeer
    ipBlock networking.v1.IPBlock #3
    namespaceSelector meta.v1.LabelSelector #2
    podSelector meta.v1.LabelSelector #1
    @networking.v1.NetworkPolicyPort
    endPort integer:int32 #3 *
    port util.intstr.IntOrString #2
    protocol string #1 *
    @networking.v1.NetworkPolicySpec
    egress []networking.v1.NetworkPolicyEgressRule #3 L=a
    ingress []networking.v1.NetworkPolicyIngressRule #2 L=a
    podSelector meta.v1.LabelSelector #1 !
    policyTypes []string #4 L=a
    @policy.v1.Eviction G=policy/v1/Eviction
    apiVersion string
    deleteOptions meta.v1.DeleteOptions #2
    kind string
    metadata meta.v1.ObjectMeta #1 !
    @rbac.v1.AggregationRule
    clusterRoleSelectors []meta.v1.LabelSelector #1 L=a
    @rbac.v1.ClusterRole G=rbac.authorization.k8s.io/v1/ClusterRole
    aggregationRule rbac.v1.AggregationRule #3
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    rules []rbac.v1.PolicyRule #2 ! L=a
    @rbac.v1.ClusterRoleBinding G=rbac.authorization.k8s.io/v1/ClusterRoleBinding
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    roleRef rbac.v1.RoleRef #3 r !
    subjects []rbac.v1.Subject #2 L=a
    @rbac.v1.ClusterRoleBindingList G=rbac.authorization.k8s.io/v1/ClusterRoleBindingList
    apiVersion string
    items []rbac.v1.ClusterRoleBinding #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @rbac.v1.ClusterRoleList G=rbac.authorization.k8s.io/v1/ClusterRoleList
    apiVersion string
    items []rbac.v1.ClusterRole #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @rbac.v1.PolicyRule
    apiGroups []string #2 L=a
    nonResourceURLs []string #5 L=a
    resourceNames []string #4 L=a
    resources []string #3 L=a
    verbs []string #1 r L=a
    @rbac.v1.Role G=rbac.authorization.k8s.io/v1/Role
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    rules []rbac.v1.PolicyRule #2 ! L=a
    @rbac.v1.RoleBinding G=rbac.authorization.k8s.io/v1/RoleBinding
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    roleRef rbac.v1.RoleRef #3 r !
    subjects []rbac.v1.Subject #2 L=a
    @rbac.v1.RoleBindingList G=rbac.authorization.k8s.io/v1/RoleBindingList
    apiVersion string
    items []rbac.v1.RoleBinding #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @rbac.v1.RoleList G=rbac.authorization.k8s.io/v1/RoleList
    apiVersion string
    items []rbac.v1.Role #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @rbac.v1.RoleRef M
    apiGroup string #1 !
    kind string #2 r
    name string #3 r
    @rbac.v1.Subject M
    apiGroup string #2
    kind string #1 r
    name string #3 r
    namespace string #4
    @util.intstr.IntOrString I=any
    """#
