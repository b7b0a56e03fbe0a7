import KubeObjects
import MapLayout

/// What the evaluator is told of policies that are not in force as they were written, and what it says of them.
extension PolicyEvaluator {
    /// What takes the place of a policy: its last good version, or what closes for want of one. A NetworkPolicy then
    /// isolates, and a ClusterNetworkPolicy denies; neither has a rule that somebody wrote.
    package struct StandIn: Hashable, Sendable {
        package enum Cause: Hashable, Sendable {
            case unreadable
            case doesNotFit
        }

        package let cause: Cause
        package let reason: String
        /// The version in force; nil where there is none.
        package let version: String?

        package init(cause: Cause, reason: String, version: String?) {
            self.cause = cause
            self.reason = reason
            self.version = version
        }

        private var fault: String {
            switch cause {
            case .unreadable: "cannot be read (\(reason))"
            case .doesNotFit: "does not fit (\(reason))"
            }
        }

        /// `shop/web does not fit (spec.ingress makes 2000 rules …): it isolates only`.
        func text(_ policy: ObjectKey) -> String { "\(PolicyEvaluator.name(policy)) \(note(policy))" }

        func note(_ policy: ObjectKey) -> String {
            if let version { return "\(fault): version \(version) stays in force" }
            return fault + (policy.namespace.isEmpty ? ": nothing passes in its place" : ": it isolates only")
        }

        /// What to do about it.
        func remedy(_ policy: ObjectKey) -> String {
            switch cause {
            case .unreadable: "correct \(PolicyEvaluator.name(policy)): \(reason)"
            case .doesNotFit: "make \(PolicyEvaluator.name(policy)) smaller: \(reason)"
            }
        }
    }

    /// Why nothing passes in a direction of a pod.
    package struct Closure: Hashable, Sendable {
        package let reason: String
        /// What to do about it.
        package let remedy: String

        package init(reason: String, remedy: String) {
            self.reason = reason
            self.remedy = remedy
        }
    }

    /// The reason of a step, with what is wrong with its policy.
    func noted(_ reason: String, _ policy: ObjectKey) -> String {
        standIns[policy].map { "\(reason); \($0.note(policy))" } ?? reason
    }

    /// What has to be done before a direction can open: the policies that decide it are not in force as written. The
    /// one that decides comes first, then those that would be asked after it. Nil where all are in force.
    func remedy(_ direction: RuleInfo.Direction, _ flow: Flow, _ decision: Decision) -> String? {
        guard let pod = flow.subject(of: direction).policedPod else { return nil }
        if let closure = closures[pod.key]?[direction] { return closure.remedy }
        let deciding: [ObjectKey]
        switch decision {
        case .itself, .ownNode, .notIsolated, .allowed: return nil
        case .denied(let policy, _), .unknownPeer(let policy): deciding = [policy]
        case .isolated(let policies): deciding = policies
        case .closed(_, let policy):
            let asked = asked(direction, pod)
            deciding = Array(asked[(policy.flatMap(asked.firstIndex) ?? 0)...]).filter { standIns[$0]?.version == nil }
        }
        let remedies = deciding.compactMap { key in standIns[key]?.remedy(key) }
        return remedies.isEmpty ? nil : remedies.joined(separator: "; ")
    }

    /// Cluster policies that select the pod and say something in the direction, in the order in which they are asked.
    private func asked(_ direction: RuleInfo.Direction, _ pod: Pod) -> [ObjectKey] {
        [ClusterNetworkPolicy.Tier.admin, .baseline].flatMap { tier in
            clusterPolicies.filter { policy in
                let rules = direction == .egress ? policy.egress : policy.ingress
                return policy.tier == tier && !rules.isEmpty && selection(policy, pod).0
            }
        }.map(\.key)
    }

    // MARK: In words

    /// What decided.
    package func text(_ decision: Decision) -> String {
        switch decision {
        case .itself: "a pod always reaches itself"
        case .ownNode: "a pod and its own node always reach each other"
        case .notIsolated: "no policy decides in this direction"
        case .allowed(let policy, let rule): "allowed by \(Self.name(policy)), rule \(rule)"
        case .denied(let policy, let rule): "denied by \(Self.name(policy)), rule \(rule)"
        case .unknownPeer(let policy):
            "the peer has a pod's address and is not known, and \(Self.name(policy)) denies or passes by pod"
        case .isolated(let policies): isolationText(policies)
        case .closed(let reason, _): "closed: \(reason)"
        }
    }

    private func isolationText(_ policies: [ObjectKey]) -> String {
        // One that an edit would add has no name yet.
        let names = policies.map { $0.name.isEmpty ? "the new NetworkPolicy" : "\($0)" }.joined(separator: ", ")
        let notes = policies.compactMap { key in standIns[key].map { "; \($0.text(key))" } }.joined()
        return "isolated by \(names), and no rule lets it through\(notes)"
    }

    static func name(_ policy: ObjectKey) -> String {
        policy.namespace.isEmpty ? "ClusterNetworkPolicy \(policy)" : "\(policy)"
    }
}
