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

    /// The longest that a list of one direction can become by this policy alone.
    static func ruleCount(_ content: OrderedPolicy.Content?) -> Int {
        (content?.rules ?? []).reduce(0) { $0 + max(1, $1.peers.count) * max(1, $1.ports.count) }
    }
}
