package import KubeObjects
package import NetTypes
package import PolicyCompiler

/// One question to an engine. Ends without pod are outside, or the node.
package struct VerdictQuestion: Sendable {
    package let source: IPAddress
    package let destination: IPAddress
    package let sourcePod: Pod?
    package let destinationPod: Pod?
    package let transport: TransportProtocol
    package let port: UInt16
}

/// What an engine says of one direction.
package struct EngineVerdict: Hashable, Sendable {
    package let isAllowed: Bool
    /// The policy that decided; nil where none selects the pod.
    package let policy: ObjectKey?
    /// Number of the rule; nil where isolation decided.
    package let rule: Int?

    package init(isAllowed: Bool, policy: ObjectKey?, rule: Int?) {
        self.isAllowed = isAllowed
        self.policy = policy
        self.rule = rule
    }
}

/// An engine that could not answer.
package struct EngineFault: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// What judges a question: the evaluator, the compiled maps in user space, the kernel's programs.
package protocol VerdictEngine {
    var name: String { get }
    func judge(_ question: VerdictQuestion) throws(EngineFault) -> (egress: EngineVerdict, ingress: EngineVerdict)
}

/// The direct reading of the API.
package struct EvaluatorEngine: VerdictEngine {
    package let name = "evaluator"
    private let evaluator: PolicyEvaluator

    package init(_ world: PolicyWorld, places: PodPlaces) {
        evaluator = PolicyEvaluator(
            namespaces: world.namespaces, policies: world.policies.map(\.policy),
            clusterPolicies: world.clusterPolicies, nodes: world.nodes, podCIDRs: places.clusterPods)
    }

    package func judge(_ question: VerdictQuestion) -> (egress: EngineVerdict, ingress: EngineVerdict) {
        let answer = evaluator.judge(
            .init(
                source: .init(question.source, pod: question.sourcePod),
                destination: .init(question.destination, pod: question.destinationPod),
                transport: question.transport.rawValue, port: question.port))
        return (Self.verdict(answer.egress.decision), Self.verdict(answer.ingress.decision))
    }

    private static func verdict(_ decision: PolicyEvaluator.Decision) -> EngineVerdict {
        switch decision {
        case .itself, .ownNode, .notIsolated: EngineVerdict(isAllowed: true, policy: nil, rule: nil)
        case .allowed(let policy, let rule): EngineVerdict(isAllowed: true, policy: policy, rule: rule)
        case .denied(let policy, let rule): EngineVerdict(isAllowed: false, policy: policy, rule: rule)
        case .unknownPeer(let policy): EngineVerdict(isAllowed: false, policy: policy, rule: nil)
        case .isolated(let policies): EngineVerdict(isAllowed: false, policy: policies.first, rule: nil)
        case .closed: EngineVerdict(isAllowed: false, policy: nil, rule: nil)
        }
    }
}

/// The map entries that the compiler makes, looked up as the kernel does, in user space.
package struct MapsEngine: VerdictEngine {
    package let name = "maps"
    private var compiler = PolicyCompiler()
    private var maps = PolicyMaps()
    private var endpoints: [ObjectKey: UInt32] = [:]
    /// What the compiler could not take.
    package private(set) var problems: [PolicyMisfit] = []

    /// `places`: the pods that have an address here.
    package init(_ world: PolicyWorld, places: PodPlaces) {
        endpoints = places.endpoints
        maps.clusterPods = places.clusterPods
        let delta = compiler.apply(world.changes(places))
        problems = world.misfits(delta.problems)
        maps.apply(delta)
        maps.apply(compiler.release(delta.retired))
    }

    package func judge(_ question: VerdictQuestion) -> (egress: EngineVerdict, ingress: EngineVerdict) {
        let from = end(question.source, question.sourcePod)
        let to = end(question.destination, question.destinationPod)
        let (transport, port) = (question.transport.rawValue, question.port)
        return (
            verdict(maps.judge(.egress, subject: from, peer: to, transport: transport, port: port)),
            verdict(maps.judge(.ingress, subject: to, peer: from, transport: transport, port: port))
        )
    }

    private func end(_ address: IPAddress, _ pod: Pod?) -> PolicyMaps.End {
        PolicyMaps.End(endpoint: pod.flatMap { endpoints[$0.key] }, address: address)
    }

    private func verdict(_ verdict: PolicyMaps.Verdict) -> EngineVerdict { EngineVerdict(verdict, compiler) }
}

extension EngineVerdict {
    /// What the maps answered, in the names of the compiler that filled them.
    package init(_ verdict: PolicyMaps.Verdict, _ compiler: PolicyCompiler) {
        let info = compiler.rule(verdict.ruleID)
        self.init(isAllowed: verdict.isAllowed, policy: info?.policy, rule: info?.index)
    }
}

/// A policy that the tables have no room for.
package struct PolicyMisfit: Hashable, Sendable {
    package let text: String
    /// It is in the cluster already, and what stands in for it there is judged.
    package let isOfCluster: Bool
}

extension PolicyWorld {
    package func misfits(_ problems: [PolicyError]) -> [PolicyMisfit] {
        let all = policies.map { ($0.policy.key, $0.source) } + clusterEntries.map { ($0.policy.key, $0.source) }
        let sources = Dictionary(all) { $1 }
        return problems.map { problem in
            // Of a pod, any of its policies may be at fault.
            let isOfCluster = sources[problem.object]?.isEmpty ?? sources.values.allSatisfy(\.isEmpty)
            return PolicyMisfit(text: problem.description, isOfCluster: isOfCluster)
        }
    }

    /// Everything of this world, as the compiler takes it.
    package func changes(_ places: PodPlaces) -> [PolicyChange] {
        var changes = namespaces.sorted { $0.key < $1.key }
            .map { PolicyChange.namespace(name: $0.key, labels: $0.value) }
        for pod in places.pods {
            guard let endpoint = places.endpoints[pod.key] else { continue }
            changes.append(.pod(PolicyPod(pod, endpoint: endpoint, addresses: pod.addresses)))
        }
        changes.append(.podCIDRs(places.clusterPods))
        changes += nodes.map { .node($0) }
        changes += clusterPolicies.map { .clusterPolicy($0) }
        return changes + policies.map { .policy($0.policy) }
    }
}

/// Pods with addresses: those of the cluster, and for pods from files, which have none, addresses of 198.18.0.0/15 (set
/// aside for tests, RFC 2544) in the order of their names.
package struct PodPlaces: Sendable {
    package let pods: [Pod]
    /// Numbers from 1, in the order of `pods`.
    package let endpoints: [ObjectKey: UInt32]
    /// Blocks in which pods have their addresses, as the kernel programs are told: at most `blocksMax`. An address in
    /// there that no pod has is one of a pod not known yet.
    package let clusterPods: [CIDR]

    /// `cluster_pods` of `martlet_config`.
    static let blocksMax = 4

    package init(_ world: PolicyWorld) {
        var next = IPAddress(v4: 0xC612_0001)
        let taken = Set(world.policyPods.flatMap(\.addresses))
        pods = world.policyPods.map { pod in
            if !pod.addresses.isEmpty { return pod }
            while taken.contains(next) { next = next.advanced(by: 1) ?? next }
            var placed = pod
            placed.addresses = [next]
            next = next.advanced(by: 1) ?? next
            return placed
        }
        endpoints = Dictionary(pods.enumerated().map { ($0.element.key, UInt32($0.offset + 1)) }) { $1 }
        clusterPods = Self.blocks(pods.flatMap(\.addresses), Set(world.nodes.flatMap(\.podCIDRs)))
    }

    /// Those of the nodes and that of the files' pods where they hold every pod; else, of each family, the narrowest
    /// block that does.
    private static func blocks(_ addresses: [IPAddress], _ ofNodes: Set<CIDR>) -> [CIDR] {
        let known = ofNodes.union([CIDR("198.18.0.0/15")].compactMap { $0 })
        let used = known.filter { block in addresses.contains { block.contains($0) } }
        if used.count <= blocksMax, addresses.allSatisfy({ address in used.contains { $0.contains(address) } }) {
            return used.sorted()
        }
        return IPFamily.allCases.compactMap { family in
            let mine = addresses.filter { $0.family == family }
            guard let first = mine.first else { return nil }
            let lengths = (0...CIDR(first).prefixLength).reversed()
            return lengths.lazy.compactMap { CIDR(first, prefixLength: $0) }
                .first { block in mine.allSatisfy(block.contains) }
        }
    }
}
