package import JSONText
package import KubeObjects
import NetTypes

/// The objects that the tools look at, from files or from a cluster. Objects that say what pods they will make
/// (anything with `spec.template`) stand for one pod of theirs.
package struct PolicyWorld: Sendable {
    /// A policy as it was read, with its text: a field left out and an empty one mean different things to its author.
    package struct Entry: PolicyWorldEntry {
        package let policy: NetworkPolicy
        package let body: JSONValue
        package let source: String
        package var object: String { "NetworkPolicy \(policy.key)" }
    }

    package struct ClusterEntry: PolicyWorldEntry {
        package let policy: ClusterNetworkPolicy
        package let body: JSONValue
        package let source: String
        package var object: String { "ClusterNetworkPolicy \(policy.key)" }
    }

    /// An object that cannot be read, and where its fault is.
    package struct Unreadable: Sendable {
        package let object: String
        /// File and number of the document; empty where it came from a cluster.
        package let source: String
        package let error: ObjectError
        let body: JSONValue

        /// For messages: where it is and what is wrong.
        package var text: String { (source.isEmpty ? "" : "\(source): ") + "\(object): \(error)" }
    }

    package private(set) var policies: [Entry] = []
    /// In the order in which they are asked, the tiers one after the other.
    package private(set) var clusterEntries: [ClusterEntry] = []
    package private(set) var nodes: [Node] = []
    package private(set) var pods: [ObjectKey: Pod] = [:]
    /// Labels by name, `kubernetes.io/metadata.name` among them.
    package private(set) var namespaces: [String: [String: String]] = [:]
    /// Of which there is an object; the others above are only named by one.
    private(set) var madeNamespaces: Set<String> = []
    package private(set) var services: [ObjectKey: Service] = [:]
    package private(set) var unreadable: [Unreadable] = []
    /// Where in the files each object stands, in their order.
    private(set) var places: [String: [String]] = [:]
    /// How many objects of which kinds no tool judges.
    package private(set) var passed: [PassedKind: Int] = [:]

    package init() {}

    /// Takes one object; what says nothing about policy is counted in `passed`. Of two with one name the later counts.
    package mutating func add(_ body: JSONValue, source: String = "") {
        var body = body
        let kind = body["kind"]?.string ?? ""
        let apiVersion = body["apiVersion"]?.string ?? ""
        let read = ReadKind(kind: kind, apiVersion: apiVersion)
        let isClusterWide = read == .namespace || read == .node || read == .clusterNetworkPolicy
        let written = body[path: "metadata", "namespace"] ?? .null
        if !isClusterWide, written.isNull || written == "" { body["metadata"]?["namespace"] = "default" }
        let namespace = body[path: "metadata", "namespace"]?.string ?? ""
        let object = "\(kind) \(ObjectKey(namespace, body[path: "metadata", "name"]?.string ?? "?"))"
        if !source.isEmpty, kind != PolicyExpectation.kind {
            places[read == nil ? "\(object) of \(apiVersion)" : object, default: []].append(source)
        }
        // A file's object takes the place of the cluster's.
        unreadable.removeAll { $0.object == object && $0.source.isEmpty }
        do throws(ObjectError) {
            if let read {
                guard apiVersion == read.apiVersion else {
                    throw ObjectError(
                        .unsupported, field: "apiVersion",
                        "\(kind) is not served as \(apiVersion), but as \(read.apiVersion)")
                }
                try add(read, body, source)
            } else {
                let pod = Self.pod(ofTemplateIn: body)
                passed[PassedKind(kind: kind, apiVersion: apiVersion, hasTemplate: pod != nil), default: 0] += 1
                if let pod { add(try Pod(pod)) }
            }
        } catch {
            unreadable.append(Unreadable(object: object, source: source, error: error, body: body))
        }
    }

    private mutating func add(_ kind: ReadKind, _ body: JSONValue, _ source: String) throws(ObjectError) {
        switch kind {
        case .networkPolicy: try add(policy: body, source)
        case .clusterNetworkPolicy:
            add(ClusterEntry(policy: try ClusterNetworkPolicy(body), body: body, source: source))
        case .node:
            let node = try Node(body)
            nodes.removeAll { $0.metadata.name == node.metadata.name }
            nodes.append(node)
        case .namespace: add(try Namespace(body))
        case .pod: add(try Pod(body))
        case .service:
            let service = try Service(body)
            services[service.key] = service
        }
    }

    /// This world as a node has it that knows no better: of policies of the cluster that cannot be read the stand-in.
    /// Unreadable are then those of files alone, which their author can correct.
    /// - Returns: also what became of each, in words.
    package func withStandIns() -> (world: PolicyWorld, notes: [String]) {
        var world = self
        var notes: [String] = []
        world.unreadable = unreadable.filter { !$0.source.isEmpty }
        for entry in unreadable where entry.source.isEmpty {
            notes.append("\(entry.text): \(world.takeStandIn(entry) ? "its stand-in is judged" : "it is left out")")
        }
        return (world, notes)
    }

    private mutating func takeStandIn(_ entry: Unreadable) -> Bool {
        let kind = entry.body["kind"]?.string ?? ""
        switch ReadKind(kind: kind, apiVersion: entry.body["apiVersion"]?.string ?? "") {
        case .networkPolicy:
            guard let policy = NetworkPolicy(closing: entry.body) else { return false }
            add(Entry(policy: policy, body: entry.body, source: ""))
        case .clusterNetworkPolicy:
            guard let policy = ClusterNetworkPolicy(closing: entry.body) else { return false }
            add(ClusterEntry(policy: policy, body: entry.body, source: ""))
        case .namespace, .node, .pod, .service, nil: return false
        }
        return true
    }

    private mutating func add(policy body: JSONValue, _ source: String) throws(ObjectError) {
        add(Entry(policy: try NetworkPolicy(body), body: body, source: source))
    }

    private mutating func add(_ entry: Entry) {
        policies.removeAll { $0.policy.key == entry.policy.key }
        policies.append(entry)
        policies.sort { $0.policy.key < $1.policy.key }
        noteNamespace(entry.policy.metadata.namespace)
    }

    private mutating func add(_ entry: ClusterEntry) {
        clusterEntries.removeAll { $0.policy.key == entry.policy.key }
        clusterEntries.append(entry)
        clusterEntries.sort { left, right in
            let (first, second) = (left.policy, right.policy)
            if first.tier != second.tier { return first.tier == .admin }
            return (first.priority, first.key.name) < (second.priority, second.key.name)
        }
    }

    private mutating func add(_ namespace: Namespace) {
        madeNamespaces.insert(namespace.name)
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

    /// False where there is none of the name.
    package mutating func remove(policy key: ObjectKey) -> Bool {
        let count = policies.count + clusterEntries.count
        policies.removeAll { $0.policy.key == key }
        clusterEntries.removeAll { $0.policy.key == key }
        return policies.count + clusterEntries.count < count
    }

    // MARK: Questions

    /// Policies that a change from `old` to `new` brings or alters and that select no pod: what it does is not seen.
    package static func idleNotes(_ old: PolicyWorld, _ new: PolicyWorld) -> [String] {
        if new.policyPods.isEmpty { return [] }
        let known = Dictionary(old.policies.map { ($0.policy.key, $0.policy) }) { $1 }
        let knownCluster = Dictionary(old.clusterPolicies.map { ($0.key, $0) }) { $1 }
        let idle =
            new.policies.filter { known[$0.policy.key] != $0.policy && new.selected(by: $0.policy).isEmpty }.map(
                \.object)
            + new.clusterEntries.filter { entry in
                knownCluster[entry.policy.key] != entry.policy
                    && new.pods(entry.policy.namespaces, entry.policy.pods).isEmpty
            }.map(\.object)
        return idle.map { "\($0) selects no pod there is: compare its labels (martlet policy lint)" }
    }

    /// Where a policy is not there: those that are, of its namespace or cluster-wide, in words.
    package func policyNames(like key: ObjectKey) -> String {
        let all = policies.map(\.policy.key) + clusterPolicies.map(\.key)
        let near = all.filter { $0.namespace == key.namespace }
        let place = key.namespace.isEmpty ? "the ClusterNetworkPolicies are" : "namespace \(key.namespace) has"
        return "\(place) \(near.isEmpty ? "none" : near.map { "\($0)" }.sorted().joined(separator: ", "))"
    }

    package var clusterPolicies: [ClusterNetworkPolicy] { clusterEntries.map(\.policy) }

    /// Pods that policies can select: those of the host's network are the node. In the order of their names.
    package var policyPods: [Pod] {
        pods.values.filter { !$0.isHostNetwork }.sorted { $0.key < $1.key }
    }

    /// The others: they have the addresses of their node, and no policy knows them.
    package var hostPods: [Pod] {
        pods.values.filter(\.isHostNetwork).sorted { $0.key < $1.key }
    }

    package func selected(by policy: NetworkPolicy) -> [Pod] {
        policyPods.filter {
            $0.metadata.namespace == policy.metadata.namespace && policy.podSelector.matches($0.metadata.labels)
        }
    }

    /// The pods that a peer of a policy in `namespace` means; nil for an address block.
    func pods(of peer: PolicyPeer, in namespace: String) -> [Pod]? {
        guard case .pods(let namespaceSelector, let podSelector) = peer else { return nil }
        if let namespaceSelector { return pods(namespaceSelector, podSelector) }
        return policyPods.filter {
            $0.metadata.namespace == namespace && podSelector.matches($0.metadata.labels)
        }
    }

    /// The pods with these labels in namespaces with those.
    func pods(_ namespaceSelector: LabelSelector, _ podSelector: LabelSelector) -> [Pod] {
        policyPods.filter { pod in
            namespaceSelector.matches(namespaces[pod.metadata.namespace] ?? [:])
                && podSelector.matches(pod.metadata.labels)
        }
    }
}

/// A policy of any kind in a world.
package protocol PolicyWorldEntry: Sendable {
    associatedtype Policy: Sendable
    var policy: Policy { get }
    var body: JSONValue { get }
    /// File and number of the document; empty where it came from a cluster.
    var source: String { get }
    /// Kind and name.
    var object: String { get }
}
