package import KubeObjects
package import NetTypes

/// A named container port with the number that some pod gives it.
package struct NamedPortValue: Hashable, Sendable {
    package let name: String
    package let transport: TransportProtocol
    package let number: UInt16
}

/// Something that a policy asks of a pod: where it lives, which labels it has, and (for named ports) which number it
/// gives a name. Pods that no live condition tells apart are in one class.
package struct PodCondition: Hashable, Sendable {
    package enum Scope: Hashable, Sendable {
        case namespace(String)
        case namespaces(LabelSelector)
    }

    package let scope: Scope
    package let pods: LabelSelector
    package let port: NamedPortValue?

    package init(_ scope: Scope, _ pods: LabelSelector, port: NamedPortValue? = nil) {
        self.scope = scope
        self.pods = pods
        self.port = port
    }

    func with(_ port: NamedPortValue) -> PodCondition { PodCondition(scope, pods, port: port) }

    func matches(_ pod: PolicyPod, namespaceLabels: [String: String]) -> Bool {
        switch scope {
        case .namespace(let name): if pod.key.namespace != name { return false }
        case .namespaces(let selector): if !selector.matches(namespaceLabels) { return false }
        }
        guard pods.matches(pod.labels) else { return false }
        guard let port else { return true }
        return pod.number(of: port.name, port.transport) == port.number
    }

    /// The same text for the same condition, over restarts.
    package var text: String {
        var parts: [String]
        switch scope {
        case .namespace(let name): parts = ["namespace \(name)"]
        case .namespaces(let selector): parts = ["namespaces \(selector)"]
        }
        parts.append("pods \(pods)")
        if let port { parts.append("port \(port.name)/\(port.transport.kubernetesName)=\(port.number)") }
        return parts.joined(separator: "; ")
    }

    /// Where the condition stands in an index by namespace and label: a pod that matches has one of these anchors.
    var anchors: [Anchor] {
        var namespace = ""
        if case .namespace(let name) = scope { namespace = name }
        let narrow = pods.requirements.first { $0.operation == .isIn && $0.values.count <= 8 }
        guard let narrow else { return [Anchor(namespace: namespace, key: "", value: "")] }
        return narrow.values.map { Anchor(namespace: namespace, key: narrow.key, value: $0) }
    }
}

/// Empty strings stand for "any".
struct Anchor: Hashable, Sendable {
    let namespace: String
    let key: String
    let value: String
}

/// What policy reads of a pod.
package struct PolicyPod: Hashable, Sendable {
    package let key: ObjectKey
    /// Index of the pod in the endpoint array; all its addresses share it.
    package let endpoint: UInt32
    package let labels: [String: String]
    package let ports: [NamedPortValue]
    package let addresses: [IPAddress]

    /// Ports without a name are of no use to policy and are left out. Of one name the first container's number counts.
    package init(_ pod: Pod, endpoint: UInt32, addresses: [IPAddress]) {
        key = pod.key
        self.endpoint = endpoint
        labels = pod.metadata.labels
        self.addresses = addresses
        var named: [NamedPortValue] = []
        for port in pod.ports where !port.name.isEmpty {
            if named.contains(where: { $0.name == port.name && $0.transport == port.transport }) { continue }
            named.append(NamedPortValue(name: port.name, transport: port.transport, number: port.number))
        }
        ports = named
    }

    func number(of name: String, _ transport: TransportProtocol) -> UInt16? {
        ports.first { $0.name == name && $0.transport == transport }?.number
    }
}
