package import KubeObjects
package import MapLayout
package import NetTypes

/// A network that enters the trie. Before the key is written, the network's four slots are filled from the slots of
/// its parent (number 0: zeros), so that older generations see no difference.
package struct NetworkBirth: Hashable, Sendable {
    package let cidr: CIDR
    package let number: UInt32
    package let parent: UInt32
}

/// A number that no longer stands in the desired state. It is handed to `PolicyCompiler.release` one grace period
/// after the flip that carried the delta; only then is it given out again.
package enum RetiredNumber: Hashable, Sendable {
    case classIndex(UInt32)
    case selector(UInt32)
    case cidrClassIndex(UInt32)
    case block(UInt32)
    case rules(Extent)
    /// First the key leaves the trie; the number is free after one more grace period.
    case networkKey(CIDR, number: UInt32, life: UInt32)
    case networkNumber(UInt32)
}

/// What changed in the desired state, in the order in which it has to be written: `immutable` data first, then births,
/// then the values that a generation switches, then the generation itself.
package struct PolicyDelta: Sendable, Equatable {
    // Immutable data: nothing in force reads it yet.
    package var rules: [UInt32: [RuleEntry]] = [:]
    package var classRows: [UInt32: [UInt64]] = [:]
    package var blockRows: [UInt32: [UInt64]] = [:]

    // Births: all four slots are written at once.
    package var bornClasses: [UInt32: ClassLists] = [:]
    package var bornEndpoints: [UInt32: UInt32] = [:]
    package var bornNetworks: [NetworkBirth] = []

    // Values of the next generation, by index.
    package var endpointClasses: [UInt32: UInt32] = [:]
    package var networkClasses: [UInt32: UInt32] = [:]
    package var classLists: [UInt32: ClassLists] = [:]
    package var blocksCoverPods: Bool?

    /// Keys that leave the trie at once; only `release` returns some.
    package var networksGone: [CIDR] = []
    package var retired: [RetiredNumber] = []
    /// To be persisted before anything is written.
    package var journal: [JournalEntry] = []
    /// What does not fit, by object; empty where all is enforced.
    package var problems: [PolicyError] = []
    /// Policies of which another version is in force with this, or none any more.
    package var policies: Set<ObjectKey> = []

    package init() {}

    /// The first delta after a restart. What is born for the compiler and in force in the kernel is switched by a
    /// generation; births of what the kernel does not use stay births.
    /// - Parameter image: the kernel's maps before anything was written.
    package func adopting(_ image: MapImage) -> PolicyDelta {
        var delta = self
        let classes = image.listsInForce
        for (index, lists) in bornClasses where classes[index] != nil {
            delta.bornClasses[index] = nil
            delta.classLists[index] = lists
        }
        let standing = Set(image.endpointOfAddress.values)
        for (number, id) in bornEndpoints where standing.contains(number) {
            delta.bornEndpoints[number] = nil
            delta.endpointClasses[number] = id
        }
        if delta.blocksCoverPods == nil { delta.blocksCoverPods = false }
        return delta
    }

    /// Takes in a later delta: both become visible in one generation.
    package mutating func append(_ later: PolicyDelta) {
        rules.merge(later.rules) { $1 }
        classRows.merge(later.classRows) { $1 }
        blockRows.merge(later.blockRows) { $1 }
        bornClasses.merge(later.bornClasses) { $1 }
        bornEndpoints.merge(later.bornEndpoints) { $1 }
        bornNetworks += later.bornNetworks
        endpointClasses.merge(later.endpointClasses) { $1 }
        networkClasses.merge(later.networkClasses) { $1 }
        classLists.merge(later.classLists) { $1 }
        blocksCoverPods = later.blocksCoverPods ?? blocksCoverPods
        networksGone += later.networksGone
        retired += later.retired
        journal += later.journal
        policies.formUnion(later.policies)
    }
}

/// What a rule id stands for, for events and explanations.
package struct RuleInfo: Hashable, Sendable {
    package enum Direction: String, Sendable {
        case ingress
        case egress
    }
    package let policy: ObjectKey
    package let tier: RuleTier
    package let direction: Direction
    /// Index in `spec.ingress` or `spec.egress`; nil for the isolation that a policy brings.
    package let index: Int?
    /// The name that a rule of a ClusterNetworkPolicy has; empty where it has none.
    package var ruleName = ""
    /// Of the policy when it was compiled last.
    package var resourceVersion: String

    package var kind: String { tier.kind }
}

extension RuleTier {
    /// As `spec.tier` of a ClusterNetworkPolicy names it, and `NetworkPolicy`.
    package var apiName: String {
        switch self {
        case .admin: "Admin"
        case .networkPolicy: "NetworkPolicy"
        case .baseline: "Baseline"
        }
    }

    /// Which kind of policy stands in the tier.
    package var kind: String { self == .networkPolicy ? "NetworkPolicy" : "ClusterNetworkPolicy" }
}

package enum PolicyChange: Sendable {
    case pod(PolicyPod)
    case podRemoved(ObjectKey)
    /// An endpoint without a Pod: no policy selects it, and as a peer only blocks match it. It is born without a class.
    case unmanaged(endpoint: UInt32)
    /// The Pod is gone and its endpoint is still there: nothing passes until that goes too (`podRemoved`) or a Pod of
    /// this name has it.
    case orphaned(ObjectKey, endpoint: UInt32)
    case namespace(name: String, labels: [String: String])
    case namespaceRemoved(String)
    case policy(NetworkPolicy)
    case clusterPolicy(ClusterNetworkPolicy)
    /// Of either kind: the key of a ClusterNetworkPolicy has no namespace.
    case policyRemoved(ObjectKey)
    case node(Node)
    case nodeRemoved(String)
    /// Where pods of the cluster get their addresses.
    case podCIDRs([CIDR])

    /// The policy that is put here; nil for other changes.
    package var policy: ObjectKey? { policyMetadata?.key }

    /// Of the policy that is put here; nil for other changes.
    package var policyMetadata: ObjectMeta? {
        switch self {
        case .policy(let policy): policy.metadata
        case .clusterPolicy(let policy): policy.metadata
        case .pod, .podRemoved, .unmanaged, .orphaned, .namespace, .namespaceRemoved, .policyRemoved, .node,
            .nodeRemoved, .podCIDRs:
            nil
        }
    }
}
