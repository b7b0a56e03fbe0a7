import KubeObjects
import MapLayout
import NetTypes

/// A peer of an ordered rule.
enum OrderedPeer: Hashable, Sendable {
    case pods(PodCondition)
    case block(AddressBlock)
    /// The addresses of the nodes with these labels.
    case nodes(LabelSelector)
}

/// A rule of any kind of policy.
struct OrderedRule: Hashable, Sendable {
    let name: String
    let action: RuleAction
    /// Empty: any peer.
    let peers: [OrderedPeer]
    /// Empty: any protocol and port.
    let ports: [PolicyPort]

    /// Whether it denies or passes by pods.
    var refusesPods: Bool {
        action != .allow
            && peers.contains { peer in
                if case .pods = peer { return true }
                return false
            }
    }
}

/// A policy of any kind, as the compiler sees it (`docs/decisions/0006`). A direction that is nil is none of its
/// business.
struct OrderedPolicy: Hashable, Sendable {
    /// What stands in a direction.
    enum Content: Hashable, Sendable {
        case rules([OrderedRule])
        /// Nothing passes: the policy does not fit.
        case closed

        var rules: [OrderedRule] {
            switch self {
            case .rules(let rules): rules
            case .closed: []
            }
        }
    }

    /// Without a namespace: of a ClusterNetworkPolicy.
    let key: ObjectKey
    let uid: String
    let resourceVersion: String
    let tier: RuleTier
    /// Lower first, within the tier.
    let priority: Int
    let subject: PodCondition
    var onChange: ChangeMode
    var ingress: Content?
    var egress: Content?
    /// Whether this is what is left of a policy that does not fit.
    var isShut = false

    /// Whether it says what another version of it says.
    func means(_ other: OrderedPolicy?) -> Bool {
        guard let other, !isShut, !other.isShut else { return false }
        return tier == other.tier && priority == other.priority && subject == other.subject
            && onChange == other.onChange && ingress == other.ingress && egress == other.egress
    }

    /// Whether it decides what none of its rules matches.
    var isolates: Bool { tier == .networkPolicy }

    static func inOrder(_ left: OrderedPolicy, _ right: OrderedPolicy) -> Bool {
        if left.tier != right.tier { return left.tier < right.tier }
        if left.priority != right.priority { return left.priority < right.priority }
        return left.key < right.key
    }

    /// What is left where the policy does not fit and no earlier version did: the directions that it isolates or denies
    /// something in are shut. A missing Accept lets nothing through, so rules that only accept are left out.
    var shut: OrderedPolicy {
        func shut(_ content: Content?) -> Content? {
            guard let content else { return nil }
            if isolates { return .rules([]) }
            return content == .closed || content.rules.contains { $0.action != .allow } ? .closed : nil
        }
        var copy = self
        copy.isShut = true
        copy.ingress = shut(ingress)
        copy.egress = shut(egress)
        return copy
    }

    var namedPorts: Set<NamedPort> {
        var found: Set<NamedPort> = []
        for rule in (ingress?.rules ?? []) + (egress?.rules ?? []) {
            found.formUnion(rule.ports.compactMap(\.namedPort))
        }
        return found
    }
}

extension OrderedPolicy {
    init(_ policy: NetworkPolicy) {
        let namespace = policy.metadata.namespace
        func lower(_ rules: [PolicyRule]?) -> Content? {
            guard let rules else { return nil }
            return .rules(
                rules.map { rule in
                    let peers = rule.peers.map { peer -> OrderedPeer in
                        switch peer {
                        case .block(let block): .block(block)
                        case .pods(let namespaces, let pods):
                            .pods(PodCondition(namespaces.map { .namespaces($0) } ?? .namespace(namespace), pods))
                        }
                    }
                    return OrderedRule(name: "", action: .allow, peers: peers, ports: rule.ports)
                })
        }
        self.init(
            key: policy.key, uid: policy.metadata.uid, resourceVersion: policy.metadata.resourceVersion,
            tier: .networkPolicy, priority: 0, subject: PodCondition(.namespace(namespace), policy.podSelector),
            onChange: policy.onChange, ingress: lower(policy.ingress), egress: lower(policy.egress))
    }

    init(_ policy: ClusterNetworkPolicy) {
        func lower(_ rules: [ClusterPolicyRule]) -> Content? {
            if rules.isEmpty { return nil }
            return .rules(
                rules.map { rule in
                    let peers = rule.peers.map { peer -> OrderedPeer in
                        switch peer {
                        case .pods(let namespaces, let pods): .pods(PodCondition(.namespaces(namespaces), pods))
                        case .nodes(let selector): .nodes(selector)
                        case .network(let cidr): .block(AddressBlock(cidr))
                        }
                    }
                    let action: RuleAction =
                        switch rule.action {
                        case .accept: .allow
                        case .deny: .deny
                        case .pass: .pass
                        }
                    return OrderedRule(name: rule.name, action: action, peers: peers, ports: rule.ports)
                })
        }
        let tier: RuleTier =
            switch policy.tier {
            case .admin: .admin
            case .baseline: .baseline
            }
        self.init(
            key: policy.key, uid: policy.metadata.uid, resourceVersion: policy.metadata.resourceVersion, tier: tier,
            priority: policy.priority, subject: PodCondition(.namespaces(policy.namespaces), policy.pods),
            onChange: policy.onChange, ingress: lower(policy.ingress), egress: lower(policy.egress))
    }
}

extension PolicyPort {
    var namedPort: NamedPort? {
        if case .named(let name) = target { return NamedPort(name: name, transport: transport) }
        return nil
    }
}
