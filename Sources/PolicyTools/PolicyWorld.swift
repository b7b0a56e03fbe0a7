package import JSONText
package import KubeObjects
import NetTypes

/// The objects that the tools look at, from files or from a cluster. Objects that say what pods they will make
/// (anything with `spec.template`) stand for one pod of theirs.
package struct PolicyWorld: Sendable {
    /// A policy as it was read, with its text: a field left out and an empty one mean different things to its author.
    package struct Entry: Sendable {
        package let policy: NetworkPolicy
        package let body: JSONValue
        /// File and number of the document; empty where it came from a cluster.
        package let source: String
    }

    /// An object that cannot be read, and where its fault is.
    package struct Unreadable: Sendable {
        package let object: String
        package let source: String
        package let error: ObjectError
    }

    package private(set) var policies: [Entry] = []
    package private(set) var clusterPolicies: [ClusterNetworkPolicy] = []
    package private(set) var nodes: [Node] = []
    package private(set) var pods: [ObjectKey: Pod] = [:]
    package private(set) var services: [Service] = []
    /// Labels by name, `kubernetes.io/metadata.name` among them.
    package private(set) var namespaces: [String: [String: String]] = [:]
    package private(set) var unreadable: [Unreadable] = []

    package init() {}

    /// Takes one object; kinds that say nothing about policy are passed over. Of two with one name the later counts.
    package mutating func add(_ body: JSONValue, source: String = "") {
        var body = body
        let kind = body["kind"]?.string ?? ""
        if !["Namespace", "Node", "ClusterNetworkPolicy"].contains(kind),
            body[path: "metadata", "namespace"]?.string ?? "" == ""
        {
            body["metadata"]?["namespace"] = "default"
        }
        do throws(ObjectError) {
            switch kind {
            case "NetworkPolicy": try add(policy: body, source)
            case "ClusterNetworkPolicy":
                let policy = try ClusterNetworkPolicy(body)
                clusterPolicies.removeAll { $0.key == policy.key }
                clusterPolicies.append(policy)
            case "Node":
                let node = try Node(body)
                nodes.removeAll { $0.metadata.name == node.metadata.name }
                nodes.append(node)
            case "Namespace": add(try Namespace(body))
            case "Pod": add(try Pod(body))
            case "Service": services.append(try Service(body))
            default:
                if let pod = Self.pod(ofTemplateIn: body) { add(try Pod(pod)) }
            }
        } catch {
            let namespace = body[path: "metadata", "namespace"]?.string ?? ""
            let name = body[path: "metadata", "name"]?.string ?? "?"
            unreadable.append(
                Unreadable(object: "\(kind) \(ObjectKey(namespace, name))", source: source, error: error))
        }
    }

    private mutating func add(policy body: JSONValue, _ source: String) throws(ObjectError) {
        let policy = try NetworkPolicy(body)
        policies.removeAll { $0.policy.key == policy.key }
        policies.append(Entry(policy: policy, body: body, source: source))
        policies.sort { $0.policy.key < $1.policy.key }
        noteNamespace(policy.metadata.namespace)
    }

    private mutating func add(_ namespace: Namespace) {
        namespaces[namespace.name] = namespace.metadata.labels
            .merging(["kubernetes.io/metadata.name": namespace.name]) { $1 }
    }

    private mutating func add(_ pod: Pod) {
        if pod.phase.isTerminal { return }
        pods[pod.key] = pod
        noteNamespace(pod.metadata.namespace)
    }

    private mutating func noteNamespace(_ name: String) {
        if namespaces[name] == nil { namespaces[name] = ["kubernetes.io/metadata.name": name] }
    }

    private static func pod(ofTemplateIn body: JSONValue) -> JSONValue? {
        guard let template = body[path: "spec", "template"], template["spec"] != nil else { return nil }
        var metadata = template["metadata"] ?? [:]
        metadata["name"] = body[path: "metadata", "name"]
        metadata["namespace"] = body[path: "metadata", "namespace"]
        return ["kind": "Pod", "metadata": metadata, "spec": template["spec"] ?? [:]]
    }

    // MARK: Questions

    /// Pods that policies can select: those of the host's network are the node. In the order of their names.
    package var policyPods: [Pod] {
        pods.values.filter { !$0.isHostNetwork }.sorted { $0.key < $1.key }
    }

    package func selected(by policy: NetworkPolicy) -> [Pod] {
        policyPods.filter {
            $0.metadata.namespace == policy.metadata.namespace && policy.podSelector.matches($0.metadata.labels)
        }
    }

    /// The pods that a peer of a policy in `namespace` means; nil for an address block.
    func pods(of peer: PolicyPeer, in namespace: String) -> [Pod]? {
        guard case .pods(let namespaceSelector, let podSelector) = peer else { return nil }
        return policyPods.filter { pod in
            let home = pod.metadata.namespace
            let isThere = namespaceSelector.map { $0.matches(namespaces[home] ?? [:]) } ?? (home == namespace)
            return isThere && podSelector.matches(pod.metadata.labels)
        }
    }
}
