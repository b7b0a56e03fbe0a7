/// The kinds that our own parts read and write.
extension APIResource {
    package static let namespaces = core("namespaces", "Namespace", isNamespaced: false)
    package static let nodes = core("nodes", "Node", isNamespaced: false)
    package static let pods = core("pods", "Pod")
    package static let services = core("services", "Service")
    package static let endpoints = core("endpoints", "Endpoints")
    package static let configMaps = core("configmaps", "ConfigMap")
    package static let secrets = core("secrets", "Secret")
    package static let serviceAccounts = core("serviceaccounts", "ServiceAccount")
    package static let events = core("events", "Event")
    package static let endpointSlices = APIResource(
        group: "discovery.k8s.io", version: "v1", name: "endpointslices", kind: "EndpointSlice", isNamespaced: true)
    package static let networkPolicies = APIResource(
        group: "networking.k8s.io", version: "v1", name: "networkpolicies", kind: "NetworkPolicy", isNamespaced: true)
    package static let clusterNetworkPolicies = APIResource(
        group: "policy.networking.k8s.io", version: "v1alpha2", name: "clusternetworkpolicies",
        kind: "ClusterNetworkPolicy", isNamespaced: false)
    package static let networkInvariants = APIResource(
        group: "martlet.io", version: "v1alpha1", name: "networkinvariants", kind: "NetworkInvariant",
        isNamespaced: false)
    package static let transactions = APIResource(
        group: "martlet.io", version: "v1alpha1", name: "transactions", kind: "Transaction", isNamespaced: false)
    package static let nodeDataplanes = APIResource(
        group: "martlet.io", version: "v1alpha1", name: "nodedataplanes", kind: "NodeDataplane", isNamespaced: false)
    package static let leases = APIResource(
        group: "coordination.k8s.io", version: "v1", name: "leases", kind: "Lease", isNamespaced: true)

    private static func core(_ name: String, _ kind: String, isNamespaced: Bool = true) -> APIResource {
        APIResource(group: "", version: "v1", name: name, kind: kind, isNamespaced: isNamespaced)
    }
}
