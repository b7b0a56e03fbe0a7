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
    let action: RuleAction
    let ruleID: UInt32
}

/// What a policy says in one direction, in the tables' numbers.
struct CompiledDirection: Sendable {
    var templates: [RuleTemplate] = []
    /// Reported at the end of an isolated list; 0 where the policy does not isolate.
    var isolationID: UInt32 = 0
    var isClosed = false
    var refusesPods = false
}

/// A policy with everything it holds in the tables.
struct PolicyRecord: Sendable {
    let policy: OrderedPolicy
    var subject: UInt32 = 0
    var ingress: CompiledDirection?
    var egress: CompiledDirection?
    /// Uses in the condition table (subject and named ports), in the bits, and in the block table.
    var conditions: [UInt32] = []
    var peers: [UInt32] = []
    var blocks: [UInt32] = []
    var namedPorts: Set<NamedPort> = []
    var ruleIDs: Set<UInt32> = []

    init(_ policy: OrderedPolicy) {
        self.policy = policy
    }
}

/// How many rules stand in either direction.
struct RuleCounts: Equatable, Sendable {
    var ingress = 0
    var egress = 0

    var longest: Int { max(ingress, egress) }

    init() {}

    /// Of a policy as it is compiled.
    init(_ record: PolicyRecord?) {
        ingress = record?.ingress?.templates.count ?? 0
        egress = record?.egress?.templates.count ?? 0
    }

    /// The most that a policy can make. To a named port an egress rule needs one for each number that pods give it.
    /// - Parameter numbers: how many numbers pods give a name.
    init(_ policy: OrderedPolicy, numbers: (NamedPort) -> Int) {
        func count(_ content: OrderedPolicy.Content?, _ weight: (PolicyPort) -> Int) -> Int {
            (content?.rules ?? []).reduce(0) { sum, rule in
                sum + max(1, rule.peers.count) * max(1, rule.ports.reduce(0) { $0 + weight($1) })
            }
        }
        ingress = count(policy.ingress) { _ in 1 }
        egress = count(policy.egress) { $0.namedPort.map { max(1, numbers($0)) } ?? 1 }
    }

    /// The larger one of each.
    func most(_ other: Self) -> Self {
        var most = self
        most.ingress = max(ingress, other.ingress)
        most.egress = max(egress, other.egress)
        return most
    }

    static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.ingress += right.ingress
        sum.egress += right.egress
        return sum
    }

    static func - (left: Self, right: Self) -> Self {
        var rest = left
        rest.ingress -= right.ingress
        rest.egress -= right.egress
        return rest
    }

    static func += (left: inout Self, right: Self) { left = left + right }
}
