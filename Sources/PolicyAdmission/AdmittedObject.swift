package import JSONText
package import KubeObjects

/// One object of a kind that takes room in the datapath's tables, as it is or as it shall be.
package struct AdmittedObject: Sendable {
    package enum Kind: Sendable, CaseIterable {
        case pod
        case namespace
        case node
        case networkPolicy
        case clusterNetworkPolicy
        case service
        case endpointSlice
        case networkInvariant

        /// By the name under which the API server stores the kind.
        package init?(storage: String) {
            guard let kind = Self.allCases.first(where: { $0.storage == storage }) else { return nil }
            self = kind
        }

        package var storage: String {
            switch self {
            case .pod: "core/pods"
            case .namespace: "core/namespaces"
            case .node: "core/nodes"
            case .networkPolicy: "networking.k8s.io/networkpolicies"
            case .clusterNetworkPolicy: "policy.networking.k8s.io/clusternetworkpolicies"
            case .service: "core/services"
            case .endpointSlice: "discovery.k8s.io/endpointslices"
            case .networkInvariant: "martlet.io/networkinvariants"
            }
        }

        /// Whether writes of the kind may break an invariant: those may say why.
        package var mayBreakInvariants: Bool {
            switch self {
            case .pod, .namespace, .networkPolicy, .clusterNetworkPolicy: true
            case .node, .service, .endpointSlice, .networkInvariant: false
            }
        }
    }

    package let kind: Kind
    package let key: ObjectKey
    /// Nil: there is none (any more).
    package let value: JSONValue?

    /// - Parameter path: `namespace/name`, or `name` for kinds without namespace.
    package init(_ kind: Kind, path: String, _ value: JSONValue?) {
        self.kind = kind
        let parts = path.split(separator: "/", maxSplits: 1).map(String.init)
        key = parts.count == 2 ? ObjectKey(parts[0], parts[1]) : ObjectKey("", path)
        self.value = value
    }

    private init(_ other: AdmittedObject, _ value: JSONValue?) {
        (kind, key) = (other.kind, other.key)
        self.value = value
    }

    /// The same object with another content; nil: none.
    func with(_ value: JSONValue?) -> AdmittedObject { AdmittedObject(self, value) }

    package var isPolicy: Bool { kind == .networkPolicy || kind == .clusterNetworkPolicy }

    /// The object, unless it is the dry run of a policy: that counts as being gone.
    var enforced: JSONValue? {
        guard let value, !ObjectMeta.isDryRun(value) else { return nil }
        return value
    }

    /// Whether the step from `old` to this only takes the object away, or marks it to go.
    func isGoing(from old: JSONValue?) -> Bool {
        guard let value else { return true }
        guard let old else { return false }
        return InvariantOverride.isDeletion(old: old, new: value) && value["spec"] == old["spec"]
    }

    /// Whether the step from `old` to this can take more room or let more through. Of status only a phase that brings a
    /// pod back which had ended is asked about: else status says what is so, addresses too, and refusing it would keep
    /// from policy what is true all the same. A namespace that comes may find pods that were there before it. An
    /// invariant tells pods apart, which takes classes.
    package func mayMatter(after old: JSONValue?) -> Bool {
        guard let value else { return kind == .networkPolicy || kind == .clusterNetworkPolicy }
        guard let old else { return true }
        switch kind {
        case .pod where Self.hasEnded(old) && !Self.hasEnded(value): return true
        case .pod, .namespace, .node: return value[path: "metadata", "labels"] != old[path: "metadata", "labels"]
        case .networkInvariant: return value["spec"] != old["spec"]
        case .networkPolicy, .clusterNetworkPolicy:
            return value["spec"] != old["spec"] || InvariantOverride.isDeletion(old: old, new: value)
                || ObjectMeta.isDryRun(value) != ObjectMeta.isDryRun(old)
                || value[path: "metadata", "annotations", ChangeMode.annotation]
                    != old[path: "metadata", "annotations", ChangeMode.annotation]
        case .service: return value["spec"] != old["spec"]
        case .endpointSlice:
            return value["endpoints"] != old["endpoints"] || value["ports"] != old["ports"]
                || value[path: "metadata", "labels"] != old[path: "metadata", "labels"]
        }
    }

    private static func hasEnded(_ pod: JSONValue) -> Bool {
        pod[path: "status", "phase"]?.string.flatMap(PodPhase.init)?.isTerminal ?? false
    }
}
