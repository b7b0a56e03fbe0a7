import KubeObjects
import NetTypes
import PolicyCompiler

/// Nothing too much: selectors overlap, so that one policy may do the work of another, or of a rule of it.
extension PolicySuggestion {
    /// What the policies of one namespace and direction have to do.
    private struct Duty {
        let flows: [Subject: [SeenFlow]]
        let namespaces: [String: [String: String]]
        let workloads: [ObjectKey: [Pod]]

        /// Each workload is closed, and what was seen of it passes.
        func isDone(by policies: [Policy]) -> Bool {
            let evaluator = PolicyEvaluator(namespaces: namespaces, policies: policies.map(\.object))
            return flows.allSatisfy { subject, flows in
                (workloads[subject.workload] ?? []).allSatisfy { pod in
                    policies.contains { LabelSelector(matchLabels: $0.labels).matches(pod.metadata.labels) }
                }
                    && flows.allSatisfy { isAllowed($0, subject.direction, evaluator, workloads) }
            }
        }
    }

    /// Takes away policies, and rules of those that stay, without which the others do it all.
    mutating func thin(_ seen: [Subject: [SeenFlow]], _ world: PolicyWorld, _ workloads: [ObjectKey: [Pod]]) {
        func group(_ subject: Subject) -> [String] { [subject.workload.namespace, subject.direction.rawValue] }
        let duties = Dictionary(grouping: seen, by: { group($0.key) }).mapValues { flows in
            Duty(
                flows: Dictionary(uniqueKeysWithValues: flows.map { ($0.key, $0.value) }), namespaces: world.namespaces,
                workloads: workloads)
        }
        for (name, policies) in Dictionary(grouping: policies, by: { group($0.subject) }) {
            guard let duty = duties[name] else { continue }
            var kept = policies
            for policy in policies {
                guard let place = kept.firstIndex(where: { $0.subject == policy.subject }) else { continue }
                var fewer = kept
                fewer.remove(at: place)
                if duty.isDone(by: fewer) {
                    kept = fewer
                    continue
                }
                for index in policy.rules.indices.reversed() {
                    fewer = kept
                    fewer[place].rules.remove(at: index)
                    if duty.isDone(by: fewer) { kept = fewer }
                }
            }
            let gone = policies.map(\.subject).filter { subject in !kept.contains { $0.subject == subject } }
            spared += gone.map { "\($0.workload) needs no \($0.direction.rawValue) policy of its own" }
            self.policies.removeAll { gone.contains($0.subject) }
            for policy in kept {
                if let place = self.policies.firstIndex(where: { $0.subject == policy.subject }) {
                    self.policies[place] = policy
                }
            }
        }
        spared.sort()
    }

    /// In the direction that the policy is about, from and to all pods of the flow's workloads.
    static func isAllowed(
        _ flow: SeenFlow, _ direction: Direction, _ evaluator: PolicyEvaluator, _ workloads: [ObjectKey: [Pod]]
    ) -> Bool {
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
        let (sources, destinations) = (ends(flow.source), ends(flow.destination))
        if sources.isEmpty || destinations.isEmpty { return false }
        return sources.allSatisfy { source in
            destinations.allSatisfy { destination in
                let answer = evaluator.judge(
                    .init(source: source, destination: destination, transport: flow.transport, port: flow.port))
                return direction == .ingress ? answer.ingress.decision.isAllowed : answer.egress.decision.isAllowed
            }
        }
    }
}
