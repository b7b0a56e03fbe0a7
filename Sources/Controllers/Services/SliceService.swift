package import JSONText
import KubeObjects

/// What the slices of a Service depend on.
package struct SliceService: Hashable, Sendable {
    struct Port: Hashable, Sendable {
        let name: String
        let transport: String
        let port: Int64
        /// A number or a name; nil stands for `port`.
        let target: JSONValue?
        let appProtocol: String
    }

    let key: ObjectKey
    let uid: String
    let isBeingDeleted: Bool
    let labels: [String: String]
    let topologyMode: String
    let selector: [String: String]
    let isExternalName: Bool
    let isHeadless: Bool
    let addressTypes: [String]
    let ports: [Port]
    let publishesNotReadyAddresses: Bool
    let trafficDistribution: String

    package init(_ object: JSONValue) {
        let spec = object["spec"]
        key = ObjectKey(object.objectNamespace, object.objectName)
        uid = object.objectUID
        isBeingDeleted = object.isBeingDeleted
        labels = object[path: "metadata", "labels"]?.stringMap ?? [:]
        let annotations = object[path: "metadata", "annotations"]?.stringMap ?? [:]
        topologyMode =
            annotations["service.kubernetes.io/topology-mode"]
            ?? annotations["service.kubernetes.io/topology-aware-hints"] ?? ""
        selector = spec?["selector"]?.stringMap ?? [:]
        isExternalName = spec?["type"]?.string == "ExternalName"
        let clusterIP = spec?["clusterIP"]?.string ?? ""
        isHeadless = clusterIP.isEmpty || clusterIP == "None"
        addressTypes = Self.readAddressTypes(spec, clusterIP)
        ports = (spec?["ports"]?.array ?? []).map { port in
            Port(
                name: port["name"]?.string ?? "", transport: port["protocol"]?.string ?? "TCP",
                port: port["port"]?.integer ?? 0, target: port["targetPort"],
                appProtocol: port["appProtocol"]?.string ?? "")
        }
        publishesNotReadyAddresses = spec?["publishNotReadyAddresses"]?.bool ?? false
        trafficDistribution = spec?["trafficDistribution"]?.string ?? ""
    }

    /// The families that the API server chose; where it chose none, that of the cluster address.
    private static func readAddressTypes(_ spec: JSONValue?, _ clusterIP: String) -> [String] {
        let families = spec?["ipFamilies"]?.strings ?? []
        if !families.isEmpty { return families }
        return clusterIP.contains(":") ? ["IPv6"] : ["IPv4"]
    }

    /// Whether the slices are this controller's: the Service has a selector, and addresses.
    var isManaged: Bool { !selector.isEmpty && !isExternalName && !isBeingDeleted }

    /// The Service's own labels, without those that say what a slice is, and these.
    var sliceLabels: [String: String] {
        var result = inheritedLabels
        result[PlannedSlice.serviceNameLabel] = key.name
        result[PlannedSlice.managedByLabel] = PlannedSlice.controllerName
        if isHeadless { result[PlannedSlice.headlessLabel] = "" }
        return result
    }

    var inheritedLabels: [String: String] { labels.filter { !Self.isReserved($0.key) } }

    static func isReserved(_ label: String) -> Bool {
        label == PlannedSlice.serviceNameLabel || label == PlannedSlice.managedByLabel
            || label == PlannedSlice.headlessLabel
    }

    func matches(_ pod: Pod) -> Bool {
        pod.metadata.namespace == key.namespace && selector.allSatisfy { pod.metadata.labels[$0.key] == $0.value }
    }
}

/// What slices and their hints depend on of a Node.
package struct SliceNode: Hashable, Sendable {
    let name: String
    let zone: String
    let isReady: Bool
    let isControlPlane: Bool
    let cpuMillis: Int64

    package init(_ object: JSONValue) {
        name = object.objectName
        let labels = object[path: "metadata", "labels"]?.stringMap ?? [:]
        zone = labels["topology.kubernetes.io/zone"] ?? ""
        isControlPlane =
            labels["node-role.kubernetes.io/control-plane"] != nil || labels["node-role.kubernetes.io/master"] != nil
        let ready = (object[path: "status", "conditions"]?.array ?? []).first { $0["type"]?.string == "Ready" }
        isReady = ready?["status"]?.string == "True"
        cpuMillis = Quantity(object[path: "status", "allocatable", "cpu"])?.milliUnits ?? 0
    }
}
