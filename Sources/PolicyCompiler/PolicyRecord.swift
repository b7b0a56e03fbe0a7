import KubeObjects
import MapLayout
import NetTypes

struct NamedPort: Hashable, Sendable {
    let name: String
    let transport: TransportProtocol
}

/// A rule before the class is known for which it is written out: only an ingress port by name is still open.
struct RuleTemplate: Hashable, Sendable {
    enum Port: Hashable, Sendable {
        case any
        case range(TransportProtocol, PortRange)
        /// The number that the receiving class gives the name.
        case named(NamedPort)
    }
    let peer: RuleEntry.Peer
    let port: Port
    let ruleID: UInt32
}

/// A policy with everything it holds in the tables.
struct PolicyRecord: Sendable {
    let policy: NetworkPolicy
    let tier: RuleTier
    /// Lower first, within the tier.
    let priority: Int
    var subject: UInt32 = 0
    var ingress: [RuleTemplate]?
    var egress: [RuleTemplate]?
    var ingressIsolationID: UInt32 = 0
    var egressIsolationID: UInt32 = 0
    /// Uses in the condition table (subject and named ports), in the bits, and in the block table.
    var conditions: [UInt32] = []
    var peers: [UInt32] = []
    var blocks: [UInt32] = []
    var namedPorts: Set<NamedPort> = []
    var ruleIDs: Set<UInt32> = []

    init(_ policy: NetworkPolicy) {
        self.policy = policy
        tier = .networkPolicy
        priority = 0
    }

    var subjectCondition: PodCondition { PodCondition(.namespace(policy.metadata.namespace), policy.podSelector) }

    static func inOrder(_ left: PolicyRecord, _ right: PolicyRecord) -> Bool {
        if left.tier != right.tier { return left.tier < right.tier }
        if left.priority != right.priority { return left.priority < right.priority }
        return left.policy.key < right.policy.key
    }

    /// The longest that a list of one direction can become by this policy alone.
    static func ruleCount(_ rules: [PolicyRule]?) -> Int {
        (rules ?? []).reduce(0) { $0 + max(1, $1.peers.count) * max(1, $1.ports.count) }
    }
}

extension NetworkPolicy {
    var namedPorts: Set<NamedPort> {
        var found: Set<NamedPort> = []
        for rule in (ingress ?? []) + (egress ?? []) {
            for port in rule.ports {
                if case .named(let name) = port.target {
                    found.insert(NamedPort(name: name, transport: port.transport))
                }
            }
        }
        return found
    }

    func condition(namespaces: LabelSelector?, pods: LabelSelector) -> PodCondition {
        PodCondition(namespaces.map { .namespaces($0) } ?? .namespace(metadata.namespace), pods)
    }

    /// What is left where the policy itself does not fit: the pods it selects are isolated, and nothing is let through.
    var isolationAlone: NetworkPolicy {
        NetworkPolicy(
            metadata: metadata, podSelector: podSelector, ingress: ingress == nil ? nil : [],
            egress: egress == nil ? nil : [])
    }
}
