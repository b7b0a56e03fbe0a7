import KubeObjects
import NetTypes
import PolicyCompiler

/// Nothing too much: selectors overlap, so that one policy may do the work of another, or of a part of it.
extension PolicySuggestion {
    /// Takes away policies, and rules, peers and ports of those that stay, without which the others do it all; then
    /// says of each rule which flows it lets through. Less lets less through, so that what could not go once cannot go
    /// later: each is tried once.
    mutating func thin(_ seen: [Subject: [SeenFlow]], _ world: PolicyWorld, _ workloads: [ObjectKey: [Pod]]) {
        var thinned: [Policy] = []
        for (_, policies) in Dictionary(grouping: policies, by: { Scope($0.subject) }) {
            let flows = seen.filter { subject, _ in policies.contains { Scope($0.subject) == Scope(subject) } }
            var thinning = Thinning(policies, flows, workloads)
            thinning.run(world)
            spared += thinning.goneSubjects.map { "\($0.workload) needs no \($0.direction.rawValue) policy of its own" }
            thinned += thinning.result(world)
        }
        policies = thinned.sorted { $0.subject < $1.subject }
        spared.sort()
    }

    /// Policies that may do one another's work.
    private struct Scope: Hashable {
        let namespace: String
        let direction: Direction

        init(_ subject: Subject) {
            namespace = subject.workload.namespace
            direction = subject.direction
        }
    }

    /// From and to all pods of the flow's workloads that labels tell apart; empty where one of them is gone. Pods of
    /// one workload are two, be there only one left: no policy is asked about a pod and itself, and no flow seen.
    static func pairs(
        _ flow: SeenFlow, _ workloads: [ObjectKey: [Pod]]
    ) -> [(source: PolicyEvaluator.End, destination: PolicyEvaluator.End)] {
        func ends(_ party: FlowParty) -> [PolicyEvaluator.End] {
            switch party {
            case .address(let address): return [PolicyEvaluator.End(address)]
            case .name(let key):
                // Pods with the same labels are the same to every policy that is suggested.
                var seen: Set<[String: String]> = []
                return (workloads[key] ?? []).filter { seen.insert($0.metadata.labels).inserted }.map { pod in
                    let address = pod.addresses.first { $0.family == flow.family } ?? pod.addresses.first
                    return PolicyEvaluator.End(address ?? IPAddress(v4: 0), pod: pod)
                }
            }
        }
        return ends(flow.source).flatMap { source in
            ends(flow.destination).map { destination in
                guard var pod = destination.pod, pod.key == source.pod?.key else { return (source, destination) }
                pod.metadata.name += "-other"
                return (source, PolicyEvaluator.End(destination.address, pod: pod))
            }
        }
    }
}

/// Policies of one namespace and direction, what each part of them lets through, and which parts are left.
private struct Thinning {
    /// A peer and a port of a rule.
    private struct Allowance {
        let policy: Int
        let rule: Int
        let peer: Int
        let port: Int
    }

    /// What may go: a policy, a rule of it, or a peer or a port of that.
    private struct Part: Hashable {
        let policy: Int
        var rule: Int?
        var peer: Int?
        var port: Int?

        func holds(_ allowance: Allowance) -> Bool {
            policy == allowance.policy && rule.map { $0 == allowance.rule } ?? true
                && peer.map { $0 == allowance.peer } ?? true && port.map { $0 == allowance.port } ?? true
        }
    }

    /// A flow between two kinds of pods, and all that lets it through.
    private struct Cell {
        let flow: SeenFlow
        let allowances: [Allowance]
    }

    private let policies: [PolicySuggestion.Policy]
    private var cells: [Cell] = []
    /// Indices of cells by policy.
    private var cellsOf: [[Int]]
    /// Of each pod that has to be closed, the policies that do it.
    private var closing: Set<[Int]> = []
    private var gone: Set<Part> = []

    init(
        _ policies: [PolicySuggestion.Policy], _ flows: [PolicySuggestion.Subject: [SeenFlow]],
        _ workloads: [ObjectKey: [Pod]]
    ) {
        self.policies = policies
        cellsOf = policies.map { _ in [] }
        let selectors = policies.map { LabelSelector(matchLabels: $0.labels) }
        func selecting(_ pod: Pod) -> [Int] {
            selectors.indices.filter { selectors[$0].matches(pod.metadata.labels) }
        }
        for (subject, flows) in flows {
            closing.formUnion((workloads[subject.workload] ?? []).map(selecting))
            for flow in flows {
                for (source, destination) in PolicySuggestion.pairs(flow, workloads) {
                    let (own, other) = subject.direction == .ingress ? (destination, source) : (source, destination)
                    guard let pod = own.pod else { continue }
                    let found = selecting(pod).flatMap { Self.allowances(policies[$0], $0, flow, other) }
                    for policy in Set(found.map(\.policy)) { cellsOf[policy].append(cells.count) }
                    cells.append(Cell(flow: flow, allowances: found))
                }
            }
        }
    }

    private static func allowances(
        _ policy: PolicySuggestion.Policy, _ index: Int, _ flow: SeenFlow, _ other: PolicyEvaluator.End
    ) -> [Allowance] {
        policy.rules.enumerated().flatMap { number, rule -> [Allowance] in
            let ports = rule.ports.indices.filter { place in
                guard rule.ports[place].transport.rawValue == flow.transport,
                    case .range(let range) = rule.ports[place].target
                else { return false }
                return range.contains(flow.port)
            }
            if ports.isEmpty { return [] }
            let peers = rule.peers.indices.filter { meets(rule.peers[$0], other, policy.workload.namespace) }
            return peers.flatMap { peer in
                ports.map { Allowance(policy: index, rule: number, peer: peer, port: $0) }
            }
        }
    }

    /// Of peers as they are suggested: by the name of a namespace, by labels, by address.
    private static func meets(_ peer: PolicyPeer, _ end: PolicyEvaluator.End, _ namespace: String) -> Bool {
        switch peer {
        case .block(let block): return block.contains(end.address)
        case .pods(let namespaces, let pods):
            guard let pod = end.pod, pods.matches(pod.metadata.labels) else { return false }
            let home = pod.metadata.namespace
            return namespaces?.matches(["kubernetes.io/metadata.name": home]) ?? (home == namespace)
        }
    }

    // MARK: Trying

    /// A policy before its rules, a rule before what is in it, and of peers those first that mean the most pods.
    mutating func run(_ world: PolicyWorld) {
        for (index, policy) in policies.enumerated() {
            if remove(Part(policy: index)) { continue }
            for (number, rule) in policy.rules.enumerated().reversed() {
                if remove(Part(policy: index, rule: number)) { continue }
                let widths = rule.peers.map { Self.width($0, policy.workload.namespace, world) }
                for peer in rule.peers.indices.sorted(by: { (widths[$1], $0) < (widths[$0], $1) }) {
                    _ = remove(Part(policy: index, rule: number, peer: peer))
                }
                for port in rule.ports.indices.reversed() {
                    _ = remove(Part(policy: index, rule: number, port: port))
                }
            }
        }
    }

    private static func width(_ peer: PolicyPeer, _ namespace: String, _ world: PolicyWorld) -> Int {
        switch peer {
        case .block(let block): block.cidr.prefixLength == 0 ? .max : 0
        case .pods: world.pods(of: peer, in: namespace)?.count ?? 0
        }
    }

    /// False where something would be missing.
    private mutating func remove(_ part: Part) -> Bool {
        if part.rule == nil {
            let stillClosed = closing.allSatisfy { $0.contains { $0 != part.policy && isLeft(Part(policy: $0)) } }
            guard stillClosed else { return false }
        }
        let isDone = cellsOf[part.policy].allSatisfy { cell in
            let left = cells[cell].allowances.filter(isLeft)
            return !left.contains(where: part.holds) || !left.allSatisfy(part.holds)
        }
        if isDone { gone.insert(part) }
        return isDone
    }

    private func isLeft(_ part: Part) -> Bool { !gone.contains(part) }

    private func isLeft(_ allowance: Allowance) -> Bool {
        let (policy, rule) = (allowance.policy, allowance.rule)
        return isLeft(Part(policy: policy)) && isLeft(Part(policy: policy, rule: rule))
            && isLeft(Part(policy: policy, rule: rule, peer: allowance.peer))
            && isLeft(Part(policy: policy, rule: rule, port: allowance.port))
    }

    // MARK: What is left

    /// Of the policies that were not needed.
    var goneSubjects: [PolicySuggestion.Subject] {
        policies.indices.filter { !isLeft(Part(policy: $0)) }.map { policies[$0].subject }
    }

    func result(_ world: PolicyWorld) -> [PolicySuggestion.Policy] {
        policies.indices.filter { isLeft(Part(policy: $0)) }.map { index in
            var policy = policies[index]
            policy.rules = policies[index].rules.indices.filter { isLeft(Part(policy: index, rule: $0)) }
                .map { rule($0, of: index, world) }
            return policy
        }
    }

    private func rule(_ number: Int, of index: Int, _ world: PolicyWorld) -> PolicySuggestion.Rule {
        let (policy, rule) = (policies[index], policies[index].rules[number])
        let peers = rule.peers.indices.filter { isLeft(Part(policy: index, rule: number, peer: $0)) }
        let ports = rule.ports.indices.filter { isLeft(Part(policy: index, rule: number, port: $0)) }
        let part = Part(policy: index, rule: number)
        let proof = cellsOf[index].map { cells[$0] }
            .filter { $0.allowances.contains { part.holds($0) && isLeft($0) } }.map(\.flow)
        return PolicySuggestion.Rule(
            policy.subject, policy.labels, peers: peers.map { rule.peers[$0] }, ports: ports.map { rule.ports[$0] },
            proof: Set(proof), world)
    }
}
