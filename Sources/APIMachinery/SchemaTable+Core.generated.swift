// Written by Scripts/generate-schema.py; do not edit.

/// Fields of built-in types: what is no pod in core.v1; events, leases, evictions; grammar in SchemaTable.swift.
let coreSchemaTableText: StaticString = #"""
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
    @core.v1.AttachedVolume
    devicePath string #2 r
    name string #1 r
    @core.v1.Binding G=v1/Binding
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    target core.v1.ObjectReference #2 r !
    @core.v1.ClientIPConfig
    timeoutSeconds integer:int32 #1 *
    @core.v1.ConfigMap G=v1/ConfigMap
    apiVersion string
    binaryData map:string:byte #3
    data map:string #2
    immutable boolean #4 *
    kind string
    metadata meta.v1.ObjectMeta #1 !
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
    @core.v1.ContainerImage
    names []string #1 L=a
    sizeBytes integer:int64 #2
    @core.v1.DaemonEndpoint
    Port integer:int32 #1 r
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
    @core.v1.LoadBalancerIngress
    hostname string #2
    ip string #1
    ipMode string #3 *
    ports []core.v1.PortStatus #4 L=a
    @core.v1.LoadBalancerStatus
    ingress []core.v1.LoadBalancerIngress #1 L=a
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
    @core.v1.ObjectReference M
    apiVersion string #5
    fieldPath string #7
    kind string #1
    name string #3
    namespace string #2
    resourceVersion string #6
    uid string #4
    @core.v1.PortStatus
    error string #3 *
    port integer:int32 #1 r
    protocol string #2 r
    @core.v1.Secret G=v1/Secret
    apiVersion string
    data map:string:byte #2
    immutable boolean #5 *
    kind string
    metadata meta.v1.ObjectMeta #1 !
    stringData map:string #4
    type string #3
    @core.v1.SecretList G=v1/SecretList
    apiVersion string
    items []core.v1.Secret #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
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
    @core.v1.Taint
    effect string #3 r
    key string #1 r
    timeAdded meta.v1.Time #4
    value string #2
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
    @policy.v1.Eviction G=policy/v1/Eviction
    apiVersion string
    deleteOptions meta.v1.DeleteOptions #2
    kind string
    metadata meta.v1.ObjectMeta #1 !
    """#
