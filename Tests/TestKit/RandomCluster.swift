package import KubeObjects
package import NetTypes
package import PolicyCompiler

/// A small cluster that changes at random, with few names and labels so that things meet, and addresses and ports at
/// the borders of the blocks and ranges that policies name.
package struct RandomCluster {
    package var random: SeededGenerator
    package private(set) var namespaces: [String: [String: String]] = [:]
    package private(set) var pods: [ObjectKey: Pod] = [:]
    package private(set) var policies: [ObjectKey: NetworkPolicy] = [:]
    package private(set) var clusterPolicies: [ObjectKey: ClusterNetworkPolicy] = [:]
    package private(set) var nodes: [String: Node] = [:]
    package private(set) var endpoints: [ObjectKey: UInt32] = [:]
    private var nextEndpoint: UInt32 = 1
    private var freeEndpoints: [UInt32] = []
    /// Whether the number of a pod that went is given to the next.
    package var reusesEndpoints = true

    private static let names = ["red", "green", "blue"]
    private static let keys = ["app", "tier", "env"]
    private static let values = ["a", "b", "c"]
    private static let portNames = ["http", "dns", "admin"]
    package static let ports: [UInt16] = [0, 1, 53, 79, 80, 81, 443, 8080, 8081, 65534, 65535]
    package static let podCIDRs = ["10.1.0.0/16", "fd00:1::/48"].compactMap { CIDR($0) }

    package init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    package mutating func flip(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    package mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &random)]
    }

    // MARK: Changes

    package mutating func start() -> [PolicyChange] {
        var changes: [PolicyChange] = [.podCIDRs(Self.podCIDRs)]
        for name in Self.names { changes += setNamespace(name) }
        for _ in 0..<8 { changes += setPod() }
        for _ in 0..<4 { changes += setPolicy() }
        for _ in 0..<2 { changes += setClusterPolicy() + setNode() }
        return changes
    }

    /// One to three changes of any kind.
    package mutating func step() -> [PolicyChange] {
        var changes: [PolicyChange] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            switch Int.random(in: 0..<14, using: &random) {
            case 10, 11: changes += setClusterPolicy()
            case 12: changes += setNode()
            case 13: changes += removeNode()
            case 0: changes += setNamespace(pick(Self.names))
            case 1, 2, 3: changes += setPod()
            case 4: changes += removePod()
            case 5, 6, 7: changes += setPolicy()
            default: changes += removePolicy()
            }
        }
        return changes
    }

    private mutating func labels() -> [String: String] {
        var found: [String: String] = [:]
        for key in Self.keys where flip(60) { found[key] = pick(Self.values) }
        return found
    }

    private mutating func setNamespace(_ name: String) -> [PolicyChange] {
        let labels = labels()
        namespaces[name] = labels
        return [.namespace(name: name, labels: labels)]
    }

    private mutating func setPod() -> [PolicyChange] {
        let key = ObjectKey(pick(Self.names), "p\(Int.random(in: 0..<4, using: &random))")
        if endpoints[key] == nil {
            endpoints[key] = freeEndpoints.isEmpty ? nextEndpoint : freeEndpoints.removeFirst()
            nextEndpoint = max(nextEndpoint, (endpoints[key] ?? 0) + 1)
        }
        let endpoint = endpoints[key] ?? 0
        var ports: [ContainerPort] = []
        for name in Self.portNames where flip(60) {
            let transport = pick(TransportProtocol.allCases)
            ports.append(ContainerPort(name: name, transport: transport, number: pick([53, 80, 81, 8080])))
        }
        let pod = Pod(
            metadata: ObjectMeta(namespace: key.namespace, name: key.name, labels: labels()),
            addresses: Self.addresses(endpoint), ports: ports)
        pods[key] = pod
        return [.pod(PolicyPod(pod, endpoint: endpoint, addresses: pod.addresses))]
    }

    /// A pod's addresses are close together, so that short blocks part them.
    package static func addresses(_ endpoint: UInt32) -> [IPAddress] {
        [
            IPAddress(v4: 0x0a01_0000 + endpoint * 0x41),
            IPAddress(high: 0xfd00_0001_0000_0000, low: UInt64(endpoint) * 0x4_0000_0001),
        ]
    }

    private mutating func removePod() -> [PolicyChange] {
        guard let key = pods.keys.sorted().randomElement(using: &random) else { return [] }
        pods[key] = nil
        if let endpoint = endpoints.removeValue(forKey: key), reusesEndpoints { freeEndpoints.append(endpoint) }
        return [.podRemoved(key)]
    }

    private mutating func removePolicy() -> [PolicyChange] {
        let keys = policies.keys.sorted() + clusterPolicies.keys.sorted()
        guard let key = keys.randomElement(using: &random) else { return [] }
        policies[key] = nil
        clusterPolicies[key] = nil
        return [.policyRemoved(key)]
    }

    // MARK: Policies

    private mutating func setPolicy() -> [PolicyChange] {
        let key = ObjectKey(pick(Self.names), "n\(Int.random(in: 0..<3, using: &random))")
        var policy = NetworkPolicy(
            metadata: ObjectMeta(namespace: key.namespace, name: key.name), podSelector: selector())
        if flip(70) { policy.ingress = rules() }
        if flip(60) { policy.egress = rules() }
        policies[key] = policy
        return [.policy(policy)]
    }

    private mutating func selector() -> LabelSelector {
        var requirements: [LabelSelector.Requirement] = []
        while requirements.count < 2 && flip(55) {
            let values = flip(50) ? [pick(Self.values)] : [pick(Self.values), pick(Self.values)]
            let key = pick(Self.keys)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: requirements.append(.init(key: key, operation: .isNotIn, values: values))
            case 1: requirements.append(.init(key: key, operation: .exists))
            case 2: requirements.append(.init(key: key, operation: .doesNotExist))
            default: requirements.append(.init(key: key, operation: .isIn, values: values))
            }
        }
        return LabelSelector(requirements)
    }

    private mutating func rules() -> [PolicyRule] {
        (0..<Int.random(in: 0...3, using: &random)).map { _ in
            let peers = (0..<Int.random(in: 0...2, using: &random)).map { _ in peer() }
            let ports = (0..<Int.random(in: 0...2, using: &random)).map { _ in port() }
            return PolicyRule(peers: peers, ports: ports)
        }
    }

    private mutating func peer() -> PolicyPeer {
        if flip(40) { return .block(block()) }
        return .pods(namespaces: flip(50) ? selector() : nil, pods: selector())
    }

    private mutating func block() -> AddressBlock {
        if flip(10) { return AddressBlock(pick(["0.0.0.0/0", "::/0", "::/64", "::/96"].compactMap { CIDR($0) })) }
        let address = address()
        let bits = address.family.addressBits
        let length = flip(30) ? bits : Int.random(in: 8..<bits, using: &random)
        guard let cidr = CIDR(address, prefixLength: length) else { return AddressBlock(CIDR(address)) }
        var except: [CIDR] = []
        while length < bits && except.count < 2 && flip(40) {
            if let hole = CIDR(address, prefixLength: Int.random(in: length + 1...bits, using: &random)) {
                except.append(hole)
            }
        }
        return AddressBlock(cidr, except: except)
    }

    private mutating func port() -> PolicyPort {
        let transport = pick(TransportProtocol.allCases)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return PolicyPort(transport, .all)
        case 1: return PolicyPort(transport, .named(pick(Self.portNames)))
        default:
            let ends = [pick(Self.ports), flip(50) ? pick(Self.ports) : 80].sorted()
            return PolicyPort(transport, .range(PortRange(low: ends[0], high: ends[1]) ?? PortRange(80)))
        }
    }

    private mutating func setClusterPolicy() -> [PolicyChange] {
        let key = ObjectKey("", "c\(Int.random(in: 0..<4, using: &random))")
        var policy = ClusterNetworkPolicy(
            metadata: ObjectMeta(name: key.name), tier: pick([.admin, .baseline]), priority: pick([0, 5, 5, 1000]),
            namespaces: flip(60) ? .everything : selector(), pods: selector())
        if flip(70) { policy.ingress = clusterRules(isEgress: false) }
        if flip(70) { policy.egress = clusterRules(isEgress: true) }
        clusterPolicies[key] = policy
        return [.clusterPolicy(policy)]
    }

    private mutating func clusterRules(isEgress: Bool) -> [ClusterPolicyRule] {
        (0..<Int.random(in: 0...3, using: &random)).map { index in
            var peers: [ClusterPolicyPeer] = []
            for _ in 0..<Int.random(in: 1...2, using: &random) { peers.append(clusterPeer(isEgress: isEgress)) }
            let named = peers.allSatisfy { if case .pods = $0 { true } else { false } }
            var ports: [PolicyPort] = []
            while ports.count < 2 && flip(40) {
                let port = port()
                switch port.target {
                case .all: continue
                case .range: ports.append(port)
                case .named(let name):
                    if named { ports += TransportProtocol.allCases.map { PolicyPort($0, .named(name)) } }
                }
            }
            return ClusterPolicyRule(
                name: "r\(index)", action: pick([.accept, .deny, .pass]), peers: peers, ports: ports)
        }
    }

    private mutating func clusterPeer(isEgress: Bool) -> ClusterPolicyPeer {
        guard isEgress, flip(40) else { return .pods(namespaces: selector(), pods: selector()) }
        return flip(40) ? .nodes(selector()) : .network(block().cidr)
    }

    private mutating func setNode() -> [PolicyChange] {
        let number = UInt32.random(in: 1...3, using: &random)
        let node = Node(
            metadata: ObjectMeta(name: "n\(number)", labels: labels()), addresses: Self.nodeAddresses(number))
        nodes[node.name] = node
        return [.node(node)]
    }

    private mutating func removeNode() -> [PolicyChange] {
        guard let name = nodes.keys.sorted().randomElement(using: &random) else { return [] }
        nodes[name] = nil
        return [.nodeRemoved(name)]
    }

    static func nodeAddresses(_ number: UInt32) -> [IPAddress] {
        [IPAddress(v4: 0xac12_0000 + number), IPAddress(high: 0xfd00_0002_0000_0000, low: UInt64(number))]
    }

    // MARK: Flows

    /// An address that some pod has, or that lies next to one, or far away.
    private mutating func address() -> IPAddress {
        let near = Self.addresses(UInt32.random(in: 1...12, using: &random))[flip(50) ? 0 : 1]
        switch Int.random(in: 0..<7, using: &random) {
        case 6: return Self.nodeAddresses(UInt32.random(in: 1...4, using: &random))[flip(50) ? 0 : 1]
        case 0: return near.advanced(by: 1) ?? near
        case 1: return IPAddress(v4: UInt32.random(in: 0...(.max), using: &random))
        case 2: return IPAddress(high: UInt64.random(in: 0...(.max), using: &random), low: 7)
        default: return near
        }
    }

    /// Both ends of one family; at least one of them is a pod. Nil where there is no pod.
    package mutating func flow() -> PolicyEvaluator.Flow? {
        guard let key = pods.keys.sorted().randomElement(using: &random), let pod = pods[key] else { return nil }
        let mine = pick(pod.addresses)
        var other = PolicyEvaluator.End(mine, pod: pod)
        while other.address == mine || other.address.family != mine.family {
            let address = flip(70) ? pick(pods.values.flatMap(\.addresses).sorted() + [address()]) : address()
            other = .init(address, pod: pods.values.first { $0.addresses.contains(address) })
        }
        let transport = flip(90) ? pick(TransportProtocol.allCases).rawValue : 1
        let here = PolicyEvaluator.End(mine, pod: pod)
        return flip(50)
            ? .init(source: here, destination: other, transport: transport, port: pick(Self.ports))
            : .init(source: other, destination: here, transport: transport, port: pick(Self.ports))
    }

    package var evaluator: PolicyEvaluator {
        PolicyEvaluator(
            namespaces: namespaces, policies: Array(policies.values),
            clusterPolicies: Array(clusterPolicies.values), nodes: Array(nodes.values), podCIDRs: Self.podCIDRs)
    }

    /// All objects at once, in a random order.
    package mutating func everything() -> [PolicyChange] {
        var changes = namespaces.sorted { $0.key < $1.key }.map {
            PolicyChange.namespace(name: $0.key, labels: $0.value)
        }
        for (key, pod) in pods.sorted(by: { $0.key < $1.key }) {
            changes.append(.pod(PolicyPod(pod, endpoint: endpoints[key] ?? 0, addresses: pod.addresses)))
        }
        changes += policies.sorted { $0.key < $1.key }.map { .policy($0.value) }
        changes += clusterPolicies.sorted { $0.key < $1.key }.map { .clusterPolicy($0.value) }
        changes += nodes.sorted { $0.key < $1.key }.map { .node($0.value) }
        changes.append(.podCIDRs(Self.podCIDRs))
        return changes.shuffled(using: &random)
    }
}
