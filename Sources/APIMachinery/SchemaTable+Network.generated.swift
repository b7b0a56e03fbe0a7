// Written by Scripts/generate-schema.py; do not edit.

/// Fields of built-in types: EndpointSlices and NetworkPolicies; grammar in SchemaTable.swift.
let networkSchemaTableText: StaticString = #"""
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
    """#
