import KubeObjects
import NetTypes
import PolicyCompiler

/// Which pods cannot ask for names, and which policy is in the way: by the verdict of all policies together. Pods that
/// the same policies select are asked about once; a policy that selects none that is known has an example of its own.
struct NameServerCheck {
    /// A policy that is in the way.
    struct Blame: Hashable {
        let policy: ObjectKey
        let direction: RuleInfo.Direction
        /// The rule that denies; nil where isolation does.
        let rule: Int?
    }

    /// What a policy is in the way of.
    struct Shut {
        let blame: Blame
        /// Of those that are alike one.
        var pods: [Pod]
        /// The pod is an example.
        let isExample: Bool
        /// Nothing is known but that no rule lets the question through; empty where a rule denies it.
        let reason: String
        let target: NameServer.Target
    }

    let world: PolicyWorld
    let server: NameServer.Found
    /// Whether a block holds nothing that policy meets.
    let holdsServicesAlone: (CIDR) -> Bool
    private(set) var shut: [Shut] = []
    private var namespaces: [String: [String: String]]

    init(_ world: PolicyWorld, _ server: NameServer, holdsServicesAlone: @escaping (CIDR) -> Bool) {
        self.world = world
        self.server = server.find(in: world)
        self.holdsServicesAlone = holdsServicesAlone
        namespaces = world.namespaces
        let pods = world.policyPods.filter { !self.server.holds($0) }
        for target in self.server.targets { noteNamespace(of: target.pod) }
        let groups = self.groups(of: pods)
        for group in groups { ask(group) }
        let clients = pods.isEmpty ? [Pod(metadata: ObjectMeta(namespace: "default", name: "any"))] : Self.kinds(pods)
        for target in self.server.targets { answer(target, clients, isExample: pods.isEmpty) }
    }

    private mutating func noteNamespace(of pod: Pod?, _ labels: [String: String] = [:]) {
        guard let name = pod?.metadata.namespace, namespaces[name] == nil else { return }
        namespaces[name] = labels.merging(["kubernetes.io/metadata.name": name]) { $1 }
    }

    private mutating func add(_ shut: Shut) {
        guard let place = self.shut.firstIndex(where: { $0.blame == shut.blame }) else { return self.shut.append(shut) }
        let known = Set(self.shut[place].pods.map(\.key))
        if !self.shut[place].isExample { self.shut[place].pods += shut.pods.filter { !known.contains($0.key) } }
    }

    // MARK: Who asks

    /// Pods that the same policies select for egress.
    private struct Group {
        var pods: [Pod]
        let policies: [NetworkPolicy]
        let cluster: [ClusterNetworkPolicy]
        let isExample: Bool
    }

    private struct Kind: Hashable {
        let namespace: String
        let labels: [String: String]
    }

    /// One of each namespace and labels.
    private static func kinds(_ pods: [Pod]) -> [Pod] {
        var seen: Set<Kind> = []
        return pods.filter { seen.insert(Kind(namespace: $0.metadata.namespace, labels: $0.metadata.labels)).inserted }
    }

    private mutating func groups(of pods: [Pod]) -> [Group] {
        let near = Dictionary(grouping: world.policies.map(\.policy).filter { $0.egress != nil }) {
            $0.metadata.namespace
        }
        let cluster = world.clusterPolicies.filter { !$0.egress.isEmpty }
        var groups: [Group] = []
        var places: [[ObjectKey]: Int] = [:]
        func add(_ pod: Pod, _ namespaces: [String: [String: String]], isExample: Bool) {
            let mine = (near[pod.metadata.namespace] ?? []).filter { $0.podSelector.matches(pod.metadata.labels) }
            let home = namespaces[pod.metadata.namespace] ?? [:]
            let above = cluster.filter { $0.namespaces.matches(home) && $0.pods.matches(pod.metadata.labels) }
            let names = mine.map(\.key) + above.map(\.key)
            if names.isEmpty { return }
            if let place = places[names] {
                if !isExample { groups[place].pods.append(pod) }
                return
            }
            places[names] = groups.count
            groups.append(Group(pods: [pod], policies: mine, cluster: above, isExample: isExample))
        }
        for pod in Self.kinds(pods) { add(pod, namespaces, isExample: false) }
        let busy = Set(places.keys.joined())
        let others = PodIndex(world.hostPods + world.policyPods.filter(server.holds), namespaces: world.namespaces)
        for policy in near.values.joined().sorted(by: { $0.key < $1.key }) where !busy.contains(policy.key) {
            let peer = PolicyPeer.pods(namespaces: nil, pods: policy.podSelector)
            let isIdle = others.pods(of: peer, in: policy.metadata.namespace).isEmpty
            guard isIdle, let labels = policy.podSelector.example else { continue }
            let example = ObjectMeta(namespace: policy.metadata.namespace, name: "any", labels: labels)
            add(Pod(metadata: example), namespaces, isExample: true)
        }
        for policy in cluster where !busy.contains(policy.key) {
            guard others.pods(policy.namespaces, policy.pods).isEmpty,
                let labels = policy.pods.example, let home = policy.namespaces.example
            else { continue }
            let known = namespaces.filter { policy.namespaces.matches($0.value) }.keys.min()
            let name = known ?? home["kubernetes.io/metadata.name"] ?? "any"
            let pod = Pod(metadata: ObjectMeta(namespace: name, name: "any", labels: labels))
            noteNamespace(of: pod, home)
            add(pod, namespaces, isExample: true)
        }
        return groups
    }

    // MARK: Questions

    private mutating func ask(_ group: Group) {
        let judge = PolicyEvaluator(
            namespaces: namespaces, policies: group.policies, clusterPolicies: group.cluster, nodes: world.nodes)
        for target in server.targets {
            let question = Question(.egress, group.pods[0], target, blocks: blocks(group, target))
            guard let refused = question.refusal(by: judge) else { continue }
            switch refused.decision {
            case .denied(let policy, let rule):
                let blame = Blame(policy: policy, direction: .egress, rule: rule)
                add(Shut(blame: blame, pods: group.pods, isExample: group.isExample, reason: "", target: target))
            case .isolated:
                // Where none has a rule, all is closed and meant to be.
                guard let policy = group.policies.first(where: { $0.egress?.isEmpty == false }) else { return }
                let blame = Blame(policy: policy.key, direction: .egress, rule: nil)
                let reason = reason(group, policy, question, judge)
                add(Shut(blame: blame, pods: group.pods, isExample: group.isExample, reason: reason, target: target))
            case .itself, .ownNode, .notIsolated, .allowed, .unknownPeer, .closed: continue
            }
            return
        }
    }

    /// Blocks that a question is let through to, whatever pod has the address.
    private func blocks(_ group: Group, _ target: NameServer.Target) -> [AddressBlock] {
        let rules = group.policies.flatMap { $0.egress ?? [] }.filter { $0.lets(.udp, target.port) }
        let ranges = group.cluster.flatMap(\.egress).filter { $0.action != .deny && $0.lets(.udp, target.port) }
        let blocks =
            rules.flatMap(\.peers).compactMap { peer -> AddressBlock? in
                guard case .block(let block) = peer else { return nil }
                return block
            }
            + ranges.flatMap(\.peers).compactMap { peer in
                guard case .network(let cidr) = peer else { return nil }
                return AddressBlock(cidr)
            }
        return blocks.filter { !holdsServicesAlone($0.cidr) }
    }

    /// Why no rule lets the question through, where one looks as if it should.
    private func reason(
        _ group: Group, _ blamed: NetworkPolicy, _ question: Question, _ judge: PolicyEvaluator
    ) -> String {
        if question.over(.tcp).refusal(by: judge) == nil {
            return "port \(question.target.port) is open for TCP alone (a port without protocol is TCP): names are "
                + "asked over UDP"
        }
        for step in question.refusal(by: judge)?.steps ?? [] {
            guard let index = step.rule, let policy = group.policies.first(where: { $0.key == step.policy }),
                let rule = policy.egress?[index]
            else { continue }
            let isOfServices = isOfServices(rule)
            // The Service's own port may be another one than its pods'.
            guard
                rule.isAbout(.udp, question.target.port)
                    || isOfServices && rule.isAbout(.udp, NameServer.question)
            else { continue }
            let name = "spec.egress[\(index)]" + (policy.key == blamed.key ? "" : " of \(policy.key)")
            return isOfServices
                ? "\(name) opens it at a Service address alone, which policy never meets: it is asked after the "
                    + "Service has become a pod"
                : "\(name) opens the port to others alone (\(question.told(step.reason)))"
        }
        let names = group.policies.prefix(4).map { "\($0.key)" }.joined(separator: ", ")
        return "no rule of \(names)\(group.policies.count > 4 ? ", …" : "") lets the question through"
    }

    /// All that it opens.
    private func isOfServices(_ rule: PolicyRule) -> Bool {
        !rule.peers.isEmpty
            && rule.peers.allSatisfy { peer in
                guard case .block(let block) = peer else { return false }
                return holdsServicesAlone(block.cidr)
            }
    }

    // MARK: Answers

    /// The name server's own ingress.
    private mutating func answer(_ target: NameServer.Target, _ clients: [Pod], isExample: Bool) {
        guard let pod = target.pod, !pod.isHostNetwork else { return }
        let home = namespaces[pod.metadata.namespace] ?? [:]
        let policies = world.policies.map(\.policy).filter {
            $0.ingress != nil && $0.metadata.namespace == pod.metadata.namespace
                && $0.podSelector.matches(pod.metadata.labels)
        }
        let cluster = world.clusterPolicies.filter {
            !$0.ingress.isEmpty && $0.namespaces.matches(home) && $0.pods.matches(pod.metadata.labels)
        }
        if policies.isEmpty, cluster.isEmpty { return }
        let judge = PolicyEvaluator(
            namespaces: namespaces, policies: policies, clusterPolicies: cluster, nodes: world.nodes)
        let blocks = policies.flatMap { $0.ingress ?? [] }.filter { $0.lets(.udp, target.port) }.flatMap(\.peers)
            .compactMap { peer -> AddressBlock? in
                guard case .block(let block) = peer else { return nil }
                return block
            }
        for client in clients {
            let question = Question(.ingress, client, target, blocks: blocks)
            let blame: Blame
            switch question.refusal(by: judge)?.decision {
            case .denied(let policy, let rule): blame = Blame(policy: policy, direction: .ingress, rule: rule)
            case .isolated(let names): blame = Blame(policy: names[0], direction: .ingress, rule: nil)
            case .itself, .ownNode, .notIsolated, .allowed, .unknownPeer, .closed, nil: continue
            }
            add(Shut(blame: blame, pods: [client], isExample: isExample, reason: "", target: target))
        }
    }
}

/// Whether a pod may ask one name server. An end whose address is not known may have any that blocks let through.
private struct Question {
    let direction: RuleInfo.Direction
    let pod: Pod
    let target: NameServer.Target
    let transport: TransportProtocol
    /// Of the other end, seen from the pod whose policies are asked.
    let blocks: [AddressBlock]

    /// Blocks that are tried; a rule with more of them is rare, and one of these answers for it nearly always.
    private static let blocksMax = 64
    /// Of 198.18.0.0/15, set aside for tests (RFC 2544).
    private static let anywhere = [IPAddress(v4: 0xC613_FFFD), IPAddress(v4: 0xC613_FFFE)]

    init(
        _ direction: RuleInfo.Direction, _ pod: Pod, _ target: NameServer.Target,
        over transport: TransportProtocol = .udp, blocks: [AddressBlock]
    ) {
        self.direction = direction
        self.pod = pod
        self.target = target
        self.transport = transport
        self.blocks = blocks
    }

    func over(_ other: TransportProtocol) -> Question {
        Question(direction, pod, target, over: other, blocks: blocks)
    }

    /// A reason without the address that stands for one that is not known.
    func told(_ reason: String) -> String { reason.replacing("\(Self.anywhere[1])", with: "its address") }

    /// Nil where the question is let through.
    func refusal(by judge: PolicyEvaluator) -> PolicyEvaluator.Judgement? {
        var first: PolicyEvaluator.Judgement?
        for (source, destination) in addresses {
            let flow = PolicyEvaluator.Flow(
                source: .init(source, pod: pod), destination: .init(destination, pod: target.pod),
                transport: transport.rawValue, port: target.port)
            let answer = judge.judge(flow, explaining: true)
            let judgement = direction == .egress ? answer.egress : answer.ingress
            if judgement.decision.isAllowed { return nil }
            first = first ?? judgement
        }
        return first
    }

    private var addresses: [(source: IPAddress, destination: IPAddress)] {
        let free = blocks.prefix(Self.blocksMax).compactMap(\.firstFree)
        let server = target.addresses.first
        switch direction {
        case .egress:
            let servers = server.map { [$0] } ?? [Self.anywhere[1]] + free
            return servers.map { (pod.addresses.first ?? Self.anywhere[0], $0) }
        case .ingress:
            let family = server?.family ?? .v4
            let own = pod.addresses.first { $0.family == family } ?? pod.addresses.first
            return (own.map { [$0] } ?? [Self.anywhere[0]] + free).map { ($0, server ?? Self.anywhere[1]) }
        }
    }
}

extension AddressBlock {
    /// The first address in none of the exceptions.
    fileprivate var firstFree: IPAddress? {
        ([cidr.address] + except.compactMap { $0.last.advanced(by: 1) }).first(where: contains)
    }
}

extension PolicyRule {
    /// A port entry names it; be it by a name, which stands for whatever the other end says.
    fileprivate func isAbout(_ transport: TransportProtocol, _ port: UInt16) -> Bool {
        !ports.isEmpty
            && (lets(transport, port)
                || ports.contains { entry in
                    if case .named = entry.target { return entry.transport == transport }
                    return false
                })
    }
}

extension ClusterPolicyRule {
    fileprivate func lets(_ transport: TransportProtocol, _ port: UInt16) -> Bool {
        coversPorts([PolicyPort(transport, .range(PortRange(port)))])
    }
}
