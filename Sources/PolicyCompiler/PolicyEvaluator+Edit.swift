package import KubeObjects
import NetTypes

extension PolicyEvaluator {
    /// One change of one object, for `smallestChanges`.
    enum Edit: Hashable {
        struct Place: Hashable {
            let policy: ObjectKey
            let direction: RuleInfo.Direction
            let rule: Int
        }

        /// Nil: the label goes.
        case labelPod(ObjectKey, String, String?, LabelRole)
        case labelNamespace(String, String, String?, LabelRole)
        /// The rule also covers the flow's protocol and port.
        case addPort(Place)
        /// The rule also covers the flow's other end.
        case addPeer(Place)
        case removeRule(Place)
        /// A rule about exactly this flow, ahead of the others.
        case addRule(ObjectKey, RuleInfo.Direction, ClusterPolicyAction)
        /// A NetworkPolicy without rules that selects the pod.
        case isolate(RuleInfo.Direction)

        /// What a label is to whoever has it. One that decides which policies select the pod does more than about this
        /// flow, and with another value of a label that it has a pod is another application, for Services too.
        struct LabelRole: Hashable {
            let selecting: Bool
            let replacing: Bool

            /// Above the smallest edit of its kind.
            var weight: Int { (selecting ? 6 : 0) + (replacing ? 6 : 0) }
        }

        var isOwnRule: Bool {
            guard case .addRule = self else { return false }
            return true
        }

        /// Of edits that move as much else, smaller first: a label more, an entry of a rule, a rule, what is not about
        /// this flow alone.
        var size: Int {
            switch self {
            case .labelPod(_, _, _, let role): 1 + role.weight
            case .addPort: 2
            case .addPeer: 3
            case .labelNamespace(_, _, _, let role): 4 + role.weight
            case .addRule: 5
            case .removeRule: 6
            case .isolate: 8
            }
        }
    }
}

// MARK: What it is called

extension PolicyEvaluator.Edit {
    func text(_ flow: PolicyEvaluator.Flow) -> String {
        switch self {
        case .labelPod(let pod, let key, let value, _): Self.label("pod \(pod)", key, value)
        case .labelNamespace(let name, let key, let value, _): Self.label("namespace \(name)", key, value)
        case .addPort(let place): "add \(flow.portText) to \(Self.text(place))"
        case .addPeer(let place): "add \(flow.peer(of: place.direction).text) to the peers of \(Self.text(place))"
        case .removeRule(let place): "remove \(Self.text(place))"
        case .addRule(let policy, let direction, let action):
            "add a rule to \(PolicyEvaluator.name(policy)), \(direction.rawValue)"
                + (policy.namespace.isEmpty ? ", as its first rule" : "") + ": \(action.rawValue) "
                + "\(flow.peer(of: direction).text), \(flow.portText)"
        case .isolate(let direction):
            "add a NetworkPolicy without \(direction.rawValue) rules that selects \(flow.subject(of: direction).text)"
        }
    }

    private static func label(_ object: String, _ key: String, _ value: String?) -> String {
        guard let value else { return "take label \(key) off \(object)" }
        return "label \(object) \(key)=\(value)"
    }

    private static func text(_ place: Place) -> String {
        "rule \(place.rule) of \(PolicyEvaluator.name(place.policy)), \(place.direction.rawValue)"
    }
}

extension PolicyEvaluator.Flow {
    func subject(of direction: RuleInfo.Direction) -> PolicyEvaluator.End {
        direction == .egress ? source : destination
    }

    func peer(of direction: RuleInfo.Direction) -> PolicyEvaluator.End {
        direction == .egress ? destination : source
    }

    /// Nil for what is no transport with ports.
    var entry: PolicyPort? {
        TransportProtocol(rawValue: transport).map { PolicyPort($0, .range(PortRange(port))) }
    }

    var portText: String {
        TransportProtocol(rawValue: transport).map { "\($0.kubernetesName) \(port)" } ?? "protocol \(transport)"
    }
}

extension PolicyEvaluator.End {
    /// The pod, unless it is of the host network.
    var policedPod: Pod? { pod.flatMap { $0.isHostNetwork ? nil : $0 } }

    var text: String { policedPod.map { "pod \($0.key)" } ?? "\(address)" }
}

// MARK: What it does

extension PolicyEvaluator.Edit {
    /// The objects and the flow's ends after the edit.
    func applied(
        to world: PolicyEvaluator, _ flow: PolicyEvaluator.Flow
    ) -> (PolicyEvaluator, PolicyEvaluator.Flow) {
        switch self {
        case .labelPod: return (world, relabelled(flow))
        case .labelNamespace(let namespace, let name, let value, _):
            var world = world
            world.namespaces[namespace, default: [:]][name] = value
            return (world, flow)
        case .isolate(let direction):
            guard let pod = flow.subject(of: direction).policedPod else { return (world, flow) }
            let policy = NetworkPolicy(
                metadata: ObjectMeta(namespace: pod.metadata.namespace, name: ""),
                podSelector: LabelSelector(matchLabels: pod.metadata.labels),
                ingress: direction == .ingress ? [] : nil, egress: direction == .egress ? [] : nil)
            return (world.with(world.policies + [policy], world.clusterPolicies), flow)
        case .addPort, .addPeer, .removeRule, .addRule:
            return (
                world.with(
                    world.policies.map { edited($0, flow) }, world.clusterPolicies.map { edited($0, flow) }), flow
            )
        }
    }

    /// A flow with the pod's label as it is after the edit.
    func relabelled(_ flow: PolicyEvaluator.Flow) -> PolicyEvaluator.Flow {
        guard case .labelPod(let key, let name, let value, _) = self else { return flow }
        func edited(_ end: PolicyEvaluator.End) -> PolicyEvaluator.End {
            guard var pod = end.pod, pod.key == key else { return end }
            pod.metadata.labels[name] = value
            return .init(end.address, pod: pod)
        }
        return PolicyEvaluator.Flow(
            source: edited(flow.source), destination: edited(flow.destination), transport: flow.transport,
            port: flow.port)
    }

    private func edited(_ policy: NetworkPolicy, _ flow: PolicyEvaluator.Flow) -> NetworkPolicy {
        var policy = policy
        switch self {
        case .addPort(let place) where place.policy == policy.key, .addPeer(let place) where place.policy == policy.key,
            .removeRule(let place) where place.policy == policy.key:
            let path: WritableKeyPath<NetworkPolicy, [PolicyRule]?> = place.direction == .egress ? \.egress : \.ingress
            guard var rules = policy[keyPath: path], rules.indices.contains(place.rule) else { return policy }
            let old = rules[place.rule]
            if case .addPort = self, let entry = flow.entry, !old.ports.isEmpty {
                rules[place.rule] = PolicyRule(peers: old.peers, ports: old.ports + [entry])
            }
            if case .addPeer = self, !old.peers.isEmpty {
                let peer = Self.peer(flow.peer(of: place.direction))
                rules[place.rule] = PolicyRule(peers: old.peers + [peer], ports: old.ports)
            }
            if case .removeRule = self { rules.remove(at: place.rule) }
            policy[keyPath: path] = rules
        case .addRule(let key, let direction, .accept) where key == policy.key:
            let rule = PolicyRule(
                peers: [Self.peer(flow.peer(of: direction))], ports: flow.entry.map { [$0] } ?? [])
            if direction == .egress { policy.egress?.append(rule) } else { policy.ingress?.append(rule) }
        case .labelPod, .labelNamespace, .addPort, .addPeer, .removeRule, .addRule, .isolate: break
        }
        return policy
    }

    private func edited(_ policy: ClusterNetworkPolicy, _ flow: PolicyEvaluator.Flow) -> ClusterNetworkPolicy {
        var policy = policy
        switch self {
        case .addPort(let place) where place.policy == policy.key, .addPeer(let place) where place.policy == policy.key,
            .removeRule(let place) where place.policy == policy.key:
            let path: WritableKeyPath<ClusterNetworkPolicy, [ClusterPolicyRule]> =
                place.direction == .egress ? \.egress : \.ingress
            guard policy[keyPath: path].indices.contains(place.rule) else { return policy }
            let old = policy[keyPath: path][place.rule]
            if case .addPort = self, let entry = flow.entry, !old.ports.isEmpty {
                policy[keyPath: path][place.rule] = ClusterPolicyRule(
                    name: old.name, action: old.action, peers: old.peers, ports: old.ports + [entry])
            }
            if case .addPeer = self, let peer = Self.clusterPeer(flow.peer(of: place.direction), place.direction) {
                policy[keyPath: path][place.rule] = ClusterPolicyRule(
                    name: old.name, action: old.action, peers: old.peers + [peer], ports: old.ports)
            }
            if case .removeRule = self { policy[keyPath: path].remove(at: place.rule) }
        case .addRule(let key, let direction, let action) where key == policy.key:
            guard let peer = Self.clusterPeer(flow.peer(of: direction), direction) else { return policy }
            let rule = ClusterPolicyRule(action: action, peers: [peer], ports: flow.entry.map { [$0] } ?? [])
            if direction == .egress { policy.egress.insert(rule, at: 0) } else { policy.ingress.insert(rule, at: 0) }
        case .labelPod, .labelNamespace, .addPort, .addPeer, .removeRule, .addRule, .isolate: break
        }
        return policy
    }

    /// The peer entry for one end: a pod by its namespace's name and its labels, anything else by its address.
    private static func peer(_ end: PolicyEvaluator.End) -> PolicyPeer {
        guard let pod = end.policedPod else { return .block(AddressBlock(CIDR(end.address))) }
        return .pods(namespaces: name(of: pod), pods: LabelSelector(matchLabels: pod.metadata.labels))
    }

    /// Nil where the API has no such peer: addresses are peers of egress alone.
    private static func clusterPeer(
        _ end: PolicyEvaluator.End, _ direction: RuleInfo.Direction
    ) -> ClusterPolicyPeer? {
        if let pod = end.policedPod {
            return .pods(namespaces: name(of: pod), pods: LabelSelector(matchLabels: pod.metadata.labels))
        }
        return direction == .egress ? .network(CIDR(end.address)) : nil
    }

    private static func name(of pod: Pod) -> LabelSelector {
        LabelSelector(matchLabels: ["kubernetes.io/metadata.name": pod.metadata.namespace])
    }
}

extension PolicyEvaluator {
    /// The same with more policies.
    package func adding(_ more: [NetworkPolicy], _ moreOfCluster: [ClusterNetworkPolicy]) -> PolicyEvaluator {
        with(policies + more, clusterPolicies + moreOfCluster)
    }

    /// The same with other policies.
    func with(_ policies: [NetworkPolicy], _ clusterPolicies: [ClusterNetworkPolicy]) -> PolicyEvaluator {
        var copy = PolicyEvaluator(
            namespaces: namespaces, policies: policies, clusterPolicies: clusterPolicies, nodes: nodes,
            podCIDRs: podCIDRs, nodeAddresses: nodeAddresses)
        copy.standIns = standIns
        copy.closures = closures
        copy.unplaced = unplaced
        return copy
    }
}
