/// The types of `policy.networking.k8s.io`, which are no built-in ones; grammar in SchemaTable.swift.
let policySchemaTableText: StaticString = #"""
    @policynetworking.v1alpha2.ClusterNetworkPolicy G=policy.networking.k8s.io/v1alpha2/ClusterNetworkPolicy
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta !
    spec policynetworking.v1alpha2.ClusterNetworkPolicySpec r !
    status policynetworking.v1alpha2.ClusterNetworkPolicyStatus
    @policynetworking.v1alpha2.ClusterNetworkPolicyEgressPeer
    domainNames []string * L=s
    namespaces meta.v1.LabelSelector
    networks []string * L=s
    nodes meta.v1.LabelSelector
    pods policynetworking.v1alpha2.NamespacedPod
    @policynetworking.v1alpha2.ClusterNetworkPolicyEgressRule
    action string r
    name string
    protocols []policynetworking.v1alpha2.ClusterNetworkPolicyProtocol * L=a
    to []policynetworking.v1alpha2.ClusterNetworkPolicyEgressPeer r * L=a
    @policynetworking.v1alpha2.ClusterNetworkPolicyIngressPeer
    namespaces meta.v1.LabelSelector
    pods policynetworking.v1alpha2.NamespacedPod
    @policynetworking.v1alpha2.ClusterNetworkPolicyIngressRule
    action string r
    from []policynetworking.v1alpha2.ClusterNetworkPolicyIngressPeer r * L=a
    name string
    protocols []policynetworking.v1alpha2.ClusterNetworkPolicyProtocol * L=a
    @policynetworking.v1alpha2.ClusterNetworkPolicyList G=policy.networking.k8s.io/v1alpha2/ClusterNetworkPolicyList
    apiVersion string
    items []policynetworking.v1alpha2.ClusterNetworkPolicy r
    kind string
    metadata meta.v1.ListMeta !
    @policynetworking.v1alpha2.ClusterNetworkPolicyProtocol
    destinationNamedPort string
    sctp policynetworking.v1alpha2.ClusterNetworkPolicyTransport
    tcp policynetworking.v1alpha2.ClusterNetworkPolicyTransport
    udp policynetworking.v1alpha2.ClusterNetworkPolicyTransport
    @policynetworking.v1alpha2.ClusterNetworkPolicySpec
    egress []policynetworking.v1alpha2.ClusterNetworkPolicyEgressRule L=a
    ingress []policynetworking.v1alpha2.ClusterNetworkPolicyIngressRule L=a
    priority integer:int32 r *
    subject policynetworking.v1alpha2.ClusterNetworkPolicySubject r *
    tier string r
    @policynetworking.v1alpha2.ClusterNetworkPolicyStatus
    conditions []meta.v1.Condition L=m:type P=merge K=type
    @policynetworking.v1alpha2.ClusterNetworkPolicySubject
    namespaces meta.v1.LabelSelector
    pods policynetworking.v1alpha2.NamespacedPod
    @policynetworking.v1alpha2.ClusterNetworkPolicyTransport
    destinationPort policynetworking.v1alpha2.Port
    @policynetworking.v1alpha2.NamespacedPod
    namespaceSelector meta.v1.LabelSelector
    podSelector meta.v1.LabelSelector r *
    @policynetworking.v1alpha2.Port
    number integer:int32 *
    range policynetworking.v1alpha2.PortRange
    @policynetworking.v1alpha2.PortRange
    end integer:int32 r *
    start integer:int32 r *
    """#
